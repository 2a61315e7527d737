// What rules say of recorded events: by rule, the first alerts, and what was not looked at.
import { Alert, Label } from '@patternfly/react-core'
import { useEffect, useRef } from 'react'
import type { RuleTest, TestedAlert, TestedRule } from '../../api/types'
import type { Column } from '../../list/List'
import { Grid } from '../../show/Grid'
import { Dim, Panel } from '../../show/parts'
import { sentence } from '../../show/states'
import { absolute, many, number, title } from '../../show/words'

const RULES: readonly Column<TestedRule>[] = [
  { title: 'Rule', width: 40, cell: ({ rule }) => <span className="break">{rule}</span> },
  { title: 'Priority', cell: ({ priority }) => title(priority.toLowerCase()) },
  { title: 'From', cell: ({ source }) => (source === 'rules' ? 'What is tried' : source) },
  {
    title: 'Events of its kinds',
    right: true,
    cell: ({ events }) => (events > 0 ? number(events) : <Dim>none: it cannot be told whether it works</Dim>),
  },
  { title: 'Alerts', right: true, cell: ({ alerts }) => number(alerts) },
]

const ALERTS: readonly Column<TestedAlert>[] = [
  {
    title: 'Time',
    cell: ({ time, event }) => (
      <div className="two">
        <span className="nowrap">{absolute(time)}</span>
        <span className="dim">event {number(event)}</span>
      </div>
    ),
  },
  { title: 'Rule', width: 25, cell: ({ rule }) => <span className="break">{rule}</span> },
  { title: 'Priority', cell: ({ priority }) => title(priority.toLowerCase()) },
  { title: 'Says', width: 50, cell: ({ output }) => <span className="break">{output}</span> },
]

/** It is beneath what was asked, most often out of sight. */
export function Tested({ of }: { of: RuleTest }) {
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => {
    // Newer browsers answer with a promise, which is nothing to clean up by.
    void place.current?.scrollIntoView({ block: 'start' })
  }, [of])
  return (
    <div ref={place} className="stack">
      <Says of={of} />
    </div>
  )
}

function Says({ of }: { of: RuleTest }) {
  if (of.problems.length > 0) {
    return (
      <Alert isInline isLiveRegion variant="danger" title="These rules cannot be used">
        <Sentences of={of.problems} />
      </Alert>
    )
  }
  const { unread, events, alerts, rules, silent, node, from, to, first } = of
  const when = from !== undefined && to !== undefined ? `, from ${absolute(from)} to ${absolute(to)}` : ''
  return (
    <>
      <Alert
        isInline
        isLiveRegion
        variant={unread.length > 0 || events === 0 ? 'warning' : 'info'}
        title={events === 0 ? 'It was judged by nothing: there is no event' : `${many(alerts, 'alert')} in ${many(events, 'event')}`}
      >
        {events > 0 && `${node ? `Of ${node}` : 'Of a node that is not named'}${when}. `}
        {silent} of {many(rules, 'rule')} said nothing.
        {unread.length > 0 && (
          <>
            {' '}
            Not all of it was judged:
            <Sentences of={unread} />
          </>
        )}
      </Alert>
      {of.by_rule.length > 0 && (
        <Panel title="By rule" flush>
          <Grid label="What each rule says" items={of.by_rule} columns={RULES} id={({ rule }) => rule} />
        </Panel>
      )}
      {first.length > 0 && (
        <Panel title={first.length < alerts ? `Alerts: the first ${first.length} of ${number(alerts)}` : 'Alerts'} flush>
          <Grid label="Alerts that there would have been" items={first} columns={ALERTS} id={({ event, rule }) => `${event} ${rule}`} />
        </Panel>
      )}
      {of.kinds.length > 0 && (
        <Panel title="Events">
          <span className="counts">
            {of.kinds.map(({ kind, events: count }) => (
              <Label key={kind} isCompact>
                {kind} {number(count)}
              </Label>
            ))}
          </span>
        </Panel>
      )}
    </>
  )
}

const Sentences = ({ of }: { of: readonly string[] }) => (
  <ul>
    {of.map((one) => (
      <li key={one} className="break">
        {sentence(one)}
      </li>
    ))}
  </ul>
)
