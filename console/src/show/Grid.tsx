// A small table of what is already known: no pages, no filters.
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table'
import type { Column } from '../list/List'

interface Props<T> {
  label: string
  columns: readonly Column<T>[]
  items: readonly T[]
  id: (item: T) => string
}

export function Grid<T>({ label, columns, items, id }: Props<T>) {
  return (
    <div className="table-scroll">
      <Table aria-label={label} variant="compact">
        <Thead>
          <Tr>
            {columns.map(({ title, width, right }) => (
              <Th key={title} modifier="nowrap" width={width} className={right ? 'right' : undefined}>
                {title}
              </Th>
            ))}
          </Tr>
        </Thead>
        <Tbody>
          {items.map((item) => (
            <Tr key={id(item)}>
              {columns.map(({ title, cell, right }) => (
                <Td key={title} dataLabel={title} className={right ? 'right' : undefined}>
                  {cell(item)}
                </Td>
              ))}
            </Tr>
          ))}
        </Tbody>
      </Table>
    </div>
  )
}
