// The profile of an image: what it declares, what it was seen to do where it runs, and in what these differ.
import { Alert, Button, Label, type LabelProps } from '@patternfly/react-core'
import { type ReactNode, useState } from 'react'
import { Link } from 'react-router'
import { useGet } from '../../api/query'
import type {
  Flow,
  IdlePackage,
  ImageDetail,
  ImageProfile,
  ProfileAnswer,
  ProfiledEntry,
  ProfiledFile,
  ProfiledPort,
  ProfiledWorkload,
  ProfileVerdict,
  RuleAlerts,
} from '../../api/types'
import type { Column } from '../../list/List'
import { Grid } from '../../show/Grid'
import { Long } from '../../show/Long'
import { Dim, type Fact, Facts, Few, Panel, WorkloadLink } from '../../show/parts'
import { Answer, sentence } from '../../show/states'
import { When } from '../../show/When'
import { compact, many, number } from '../../show/words'
import { BASELINE_COLUMNS } from '../Baselines'
import { evidence, isLibrary, VERDICTS } from './profile'

/** Rows that are shown before all are asked for. */
const FEW = 12

const COLORS: Record<ProfileVerdict, LabelProps['color']> = { differs: 'orange', unknown: 'grey', agrees: 'green' }

export function Profile({ image }: { image: ImageDetail }) {
  const path = `/images/${encodeURIComponent(image.id)}/profile`
  const answer = useGet<ImageProfile>(['findings', 'workloads', 'alerts', 'nodes'], path)
  return (
    <Answer of={answer} lines={14}>
      {(profile) => <Told image={image} profile={profile} />}
    </Answer>
  )
}

function Told({ image, profile }: { image: ImageDetail; profile: ImageProfile }) {
  const { seen } = profile
  return (
    <div className="stack">
      <Panel title="What it declares, beside what it was seen to do" flush>
        <Grid
          label="What it declares, beside what it was seen to do"
          columns={comparison(profile, image.id)}
          items={profile.comparison}
          id={({ question, verdict, text }) => `${question} ${verdict} ${text}`}
        />
      </Panel>
      {(seen.gaps.length > 0 || seen.hidden > 0) && (
        <Alert isInline variant="warning" title="Not all that it does may be known" component="h2">
          <ul className="why">
            {seen.gaps.map((gap) => (
              <li key={gap}>{sentence(gap)}</li>
            ))}
            {seen.hidden > 0 && (
              <li>{many(seen.hidden, 'more workload')} that you may not see. Nothing of what is told here is of those.</li>
            )}
          </ul>
        </Alert>
      )}
      <div className="columns">
        <div className="stack">
          <Panel title="What it declares">
            <Declares profile={profile} />
          </Panel>
          <Panel title="Where it listens" flush={seen.listens.length > 0}>
            <Rows label="Where it listens" columns={PORTS} items={seen.listens} id={({ port }) => port} none={none(profile)} />
          </Panel>
        </div>
        <div className="stack">
          <Panel title="Who runs it" flush={seen.workloads.length > 0}>
            <Rows
              label="Who runs it"
              columns={WORKLOADS}
              items={seen.workloads}
              id={({ id }) => id}
              none="No container with it is known."
            />
          </Panel>
          <Panel title="Alerts in it" flush={seen.alerts.length > 0}>
            <Rows label="Alerts in it" columns={ALERTS} items={seen.alerts} id={({ rule }) => rule} none={none(profile)} />
          </Panel>
        </div>
      </div>
      <Panel title="What is usual in it" flush={seen.baselines.length > 0}>
        <Rows
          label="Baselines"
          columns={BASELINE_COLUMNS}
          items={seen.baselines}
          id={({ id }) => id}
          none={
            seen.baselines_unknown.length > 0
              ? 'No baseline that could be asked for.'
              : seen.running === 0
                ? 'Not known, because nothing runs it: baselines are asked of the nodes that do.'
                : 'Nothing was learnt yet on the nodes that run it.'
          }
        />
        {seen.baselines_unknown.length > 0 && <p className="dim flow-none">Not known: {seen.baselines_unknown.join('; ')}.</p>}
      </Panel>
      <Files profile={profile} />
      <Flows
        title="Whom it connects to"
        flows={seen.outgoing}
        more={seen.more_outgoing}
        none={none(profile, ' in the last seven days')}
        workloads={seen.workloads}
      />
      <Flows
        title="Who connects to it"
        flows={seen.incoming}
        more={seen.more_incoming}
        none={none(profile, ' in the last seven days')}
        workloads={seen.workloads}
        hidden={seen.hidden_incoming}
        entries={seen.entries}
      />
      {seen.packages && seen.packages.idle > 0 && <Idle profile={profile} image={image.id} />}
    </div>
  )
}

