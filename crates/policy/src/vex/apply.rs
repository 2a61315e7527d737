//! Which statement counts for which finding.

use super::{
    Statement, VexDocument, VexStatus,
    identity::{Id, Image, is_in, is_package},
};
use gabion_model::{
    Finding, FindingKind, Package, PackageRef, ScanReport, Suppression, SuppressionKind, Vulnerability,
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::{cmp::Reverse, collections::BTreeMap};

/// How far the clocks of others may be ahead.
const SLACK: SignedDuration = SignedDuration::from_hours(48);

/// What came of VEX documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VexApplied {
    /// Ids of the findings that they suppress, in the order of the report.
    pub suppressed: Vec<String>,
    /// Ids of the documents that say nothing of any finding.
    pub unused: Vec<String>,
    /// Statements that do not count, and why: one sentence for each document and reason.
    pub ignored: Vec<String>,
}

/// A statement with the document it is from.
#[derive(Clone, Copy)]
struct Said<'d> {
    document: usize,
    by: &'d VexDocument,
    statement: &'d Statement,
}

/// Suppresses the vulnerabilities that documents say are not in this image, or fixed in it. For each package of a
/// finding the latest statement counts, of several at the same time the worst; a finding is suppressed only if all of
/// its packages are covered. What is suppressed already stays as it is. What is dated later than a clock can be wrong
/// would win over all that is said until then: it does not count yet.
pub fn apply_vex(report: &mut ScanReport, documents: &[VexDocument], now: Timestamp) -> VexApplied {
    let latest = now.checked_add(SLACK).unwrap_or(Timestamp::MAX);
    let is_early = |statement: &Statement| statement.timestamp.is_some_and(|time| time > latest);
    let mut applied = VexApplied::default();
    for document in documents {
        let early = document.statements.iter().filter(|statement| is_early(statement)).count();
        let words = (early > 0).then(|| {
            let (s, verb) = if early == 1 { ("", "is") } else { ("s", "are") };
            format!("{early} statement{s} {verb} of the future")
        });
        let reasons = document.ignored.iter().chain(&words);
        applied.ignored.extend(reasons.map(|why| format!("{}: {why}", document.id)));
    }
    let mut by_name: BTreeMap<&str, Vec<Said<'_>>> = BTreeMap::new();
    for (document, by) in documents.iter().enumerate() {
        for statement in by.statements.iter().filter(|statement| !is_early(statement)) {
            for name in &statement.vulnerabilities {
                by_name.entry(name).or_default().push(Said { document, by, statement });
            }
        }
    }
    let image = Image::of(report);
    let mut used = vec![false; documents.len()];
    let mut suppressions = Vec::new();
    for (index, finding) in report.findings.iter().enumerate() {
        let Some(vulnerability) = finding.vulnerability.as_ref().filter(|_| is_open(finding)) else {
            continue;
        };
        let names = std::iter::once(&finding.rule).chain(&vulnerability.aliases);
        let said: Vec<_> = names.filter_map(|name| by_name.get(name.as_str())).flatten().copied().collect();
        if said.is_empty() {
            continue;
        }
        if let Some(suppression) = judge(&said, vulnerability, &image, report, &mut used) {
            suppressions.push((index, suppression));
        }
    }
    for (index, suppression) in suppressions {
        let finding = &mut report.findings[index];
        finding.suppressed = Some(suppression);
        applied.suppressed.push(finding.id.clone());
    }
    let unused = documents.iter().zip(used).filter(|(_, used)| !used);
    applied.unused = unused.map(|(document, _)| document.id.clone()).collect();
    applied
}

fn is_open(finding: &Finding) -> bool {
    finding.kind == FindingKind::Vulnerability && finding.suppressed.is_none()
}

/// What counts for all packages of a finding together.
fn judge(
    said: &[Said<'_>],
    vulnerability: &Vulnerability,
    image: &Image,
    report: &ScanReport,
    used: &mut [bool],
) -> Option<Suppression> {
    let mut decisive: Option<Said<'_>> = None;
    let mut covered = !vulnerability.packages.is_empty();
    for reference in &vulnerability.packages {
        let package = find(report, reference);
        let speaking = said.iter().filter(|said| speaks_of(said.statement, package, image, report));
        // The latest; of several at the same time the worst, which is the greatest.
        let winner = speaking
            .max_by_key(|said| (said.statement.timestamp, said.statement.status, Reverse(said.document)));
        let Some(winner) = winner else {
            covered = false;
            continue;
        };
        used[winner.document] = true;
        match winner.statement.status {
            VexStatus::NotAffected => decisive = decisive.or(Some(*winner)),
            // That it is fixed is the stronger word for the finding as a whole.
            VexStatus::Fixed => decisive = Some(*winner),
            VexStatus::Affected | VexStatus::UnderInvestigation => covered = false,
        }
    }
    let said = decisive.filter(|_| covered)?;
    Some(Suppression {
        kind: match said.statement.status {
            VexStatus::Fixed => SuppressionKind::Fixed,
            _ => SuppressionKind::NotAffected,
        },
        source: said.by.id.clone(),
        reason: reason(said.statement),
        owner: said.by.author.clone(),
        expires: None,
    })
}

/// The words of the statement: `vulnerable_code_not_present: built without it`.
fn reason(statement: &Statement) -> String {
    match (&statement.justification, &statement.impact) {
        (Some(label), Some(text)) => format!("{label}: {text}"),
        (Some(only), None) | (None, Some(only)) => only.clone(),
        (None, None) if statement.status == VexStatus::Fixed => "fixed".to_owned(),
        (None, None) => "no reason is given".to_owned(),
    }
}

fn find<'a>(report: &'a ScanReport, reference: &PackageRef) -> Option<&'a Package> {
    report.packages.iter().find(|package| {
        package.kind == reference.kind
            && package.name == reference.name
            && package.version == reference.version
    })
}

/// Whether a statement is about a package of this image. Components count within their product: this image, or another
/// package in it. That something is fixed is said of a version; of all versions, it says nothing.
fn speaks_of(statement: &Statement, package: Option<&Package>, image: &Image, report: &ScanReport) -> bool {
    let any_version = statement.status != VexStatus::Fixed;
    let is_package = |id: &Id<'_>| package.is_some_and(|package| is_package(id, package, report));
    statement.products.iter().any(|product| {
        let ids = product.ids.iter().map(|id| Id::of(id));
        if product.subcomponents.is_empty() {
            return ids
                .filter(|id| any_version || id.is_one_version())
                .any(|id| image.is(&id) || is_package(&id));
        }
        let wholes: Vec<_> = ids.filter(|id| image.is(id) || is_in(id, report)).collect();
        let any_version = any_version || wholes.iter().any(Id::is_one_version);
        let mut parts = product.subcomponents.iter().flatten().map(|id| Id::of(id));
        !wholes.is_empty() && parts.any(|id| is_package(&id) && (any_version || id.is_one_version()))
    })
}
