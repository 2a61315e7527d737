import { Label, type LabelProps, Tooltip } from '@patternfly/react-core'
import type { RegistryState, TagState } from '../../api/types'

const STATES: Record<RegistryState, [text: string, color: NonNullable<LabelProps['color']>, meaning: string]> = {
  new: ['Not looked at yet', 'grey', 'It will be looked at in a moment.'],
  polling: ['Being looked at', 'blue', 'The hub asks for tags and what they mean.'],
  well: ['All looked at', 'green', 'The last look told all that was asked for.'],
  partial: ['Partly looked at', 'orange', 'The last look told a part of what was asked for.'],
  failing: ['Cannot be looked at', 'red', 'The last look told nothing.'],
  paused: ['Paused', 'grey', 'Nobody looks, and nothing of it is scanned.'],
}

export function RegistryStateLabel({ state }: { state: RegistryState }) {
  const [text, color, meaning] = STATES[state]
  return (
    <Tooltip content={meaning}>
      <Label isCompact color={color} tabIndex={0}>
        {text}
      </Label>
    </Tooltip>
  )
}

export const TAG_STATES: readonly (readonly [TagState, string, NonNullable<LabelProps['color']>])[] = [
  ['waiting', 'Waiting', 'blue'],
  ['scanned', 'Scanned', 'green'],
  ['failed', 'Failed', 'red'],
  ['no-image', 'No image', 'grey'],
]

export function TagStateLabel({ state }: { state: TagState }) {
  const [, text, color] = TAG_STATES.find(([one]) => one === state) ?? [state, state, 'grey' as const]
  return (
    <Label isCompact color={color}>
      {text}
    </Label>
  )
}

/** One of each line: `a\nb` and `a, b` are two. */
export const lines = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean)
