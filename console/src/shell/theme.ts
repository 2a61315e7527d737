// Light, dark, or as the system has it. `public/theme.js` does the same before anything is drawn.
import { useEffect, useSyncExternalStore } from 'react'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'gabion.theme'
const system = window.matchMedia('(prefers-color-scheme: dark)')
const listeners = new Set<() => void>()

export function theme(): Theme {
  const kept = localStorage.getItem(KEY)
  return kept === 'light' || kept === 'dark' ? kept : 'system'
}

export function setTheme(to: Theme) {
  if (to === 'system') localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, to)
  apply()
}

const isDark = () => document.documentElement.classList.contains('pf-v6-theme-dark')

function apply() {
  const chosen = theme()
  document.documentElement.classList.toggle('pf-v6-theme-dark', chosen === 'dark' || (chosen === 'system' && system.matches))
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** To be used once, by the shell. */
export function useSystemTheme() {
  useEffect(() => {
    system.addEventListener('change', apply)
    return () => system.removeEventListener('change', apply)
  }, [])
}

export const useTheme = (): Theme => useSyncExternalStore(subscribe, theme)
export const useDark = (): boolean => useSyncExternalStore(subscribe, isDark)
