// Words with a colour. The word is always there: nobody has to see the colour.
import { Label, type LabelProps, Tooltip } from '@patternfly/react-core'
import type { AlertState, Counts, CoverageState, ExceptionKind, NodeState, ResponseState, Severity, State } from '../api/types'
import { compact, COVERAGE, percent, title, total } from './words'
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon'
import ExclamationTriangleIcon from '@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon'
import QuestionCircleIcon from '@patternfly/react-icons/dist/esm/icons/question-circle-icon'
import TimesCircleIcon from '@patternfly/react-icons/dist/esm/icons/times-circle-icon'

type Color = NonNullable<LabelProps['color']>

/** `<span class="sev sev-high">High</span>` */
export function SeverityLabel({ severity }: { severity: Severity }) {
  return <span className={`sev sev-${severity}`}>{title(severity)}</span>
}

const LETTERS: [keyof Counts, string][] = [
  ['critical', 'C'],
  ['high', 'H'],
  ['medium', 'M'],
  ['low', 'L'],
]

/**
 * Counts by severity. Nothing found is only good news where everything was looked at: without `coverage` it is not known whether it was.
 */
export function CountsLabel({ counts, coverage }: { counts: Counts; coverage?: CoverageState }) {
  if (total(counts) === 0) {
    if (coverage === undefined) return <span className="dim">none found</span>
    if (coverage === 'full') return <Clean />
    return (
      <span className="counts counts-row">
        <span className="dim">{coverage === 'partial' ? '0 found' : 'Unknown'}</span>
        <CoverageLabel state={coverage} />
      </span>
    )
  }
  return (
    <span className="counts counts-row">
      {LETTERS.filter(([severity]) => counts[severity] > 0).map(([severity, letter]) => (
        <span key={severity} className={`sev sev-${severity} sev-count`} title={`${counts[severity]} ${severity}`}>
          <span aria-hidden>
            {compact(counts[severity])} {letter}
          </span>
          <span className="pf-v6-screen-reader">{`${counts[severity]} ${severity} `}</span>
        </span>
      ))}
      {coverage !== undefined && coverage !== 'full' && <CoverageLabel state={coverage} brief />}
    </span>
  )
}

function Clean() {
  return (
    <span className="clean">
      <CheckCircleIcon /> None open
    </span>
  )
}

const COVERAGE_ICONS = {
  full: CheckCircleIcon,
  partial: ExclamationTriangleIcon,
  'not-evaluated': QuestionCircleIcon,
  unsupported: QuestionCircleIcon,
  failed: TimesCircleIcon,
}

const COVERAGE_COLORS: Record<CoverageState, Color> = {
  full: 'green',
  partial: 'orange',
  'not-evaluated': 'grey',
  unsupported: 'purple',
  failed: 'red',
}

const COVERAGE_WORDS: Record<CoverageState, string> = {
  full: 'full',
  partial: 'partial',
  'not-evaluated': 'not yet',
  unsupported: 'unsupported',
  failed: 'failed',
}

export function CoverageLabel({ state, brief }: { state: CoverageState; brief?: boolean }) {
  const Icon = COVERAGE_ICONS[state]
  if (brief) {
    return (
      <span className={`coverage-${state}`} title={`${COVERAGE[state]}: there may be more`}>
        <Icon />
        <span className="pf-v6-screen-reader">{COVERAGE[state]}: there may be more</span>
      </span>
    )
  }
  return (
    <Label isCompact variant="outline" color={COVERAGE_COLORS[state]} icon={<Icon />} title={COVERAGE[state]}>
      {COVERAGE_WORDS[state]}
    </Label>
  )
}

const STATE_COLORS: Record<State, Color> = {
  open: 'red',
  planned: 'purple',
  fixed: 'blue',
  'rolling-out': 'teal',
  verified: 'green',
  reopened: 'orangered',
  'not-running': 'grey',
  withdrawn: 'grey',
}

