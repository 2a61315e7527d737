import { useState } from 'react'
import { Link } from 'react-router'
import { Label } from '@patternfly/react-core'
import { useChange } from '../api/query'
import type { Exception } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Confirm } from '../shell/Confirm'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Nothing } from '../show/states'
import { useNow, When } from '../show/When'
import { many, number, title } from '../show/words'
import { ExceptionForm } from './finding/ExceptionForm'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'Rule, image, reason' },
  { kind: 'flags', label: 'Only', options: [['in_force', 'In force']] },
]

/** It has expired, or somebody has ended it before. */
function Over({ expires }: { expires: number }) {
  const expired = expires <= useNow()
  return (
    <Label isCompact color={expired ? 'orange' : 'grey'}>
      {expired ? 'Expired' : 'Ended'}
    </Label>
  )
}

const columns = (end: (exception: Exception) => void): Column<Exception>[] => [
  {
    title: 'Rule',
    sort: 'rule',
    width: 25,
    cell: ({ rule, repository }) => (
      <div className="two">
        <Link to={`/findings?suppressed=true&rule=${encodeURIComponent(rule)}`}>{rule}</Link>
        <span className="dim break">{repository ? `in ${repository}` : 'in all images'}</span>
      </div>
    ),
  },
  { title: 'Kind', cell: ({ kind }) => title(kind) },
  {
    title: 'Reason',
    width: 30,
    cell: ({ reason, by }) => (
      <div className="two">
        <span className="break">{reason}</span>
        <span className="dim">made by {by}</span>
      </div>
    ),
  },
  { title: 'Owner', sort: 'owner', cell: ({ owner }) => owner },
  { title: 'Suppresses', right: true, cell: ({ findings }) => number(findings) },
  {
    title: 'Until',
    sort: 'expires',
    cell: ({ expires, in_force }) => (in_force ? <When time={expires} /> : <Over expires={expires} />),
  },
  {
    title: 'Actions',
    cell: (exception) =>
      exception.in_force && (
        <Guarded need="triager" variant="link" isInline onClick={() => end(exception)}>
          End
        </Guarded>
      ),
  },
]

export function Component() {
  const [making, setMaking] = useState(false)
  const [ended, end] = useState<Exception>()
  const remove = useChange<string>({
    method: 'DELETE',
    path: (id) => `/exceptions/${encodeURIComponent(id)}`,
    body: () => undefined,
    done: 'The exception has ended: its findings count again',
    then: () => end(undefined),
  })
  const add = (
    <Guarded need="triager" onClick={() => setMaking(true)}>
      Make an exception
    </Guarded>
  )
  return (
    <>
      <Header title="Exceptions" about="What does not count, why, who answers for it, and until when. Exported as OpenVEX." actions={add} />
      <Body>
        <List<Exception>
          path="/exceptions"
          topics={['findings']}
          noun="exception"
          filters={FILTERS}
          order="expires"
          columns={columns(end)}
          id={({ id }) => id}
          empty={
            <Nothing title="There are no exceptions" action={add}>
              Everything that is found counts. What is mended later, lived with, or not true can be excepted until a day.
            </Nothing>
          }
        />
        {making && <ExceptionForm close={() => setMaking(false)} />}
        {ended && (
          <Confirm
            title={`End the exception for ${ended.rule}?`}
            action="End it"
            danger
            busy={remove.isPending}
            onConfirm={() => remove.mutate(ended.id)}
            close={() => end(undefined)}
          >
            {many(ended.findings, 'finding')} will count again at once.
          </Confirm>
        )}
      </Body>
    </>
  )
}
