//! The findings, worst first: all secrets and serious misconfigurations of a usual image, the rest on request.

use super::{
    page::{self, Page, pad, style},
    verdict::KINDS,
};
use crate::{subject, text};
use gabion_model::{Evidence, Finding, FindingKind, PackageRef, ScanReport, Severity};
use std::{collections::BTreeMap, io};

/// Without `all`: serious groups of a kind that are shown at most, groups that are shown at least if there
/// are so many, and pieces of evidence in each.
const MOST: usize = 12;
const LEAST: usize = 5;
const EVIDENCE: usize = 3;

/// Columns before the rule.
const SEVERITY: usize = 10;
/// Columns before everything below it.
const INDENT: &str = "            ";

/// Findings that are shown as one: secrets of one rule in one file; otherwise each its own.
struct Group<'a> {
    first: &'a Finding,
    ids: Vec<&'a str>,
    evidence: Vec<&'a Evidence>,
}

/// Writes a section for each kind; true if anything was left out.
pub(super) fn write(page: &mut Page<'_>, report: &ScanReport, all: bool) -> io::Result<bool> {
    let mut cut = false;
    for kind in KINDS {
        let findings: Vec<&Finding> = report.findings.iter().filter(|f| f.kind == kind).collect();
        if findings.is_empty() {
            continue;
        }
        let groups = group(&findings);
        let serious = groups
            .iter()
            .filter(|g| g.first.severity >= Severity::High)
            .count();
        let shown = match kind {
            _ if all => groups.len(),
            FindingKind::Secret => groups.len().min(MOST),
            _ => serious.clamp(LEAST, MOST).min(groups.len()),
        };
        let title = text::count(2, kind.as_str())[2..].to_uppercase();
        page.heading(&title, &text::thousands(findings.len() as u64))?;
        for group in groups.iter().take(shown) {
            cut |= write_group(page, report, group, all)?;
        }
        if let Some(rest @ [_, ..]) = groups.get(shown..) {
            cut = true;
            page.blank()?;
            page.line(&[(style::DIM, "  and "), (style::DIM, &rest_of(rest))])?;
        }
    }
    Ok(cut)
}

fn group<'a>(findings: &[&'a Finding]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut index: BTreeMap<(&str, &str, Severity), usize> = BTreeMap::new();
    for finding in findings {
        if finding.kind == FindingKind::Secret
            && let [only] = &finding.evidence[..]
        {
            let key = (finding.rule.as_str(), only.place.as_str(), finding.severity);
            if let Some(group) = index.get(&key).and_then(|&i| groups.get_mut(i)) {
                group.ids.push(&finding.id);
                group.evidence.push(only);
                continue;
            }
            index.insert(key, groups.len());
        }
        groups.push(Group {
            first: finding,
            ids: vec![&finding.id],
            evidence: finding.evidence.iter().collect(),
        });
    }
    groups
}

