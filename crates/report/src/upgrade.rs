//! Vulnerabilities by what can be done about them: by package, and there by the version that fixes them.
//!
//! ```text
//!   openssl 3.0.11-1              Affected: a package as its advisories name it, and its version
//!     -> 3.0.15-1                 Outcome: an upgrade, and what it clears
//!          CVE-2024-5535, ...
//!     not fixed                   Outcome: nothing to upgrade to
//!          CVE-2025-27587
//! ```
//!
//! A list of a thousand CVEs is not read; the ten upgrades that clear most of it are. Versions are not compared here
//! (that takes the order of each ecosystem), so that two versions that fix something are two outcomes: unless they are
//! plain numbers and dots, which every ecosystem orders alike. If they differ in the last number only, they are of one
//! line of releases, and the highest clears what all of them do; else it is only known to be the highest.

use crate::text;
use gabion_model::{Finding, FindingKind, FixState, PackageKind, PackageRef, ScanReport, Severity};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

/// An EPSS below this, in millionths, is noise at a glance.
pub(crate) const LIKELY: u32 = 10_000;

/// A package with vulnerabilities, the most urgent outcome first.
pub(crate) struct Affected<'a> {
    /// Its ecosystem; none if the finding does not say.
    pub(crate) kind: Option<PackageKind>,
    /// The name that advisories use: for a distribution the source package.
    pub(crate) name: &'a str,
    /// The version that was compared.
    pub(crate) installed: &'a str,
    /// What can be done.
    pub(crate) outcomes: Vec<Outcome<'a>>,
}

/// One thing to do, or the lack of it.
pub(crate) struct Outcome<'a> {
    /// What.
    pub(crate) remedy: Remedy<'a>,
    /// The findings it is about, the most urgent first.
    pub(crate) findings: Vec<&'a Finding>,
}

/// Several versions that fix something, and the highest of them.
pub(crate) struct Highest<'a> {
    /// From the lowest to the highest.
    pub(crate) versions: Vec<&'a str>,
    /// What the highest clears, where that is known: everything that any of them does.
    pub(crate) clears: Option<Outcome<'a>>,
}

/// A version of plain numbers and dots; none if it has anything else, the meaning of which its ecosystem decides.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?;
    version.split('.').map(number).collect()
}

/// What can be done about a vulnerability.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Remedy<'a> {
    /// Upgrade to this version.
    Upgrade(&'a str),
    /// Nothing yet, or ever.
    None(FixState),
    /// The finding does not say.
    Untold,
}

impl<'a> Remedy<'a> {
    fn of(finding: &'a Finding) -> Self {
        match finding.vulnerability.as_deref() {
            None => Self::Untold,
            Some(vulnerability) => match vulnerability.fixed_version.as_deref() {
                Some(version) if vulnerability.fix == FixState::Fixed => Self::Upgrade(version),
                _ => Self::None(vulnerability.fix),
            },
        }
    }

    /// The version, or in a few words why there is none.
    pub(crate) const fn words(self) -> &'a str {
        match self {
            Self::Upgrade(version) => version,
            Self::None(FixState::Fixed) => "fixed, in a version that is not told",
            Self::None(FixState::NotFixed) => "not fixed",
            Self::None(FixState::WillNotFix) => "will not be fixed",
            Self::None(FixState::EndOfLife) => "end of life, not fixed",
            Self::None(FixState::UnderInvestigation) => "under investigation",
            Self::Untold => "fix not told",
        }
    }
}

/// Whether there is a version to upgrade to.
pub(crate) fn fixable(finding: &Finding) -> bool {
    matches!(Remedy::of(finding), Remedy::Upgrade(_))
}

/// Whether it is known to be exploited.
pub(crate) fn exploited(finding: &Finding) -> bool {
    finding.vulnerability.as_ref().is_some_and(|v| v.exploited.is_some())
}

/// More urgent is greater. What nobody ranked may be anything, and comes first.
pub(crate) fn urgency(finding: &Finding) -> (u8, Severity) {
    let score = finding.vulnerability.as_ref().map_or(u8::MAX, |v| v.priority.score);
    (score, finding.severity)
}

/// The vulnerabilities that count.
pub(crate) fn vulnerabilities(report: &ScanReport) -> Vec<&Finding> {
    let counts = |f: &&Finding| f.kind == FindingKind::Vulnerability && f.suppressed.is_none();
    report.findings.iter().filter(counts).collect()
}

