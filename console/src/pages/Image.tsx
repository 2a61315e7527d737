import { Alert, Badge, Button } from '@patternfly/react-core'
import type { ReactNode } from 'react'
import { Link, useParams } from 'react-router'
import { useChange, useGet } from '../api/query'
import type { ImageDetail } from '../api/types'
import { Body, Header } from '../shell/Header'
import { Guarded } from '../shell/session'
import { CountsLabel, CoverageLabel } from '../show/labels'
import { NODE_ID, useNodeNames } from '../show/nodes'
import { Answer, Nothing, sentence } from '../show/states'
import { digest, total } from '../show/words'
import { FindingList } from './finding/FindingList'
import { ContainerGrid } from './images/ContainerGrid'
import { Layers } from './images/Layers'
import { Overview } from './images/Overview'
import { PackageList } from './images/PackageList'
import { Profile } from './images/Profile'

const TABS = ['overview', 'findings', 'layers', 'packages', 'secrets', 'profile', 'running'] as const
type Tab = (typeof TABS)[number]

export function Component() {
  const { id = '', tab = 'overview' } = useParams()
  const base = `/images/${encodeURIComponent(id)}`
  const answer = useGet<ImageDetail>(['findings', 'workloads'], base)
  const scan = useChange({ method: 'POST', path: `${base}/scan`, done: 'It will be scanned; what is found appears here' })
  const image = answer.data
  const { nameOf } = useNodeNames()
  // What was not looked at has no number.
  const scanned = image?.scanned === undefined ? undefined : image
  const at: Tab = TABS.find((one) => one === tab) ?? 'overview'
  const titles: Record<Tab, ReactNode> = {
    overview: 'Overview',
    findings: counted('Findings', scanned && total(scanned.open)),
    layers: counted('Layers', scanned?.layers.length),
    packages: counted('Packages', scanned?.packages),
    secrets: 'Secrets',
    profile: 'Profile',
    running: counted('Where it runs', image?.running),
  }
  const to = (one: Tab) => (one === 'overview' ? base : `${base}/${one}`)
  return (
    <>
      <Header
        title={(image?.name || digest(id)).replace(NODE_ID, nameOf)}
        above={[['Images', '/images']]}
        about={<code className="break">{id}</code>}
        labels={
          image && (
            <>
              {image.scanned !== undefined && <CountsLabel counts={image.open} coverage={image.failed ? 'failed' : image.coverage} />}
              <CoverageLabel state={image.failed ? 'failed' : image.coverage} />
            </>
          )
        }
        actions={
          <>
            <Button variant="secondary" component={(props) => <Link {...props} to={`/tree?image=${encodeURIComponent(id)}`} />}>
              Show in the tree
            </Button>
            <Guarded need="operator" variant="secondary" isLoading={scan.isPending} onClick={() => scan.mutate()}>
              {image && image.scanned === undefined ? 'Scan now' : 'Scan again'}
            </Guarded>
          </>
        }
        tabs={TABS.map((one) => [to(one), titles[one]] as const)}
        tab={to(at)}
      />
      <Body>
        <Answer of={answer} lines={12}>
          {(image) => (
            <>
              {image.failed && (
                <Alert isInline variant="danger" title="The last scan failed" component="h2">
                  {sentence(image.failed)}
                </Alert>
              )}
              <Content image={image} tab={at} />
            </>
          )}
        </Answer>
      </Body>
    </>
  )
}

const counted = (title: string, count: number | undefined) => (
  <>
    {title} {count !== undefined && <Badge isRead>{count}</Badge>}
  </>
)

function Content({ image, tab }: { image: ImageDetail; tab: Tab }) {
  switch (tab) {
    case 'overview':
      return <Overview image={image} />
    case 'findings':
      return <FindingList key="findings" fixed={{ image: image.id }} clean={<NoneFound image={image} what="findings" aspect="" />} />
    case 'layers':
      return <Layers image={image} />
    case 'packages':
      return <PackageList image={image} />
    case 'secrets':
      return (
        <FindingList
          key="secrets"
          fixed={{ image: image.id, kind: 'secret' }}
          clean={<NoneFound image={image} what="secrets" aspect="secrets" />}
        />
      )
    case 'profile':
      return <Profile image={image} />
    case 'running':
      return image.containers.length === 0 ? (
        <Nothing title="Nothing runs it">No container on any connected node runs this image.</Nothing>
      ) : (
        <ContainerGrid containers={image.containers} />
      )
  }
}

/** Nothing found and not looked at never look alike. */
function NoneFound({ image, what, aspect }: { image: ImageDetail; what: string; aspect: string }) {
  const unseen = image.aspects.filter((one) => one.state !== 'full' && one.aspect.startsWith(aspect))
  if (image.scanned === undefined) return <Nothing title="It was not scanned yet">What is in it is not known. Choose “Scan now”.</Nothing>
  if (unseen.length === 0 && (aspect || image.coverage === 'full')) {
    return <Nothing title={`No ${what}`}>All of it was looked at.</Nothing>
  }
  return (
    <Nothing title={`No ${what} in what could be looked at`}>
      Not everything could be: {unseen.map((one) => `${one.aspect} (${one.reasons.join('; ') || one.state})`).join(', ')}.
    </Nothing>
  )
}
