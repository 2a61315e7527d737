import { Alert, Badge } from '@patternfly/react-core'
import { type ReactNode, useState } from 'react'
import { Link, useNavigate, useParams } from 'react-router'
import { useChange, useGet } from '../api/query'
import type { Registry, RegistryChange, RegistryHook, RegistryRepository, RegistryTag } from '../api/types'
import type { Filter } from '../list/filters'
import { type Column, List } from '../list/List'
import { Confirm } from '../shell/Confirm'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { Dim, type Fact, Facts, ImageLink, Panel } from '../show/parts'
import { Answer, Nothing, sentence } from '../show/states'
import { When } from '../show/When'
import { digest, many, number } from '../show/words'
import { HookModal } from './registry/HookModal'
import { RegistryStateLabel, TAG_STATES, TagStateLabel } from './registry/parts'
import { RegistryForm } from './registry/RegistryForm'

const TABS = ['overview', 'tags', 'repositories'] as const
type Tab = (typeof TABS)[number]

const TAG_FILTERS: readonly Filter[] = [
  { kind: 'text', key: 'q', label: 'Search', hint: 'Name' },
  { kind: 'choice', key: 'state', label: 'State', options: TAG_STATES.map(([one, text]) => [one, text] as const) },
]

const TAG_COLUMNS: readonly Column<RegistryTag>[] = [
  {
    title: 'Tag',
    sort: 'name',
    width: 35,
    cell: ({ name, image, digest: of }) => (
      <div className="two">
        {image ? <ImageLink id={image} name={name} /> : <span className="break">{name}</span>}
        <span className="dim">{digest(of)}</span>
      </div>
    ),
  },
  {
    title: 'State',
    sort: 'state',
    width: 35,
    cell: ({ state, why }) => (
      <div className="two">
        <span>
          <TagStateLabel state={state} />
        </span>
        {why && <span className="dim break">{sentence(why)}</span>}
      </div>
    ),
  },
  { title: 'Pushed', sort: 'since', descending: true, cell: ({ since }) => <When time={since} /> },
  { title: 'Scanned', cell: ({ scanned }) => <When time={scanned} never="not yet" /> },
  { title: 'Tried again', cell: ({ again }) => (again === undefined ? <Dim>no</Dim> : <When time={again} />) },
]

const REPOSITORY_FILTERS: readonly Filter[] = [{ kind: 'text', key: 'q', label: 'Search', hint: 'Name' }]

const REPOSITORY_COLUMNS: readonly Column<RegistryRepository>[] = [
  { title: 'Repository', sort: 'name', width: 35, cell: ({ name }) => <span className="break">{name}</span> },
  { title: 'Tags', sort: 'tags', descending: true, right: true, cell: ({ tags }) => number(tags) },
  { title: 'Match', right: true, cell: ({ matched }) => number(matched) },
  { title: 'Left out', sort: 'left_out', descending: true, right: true, cell: ({ left_out }) => number(left_out) },
  {
    title: 'Not told',
    width: 30,
    cell: ({ error }) => (error ? <span className="late break">{sentence(error)}</span> : <Dim>nothing</Dim>),
  },
  { title: 'Looked at', cell: ({ looked }) => <When time={looked} /> },
]

export function Component() {
  const { name = '', tab = 'overview' } = useParams()
  const navigate = useNavigate()
  const path = `/registries/${encodeURIComponent(name)}`
  const answer = useGet<Registry>(['registries'], path)
  const [changing, setChanging] = useState(false)
  const [removing, setRemoving] = useState(false)
  const poll = useChange({ method: 'POST', path: `${path}/poll`, done: 'It is looked into now' })
  const pause = useChange<RegistryChange>({ method: 'PATCH', path, done: (_, { paused }) => (paused ? 'It is paused' : 'It goes on') })
  const hook = useChange<void, RegistryHook>({ method: 'POST', path: `${path}/hook` })
  const unhook = useChange({ method: 'DELETE', path: `${path}/hook`, done: 'What it tells is not heard any more' })
  const remove = useChange({
    method: 'DELETE',
    path,
    done: 'The registry is removed; its images stay',
    then: () => void navigate('/registries'),
  })
  const registry = answer.data
  const at: Tab = TABS.find((one) => one === tab) ?? 'overview'
  const to = (one: Tab) => (one === 'overview' ? path : `${path}/${one}`)
  const seen = registry?.seen
  const titles: Record<Tab, ReactNode> = {
    overview: 'Overview',
    tags: counted('Tags looked at', seen && seen.scanned + seen.waiting + seen.failed + seen.others),
    repositories: counted('Repositories', seen?.repositories),
  }
  return (
    <>
      <Header
        title={name}
        above={[['Registries', '/registries']]}
        about={registry && <span className="break">{registry.url}</span>}
        labels={registry && <RegistryStateLabel state={registry.state} />}
        actions={
          registry && (
            <>
              <Guarded need="operator" isLoading={poll.isPending} onClick={() => poll.mutate()}>
                Look now
              </Guarded>
              <Guarded
                need="operator"
                variant="secondary"
                isLoading={pause.isPending}
                onClick={() => pause.mutate({ paused: !registry.paused })}
              >
                {registry.paused ? 'Go on' : 'Pause'}
              </Guarded>
              <Guarded need="admin" variant="secondary" onClick={() => setChanging(true)}>
                Change
              </Guarded>
              <Guarded need="admin" variant="secondary" isDanger onClick={() => setRemoving(true)}>
                Remove
              </Guarded>
            </>
          )
        }
        tabs={TABS.map((one) => [to(one), titles[one]] as const)}
        tab={to(at)}
      />
      <Body>
        <Answer of={answer}>
          {(registry) => (
            <>
              {registry.error && (
                <Alert
                  isInline
                  variant={registry.state === 'partial' ? 'warning' : 'danger'}
                  title={registry.state === 'partial' ? 'The last look did not tell all' : 'The last look told nothing'}
                  component="h2"
                >
                  {sentence(registry.error)}
                </Alert>
              )}
              {at === 'overview' && <Overview registry={registry} make={() => hook.mutate()} drop={() => unhook.mutate()} />}
            </>
          )}
        </Answer>
        {at === 'tags' && (
          <List<RegistryTag>
            key="tags"
            path={`${path}/tags`}
            topics={['registries']}
            noun="tag"
            filters={TAG_FILTERS}
            order="-since"
            columns={TAG_COLUMNS}
            id={(tag) => tag.name}
            empty={
              <Nothing title="No tag is looked at">
                Nothing matches, or the registry was not looked into yet: its overview says which.
              </Nothing>
            }
          />
        )}
        {at === 'repositories' && (
          <List<RegistryRepository>
            key="repositories"
            path={`${path}/repositories`}
            topics={['registries']}
            noun="repository"
            nouns="repositories"
            filters={REPOSITORY_FILTERS}
            order="name"
            columns={REPOSITORY_COLUMNS}
            id={(one) => one.name}
            empty={<Nothing title="No repository was looked at">Nothing matches, or the registry was not looked into yet.</Nothing>}
          />
        )}
        {changing && registry && <RegistryForm registry={registry} close={() => setChanging(false)} />}
        {hook.data && <HookModal hook={hook.data} close={() => hook.reset()} />}
        {removing && (
          <Confirm
            title={`Remove ${name}?`}
            action="Remove"
            danger
            busy={remove.isPending}
            onConfirm={() => remove.mutate()}
            close={() => setRemoving(false)}
          >
            It is looked into no more, and its credential is forgotten. Images that were found there stay.
          </Confirm>
        )}
      </Body>
    </>
  )
}

