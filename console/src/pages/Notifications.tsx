import { Label } from '@patternfly/react-core'
import { useState } from 'react'
import { Link } from 'react-router'
import { useChange } from '../api/query'
import type { NotificationRule } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Confirm } from '../shell/Confirm'
import { Body } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Dim } from '../show/parts'
import { Nothing } from '../show/states'
import { When } from '../show/When'
import { many, number } from '../show/words'
import { GROUPS, HAPPENINGS, NotificationRuleForm } from './settings/NotificationRuleForm'
import { NotificationViews, SettingsHeader } from './settings/parts'
import { useTry } from './settings/useTry'

const FILTERS: readonly Filter[] = [{ kind: 'text', key: 'q', label: 'Name' }]

const path = (name: string) => `/notification-rules/${encodeURIComponent(name)}`
const history = (name: string, state?: string) =>
  `/settings/notifications/history?rule=${encodeURIComponent(name)}${state ? `&state=${state}` : ''}`

/** Minutes, as somebody would say them. */
function minutes(count: number): string {
  if (count >= 1440 && count % 1440 === 0) return many(count / 1440, 'day')
  if (count >= 60 && count % 60 === 0) return many(count / 60, 'hour')
  return many(count, 'minute')
}

/** What it is about, in words. */
function About({ rule: { rule } }: { rule: NotificationRule }) {
  const { kinds = [], owners = [], least, exploited, running } = rule
  const words = kinds.length === 0 ? 'everything' : kinds.map((kind) => HAPPENINGS[kind].toLowerCase()).join(', ')
  const severity = exploited === 'only' ? `known exploited, from ${least} on` : least === 'unknown' ? 'any severity' : `from ${least} on`
  return (
    <div className="two">
      <span className="break">{words}</span>
      <span className="dim break">
        {severity}
        {exploited === 'also' && ', known exploited in any case'}
        {owners.length > 0 ? `; of ${owners.join(', ')}` : '; of everybody'}
        {running === false && '; also of images that do not run'}
      </span>
    </div>
  )
}

/** When a message is made. */
function Timing({ rule: { rule } }: { rule: NotificationRule }) {
  const { wait = 10, quiet, group_by = [] } = rule
  return (
    <div className="two">
      <span>{wait === 0 ? 'at once' : `after ${minutes(wait)}`}</span>
      <span className="dim break">
        {group_by.length === 0 ? 'one message for all' : `one for each ${group_by.map((by) => GROUPS[by].toLowerCase()).join(' and ')}`}
        {quiet && `; quiet from ${quiet.from} to ${quiet.to}, ${quiet.zone}${quiet.through ? `, but from ${quiet.through} on` : ''}`}
      </span>
    </div>
  )
}

/** How it does, in words. */
function State({ rule }: { rule: NotificationRule }) {
  const { gathered, due, waiting, sink_state } = rule
  const [word, color] = rule.rule.paused
    ? (['Paused', 'grey'] as const)
    : sink_state === undefined
      ? (['No sink', 'red'] as const)
      : sink_state === 'failing'
        ? (['Sink is away', 'red'] as const)
        : sink_state === 'paused'
          ? (['Sink is paused', 'orange'] as const)
          : (['Listening', 'green'] as const)
  return (
    <div className="two">
      <span>
        <Label isCompact color={color}>
          {word}
        </Label>
      </span>
      {waiting > 0 && (
        <Link to={history(rule.rule.name, 'waiting')}>
          {many(waiting, 'message')} {waiting === 1 ? 'waits' : 'wait'} to be sent
        </Link>
      )}
      {gathered > 0 && (
        <span className="dim">
          {many(gathered, 'thing')} gathered, {due === undefined ? 'told after the message before' : <When time={due} />}
        </span>
      )}
    </div>
  )
}

interface Acts {
  edit: (rule: NotificationRule) => void
  remove: (rule: NotificationRule) => void
  pause: (rule: NotificationRule) => void
  test: (name: string) => void
  /** The one that is being tried. */
  trying: string | undefined
}

