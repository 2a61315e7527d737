// A policy: its text, what it says of what runs, and its versions.
import { Alert } from '@patternfly/react-core'
import { useState } from 'react'
import { useNavigate, useParams } from 'react-router'
import { useChange, useGet } from '../api/query'
import type { PolicyDetail, PolicyTrial, PolicyVersion, PolicyWish } from '../api/types'
import type { Column } from '../list/List'
import { Take } from '../list/Take'
import { Confirm } from '../shell/Confirm'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Grid } from '../show/Grid'
import { Copyable, Panel } from '../show/parts'
import { Answer, sentence } from '../show/states'
import { When } from '../show/When'
import { Trial } from './policy/Trial'

export function Component() {
  const { name = '' } = useParams()
  const navigate = useNavigate()
  const path = `/policies/${encodeURIComponent(name)}`
  const answer = useGet<PolicyDetail>(['policies'], path)
  const [asked, ask] = useState(false)
  const trial = useChange<PolicyWish, PolicyTrial>({ method: 'POST', path: '/policies/try' })
  const remove = useChange({
    method: 'DELETE',
    path,
    done: `The policy ${name} is removed`,
    then: () => void navigate('/policies'),
  })
  const found = answer.data
  const hold = (all: boolean) => found && trial.mutate({ text: found.text, all })
  return (
    <>
      <Header
        title={name}
        above={[['Policies', '/policies']]}
        about={
          found && (
            <>
              v{found.version}, by {found.by} <When time={found.changed} />. {found.reason}
            </>
          )
        }
        actions={
          <>
            <Guarded need="triager" variant="secondary" isLoading={trial.isPending} onClick={() => hold(false)}>
              Hold against what runs
            </Guarded>
            <Guarded need="operator" variant="secondary" onClick={() => void navigate(`/policies/new?from=${encodeURIComponent(name)}`)}>
              Change…
            </Guarded>
            <Guarded need="operator" variant="secondary" isDanger onClick={() => ask(true)}>
              Remove
            </Guarded>
            <Take path={path} params={{}} name="policy" />
          </>
        }
      />
      <Body>
        <Answer of={answer} lines={12}>
          {(found) => (
            <div className="stack">
              {trial.error && <Alert isInline variant="danger" title={sentence(trial.error.message)} />}
              {trial.data && !trial.isPending && <Trial of={trial.data} />}
              <Panel title="Text">
                <Copyable text={found.text} />
              </Panel>
              <Panel title="Versions" flush>
                <Grid label="Versions" items={found.versions} columns={versions(name)} id={({ version }) => String(version)} />
              </Panel>
            </div>
          )}
        </Answer>
        {asked && (
          <Confirm
            title={`Remove the policy ${name}?`}
            action="Remove"
            danger
            busy={remove.isPending}
            onConfirm={() => remove.mutate()}
            close={() => ask(false)}
          >
            Scans that CI sends are no longer held against it. Its versions stay, and it can be made again under the same name.
          </Confirm>
        )}
      </Body>
    </>
  )
}

const versions = (name: string): readonly Column<PolicyVersion>[] => [
  { title: 'Version', cell: ({ version }) => `v${version}` },
  { title: 'Made', cell: ({ created }) => <When time={created} /> },
  { title: 'By', cell: ({ by }) => by },
  { title: 'Reason', width: 40, cell: ({ reason, text }) => <span className="break">{text === '' ? 'It was removed' : reason}</span> },
  { title: 'Again', cell: ({ version, text }) => text !== '' && <Again name={name} version={version} /> },
]

function Again({ name, version }: { name: string; version: number }) {
  const navigate = useNavigate()
  return (
    <Guarded
      need="operator"
      variant="link"
      isInline
      onClick={() => void navigate(`/policies/new?from=${encodeURIComponent(name)}&version=${version}`)}
    >
      Begin with v{version}
    </Guarded>
  )
}