const counted = (title: string, count: number | undefined) => (
  <>
    {title} {count !== undefined && <Badge isRead>{number(count)}</Badge>}
  </>
)

const patterns = (all: readonly string[], none: string) =>
  all.length > 0 ? <code className="break">{all.join(', ')}</code> : <Dim>{none}</Dim>

function Overview({ registry, make, drop }: { registry: Registry; make: () => void; drop: () => void }) {
  const { seen } = registry
  const base = `/registries/${encodeURIComponent(registry.name)}`
  const told: Fact[] = [
    ['Last look', <When key="polled" time={registry.polled} never="not yet" />],
    ['Next look', <When key="next" time={registry.next} never="not by itself" />],
    [
      'Repositories',
      <Link key="repositories" to={`${base}/repositories`}>
        {many(seen.repositories, 'repository', 'repositories')}
      </Link>,
    ],
    ['Tags there', number(seen.tags)],
    ['Match', number(seen.matched)],
    ['Left out', `${number(seen.left_out)} beyond the newest ${registry.newest} of a repository`],
    [
      'Scanned',
      <Link key="scanned" to={`/images?registry=${encodeURIComponent(registry.name)}`}>
        {many(seen.scanned, 'tag')}, as images
      </Link>,
    ],
    [
      'Waiting',
      <Link key="waiting" to={`${base}/tags?state=waiting`}>
        {number(seen.waiting)}
      </Link>,
    ],
    [
      'Could not be scanned',
      <Link key="failed" to={`${base}/tags?state=failed`}>
        {number(seen.failed)}
      </Link>,
    ],
    [
      'No images',
      <Link key="others" to={`${base}/tags?state=no-image`}>
        {number(seen.others)}
      </Link>,
    ],
  ]
  const asked: Fact[] = [
    ['User', registry.user ?? <Dim key="user">{registry.has_secret ? 'a token' : 'anybody'}</Dim>],
    ['Credential', registry.has_secret ? 'kept, and shown to nobody' : <Dim key="secret">none</Dim>],
    ['Repositories', patterns(registry.repositories, 'none')],
    ['Tags', patterns(registry.tags, 'all')],
    ['Leave out', patterns(registry.leave_out, 'nothing')],
    ['Newest tags', number(registry.newest)],
    ['Looked at', `every ${many(registry.minutes, 'minute')}`],
    ['Platform', registry.platform ?? <Dim key="platform">that of the hub</Dim>],
    ['Its authority', registry.authority ? 'a private one' : <Dim key="authority">a public one</Dim>],
    [
      'Made',
      <span key="made">
        <When time={registry.created} /> by {registry.by}
      </span>,
    ],
  ]
  return (
    <div className="columns">
      <Panel title="What was seen">
        <Facts facts={told} />
      </Panel>
      <div className="stack">
        <Panel title="What is looked at">
          <Facts facts={asked} />
        </Panel>
        <Panel
          title="Told by itself"
          action={
            <>
              <Guarded need="admin" variant="link" isInline onClick={make}>
                {registry.has_hook ? 'Make another secret' : 'Let it tell'}
              </Guarded>{' '}
              {registry.has_hook && (
                <Guarded need="admin" variant="link" isInline isDanger onClick={drop}>
                  Stop
                </Guarded>
              )}
            </>
          }
        >
          <p>
            {registry.has_hook
              ? 'A push that the registry tells of is looked at at once.'
              : 'Pushes are seen at the next look. A webhook of the registry makes them be seen at once.'}
          </p>
        </Panel>
      </div>
    </div>
  )
}
