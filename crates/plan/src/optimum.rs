//! Which changes clear the most: the problem without images and packages, and its exact solution.
//!
//! What is open is a set of [`Instance`]s: something of weight *w* that came with node *origin*, seen in an image
//! that ends at node *image*, at or below it (a base is above what is built on it). There are two kinds of changes, and each costs one:
//!
//! - **fix** a node that is ours: clears every instance that came with it, in all images below;
//! - **patch** a node that is ours: clears, in all images at or below it, what came from nodes above it that are
//!   *not* ours, as far as a later layer can replace it (`patchable`).
//!
//! So an instance is cleared by a fix of its origin or, if its origin is not ours, by a patch anywhere strictly
//! below the origin on the way to the image:
//!
//! ```text
//!   debian (not ours)  ─┬─ base ─┬─ shop        of debian: patch base, or patch both shop and pay
//!                       │        └─ pay         of base:   fix base
//!                       └─ tool                 of debian in tool: patch tool
//! ```
//!
//! Fixes and patches clear different instances, so only the budget joins them. The best *k* fixes are the *k*
//! heaviest. The best *j* patches are a knapsack over the tree: if `u` is the lowest patched node above `v`, then
//! patching `v` adds what lies in the subtree of `v` and came from between `u` and `v`; what came from above `u`
//! is cleared already. A table for each `(v, u)` holds the best weight for each number of patches in the subtree,
//! and the tables of children are merged (max, +). Merging bounded by subtree sizes takes O(n·k) for each depth of
//! `u`: O(n·k·d) in all, for n nodes, budget k, depth d. `tests` compares the result with brute force.

#[cfg(test)]
mod tests;

/// Nodes, parents before their children, and what is open in the images that end at them.
#[derive(Clone, Debug, Default)]
pub struct Problem {
    /// The parent of each node; smaller than the node.
    pub parent: Vec<Option<usize>>,
    /// Whether each node may be changed.
    pub ours: Vec<bool>,
    /// What is open.
    pub instances: Vec<Instance>,
}

/// Something open in one image.
#[derive(Clone, Copy, Debug)]
pub struct Instance {
    /// The node it came with: `image` or a node above it.
    pub origin: usize,
    /// The node at which the image ends.
    pub image: usize,
    /// How much it matters; at least 1.
    pub weight: u64,
    /// Whether a node below the origin can put it right.
    pub patchable: bool,
}

/// The best changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Optimum {
    /// Nodes to fix, ascending.
    pub fix: Vec<usize>,
    /// Nodes to patch, ascending.
    pub patch: Vec<usize>,
    /// The weight that the best 0, 1, 2, ... changes clear, up to the number of changes that are made.
    pub curve: Vec<u64>,
}

impl Problem {
    /// The fewest changes that clear the most, `budget` changes at most. Of equally good ones, those that fix
    /// rather than patch, and those higher up.
    pub fn solve(&self, budget: Option<usize>) -> Optimum {
        let budget = budget.unwrap_or(usize::MAX);
        let mut fixes = self.fixes();
        fixes.truncate(budget);
        let tree = Patches::of(self, budget);

        let mut gained = vec![0];
        gained.extend(fixes.iter().scan(0, |sum, (weight, _)| {
            *sum += weight;
            Some(*sum)
        }));
        let (curve, split) = merge(&tree.best, &gained, budget);
        let changes = curve.len() - 1;
        let patched = split[changes];
        let mut fix: Vec<usize> = fixes[..changes - patched].iter().map(|&(_, node)| node).collect();
        fix.sort_unstable();
        Optimum { fix, patch: tree.chosen(patched), curve }
    }

