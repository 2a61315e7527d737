//! Criteria: what a rule asks without an expression. All that are given must hold.
//!
//! An answer has three values. What nobody has said (no licence declared, no publication date) is neither yes nor no,
//! and a rule that rests on it can tell neither.

use crate::{
    pattern::{self, Pattern},
    subject::{Subject, days_since},
};
use gabion_model::{
    Finding, FindingKind, FixState, Package, PackageKind, PackageRef, ScanReport, Severity,
    vulnerability::{Score, Share},
};
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, de::Error as _};

/// Whether something holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No,
    /// Why it cannot be told.
    Unknown(String),
}

impl Holds {
    /// No beats unknown, unknown beats yes.
    pub(crate) fn and(self, other: impl FnOnce() -> Self) -> Self {
        match self {
            Self::No => Self::No,
            Self::Yes => other(),
            Self::Unknown(why) => match other() {
                Self::No => Self::No,
                _ => Self::Unknown(why),
            },
        }
    }

    /// A criterion that was not given holds.
    fn given<T>(criterion: Option<T>, is: impl FnOnce(T) -> Self) -> Self {
        criterion.map_or(Self::Yes, is)
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// What a finding must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FindingCriteria {
    /// One of these kinds.
    pub kinds: Vec<FindingKind>,
    /// This severe or worse.
    pub severity: Option<Severity>,
    /// Its rule (`CVE-2024-3094`, `aws-access-key-id`, `CIS-DI-4.1`) or another name of it is one of these.
    pub ids: Vec<Pattern>,
    /// One of its places is one of these paths.
    pub paths: Vec<Pattern>,
    /// There is a version that fixes it, or there is none.
    pub fixable: Option<bool>,
    /// It is known to be exploited, or is not.
    pub exploited: Option<bool>,
    /// At least this likely to be exploited, from 0 to 1. What has no score is taken as unlikely.
    #[serde(deserialize_with = "share")]
    pub epss: Option<Share>,
    /// A score of at least this, from 0 to 10. What has no score cannot be told.
    #[serde(deserialize_with = "score")]
    pub cvss: Option<Score>,
    /// Published at least this many days ago. What has no date cannot be told.
    pub published_days: Option<u32>,
}

impl FindingCriteria {
    /// The kinds that are looked for: what only vulnerabilities have is asked of these only, and what happens at run
    /// time must be named.
    pub(crate) fn kinds(&self) -> Vec<FindingKind> {
        match self.kinds.as_slice() {
            _ if self.asks_of_vulnerabilities() => vec![FindingKind::Vulnerability],
            [] => vec![FindingKind::Vulnerability, FindingKind::Secret, FindingKind::Misconfiguration],
            kinds => kinds.to_vec(),
        }
    }

    fn asks_of_vulnerabilities(&self) -> bool {
        self.fixable.is_some()
            || self.exploited.is_some()
            || self.epss.is_some()
            || self.cvss.is_some()
            || self.published_days.is_some()
    }

    pub(crate) fn hold(&self, finding: &Finding, today: Date) -> Holds {
        // Every field is named, so that none is forgotten.
        let Self { kinds: _, severity, ids, paths, fixable, exploited, epss, cvss, published_days } = self;
        let v = finding.vulnerability.as_deref();
        let aliases = v.map_or(&[][..], |v| &v.aliases).iter().map(String::as_str);
        let names = std::iter::once(finding.rule.as_str()).chain(aliases);
        let places = finding.evidence.iter().map(|evidence| evidence.place.as_str());
        let certain = self.kinds().contains(&finding.kind)
            && severity.is_none_or(|least| finding.severity >= least)
            && (ids.is_empty() || pattern::any(ids, names))
            && (paths.is_empty() || pattern::any(paths, places));
        if !certain {
            return Holds::No;
        }
        let certain = fixable.is_none_or(|want| want == v.is_some_and(|v| v.fix == FixState::Fixed))
            && exploited.is_none_or(|want| want == v.is_some_and(|v| v.exploited.is_some()))
            && epss.is_none_or(|least| v.and_then(|v| v.epss).is_some_and(|epss| epss.probability >= least));
        let rule = &finding.rule;
        Holds::from(certain)
            .and(|| {
                Holds::given(*cvss, |least| match v.and_then(|v| v.cvss.first()) {
                    Some(cvss) => (cvss.score >= least).into(),
                    None => Holds::Unknown(format!("{rule} has no CVSS score")),
                })
            })
            .and(|| {
                Holds::given(*published_days, |least| match v.and_then(|v| v.published) {
                    Some(date) => (days_since(date, today) >= i64::from(least)).into(),
                    None => Holds::Unknown(format!("{rule} has no publication date")),
                })
            })
    }
}

/// What a package must be; of a finding, one of its packages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PackageCriteria {
    /// One of these kinds.
    pub kinds: Vec<PackageKind>,
    /// Its name is one of these.
    pub names: Vec<Pattern>,
    /// Its version is one of these.
    pub versions: Vec<Pattern>,
    /// A licence that it names, alone or in an expression, is one of these. What declares none cannot be told.
    pub licenses: Vec<Pattern>,
}

