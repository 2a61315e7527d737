import { Dropdown, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core'
import { useState } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { useSaved } from './saved'

export function SavedMenu() {
  const { saved, add, remove } = useSaved()
  const [query] = useSearchParams()
  const navigate = useNavigate()
  const [open, setOpen] = useState(false)
  const [naming, setNaming] = useState(false)
  const [name, setName] = useState('')
  return (
    <>
      <Dropdown
        isOpen={open}
        onOpenChange={setOpen}
        onSelect={() => setOpen(false)}
        toggle={(ref) => (
          <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)}>
            Saved searches
          </MenuToggle>
        )}
      >
        <DropdownList>
          {saved.map((one) => (
            <DropdownItem key={one.name} onClick={() => void navigate(`/events?${one.search}`)}>
              {one.name}
            </DropdownItem>
          ))}
          {saved.map((one) => (
            <DropdownItem key={`remove ${one.name}`} isDanger onClick={() => remove(one.name)}>
              Forget “{one.name}”
            </DropdownItem>
          ))}
          <DropdownItem onClick={() => setNaming(true)}>Save this search</DropdownItem>
        </DropdownList>
      </Dropdown>
      {naming && (
        <FormModal
          title="Save this search"
          about="It stays in this browser."
          submit="Save"
          ready={name.trim() !== ''}
          onSubmit={() => {
            add({ name: name.trim(), search: query.toString() })
            setNaming(false)
            setName('')
          }}
          close={() => setNaming(false)}
        >
          <TextField label="Name" required value={name} set={setName} />
        </FormModal>
      )}
    </>
  )
}
