import { Button } from '@patternfly/react-core'
import type { TreeImage } from '../../api/types'
import type { Column } from '../../list/List'
import { Grid } from '../../show/Grid'
import { CountsLabel, RolloutMeter } from '../../show/labels'
import { Dim, type Fact, Facts, ImageLink, ImageName, OwnerName, Panel } from '../../show/parts'
import { sentence } from '../../show/states'
import { many, number } from '../../show/words'
import { CALM, type Row } from './forest'

const IMAGES: Column<TreeImage>[] = [
  { title: 'Image', cell: ({ id, names }) => <ImageLink id={id} name={names[0]} /> },
  { title: 'Open', cell: ({ open }) => <CountsLabel counts={open} /> },
  { title: 'Running', right: true, cell: ({ running }) => number(running) },
]

export function NodePanel({ row, below, choose }: { row: Row; below: Row | undefined; choose: (id: number) => void }) {
  const { node, change, running, calm } = row
  const facts: Fact[] = [
    [
      'Built on',
      below ? (
        <Button key="below" variant="link" isInline onClick={() => choose(below.node.id)}>
          <ImageName name={below.node.name} />
        </Button>
      ) : (
        <Dim key="below">nothing that is known</Dim>
      ),
    ],
    ['Owner', <OwnerName key="owner" owner={node.owner} />],
    ['Whose', node.external ? "somebody else's: it can be exchanged, not changed" : 'ours'],
    ['Layers', node.layers],
    ['Images built on it', node.derived],
    ['Brought here', <CountsLabel key="own" counts={node.own} />],
    ['From below', <CountsLabel key="inherited" counts={node.inherited} />],
    ['Calm', <RolloutMeter key="calm" fixed={calm} running={running} label={CALM} wide plain />],
  ]
  return (
    <div className="stack">
      {change && (
        <Panel title={`Change #${change.id}`} action={<CountsLabel counts={change.clears} />}>
          <p className="break">
            <ImageName name={sentence(change.action)} />
          </p>
          {change.updates.length > 0 && (
            <ul className="updates">
              {change.updates.map((update) => (
                <li key={update}>
                  <code className="break">{update}</code>
                </li>
              ))}
            </ul>
          )}
          {change.rebuild.length > 0 && (
            <>
              <h3 className="after strong">Then build anew, in this order</h3>
              <ol className="rebuild">
                {change.rebuild.map((name) => (
                  <li key={name} className="break">
                    <ImageName name={name} />
                  </li>
                ))}
              </ol>
            </>
          )}
          <p className="dim after">{many(change.running, 'running container')} will have it then.</p>
        </Panel>
      )}
      <Panel title="The node">
        <Facts facts={facts} />
      </Panel>
      <Panel title="Images that end here" flush={node.images.length > 0}>
        {node.images.length === 0 ? (
          <Dim>None: it is only known as a part of others. Scan the base, and it gets its name.</Dim>
        ) : (
          <Grid label="Images that end here" columns={IMAGES} items={node.images} id={({ id }) => id} />
        )}
      </Panel>
    </div>
  )
}
