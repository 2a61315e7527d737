// Something is done to a container or a process. What would be done is asked for first, and told; only then it can be done.
import { Alert } from '@patternfly/react-core'
import { useEffect, useState } from 'react'
import { useChange } from '../../api/query'
import { type Action, ACTIONS, type IncidentDetail, type NewResponse, type Response, type ResponseState } from '../../api/types'
import { CheckField, ChoiceField, TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { sentence } from '../../show/states'
import { title } from '../../show/words'

const MEANING: Record<Action, string> = {
  isolate: 'Isolate: no packet goes in or out; the container runs on',
  freeze: 'Freeze: all its processes stand still',
  'kill-container': 'Kill the container',
  kill: 'Kill a process',
  'kill-tree': 'Kill a process and all it started',
  evidence: 'Collect evidence: processes, memory maps, files',
}

const OUTCOME: Record<ResponseState, string> = {
  'would-have': 'This would be done',
  'held-back': 'A guard rail holds it back',
  failed: 'It could not be done',
  sent: 'The agent has not answered yet: try again',
  done: 'It was done',
  undone: 'It was undone',
}

const LASTS: readonly Action[] = ['isolate', 'freeze']
const OF_PROCESS: readonly Action[] = ['kill', 'kill-tree']

interface Target {
  value: string
  label: string
  node: string
  container?: string
  pid?: number
}

/** Who can be a target: the containers of the incident, and its processes. */
function targets(incident: IncidentDetail, process: boolean): Target[] {
  if (process) {
    return incident.processes.map(({ node, on, container, pid, command, server }) => ({
      value: `${on}/${pid}`,
      label: `${pid} ${command.slice(0, 60)}${server ? ' (server)' : ''} ${container ? `in ${container}` : 'of the host'} on ${node}`,
      node: on,
      pid,
    }))
  }
  const places = [...incident.steps, ...incident.processes].filter(({ container }) => container)
  const unique = new Map(places.map((place) => [`${place.on}/${place.container}`, place]))
  return [...unique].map(([value, { node, on, container }]) => ({ value, label: `${container} on ${node}`, node: on, container }))
}

export function RespondForm({ incident, close }: { incident: IncidentDetail; close: () => void }) {
  const [action, setAction] = useState<Action>('isolate')
  const [chosen, setChosen] = useState('')
  const [reason, setReason] = useState(incident.title)
  const [minutes, setMinutes] = useState('60')
  const [evidence, setEvidence] = useState(false)
  const process = OF_PROCESS.includes(action)
  const choices = targets(incident, process)
  const target = choices.find(({ value }) => value === chosen) ?? choices[0]
  const lasts = LASTS.includes(action)

  const trial = useChange<NewResponse, Response>({ method: 'POST', path: '/responses' })
  const act = useChange<NewResponse, Response>({
    method: 'POST',
    path: '/responses',
    done: ({ outcome }) => `${title(action)}: ${outcome.text || outcome.state}`,
    then: close,
  })
  // What was tried is no longer what would be done.
  useEffect(() => trial.reset(), [action, target?.value, minutes, evidence, reason])

  const body = (dry_run: boolean): NewResponse => ({
    action,
    target: {
      node: target?.node ?? '',
      ...(target?.container && { container: target.container }),
      ...(target?.pid !== undefined && { pid: target.pid }),
    },
    reason,
    evidence: evidence && action !== 'evidence',
    dry_run,
    incident: incident.id,
    ...(lasts && { seconds: Math.round(Number(minutes) * 60) }),
  })
  const outcome = trial.data?.outcome
  const allowed = outcome?.state === 'would-have'
  return (
    <FormModal
      title="Respond"
      about="A dry run comes first: the agent says what it would do, and what holds it back."
      submit={allowed ? `${title(action)} now` : 'Dry run'}
      danger={allowed}
      ready={Boolean(target && reason.trim() && (!lasts || Number(minutes) > 0))}
      busy={trial.isPending || act.isPending}
      error={act.error ?? trial.error}
      onSubmit={() => (allowed ? act.mutate(body(false)) : trial.mutate(body(true)))}
      close={close}
      note={
        outcome && (
          <Alert isInline variant={allowed ? 'warning' : outcome.state === 'sent' ? 'info' : 'danger'} title={OUTCOME[outcome.state]}>
            {sentence(outcome.text || 'no more is told')}
          </Alert>
        )
      }
    >
      <ChoiceField label="Action" value={action} set={setAction} options={ACTIONS.map((one) => [one, MEANING[one]])} />
      {choices.length > 0 ? (
        <ChoiceField
          label={process ? 'Process' : 'Container'}
          value={target?.value ?? ''}
          set={setChosen}
          options={choices.map(({ value, label }) => [value, label])}
        />
      ) : (
        <Alert
          isInline
          variant="warning"
          title={process ? 'No process of it is known.' : 'It is in no container: only a process can be the target.'}
        />
      )}
      {lasts && (
        <TextField
          label="For how many minutes"
          type="number"
          min={1}
          value={minutes}
          set={setMinutes}
          hint="It ends by itself, or is undone under Responses."
        />
      )}
      <TextField label="Reason" required value={reason} set={setReason} hint="It is kept in the record of the node and in the audit log." />
      {action !== 'evidence' && (
        <CheckField label="Collect evidence first" hint="The container stands still meanwhile." value={evidence} set={setEvidence} />
      )}
    </FormModal>
  )
}
