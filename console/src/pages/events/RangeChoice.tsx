import { FormSelect, FormSelectOption } from '@patternfly/react-core'
import { absolute } from '../../show/words'
import { type Range, type RangeName, RANGES } from './range'

interface Props {
  range: Range
  choose: (name: RangeName) => void
  /** The shortest that makes sense. */
  from?: RangeName
}

export function RangeChoice({ range, choose, from = '15m' }: Props) {
  const ranges = RANGES.slice(RANGES.findIndex(([name]) => name === from))
  return (
    <span className="range">
      <FormSelect aria-label="From when to when" value={range.name ?? ''} onChange={(_, name) => name && choose(name as RangeName)}>
        {range.name === undefined && (
          <FormSelectOption value="" label={`${absolute(range.from).slice(0, 16)} – ${absolute(range.to).slice(0, 16)} UTC`} />
        )}
        {ranges.map(([name, label]) => (
          <FormSelectOption key={name} value={name} label={label} />
        ))}
      </FormSelect>
    </span>
  )
}
