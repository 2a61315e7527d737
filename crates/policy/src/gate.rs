//! Quick gates: `--fail-on high,fixable` without a policy file. Each gate stands alone; any that does not pass fails.

use crate::{
    evidence::{epss_gap, kev_gap, kind_gap},
    exception::is_suppressed,
    filter::Filter,
    subject::Subject,
};
use gabion_model::{
    Aspect, Finding, FindingKind, FixState, ScanReport, Severity, Status, Vulnerability, vulnerability::Share,
};
use jiff::civil::Date;
use serde::Serialize;
use std::{collections::BTreeSet, fmt, str::FromStr};

/// A gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Any vulnerability of this severity or worse.
    Severity(Severity),
    /// Any vulnerability with a fix.
    Fixable,
    /// Any vulnerability that is known to be exploited.
    Kev,
    /// Any vulnerability that will be exploited within 30 days with at least this likelihood, in per cent.
    Epss(u8),
    /// Any secret in content that is not the distribution's own.
    Secret,
    /// Any misconfiguration of this severity or worse.
    Cis(Severity),
    /// Any aspect that was asked for and is not fully covered.
    Coverage,
    /// A distribution without free security updates.
    Eol,
    /// Any finding but those that only inform.
    Any,
}

/// Not a gate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown gate {0:?}: expected {GATES}")]
pub struct UnknownGate(pub String);

/// What can be asked, for help and errors.
pub const GATES: &str = "critical, high, medium, low (vulnerabilities so severe or worse), fixable, kev, epss-PERCENT \
    (epss-10), secret, coverage, eol, any, or cis-SEVERITY (cis-critical, cis-high, cis-medium, cis-low, cis-info)";

/// What a gate says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateOutcome {
    /// The gate as it is written.
    pub gate: String,
    /// Whether the report passed it.
    pub passed: bool,
    /// Why not, in one lower-case sentence; and what the filter left out of it, also if it passed.
    pub detail: String,
}

impl Gate {
    /// Reads a list of gates, separated by commas.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, UnknownGate> {
        text.split(',').map(|word| word.trim().parse()).collect()
    }

    /// Whether a report passes. What is suppressed on this day does not count; vulnerabilities that do not pass the
    /// filter do not, either, but it is told if they would have.
    pub fn check(self, report: &ScanReport, filter: &Filter, today: Date) -> GateOutcome {
        let (count, otherwise) = self.look(&Desk { report, filter, today });
        let problem = count.problem().or(otherwise);
        let passed = problem.is_none();
        let detail: Vec<String> = problem.into_iter().chain(count.left_out()).collect();
        GateOutcome { gate: self.to_string(), passed, detail: detail.join("; ") }
    }

    /// What it is for, and why it does not pass although nothing of that was found.
    fn look(self, desk: &Desk<'_>) -> (Count, Option<String>) {
        let report = desk.report;
        let vulnerabilities = || kind_gap(FindingKind::Vulnerability, &report.coverage);
        match self {
            Self::Severity(least) => (desk.vulnerabilities(|f, _| f.severity >= least), vulnerabilities()),
            Self::Fixable => (desk.vulnerabilities(|_, v| v.fix == FixState::Fixed), vulnerabilities()),
            Self::Kev => {
                let count = desk.vulnerabilities(|_, v| v.exploited.is_some());
                (count, vulnerabilities().or_else(|| kev_gap(report)))
            }
            Self::Epss(percent) => {
                let least = Share(u32::from(percent) * 10_000);
                let count = desk.vulnerabilities(|_, v| v.epss.is_some_and(|e| e.probability >= least));
                (count, vulnerabilities().or_else(|| epss_gap(report)))
            }
            Self::Secret => (desk.count(&Filter::default(), is_secret), secret_gap(report)),
            Self::Cis(least) => {
                let is = |f: &Finding| f.kind == FindingKind::Misconfiguration && f.severity >= least;
                (desk.count(&Filter::default(), is), None)
            }
            Self::Coverage => (Count::default(), coverage(report)),
            Self::Eol => match Subject::of(report).end_of_life(desk.today) {
                Ok(false) => (Count::default(), None),
                Ok(true) => {
                    let os = report.os.as_ref().map_or("it", |os| &os.name);
                    (Count::default(), Some(format!("{os} gets no free security updates any more")))
                }
                Err(why) => (Count::default(), Some(why)),
            },
            Self::Any => {
                let is = |f: &Finding| {
                    is_secret(f) || f.kind != FindingKind::Secret && f.severity != Severity::Info
                };
                (desk.count(desk.filter, is), secret_gap(report).or_else(vulnerabilities))
            }
        }
    }
}

