import { Label } from '@patternfly/react-core'
import type { IncidentState } from '../../api/types'
import { title } from '../../show/words'

export function IncidentStateLabel({ state }: { state: IncidentState }) {
  return (
    <Label isCompact color={state === 'open' ? 'red' : 'grey'} variant={state === 'open' ? 'filled' : 'outline'}>
      {title(state)}
    </Label>
  )
}

/** How an attack went on, tactic by tactic. */
export function Tactics({ tactics }: { tactics: readonly string[] }) {
  return (
    <span className="tactics dim">
      {tactics.map((tactic, index) => (
        <span key={tactic}>
          {index > 0 && <span aria-hidden> › </span>}
          {title(tactic)}
        </span>
      ))}
    </span>
  )
}
