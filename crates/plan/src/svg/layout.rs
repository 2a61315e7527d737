//! Where each box is: a column for each depth, a row for each leaf, a base in the middle of what is built on it.

use crate::{NamedBy, Plan};
use std::collections::BTreeSet;

/// Width of a box, and the space to the next column.
pub(super) const BOX: usize = 300;
const COLUMN: usize = BOX + 52;
/// Heights: of a base, which has a bar, and of a leaf.
pub(super) const INNER: usize = 46;
const LEAF: usize = 25;
const GAP: usize = 7;
const TREE_GAP: usize = 18;
/// Leaves of one base that are drawn, of those with a change and those without; the rest is one box.
const LEAVES: usize = 6;

pub(super) enum What {
    Node(usize),
    /// Leaves that are not drawn.
    More {
        nodes: usize,
        changes: usize,
    },
}

/// A box.
pub(super) struct Item {
    pub(super) what: What,
    /// The item it is built on.
    pub(super) parent: Option<usize>,
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) height: usize,
}

impl Item {
    /// The space to the next sibling.
    const fn gap(&self) -> usize {
        if self.height == LEAF { GAP } else { TREE_GAP }
    }
}

/// All boxes, parents first.
pub(super) struct Layout {
    pub(super) items: Vec<Item>,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Layout {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut items = items(plan);
        // Rows, from the leaves to the roots.
        let mut rows: Vec<usize> = vec![0; items.len()];
        for at in (0..items.len()).rev() {
            rows[at] = rows[at].max(items[at].height);
            if let Some(parent) = items[at].parent {
                // The last child comes first, and has no gap after it.
                rows[parent] += rows[at] + if rows[parent] == 0 { 0 } else { items[at].gap() };
            }
        }
        // Places, from the roots to the leaves; `next` is where the next child of an item begins.
        let mut next = vec![0; items.len()];
        let mut bottom = 0;
        for at in 0..items.len() {
            let top = match items[at].parent {
                Some(parent) => {
                    let top = next[parent];
                    next[parent] += rows[at] + items[at].gap();
                    items[at].x = items[parent].x + COLUMN;
                    top
                }
                None => bottom,
            };
            if items[at].parent.is_none() {
                bottom += rows[at] + items[at].gap();
            }
            items[at].y = top + (rows[at] - items[at].height) / 2;
            next[at] = top;
        }
        let width = items.iter().map(|item| item.x + BOX).max().unwrap_or(0);
        Self { items, width, height: bottom }
    }
}

/// What is drawn: all inner nodes, and of many leaves alike the first.
fn items(plan: &Plan) -> Vec<Item> {
    let changed: BTreeSet<usize> = plan.changes.iter().map(|change| change.node).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); plan.nodes.len()];
    let mut roots = Vec::new();
    for (at, node) in plan.nodes.iter().enumerate() {
        node.parent.map_or(&mut roots, |parent| &mut children[parent]).push(at);
    }
    let mut items: Vec<Item> = Vec::new();
    let mut todo: Vec<(What, Option<usize>)> = Vec::new();
    push(&mut todo, roots, None, &children, &changed);
    while let Some((what, parent)) = todo.pop() {
        let at = items.len();
        let mut height = LEAF;
        if let What::Node(node) = what {
            let inner = !children[node].is_empty() || plan.nodes[node].named_by != NamedBy::Image;
            height = if inner { INNER } else { LEAF };
            push(&mut todo, std::mem::take(&mut children[node]), Some(at), &children, &changed);
        }
        items.push(Item { what, parent, x: 0, y: 0, height });
    }
    items
}

/// Puts siblings on the stack, the first on top: inner nodes, leaves with a change, leaves without.
fn push(
    todo: &mut Vec<(What, Option<usize>)>,
    siblings: Vec<usize>,
    parent: Option<usize>,
    children: &[Vec<usize>],
    changed: &BTreeSet<usize>,
) {
    let (inner, leaves): (Vec<usize>, Vec<usize>) =
        siblings.into_iter().partition(|&node| !children[node].is_empty());
    let (with, without): (Vec<usize>, Vec<usize>) =
        leaves.into_iter().partition(|node| changed.contains(node));
    for (leaves, changes) in [(without, false), (with, true)] {
        let shown = if leaves.len() > LEAVES { LEAVES - 1 } else { leaves.len() };
        let nodes = leaves.len() - shown;
        if nodes > 0 {
            todo.push((What::More { nodes, changes: if changes { nodes } else { 0 } }, parent));
        }
        todo.extend(leaves[..shown].iter().rev().map(|&node| (What::Node(node), parent)));
    }
    todo.extend(inner.into_iter().rev().map(|node| (What::Node(node), parent)));
}
