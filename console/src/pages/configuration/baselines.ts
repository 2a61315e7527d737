// Baselines of a configuration: a line of JSON for each workload and image.

interface Named {
  workload?: unknown
  image?: unknown
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