/// `7 more: 2 medium, 5 low`.
fn rest_of(groups: &[Group<'_>]) -> String {
    let counts: Vec<String> = Severity::WORST_FIRST
        .into_iter()
        .filter_map(|severity| {
            let n = groups.iter().filter(|g| g.first.severity == severity).count();
            (n > 0).then(|| format!("{} {severity}", text::thousands(n as u64)))
        })
        .collect();
    format!(
        "{} more: {}",
        text::thousands(groups.len() as u64),
        counts.join(", ")
    )
}

fn write_group(page: &mut Page<'_>, report: &ScanReport, group: &Group<'_>, all: bool) -> io::Result<bool> {
    let Finding {
        rule,
        title,
        severity,
        fix,
        ..
    } = group.first;
    page.blank()?;
    let lead = [
        (style::PLAIN, "  "),
        (page::of(*severity), &*pad(severity.as_str(), SEVERITY)),
    ];
    if INDENT.len() + text::width(&text::safe(title)) + 2 + text::width(&text::safe(rule)) <= page.width() {
        let [indent, word] = lead;
        page.line(&[
            indent,
            word,
            (style::BOLD, title),
            (style::PLAIN, "  "),
            (style::DIM, rule),
        ])?;
    } else {
        page.block(&lead, style::BOLD, title)?;
        page.line(&[(style::PLAIN, INDENT), (style::DIM, rule)])?;
    }

    let shown = if all {
        group.evidence.len()
    } else {
        group.evidence.len().min(EVIDENCE)
    };
    let mut origin = None;
    for evidence in group.evidence.iter().take(shown) {
        // The origin is written once for pieces of evidence in a row that share it.
        let this = Origin::of(evidence);
        if origin.as_ref().is_some_and(|before| *before != this) {
            write_origin(page, report, origin.take())?;
        }
        origin = Some(this);
        write_evidence(page, evidence)?;
    }
    write_origin(page, report, origin)?;
    if let more @ 1.. = group.evidence.len() - shown {
        let more = format!("and {}", text::count(more as u64, "more place"));
        page.line(&[(style::PLAIN, INDENT), (style::DIM, &more)])?;
    }
    if !fix.is_empty() {
        page.block(
            &[(style::PLAIN, INDENT), (style::GOOD, "fix: ")],
            style::PLAIN,
            fix,
        )?;
    }
    if all {
        page.block(&[(style::PLAIN, INDENT)], style::DIM, &group.ids.join(" "))?;
    }
    Ok(shown < group.evidence.len())
}

fn write_evidence(page: &mut Page<'_>, evidence: &Evidence) -> io::Result<()> {
    let place = text::place(evidence);
    let used = INDENT.len() + text::width(&place) + 2;
    let detail = text::safe(&evidence.detail);
    if used + text::width(&detail).min(30) > page.width() {
        // A long path has its line for itself.
        page.line(&[(style::PLAIN, INDENT), (style::PLAIN, &place)])?;
        if detail.is_empty() {
            return Ok(());
        }
        let detail = text::truncate(&detail, page.width() - INDENT.len() - 2);
        return page.line(&[
            (style::PLAIN, INDENT),
            (style::PLAIN, "  "),
            (style::DIM, &detail),
        ]);
    }
    let detail = text::truncate(&detail, page.width() - used);
    let gap = if detail.is_empty() { "" } else { "  " };
    page.line(&[
        (style::PLAIN, INDENT),
        (style::PLAIN, &place),
        (style::PLAIN, gap),
        (style::DIM, &detail),
    ])
}

/// Where a piece of evidence came from.
#[derive(PartialEq)]
struct Origin<'a> {
    layer: Option<u32>,
    package: Option<&'a PackageRef>,
    removed: bool,
}

impl<'a> Origin<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        Self {
            layer: evidence.layer,
            package: evidence.package.as_ref(),
            removed: evidence.removed,
        }
    }
}

fn write_origin(page: &mut Page<'_>, report: &ScanReport, origin: Option<Origin<'_>>) -> io::Result<()> {
    let Some(origin) = origin else { return Ok(()) };
    if let Some(layer) = subject::layer(report, origin.layer) {
        let name = format!("layer {}", layer.diff_id.short());
        let line = text::history(layer.created_by.as_deref().unwrap_or_default());
        let room = page.width().saturating_sub(INDENT.len() + name.len() + 2);
        let line = text::safe(&line);
        let line = text::truncate(&line, room);
        let gap = if line.is_empty() { "" } else { "  " };
        page.line(&[
            (style::PLAIN, INDENT),
            (style::DIM, &name),
            (style::DIM, gap),
            (style::DIM, &line),
        ])?;
    }
    if let Some(package) = origin.package {
        let shipped = format!(
            "shipped by {} {} {}",
            package.kind.as_str(),
            package.name,
            package.version
        );
        page.line(&[(style::PLAIN, INDENT), (style::DIM, &shipped)])?;
    }
    if origin.removed {
        let removed = "removed by a later layer, but still in the image";
        page.line(&[(style::PLAIN, INDENT), (style::WARNING, removed)])?;
    }
    Ok(())
}
