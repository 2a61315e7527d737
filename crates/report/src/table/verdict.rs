//! The first lines: what was found, what was not looked at, what the gates said.

use super::page::{self, Page, style};
use crate::{Options, text};
use anstyle::Style;
use gabion_model::{Aspect, FindingKind, ScanReport, Severity, Status};
use std::io;

pub(super) fn write(page: &mut Page<'_>, report: &ScanReport, options: &Options<'_>) -> io::Result<()> {
    let unseen = unseen(report);
    if report.findings.is_empty() {
        if unseen.is_empty() {
            page.line(&[(style::GOOD, "no problems found, and everything was looked at")])?;
        } else {
            page.line(&[(style::WARNING, "no findings in what was looked at, which was not everything")])?;
        }
    } else {
        page.line(&counts(report).iter().map(|(s, t)| (*s, t.as_str())).collect::<Vec<_>>())?;
    }
    if unseen.is_empty() {
        page.line(&[(style::PLAIN, "coverage full")])?;
    } else {
        let lead = [(style::WARNING, "coverage partial: ")];
        page.block(&lead, style::PLAIN, &unseen.join("; "))?;
    }
    for gate in options.gates {
        let (style, word) =
            if gate.passed { (style::GOOD, "gate passed: ") } else { (style::BAD, "gate failed: ") };
        page.block(
            &[(style, word)],
            style::PLAIN,
            &if gate.detail.is_empty() {
                gate.gate.clone()
            } else {
                format!("{} ({})", gate.gate, gate.detail)
            },
        )?;
    }
    Ok(())
}

/// `2 critical, 1 low (2 secrets, 1 misconfiguration)`.
fn counts(report: &ScanReport) -> Vec<(Style, String)> {
    let mut pieces = Vec::new();
    for severity in Severity::WORST_FIRST {
        let n = report.findings.iter().filter(|f| f.severity == severity).count() as u64;
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
            let n = report.findings.iter().filter(|f| f.kind == kind).count() as u64;
            (n > 0).then(|| text::count(n, kind.as_str()))
        })
        .collect();
    pieces.push((style::DIM, format!(" ({})", kinds.join(", "))));
    pieces
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
