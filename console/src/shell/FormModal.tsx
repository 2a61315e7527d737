// A form in a window: its fields, and two buttons. A form that can be tried first has a third.
import { Alert, Button, Form, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core'
import { type FormEvent, type ReactNode, useId } from 'react'
import type { ApiError } from '../api/client'
import { sentence } from '../show/states'

interface Props {
  title: string
  about?: ReactNode
  submit: string
  danger?: boolean
  ready?: boolean
  busy?: boolean
  error?: ApiError | null
  onSubmit: () => void
  close: () => void
  /** What a dry run said: stays in sight. */
  note?: ReactNode
  children: ReactNode
}

export function FormModal({ title, about, submit, danger, ready = true, busy, error, onSubmit, close, note, children }: Props) {
  const id = useId()
  const onForm = (event: FormEvent) => {
    event.preventDefault()
    if (ready && !busy) onSubmit()
  }
  return (
    <Modal isOpen onClose={close} variant="medium" aria-labelledby={`${id}-title`}>
      <ModalHeader title={title} labelId={`${id}-title`} description={about} />
      <ModalBody>
        <Form id={id} onSubmit={onForm} className="form">
          {error && (
            <Alert isInline variant="danger" title={sentence(error.message)}>
              {error.hint}
            </Alert>
          )}
          {children}
        </Form>
      </ModalBody>
      {note && <div className="form-note">{note}</div>}
      <ModalFooter>
        <Button type="submit" form={id} variant={danger ? 'danger' : 'primary'} isDisabled={!ready || busy} isLoading={busy ?? false}>
          {submit}
        </Button>
        <Button variant="link" onClick={close}>
          Cancel
        </Button>
      </ModalFooter>
    </Modal>
  )
}
