//! Vulnerabilities of two images: which are new, which are gone, how many stay.
//!
//! One is the same in both if it is the same vulnerability of the same package, whichever its version: a package that was
//! updated and has it still is no news.

use gabion_model::{Finding, FindingKind, ScanReport, Severity};
use serde::Serialize;
use std::collections::BTreeSet;

/// The difference.
#[derive(Debug, Default, Serialize)]
pub(super) struct Vulnerabilities {
    pub(super) new: Vec<One>,
    pub(super) gone: Vec<One>,
    /// How many both have.
    stay: usize,
}

/// A vulnerability of a package.
#[derive(Debug, Serialize)]
pub(super) struct One {
    severity: Severity,
    rule: String,
    title: String,
    package: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_version: Option<String>,
    /// It is known to be exploited.
    exploited: bool,
    /// Why it does not count, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressed: Option<String>,
}

/// Compares them.
pub(super) fn compare(old: &ScanReport, new: &ScanReport) -> Vulnerabilities {
    let (before, after) = (keys(old), keys(new));
    let only = |report: &ScanReport, other: &BTreeSet<Key<'_>>| {
        let findings = vulnerabilities(report).filter(|finding| !other.contains(&key(finding)));
        let mut all: Vec<One> = findings.map(One::of).collect();
        all.sort_by(|a, b| {
            (b.severity, &a.rule, &a.package, &a.version).cmp(&(a.severity, &b.rule, &b.package, &b.version))
        });
        all
    };
    Vulnerabilities {
        new: only(new, &before),
        gone: only(old, &after),
        stay: vulnerabilities(new).filter(|finding| before.contains(&key(finding))).count(),
    }
}

/// Findings of all kinds of the new image that the old one has not.
pub(super) fn only_new(old: &ScanReport, new: &ScanReport) -> Vec<Finding> {
    let before = keys(old);
    let others = old.findings.iter().filter(|finding| finding.vulnerability.is_none());
    let places: BTreeSet<(FindingKind, &str, &str)> = others
        .flat_map(|finding| finding.evidence.iter().map(move |e| (finding.kind, &*finding.rule, &*e.place)))
        .collect();
    let is_new = |finding: &&Finding| match &finding.vulnerability {
        Some(_) => !before.contains(&key(finding)),
        None => finding.evidence.iter().any(|e| !places.contains(&(finding.kind, &*finding.rule, &*e.place))),
    };
    new.findings.iter().filter(is_new).cloned().collect()
}

type Key<'a> = (&'a str, &'a str);

fn keys(report: &ScanReport) -> BTreeSet<Key<'_>> {
    vulnerabilities(report).map(key).collect()
}

fn vulnerabilities(report: &ScanReport) -> impl Iterator<Item = &Finding> {
    report.findings.iter().filter(|finding| finding.vulnerability.is_some())
}

/// The vulnerability, and the package that the advisory names.
fn key(finding: &Finding) -> Key<'_> {
    (&finding.rule, package(finding))
}

fn package(finding: &Finding) -> &str {
    let vulnerability = finding.vulnerability.as_deref();
    let named = vulnerability.and_then(|v| v.matches.first()).map(|m| &*m.package);
    named.or(vulnerability.and_then(|v| v.packages.first()).map(|p| &*p.name)).unwrap_or_default()
}

impl One {
    fn of(finding: &Finding) -> Self {
        let vulnerability = finding.vulnerability.as_deref();
        let compared = vulnerability.and_then(|v| v.matches.first()).map(|m| m.version.clone());
        Self {
            severity: finding.severity,
            rule: finding.rule.clone(),
            title: finding.title.clone(),
            package: package(finding).to_owned(),
            version: compared.unwrap_or_default(),
            fixed_version: vulnerability.and_then(|v| v.fixed_version.clone()),
            exploited: vulnerability.is_some_and(|v| v.exploited.is_some()),
            suppressed: finding
                .suppressed
                .as_ref()
                .map(|by| format!("{} by {}", by.kind.as_str(), by.source)),
        }
    }

    pub(super) fn line(&self) -> String {
        let Self { severity, rule, package, version, fixed_version, exploited, suppressed, title: _ } = self;
        let fixed = fixed_version.as_ref().map_or(", not fixed".to_owned(), |v| format!(", fixed in {v}"));
        let exploited = if *exploited { ", known to be exploited" } else { "" };
        let suppressed = suppressed.as_ref().map_or(String::new(), |why| format!(" ({why})"));
        format!("{severity:<8} {rule} {package} {version}{fixed}{exploited}{suppressed}")
    }
}

impl Vulnerabilities {
    pub(super) const fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty()
    }

    /// None if neither image has any.
    pub(super) fn title(&self) -> Option<String> {
        let [new, gone] = [&self.new, &self.gone].map(Vec::len);
        let any = new + gone + self.stay > 0;
        any.then(|| format!("Vulnerabilities ({new} new, {gone} gone, {} in both)", self.stay))
    }
}
