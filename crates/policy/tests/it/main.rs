//! The public surface of the crate, by the rules it promises.

mod criteria;
mod documents;
mod exceptions;
mod gates;
mod hostile;
mod project;
mod rules;
mod sample;
mod vex;
mod vex_written;

use gabion_policy::{Decision, Outcome, Policy, RuleOutcome, decide};

/// Reads a policy of one rule: its action is `fail`, its id `r`, the rest is given as flow YAML.
pub(crate) fn rule(rest: &str) -> Policy {
    let text = format!("version: 1\nrules:\n  - {{ id: r, action: fail, {rest} }}\n");
    Policy::parse("policy.yaml", &text).map_err(|error| format!("{error}\n{text}")).expect("a policy")
}

/// What a rule says of a report.
pub(crate) fn outcome(rest: &str, report: &gabion_model::ScanReport) -> RuleOutcome {
    let Decision { mut rules, .. } = decide(report, &rule(rest), None, sample::now());
    rules.pop().expect("one rule")
}

#[track_caller]
pub(crate) fn says(rest: &str, report: &gabion_model::ScanReport, expected: Outcome) -> RuleOutcome {
    let outcome = outcome(rest, report);
    assert_eq!(outcome.outcome, expected, "{rest}: {}", outcome.reason);
    outcome
}
