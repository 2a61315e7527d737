// A list of anything: filters in the address, order, pages, choosing several, opening one, export, and what is to be seen while
// there is nothing.
//
//   <List<Node> path="/nodes" topics={['nodes']} noun="node" filters={FILTERS} columns={COLUMNS} id={(node) => node.id} empty={<AddNode />} />
import { Button, Skeleton, Toolbar, ToolbarContent, ToolbarGroup } from '@patternfly/react-core'
import { ExpandableRowContent, Table, Tbody, Td, Th, Thead, type ThProps, Tr } from '@patternfly/react-table'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { type ReactNode, useEffect, useState } from 'react'
import { get, type Params } from '../api/client'
import type { Page, Topic } from '../api/types'
import { Failed, Nothing } from '../show/states'
import { many, number } from '../show/words'
import { Chips, FilterControls } from './FilterBar'
import { chipsOf, type Filter, useFilters } from './filters'
import { Take } from './Take'
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon'

export interface Column<T> {
  title: string
  cell: (item: T) => ReactNode
  /** What the hub calls the order by it. */
  sort?: string
  /** The larger ones first when it is chosen. */
  descending?: boolean
  /** In per cent. */
  width?: ThProps['width']
  /** Numbers stand to the right. */
  right?: boolean
}

export interface ListProps<T> {
  path: string
  topics: readonly Topic[]
  noun: string
  nouns?: string
  columns: readonly Column<T>[]
  filters?: readonly Filter[]
  /** What the list is about anyhow, and nobody can change. */
  fixed?: Params
  /** The order in which it comes without one. */
  order?: string
  id: (item: T) => string
  empty: ReactNode
  /** More of a row, beneath it. */
  more?: (item: T) => ReactNode
  /** What can be done to several. */
  bulk?: (chosen: T[], done: () => void) => ReactNode
  /** What else stands above the list. */
  tools?: ReactNode
  /** Said above the list, about the answer. */
  note?: (page: Page<T>) => ReactNode
  limit?: number
  /** How often it is asked for again, in milliseconds, where no topic says that it is another. */
  every?: number
}

const NO_FILTERS: readonly Filter[] = []
const NO_PARAMS: Params = {}

