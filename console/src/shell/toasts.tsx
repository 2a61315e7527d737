// Short news that go away by themselves: something was done, or could not be.
import { Alert, AlertActionCloseButton, AlertGroup } from '@patternfly/react-core'
import { useSyncExternalStore } from 'react'

interface Toast {
  id: number
  variant: 'success' | 'danger' | 'info'
  title: string
  hint?: string | undefined
}

let toasts: readonly Toast[] = []
let next = 0
const listeners = new Set<() => void>()

function set(to: readonly Toast[]) {
  toasts = to
  for (const listener of listeners) listener()
}

export function say(variant: Toast['variant'], title: string, hint?: string) {
  set([...toasts.slice(-4), { id: next++, variant, title, hint }])
}

const drop = (id: number) => set(toasts.filter((one) => one.id !== id))

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => toasts,
  )
  return (
    <AlertGroup isToast isLiveRegion>
      {shown.map(({ id, variant, title, hint }) => (
        <Alert
          key={id}
          variant={variant}
          title={title}
          timeout={variant === 'danger' ? 15_000 : 6_000}
          onTimeout={() => drop(id)}
          actionClose={<AlertActionCloseButton title={title} onClose={() => drop(id)} />}
        >
          {hint}
        </Alert>
      ))}
    </AlertGroup>
  )
}
