//! The first page, and the search over everything.

use super::{Counts, Millis, Progress};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One of the ten things to do first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FixFirst {
    /// What kind of thing: `incident`, `base-image`, or the kind of a finding.
    pub kind: String,
    /// What to do, in a line.
    pub title: String,
    /// Why it is among the first.
    pub why: Vec<String>,
    /// The page that tells more, in the console: `/incidents/n1-4`.
    pub link: String,
    /// What it clears.
    pub clears: Counts,
    /// Who is to do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Containers that run it.
    pub running: u64,
}

/// What was open at the end of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrendDay {
    /// The day: its beginning.
    pub day: Millis,
    /// What was open.
    pub open: Counts,
    /// Alerts on that day.
    pub alerts: u64,
    /// Findings that were verified on that day.
    pub verified: u64,
}

/// Something that we cannot see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Blind {
    /// What, in a line.
    pub what: String,
    /// How many.
    pub count: u64,
    /// What to do about it.
    pub fix: String,
    /// The page that tells more.
    pub link: String,
}

/// The first page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// What to do first, at most ten.
    pub first: Vec<FixFirst>,
    /// The last 30 days, the oldest first.
    pub trend: Vec<TrendDay>,
    /// What we cannot see.
    pub blind: Vec<Blind>,
    /// What is open and runs.
    pub open: Counts,
    /// Where all findings are in their life.
    pub progress: Progress,
    /// Nodes, of these connected.
    pub nodes: [u64; 2],
    /// Images, of these scanned, of these with full coverage.
    pub images: [u64; 3],
    /// Containers that run, of these with a known and scanned image.
    pub containers: [u64; 2],
    /// Workloads that run.
    pub workloads: u64,
    /// Incidents that are open.
    pub incidents: u64,
    /// Alerts of the last 24 hours.
    pub alerts: u64,
    /// How old the database of vulnerabilities is; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Millis>,
    /// Whether that is only what came with the program, and so far from all.
    pub starter_database: bool,
}

/// Something that a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hit {
    /// `image`, `workload`, `vulnerability`, `package`, `node`, `incident`, `rule`.
    pub kind: String,
    /// What it is called.
    pub title: String,
    /// A word more.
    pub detail: String,
    /// Its page.
    pub link: String,
}

/// What a search over everything found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hits {
    /// The best of each kind.
    pub hits: Vec<Hit>,
    /// When it was asked.
    pub time: Millis,
}
