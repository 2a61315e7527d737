//! What was, and what was not, looked at: the gaps have a line each, what is covered in full shares one.

use super::page::{Page, pad, style};
use crate::text;
use gabion_model::{Aspect, Reason, ScanReport, Status};
use std::io;

/// Reasons shown for an aspect without `all`.
const REASONS: usize = 3;
/// Columns of the status: the longest is `not evaluated`.
const STATUS: usize = 15;

/// Writes the section; true if anything was left out.
pub(super) fn write(page: &mut Page<'_>, report: &ScanReport, all: bool) -> io::Result<bool> {
    const VULNERABILITIES: &Aspect = &Aspect::VULNERABILITIES;
    let unrecorded = Status::NotEvaluated { reason: "not recorded in the report".to_owned() };
    let mut rows: Vec<(&Aspect, &Status)> = report.coverage.iter().collect();
    if report.coverage.get(VULNERABILITIES).is_none() {
        rows.push((VULNERABILITIES, &unrecorded));
    }
    let widest = rows.iter().map(|(aspect, _)| text::width(&text::safe(aspect.as_str()))).max();
    let column = widest.unwrap_or(0).min(30) + 2;

    page.heading("COVERAGE", "")?;
    let mut cut = false;
    let (plain, rows): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(_, status)| !all && status.is_full() && status.skipped().is_empty());
    for (aspect, status) in rows {
        let style = match status {
            Status::Full { .. } => style::GOOD,
            Status::Failed { .. } => style::BAD,
            _ => style::WARNING,
        };
        let name = pad(aspect.as_str(), column);
        let word = pad(status.word(), STATUS);
        let (lines, hidden) = explain(status, all);
        cut |= hidden;
        let indent = " ".repeat(text::width(&name) + STATUS);
        for (i, line) in lines.iter().enumerate() {
            if i == 0 {
                let lead = [(style::PLAIN, "  "), (style::PLAIN, &*name), (style, &*word)];
                page.block(&lead, style::PLAIN, line)?;
            } else {
                page.block(&[(style::PLAIN, "  "), (style::PLAIN, &*indent)], style::PLAIN, line)?;
            }
        }
    }
    if !plain.is_empty() {
        let names: Vec<&str> = plain.iter().map(|(aspect, _)| aspect.as_str()).collect();
        let lead = [(style::PLAIN, "  "), (style::GOOD, &*pad("full", column))];
        page.block(&lead, style::PLAIN, &names.join(", "))?;
    }
    Ok(cut)
}

/// The lines beside a status, at least one, and whether any were left out.
fn explain(status: &Status, all: bool) -> (Vec<String>, bool) {
    let reasons = status.reasons();
    let shown = if all { reasons.len() } else { reasons.len().min(REASONS) };
    let mut lines: Vec<String> = reasons.iter().take(shown).map(ToString::to_string).collect();
    if let more @ 1.. = reasons.len() - shown {
        lines.push(format!("and {}", text::count(more as u64, "more reason")));
    }
    let skipped = status.skipped();
    if all {
        lines.extend(skipped.iter().map(|reason| format!("left out by design: {reason}")));
    } else if let [Reason { text, count, .. }] = skipped {
        lines.push(format!("left out by design: {text} ({})", text::thousands(*count)));
    } else if !skipped.is_empty() {
        let n = skipped.iter().fold(0, |sum: u64, Reason { count, .. }| sum.saturating_add(*count));
        lines.push(format!(
            "{} left out by design, for {}",
            text::thousands(n),
            text::count(skipped.len() as u64, "reason")
        ));
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    (lines, !all && (shown < reasons.len() || !skipped.is_empty()))
}
