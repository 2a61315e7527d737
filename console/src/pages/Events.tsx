// The search over everything that happened.
import { Alert, Button, Label, Popover } from '@patternfly/react-core'
import { useMemo } from 'react'
import { useGet } from '../api/query'
import type { Event, EventPage, Histogram, Unsearched } from '../api/types'
import { Chart } from '../chart/Chart'
import { type Filter, useFilters } from '../list/filters'
import { type Column, List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { NodeLink } from '../show/nodes'
import { Long } from '../show/Long'
import { Dim, Facts, Panel, WorkloadLink } from '../show/parts'
import { Failed, Nothing, Waiting } from '../show/states'
import { absolute, many, number, span } from '../show/words'
import { Facets } from './events/Facets'
import { RangeChoice } from './events/RangeChoice'
import { useRange } from './events/range'
import { SavedMenu } from './events/SavedMenu'

const FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'curl, kind:execve, proc.name=sh, "curl -s" OR wget' },
  { kind: 'text', key: 'kind', label: 'Kind', hint: 'execve' },
  { kind: 'text', key: 'workload', label: 'Workload' },
  { kind: 'text', key: 'node', label: 'Node' },
]

const PARAMS = ['kind', 'workload', 'node']

const COLUMNS: readonly Column<Event>[] = [
  {
    title: 'Time (UTC)',
    cell: ({ time }) => (
      <time dateTime={new Date(time).toISOString()} className="nowrap mono">
        {absolute(time).slice(5, 19)}
      </time>
    ),
  },
  {
    title: 'Kind',
    cell: ({ kind, priority }) => (
      <Label isCompact color={priority ? 'red' : 'grey'} title={priority}>
        {kind}
      </Label>
    ),
  },
  { title: 'Event', width: 50, cell: ({ message }) => <Long text={message} className="mono" /> },
  {
    title: 'Where',
    width: 20,
    cell: ({ workload, container, node }) => (
      <div className="two">
        {workload ? <WorkloadLink id={workload} /> : container ? <span className="break">{container}</span> : <Dim>the host</Dim>}
        <span className="dim">
          on <NodeLink id={node} />
        </span>
      </div>
    ),
  },
]

export function Component() {
  const { values, set } = useFilters(FILTERS)
  const { range, choose, stretch, again } = useRange('1h')
  const fixed = useMemo(() => ({ from: range.from, to: range.to }), [range])
  const histogram = useGet<Histogram>([], '/events/histogram', { ...values, ...fixed }, true)
  const narrow = (field: string, value: string) => {
    if (PARAMS.includes(field)) set(field, value)
    else set('q', `${values['q'] ?? ''} ${field}=${quoted(value)}`.trim())
  }
  return (
    <>
      <Header
        title="Events"
        about="Everything that the agents told: what was run, opened, connected to, and what rules said of it."
        actions={<SavedMenu />}
      />
      <Body>
        <div className="events">
          <aside className="facets" aria-label="Most frequent">
            {histogram.data ? <Facets top={histogram.data.top} choose={narrow} /> : !histogram.error && <Waiting lines={10} />}
          </aside>
          <div className="stack">
            <Panel
              title={histogram.data ? caption(histogram.data) : 'When'}
              action={
                <span className="buttons">
                  <RangeChoice range={range} choose={choose} />
                  <Button variant="secondary" onClick={again}>
                    Search again
                  </Button>
                </span>
              }
            >
              {histogram.data ? (
                <Bars histogram={histogram.data} stretch={stretch} />
              ) : histogram.error ? (
                <Failed error={histogram.error} retry={() => void histogram.refetch()} />
              ) : (
                <div className="chart-wait" />
              )}
            </Panel>
            <List<Event>
              path="/events"
              topics={[]}
              noun="event"
              filters={FILTERS}
              fixed={fixed}
              columns={COLUMNS}
              id={({ id }) => id}
              tools={<Help />}
              note={(page) => <Partial unsearched={(page as EventPage).unsearched ?? []} />}
              more={(event) => (
                <Facts
                  columns={2}
                  facts={[
                    [
                      'id',
                      <code key="id" className="break">
                        {event.id}
                      </code>,
                    ],
                    ...Object.entries(event.fields).map(([key, value]) => [key, <Long key={key} text={value} code />] as const),
                  ]}
                />
              )}
              empty={
                <Nothing title="Nothing happened in this time">Choose a longer time, or see under Nodes whether an agent is heard.</Nothing>
              }
            />
          </div>
        </div>
      </Body>
    </>
  )
}

const quoted = (value: string) => (/^[\w./-]+$/.test(value) ? value : `"${value.replaceAll('"', ' ')}"`)

function caption({ buckets, step }: Histogram): string {
  const sum = buckets.reduce((all, { count }) => all + count, 0)
  return `${many(sum, 'event')}, ${span(step)} a bar`
}

function Bars({ histogram, stretch }: { histogram: Histogram; stretch: (from: number, to: number) => void }) {
  const { buckets } = histogram
  const times = useMemo(() => buckets.map(({ time }) => time), [buckets])
  const series = useMemo(() => [{ label: 'events', color: '--line-events', values: buckets.map(({ count }) => count) }], [buckets])
  const most = buckets.reduce((max, one) => (one.count > max.count ? one : max), buckets[0] ?? { time: 0, count: 0 })
  return (
    <Chart
      label={`Events over time; the most, ${number(most.count)}, from ${absolute(most.time)}. Draw over a stretch to search there.`}
      times={times}
      series={series}
      height={140}
      bars
      onSelect={stretch}
    />
  )
}

function Partial({ unsearched }: { unsearched: readonly Unsearched[] }) {
  if (unsearched.length === 0) return null
  return (
    <Alert isInline variant="warning" title="The answer is partial" component="h2">
      <ul>
        {unsearched.map(({ what, why }) => (
          <li key={what}>
            {what}: {why}
          </li>
        ))}
      </ul>
    </Alert>
  )
}

const SYNTAX = [
  ['curl evil.example', 'both words, anywhere'],
  ['"curl -s"', 'these words in a row'],
  ['pass*', 'words that begin so'],
  ['kind:execve', 'a field has the word'],
  ['proc.name=sh', 'a field is exactly this'],
  ['fd.name:*', 'there is such a field'],
  ['-curl', 'not this'],
  ['ssh OR (scp AND -kind:exit)', 'one or the other'],
] as const

function Help() {
  return (
    <Popover
      headerContent="How to search"
      bodyContent={
        <dl className="syntax">
          {SYNTAX.map(([example, meaning]) => (
            <div key={example}>
              <dt>
                <code>{example}</code>
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      }
    >
      <Button variant="link">How to search</Button>
    </Popover>
  )
}
