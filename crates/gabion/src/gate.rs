//! The gates of `--fail-on`.

use crate::cli::Gate;
use gabion_model::{FindingKind, ScanReport, Severity, Status};
use gabion_report::GateResult;

/// What each gate says, in the user's order.
pub(crate) fn results(gates: &[Gate], report: &ScanReport) -> Vec<GateResult> {
    gates
        .iter()
        .map(|gate| {
            let failure = check(*gate, report);
            let passed = failure.is_none();
            GateResult { gate: gate.to_string(), passed, detail: failure.unwrap_or_default() }
        })
        .collect()
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
                0 => Some("secrets were not looked for".into()),
                n => Some(format!("{n} found")),
            }
        }
        Gate::Cis(least) => {
            let kind = FindingKind::Misconfiguration;
            let n = report.findings.iter().filter(|f| f.kind == kind && f.severity >= least).count();
            (n > 0).then(|| format!("{n} found"))
        }
        Gate::Coverage => {
            // What was switched off, or has no data yet, was not asked for.
            let gaps: Vec<_> = report
                .coverage
                .iter()
                .filter(|(_, s)| !matches!(s, Status::Full { .. } | Status::NotEvaluated { .. }))
                .map(|(aspect, status)| format!("{aspect} is {}", status.word()))
                .collect();
            (!gaps.is_empty()).then(|| gaps.join(", "))
        }
    }
}
