import { Link } from 'react-router'
import type { Package } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { Few } from '../show/parts'
import { Nothing } from '../show/states'
import { number } from '../show/words'

const FILTERS: readonly Filter[] = [{ kind: 'text', key: 'q', label: 'Search', hint: 'Name of a package' }]

const COLUMNS: readonly Column<Package>[] = [
  {
    title: 'Package',
    width: 40,
    cell: ({ kind, name }) => (
      <Link to={`/packages/${encodeURIComponent(kind)}/${encodeURIComponent(name)}`} className="break">
        {name}
      </Link>
    ),
  },
  { title: 'Kind', cell: ({ kind }) => kind },
  { title: 'Versions', width: 30, cell: ({ versions }) => <Few items={versions} show={3} /> },
  { title: 'Images', right: true, cell: ({ images }) => number(images) },
]

export function Component() {
  return (
    <>
      <Header title="Packages" about="Where is it? Every package of every scanned image." />
      <Body>
        <List<Package>
          path="/packages"
          topics={['findings']}
          noun="package"
          filters={FILTERS}
          columns={COLUMNS}
          id={({ kind, name }) => `${kind}/${name}`}
          empty={
            <Nothing title="No package is known yet">
              Packages are known when <Link to="/images">images</Link> have been scanned.
            </Nothing>
          }
        />
      </Body>
    </>
  )
}
