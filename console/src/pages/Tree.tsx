// All images by what they are built on: what each brought, what it has from below, and where to put it right.
import { Button, Checkbox, Label, SearchInput, Toolbar, ToolbarContent, ToolbarGroup, ToolbarItem } from '@patternfly/react-core'
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { Link, useSearchParams } from 'react-router'
import { useGet } from '../api/query'
import type { ImageTree } from '../api/types'
import { Take } from '../list/Take'
import { Body, Header } from '../shell/Header'
import { SidePanel } from '../shell/SidePanel'
import { CountsLabel, RolloutMeter } from '../show/labels'
import { ImageName, OwnerName } from '../show/parts'
import { Answer, Nothing } from '../show/states'
import { When } from '../show/When'
import { many, total } from '../show/words'
import { Gaps } from './Plan'
import { CALM, forest, type Row, visible, wanted } from './tree/forest'
import { NodePanel } from './tree/NodePanel'
import AngleDownIcon from '@patternfly/react-icons/dist/esm/icons/angle-down-icon'
import AngleRightIcon from '@patternfly/react-icons/dist/esm/icons/angle-right-icon'
import WrenchIcon from '@patternfly/react-icons/dist/esm/icons/wrench-icon'

export function Component() {
  const answer = useGet<ImageTree>(['findings', 'workloads'], '/tree')
  return (
    <>
      <Header
        title="Image tree"
        about="Images that begin with the same layers are built on the same base. Mend a base once, and what is built on it is mended when it is built anew."
      />
      <Body>
        <Answer of={answer} lines={12}>
          {(tree) => <View tree={tree} />}
        </Answer>
      </Body>
    </>
  )
}

function View({ tree }: { tree: ImageTree }) {
  const { rows, roots } = useMemo(() => forest(tree), [tree])
  const [query, setQuery] = useSearchParams()
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set())
  const text = query.get('q') ?? ''
  const onlyChanges = query.get('changes') === 'true'
  const image = query.get('image')
  const ofImage = image ? tree.nodes.find(({ images }) => images.some(({ id }) => id === image))?.id : undefined
  const chosen = query.has('node') ? Number(query.get('node')) : ofImage
  const keep = useMemo(() => wanted(rows, text, onlyChanges), [rows, text, onlyChanges])
  const shown = visible(rows, roots, keep, folded)

  const set = useCallback(
    (changes: Record<string, string | null>) =>
      setQuery(
        (old) => {
          const next = new URLSearchParams(old)
          for (const [key, value] of Object.entries(changes)) {
            if (value) next.set(key, value)
            else next.delete(key)
          }
          return next
        },
        { replace: true },
      ),
    [setQuery],
  )
  const close = useCallback(() => set({ node: null, image: null }), [set])

  if (tree.nodes.length === 0) {
    return (
      <Nothing title="No image was scanned yet">
        The tree is made of scanned images. See under <Link to="/images">Images</Link> what is known.
      </Nothing>
    )
  }
  const row = chosen === undefined ? undefined : rows.get(chosen)
  return (
    <div className="stack stack-close">
      <Gaps gaps={tree.gaps} />
      <Toolbar inset={{ default: 'insetNone' }} className="list-tools">
        <ToolbarContent>
          <ToolbarItem>
            <SearchInput
              className="filter-text"
              aria-label="Search in the tree"
              placeholder="Name of an image"
              value={text}
              onChange={(_, value) => set({ q: value })}
              onClear={() => set({ q: null })}
            />
          </ToolbarItem>
          <ToolbarItem alignSelf="center">
            <Checkbox
              id="only-changes"
              label="Only where something is to be changed"
              isChecked={onlyChanges}
              onChange={(_, value) => set({ changes: value ? 'true' : null })}
            />
          </ToolbarItem>
          <ToolbarGroup align={{ default: 'alignEnd' }}>
            <span className="dim nowrap list-total" role="status">
              {many(tree.nodes.length, 'node')}, {many(tree.changes.length, 'change')}
            </span>
            <span className="dim nowrap">
              made <When time={tree.as_of} />
            </span>
            <Button variant="link" onClick={() => setFolded(folded.size > 0 ? new Set() : new Set(rows.keys()))}>
              {folded.size > 0 ? 'Unfold all' : 'Fold all'}
            </Button>
            <Take path="/tree" params={{}} name="tree" />
          </ToolbarGroup>
        </ToolbarContent>
      </Toolbar>
      {shown.length === 0 ? (
        <Nothing title="No image matches">Try another name.</Nothing>
      ) : (
        <div className="table-scroll">
          <Table aria-label="Image tree" variant="compact" role="treegrid" className="tree" isStickyHeader>
            <Thead>
              <Tr>
                <Th width={40}>Image</Th>
                <Th>Brought here</Th>
                <Th>From below</Th>
                <Th>Owner</Th>
                <Th modifier="nowrap" className="right">
                  Images on it
                </Th>
                <Th info={{ tooltip: `${CALM}, as far as they were looked at` }}>Calm</Th>
              </Tr>
            </Thead>
            <Tbody>
              {shown.map((one) => (
                <TreeRow
                  key={one.node.id}
                  row={one}
                  chosen={one.node.id === chosen}
                  folded={folded.has(one.node.id)}
                  fold={() => {
                    const next = new Set(folded)
                    if (!next.delete(one.node.id)) next.add(one.node.id)
                    setFolded(next)
                  }}
                  choose={() => set({ node: String(one.node.id), image: null })}
                />
              ))}
            </Tbody>
          </Table>
        </div>
      )}
      {row && (
        <SidePanel title={<ImageName name={row.node.name} />} close={close}>
          <NodePanel
            row={row}
            below={row.node.parent === undefined ? undefined : rows.get(row.node.parent)}
            choose={(id) => set({ node: String(id), image: null })}
          />
        </SidePanel>
      )}
    </div>
  )
}