const comparison = (profile: ImageProfile, image: string): Column<ProfileAnswer>[] => [
  {
    title: 'Verdict',
    width: 10,
    cell: ({ verdict }) => (
      <Label isCompact color={COLORS[verdict]} variant={verdict === 'unknown' ? 'outline' : 'filled'}>
        {VERDICTS[verdict]}
      </Label>
    ),
  },
  { title: 'What was compared', width: 70, cell: ({ text }) => <Long text={text} /> },
  {
    title: 'Look at',
    cell: (answer) => {
      const [to, name] = evidence(answer, profile, image) ?? []
      if (to === undefined) return null
      return to.startsWith('#') ? <a href={to}>{name}</a> : <Link to={to}>{name}</Link>
    },
  },
]

/** Nothing seen is only good news where somebody has looked. */
function none({ seen }: ImageProfile, when = ''): ReactNode {
  if (seen.watched === 0) return `Not known, because ${seen.gaps.join('; ') || 'nothing of it was seen'}.`
  return `None seen${when}: ${many(seen.watched, 'container')} ${seen.watched === 1 ? 'was' : 'were'} watched from the start.`
}

const list = (all: readonly string[], empty = 'none') =>
  all.length > 0 ? (
    <span className="counts">
      {all.map((one) => (
        <Label key={one} isCompact>
          {one}
        </Label>
      ))}
    </span>
  ) : (
    <Dim>{empty}</Dim>
  )

function Declares({ profile: { declared } }: { profile: ImageProfile }) {
  if (!declared) return <Dim>Not known, because it was not scanned or has no configuration.</Dim>
  const command = (words: readonly string[]) => (words.length > 0 ? <Long text={words.join(' ')} code /> : <Dim>none</Dim>)
  const facts: Fact[] = [
    [
      'User',
      declared.root ? (
        <span className="late">{declared.user === '' || declared.user === 'root' ? 'root' : `${declared.user}: root`}</span>
      ) : (
        `${declared.user}: not root`
      ),
    ],
    ['Entrypoint', command(declared.entrypoint)],
    ['Command', command(declared.command)],
    ['Directory', declared.working_dir ? <code className="break">{declared.working_dir}</code> : <Dim>none: it is /</Dim>],
    ['Ports', list(declared.ports)],
    ['Volumes', list(declared.volumes)],
    ['Environment', list(declared.environment)],
    ['Health check', declared.healthcheck ? 'yes' : <Dim>none</Dim>],
  ]
  const labels = Object.entries(declared.labels)
  if (labels.length > 0) facts.push(['Labels', <Long key="labels" text={labels.map(([name, value]) => `${name}=${value}`).join('\n')} />])
  return <Facts facts={facts} />
}

const PORTS: Column<ProfiledPort>[] = [
  { title: 'Port', cell: ({ port }) => <code>{port}</code> },
  {
    title: 'Declared',
    cell: ({ declared }) =>
      declared === undefined ? (
        <Dim>not known</Dim>
      ) : declared ? (
        'yes'
      ) : (
        <Label isCompact color="orange">
          No
        </Label>
      ),
  },
  { title: 'By', width: 50, cell: ({ workloads }) => <Links workloads={workloads} /> },
]

/** The first few with a link each, and how many more there are. */
function Links({ workloads, show = 3 }: { workloads: readonly string[]; show?: number }) {
  return (
    <div className="two">
      {workloads.slice(0, show).map((one) => (
        <WorkloadLink key={one} id={one} />
      ))}
      {workloads.length > show && <Dim>and {number(workloads.length - show)} more</Dim>}
    </div>
  )
}

