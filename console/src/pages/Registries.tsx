import { useState } from 'react'
import { Link } from 'react-router'
import type { Registry } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Nothing, sentence } from '../show/states'
import { When } from '../show/When'
import { number } from '../show/words'
import { RegistryStateLabel } from './registry/parts'
import { RegistryForm } from './registry/RegistryForm'

const FILTERS: readonly Filter[] = [{ kind: 'text', key: 'q', label: 'Search', hint: 'Name or address' }]

const COLUMNS: readonly Column<Registry>[] = [
  {
    title: 'Registry',
    sort: 'name',
    width: 25,
    cell: ({ name, url }) => (
      <div className="two">
        <Link to={`/registries/${encodeURIComponent(name)}`}>{name}</Link>
        <span className="dim break">{url}</span>
      </div>
    ),
  },
  {
    title: 'State',
    width: 25,
    cell: ({ state, error }) => (
      <div className="two">
        <span>
          <RegistryStateLabel state={state} />
        </span>
        {error && <span className="dim break">{sentence(error)}</span>}
      </div>
    ),
  },
  { title: 'Repositories', right: true, cell: ({ seen }) => number(seen.repositories) },
  { title: 'Tags', right: true, cell: ({ seen }) => number(seen.tags) },
  {
    title: 'Scanned',
    right: true,
    cell: ({ seen }) => (
      <div className="two">
        <span>{number(seen.scanned)}</span>
        {seen.waiting > 0 && <span className="dim">{number(seen.waiting)} wait</span>}
        {seen.failed > 0 && <span className="late">{number(seen.failed)} failed</span>}
      </div>
    ),
  },
  {
    title: 'Left out',
    right: true,
    cell: ({ seen }) => <span title="Tags that match and are not among the newest">{number(seen.left_out)}</span>,
  },
  { title: 'Looked at', sort: 'polled', descending: true, cell: ({ polled }) => <When time={polled} never="not yet" /> },
  { title: 'Next', cell: ({ next }) => <When time={next} never="not by itself" /> },
]

export function Component() {
  const [adding, setAdding] = useState(false)
  const add = (
    <Guarded need="admin" onClick={() => setAdding(true)}>
      Add a registry
    </Guarded>
  )
  return (
    <>
      <Header title="Registries" about="Where images are before they run: what is new is scanned, what is not is told." actions={add} />
      <Body>
        <List<Registry>
          path="/registries"
          topics={['registries']}
          noun="registry"
          nouns="registries"
          filters={FILTERS}
          order="name"
          columns={COLUMNS}
          id={({ name }) => name}
          empty={
            <Nothing title="No registry is looked into" action={add}>
              Images of a registry are scanned before they run, and a fix that waits there is told of what runs without it.
            </Nothing>
          }
        />
        {adding && <RegistryForm close={() => setAdding(false)} />}
      </Body>
    </>
  )
}
