// The weekly report, for each owner and for everything: a page by itself, to be printed or sent.
import { Button } from '@patternfly/react-core'
import { address } from '../api/client'
import { useGet } from '../api/query'
import type { OwnerLoad } from '../api/types'
import type { Column } from '../list/List'
import { Body, Header } from '../shell/Header'
import { useMe } from '../shell/session'
import { Grid } from '../show/Grid'
import { CountsLabel } from '../show/labels'
import { Dim, Panel } from '../show/parts'
import { Answer, Nothing } from '../show/states'
import { number } from '../show/words'

const report = (owner: string | undefined, format: 'html' | 'json') => address('/reports/weekly', { owner, format })

function Open({ owner, title }: { owner?: string; title: string }) {
  return (
    <span className="buttons">
      <Button
        component="a"
        variant="link"
        isInline
        href={report(owner, 'html')}
        target="_blank"
        rel="noreferrer"
        aria-label={`Open the report of ${title}`}
      >
        Open
      </Button>
      <Button
        component="a"
        variant="link"
        isInline
        href={report(owner, 'html')}
        download={`gabion-week-${title.replace(/[^\w.-]+/g, '-')}.html`}
        aria-label={`Save the report of ${title}`}
      >
        Save
      </Button>
      <Button
        component="a"
        variant="link"
        isInline
        href={report(owner, 'json')}
        target="_blank"
        rel="noreferrer"
        aria-label={`The report of ${title} as JSON`}
      >
        JSON
      </Button>
    </span>
  )
}

const columns: Column<OwnerLoad>[] = [
  { title: 'Owner', width: 35, cell: ({ owner }) => (owner ? <b className="break">{owner}</b> : <Dim>nobody</Dim>) },
  { title: 'Open', cell: ({ open }) => <CountsLabel counts={open} /> },
  { title: 'Overdue', right: true, cell: ({ overdue }) => number(overdue) },
  {
    title: 'Weekly report',
    cell: ({ owner }) => (owner ? <Open owner={owner} title={owner} /> : <Dim>what is nobody’s is in the report of everything only</Dim>),
  },
]

export function Component() {
  const answer = useGet<OwnerLoad[]>(['findings', 'workloads'], '/owners')
  const me = useMe()
  const all = me.owners.length + me.namespaces.length === 0
  return (
    <>
      <Header
        title="Reports"
        about="The last seven days: what changed, what is open and how old it is, what to mend first, and what could not be looked at. Print it, or save it as PDF, from the browser."
      />
      <Body>
        <div className="stack">
          <Panel title={all ? 'Everything' : 'All that you may see'}>
            <Open title={all ? 'everything' : 'all that you may see'} />
          </Panel>
          <Answer of={answer}>
            {(owners) =>
              owners.length === 0 ? (
                <Nothing title="No owner has anything open">
                  Owners come from rules about labels, namespaces and names of images (<code>--owners</code>). The report of everything is
                  above.
                </Nothing>
              ) : (
                <Panel title="By owner" flush>
                  <Grid label="Owners" columns={columns} items={owners} id={({ owner }) => owner ?? ''} />
                </Panel>
              )
            }
          </Answer>
        </div>
      </Body>
    </>
  )
}
