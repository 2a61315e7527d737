import { Link } from 'react-router'
import type { Image } from '../../api/types'
import type { Filter } from '../../list/filters'
import { type Column, List } from '../../list/List'
import { CountsLabel, CoverageLabel } from '../../show/labels'
import { Dim, ImageLink, OwnerName } from '../../show/parts'
import { Nothing } from '../../show/states'
import { When } from '../../show/When'
import { bytes, digest, number, title } from '../../show/words'

const STATES = ['full', 'partial', 'not-evaluated', 'unsupported', 'failed'] as const

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'Name or digest' },
  { kind: 'choice', key: 'coverage', label: 'Coverage', one: true, options: STATES.map((one) => [one, title(one)]) },
  { kind: 'text', key: 'registry', label: 'Registry', hint: 'Its whole name' },
  { kind: 'flags', label: 'Only', options: [['running', 'Running']] },
]

const COLUMNS: readonly Column<Image>[] = [
  {
    title: 'Image',
    sort: 'name',
    width: 35,
    cell: ({ id, name, os }) => (
      <div className="two">
        <ImageLink id={id} name={name} />
        <span className="dim">{[id.startsWith('sha256:') && digest(id), os].filter(Boolean).join(' · ')}</span>
      </div>
    ),
  },
  {
    title: 'Open',
    sort: 'urgency',
    descending: true,
    cell: ({ open, coverage, failed, scanned }) =>
      scanned === undefined ? <Dim>unknown</Dim> : <CountsLabel counts={open} coverage={failed ? 'failed' : coverage} />,
  },
  {
    title: 'Coverage',
    cell: ({ coverage, failed }) => (
      <span title={failed}>
        <CoverageLabel state={failed ? 'failed' : coverage} />
      </span>
    ),
  },
  { title: 'Running', sort: 'running', descending: true, right: true, cell: ({ running }) => number(running) },
  {
    title: 'Packages',
    sort: 'packages',
    descending: true,
    right: true,
    cell: ({ packages, scanned }) => (scanned === undefined ? <Dim>?</Dim> : number(packages)),
  },
  {
    title: 'Size',
    sort: 'size',
    descending: true,
    right: true,
    cell: ({ size }) => (size > 0 ? <span className="nowrap">{bytes(size)}</span> : <Dim>?</Dim>),
  },
  { title: 'Owner', cell: ({ owner }) => <OwnerName owner={owner} /> },
  { title: 'Scanned', cell: ({ scanned }) => <When time={scanned} never="not yet" /> },
]

export function ImageList({ order }: { order: string }) {
  return (
    <List<Image>
      path="/images"
      topics={['findings', 'workloads']}
      noun="image"
      filters={FILTERS}
      order={order}
      columns={COLUMNS}
      id={({ id }) => id}
      empty={
        <Nothing title="No image is known yet">
          An image is known as soon as a container of it starts on a <Link to="/nodes">node with an agent</Link>, or when it is scanned with{' '}
          <code>gabion scan --hub</code>.
        </Nothing>
      }
    />
  )
}
