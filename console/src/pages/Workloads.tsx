import { Link } from 'react-router'
import type { Workload } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { CountsLabel } from '../show/labels'
import { Dim, Few, OwnerName, WorkloadLink } from '../show/parts'
import { Nothing } from '../show/states'
import { When } from '../show/When'
import { number, total } from '../show/words'
import { RiskValue } from './workload/Risk'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'Name, image, namespace' },
  { kind: 'text', key: 'namespace', label: 'Namespace' },
  { kind: 'text', key: 'owner', label: 'Owner' },
  { kind: 'flags', label: 'Only', options: [['running', 'Running']] },
]

const COLUMNS: readonly Column<Workload>[] = [
  {
    title: 'Workload',
    sort: 'name',
    width: 20,
    cell: ({ id, name, namespace }) => (
      <div className="two">
        <WorkloadLink id={id} name={name} />
        {namespace && <span className="dim">{namespace}</span>}
      </div>
    ),
  },
  {
    title: 'Risk',
    sort: 'risk',
    descending: true,
    width: 20,
    cell: ({ risk, factors, running }) =>
      running === 0 && factors.length === 0 ? (
        <Dim>not running</Dim>
      ) : (
        <div className="two">
          <RiskValue risk={risk} />
          <span className="dim">{factors.length > 0 ? <Few items={factors.map(({ name }) => name)} show={2} /> : 'no factor'}</span>
        </div>
      ),
  },
  {
    title: 'Open',
    cell: ({ open, coverage, running }) =>
      running === 0 && total(open) === 0 ? <Dim>not running</Dim> : <CountsLabel counts={open} coverage={coverage} />,
  },
  {
    title: 'Alerts, 24 h',
    sort: 'alerts',
    descending: true,
    right: true,
    cell: ({ id, alerts }) => (alerts > 0 ? <Link to={`/alerts?workload=${encodeURIComponent(id)}`}>{number(alerts)}</Link> : '0'),
  },
  {
    title: 'Incidents',
    right: true,
    cell: ({ incidents }) => (incidents > 0 ? <b className="late">{number(incidents)}</b> : '0'),
  },
  { title: 'Running', sort: 'running', descending: true, right: true, cell: ({ running }) => number(running) },
  {
    title: 'Images',
    width: 20,
    cell: ({ images }) => (
      <span className="break">
        <Few items={images} show={1} />
      </span>
    ),
  },
  { title: 'Owner', cell: ({ owner }) => <OwnerName owner={owner} /> },
  { title: 'Seen', sort: 'first_seen', descending: true, cell: ({ first_seen }) => <When time={first_seen} /> },
]

export function Component() {
  return (
    <>
      <Header title="Workloads" about="Containers that do the same, and how much is at stake with each." />
      <Body>
        <List<Workload>
          path="/workloads"
          topics={['workloads', 'findings', 'alerts', 'incidents']}
          noun="workload"
          filters={FILTERS}
          order="-risk"
          columns={COLUMNS}
          id={({ id }) => id}
          empty={
            <Nothing title="No workload was seen yet">
              Workloads appear when an agent sees their containers: <Link to="/nodes">add a node</Link>, or start a container here.
            </Nothing>
          }
        />
      </Body>
    </>
  )
}
