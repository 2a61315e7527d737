//! A week of an owner: what changed, what is open and how old, what to do first, and what could not be looked at.

use super::{Counts, Exception, Finding, Incident, Millis, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What happened to findings in a week.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Happened {
    /// How many.
    pub count: u64,
    /// The most urgent of them.
    pub findings: Vec<Finding>,
}

/// What changed in a week. A finding that did several things is in several of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// Seen for the first time, and not suppressed.
    pub new: Happened,
    /// An image without it is there.
    pub fixed: Happened,
    /// All that runs is without it.
    pub verified: Happened,
    /// It runs again.
    pub reopened: Happened,
}

/// What was to be done at a time. Severities and exceptions are those of today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrendWeek {
    /// The end of the week.
    pub end: Millis,
    /// What was open; absent: the hub knew nothing yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Counts>,
}

/// How old what is open is beside its deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ageing {
    /// How severe.
    pub severity: Severity,
    /// Past their day.
    pub overdue: u64,
    /// To be mended within seven days.
    pub soon: u64,
    /// Later.
    pub later: u64,
    /// Without a day.
    pub undated: u64,
    /// When the oldest was seen first.
    pub oldest: Millis,
}

/// Alerts by a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleAlerts {
    /// The rule.
    pub rule: String,
    /// How many.
    pub alerts: u64,
}

/// An image that was not wholly looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unseen {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Why its scan failed; absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Whether it was scanned, in part.
    pub scanned: bool,
    /// Containers that run it.
    pub running: u64,
}

/// A week of an owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Weekly {
    /// Whose; absent: of all that whoever asks may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When the week began.
    pub from: Millis,
    /// When it ended: when it was asked for.
    pub to: Millis,
    /// What changed.
    pub changes: Changes,
    /// The last weeks, the oldest first; the last one is now.
    pub trend: Vec<TrendWeek>,
    /// What is open, by severity; the worst first. Severities of which nothing is open are left out.
    pub ageing: Vec<Ageing>,
    /// What does not count, by exceptions.
    pub suppressed: u64,
    /// Exceptions that end within 30 days, the first to end first.
    pub exceptions: Vec<Exception>,
    /// The most urgent things to mend, at most ten.
    pub first: Vec<Finding>,
    /// Incidents to which something was added in the week, or that are open; the worst first, at most 20.
    pub incidents: Vec<Incident>,
    /// How many incidents those are.
    pub incident_count: u64,
    /// Alerts of the week that were not suppressed.
    pub alerts: u64,
    /// By the rules that raised the most.
    pub alert_rules: Vec<RuleAlerts>,
    /// Images that run, of these scanned, of these with full coverage.
    pub images: [u64; 3],
    /// Containers that run, of these with a known and scanned image.
    pub containers: [u64; 2],
    /// Images that run and were not wholly looked at, those that run most first, at most 20.
    pub unseen: Vec<Unseen>,
    /// Nodes, of these connected; absent for whoever sees only a part, as nodes are everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<[u64; 2]>,
    /// How old the database of vulnerabilities is; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Millis>,
    /// Whether that is only what came with the program, and so far from all.
    pub starter_database: bool,
}
