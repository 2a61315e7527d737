// The secret by which a registry tells of what was pushed. It is shown once.
import { Alert, Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import type { RegistryHook } from '../../api/types'
import { Copyable } from '../../show/parts'

export function HookModal({ hook, close }: { hook: RegistryHook; close: () => void }) {
  const at = `${window.location.origin}${hook.path}`
  return (
    <Modal isOpen onClose={close} variant="medium" aria-labelledby="hook-made">
      <ModalHeader
        title="Let the registry tell of pushes"
        labelId="hook-made"
        description="What it names is looked at at once; nothing else of what it says is believed."
      />
      <ModalBody>
        <div className="stack">
          <Alert isInline variant="warning" title="The secret is shown only now." />
          <p>Distribution, Harbor: this address, and the header Authorization.</p>
          <Copyable text={at} />
          <Copyable text={`Bearer ${hook.secret}`} />
          <p>GitHub Packages: the same address, and this as the secret of the webhook.</p>
          <Copyable text={hook.secret} />
          <p>Docker Hub can set no header; there the secret is a part of the address.</p>
          <Copyable text={`${at}?secret=${hook.secret}`} />
        </div>
      </ModalBody>
      <ModalFooter>
        <Button onClick={close}>Done</Button>
      </ModalFooter>
    </Modal>
  )
}
