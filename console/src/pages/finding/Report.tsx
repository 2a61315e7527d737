// What a finding rests on, as the scan reported it: the evidence, what was compared, what its priority is made of.
import { ExpandableSection, Label } from '@patternfly/react-core'
import type { Evidence, Match, Report as ReportOf } from '../../api/types'
import type { Column } from '../../list/List'
import { Grid } from '../../show/Grid'
import { Dim, type Fact, Facts, Panel } from '../../show/parts'
import { percent } from '../../show/words'

const EVIDENCE: Column<Evidence>[] = [
  {
    title: 'Place',
    cell: ({ place, line }) => (
      <code className="break">
        {place}
        {line !== undefined && `:${line}`}
      </code>
    ),
  },
  { title: 'Layer', cell: ({ layer }) => (layer === undefined ? <Dim>not known</Dim> : layer + 1) },
  {
    title: 'Seen there',
    cell: ({ detail, package: of, removed }) => (
      <span className="break">
        {detail ?? (of ? `${of.name} ${of.version} (${of.kind})` : '')}
        {removed && <Dim> · removed by a later layer, can still be extracted</Dim>}
      </span>
    ),
  },
]

const MATCHES: Column<Match>[] = [
  { title: 'Advisory', cell: ({ advisory }) => advisory },
  { title: 'Source', cell: ({ source, ecosystem }) => `${source}, ${ecosystem}` },
  { title: 'Package', cell: ({ package: name }) => <span className="break">{name}</span> },
  { title: 'Found', cell: ({ version }) => <code>{version}</code> },
  { title: 'Affected', cell: ({ range }) => <code>{range}</code> },
  { title: 'Compared as', cell: ({ comparator }) => comparator || 'text' },
]

export function Report({ report }: { report: ReportOf }) {
  const about = report.vulnerability
  return (
    <>
      {about && (
        <Panel title="The vulnerability">
          <Facts facts={facts(about)} />
        </Panel>
      )}
      {about?.matches && about.matches.length > 0 && (
        <Panel title="What was compared" flush>
          <Grid label="Matches" columns={MATCHES} items={about.matches} id={(match) => JSON.stringify(match)} />
        </Panel>
      )}
      {report.evidence && report.evidence.length > 0 && (
        <Panel title="Evidence" flush>
          <Grid label="Evidence" columns={EVIDENCE} items={report.evidence} id={(one) => JSON.stringify(one)} />
        </Panel>
      )}
      {about?.priority && (
        <Panel title={`Why its priority is ${about.priority.score}`}>
          <ul className="factors">
            {about.priority.factors.map(({ name, points, why }) => (
              <li key={name}>
                <b>{points > 0 ? `+${points}` : points}</b> {name} <Dim>{why}</Dim>
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <ExpandableSection toggleText="As the scan reported it">
        <pre className="json">{JSON.stringify(report, null, 2)}</pre>
      </ExpandableSection>
    </>
  )
}

function facts(about: NonNullable<ReportOf['vulnerability']>): Fact[] {
  const all: (Fact | false | undefined)[] = [
    about.aliases && about.aliases.length > 0 && ['Also called', about.aliases.join(', ')],
    about.fix !== undefined && ['Its vendor says', about.fix.replaceAll('-', ' ')],
    about.disputed && ['Disputed', 'its vendor denies that it is a vulnerability'],
    about.exploited && ['Known exploited', `since ${about.exploited.added}${about.exploited.ransomware ? ', also by ransomware' : ''}`],
    about.epss && ['Exploitation within 30 days', `${percent(about.epss.probability)}, more than ${percent(about.epss.percentile)} of all`],
    about.cvss &&
      about.cvss.length > 0 && [
        'CVSS',
        about.cvss.map(({ score, version, vector, source }) => (
          <div key={source + vector}>
            <b>{score}</b> ({version}, {source}) <code className="break">{vector}</code>
          </div>
        )),
      ],
    about.rated_by !== undefined && ['Severity by', about.rated_by],
    about.cwe && about.cwe.length > 0 && ['Weakness', about.cwe.map((one) => <Label key={one} isCompact>{`CWE-${one}`}</Label>)],
    about.published !== undefined && ['Published', about.published.slice(0, 10)],
    about.references &&
      about.references.length > 0 && [
        'Read more',
        about.references.slice(0, 8).map((link) => <div key={link}>{/^https?:\/\//.test(link) ? <Outside link={link} /> : link}</div>),
      ],
  ]
  return all.filter((one): one is Fact => Boolean(one))
}

const Outside = ({ link }: { link: string }) => (
  <a href={link} target="_blank" rel="noreferrer noopener" className="break">
    {link}
  </a>
)
