// Where everybody stands on the service map: from left to right by who connects, those of a namespace together.
import { Graph, layout } from '@dagrejs/dagre'
import type { Flow, Peer, ServiceMap } from '../../api/types'

export interface Box {
  x: number
  y: number
  width: number
  height: number
}

export interface PlacedPeer extends Box {
  peer: Peer
}

export interface PlacedGroup extends Box {
  name: string
}

/** All flows from one to another. */
export interface Link {
  id: string
  from: Peer
  to: Peer
  flows: Flow[]
  denied: number
  connections: number
  /** Some of it is known not to be encrypted. */
  plain: boolean
  /** How it is drawn. */
  path: string
}

export interface Drawing {
  width: number
  height: number
  peers: PlacedPeer[]
  groups: PlacedGroup[]
  links: Link[]
}

const WIDTH = 164
const HEIGHT = 44
const MARGIN = 30

type Point = { x: number; y: number }

/** Flows between the same two as one link. */
export function linksOf({ peers, flows }: ServiceMap): Omit<Link, 'path'>[] {
  const byId = new Map(peers.map((peer) => [peer.id, peer]))
  const links = new Map<string, Omit<Link, 'path'>>()
  for (const flow of flows) {
    const from = byId.get(flow.from)
    const to = byId.get(flow.to)
    if (!from || !to) continue
    const id = `${from.id} ${to.id}`
    const link = links.get(id) ?? { id, from, to, flows: [], denied: 0, connections: 0, plain: false }
    link.flows.push(flow)
    link.denied += flow.denied
    link.connections += flow.connections
    link.plain ||= flow.encrypted === false
    links.set(id, link)
  }
  return [...links.values()]
}

export function draw(map: ServiceMap): Drawing {
  const graph = new Graph({ compound: true, multigraph: false })
  graph.setGraph({ rankdir: 'LR', nodesep: 18, ranksep: 110, marginx: MARGIN, marginy: MARGIN })
  graph.setDefaultEdgeLabel(() => ({}))
  const namespaces = new Set(map.peers.flatMap(({ namespace }) => (namespace ? [namespace] : [])))
  for (const name of namespaces) graph.setNode(`namespace ${name}`, {})
  for (const peer of map.peers) {
    graph.setNode(peer.id, { width: WIDTH, height: HEIGHT })
    if (peer.namespace) graph.setParent(peer.id, `namespace ${peer.namespace}`)
  }
  const links = linksOf(map)
  for (const { from, to } of links) if (from.id !== to.id) graph.setEdge(from.id, to.id)
  layout(graph)

  const size = graph.graph() as { width: number; height: number }
  const placed = (id: string): Box => {
    const node = graph.node(id) as Box
    return { x: node.x - node.width / 2, y: node.y - node.height / 2, width: node.width, height: node.height }
  }
  return {
    width: size.width,
    height: size.height,
    peers: map.peers.map((peer) => ({ peer, ...placed(peer.id) })),
    groups: [...namespaces].map((name) => ({ name, ...placed(`namespace ${name}`) })),
    links: links.map((link) => {
      const from = placed(link.from.id)
      if (link.from.id === link.to.id) return { ...link, path: loop(from) }
      const { points } = graph.edge(link.from.id, link.to.id) as { points: Point[] }
      return { ...link, path: curve(from, crossings(points), placed(link.to.id)) }
    }),
  }
}

/** Where a line passes the columns between its ends. Dagre also gives a point amid each gap. */
const crossings = (points: readonly Point[]) => points.slice(1, -1).filter((_, index) => index % 2 === 1)

/** A smooth line from side to side: it leaves and arrives level. */
function curve(from: Box, between: readonly Point[], to: Box): string {
  const forward = to.x >= from.x
  const start = { x: forward ? from.x + from.width : from.x, y: from.y + from.height / 2 }
  const end = { x: forward ? to.x : to.x + to.width, y: to.y + to.height / 2 }
  let path = `M${start.x},${start.y}`
  let at: Point = start
  for (const next of [...between, end]) {
    const middle = (at.x + next.x) / 2
    path += ` C${middle},${at.y} ${middle},${next.y} ${next.x},${next.y}`
    at = next
  }
  return path
}

/** Somebody who talks to itself. */
function loop({ x, y, width }: Box): string {
  const middle = x + width / 2
  return `M${middle - 20},${y} C${middle - 30},${y - 26} ${middle + 30},${y - 26} ${middle + 20},${y}`
}
