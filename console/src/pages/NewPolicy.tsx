// A policy is written, tried on the images that are here, and kept.
import { Alert, Button, Checkbox, Form } from '@patternfly/react-core'
import { type FormEvent, useState } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { useChange, useGet } from '../api/query'
import type { NewPolicy, Policy, PolicyDetail, PolicyTrial, PolicyWish } from '../api/types'
import { LongField, TextField } from '../shell/fields'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Panel } from '../show/parts'
import { Answer, sentence } from '../show/states'
import { Trial } from './policy/Trial'

const BEGIN = `version: 1
name: production

rules:
  - id: no-known-exploited
    description: Known to be exploited. Update or remove the package.
    severity: critical
    action: fail
    finding:
      exploited: true

  - id: fix-what-can-be-fixed
    description: Critical, and there is a version that mends it.
    severity: high
    action: fail
    finding:
      severity: critical
      fixable: true

  - id: looked-at
    description: What was not looked at is not known to be good.
    action: warn
    coverage: [files, "packages.*", secrets, vulnerabilities]
`

export function Component() {
  const [params] = useSearchParams()
  const name = params.get('from')
  const version = params.get('version')
  const from = useGet<PolicyDetail>([], name === null ? undefined : `/policies/${encodeURIComponent(name)}`)
  const text = (found: PolicyDetail) => found.versions.find((one) => String(one.version) === version)?.text ?? found.text
  return (
    <>
      <Header
        title={name === null ? 'Write a policy' : `Change ${name}`}
        above={[['Policies', '/policies']]}
        about="Its keys are those of gabion scan --policy."
      />
      <Body>
        {name === null ? (
          <Editor text={BEGIN} />
        ) : (
          <Answer of={from} lines={12}>
            {(found) => <Editor text={text(found)} after={found.version} />}
          </Answer>
        )}
      </Body>
    </>
  )
}

function Editor({ text: first, after }: { text: string; after?: number }) {
  const navigate = useNavigate()
  const [text, setText] = useState(first)
  const [reason, setReason] = useState('')
  const [all, setAll] = useState(false)
  const trial = useChange<PolicyWish, PolicyTrial>({ method: 'POST', path: '/policies/try' })
  const keep = useChange<NewPolicy, Policy>({
    method: 'POST',
    path: '/policies',
    done: ({ name, version }) => `${name} v${version} is in force`,
    then: ({ name }) => void navigate(`/policies/${encodeURIComponent(name)}`),
  })
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    keep.mutate({ text, reason, ...(after !== undefined && { after }) })
  }
  const error = keep.error ?? trial.error
  return (
    <Form onSubmit={onSubmit} className="stack">
      {error && (
        <Alert isInline variant="danger" title={sentence(error.message)}>
          {error.hint}
        </Alert>
      )}
      <Panel title="What must not be">
        <div className="stack">
          <LongField label="Policy" value={text} set={setText} code={BEGIN} required hint="In YAML. The name in it is the name here." />
          <TextField label="Reason" value={reason} set={setReason} hint="Stands with the version and in the audit log." />
          <Checkbox
            id="all"
            label="Try it on all images, not only on those that run"
            isChecked={all}
            onChange={(_, checked) => setAll(checked)}
          />
        </div>
      </Panel>
      <div className="buttons">
        <Guarded need="operator" type="submit" isLoading={keep.isPending} isDisabled={keep.isPending}>
          Keep
        </Guarded>
        <Guarded need="triager" variant="secondary" isLoading={trial.isPending} onClick={() => trial.mutate({ text, all })}>
          Try
        </Guarded>
        <Button variant="link" onClick={() => void navigate('/policies')}>
          Cancel
        </Button>
      </div>
      {trial.data && !trial.isPending && <Trial of={trial.data} />}
    </Form>
  )
}
