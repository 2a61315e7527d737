// Nodes by name. The hub tells a node by its id, which never changes; people know its name.
import { useQuery } from '@tanstack/react-query'
import { Link } from 'react-router'
import { type ApiError, get } from '../api/client'
import type { Node, Page } from '../api/types'
import { useMe } from '../shell/session'

/** An id of a node in a text. */
export const NODE_ID = /\bn-[0-9a-f]{20}\b/

const ID = /^n-[0-9a-f]{20}$/

/** `n-d962ae52fdf2b49baf7e` -> `n-d962ae`; whatever is no id stays. */
export const shortNode = (id: string): string => (ID.test(id) ? id.slice(0, 8) : id)

async function names(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  const all = new Map<string, string>()
  let cursor: string | undefined
  do {
    const page: Page<Node> = await get('/nodes', { removed: true, limit: 1000, cursor }, signal)
    for (const { id, name } of page.items) all.set(id, name)
    cursor = page.next
  } while (cursor)
  return all
}

export interface NodeNames {
  /** The name of a node; a short id where it is not told. */
  nameOf: (id: string) => string
  /** Its page may be seen. */
  mayOpen: boolean
}

/** Who sees only a part of everything is not told of nodes. */
export function useNodeNames(): NodeNames {
  const me = useMe()
  const mayOpen = me.owners.length + me.namespaces.length === 0
  const { data } = useQuery<ReadonlyMap<string, string>, ApiError>({
    queryKey: ['node names'],
    queryFn: ({ signal }) => names(signal),
    enabled: mayOpen,
    staleTime: 60_000,
  })
  const nameOf = (id: string) => data?.get(id) ?? shortNode(id)
  return { nameOf, mayOpen }
}

export function NodeName({ id }: { id: string }) {
  const { nameOf } = useNodeNames()
  return <span title={id}>{nameOf(id)}</span>
}

export function NodeLink({ id, name }: { id: string; name?: string }) {
  const { nameOf, mayOpen } = useNodeNames()
  if (!mayOpen) return <NodeName id={id} />
  return (
    <Link to={`/nodes/${encodeURIComponent(id)}`} title={id} className="break">
      {name ?? nameOf(id)}
    </Link>
  )
}

/** Where something happened: in a container, or on the host itself. The node is told by its name and its id. */
export const Place = ({ container, node, on }: { container: string; node: string; on: string }) => (
  <>
    {container || 'the host'} on <NodeLink id={on} name={node} />
  </>
)

/** `n-d962ae52fdf2b49baf7e-5` is the fifth incident of the node: `vm #5`. */
export function IncidentName({ id }: { id: string }) {
  const { nameOf } = useNodeNames()
  const [, node, number] = /^(.+)-(\d+)$/.exec(id) ?? []
  return <span title={id}>{node && number ? `${nameOf(node)} #${number}` : id}</span>
}

export const IncidentLink = ({ id }: { id: string }) => (
  <Link to={`/incidents/${encodeURIComponent(id)}`} className="nowrap">
    <IncidentName id={id} />
  </Link>
)
