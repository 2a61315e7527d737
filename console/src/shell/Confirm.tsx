import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import { type ReactNode, useId } from 'react'

interface Props {
  title: string
  action: string
  danger?: boolean
  busy?: boolean
  onConfirm: () => void
  close: () => void
  children?: ReactNode
}

/** Asks once more before something is done that is hard to undo. */
export function Confirm({ title, action, danger, busy, onConfirm, close, children }: Props) {
  const id = useId()
  return (
    <Modal isOpen onClose={close} variant="small" aria-labelledby={id}>
      <ModalHeader title={title} labelId={id} {...(danger && { titleIconVariant: 'warning' as const })} />
      {children && <ModalBody>{children}</ModalBody>}
      <ModalFooter>
        <Button variant={danger ? 'danger' : 'primary'} isLoading={busy ?? false} isDisabled={busy ?? false} onClick={onConfirm}>
          {action}
        </Button>
        <Button variant="link" onClick={close}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  )
}
