//! The tree of images and what to change in it, made by [`gabion_plan`] from the reports of what runs, and kept until something changes.
//!
//! In a large estate something always changes, and a tree takes seconds: then the last one is shown while the next is made, and whoever looks
//! is told when that is there. It says as of when it is, and one that is too old is shown no more.

use crate::Hub;
use gabion_advisory::version::Order;
use gabion_api::rest::{Counts, Image, ImageTree, Millis, PlanChange, Topic, TreeImage, TreeNode};
use gabion_model::{ScanReport, Severity};
use gabion_plan::{Action, Claim, Options, Plan, Rules};
use gabion_store::state::{ImageFilter, Paging, Scope, severity};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Images that a tree is made of: those that run, the most urgent first.
const MOST: usize = 2000;

/// The last tree for each scope, and for which state of the estate it was made.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    version: AtomicU64,
    made: Mutex<Vec<Made>>,
    /// One is made at a time: several who wait for the same make it once.
    turn: tokio::sync::Mutex<()>,
}

/// A tree, for which state of the estate and when it was made, how long that took, and when the next may be made.
#[derive(Clone, Debug)]
struct Made {
    scope: Scope,
    version: u64,
    tree: Arc<ImageTree>,
    at: Instant,
    took: Duration,
    next: Instant,
    /// The next is being made.
    is_replaced: bool,
}

/// Nobody waits for a tree that takes longer, if there is an earlier one;
const SLOW: Duration = Duration::from_millis(200);
/// and making them takes at most one part of so many of the time.
const PART: u32 = 10;
/// Nobody is shown one that is older than this and not the last any more: then the next is waited for.
const OLD: Duration = Duration::from_mins(5);

impl Made {
    fn new(scope: &Scope, version: u64, tree: Arc<ImageTree>, at: Instant, took: Duration) -> Self {
        Self { scope: scope.clone(), version, tree, at, took, next: at + took * PART, is_replaced: false }
    }
}

/// Scopes for which a tree is kept.
const KEPT: usize = 8;

