// The last day, hour by hour: the hub keeps who talked to whom by the hour.
import { Button } from '@patternfly/react-core'
import { useId } from 'react'
import type { Millis } from '../../api/types'
import { useNow } from '../../show/When'
import { clock } from '../../show/words'

const HOUR = 3_600_000
const HOURS = 24

interface Props {
  /** When the hour begins; undefined: the whole day. */
  hour: Millis | undefined
  choose: (hour: Millis | undefined) => void
}

export const hourOf = (hour: Millis) => ({ from: hour, to: hour + HOUR })

export function HourSlider({ hour, choose }: Props) {
  const id = useId()
  const last = Math.floor(useNow() / HOUR) * HOUR
  const first = last - (HOURS - 1) * HOUR
  const at = hour === undefined ? HOURS - 1 : Math.min(HOURS - 1, Math.max(0, Math.round((hour - first) / HOUR)))
  const text = hour === undefined ? 'the whole day' : `${clock(hour).slice(0, 5)} to ${clock(hour + HOUR).slice(0, 5)} UTC`
  return (
    <div className="hours">
      <label htmlFor={id}>Hour</label>
      <span className="hours-end dim">{clock(first).slice(0, 5)}</span>
      <input
        id={id}
        type="range"
        min={0}
        max={HOURS - 1}
        step={1}
        value={at}
        className={hour === undefined ? 'hours-all' : undefined}
        aria-valuetext={text}
        onChange={({ target }) => choose(first + Number(target.value) * HOUR)}
        // Where it stands already is an hour, too.
        onClick={() => hour === undefined && choose(first + at * HOUR)}
      />
      <span className="hours-end dim">now</span>
      <output htmlFor={id} className="nowrap hours-text">
        {text}
      </output>
      {hour !== undefined && (
        <Button variant="link" isInline onClick={() => choose(undefined)}>
          Whole day
        </Button>
      )}
    </div>
  )
}
