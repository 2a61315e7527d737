import { Label } from '@patternfly/react-core'
import { useState } from 'react'
import { useChange } from '../api/query'
import type { NewSink, Sink } from '../api/types'
import { type Column, List } from '../list/List'
import { Confirm } from '../shell/Confirm'
import { Body } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Nothing, sentence } from '../show/states'
import { When } from '../show/When'
import { compact, many, number } from '../show/words'
import { SettingsHeader } from './settings/parts'
import { KINDS, RECORDS, SinkForm } from './settings/SinkForm'
import { useTry } from './settings/useTry'

interface Acts {
  edit: (sink: Sink) => void
  remove: (sink: Sink) => void
  pause: (sink: Sink) => void
  test: (name: string) => void
  /** The one that is being tried. */
  trying: string | undefined
}

const path = (name: string) => `/sinks/${encodeURIComponent(name)}`

/** What it is, for the hub. The secret stays as it is. */
const asNew = ({ name, target, records, least, paused }: Sink): NewSink => ({ name, target, records, least, paused })

/** How it does, in words. */
function State({ sink }: { sink: Sink }) {
  const { state, waiting, error, failing_since } = sink
  const kept = waiting > 0 && `${many(waiting, 'record')} ${waiting === 1 ? 'waits' : 'wait'}`
  if (state === 'paused') {
    return (
      <div className="two">
        <span>
          <Label isCompact color="grey">
            Paused
          </Label>
        </span>
        <span className="dim">{kept || 'nothing waits'}</span>
      </div>
    )
  }
  if (state === 'failing') {
    return (
      <div className="two">
        <span className="nowrap">
          <Label isCompact color="red">
            Failing
          </Label>{' '}
          <When time={failing_since} />
        </span>
        <span className="break">{sentence(error ?? 'it is not known why')}</span>
        <span className="dim">{kept ? `${kept}, and will be sent.` : 'Nothing waits.'}</span>
      </div>
    )
  }
  return (
    <div className="two">
      <span>
        <Label isCompact color={waiting > 0 ? 'blue' : 'green'}>
          {waiting > 0 ? 'Sending' : 'Up to date'}
        </Label>
      </span>
      {kept && <span className="dim">{kept}</span>}
    </div>
  )
}

/** What will never get there. */
function Missing({ sink: { refused, refusal, lost } }: { sink: Sink }) {
  if (refused === 0 && lost === 0) return <span className="dim">none</span>
  return (
    <div className="two">
      {refused > 0 && (
        <span className="late break">
          {number(refused)} refused{refusal && `: ${refusal}`}
        </span>
      )}
      {lost > 0 && (
        <span className="late" title="They were deleted here, for their age or for want of room, before it took them">
          at most {number(lost)} lost
        </span>
      )}
    </div>
  )
}

const columns = ({ edit, remove, pause, test, trying }: Acts): Column<Sink>[] => [
  {
    title: 'Name',
    sort: 'name',
    width: 20,
    cell: ({ name, target, place }) => (
      <div className="two">
        <b className="break">{name}</b>
        <span className="dim break">
          {KINDS[target.kind]}, {place.replace('https://', '')}
        </span>
      </div>
    ),
  },
  {
    title: 'Takes',
    cell: ({ records, least }) => (
      <div className="two">
        <span>{records.length > 0 ? records.map((one) => RECORDS[one].toLowerCase()).join(', ') : 'notifications only'}</span>
        {least !== 'unknown' && records.some((one) => one === 'alerts' || one === 'incidents') && (
          <span className="dim">from {least} on</span>
        )}
      </div>
    ),
  },
  { title: 'State', width: 25, cell: (sink) => <State sink={sink} /> },
  {
    title: 'Sent',
    cell: ({ sent, taken }) => (
      <div className="two">
        <span>{compact(sent)}</span>
        <span className="dim nowrap">{taken === undefined ? 'never' : <When time={taken} />}</span>
      </div>
    ),
  },
  { title: 'Missing there', cell: (sink) => <Missing sink={sink} /> },
  {
    title: 'Actions',
    cell: (sink) => (
      <span className="buttons">
        <Guarded
          need="admin"
          variant="link"
          isInline
          isLoading={trying === sink.name}
          isDisabled={trying !== undefined}
          onClick={() => test(sink.name)}
        >
          Test
        </Guarded>
        <Guarded need="admin" variant="link" isInline onClick={() => edit(sink)}>
          Change
        </Guarded>
        <Guarded need="admin" variant="link" isInline onClick={() => pause(sink)}>
          {sink.paused ? 'Resume' : 'Pause'}
        </Guarded>
        <Guarded need="admin" variant="link" isInline isDanger onClick={() => remove(sink)}>
          Remove
        </Guarded>
      </span>
    ),
  },
]

export function Component() {
  const [form, setForm] = useState<Sink | 'new'>()
  const [removed, setRemoved] = useState<Sink>()
  const pause = useChange<Sink>({
    method: 'PUT',
    path: ({ name }) => path(name),
    body: (sink) => ({ ...asNew(sink), paused: !sink.paused }),
    done: (_, { name, paused }) => `${name} is ${paused ? 'sent to again' : 'paused: what is for it waits'}`,
  })
  const tried = useTry(path)
  const remove = useChange<string>({
    method: 'DELETE',
    path,
    body: () => undefined,
    done: 'The sink is removed',
    then: () => setRemoved(undefined),
  })
  const add = (
    <Guarded need="admin" onClick={() => setForm('new')}>
      Add a sink
    </Guarded>
  )
  return (
    <>
      <SettingsHeader tab="/settings/sinks" actions={add} />
      <Body>
        <List<Sink>
          path="/sinks"
          topics={[]}
          every={5000}
          noun="sink"
          order="name"
          columns={columns({
            edit: setForm,
            remove: setRemoved,
            pause: (sink) => pause.mutate(sink),
            ...tried,
          })}
          id={({ name }) => name}
          empty={
            <Nothing title="No other system is told yet" action={add}>
              A sink hands alerts, incidents, the audit log or events to OpenSearch, OpenTelemetry, syslog, Slack, Teams, PagerDuty, a
              webhook or a file. While it is away, what is for it waits here.
            </Nothing>
          }
        />
        {form && <SinkForm {...(form !== 'new' && { sink: form })} close={() => setForm(undefined)} />}
        {removed && (
          <Confirm
            title={`Remove ${removed.name}?`}
            action="Remove"
            danger
            busy={remove.isPending}
            onConfirm={() => remove.mutate(removed.name)}
            close={() => setRemoved(undefined)}
          >
            {removed.waiting > 0 ? `${many(removed.waiting, 'record')} that wait for it will not be sent.` : 'Nothing waits for it.'} What
            it has taken stays there.
          </Confirm>
        )}
      </Body>
    </>
  )
}
