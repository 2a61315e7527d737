import { Label } from '@patternfly/react-core'
import { Link } from 'react-router'
import type { AspectCoverage, ImageDetail, ImageName, SentScan } from '../../api/types'
import type { Column } from '../../list/List'
import { Grid } from '../../show/Grid'
import { CoverageLabel } from '../../show/labels'
import { Long } from '../../show/Long'
import { Dim, type Fact, Facts, OwnerName, Panel } from '../../show/parts'
import { When } from '../../show/When'
import { bytes, number } from '../../show/words'

const NAMES: Column<ImageName>[] = [
  { title: 'Name', width: 60, cell: ({ name }) => <span className="break">{name}</span> },
  { title: 'Since', cell: ({ since }) => <When time={since} /> },
  { title: 'Until', cell: ({ until }) => (until === undefined ? 'now' : <When time={until} />) },
]

const SENT: Column<SentScan>[] = [
  { title: 'When', cell: ({ time }) => <When time={time} /> },
  {
    title: 'From',
    width: 50,
    cell: ({ ci, reference }) => (
      <div className="two">
        <span className="break">
          {ci.job && /^https?:/.test(ci.job) ? <a href={ci.job}>{ci.job}</a> : (ci.job ?? ci.repository ?? reference)}
        </span>
        <span className="dim break">{[ci.branch, ci.revision?.slice(0, 12)].filter(Boolean).join(' · ')}</span>
      </div>
    ),
  },
  { title: 'By', cell: ({ by }) => by },
]

const ASPECTS: Column<AspectCoverage>[] = [
  { title: 'Aspect', cell: ({ aspect }) => <code>{aspect}</code> },
  { title: 'Looked at', cell: ({ state }) => <CoverageLabel state={state} /> },
  {
    title: 'Why not all of it',
    width: 50,
    cell: ({ state, reasons }) =>
      reasons.length > 0 ? <span className="break">{reasons.join('; ')}</span> : <Dim>{state === 'full' ? '' : 'no reason is told'}</Dim>,
  },
]

export function Overview({ image }: { image: ImageDetail }) {
  const facts: Fact[] = [
    ['System', image.os],
    ['Platform', image.platform],
    ['Owner', <OwnerName key="owner" owner={image.owner} />],
    ['Size', image.size > 0 ? bytes(image.size) : undefined],
    ['Packages', image.scanned === undefined ? undefined : number(image.packages)],
    ['Made', <When key="made" time={image.created} never="not known" />],
    ['First seen', <When key="seen" time={image.first_seen} />],
    ['Scanned', <When key="scanned" time={image.scanned} never="not yet" />],
    ['Manifest', image.manifest && <code className="break">{image.manifest}</code>],
  ]
  const runs: Fact[] = [
    [
      'User',
      image.scanned === undefined ? undefined : image.user === '' ? (
        <span key="user" className="late">
          root
        </span>
      ) : (
        image.user
      ),
    ],
    [
      'Runs',
      image.command.length > 0 ? <Long key="command" text={image.command.join(' ')} code /> : <Dim key="none">nothing by itself</Dim>,
    ],
    [
      'Ports',
      image.scanned === undefined ? undefined : image.ports.length > 0 ? (
        <span key="ports" className="counts">
          {image.ports.map((port) => (
            <Label key={port} isCompact>
              {port}
            </Label>
          ))}
        </span>
      ) : (
        <Dim key="none">none declared</Dim>
      ),
    ],
  ]
  const labels = Object.entries(image.labels)
  return (
    <div className="columns">
      <div className="stack">
        <Panel title="The image">
          <Facts facts={facts} />
        </Panel>
        <Panel title="What it runs">
          <Facts facts={runs} />
        </Panel>
        {labels.length > 0 && (
          <Panel title="Labels">
            <Facts facts={labels.map(([key, value]) => [key, <Long key={key} text={value} />] as const)} />
          </Panel>
        )}
      </div>
      <div className="stack">
        <Panel title="What was looked at" flush>
          {image.aspects.length > 0 ? (
            <Grid label="Coverage" columns={ASPECTS} items={image.aspects} id={({ aspect }) => aspect} />
          ) : (
            <p className="dim flow-none">Nothing yet: it was not scanned.</p>
          )}
        </Panel>
        {image.registries.length > 0 && (
          <Panel title="In registries">
            <Facts
              facts={image.registries.map(
                ({ registry, name }) =>
                  [
                    name,
                    <Link key={name} to={`/registries/${encodeURIComponent(registry)}/tags?q=${encodeURIComponent(name)}`}>
                      {registry}
                    </Link>,
                  ] as const,
              )}
            />
          </Panel>
        )}
        {image.sent.length > 0 && (
          <Panel title="Scanned in CI" flush>
            <Grid label="Scans in CI" columns={SENT} items={image.sent} id={({ time, by }) => `${time} ${by}`} />
          </Panel>
        )}
        <Panel title="Names" flush>
          <Grid label="Names" columns={NAMES} items={image.names} id={({ name, since }) => `${name} ${since}`} />
        </Panel>
      </div>
    </div>
  )
}
