import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import { useState } from 'react'
import { useChange } from '../../api/query'
import type { JoinToken, NewJoinToken } from '../../api/types'
import { TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { Copyable } from '../../show/parts'
import { When } from '../../show/When'

export function AddNode({ close }: { close: () => void }) {
  const [minutes, setMinutes] = useState('60')
  const [uses, setUses] = useState('1')
  const make = useChange<NewJoinToken, JoinToken>({ method: 'POST', path: '/join-tokens' })
  const ready = Number(minutes) >= 1 && Number(uses) >= 1
  if (make.data) {
    return (
      <Modal isOpen onClose={close} variant="medium" aria-labelledby="add-node">
        <ModalHeader
          title="Add a node"
          labelId="add-node"
          description="Type this on the node, as root. It appears in the list within seconds."
        />
        <ModalBody>
          <div className="stack">
            <Copyable text={make.data.command} />
            <Alert isInline isPlain variant="info" title="The token in it is shown only now.">
              It expires <When time={make.data.expires} />, and is good for {uses === '1' ? 'one node' : `${uses} nodes`}.
            </Alert>
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
      title="Add a node"
      about="Makes a command with a token, by which an agent joins this hub."
      submit="Make the command"
      ready={ready}
      busy={make.isPending}
      error={make.error}
      onSubmit={() => make.mutate({ minutes: Number(minutes), uses: Number(uses) })}
      close={close}
    >
      <TextField label="Good for how many minutes" type="number" required min={1} value={minutes} set={setMinutes} />
      <TextField label="Good for how many nodes" type="number" required min={1} value={uses} set={setUses} />
    </FormModal>
  )
}
