// Questions to the hub as hooks. Each names the topics that make its answer old; `live.ts` listens for these.
import { keepPreviousData, QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { say } from '../shell/toasts'
import { ApiError, get, type Params, send } from './client'
import type { Topic } from './types'

declare module '@tanstack/react-query' {
  interface Register {
    defaultError: ApiError
    queryMeta: { topics?: readonly Topic[] }
  }
}

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (count, error) => count < 2 && (error.status === 0 || error.status >= 502),
    },
  },
})

/**
 * What is known of one thing. `path` is undefined while it is not known what to ask for. With `keep` the last answer stays until
 * the next is there: for the same thing asked for otherwise, never for another thing.
 */
export function useGet<T>(topics: readonly Topic[], path: string | undefined, params: Params = {}, keep = false) {
  return useQuery<T>({
    queryKey: ['get', path, params],
    queryFn: ({ signal }) => get<T>(path ?? '', params, signal),
    enabled: path !== undefined,
    ...(keep && { placeholderData: keepPreviousData }),
    meta: { topics },
  })
}

interface Change<Body, Answer> {
  method: 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  path: string | ((body: Body) => string)
  /** What is said when it is done. */
  done?: string | ((answer: Answer, body: Body) => string)
  then?: (answer: Answer, body: Body) => void
  /** What is sent, if it is not the body as it is. */
  body?: (body: Body) => unknown
}

/** Something that changes something: says so, and makes everything be asked for again. */
export function useChange<Body = void, Answer = void>({ method, path, done, then, body }: Change<Body, Answer>) {
  const client = useQueryClient()
  return useMutation<Answer, ApiError, Body>({
    mutationFn: (value) => send<Answer>(method, typeof path === 'function' ? path(value) : path, body ? body(value) : (value ?? undefined)),
    onSuccess: (answer, value) => {
      if (done) say('success', typeof done === 'function' ? done(answer, value) : done)
      void client.invalidateQueries({ queryKey: ['get'] })
      void client.invalidateQueries({ queryKey: ['list'] })
      then?.(answer, value)
    },
    onError: (error) => {
      say('danger', error.message, error.hint)
    },
  })
}
