//! The findings, worst first, by rule: what is wrong, where it is first, and how often it is besides.
//!
//! ```text
//!   critical  AWS access key  aws-access-key-id          a group: one rule, one severity
//!             app/.env:3  AWS_ACCESS_KEY_ID=AKIA****     its first places, one of each file
//!             layer 303030303030  COPY . /app            where the places above it came from
//!             and 7 more; 3 files in all                 what is not shown
//!             fix: Rotate the key
//! ```
//!
//! A scan of a whole machine has a thousand secrets of twenty rules: by file that is a list nobody reads, by rule it
//! is a page. With `all` every place has its line, and its finding's id.

use super::{
    page::{self, Page, pad, style},
    verdict::KINDS,
};
use crate::{subject, text};
use gabion_model::{Evidence, Finding, FindingKind, PackageRef, ScanReport, Severity};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

/// Without `all`: serious groups of a kind that are shown at most, groups that are shown at least if there
/// are so many, and places of each.
const MOST: usize = 12;
const LEAST: usize = 5;
const PLACES: usize = 3;
/// Rules that are named of those that are not shown.
const NAMED: usize = 8;

/// Columns before the rule.
pub(super) const SEVERITY: usize = 10;
/// Columns before everything below it.
pub(super) const INDENT: &str = "            ";

/// Findings of one rule and severity.
struct Group<'a> {
    first: &'a Finding,
    findings: usize,
    /// What is shown of them: first what no package of the distribution ships, as that is the reader's own.
    places: Vec<(&'a Finding, &'a Evidence)>,
}