impl PackageCriteria {
    pub(crate) fn hold(&self, package: &Package) -> Holds {
        self.coordinates(package.kind, &package.name, &package.version).and(|| {
            if self.licenses.is_empty() {
                Holds::Yes
            } else if package.licenses.is_empty() {
                Holds::Unknown(format!("{} {} declares no licence", package.name, package.version))
            } else {
                let of = |text: &'_ String| identifiers(text).any(|id| pattern::any(&self.licenses, [id]));
                package.licenses.iter().any(of).into()
            }
        })
    }

    /// Of one of the packages that a finding names.
    pub(crate) fn hold_of_any(&self, references: &[PackageRef], packages: &[Package]) -> Holds {
        let mut unknown = None;
        for reference in references {
            let found = packages.iter().find(|p| {
                p.kind == reference.kind && p.name == reference.name && p.version == reference.version
            });
            let holds = match found {
                Some(package) => self.hold(package),
                None => self.coordinates(reference.kind, &reference.name, &reference.version),
            };
            match holds {
                Holds::Yes => return Holds::Yes,
                Holds::Unknown(why) => unknown = unknown.or(Some(why)),
                Holds::No => {}
            }
        }
        unknown.map_or(Holds::No, Holds::Unknown)
    }

    fn coordinates(&self, kind: PackageKind, name: &str, version: &str) -> Holds {
        let Self { kinds, names, versions, licenses: _ } = self;
        ((kinds.is_empty() || kinds.contains(&kind))
            && (names.is_empty() || names.iter().any(|pattern| pattern.names(kind, name)))
            && (versions.is_empty() || pattern::any(versions, [version])))
        .into()
    }
}

/// `(MIT OR GPL-2.0-only WITH Classpath-exception-2.0)` names three things; so does the text as a whole.
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ','));
    std::iter::once(text).chain(words.filter(|word| !["", "AND", "OR", "WITH"].contains(word)))
}

/// What the image must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageCriteria {
    /// It starts as root, or does not.
    pub root: Option<bool>,
    /// Its `USER` is one of these.
    pub users: Vec<Pattern>,
    /// It is named at one of these registries.
    pub registries: Vec<Pattern>,
    /// It is named at none of these registries.
    pub registries_except: Vec<Pattern>,
    /// Its base image, told by the label or annotation `org.opencontainers.image.base.name`, or by provenance that names one
    /// image only, is one of these.
    pub bases: Vec<Pattern>,
    /// Its base image is none of these.
    pub bases_except: Vec<Pattern>,
    /// Made at least this many days ago.
    pub age_days: Option<u32>,
    /// Its layers hold at least this many MiB of files.
    pub size_mib: Option<u32>,
    /// Its distribution gets no free security updates any more, or still does.
    pub end_of_life: Option<bool>,
}

impl ImageCriteria {
    pub(crate) fn hold(&self, subject: &Subject<'_>, report: &ScanReport, today: Date) -> Holds {
        let Self {
            root,
            users,
            registries,
            registries_except,
            bases,
            bases_except,
            age_days,
            size_mib,
            end_of_life,
        } = self;
        let told = |is: Option<bool>, what: &str| match is {
            Some(is) => is.into(),
            None => Holds::Unknown(format!("{what} is not known")),
        };
        let list = |patterns: &[Pattern], is: &dyn Fn(&[Pattern]) -> Option<bool>, what: &str| {
            if patterns.is_empty() { Holds::Yes } else { told(is(patterns), what) }
        };
        let hosts = subject.registries();
        let at =
            |patterns: &[Pattern]| (!hosts.is_empty()).then(|| pattern::any(patterns, hosts.iter().copied()));
        let on = |patterns: &[Pattern]| {
            subject.base().map(|base| pattern::any(patterns, [base, crate::subject::repository(base)]))
        };
        let user = report.config.as_ref().map(|config| config.user.as_str());
        Holds::given(*root, |want| told(subject.root().map(|root| root == want), "its user"))
            .and(|| list(users, &|p| user.map(|user| pattern::any(p, [user])), "its user"))
            .and(|| list(registries, &at, "its registry"))
            .and(|| list(registries_except, &|p| at(p).map(|is| !is), "its registry"))
            .and(|| list(bases, &on, "its base image"))
            .and(|| list(bases_except, &|p| on(p).map(|is| !is), "its base image"))
            .and(|| {
                let age = subject.age_days(today);
                Holds::given(*age_days, |least| told(age.map(|age| age >= i64::from(least)), "its age"))
            })
            .and(|| Holds::given(*size_mib, |least| (subject.bytes() >> 20 >= u64::from(least)).into()))
            .and(|| {
                Holds::given(*end_of_life, |want| match subject.end_of_life(today) {
                    Ok(is) => (is == want).into(),
                    Err(why) => Holds::Unknown(why),
                })
            })
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Share>, D::Error> {
    within(deserializer, 1.0).map(|share| Some(Share(parts(share, 1e6))))
}

fn score<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Score>, D::Error> {
    within(deserializer, 10.0).map(|score| Some(Score(parts(score, 10.0) as u8)))
}

/// How many parts of a unit a number is, rounded.
fn parts(number: f64, unit: f64) -> u32 {
    #[expect(clippy::cast_sign_loss, reason = "`within` lets no negative number pass, and a cast saturates")]
    let parts = (number * unit).round() as u32;
    parts
}

fn within<'de, D: Deserializer<'de>>(deserializer: D, most: f64) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if (0.0..=most).contains(&number) {
        Ok(number)
    } else {
        Err(D::Error::custom(format!("expected a number from 0 to {most}, found {number}")))
    }
}
