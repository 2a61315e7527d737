import { Label } from '@patternfly/react-core'
import { Link } from 'react-router'
import { useChange } from '../api/query'
import { type Notification, NOTIFICATION_STATES, type NotificationItem } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Body } from '../shell/Header'
import { Guarded } from '../shell/session'
import { SeverityLabel } from '../show/labels'
import { Nothing, sentence } from '../show/states'
import { When } from '../show/When'
import { many, number, title } from '../show/words'
import { NotificationViews, SettingsHeader } from './settings/parts'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'rule', label: 'Rule' },
  { kind: 'choice', key: 'state', label: 'State', options: NOTIFICATION_STATES.map((one) => [one, title(one)]) },
]

/** What has become of it, in words. */
function State({ message: { state, tries, until, sent, error } }: { message: Notification }) {
  if (state === 'sent') {
    return (
      <div className="two">
        <span className="nowrap">
          <Label isCompact color="green">
            Sent
          </Label>{' '}
          <When time={sent} />
        </span>
        {tries > 0 && <span className="dim">after {many(tries, 'failed attempt')}</span>}
      </div>
    )
  }
  return (
    <div className="two">
      <span className="nowrap">
        <Label isCompact color={state === 'failed' ? 'red' : tries > 0 ? 'orange' : 'blue'}>
          {title(state)}
        </Label>{' '}
        {state === 'waiting' && tries > 0 && <When time={until} />}
      </span>
      {error && <span className="break">{sentence(error)}</span>}
      {tries > 0 && <span className="dim">{many(tries, 'attempt')}</span>}
    </div>
  )
}

/** Some things that a message tells, and how many more. */
export function Items({ items, more }: { items: readonly NotificationItem[]; more: number }) {
  return (
    <ul className="told">
      {items.map((item) => (
        <li key={item.key}>
          <SeverityLabel severity={item.severity} />
          <span className="break">
            <Link to={item.link}>{item.title}</Link>
            {item.owner && <span className="dim"> of {item.owner}</span>}
          </span>
        </li>
      ))}
      {more > 0 && <li className="dim">and {number(more)} more</li>}
    </ul>
  )
}

const columns = (retry: (id: string) => void): Column<Notification>[] => [
  { title: 'Made', sort: 'time', descending: true, cell: ({ time }) => <When time={time} /> },
  {
    title: 'Message',
    width: 35,
    cell: (message) => (
      <div className="two">
        <Link to={message.link} className="break">
          {message.title}
        </Link>
        <span className="dim break">{message.id}</span>
      </div>
    ),
  },
  { title: 'Worst', cell: ({ severity }) => <SeverityLabel severity={severity} /> },
  {
    title: 'Rule',
    width: 15,
    cell: ({ rule, sink }) => (
      <div className="two">
        <span className="break">{rule}</span>
        <span className="dim break">to {sink}</span>
      </div>
    ),
  },
  { title: 'State', width: 20, cell: (message) => <State message={message} /> },
  {
    title: 'Actions',
    cell: ({ id, state, tries }) =>
      (state === 'failed' || (state === 'waiting' && tries > 0)) && (
        <Guarded need="admin" variant="link" isInline aria-label={`Send now: ${id}`} onClick={() => retry(id)}>
          Send now
        </Guarded>
      ),
  },
]

export function Component() {
  const retry = useChange<string>({
    method: 'POST',
    path: (id) => `/notifications/${encodeURIComponent(id)}/retry`,
    body: () => ({}),
    done: 'It is sent again now',
  })
  return (
    <>
      <SettingsHeader tab="/settings/notifications" />
      <Body>
        <NotificationViews at="history" />
        <List<Notification>
          path="/notifications"
          topics={[]}
          every={5000}
          noun="message"
          order="-time"
          filters={FILTERS}
          columns={columns((id) => retry.mutate(id))}
          id={({ id }) => id}
          more={({ items, more }) => <Items items={items} more={more} />}
          empty={
            <Nothing title="No message was made yet">
              What a <Link to="/settings/notifications">rule</Link> tells is kept here for 90 days, with what became of it.
            </Nothing>
          }
        />
      </Body>
    </>
  )
}
