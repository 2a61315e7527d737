// The controls above a list, and what is set as chips below them.
import {
  Badge,
  Button,
  Label,
  LabelGroup,
  MenuToggle,
  SearchInput,
  Select,
  SelectList,
  SelectOption,
  ToolbarItem,
} from '@patternfly/react-core'
import { useEffect, useState } from 'react'
import { useNodeNames } from '../show/nodes'
import { chipsOf, type Filter, parts, toggled, type Values } from './filters'

interface Props {
  filters: readonly Filter[]
  values: Values
  set: (key: string, value: string) => void
  clear: () => void
}

export function FilterControls({ filters, values, set }: Omit<Props, 'clear'>) {
  const texts = filters.filter((one) => one.kind === 'text')
  return (
    <>
      {texts.length > 0 && <TextFilter filters={texts} values={values} set={set} />}
      {filters.map((filter) => {
        switch (filter.kind) {
          case 'text':
            return null
          case 'choice':
            return (
              <Choice
                key={filter.key}
                label={filter.label}
                options={filter.options}
                chosen={parts(values[filter.key])}
                one={filter.one ?? false}
                toggle={(value) =>
                  set(filter.key, filter.one ? (values[filter.key] === value ? '' : value) : toggled(values[filter.key], value))
                }
              />
            )
          case 'flags':
            return (
              <Choice
                key={filter.label}
                label={filter.label}
                options={filter.options}
                chosen={filter.options.map(([key]) => key).filter((key) => values[key] === 'true')}
                one={false}
                toggle={(key) => set(key, values[key] === 'true' ? '' : 'true')}
              />
            )
        }
      })}
    </>
  )
}

type Text = Extract<Filter, { kind: 'text' }>

/** One box for all that is text; what it is about is chosen before it. */
function TextFilter({ filters, values, set }: { filters: readonly Text[]; values: Values; set: Props['set'] }) {
  const [open, setOpen] = useState(false)
  const [key, setKey] = useState(filters[0]?.key ?? 'q')
  const filter = filters.find((one) => one.key === key) ?? filters[0]
  const current = values[key] ?? ''
  const [draft, setDraft] = useState(current)
  useEffect(() => setDraft(current), [current])
  useEffect(() => {
    if (draft === current) return
    const timer = window.setTimeout(() => set(key, draft), 350)
    return () => window.clearTimeout(timer)
  }, [draft, current, key, set])
  if (!filter) return null
  return (
    <>
      {filters.length > 1 && (
        <ToolbarItem>
          <Select
            isOpen={open}
            onOpenChange={setOpen}
            selected={key}
            onSelect={(_, value) => {
              setKey(String(value))
              setOpen(false)
            }}
            toggle={(ref) => (
              <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)} size="sm" aria-label="What to search in">
                {filter.label}
              </MenuToggle>
            )}
          >
            <SelectList>
              {filters.map((one) => (
                <SelectOption key={one.key} value={one.key}>
                  {one.label}
                </SelectOption>
              ))}
            </SelectList>
          </Select>
        </ToolbarItem>
      )}
      <ToolbarItem>
        <SearchInput
          className="filter-text"
          aria-label={filter.label}
          placeholder={filter.hint ?? filter.label}
          value={draft}
          onChange={(_, value) => setDraft(value)}
          onClear={() => {
            setDraft('')
            set(key, '')
          }}
        />
      </ToolbarItem>
    </>
  )
}

interface ChoiceProps {
  label: string
  options: readonly (readonly [string, string])[]
  chosen: string[]
  one: boolean
  toggle: (value: string) => void
}

function Choice({ label, options, chosen, one, toggle }: ChoiceProps) {
  const [open, setOpen] = useState(false)
  return (
    <ToolbarItem>
      <Select
        role="menu"
        isOpen={open}
        onOpenChange={setOpen}
        selected={chosen}
        onSelect={(_, value) => {
          toggle(String(value))
          if (one) setOpen(false)
        }}
        toggle={(ref) => (
          <MenuToggle
            ref={ref}
            size="sm"
            isExpanded={open}
            onClick={() => setOpen(!open)}
            badge={chosen.length > 0 ? <Badge isRead>{chosen.length}</Badge> : undefined}
          >
            {label}
          </MenuToggle>
        )}
      >
        <SelectList>
          {options.map(([value, text]) => (
            <SelectOption key={value} value={value} hasCheckbox={!one} isSelected={chosen.includes(value)}>
              {text}
            </SelectOption>
          ))}
        </SelectList>
      </Select>
    </ToolbarItem>
  )
}

export function Chips({ filters, values, set, clear }: Props) {
  const chips = chipsOf(values, filters)
  const { nameOf } = useNodeNames()
  if (chips.length === 0) return null
  const groups = Map.groupBy(chips, (chip) => chip.label)
  const shown = (key: string, text: string) => (key === 'node' ? nameOf(text) : key === 'owner' && text === '-' ? 'nobody' : text)
  return (
    <div className="chips">
      {[...groups].map(([label, members]) => (
        <LabelGroup key={label} categoryName={label} numLabels={5}>
          {members.map(({ key, text, without }) => (
            <Label key={key + text} variant="outline" closeBtnAriaLabel={`Remove ${text}`} onClose={() => set(key, without)}>
              {shown(key, text)}
            </Label>
          ))}
        </LabelGroup>
      ))}
      <Button variant="link" isInline onClick={clear}>
        Clear all
      </Button>
    </div>
  )
}
