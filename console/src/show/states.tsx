// What is on the screen while there is nothing else: being asked for, failed, not there.
import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, Skeleton } from '@patternfly/react-core'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ComponentType, ReactNode } from 'react'
import type { ApiError } from '../api/client'
import CubesIcon from '@patternfly/react-icons/dist/esm/icons/cubes-icon'
import ExclamationCircleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon'
import LockIcon from '@patternfly/react-icons/dist/esm/icons/lock-icon'
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon'

export function Failed({ error, retry }: { error: ApiError; retry?: () => void }) {
  const denied = error.status === 403
  const missing = error.status === 404
  return (
    <EmptyState
      headingLevel="h2"
      status={denied || missing ? 'info' : 'danger'}
      icon={denied ? LockIcon : missing ? SearchIcon : ExclamationCircleIcon}
      titleText={denied ? 'You may not see this' : missing ? 'There is no such thing' : 'This could not be loaded'}
    >
      <EmptyStateBody>
        {sentence(error.message)}
        {error.hint && ` ${sentence(error.hint)}`}
        {denied && !error.hint && ' Ask an administrator for a role that may.'}
      </EmptyStateBody>
      {retry && !denied && !missing && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button variant="primary" onClick={retry}>
              Try again
            </Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  )
}

/** `no such node` -> `No such node.` */
export function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(whole) ? whole : `${whole}.`
}

export function Nothing({
  title,
  icon = CubesIcon,
  children,
  action,
}: {
  title: string
  icon?: ComponentType
  children?: ReactNode
  action?: ReactNode
}) {
  return (
    <EmptyState headingLevel="h2" titleText={title} icon={icon} variant="sm">
      {children && <EmptyStateBody>{children}</EmptyStateBody>}
      {action && (
        <EmptyStateFooter>
          <EmptyStateActions>{action}</EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  )
}

export function Waiting({ lines = 6 }: { lines?: number }) {
  return (
    <div className="waiting" aria-busy="true" aria-live="polite">
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} width={`${95 - ((line * 17) % 50)}%`} screenreaderText={line === 0 ? 'Loading' : ''} />
      ))}
    </div>
  )
}

/** Shows the answer, or why there is none yet. */
export function Answer<T>({
  of,
  lines,
  children,
}: {
  of: UseQueryResult<T, ApiError>
  lines?: number
  children: (answer: T) => ReactNode
}) {
  if (of.data !== undefined) return children(of.data)
  if (of.error) return <Failed error={of.error} retry={() => void of.refetch()} />
  return <Waiting {...(lines !== undefined && { lines })} />
}
