//! What if a package had another version: the same plan over the same images, without what that version fixes, and with
//! what it brings.
//!
//! ```text
//!  report ─► its packages at the new version ─┬─ looked up anew ──► what goes away, stays, comes
//!                                             └─ nobody can look ─► what goes away by its fixed version, or stays
//! ```

use crate::{Options, Plan, Rules, image, plan};
use gabion_model::{Finding, Package, PackageKind, PackageRef, ScanReport, Severity, Vulnerability};
use serde::{Deserialize, Serialize};
use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet, HashSet},
};

/// The vulnerabilities of a report whose packages are others now, looked up by the database by which those in it were
/// found. None if that is not at hand.
pub type Reevaluate<'a> = &'a dyn Fn(&ScanReport) -> Option<Vec<Finding>>;

/// `package=version`, wherever the package is.
#[derive(Clone, Copy)]
pub struct Assumption<'a> {
    /// Its name: that of the package, or of what it is built from.
    pub package: &'a str,
    /// The version it would have.
    pub version: &'a str,
    /// What that version has. Without it, only what goes away is known.
    pub reevaluate: Option<Reevaluate<'a>>,
}

/// Two plans, and what is between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulation {
    /// The package.
    pub package: String,
    /// The version it would have.
    pub version: String,
    /// Images that have the package.
    pub images: usize,
    /// Findings that would go away, those of all images.
    pub cleared: usize,
    /// Findings of the package that the new version has, too.
    pub stays: usize,
    /// Findings that would come with the version; none if nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought: Option<usize>,
    /// Findings of the package of which it cannot be said, as versions cannot be compared: they stay.
    pub undecided: usize,
    /// Images in which nobody could look for what the version brings.
    pub unseen: usize,
    /// All of that, vulnerability by vulnerability.
    pub effects: Vec<Effect>,
    /// The plan as it is.
    pub before: Plan,
    /// The plan as it would be.
    pub after: Plan,
}

/// What becomes of a vulnerability.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What.
    pub outcome: Outcome,
    /// Its rule: the CVE id.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// The packages.
    pub packages: Vec<String>,
    /// The version that fixes it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    /// How many findings, those of all images.
    pub findings: usize,
}

/// What becomes of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It goes away.
    Cleared,
    /// It comes.
    New,
    /// The new version has it, too.
    Stays,
    /// It cannot be said; it stays.
    Undecided,
}

/// See [`crate::simulate`].
pub(crate) fn run(
    reports: &[&ScanReport],
    rules: &Rules<'_>,
    options: &Options,
    assumption: &Assumption<'_>,
) -> Simulation {
    let assumed: Vec<Option<Assumed>> =
        reports.iter().map(|report| assume(report, rules, options, assumption)).collect();
    let changed: Vec<&ScanReport> = reports
        .iter()
        .zip(&assumed)
        .map(|(report, assumed)| assumed.as_ref().map_or(*report, |assumed| &assumed.report))
        .collect();
    // Several scans of one image are one image.
    let images = image::images(reports, rules);
    let counted: HashSet<*const ScanReport> =
        images.iter().map(|image| std::ptr::from_ref(image.report)).collect();
    let scans = reports.iter().zip(&assumed);
    let scans = scans.filter(|(report, _)| counted.contains(&std::ptr::from_ref(**report)));
    let assumed: Vec<&Assumed> = scans.filter_map(|(_, assumed)| assumed.as_ref()).collect();
    let effects = together(assumed.iter().flat_map(|assumed| &assumed.effects));
    let sum = |outcome| effects.iter().filter(|e| e.outcome == outcome).map(|e| e.findings).sum();
    let unseen = assumed.iter().filter(|assumed| !assumed.seen).count();
    Simulation {
        package: assumption.package.to_owned(),
        version: assumption.version.to_owned(),
        images: assumed.len(),
        cleared: sum(Outcome::Cleared),
        stays: sum(Outcome::Stays),
        brought: (unseen < assumed.len()).then(|| sum(Outcome::New)),
        undecided: sum(Outcome::Undecided),
        unseen,
        before: plan(reports, rules, options),
        after: plan(&changed, rules, options),
        effects,
    }
}

/// Those that say the same as one, by what becomes of them, worst first.
fn together<'a>(effects: impl Iterator<Item = &'a Effect>) -> Vec<Effect> {
    let mut same: BTreeMap<_, Effect> = BTreeMap::new();
    for effect in effects {
        let Effect { outcome, rule, severity, packages, fixed_version, findings } = effect;
        same.entry((*outcome, Reverse(*severity), rule, packages, fixed_version))
            .and_modify(|known| known.findings += findings)
            .or_insert_with(|| effect.clone());
    }
    same.into_values().collect()
}

/// A report in which the package has the version.
struct Assumed {
    report: ScanReport,
    effects: Vec<Effect>,
    /// Whether somebody looked for what the version brings.
    seen: bool,
}

