// How a try of a provider went, step by step.
import { Label } from '@patternfly/react-core'
import type { Outcome, SignInStep } from '../../api/types'
import { sentence } from '../../show/states'
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon'
import ExclamationTriangleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon'
import QuestionCircleIcon from '@patternfly/react-icons/dist/esm/icons/question-circle-icon'
import TimesCircleIcon from '@patternfly/react-icons/dist/esm/icons/times-circle-icon'

const WORDS: Record<Outcome, [string, 'green' | 'orange' | 'red' | 'grey', typeof CheckCircleIcon]> = {
  well: ['Well', 'green', CheckCircleIcon],
  doubtful: ['Doubtful', 'orange', ExclamationTriangleIcon],
  failed: ['Failed', 'red', TimesCircleIcon],
  untried: ['Not tried', 'grey', QuestionCircleIcon],
}

export function Steps({ steps }: { steps: readonly SignInStep[] }) {
  return (
    <ul className="tried">
      {steps.map(({ what, outcome, detail, hint }) => {
        const [word, color, Icon] = WORDS[outcome]
        return (
          <li key={what}>
            <Label isCompact color={color} icon={<Icon />}>
              {word}
            </Label>
            <span className="break">
              <b>{what}</b>: {detail}
              {hint && <span className="tried-hint"> {sentence(hint)}</span>}
            </span>
          </li>
        )
      })}
    </ul>
  )
}
