// What cannot be seen, and what to do about it.
import { Link } from 'react-router'
import type { Blind } from '../../api/types'
import { number } from '../../show/words'
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon'
import ExclamationTriangleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon'

export function BlindList({ blind, seen }: { blind: readonly Blind[]; seen: boolean }) {
  if (blind.length === 0 && !seen) return <p className="dim">See below how far what is known of was looked at.</p>
  if (blind.length === 0) {
    return (
      <p className="clean">
        <CheckCircleIcon /> Everything that is known of is looked at.
      </p>
    )
  }
  return (
    <ul className="blind">
      {blind.map((one) => (
        <li key={one.what}>
          <ExclamationTriangleIcon className="coverage-partial" />
          <div>
            <Link to={one.link}>
              <b>{number(one.count)}</b> {one.what}
            </Link>
            <div className="dim">{one.fix}</div>
          </div>
        </li>
      ))}
    </ul>
  )
}
