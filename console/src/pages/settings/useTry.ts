// What is told to others can be tried: a message goes out now, and what was said to it is shown.
import { useChange } from '../../api/query'
import type { SinkTest } from '../../api/types'
import { say } from '../../shell/toasts'

/** `path` is that of the thing by this name; `trying` is the one that is being tried. */
export function useTry(path: (name: string) => string) {
  const test = useChange<string, SinkTest>({
    method: 'POST',
    path: (name) => `${path(name)}/test`,
    body: () => ({}),
    then: ({ taken, said }, name) => say(taken ? 'success' : 'danger', `${name}: ${said}`),
  })
  return { test: (name: string) => test.mutate(name), trying: test.isPending ? test.variables : undefined }
}