impl Trees {
    /// Reports or containers have changed.
    pub(crate) fn stale(&self) {
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    /// The tree that is shown, if nobody need wait for another.
    fn shown(&self, scope: &Scope) -> Option<Arc<ImageTree>> {
        let version = self.version.load(Ordering::Relaxed);
        let made = self.made();
        let known = made.iter().find(|made| made.scope == *scope)?;
        let is_good = known.version == version || (known.took >= SLOW && known.at.elapsed() <= OLD);
        is_good.then(|| Arc::clone(&known.tree))
    }

    /// Whether the next is to be made while that one is shown. It is said once.
    fn is_due(&self, scope: &Scope) -> bool {
        let version = self.version.load(Ordering::Relaxed);
        let mut made = self.made();
        let Some(known) = made.iter_mut().find(|made| made.scope == *scope) else { return false };
        let is_due = known.version != version && !known.is_replaced && Instant::now() >= known.next;
        known.is_replaced |= is_due;
        is_due
    }

    fn keep(&self, new: Made) {
        let mut made = self.made();
        made.retain(|made| made.scope != new.scope);
        made.truncate(KEPT - 1);
        made.insert(0, new);
    }

    /// The next could not be made.
    fn give_up(&self, scope: &Scope) {
        for made in self.made().iter_mut().filter(|made| made.scope == *scope) {
            (made.is_replaced, made.next) = (false, Instant::now() + made.took * PART);
        }
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Vec<Made>> {
        self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Hub {
    /// The tree of what somebody may see.
    pub(crate) async fn tree(&self, scope: &Scope) -> anyhow::Result<Arc<ImageTree>> {
        if let Some(tree) = self.trees.shown(scope) {
            if self.trees.is_due(scope) {
                let (hub, scope) = (self.clone(), scope.clone());
                tokio::spawn(async move { hub.replace_tree(&scope).await });
            }
            return Ok(tree);
        }
        let _turn = self.trees.turn.lock().await;
        match self.trees.shown(scope) {
            Some(tree) => Ok(tree),
            None => self.make_tree(scope).await,
        }
    }

    async fn replace_tree(&self, scope: &Scope) {
        let made = self.lead.while_there(async {
            let _turn = self.trees.turn.lock().await;
            self.make_tree(scope).await
        });
        match made.await {
            // Who looks has the one before. Other hubs have trees of their own, which this one does not change.
            Some(Ok(_)) => return self.live.tell_here(Topic::Findings),
            Some(Err(error)) => self.note(&format!("the tree of images could not be made: {error:#}")),
            None => {}
        }
        self.trees.give_up(scope);
    }

    async fn make_tree(&self, scope: &Scope) -> anyhow::Result<Arc<ImageTree>> {
        let version = self.trees.version.load(Ordering::Relaxed);
        let (begun, as_of) = (Instant::now(), self.now());
        // What runs is what is to be mended; where nothing does, what is known.
        let mut images = self.scanned_images(scope, Some(true)).await?;
        if images.is_empty() {
            images = self.scanned_images(scope, None).await?;
        }
        let more = images.len().saturating_sub(MOST);
        images.truncate(MOST);
        let mut reports = Vec::new();
        for image in &images {
            if let Some(mut report) = self.state.report(&image.id).await? {
                report.target.reference.clone_from(&image.name);
                reports.push((image.clone(), report));
            }
        }
        let hub = self.clone();
        let tree = tokio::task::spawn_blocking(move || {
            let scans: Vec<&ScanReport> = reports.iter().map(|(_, report)| report).collect();
            let owners: HashMap<&str, &String> = reports
                .iter()
                .filter_map(|(image, _)| Some((image.name.as_str(), image.owner.as_ref()?)))
                .collect();
            // Whose what runs is may depend on where; a base that is not known by itself runs nowhere.
            let owner = |claim: &Claim<'_>| {
                let known = owners.get(claim.name).map(|owner| (*owner).clone());
                known.or_else(|| hub.matcher.owner(&[claim.name.to_owned()], claim.labels, &[]))
            };
            let rules = Rules { owner: &owner, compare: &compare, ..Rules::default() };
            let plan =
                gabion_plan::plan(&scans, &rules, &Options { max_changes: Some(50), ..Options::default() });
            told(&plan, &reports, as_of)
        })
        .await?;
        let mut tree = tree;
        if more > 0 {
            tree.gaps.push(format!("{more} images more run: the tree is of the {MOST} most urgent"));
        }
        let tree = Arc::new(tree);
        self.trees.keep(Made::new(scope, version, Arc::clone(&tree), Instant::now(), begun.elapsed()));
        Ok(tree)
    }
}

impl Hub {
    async fn scanned_images(&self, scope: &Scope, running: Option<bool>) -> anyhow::Result<Vec<Image>> {
        let mut images = Vec::new();
        let mut paging = Paging { limit: 1000, ..Paging::default() };
        let wanted = ImageFilter { running, ..ImageFilter::default() };
        loop {
            let page = self.state.images(&wanted, scope, &paging).await?;
            // A node is no image: nothing is built on it.
            images.extend(
                page.items
                    .into_iter()
                    .filter(|image| image.scanned.is_some() && !image.id.starts_with("host:")),
            );
            paging.cursor = page.next;
            if paging.cursor.is_none() {
                return Ok(images);
            }
        }
    }
}

type Reports = [(Image, ScanReport)];

fn counts(by: &BTreeMap<Severity, usize>) -> Counts {
    let mut counts = Counts::default();
    for (level, many) in by {
        counts.add(severity(*level), *many as u64);
    }
    counts
}

fn plus(a: Counts, b: Counts) -> Counts {
    Counts {
        critical: a.critical + b.critical,
        high: a.high + b.high,
        medium: a.medium + b.medium,
        low: a.low + b.low,
    }
}

/// What one image has of what a node brought, which is counted in each; of something that an image above has removed, it is a little more.
fn in_one(all: Counts, images: u64) -> Counts {
    let images = images.max(1);
    let Counts { critical, high, medium, low } = all;
    Counts {
        critical: critical.div_ceil(images),
        high: high.div_ceil(images),
        medium: medium.div_ceil(images),
        low: low.div_ceil(images),
    }
}

fn told(plan: &Plan, reports: &Reports, as_of: Millis) -> ImageTree {
    // A summary has one of the names of an image; several of our images may be one there, as equal content is one.
    let named = |name: &str| reports.iter().find(|(image, _)| image.name == name);
    let image = |index: &usize| {
        let summary = &plan.images[*index];
        let all: Vec<String> = std::iter::once(&summary.name).chain(&summary.aliases).cloned().collect();
        let known = all.iter().find_map(|name| named(name));
        TreeImage {
            id: known.map_or_else(String::new, |(image, _)| image.id.clone()),
            open: known.map_or_else(Counts::default, |(image, _)| image.open),
            running: known.map_or(0, |(image, _)| image.running),
            names: all,
        }
    };
    let mut nodes: Vec<TreeNode> = Vec::new();
    for (index, node) in plan.nodes.iter().enumerate() {
        let inherited = node
            .parent
            .map_or_else(Counts::default, |parent| plus(nodes[parent].own, nodes[parent].inherited));
        nodes.push(TreeNode {
            id: index as u32,
            parent: node.parent.map(|parent| parent as u32),
            name: node.name.clone(),
            named: !matches!(node.named_by, gabion_plan::NamedBy::Nobody),
            owner: (!node.owners.is_empty()).then(|| node.owners.join(", ")),
            external: node.external,
            layers: node.layers.len() as u32,
            own: in_one(counts(&node.brought.by_severity), node.images_below as u64),
            inherited,
            images: node.images.iter().map(image).collect(),
            derived: node.images_below as u64,
            change: plan
                .changes
                .iter()
                .find(|change| change.node == index)
                .map(|change| change.number as u32),
        });
    }
    let changes = plan.changes.iter().map(|change| {
        let node = &plan.nodes[change.node];
        let rebuilt: Vec<TreeImage> = change.images.iter().map(image).collect();
        PlanChange {
            id: change.number as u32,
            node: change.node as u32,
            name: node.name.clone(),
            owner: (!node.owners.is_empty()).then(|| node.owners.join(", ")),
            action: match change.action {
                Action::Fix => format!("rebuild {} with newer versions", node.name),
                Action::Patch => format!("upgrade in {} what comes from its base", node.name),
            },
            updates: updates(change),
            clears: counts(&change.clears.by_severity),
            running: rebuilt.iter().map(|image| image.running).sum(),
            rebuild: rebuilt.into_iter().filter_map(|image| image.names.into_iter().next()).collect(),
        }
    });
    let gaps = plan
        .gaps
        .iter()
        .map(|gap| format!("{} images: {} {}: {}", gap.images.len(), gap.aspect, gap.status, gap.reason));
    ImageTree { as_of, changes: changes.collect(), gaps: gaps.collect(), nodes }
}

/// Two versions by the order that a finding names.
fn compare(comparator: &str, a: &str, b: &str) -> Option<std::cmp::Ordering> {
    Order::ALL.iter().find(|order| order.name() == comparator)?.compare(a, b).ok()
}

fn updates(change: &gabion_plan::Change) -> Vec<String> {
    let mut all = Vec::new();
    for line in &change.lines {
        all.extend(line.updates.iter().map(|update| {
            let to = if update.to.is_empty() { "a newer version".to_owned() } else { update.to.join(" or ") };
            format!("{} {} to {to}", update.package, update.from)
        }));
        all.extend(line.others.iter().map(|other| format!("{}: {}", other.place, other.title)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(trees: &Trees, version: u64, took: Duration, age: Duration) {
        let gaps = vec![version.to_string()];
        let tree = Arc::new(ImageTree { as_of: 0, changes: Vec::new(), gaps, nodes: Vec::new() });
        let at = Instant::now().checked_sub(age).expect("the machine was started before");
        trees.keep(Made::new(&Scope::all(), version, tree, at, took));
    }

    #[test]
    fn a_tree_that_takes_long_is_shown_until_the_next_is_there() {
        let (trees, all) = (Trees::default(), Scope::all());
        let known = |version| {
            trees.version.store(version, Ordering::Relaxed);
            trees.shown(&all).map(|tree| (tree.gaps[0].clone(), trees.is_due(&all)))
        };
        assert_eq!(known(1), None);
        made(&trees, 1, Duration::from_millis(1), Duration::ZERO);
        assert_eq!(known(1), Some(("1".to_owned(), false)));
        assert_eq!(known(2), None, "one that is made quickly is never old");
        made(&trees, 2, SLOW, SLOW * PART);
        assert_eq!(known(3), Some(("2".to_owned(), true)));
        assert_eq!(known(4), Some(("2".to_owned(), false)), "it is being made");
        trees.give_up(&all);
        assert_eq!(known(4), Some(("2".to_owned(), false)), "not again at once");
        made(&trees, 4, SLOW, SLOW * PART);
        assert_eq!(known(5), Some(("4".to_owned(), true)));
        made(&trees, 5, SLOW, OLD + Duration::from_secs(1));
        assert_eq!(known(5), Some(("5".to_owned(), false)), "nothing has changed since");
        assert_eq!(known(6), None, "the next is waited for");
        trees.give_up(&all);
        assert_eq!(known(6), None, "also after it could not be made");
    }
}
