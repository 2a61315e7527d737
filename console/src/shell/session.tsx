// Who is in, and what they may do. The hub decides; the console only does not offer what would be refused.
import { Button, type ButtonProps, Tooltip } from '@patternfly/react-core'
import { useQuery } from '@tanstack/react-query'
import { createContext, type ReactNode, useContext } from 'react'
import { Navigate, useLocation } from 'react-router'
import { type ApiError, get, keepToken } from '../api/client'
import { type Me, type Role, ROLES } from '../api/types'
import { Failed } from '../show/states'

const Session = createContext<Me | undefined>(undefined)

export const SESSION = ['session']

export function useSession() {
  return useQuery<Me, ApiError>({
    queryKey: SESSION,
    queryFn: async ({ signal }) => {
      const me = await get<Me>('/session', {}, signal)
      keepToken(me.csrf)
      return me
    },
    staleTime: Infinity,
    retry: false,
  })
}

/** What is inside is only for those who are in. */
export function SignedIn({ children }: { children: ReactNode }) {
  const session = useSession()
  const { pathname, search } = useLocation()
  if (session.data && session.error?.status !== 401) return <Session value={session.data}>{children}</Session>
  if (session.error?.status === 401) {
    return <Navigate to="/login" replace state={{ from: pathname + search }} />
  }
  if (session.error) return <Failed error={session.error} retry={() => void session.refetch()} />
  return null
}

export function useMe(): Me {
  const me = useContext(Session)
  if (!me) throw new Error('nobody is in')
  return me
}

export function useMay(role: Role): boolean {
  return ROLES.indexOf(useMe().role) >= ROLES.indexOf(role)
}

/** A button for what not everybody may do. */
export function Guarded({ need, ...button }: ButtonProps & { need: Role }) {
  const may = useMay(need)
  if (may) return <Button {...button} />
  return (
    <Tooltip content={`This needs the role ${need}`}>
      <Button {...button} isAriaDisabled />
    </Tooltip>
  )
}
