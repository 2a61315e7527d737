import { useParams } from 'react-router'
import { useGet } from '../api/query'
import type { FindingDetail } from '../api/types'
import { Body, Header } from '../shell/Header'
import { SeverityLabel, StateLabel, Threat } from '../show/labels'
import { FindingView } from './finding/FindingView'

export function Component() {
  const { id = '' } = useParams()
  const { data } = useGet<FindingDetail>(['findings', 'workloads'], `/findings/${encodeURIComponent(id)}`)
  return (
    <>
      <Header
        title={data ? `${data.rule} in ${data.repository}` : 'Finding'}
        above={[['Findings', '/findings']]}
        about={data?.title}
        labels={
          data && (
            <>
              <SeverityLabel severity={data.severity} />
              <StateLabel state={data.state} exception={data.exception} />
              <Threat exploited={data.exploited} epss={data.epss} loaded={data.loaded} />
            </>
          )
        }
      />
      <Body>
        <FindingView id={id} page />
      </Body>
    </>
  )
}
