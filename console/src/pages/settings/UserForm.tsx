import { useState } from 'react'
import { useChange } from '../../api/query'
import { type NewUser, type Role, ROLES, type User, type UserChange } from '../../api/types'
import { ChoiceField, TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { SHORTEST } from '../../shell/password'
import { list, ROLE_MEANING } from './parts'

/** A user is made, or, if there is one, changed. */
export function UserForm({ user, close }: { user?: User; close: () => void }) {
  const [name, setName] = useState(user?.name ?? '')
  const [password, setPassword] = useState('')
  const [role, setRole] = useState<Role>(user?.role ?? 'viewer')
  const [owners, setOwners] = useState(user?.owners.join(', ') ?? '')
  const [namespaces, setNamespaces] = useState(user?.namespaces.join(', ') ?? '')
  const make = useChange<NewUser>({ method: 'POST', path: '/users', done: `${name} is added`, then: close })
  const change = useChange<UserChange>({
    method: 'PATCH',
    path: `/users/${encodeURIComponent(name)}`,
    done: `${name} is changed`,
    then: close,
  })
  const long = password.length >= SHORTEST
  const submit = () => {
    const rest = { role, owners: list(owners), namespaces: list(namespaces) }
    if (user) change.mutate({ ...rest, ...(password && { password }) })
    else make.mutate({ name, password, ...rest })
  }
  return (
    <FormModal
      title={user ? `Change ${user.name}` : 'Add a user'}
      submit={user ? 'Change' : 'Add'}
      ready={user ? password === '' || long : name.trim() !== '' && long}
      busy={make.isPending || change.isPending}
      error={make.error ?? change.error}
      onSubmit={submit}
      close={close}
    >
      {!user && <TextField label="Name" required value={name} set={setName} />}
      <TextField
        label={user ? 'New password' : 'Password'}
        required={!user}
        type="password"
        autoComplete="new-password"
        value={password}
        set={setPassword}
        hint={`At least ${SHORTEST} characters.${user ? ' Empty: it stays.' : ''}`}
      />
      <ChoiceField
        label="Role"
        value={role}
        set={setRole}
        options={ROLES.filter((one) => one !== 'scanner').map((one) => [one, ROLE_MEANING[one]])}
      />
      <TextField label="Only what belongs to these owners" value={owners} set={setOwners} hint="Separated by commas. Empty: all." />
      <TextField label="Only these namespaces" value={namespaces} set={setNamespaces} hint="Separated by commas. Empty: all." />
    </FormModal>
  )
}
