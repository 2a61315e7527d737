import { Link } from 'react-router'
import { type Incident, SEVERITIES } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { SeverityLabel } from '../show/labels'
import { NodeLink } from '../show/nodes'
import { Few } from '../show/parts'
import { Nothing } from '../show/states'
import { When } from '../show/When'
import { number, title } from '../show/words'
import { IncidentStateLabel, Tactics } from './incident/parts'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'Title, container, node' },
  {
    kind: 'choice',
    key: 'state',
    label: 'State',
    options: [
      ['open', 'Open'],
      ['closed', 'Closed'],
    ],
  },
  { kind: 'choice', key: 'severity', label: 'Severity', options: SEVERITIES.map((one) => [one, title(one)]) },
]

const COLUMNS: readonly Column<Incident>[] = [
  { title: 'Severity', sort: 'severity', descending: true, cell: ({ severity }) => <SeverityLabel severity={severity} /> },
  {
    title: 'Incident',
    width: 40,
    cell: ({ id, title: what, tactics }) => (
      <div className="two">
        <Link to={`/incidents/${encodeURIComponent(id)}`} className="strong break clip">
          {what}
        </Link>
        <Tactics tactics={tactics} />
      </div>
    ),
  },
  { title: 'State', cell: ({ state }) => <IncidentStateLabel state={state} /> },
  {
    title: 'Where',
    width: 20,
    cell: ({ containers, on_host, nodes }) => (
      <div className="two">
        <Few items={on_host ? [...containers, 'the host'] : containers} />
        <span className="dim">
          on <SomeNodes ids={nodes} />
        </span>
      </div>
    ),
  },
  { title: 'Alerts', right: true, cell: ({ alerts }) => number(alerts) },
  { title: 'Began', sort: 'began', descending: true, cell: ({ began }) => <When time={began} /> },
  { title: 'Last step', sort: 'updated', descending: true, cell: ({ updated }) => <When time={updated} /> },
]

/** The first ones, by name. */
function SomeNodes({ ids }: { ids: readonly string[] }) {
  return (
    <>
      {ids.slice(0, 2).map((id, index) => (
        <span key={id}>
          {index > 0 && ', '}
          <NodeLink id={id} />
        </span>
      ))}
      {ids.length > 2 && ` +${ids.length - 2}`}
    </>
  )
}

export function Component() {
  return (
    <>
      <Header title="Incidents" about="Alerts that belong together, over nodes: what happened, where it came from, and how far it got." />
      <Body>
        <List<Incident>
          path="/incidents"
          topics={['incidents']}
          noun="incident"
          filters={FILTERS}
          order="-updated"
          columns={COLUMNS}
          id={({ id }) => id}
          empty={
            <Nothing title="No incident">
              Nothing that belongs together has happened on the <Link to="/nodes">nodes that are watched</Link>. Try{' '}
              <code>gabion up --demo</code> to see one.
            </Nothing>
          }
        />
      </Body>
    </>
  )
}
