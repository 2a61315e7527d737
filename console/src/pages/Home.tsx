// What to do first, what cannot be seen, and whether it gets better.
import { Alert } from '@patternfly/react-core'
import { lazy, type ReactNode, Suspense } from 'react'
import { Link } from 'react-router'
import { useGet } from '../api/query'
import type { Overview } from '../api/types'
import { Body, Header } from '../shell/Header'
import { CountsLabel, CoverageLabel } from '../show/labels'
import { Panel } from '../show/parts'
import { Answer } from '../show/states'
import { When } from '../show/When'
import { compact, many, total } from '../show/words'
import { BlindList } from './home/BlindList'
import { FirstList } from './home/FirstList'

const Trend = lazy(() => import('./home/Trend'))

const ALL = ['findings', 'workloads', 'alerts', 'incidents', 'nodes'] as const

export function Component() {
  const answer = useGet<Overview>(ALL, '/overview')
  return (
    <>
      <Header title="Home" about="What to fix first, what cannot be seen, and whether it gets better." />
      <Body>
        <Answer of={answer} lines={14}>
          {(overview) => <View overview={overview} />}
        </Answer>
      </Body>
    </>
  )
}

/** Only then may nothing found be good news. */
function seesEverything({ blind, images, containers, nodes, database, starter_database }: Overview): boolean {
  const whole = images[0] > 0 && images[2] === images[0] && containers[1] === containers[0] && nodes[1] === nodes[0]
  return whole && blind.length === 0 && database !== undefined && !starter_database
}

function View({ overview }: { overview: Overview }) {
  const { open, progress, nodes, images, containers, first, blind } = overview
  const seen = seesEverything(overview)
  return (
    <div className="stack">
      {overview.database === undefined ? (
        <Alert isInline variant="danger" title="There is no database of vulnerabilities: none can be found." component="h2">
          Fetch one with <code>gabion db update</code>.
        </Alert>
      ) : (
        overview.starter_database && (
          <Alert isInline variant="warning" title="Vulnerabilities are looked up in the starter database only" component="h2">
            It came with the program and is far from complete. Fetch the whole one with <code>gabion db update</code>.
          </Alert>
        )
      )}
      <div className="tiles">
        <Tile title="Open and running" to="/findings" value={compact(total(open))} dim={total(open) === 0 && !seen}>
          {total(open) === 0 && !seen ? (
            <>
              so far <CoverageLabel state="partial" />
            </>
          ) : (
            <CountsLabel counts={open} coverage={seen ? 'full' : 'partial'} />
          )}
        </Tile>
        <Tile title="Open incidents" to="/incidents?state=open" value={compact(overview.incidents)} bad={overview.incidents > 0}>
          {overview.incidents > 0 ? 'to be looked into' : 'nothing to look into'}
        </Tile>
        <Tile title="Alerts in 24 h" to="/alerts?state=new" value={compact(overview.alerts)} />
        <Tile
          title="Being mended"
          to="/findings?state=planned,fixed,rolling-out"
          value={compact(progress.planned + progress.fixed + progress.rolling_out)}
        >
          {compact(progress.verified)} verified in 30 d
        </Tile>
        <Tile title="Overdue" to="/findings?overdue=true" value={compact(progress.overdue)} bad={progress.overdue > 0}>
          {compact(progress.suppressed)} suppressed
        </Tile>
        <Tile title="Watched" to="/nodes" value={`${nodes[1]}/${nodes[0]}`} bad={nodes[1] < nodes[0]}>
          {nodes[0] === 1 ? 'node' : 'nodes'} connected, {many(overview.workloads, 'workload')}
        </Tile>
      </div>
      <div className="home">
        <Panel title={first.length > 0 ? `Fix ${first.length === 1 ? 'this' : `these ${first.length}`} first` : 'Fix first'} flush>
          <FirstList first={first} seen={seen} images={images[0]} />
        </Panel>
        <div className="stack">
          <Panel title="What we cannot see">
            <BlindList blind={blind} seen={seen} />
            <Coverage images={images} containers={containers} nodes={nodes} />
            <p className="dim after">
              Database of vulnerabilities: <When time={overview.database} never="none" />
              {overview.database !== undefined && overview.starter_database && ', the starter'}
            </p>
          </Panel>
          <Panel title="The last 30 days">
            <Suspense fallback={<div className="chart-wait" />}>
              <Trend trend={overview.trend} />
            </Suspense>
          </Panel>
        </div>
      </div>
    </div>
  )
}

interface TileProps {
  title: string
  to: string
  value: string
  bad?: boolean
  /** It is not known whether it is all. */
  dim?: boolean
  children?: ReactNode
}

function Tile({ title, to, value, bad, dim, children }: TileProps) {
  return (
    <Link to={to} className="tile">
      <span className="tile-title">{title}</span>
      <span className={`tile-value ${bad ? 'late' : dim ? 'dim' : ''}`}>{value}</span>
      {children && <span className="tile-more">{children}</span>}
    </Link>
  )
}

function Coverage({ images, containers, nodes }: Pick<Overview, 'images' | 'containers' | 'nodes'>) {
  return (
    <div className="coverage-bars">
      <Bar title="Images fully looked at" part={images[2]} of={images[0]} to="/images" />
      <Bar title="Running containers with a scanned image" part={containers[1]} of={containers[0]} to="/containers" />
      <Bar title="Nodes connected" part={nodes[1]} of={nodes[0]} to="/nodes" />
    </div>
  )
}

function Bar({ title, part, of, to }: { title: string; part: number; of: number; to: string }) {
  const whole = of > 0 && part === of
  return (
    <Link to={to} className="coverage-bar">
      <span>{title}</span>
      <span className="nowrap">
        {part} of {of}
      </span>
      <span className="meter-bar">
        <span className={whole ? 'meter-fill' : 'meter-fill meter-partial'} style={{ width: `${of === 0 ? 0 : (part / of) * 100}%` }} />
      </span>
    </Link>
  )
}
