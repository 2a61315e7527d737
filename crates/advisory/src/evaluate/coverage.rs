//! What could not be told, and why: the aspect `vulnerabilities`.

use super::{
    Told,
    platform::Platform,
    question::{Passed, language},
};
use crate::{Database, Ecosystem};
use gabion_model::{Aspect, Reason, ScanReport, Status};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// What is older says nothing of the vulnerabilities since.
const STALE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Sets the aspect.
pub(super) fn tell(
    report: &mut ScanReport,
    database: &Database,
    platform: &Platform,
    passed: &[(usize, Passed)],
    told: &Told,
    now: Timestamp,
) {
    let aspect = Aspect::VULNERABILITIES;
    let advisories = database.sources().iter().filter(|source| !source.releases().is_empty());
    if advisories.clone().next().is_none() {
        let reason = "the database holds no advisories".to_owned();
        report.coverage.set(aspect, Status::NotEvaluated { reason });
        return;
    }
    let languages = report.packages.iter().any(|package| !package.kind.is_os());
    let os_packages = report.packages.iter().filter(|package| package.kind.is_os()).count();
    if let (Platform::Unknown(why), true, false) = (platform, os_packages > 0, languages) {
        report.coverage.set(aspect, Status::Unsupported { reason: why.clone() });
        return;
    }
    report.coverage.set(aspect.clone(), Status::full());
    let mut gaps = Vec::new();
    let mut gap = |text: String, path: Option<String>, count: usize| {
        gaps.push(Reason { text, path, count: count as u64 });
    };
    match platform {
        Platform::Unknown(why) if os_packages > 0 => {
            let owned = passed.iter().filter(|(_, why)| *why == Passed::Owned).count();
            let too = if owned > 0 { ", nor were language packages that they own" } else { "" };
            gap(
                format!("{why}, so packages of the distribution were not matched{too}"),
                None,
                os_packages + owned,
            );
        }
        Platform::Known { doubt: Some(doubt), .. } => gap(doubt.clone(), None, 1),
        Platform::Unknown(_) | Platform::Known { .. } => {}
    }
    if let Some(ended) = told.ended.as_ref().filter(|_| os_packages > 0) {
        gap(format!("{ended}: its advisories are no longer complete"), None, 1);
    }
    for (aspect, status) in
        report.coverage.iter().filter(|(aspect, _)| aspect.as_str().starts_with("packages."))
    {
        if matches!(status, Status::Partial { .. } | Status::Unsupported { .. } | Status::Failed { .. }) {
            gap(format!("{aspect} is {}, and what was not found was not matched", status.word()), None, 1);
        }
    }
    for (why, packages) in by_reason(passed) {
        let path = packages.first().map(|&index| report.packages[index].name.clone());
        match why {
            Passed::NoVersion => gap("it has no version to compare".into(), path, packages.len()),
            Passed::NoEcosystem(kind) => {
                gap(
                    format!("there are no advisories about {} packages", kind.as_str()),
                    None,
                    packages.len(),
                );
            }
            Passed::Owned | Passed::NoPlatform => {}
        }
    }
    for (ecosystem, count) in without_advisories(report, database) {
        gap(format!("the database has no advisories about {} packages", ecosystem.name()), None, count);
    }
    if let Some((package, advisory, why)) = told.unknown.first() {
        let n = told.unknown.len();
        gap(format!("cannot be told: {why}"), Some(format!("{advisory} about {package}")), n);
    }
    for source in advisories {
        let about = source.about();
        if let Some(why) = &about.partial {
            gap(format!("{}: {why}, {} records", about.name, about.records), None, 1);
        }
        match about.as_of.map(|time| now.duration_since(time)) {
            Some(age) if age > STALE => {
                gap(
                    format!("{}: nothing in it is younger than {} days", about.name, age.as_hours() / 24),
                    None,
                    1,
                );
            }
            Some(age) if age < SignedDuration::from_hours(-48) => {
                gap(format!("{}: it is of the future; is the clock right?", about.name), None, 1);
            }
            Some(_) => {}
            None => gap(format!("{}: it does not say how old it is", about.name), None, 1),
        }
    }
    for reason in gaps {
        report.coverage.gap(aspect.clone(), reason);
    }
    let mut skip = |text: &str, count: usize| {
        if count > 0 {
            let reason = Reason { text: text.into(), path: None, count: count as u64 };
            report.coverage.skip(aspect.clone(), reason);
        }
    };
    let owned = passed.iter().filter(|(_, why)| *why == Passed::Owned).count();
    if matches!(platform, Platform::Known { .. }) {
        skip("a language package that a package of the distribution owns is matched through that", owned);
    }
    skip("a vulnerability that the vendor denies for its own package", told.denied.len());
    skip("a CVE that was taken back", told.rejected.len());
}

fn by_reason(passed: &[(usize, Passed)]) -> BTreeMap<Passed, Vec<usize>> {
    let mut all: BTreeMap<Passed, Vec<usize>> = BTreeMap::new();
    for (index, why) in passed {
        all.entry(*why).or_default().push(*index);
    }
    all
}

/// Languages of which there are packages, but no advisories; with how many packages.
fn without_advisories(report: &ScanReport, database: &Database) -> BTreeMap<Ecosystem, usize> {
    let mut all = BTreeMap::new();
    for package in report.packages.iter().filter(|p| p.owned_by.is_none()) {
        let Some(ecosystem) = language(package.kind) else { continue };
        if database.releases(ecosystem).is_empty() {
            *all.entry(ecosystem).or_default() += 1;
        }
    }
    all
}
