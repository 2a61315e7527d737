import { FormGroup } from '@patternfly/react-core'
import { useState } from 'react'
import { useChange } from '../../api/query'
import {
  type NewSink,
  type Severity,
  SEVERITIES,
  type Sink,
  SINK_KINDS,
  SINK_RECORDS,
  type SinkRecords,
  type SinkTarget,
} from '../../api/types'
import { CheckField, ChoiceField, LongField, TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { title } from '../../show/words'

type Kind = SinkTarget['kind']

export const KINDS: Record<Kind, string> = {
  'open-search': 'OpenSearch or Elasticsearch',
  otlp: 'OpenTelemetry (OTLP)',
  syslog: 'Syslog over TLS',
  webhook: 'Webhook',
  slack: 'Slack',
  teams: 'Microsoft Teams',
  'pager-duty': 'PagerDuty',
  file: 'File',
}

export const RECORDS: Record<SinkRecords, string> = {
  alerts: 'Alerts',
  incidents: 'Incidents',
  audit: 'Audit log',
  events: 'Events',
}

const RECORDS_MEANING: Record<SinkRecords, string> = {
  alerts: 'One that comes again is sent again, with the same id and a larger count.',
  incidents: 'Each time they change.',
  audit: 'What people and programs have done here.',
  events: 'All that agents send: many.',
}

interface Secret {
  label: string
  hint: string
  required: boolean
}

const SECRETS: Partial<Record<Kind, Secret>> = {
  'open-search': { label: 'Password or API key', hint: 'Without a user it is sent as an API key.', required: false },
  otlp: { label: 'Token', hint: 'Sent as Authorization: Bearer.', required: false },
  webhook: { label: 'Key of the signature', hint: 'X-Gabion-Signature is the HMAC-SHA256 of time and body under it.', required: false },
  slack: { label: 'Address of the incoming webhook', hint: 'It is a secret: whoever has it can write to the channel.', required: true },
  teams: { label: 'Address of the workflow', hint: 'Of “When a Teams webhook request is received”. It is a secret.', required: true },
  'pager-duty': { label: 'Integration key', hint: 'Of an integration “Events API v2” of a service.', required: true },
}

/** What a form of any kind has in its fields. */
interface Fields {
  url: string
  index: string
  stream: boolean
  user: string
  authorities: string
  mib: string
  keep: string
}

function fieldsOf(target: SinkTarget | undefined): Fields {
  const fields: Fields = { url: '', index: 'gabion', stream: true, user: '', authorities: '', mib: '100', keep: '5' }
  if (!target) return fields
  if ('authorities' in target) fields.authorities = target.authorities ?? ''
  switch (target.kind) {
    case 'open-search':
      return { ...fields, url: target.url, index: target.index, stream: target.data_stream, user: target.user ?? '' }
    case 'otlp':
    case 'webhook':
      return { ...fields, url: target.url }
    case 'syslog':
      return { ...fields, url: target.address }
    case 'pager-duty':
      return { ...fields, url: target.url ?? '' }
    case 'file':
      return { ...fields, mib: String(target.max_mib), keep: String(target.keep) }
    case 'slack':
    case 'teams':
      return fields
  }
}

function targetOf(kind: Kind, { url, index, stream, user, authorities, mib, keep }: Fields): SinkTarget {
  const believed = authorities.trim() ? { authorities } : {}
  const address = url.trim()
  switch (kind) {
    case 'open-search':
      return { kind, url: address, index: index.trim(), data_stream: stream, ...(user && { user }), ...believed }
    case 'otlp':
    case 'webhook':
      return { kind, url: address, ...believed }
    case 'syslog':
      return { kind, address, ...believed }
    case 'pager-duty':
      return { kind, ...(address && { url: address }) }
    case 'file':
      return { kind, max_mib: Number(mib), keep: Number(keep) }
    case 'slack':
    case 'teams':
      return { kind }
  }
}

const ADDRESSES: Partial<Record<Kind, { label: string; placeholder: string; required: boolean }>> = {
  'open-search': { label: 'Address', placeholder: 'https://search.example:9200', required: true },
  otlp: { label: 'Address', placeholder: 'https://collector.example:4318/v1/logs', required: true },
  syslog: { label: 'Address', placeholder: 'syslog.example:6514', required: true },
  webhook: { label: 'Address', placeholder: 'https://hooks.example/gabion', required: true },
  'pager-duty': { label: 'Address, if it is another', placeholder: 'https://events.pagerduty.com/v2/enqueue', required: false },
}

/** A sink is made, or, if there is one, changed. */
export function SinkForm({ sink, close }: { sink?: Sink; close: () => void }) {
  const [name, setName] = useState(sink?.name ?? '')
  const [kind, setKind] = useState<Kind>(sink?.target.kind ?? 'open-search')
  const [fields, setFields] = useState(() => fieldsOf(sink?.target))
  const [secret, setSecret] = useState('')
  const [records, setRecords] = useState<readonly SinkRecords[]>(sink?.records ?? ['alerts', 'incidents'])
  const [least, setLeast] = useState<Severity>(sink?.least ?? 'medium')
  const make = useChange<NewSink>({ method: 'POST', path: '/sinks', done: `${name} is added`, then: close })
  const change = useChange<NewSink>({
    method: 'PUT',
    path: `/sinks/${encodeURIComponent(name)}`,
    done: `${name} is changed`,
    then: close,
  })
  const set = (part: Partial<Fields>) => setFields((before) => ({ ...before, ...part }))
  const address = ADDRESSES[kind]
  const hidden = SECRETS[kind]
  const ready =
    /^[a-z0-9-]{1,64}$/.test(name) &&
    (!address?.required || fields.url.trim() !== '') &&
    (!hidden?.required || secret !== '' || sink !== undefined)
  const submit = () => {
    const wish: NewSink = {
      name,
      target: targetOf(kind, fields),
      records: [...records],
      least,
      paused: sink?.paused ?? false,
      ...(secret && { secret }),
    }
    if (sink) change.mutate(wish)
    else make.mutate(wish)
  }
  return (
    <FormModal
      title={sink ? `Change ${sink.name}` : 'Add a sink'}
      about={sink ? undefined : 'It is handed what comes from now on.'}
      submit={sink ? 'Change' : 'Add'}
      ready={ready}
      busy={make.isPending || change.isPending}
      error={make.error ?? change.error}
      onSubmit={submit}
      close={close}
    >
      {!sink && (
        <>
          <ChoiceField label="Kind" value={kind} set={setKind} options={SINK_KINDS.map((one) => [one, KINDS[one]])} />
          <TextField label="Name" required value={name} set={setName} hint="Lower-case letters, digits and -." />
        </>
      )}
      {address && (
        <TextField
          label={address.label}
          required={address.required}
          value={fields.url}
          set={(url) => set({ url })}
          placeholder={address.placeholder}
        />
      )}
      {kind === 'open-search' && (
        <>
          <TextField
            label={fields.stream ? 'Data stream' : 'Index'}
            required
            value={fields.index}
            set={(index) => set({ index })}
            hint="It is made if it is not there."
          />
          <CheckField
            label="A data stream"
            hint="Each change of a record is added. Otherwise an index, in which a record is replaced."
            value={fields.stream}
            set={(stream) => set({ stream })}
          />
          <TextField label="User" value={fields.user} set={(user) => set({ user })} />
        </>
      )}
      {kind === 'file' && (
        <>
          <TextField
            label="Put aside when it has so many MiB"
            type="number"
            required
            min={1}
            max={10240}
            value={fields.mib}
            set={(mib) => set({ mib })}
            hint="Lines of JSON in sinks/NAME.jsonl, in the directory of the hub."
          />
          <TextField
            label="How many that were put aside are kept"
            type="number"
            required
            min={0}
            max={100}
            value={fields.keep}
            set={(keep) => set({ keep })}
          />
        </>
      )}
      {hidden && (
        <TextField
          label={hidden.label}
          required={hidden.required && !sink}
          type="password"
          autoComplete="new-password"
          value={secret}
          set={setSecret}
          hint={sink?.has_secret ? `${hidden.hint} Empty: it stays. With another server it is needed again.` : hidden.hint}
        />
      )}
      {(kind === 'open-search' || kind === 'otlp' || kind === 'syslog' || kind === 'webhook') && (
        <LongField
          label="Authorities of its certificate"
          value={fields.authorities}
          set={(authorities) => set({ authorities })}
          hint="As PEM, where they are not among those of the system."
        />
      )}
      <FormGroup label="What it is handed, beside what notification rules send" role="group" isStack>
        {SINK_RECORDS.map((one) => (
          <CheckField
            key={one}
            label={RECORDS[one]}
            hint={RECORDS_MEANING[one]}
            value={records.includes(one)}
            set={(on) => setRecords((before) => SINK_RECORDS.filter((other) => (other === one ? on : before.includes(other))))}
          />
        ))}
      </FormGroup>
      <ChoiceField
        label="Alerts and incidents from this severity on"
        value={least}
        set={setLeast}
        options={[...SEVERITIES].map((one) => [one, one === 'unknown' ? 'All' : title(one)])}
      />
    </FormModal>
  )
}
