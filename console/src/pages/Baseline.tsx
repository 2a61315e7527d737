// A baseline, and what is new in it: to be made a part of it, or to be looked into.
import { Badge } from '@patternfly/react-core'
import { useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router'
import { useChange, useGet } from '../api/query'
import type { BaselineDetail } from '../api/types'
import { Take } from '../list/Take'
import { Confirm } from '../shell/Confirm'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Long } from '../show/Long'
import { NodeLink } from '../show/nodes'
import { Dim, Panel, WorkloadLink } from '../show/parts'
import { Answer, Nothing } from '../show/states'
import { When } from '../show/When'
import { many, title } from '../show/words'
import { BaselineStateLabel, imageOf } from './Baselines'

/** What is approved: everything, or only what has this text in it. */
type Wish = { only: string | null }

export function Component() {
  const { id = '' } = useParams()
  const path = `/baselines/${encodeURIComponent(id)}`
  const answer = useGet<BaselineDetail>(['workloads', 'nodes'], path)
  const [all, setAll] = useState(false)
  const approve = useChange<Wish>({
    method: 'POST',
    path: `${path}/approve`,
    done: (_, { only }) => (only === null ? 'All that waited is a part of it now' : `“${only}” is a part of it now`),
    then: () => setAll(false),
  })
  const navigate = useNavigate()
  const baseline = answer.data
  return (
    <>
      <Header
        title={baseline?.workload ?? id}
        above={[['Baselines', '/baselines']]}
        labels={baseline && <BaselineStateLabel state={baseline.state} />}
        about={
          baseline && (
            <>
              Of <WorkloadLink id={baseline.workload} /> with {imageOf(baseline.image)} on <NodeLink id={baseline.node} />, learnt since{' '}
              <When time={baseline.since} />.
              {baseline.rolled_out && (
                <>
                  {' '}
                  Rolled out by <Link to={`/configurations/${numberOf(baseline.rolled_out)}`}>v{numberOf(baseline.rolled_out)}</Link>.
                </>
              )}
            </>
          )
        }
        actions={
          <>
            {baseline && (baseline.waiting > 0 || baseline.state !== 'locked') && (
              <Guarded need="operator" onClick={() => setAll(true)}>
                {baseline.waiting > 0 ? `Approve all ${baseline.waiting} and lock` : 'Lock'}
              </Guarded>
            )}
            {baseline?.state === 'locked' && baseline.items > 0 && (
              <Guarded
                need="operator"
                variant="secondary"
                onClick={() => void navigate(`/configurations/new?baseline=${encodeURIComponent(id)}`)}
              >
                Roll out to other nodes…
              </Guarded>
            )}
            <Take path={path} params={{}} name="baseline" />
          </>
        }
      />
      <Body>
        <Answer of={answer}>
          {(baseline) => <View baseline={baseline} approve={(only) => approve.mutate({ only })} busy={approve.isPending} />}
        </Answer>
        {all && baseline && (
          <Confirm
            title={baseline.waiting > 0 ? 'Approve all that waits?' : 'Lock it?'}
            action="Approve and lock"
            busy={approve.isPending}
            onConfirm={() => approve.mutate({ only: null })}
            close={() => setAll(false)}
          >
            {baseline.waiting > 0 ? `${many(baseline.waiting, 'thing')} that it does becomes usual. ` : ''}From then on, whatever else it
            does is told.
          </Confirm>
        )}
      </Body>
    </>
  )
}

/** `v3-1a2b3c4d` is version 3. */
function numberOf(name: string) {
  return name.slice(1).split('-')[0]
}

interface ViewProps {
  baseline: BaselineDetail
  approve: (only: string) => void
  busy: boolean
}

function View({ baseline, approve, busy }: ViewProps) {
  const kinds = Object.entries(baseline.contents)
  if (kinds.every(([, items]) => items.length === 0)) return <Nothing title="There is nothing in it yet">It is being learnt.</Nothing>
  return (
    <div className="columns">
      {kinds.map(([kind, items]) => {
        const waiting = items.filter(([, waits]) => waits)
        const usual = items.filter(([, waits]) => !waits)
        return (
          <Panel
            key={kind}
            title={
              <>
                {title(kind)} <Badge isRead>{items.length}</Badge>
              </>
            }
          >
            {items.length === 0 && <Dim>None.</Dim>}
            <ul className="diff">
              {waiting.map(([item]) => (
                <li key={`new ${item}`} className="diff-new">
                  <span aria-hidden>+</span>
                  <div>
                    <Long text={item} code />
                  </div>
                  <span className="pf-v6-screen-reader">waits for approval</span>
                  <Guarded
                    need="operator"
                    variant="link"
                    isInline
                    size="sm"
                    isDisabled={busy}
                    aria-label={`Approve ${item}`}
                    onClick={() => approve(item)}
                  >
                    Approve
                  </Guarded>
                </li>
              ))}
              {usual.map(([item]) => (
                <li key={item}>
                  <span aria-hidden />
                  <div>
                    <Long text={item} code />
                  </div>
                </li>
              ))}
            </ul>
          </Panel>
        )
      })}
    </div>
  )
}
