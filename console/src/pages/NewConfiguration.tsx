// A new version: written, tried on nodes that are connected, and rolled out to some or to all.
import { Alert, Button, Form } from '@patternfly/react-core'
import { type FormEvent, useState } from 'react'
import { useLocation, useNavigate, useSearchParams } from 'react-router'
import { useChange, useGet } from '../api/query'
import type { BaselineDetail, ConfigurationCheck, ConfigurationDetail, NewConfiguration } from '../api/types'
import { LongField, TextField } from '../shell/fields'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Panel } from '../show/parts'
import { Answer, sentence } from '../show/states'
import { many } from '../show/words'
import { withBaseline } from './configuration/baselines'
import { patternsOf } from './configuration/patterns'
import { RULE, StartingPoint, useStartingPoint } from './configuration/StartingPoint'
import { Tester } from './rules/Tester'

const POLICY = `workloads:
  - name: "web-*"
    policy: {mode: observe, exec: {deny: [/bin/sh]}}`
const RESPONSE = `- rules: [Program executed from memory]
  action: freeze
  for: 30m`

const BASELINE = `{"workload": "shop/web", "image": "sha256:…", "items": [{"kind": "listens", "transport": "tcp", "port": 80, "first": 1, "last": 1, "count": 1}]}`

export function Component() {
  const [params] = useSearchParams()
  // Rules that were tried before.
  const { state } = useLocation() as { state: { rules?: string } | null }
  const start = useStartingPoint(params.get('from'))
  const add = params.get('add') ?? ''
  const of = params.get('baseline')
  const baseline = useGet<BaselineDetail>([], of === null ? undefined : `/baselines/${encodeURIComponent(of)}`)
  return (
    <>
      <Header
        title="Roll out a version"
        above={[['Configuration', '/configurations']]}
        about={start.version === undefined ? 'The first one.' : `It begins with what v${start.version} says.`}
      />
      <Body>
        <StartingPoint of={start}>
          {(from, version) => {
            const editor = (baseline?: BaselineDetail) => (
              <Editor
                key={version}
                from={{ ...from, ...(state?.rules !== undefined && { rules: state.rules }) }}
                add={add}
                baseline={baseline}
              />
            )
            if (of === null) return editor()
            return (
              <Answer of={baseline} lines={12}>
                {editor}
              </Answer>
            )
          }}
        </StartingPoint>
      </Body>
    </>
  )
}

interface Texts {
  rules: string
  policy: string
  responses: string
  baselines: string
}

function Editor({ from, add, baseline }: { from: Texts; add: string; baseline: BaselineDetail | undefined }) {
  const navigate = useNavigate()
  const [rules, setRules] = useState(add === '' ? from.rules : `${from.rules.trimEnd()}\n${add}\n`.trimStart())
  const [policy, setPolicy] = useState(from.policy)
  const [responses, setResponses] = useState(from.responses)
  const [baselines, setBaselines] = useState(baseline ? withBaseline(from.baselines, baseline.exported) : from.baselines)
  const [nodes, setNodes] = useState('')
  const [reason, setReason] = useState(baseline ? `Baseline of ${baseline.workload}` : '')
  const wish: NewConfiguration = { rules, policy, responses, baselines, nodes: patternsOf(nodes), reason }
  const check = useChange<NewConfiguration, ConfigurationCheck>({ method: 'POST', path: '/configurations/check' })
  const rollOut = useChange<NewConfiguration, ConfigurationDetail>({
    method: 'POST',
    path: '/configurations',
    done: ({ version }) => `v${version} is being rolled out`,
    then: ({ version }) => void navigate(`/configurations/${version}`),
  })
  const onSubmit = (event: FormEvent) => {
    event.preventDefault()
    rollOut.mutate(wish)
  }
  return (
    <Form onSubmit={onSubmit} className="stack">
      {rollOut.error && (
        <Alert isInline variant="danger" title={sentence(rollOut.error.message)}>
          {rollOut.error.hint}
        </Alert>
      )}
      {check.data && !check.isPending && <Verdict of={check.data} />}
      <Panel title="What">
        <div className="stack">
          <LongField
            label="Rules"
            value={rules}
            set={setRules}
            code={RULE}
            hint={
              <>
                In Falco’s language, beside Gabion’s own. The same name again replaces a rule; <code>enabled: false</code> turns one off.
              </>
            }
          />
          <LongField
            label="Policy"
            value={policy}
            set={setPolicy}
            code={POLICY}
            hint={
              <>
                What containers may execute, open and connect to, as <code>gabion agent --policy</code> takes it. Begin with{' '}
                <code>mode: observe</code>.
              </>
            }
          />
          <LongField
            label="Responses"
            value={responses}
            set={setResponses}
            code={RESPONSE}
            hint={
              <>
                What alerts cause, as <code>gabion agent --respond</code> takes it. Without <code>dry-run: false</code> it is only told what
                would be done.
              </>
            }
          />
          <LongField
            label="Baselines"
            value={baselines}
            set={setBaselines}
            code={BASELINE}
            hint={
              <>
                What workloads do, a line each as <code>gabion baseline export</code> prints it, or from the page of a baseline. Nodes judge
                by it, whatever they have learnt; taken back, they go on with that.
              </>
            }
          />
        </div>
      </Panel>
      <Tester rules={rules} />
      <Panel title="To whom">
        <div className="columns">
          <TextField
            label="Nodes"
            value={nodes}
            set={setNodes}
            placeholder="all nodes"
            hint="Names or patterns, such as web-*: try it on some first, then say it is for all. Empty: all nodes."
          />
          <TextField label="Reason" value={reason} set={setReason} hint="Stands in the list and in the audit log." />
        </div>
      </Panel>
      <div className="buttons">
        <Guarded need="operator" type="submit" isLoading={rollOut.isPending} isDisabled={rollOut.isPending}>
          Roll out
        </Guarded>
        <Guarded need="operator" variant="secondary" isLoading={check.isPending} onClick={() => check.mutate(wish)}>
          Check
        </Guarded>
        <Button variant="link" onClick={() => void navigate('/configurations')}>
          Cancel
        </Button>
      </div>
    </Form>
  )
}

/** What was said when it was tried. */
function Verdict({ of: { problems, refused_by, read_by, rules } }: { of: ConfigurationCheck }) {
  if (problems.length > 0) {
    return (
      <Alert isInline isLiveRegion variant="danger" title="It cannot be used">
        <ul>
          {problems.map((problem) => (
            <li key={problem} className="break">
              {problem}
            </li>
          ))}
        </ul>
      </Alert>
    )
  }
  if (read_by.length === 0) {
    return (
      <Alert
        isInline
        isLiveRegion
        variant="warning"
        title={`The hub could read rules and baselines: a node would judge by ${many(rules, 'rule')}`}
      >
        No node that it is for is connected, so nobody has read the policy and the responses.
      </Alert>
    )
  }
  return (
    <Alert
      isInline
      isLiveRegion
      variant={refused_by.length > 0 ? 'warning' : 'success'}
      title={`It can be used: a node would judge by ${many(rules, 'rule')}`}
    >
      Read by {read_by.join(', ')}. Nothing was changed.
      {refused_by.length > 0 && (
        <>
          {' '}
          These would go on with what they have:
          <ul>
            {refused_by.map((one) => (
              <li key={one} className="break">
                {one}
              </li>
            ))}
          </ul>
        </>
      )}
    </Alert>
  )
}
