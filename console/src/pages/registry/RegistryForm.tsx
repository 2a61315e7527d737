// A registry to be made, or to be changed. A secret that is kept is never shown; what is left empty stays.
import { Alert, Button } from '@patternfly/react-core'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { useChange } from '../../api/query'
import type { NewRegistry, Registry, RegistryChange, RegistryCheck } from '../../api/types'
import { LongField, TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { sentence } from '../../show/states'
import { lines } from './parts'

export function RegistryForm({ registry, close }: { registry?: Registry; close: () => void }) {
  const navigate = useNavigate()
  const [name, setName] = useState(registry?.name ?? '')
  const [url, setUrl] = useState(registry?.url ?? 'https://')
  const [user, setUser] = useState(registry?.user ?? '')
  const [secret, setSecret] = useState('')
  const [authority, setAuthority] = useState(registry?.authority ?? '')
  const [repositories, setRepositories] = useState(registry?.repositories.join('\n') ?? '')
  const [tags, setTags] = useState(registry?.tags.join('\n') ?? '')
  const [leaveOut, setLeaveOut] = useState(registry?.leave_out.join('\n') ?? '')
  const [newest, setNewest] = useState(String(registry?.newest ?? 10))
  const [minutes, setMinutes] = useState(String(registry?.minutes ?? 60))
  const [platform, setPlatform] = useState(registry?.platform ?? '')
  const settings = {
    url,
    user,
    authority,
    repositories: lines(repositories),
    tags: lines(tags),
    leave_out: lines(leaveOut),
    newest: Number(newest),
    minutes: Number(minutes),
    platform,
  }
  const given = secret === '' ? {} : { secret }
  const make = useChange<NewRegistry, Registry>({
    method: 'POST',
    path: '/registries',
    done: ({ name }) => `${name} is looked into now`,
    then: ({ name }) => void navigate(`/registries/${encodeURIComponent(name)}`),
  })
  const change = useChange<RegistryChange>({
    method: 'PATCH',
    path: `/registries/${encodeURIComponent(registry?.name ?? '')}`,
    done: 'It is looked into again',
    then: close,
  })
  const check = useChange<NewRegistry, RegistryCheck>({ method: 'POST', path: '/registries/check' })
  const ready = name.trim() !== '' && url.length > 'https://'.length && settings.repositories.length > 0
  // What stays as it is, is not sent: another platform makes all be scanned again.
  const changed = (): RegistryChange => {
    const { url: at, platform: on, ...rest } = settings
    return { ...rest, ...given, ...(at !== registry?.url && { url: at }), ...(on !== (registry?.platform ?? '') && { platform: on }) }
  }
  return (
    <FormModal
      title={registry ? `Change ${registry.name}` : 'Add a registry'}
      about="What matches is asked for without pulling it; what is new is scanned here, one image after the other."
      submit={registry ? 'Change' : 'Add'}
      ready={ready}
      busy={make.isPending || change.isPending}
      error={make.error ?? change.error ?? check.error}
      onSubmit={() => (registry ? change.mutate(changed()) : make.mutate({ name, ...settings, ...given }))}
      close={close}
      note={
        <div className="stack">
          <span>
            <Button
              variant="secondary"
              isDisabled={!ready || check.isPending}
              isLoading={check.isPending}
              onClick={() => check.mutate({ name, ...settings, ...given })}
            >
              Test the connection
            </Button>
          </span>
          {check.data && (
            <Alert
              isInline
              isPlain
              variant={check.data.works ? 'success' : 'danger'}
              title={check.data.works ? 'It works' : 'It does not work'}
            >
              {check.data.said.map((one) => (
                <p key={one}>{sentence(one)}</p>
              ))}
            </Alert>
          )}
        </div>
      }
    >
      {!registry && <TextField label="Name" required value={name} set={setName} hint="What it is called here." />}
      <TextField label="Address" required value={url} set={setUrl} hint="https://HOST, or http:// where it speaks no TLS." />
      <TextField label="User" value={user} set={setUser} hint="Empty: anybody, or a token alone." />
      <TextField
        label="Password or token"
        type="password"
        autoComplete="new-password"
        value={secret}
        set={setSecret}
        {...(registry?.has_secret && { hint: 'One is kept. Empty: it stays.' })}
      />
      <LongField
        label="Repositories"
        required
        value={repositories}
        set={setRepositories}
        hint="One a line. * is anything but /, ** is anything. A registry that does not list its repositories needs full names."
      />
      <LongField label="Tags" value={tags} set={setTags} hint="Patterns, one a line. Empty: all." />
      <LongField label="Leave out" value={leaveOut} set={setLeaveOut} hint="REPOSITORY or REPOSITORY:TAG, patterns, one a line." />
      <TextField
        label="How many tags of a repository"
        type="number"
        min={1}
        max={1000}
        value={newest}
        set={setNewest}
        hint="The newest by the versions in their names, as registries tell no time."
      />
      <TextField label="Minutes between two looks" type="number" min={5} max={10080} value={minutes} set={setMinutes} />
      <TextField label="Platform" value={platform} set={setPlatform} placeholder="linux/amd64" hint="Empty: that of the hub." />
      <LongField label="Its certificate authority" value={authority} set={setAuthority} hint="In PEM, where it is a private one." />
    </FormModal>
  )
}