const WORKLOADS: Column<ProfiledWorkload>[] = [
  {
    title: 'Workload',
    width: 50,
    cell: ({ id, others }) => (
      <div className="two">
        <WorkloadLink id={id} />
        {others.length > 0 && (
          <Dim>
            also runs <Few items={others} />
          </Dim>
        )}
      </div>
    ),
  },
  { title: 'Running', right: true, cell: ({ running }) => number(running) },
  { title: 'Since', cell: ({ since }) => <When time={since} /> },
  { title: 'Until', cell: ({ until }) => (until === undefined ? 'now' : <When time={until} />) },
]

const ALERTS: Column<RuleAlerts>[] = [
  {
    title: 'Rule',
    width: 70,
    cell: ({ rule }) => (
      <Link to={`/alerts?${new URLSearchParams({ rule })}`} className="break">
        {rule}
      </Link>
    ),
  },
  { title: 'Alerts', right: true, cell: ({ alerts }) => number(alerts) },
]

const FILES: Column<ProfiledFile>[] = [
  { title: 'File', width: 40, cell: ({ path }) => <code className="break">/{path}</code> },
  {
    title: 'Package',
    width: 25,
    cell: ({ packages }) => (packages.length > 0 ? <Packages of={packages} /> : <Dim>of none that is known</Dim>),
  },
  {
    title: 'By',
    cell: ({ by, workloads }) => (
      <div className="two">
        <WorkloadLink id={by} />
        {workloads > 1 && <Dim>and {many(workloads - 1, 'more', 'more')}</Dim>}
      </div>
    ),
  },
  { title: 'First seen', cell: ({ since }) => <When time={since} /> },
]

/** `deb/openssl`, each with a link. */
function Packages({ of }: { of: readonly string[] }) {
  const show = 3
  return (
    <div className="two">
      {of.slice(0, show).map((one) => {
        const [kind = '', ...name] = one.split('/')
        return (
          <Link key={one} to={`/packages/${encodeURIComponent(kind)}/${encodeURIComponent(name.join('/'))}`} className="break">
            {name.join('/')}
          </Link>
        )
      })}
      {of.length > show && <Dim>and {number(of.length - show)} more</Dim>}
    </div>
  )
}

function Files({ profile }: { profile: ImageProfile }) {
  const { files, more_files } = profile.seen
  const programs = files.filter(({ path }) => !isLibrary(path))
  const libraries = files.filter(({ path }) => isLibrary(path))
  return (
    <>
      <Panel title={`Programs that were executed (${number(programs.length)})`} flush={programs.length > 0}>
        <Rows label="Programs that were executed" columns={FILES} items={programs} id={({ path }) => path} none={none(profile)} />
      </Panel>
      <Panel title={`Libraries and archives that were loaded (${number(libraries.length)})`} flush={libraries.length > 0}>
        <Rows
          label="Libraries and archives that were loaded"
          columns={FILES}
          items={libraries}
          id={({ path }) => path}
          none={none(profile)}
        />
        {more_files > 0 && <p className="dim flow-none">{many(more_files, 'more file', 'more files')} of both kinds are not told here.</p>}
      </Panel>
    </>
  )
}

const FLOWS: Column<Flow>[] = [
  { title: 'From', width: 25, cell: ({ from }) => <span className="break">{from}</span> },
  { title: 'To', width: 25, cell: ({ to }) => <span className="break">{to}</span> },
  { title: 'Port', cell: ({ port, protocol }) => <span className="nowrap">{`${port}/${protocol}`}</span> },
  { title: 'Connections', right: true, cell: ({ connections }) => compact(connections) },
  { title: 'Denied', right: true, cell: ({ denied }) => (denied > 0 ? <b className="late">{compact(denied)}</b> : '0') },
  { title: 'Last', cell: ({ last }) => <When time={last} /> },
]

