//! The first lines: what was found, what was not looked at, what the gates said.

use super::page::{self, Page, style};
use crate::{GateResult, Options, text, upgrade};
use anstyle::Style;
use gabion_model::{Aspect, Finding, FindingKind, ScanReport, Severity, Status};
use std::io;

/// Gates that passed and have a line each, without `all`.
const PASSED: usize = 3;

pub(super) fn write(page: &mut Page<'_>, report: &ScanReport, options: &Options<'_>) -> io::Result<()> {
    let unseen = unseen(report);
    let excepted = report.findings.iter().filter(|f| f.suppressed.is_some()).count() as u64;
    if report.findings.len() as u64 > excepted {
        let (severities, kinds) = counts(report);
        let mut pieces: Vec<(Style, &str)> = severities.iter().map(|(s, t)| (*s, t.as_str())).collect();
        let used = pieces.iter().map(|(_, piece)| text::width(piece)).sum::<usize>() + text::width(&kinds);
        if used < page.width() {
            pieces.extend([(style::PLAIN, " "), (style::DIM, kinds.as_str())]);
            page.line(&pieces)?;
        } else {
            page.line(&pieces)?;
            page.block(&[], style::DIM, &kinds)?;
        }
    } else {
        let style = match (excepted, unseen.is_empty()) {
            (0, true) => style::GOOD,
            (_, true) => style::PLAIN,
            (_, false) => style::WARNING,
        };
        let words = text::nothing(excepted, unseen.is_empty());
        page.block(&[], style, words)?;
    }
    let mut more = Vec::from_iter(upgrade::summary(&upgrade::vulnerabilities(report)));
    if excepted > 0 {
        let shown = if options.all { "" } else { " (shown with --all)" };
        more.push(format!("{} excepted{shown}", text::thousands(excepted)));
    }
    if !more.is_empty() {
        page.block(&[], style::PLAIN, &more.join("; "))?;
    }
    if unseen.is_empty() {
        page.line(&[(style::PLAIN, "coverage full")])?;
    } else {
        let lead = [(style::WARNING, "coverage partial: ")];
        page.block(&lead, style::PLAIN, &unseen.join("; "))?;
    }
    gates(page, options)
}

/// What failed first, then what passed; many that passed share a line.
fn gates(page: &mut Page<'_>, options: &Options<'_>) -> io::Result<()> {
    let (passed, failed): (Vec<&GateResult>, Vec<&GateResult>) =
        options.gates.iter().partition(|gate| gate.passed);
    for gate in failed {
        page.block(&[(style::BAD, "gate failed: ")], style::PLAIN, &told(gate))?;
    }
    // What passed with a word to it has its line: a rule that warns, findings that were left out.
    let (plain, told_of): (Vec<&GateResult>, Vec<&GateResult>) =
        passed.iter().partition(|gate| gate.detail.is_empty());
    if plain.len() > PASSED && !options.all {
        for gate in told_of {
            page.block(&[(style::GOOD, "gate passed: ")], style::PLAIN, &told(gate))?;
        }
        let passed = plain;
        let names: Vec<&str> = passed.iter().map(|gate| gate.gate.as_str()).collect();
        let lead = format!("{} gates passed: ", names.len());
        return page.block(&[(style::GOOD, &lead)], style::PLAIN, &names.join(", "));
    }
    for gate in passed {
        page.block(&[(style::GOOD, "gate passed: ")], style::PLAIN, &told(gate))?;
    }
    Ok(())
}

fn told(gate: &GateResult) -> String {
    if gate.detail.is_empty() { gate.gate.clone() } else { format!("{} ({})", gate.gate, gate.detail) }
}

/// `2 critical, 1 low` and `(2 secrets, 1 misconfiguration)`.
fn counts(report: &ScanReport) -> (Vec<(Style, String)>, String) {
    let counts = |f: &&Finding| f.suppressed.is_none();
    let mut pieces = Vec::new();
    for severity in Severity::WORST_FIRST {
        let n = report.findings.iter().filter(|f| counts(f) && f.severity == severity).count() as u64;
        if n > 0 {
            if !pieces.is_empty() {
                pieces.push((style::PLAIN, ", ".to_owned()));
            }
            pieces.push((page::of(severity), format!("{} {severity}", text::thousands(n))));
        }
    }
    let kinds: Vec<String> = KINDS
        .into_iter()
        .filter_map(|kind| {
            let n = report.findings.iter().filter(|f| counts(f) && f.kind == kind).count() as u64;
            (n > 0).then(|| text::count(n, kind.as_str()))
        })
        .collect();
    (pieces, format!("({})", kinds.join(", ")))
}

/// Kinds of findings in the order in which they are shown.
pub(super) const KINDS: [FindingKind; 4] =
    [FindingKind::Vulnerability, FindingKind::Secret, FindingKind::Misconfiguration, FindingKind::Behaviour];

/// The aspects that are not fully covered, worst things first to read: `vulnerabilities not evaluated (no
/// database)`. A report that does not even mention vulnerabilities has not evaluated them.
pub(super) fn unseen(report: &ScanReport) -> Vec<String> {
    let coverage = &report.coverage;
    // Aspects that share a reason are told together.
    let mut gaps: Vec<(String, Vec<&Aspect>)> = Vec::new();
    for (aspect, status) in coverage.iter().filter(|(_, status)| !status.is_full()) {
        let why = match status {
            Status::Partial { reasons, .. } => match &reasons[..] {
                [only] => format!("partial ({})", only.text),
                [first, rest @ ..] => {
                    let rest = text::count(rest.len() as u64, "more reason");
                    format!("partial ({}, and {rest})", first.text)
                }
                [] => "partial".to_owned(),
            },
            status => format!("{} ({})", status.word(), status.reasons().join("; ")),
        };
        match gaps.iter_mut().find(|(other, _)| *other == why) {
            Some((_, aspects)) => aspects.push(aspect),
            None => gaps.push((why, vec![aspect])),
        }
    }
    let mut unseen: Vec<String> = gaps
        .into_iter()
        .map(|(why, aspects)| {
            let names: Vec<&str> = aspects.into_iter().map(Aspect::as_str).collect();
            format!("{} {why}", names.join(", "))
        })
        .collect();
    if coverage.get(&Aspect::VULNERABILITIES).is_none() {
        unseen.push(format!("{} not evaluated", Aspect::VULNERABILITIES));
    }
    unseen
}
