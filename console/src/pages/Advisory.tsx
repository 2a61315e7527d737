import { useState } from 'react'
import { Link, useParams } from 'react-router'
import { useGet } from '../api/query'
import type { AdvisoryDetail, Finding } from '../api/types'
import type { Column } from '../list/List'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Grid } from '../show/Grid'
import { Priority, RolloutMeter, SeverityLabel, StateLabel, Threat } from '../show/labels'
import { Dim, type Fact, Facts, OwnerName, Panel, WorkloadLink } from '../show/parts'
import { Answer } from '../show/states'
import { When } from '../show/When'
import { many, number } from '../show/words'
import { Due } from './finding/Due'
import { ExceptionForm } from './finding/ExceptionForm'
import { PlanForm } from './finding/PlanForm'

const COLUMNS: readonly Column<Finding>[] = [
  {
    title: 'Image',
    width: 30,
    cell: ({ id, repository }) => (
      <Link to={`/findings/${encodeURIComponent(id)}`} className="break">
        {repository}
      </Link>
    ),
  },
  {
    title: 'Where',
    width: 30,
    cell: ({ place, fixed_version }) => (
      <span className="break">
        {place}
        {fixed_version && <Dim> → {fixed_version}</Dim>}
      </span>
    ),
  },
  { title: 'State', cell: ({ state, exception }) => <StateLabel state={state} exception={exception} /> },
  { title: 'Rollout', cell: ({ rollout }) => <RolloutMeter {...rollout} /> },
  { title: 'Owner', cell: ({ owner }) => <OwnerName owner={owner} /> },
  { title: 'Due', cell: ({ due }) => (due === undefined ? <Dim>no day</Dim> : <Due due={due} />) },
]

export function Component() {
  const { rule = '' } = useParams()
  const answer = useGet<AdvisoryDetail>(['findings', 'workloads'], `/vulnerabilities/${encodeURIComponent(rule)}`)
  const [form, setForm] = useState<'plan' | 'exception'>()
  const open = answer.data?.findings.filter(({ exception, state }) => !exception && (state === 'open' || state === 'reopened')) ?? []
  return (
    <>
      <Header
        title={rule}
        above={[['Advisories', '/vulnerabilities']]}
        about={answer.data?.title}
        labels={
          answer.data && (
            <>
              <SeverityLabel severity={answer.data.severity} />
              <Threat exploited={answer.data.exploited} epss={answer.data.epss} />
            </>
          )
        }
        actions={
          <>
            {open.length > 0 && (
              <Guarded need="triager" variant="primary" onClick={() => setForm('plan')}>
                Plan the fix everywhere
              </Guarded>
            )}
            <Guarded need="triager" variant="secondary" onClick={() => setForm('exception')}>
              Make an exception
            </Guarded>
          </>
        }
      />
      <Body>
        <Answer of={answer}>{(advisory) => <View advisory={advisory} />}</Answer>
        {form === 'plan' && <PlanForm findings={open} close={() => setForm(undefined)} />}
        {form === 'exception' && <ExceptionForm rule={rule} close={() => setForm(undefined)} />}
      </Body>
    </>
  )
}

function View({ advisory }: { advisory: AdvisoryDetail }) {
  const facts: Fact[] = [
    ['Priority, at most', <Priority key="priority" value={advisory.priority} />],
    ['Fix', advisory.fixable ? 'a version that mends it is there' : 'none yet'],
    ['Images by name', number(advisory.repositories)],
    ['Running containers', number(advisory.running)],
    ['First seen', <When key="seen" time={advisory.first_seen} />],
  ]
  return (
    <div className="stack">
      <div className="columns">
        <Panel title="Extent">
          <Facts facts={facts} />
        </Panel>
        <Panel
          title={advisory.workloads.length === 0 ? 'No workload runs it' : `${many(advisory.workloads.length, 'workload')} that run it`}
        >
          {advisory.workloads.length === 0 ? (
            <Dim>Nothing that is watched runs an image that has it.</Dim>
          ) : (
            <ul className="plain-list">
              {advisory.workloads.map((workload) => (
                <li key={workload}>
                  <WorkloadLink id={workload} />
                </li>
              ))}
            </ul>
          )}
        </Panel>
      </div>
      <Panel title="Where it is" flush>
        <Grid label="Findings" columns={COLUMNS} items={advisory.findings} id={({ id }) => id} />
      </Panel>
    </div>
  )
}
