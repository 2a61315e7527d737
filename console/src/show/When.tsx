// A time, as how long ago it was; pointing at it tells it exactly. All times on the screen move on together.
import { useSyncExternalStore } from 'react'
import type { Millis } from '../api/types'
import { absolute, ago } from './words'

let now = Date.now()
let timer: number | undefined
const listeners = new Set<() => void>()

function subscribe(listener: () => void) {
  listeners.add(listener)
  timer ??= window.setInterval(() => {
    now = Date.now()
    for (const one of listeners) one()
  }, 15_000)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      window.clearInterval(timer)
      timer = undefined
    }
  }
}

export const useNow = (): Millis => useSyncExternalStore(subscribe, () => now)

export function When({ time, never = 'never' }: { time: Millis | undefined; never?: string }) {
  const at = useNow()
  if (time === undefined) return <span className="dim">{never}</span>
  return (
    <time dateTime={new Date(time).toISOString()} title={absolute(time)} className="nowrap">
      {ago(time, at)}
    </time>
  )
}
