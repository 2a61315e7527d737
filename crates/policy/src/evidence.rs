//! What a rule rests on: the aspects that must be fully covered, and the feeds that must have been there, before
//! "nothing found" means anything.

use crate::{
    pattern,
    policy::{Rule, Trigger},
};
use gabion_model::{Aspect, Coverage, FindingKind, ScanReport, Status};

/// Kind of the feed that tells what is exploited; see `gabion-advisory`.
const KEV: &str = "kev";
/// Kind of the feed that tells how likely it is.
const EPSS: &str = "epss";

/// What a rule speaks of and was not fully looked at, one clause each.
pub(crate) fn gaps(rule: &Rule, report: &ScanReport) -> Vec<String> {
    let mut gaps = Vec::new();
    match &rule.trigger {
        Trigger::Image => {}
        Trigger::Package(_) => gaps.extend(package_gap(&report.coverage)),
        Trigger::Finding(criteria, _) => {
            let kinds = criteria.kinds();
            gaps.extend(kinds.iter().filter_map(|kind| kind_gap(*kind, &report.coverage)));
            if kinds.contains(&FindingKind::Vulnerability) {
                let reads = |field| rule.when.as_ref().is_some_and(|when| when.reads_of_finding(field));
                let kev = criteria.exploited.is_some() || reads("exploited") || reads("ransomware");
                let epss = criteria.epss.is_some() || reads("epss") || reads("epss_percentile");
                gaps.extend(kev.then(|| kev_gap(report)).flatten());
                gaps.extend(epss.then(|| epss_gap(report)).flatten());
            }
        }
    }
    gaps
}

/// Of the aspects that a rule names, those that are not full. What a name without stars means is there, or is a gap.
pub(crate) fn coverage_gaps(rule: &Rule, report: &ScanReport) -> Vec<String> {
    let named = |aspect: &Aspect| pattern::any(&rule.coverage, [aspect.as_str()]);
    let recorded = report.coverage.iter().filter(|(aspect, status)| named(aspect) && !status.is_full());
    let mut gaps: Vec<_> = recorded.map(|(aspect, status)| sentence(aspect.as_str(), Some(status))).collect();
    for pattern in &rule.coverage {
        if !report.coverage.iter().any(|(aspect, _)| pattern.matches(aspect.as_str())) {
            gaps.push(format!("nothing is recorded of {pattern}"));
        }
    }
    gaps
}

/// Why "no finding of this kind" would mean nothing.
pub(crate) fn kind_gap(kind: FindingKind, coverage: &Coverage) -> Option<String> {
    let aspect = match kind {
        FindingKind::Vulnerability => Aspect::VULNERABILITIES,
        FindingKind::Secret => Aspect::SECRETS,
        FindingKind::Misconfiguration => Aspect::CONFIG,
        // Whatever is watched is named after it: `runtime.exec`.
        FindingKind::Behaviour => {
            let mut watched = coverage.iter().filter(|(aspect, _)| aspect.as_str().starts_with("runtime."));
            let Some(first) = watched.next() else { return Some("nothing was watched at run time".into()) };
            let mut all = std::iter::once(first).chain(watched);
            return all.find(|(_, status)| !status.is_full()).map(|(a, s)| sentence(a.as_str(), Some(s)));
        }
    };
    let status = coverage.get(&aspect);
    (!status.is_some_and(Status::is_full)).then(|| sentence(aspect.as_str(), status))
}

/// Why "no such package" would mean nothing. What was not asked for (packages of the system in a source tree) is no
/// gap, unless nothing was.
fn package_gap(coverage: &Coverage) -> Option<String> {
    let packages = coverage.iter().filter(|(aspect, _)| aspect.as_str().starts_with("packages."));
    let asked: Vec<_> = packages.filter(|(_, s)| !matches!(s, Status::NotEvaluated { .. })).collect();
    if asked.is_empty() {
        return Some("packages were not looked for".into());
    }
    let gap = asked.into_iter().find(|(_, status)| !status.is_full());
    gap.map(|(aspect, status)| sentence(aspect.as_str(), Some(status)))
}

/// Why "not known to be exploited" would mean nothing.
pub(crate) fn kev_gap(report: &ScanReport) -> Option<String> {
    let there = report.database.iter().any(|source| source.kind == KEV);
    (!there).then(|| "the database has no catalogue of known exploited vulnerabilities".into())
}

/// Why "not likely to be exploited" would mean nothing.
pub(crate) fn epss_gap(report: &ScanReport) -> Option<String> {
    let there = report.database.iter().any(|source| source.kind == EPSS);
    (!there).then(|| "the database has no EPSS scores".into())
}

/// `secrets is partial: var/big and 2 more: too large`.
fn sentence(aspect: &str, status: Option<&Status>) -> String {
    let Some(status) = status else { return format!("{aspect} was not looked at") };
    match status.reasons().as_slice() {
        [] => format!("{aspect} is {}", status.word()),
        [reason] => format!("{aspect} is {}: {reason}", status.word()),
        [reason, rest @ ..] => {
            format!("{aspect} is {}: {reason}, and {} more reasons", status.word(), rest.len())
        }
    }
}
