// A recording is chosen, and judged by rules: by the hub, or by the command that says the same.
import { Button, Modal, ModalBody, ModalHeader } from '@patternfly/react-core'
import { useState } from 'react'
import { API } from '../../api/client'
import { useChange } from '../../api/query'
import type { RuleTest } from '../../api/types'
import { CheckField, FileField } from '../../shell/fields'
import { Guarded } from '../../shell/session'
import { Copyable, Panel } from '../../show/parts'
import { bytes } from '../../show/words'
import { Tested } from './Tested'

/** What the hub takes. */
const MOST = 64 * 2 ** 20

interface Wish {
  rules: string
  recording: File
  own: boolean
  all: boolean
}

function form({ rules, recording }: Wish): FormData {
  const parts = new FormData()
  if (rules.trim() !== '') parts.append('rules', rules)
  parts.append('recording', recording)
  return parts
}

function query({ own, all }: Pick<Wish, 'own' | 'all'>): string {
  const said = [...(own ? [] : ['own=false']), ...(all ? ['all=true'] : [])].join('&')
  return said && `?${said}`
}

export function Tester({ rules }: { rules: string }) {
  const [recording, setRecording] = useState<File>()
  const [own, setOwn] = useState(true)
  const [all, setAll] = useState(false)
  const [command, setCommand] = useState(false)
  const test = useChange<Wish, RuleTest>({ method: 'POST', path: (wish) => `/rules/test${query(wish)}`, body: form })
  const isTooLarge = recording !== undefined && recording.size > MOST
  const isNothing = !own && rules.trim() === ''
  return (
    <>
      <Panel
        title="Test on recorded events"
        action={
          <Button variant="link" isInline onClick={() => setCommand(true)}>
            As a command
          </Button>
        }
      >
        <div className="stack">
          <FileField
            label="Recording"
            set={setRecording}
            hint={
              isTooLarge ? (
                <>
                  It has {bytes(recording.size)}, and the hub takes {bytes(MOST)}: compress it, or use the command on a machine of your own.
                </>
              ) : (
                <>
                  A <code>.scap</code> file of Falco or sysdig, or a <code>.gabion</code> file; compressed by gzip or not.
                </>
              )
            }
          />
          <CheckField
            label="Together with Gabion’s own rules"
            value={own}
            set={setOwn}
            hint={isNothing ? 'There is no rule to judge by.' : undefined}
          />
          <CheckField
            label="Tell all rules that match an event"
            value={all}
            set={setAll}
            hint="Agents tell the first, in the order of the files, unless they were started with --all."
          />
          <div className="buttons">
            <Guarded
              need="operator"
              variant="secondary"
              isLoading={test.isPending}
              isDisabled={recording === undefined || isTooLarge || isNothing || test.isPending}
              onClick={() => recording && test.mutate({ rules, recording, own, all })}
            >
              Test
            </Guarded>
          </div>
          {recording === undefined && <Getting />}
        </div>
      </Panel>
      {test.data && !test.isPending && <Tested of={test.data} />}
      {command && <AsCommand file={recording?.name} rules={rules} own={own} all={all} close={() => setCommand(false)} />}
    </>
  )
}

/** How to come by a recording. */
function Getting() {
  return (
    <div className="stack stack-close">
      <p className="dim">There is none yet? sysdig records what a node does, for a minute here; Falco does the same when a rule matches.</p>
      <Copyable text="sudo sysdig -M 60 -z -w node.scap.gz" />
    </div>
  )
}

interface CommandProps {
  file: string | undefined
  rules: string
  own: boolean
  all: boolean
  close: () => void
}

function AsCommand({ file, rules, own, all, close }: CommandProps) {
  const has = rules.trim() !== ''
  const name = `'${(file ?? 'node.scap.gz').replaceAll("'", `'\\''`)}'`
  const replay = `gabion replay ${name}${own && has ? ' --own' : ''} --rules${has ? ' rules.yaml' : ''}${all ? ' --all' : ''}`
  const parts = `${has ? '-F rules=@rules.yaml ' : ''}-F recording=@${name}`
  const curl = `curl -sS -H "Authorization: Bearer $GABION_TOKEN" \\\n  ${parts} \\\n  '${location.origin}${API}/rules/test${query({ own, all })}'`
  return (
    <Modal isOpen onClose={close} variant="medium" aria-labelledby="test-command">
      <ModalHeader
        title="As a command"
        labelId="test-command"
        description={
          has
            ? 'Keep the rules as rules.yaml. The first asks nobody; the second asks this hub.'
            : 'The first asks nobody; the second asks this hub.'
        }
      />
      <ModalBody>
        <div className="stack">
          <Copyable text={replay} />
          <Copyable text={curl} />
        </div>
      </ModalBody>
    </Modal>
  )
}
