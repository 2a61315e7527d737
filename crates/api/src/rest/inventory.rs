//! What is there: nodes, images, packages, containers, workloads.

use super::{Finding, ImagePlace, Millis, SentScan, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How many findings that count, by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Critical ones.
    pub critical: u64,
    /// High ones.
    pub high: u64,
    /// Medium ones.
    pub medium: u64,
    /// Low ones, those worth knowing, and those that nobody has rated.
    pub low: u64,
}

/// Whether something was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CoverageState {
    /// All of it. Only this may be shown as clean.
    Full,
    /// A part of it.
    Partial,
    /// Not yet.
    NotEvaluated,
    /// It cannot be.
    Unsupported,
    /// It went wrong.
    Failed,
}

/// How far one aspect was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AspectCoverage {
    /// `packages.os`, `secrets`, `vulnerabilities`, ...
    pub aspect: String,
    /// How far.
    pub state: CoverageState,
    /// Why not all of it.
    pub reasons: Vec<String>,
}

/// Whether an agent is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// It is.
    Connected,
    /// It is not; it goes on without the hub.
    Lost,
    /// It may not speak any more.
    Removed,
}

/// A machine with an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Node {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it is heard.
    pub state: NodeState,
    /// When it was heard last.
    pub seen: Millis,
    /// When it joined.
    pub joined: Millis,
    /// The version of its agent.
    pub version: String,
    /// Its kernel.
    pub kernel: String,
    /// Its distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Its architecture.
    pub arch: String,
    /// Containers that run there.
    pub containers: u64,
    /// Rules that it judges by.
    pub rules: u64,
    /// Events that were told since it started.
    pub events: u64,
    /// Things that were lost or could not be looked at.
    pub gaps: u64,
    /// Alerts that wait on the node for the hub.
    pub waiting: u64,
}

/// A part of the sensor that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unused {
    /// Which.
    pub feature: String,
    /// Why.
    pub why: String,
    /// What is not seen without it.
    pub unseen: String,
}

/// A machine, with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeDetail {
    /// See there.
    #[serde(flatten)]
    pub node: Node,
    /// When its agent started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Millis>,
    /// Its memory in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// What was lost or could not be looked at: what, and how often.
    pub lost: BTreeMap<String, u64>,
    /// What its kernel does not let it see.
    pub unused: Vec<Unused>,
    /// What runs there.
    pub running: Vec<Container>,
}

/// A name of an image, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageName {
    /// `registry/repository:tag`.
    pub name: String,
    /// Since when it has named this image.
    pub since: Millis,
    /// Until when; absent while it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
}

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Image {
    /// The digest of its configuration, or, of what has none, of where it was found.
    pub id: String,
    /// One of its names.
    pub name: String,
    /// The digest of its manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<String>,
    /// Its distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// `linux/amd64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Millis>,
    /// When it was seen first.
    pub first_seen: Millis,
    /// When it was scanned last; absent if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanned: Option<Millis>,
    /// Why it could not be scanned, the last time it was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Bytes of its files.
    pub size: u64,
    /// Packages in it.
    pub packages: u64,
    /// What is open.
    pub open: Counts,
    /// Containers that run it.
    pub running: u64,
    /// The worst of its coverage.
    pub coverage: CoverageState,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Layer {
    /// Digest of its uncompressed tar.
    pub diff_id: String,
    /// Bytes of its files.
    pub size: u64,
    /// The line of the history that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// What it brought that is open.
    pub open: Counts,
    /// Packages that it brought.
    pub packages: u64,
}

/// An image with all that is known of it. Its findings and packages are lists of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageDetail {
    /// See there.
    #[serde(flatten)]
    pub image: Image,
    /// All its names.
    pub names: Vec<ImageName>,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
    /// The user that it runs as; empty is root.
    pub user: String,
    /// What it runs.
    pub command: Vec<String>,
    /// Ports that it says it listens on.
    pub ports: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// How far each aspect was looked at.
    pub aspects: Vec<AspectCoverage>,
    /// Where it runs.
    pub containers: Vec<Container>,
    /// In which registries it is.
    pub registries: Vec<ImagePlace>,
    /// Scans of it that were sent from CI, the newest first.
    pub sent: Vec<SentScan>,
}

