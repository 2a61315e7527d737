// Which entry of a list is open in the panel beside it: `?open=ID` in the address.
import { useCallback } from 'react'
import { type To, useLocation, useSearchParams } from 'react-router'

export function useOpen(): { open: string | null; linkTo: (id: string) => To; close: () => void } {
  const [query, setQuery] = useSearchParams()
  const { pathname } = useLocation()
  const linkTo = (id: string): To => {
    const next = new URLSearchParams(query)
    next.set('open', id)
    return { pathname, search: next.toString() }
  }
  const close = useCallback(() => {
    setQuery((old) => {
      const next = new URLSearchParams(old)
      next.delete('open')
      return next
    })
  }, [setQuery])
  return { open: query.get('open'), linkTo, close }
}
