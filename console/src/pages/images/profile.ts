// What the profile of an image says beyond the words of the hub: where to look, and what kind a file is of.
import type { ImageProfile, ProfileAnswer, ProfileVerdict } from '../../api/types'

export const VERDICTS: Record<ProfileVerdict, string> = { differs: 'Differs', unknown: 'Not known', agrees: 'Agrees' }

const search = (path: string, params: Record<string, string>) => `${path}?${new URLSearchParams(params)}`

/** Where what an answer speaks of is shown, and what that is called. */
export function evidence(
  { question, verdict }: ProfileAnswer,
  profile: ImageProfile,
  image: string,
): [to: string, name: string] | undefined {
  if (verdict === 'unknown') return [`/images/${encodeURIComponent(image)}/running`, 'Where it runs']
  const { listens, alerts, workloads, packages } = profile.seen
  switch (question) {
    case 'listens': {
      const odd = listens.find(({ declared }) => declared === false)
      const workload = odd?.workloads[0]
      return workload === undefined ? undefined : [`/workloads/${encodeURIComponent(workload)}/baseline`, 'Baselines']
    }
    case 'declared':
      return [`/images/${encodeURIComponent(image)}/running`, 'Where it runs']
    case 'user': {
      const q = verdict === 'differs' ? 'user.uid=0' : 'user.uid:*'
      // One workload can be searched for; of several all are looked through.
      const [only, ...others] = workloads.map(({ id }) => id)
      return [search('/events', { q, kind: 'execve', ...(only !== undefined && others.length === 0 && { workload: only }) }), 'Events']
    }
    case 'packages':
      return packages && packages.packages.length > 0 ? ['#idle', 'Which they are'] : undefined
    case 'drift': {
      const rule = verdict === 'differs' ? alerts.find((one) => DRIFT.has(one.rule))?.rule : undefined
      return rule === undefined ? undefined : [search('/alerts', { rule }), 'Alerts']
    }
  }
}

/** By which rules the hub says that something else is executed than what is in the image. */
const DRIFT = new Set(['Program dropped and executed', 'Program executed from memory', 'Program of the image overwritten'])

/** A library or an archive is loaded by a program; everything else is one. */
export const isLibrary = (path: string): boolean => /\.so(\.[\w.]+)?$|\.(jar|war|ear)$/.test(path)
