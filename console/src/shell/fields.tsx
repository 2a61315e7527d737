// The fields that forms here are made of.
import {
  Checkbox,
  FormGroup,
  FormHelperText,
  FormSelect,
  FormSelectOption,
  HelperText,
  HelperTextItem,
  TextArea,
  TextInput,
  type TextInputProps,
} from '@patternfly/react-core'
import { type ReactNode, useId } from 'react'

interface Common {
  label: string
  hint?: ReactNode
  required?: boolean
}

function Group({ id, label, hint, required, children }: Common & { id: string; children: ReactNode }) {
  return (
    <FormGroup label={label} fieldId={id} isRequired={required ?? false}>
      {children}
      {hint && (
        <FormHelperText>
          <HelperText>
            <HelperTextItem>{hint}</HelperTextItem>
          </HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  )
}

interface TextProps extends Common {
  value: string
  set: (value: string) => void
  type?: TextInputProps['type']
  min?: string | number
  max?: string | number
  placeholder?: string
  autoComplete?: string
}

export function TextField({ value, set, type = 'text', min, max, placeholder, autoComplete = 'off', ...common }: TextProps) {
  const id = useId()
  return (
    <Group id={id} {...common}>
      <TextInput
        id={id}
        type={type}
        value={value}
        min={min}
        max={max}
        placeholder={placeholder}
        autoComplete={autoComplete}
        isRequired={common.required ?? false}
        onChange={(_, next) => set(next)}
      />
    </Group>
  )
}

interface LongProps extends Common {
  value: string
  set: (value: string) => void
  /** Each character counts: this is how it looks, while it is empty. */
  code?: string
}

export function LongField({ value, set, code, ...common }: LongProps) {
  const id = useId()
  const lines = (value || (code ?? '')).split('\n').length + 1
  return (
    <Group id={id} {...common}>
      <TextArea
        id={id}
        value={value}
        rows={code === undefined ? 3 : Math.min(30, Math.max(5, lines))}
        {...(code !== undefined && { placeholder: code, spellCheck: false, className: 'code-field' })}
        resizeOrientation="vertical"
        isRequired={common.required ?? false}
        onChange={(_, next) => set(next)}
      />
    </Group>
  )
}

/** A file of this machine. */
export function FileField({ set, accept, ...common }: Common & { set: (file: File | undefined) => void; accept?: string }) {
  const id = useId()
  return (
    <Group id={id} {...common}>
      <input id={id} type="file" className="file-field" accept={accept} onChange={({ target }) => set(target.files?.[0])} />
    </Group>
  )
}

interface ChoiceProps<T extends string> extends Common {
  value: T
  set: (value: T) => void
  options: readonly (readonly [value: T, label: string])[]
}

export function ChoiceField<T extends string>({ value, set, options, ...common }: ChoiceProps<T>) {
  const id = useId()
  return (
    <Group id={id} {...common}>
      <FormSelect id={id} value={value} onChange={(_, next) => set(next as T)}>
        {options.map(([one, label]) => (
          <FormSelectOption key={one} value={one} label={label} />
        ))}
      </FormSelect>
    </Group>
  )
}

export function CheckField({ label, hint, value, set }: Omit<Common, 'required'> & { value: boolean; set: (value: boolean) => void }) {
  const id = useId()
  return <Checkbox id={id} label={label} description={hint} isChecked={value} onChange={(_, next) => set(next)} />
}