    /// What fixing each node of ours clears, the most first; only where it clears anything.
    fn fixes(&self) -> Vec<(u64, usize)> {
        let mut weight = vec![0; self.parent.len()];
        for instance in &self.instances {
            weight[instance.origin] += instance.weight;
        }
        let mut fixes: Vec<(u64, usize)> = weight
            .into_iter()
            .enumerate()
            .filter(|&(node, weight)| self.ours[node] && weight > 0)
            .map(|(node, weight)| (weight, node))
            .collect();
        fixes.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        fixes
    }

    /// The change that clears an instance, if one of `optimum` does: where, and whether it is a patch. Of several
    /// patches it is the highest.
    pub fn cleared_by(&self, instance: &Instance, optimum: &Optimum) -> Option<(usize, bool)> {
        let chosen = |nodes: &[usize], node: usize| nodes.binary_search(&node).is_ok();
        if self.ours[instance.origin] {
            return chosen(&optimum.fix, instance.origin).then_some((instance.origin, false));
        }
        if !instance.patchable {
            return None;
        }
        self.built_on_origin(instance)
            .filter(|&node| chosen(&optimum.patch, node))
            .last()
            .map(|node| (node, true))
    }

    /// Whether any changes at all could clear it.
    pub fn clearable(&self, instance: &Instance) -> bool {
        let patchable = || instance.patchable && self.built_on_origin(instance).any(|node| self.ours[node]);
        self.ours[instance.origin] || patchable()
    }

    /// The nodes from the image up to its origin, without that.
    fn built_on_origin(&self, instance: &Instance) -> impl Iterator<Item = usize> {
        let way = std::iter::successors(Some(instance.image), |&node| self.parent[node]);
        way.take_while(move |&node| node != instance.origin)
    }
}

/// The knapsack over the tree.
struct Patches {
    children: Vec<Vec<usize>>,
    roots: Vec<usize>,
    depth: Vec<usize>,
    /// For each node and depth: what came from nodes at lesser depth that are not ours, in the node's subtree.
    above: Vec<Vec<u64>>,
    ours: Vec<bool>,
    budget: usize,
    /// The best weight in each node's subtree by number of patches, for each depth from which on things are still
    /// open: that of the lowest patched node above, or 0.
    tables: Vec<Vec<Vec<u64>>>,
    best: Vec<u64>,
}

impl Patches {
    fn of(problem: &Problem, budget: usize) -> Self {
        let nodes = problem.parent.len();
        let (mut children, mut roots, mut depth) = (vec![Vec::new(); nodes], Vec::new(), vec![0; nodes]);
        for (node, parent) in problem.parent.iter().enumerate() {
            match *parent {
                Some(parent) => {
                    depth[node] = depth[parent] + 1;
                    children[parent].push(node);
                }
                None => roots.push(node),
            }
        }
        let above = came_from_above(problem, &depth);
        let ours = problem.ours.clone();
        let mut patches = Self {
            children,
            roots,
            depth,
            above,
            ours,
            budget,
            tables: vec![Vec::new(); nodes],
            best: vec![],
        };
        for node in (0..nodes).rev() {
            patches.fill(node);
        }
        patches.best = patches.merged(&patches.roots, 0).0;
        patches
    }

    /// What patching `node` adds, if all that came from less than depth `open` is cleared already.
    fn gain(&self, node: usize, open: usize) -> u64 {
        let above = &self.above[node];
        if self.ours[node] { above[self.depth[node]] - above[open] } else { 0 }
    }

    /// Makes the tables of `node` from those of its children.
    fn fill(&mut self, node: usize) {
        let depth = self.depth[node];
        let patched = self.merged(&self.children[node], depth).0;
        let table = |open| {
            let mut table = self.merged(&self.children[node], open).0;
            let gain = self.gain(node, open);
            if gain > 0 && self.budget > 0 {
                let most = table.len().max((patched.len() + 1).min(self.budget.saturating_add(1)));
                table.resize(most, table[table.len() - 1]);
                // More patches than of use clear no less.
                let rest = std::iter::repeat(&patched[patched.len() - 1]);
                for (best, with) in table.iter_mut().skip(1).zip(patched.iter().chain(rest)) {
                    *best = (*best).max(gain + with);
                }
            }
            trim(table)
        };
        self.tables[node] = (0..depth.max(1)).map(table).collect();
    }

