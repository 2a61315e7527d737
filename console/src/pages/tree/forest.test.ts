import { describe, expect, it } from 'vitest'
import type { TreeImage, TreeNode } from '../../api/types'
import { forest, visible, wanted } from './forest'

const none = { critical: 0, high: 0, medium: 0, low: 0 }

const image = (name: string, running: number, high: number): TreeImage => ({ id: name, names: [name], running, open: { ...none, high } })

const node = (id: number, parent: number | undefined, name: string, images: TreeImage[] = [], change?: number): TreeNode => ({
  id,
  name,
  named: true,
  external: false,
  layers: 1,
  own: none,
  inherited: none,
  images,
  derived: 1,
  ...(parent !== undefined && { parent }),
  ...(change !== undefined && { change }),
})

const TREE = {
  as_of: 0,
  nodes: [
    node(0, undefined, 'debian'),
    node(1, 0, 'base', [], 7),
    node(2, 1, 'web', [image('shop/web', 2, 3)]),
    node(3, 0, 'etl', [image('etl', 1, 0)]),
  ],
  changes: [{ id: 7, node: 1, name: 'base', action: '', updates: [], clears: none, rebuild: [], running: 2 }],
  gaps: [],
}

describe('forest', () => {
  const { rows, roots } = forest(TREE)

  it('adds up what runs on a base', () => {
    expect(roots).toEqual([0])
    expect(rows.get(0)).toMatchObject({ depth: 0, running: 3, calm: 1 })
    expect(rows.get(1)).toMatchObject({ depth: 1, running: 2, calm: 0, change: { id: 7 } })
  })

  it('keeps what a found image is built on', () => {
    expect([...wanted(rows, 'SHOP/', false)].sort()).toEqual([0, 1, 2])
    expect([...wanted(rows, '', true)].sort()).toEqual([0, 1])
  })

  it('draws children beneath their parents, and none that are folded', () => {
    const all = new Set(rows.keys())
    expect(visible(rows, roots, all, new Set()).map(({ node }) => node.name)).toEqual(['debian', 'base', 'web', 'etl'])
    expect(visible(rows, roots, all, new Set([1])).map(({ node }) => node.name)).toEqual(['debian', 'base', 'etl'])
  })
})