/// Groups vulnerabilities, the most urgent package first.
pub(crate) fn affected<'a>(findings: &[&'a Finding]) -> Vec<Affected<'a>> {
    type Outcomes<'a> = BTreeMap<Remedy<'a>, Vec<&'a Finding>>;
    let mut packages: BTreeMap<(Option<PackageKind>, &str, &str), Outcomes<'a>> = BTreeMap::new();
    for finding in findings {
        packages.entry(subject(finding)).or_default().entry(Remedy::of(finding)).or_default().push(finding);
    }
    let mut all: Vec<Affected<'a>> = packages
        .into_iter()
        .map(|((kind, name, installed), outcomes)| {
            let mut outcomes: Vec<Outcome<'a>> = outcomes
                .into_iter()
                .map(|(remedy, mut findings)| {
                    findings.sort_by_key(|f| (Reverse(urgency(f)), &f.rule, &f.id));
                    Outcome { remedy, findings }
                })
                .collect();
            outcomes.sort_by_key(|outcome| Reverse(outcome.urgency()));
            Affected { kind, name, installed, outcomes }
        })
        .collect();
    all.sort_by_key(|package| Reverse(package.urgency()));
    all
}

/// The package that an advisory speaks of, and its version.
fn subject(finding: &Finding) -> (Option<PackageKind>, &str, &str) {
    let vulnerability = finding.vulnerability.as_deref();
    let of_evidence = || finding.evidence.iter().find_map(|e| e.package.as_ref());
    let package = vulnerability.and_then(|v| v.packages.first()).or_else(of_evidence);
    let kind = package.map(|package| package.kind);
    match (vulnerability.and_then(|v| v.matches.first()), package) {
        (Some(matched), _) => (kind, &matched.package, &matched.version),
        (None, Some(package)) => (kind, &package.name, &package.version),
        (None, None) => (kind, finding.evidence.first().map_or("", |e| &e.place), ""),
    }
}

impl Outcome<'_> {
    /// Whether any of it is at least high, or known to be exploited.
    pub(crate) fn serious(&self) -> bool {
        self.findings.iter().any(|f| f.severity >= Severity::High || exploited(f))
    }

    /// More urgent is greater.
    pub(crate) fn urgency(&self) -> Option<((u8, Severity), usize)> {
        Some((urgency(self.findings.first()?), self.findings.len()))
    }
}

impl<'a> Affected<'a> {
    fn urgency(&self) -> Option<((u8, Severity), usize)> {
        self.outcomes.first().and_then(Outcome::urgency)
    }

    /// All its findings, by outcome.
    pub(crate) fn findings(&self) -> impl Iterator<Item = &'a Finding> + Clone {
        self.outcomes.iter().flat_map(|outcome| outcome.findings.iter().copied())
    }

    /// The severity of the worst.
    pub(crate) fn worst(&self) -> Severity {
        self.findings().map(|finding| finding.severity).max().unwrap_or(Severity::Unknown)
    }

    /// Whether an upgrade clears any of it.
    pub(crate) fn fixable(&self) -> bool {
        self.outcomes.iter().any(|outcome| matches!(outcome.remedy, Remedy::Upgrade(_)))
    }

    /// What the highest of several fixed versions clears, if they can be compared.
    pub(crate) fn highest(&self) -> Option<Highest<'a>> {
        let mut versions: Vec<(Vec<u64>, &'a str)> = Vec::new();
        for outcome in &self.outcomes {
            if let Remedy::Upgrade(version) = outcome.remedy {
                versions.push((numbers(version)?, version));
            }
        }
        versions.sort();
        let ((last, version), rest) = versions.split_last()?;
        if rest.is_empty() {
            return None;
        }
        let line = |numbers: &[u64]| numbers.split_last().map(|(_, line)| line.to_vec());
        let one_line = rest.iter().all(|(numbers, _)| line(numbers) == line(last));
        let mut findings: Vec<&Finding> = self.findings().filter(|finding| fixable(finding)).collect();
        findings.sort_by_key(|f| (Reverse(urgency(f)), &f.rule, &f.id));
        Some(Highest {
            versions: versions.iter().map(|(_, version)| *version).collect(),
            clears: one_line.then_some(Outcome { remedy: Remedy::Upgrade(version), findings }),
        })
    }

    /// The packages of the report that are built from it, where their names differ from its own.
    pub(crate) fn built(&self) -> Vec<&'a str> {
        let packages = self.findings().filter_map(|f| f.vulnerability.as_deref()).flat_map(|v| &v.packages);
        let names: BTreeSet<&str> = packages.map(|PackageRef { name, .. }| name.as_str()).collect();
        if names.len() == 1 && names.contains(self.name) {
            return Vec::new();
        }
        names.into_iter().collect()
    }
}

