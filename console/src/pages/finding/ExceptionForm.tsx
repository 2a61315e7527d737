// Somebody answers for findings that do not count. What it would suppress is told before it is made.
import { Alert } from '@patternfly/react-core'
import { useEffect, useState } from 'react'
import { useChange } from '../../api/query'
import { type Exception, EXCEPTION_KINDS, type ExceptionKind, type NewException } from '../../api/types'
import { ChoiceField, LongField, TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { useMe } from '../../shell/session'
import { day, endOfDay, many } from '../../show/words'

const KINDS: Record<ExceptionKind, string> = {
  deferral: 'Deferral: it is mended later',
  'risk-acceptance': 'Risk acceptance: it is lived with',
  'false-positive': 'False positive: it is not true',
}

interface Props {
  rule?: string
  repository?: string
  owner?: string | undefined
  close: () => void
}

const MONTH = 30 * 86_400_000

export function ExceptionForm({ rule: startRule = '', repository: startRepository = '', owner: startOwner, close }: Props) {
  const me = useMe()
  const [kind, setKind] = useState<ExceptionKind>('deferral')
  const [rule, setRule] = useState(startRule)
  const [repository, setRepository] = useState(startRepository)
  const [owner, setOwner] = useState(startOwner ?? me.name)
  const [reason, setReason] = useState('')
  const [expires, setExpires] = useState(() => day(Date.now() + MONTH))
  const body = (dry_run: boolean): NewException => ({
    kind,
    rule,
    owner,
    reason,
    expires: endOfDay(expires),
    dry_run,
    ...(repository && { repository }),
  })
  const ready = Boolean(rule && owner && reason.trim() && expires)
  const trial = useChange<NewException, Exception>({ method: 'POST', path: '/exceptions' })
  const make = useChange<NewException, Exception>({
    method: 'POST',
    path: '/exceptions',
    done: ({ findings }) => `The exception is made: ${many(findings, 'finding')} no longer ${findings === 1 ? 'counts' : 'count'}`,
    then: close,
  })
  // What was tried is no longer what would be made.
  useEffect(() => trial.reset(), [kind, rule, repository, owner, reason, expires])
  const tried = trial.data
  return (
    <FormModal
      title="Make an exception"
      about="Somebody answers for it until a day; then the findings count again. It is exported as OpenVEX."
      submit={tried ? 'Make the exception' : 'Show what it would suppress'}
      ready={ready}
      busy={trial.isPending || make.isPending}
      error={make.error ?? trial.error}
      close={close}
      note={
        tried && (
          <Alert
            isInline
            variant={tried.findings === 0 ? 'warning' : 'info'}
            title={
              tried.findings === 0
                ? 'It would suppress nothing that is known now.'
                : `It would suppress ${many(tried.findings, 'finding')}.`
            }
          >
            {!repository && 'It is for all images: those that come later, too.'}
          </Alert>
        )
      }
      onSubmit={() => (tried ? make.mutate(body(false)) : trial.mutate(body(true)))}
    >
      <ChoiceField label="Kind" value={kind} set={setKind} options={EXCEPTION_KINDS.map((one) => [one, KINDS[one]])} />
      <TextField label="Rule" required value={rule} set={setRule} placeholder="CVE-2024-3094" />
      <TextField
        label="Images"
        value={repository}
        set={setRepository}
        hint="By name without tag, or a pattern such as shop/*. Empty means all images."
      />
      <TextField label="Owner" required value={owner} set={setOwner} hint="Who answers for it." />
      <LongField label="Reason" required value={reason} set={setReason} />
      <TextField label="Until" type="date" required value={expires} set={setExpires} min={day(Date.now())} />
    </FormModal>
  )
}
