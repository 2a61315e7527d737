// Searches that somebody wants to have again. They stay in this browser.
import { useCallback, useState } from 'react'

export interface Saved {
  name: string
  /** What stands behind the question mark. */
  search: string
}

const KEY = 'gabion.searches'

function read(): Saved[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    if (!Array.isArray(kept)) return []
    return kept.filter((one): one is Saved => typeof one?.name === 'string' && typeof one?.search === 'string')
  } catch {
    return []
  }
}

export function useSaved() {
  const [saved, set] = useState(read)
  const keep = useCallback((next: Saved[]) => {
    localStorage.setItem(KEY, JSON.stringify(next))
    set(next)
  }, [])
  return {
    saved,
    add: (one: Saved) => keep([...saved.filter(({ name }) => name !== one.name), one]),
    remove: (name: string) => keep(saved.filter((one) => one.name !== name)),
  }
}
