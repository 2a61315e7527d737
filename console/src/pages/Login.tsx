// The way in: a name and a password, a token, or a provider that sends people back here if it cannot let them in. `gabion up` opens `/login#TOKEN`.
import { Alert, Button, Form, FormGroup, TextInput, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core'
import { type FormEvent, useEffect, useState } from 'react'
import { useLocation, useNavigate } from 'react-router'
import { type ApiError, keepToken, send } from '../api/client'
import { queries, useGet } from '../api/query'
import type { Me, Ways } from '../api/types'
import { SESSION } from '../shell/session'
import { Toasts } from '../shell/toasts'
import { sentence } from '../show/states'

// Taken out of the address before anything else happens, so that it stays in no history.
const handed = decodeURIComponent(location.hash.slice(1))
if (handed && location.pathname === '/login') history.replaceState(history.state, '', '/login')
let unused = handed

/** Why the provider has not let somebody in, by the hub's word for it. */
const PROBLEMS: Record<string, readonly [title: string, hint: string]> = {
  off: ['There is no log-in by a provider any more.', 'Log in by name and password.'],
  often: ['That was tried too often.', 'Wait a minute.'],
  stale: ['This attempt to log in is over.', 'It took too long, was used already, or began in another browser. Try again.'],
  denied: ['The provider did not let you in.', 'Try again, or ask whoever runs it.'],
  provider: ['The provider could not be asked, or its answer is not believed.', 'An administrator finds the reason in the log of the hub.'],
  unsaid: ['The provider does not tell enough about you.', 'An administrator finds the reason in the log of the hub.'],
  group: ['You are in no group that may come in.', 'Ask an administrator of Gabion which group that would be.'],
  disabled: ['Your account is disabled.', 'Ask an administrator of Gabion.'],
  taken: ['Your name belongs to another account.', 'An administrator of Gabion can remove that one.'],
  hub: ['The hub failed.', 'An administrator finds the reason in the log of the hub.'],
}

export function Component() {
  const navigate = useNavigate()
  const { state, search } = useLocation()
  const ways = useGet<Ways>([], '/session/ways')
  const problem = PROBLEMS[new URLSearchParams(search).get('problem') ?? '']
  const wanted: unknown = state?.from
  const to = typeof wanted === 'string' && wanted.startsWith('/') ? wanted : '/'
  const [by, setBy] = useState<'password' | 'token'>('password')
  const [name, setName] = useState('')
  const [secret, setSecret] = useState('')
  const [error, setError] = useState<ApiError>()
  const [busy, setBusy] = useState(false)

  const enter = async (as: string, by: string) => {
    setBusy(true)
    setError(undefined)
    try {
      const me = await send<Me>('POST', '/session', { name: as, secret: by })
      keepToken(me.csrf)
      queries.clear()
      queries.setQueryData(SESSION, me)
      void navigate(to, { replace: true })
    } catch (failure) {
      setError(failure as ApiError)
      setBusy(false)
    }
  }

  useEffect(() => {
    document.title = 'Log in · Gabion'
    if (!unused) return
    const token = unused
    unused = ''
    void enter('', token)
  }, [])

  const submit = (event: FormEvent) => {
    event.preventDefault()
    void enter(by === 'token' ? '' : name, secret)
  }
  return (
    <main className="login">
      <Toasts />
      <div className="login-box">
        <div className="brand">
          <img src="/favicon.svg" alt="" width="40" height="40" />
          <h1>Gabion</h1>
        </div>
        <p className="dim">What is built, what runs, what it does, and whether the fix has arrived.</p>
        <Form onSubmit={submit} aria-label="Log in">
          {error && (
            <Alert isInline variant="danger" title={error.status === 401 ? 'That is not known here.' : sentence(error.message)}>
              {error.status === 401 ? 'Check the name and the password, or whether the token has expired.' : error.hint}
            </Alert>
          )}
          {problem && !error && (
            <Alert isInline variant="warning" title={problem[0]}>
              {problem[1]}
            </Alert>
          )}
          {ways.data?.provider && (
            <Button component="a" href={`/api/v1/session/oidc?to=${encodeURIComponent(to)}`} isBlock>
              Log in with {ways.data.provider}
            </Button>
          )}
          {ways.error && <p className="dim">Whether there is another way in could not be asked.</p>}
          <ToggleGroup aria-label="Log in by">
            <ToggleGroupItem
              text="Name and password"
              buttonId="by-password"
              isSelected={by === 'password'}
              onChange={() => setBy('password')}
            />
            <ToggleGroupItem text="Token" buttonId="by-token" isSelected={by === 'token'} onChange={() => setBy('token')} />
          </ToggleGroup>
          {by === 'password' && (
            <FormGroup label="Name" fieldId="name" isRequired>
              <TextInput id="name" isRequired autoComplete="username" value={name} onChange={(_, value) => setName(value)} />
            </FormGroup>
          )}
          <FormGroup label={by === 'password' ? 'Password' : 'Token'} fieldId="secret" isRequired>
            <TextInput
              id="secret"
              type="password"
              isRequired
              autoComplete={by === 'password' ? 'current-password' : 'off'}
              value={secret}
              onChange={(_, value) => setSecret(value)}
            />
          </FormGroup>
          <Button
            type="submit"
            variant={ways.data?.provider ? 'secondary' : 'primary'}
            isBlock
            isLoading={busy}
            isDisabled={busy || !secret || (by === 'password' && !name)}
          >
            Log in
          </Button>
        </Form>
        <p className="dim login-hint">The first administrator logs in with the token that the hub printed when it started.</p>
      </div>
    </main>
  )
}
