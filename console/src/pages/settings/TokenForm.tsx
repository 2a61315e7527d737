import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import { useState } from 'react'
import { useChange } from '../../api/query'
import { type NewToken, type Role, ROLES, type Token } from '../../api/types'
import { ChoiceField, TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { useMe } from '../../shell/session'
import { Copyable } from '../../show/parts'
import { list, ROLE_MEANING } from './parts'

export function TokenForm({ close }: { close: () => void }) {
  const me = useMe()
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [days, setDays] = useState('90')
  const [owners, setOwners] = useState(me.owners.join(', '))
  const [namespaces, setNamespaces] = useState(me.namespaces.join(', '))
  const make = useChange<NewToken, Token>({ method: 'POST', path: '/tokens' })
  // Nobody gives away more than they have.
  const roles = ROLES.slice(0, ROLES.indexOf(me.role) + 1)
  if (make.data) {
    return (
      <Modal isOpen onClose={close} variant="medium" aria-labelledby="token-made">
        <ModalHeader title={`The token ${make.data.name}`} labelId="token-made" />
        <ModalBody>
          <div className="stack">
            <Alert isInline variant="warning" title="It is shown only now. Keep it where secrets are kept." />
            <Copyable text={make.data.secret ?? ''} />
          </div>
        </ModalBody>
        <ModalFooter>
          <Button onClick={close}>Done</Button>
        </ModalFooter>
      </Modal>
    )
  }
  return (
    <FormModal
      title="Make a token"
      submit="Make"
      ready={name.trim() !== '' && Number(days) >= 1}
      busy={make.isPending}
      error={make.error}
      onSubmit={() => make.mutate({ name, role, days: Number(days), owners: list(owners), namespaces: list(namespaces) })}
      close={close}
    >
      <TextField label="What it is for" required value={name} set={setName} />
      <ChoiceField label="Role" value={role} set={setRole} options={roles.map((one) => [one, ROLE_MEANING[one]])} />
      <TextField label="Good for how many days" type="number" required min={1} value={days} set={setDays} />
      <TextField label="Only what belongs to these owners" value={owners} set={setOwners} hint="Separated by commas. Empty: all." />
      <TextField label="Only these namespaces" value={namespaces} set={setNamespaces} hint="Separated by commas. Empty: all." />
    </FormModal>
  )
}
