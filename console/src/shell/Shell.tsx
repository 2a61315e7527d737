// The frame around every page: masthead, navigation, the page, the panel beside it.
import {
  Dropdown,
  DropdownGroup,
  DropdownItem,
  DropdownList,
  Masthead,
  MastheadBrand,
  MastheadContent,
  MastheadLogo,
  MastheadMain,
  MastheadToggle,
  MenuToggle,
  Nav,
  NavGroup,
  NavItem,
  NavList,
  Page,
  PageSidebar,
  PageSidebarBody,
  PageToggleButton,
  SkipToContent,
  ToggleGroup,
  ToggleGroupItem,
  Toolbar,
  ToolbarContent,
  ToolbarGroup,
  ToolbarItem,
} from '@patternfly/react-core'
import { Suspense, useEffect, useState } from 'react'
import { Link, Outlet, useLocation, useNavigate } from 'react-router'
import { send } from '../api/client'
import { type LiveState, useLive, useLiveState } from '../api/live'
import { queries } from '../api/query'
import { Waiting } from '../show/states'
import { isActive, NAV } from './nav'
import { PasswordForm } from './PasswordForm'
import { SearchBox } from './SearchBox'
import { SESSION, useMe } from './session'
import { SidePanelHost } from './SidePanel'
import { setTheme, type Theme, useSystemTheme, useTheme } from './theme'
import { Toasts } from './toasts'
import BarsIcon from '@patternfly/react-icons/dist/esm/icons/bars-icon'
import DesktopIcon from '@patternfly/react-icons/dist/esm/icons/desktop-icon'
import MoonIcon from '@patternfly/react-icons/dist/esm/icons/moon-icon'
import SunIcon from '@patternfly/react-icons/dist/esm/icons/sun-icon'
import UserIcon from '@patternfly/react-icons/dist/esm/icons/user-icon'

export function Shell() {
  useLive()
  useSystemTheme()
  const { pathname } = useLocation()
  useEffect(() => {
    document.querySelector('.side-main')?.scrollTo(0, 0)
  }, [pathname])
  return (
    <Page
      isManagedSidebar
      isContentFilled
      mainContainerId="main"
      masthead={<Top />}
      sidebar={<Side path={pathname} />}
      skipToContent={<SkipToContent href="#main">Skip to content</SkipToContent>}
    >
      <SidePanelHost>
        <Suspense fallback={<Waiting />}>
          <Outlet />
        </Suspense>
      </SidePanelHost>
      <Toasts />
    </Page>
  )
}

function Top() {
  return (
    <Masthead>
      <MastheadMain>
        <MastheadToggle>
          <PageToggleButton variant="plain" aria-label="Navigation">
            <BarsIcon />
          </PageToggleButton>
        </MastheadToggle>
        <MastheadBrand>
          <MastheadLogo component={(props) => <Link {...props} to="/" aria-label="Gabion: home" />}>
            <span className="brand">
              <img src="/favicon.svg" alt="" width="28" height="28" />
              Gabion
            </span>
          </MastheadLogo>
        </MastheadBrand>
      </MastheadMain>
      <MastheadContent>
        <Toolbar isFullHeight isStatic>
          <ToolbarContent>
            <ToolbarItem>
              <SearchBox />
            </ToolbarItem>
            <ToolbarGroup align={{ default: 'alignEnd' }} gap={{ default: 'gapMd' }}>
              <ToolbarItem>
                <Live />
              </ToolbarItem>
              <ToolbarItem>
                <ThemeChoice />
              </ToolbarItem>
              <ToolbarItem>
                <UserMenu />
              </ToolbarItem>
            </ToolbarGroup>
          </ToolbarContent>
        </Toolbar>
      </MastheadContent>
    </Masthead>
  )
}

const LIVE: Record<LiveState, [string, string]> = {
  connecting: ['Connecting', 'The first answer has not come yet'],
  live: ['Live', 'What is shown changes when it changes'],
  away: ['Not live', 'The connection to the hub is lost; it is being tried again. What is shown may be old'],
}

function Live() {
  const state = useLiveState()
  const [word, meaning] = LIVE[state]
  return (
    <span className={`live live-${state}`} title={meaning} role="status">
      <span className="live-dot" aria-hidden />
      {word}
    </span>
  )
}

const THEMES: [Theme, string, typeof SunIcon][] = [
  ['light', 'Light', SunIcon],
  ['dark', 'Dark', MoonIcon],
  ['system', 'As the system', DesktopIcon],
]

function ThemeChoice() {
  const theme = useTheme()
  return (
    <ToggleGroup isCompact aria-label="Colours">
      {THEMES.map(([value, label, Icon]) => (
        <ToggleGroupItem key={value} aria-label={label} icon={<Icon />} isSelected={theme === value} onChange={() => setTheme(value)} />
      ))}
    </ToggleGroup>
  )
}

function UserMenu() {
  const me = useMe()
  const navigate = useNavigate()
  const [open, setOpen] = useState(false)
  const [changing, setChanging] = useState(false)
  // A token has no password, and whom a provider vouches for has it there.
  const named = !me.name.startsWith('token ') && !me.name.startsWith('oidc:')
  const scope = [...me.owners.map((owner) => `owner ${owner}`), ...me.namespaces.map((name) => `namespace ${name}`)]
  const forget = () => {
    queries.clear()
    queries.removeQueries({ queryKey: SESSION })
    void navigate('/login')
  }
  const leave = async () => {
    await send('DELETE', '/session').catch(() => {})
    forget()
  }
  return (
    <>
      <Dropdown
        isOpen={open}
        onOpenChange={setOpen}
        onSelect={() => setOpen(false)}
        popperProps={{ position: 'right' }}
        toggle={(ref) => (
          <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)} icon={<UserIcon />}>
            {me.name}
          </MenuToggle>
        )}
      >
        <DropdownGroup label={`${me.role}${scope.length > 0 ? `, only ${scope.join(', ')}` : ''}`}>
          <DropdownList>
            <DropdownItem to="/api/v1/openapi.json" target="_blank" rel="noreferrer">
              API description
            </DropdownItem>
            {named && <DropdownItem onClick={() => setChanging(true)}>Change your password</DropdownItem>}
            <DropdownItem description={`Gabion ${me.version}`} onClick={() => void leave()}>
              Log out
            </DropdownItem>
          </DropdownList>
        </DropdownGroup>
      </Dropdown>
      {changing && <PasswordForm close={() => setChanging(false)} leave={forget} />}
    </>
  )
}

function Side({ path }: { path: string }) {
  return (
    <PageSidebar>
      <PageSidebarBody>
        <Nav aria-label="Pages">
          {NAV.map(({ title, links }) => {
            const items = links.map((link) => (
              <NavItem key={link.to} isActive={isActive(link, path)} itemId={link.to}>
                <Link to={link.to}>{link.title}</Link>
              </NavItem>
            ))
            return title ? (
              <NavGroup key={title} title={title}>
                {items}
              </NavGroup>
            ) : (
              <NavList key="top">{items}</NavList>
            )
          })}
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  )
}
