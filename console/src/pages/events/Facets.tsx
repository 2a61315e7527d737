import { Button } from '@patternfly/react-core'
import { useNodeNames } from '../../show/nodes'
import { Dim } from '../../show/parts'
import { compact, title } from '../../show/words'

const ORDER = ['kind', 'workload', 'program', 'rule', 'node']

interface Props {
  top: Record<string, [string, number][]>
  choose: (field: string, value: string) => void
}

/** The end of a long path says more than its beginning. */
const tail = (value: string) => (value.startsWith('/') && value.length > 25 ? `…${value.slice(-23)}` : value)

/** The most frequent values; choosing one narrows the search. */
export function Facets({ top, choose }: Props) {
  const { nameOf } = useNodeNames()
  const fields = ORDER.filter((field) => (top[field]?.length ?? 0) > 0)
  if (fields.length === 0) return <Dim>Nothing to narrow by.</Dim>
  return fields.map((field) => {
    const values = top[field] ?? []
    const most = Math.max(...values.map(([, count]) => count))
    return (
      <section key={field} className="facet" aria-label={title(field)}>
        <h3>{title(field)}</h3>
        <ul>
          {values.slice(0, 8).map(([value, count]) => (
            <li key={value}>
              <span className="facet-bar" style={{ width: `${(count / most) * 100}%` }} aria-hidden />
              <Button variant="link" isInline className="facet-value" title={value} onClick={() => choose(field, value)}>
                {(field === 'node' ? nameOf(value) : tail(value)) || '(none)'}
              </Button>
              <span className="dim">{compact(count)}</span>
            </li>
          ))}
        </ul>
      </section>
    )
  })
}
