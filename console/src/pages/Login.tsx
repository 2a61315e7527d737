// The way in: a name and a password, or a token. `gabion up` opens `/login#TOKEN`.
import { Alert, Button, Form, FormGroup, TextInput, ToggleGroup, ToggleGroupItem } from '@patternfly/react-core'
import { type FormEvent, useEffect, useState } from 'react'
import { useLocation, useNavigate } from 'react-router'
import { type ApiError, keepToken, send } from '../api/client'
import { queries } from '../api/query'
import type { Me } from '../api/types'
import { SESSION } from '../shell/session'
import { Toasts } from '../shell/toasts'
import { sentence } from '../show/states'

// Taken out of the address before anything else happens, so that it stays in no history.
const handed = decodeURIComponent(location.hash.slice(1))
if (handed && location.pathname === '/login') history.replaceState(history.state, '', '/login')
let unused = handed

export function Component() {
  const navigate = useNavigate()
  const { state } = useLocation()
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
      const from: unknown = state?.from
      void navigate(typeof from === 'string' && from.startsWith('/') ? from : '/', { replace: true })
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
          <Button type="submit" isBlock isLoading={busy} isDisabled={busy || !secret || (by === 'password' && !name)}>
            Log in
          </Button>
        </Form>
        <p className="dim login-hint">The first administrator logs in with the token that the hub printed when it started.</p>
      </div>
    </main>
  )
}
