import { Link } from 'react-router'
import type { Response } from '../api/types'
import type { Filter } from '../list/filters'
import { List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { Nothing } from '../show/states'
import { RESPONSE_COLUMNS } from './incident/ResponseGrid'

const FILTERS: readonly Filter[] = [{ kind: 'text', key: 'incident', label: 'Incident', hint: 'Id of an incident' }]

export function Component() {
  return (
    <>
      <Header title="Responses" about="What was done on the nodes, by whom and why, and what was only tried." />
      <Body>
        <List<Response>
          path="/responses"
          topics={['responses']}
          noun="response"
          filters={FILTERS}
          order="-time"
          columns={RESPONSE_COLUMNS}
          id={({ id }) => id}
          empty={
            <Nothing title="Nothing was done yet">
              Open an <Link to="/incidents">incident</Link> and choose “Respond”.
            </Nothing>
          }
        />
      </Body>
    </>
  )
}
