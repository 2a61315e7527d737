//! What does not count, and who says so: with `all` one block for each finding, otherwise the verdict's count is enough.

use super::{
    findings::{INDENT, SEVERITY},
    page::{self, Page, pad, style},
};
use crate::{known, text};
use gabion_model::{Finding, ScanReport, Suppression};
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
