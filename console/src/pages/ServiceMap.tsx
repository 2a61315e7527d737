// Who talks to whom, by name.
import { Alert, Checkbox, FormSelect, FormSelectOption, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core'
import { lazy, Suspense, useCallback, useMemo } from 'react'
import { Link, useSearchParams } from 'react-router'
import { useGet } from '../api/query'
import type { Peer, ServiceMap } from '../api/types'
import { Take } from '../list/Take'
import { Body, Header } from '../shell/Header'
import { SidePanel } from '../shell/SidePanel'
import { SeverityLabel } from '../show/labels'
import { useNodeNames } from '../show/nodes'
import { type Fact, Facts, Panel, WorkloadLink } from '../show/parts'
import { Answer, Nothing, Waiting } from '../show/states'
import { many, title } from '../show/words'
import { RangeChoice } from './events/RangeChoice'
import { useRange } from './events/range'
import { FlowGrid } from './map/FlowGrid'
import { HourSlider, hourOf } from './map/HourSlider'

const Picture = lazy(() => import('./map/Picture').then((module) => ({ default: module.Picture })))

export function Component() {
  const { range, choose } = useRange('24h')
  const [query, setQuery] = useSearchParams()
  const namespace = query.get('namespace') ?? ''
  const set = useCallback(
    (key: string, value: string) =>
      setQuery(
        (old) => {
          const next = new URLSearchParams(old)
          if (value) next.set(key, value)
          else next.delete(key)
          return next
        },
        { replace: true },
      ),
    [setQuery],
  )
  const day = range.name === '24h'
  const hour = (day && Number(query.get('hour'))) || undefined
  const params = { from: range.from, to: range.to, ...(hour !== undefined && hourOf(hour)), namespace }
  const { nameOf } = useNodeNames()
  const answer = useGet<ServiceMap>([], '/service-map', params, true)
  const view = query.get('view') === 'list' ? 'list' : 'map'
  const denied = query.get('denied') === 'true'
  const namespaces = useMemo(() => {
    const known = new Set(answer.data?.peers.flatMap((peer) => (peer.namespace ? [peer.namespace] : [])))
    if (namespace) known.add(namespace)
    return [...known].sort()
  }, [answer.data, namespace])
  return (
    <>
      <Header
        title="Service map"
        about="Who talks to whom, by name. Whose an address is was decided when it was used; what is not known is said to be unknown."
        actions={<Take path="/service-map" params={params} name="service-map" />}
      />
      <Body>
        <div className="list-line">
          <RangeChoice range={range} choose={choose} from="24h" />
          <span className="range">
            <FormSelect aria-label="Namespace" value={namespace} onChange={(_, value) => set('namespace', value)}>
              <FormSelectOption value="" label="All namespaces" />
              {namespaces.map((name) => (
                <FormSelectOption key={name} value={name} label={name} />
              ))}
            </FormSelect>
          </span>
          <Checkbox id="denied" label="Only denied" isChecked={denied} onChange={(_, value) => set('denied', value ? 'true' : '')} />
          <ToggleGroup aria-label="How it is shown">
            <ToggleGroupItem text="Map" buttonId="as-map" isSelected={view === 'map'} onChange={() => set('view', '')} />
            <ToggleGroupItem text="List" buttonId="as-list" isSelected={view === 'list'} onChange={() => set('view', 'list')} />
          </ToggleGroup>
          <Legend />
        </div>
        {day && <HourSlider hour={hour} choose={(next) => set('hour', next === undefined ? '' : String(next))} />}
        <Answer of={answer} lines={14}>
          {(map) => (
            <View
              map={named(denied ? onlyDenied(map) : map, nameOf)}
              list={view === 'list'}
              chosen={query.get('open')}
              choose={(id) => set('open', id)}
            />
          )}
        </Answer>
      </Body>
    </>
  )
}

function onlyDenied({ peers, flows, more }: ServiceMap): ServiceMap {
  const left = flows.filter(({ denied }) => denied > 0)
  const ids = new Set(left.flatMap(({ from, to }) => [from, to]))
  return { peers: peers.filter(({ id }) => ids.has(id)), flows: left, more }
}

/** A node takes part as `host/ID`. */
function named(map: ServiceMap, nameOf: (id: string) => string): ServiceMap {
  const name = (of: string) => (of.startsWith('host/') ? `host/${nameOf(of.slice(5))}` : of)
  return { ...map, peers: map.peers.map((peer) => ({ ...peer, name: name(peer.name) })) }
}

function Legend() {
  return (
    <span className="legend dim" aria-label="Lines">
      <span className="legend-seen">seen</span>
      <span className="legend-plain">not encrypted</span>
      <span className="legend-denied">denied</span>
    </span>
  )
}

interface ViewProps {
  map: ServiceMap
  list: boolean
  chosen: string | null
  choose: (id: string) => void
}

function View({ map, list, chosen, choose }: ViewProps) {
  const close = useCallback(() => choose(''), [choose])
  if (map.peers.length === 0) {
    return (
      <Nothing title="Nobody has talked in this time">
        Choose a longer time, or see under <Link to="/nodes">Nodes</Link> whether an agent is heard.
      </Nothing>
    )
  }
  return (
    <>
      {map.more > 0 && (
        <Alert
          isInline
          variant="warning"
          title={`${many(map.more, 'flow')} more are not shown: choose a namespace or a shorter time.`}
          component="h2"
        />
      )}
      {list ? (
        <FlowGrid flows={map.flows} peers={map.peers} name="Flows" />
      ) : (
        <Suspense fallback={<Waiting lines={14} />}>
          <Picture map={map} chosen={chosen} choose={choose} />
        </Suspense>
      )}
      {chosen && <Chosen map={map} id={chosen} close={close} />}
    </>
  )
}

function Chosen({ map, id, close }: { map: ServiceMap; id: string; close: () => void }) {
  const peer = map.peers.find((one) => one.id === id)
  if (peer) {
    const out = map.flows.filter(({ from }) => from === id)
    const into = map.flows.filter(({ to }) => to === id)
    return (
      <SidePanel title={peer.name} close={close}>
        <div className="stack">
          <PeerFacts peer={peer} />
          <Panel title={`Connects to (${out.length})`} flush>
            <FlowGrid flows={out} peers={map.peers} name="Connects to" />
          </Panel>
          <Panel title={`Is connected to by (${into.length})`} flush>
            <FlowGrid flows={into} peers={map.peers} name="Is connected to by" />
          </Panel>
        </div>
      </SidePanel>
    )
  }
  const flows = map.flows.filter(({ from, to }) => `${from} ${to}` === id)
  if (flows.length === 0) return null
  const name = (of: string | undefined) => map.peers.find((one) => one.id === of)?.name ?? ''
  return (
    <SidePanel title={`${name(flows[0]?.from)} → ${name(flows[0]?.to)}`} close={close}>
      <FlowGrid flows={flows} peers={map.peers} name="Flows" />
    </SidePanel>
  )
}

function PeerFacts({ peer }: { peer: Peer }) {
  const facts: Fact[] = [
    ['Kind', title(peer.kind)],
    ...(peer.namespace ? ([['Namespace', peer.namespace]] as const) : []),
    ...(peer.kind === 'workload'
      ? ([
          ['Page', <WorkloadLink key="page" id={peer.name} />],
          ['Worst finding', peer.worst ? <SeverityLabel key="worst" severity={peer.worst} /> : 'none that is known'],
          [
            'Open incidents',
            peer.incidents > 0 ? (
              <Link key="incidents" to="/incidents?state=open">
                {peer.incidents}
              </Link>
            ) : (
              'none'
            ),
          ],
        ] as const)
      : []),
  ]
  return <Facts facts={facts} />
}
