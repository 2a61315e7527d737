import type { Alert } from '../../api/types'
import { SeverityLabel } from '../../show/labels'
import { IncidentLink } from '../../show/nodes'
import { Long } from '../../show/Long'
import { Dim } from '../../show/parts'
import { When } from '../../show/When'
import { compact, withoutRule } from '../../show/words'

/** Alerts by time, the newest first. */
export function AlertTimeline({ alerts }: { alerts: readonly Alert[] }) {
  if (alerts.length === 0) return <Dim>No rule has matched lately.</Dim>
  return (
    <ol className="timeline timeline-two">
      {alerts.map((alert) => (
        <li key={alert.id}>
          <When time={alert.last} />
          <div>
            <SeverityLabel severity={alert.severity} /> <b>{alert.rule}</b>
            {alert.count > 1 && <Dim> {compact(alert.count)} times</Dim>}
            {alert.incident && (
              <>
                {' '}
                · <IncidentLink id={alert.incident} />
              </>
            )}
            <div>
              <Long text={withoutRule(alert.message, alert.rule)} className="dim" />
            </div>
          </div>
        </li>
      ))}
    </ol>
  )
}
