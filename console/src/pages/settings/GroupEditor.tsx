// Which group may do what, in order: the first that somebody is in counts.
import {
  Button,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  TextInput,
} from '@patternfly/react-core'
import { type Role, ROLES } from '../../api/types'
import { title } from '../../show/words'
import ArrowDownIcon from '@patternfly/react-icons/dist/esm/icons/arrow-down-icon'
import ArrowUpIcon from '@patternfly/react-icons/dist/esm/icons/arrow-up-icon'
import TrashIcon from '@patternfly/react-icons/dist/esm/icons/trash-icon'

/** As it is typed: lists are texts. */
export interface Entry {
  /** So that a row stays the same when it moves. */
  key: number
  group: string
  role: Role
  owners: string
  namespaces: string
}

let keys = 0
export const entry = (group = '', role: Role = 'viewer', owners = '', namespaces = ''): Entry => ({
  key: keys++,
  group,
  role,
  owners,
  namespaces,
})

export function GroupEditor({ entries, set }: { entries: readonly Entry[]; set: (entries: Entry[]) => void }) {
  const change = (at: number, part: Partial<Entry>) => set(entries.map((one, index) => (index === at ? { ...one, ...part } : one)))
  const move = (from: number, to: number) => {
    const next = [...entries]
    const [moved] = next.splice(from, 1)
    if (moved) next.splice(to, 0, moved)
    set(next)
  }
  return (
    <FormGroup label="Groups" role="group" fieldId="groups">
      <div className="groups">
        {entries.map((one, at) => (
          <div className="groups-row" key={one.key} role="group" aria-label={`Group ${at + 1}`}>
            <TextInput aria-label="Group" placeholder="Group" value={one.group} isRequired onChange={(_, group) => change(at, { group })} />
            <FormSelect aria-label="Role" value={one.role} onChange={(_, role) => change(at, { role: role as Role })}>
              {ROLES.filter((role) => role !== 'scanner').map((role) => (
                <FormSelectOption key={role} value={role} label={title(role)} />
              ))}
            </FormSelect>
            <TextInput
              aria-label="Only these owners"
              placeholder="all owners"
              value={one.owners}
              onChange={(_, owners) => change(at, { owners })}
            />
            <TextInput
              aria-label="Only these namespaces"
              placeholder="all namespaces"
              value={one.namespaces}
              onChange={(_, namespaces) => change(at, { namespaces })}
            />
            <span className="groups-buttons">
              <Button
                variant="plain"
                aria-label={`Move group ${at + 1} up`}
                icon={<ArrowUpIcon />}
                isDisabled={at === 0}
                onClick={() => move(at, at - 1)}
              />
              <Button
                variant="plain"
                aria-label={`Move group ${at + 1} down`}
                icon={<ArrowDownIcon />}
                isDisabled={at === entries.length - 1}
                onClick={() => move(at, at + 1)}
              />
              <Button
                variant="plain"
                aria-label={`Remove group ${at + 1}`}
                icon={<TrashIcon />}
                onClick={() => set(entries.filter((_, index) => index !== at))}
              />
            </span>
          </div>
        ))}
      </div>
      <Button variant="link" isInline onClick={() => set([...entries, entry()])}>
        Add a group
      </Button>
      <FormHelperText>
        <HelperText>
          <HelperTextItem>
            From the top: the first group that somebody is in says what they may. Several owners or namespaces are separated by commas.
          </HelperTextItem>
        </HelperText>
      </FormHelperText>
    </FormGroup>
  )
}
