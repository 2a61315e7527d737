// What is rolled out now: whoever changes or tries something starts from it, so that what somebody else has added is not lost.
import type { ReactNode } from 'react'
import { useGet } from '../../api/query'
import type { Configuration, ConfigurationDetail, Page } from '../../api/types'
import { Answer } from '../../show/states'

export const RULE = `- rule: Package manager in a container
  desc: Images are built, not changed while they run
  condition: evt.type = execve and container.id != host and proc.name in (apt, apk, dnf, pip, npm)
  output: "%proc.cmdline in %container.name"
  priority: WARNING`

const NONE = { rules: '', policy: '', responses: '', baselines: '' }

/** The version that was asked for, or the newest that was not taken back. */
export function useStartingPoint(wanted: string | null) {
  const newest = useGet<Page<Configuration>>(['configurations'], '/configurations', { limit: 20 })
  const version = wanted ?? newest.data?.items.find(({ withdrawn }) => !withdrawn)?.version
  const detail = useGet<ConfigurationDetail>([], version === undefined ? undefined : `/configurations/${version}`)
  return { newest, version, detail }
}

interface Props {
  of: ReturnType<typeof useStartingPoint>
  children: (from: typeof NONE, version: string | number | undefined) => ReactNode
}

export function StartingPoint({ of: { newest, version, detail }, children }: Props) {
  return (
    <Answer of={newest} lines={12}>
      {() =>
        version === undefined ? (
          children(NONE, undefined)
        ) : (
          <Answer of={detail} lines={12}>
            {(from) => children(from, version)}
          </Answer>
        )
      }
    </Answer>
  )
}
