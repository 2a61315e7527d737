// What each owner has to do: how much, how old, and how much of it is late.
import { Alert } from '@patternfly/react-core'
import { Link } from 'react-router'
import type { Params } from '../api/client'
import { useGet } from '../api/query'
import { type Counts, type Finding, type Overview, type OwnerLoad, type Page, SEVERITIES, STATES } from '../api/types'
import type { Column } from '../list/List'
import { Body } from '../shell/Header'
import { Grid } from '../show/Grid'
import { CountsLabel, isAlive } from '../show/labels'
import { Dim, Panel } from '../show/parts'
import { Answer, Nothing } from '../show/states'
import { When } from '../show/When'
import { many, number, percent, total } from '../show/words'
import { VulnerabilityHeader } from './finding/VulnerabilityHeader'

/** What still is to be done: what the hub counts for an owner. */
const TO_DO: Params = {
  state: STATES.filter((state) => state !== 'verified' && isAlive(state)).join(','),
  suppressed: 'false',
}

/** How the hub is asked for what is nobody's. */
const key = (owner: string | undefined) => owner ?? '-'

const findings = (owner: string | undefined, more: Record<string, string>) =>
  `/findings?${new URLSearchParams({ owner: key(owner), ...more })}`

/** By what is late, then by what is worst. */
const weight = ({ overdue, open }: OwnerLoad) => [overdue, open.critical, open.high, open.medium, open.low]

function heavier(a: OwnerLoad, b: OwnerLoad): number {
  const other = weight(b)
  return (
    weight(a)
      .map((one, index) => (other[index] ?? 0) - one)
      .find((difference) => difference !== 0) ?? 0
  )
}

export function Component() {
  const answer = useGet<OwnerLoad[]>(['findings', 'workloads'], '/owners')
  const overview = useGet<Overview>(['findings', 'workloads'], '/overview')
  return (
    <>
      <VulnerabilityHeader tab="/by-team" />
      <Body>
        <Answer of={answer}>{(owners) => <Board owners={[...owners].sort(heavier)} images={overview.data?.images} />}</Answer>
      </Body>
    </>
  )
}

function Board({ owners, images }: { owners: readonly OwnerLoad[]; images: Overview['images'] | undefined }) {
  const unseen = images ? images[0] - images[2] : 0
  if (owners.length === 0) {
    return (
      <Nothing title={unseen > 0 || images?.[0] === 0 ? 'Nothing is open in what was looked at' : 'Nobody has anything to do'}>
        Owners come from rules about labels, namespaces and names of images. See under <Link to="/images">Images</Link> what was looked at.
      </Nothing>
    )
  }
  const most = Math.max(1, ...owners.map(({ open }) => total(open)))
  const sum = owners.reduce((all, { open }) => all + total(open), 0)
  const late = owners.reduce((all, { overdue }) => all + overdue, 0)
  return (
    <div className="stack">
      {unseen > 0 && (
        <Alert
          isInline
          isPlain
          variant="warning"
          title={`${many(unseen, 'image is', 'images are')} not fully looked at: there may be more than is counted here.`}
          component="h2"
        />
      )}
      <Panel title={`${many(sum, 'open finding')} with ${whose(owners)}, ${number(late)} overdue`} flush>
        <Grid label="Owners" columns={columns(most)} items={owners} id={({ owner }) => key(owner)} />
      </Panel>
    </div>
  )
}

function whose(owners: readonly OwnerLoad[]): string {
  const named = owners.filter(({ owner }) => owner !== undefined).length
  return [...(named > 0 ? [many(named, 'owner')] : []), ...(named < owners.length ? ['nobody'] : [])].join(' and ')
}

const columns = (most: number): Column<OwnerLoad>[] => [
  {
    title: 'Owner',
    width: 20,
    cell: ({ owner }) => (
      <Link to={findings(owner, { state: String(TO_DO['state']), suppressed: 'false' })} className="strong break">
        {owner ?? 'nobody'}
      </Link>
    ),
  },
  {
    title: 'Open',
    width: 35,
    cell: ({ open }) => (
      <div className="load">
        <Load counts={open} most={most} />
        <CountsLabel counts={open} />
      </div>
    ),
  },
  {
    title: 'Overdue',
    width: 25,
    cell: ({ owner, open, overdue }) =>
      overdue === 0 ? (
        <Dim>none is late</Dim>
      ) : (
        <div className="load">
          <span className="load-bar" aria-hidden>
            <span className="load-late" style={{ width: `${Math.min(1, overdue / Math.max(1, total(open))) * 100}%` }} />
          </span>
          <Link to={findings(owner, { overdue: 'true', sort: 'due' })} className="late">
            {number(overdue)} {total(open) > 0 && `(${percent(Math.min(1, overdue / total(open)))})`}
          </Link>
        </div>
      ),
  },
  { title: 'Oldest', cell: ({ owner }) => <Oldest owner={owner} /> },
]

/** How much of each severity, as long as it is much beside the others. */
function Load({ counts, most }: { counts: Counts; most: number }) {
  // By the root, so that who has little is seen beside who has thousands.
  const all = total(counts)
  const scale = all === 0 ? 0 : Math.sqrt(all / most) / all
  return (
    <span className="load-bar" aria-hidden>
      {SEVERITIES.map((severity) => {
        const count = severity in counts ? counts[severity as keyof Counts] : 0
        return count > 0 && <span key={severity} className={`sev-${severity}`} style={{ width: `${count * scale * 100}%` }} />
      })}
    </span>
  )
}

function Oldest({ owner }: { owner: string | undefined }) {
  const answer = useGet<Page<Finding>>(['findings'], '/findings', { ...TO_DO, owner: key(owner), sort: 'first_seen', limit: 1 })
  const oldest = answer.data?.items[0]
  if (!oldest) return <Dim>{answer.isPending ? '…' : 'not known'}</Dim>
  return (
    <Link to={`/findings/${encodeURIComponent(oldest.id)}`} title={oldest.rule}>
      <When time={oldest.first_seen} />
    </Link>
  )
}
