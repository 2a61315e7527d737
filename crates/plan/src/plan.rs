//! The plan: what a reader gets. Also its JSON form, described by `schema/plan-1.schema.json`.

mod build;
mod change;
mod gap;

pub(crate) use build::build;

use crate::{BaseStanding, NamedBy, StayReason};
use gabion_model::{BaseHint, Digest, FindingKind, PackageKind, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the JSON form of [`Plan`]. The major number changes when a reader would break.
pub const SCHEMA_VERSION: &str = "1.0";

/// What to change, in which order, what that clears, and what stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`SCHEMA_VERSION`].
    pub schema_version: String,
    /// The sums.
    pub totals: Totals,
    /// What to change: what clears most first, but bases before what is built on them.
    pub changes: Vec<Change>,
    /// The nodes to build anew after the changes: each wave needs those before it, and nothing of itself.
    pub waves: Vec<Vec<usize>>,
    /// The share of the clearable weight, in thousandths, that the best 0, 1, 2, ... changes clear.
    pub curve: Vec<u16>,
    /// What stays, the most first.
    pub stays: Vec<Stay>,
    /// The forest, parents before children.
    pub nodes: Vec<Node>,
    /// The images, by name.
    pub images: Vec<ImageSummary>,
    /// What the scans did not look at.
    pub gaps: Vec<Gap>,
}

/// The sums over all images. A finding counts once for each image that has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Images, directories and SBOMs.
    pub images: usize,
    /// Findings that count.
    pub findings: usize,
    /// Those that the plan clears: all places of them.
    pub cleared: usize,
    /// Those that could be cleared by any number of changes.
    pub clearable: usize,
    /// Places of the findings: each node that brought a part of one.
    pub places: usize,
    /// Images in which something is cleared.
    pub images_cleared: usize,
    /// Their owners, sorted.
    pub owners: Vec<String>,
    /// Findings that an exception or a VEX statement covers; not counted above.
    pub suppressed: usize,
    /// Findings below the asked severity or of another kind; not counted above.
    pub left_out: usize,
}

/// How many, by severity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Places of findings, each image counted.
    pub places: usize,
    /// By severity.
    pub by_severity: BTreeMap<Severity, usize>,
}

impl Tally {
    pub(crate) fn add(&mut self, severity: Severity) {
        self.places += 1;
        *self.by_severity.entry(severity).or_default() += 1;
    }
}

/// What is done to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Change its own lines: newer versions, other files.
    Fix,
    /// Upgrade in it what came from bases that are not ours.
    Patch,
}

/// One change of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its place in the order, from 1.
    pub number: usize,
    /// Where: index into [`Plan::nodes`].
    pub node: usize,
    /// What.
    pub action: Action,
    /// What it clears.
    pub clears: Tally,
    /// The images in which it clears something: indices into [`Plan::images`].
    pub images: Vec<usize>,
    /// The history lines that brought it, lowest first.
    pub lines: Vec<Line>,
}

/// What came with one history line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The node of the line: the change's own, or one above it for a patch.
    pub node: usize,
    /// Index into [`Node::layers`]; none for the configuration, and where there are no layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// Packages to update, the one that clears most first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<Update>,
    /// Everything else to put right, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Other>,
}

/// A package to update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// Its ecosystem.
    pub kind: PackageKind,
    /// Its name as the advisory has it: for a distribution mostly the source package.
    pub package: String,
    /// The packages of the images that are built from it.
    pub packages: Vec<String>,
    /// Its version.
    pub from: String,
    /// The version that fixes all; several where they could not be compared.
    pub to: Vec<String>,
    /// What that clears: the ids.
    pub vulnerabilities: Vec<String>,
    /// And how often.
    pub clears: Tally,
}

/// Something to put right that is no package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// What kind.
    pub kind: FindingKind,
    /// Its rule.
    pub rule: String,
    /// What it is.
    pub title: String,
    /// How much it matters.
    pub severity: Severity,
    /// Where it is, the first of several.
    pub place: String,
    /// What to do about it.
    pub fix: String,
    /// How often.
    pub clears: usize,
}

/// What stays of one node and line for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// Why.
    pub reason: StayReason,
    /// The node that brought it.
    pub node: usize,
    /// Index into [`Node::layers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// How much.
    pub tally: Tally,
    /// The rules: CVE ids, names of secret rules; sorted.
    pub rules: Vec<String>,
    /// The packages, sorted.
    pub packages: Vec<String>,
    /// In which images.
    pub images: Vec<usize>,
}

/// A node of the forest: layers that all images at or below it share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The node it is built on: smaller than its own index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<usize>,
    /// What it is called.
    pub name: String,
    /// Where the name comes from.
    pub named_by: NamedBy,
    /// Its own layers, lowest first; empty for a directory or an SBOM.
    pub layers: Vec<NodeLayer>,
    /// The images that end here.
    pub images: Vec<usize>,
    /// How many images end here or below.
    pub images_below: usize,
    /// Who answers for it.
    pub owners: Vec<String>,
    /// It is not ours to change.
    pub external: bool,
    /// What its own layers brought, counted in each image.
    pub brought: Tally,
    /// How much of that the plan clears.
    pub cleared: Tally,
}

/// A layer of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeLayer {
    /// Digest of the uncompressed tar.
    pub diff_id: Digest,
    /// The history line that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
}

/// An image, directory or SBOM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSummary {
    /// Its name.
    pub name: String,
    /// Other names of the same content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The node at which it ends.
    pub node: usize,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// It is not ours to change.
    pub external: bool,
    /// Findings that count.
    pub findings: usize,
    /// How many of them the plan clears.
    pub cleared: usize,
    /// What is said about its base, and what is true of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<BaseClaim>,
}

/// What is said about the base of an image, and what is true of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseClaim {
    /// What is said, and by whom.
    pub hint: BaseHint,
    /// Whether it is so.
    pub standing: BaseStanding,
    /// The node it speaks of, if it is confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<usize>,
}

/// What scans did not look at: images that lack the same for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// The aspect: `vulnerabilities`, `packages.java`.
    pub aspect: String,
    /// `partial`, `not evaluated`, `failed`, ...
    pub status: String,
    /// Why.
    pub reason: String,
    /// Which images.
    pub images: Vec<usize>,
}

impl Plan {
    /// Whether nothing is open and every scan covered everything. Only then may it be shown as clean.
    pub fn is_clean(&self) -> bool {
        self.totals.images > 0
            && self.totals.findings == 0
            && self.totals.left_out == 0
            && self.gaps.is_empty()
    }

    /// From a node up to its root.
    pub fn way(&self, node: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(node), |&node| self.nodes[node].parent)
    }
}
