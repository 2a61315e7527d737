import type { ReactNode } from 'react'
import { Link } from 'react-router'
import type { Role } from '../../api/types'
import { Header } from '../../shell/Header'
import { Dim } from '../../show/parts'

const TABS = [
  ['/settings/users', 'Users'],
  ['/settings/tokens', 'Tokens'],
  ['/settings/sinks', 'Sinks'],
  ['/settings/notifications', 'Notifications'],
  ['/settings/sign-in', 'Sign-in'],
  ['/settings/retention', 'Retention'],
  ['/settings/hubs', 'Hubs'],
  ['/settings/audit', 'Audit log'],
] as const

export function SettingsHeader({ tab, actions }: { tab: (typeof TABS)[number][0]; actions?: ReactNode }) {
  return (
    <Header
      title="Settings"
      about="Who may do what, who has done what, and which other systems are told."
      actions={actions}
      tabs={TABS}
      tab={tab}
    />
  )
}

const VIEWS = [
  ['rules', '/settings/notifications', 'Rules'],
  ['history', '/settings/notifications/history', 'What was sent'],
] as const

/** The rules, or what became of what they told. */
export function NotificationViews({ at }: { at: (typeof VIEWS)[number][0] }) {
  return (
    <nav className="buttons views" aria-label="Notifications">
      {VIEWS.map(([key, to, name]) => (
        <Link key={key} to={to} className="tab" {...(key === at && { 'aria-current': 'page' as const })}>
          {name}
        </Link>
      ))}
    </nav>
  )
}

export const ROLE_MEANING: Record<Role, string> = {
  scanner: 'Scanner: to send scans, and nothing else',
  viewer: 'Viewer: to look',
  triager: 'Triager: also to plan, to make exceptions, to deal with alerts',
  operator: 'Operator: also to act on nodes',
  admin: 'Admin: also to say who may do what',
}

/** What somebody sees; all, if nothing is said. */
export function Scope({ owners, namespaces }: { owners: readonly string[]; namespaces: readonly string[] }) {
  if (owners.length + namespaces.length === 0) return <Dim>everything</Dim>
  return (
    <span className="break">
      {owners.length > 0 && `owner ${owners.join(', ')}`}
      {owners.length > 0 && namespaces.length > 0 && '; '}
      {namespaces.length > 0 && `namespace ${namespaces.join(', ')}`}
    </span>
  )
}

/** `shop, web` -> two words. */
export const list = (text: string): string[] =>
  text
    .split(/[\s,]+/)
    .map((one) => one.trim())
    .filter(Boolean)
