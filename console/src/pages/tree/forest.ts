// The image tree as rows to draw, and what is added up on the way.
import type { ImageTree, PlanChange, TreeImage, TreeNode } from '../../api/types'

/** What is counted as calm. */
export const CALM = 'Running containers in whose image nothing critical or high is open'

export interface Row {
  node: TreeNode
  depth: number
  children: number[]
  /** Containers that run an image at or above it. */
  running: number
  /** Of these, those whose image has nothing critical or high that is open. */
  calm: number
  change: PlanChange | undefined
}

/** All rows by number of the node, and the roots. */
export function forest({ nodes, changes }: ImageTree): { rows: Map<number, Row>; roots: number[] } {
  const rows = new Map<number, Row>()
  const roots: number[] = []
  for (const node of nodes) {
    const parent = node.parent === undefined ? undefined : rows.get(node.parent)
    const own = sums(node.images)
    rows.set(node.id, {
      node,
      depth: parent ? parent.depth + 1 : 0,
      children: [],
      ...own,
      change: changes.find(({ id }) => id === node.change),
    })
    if (parent) parent.children.push(node.id)
    else roots.push(node.id)
  }
  // Parents come before children: from the end, every sum is whole before it is handed down.
  for (const { parent, id } of [...nodes].reverse()) {
    const row = rows.get(id)
    const below = parent === undefined ? undefined : rows.get(parent)
    if (!row || !below) continue
    below.running += row.running
    below.calm += row.calm
  }
  return { rows, roots }
}

function sums(images: readonly TreeImage[]): { running: number; calm: number } {
  let running = 0
  let calm = 0
  for (const image of images) {
    running += image.running
    if (image.open.critical + image.open.high === 0) calm += image.running
  }
  return { running, calm }
}

/** The nodes that a text or the wish for changes leaves, with all that they are built on. */
export function wanted(rows: ReadonlyMap<number, Row>, text: string, onlyChanges: boolean): Set<number> {
  const found = new Set<number>()
  const small = text.toLowerCase()
  for (const { node, change } of rows.values()) {
    const named = [node.name, ...node.images.flatMap(({ names, id }) => [...names, id])]
    if (small && !named.some((name) => name.toLowerCase().includes(small))) continue
    if (onlyChanges && !change) continue
    for (let at: number | undefined = node.id; at !== undefined && !found.has(at); at = rows.get(at)?.node.parent) found.add(at)
  }
  return found
}

/** The rows in the order in which they are drawn, without what lies beneath those that are folded. */
export function visible(
  rows: ReadonlyMap<number, Row>,
  roots: readonly number[],
  keep: ReadonlySet<number>,
  folded: ReadonlySet<number>,
): Row[] {
  const shown: Row[] = []
  const stack = [...roots].reverse()
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const row = rows.get(at)
    if (!row || !keep.has(at)) continue
    shown.push(row)
    if (!folded.has(at)) stack.push(...[...row.children].reverse())
  }
  return shown
}
