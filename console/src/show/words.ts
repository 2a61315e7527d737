// How numbers, times and sizes read.
import type { Counts, CoverageState, Millis } from '../api/types'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** `3 min`, `2 h`, `12 d`: the length of a time in its largest unit. */
export function span(millis: number): string {
  const length = Math.abs(millis)
  if (length < MINUTE) return `${Math.round(length / 1000)} s`
  if (length < HOUR) return `${Math.floor(length / MINUTE)} min`
  if (length < 2 * DAY) return `${Math.floor(length / HOUR)} h`
  if (length < 730 * DAY) return `${Math.floor(length / DAY)} d`
  return `${Math.floor(length / (365 * DAY))} y`
}

/** `3 min ago`, `in 2 d`, `just now`. */
export function ago(time: Millis, now: Millis): string {
  const past = now - time
  if (Math.abs(past) < 10_000) return 'just now'
  return past > 0 ? `${span(past)} ago` : `in ${span(past)}`
}

/** `2026-11-27 21:05:09 UTC`: sorts, and means the same to everybody. */
export function absolute(time: Millis): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** `2026-11-27` */
export const day = (time: Millis): string => new Date(time).toISOString().slice(0, 10)

/** The end of the day `2026-11-27` in UTC. */
export const endOfDay = (text: string): Millis => Date.parse(`${text}T23:59:59Z`)

/** `21:05:09` */
export const clock = (time: Millis): string => new Date(time).toISOString().slice(11, 19)

/** `1.5 GB` */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  let value = count
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

const plain = new Intl.NumberFormat('en')
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** `12,345` */
export const number = (value: number): string => plain.format(value)

/** `12.3K` */
export const compact = (value: number): string => (value < 10_000 ? plain.format(value) : short.format(value))

/** `1 image`, `2 images` */
export const many = (count: number, one: string, more = `${one}s`): string => `${number(count)} ${count === 1 ? one : more}`

/** `rolling-out` -> `Rolling out` */
export function title(word: string): string {
  const text = word.replace(/[-_]/g, ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** `sha256:0123…` -> `0123456789ab`; whatever is no digest stays. */
export const digest = (id: string): string => id.replace(/^sha(256|512):([0-9a-f]{12})[0-9a-f]*$/, '$2')

/** `0.8734` -> `87 %`; what rounds to nothing is not nothing. */
export function percent(share: number): string {
  const value = share * 100
  if (value > 0 && value < 0.1) return '< 0.1 %'
  if (value > 99 && value < 100) return `${Math.floor(value * 10) / 10} %`
  return `${value < 10 && value !== Math.round(value) ? value.toFixed(1) : Math.round(value)} %`
}

/** What an alert says without the name of its rule, where that stands beside it. */
export function withoutRule(message: string, rule: string | undefined): string {
  const rest = rule && message.startsWith(rule) ? message.slice(rule.length).replace(/^[\s|:,-]+/, '') : ''
  return rest || message
}

export const total = ({ critical, high, medium, low }: Counts): number => critical + high + medium + low

export const COVERAGE: Record<CoverageState, string> = {
  full: 'Fully looked at',
  partial: 'Partly looked at',
  'not-evaluated': 'Not looked at yet',
  unsupported: 'Cannot be looked at',
  failed: 'Could not be looked at',
}
