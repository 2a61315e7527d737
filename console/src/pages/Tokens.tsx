import { Label } from '@patternfly/react-core'
import { useState } from 'react'
import { useChange } from '../api/query'
import type { Token } from '../api/types'
import { type Column, List } from '../list/List'
import { Confirm } from '../shell/Confirm'
import { Body } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Nothing } from '../show/states'
import { useNow, When } from '../show/When'
import { title } from '../show/words'
import { Scope, SettingsHeader } from './settings/parts'
import { TokenForm } from './settings/TokenForm'

function Expires({ expires }: { expires: number }) {
  const now = useNow()
  if (expires > now) return <When time={expires} />
  return (
    <Label isCompact color="orange">
      Expired
    </Label>
  )
}

const columns = (revoke: (token: Token) => void): Column<Token>[] => [
  {
    title: 'Name',
    sort: 'name',
    width: 25,
    cell: ({ name, id }) => (
      <div className="two">
        <b className="break">{name}</b>
        <span className="dim">{id}</span>
      </div>
    ),
  },
  { title: 'Role', cell: ({ role }) => title(role) },
  { title: 'Only', width: 20, cell: (token) => <Scope {...token} /> },
  { title: 'Made by', cell: ({ by }) => by },
  { title: 'Made', sort: 'created', descending: true, cell: ({ created }) => <When time={created} /> },
  { title: 'Used', cell: ({ used }) => <When time={used} /> },
  { title: 'Good until', cell: ({ expires }) => <Expires expires={expires} /> },
  {
    title: 'Actions',
    cell: (token) => (
      <Guarded need="viewer" variant="link" isInline isDanger onClick={() => revoke(token)}>
        Revoke
      </Guarded>
    ),
  },
]

export function Component() {
  const [making, setMaking] = useState(false)
  const [revoked, setRevoked] = useState<Token>()
  const remove = useChange<string>({
    method: 'DELETE',
    path: (id) => `/tokens/${encodeURIComponent(id)}`,
    body: () => undefined,
    done: 'The token is revoked',
    then: () => setRevoked(undefined),
  })
  const add = (
    <Guarded need="viewer" onClick={() => setMaking(true)}>
      Make a token
    </Guarded>
  )
  return (
    <>
      <SettingsHeader tab="/settings/tokens" actions={add} />
      <Body>
        <List<Token>
          path="/tokens"
          topics={[]}
          noun="token"
          order="-created"
          columns={columns(setRevoked)}
          id={({ id }) => id}
          empty={
            <Nothing title="There are no tokens" action={add}>
              A program that asks the API needs one, as <code>gabion scan --hub</code> in CI does.
            </Nothing>
          }
        />
        {making && <TokenForm close={() => setMaking(false)} />}
        {revoked && (
          <Confirm
            title={`Revoke ${revoked.name}?`}
            action="Revoke"
            danger
            busy={remove.isPending}
            onConfirm={() => remove.mutate(revoked.id)}
            close={() => setRevoked(undefined)}
          >
            Whatever uses it is refused at once.
          </Confirm>
        )}
      </Body>
    </>
  )
}
