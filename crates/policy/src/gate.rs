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
use std::{fmt, str::FromStr};

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
    /// Why not, in one lower-case sentence; empty if it passed.
    pub detail: String,
}

impl Gate {
    /// Reads a list of gates, separated by commas.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, UnknownGate> {
        text.split(',').map(|word| word.trim().parse()).collect()
    }

    /// Whether a report passes. What is suppressed on this day, or does not pass the filter, does not count.
    pub fn check(self, report: &ScanReport, filter: &Filter, today: Date) -> GateOutcome {
        let problem = self.problem(&Desk { report, filter, today });
        GateOutcome { gate: self.to_string(), passed: problem.is_none(), detail: problem.unwrap_or_default() }
    }

    fn problem(self, desk: &Desk<'_>) -> Option<String> {
        let report = desk.report;
        match self {
            Self::Severity(least) => desk.vulnerability(|f, _| f.severity >= least, None),
            Self::Fixable => desk.vulnerability(|_, v| v.fix == FixState::Fixed, None),
            Self::Kev => desk.vulnerability(|_, v| v.exploited.is_some(), kev_gap(report)),
            Self::Epss(percent) => {
                let least = Share(u32::from(percent) * 10_000);
                desk.vulnerability(|_, v| v.epss.is_some_and(|e| e.probability >= least), epss_gap(report))
            }
            Self::Secret => desk.secret(),
            Self::Cis(least) => desk.count(FindingKind::Misconfiguration, |f| f.severity >= least),
            Self::Coverage => coverage(report),
            Self::Eol => match Subject::of(report).end_of_life(desk.today) {
                Ok(false) => None,
                Ok(true) => Some(format!(
                    "{} gets no free security updates any more",
                    report.os.as_ref().map_or("it", |os| &os.name)
                )),
                Err(why) => Some(why),
            },
            Self::Any => desk
                .secret()
                .or_else(|| desk.count(FindingKind::Misconfiguration, |f| f.severity != Severity::Info))
                .or_else(|| desk.count(FindingKind::Behaviour, |f| f.severity != Severity::Info))
                .or_else(|| desk.vulnerability(|f, _| f.severity != Severity::Info, None)),
        }
    }
}

/// What a gate looks at.
struct Desk<'a> {
    report: &'a ScanReport,
    filter: &'a Filter,
    today: Date,
}

impl Desk<'_> {
    fn count(&self, kind: FindingKind, is: impl Fn(&Finding) -> bool) -> Option<String> {
        let of_kind = |f: &&Finding| f.kind == kind && self.filter.counts(f) && is(f);
        let (excepted, found): (Vec<_>, Vec<_>) =
            self.report.findings.iter().filter(of_kind).partition(|f| is_suppressed(f, self.today));
        match (found.len(), excepted.len()) {
            (0, _) => None,
            (n, 0) => Some(format!("{n} found")),
            (n, excepted) => Some(format!("{n} found, {excepted} more excepted")),
        }
    }

    /// Vulnerabilities that were not looked for everywhere are not absent.
    fn vulnerability(
        &self,
        is: impl Fn(&Finding, &Vulnerability) -> bool,
        gap: Option<String>,
    ) -> Option<String> {
        let kind = FindingKind::Vulnerability;
        self.count(kind, |f| f.vulnerability.as_ref().is_some_and(|v| is(f, v)))
            .or_else(|| kind_gap(kind, &self.report.coverage))
            .or(gap)
    }

    fn secret(&self) -> Option<String> {
        self.count(FindingKind::Secret, |f| f.severity > Severity::Info).or_else(|| {
            // Secrets that were not looked for are not absent.
            let looked = self
                .report
                .coverage
                .get(&Aspect::SECRETS)
                .is_some_and(|s| matches!(s, Status::Full { .. } | Status::Partial { .. }));
            (!looked).then(|| "secrets were not looked for".into())
        })
    }
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
