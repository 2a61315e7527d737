// What nodes judge by, as versions: each rolled out, and taken back if it was wrong.
import { Label } from '@patternfly/react-core'
import { Link, useNavigate } from 'react-router'
import type { Configuration } from '../api/types'
import { type Column, List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Few } from '../show/parts'
import { Nothing } from '../show/states'
import { When } from '../show/When'
import { title } from '../show/words'
import { Reach } from './configuration/Reach'

const COLUMNS: readonly Column<Configuration>[] = [
  {
    title: 'Version',
    width: 30,
    cell: ({ version, reason, by }) => (
      <div className="two">
        <Link to={`/configurations/${version}`}>v{version}</Link>
        <span className="break">{reason || 'no reason given'}</span>
        <span className="dim">by {by}</span>
      </div>
    ),
  },
  { title: 'Has', cell: ({ parts }) => (parts.length > 0 ? parts.map(title).join(', ') : 'Nothing: Gabion’s own rules only') },
  { title: 'For', cell: ({ nodes }) => (nodes.length > 0 ? <Few items={nodes} /> : 'All nodes') },
  { title: 'Reached', width: 25, cell: (configuration) => <Reach of={configuration} /> },
  { title: 'Made', sort: 'version', descending: true, cell: ({ created }) => <When time={created} /> },
  {
    title: 'State',
    cell: ({ withdrawn }) => (
      <Label isCompact color={withdrawn ? 'grey' : 'green'} variant={withdrawn ? 'outline' : 'filled'}>
        {withdrawn ? 'Taken back' : 'In force'}
      </Label>
    ),
  },
]

export function Component() {
  const navigate = useNavigate()
  const add = (
    <Guarded need="operator" onClick={() => void navigate('/configurations/new')}>
      Roll out a version
    </Guarded>
  )
  return (
    <>
      <Header
        title="Configuration"
        about="Rules, policies and responses beside what each agent has of its own. A node has the newest version that is for it."
        actions={add}
      />
      <Body>
        <List<Configuration>
          path="/configurations"
          topics={['configurations', 'nodes']}
          noun="version"
          order="-version"
          columns={COLUMNS}
          id={({ version }) => String(version)}
          empty={
            <Nothing title="Nothing is rolled out" action={add}>
              Nodes judge by the rules that come with Gabion, and by what they were started with. Rules of your own, a policy and responses
              can be rolled out from here: first to some nodes, then to all.
            </Nothing>
          }
        />
      </Body>
    </>
  )
}
