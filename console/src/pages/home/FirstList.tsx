// The ten things to do first, each with the reasons.
import { Label, type LabelProps } from '@patternfly/react-core'
import { Link } from 'react-router'
import type { FixFirst } from '../../api/types'
import { CountsLabel } from '../../show/labels'
import { Nothing } from '../../show/states'
import { many, title, total } from '../../show/words'
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon'
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon'

const COLORS: Record<string, LabelProps['color']> = {
  incident: 'red',
  'base-image': 'blue',
  vulnerability: 'orange',
  secret: 'purple',
  coverage: 'grey',
}

export function FirstList({ first, seen, images }: { first: readonly FixFirst[]; seen: boolean; images: number }) {
  if (first.length === 0) {
    if (images === 0) {
      return (
        <Nothing title="Nothing is known yet" icon={SearchIcon}>
          Start a container on a node with an agent, or <Link to="/nodes">add a node</Link>. What runs is found and scanned by itself.
        </Nothing>
      )
    }
    return !seen ? (
      <Nothing title="Nothing to fix in what we can see" icon={SearchIcon}>
        That is not everything: see what we cannot see.
      </Nothing>
    ) : (
      <Nothing title="Nothing to fix" icon={CheckCircleIcon}>
        Everything was looked at, and nothing is open.
      </Nothing>
    )
  }
  return (
    <ol className="first">
      {first.map((one, index) => (
        <li key={one.link + one.title}>
          <span className="first-rank" aria-hidden>
            {index + 1}
          </span>
          <div className="first-what">
            <div className="head-line">
              <Label isCompact color={COLORS[one.kind] ?? 'grey'}>
                {title(one.kind)}
              </Label>
              <Link to={one.link} className="strong break">
                {one.title}
              </Link>
            </div>
            <ul className="why">
              {one.why.filter(Boolean).map((why) => (
                <li key={why}>{why}</li>
              ))}
            </ul>
          </div>
          <div className="first-gain">
            {total(one.clears) > 0 && (
              <span title="What it clears">
                <CountsLabel counts={one.clears} />
              </span>
            )}
            <span className="dim nowrap">
              {one.running > 0 ? `${many(one.running, 'container')}` : 'not running'}
              {one.owner && ` · ${one.owner}`}
            </span>
          </div>
        </li>
      ))}
    </ol>
  )
}