const columns = ({ edit, remove, pause, test, trying }: Acts): Column<NotificationRule>[] => [
  {
    title: 'Rule',
    width: 15,
    cell: ({ rule }) => (
      <div className="two">
        <b className="break">{rule.name}</b>
        <span className="dim break">to {rule.sink}</span>
      </div>
    ),
  },
  { title: 'Tells', width: 25, cell: (rule) => <About rule={rule} /> },
  { title: 'When', width: 20, cell: (rule) => <Timing rule={rule} /> },
  { title: 'State', width: 20, cell: (rule) => <State rule={rule} /> },
  {
    title: 'Sent',
    cell: ({ rule, sent, failed, last }) => (
      <div className="two">
        <Link to={history(rule.name)}>{number(sent)}</Link>
        <span className="dim nowrap">{last === undefined ? 'never' : <When time={last} />}</span>
        {failed > 0 && (
          <Link to={history(rule.name, 'failed')} className="late">
            {number(failed)} failed
          </Link>
        )}
      </div>
    ),
  },
  {
    title: 'Actions',
    cell: (rule) => {
      const { name, paused } = rule.rule
      return (
        <span className="buttons">
          <Guarded
            need="admin"
            variant="link"
            isInline
            isLoading={trying === name}
            isDisabled={trying !== undefined}
            aria-label={`Test ${name}`}
            onClick={() => test(name)}
          >
            Test
          </Guarded>
          <Guarded need="admin" variant="link" isInline aria-label={`Change ${name}`} onClick={() => edit(rule)}>
            Change
          </Guarded>
          <Guarded need="admin" variant="link" isInline aria-label={`${paused ? 'Resume' : 'Pause'} ${name}`} onClick={() => pause(rule)}>
            {paused ? 'Resume' : 'Pause'}
          </Guarded>
          <Guarded need="admin" variant="link" isInline isDanger aria-label={`Remove ${name}`} onClick={() => remove(rule)}>
            Remove
          </Guarded>
        </span>
      )
    },
  },
]

export function Component() {
  const [form, setForm] = useState<NotificationRule | 'new'>()
  const [removed, setRemoved] = useState<NotificationRule>()
  const pause = useChange<NotificationRule>({
    method: 'PUT',
    path: ({ rule }) => path(rule.name),
    body: ({ rule }) => ({ ...rule, paused: !rule.paused }),
    done: (_, { rule }) =>
      rule.paused ? `${rule.name} tells again what happens from now on` : `${rule.name} is paused: what happens meanwhile is not told`,
  })
  const tried = useTry(path)
  const remove = useChange<string>({
    method: 'DELETE',
    path,
    body: () => undefined,
    done: 'The rule is removed',
    then: () => setRemoved(undefined),
  })
  const add = (
    <Guarded need="admin" onClick={() => setForm('new')}>
      Make a rule
    </Guarded>
  )
  return (
    <>
      <SettingsHeader tab="/settings/notifications" actions={add} />
      <Body>
        <NotificationViews at="rules" />
        <List<NotificationRule>
          path="/notification-rules"
          topics={[]}
          every={5000}
          noun="rule"
          order="name"
          filters={FILTERS}
          columns={columns({
            edit: setForm,
            remove: setRemoved,
            pause: (rule) => pause.mutate(rule),
            ...tried,
          })}
          id={({ rule }) => rule.name}
          empty={
            <Nothing title="Nobody is told anything yet" action={add}>
              A rule tells a channel what happens to what its owners have: new findings, incidents, deadlines, exceptions that end, agents
              and sinks that are lost. It gathers what belongs together and keeps quiet at night. It needs a{' '}
              <Link to="/settings/sinks">sink</Link> to send to.
            </Nothing>
          }
        />
        {form && <NotificationRuleForm {...(form !== 'new' && { rule: form.rule })} close={() => setForm(undefined)} />}
        {removed && (
          <Confirm
            title={`Remove ${removed.rule.name}?`}
            action="Remove"
            danger
            busy={remove.isPending}
            onConfirm={() => remove.mutate(removed.rule.name)}
            close={() => setRemoved(undefined)}
          >
            {removed.gathered + removed.waiting > 0 ? (
              <>
                {many(removed.gathered, 'thing')} that it has gathered and {many(removed.waiting, 'message')} that wait will not be told.
              </>
            ) : (
              <Dim>Nothing waits.</Dim>
            )}
          </Confirm>
        )}
      </Body>
    </>
  )
}
