// What a list is narrowed by lives in the address, so that it can be bookmarked, sent to somebody and gone back to.
//
//   /findings?severity=critical,high&exploited=true&owner=shop&sort=-priority
import { useCallback, useMemo } from 'react'
import { useSearchParams } from 'react-router'

export type Filter =
  /** Some text; several of these share one box. */
  | { kind: 'text'; key: string; label: string; hint?: string }
  /** Some of a few words. */
  | { kind: 'choice'; key: string; label: string; options: readonly (readonly [value: string, label: string])[]; one?: boolean }
  /** Things that are so or not, each a key of its own. */
  | { kind: 'flags'; label: string; options: readonly (readonly [key: string, label: string])[] }

export type Values = Readonly<Record<string, string>>

/** All keys that the filters know, and that of the order. */
export function keysOf(filters: readonly Filter[]): string[] {
  return [...filters.flatMap((one) => (one.kind === 'flags' ? one.options.map(([key]) => key) : [one.key])), 'sort']
}

/** What of an address is meant for the filters. */
export function valuesOf(query: URLSearchParams, filters: readonly Filter[]): Values {
  const values: Record<string, string> = {}
  for (const key of keysOf(filters)) {
    const value = query.get(key)
    if (value) values[key] = value
  }
  return values
}

/** `critical,high` with or without `high`. */
export function toggled(list: string | undefined, value: string): string {
  const values = parts(list)
  return (values.includes(value) ? values.filter((one) => one !== value) : [...values, value]).join(',')
}

export const parts = (list: string | undefined): string[] => (list ? list.split(',') : [])

export interface Chip {
  key: string
  label: string
  text: string
  /** What is left of the key without it; empty: nothing. */
  without: string
}

/** What is set, one by one. */
export function chipsOf(values: Values, filters: readonly Filter[]): Chip[] {
  return filters.flatMap((filter): Chip[] => {
    switch (filter.kind) {
      case 'text': {
        const text = values[filter.key]
        return text ? [{ key: filter.key, label: filter.label, text, without: '' }] : []
      }
      case 'choice':
        return parts(values[filter.key]).map((value) => ({
          key: filter.key,
          label: filter.label,
          text: filter.options.find(([one]) => one === value)?.[1] ?? value,
          without: toggled(values[filter.key], value),
        }))
      case 'flags':
        return filter.options
          .filter(([key]) => values[key])
          .map(([key, label]) => ({
            key,
            label: filter.label,
            text: values[key] === 'true' ? label : `not: ${label}`,
            without: '',
          }))
    }
  })
}

/** The filters as the address has them, and how to change it. */
export function useFilters(filters: readonly Filter[]) {
  const [query, setQuery] = useSearchParams()
  const values = useMemo(() => valuesOf(query, filters), [query, filters])
  const set = useCallback(
    (key: string, value: string) => {
      setQuery(
        (old) => {
          const next = new URLSearchParams(old)
          if (value) next.set(key, value)
          else next.delete(key)
          return next
        },
        { replace: true },
      )
    },
    [setQuery],
  )
  const clear = useCallback(() => {
    setQuery(
      (old) => {
        const next = new URLSearchParams(old)
        for (const key of keysOf(filters)) if (key !== 'sort') next.delete(key)
        return next
      },
      { replace: true },
    )
  }, [setQuery, filters])
  return { values, set, clear }
}
