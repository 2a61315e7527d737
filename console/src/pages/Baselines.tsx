import { Label, type LabelProps } from '@patternfly/react-core'
import { Link } from 'react-router'
import type { Baseline, BaselineState } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { NodeLink } from '../show/nodes'
import { Nothing } from '../show/states'
import { When } from '../show/When'
import { digest, number, title } from '../show/words'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'Workload, image' },
  {
    kind: 'choice',
    key: 'state',
    label: 'State',
    options: [
      ['learning', 'Learning'],
      ['proposed', 'Proposed'],
      ['locked', 'Locked'],
    ],
  },
]

const COLORS: Record<BaselineState, LabelProps['color']> = { learning: 'blue', proposed: 'orange', locked: 'green' }

export function BaselineStateLabel({ state }: { state: BaselineState }) {
  return (
    <Label isCompact color={COLORS[state] ?? 'grey'}>
      {title(state)}
    </Label>
  )
}

/** An agent that was not told the image calls it so. */
export const imageOf = (image: string): string => (image === 'unknown' ? 'an image that is not known' : digest(image))

export const BASELINE_COLUMNS: readonly Column<Baseline>[] = [
  {
    title: 'Baseline',
    width: 40,
    cell: ({ id, image, workload }) => (
      <div className="two">
        <Link to={`/baselines/${encodeURIComponent(id)}`} className="break">
          {workload}
        </Link>
        <span className="dim break">{imageOf(image)}</span>
      </div>
    ),
  },
  { title: 'State', cell: ({ state }) => <BaselineStateLabel state={state} /> },
  {
    title: 'Waits for approval',
    right: true,
    cell: ({ waiting }) => (waiting > 0 ? <b className="late">{number(waiting)}</b> : '0'),
  },
  { title: 'Items', right: true, cell: ({ items }) => number(items) },
  { title: 'Node', cell: ({ node }) => <NodeLink id={node} /> },
  { title: 'Learnt since', cell: ({ since }) => <When time={since} /> },
]

export function Component() {
  return (
    <>
      <Header title="Baselines" about="What each workload always does. Once locked, whatever is new is told." />
      <Body>
        <List<Baseline>
          path="/baselines"
          topics={['workloads', 'nodes']}
          noun="baseline"
          filters={FILTERS}
          columns={BASELINE_COLUMNS}
          id={({ id }) => id}
          empty={<Nothing title="Nothing was learnt yet">A baseline begins with the first act of a container on a connected node.</Nothing>}
        />
      </Body>
    </>
  )
}
