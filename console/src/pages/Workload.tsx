import { Badge } from '@patternfly/react-core'
import type { ReactNode } from 'react'
import { Link, useParams } from 'react-router'
import { useGet } from '../api/query'
import type { Baseline, Finding, Page, WorkloadDetail } from '../api/types'
import type { Column } from '../list/List'
import { Body, Header } from '../shell/Header'
import { Grid } from '../show/Grid'
import { CountsLabel, Priority, RolloutMeter, SeverityLabel, StateLabel } from '../show/labels'
import { NodeLink } from '../show/nodes'
import { Dim, type Fact, Facts, OwnerName, Panel } from '../show/parts'
import { Answer, Nothing } from '../show/states'
import { When } from '../show/When'
import { many } from '../show/words'
import { AlertList } from './alert/AlertList'
import { AlertTimeline } from './alert/AlertTimeline'
import { BASELINE_COLUMNS } from './Baselines'
import { FindingList } from './finding/FindingList'
import { ContainerGrid } from './images/ContainerGrid'
import { Factors, RiskValue } from './workload/Risk'

const TABS = ['overview', 'findings', 'alerts', 'containers', 'baseline'] as const
type Tab = (typeof TABS)[number]

const FINDINGS: readonly Column<Finding>[] = [
  { title: 'Priority', cell: ({ priority }) => <Priority value={priority} /> },
  { title: 'Severity', cell: ({ severity }) => <SeverityLabel severity={severity} /> },
  {
    title: 'Finding',
    width: 40,
    cell: ({ id, rule, place }) => (
      <div className="two">
        <Link to={`/findings/${encodeURIComponent(id)}`}>{rule}</Link>
        <span className="dim break">{place}</span>
      </div>
    ),
  },
  { title: 'State', cell: ({ state, exception }) => <StateLabel state={state} exception={exception} /> },
  { title: 'Rollout', cell: ({ rollout }) => <RolloutMeter {...rollout} /> },
]

export function Component() {
  const { id = '', tab = 'overview' } = useParams()
  const base = `/workloads/${encodeURIComponent(id)}`
  const answer = useGet<WorkloadDetail>(['workloads', 'findings', 'alerts', 'incidents'], base)
  const workload = answer.data
  const at: Tab = TABS.find((one) => one === tab) ?? 'overview'
  const to = (one: Tab) => (one === 'overview' ? base : `${base}/${one}`)
  const titles: Record<Tab, ReactNode> = {
    overview: 'Overview',
    findings: 'Findings',
    alerts: 'Alerts',
    containers: <>Containers {workload && <Badge isRead>{workload.containers.length}</Badge>}</>,
    baseline: 'Baseline',
  }
  return (
    <>
      <Header
        title={workload?.name ?? id}
        above={[['Workloads', '/workloads']]}
        {...(workload && {
          about: `${workload.namespace ? `Namespace ${workload.namespace}, ` : ''}${workload.id.startsWith('host/') ? 'The host itself' : `${many(workload.running, 'container')} running`}`,
        })}
        labels={
          workload && (
            <>
              {workload.running > 0 || workload.factors.length > 0 ? (
                <>
                  <RiskValue risk={workload.risk} />
                  <CountsLabel counts={workload.open} coverage={workload.coverage} />
                </>
              ) : (
                <Dim>not running</Dim>
              )}
            </>
          )
        }
        tabs={TABS.map((one) => [to(one), titles[one]] as const)}
        tab={to(at)}
      />
      <Body>
        <Answer of={answer} lines={12}>
          {(workload) => <Content workload={workload} tab={at} />}
        </Answer>
      </Body>
    </>
  )
}

function Content({ workload, tab }: { workload: WorkloadDetail; tab: Tab }) {
  switch (tab) {
    case 'overview':
      return <Overview workload={workload} />
    case 'findings':
      return <FindingList fixed={{ workload: workload.id }} />
    case 'alerts':
      return <AlertList fixed={{ workload: workload.id }} />
    case 'containers':
      return workload.containers.length === 0 ? (
        <Nothing title="No container of it is known" />
      ) : (
        <ContainerGrid containers={workload.containers} without="Workload" />
      )
    case 'baseline':
      return <Baselines workload={workload.id} />
  }
}

function Overview({ workload }: { workload: WorkloadDetail }) {
  const facts: Fact[] = [
    ['Owner', <OwnerName key="owner" owner={workload.owner} />],
    [
      'Namespace',
      workload.namespace ?? (
        <span key="none" className="dim">
          none: not from Kubernetes
        </span>
      ),
    ],
    [
      'Images',
      workload.images.length === 0
        ? undefined
        : workload.images.map((image) => (
            <div key={image} className="break">
              {image}
            </div>
          )),
    ],
    [
      'Nodes',
      workload.nodes.map((node) => (
        <div key={node}>
          <NodeLink id={node} />
        </div>
      )),
    ],
    [
      'Open incidents',
      workload.incidents > 0 ? (
        <Link key="incidents" to="/incidents?state=open" className="late">
          {workload.incidents}
        </Link>
      ) : (
        'none'
      ),
    ],
    ['First seen', <When key="seen" time={workload.first_seen} />],
  ]
  return (
    <div className="columns">
      <div className="stack">
        <Panel title="Why it is risky">
          <Factors factors={workload.factors} risk={workload.risk} />
        </Panel>
        <Panel title="The workload">
          <Facts facts={facts} />
        </Panel>
      </div>
      <div className="stack">
        <Panel title="Last alerts">
          <AlertTimeline alerts={workload.recent} />
        </Panel>
        <Panel title="Worst findings" flush={workload.findings.length > 0}>
          {workload.findings.length > 0 ? (
            <Grid label="Worst findings" columns={FINDINGS} items={workload.findings} id={({ id }) => id} />
          ) : workload.running === 0 ? (
            <Dim>Nothing of it runs.</Dim>
          ) : (
            <CountsLabel counts={workload.open} coverage={workload.coverage} />
          )}
        </Panel>
      </div>
    </div>
  )
}

function Baselines({ workload }: { workload: string }) {
  const answer = useGet<Page<Baseline>>(['workloads'], '/baselines', { workload, limit: 100 })
  return (
    <Answer of={answer}>
      {({ items }) => {
        const mine = items.filter((one) => one.workload === workload)
        return mine.length === 0 ? (
          <Nothing title="There is no baseline yet">It is learnt from what the workload does, and is then proposed here.</Nothing>
        ) : (
          <Grid label="Baselines" columns={BASELINE_COLUMNS} items={mine} id={({ id }) => id} />
        )
      }}
    </Answer>
  )
}
