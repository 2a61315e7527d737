//! The gates of `--fail-on`.

use crate::cli::Gate;
use gabion_model::{FindingKind, ScanReport, Severity, Status};

/// What failed, one sentence each; empty if all gates pass.
pub(crate) fn failed(gates: &[Gate], report: &ScanReport) -> Vec<String> {
    gates.iter().filter_map(|gate| check(*gate, report)).collect()
}

fn check(gate: Gate, report: &ScanReport) -> Option<String> {
    match gate {
        Gate::Secret => {
            let found = report
                .findings
                .iter()
                .filter(|f| f.kind == FindingKind::Secret && f.severity > Severity::Info);
            // Secrets that were not looked for are not absent.
            let looked = report
                .coverage
                .get(&gabion_model::Aspect::SECRETS)
                .is_some_and(|s| matches!(s, Status::Full { .. } | Status::Partial { .. }));
            match found.count() {
                0 if looked => None,
                0 => Some("secret: secrets were not looked for".into()),
                n => Some(format!("secret: {n} found")),
            }
        }
        Gate::Cis(least) => {
            let kind = FindingKind::Misconfiguration;
            let n = report
                .findings
                .iter()
                .filter(|f| f.kind == kind && f.severity >= least)
                .count();
            (n > 0).then(|| format!("cis-{least}: {n} found"))
        }
        Gate::Coverage => {
            // What was switched off, or has no data yet, was not asked for.
            let gaps: Vec<_> = report
                .coverage
                .iter()
                .filter(|(_, s)| !matches!(s, Status::Full { .. } | Status::NotEvaluated { .. }))
                .map(|(aspect, status)| format!("{aspect} is {}", status.word()))
                .collect();
            (!gaps.is_empty()).then(|| format!("coverage: {}", gaps.join(", ")))
        }
    }
}