/// What a gate looks at.
struct Desk<'a> {
    report: &'a ScanReport,
    filter: &'a Filter,
    today: Date,
}

/// What a gate found.
#[derive(Default)]
struct Count {
    found: usize,
    /// Suppressed ones.
    excepted: usize,
    /// Those that do not pass the filter, and the flags that say so.
    left_out: usize,
    flags: BTreeSet<&'static str>,
}

impl Count {
    fn problem(&self) -> Option<String> {
        match (self.found, self.excepted) {
            (0, _) => None,
            (n, 0) => Some(format!("{n} found")),
            (n, excepted) => Some(format!("{n} found, {excepted} more excepted")),
        }
    }

    fn left_out(&self) -> Option<String> {
        let flags: Vec<&str> = self.flags.iter().copied().collect();
        (self.left_out > 0).then(|| format!("{} left out by {}", self.left_out, flags.join(" and ")))
    }
}

impl Desk<'_> {
    fn count(&self, filter: &Filter, is: impl Fn(&Finding) -> bool) -> Count {
        let mut count = Count::default();
        for finding in self.report.findings.iter().filter(|finding| is(finding)) {
            let suppressed = is_suppressed(finding, self.today);
            match filter.leaves_out(finding) {
                Some(flag) if !suppressed => {
                    count.left_out += 1;
                    count.flags.insert(flag);
                }
                Some(_) => {}
                None if suppressed => count.excepted += 1,
                None => count.found += 1,
            }
        }
        count
    }

    fn vulnerabilities(&self, is: impl Fn(&Finding, &Vulnerability) -> bool) -> Count {
        let of_kind = |f: &Finding| f.kind == FindingKind::Vulnerability;
        self.count(self.filter, |f| of_kind(f) && f.vulnerability.as_ref().is_some_and(|v| is(f, v)))
    }
}

fn is_secret(finding: &Finding) -> bool {
    finding.kind == FindingKind::Secret && finding.severity > Severity::Info
}

/// Secrets that were not looked for are not absent.
fn secret_gap(report: &ScanReport) -> Option<String> {
    let status = report.coverage.get(&Aspect::SECRETS);
    let looked = status.is_some_and(|s| matches!(s, Status::Full { .. } | Status::Partial { .. }));
    (!looked).then(|| "secrets were not looked for".into())
}

/// What was switched off, or has no data yet, was not asked for.
fn coverage(report: &ScanReport) -> Option<String> {
    let gaps: Vec<_> = report
        .coverage
        .iter()
        .filter(|(_, s)| !matches!(s, Status::Full { .. } | Status::NotEvaluated { .. }))
        .map(|(aspect, status)| format!("{aspect} is {}", status.word()))
        .collect();
    (!gaps.is_empty()).then(|| gaps.join(", "))
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Severity(severity) => severity.fmt(f),
            Self::Fixable => f.pad("fixable"),
            Self::Kev => f.pad("kev"),
            Self::Epss(percent) => write!(f, "epss-{percent}"),
            Self::Secret => f.pad("secret"),
            Self::Cis(severity) => write!(f, "cis-{severity}"),
            Self::Coverage => f.pad("coverage"),
            Self::Eol => f.pad("eol"),
            Self::Any => f.pad("any"),
        }
    }
}

impl FromStr for Gate {
    type Err = UnknownGate;

    fn from_str(text: &str) -> Result<Self, UnknownGate> {
        let unknown = || UnknownGate(text.chars().take(80).collect());
        match text.split_once('-') {
            None => match text {
                "fixable" => Ok(Self::Fixable),
                "kev" => Ok(Self::Kev),
                "secret" => Ok(Self::Secret),
                "coverage" => Ok(Self::Coverage),
                "eol" => Ok(Self::Eol),
                "any" => Ok(Self::Any),
                word => match word.parse() {
                    Ok(severity) if severity >= Severity::Low => Ok(Self::Severity(severity)),
                    _ => Err(unknown()),
                },
            },
            Some(("cis", severity)) => severity.parse().map(Self::Cis).map_err(|_| unknown()),
            Some(("epss", percent)) => match percent.parse() {
                Ok(percent @ 1..=100) => Ok(Self::Epss(percent)),
                _ => Err(unknown()),
            },
            Some(_) => Err(unknown()),
        }
    }
}
