// A provider is set up. It is tried first: what is wrong is known before anybody needs it.
import { Alert } from '@patternfly/react-core'
import { useEffect, useState } from 'react'
import { useChange } from '../../api/query'
import { type NewProvider, type Provider, type Role, ROLES, type SignIn, type SignInTest } from '../../api/types'
import { ChoiceField, TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { Copyable } from '../../show/parts'
import { entry, GroupEditor } from './GroupEditor'
import { list, ROLE_MEANING } from './parts'
import { Steps } from './Steps'

type Others = Role | 'nobody'

export function SignInForm({ provider, redirect, close }: { provider?: Provider; redirect: string; close: () => void }) {
  const [label, setLabel] = useState(provider?.label ?? '')
  const [issuer, setIssuer] = useState(provider?.issuer ?? '')
  const [client, setClient] = useState(provider?.client_id ?? '')
  const [secret, setSecret] = useState('')
  const [scopes, setScopes] = useState((provider?.scopes ?? ['openid', 'profile', 'groups']).join(' '))
  const [user, setUser] = useState(provider?.user_claim ?? 'preferred_username')
  const [group, setGroup] = useState(provider?.group_claim ?? 'groups')
  const [groups, setGroups] = useState(() =>
    (provider?.groups ?? []).map((one) => entry(one.group, one.role, one.owners?.join(', '), one.namespaces?.join(', '))),
  )
  const [others, setOthers] = useState<Others>(provider?.others?.role ?? 'nobody')
  const [owners, setOwners] = useState(provider?.others?.owners?.join(', ') ?? '')
  const [namespaces, setNamespaces] = useState(provider?.others?.namespaces?.join(', ') ?? '')
  const [address, setAddress] = useState(provider?.public_url ?? '')

  const body: NewProvider = {
    label,
    issuer,
    client_id: client,
    scopes: list(scopes),
    user_claim: user,
    group_claim: group,
    groups: groups.map((one) => ({
      group: one.group.trim(),
      role: one.role,
      owners: list(one.owners),
      namespaces: list(one.namespaces),
    })),
    ...(secret && { secret }),
    ...(address.trim() && { public_url: address }),
    ...(others !== 'nobody' && { others: { role: others, owners: list(owners), namespaces: list(namespaces) } }),
  }
  const trial = useChange<NewProvider, SignInTest>({ method: 'POST', path: '/sign-in/test' })
  const save = useChange<NewProvider, SignIn>({
    method: 'POST',
    path: '/sign-in',
    done: 'Log-in by the provider is set up',
    then: close,
  })
  // What was tried is no longer what would be saved.
  const said = JSON.stringify(body)
  useEffect(() => trial.reset(), [said])
  const tried = trial.data
  const ready =
    Boolean(label.trim() && issuer.trim() && client.trim() && user.trim() && group.trim()) && groups.every((one) => one.group.trim())
  return (
    <FormModal
      title={provider ? 'Change the provider' : 'Set up a provider'}
      about="People log in with the account that they have already. What they may follows from their groups, anew at each log-in."
      submit={tried ? (tried.works ? 'Save' : 'Save all the same') : 'Try it'}
      danger={tried ? !tried.works : false}
      ready={ready}
      busy={trial.isPending || save.isPending}
      error={save.error ?? trial.error}
      close={close}
      onSubmit={() => (tried ? save.mutate(body) : trial.mutate(body))}
      note={
        tried && (
          <Alert
            isInline
            variant={tried.works ? 'success' : 'danger'}
            title={
              tried.works
                ? 'The provider can be used. Whether somebody can log in shows when they do.'
                : 'The provider cannot be used like this.'
            }
          >
            <Steps steps={tried.steps} />
          </Alert>
        )
      }
    >
      <TextField label="Name on the button" required value={label} set={setLabel} hint="The log-in says: Log in with …" />
      <TextField
        label="Issuer"
        required
        value={issuer}
        set={setIssuer}
        placeholder="https://id.example/realms/main"
        hint="Exactly as the provider names itself."
      />
      <TextField label="Client ID" required value={client} set={setClient} />
      <TextField
        label="Client secret"
        type="password"
        autoComplete="new-password"
        value={secret}
        set={setSecret}
        hint={provider?.has_secret ? 'One is kept, and shown to nobody. Empty: it stays.' : 'Empty: the hub is a public client.'}
      />
      <TextField label="Scopes" value={scopes} set={setScopes} hint="What the hub asks for. Groups often need one of their own." />
      <TextField label="Claim of the name" required value={user} set={setUser} />
      <TextField label="Claim of the groups" required value={group} set={setGroup} hint="A dot leads inside: realm_access.roles." />
      <div className="form-wide">
        <GroupEditor entries={groups} set={setGroups} />
      </div>
      <ChoiceField
        label="Whoever is in none of these groups"
        value={others}
        set={setOthers}
        options={[
          ['nobody', 'does not come in'],
          ...ROLES.filter((role) => role !== 'scanner').map((role) => [role, `comes in as ${ROLE_MEANING[role]}`] as const),
        ]}
      />
      {others !== 'nobody' && (
        <>
          <TextField
            label="They see only what belongs to these owners"
            value={owners}
            set={setOwners}
            hint="Separated by commas. Empty: all."
          />
          <TextField
            label="They see only these namespaces"
            value={namespaces}
            set={setNamespaces}
            hint="Separated by commas. Empty: all."
          />
        </>
      )}
      <TextField
        label="Address of this hub"
        value={address}
        set={setAddress}
        placeholder="https://gabion.example"
        hint="For a hub behind another address. Empty: the one by which a browser asks."
      />
      <div className="form-wide">
        <p>The provider must know this redirect URI:</p>
        <Copyable text={address.trim() ? `${address.trim().replace(/\/+$/, '')}/api/v1/session/oidc/callback` : redirect} />
      </div>
    </FormModal>
  )
}
