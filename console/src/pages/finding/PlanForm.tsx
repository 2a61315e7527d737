// Somebody says until when findings will be mended.
import { useState } from 'react'
import { useChange } from '../../api/query'
import type { Finding, NewPlan } from '../../api/types'
import { LongField, TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { day, endOfDay, many } from '../../show/words'

export function PlanForm({ findings, close }: { findings: readonly Finding[]; close: () => void }) {
  const [due, setDue] = useState('')
  const [note, setNote] = useState('')
  const what = findings.length === 1 ? (findings[0]?.rule ?? '') : many(findings.length, 'finding')
  const change = useChange<NewPlan>({ method: 'POST', path: '/findings/plan', done: `The fix of ${what} is planned`, then: close })
  return (
    <FormModal
      title={`Plan the fix of ${what}`}
      about="It stays planned until an image without it is seen. Whether it is mended is decided by what runs."
      submit="Plan"
      busy={change.isPending}
      error={change.error}
      close={close}
      onSubmit={() => change.mutate({ findings: findings.map(({ id }) => id), note, ...(due && { due: endOfDay(due) }) })}
    >
      <TextField
        label="Until"
        type="date"
        value={due}
        set={setDue}
        min={day(Date.now())}
        hint="Without a day, the rules of its owner say until when."
      />
      <LongField label="Note" value={note} set={setNote} hint="A ticket, or who does it." />
    </FormModal>
  )
}
