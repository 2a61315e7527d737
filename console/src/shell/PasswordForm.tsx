// A new password of one's own. All sessions end, this one as well.
import { useState } from 'react'
import { useChange } from '../api/query'
import type { PasswordChange } from '../api/types'
import { TextField } from './fields'
import { FormModal } from './FormModal'
import { SHORTEST } from './password'

export function PasswordForm({ close, leave }: { close: () => void; leave: () => void }) {
  const [old, setOld] = useState('')
  const [fresh, setFresh] = useState('')
  const [again, setAgain] = useState('')
  const change = useChange<PasswordChange>({
    method: 'POST',
    path: '/session/password',
    done: 'The password is changed: log in with the new one',
    then: leave,
  })
  const differs = again !== '' && again !== fresh
  return (
    <FormModal
      title="Change your password"
      about="All your sessions end, this one as well."
      submit="Change"
      ready={old !== '' && fresh.length >= SHORTEST && again === fresh}
      busy={change.isPending}
      error={change.error}
      onSubmit={() => change.mutate({ old, new: fresh })}
      close={close}
    >
      <TextField label="Old password" required type="password" autoComplete="current-password" value={old} set={setOld} />
      <TextField
        label="New password"
        required
        type="password"
        autoComplete="new-password"
        value={fresh}
        set={setFresh}
        hint={`At least ${SHORTEST} characters.`}
      />
      <TextField
        label="New password, again"
        required
        type="password"
        autoComplete="new-password"
        value={again}
        set={setAgain}
        hint={differs ? 'It is not the same yet.' : undefined}
      />
    </FormModal>
  )
}
