//! What does not count, and who says so: with `all` one block for each finding, otherwise the verdict's count is enough.
//! Exceptions that someone must look at are always shown.

use super::{
    findings::{INDENT, SEVERITY},
    page::{self, Page, pad, style},
};
use crate::{known, text};
use gabion_model::{Finding, ScanReport, Standing, Suppression};
use std::io;

/// Writes the section; true if anything was left out.
pub(super) fn write(page: &mut Page<'_>, report: &ScanReport, all: bool) -> io::Result<bool> {
    let excepted: Vec<(&Finding, &Suppression)> =
        report.findings.iter().filter_map(|f| Some((f, f.suppressed.as_ref()?))).collect();
    if excepted.is_empty() || !all {
        return Ok(!excepted.is_empty());
    }
    page.heading("EXCEPTED", &text::thousands(excepted.len() as u64))?;
    for (finding, suppression) in excepted {
        page.blank()?;
        let severity = pad(finding.severity.as_str(), SEVERITY);
        let lead = [(style::PLAIN, "  "), (page::of(finding.severity), &*severity)];
        page.block(&lead, style::BOLD, &format!("{}: {}", finding.rule, finding.title))?;
        for evidence in &finding.evidence {
            page.block(&[(style::PLAIN, INDENT)], style::PLAIN, &text::evidence(evidence))?;
        }
        page.block(&[(style::PLAIN, INDENT)], style::WARNING, &known::excepted(suppression))?;
        page.line(&[(style::PLAIN, INDENT), (style::DIM, &finding.id)])?;
    }
    Ok(false)
}

/// Exceptions that are shown without `all`.
const SHOWN: usize = 10;

/// Writes the exceptions that someone must look at; true if any was left out.
pub(super) fn standings(page: &mut Page<'_>, report: &ScanReport, all: bool) -> io::Result<bool> {
    let told = known::exceptions_to_look_at(report);
    if told.is_empty() {
        return Ok(false);
    }
    page.heading("EXCEPTIONS", "to look at")?;
    let most = if all { told.len() } else { SHOWN };
    for exception in told.iter().take(most) {
        let style = if exception.standing == Standing::Unused { style::PLAIN } else { style::WARNING };
        page.block(&[(style::PLAIN, "  ")], style, &text::exception(exception))?;
    }
    if told.len() > most {
        let more = format!("and {} more", text::thousands((told.len() - most) as u64));
        page.block(&[(style::PLAIN, "  ")], style::DIM, &more)?;
    }
    Ok(told.len() > most)
}
