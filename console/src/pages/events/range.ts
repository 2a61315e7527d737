// From when to when: the last hour, or a stretch that was chosen. It lives in the address.
import { useCallback, useMemo, useState } from 'react'
import { useSearchParams } from 'react-router'
import type { Millis } from '../../api/types'

const MINUTE = 60_000

export const RANGES = [
  ['15m', 'Last 15 minutes', 15 * MINUTE],
  ['1h', 'Last hour', 60 * MINUTE],
  ['24h', 'Last day', 24 * 60 * MINUTE],
  ['7d', 'Last 7 days', 7 * 24 * 60 * MINUTE],
  ['30d', 'Last 30 days', 30 * 24 * 60 * MINUTE],
] as const

export type RangeName = (typeof RANGES)[number][0]

export interface Range {
  /** Absent if a stretch was chosen. */
  name: RangeName | undefined
  from: Millis
  to: Millis
}

/** `again` makes the last hour be the last hour of now. */
export function useRange(usual: RangeName): {
  range: Range
  choose: (name: RangeName) => void
  stretch: (from: Millis, to: Millis) => void
  again: () => void
} {
  const [query, setQuery] = useSearchParams()
  const [now, setNow] = useState(() => Date.now())
  const from = Number(query.get('from')) || undefined
  const to = Number(query.get('to')) || undefined
  const wanted = query.get('range')
  const range = useMemo((): Range => {
    if (from !== undefined && to !== undefined && from < to) return { name: undefined, from, to }
    const [name, , length] = RANGES.find(([one]) => one === wanted) ?? RANGES.find(([one]) => one === usual) ?? RANGES[1]
    return { name, from: now - length, to: now }
  }, [from, to, wanted, usual, now])
  const change = useCallback(
    (keys: Record<string, string>) => {
      setNow(Date.now())
      setQuery((old) => {
        const next = new URLSearchParams(old)
        for (const key of ['range', 'from', 'to']) next.delete(key)
        for (const [key, value] of Object.entries(keys)) next.set(key, value)
        return next
      })
    },
    [setQuery],
  )
  return {
    range,
    choose: useCallback((name: RangeName) => change({ range: name }), [change]),
    stretch: useCallback((begin: Millis, end: Millis) => change({ from: String(begin), to: String(end) }), [change]),
    again: useCallback(() => setNow(Date.now()), []),
  }
}
