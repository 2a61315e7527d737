// Every page, each in a chunk of its own.
import { Navigate, type RouteObject, useParams } from 'react-router'
import { SignedIn } from './shell/session'
import { Shell } from './shell/Shell'
import { Broken, Lost } from './shell/Lost'

/** A rule has no page: it is opened in the list. */
function RuleByName() {
  const { name = '' } = useParams()
  return <Navigate to={`/rules?q=${encodeURIComponent(name)}`} replace />
}

export const routes: RouteObject[] = [
  { path: '/login', lazy: () => import('./pages/Login'), errorElement: <Broken /> },
  {
    element: (
      <SignedIn>
        <Shell />
      </SignedIn>
    ),
    errorElement: <Broken />,
    hydrateFallbackElement: <></>,
    children: [
      {
        errorElement: <Broken />,
        children: [
          { path: '/', lazy: () => import('./pages/Home') },
          { path: '/plan', lazy: () => import('./pages/Plan') },
          { path: '/by-image', lazy: () => import('./pages/ByImage') },
          { path: '/by-team', lazy: () => import('./pages/ByTeam') },
          { path: '/vulnerabilities', lazy: () => import('./pages/Advisories') },
          { path: '/vulnerabilities/:rule', lazy: () => import('./pages/Advisory') },
          { path: '/findings', lazy: () => import('./pages/Findings') },
          { path: '/findings/:id', lazy: () => import('./pages/Finding') },
          { path: '/tree', lazy: () => import('./pages/Tree') },
          { path: '/reports', lazy: () => import('./pages/Reports') },
          { path: '/exceptions', lazy: () => import('./pages/Exceptions') },
          { path: '/policies', lazy: () => import('./pages/Policies') },
          { path: '/policies/new', lazy: () => import('./pages/NewPolicy') },
          { path: '/policies/:name', lazy: () => import('./pages/Policy') },
          { path: '/images', lazy: () => import('./pages/Images') },
          { path: '/images/:id/:tab?', lazy: () => import('./pages/Image') },
          { path: '/registries', lazy: () => import('./pages/Registries') },
          { path: '/registries/:name/:tab?', lazy: () => import('./pages/Registry') },
          { path: '/packages', lazy: () => import('./pages/Packages') },
          { path: '/packages/:kind/:name', lazy: () => import('./pages/Package') },
          { path: '/workloads', lazy: () => import('./pages/Workloads') },
          { path: '/workloads/:id/:tab?', lazy: () => import('./pages/Workload') },
          { path: '/containers', lazy: () => import('./pages/Containers') },
          { path: '/nodes', lazy: () => import('./pages/Nodes') },
          { path: '/nodes/:id', lazy: () => import('./pages/Node') },
          { path: '/incidents', lazy: () => import('./pages/Incidents') },
          { path: '/incidents/:id/:tab?', lazy: () => import('./pages/Incident') },
          { path: '/alerts', lazy: () => import('./pages/Alerts') },
          { path: '/events', lazy: () => import('./pages/Events') },
          { path: '/service-map', lazy: () => import('./pages/ServiceMap') },
          { path: '/attack', lazy: () => import('./pages/Attack') },
          { path: '/responses', lazy: () => import('./pages/Responses') },
          { path: '/rules', lazy: () => import('./pages/Rules') },
          { path: '/rules/test', lazy: () => import('./pages/RuleTest') },
          { path: '/rules/:name', element: <RuleByName /> },
          { path: '/configurations', lazy: () => import('./pages/Configurations') },
          { path: '/configurations/new', lazy: () => import('./pages/NewConfiguration') },
          { path: '/configurations/:version', lazy: () => import('./pages/Configuration') },
          { path: '/baselines', lazy: () => import('./pages/Baselines') },
          { path: '/baselines/:id', lazy: () => import('./pages/Baseline') },
          { path: '/settings/users', lazy: () => import('./pages/Users') },
          { path: '/settings/tokens', lazy: () => import('./pages/Tokens') },
          { path: '/settings/sinks', lazy: () => import('./pages/Sinks') },
          { path: '/settings/notifications', lazy: () => import('./pages/Notifications') },
          { path: '/settings/notifications/history', lazy: () => import('./pages/NotificationHistory') },
          { path: '/settings/sign-in', lazy: () => import('./pages/SignIn') },
          { path: '/settings/retention', lazy: () => import('./pages/Retention') },
          { path: '/settings/hubs', lazy: () => import('./pages/Hubs') },
          { path: '/settings/audit', lazy: () => import('./pages/Audit') },
          { path: '/settings', element: <Navigate to="/settings/users" replace /> },
          { path: '*', element: <Lost /> },
        ],
      },
    ],
  },
]
