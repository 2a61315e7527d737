import { useState } from 'react'
import { Button } from '@patternfly/react-core'
import { useChange, useGet } from '../api/query'
import type { Grant, NewProvider, Provider, SignIn, SignInTest } from '../api/types'
import type { Column } from '../list/List'
import { Confirm } from '../shell/Confirm'
import { Body } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Grid } from '../show/Grid'
import { Copyable, Dim, Facts, Panel } from '../show/parts'
import { Answer, Nothing } from '../show/states'
import { When } from '../show/When'
import { title } from '../show/words'
import { Scope, SettingsHeader } from './settings/parts'
import { SignInForm } from './settings/SignInForm'
import { Steps } from './settings/Steps'

export function Component() {
  const answer = useGet<SignIn>([], '/sign-in')
  const [form, setForm] = useState(false)
  const [removing, setRemoving] = useState(false)
  const remove = useChange({
    method: 'DELETE',
    path: '/sign-in',
    done: 'Nobody logs in by a provider any more',
    then: () => setRemoving(false),
  })
  const provider = answer.data?.provider
  const open = (
    <Guarded need="admin" onClick={() => setForm(true)}>
      {provider ? 'Change' : 'Set up a provider'}
    </Guarded>
  )
  const actions = provider && (
    <>
      {open}
      <Guarded need="admin" variant="secondary" isDanger onClick={() => setRemoving(true)}>
        Remove
      </Guarded>
    </>
  )
  return (
    <>
      <SettingsHeader tab="/settings/sign-in" actions={actions} />
      <Body>
        <Answer of={answer}>
          {({ provider, redirect }) =>
            provider ? (
              <Shown provider={provider} redirect={redirect} />
            ) : (
              <Nothing title="People log in by name and password only" action={open}>
                With a provider of identities (OpenID Connect: Keycloak, Entra ID, Okta, Google, Dex, …) they log in with the account that
                they have already, and what they may follows from their groups.
              </Nothing>
            )
          }
        </Answer>
        {form && answer.data && <SignInForm redirect={answer.data.redirect} {...(provider && { provider })} close={() => setForm(false)} />}
        {removing && (
          <Confirm
            title="Remove the provider?"
            action="Remove"
            danger
            busy={remove.isPending}
            onConfirm={() => remove.mutate()}
            close={() => setRemoving(false)}
          >
            Whoever came in by it is out at once, and can come in by a password of this hub only. Make sure that you have one.
          </Confirm>
        )}
      </Body>
    </>
  )
}

interface Row extends Grant {
  group: string | undefined
}

const columns: Column<Row>[] = [
  { title: 'Group', width: 35, cell: ({ group }) => (group === undefined ? <Dim>everybody else</Dim> : <b className="break">{group}</b>) },
  { title: 'Role', cell: ({ role }) => title(role) },
  { title: 'Only', width: 35, cell: ({ owners = [], namespaces = [] }) => <Scope owners={owners} namespaces={namespaces} /> },
]

function Shown({ provider, redirect }: { provider: Provider; redirect: string }) {
  const rows: Row[] = [...provider.groups, ...(provider.others ? [{ ...provider.others, group: undefined }] : [])]
  return (
    <div className="stack">
      <Panel title={`Log in with ${provider.label}`}>
        <Facts
          columns={2}
          facts={[
            ['Issuer', <span className="break">{provider.issuer}</span>],
            ['Client ID', <span className="break">{provider.client_id}</span>],
            ['Client secret', provider.has_secret ? 'kept, and shown to nobody' : 'none: a public client'],
            ['Scopes', provider.scopes.join(' ')],
            ['Claim of the name', provider.user_claim],
            ['Claim of the groups', provider.group_claim],
            ['Address of this hub', provider.public_url ?? <Dim>the one by which a browser asks</Dim>],
            [
              'Set',
              <>
                <When time={provider.changed} /> by {provider.by}
              </>,
            ],
          ]}
        />
      </Panel>
      <Panel title={provider.others ? 'Who comes in' : 'Who comes in: members of these groups, and nobody else'} flush={rows.length > 0}>
        {rows.length > 0 ? (
          <Grid label="Groups" columns={columns} items={rows} id={({ group }) => group ?? ''} />
        ) : (
          <p>Nobody: no group may. Change it, and add a group.</p>
        )}
      </Panel>
      <Panel title="Redirect URI">
        <p>The provider must know it as an address of this client:</p>
        <Copyable text={redirect} />
      </Panel>
      <Trial provider={provider} />
    </div>
  )
}

/** Tries what is set up, as it is. */
function Trial({ provider }: { provider: Provider }) {
  const trial = useChange<NewProvider, SignInTest>({ method: 'POST', path: '/sign-in/test' })
  const { has_secret: _, changed: __, by: ___, ...wish } = provider
  return (
    <Panel
      title="Does it work?"
      action={
        <Button variant="secondary" isLoading={trial.isPending} isDisabled={trial.isPending} onClick={() => trial.mutate(wish)}>
          Try it
        </Button>
      }
    >
      {trial.data ? (
        <Steps steps={trial.data.steps} />
      ) : (
        <p className="dim">Asks the provider what it is, and whether it knows this hub.</p>
      )}
    </Panel>
  )
}
