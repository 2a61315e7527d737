//! Which few changes clear most of what is open in many images: the image forest, the fix plan and its simulation.
//! Pure: scan reports in, a [`Plan`] out; no file, no clock, no network.
//!
//! ```text
//!   [ScanReport] ─► image     each image once, its names, owner, base labels
//!                ─► trie      shared diffIDs ─► a forest; a node = layers without a branch in between
//!                ─► lineage   nodes get names, owners, and whether they are ours; what is said of bases is confirmed or not
//!                ─► place     each finding ─► the nodes that brought it, and what could put it right there
//!                ─► optimum   nodes, weights, a budget ─► the best changes, exactly
//!                ─► plan      changes with their history lines, what to rebuild in which order, what stays and why
//!                             ├─► table   a person at a terminal          ├─► svg   the forest with the changes
//!                             ├─► ticket  Markdown for each owner         └─► serde schema/plan-1.schema.json
//! ```
//!
//! Three rules:
//!
//! - **The same images give the same plan**, in whatever order they come.
//! - **What was not looked at is told.** "Nothing to fix" is said only if every scan covered everything.
//! - **Strings come from attackers.** A [`Plan`] holds them as they are; every output makes them safe for its form.

#![forbid(unsafe_code)]

mod image;
mod lineage;
pub mod optimum;
mod place;
mod plan;
mod simulate;
mod svg;
mod table;
mod ticket;
mod trie;
mod words;

pub use lineage::{BaseStanding, NamedBy};
pub use place::StayReason;
pub use plan::{
    Action, BaseClaim, Change, Gap, ImageSummary, Line, Node, NodeLayer, Other, Plan, SCHEMA_VERSION, Stay,
    Tally, Totals, Update,
};
pub use simulate::{Assumption, Effect, Outcome, Reevaluate, Simulation};
pub use svg::svg;
pub use table::{simulation_table, table};
pub use ticket::{Ticket, tickets};

use gabion_model::{Finding, FindingKind, ScanReport, Severity};
use std::{cmp::Ordering, collections::BTreeMap};

/// An image as a rule sees it.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// One of its names.
    pub name: &'a str,
    /// Its labels; empty for a base that is known by name only.
    pub labels: &'a BTreeMap<String, String>,
}

/// Compares two versions by a named order (`dpkg`, see [`gabion_model::Match::comparator`]); none if it cannot.
pub type Compare<'a> = &'a dyn Fn(&str, &str, &str) -> Option<Ordering>;

/// What the caller knows and this crate does not.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// Who answers for an image, if anybody does.
    pub owner: &'a dyn Fn(&Claim<'_>) -> Option<String>,
    /// Whether an image is not ours to change.
    pub external: &'a dyn Fn(&Claim<'_>) -> bool,
    /// The order of versions.
    pub compare: Compare<'a>,
}

impl Default for Rules<'_> {
    /// Nobody owns anything, all is ours, and no versions can be compared.
    fn default() -> Self {
        Self { owner: &|_| None, external: &|_| false, compare: &|_, _, _| None }
    }
}

/// What to plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// At most so many changes; without, as many as clear everything that can be cleared.
    pub max_changes: Option<usize>,
    /// Only findings that matter at least so much.
    pub least: Severity,
    /// Only findings of these kinds.
    pub kinds: Vec<FindingKind>,
}

impl Default for Options {
    /// Everything that a new image can put right.
    fn default() -> Self {
        let kinds = vec![FindingKind::Vulnerability, FindingKind::Secret, FindingKind::Misconfiguration];
        Self { max_changes: None, least: Severity::Unknown, kinds }
    }
}

impl Options {
    /// Whether a finding is asked for.
    fn want(&self, finding: &Finding) -> bool {
        finding.severity >= self.least && self.kinds.contains(&finding.kind)
    }
}

/// Plans.
pub fn plan(reports: &[&ScanReport], rules: &Rules<'_>, options: &Options) -> Plan {
    plan::build(reports, rules, options)
}

/// Plans as if a package had another version wherever it is, and as it is.
pub fn simulate(
    reports: &[&ScanReport],
    rules: &Rules<'_>,
    options: &Options,
    assumption: &Assumption<'_>,
) -> Simulation {
    simulate::run(reports, rules, options, assumption)
}
