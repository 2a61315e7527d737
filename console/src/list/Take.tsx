// What is on the screen, to take along: as a file, or as the command that asks for the same.
import { Dropdown, DropdownItem, DropdownList, MenuToggle, Modal, ModalBody, ModalHeader, ToolbarItem } from '@patternfly/react-core'
import { useState } from 'react'
import { address, curl, type Params } from '../api/client'
import { Copyable } from '../show/parts'

export function Take({ path, params, name }: { path: string; params: Params; name: string }) {
  const [open, setOpen] = useState(false)
  const [command, setCommand] = useState(false)
  return (
    <ToolbarItem>
      <Dropdown
        isOpen={open}
        onOpenChange={setOpen}
        onSelect={() => setOpen(false)}
        popperProps={{ position: 'right' }}
        toggle={(ref) => (
          <MenuToggle ref={ref} size="sm" isExpanded={open} onClick={() => setOpen(!open)}>
            Export
          </MenuToggle>
        )}
      >
        <DropdownList>
          <DropdownItem to={address(path, { ...params, format: 'csv' })} download={`${name}.csv`}>
            CSV
          </DropdownItem>
          <DropdownItem to={address(path, { ...params, limit: 1000 })} download={`${name}.json`} description="Up to 1,000 entries">
            JSON
          </DropdownItem>
          <DropdownItem onClick={() => setCommand(true)}>As a command</DropdownItem>
        </DropdownList>
      </Dropdown>
      <Modal isOpen={command} onClose={() => setCommand(false)} variant="medium" aria-labelledby="take-title">
        <ModalHeader
          title="As a command"
          labelId="take-title"
          description="Asks for what this page shows. Make a token in Settings, and put it into GABION_TOKEN."
        />
        <ModalBody>
          <Copyable text={curl(path, params)} />
        </ModalBody>
      </Modal>
    </ToolbarItem>
  )
}
