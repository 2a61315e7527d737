// One stream of "something has changed" for the whole console. What is on the screen and belongs to that topic is asked for
// again, at most once in two seconds, so that a storm of alerts is not a storm of requests.
import { useEffect, useSyncExternalStore } from 'react'
import { API } from './client'
import { queries } from './query'
import { TOPICS, type Topic } from './types'

export type LiveState = 'connecting' | 'live' | 'away'

const PAUSE = 2_000

let state: LiveState = 'connecting'
const listeners = new Set<() => void>()

function become(next: LiveState) {
  if (next === state) return
  state = next
  for (const listener of listeners) listener()
}

function refresh(topics: ReadonlySet<Topic>) {
  void queries.invalidateQueries({ predicate: ({ meta }) => meta?.topics?.some((topic) => topics.has(topic)) ?? false })
}

/** Listens until told to stop. */
function listen(): () => void {
  let source: EventSource | undefined
  let retry: number | undefined
  let timer: number | undefined
  const changed = new Set<Topic>()

  const flush = () => {
    timer = undefined
    refresh(new Set(changed))
    changed.clear()
  }
  const open = () => {
    source = new EventSource(`${API}/live`)
    source.onopen = () => {
      // While we did not listen anything may have changed.
      if (state === 'away') refresh(new Set(TOPICS))
      become('live')
    }
    source.onerror = () => {
      become('away')
      // A browser gives up for good when the answer is not a stream, as after a restart of the hub.
      if (source?.readyState === EventSource.CLOSED) retry = window.setTimeout(open, 5_000)
    }
    for (const topic of TOPICS) {
      source.addEventListener(topic, () => {
        changed.add(topic)
        timer ??= window.setTimeout(flush, PAUSE)
      })
    }
  }
  open()
  return () => {
    source?.close()
    window.clearTimeout(retry)
    window.clearTimeout(timer)
  }
}

/** To be used once, by the shell. */
export function useLive() {
  useEffect(listen, [])
}

export function useLiveState(): LiveState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => state,
  )
}
