//! The tree of images and what to change in it, made by [`gabion_plan`] from the reports of what runs, and kept until something changes.

use crate::Hub;
use gabion_advisory::version::Order;
use gabion_api::rest::{Counts, Image, ImageTree, PlanChange, TreeImage, TreeNode};
use gabion_model::{ScanReport, Severity};
use gabion_plan::{Action, Claim, Options, Plan, Rules};
use gabion_store::state::{ImageFilter, Paging, Scope, severity};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// Images that a tree is made of: those that run, the most urgent first.
const MOST: usize = 2000;

/// The last tree for each scope, and for which state of the estate it was made.
#[derive(Debug, Default)]
pub(crate) struct Trees {
    version: AtomicU64,
    made: Mutex<Vec<(Scope, u64, Arc<ImageTree>)>>,
}

/// Scopes for which a tree is kept.
const KEPT: usize = 8;

impl Trees {
    /// Reports or containers have changed.
    pub(crate) fn stale(&self) {
        self.version.fetch_add(1, Ordering::Relaxed);
    }

    fn known(&self, scope: &Scope, version: u64) -> Option<Arc<ImageTree>> {
        let made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        made.iter().find(|(of, at, _)| of == scope && *at == version).map(|(_, _, tree)| Arc::clone(tree))
    }

    fn keep(&self, scope: &Scope, version: u64, tree: &Arc<ImageTree>) {
        let mut made = self.made.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        made.retain(|(of, _, _)| of != scope);
        made.truncate(KEPT - 1);
        made.insert(0, (scope.clone(), version, Arc::clone(tree)));
    }
}

impl Hub {
    /// The tree of what somebody may see.
    pub(crate) async fn tree(&self, scope: &Scope) -> anyhow::Result<Arc<ImageTree>> {
        let version = self.trees.version.load(Ordering::Relaxed);
        if let Some(tree) = self.trees.known(scope, version) {
            return Ok(tree);
        }
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
            let owner = |claim: &Claim<'_>| hub.matcher.owner(&[claim.name.to_owned()], claim.labels);
            let rules = Rules { owner: &owner, compare: &compare, ..Rules::default() };
            let plan =
                gabion_plan::plan(&scans, &rules, &Options { max_changes: Some(50), ..Options::default() });
            told(&plan, &reports)
        })
        .await?;
        let mut tree = tree;
        if more > 0 {
            tree.gaps.push(format!("{more} images more run: the tree is of the {MOST} most urgent"));
        }
        let tree = Arc::new(tree);
        self.trees.keep(scope, version, &tree);
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

fn told(plan: &Plan, reports: &Reports) -> ImageTree {
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
    ImageTree { changes: changes.collect(), gaps: gaps.collect(), nodes }
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
