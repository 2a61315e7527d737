import type { Millis } from '../../api/types'
import { useNow } from '../../show/When'
import { day, span } from '../../show/words'

export function Due({ due }: { due: Millis }) {
  const now = useNow()
  const late = due < now
  return (
    <span className={late ? 'late nowrap' : 'dim nowrap'} title={`Due on ${day(due)}`}>
      {late ? `${span(now - due)} overdue` : `due in ${span(due - now)}`}
    </span>
  )
}
