import { Body } from '../shell/Header'
import { VulnerabilityHeader } from './finding/VulnerabilityHeader'
import { ImageList } from './images/ImageList'

export function Component() {
  return (
    <>
      <VulnerabilityHeader tab="/by-image" />
      <Body>
        <ImageList order="-urgency" />
      </Body>
    </>
  )
}
