//! What is wrong with what is there, and what becomes of it.
//!
//! A finding belongs to an image by its name without tag, not to one digest: a new digest of `shop/web` does not make its findings new
//! ones, it is what may end them.
//!
//! ```text
//!   open ──► planned ──► fixed ──► rolling-out ──► verified        by what runs, never because somebody says so
//!    ▲ a new digest that has it not is known ┘    │     │
//!    └──────────────── reopened ◄─────────────────┴─────┘           a container runs that has it again
//! ```

use super::{Counts, Millis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nobody has rated it.
    Unknown,
    /// Worth knowing, nothing to do.
    Info,
    /// Fix it when you pass by.
    Low,
    /// Plan it.
    Medium,
    /// Fix it soon.
    High,
    /// Fix it now.
    Critical,
}

/// What kind of finding it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FindingKind {
    /// An advisory matches a package.
    Vulnerability,
    /// A credential lies in the image.
    Secret,
    /// The image departs from a benchmark.
    Misconfiguration,
    /// A workload did what it should not.
    Behaviour,
}

/// Where a finding is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nobody has done anything yet.
    Open,
    /// Somebody has said that it will be mended, and until when.
    Planned,
    /// An image without it is there under the same name; nothing runs it.
    Fixed,
    /// Some containers run an image without it, others one that has it.
    RollingOut,
    /// All that runs is without it.
    Verified,
    /// It had been gone, and runs again.
    Reopened,
    /// Nothing runs that has it or has had it.
    NotRunning,
    /// No image has it any more: the database, or the scanner, does not say so any longer. Nobody has mended anything.
    Withdrawn,
}

/// How far a fix has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rollout {
    /// Containers that run an image without it.
    pub fixed: u64,
    /// Containers of that name that run.
    pub running: u64,
}

/// Something to triage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Its id.
    pub id: String,
    /// What kind.
    pub kind: FindingKind,
    /// The rule: `CVE-2024-3094`, `aws-access-key-id`, `CIS-DI-4.1`.
    pub rule: String,
    /// What it is, in a line.
    pub title: String,
    /// How much it matters.
    pub severity: Severity,
    /// How urgent it is, from 0 to 100.
    pub priority: u8,
    /// The name of the image without tag.
    pub repository: String,
    /// The newest image of that name that has it.
    pub image: String,
    /// The packages that are affected, or where it is: `openssl 3.0.11-1`, `/app/.env`.
    pub place: String,
    /// The version that mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    /// It is known to be exploited.
    pub exploited: bool,
    /// What it is in was seen to be executed or mapped by what runs; false says nothing.
    pub loaded: bool,
    /// How likely it is to be exploited within 30 days, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<f64>,
    /// Where it is in its life.
    pub state: State,
    /// How far its fix has got.
    pub rollout: Rollout,
    /// When it was seen first.
    pub first_seen: Millis,
    /// Since when it is in its state.
    pub since: Millis,
    /// Until when it is to be mended: by a plan, else by the rules of its owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Why it does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception: Option<ExceptionKind>,
}

/// One step in the life of a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateChange {
    /// When.
    pub time: Millis,
    /// What it became.
    pub state: State,
    /// Why: who said so, or what was seen.
    pub why: String,
}

/// An image that has a finding, or had it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AffectedImage {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// It has it.
    pub affected: bool,
    /// Containers that run it.
    pub running: u64,
    /// When it was seen first.
    pub first_seen: Millis,
}

/// What somebody has planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Planned {
    /// Who.
    pub by: String,
    /// When.
    pub time: Millis,
    /// Until when it is to be mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
    /// What they say.
    pub note: String,
}

/// A finding with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FindingDetail {
    /// See there.
    #[serde(flatten)]
    pub finding: Finding,
    /// What to do about it.
    pub fix: String,
    /// The whole finding as `gabion scan --format json` has it: evidence, matches, factors of the priority.
    pub report: serde_json::Value,
    /// Who was seen to load what it is in.
    pub loaded_by: Vec<LoadedBy>,
    /// Images of that name, the newest first.
    pub images: Vec<AffectedImage>,
    /// Its life, the newest first.
    pub history: Vec<StateChange>,
    /// What is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<Planned>,
    /// The exception that it is suppressed by, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_by: Option<Exception>,
}

