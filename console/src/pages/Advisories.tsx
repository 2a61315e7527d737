import { Link } from 'react-router'
import { type Advisory, SEVERITIES } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Body } from '../shell/Header'
import { Priority, SeverityLabel, Threat } from '../show/labels'
import { AdvisoryLink } from '../show/parts'
import { Nothing } from '../show/states'
import { When } from '../show/When'
import { number, title } from '../show/words'
import { VulnerabilityHeader } from './finding/VulnerabilityHeader'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'CVE or title' },
  { kind: 'choice', key: 'severity', label: 'Severity', options: SEVERITIES.map((one) => [one, title(one)]) },
  {
    kind: 'flags',
    label: 'Only',
    options: [
      ['exploited', 'Known exploited'],
      ['fixable', 'With a fix'],
    ],
  },
]

const COLUMNS: readonly Column<Advisory>[] = [
  { title: 'Priority', sort: 'priority', descending: true, cell: ({ priority }) => <Priority value={priority} /> },
  { title: 'Severity', sort: 'severity', descending: true, cell: ({ severity }) => <SeverityLabel severity={severity} /> },
  {
    title: 'Advisory',
    sort: 'rule',
    width: 45,
    cell: ({ rule, title: what, exploited, epss }) => (
      <div className="two">
        <span>
          <AdvisoryLink rule={rule} /> <Threat exploited={exploited} epss={epss} />
        </span>
        <span className="dim clip" title={what}>
          {what}
        </span>
      </div>
    ),
  },
  { title: 'Fix', cell: ({ fixable }) => (fixable ? 'there is one' : <span className="dim">none yet</span>) },
  { title: 'Images', sort: 'repositories', descending: true, right: true, cell: ({ repositories }) => number(repositories) },
  { title: 'Running', sort: 'running', descending: true, right: true, cell: ({ running }) => number(running) },
  { title: 'Seen', sort: 'first_seen', descending: true, cell: ({ first_seen }) => <When time={first_seen} /> },
]

export function Component() {
  return (
    <>
      <VulnerabilityHeader tab="/vulnerabilities" />
      <Body>
        <List<Advisory>
          path="/vulnerabilities"
          topics={['findings', 'workloads']}
          noun="advisory"
          nouns="advisories"
          filters={FILTERS}
          order="-priority"
          columns={COLUMNS}
          id={({ rule }) => rule}
          empty={
            <Nothing title="No vulnerability was found yet">
              Either nothing was scanned, or nothing is open: see <Link to="/images">Images</Link> for what was looked at.
            </Nothing>
          }
        />
      </Body>
    </>
  )
}
