//! Exceptions: findings that someone answers for, until a day.
//!
//! An exception names its owner, its reason, its last day and what it is for. After that day the finding is back,
//! also in a report that was written before: [`is_suppressed`] asks again.

use crate::{
    error::{DocumentError, unknown},
    pattern::{self, Pattern},
    policy::check_id,
    subject::{days_since, image_names},
    yaml,
};
use gabion_model::{
    AppliedException, Finding, PackageRef, ScanReport, Standing, Suppression, SuppressionKind,
};
use jiff::civil::Date;
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeSet;

/// More exceptions in a file are refused.
const MAX_EXCEPTIONS: usize = 10_000;

/// Someone answers for some findings until a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Its name.
    pub id: String,
    /// Deferral, risk acceptance or false positive.
    pub kind: SuppressionKind,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Its last day.
    pub expires: Date,
    /// What it is for.
    pub scope: ExceptionScope,
}

/// What an exception is for: what meets all lists that are given. At least one is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExceptionScope {
    /// The finding's id is one of these.
    pub findings: Vec<String>,
    /// The finding's rule or another name of it is one of these: `CVE-2024-3094`, `CIS-DI-*`.
    pub ids: Vec<Pattern>,
    /// All packages of the finding are among these.
    pub packages: Vec<PackageScope>,
    /// The image has one of these names; see [`image_names`].
    pub images: Vec<Pattern>,
    /// All places of the finding are among these.
    pub paths: Vec<Pattern>,
}

/// A package that an exception is for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageScope {
    /// Its name, or that of its source package; upper and lower case differ where they do in its ecosystem.
    pub name: Pattern,
    /// Its version; any if it is not given.
    #[serde(default)]
    pub version: Option<Pattern>,
}

/// Whether a finding does not count on a day: what suppresses it has not expired by then.
pub fn is_suppressed(finding: &Finding, today: Date) -> bool {
    finding.suppressed.as_ref().is_some_and(|by| by.expires.is_none_or(|last| today <= last))
}

/// Suppresses the findings that exceptions are for, and puts into the report how each exception stands; one for other
/// images is not told. The first exception counts. What is suppressed already stays so, but a suppression that has expired
/// is taken away first. One whose last day is at most `soon`
/// days away expires soon.
pub fn apply(report: &mut ScanReport, exceptions: &[Exception], today: Date, soon: u32) {
    for finding in &mut report.findings {
        if !is_suppressed(finding, today) {
            finding.suppressed = None;
        }
    }
    let names = image_names(report);
    let mut applied = Vec::new();
    for exception in exceptions.iter().filter(|exception| exception.scope.is_for(&names)) {
        let in_force = today <= exception.expires;
        let mut covered = 0;
        for index in 0..report.findings.len() {
            if !exception.scope.covers(&report.findings[index], report) {
                continue;
            }
            covered += 1;
            if in_force {
                report.findings[index].suppressed.get_or_insert_with(|| Suppression {
                    kind: exception.kind,
                    source: exception.id.clone(),
                    reason: exception.reason.clone(),
                    owner: exception.owner.clone(),
                    expires: Some(exception.expires),
                });
            }
        }
        let Exception { id, kind, owner, reason, expires, scope: _ } = exception.clone();
        let standing = match covered {
            _ if !in_force => Standing::Expired,
            0 => Standing::Unused,
            _ if days_since(today, expires) <= i64::from(soon) => Standing::ExpiresSoon,
            _ => Standing::InForce,
        };
        applied.push(AppliedException { id, kind, owner, reason, expires, standing, findings: covered });
    }
    report.exceptions = applied;
}

