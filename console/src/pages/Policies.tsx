// What must not be in images, as the hub keeps it.
import { Link, useNavigate } from 'react-router'
import type { Policy } from '../api/types'
import { type Column, List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Nothing } from '../show/states'
import { When } from '../show/When'
import { many } from '../show/words'

const COLUMNS: readonly Column<Policy>[] = [
  {
    title: 'Policy',
    width: 40,
    cell: ({ name, reason }) => (
      <div className="two">
        <Link to={`/policies/${encodeURIComponent(name)}`}>{name}</Link>
        <span className="break">{reason || 'no reason given'}</span>
      </div>
    ),
  },
  { title: 'Rules', cell: ({ rules }) => many(rules, 'rule') },
  { title: 'Version', cell: ({ version }) => `v${version}` },
  { title: 'Changed', cell: ({ changed }) => <When time={changed} /> },
  { title: 'By', cell: ({ by }) => by },
]

export function Component() {
  const navigate = useNavigate()
  const add = (
    <Guarded need="operator" onClick={() => void navigate('/policies/new')}>
      Write a policy
    </Guarded>
  )
  return (
    <>
      <Header
        title="Policies"
        about="What must not be in an image. Each scan that CI sends with --hub is held against all of them."
        actions={add}
      />
      <Body>
        <List<Policy>
          path="/policies"
          topics={['policies']}
          noun="policy"
          columns={COLUMNS}
          id={({ name }) => name}
          empty={
            <Nothing title="There is no policy" action={add}>
              Scans are told, and nothing is stopped. A policy is tried on the images that are here before it is kept.
            </Nothing>
          }
        />
      </Body>
    </>
  )
}
