import { Button } from '@patternfly/react-core'
import { Link } from 'react-router'
import { useChange } from '../../api/query'
import type { Response, ResponseState } from '../../api/types'
import type { Column } from '../../list/List'
import { Guarded } from '../../shell/session'
import { Grid } from '../../show/Grid'
import { OutcomeLabel } from '../../show/labels'
import { IncidentLink, NodeLink } from '../../show/nodes'
import { Long } from '../../show/Long'
import { Dim } from '../../show/parts'
import { Nothing } from '../../show/states'
import { useNow, When } from '../../show/When'
import { title } from '../../show/words'

function Undo({ response }: { response: Response }) {
  const now = useNow()
  const undo = useChange({ method: 'DELETE', path: `/responses/${encodeURIComponent(response.id)}`, done: 'It is being undone' })
  const lasts = response.outcome.state === 'done' && response.until !== undefined && response.until > now
  if (!lasts) return null
  return (
    <Guarded need="operator" variant="link" isInline isLoading={undo.isPending} onClick={() => undo.mutate()}>
      Undo
    </Guarded>
  )
}

function Until({ until, state }: { until: number | undefined; state: ResponseState }) {
  if (state === 'undone') return <Dim>undone</Dim>
  if (state !== 'done' && state !== 'sent') return <Dim>not done</Dim>
  return until === undefined ? <Dim>at once</Dim> : <When time={until} />
}

export const RESPONSE_COLUMNS: readonly Column<Response>[] = [
  { title: 'When', sort: 'time', descending: true, cell: ({ time }) => <When time={time} /> },
  { title: 'Action', cell: ({ action }) => <b className="nowrap">{title(action)}</b> },
  {
    title: 'Target',
    width: 20,
    cell: ({ target, node }) => (
      <div className="two">
        <Long text={target} />
        <span className="dim">
          on <NodeLink id={node} />
        </span>
      </div>
    ),
  },
  {
    title: 'Outcome',
    width: 30,
    cell: ({ outcome }) => (
      <div className="two">
        <span>
          <OutcomeLabel state={outcome.state} />
        </span>
        <Long text={outcome.text} className="dim" />
      </div>
    ),
  },
  {
    title: 'Why',
    width: 20,
    cell: ({ reason, by }) => (
      <div className="two">
        <Long text={reason} />
        <span className="dim">{by}</span>
      </div>
    ),
  },
  { title: 'Incident', cell: ({ incident }) => (incident ? <IncidentLink id={incident} /> : <Dim>none</Dim>) },
  { title: 'Until', cell: ({ until, outcome }) => <Until until={until} state={outcome.state} /> },
  { title: 'Undo', cell: (response) => <Undo response={response} /> },
]

export function ResponseGrid({ responses }: { responses: readonly Response[] }) {
  if (responses.length === 0) {
    return (
      <Nothing
        title="Nothing was done about it yet"
        action={
          <Button variant="link" component={(props) => <Link {...props} to="/responses" />}>
            All responses
          </Button>
        }
      >
        Choose “Respond” to isolate or freeze a container, or to stop a process. A dry run comes first.
      </Nothing>
    )
  }
  return (
    <Grid label="Responses" columns={RESPONSE_COLUMNS.filter(({ title }) => title !== 'Incident')} items={responses} id={({ id }) => id} />
  )
}
