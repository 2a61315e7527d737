import { Badge } from '@patternfly/react-core'
import { type ReactNode, useState } from 'react'
import { Navigate, useParams } from 'react-router'
import { useChange, useGet } from '../api/query'
import type { IncidentDetail } from '../api/types'
import { Take } from '../list/Take'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { SeverityLabel } from '../show/labels'
import { IncidentName } from '../show/nodes'
import { Answer } from '../show/states'
import { many } from '../show/words'
import { AlertList } from './alert/AlertList'
import { Drawing } from './incident/Drawing'
import { IncidentStateLabel } from './incident/parts'
import { ResponseGrid } from './incident/ResponseGrid'
import { RespondForm } from './incident/RespondForm'
import { Story } from './incident/Story'

const TABS = ['story', 'graph', 'alerts', 'responses'] as const
type Tab = (typeof TABS)[number]

export function Component() {
  const { id = '', tab = 'story' } = useParams()
  const base = `/incidents/${encodeURIComponent(id)}`
  const answer = useGet<IncidentDetail>(['incidents', 'responses'], base)
  const [responding, setResponding] = useState(false)
  const incident = answer.data
  const next = incident?.state === 'open' ? 'closed' : 'open'
  const change = useChange<{ state: string }>({
    method: 'PATCH',
    path: base,
    done: (_, { state }) => (state === 'closed' ? 'The incident is closed' : 'The incident is open again'),
  })
  const at: Tab = TABS.find((one) => one === tab) ?? 'story'
  // A part leads to the whole.
  if (incident && incident.id !== id)
    return <Navigate replace to={`/incidents/${encodeURIComponent(incident.id)}${tab === 'story' ? '' : `/${tab}`}`} />
  const to = (one: Tab) => (one === 'story' ? base : `${base}/${one}`)
  const titles: Record<Tab, ReactNode> = {
    story: 'Story',
    graph: 'Graph',
    alerts: counted('Alerts', incident?.alerts),
    responses: counted('Responses', incident?.responses.length),
  }
  return (
    <>
      <Header
        title={incident?.title ?? `Incident ${id}`}
        above={[['Incidents', '/incidents']]}
        {...(incident && {
          about: (
            <>
              <IncidentName id={id} />: {many(incident.alerts, 'alert')} in {where(incident)}
            </>
          ),
        })}
        labels={
          incident && (
            <>
              <SeverityLabel severity={incident.severity} />
              <IncidentStateLabel state={incident.state} />
            </>
          )
        }
        actions={
          <>
            <Guarded need="operator" isDanger variant="primary" isDisabled={!incident} onClick={() => setResponding(true)}>
              Respond
            </Guarded>
            <Guarded
              need="triager"
              variant="secondary"
              isDisabled={!incident}
              isLoading={change.isPending}
              onClick={() => change.mutate({ state: next })}
            >
              {next === 'closed' ? 'Close' : 'Open again'}
            </Guarded>
            <Take path={base} params={{}} name={`incident-${id}`} />
          </>
        }
        tabs={TABS.map((one) => [to(one), titles[one]] as const)}
        tab={to(at)}
      />
      <Body>
        <Answer of={answer} lines={14}>
          {(incident) => <Content incident={incident} tab={at} />}
        </Answer>
        {responding && incident && <RespondForm incident={incident} close={() => setResponding(false)} />}
      </Body>
    </>
  )
}

/** `the host and 2 containers on 1 node`: the host itself is no container. */
function where({ containers, on_host, nodes }: IncidentDetail): string {
  const parts = [...(on_host ? ['the host'] : []), ...(containers.length > 0 ? [many(containers.length, 'container')] : [])]
  return `${parts.join(' and ') || 'no container'} on ${many(nodes.length, 'node')}`
}

const counted = (title: string, count: number | undefined) => (
  <>
    {title} {count !== undefined && <Badge isRead>{count}</Badge>}
  </>
)

function Content({ incident, tab }: { incident: IncidentDetail; tab: Tab }) {
  switch (tab) {
    case 'story':
      return <Story incident={incident} />
    case 'graph':
      return <Drawing id={incident.id} version={incident.updated} />
    case 'alerts':
      return <AlertList fixed={{ incident: incident.id }} />
    case 'responses':
      return <ResponseGrid responses={incident.responses} />
  }
}