    /// The tables of several subtrees as one, and for each step how many patches go to the last of them.
    fn merged(&self, nodes: &[usize], open: usize) -> (Vec<u64>, Vec<Vec<usize>>) {
        let mut splits = Vec::with_capacity(nodes.len());
        let table = nodes.iter().fold(vec![0], |left, &node| {
            let (table, split) = merge(&left, &self.tables[node][open], self.budget);
            splits.push(split);
            table
        });
        (table, splits)
    }

    /// The nodes of the best `count` patches.
    fn chosen(&self, count: usize) -> Vec<usize> {
        let mut chosen = Vec::new();
        let mut todo = Vec::new();
        self.distribute(&self.roots, 0, count, &mut todo);
        while let Some((node, open, count)) = todo.pop() {
            let gain = self.gain(node, open);
            if gain > 0 {
                let with = self.merged(&self.children[node], self.depth[node]).0;
                let table = &self.tables[node][open];
                if table[count.min(table.len() - 1)] == gain + with[(count - 1).min(with.len() - 1)] {
                    chosen.push(node);
                    self.distribute(&self.children[node], self.depth[node], count - 1, &mut todo);
                    continue;
                }
            }
            self.distribute(&self.children[node], open, count, &mut todo);
        }
        chosen.sort_unstable();
        chosen
    }

    /// How many patches each of these subtrees gets, where it gets any.
    fn distribute(&self, nodes: &[usize], open: usize, count: usize, todo: &mut Vec<(usize, usize, usize)>) {
        let (_, splits) = self.merged(nodes, open);
        let mut left = count;
        for (&node, split) in nodes.iter().zip(&splits).rev() {
            let before = split[left.min(split.len() - 1)];
            let own = left.min(split.len() - 1) - before;
            if own > 0 {
                todo.push((node, open, own));
            }
            left = before;
        }
    }
}

/// See [`Patches::above`].
fn came_from_above(problem: &Problem, depth: &[usize]) -> Vec<Vec<u64>> {
    let mut above: Vec<Vec<u64>> = depth.iter().map(|&depth| vec![0; depth + 1]).collect();
    for instance in &problem.instances {
        let outside = !problem.ours[instance.origin] && instance.patchable;
        if outside && instance.origin != instance.image {
            above[instance.image][depth[instance.origin] + 1] += instance.weight;
        }
    }
    for node in (0..above.len()).rev() {
        if let Some(parent) = problem.parent[node] {
            let (front, back) = above.split_at_mut(node);
            front[parent].iter_mut().zip(&back[0]).for_each(|(sum, weight)| *sum += weight);
        }
    }
    for row in &mut above {
        for at in 1..row.len() {
            row[at] += row[at - 1];
        }
    }
    above
}

/// Two tables by count as one, and how many of each count are of the left one: as few as possible.
fn merge(left: &[u64], right: &[u64], budget: usize) -> (Vec<u64>, Vec<usize>) {
    let most = (left.len() + right.len() - 2).min(budget);
    let (mut best, mut split) = (vec![0; most + 1], vec![0; most + 1]);
    for (i, a) in left.iter().enumerate().take(most + 1) {
        for (j, b) in right.iter().enumerate().take(most + 1 - i) {
            if a + b > best[i + j] {
                (best[i + j], split[i + j]) = (a + b, i);
            }
        }
    }
    let best = trim(best);
    split.truncate(best.len());
    (best, split)
}

/// Without the counts that add nothing.
fn trim(mut table: Vec<u64>) -> Vec<u64> {
    while table.len() > 1 && table[table.len() - 1] <= table[table.len() - 2] {
        table.pop();
    }
    table
}
