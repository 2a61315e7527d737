// Alerts: all of them, or those of a workload, a node or an incident.
import { Button, Label } from '@patternfly/react-core'
import { Link } from 'react-router'
import type { Params } from '../../api/client'
import { useChange } from '../../api/query'
import { type Alert, ALERT_STATES, type AlertChange, type AlertState, SEVERITIES } from '../../api/types'
import type { Filter } from '../../list/filters'
import { type Column, List } from '../../list/List'
import { Guarded } from '../../shell/session'
import { AlertStateLabel, SeverityLabel } from '../../show/labels'
import { IncidentLink, NodeLink } from '../../show/nodes'
import { Long } from '../../show/Long'
import { Dim, Facts, WorkloadLink } from '../../show/parts'
import { Nothing } from '../../show/states'
import { When } from '../../show/When'
import { compact, many, title, withoutRule } from '../../show/words'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'Rule, message' },
  { kind: 'text', key: 'rule', label: 'Rule' },
  { kind: 'text', key: 'workload', label: 'Workload' },
  { kind: 'text', key: 'node', label: 'Node' },
  { kind: 'text', key: 'incident', label: 'Incident' },
  { kind: 'choice', key: 'severity', label: 'Severity', options: SEVERITIES.map((one) => [one, title(one)]) },
  { kind: 'choice', key: 'state', label: 'State', options: ALERT_STATES.map((one) => [one, title(one)]) },
]

const COLUMNS: readonly Column<Alert>[] = [
  { title: 'Severity', sort: 'severity', descending: true, cell: ({ severity }) => <SeverityLabel severity={severity} /> },
  {
    title: 'Alert',
    sort: 'rule',
    width: 45,
    cell: ({ rule, message, techniques }) => (
      <div className="two">
        <span>
          <b>{rule}</b> <Techniques ids={techniques} />
        </span>
        <span className="dim clip">{withoutRule(message, rule)}</span>
      </div>
    ),
  },
  { title: 'State', cell: ({ state }) => <AlertStateLabel state={state} /> },
  { title: 'Count', sort: 'count', descending: true, right: true, cell: ({ count }) => compact(count) },
  {
    title: 'Where',
    width: 20,
    cell: ({ workload, container, node }) => (
      <div className="two">
        {workload ? <WorkloadLink id={workload} /> : container ? <span className="break">{container}</span> : <Dim>the host</Dim>}
        <span className="dim">
          on <NodeLink id={node} />
        </span>
      </div>
    ),
  },
  { title: 'Incident', cell: ({ incident }) => (incident ? <IncidentLink id={incident} /> : <Dim>none</Dim>) },
  {
    title: 'Last',
    sort: 'last',
    descending: true,
    cell: ({ first, last, count }) => (
      <div className="two">
        <When time={last} />
        {count > 1 && (
          <span className="dim">
            first <When time={first} />
          </span>
        )}
      </div>
    ),
  },
]

export function Techniques({ ids }: { ids: readonly string[] }) {
  return (
    <span className="counts">
      {ids.map((id) => (
        <Label
          key={id}
          isCompact
          variant="outline"
          render={({ className, content }) => (
            <Link className={className} to={`/attack?open=${id}`}>
              {content}
            </Link>
          )}
        >
          {id}
        </Label>
      ))}
    </span>
  )
}

const NO_PARAMS: Params = {}

export function AlertList({ fixed = NO_PARAMS }: { fixed?: Params }) {
  const change = useChange<AlertChange>({
    method: 'PATCH',
    path: '/alerts',
    done: (_, { ids, state }) => `${many(ids.length, 'alert')}: ${state}`,
  })
  const set = (chosen: readonly Alert[], state: AlertState, done?: () => void) =>
    change.mutate({ ids: chosen.map(({ id }) => id), state }, { onSuccess: () => done?.() })
  return (
    <List<Alert>
      path="/alerts"
      topics={['alerts']}
      noun="alert"
      filters={FILTERS.filter((filter) => filter.kind === 'flags' || !(filter.key in fixed))}
      fixed={fixed}
      order="-last"
      columns={COLUMNS}
      id={({ id }) => id}
      bulk={(chosen, done) => (
        <>
          <Guarded need="triager" variant="secondary" size="sm" onClick={() => set(chosen, 'seen', done)}>
            Mark as seen
          </Guarded>
          <Guarded need="triager" variant="secondary" size="sm" onClick={() => set(chosen, 'suppressed', done)}>
            Suppress
          </Guarded>
          <Guarded need="triager" variant="link" size="sm" onClick={() => set(chosen, 'new', done)}>
            Mark as new
          </Guarded>
        </>
      )}
      more={(alert) => <Details alert={alert} set={(state) => set([alert], state)} />}
      empty={
        <Nothing title="No alert">
          No <Link to="/rules">rule</Link> has matched. That says something only about what is watched: see <Link to="/nodes">Nodes</Link>.
        </Nothing>
      }
    />
  )
}

function Details({ alert, set }: { alert: Alert; set: (state: AlertState) => void }) {
  return (
    <div className="stack">
      <p>
        <Long text={withoutRule(alert.message, alert.rule)} />
      </p>
      <div className="buttons">
        {alert.state !== 'seen' && (
          <Guarded need="triager" size="sm" variant="secondary" onClick={() => set('seen')}>
            Mark as seen
          </Guarded>
        )}
        {alert.state !== 'suppressed' && (
          <Guarded need="triager" size="sm" variant="secondary" onClick={() => set('suppressed')}>
            Suppress
          </Guarded>
        )}
        <Button size="sm" variant="link" component={(props) => <Link {...props} to={`/rules?q=${encodeURIComponent(alert.rule)}`} />}>
          The rule
        </Button>
        <Button
          size="sm"
          variant="link"
          component={(props) => <Link {...props} to={`/events?q=${encodeURIComponent(`rule:"${alert.rule}"`)}`} />}
        >
          Its events
        </Button>
      </div>
      <Facts columns={2} facts={Object.entries(alert.fields).map(([key, value]) => [key, <Long key={key} text={value} code />] as const)} />
    </div>
  )
}