export function List<T>(props: ListProps<T>) {
  const { path, topics, noun, nouns = `${noun}s`, filters = NO_FILTERS, fixed = NO_PARAMS, order, limit = 50 } = props
  const { values, set, clear } = useFilters(filters)
  const params: Params = { sort: order, ...values, ...fixed }
  const answer = useInfiniteQuery({
    queryKey: ['list', path, params, limit],
    queryFn: ({ pageParam, signal }) => get<Page<T>>(path, { ...params, limit, cursor: pageParam || undefined }, signal),
    initialPageParam: '',
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
    ...(props.every && { refetchInterval: props.every }),
    meta: { topics },
  })
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set())
  const narrowed = chipsOf(values, filters).length > 0
  const pages = answer.data?.pages
  const items = pages?.flatMap((page) => page.items) ?? []
  const total = pages?.at(-1)?.total ?? 0
  const chosenItems = items.filter((item) => chosen.has(props.id(item)))

  useEffect(() => setChosen(new Set()), [path, JSON.stringify(params)])

  return (
    <section className="list" aria-label={nouns}>
      <Toolbar className="list-tools" inset={{ default: 'insetNone' }}>
        <ToolbarContent>
          <FilterControls filters={filters} values={values} set={set} />
          <ToolbarGroup align={{ default: 'alignEnd' }}>
            {pages && (
              <span className="dim nowrap list-total" role="status">
                {many(total, noun, nouns)}
              </span>
            )}
            {props.tools}
            <Take path={path} params={params} name={nouns.replace(/\W+/g, '-')} />
          </ToolbarGroup>
        </ToolbarContent>
      </Toolbar>
      <Chips filters={filters} values={values} set={set} clear={clear} />
      {props.bulk && chosenItems.length > 0 && (
        <div className="bulk" role="group" aria-label="What is chosen">
          <b>{number(chosenItems.length)} chosen</b>
          {props.bulk(chosenItems, () => setChosen(new Set()))}
          <Button variant="link" isInline onClick={() => setChosen(new Set())}>
            None
          </Button>
        </div>
      )}
      {pages?.[0] && props.note?.(pages[0])}
      {answer.error && !pages ? (
        <Failed error={answer.error} retry={() => void answer.refetch()} />
      ) : pages && items.length === 0 ? (
        narrowed ? (
          <Nothing
            title={`No ${nouns} match`}
            icon={SearchIcon}
            action={
              <Button variant="link" onClick={clear}>
                Clear all filters
              </Button>
            }
          >
            Try fewer filters.
          </Nothing>
        ) : (
          props.empty
        )
      ) : (
        <Rows
          {...props}
          items={pages ? items : undefined}
          label={nouns}
          sort={values['sort'] ?? order}
          setSort={(value) => set('sort', value)}
          chosen={chosen}
          setChosen={setChosen}
        />
      )}
      {answer.hasNextPage && (
        <div className="list-more">
          <span className="dim">
            {number(items.length)} of {number(total)}
          </span>
          <Button variant="secondary" size="sm" isLoading={answer.isFetchingNextPage} onClick={() => void answer.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </section>
  )
}

interface RowsProps<T> extends Pick<ListProps<T>, 'columns' | 'id' | 'more' | 'bulk'> {
  /** Undefined while they are being asked for. */
  items: T[] | undefined
  label: string
  sort: string | undefined
  setSort: (sort: string) => void
  chosen: ReadonlySet<string>
  setChosen: (chosen: ReadonlySet<string>) => void
}

function Rows<T>({ columns, items, label, id, more, bulk, sort, setSort, chosen, setChosen }: RowsProps<T>) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  const all = items !== undefined && items.length > 0 && items.every((item) => chosen.has(id(item)))
  return (
    <div className="table-scroll">
      <Table aria-label={label} variant="compact" isExpandable={more !== undefined} isStickyHeader>
        <Thead>
          <Tr>
            {more && <Th screenReaderText="More" />}
            {bulk && (
              <Th
                aria-label="Choose all"
                select={{
                  isSelected: all,
                  onSelect: () => setChosen(new Set(all ? [] : items?.map(id))),
                }}
              />
            )}
            {columns.map((column, index) => (
              <Th
                key={column.title}
                modifier="nowrap"
                width={column.width}
                className={column.right ? 'right' : undefined}
                sort={sorting(column, index, sort, setSort)}
              >
                {column.title}
              </Th>
            ))}
          </Tr>
        </Thead>
        {items === undefined ? (
          <Tbody aria-busy="true">
            {Array.from({ length: 8 }, (_, row) => (
              <Tr key={row}>
                {columns.map((column) => (
                  <Td key={column.title}>
                    <Skeleton screenreaderText={row === 0 ? 'Loading' : ''} />
                  </Td>
                ))}
              </Tr>
            ))}
          </Tbody>
        ) : more ? (
          items.map((item, rowIndex) => {
            const key = id(item)
            const isExpanded = open.has(key)
            return (
              <Tbody key={key} isExpanded={isExpanded}>
                <Tr isContentExpanded={isExpanded}>
                  <Td expand={{ rowIndex, isExpanded, onToggle: () => setOpen(flipped(open, key)) }} />
                  {bulk && <Choose item={item} rowIndex={rowIndex} id={id} chosen={chosen} setChosen={setChosen} />}
                  <Cells columns={columns} item={item} />
                </Tr>
                {isExpanded && (
                  <Tr isExpanded>
                    <Td />
                    <Td colSpan={columns.length + (bulk ? 1 : 0)}>
                      <ExpandableRowContent>{more(item)}</ExpandableRowContent>
                    </Td>
                  </Tr>
                )}
              </Tbody>
            )
          })
        ) : (
          <Tbody>
            {items.map((item, rowIndex) => (
              <Tr key={id(item)}>
                {bulk && <Choose item={item} rowIndex={rowIndex} id={id} chosen={chosen} setChosen={setChosen} />}
                <Cells columns={columns} item={item} />
              </Tr>
            ))}
          </Tbody>
        )}
      </Table>
    </div>
  )
}

function Choose<T>({
  item,
  rowIndex,
  id,
  chosen,
  setChosen,
}: { item: T; rowIndex: number } & Pick<RowsProps<T>, 'id' | 'chosen' | 'setChosen'>) {
  const key = id(item)
  return <Td select={{ rowIndex, isSelected: chosen.has(key), onSelect: () => setChosen(flipped(chosen, key)) }} />
}

function Cells<T>({ columns, item }: { columns: readonly Column<T>[]; item: T }) {
  return columns.map((column) => (
    <Td key={column.title} dataLabel={column.title} className={column.right ? 'right' : undefined}>
      {column.cell(item)}
    </Td>
  ))
}

function flipped(set: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const next = new Set(set)
  if (!next.delete(key)) next.add(key)
  return next
}

/** The order as PatternFly wants it: `-priority` is descending. */
function sorting<T>(column: Column<T>, index: number, sort: string | undefined, setSort: (sort: string) => void): ThProps['sort'] {
  if (!column.sort) return undefined
  const key = sort?.replace(/^-/, '')
  return {
    columnIndex: index,
    sortBy: key === column.sort ? { index, direction: sort?.startsWith('-') ? 'desc' : 'asc' } : {},
    onSort: () => {
      const first = column.descending ? `-${column.sort}` : `${column.sort}`
      const second = column.descending ? `${column.sort}` : `-${column.sort}`
      setSort(sort === first ? second : first)
    },
  }
}