/// A package in an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImagePackage {
    /// `deb`, `npm`, ...
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its package URL.
    pub purl: String,
    /// Index of the layer that brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Findings of it that are open.
    pub open: u64,
}

/// An image that has a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackagePlace {
    /// The image.
    pub image: String,
    /// Its name.
    pub image_name: String,
    /// The version that it has.
    pub version: String,
    /// Containers that run it.
    pub running: u64,
}

/// A package, wherever it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Package {
    /// `deb`, `npm`, ...
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its versions.
    pub versions: Vec<String>,
    /// Images that have it.
    pub images: u64,
    /// Where it is; only in the answer for one package.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<PackagePlace>,
}

/// An image in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TreeImage {
    /// Its id.
    pub id: String,
    /// Its names.
    pub names: Vec<String>,
    /// What is open in it.
    pub open: Counts,
    /// Containers that run it.
    pub running: u64,
}

/// A node of the tree: layers that the same images have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TreeNode {
    /// Its number, from 0.
    pub id: u32,
    /// The node that it is built on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// What it is called: a name of an image that ends here, or what images say their base is.
    pub name: String,
    /// The image is known by name: not only its layers.
    pub named: bool,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// It is somebody else's: it can be exchanged, not changed.
    pub external: bool,
    /// How many layers.
    pub layers: u32,
    /// What it brought that is open.
    pub own: Counts,
    /// What it has from below.
    pub inherited: Counts,
    /// Images that end here.
    pub images: Vec<TreeImage>,
    /// Images that are built on it, those that end here included.
    pub derived: u64,
    /// Number of the change of the plan that is made here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<u32>,
}

/// All images by what they are built on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageTree {
    /// When it was made: in a large estate the last one is shown while the next is made, for some minutes.
    pub as_of: Millis,
    /// Its nodes, parents before children.
    pub nodes: Vec<TreeNode>,
    /// What to change, the most useful first.
    pub changes: Vec<super::PlanChange>,
    /// What was not looked at, and so may be missing.
    pub gaps: Vec<String>,
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The node that it is on.
    pub node: String,
    /// Its workload.
    pub workload: String,
    /// The id of its image, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The name that it was started by.
    pub image_name: String,
    /// What runs it: `containerd`, `docker`, ...
    pub runtime: String,
    /// Its namespace in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// It has all privileges; absent if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// When it was seen first.
    pub started: Millis,
    /// When it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Millis>,
    /// What of it is not known.
    pub unknown: Vec<String>,
}

/// Containers that do the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Workload {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its namespace in Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Containers that run.
    pub running: u64,
    /// The nodes that they are on.
    pub nodes: Vec<String>,
    /// The names of the images that they run.
    pub images: Vec<String>,
    /// What is open in these.
    pub open: Counts,
    /// Its risk: the product of its factors, 1 where there are none.
    pub risk: f64,
    /// What it is made of, the largest first.
    pub factors: Vec<Factor>,
    /// Alerts in the last 24 hours.
    pub alerts: u64,
    /// Incidents that are open.
    pub incidents: u64,
    /// When it was seen first.
    pub first_seen: Millis,
    /// One of its images was not looked at wholly.
    pub coverage: CoverageState,
}

/// One part of a risk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Factor {
    /// Its name: `vulnerable`, `privileged`, `incident`, ...
    pub name: String,
    /// What it multiplies by.
    pub times: f64,
    /// Why: what shows it.
    pub evidence: Vec<String>,
}

/// A workload, with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadDetail {
    /// See there.
    #[serde(flatten)]
    pub workload: Workload,
    /// Its containers: those that run, and those that ended last.
    pub containers: Vec<Container>,
    /// Its worst findings.
    pub findings: Vec<Finding>,
    /// Its last alerts.
    pub recent: Vec<super::Alert>,
}

impl Counts {
    /// One more of a severity.
    pub fn add(&mut self, severity: Severity, many: u64) {
        *match severity {
            Severity::Critical => &mut self.critical,
            Severity::High => &mut self.high,
            Severity::Medium => &mut self.medium,
            Severity::Low | Severity::Info | Severity::Unknown => &mut self.low,
        } += many;
    }
}
