// The story of an incident: where it came from, how far it got, step by step, and by which processes.
import { Alert, Label } from '@patternfly/react-core'
import { Link } from 'react-router'
import type { IncidentDetail, Line, Step } from '../../api/types'
import { Long } from '../../show/Long'
import { Place } from '../../show/nodes'
import { Dim, Panel } from '../../show/parts'
import { sentence } from '../../show/states'
import { absolute, clock, day, title, withoutRule } from '../../show/words'
import { Techniques } from '../alert/AlertList'
import { Nodes } from './Nodes'

export function Story({ incident }: { incident: IncidentDetail }) {
  return (
    <div className="stack">
      {incident.cut && <Alert isInline isPlain variant="warning" title="More belongs to it than is told here." component="h2" />}
      <Nodes incident={incident} />
      <div className="columns">
        <Panel title="Where it came from">
          <Sentences of={incident.origin} none="Where it came from is not known." />
        </Panel>
        <Panel title="How far it got">
          <Sentences of={incident.extent} none="Nothing beyond where it began is known." />
        </Panel>
      </div>
      {incident.tactics.length > 0 && (
        <Panel title="ATT&CK">
          <ol className="chain">
            {incident.tactics.map((tactic) => (
              <li key={tactic}>{title(tactic)}</li>
            ))}
          </ol>
          <p className="after">
            <Techniques ids={incident.techniques} />
          </p>
        </Panel>
      )}
      <div className="columns columns-wide">
        <Panel title="What happened">
          <Steps steps={incident.steps} />
        </Panel>
        <Panel title="Processes">
          <Processes lines={incident.processes} />
        </Panel>
      </div>
    </div>
  )
}

function Sentences({ of, none }: { of: readonly string[]; none: string }) {
  if (of.length === 0) return <Dim>{none}</Dim>
  return (
    <ul className="sentences">
      {[...Map.groupBy(of, (one) => one)].map(([one, same]) => (
        <li key={one}>
          <Long text={sentence(one)} />
          {same.length > 1 && <Dim> {same.length} times</Dim>}
        </li>
      ))}
    </ul>
  )
}

function Steps({ steps }: { steps: readonly Step[] }) {
  let last = ''
  return (
    <ol className="steps">
      {steps.map((step, index) => {
        const date = day(step.time)
        const where = `${step.container} ${step.on}`
        const fresh = where !== last
        last = where
        return (
          <li key={index} className={step.rule ? 'step step-alert' : 'step'}>
            <time dateTime={new Date(step.time).toISOString()} title={absolute(step.time)}>
              {index === 0 || day(steps[index - 1]?.time ?? 0) !== date ? `${date} ` : ''}
              {clock(step.time)}
            </time>
            <div>
              {fresh && (
                <div className="dim">
                  <Place container={step.container} node={step.node} on={step.on} />
                </div>
              )}
              <Long text={withoutRule(step.text, step.rule)} />
              {step.rule && (
                <Label
                  isCompact
                  color="red"
                  className="step-rule"
                  render={({ className, content }) => (
                    <Link className={className} to={`/rules?q=${encodeURIComponent(step.rule ?? '')}`}>
                      {content}
                    </Link>
                  )}
                >
                  {step.rule}
                </Label>
              )}
            </div>
          </li>
        )
      })}
    </ol>
  )
}

function Processes({ lines }: { lines: readonly Line[] }) {
  let last = ''
  if (lines.length === 0) return <Dim>No process is known.</Dim>
  return (
    <ul className="processes">
      {lines.map((line, index) => {
        const where = `${line.container} ${line.on}`
        const fresh = where !== last
        last = where
        return (
          <li key={index} aria-label={`Level ${line.depth + 1}: ${line.command.slice(0, 200)}`}>
            {fresh && (
              <div className="process-place">
                <Place container={line.container} node={line.node} on={line.on} />
              </div>
            )}
            <div
              className={line.rules.length > 0 ? 'process process-alert' : 'process'}
              style={{ marginInlineStart: `${line.depth * 18}px` }}
            >
              <Long text={line.command} code /> <Dim>{line.pid}</Dim>
              {line.server && (
                <Label isCompact variant="outline" title="It serves others, too: killing it stops a service">
                  server
                </Label>
              )}
              {line.rules.map((rule) => (
                <Label key={rule} isCompact color="red">
                  {rule}
                </Label>
              ))}
            </div>
          </li>
        )
      })}
    </ul>
  )
}