/// A workload was seen to execute or map a file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoadedBy {
    /// The workload.
    pub workload: String,
    /// The file: one of them.
    pub path: String,
}

/// A vulnerability, wherever it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Advisory {
    /// `CVE-2024-3094`.
    pub rule: String,
    /// What it is, in a line.
    pub title: String,
    /// The worst that anybody says.
    pub severity: Severity,
    /// The highest priority that it has anywhere.
    pub priority: u8,
    /// It is known to be exploited.
    pub exploited: bool,
    /// How likely it is to be exploited within 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epss: Option<f64>,
    /// There is a version that mends it.
    pub fixable: bool,
    /// Images by name that have it.
    pub repositories: u64,
    /// Containers that run it.
    pub running: u64,
    /// When it was seen first.
    pub first_seen: Millis,
}

/// A vulnerability with all places.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdvisoryDetail {
    /// See there.
    #[serde(flatten)]
    pub advisory: Advisory,
    /// Findings of it.
    pub findings: Vec<Finding>,
    /// Workloads that run it.
    pub workloads: Vec<String>,
}

/// Why something does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionKind {
    /// It is mended later.
    Deferral,
    /// It is lived with.
    RiskAcceptance,
    /// It is not true.
    FalsePositive,
}

impl ExceptionKind {
    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deferral => "deferral",
            Self::RiskAcceptance => "risk-acceptance",
            Self::FalsePositive => "false-positive",
        }
    }
}

/// Somebody answers for something that does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exception {
    /// Its id.
    pub id: String,
    /// Why it does not count.
    pub kind: ExceptionKind,
    /// The rule that it is for.
    pub rule: String,
    /// Images by name; a pattern such as `shop/*`. Absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Until when; then the findings count again.
    pub expires: Millis,
    /// Who made it.
    pub by: String,
    /// When.
    pub created: Millis,
    /// It has not expired.
    pub in_force: bool,
    /// Findings that it suppresses.
    pub findings: u64,
}

/// An exception to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewException {
    /// Why it does not count.
    pub kind: ExceptionKind,
    /// The rule that it is for.
    pub rule: String,
    /// Images by name; absent: all.
    #[serde(default)]
    pub repository: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub expires: Millis,
    /// Only tell what it would suppress.
    #[serde(default)]
    pub dry_run: bool,
}

/// What is planned for findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlan {
    /// The findings.
    pub findings: Vec<String>,
    /// Until when they are to be mended.
    #[serde(default)]
    pub due: Option<Millis>,
    /// A word about it.
    #[serde(default)]
    pub note: String,
}

/// One change of the plan: a base to rebuild, a line to change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlanChange {
    /// Its number, from 1.
    pub id: u32,
    /// Where: a node of the tree.
    pub node: u32,
    /// What that is called.
    pub name: String,
    /// Who makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What to do, in a line.
    pub action: String,
    /// Packages and the versions that they need: `openssl 3.0.11 -> 3.0.15`.
    pub updates: Vec<String>,
    /// What it clears.
    pub clears: Counts,
    /// Images that must be built again after it.
    pub rebuild: Vec<String>,
    /// Containers that run these.
    pub running: u64,
}

/// What has been brought nearer to its end lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Open ones, of all kinds.
    pub open: u64,
    /// Planned ones.
    pub planned: u64,
    /// Those whose fix waits for being run.
    pub fixed: u64,
    /// Those whose fix is being rolled out.
    pub rolling_out: u64,
    /// Those that were verified in the last 30 days.
    pub verified: u64,
    /// Those that are suppressed.
    pub suppressed: u64,
    /// Those past their day.
    pub overdue: u64,
}