const ENTRIES: Column<ProfiledEntry>[] = [
  { title: 'From outside', width: 25, cell: ({ address }) => <code>{address}</code> },
  { title: 'To', width: 25, cell: ({ workload }) => <WorkloadLink id={workload} /> },
  { title: 'Port', cell: ({ port }) => port },
  { title: 'First', cell: ({ first }) => <When time={first} /> },
  { title: 'Last', cell: ({ last }) => <When time={last} /> },
]

function Flows(props: {
  title: string
  flows: readonly Flow[]
  more: number
  none: ReactNode
  workloads: readonly ProfiledWorkload[]
  hidden?: number
  entries?: readonly ProfiledEntry[]
}) {
  const { title, flows, more, none, workloads, hidden = 0, entries = [] } = props
  const mixed = workloads.filter(({ others }) => others.length > 0).map(({ id }) => id)
  return (
    <Panel title={title} flush={flows.length + entries.length > 0} action={<Link to="/service-map">Service map</Link>}>
      {(flows.length > 0 || entries.length === 0) && (
        <Rows
          label={title}
          columns={FLOWS}
          items={flows}
          id={({ from, to, port, protocol }) => `${from} ${to} ${port} ${protocol}`}
          none={none}
        />
      )}
      {entries.length > 0 && (
        <Rows label="From outside" columns={ENTRIES} items={entries} id={({ workload, port }) => `${workload} ${port}`} none="" />
      )}
      {more > 0 && <p className="dim flow-none">{many(more, 'more connection')} between other ends are not told here.</p>}
      {hidden > 0 && <p className="dim flow-none">{many(hidden, 'more workload')} that you may not see.</p>}
      {mixed.length > 0 && (
        <p className="dim flow-none">
          Connections are known of a workload, not of an image in it: those of <Few items={mixed} /> may be of its other images.
        </p>
      )}
    </Panel>
  )
}

const IDLE: Column<IdlePackage>[] = [
  {
    title: 'Package',
    width: 60,
    cell: ({ kind, name }) => (
      <Link to={`/packages/${encodeURIComponent(kind)}/${encodeURIComponent(name)}`} className="break">
        {name}
      </Link>
    ),
  },
  { title: 'Kind', cell: ({ kind }) => kind },
  { title: 'Findings', right: true, cell: ({ findings }) => (findings > 0 ? <b className="late">{number(findings)}</b> : <Dim>0</Dim>) },
]

function Idle({ profile, image }: { profile: ImageProfile; image: string }) {
  const usage = profile.seen.packages
  if (!usage) return null
  return (
    <div id="idle">
      <Panel
        title={`Packages of which nothing was loaded (${number(usage.idle)})`}
        flush
        action={<Link to={`/images/${encodeURIComponent(image)}/packages`}>All packages</Link>}
      >
        <p className="dim flow-none">
          What is only read, as scripts are, is not noticed: it may be used all the same.
          {usage.unseen > 0 &&
            ` ${many(usage.unseen, 'more package has', 'more packages have')} no program or library, so that it cannot be seen.`}
          {usage.packages.length < usage.idle && ` These are the ${number(usage.packages.length)} with most findings.`}
        </p>
        <Rows
          label="Packages of which nothing was loaded"
          columns={IDLE}
          items={usage.packages}
          id={({ kind, name }) => `${kind} ${name}`}
          none=""
        />
      </Panel>
    </div>
  )
}

/** A table of which the first rows are shown, and all when they are asked for. */
function Rows<T>({
  items,
  none,
  ...rest
}: {
  label: string
  columns: readonly Column<T>[]
  items: readonly T[]
  id: (item: T) => string
  none: ReactNode
}) {
  const [all, setAll] = useState(false)
  const said = all ? 'Show few' : `Show all ${number(items.length)}`
  if (items.length === 0) return none ? <p className="dim">{none}</p> : null
  return (
    <>
      <Grid {...rest} items={all ? items : items.slice(0, FEW)} />
      {items.length > FEW && (
        <p className="flow-none">
          <Button variant="link" isInline size="sm" aria-expanded={all} aria-label={`${said}: ${rest.label}`} onClick={() => setAll(!all)}>
            {said}
          </Button>
        </p>
      )}
    </>
  )
}
