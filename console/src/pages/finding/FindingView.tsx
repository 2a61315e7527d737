// A finding, in the panel beside a list or as a page.
import { Alert, Button } from '@patternfly/react-core'
import { useState } from 'react'
import { Link } from 'react-router'
import { useChange, useGet } from '../../api/query'
import type { AffectedImage, FindingDetail, State } from '../../api/types'
import type { Column } from '../../list/List'
import { Guarded } from '../../shell/session'
import { Grid } from '../../show/Grid'
import { isAlive, Priority, RolloutMeter, SeverityLabel, StateLabel, Threat } from '../../show/labels'
import { AdvisoryLink, Dim, type Fact, Facts, ImageLink, OwnerName, Panel, WorkloadLink } from '../../show/parts'
import { Answer, sentence } from '../../show/states'
import { When } from '../../show/When'
import { day, number, title } from '../../show/words'
import { Due } from './Due'
import { ExceptionForm } from './ExceptionForm'
import { Life } from './Life'
import { PlanForm } from './PlanForm'
import { Report } from './Report'

export function FindingView({ id, page }: { id: string; page?: boolean }) {
  const answer = useGet<FindingDetail>(['findings', 'workloads'], `/findings/${encodeURIComponent(id)}`)
  return (
    <Answer of={answer} lines={12}>
      {(finding) => <View finding={finding} page={page ?? false} />}
    </Answer>
  )
}

const IMAGES: Column<AffectedImage>[] = [
  { title: 'Image', cell: ({ id, name }) => <ImageLink id={id} name={name} /> },
  {
    title: 'Has it',
    cell: ({ affected }) => (affected ? <span className="late">yes</span> : 'no'),
  },
  { title: 'Running', right: true, cell: ({ running }) => number(running) },
  { title: 'Seen', cell: ({ first_seen }) => <When time={first_seen} /> },
]

/** Who uses what it is in. That nobody was seen to proves nothing. */
function LoadedBy({ by }: { by: FindingDetail['loaded_by'] }) {
  if (by.length === 0) return <Dim>not seen: a file that is only read is not noticed</Dim>
  return (
    <ul className="plain-list">
      {by.map(({ workload, path }) => (
        <li key={workload}>
          <code className="break">/{path}</code> by <WorkloadLink id={workload} />
        </li>
      ))}
    </ul>
  )
}

function View({ finding, page }: { finding: FindingDetail; page: boolean }) {
  const facts: Fact[] = [
    ['Image', <ImageLink key="image" id={finding.image} name={finding.repository} />],
    [
      'Where',
      <span key="where" className="break">
        {finding.place}
      </span>,
    ],
    ...(finding.fixed_version ? ([['Fixed in', finding.fixed_version]] as const) : []),
    ['Priority', <Priority key="priority" value={finding.priority} />],
    ...(finding.kind === 'vulnerability' ? ([['Loaded', <LoadedBy key="loaded" by={finding.loaded_by} />]] as const) : []),
    ['Owner', <OwnerName key="owner" owner={finding.owner} />],
    ['First seen', <When key="seen" time={finding.first_seen} />],
    ['Due', finding.due === undefined ? <Dim key="due">no day is set</Dim> : <Due key="due" due={finding.due} />],
    ...(!isAlive(finding.state) ? [] : ([['Rollout', <RolloutMeter key="rollout" {...finding.rollout} wide />]] as const)),
  ]
  return (
    <div className="stack">
      {!page && (
        <div>
          <div className="head-line">
            <b className="panel-title break">{finding.rule}</b>
            <SeverityLabel severity={finding.severity} />
            <StateLabel state={finding.state} exception={finding.exception} />
            <Threat exploited={finding.exploited} epss={finding.epss} loaded={finding.loaded} />
          </div>
          <p className="break">{finding.title}</p>
        </div>
      )}
      <Actions finding={finding} />
      {isAlive(finding.state) ? (
        <Life finding={finding} />
      ) : (
        <Alert
          isInline
          isPlain
          variant="info"
          title={
            finding.state === 'withdrawn'
              ? 'No image has it any more: the database does not say so any longer. Nothing was mended.'
              : 'Nothing runs that has it or has had it.'
          }
        />
      )}
      {finding.suppressed_by && (
        <Alert
          isInline
          variant={finding.exception ? 'custom' : 'warning'}
          title={
            finding.exception
              ? `Does not count: ${title(finding.suppressed_by.kind).toLowerCase()} until ${day(finding.suppressed_by.expires)}`
              : 'Its exception is over: it counts again'
          }
        >
          {sentence(finding.suppressed_by.reason)} {finding.suppressed_by.owner} answers for it.
        </Alert>
      )}
      {finding.planned && (
        <Alert
          isInline
          variant="info"
          title={`${finding.planned.by} plans to mend it${finding.planned.due ? ` until ${day(finding.planned.due)}` : ''}`}
        >
          {finding.planned.note}
        </Alert>
      )}
      <Panel title="What to do">
        <p className="break">{sentence(finding.fix)}</p>
      </Panel>
      <div className={page ? 'columns' : 'stack'}>
        <Panel title="The finding">
          <Facts facts={facts} />
          {finding.kind === 'vulnerability' && (
            <p className="after">
              Everywhere: <AdvisoryLink rule={finding.rule} />
            </p>
          )}
        </Panel>
        <Panel title="Images of that name" flush>
          <Grid label="Images of that name" columns={IMAGES} items={finding.images} id={({ id }) => id} />
        </Panel>
      </div>
      <Report report={finding.report} />
      <Panel title="History">
        <ol className="timeline">
          {finding.history.map((change) => (
            <li key={`${change.time} ${change.state}`}>
              <When time={change.time} />
              <StateLabel state={change.state} />
              <span className="break">{change.why}</span>
            </li>
          ))}
        </ol>
      </Panel>
    </div>
  )
}

/** Where a plan still says something; later it is decided by what runs. */
const PLANNABLE: readonly State[] = ['open', 'reopened', 'not-running']

function Actions({ finding }: { finding: FindingDetail }) {
  const [form, setForm] = useState<'plan' | 'exception'>()
  const unplan = useChange({
    method: 'DELETE',
    path: `/findings/${encodeURIComponent(finding.id)}/plan`,
    done: 'The plan is withdrawn',
  })
  const close = () => setForm(undefined)
  return (
    <div className="buttons">
      {finding.planned ? (
        <Guarded need="triager" variant="secondary" isLoading={unplan.isPending} onClick={() => unplan.mutate()}>
          Withdraw the plan
        </Guarded>
      ) : (
        PLANNABLE.includes(finding.state) && (
          <Guarded need="triager" variant="primary" onClick={() => setForm('plan')}>
            Plan the fix
          </Guarded>
        )
      )}
      {finding.exception === undefined && (
        <Guarded need="triager" variant="secondary" onClick={() => setForm('exception')}>
          Make an exception
        </Guarded>
      )}
      <Button variant="link" component={(props) => <Link {...props} to={`/tree?image=${encodeURIComponent(finding.image)}`} />}>
        Show in the image tree
      </Button>
      {form === 'plan' && <PlanForm findings={[finding]} close={close} />}
      {form === 'exception' && <ExceptionForm rule={finding.rule} repository={finding.repository} owner={finding.owner} close={close} />}
    </div>
  )
}
