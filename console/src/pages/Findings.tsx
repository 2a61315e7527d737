import { FindingList } from './finding/FindingList'
import { VulnerabilityHeader } from './finding/VulnerabilityHeader'
import { Body } from '../shell/Header'

export function Component() {
  return (
    <>
      <VulnerabilityHeader tab="/findings" />
      <Body>
        <FindingList />
      </Body>
    </>
  )
}
