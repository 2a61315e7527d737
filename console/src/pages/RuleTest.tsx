// Rules are tried on what was recorded, before they are rolled out.
import { Form } from '@patternfly/react-core'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { LongField } from '../shell/fields'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Panel } from '../show/parts'
import { RULE, StartingPoint, useStartingPoint } from './configuration/StartingPoint'
import { Tester } from './rules/Tester'

export function Component() {
  const start = useStartingPoint(null)
  return (
    <>
      <Header
        title="Test rules"
        above={[['Rules', '/rules']]}
        about="On recorded events: what they would have said. Nothing is kept, and no node is asked."
      />
      <Body>
        <StartingPoint of={start}>{(from, version) => <Editor key={version} first={from.rules} />}</StartingPoint>
      </Body>
    </>
  )
}

function Editor({ first }: { first: string }) {
  const navigate = useNavigate()
  const [rules, setRules] = useState(first)
  return (
    <Form onSubmit={(event) => event.preventDefault()} className="stack">
      <Panel
        title="What is tried"
        action={
          <Guarded need="operator" variant="link" isInline onClick={() => void navigate('/configurations/new', { state: { rules } })}>
            Roll it out…
          </Guarded>
        }
      >
        <LongField
          label="Rules"
          value={rules}
          set={setRules}
          code={RULE}
          hint="In Falco’s language. It begins with what is rolled out. Empty: only Gabion’s own are judged by."
        />
      </Panel>
      <Tester rules={rules} />
    </Form>
  )
}