impl<'a> Group<'a> {
    /// All groups, in the order of their first findings, which is worst first.
    fn all(findings: &[&'a Finding]) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let mut index: BTreeMap<(&str, &str, Severity), usize> = BTreeMap::new();
        for finding in findings {
            let key = (finding.rule.as_str(), finding.title.as_str(), finding.severity);
            let at = *index.entry(key).or_insert(groups.len());
            if at == groups.len() {
                groups.push(Self { first: finding, findings: 0, places: Vec::new() });
            }
            if let Some(group) = groups.get_mut(at) {
                group.findings += 1;
                group.places.extend(finding.evidence.iter().map(|e| (*finding, e)));
            }
        }
        for group in &mut groups {
            group.places.sort_by_key(|(_, evidence)| evidence.package.is_some());
        }
        groups
    }

    /// What is shown without `all`: a piece of evidence of each of the first files, and more of them if there are
    /// few files. One more than usual rather than a line that says `and 1 more`.
    fn few(&self) -> Vec<(&'a Finding, &'a Evidence)> {
        let most = if self.places.len() == PLACES + 1 { PLACES + 1 } else { PLACES };
        let mut seen = BTreeSet::new();
        let (first, further): (Vec<usize>, Vec<usize>) = (0..self.places.len())
            .partition(|&i| seen.insert(self.places.get(i).map(|(_, evidence)| &evidence.place)));
        let mut few: Vec<usize> = first.into_iter().chain(further).take(most).collect();
        few.sort_unstable();
        few.into_iter().filter_map(|i| self.places.get(i).copied()).collect()
    }

    /// `and 49 more places`, or `and 49 more in 12 files` where one file may have many.
    fn more(&self, shown: &[(&Finding, &Evidence)]) -> Option<String> {
        let more = u64::try_from(self.places.len() - shown.len()).ok().filter(|n| *n > 0)?;
        let files: BTreeSet<&str> = self.places.iter().map(|(_, e)| e.place.as_str()).collect();
        Some(if files.len() == self.places.len() {
            format!("and {}", text::count(more, "more place"))
        } else if files.len() == 1 {
            format!("and {} more in it", text::thousands(more))
        } else {
            let files = text::count(files.len() as u64, "file");
            format!("and {} more; {files} in all", text::thousands(more))
        })
    }
}

/// Writes a section for each kind but vulnerabilities, which have their own; true if anything was left out.
pub(super) fn write(page: &mut Page<'_>, report: &ScanReport, all: bool) -> io::Result<bool> {
    let mut cut = false;
    for kind in KINDS.into_iter().filter(|kind| *kind != FindingKind::Vulnerability) {
        let counts = |f: &&Finding| f.kind == kind && f.suppressed.is_none();
        let findings: Vec<&Finding> = report.findings.iter().filter(counts).collect();
        if findings.is_empty() {
            continue;
        }
        let groups = Group::all(&findings);
        let serious = groups.iter().filter(|g| g.first.severity >= Severity::High).count();
        let shown = match kind {
            _ if all => groups.len(),
            FindingKind::Secret => groups.len().min(MOST),
            _ => serious.clamp(LEAST, MOST).min(groups.len()),
        };
        let title = text::count(2, kind.as_str())[2..].to_uppercase();
        let mut note = text::thousands(findings.len() as u64);
        if groups.len() < findings.len() {
            note = format!("{note} by {}", text::count(groups.len() as u64, "rule"));
        }
        page.heading(&title, &note)?;
        for group in groups.iter().take(shown) {
            cut |= write_group(page, report, group, all)?;
        }
        if let Some(rest @ [_, ..]) = groups.get(shown..) {
            cut = true;
            page.blank()?;
            page.block(&[(style::DIM, "  and ")], style::DIM, &rest_of(rest))?;
        }
    }
    Ok(cut)
}

/// `7 more: 2 medium, 5 low (jwt, slack-token, ...)`.
fn rest_of(groups: &[Group<'_>]) -> String {
    let mut counts = BTreeMap::new();
    for group in groups {
        *counts.entry(group.first.severity).or_insert(0) += group.findings as u64;
    }
    let total = counts.values().sum();
    let counts: Vec<String> = Severity::WORST_FIRST
        .into_iter()
        .filter_map(|severity| Some(format!("{} {severity}", text::thousands(*counts.get(&severity)?))))
        .collect();
    let rules: BTreeSet<&str> = groups.iter().map(|g| g.first.rule.as_str()).collect();
    let more = if rules.len() > NAMED { ", ..." } else { "" };
    let rules: Vec<&str> = rules.into_iter().take(NAMED).collect();
    format!("{} more: {} ({}{more})", text::thousands(total), counts.join(", "), rules.join(", "))
}

fn write_group(page: &mut Page<'_>, report: &ScanReport, group: &Group<'_>, all: bool) -> io::Result<bool> {
    let Finding { rule, title, severity, fix, .. } = group.first;
    page.blank()?;
    let lead = [(style::PLAIN, "  "), (page::of(*severity), &*pad(severity.as_str(), SEVERITY))];
    if INDENT.len() + text::width(&text::safe(title)) + 2 + text::width(&text::safe(rule)) <= page.width() {
        let [indent, word] = lead;
        page.line(&[indent, word, (style::BOLD, title), (style::PLAIN, "  "), (style::DIM, rule)])?;
    } else {
        page.block(&lead, style::BOLD, title)?;
        page.line(&[(style::PLAIN, INDENT), (style::DIM, rule)])?;
    }

    let few;
    let shown = if all {
        &group.places
    } else {
        few = group.few();
        &few
    };
    let mut origin = None;
    for (finding, evidence) in shown {
        // The origin is written once for pieces of evidence in a row that share it.
        let this = Origin::of(evidence);
        if origin.as_ref().is_some_and(|before| *before != this) {
            write_origin(page, report, origin.take())?;
        }
        origin = Some(this);
        let id = (all && group.findings > 1).then_some(finding.id.as_str());
        write_evidence(page, evidence, id)?;
    }
    write_origin(page, report, origin)?;
    if let Some(more) = group.more(shown) {
        page.line(&[(style::PLAIN, INDENT), (style::DIM, &more)])?;
    }
    if !fix.is_empty() {
        page.block(&[(style::PLAIN, INDENT), (style::GOOD, "fix: ")], style::PLAIN, fix)?;
    }
    if all && group.findings == 1 {
        page.line(&[(style::PLAIN, INDENT), (style::DIM, &group.first.id)])?;
    }
    Ok(shown.len() < group.places.len())
}

fn write_evidence(page: &mut Page<'_>, evidence: &Evidence, id: Option<&str>) -> io::Result<()> {
    let place = text::place(evidence);
    let used = INDENT.len() + text::width(&place) + 2;
    let detail = text::safe(&evidence.detail);
    if let Some(id) = id {
        // An id and a detail do not go beside a path.
        page.line(&[(style::PLAIN, INDENT), (style::PLAIN, &place)])?;
        let detail = text::truncate(&detail, page.width().saturating_sub(INDENT.len() + id.len() + 4));
        let gap = if detail.is_empty() { "" } else { "  " };
        return page.line(&[
            (style::PLAIN, INDENT),
            (style::PLAIN, "  "),
            (style::DIM, id),
            (style::DIM, gap),
            (style::DIM, &detail),
        ]);
    }
    if used + text::width(&detail).min(30) > page.width() {
        // A long path has its line for itself.
        page.line(&[(style::PLAIN, INDENT), (style::PLAIN, &place)])?;
        if detail.is_empty() {
            return Ok(());
        }
        let detail = text::truncate(&detail, page.width() - INDENT.len() - 2);
        return page.line(&[(style::PLAIN, INDENT), (style::PLAIN, "  "), (style::DIM, &detail)]);
    }
    let detail = text::truncate(&detail, page.width() - used);
    let gap = if detail.is_empty() { "" } else { "  " };
    page.line(&[(style::PLAIN, INDENT), (style::PLAIN, &place), (style::PLAIN, gap), (style::DIM, &detail)])
}

/// Where a piece of evidence came from.
#[derive(PartialEq)]
pub(super) struct Origin<'a> {
    pub(super) layer: Option<u32>,
    pub(super) package: Option<&'a PackageRef>,
    pub(super) removed: bool,
}

impl<'a> Origin<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        Self { layer: evidence.layer, package: evidence.package.as_ref(), removed: evidence.removed }
    }
}

pub(super) fn write_origin(
    page: &mut Page<'_>,
    report: &ScanReport,
    origin: Option<Origin<'_>>,
) -> io::Result<()> {
    let Some(origin) = origin else { return Ok(()) };
    if let Some(layer) = subject::layer(report, origin.layer) {
        let name = format!("layer {}", layer.diff_id.short());
        let line = text::history(layer.created_by.as_deref().unwrap_or_default());
        let room = page.width().saturating_sub(INDENT.len() + name.len() + 2);
        let line = text::safe(&line);
        let line = text::truncate(&line, room);
        let gap = if line.is_empty() { "" } else { "  " };
        page.line(&[(style::PLAIN, INDENT), (style::DIM, &name), (style::DIM, gap), (style::DIM, &line)])?;
    }
    if let Some(package) = origin.package {
        let shipped = format!("shipped by {} {} {}", package.kind.as_str(), package.name, package.version);
        page.line(&[(style::PLAIN, INDENT), (style::DIM, &shipped)])?;
    }
    if origin.removed {
        let removed = "removed by a later layer, but still in the image";
        page.line(&[(style::PLAIN, INDENT), (style::WARNING, removed)])?;
    }
    Ok(())
}
