// A rule is made or changed. What it would have told in the last days is shown before it is live.
import { Button, FormGroup } from '@patternfly/react-core'
import { useEffect, useState } from 'react'
import { Link } from 'react-router'
import { useChange, useGet } from '../../api/query'
import {
  type ExploitedFindings,
  type NewNotificationRule,
  type NotificationGroup,
  NOTIFICATION_GROUPS,
  type NotificationKind,
  NOTIFICATION_KINDS,
  type NotificationPreview,
  type NotificationSink,
  type Page,
  type Severity,
  SEVERITIES,
} from '../../api/types'
import { CheckField, ChoiceField, TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { useMe } from '../../shell/session'
import { absolute, many, title } from '../../show/words'
import { SeverityLabel } from '../../show/labels'
import { list } from './parts'

export const HAPPENINGS: Record<NotificationKind, string> = {
  'new-finding': 'New findings',
  incident: 'Incidents',
  'deadline-near': 'Deadlines in a week and in a day',
  'deadline-over': 'Deadlines that are past',
  'exception-ends': 'Exceptions that end soon',
  'agent-lost': 'Agents that are lost',
  'sink-trouble': 'Sinks that are away or lose records',
}

export const GROUPS: Record<NotificationGroup, string> = {
  owner: 'Owner',
  kind: 'Kind of thing',
  subject: 'Image, incident or node',
}

/** What nobody owns: who sees some owners only cannot ask for it. */
const OF_NOBODY: readonly NotificationKind[] = ['agent-lost', 'sink-trouble']

const NONE: readonly NotificationSink[] = []
const ANY = SEVERITIES.map((one) => [one, one === 'unknown' ? 'All' : title(one)] as const)

function toggle<T>(all: readonly T[], chosen: readonly T[], one: T, on: boolean): T[] {
  return all.filter((other) => (other === one ? on : chosen.includes(other)))
}

export function NotificationRuleForm({ rule, close }: { rule?: NewNotificationRule; close: () => void }) {
  const me = useMe()
  const sinks = useGet<Page<NotificationSink>>([], '/notification-sinks').data?.items ?? NONE
  const [name, setName] = useState(rule?.name ?? '')
  const [chosen, setSink] = useState(rule?.sink)
  const [owners, setOwners] = useState((rule?.owners ?? me.owners).join(', '))
  const [least, setLeast] = useState<Severity>(rule?.least ?? 'high')
  const [kinds, setKinds] = useState<readonly NotificationKind[]>(rule?.kinds?.length ? rule.kinds : NOTIFICATION_KINDS)
  const [exploited, setExploited] = useState<ExploitedFindings | 'no'>(rule?.exploited ?? 'no')
  const [running, setRunning] = useState(rule?.running ?? true)
  const [groups, setGroups] = useState<readonly NotificationGroup[]>(rule?.group_by ?? ['owner'])
  const [wait, setWait] = useState(String(rule?.wait ?? 10))
  const [again, setAgain] = useState(rule ? String(rule.again ?? '') : '60')
  const [quiet, setQuiet] = useState(rule?.quiet !== undefined)
  const [from, setFrom] = useState(rule?.quiet?.from ?? '22:00')
  const [to, setTo] = useState(rule?.quiet?.to ?? '07:00')
  const [zone, setZone] = useState(rule?.quiet?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone)
  const [through, setThrough] = useState<Severity | 'none'>(rule?.quiet?.through ?? 'critical')
  const sink = chosen ?? sinks[0]?.name ?? ''

  const body: NewNotificationRule = {
    name,
    sink,
    owners: list(owners),
    least,
    kinds: kinds.length === NOTIFICATION_KINDS.length ? [] : [...kinds],
    ...(exploited !== 'no' && { exploited }),
    running,
    group_by: [...groups],
    wait: Number(wait),
    ...(again.trim() && { again: Number(again) }),
    ...(quiet && { quiet: { from, to, zone: zone.trim(), ...(through !== 'none' && { through }) } }),
    paused: rule?.paused ?? false,
  }
  const make = useChange<NewNotificationRule>({ method: 'POST', path: '/notification-rules', done: `${name} is made`, then: close })
  const change = useChange<NewNotificationRule>({
    method: 'PUT',
    path: `/notification-rules/${encodeURIComponent(name)}`,
    done: `${name} is changed`,
    then: close,
  })
  const preview = useChange<NewNotificationRule, NotificationPreview>({
    method: 'POST',
    path: '/notification-rules/preview',
    body: (rule) => ({ rule: { ...rule, name: rule.name || 'preview-of-it' }, days: 7 }),
  })
  // What was tried is no longer what would be saved.
  const said = JSON.stringify(body)
  useEffect(() => preview.reset(), [said])
  const ready = /^[a-z0-9-]{1,64}$/.test(name) && sink !== '' && kinds.length > 0 && Number(wait) >= 0
  return (
    <FormModal
      title={rule ? `Change ${rule.name}` : 'Make a notification rule'}
      about={rule ? undefined : 'It tells what happens from now on.'}
      submit={rule ? 'Change' : 'Make'}
      ready={ready}
      busy={make.isPending || change.isPending}
      error={make.error ?? change.error ?? preview.error}
      onSubmit={() => (rule ? change.mutate(body) : make.mutate(body))}
      close={close}
      note={preview.data && <Preview of={preview.data} />}
    >
      {!rule && <TextField label="Name" required value={name} set={setName} hint="Lower-case letters, digits and -." />}
      {sinks.length > 0 || rule ? (
        <ChoiceField
          label="Send to"
          value={sink}
          set={setSink}
          options={[
            ...sinks.map((one) => [one.name, `${one.name} (${one.kind}${one.state === 'well' ? '' : `, ${one.state}`})`] as const),
            ...(sink && !sinks.some((one) => one.name === sink) ? [[sink, `${sink}: there is no such sink`] as const] : []),
          ]}
        />
      ) : (
        <FormGroup label="Send to">
          <p>
            There is no sink yet. An admin adds one on the page <Link to="/settings/sinks">Sinks</Link>; it may have nothing else to do.
          </p>
        </FormGroup>
      )}
      <TextField
        label="Of these owners"
        value={owners}
        set={setOwners}
        hint={me.owners.length > 0 ? 'Separated by commas: some of those that you see.' : 'Separated by commas. Empty: of everybody.'}
      />
      <ChoiceField label="From this severity on" value={least} set={setLeast} options={ANY} />
      <FormGroup label="What is told" role="group" isStack>
        {NOTIFICATION_KINDS.filter((one) => me.owners.length === 0 || !OF_NOBODY.includes(one)).map((one) => (
          <CheckField
            key={one}
            label={HAPPENINGS[one]}
            value={kinds.includes(one)}
            set={(on) => setKinds((before) => toggle(NOTIFICATION_KINDS, before, one, on))}
          />
        ))}
      </FormGroup>
      <FormGroup label="One message for each" role="group" isStack>
        {NOTIFICATION_GROUPS.map((one) => (
          <CheckField
            key={one}
            label={GROUPS[one]}
            value={groups.includes(one)}
            set={(on) => setGroups((before) => toggle(NOTIFICATION_GROUPS, before, one, on))}
          />
        ))}
      </FormGroup>
      <ChoiceField
        label="Findings that are known to be exploited"
        value={exploited}
        set={setExploited}
        options={[
          ['no', 'are told as others'],
          ['also', 'are told whatever their severity'],
          ['only', 'are the only ones told'],
        ]}
      />
      <CheckField
        label="Only findings that run"
        hint="Otherwise also those of images that nothing runs."
        value={running}
        set={setRunning}
      />
      <TextField
        label="Wait for more, in minutes"
        type="number"
        min={0}
        max={10080}
        required
        value={wait}
        set={setWait}
        hint="What comes meanwhile is in the same message."
      />
      <TextField
        label="The same again, in minutes"
        type="number"
        min={5}
        value={again}
        set={setAgain}
        hint="An incident that changes and changes is told no more often. Empty: only if it gets worse or is over."
      />
      <div className="form-wide">
        <CheckField label="Quiet hours" hint="What happens then is told afterwards." value={quiet} set={setQuiet} />
      </div>
      {quiet && (
        <>
          <TextField label="From" type="time" required value={from} set={setFrom} />
          <TextField label="Until" type="time" required value={to} set={setTo} />
          <TextField label="Time zone" required value={zone} set={setZone} placeholder="Europe/Berlin" />
          <ChoiceField
            label="What comes through"
            value={through}
            set={setThrough}
            options={[['none', 'Nothing'], ...SEVERITIES.slice(0, 4).map((one) => [one, `From ${one} on`] as const)]}
          />
        </>
      )}
      <div className="form-wide">
        <Button
          variant="secondary"
          isDisabled={sink === '' || kinds.length === 0}
          isLoading={preview.isPending}
          onClick={() => preview.mutate(body)}
        >
          What would it have told in the last 7 days?
        </Button>
      </div>
    </FormModal>
  )
}

function Preview({ of: { total, happenings, messages, gathered, unknown } }: { of: NotificationPreview }) {
  return (
    <section className="preview" aria-label="Preview" role="status">
      <b>
        {many(total, 'message')} about {many(happenings, 'thing')} in 7 days
        {gathered > 0 && `; ${many(gathered, 'thing')} would wait now`}
      </b>
      {messages.length > 0 && (
        <ul className="told" tabIndex={0} aria-label="Messages">
          {messages.map(({ time, severity, title: line }, at) => (
            <li key={at}>
              <SeverityLabel severity={severity} />
              <span className="break">
                {line} <span className="dim nowrap">{absolute(time)}</span>
              </span>
            </li>
          ))}
        </ul>
      )}
      {unknown.length > 0 && <p className="dim">Not in it: {unknown.join('; ')}.</p>}
    </section>
  )
}
