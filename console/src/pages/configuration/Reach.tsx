import { Label } from '@patternfly/react-core'
import type { Configuration } from '../../api/types'
import { Dim } from '../../show/parts'
import { number } from '../../show/words'

/** How many nodes have a version, and how many do not. */
export function Reach({ of: { applied, refused, waiting, withdrawn } }: { of: Configuration }) {
  if (withdrawn) return <Dim>no node</Dim>
  if (applied + refused + waiting === 0) return <Dim>no node: newer versions are for all, or none fits</Dim>
  return (
    <span className="counts">
      {applied > 0 && (
        <Label isCompact color="green">
          {number(applied)} applied
        </Label>
      )}
      {waiting > 0 && (
        <Label isCompact color="blue">
          {number(waiting)} waiting
        </Label>
      )}
      {refused > 0 && (
        <Label isCompact color="red">
          {number(refused)} refused
        </Label>
      )}
    </span>
  )
}
