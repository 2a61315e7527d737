import { Label } from '@patternfly/react-core'
import { useState } from 'react'
import { useChange } from '../api/query'
import type { Hub } from '../api/types'
import { type Column, List } from '../list/List'
import { Confirm } from '../shell/Confirm'
import { Body } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Dim } from '../show/parts'
import { Nothing } from '../show/states'
import { When } from '../show/When'
import { number } from '../show/words'
import { SettingsHeader } from './settings/parts'

const STATES = {
  heard: ['green', 'Heard'],
  ended: ['orange', 'Ended'],
  away: ['red', 'Not heard'],
} as const

function State({ state }: { state: Hub['state'] }) {
  const [color, text] = STATES[state]
  return (
    <Label isCompact color={color}>
      {text}
    </Label>
  )
}

const columns = (takeOut: (hub: Hub) => void): Column<Hub>[] => [
  {
    title: 'Name',
    width: 25,
    cell: ({ name, address, here }) => (
      <div className="two">
        <b className="break">
          {name}
          {here && <Dim> (this one)</Dim>}
        </b>
        <span className="dim break">{address}</span>
      </div>
    ),
  },
  { title: 'State', cell: ({ state }) => <State state={state} /> },
  {
    title: 'Leads',
    cell: ({ leads }) => (leads === undefined ? <Dim>no</Dim> : <When time={leads} />),
  },
  { title: 'Nodes', right: true, cell: ({ nodes }) => number(nodes) },
  { title: 'Heard', cell: ({ seen }) => <When time={seen} /> },
  { title: 'Version', cell: ({ version }) => version },
  {
    title: 'Actions',
    cell: (hub) =>
      hub.state === 'heard' ? (
        <Dim>none</Dim>
      ) : (
        <Guarded need="admin" variant="link" isInline isDanger onClick={() => takeOut(hub)}>
          Take out
        </Guarded>
      ),
  },
]

/** Hubs that share a database: each shows everything, and one of them does what is to be done once. */
export function Component() {
  const [gone, setGone] = useState<Hub>()
  const remove = useChange<string>({
    method: 'DELETE',
    path: (id) => `/hubs/${encodeURIComponent(id)}`,
    body: () => undefined,
    done: 'The hub is taken out',
    then: () => setGone(undefined),
  })
  return (
    <>
      <SettingsHeader tab="/settings/hubs" />
      <Body>
        <List<Hub>
          path="/hubs"
          topics={['nodes']}
          every={10_000}
          noun="hub"
          columns={columns(setGone)}
          id={({ id }) => id}
          empty={
            <Nothing title="No hub is known yet">
              A hub says that it is there every few seconds, so this one stands here in a moment.
            </Nothing>
          }
        />
        {gone && (
          <Confirm
            title={`Take out ${gone.name}?`}
            action="Take out"
            danger
            busy={remove.isPending}
            onConfirm={() => remove.mutate(gone.id)}
            close={() => setGone(undefined)}
          >
            Events that only this hub has are given up, and searches do not miss them any more. Should it come back, it is a hub again.
          </Confirm>
        )}
      </Body>
    </>
  )
}