/// `2 critical, 10 high (1 known to be exploited)`.
pub(crate) fn tally<'a>(findings: impl Iterator<Item = &'a Finding> + Clone) -> String {
    let counts: Vec<String> = Severity::WORST_FIRST
        .into_iter()
        .filter_map(|severity| {
            let n = findings.clone().filter(|f| f.severity == severity).count() as u64;
            (n > 0).then(|| format!("{} {severity}", text::thousands(n)))
        })
        .collect();
    let counts = counts.join(", ");
    match findings.filter(|f| exploited(f)).count() as u64 {
        0 => counts,
        n => format!("{counts} ({} known to be exploited)", text::thousands(n)),
    }
}

/// `3 of 8 vulnerabilities fixable by 2 upgrades, 1 known to be exploited`; none without vulnerabilities.
pub(crate) fn summary(findings: &[&Finding]) -> Option<String> {
    if findings.is_empty() {
        return None;
    }
    let packages = affected(findings);
    let upgrades = packages.iter().filter(|package| package.fixable()).count() as u64;
    let fixable = findings.iter().filter(|f| fixable(f)).count() as u64;
    let all = text::count(findings.len() as u64, FindingKind::Vulnerability.as_str());
    let words = match fixable {
        0 => format!("none of {all} known to be fixable by an upgrade"),
        n => format!(
            "{} of {all} fixable by upgrading {}",
            text::thousands(n),
            text::count(upgrades, "package")
        ),
    };
    let exploited = findings.iter().filter(|f| exploited(f)).count() as u64;
    Some(match exploited {
        0 => words,
        n => format!("{words}, {} known to be exploited", text::thousands(n)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_model::{Match, Vulnerability};

    fn finding(id: &str, package: &str, fixed: Option<&str>, score: u8) -> Finding {
        let mut vulnerability = Vulnerability {
            matches: vec![Match { package: package.into(), version: "1".into(), ..Match::default() }],
            fixed_version: fixed.map(str::to_owned),
            fix: if fixed.is_some() { FixState::Fixed } else { FixState::WillNotFix },
            ..Vulnerability::default()
        };
        vulnerability.priority.score = score;
        Finding {
            id: id.to_owned(),
            kind: FindingKind::Vulnerability,
            rule: id.to_owned(),
            title: String::new(),
            severity: Severity::High,
            evidence: vec![],
            fix: String::new(),
            vulnerability: Some(Box::new(vulnerability)),
            suppressed: None,
        }
    }

    #[test]
    fn one_version_clears_all_of_a_line_of_releases_and_no_other_is_said_to() {
        let told = |versions: &[&str]| {
            let all: Vec<Finding> = versions.iter().map(|v| finding(v, "x", Some(v), 1)).collect();
            let all: Vec<&Finding> = all.iter().collect();
            affected(&all)[0].highest().map(|highest| {
                (highest.versions.join(" "), highest.clears.map(|clears| clears.findings.len()))
            })
        };
        let of = |versions: &str, clears| Some((versions.to_owned(), clears));
        assert_eq!(told(&["4.2.9", "4.2.30", "4.2.16"]), of("4.2.9 4.2.16 4.2.30", Some(3)));
        // 5.0.1 may have what only 5.0.9 fixes.
        assert_eq!(told(&["4.2.30", "5.0.1"]), of("4.2.30 5.0.1", None));
        assert_eq!(told(&["4.2.30", "4.2.31rc1"]), None);
        assert_eq!(told(&["1.2.4-0.2", "1.2.4"]), None);
        assert_eq!(told(&["4.2."]), None);
        assert_eq!(told(&["4.2.30"]), None);
    }

    #[test]
    fn packages_and_their_outcomes_come_by_urgency() {
        let all = [
            finding("a", "x", Some("2"), 10),
            finding("b", "y", None, 50),
            finding("c", "x", None, 20),
            finding("d", "x", Some("2"), 15),
            finding("e", "x", Some("3"), 40),
        ];
        let all: Vec<&Finding> = all.iter().collect();
        let told: Vec<String> = affected(&all)
            .iter()
            .flat_map(|p| p.outcomes.iter().map(move |o| (p, o)))
            .map(|(p, o)| {
                let ids: Vec<&str> = o.findings.iter().map(|f| f.id.as_str()).collect();
                format!("{} {}: {}", p.name, o.remedy.words(), ids.join(" "))
            })
            .collect();
        assert_eq!(told, ["y will not be fixed: b", "x 3: e", "x will not be fixed: c", "x 2: d a"]);
        assert_eq!(summary(&all).expect("some"), "3 of 5 vulnerabilities fixable by upgrading 1 package");
    }
}
