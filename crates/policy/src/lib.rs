//! What is allowed: policies, quick gates, exceptions, VEX. Pure: no file, no clock, no network; the same report gives
//! the same verdict in CI, at admission and on a node.
//!
//! ```text
//!   exceptions.yaml ──► exception::apply ─┐
//!   VEX documents ────► vex::apply ───────┤ sets `suppressed` of findings
//!                                         ▼
//!   policy.yaml ──► Policy ──► decide(ScanReport) ──► Decision: each rule with its reason
//!   --fail-on ────► Gate ────► check(ScanReport) ───► passed or not, and why
//! ```
//!
//! Three rules hold everywhere:
//!
//! - **What was not looked at is never a pass.** A rule says what aspects it rests on; if one is not full, it cannot
//!   tell, and that stops unless the rule allows it.
//! - **Documents are hostile.** Size, depth, number and cost are limited; unknown keys are refused with the place.
//! - **Suppressed is not gone.** What does not count is counted, with who answers for it, until its last day.

#![forbid(unsafe_code)]

mod config;
mod criteria;
mod decide;
mod decision;
mod error;
mod evidence;
mod exception;
mod expression;
mod filter;
mod gate;
mod owners;
mod pattern;
mod policy;
mod subject;
mod vex;
mod yaml;

pub use config::{PROJECT_FILE, ProjectConfig};
pub use criteria::{FindingCriteria, ImageCriteria, PackageCriteria};
pub use decide::{decide, decide_at};
pub use decision::{Decision, Outcome, RuleOutcome};
pub use error::{DocumentError, Place};
pub use exception::{Exception, ExceptionScope, PackageScope, apply, is_suppressed};
pub use expression::Expression;
pub use filter::{Filter, Severities};
pub use gate::{GATES, Gate, GateOutcome, UnknownGate};
pub use owners::Owners;
pub use pattern::Pattern;
pub use policy::{Action, DEFAULT_POLICY, Policy, Rule, Scope, Stage, Trigger};
pub use subject::{image_names, names_of};
pub use vex::{Product, Statement, VexApplied, VexDocument, VexStatus, apply_vex, to_openvex};
pub use yaml::parse as read_yaml;
