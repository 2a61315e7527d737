import { Label } from '@patternfly/react-core'
import { Link, useNavigate } from 'react-router'
import type { Rule } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Copyable, Facts } from '../show/parts'
import { Nothing } from '../show/states'
import { number, title } from '../show/words'
import { Techniques } from './alert/AlertList'

/** Falco's words, the worst first. */
const PRIORITIES = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'informational', 'debug'] as const

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'Name, description, tag' },
  { kind: 'choice', key: 'priority', label: 'Priority', options: PRIORITIES.map((one) => [one, title(one)]) },
  { kind: 'flags', label: 'Only', options: [['enabled', 'Enabled']] },
]

const isTechnique = (tag: string) => /^T\d{4}/.test(tag)

const COLUMNS: readonly Column<Rule>[] = [
  {
    title: 'Rule',
    width: 50,
    cell: ({ name, description }) => (
      <div className="two">
        <b className="break">{name}</b>
        <span className="dim clip" title={description}>
          {description}
        </span>
      </div>
    ),
  },
  { title: 'Priority', cell: ({ priority }) => title(priority.toLowerCase()) },
  {
    title: 'ATT&CK',
    cell: ({ tags }) => (
      <span className="counts">
        <Techniques ids={tags.filter(isTechnique)} />
      </span>
    ),
  },
  {
    title: 'Judged by',
    cell: ({ enabled }) => (
      <Label isCompact color={enabled ? 'green' : 'grey'} variant={enabled ? 'filled' : 'outline'}>
        {enabled ? 'Enabled' : 'Disabled'}
      </Label>
    ),
  },
  { title: 'From', cell: ({ source }) => (source === 'Gabion' ? source : <Link to={`/configurations/${source.slice(1)}`}>{source}</Link>) },
  {
    title: 'Alerts, 7 d',
    right: true,
    cell: ({ name, alerts }) => (alerts > 0 ? <Link to={`/alerts?rule=${encodeURIComponent(name)}`}>{number(alerts)}</Link> : '0'),
  },
]

/** A version in which it is turned off, or on. */
function turned({ name, enabled }: Rule): string {
  const text = `- rule: ${JSON.stringify(name)}\n  enabled: ${enabled ? 'false' : 'true'}\n  override:\n    enabled: replace`
  return `/configurations/new?add=${encodeURIComponent(text)}`
}

export function Component() {
  const navigate = useNavigate()
  return (
    <>
      <Header
        title="Rules"
        about="By these the agents judge what happens. They are in Falco's language."
        actions={
          <>
            <Guarded need="operator" onClick={() => void navigate('/configurations/new')}>
              Add rules
            </Guarded>
            <Guarded need="operator" variant="secondary" onClick={() => void navigate('/rules/test')}>
              Test on recorded events
            </Guarded>
          </>
        }
      />
      <Body>
        <List<Rule>
          path="/rules"
          topics={['nodes', 'alerts']}
          noun="rule"
          filters={FILTERS}
          columns={COLUMNS}
          id={({ name }) => name}
          more={(rule) => (
            <div className="stack">
              <p className="break">{rule.description}</p>
              <Facts
                facts={[
                  [
                    'Says',
                    <code key="output" className="break">
                      {rule.output}
                    </code>,
                  ],
                  [
                    'Tags',
                    <span key="tags" className="counts">
                      {rule.tags.map((tag) => (
                        <Label key={tag} isCompact>
                          {tag}
                        </Label>
                      ))}
                    </span>,
                  ],
                ]}
              />
              <Copyable text={rule.condition} />
              <div className="buttons">
                <Guarded need="operator" variant="secondary" size="sm" onClick={() => void navigate(turned(rule))}>
                  {rule.enabled ? 'Turn it off…' : 'Turn it on…'}
                </Guarded>
                <span className="dim">by a version that is rolled out; there you see it before it happens</span>
              </div>
            </div>
          )}
          empty={<Nothing title="No agent has told its rules yet">They are known when a node is connected.</Nothing>}
        />
      </Body>
    </>
  )
}
