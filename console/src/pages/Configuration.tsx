// A version: what it says, how far it has come, and the way back.
import { Label } from '@patternfly/react-core'
import { useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router'
import { useChange, useGet } from '../api/query'
import type { ConfigurationDetail, ConfiguredNode } from '../api/types'
import type { Column } from '../list/List'
import { Take } from '../list/Take'
import { Confirm } from '../shell/Confirm'
import { TextField } from '../shell/fields'
import { FormModal } from '../shell/FormModal'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Grid } from '../show/Grid'
import { Copyable, Panel, WorkloadLink } from '../show/parts'
import { Answer, Nothing } from '../show/states'
import { When } from '../show/When'
import { title } from '../show/words'
import { imageOf } from './Baselines'
import { baselinesOf, type RolledOut } from './configuration/baselines'
import { patternsOf } from './configuration/patterns'
import { Reach } from './configuration/Reach'

const COLORS = { applied: 'green', waiting: 'blue', refused: 'red' } as const

const NODES: readonly Column<ConfiguredNode>[] = [
  { title: 'Node', width: 25, cell: ({ node, name }) => <Link to={`/nodes/${encodeURIComponent(node)}`}>{name}</Link> },
  {
    title: 'State',
    cell: ({ state }) => (
      <Label isCompact color={COLORS[state]}>
        {title(state)}
      </Label>
    ),
  },
  { title: 'Since', cell: ({ since }) => <When time={since} never="not heard yet" /> },
  { title: 'Why', width: 50, cell: ({ why }) => <span className="break">{why}</span> },
]

export function Component() {
  const { version = '' } = useParams()
  const navigate = useNavigate()
  const path = `/configurations/${encodeURIComponent(version)}`
  const answer = useGet<ConfigurationDetail>(['configurations', 'nodes'], path)
  const [asked, ask] = useState<'back' | 'nodes'>()
  const close = () => ask(undefined)
  const withdraw = useChange({ method: 'DELETE', path, done: `v${version} is taken back: its nodes get the one before`, then: close })
  const found = answer.data
  return (
    <>
      <Header
        title={`v${version}`}
        above={[['Configuration', '/configurations']]}
        labels={found?.withdrawn && <Label isCompact>Taken back</Label>}
        about={
          found && (
            <>
              {found.reason || 'No reason given'}. Made by {found.by} <When time={found.created} />, for{' '}
              {found.nodes.length > 0 ? found.nodes.join(', ') : 'all nodes'}.
              {found.withdrawn && (
                <>
                  {' '}
                  Taken back by {found.withdrawn_by} <When time={found.withdrawn} />.
                </>
              )}
            </>
          )
        }
        actions={
          <>
            <Guarded need="operator" variant="secondary" onClick={() => void navigate(`/configurations/new?from=${version}`)}>
              Change…
            </Guarded>
            {found && !found.withdrawn && (
              <>
                <Guarded need="operator" variant="secondary" onClick={() => ask('nodes')}>
                  Say for which nodes…
                </Guarded>
                <Guarded need="operator" variant="secondary" isDanger onClick={() => ask('back')}>
                  Take back
                </Guarded>
              </>
            )}
            <Take path={path} params={{}} name="configuration" />
          </>
        }
      />
      <Body>
        <Answer of={answer} lines={12}>
          {(found) => <View found={found} />}
        </Answer>
        {asked === 'back' && (
          <Confirm
            title={`Take v${version} back?`}
            action="Take back"
            danger
            busy={withdraw.isPending}
            onConfirm={() => withdraw.mutate()}
            close={close}
          >
            Each of its nodes judges by the version before, or by none if there was none. Nodes that are away do so when they are back.
          </Confirm>
        )}
        {asked === 'nodes' && found && <NodesForm path={path} now={found.nodes} close={close} />}
      </Body>
    </>
  )
}

const BASELINES: readonly Column<RolledOut>[] = [
  { title: 'Workload', width: 40, cell: ({ workload }) => <WorkloadLink id={workload} /> },
  { title: 'Image', cell: ({ image }) => <span className="break">{imageOf(image)}</span> },
  { title: 'Things that are usual', cell: ({ items }) => items },
]

function NodesForm({ path, now, close }: { path: string; now: readonly string[]; close: () => void }) {
  const [text, setText] = useState(now.join(' '))
  const nodes = patternsOf(text)
  const change = useChange<{ nodes: string[] }>({
    method: 'PATCH',
    path,
    done: nodes.length > 0 ? `It is for ${nodes.join(', ')} now` : 'It is for all nodes now',
    then: close,
  })
  return (
    <FormModal
      title="For which nodes is it?"
      submit="Roll out"
      busy={change.isPending}
      error={change.error}
      onSubmit={() => change.mutate({ nodes })}
      close={close}
    >
      <TextField
        label="Nodes"
        value={text}
        set={setText}
        placeholder="all nodes"
        hint="Names or patterns, such as web-*. Empty: all nodes."
      />
    </FormModal>
  )
}

function View({ found }: { found: ConfigurationDetail }) {
  const baselines = baselinesOf(found.baselines)
  const texts = [
    ['Rules', found.rules],
    ['Policy', found.policy],
    ['Responses', found.responses],
    // Written by hand over several lines: then as it is.
    ['Baselines', baselines.length > 0 ? '' : found.baselines],
  ] as const
  return (
    <div className="stack">
      <Panel title="Nodes" action={<Reach of={found} />} flush={found.on.length > 0}>
        {found.on.length > 0 ? (
          <Grid label="Nodes that are to have it" items={found.on} columns={NODES} id={({ node }) => node} />
        ) : (
          <Nothing title="No node is to have it">
            {found.withdrawn ? 'It was taken back.' : 'A newer version is for all of its nodes, or no name fits.'}
          </Nothing>
        )}
      </Panel>
      {texts
        .filter(([, text]) => text.trim() !== '')
        .map(([name, text]) => (
          <Panel key={name} title={name}>
            <Copyable text={text} />
          </Panel>
        ))}
      {baselines.length > 0 && (
        <Panel title="Baselines" flush>
          <Grid
            label="Baselines that nodes judge by"
            items={baselines}
            columns={BASELINES}
            id={({ workload, image }) => `${workload} ${image}`}
          />
        </Panel>
      )}
    </div>
  )
}
