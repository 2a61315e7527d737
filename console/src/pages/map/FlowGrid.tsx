import { Label } from '@patternfly/react-core'
import type { Flow, Peer } from '../../api/types'
import type { Column } from '../../list/List'
import { Grid } from '../../show/Grid'
import { Dim } from '../../show/parts'
import { When } from '../../show/When'
import { compact } from '../../show/words'

export function FlowGrid({ flows, peers, name }: { flows: readonly Flow[]; peers: readonly Peer[]; name: string }) {
  if (flows.length === 0) return <p className="dim flow-none">Nobody in this time.</p>
  const names = new Map(peers.map((peer) => [peer.id, peer.name]))
  const columns: Column<Flow>[] = [
    { title: 'From', cell: ({ from }) => <span className="break">{names.get(from) ?? from}</span> },
    { title: 'To', cell: ({ to }) => <span className="break">{names.get(to) ?? to}</span> },
    { title: 'Port', cell: ({ port, protocol }) => <span className="nowrap">{`${port}/${protocol}`}</span> },
    { title: 'Connections', right: true, cell: ({ connections }) => compact(connections) },
    { title: 'Denied', right: true, cell: ({ denied }) => (denied > 0 ? <b className="late">{compact(denied)}</b> : '0') },
    { title: 'Encrypted', cell: ({ encrypted }) => <Encrypted encrypted={encrypted} /> },
    { title: 'Last', cell: ({ last }) => <When time={last} /> },
  ]
  return <Grid label={name} columns={columns} items={flows} id={({ from, to, port, protocol }) => `${from} ${to} ${port} ${protocol}`} />
}

function Encrypted({ encrypted }: { encrypted: boolean | undefined }) {
  if (encrypted === undefined) return <Dim>not known</Dim>
  return encrypted ? (
    <span>yes</span>
  ) : (
    <Label isCompact color="orange">
      No
    </Label>
  )
}
