import type { AuditEntry } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Body } from '../shell/Header'
import { Long } from '../show/Long'
import { Nothing } from '../show/states'
import { absolute } from '../show/words'
import { SettingsHeader } from './settings/parts'

const FILTERS: readonly Filter[] = [{ kind: 'text', key: 'q', label: 'Search', hint: 'Who, what, to what' }]

const COLUMNS: readonly Column<AuditEntry>[] = [
  {
    title: 'When',
    sort: 'time',
    descending: true,
    cell: ({ time }) => (
      <time dateTime={new Date(time).toISOString()} className="nowrap mono">
        {absolute(time)}
      </time>
    ),
  },
  { title: 'Who', width: 15, cell: ({ by }) => <span className="break">{by}</span> },
  { title: 'From', cell: ({ from }) => <span className="mono nowrap">{from}</span> },
  { title: 'Did', cell: ({ action }) => <code>{action}</code> },
  { title: 'To', width: 20, cell: ({ target }) => <span className="break">{target}</span> },
  { title: 'More', width: 30, cell: ({ detail }) => <Long text={detail} className="dim" /> },
]

export function Component() {
  return (
    <>
      <SettingsHeader tab="/settings/audit" />
      <Body>
        <List<AuditEntry>
          path="/audit"
          topics={[]}
          noun="entry"
          nouns="entries"
          filters={FILTERS}
          order="-time"
          columns={COLUMNS}
          id={({ id }) => id}
          empty={<Nothing title="Nothing was done yet">Every change and every response is kept here.</Nothing>}
        />
      </Body>
    </>
  )
}
