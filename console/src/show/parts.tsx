// Parts that many pages are made of.
import {
  Card,
  CardBody,
  CardHeader,
  CardTitle,
  ClipboardCopyButton,
  CodeBlock,
  CodeBlockAction,
  CodeBlockCode,
  DescriptionList,
  DescriptionListDescription,
  DescriptionListGroup,
  DescriptionListTerm,
} from '@patternfly/react-core'
import { type ReactNode, useId, useState } from 'react'
import { Link } from 'react-router'
import { NODE_ID, useNodeNames } from './nodes'
import { digest } from './words'

/** A box with a heading. */
export function Panel({
  title,
  action,
  children,
  flush,
}: {
  title: ReactNode
  action?: ReactNode
  children: ReactNode
  /** What is inside reaches to the edges, as a table does. */
  flush?: boolean
}) {
  return (
    <Card isCompact className={flush ? 'panel panel-flush' : 'panel'}>
      <CardHeader {...(action ? { actions: { actions: action, hasNoOffset: true } } : {})}>
        <CardTitle component="h2">{title}</CardTitle>
      </CardHeader>
      <CardBody>{children}</CardBody>
    </Card>
  )
}

export type Fact = readonly [term: string, value: ReactNode]

/** What is known, as terms and values. What is absent is said to be unknown. */
export function Facts({ facts, columns = 1 }: { facts: readonly Fact[]; columns?: 1 | 2 | 3 }) {
  return (
    <DescriptionList isCompact isHorizontal={columns === 1} columnModifier={{ lg: `${columns}Col` }} className="facts">
      {facts.map(([term, value]) => (
        <DescriptionListGroup key={term}>
          <DescriptionListTerm>{term}</DescriptionListTerm>
          <DescriptionListDescription>
            {value === undefined || value === '' ? <span className="dim">not known</span> : value}
          </DescriptionListDescription>
        </DescriptionListGroup>
      ))}
    </DescriptionList>
  )
}

/** Text that can be copied. */
export function Copyable({ text }: { text: string }) {
  const id = useId()
  const [copied, setCopied] = useState(false)
  return (
    <CodeBlock
      className="copyable"
      actions={
        <CodeBlockAction>
          <ClipboardCopyButton
            id={`${id}-button`}
            textId={id}
            aria-label="Copy to clipboard"
            variant="plain"
            exitDelay={copied ? 1500 : 600}
            onTooltipHidden={() => setCopied(false)}
            onClick={() => {
              void copy(text)
              setCopied(true)
            }}
          >
            {copied ? 'Copied' : 'Copy'}
          </ClipboardCopyButton>
        </CodeBlockAction>
      }
    >
      <CodeBlockCode id={id}>{text}</CodeBlockCode>
    </CodeBlock>
  )
}

/** The clipboard is only there on a safe connection. */
async function copy(text: string) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  document.execCommand('copy')
  area.remove()
}

const to = (...parts: string[]) => `/${parts.map(encodeURIComponent).join('/')}`

/** An image may be called after the node that has it, as what a container is made of where its image is not known. */
export function ImageName({ name }: { name: string }) {
  const { nameOf } = useNodeNames()
  return <>{name.replace(NODE_ID, nameOf)}</>
}

export const ImageLink = ({ id, name }: { id: string; name?: string | undefined }) => (
  <Link to={to('images', id)} className="break">
    <ImageName name={name || digest(id)} />
  </Link>
)

export const WorkloadLink = ({ id, name }: { id: string; name?: string }) => (
  <Link to={to('workloads', id)} className="break">
    {name ?? id}
  </Link>
)

export const AdvisoryLink = ({ rule }: { rule: string }) => (
  <Link to={to('vulnerabilities', rule)} className="nowrap">
    {rule}
  </Link>
)

/** What is not known, or nobody's. */
export const Dim = ({ children }: { children: ReactNode }) => <span className="dim">{children}</span>

export const OwnerName = ({ owner }: { owner: string | undefined }) => (owner ? <span>{owner}</span> : <Dim>nobody</Dim>)

/** A few of many. */
export function Few({ items, show = 2 }: { items: readonly string[]; show?: number }) {
  if (items.length === 0) return <Dim>none</Dim>
  return (
    <span title={items.join('\n')}>
      {items.slice(0, show).join(', ')}
      {items.length > show && <span className="dim"> +{items.length - show}</span>}
    </span>
  )
}
