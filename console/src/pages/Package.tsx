import { Label } from '@patternfly/react-core'
import { useParams } from 'react-router'
import { useGet } from '../api/query'
import type { Package, PackagePlace } from '../api/types'
import type { Column } from '../list/List'
import { Take } from '../list/Take'
import { Body, Header } from '../shell/Header'
import { Grid } from '../show/Grid'
import { ImageLink } from '../show/parts'
import { Answer, Nothing } from '../show/states'
import { many, number } from '../show/words'

const COLUMNS: readonly Column<PackagePlace>[] = [
  { title: 'Image', width: 60, cell: ({ image, image_name }) => <ImageLink id={image} name={image_name} /> },
  { title: 'Version', cell: ({ version }) => <code className="break">{version}</code> },
  { title: 'Running', right: true, cell: ({ running }) => number(running) },
]

export function Component() {
  const { kind = '', name = '' } = useParams()
  const path = `/packages/${encodeURIComponent(kind)}/${encodeURIComponent(name)}`
  const answer = useGet<Package>(['findings', 'workloads'], path)
  return (
    <>
      <Header
        title={name}
        above={[['Packages', '/packages']]}
        labels={<Label isCompact>{kind}</Label>}
        {...(answer.data && { about: `${many(answer.data.versions.length, 'version')} in ${many(answer.data.images, 'image')}` })}
        actions={<Take path={path} params={{}} name={name} />}
      />
      <Body>
        <Answer of={answer}>
          {({ places = [] }) =>
            places.length === 0 ? (
              <Nothing title="No image has it" />
            ) : (
              <Grid label="Where it is" columns={COLUMNS} items={places} id={({ image, version }) => `${image} ${version}`} />
            )
          }
        </Answer>
      </Body>
    </>
  )
}
