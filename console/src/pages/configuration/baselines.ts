// Baselines of a configuration: a line of JSON for each workload and image.

interface Named {
  workload?: unknown
  image?: unknown
  items?: unknown
}

export interface RolledOut {
  workload: string
  image: string
  items: number
}

/** Of which workloads and images there are baselines, and how much is in each. */
export function baselinesOf(text: string): RolledOut[] {
  return text.split('\n').flatMap((line) => {
    const { workload, image, items } = named(line) ?? {}
    if (typeof workload !== 'string' || typeof image !== 'string') return []
    return [{ workload, image, items: Array.isArray(items) ? items.length : 0 }]
  })
}

function named(line: string): Named | undefined {
  try {
    return JSON.parse(line) as Named
  } catch {
    // Somebody is writing it.
    return undefined
  }
}

/** With this one, instead of the one of the same workload and image. */
export function withBaseline(text: string, line: string): string {
  const is = named(line)
  const others = text.split('\n').filter((other) => {
    const was = named(other)
    return other.trim() !== '' && !(was && was.workload === is?.workload && was.image === is?.image)
  })
  return [...others, line].join('\n')
}
