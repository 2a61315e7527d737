import { useState } from 'react'
import type { Node } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { NodeStateLabel } from '../show/labels'
import { NodeLink } from '../show/nodes'
import { Nothing } from '../show/states'
import { When } from '../show/When'
import { compact, number } from '../show/words'
import { AddNode } from './node/AddNode'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'Name or id' },
  { kind: 'flags', label: 'Also', options: [['removed', 'Removed ones']] },
]

const COLUMNS: readonly Column<Node>[] = [
  {
    title: 'Node',
    sort: 'name',
    width: 25,
    cell: ({ id, name, os, kernel, arch }) => (
      <div className="two">
        <NodeLink id={id} name={name} />
        <span className="dim">
          {os ? `${os}, ` : ''}
          {kernel}, {arch}
        </span>
      </div>
    ),
  },
  { title: 'State', cell: ({ state }) => <NodeStateLabel state={state} /> },
  { title: 'Heard', sort: 'seen', descending: true, cell: ({ seen }) => <When time={seen} /> },
  { title: 'Containers', sort: 'containers', descending: true, right: true, cell: ({ containers }) => number(containers) },
  { title: 'Events', right: true, cell: ({ events }) => compact(events) },
  {
    title: 'Gaps',
    right: true,
    cell: ({ gaps }) =>
      gaps > 0 ? (
        <span className="late" title="Things that were lost or could not be looked at">
          {compact(gaps)}
        </span>
      ) : (
        '0'
      ),
  },
  {
    title: 'Waiting',
    right: true,
    cell: ({ waiting }) => <span title="Alerts that wait on the node for the hub">{compact(waiting)}</span>,
  },
  { title: 'Rules', right: true, cell: ({ rules }) => number(rules) },
  { title: 'Agent', cell: ({ version }) => version },
]

export function Component() {
  const [adding, setAdding] = useState(false)
  const add = (
    <Guarded need="operator" onClick={() => setAdding(true)}>
      Add a node
    </Guarded>
  )
  return (
    <>
      <Header title="Nodes" about="Machines with an agent: whether it is heard, and what it could not see." actions={add} />
      <Body>
        <List<Node>
          path="/nodes"
          topics={['nodes']}
          noun="node"
          filters={FILTERS}
          order="name"
          columns={COLUMNS}
          id={({ id }) => id}
          empty={
            <Nothing title="No node has joined yet" action={add}>
              An agent on a machine sees its containers, scans their images there, and watches what they do.
            </Nothing>
          }
        />
        {adding && <AddNode close={() => setAdding(false)} />}
      </Body>
    </>
  )
}
