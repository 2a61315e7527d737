import { Link } from 'react-router'
import type { Container } from '../api/types'
import type { Filter } from '../list/filters'
import { List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { Nothing } from '../show/states'
import { CONTAINER_COLUMNS } from './images/ContainerGrid'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'Name, image, id' },
  { kind: 'flags', label: 'Only', options: [['running', 'Running']] },
]

export function Component() {
  return (
    <>
      <Header title="Containers" about="What runs, and what has ended lately." />
      <Body>
        <List<Container>
          path="/containers"
          topics={['workloads']}
          noun="container"
          filters={FILTERS}
          order="-started"
          columns={CONTAINER_COLUMNS}
          id={({ id }) => id}
          empty={
            <Nothing title="No container was seen yet">
              Containers appear when an agent sees them: <Link to="/nodes">add a node</Link>, or start one here.
            </Nothing>
          }
        />
      </Body>
    </>
  )
}
