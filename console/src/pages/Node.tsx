import { Alert } from '@patternfly/react-core'
import { useState } from 'react'
import { useNavigate, useParams } from 'react-router'
import { useChange, useGet } from '../api/query'
import type { NodeDetail, Unused } from '../api/types'
import type { Column } from '../list/List'
import { Confirm } from '../shell/Confirm'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Grid } from '../show/Grid'
import { NodeStateLabel } from '../show/labels'
import { Dim, type Fact, Facts, Panel } from '../show/parts'
import { Answer } from '../show/states'
import { When } from '../show/When'
import { bytes, many, number } from '../show/words'
import { ContainerGrid } from './images/ContainerGrid'

const UNUSED: readonly Column<Unused>[] = [
  { title: 'Capability', cell: ({ feature }) => <b>{feature}</b> },
  { title: 'Why it is not used', width: 35, cell: ({ why }) => <span className="break">{why}</span> },
  { title: 'What is not seen without it', width: 40, cell: ({ unseen }) => <span className="break">{unseen}</span> },
]

export function Component() {
  const { id = '' } = useParams()
  const navigate = useNavigate()
  const path = `/nodes/${encodeURIComponent(id)}`
  const answer = useGet<NodeDetail>(['nodes', 'workloads'], path)
  const [removing, setRemoving] = useState(false)
  const remove = useChange({
    method: 'DELETE',
    path,
    done: 'The node is removed: its certificate is refused',
    then: () => void navigate('/nodes'),
  })
  const node = answer.data
  return (
    <>
      <Header
        title={node?.name ?? id}
        above={[['Nodes', '/nodes']]}
        labels={node && <NodeStateLabel state={node.state} />}
        actions={
          node &&
          node.state !== 'removed' && (
            <Guarded need="operator" variant="secondary" isDanger onClick={() => setRemoving(true)}>
              Remove
            </Guarded>
          )
        }
      />
      <Body>
        <Answer of={answer} lines={12}>
          {(node) => <View node={node} />}
        </Answer>
        {removing && (
          <Confirm
            title={`Remove ${node?.name ?? id}?`}
            action="Remove"
            danger
            busy={remove.isPending}
            onConfirm={() => remove.mutate()}
            close={() => setRemoving(false)}
          >
            Its agent may not speak to this hub any more; it goes on watching alone. To have it back, it must join again.
          </Confirm>
        )}
      </Body>
    </>
  )
}

function View({ node }: { node: NodeDetail }) {
  const facts: Fact[] = [
    ['Heard', <When key="seen" time={node.seen} />],
    ['Joined', <When key="joined" time={node.joined} />],
    ['Agent', node.version],
    ['Started', <When key="started" time={node.started} never="not known" />],
    ['System', node.os],
    ['Kernel', `${node.kernel}, ${node.arch}`],
    ['Memory of the agent', node.memory !== undefined ? bytes(node.memory) : undefined],
    ['Rules', number(node.rules)],
  ]
  const lost = Object.entries(node.lost).filter(([, count]) => count > 0)
  return (
    <div className="stack">
      {node.state === 'lost' && (
        <Alert isInline variant="danger" title="It is not heard. What it sees waits on the node." component="h2">
          It goes on watching, and tells everything when it is connected again. Look at <code>gabion status</code> there.
        </Alert>
      )}
      <div className="columns">
        <Panel title="The node">
          <Facts facts={facts} />
        </Panel>
        <Panel title="What it saw, and what not">
          <Facts
            facts={[
              ['Events', number(node.events)],
              ['Waiting for the hub', many(node.waiting, 'alert')],
              [
                'Lost or not looked at',
                node.gaps > 0 ? (
                  <b key="gaps" className="late">
                    {number(node.gaps)}
                  </b>
                ) : (
                  '0'
                ),
              ],
              ...lost.map(
                ([what, count]) =>
                  [
                    what,
                    <span key={what} className="late">
                      {number(count)}
                    </span>,
                  ] as const,
              ),
            ]}
          />
          {lost.length === 0 && <Dim>Nothing was lost since the agent started.</Dim>}
        </Panel>
      </div>
      <Panel title="What its kernel does not let it see" flush={node.unused.length > 0}>
        {node.unused.length === 0 ? (
          <Dim>All capabilities of the sensor are used.</Dim>
        ) : (
          <Grid label="Capabilities that are not used" columns={UNUSED} items={node.unused} id={({ feature }) => feature} />
        )}
      </Panel>
      <Panel title={`What runs there (${node.running.length})`} flush={node.running.length > 0}>
        {node.running.length === 0 ? <Dim>No container.</Dim> : <ContainerGrid containers={node.running} without="Node" />}
      </Panel>
    </div>
  )
}
