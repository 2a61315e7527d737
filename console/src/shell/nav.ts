// The pages, grouped by the job they are for.

export interface NavLinkTo {
  title: string
  to: string
  /** Other pages that belong to it. */
  also?: readonly string[]
}

export interface NavGroupOf {
  title?: string
  links: readonly NavLinkTo[]
}

export const NAV: readonly NavGroupOf[] = [
  { links: [{ title: 'Home', to: '/' }] },
  {
    title: 'Fix',
    links: [
      { title: 'Vulnerabilities', to: '/plan', also: ['/findings', '/vulnerabilities', '/by-image', '/by-team'] },
      { title: 'Image tree', to: '/tree' },
      { title: 'Policies', to: '/policies' },
      { title: 'Exceptions', to: '/exceptions' },
      { title: 'Reports', to: '/reports' },
    ],
  },
  {
    title: 'Inventory',
    links: [
      { title: 'Images', to: '/images' },
      { title: 'Registries', to: '/registries' },
      { title: 'Packages', to: '/packages' },
      { title: 'Workloads', to: '/workloads' },
      { title: 'Containers', to: '/containers' },
      { title: 'Nodes', to: '/nodes' },
    ],
  },
  {
    title: 'Detect and respond',
    links: [
      { title: 'Incidents', to: '/incidents' },
      { title: 'Alerts', to: '/alerts' },
      { title: 'Events', to: '/events' },
      { title: 'Service map', to: '/service-map' },
      { title: 'ATT&CK', to: '/attack' },
      { title: 'Responses', to: '/responses' },
    ],
  },
  {
    title: 'Configure',
    links: [
      { title: 'Rules', to: '/rules' },
      { title: 'Configuration', to: '/configurations' },
      { title: 'Baselines', to: '/baselines' },
      { title: 'Settings', to: '/settings/users', also: ['/settings'] },
    ],
  },
]

export function isActive({ to, also = [] }: NavLinkTo, path: string): boolean {
  return [to, ...also].some((one) => path === one || (one !== '/' && path.startsWith(`${one}/`)))
}
