import { Alert } from '@patternfly/react-core'
import type { ImageDetail, Layer } from '../../api/types'
import type { Column } from '../../list/List'
import { Grid } from '../../show/Grid'
import { CountsLabel } from '../../show/labels'
import { Long } from '../../show/Long'
import { Dim } from '../../show/parts'
import { Nothing } from '../../show/states'
import { bytes, digest, number, total } from '../../show/words'

type Numbered = Layer & { index: number }

export function Layers({ image }: { image: ImageDetail }) {
  if (image.layers.length === 0)
    return <Nothing title="Its layers are not known">It was not scanned yet, or it is no image of layers.</Nothing>
  const columns: Column<Numbered>[] = [
    { title: '#', right: true, cell: ({ index }) => index + 1 },
    {
      title: 'Made by',
      width: 50,
      cell: ({ created_by, diff_id }) => (
        <div className="two">
          {created_by ? <Long text={shortened(created_by)} code /> : <Dim>no line of the history says so</Dim>}
          <span className="dim" title={diff_id}>
            {digest(diff_id)}
          </span>
        </div>
      ),
    },
    {
      title: 'Brought',
      cell: ({ open }) => (total(open) === 0 ? <Dim>nothing open</Dim> : <CountsLabel counts={open} />),
    },
    { title: 'Packages', right: true, cell: ({ packages }) => number(packages) },
    { title: 'Size', right: true, cell: ({ size }) => <span className="nowrap">{bytes(size)}</span> },
  ]
  return (
    <div className="stack">
      {image.coverage !== 'full' && (
        <Alert
          isInline
          isPlain
          variant="warning"
          title="Not everything in these layers could be looked at: there may be more."
          component="h2"
        />
      )}
      <Grid
        label="Layers, the lowest first"
        columns={columns}
        items={image.layers.map((layer, index) => ({ ...layer, index }))}
        id={({ index }) => String(index)}
      />
    </div>
  )
}

/** What a builder puts around a line of a Dockerfile says nothing. */
const shortened = (line: string) => line.replace(/^\/bin\/sh -c (#\(nop\)\s*)?/, '').replace(/\s*# buildkit$/, '')
