// What to change so that most of what is open goes away.
import { Alert, Label } from '@patternfly/react-core'
import { Link } from 'react-router'
import { useGet } from '../api/query'
import type { ImageTree, PlanChange } from '../api/types'
import { Take } from '../list/Take'
import { Body } from '../shell/Header'
import { CountsLabel } from '../show/labels'
import { NODE_ID, useNodeNames } from '../show/nodes'
import { Few, ImageName, OwnerName, Panel } from '../show/parts'
import { Answer, Nothing, sentence } from '../show/states'
import { many } from '../show/words'
import { VulnerabilityHeader } from './finding/VulnerabilityHeader'

export function Component() {
  const answer = useGet<ImageTree>(['findings', 'workloads'], '/tree')
  return (
    <>
      <VulnerabilityHeader tab="/plan" />
      <Body>
        <Answer of={answer}>{(tree) => <View tree={tree} />}</Answer>
      </Body>
    </>
  )
}

function View({ tree }: { tree: ImageTree }) {
  if (tree.changes.length === 0) {
    return (
      <Nothing title={tree.nodes.length === 0 ? 'No image was scanned yet' : 'There is nothing to change'}>
        {tree.nodes.length === 0 ? (
          <>
            A plan is made of scanned images. See under <Link to="/images">Images</Link> what is known.
          </>
        ) : (
          'Nothing that is open can be cleared by changing an image, as far as is known now.'
        )}
      </Nothing>
    )
  }
  return (
    <div className="stack">
      <div className="list-line">
        <span className="dim">
          {many(tree.changes.length, 'change')}, the most useful first. Each is made in one image; what is built on it is built anew.
        </span>
        <Take path="/tree" params={{}} name="plan" />
      </div>
      <Gaps gaps={tree.gaps} />
      {tree.changes.map((change) => (
        <ChangeCard key={change.id} change={change} />
      ))}
    </div>
  )
}

export function Gaps({ gaps }: { gaps: readonly string[] }) {
  if (gaps.length === 0) return null
  return (
    <Alert
      isInline
      isExpandable
      variant="warning"
      title={`There may be more: ${many(gaps.length, 'thing')} could not be looked at`}
      component="h2"
    >
      <ul>
        {gaps.map((gap) => (
          <li key={gap}>{gap}</li>
        ))}
      </ul>
    </Alert>
  )
}

function ChangeCard({ change }: { change: PlanChange }) {
  const { nameOf } = useNodeNames()
  return (
    <Panel
      title={
        <span className="head-line">
          <Label isCompact color="blue">{`#${change.id}`}</Label>
          <Link to={`/tree?node=${change.node}`} className="break">
            <ImageName name={change.name} />
          </Link>
        </span>
      }
      action={<CountsLabel counts={change.clears} />}
    >
      <p className="break">
        <ImageName name={sentence(change.action)} />
      </p>
      <div className="plan-facts">
        <span>
          <b>Owner</b> <OwnerName owner={change.owner} />
        </span>
        <span>
          <b>Build anew</b>{' '}
          {change.rebuild.length === 0 ? 'nothing' : <Few items={change.rebuild.map((name) => name.replace(NODE_ID, nameOf))} show={3} />}
        </span>
        <span>
          <b>Running</b> {change.running === 0 ? 'nowhere' : many(change.running, 'container')}
        </span>
      </div>
      {change.updates.length > 0 && (
        <details>
          <summary>{many(change.updates.length, 'update')}</summary>
          <ul className="updates">
            {change.updates.map((update) => (
              <li key={update}>
                <code className="break">{update}</code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  )
}
