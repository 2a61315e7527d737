// Findings: all of them, or those of an image. One opens in the panel beside the list; several are planned together.
import { Button } from '@patternfly/react-core'
import { useState } from 'react'
import { Link, type To } from 'react-router'
import type { Params } from '../../api/client'
import { type Finding, FINDING_KINDS, SEVERITIES, STATES } from '../../api/types'
import type { Filter } from '../../list/filters'
import { type Column, List } from '../../list/List'
import { useOpen } from '../../list/useOpen'
import { Guarded } from '../../shell/session'
import { SidePanel } from '../../shell/SidePanel'
import { isAlive, Priority, RolloutMeter, SeverityLabel, StateLabel, Threat } from '../../show/labels'
import { ImageName, OwnerName } from '../../show/parts'
import { Nothing } from '../../show/states'
import { When } from '../../show/When'
import { title } from '../../show/words'
import { Due } from './Due'
import { FindingView } from './FindingView'
import { PlanForm } from './PlanForm'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'CVE, package, title' },
  { kind: 'text', key: 'repository', label: 'Image name', hint: 'shop/web' },
  { kind: 'text', key: 'owner', label: 'Owner' },
  { kind: 'text', key: 'rule', label: 'Rule', hint: 'CVE-2024-3094' },
  { kind: 'text', key: 'workload', label: 'Workload' },
  { kind: 'choice', key: 'severity', label: 'Severity', options: SEVERITIES.map((one) => [one, title(one)]) },
  { kind: 'choice', key: 'kind', label: 'Kind', options: FINDING_KINDS.map((one) => [one, title(one)]) },
  { kind: 'choice', key: 'state', label: 'State', options: STATES.map((one) => [one, title(one)]) },
  {
    kind: 'flags',
    label: 'Only',
    options: [
      ['exploited', 'Known exploited'],
      ['loaded', 'Loaded'],
      ['fixable', 'With a fix'],
      ['overdue', 'Overdue'],
      ['suppressed', 'Suppressed'],
    ],
  },
]

const columns = (linkTo: (id: string) => To, withImage: boolean): Column<Finding>[] => [
  { title: 'Priority', sort: 'priority', descending: true, cell: ({ priority }) => <Priority value={priority} /> },
  { title: 'Severity', sort: 'severity', descending: true, cell: ({ severity }) => <SeverityLabel severity={severity} /> },
  {
    title: 'Finding',
    sort: 'rule',
    width: 35,
    cell: (finding) => (
      <div className="two">
        <span>
          <Link to={linkTo(finding.id)} className="strong">
            {finding.rule}
          </Link>{' '}
          <Threat exploited={finding.exploited} epss={finding.epss} loaded={finding.loaded} />
        </span>
        <span className="dim clip" title={finding.title}>
          {finding.title}
        </span>
      </div>
    ),
  },
  {
    title: withImage ? 'Where' : 'Place',
    ...(withImage && { sort: 'repository' }),
    width: 25,
    cell: ({ repository, place, fixed_version }) => (
      <div className="two">
        {withImage && (
          <span className="break">
            <ImageName name={repository} />
          </span>
        )}
        <span className={withImage ? 'dim break' : 'break'}>
          {place}
          {fixed_version && ` → ${fixed_version}`}
        </span>
      </div>
    ),
  },
  {
    title: 'State',
    cell: ({ state, exception, rollout }) => (
      <div className="two">
        <StateLabel state={state} exception={exception} />
        {isAlive(state) && <RolloutMeter {...rollout} />}
      </div>
    ),
  },
  {
    title: 'Owner and day',
    sort: 'due',
    cell: ({ owner, due }) => (
      <div className="two">
        <OwnerName owner={owner} />
        {due !== undefined && <Due due={due} />}
      </div>
    ),
  },
  { title: 'Seen', sort: 'first_seen', descending: true, cell: ({ first_seen }) => <When time={first_seen} /> },
]

const NO_PARAMS: Params = {}

export function FindingList({ fixed = NO_PARAMS, clean }: { fixed?: Params; clean?: React.ReactNode }) {
  const { open, linkTo, close } = useOpen()
  const [plan, setPlan] = useState<Finding[]>()
  return (
    <>
      <List<Finding>
        path="/findings"
        topics={['findings', 'workloads']}
        noun="finding"
        filters={FILTERS}
        fixed={fixed}
        order="-priority"
        columns={columns(linkTo, !('image' in fixed))}
        id={({ id }) => id}
        empty={
          clean ?? (
            <Nothing title="Nothing was found yet">
              Findings appear when images have been scanned. See under <Link to="/images">Images</Link> which were, and under{' '}
              <Link to="/nodes">Nodes</Link> how to add a node.
            </Nothing>
          )
        }
        bulk={(chosen, done) => (
          <Guarded need="triager" variant="secondary" size="sm" onClick={() => (setPlan(chosen), done())}>
            Plan
          </Guarded>
        )}
      />
      {plan && <PlanForm findings={plan} close={() => setPlan(undefined)} />}
      {open && (
        <SidePanel title="Finding" close={close}>
          <FindingView id={open} />
          <p>
            <Button variant="link" isInline component={(props) => <Link {...props} to={`/findings/${encodeURIComponent(open)}`} />}>
              Open as a page
            </Button>
          </p>
        </SidePanel>
      )}
    </>
  )
}