/// None if the report does not have the package.
fn assume(
    report: &ScanReport,
    rules: &Rules<'_>,
    options: &Options,
    assumption: &Assumption<'_>,
) -> Option<Assumed> {
    let mut changed = report.clone();
    let mut bumped = BTreeSet::new();
    for package in changed.packages.iter_mut().filter(|package| is_meant(package, assumption.package)) {
        bumped.insert(package.reference());
        assumption.version.clone_into(&mut package.version);
        if let Some(source) = &mut package.source {
            assumption.version.clone_into(&mut source.version);
        }
    }
    if bumped.is_empty() {
        return None;
    }
    let found = assumption.reevaluate.and_then(|reevaluate| reevaluate(&changed));
    let seen = found.is_some();
    let after = found.unwrap_or_default();
    let still: BTreeSet<Name<'_>> = after.iter().flat_map(names).collect();
    let mut judge = Judge { rules, options, version: assumption.version, effects: Vec::new() };

    let (touched, mut others): (Vec<Finding>, Vec<Finding>) =
        std::mem::take(&mut changed.findings).into_iter().partition(|finding| touches(finding, &bumped));
    let known: BTreeSet<Name<'_>> = touched.iter().flat_map(names).collect();
    let mut kept = Vec::new();
    for finding in &touched {
        let goes = !(seen && names(finding).any(|name| still.contains(&name)));
        let outcome = judge.outcome(finding, goes, seen);
        judge.tell(outcome, finding);
        // What was looked up is told by what was found.
        if outcome == Outcome::Undecided || outcome == Outcome::Stays && !seen {
            kept.push(renamed(finding, &bumped, assumption.version));
        }
    }
    let is_bumped = |package: &PackageRef| {
        package.version == assumption.version
            && bumped.iter().any(|old| old.kind == package.kind && old.name == package.name)
    };
    for finding in &after {
        let Some(vulnerability) = finding.vulnerability.as_deref() else { continue };
        let new = vulnerability.packages.iter().any(is_bumped);
        if new && !names(finding).any(|name| known.contains(&name)) {
            judge.tell(Outcome::New, finding);
        }
    }
    let effects = judge.effects;
    if seen {
        others.retain(|finding| finding.vulnerability.is_none());
    }
    changed.findings = others;
    changed.findings.extend(kept);
    changed.findings.extend(after);
    Some(Assumed { report: changed, effects, seen })
}

/// Whether a package is called so, or built from what is; in the letters that its ecosystem takes for the same.
fn is_meant(package: &Package, name: &str) -> bool {
    let folds = matches!(package.kind, PackageKind::Pypi | PackageKind::Nuget | PackageKind::Composer);
    package.name == name
        || folds && package.name.eq_ignore_ascii_case(name)
        || package.source.as_ref().is_some_and(|source| source.name == name)
}

fn touches(finding: &Finding, bumped: &BTreeSet<PackageRef>) -> bool {
    let vulnerability = finding.vulnerability.as_deref();
    vulnerability.is_some_and(|v| v.packages.iter().any(|package| bumped.contains(package)))
}

/// A vulnerability in a package, whichever version.
type Name<'a> = (&'a str, PackageKind, &'a str);

fn names(finding: &Finding) -> impl Iterator<Item = Name<'_>> {
    let packages = finding.vulnerability.as_deref().map_or(&[][..], |v| &v.packages);
    packages.iter().map(|package| (finding.rule.as_str(), package.kind, package.name.as_str()))
}

/// The finding of a package that has the version now.
fn renamed(finding: &Finding, bumped: &BTreeSet<PackageRef>, version: &str) -> Finding {
    let mut finding = finding.clone();
    let Some(vulnerability) = &mut finding.vulnerability else { return finding };
    for decisive in vulnerability.matches.iter_mut().take(1) {
        version.clone_into(&mut decisive.version);
    }
    let evidence = finding.evidence.iter_mut().filter_map(|evidence| evidence.package.as_mut());
    for package in vulnerability.packages.iter_mut().chain(evidence) {
        if bumped.contains(package) {
            version.clone_into(&mut package.version);
        }
    }
    finding
}

/// Says what becomes of findings, and remembers it of those that count.
struct Judge<'a> {
    rules: &'a Rules<'a>,
    options: &'a Options,
    version: &'a str,
    effects: Vec<Effect>,
}

impl Judge<'_> {
    /// Of one that was there before. `goes`: it is not there any more, as far as anybody looked.
    fn outcome(&self, finding: &Finding, goes: bool, seen: bool) -> Outcome {
        let Some(vulnerability) = finding.vulnerability.as_deref() else { return Outcome::Stays };
        let comparator = vulnerability.matches.first().map_or("", |m| &m.comparator);
        let compare = |with: &str| (self.rules.compare)(comparator, self.version, with);
        match (goes, seen) {
            (false, _) => Outcome::Stays,
            // A version that has no order is not found in any range: that says nothing.
            (true, true) if compare(self.version).is_none() => Outcome::Undecided,
            (true, true) => Outcome::Cleared,
            (true, false) => match vulnerability.fixed_version.as_deref().map(compare) {
                None | Some(Some(Ordering::Less)) => Outcome::Stays,
                Some(Some(_)) => Outcome::Cleared,
                Some(None) => Outcome::Undecided,
            },
        }
    }

    fn tell(&mut self, outcome: Outcome, finding: &Finding) {
        let counts = finding.suppressed.is_none() && self.options.want(finding);
        let Some(Vulnerability { packages, fixed_version, .. }) =
            finding.vulnerability.as_deref().filter(|_| counts)
        else {
            return;
        };
        let packages: BTreeSet<&String> = packages.iter().map(|package| &package.name).collect();
        self.effects.push(Effect {
            outcome,
            rule: finding.rule.clone(),
            severity: finding.severity,
            packages: packages.into_iter().cloned().collect(),
            fixed_version: fixed_version.clone(),
            findings: 1,
        });
    }
}
