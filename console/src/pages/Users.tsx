import { Label } from '@patternfly/react-core'
import { useState } from 'react'
import { useChange } from '../api/query'
import type { User, UserChange } from '../api/types'
import { type Column, List } from '../list/List'
import { Confirm } from '../shell/Confirm'
import { Body } from '../shell/Header'
import { Guarded, useMe } from '../shell/session'
import { Nothing } from '../show/states'
import { When } from '../show/When'
import { title } from '../show/words'
import { Scope, SettingsHeader } from './settings/parts'
import { UserForm } from './settings/UserForm'

interface Acts {
  edit: (user: User) => void
  remove: (user: User) => void
  change: (name: string, change: UserChange) => void
  me: string
}

const columns = ({ edit, remove, change, me }: Acts): Column<User>[] => [
  {
    title: 'Name',
    sort: 'name',
    width: 20,
    cell: ({ name, issuer }) => (
      <div className="two">
        <span>
          <b className="break">{name}</b> {name === me && <Label isCompact>you</Label>}
        </span>
        {issuer && <span className="dim break">by {issuer}</span>}
      </div>
    ),
  },
  { title: 'Role', cell: ({ role }) => title(role) },
  { title: 'Only', width: 25, cell: (user) => <Scope {...user} /> },
  {
    title: 'State',
    cell: ({ disabled }) => (
      <Label isCompact color={disabled ? 'grey' : 'green'}>
        {disabled ? 'Disabled' : 'Enabled'}
      </Label>
    ),
  },
  { title: 'Last in', sort: 'seen', descending: true, cell: ({ seen }) => <When time={seen} /> },
  { title: 'Made', cell: ({ created }) => <When time={created} /> },
  {
    title: 'Actions',
    cell: (user) => (
      <span className="buttons">
        {!user.issuer && (
          <Guarded need="admin" variant="link" isInline onClick={() => edit(user)}>
            Change
          </Guarded>
        )}
        {user.name !== me && (
          <>
            <Guarded need="admin" variant="link" isInline onClick={() => change(user.name, { disabled: !user.disabled })}>
              {user.disabled ? 'Enable' : 'Disable'}
            </Guarded>
            <Guarded need="admin" variant="link" isInline isDanger onClick={() => remove(user)}>
              Remove
            </Guarded>
          </>
        )}
      </span>
    ),
  },
]

export function Component() {
  const me = useMe()
  const [form, setForm] = useState<User | 'new'>()
  const [removed, setRemoved] = useState<User>()
  const change = useChange<{ name: string; change: UserChange }>({
    method: 'PATCH',
    path: ({ name }) => `/users/${encodeURIComponent(name)}`,
    body: (wish) => wish.change,
    done: 'The user is changed',
  })
  const remove = useChange<string>({
    method: 'DELETE',
    path: (name) => `/users/${encodeURIComponent(name)}`,
    body: () => undefined,
    done: 'The user is removed',
    then: () => setRemoved(undefined),
  })
  const add = (
    <Guarded need="admin" onClick={() => setForm('new')}>
      Add a user
    </Guarded>
  )
  return (
    <>
      <SettingsHeader tab="/settings/users" actions={add} />
      <Body>
        <List<User>
          path="/users"
          topics={[]}
          noun="user"
          order="name"
          columns={columns({
            edit: setForm,
            remove: setRemoved,
            change: (name, wish) => change.mutate({ name, change: wish }),
            me: me.name,
          })}
          id={({ name }) => name}
          empty={
            <Nothing title="There are no users yet" action={add}>
              The first administrator comes in by a token. Add a user, so that what is done has a name.
            </Nothing>
          }
        />
        {form && <UserForm {...(form !== 'new' && { user: form })} close={() => setForm(undefined)} />}
        {removed && (
          <Confirm
            title={`Remove ${removed.name}?`}
            action="Remove"
            danger
            busy={remove.isPending}
            onConfirm={() => remove.mutate(removed.name)}
            close={() => setRemoved(undefined)}
          >
            They are out at once. What they did stays in the audit log.
          </Confirm>
        )}
      </Body>
    </>
  )
}
