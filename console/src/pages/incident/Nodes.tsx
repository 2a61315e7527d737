// An incident over several nodes: what each of them tells, and the connections by which one led to another. What was joined wrongly can be parted.
import { Alert, Label } from '@patternfly/react-core'
import { useState } from 'react'
import { useChange } from '../../api/query'
import type { IncidentDetail, IncidentLink, IncidentPart, NewApart } from '../../api/types'
import { TextField } from '../../shell/fields'
import { FormModal } from '../../shell/FormModal'
import { Guarded } from '../../shell/session'
import { Grid } from '../../show/Grid'
import { SeverityLabel } from '../../show/labels'
import { Long } from '../../show/Long'
import { IncidentName, NodeLink, Place } from '../../show/nodes'
import { Dim, Panel } from '../../show/parts'
import { When } from '../../show/When'
import { absolute, many, span } from '../../show/words'

/** Below that nobody would see a difference. */
const RIGHT = 100

/** What the clock of a node shows, as seen from the hub. */
function Skew({ skew }: { skew: number | undefined }) {
  if (skew === undefined) return <Dim>not known: its times are as it tells them</Dim>
  if (Math.abs(skew) < RIGHT) return <>right</>
  return (
    <>
      {span(Math.abs(skew))} {skew > 0 ? 'behind' : 'ahead'}, set right here
    </>
  )
}

export function Nodes({ incident }: { incident: IncidentDetail }) {
  const { parts, links, hidden } = incident
  const [asked, setAsked] = useState<IncidentLink>()
  const old = parts.filter(({ joinable }) => !joinable)
  const alone = parts.length < 2 && links.length === 0 && hidden === 0
  if (alone && old.length === 0) return null
  return (
    <>
      {old.length > 0 && (
        <Alert
          isInline
          isPlain
          variant="info"
          component="h2"
          title={`The agent of ${old.map(({ name }) => name).join(', ')} is of an earlier version: it does not tell connections, so what led here from other nodes, or from here to them, cannot be joined. Update it.`}
        />
      )}
      {hidden > 0 && (
        <Alert
          isInline
          isPlain
          variant="info"
          component="h2"
          title={`${many(hidden, 'part')} of it ${hidden === 1 ? 'is' : 'are'} in workloads that you may not see.`}
        />
      )}
      {!alone && (
        <Panel title="Over nodes" flush>
          <Grid<IncidentPart>
            label="Nodes of the incident"
            items={parts}
            id={({ id }) => id}
            columns={[
              {
                title: 'Node',
                cell: ({ node, name, origin }) => (
                  <>
                    <NodeLink id={node} name={name} />{' '}
                    {origin && (
                      <Label isCompact color="orange">
                        it began here
                      </Label>
                    )}
                  </>
                ),
              },
              { title: 'Severity', cell: ({ severity }) => <SeverityLabel severity={severity} /> },
              {
                title: 'What it tells',
                width: 30,
                cell: ({ title, id }) => (
                  <div className="two">
                    <Long text={title} />
                    <span className="dim">
                      <IncidentName id={id} />
                    </span>
                  </div>
                ),
              },
              { title: 'Began', cell: ({ began, skew }) => <When time={began + (skew ?? 0)} /> },
              { title: 'Its clock', cell: ({ skew }) => <Skew skew={skew} /> },
            ]}
          />
        </Panel>
      )}
      {links.length > 0 && (
        <Panel title="The connections that join them" flush>
          <Grid<IncidentLink>
            label="Connections between the nodes"
            items={links}
            id={({ cause, effect, client, server }) => `${cause} ${effect} ${client} ${server}`}
            columns={[
              { title: 'From', width: 20, cell: (link) => <End link={link} parts={parts} /> },
              { title: 'To', width: 20, cell: (link) => <End link={link} parts={parts} accepted /> },
              {
                title: 'Connection',
                cell: ({ client, server, accepted_by }) => (
                  <div className="two">
                    <code className="break">
                      {client} → {server}
                    </code>
                    {server !== accepted_by && <Dim>a service address; accepted as {accepted_by}</Dim>}
                  </div>
                ),
              },
              {
                title: 'When',
                cell: ({ sent }) => (
                  <span title={absolute(sent)}>
                    <When time={sent} />
                  </span>
                ),
              },
              {
                title: 'One incident',
                cell: (link) => (
                  <div className="two">
                    {link.apart && (
                      <Dim>
                        parted by {link.apart.by} <When time={link.apart.at} />
                        {link.apart.reason && `: ${link.apart.reason}`}
                      </Dim>
                    )}
                    <Guarded need="triager" variant="link" isInline onClick={() => setAsked(link)}>
                      {link.apart ? 'Join them again' : 'These are two'}
                    </Guarded>
                  </div>
                ),
              },
            ]}
          />
        </Panel>
      )}
      {asked && <ApartForm link={asked} close={() => setAsked(undefined)} />}
    </>
  )
}

function End({ link, parts, accepted }: { link: IncidentLink; parts: readonly IncidentPart[]; accepted?: boolean }) {
  const id = accepted ? link.effect : link.cause
  const part = parts.find((one) => one.id === id)
  const container = accepted ? link.to_container : link.container
  return (
    <div className="two">
      <b className="break">{accepted ? link.to_program : link.program}</b>
      <span className="dim">{part ? <Place container={container} node={part.name} on={part.node} /> : <IncidentName id={id} />}</span>
    </div>
  )
}

/** Both ways are told first, as they change what others see. */
function ApartForm({ link, close }: { link: IncidentLink; close: () => void }) {
  const [reason, setReason] = useState('')
  const apart = !link.apart
  const change = useChange<NewApart>({
    method: 'POST',
    path: '/incidents/apart',
    done: apart ? 'These are two incidents now' : 'They are one incident again',
    then: close,
  })
  return (
    <FormModal
      title={apart ? 'These are two incidents' : 'Join them again'}
      about={
        apart
          ? 'It holds for whatever links them later. What is linked with either of them in another way stays with it.'
          : 'They become one incident again, by the connections that both are part of.'
      }
      submit={apart ? 'Part them' : 'Join them'}
      busy={change.isPending}
      error={change.error}
      onSubmit={() => change.mutate({ cause: link.cause, effect: link.effect, apart, reason })}
      close={close}
    >
      <p>
        <IncidentName id={link.cause} /> and <IncidentName id={link.effect} />, by {link.client} → {link.server}.
      </p>
      <TextField label="Reason" value={reason} set={setReason} hint="It is kept beside the connection and in the audit log." />
    </FormModal>
  )
}
