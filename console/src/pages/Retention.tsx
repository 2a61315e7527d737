import { useState } from 'react'
import { useChange, useGet } from '../api/query'
import type { Retention, RetentionDetail } from '../api/types'
import { TextField } from '../shell/fields'
import { FormModal } from '../shell/FormModal'
import { Body } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Dim, Facts, Panel } from '../show/parts'
import { Answer } from '../show/states'
import { When } from '../show/When'
import { bytes, many, number } from '../show/words'
import { SettingsHeader } from './settings/parts'

const GIB = 2 ** 30

/** A number, and the usual one beside it if that is another. */
function Kept({ value, usual, unit }: { value: number; usual: number; unit: string }) {
  const of = (count: number) => (unit === 'day' ? many(count, 'day') : `${number(count)} ${unit}`)
  return (
    <>
      {of(value)} {value !== usual && <Dim>(usual: {of(usual)})</Dim>}
    </>
  )
}

/** What is kept for how long, and what there is of it. */
export function Component() {
  const answer = useGet<RetentionDetail>([], '/retention')
  const [form, setForm] = useState(false)
  const change = (
    <Guarded need="admin" onClick={() => setForm(true)}>
      Change
    </Guarded>
  )
  return (
    <>
      <SettingsHeader tab="/settings/retention" actions={change} />
      <Body>
        <Answer of={answer}>
          {({ kept, usual, events, bytes: size, free, oldest }) => (
            <div className="stack">
              <Panel title="What is kept for how long">
                <Facts
                  facts={[
                    ['Events', <Kept value={kept.event_days} usual={usual.event_days} unit="day" />],
                    [
                      'Events of each hub take',
                      <>
                        at most <Kept value={kept.event_bytes / GIB} usual={usual.event_bytes / GIB} unit="GiB" />
                      </>,
                    ],
                    ['Alerts', <Kept value={kept.alert_days} usual={usual.alert_days} unit="day" />],
                    ['Containers that have ended', <Kept value={kept.container_days} usual={usual.container_days} unit="day" />],
                    ['Who talked to whom', <Kept value={kept.flow_days} usual={usual.flow_days} unit="day" />],
                    ['Incidents, findings and their life, audit log', 'for good'],
                  ]}
                />
              </Panel>
              <Panel title="Events of this hub">
                <Facts
                  facts={[
                    ['Events', number(events)],
                    ['On disk', bytes(size)],
                    ['Left on that disk', free === undefined ? <Dim>not known</Dim> : bytes(free)],
                    ['The oldest', <When time={oldest} never="there is none" />],
                  ]}
                />
              </Panel>
            </div>
          )}
        </Answer>
        {form && answer.data && <Form kept={answer.data.kept} close={() => setForm(false)} />}
      </Body>
    </>
  )
}

const FIELDS = [
  ['event_days', 'Events: days'],
  ['alert_days', 'Alerts: days after they came last'],
  ['container_days', 'Containers: days after they ended'],
  ['flow_days', 'Who talked to whom: days'],
] as const

function Form({ kept, close }: { kept: Retention; close: () => void }) {
  const [days, setDays] = useState(() => Object.fromEntries(FIELDS.map(([key]) => [key, String(kept[key])])))
  const [size, setSize] = useState(String(kept.event_bytes / GIB))
  const wanted = (): Retention => ({
    event_days: Number(days['event_days']),
    alert_days: Number(days['alert_days']),
    container_days: Number(days['container_days']),
    flow_days: Number(days['flow_days']),
    event_bytes: Math.round(Number(size) * GIB),
  })
  const change = useChange<Retention, RetentionDetail>({
    method: 'PUT',
    path: '/retention',
    done: 'What is kept for how long is changed',
    then: close,
  })
  const isLess = FIELDS.some(([key]) => Number(days[key]) < kept[key]) || Number(size) * GIB < kept.event_bytes
  return (
    <FormModal
      title="What is kept for how long"
      about="What is too old or too much then goes within ten minutes, and does not come back."
      submit="Change"
      danger={isLess}
      ready={FIELDS.every(([key]) => Number(days[key]) >= 1) && Number(size) >= 1}
      busy={change.isPending}
      error={change.error}
      onSubmit={() => change.mutate(wanted())}
      close={close}
    >
      {FIELDS.map(([key, label]) => (
        <TextField
          key={key}
          label={label}
          type="number"
          required
          min={1}
          max={3650}
          value={days[key] ?? ''}
          set={(value) => setDays({ ...days, [key]: value })}
        />
      ))}
      <TextField
        label="Events of each hub: GiB on its disk"
        type="number"
        required
        min={1}
        value={size}
        set={setSize}
        hint="Before that the oldest go, however young they are."
      />
    </FormModal>
  )
}
