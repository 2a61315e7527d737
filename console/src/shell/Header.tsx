// The head of a page: where it is, what it is called, what can be done, its tabs.
import { Breadcrumb, BreadcrumbItem, PageSection, Title } from '@patternfly/react-core'
import { type ReactNode, useEffect } from 'react'
import { Link } from 'react-router'

export interface HeaderProps {
  title: string
  /** What stands beside the title. */
  labels?: ReactNode
  /** One sentence. */
  about?: ReactNode
  actions?: ReactNode
  /** The pages above this one. */
  above?: readonly (readonly [title: string, to: string])[]
  tabs?: readonly (readonly [to: string, title: ReactNode])[]
  tab?: string
}

export function Header({ title, labels, about, actions, above, tabs, tab }: HeaderProps) {
  useEffect(() => {
    document.title = `${title} · Gabion`
  }, [title])
  return (
    <>
      <PageSection className={tabs ? 'head head-tabs' : 'head'} hasBodyWrapper={false}>
        {above && (
          <Breadcrumb>
            {above.map(([name, to]) => (
              <BreadcrumbItem key={to}>
                <Link to={to}>{name}</Link>
              </BreadcrumbItem>
            ))}
            <BreadcrumbItem isActive>{title}</BreadcrumbItem>
          </Breadcrumb>
        )}
        <div className="head-top">
          <div className="head-line">
            <Title headingLevel="h1" size="2xl" className="break">
              {title}
            </Title>
            {labels && <span className="head-labels">{labels}</span>}
          </div>
          {actions && <div className="head-actions">{actions}</div>}
        </div>
        {about && <p className="head-about">{about}</p>}
      </PageSection>
      {tabs && (
        <nav className="tabs" aria-label={`Parts of ${title}`}>
          {tabs.map(([to, name]) => (
            <Link key={to} to={to} className="tab" {...(to === tab && { 'aria-current': 'page' as const })}>
              {name}
            </Link>
          ))}
        </nav>
      )}
    </>
  )
}

/** What is beneath the head. */
export function Body({ children }: { children: ReactNode }) {
  return (
    <PageSection hasBodyWrapper={false} isFilled className="body">
      {children}
    </PageSection>
  )
}
