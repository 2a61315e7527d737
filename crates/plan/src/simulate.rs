//! What if a package had another version: the same plan over the same images, without what that version fixes.

use crate::{Options, Plan, Rules, Subject, image, plan};
use gabion_model::{Finding, Package, PackageRef, ScanReport, Vulnerability};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashSet},
};

/// The findings that come with a package at another version: looked up again by the caller.
pub type Reevaluate<'a> = &'a dyn Fn(&ScanReport, &PackageRef) -> Vec<Finding>;

/// `package=version`, wherever the package is.
#[derive(Clone, Copy)]
pub struct Assumption<'a> {
    /// Its name: that of the package, or of what it is built from.
    pub package: &'a str,
    /// The version it would have.
    pub version: &'a str,
    /// What that version brings of its own. Without it, only what goes away is known.
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
    /// Findings that would come with the version; none if nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brought: Option<usize>,
    /// Findings of the package whose fixed version cannot be compared with this one: they stay.
    pub undecided: usize,
    /// The plan as it is.
    pub before: Plan,
    /// The plan as it would be.
    pub after: Plan,
}

/// See [`crate::simulate`].
pub(crate) fn run(
    subjects: &[Subject<'_>],
    rules: &Rules<'_>,
    options: &Options,
    assumption: &Assumption<'_>,
) -> Simulation {
    let assumed: Vec<Assumed> =
        subjects.iter().map(|subject| assume(subject.report, rules, options, assumption)).collect();
    let changed: Vec<Subject<'_>> = subjects
        .iter()
        .zip(&assumed)
        .map(|(subject, assumed)| Subject {
            report: assumed.report.as_ref().unwrap_or(subject.report),
            hints: subject.hints.clone(),
        })
        .collect();
    // Several scans of one image are one image.
    let images = image::images(subjects, rules);
    let counted: HashSet<*const ScanReport> =
        images.iter().map(|image| std::ptr::from_ref(image.report)).collect();
    let each = || {
        let scans = subjects.iter().zip(&assumed);
        scans
            .filter(|(subject, _)| counted.contains(&std::ptr::from_ref(subject.report)))
            .map(|(_, assumed)| assumed)
    };
    let sum = |of: fn(&Assumed) -> usize| each().map(of).sum();
    Simulation {
        package: assumption.package.to_owned(),
        version: assumption.version.to_owned(),
        images: each().filter(|assumed| assumed.report.is_some()).count(),
        cleared: sum(|assumed| assumed.cleared),
        brought: assumption.reevaluate.map(|_| sum(|assumed| assumed.brought)),
        undecided: sum(|assumed| assumed.undecided),
        before: plan(subjects, rules, options),
        after: plan(&changed, rules, options),
    }
}

/// A report in which the package has the version; none if it does not have the package.
struct Assumed {
    report: Option<ScanReport>,
    cleared: usize,
    brought: usize,
    undecided: usize,
}

fn assume(report: &ScanReport, rules: &Rules<'_>, options: &Options, assumption: &Assumption<'_>) -> Assumed {
    let mut assumed = Assumed { report: None, cleared: 0, brought: 0, undecided: 0 };
    let source = |package: &Package| package.source.as_ref().is_some_and(|s| s.name == assumption.package);
    let meant: Vec<bool> =
        report.packages.iter().map(|package| package.name == assumption.package || source(package)).collect();
    if !meant.contains(&true) {
        return assumed;
    }
    let mut changed = report.clone();
    let mut bumped = BTreeSet::new();
    for (package, _) in changed.packages.iter_mut().zip(&meant).filter(|(_, meant)| **meant) {
        bumped.insert(package.reference());
        assumption.version.clone_into(&mut package.version);
        if let Some(source) = &mut package.source {
            assumption.version.clone_into(&mut source.version);
        }
    }
    changed.findings.retain_mut(|finding| {
        let counts = finding.suppressed.is_none() && options.want(finding);
        let Some(vulnerability) = &mut finding.vulnerability else { return true };
        if !vulnerability.packages.iter().any(|package| bumped.contains(package)) {
            return true;
        }
        let fixed = fixes(vulnerability, assumption.version, rules);
        assumed.cleared += usize::from(counts && fixed == Some(true));
        assumed.undecided += usize::from(counts && fixed.is_none());
        // What stays must still find its packages.
        for decisive in vulnerability.matches.iter_mut().take(1) {
            assumption.version.clone_into(&mut decisive.version);
        }
        for package in vulnerability.packages.iter_mut().filter(|package| bumped.contains(package)) {
            assumption.version.clone_into(&mut package.version);
        }
        for package in finding.evidence.iter_mut().filter_map(|evidence| evidence.package.as_mut()) {
            if bumped.contains(package) {
                assumption.version.clone_into(&mut package.version);
            }
        }
        fixed != Some(true)
    });
    if let Some(reevaluate) = assumption.reevaluate {
        let known: BTreeSet<String> = changed.findings.iter().map(|finding| finding.rule.clone()).collect();
        let mut new: Vec<Finding> = bumped
            .into_iter()
            .flat_map(|package| {
                reevaluate(&changed, &PackageRef { version: assumption.version.to_owned(), ..package })
            })
            .filter(|finding| !known.contains(&finding.rule))
            .collect();
        new.sort_by(|a, b| a.id.cmp(&b.id));
        new.dedup_by(|a, b| a.id == b.id);
        assumed.brought =
            new.iter().filter(|finding| finding.suppressed.is_none() && options.want(finding)).count();
        changed.findings.extend(new);
    }
    assumed.report = Some(changed);
    assumed
}

/// Whether the version is the fixed one or a later one; none if that cannot be said.
fn fixes(vulnerability: &Vulnerability, version: &str, rules: &Rules<'_>) -> Option<bool> {
    let Some(fixed) = vulnerability.fixed_version.as_deref() else { return Some(false) };
    let comparator = vulnerability.matches.first().map_or("", |m| &m.comparator);
    (rules.compare)(comparator, version, fixed).map(|order| order != Ordering::Less)
}