/** Whether a finding is in its life: something runs that has it or had it. */
export const isAlive = (state: State) => state !== 'not-running' && state !== 'withdrawn'

export function StateLabel({ state, exception }: { state: State; exception?: ExceptionKind | undefined }) {
  if (exception) {
    return (
      <Label isCompact variant="outline" title={`Does not count; it is ${title(state).toLowerCase()}`}>
        {title(exception)}
      </Label>
    )
  }
  return (
    <Label isCompact color={STATE_COLORS[state]}>
      {title(state)}
    </Label>
  )
}

export function AlertStateLabel({ state }: { state: AlertState }) {
  return (
    <Label isCompact variant={state === 'new' ? 'filled' : 'outline'} color={state === 'new' ? 'red' : 'grey'}>
      {title(state)}
    </Label>
  )
}

const NODE_COLORS: Record<NodeState, Color> = { connected: 'green', lost: 'red', removed: 'grey' }

export function NodeStateLabel({ state }: { state: NodeState }) {
  return (
    <Label isCompact color={NODE_COLORS[state]}>
      {title(state)}
    </Label>
  )
}

const OUTCOMES: Record<ResponseState, [string, Color]> = {
  sent: ['Sent', 'blue'],
  done: ['Done', 'green'],
  'would-have': ['Dry run', 'purple'],
  'held-back': ['Held back', 'orange'],
  failed: ['Failed', 'red'],
  undone: ['Undone', 'grey'],
}

export function OutcomeLabel({ state }: { state: ResponseState }) {
  const [word, color] = OUTCOMES[state]
  return (
    <Label isCompact color={color}>
      {word}
    </Label>
  )
}

interface ThreatProps {
  exploited: boolean
  epss: number | undefined
  loaded?: boolean
}

/** Known to be exploited, really used, and how likely it is to be exploited. */
export function Threat({ exploited, epss, loaded }: ThreatProps) {
  return (
    <span className="counts">
      {loaded && (
        <Tooltip content="A workload was seen to execute or map a file of the package">
          <Label isCompact color="orange" tabIndex={0}>
            Loaded
          </Label>
        </Tooltip>
      )}
      {exploited && (
        <Tooltip content="In CISA's catalogue of vulnerabilities that are known to be exploited">
          <Label isCompact color="red" tabIndex={0}>
            Exploited
          </Label>
        </Tooltip>
      )}
      {epss !== undefined && (
        <span className="dim nowrap" title="How likely it is to be exploited within 30 days (EPSS)">
          {percent(epss)}
        </span>
      )}
    </span>
  )
}

interface RolloutProps {
  fixed: number
  running: number
  wide?: boolean
  /** What is counted, if it is not the fix. */
  label?: string
  /** Not in the colour of what is well. */
  plain?: boolean
}

/** How far a fix has got in what runs. */
export function RolloutMeter({ fixed, running, wide, label = 'Running containers that have the fix', plain }: RolloutProps) {
  if (running === 0) return <span className="dim nowrap">not running</span>
  const share = fixed / running
  return (
    <span className={wide ? 'meter meter-wide' : 'meter'} title={`${label}: ${fixed} of ${running}`}>
      <span className="meter-bar" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={running} aria-valuenow={fixed}>
        <span className={plain ? 'meter-fill meter-plain' : 'meter-fill'} style={{ width: `${share * 100}%` }} />
      </span>
      <span className="nowrap">
        {fixed}/{running}
      </span>
    </span>
  )
}

/** How urgent, from 0 to 100. */
export function Priority({ value }: { value: number }) {
  const severity = value >= 80 ? 'critical' : value >= 60 ? 'high' : value >= 40 ? 'medium' : 'low'
  return (
    <span className="priority" title={`Priority ${value} of 100`}>
      <span className={`priority-bar sev-${severity}`} style={{ width: `${Math.max(value, 3) * 0.4}px` }} aria-hidden />
      {value}
    </span>
  )
}
