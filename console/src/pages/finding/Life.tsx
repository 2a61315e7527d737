// The life of a finding as steps. It moves by what runs, not because somebody says so.
import { ProgressStep, type ProgressStepProps, ProgressStepper } from '@patternfly/react-core'
import type { FindingDetail, State } from '../../api/types'
import { RolloutMeter } from '../../show/labels'
import { When } from '../../show/When'

const STEPS: readonly (readonly [State, title: string])[] = [
  ['open', 'Open'],
  ['planned', 'Planned'],
  ['fixed', 'Fixed image'],
  ['rolling-out', 'Rolling out'],
  ['verified', 'Verified'],
]

export function Life({ finding }: { finding: FindingDetail }) {
  const { state, history, rollout } = finding
  const reopened = state === 'reopened'
  const at = reopened ? 0 : STEPS.findIndex(([one]) => one === state)
  // Only what happened since it was opened last belongs to this life.
  const began = history.find((change) => change.state === 'reopened' || change.state === 'open')?.time ?? 0
  const when = (step: State) => history.find((change) => change.state === step && change.time >= began)?.time
  return (
    <ProgressStepper isCenterAligned aria-label="Life of the finding">
      {STEPS.map(([step, title], index) => {
        const time = index === 0 ? began || finding.first_seen : when(step)
        const current = index === at
        let variant: NonNullable<ProgressStepProps['variant']> = 'pending'
        if (index < at) variant = time !== undefined ? 'success' : 'pending'
        else if (current) variant = step === 'verified' ? 'success' : reopened ? 'danger' : index === 0 ? 'warning' : 'info'
        return (
          <ProgressStep
            key={step}
            id={`life-${step}`}
            titleId={`life-${step}-title`}
            variant={variant}
            isCurrent={current}
            aria-label={`${title}${current ? ', current' : ''}`}
            description={
              current && step === 'rolling-out' ? (
                <RolloutMeter {...rollout} />
              ) : index < at && time === undefined ? (
                'skipped'
              ) : index <= at && time !== undefined ? (
                <When time={time} />
              ) : (
                ''
              )
            }
          >
            {index === 0 && reopened ? 'Reopened' : title}
          </ProgressStep>
        )
      })}
    </ProgressStepper>
  )
}
