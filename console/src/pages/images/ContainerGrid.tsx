import { Label } from '@patternfly/react-core'
import type { Container } from '../../api/types'
import type { Column } from '../../list/List'
import { Grid } from '../../show/Grid'
import { NodeLink } from '../../show/nodes'
import { Dim, ImageLink, WorkloadLink } from '../../show/parts'
import { When } from '../../show/When'

export const CONTAINER_COLUMNS: readonly Column<Container>[] = [
  {
    title: 'Container',
    sort: 'name',
    width: 25,
    cell: ({ id, name, pod, runtime }) => (
      <div className="two">
        <span className="break">{name}</span>
        <span className="dim" title={id}>
          {[
            id !== name && /^[0-9a-f]{12}/.test(id) && id.slice(0, 12),
            runtime === 'host' ? 'the host itself' : runtime,
            pod && `pod ${pod}`,
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </div>
    ),
  },
  {
    title: 'Workload',
    sort: 'workload',
    width: 15,
    cell: ({ workload, namespace }) => (
      <div className="two">
        <WorkloadLink id={workload} />
        {namespace && <span className="dim">{namespace}</span>}
      </div>
    ),
  },
  { title: 'Node', cell: ({ node }) => <NodeLink id={node} /> },
  {
    title: 'Image',
    width: 20,
    cell: ({ image, image_name }) =>
      image ? (
        <ImageLink id={image} name={image_name} />
      ) : (
        <div className="two">
          <span className="break">{image_name}</span>
          <Dim>content not known</Dim>
        </div>
      ),
  },
  {
    title: 'Notes',
    cell: ({ privileged, unknown }) => (
      <span className="counts">
        {privileged && (
          <Label isCompact color="red">
            Privileged
          </Label>
        )}
        {unknown.length > 0 && (
          <Label isCompact variant="outline" color="orange" title={`Not known: ${unknown.join(', ')}`}>
            {`${unknown.length} unknown`}
          </Label>
        )}
      </span>
    ),
  },
  {
    title: 'Started',
    sort: 'started',
    descending: true,
    cell: ({ started, ended }) => (
      <div className="two">
        <When time={started} />
        {ended !== undefined && (
          <span className="dim">
            ended <When time={ended} />
          </span>
        )}
      </div>
    ),
  },
]

export function ContainerGrid({ containers, without }: { containers: readonly Container[]; without?: string }) {
  return (
    <Grid label="Containers" columns={CONTAINER_COLUMNS.filter(({ title }) => title !== without)} items={containers} id={({ id }) => id} />
  )
}
