import { Link } from 'react-router'
import type { ImageDetail, ImagePackage } from '../../api/types'
import type { Filter } from '../../list/filters'
import { type Column, List } from '../../list/List'
import { Dim } from '../../show/parts'
import { Nothing } from '../../show/states'
import { number } from '../../show/words'

const FILTERS: readonly Filter[] = [{ kind: 'text', key: 'q', label: 'Search', hint: 'Name of a package' }]

const COLUMNS: readonly Column<ImagePackage>[] = [
  {
    title: 'Package',
    sort: 'name',
    width: 30,
    cell: ({ kind, name, purl }) => (
      <Link to={`/packages/${encodeURIComponent(kind)}/${encodeURIComponent(name)}`} title={purl} className="break">
        {name}
      </Link>
    ),
  },
  { title: 'Version', cell: ({ version }) => <code className="break">{version}</code> },
  { title: 'Kind', sort: 'kind', cell: ({ kind }) => kind },
  {
    title: 'Open',
    sort: 'findings',
    descending: true,
    right: true,
    cell: ({ open }) => (open > 0 ? <b className="late">{number(open)}</b> : <Dim>0</Dim>),
  },
  { title: 'Layer', right: true, cell: ({ layer }) => (layer === undefined ? <Dim>?</Dim> : layer + 1) },
  { title: 'Path', width: 30, cell: ({ path }) => (path ? <code className="break">{path}</code> : <Dim>not told</Dim>) },
]

export function PackageList({ image }: { image: ImageDetail }) {
  return (
    <List<ImagePackage>
      path={`/images/${encodeURIComponent(image.id)}/packages`}
      topics={['findings']}
      noun="package"
      filters={FILTERS}
      order="-findings"
      columns={COLUMNS}
      id={({ purl, path }) => `${purl} ${path ?? ''}`}
      empty={
        image.scanned === undefined ? (
          <Nothing title="It was not scanned yet">What is in it is not known.</Nothing>
        ) : (
          <Nothing title="No package was found">See under Overview what was looked at.</Nothing>
        )
      }
    />
  )
}