impl Exception {
    /// Reads a file of exceptions; `file` is the name for errors.
    pub fn parse(file: &str, text: &str) -> Result<Vec<Self>, DocumentError> {
        let Document { version, exceptions } = yaml::parse(file, text)?;
        let error = |at, problem: String| DocumentError::new(file, yaml::place(at), problem);
        if version.value != 1 {
            let problem = format!("version {} is not known; this Gabion reads version 1", version.value);
            return Err(error(version.referenced, problem));
        }
        let Spanned { value: exceptions, referenced: at, .. } = exceptions;
        if exceptions.len() > MAX_EXCEPTIONS {
            return Err(error(at, format!("more than {MAX_EXCEPTIONS} exceptions")));
        }
        let mut ids = BTreeSet::new();
        let read = |Spanned { value, referenced: at, .. }: Spanned<ExceptionDocument>| {
            let exception = value.exception().map_err(|problem| error(at, problem))?;
            if ids.insert(exception.id.clone()) {
                Ok(exception)
            } else {
                Err(error(at, format!("the exception {:?} is there twice", exception.id)))
            }
        };
        exceptions.into_iter().map(read).collect()
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: Spanned<u32>,
    exceptions: Spanned<Vec<Spanned<ExceptionDocument>>>,
}

/// An exception in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExceptionDocument {
    id: String,
    kind: String,
    owner: String,
    reason: String,
    expires: Option<String>,
    scope: ExceptionScope,
}

impl ExceptionDocument {
    fn exception(self) -> Result<Exception, String> {
        let Self { id, kind, owner, reason, expires, scope } = self;
        check_id(&id)?;
        let kinds =
            [SuppressionKind::Deferral, SuppressionKind::RiskAcceptance, SuppressionKind::FalsePositive];
        let kind = kinds
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or_else(|| unknown("kind", &kind, &kinds.map(SuppressionKind::as_str)))?;
        for (what, text) in [("owner", &owner), ("reason", &reason)] {
            if text.trim().is_empty() {
                return Err(format!("the exception {id:?} has an empty {what}"));
            }
        }
        let expires = expires.ok_or_else(|| {
            format!("the exception {id:?} has no last day: give `expires: YYYY-MM-DD`; nothing is excepted for ever")
        })?;
        let expires = expires.parse().map_err(|_| {
            format!("the exception {id:?} expires on {expires:?}, which is no day of the form YYYY-MM-DD")
        })?;
        if scope.is_empty() {
            return Err(format!(
                "the exception {id:?} has an empty scope: give findings, ids, packages, images or paths"
            ));
        }
        Ok(Exception { id, kind, owner, reason, expires, scope })
    }
}

impl ExceptionScope {
    fn is_empty(&self) -> bool {
        let Self { findings, ids, packages, images, paths } = self;
        findings.is_empty() && ids.is_empty() && packages.is_empty() && images.is_empty() && paths.is_empty()
    }

    /// Whether it is for an image, by all of its names.
    fn is_for(&self, names: &[String]) -> bool {
        self.images.is_empty() || pattern::any(&self.images, names.iter().map(String::as_str))
    }

    /// Whether it is for a finding of an image that it is for.
    fn covers(&self, finding: &Finding, report: &ScanReport) -> bool {
        let v = finding.vulnerability.as_deref();
        let aliases = v.map_or(&[][..], |v| &v.aliases).iter().map(String::as_str);
        let names = std::iter::once(finding.rule.as_str()).chain(aliases);
        let packages = v.map_or(&[][..], |v| &v.packages);
        (self.findings.is_empty() || self.findings.contains(&finding.id))
            && (self.ids.is_empty() || pattern::any(&self.ids, names))
            && (self.paths.is_empty()
                || finding.evidence.iter().all(|e| pattern::any(&self.paths, [e.place.as_str()])))
            && (self.packages.is_empty()
                || !packages.is_empty() && packages.iter().all(|p| self.covers_package(p, report)))
    }

    fn covers_package(&self, package: &PackageRef, report: &ScanReport) -> bool {
        self.packages.iter().any(|PackageScope { name, version }| {
            let is = |n: &str, v: &str| {
                name.names(package.kind, n) && version.as_ref().is_none_or(|is| is.matches(v))
            };
            is(&package.name, &package.version)
                || report
                    .packages
                    .iter()
                    .filter(|known| known.name == package.name && known.version == package.version)
                    .filter_map(|known| known.source.as_ref())
                    .any(|source| is(&source.name, &source.version))
        })
    }
}
