// The service map as a picture that can be moved, made larger, and walked through by keyboard.
import { Button } from '@patternfly/react-core'
import { type KeyboardEvent, type PointerEvent, useEffect, useId, useMemo, useRef, useState } from 'react'
import type { Peer, ServiceMap } from '../../api/types'
import { many } from '../../show/words'
import { draw, type Link } from './layout'
import CompressIcon from '@patternfly/react-icons/dist/esm/icons/compress-icon'
import MinusIcon from '@patternfly/react-icons/dist/esm/icons/minus-icon'
import PlusIcon from '@patternfly/react-icons/dist/esm/icons/plus-icon'

const KINDS: Record<Peer['kind'], string> = {
  workload: 'workload',
  host: 'node',
  name: 'outside, by name',
  address: 'outside, by address',
  unknown: 'not known whose',
}

interface Props {
  map: ServiceMap
  chosen: string | null
  choose: (id: string) => void
}

interface View {
  x: number
  y: number
  scale: number
}

export function Picture({ map, chosen, choose }: Props) {
  const drawing = useMemo(() => draw(map), [map])
  const frame = useRef<HTMLDivElement>(null)
  const [view, setView] = useState<View>({ x: 0, y: 0, scale: 1 })
  const drag = useRef<{ x: number; y: number; view: View } | undefined>(undefined)
  const arrow = useId()

  const fit = () => {
    const { clientWidth, clientHeight } = frame.current ?? { clientWidth: 1, clientHeight: 1 }
    const scale = Math.min(1.1, Math.max(0.6, Math.min(clientWidth / drawing.width, clientHeight / drawing.height)))
    setView({
      scale,
      x: Math.max(0, (clientWidth - drawing.width * scale) / 2),
      y: Math.max(0, (clientHeight - drawing.height * scale) / 2),
    })
  }
  useEffect(fit, [drawing])

  const zoom = (factor: number, at?: { x: number; y: number }) =>
    setView((old) => {
      const scale = Math.min(3, Math.max(0.2, old.scale * factor))
      const center = at ?? { x: (frame.current?.clientWidth ?? 0) / 2, y: (frame.current?.clientHeight ?? 0) / 2 }
      const ratio = scale / old.scale
      return { scale, x: center.x - (center.x - old.x) * ratio, y: center.y - (center.y - old.y) * ratio }
    })
  useEffect(() => {
    const element = frame.current
    if (!element) return
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      const { left, top } = element.getBoundingClientRect()
      zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, { x: event.clientX - left, y: event.clientY - top })
    }
    element.addEventListener('wheel', onWheel, { passive: false })
    return () => element.removeEventListener('wheel', onWheel)
  }, [])

  const onDown = (event: PointerEvent) => {
    if ((event.target as Element).closest('.map-peer, .map-link')) return
    drag.current = { x: event.clientX, y: event.clientY, view }
    event.currentTarget.setPointerCapture(event.pointerId)
  }
  const onMove = (event: PointerEvent) => {
    if (!drag.current) return
    const { x, y, view: start } = drag.current
    setView({ ...start, x: start.x + event.clientX - x, y: start.y + event.clientY - y })
  }
  const near = (link: Link) => chosen !== null && (link.id === chosen || link.from.id === chosen || link.to.id === chosen)
  const isNear = (peer: Peer) =>
    chosen === null ||
    peer.id === chosen ||
    drawing.links.some((link) => near(link) && (link.from.id === peer.id || link.to.id === peer.id))

  return (
    <div className="map" ref={frame}>
      <div className="map-buttons">
        <Button variant="plain" aria-label="Larger" icon={<PlusIcon />} onClick={() => zoom(1.25)} />
        <Button variant="plain" aria-label="Smaller" icon={<MinusIcon />} onClick={() => zoom(0.8)} />
        <Button variant="plain" aria-label="All of it" icon={<CompressIcon />} onClick={fit} />
      </div>
      <svg
        className="map-svg"
        role="group"
        aria-label={`Service map: ${many(map.peers.length, 'peer')}, ${many(drawing.links.length, 'connection')}; the list tells the same`}
        onPointerDown={onDown}
        onPointerMove={onMove}
        onPointerUp={() => (drag.current = undefined)}
      >
        <defs>
          {['seen', 'denied', 'plain'].map((kind) => (
            <marker
              key={kind}
              id={`${arrow}-${kind}`}
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="9"
              markerHeight="9"
              markerUnits="userSpaceOnUse"
              orient="auto-start-reverse"
            >
              <path d="M0,0 L8,4 L0,8 z" className={`map-arrow map-arrow-${kind}`} />
            </marker>
          ))}
        </defs>
        <g transform={`translate(${view.x},${view.y}) scale(${view.scale})`}>
          {drawing.groups.map(({ name, x, y, width, height }) => (
            <g key={name}>
              <rect x={x} y={y - 14} width={width} height={height + 14} rx={8} className="map-group" />
              <text x={x + 10} y={y + 2} className="map-group-name">
                {name}
              </text>
            </g>
          ))}
          {drawing.links.map((link) => {
            const kind = link.denied > 0 ? 'denied' : link.plain ? 'plain' : 'seen'
            return (
              <g
                key={link.id}
                className={`map-link map-link-${kind} ${chosen !== null && !near(link) ? 'map-far' : ''}`}
                role="button"
                tabIndex={0}
                aria-pressed={link.id === chosen}
                onClick={() => choose(link.id)}
                onKeyDown={onEnter(() => choose(link.id))}
              >
                <path d={link.path} className="map-hit" />
                <path
                  d={link.path}
                  className="map-line"
                  style={{ strokeWidth: 1 + Math.min(3, Math.log10(link.connections + 1)) }}
                  markerEnd={`url(#${arrow}-${kind})`}
                />
                <title>{`${link.from.name} → ${link.to.name}: ${words(link)}`}</title>
              </g>
            )
          })}
          {drawing.peers.map(({ peer, x, y, width, height }) => (
            <g
              key={peer.id}
              className={`map-peer map-of-${peer.kind} ${peer.id === chosen ? 'map-chosen' : ''} ${isNear(peer) ? '' : 'map-far'}`}
              transform={`translate(${x},${y})`}
              role="button"
              tabIndex={0}
              aria-pressed={peer.id === chosen}
              onClick={() => choose(peer.id)}
              onKeyDown={onEnter(() => choose(peer.id))}
            >
              <rect width={width} height={height} rx={6} className="map-box" />
              <rect width={5} height={height} rx={2} className={`map-worst map-worst-${peer.worst ?? 'none'}`} />
              <text x={14} y={19} className="map-name" aria-hidden>
                {clipped(peer.name, peer.incidents > 0 ? 16 : 20)}
              </text>
              <text x={14} y={35} className="map-kind" aria-hidden>
                {KINDS[peer.kind]}
                {peer.worst ? ` · ${peer.worst}` : ''}
              </text>
              {peer.incidents > 0 && (
                <g transform={`translate(${width - 26},8)`} className="map-incident" aria-hidden>
                  <rect width={20} height={16} rx={8} />
                  <text x={10} y={12} textAnchor="middle">
                    !
                  </text>
                </g>
              )}
              <title>{spoken(peer)}</title>
            </g>
          ))}
        </g>
      </svg>
    </div>
  )
}

/** All of it; what is drawn may be cut. */
const spoken = ({ name, kind, worst, incidents }: Peer) =>
  [name, KINDS[kind], ...(worst ? [`worst finding ${worst}`] : []), ...(incidents > 0 ? [many(incidents, 'open incident')] : [])].join(', ')

export function words(link: Pick<Link, 'connections' | 'denied' | 'plain' | 'flows'>): string {
  const ports = [...new Set(link.flows.map(({ port, protocol }) => `${port}/${protocol}`))]
  return [
    many(link.connections, 'connection'),
    ...(link.denied > 0 ? [`${link.denied} denied`] : []),
    ...(link.plain ? ['not encrypted'] : []),
    `on ${ports.slice(0, 4).join(', ')}${ports.length > 4 ? ' …' : ''}`,
  ].join(', ')
}

const onEnter = (act: () => void) => (event: KeyboardEvent) => {
  if (event.key !== 'Enter' && event.key !== ' ') return
  event.preventDefault()
  act()
}

const clipped = (text: string, length: number) => (text.length > length ? `${text.slice(0, length - 1)}…` : text)