interface TreeRowProps {
  row: Row
  chosen: boolean
  folded: boolean
  fold: () => void
  choose: () => void
}

function TreeRow({ row, chosen, folded, fold, choose }: TreeRowProps) {
  const { node, depth, children, running, calm, change } = row
  const place = useRef<HTMLTableRowElement>(null)
  useEffect(() => {
    if (chosen) place.current?.scrollIntoView({ block: 'nearest' })
  }, [chosen])
  const leaf = children.length === 0
  return (
    <Tr
      innerRef={place}
      isRowSelected={chosen}
      className={change ? 'tree-row tree-change' : 'tree-row'}
      aria-level={depth + 1}
      {...(!leaf && { 'aria-expanded': !folded })}
    >
      <Td dataLabel="Image">
        <span className="tree-name" style={{ paddingInlineStart: `${depth * 22}px` }}>
          {depth > 0 && <span className="tree-branch" aria-hidden />}
          {leaf ? (
            <span className="tree-leaf" aria-hidden />
          ) : (
            <Button
              variant="plain"
              size="sm"
              className="tree-fold"
              aria-label={`${folded ? 'Unfold' : 'Fold'} ${node.name}`}
              icon={folded ? <AngleRightIcon /> : <AngleDownIcon />}
              onClick={fold}
            />
          )}
          <Button variant="link" isInline className="break tree-choose" onClick={choose}>
            <ImageName name={node.name} />
          </Button>
          {change && (
            <Label isCompact color="blue" icon={<WrenchIcon />} title={change.action}>
              {`Fix here #${change.id}`}
            </Label>
          )}
          {node.external && (
            <Label isCompact variant="outline" title="Somebody else's: it can be exchanged, not changed">
              not ours
            </Label>
          )}
          {!node.named && (
            <Label isCompact variant="outline" color="yellow" title="Only its layers are known">
              no name
            </Label>
          )}
        </span>
      </Td>
      <Td dataLabel="Brought here">{total(node.own) === 0 ? <span className="dim">nothing</span> : <CountsLabel counts={node.own} />}</Td>
      <Td dataLabel="From below">
        {total(node.inherited) === 0 ? <span className="dim">nothing</span> : <CountsLabel counts={node.inherited} />}
      </Td>
      <Td dataLabel="Owner">
        <OwnerName owner={node.owner} />
      </Td>
      <Td dataLabel="Images on it" className="right">
        {node.derived}
      </Td>
      <Td dataLabel="Calm">
        <RolloutMeter fixed={calm} running={running} label={CALM} plain />
      </Td>
    </Tr>
  )
}
