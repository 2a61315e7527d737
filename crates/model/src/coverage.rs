//! What was looked at, and what was not.
//!
//! A scanner that prints "0 findings" for an image it could not read is worse than none. So every result
//! carries a [`Coverage`]: one [`Status`] for each [`Aspect`], and the worst one decides how the whole is
//! shown. Only [`Status::Full`] may ever be rendered as clean.

use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap, fmt};

/// What a status speaks of: `files`, `packages.os`, `packages.java`, `secrets`, `config`, `vulnerabilities`, ...
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Aspect(Cow<'static, str>);

impl Aspect {
    /// The layers themselves: every entry was read and verified.
    pub const FILES: Self = Self::named("files");
    /// The operating system and its release.
    pub const OS: Self = Self::named("os");
    /// Packages of the distribution's package manager.
    pub const PACKAGES_OS: Self = Self::named("packages.os");
    /// Programs recognised by what is in the binary.
    pub const PACKAGES_BINARY: Self = Self::named("packages.binary");
    /// Secrets in files, environment, labels and history.
    pub const SECRETS: Self = Self::named("secrets");
    /// Image configuration and CIS checks.
    pub const CONFIG: Self = Self::named("config");
    /// Known vulnerabilities of the packages.
    pub const VULNERABILITIES: Self = Self::named("vulnerabilities");

    /// An aspect known at compile time.
    pub const fn named(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// An aspect whose name was read from somewhere.
    pub const fn new(name: String) -> Self {
        Self(Cow::Owned(name))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One reason why an aspect is not fully covered.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// One lower-case sentence.
    pub text: String,
    /// The first file it concerns, if it concerns files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many files or records it concerns; 1 when it is a single fact.
    pub count: u64,
}

impl Reason {
    /// A reason about the aspect as a whole.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), path: None, count: 1 }
    }

    /// A reason about one file.
    pub fn at(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { text: text.into(), path: Some(path.into()), count: 1 }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.path, self.count) {
            (Some(path), 0 | 1) => write!(f, "{path}: {}", self.text),
            (Some(path), n) => write!(f, "{path} and {} more: {}", n - 1, self.text),
            (None, 0 | 1) => f.write_str(&self.text),
            (None, n) => write!(f, "{} ({n}×)", self.text),
        }
    }
}

/// How far one aspect was covered. Ordered from best to worst.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// Everything that exists was looked at. `skipped` lists what was left out by design (binary files in a
    /// text scan, say): it is told, but is no gap.
    Full {
        /// Left out by design.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        skipped: Vec<Reason>,
    },
    /// Looked at in part; the rest, and why, is in the reasons.
    Partial {
        /// Why it is partial; never empty.
        reasons: Vec<Reason>,
        /// Left out by design.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        skipped: Vec<Reason>,
    },
    /// Not looked at because it was not asked for or its data is absent.
    NotEvaluated {
        /// Why.
        reason: String,
    },
    /// Gabion does not know this kind of thing.
    Unsupported {
        /// What it is.
        reason: String,
    },
    /// It was tried, and failed as a whole.
    Failed {
        /// Why.
        reason: String,
    },
}

impl Status {
    /// Everything, and nothing left out.
    pub const fn full() -> Self {
        Self::Full { skipped: Vec::new() }
    }

    /// The word for it in every output.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Full { .. } => "full",
            Self::Partial { .. } => "partial",
            Self::NotEvaluated { .. } => "not evaluated",
            Self::Unsupported { .. } => "unsupported",
            Self::Failed { .. } => "failed",
        }
    }

    /// Only this may be shown as clean.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }

    /// 0 is best.
    const fn rank(&self) -> u8 {
        match self {
            Self::Full { .. } => 0,
            Self::NotEvaluated { .. } => 1,
            Self::Partial { .. } => 2,
            Self::Unsupported { .. } => 3,
            Self::Failed { .. } => 4,
        }
    }

    /// Why it is not full, as sentences.
    pub fn reasons(&self) -> Vec<Cow<'_, str>> {
        match self {
            Self::Full { .. } => Vec::new(),
            Self::Partial { reasons, .. } => reasons.iter().map(|r| Cow::Owned(r.to_string())).collect(),
            Self::NotEvaluated { reason } | Self::Unsupported { reason } | Self::Failed { reason } => {
                vec![Cow::Borrowed(reason)]
            }
        }
    }

    /// What was left out by design.
    pub fn skipped(&self) -> &[Reason] {
        match self {
            Self::Full { skipped } | Self::Partial { skipped, .. } => skipped,
            _ => &[],
        }
    }
}

/// The status of every aspect of one result.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Coverage(BTreeMap<Aspect, Status>);

impl Coverage {
    /// States that an aspect was looked at in full, unless something worse is known already.
    pub fn full(&mut self, aspect: Aspect) {
        self.0.entry(aspect).or_insert_with(Status::full);
    }

    /// Replaces the status of an aspect.
    pub fn set(&mut self, aspect: Aspect, status: Status) {
        self.0.insert(aspect, status);
    }

    /// Adds a reason why an aspect is only partly covered. Reasons with the same text are counted, not repeated.
    pub fn gap(&mut self, aspect: Aspect, reason: Reason) {
        match self.0.entry(aspect).or_insert_with(Status::full) {
            status @ Status::Full { .. } => {
                let skipped = status.skipped().to_vec();
                *status = Status::Partial { reasons: vec![reason], skipped };
            }
            Status::Partial { reasons, .. } => add(reasons, reason),
            // Already worse than partial: the reason would not be heard.
            Status::NotEvaluated { .. } | Status::Unsupported { .. } | Status::Failed { .. } => {}
        }
    }

    /// Adds something that is left out by design.
    pub fn skip(&mut self, aspect: Aspect, reason: Reason) {
        match self.0.entry(aspect).or_insert_with(Status::full) {
            Status::Full { skipped } | Status::Partial { skipped, .. } => add(skipped, reason),
            Status::NotEvaluated { .. } | Status::Unsupported { .. } | Status::Failed { .. } => {}
        }
    }

    /// The status of an aspect.
    pub fn get(&self, aspect: &Aspect) -> Option<&Status> {
        self.0.get(aspect)
    }

    /// All aspects, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Aspect, &Status)> {
        self.0.iter()
    }

    /// The aspect that is covered worst; none when nothing was recorded at all.
    pub fn worst(&self) -> Option<(&Aspect, &Status)> {
        // max_by_key returns the last of equals; reverse so that the first by name is told.
        self.0.iter().rev().max_by_key(|(_, status)| status.rank())
    }

    /// True only if at least one aspect is recorded and all of them are full.
    pub fn is_full(&self) -> bool {
        !self.0.is_empty() && self.0.values().all(Status::is_full)
    }

    /// Takes over another result's aspects, merging reasons.
    pub fn merge(&mut self, other: Self) {
        for (aspect, status) in other.0 {
            match status {
                Status::Full { skipped } => {
                    self.full(aspect.clone());
                    for reason in skipped {
                        self.skip(aspect.clone(), reason);
                    }
                }
                Status::Partial { reasons, skipped } => {
                    for reason in reasons {
                        self.gap(aspect.clone(), reason);
                    }
                    for reason in skipped {
                        self.skip(aspect.clone(), reason);
                    }
                }
                worse => {
                    let rank = self.0.get(&aspect).map_or(0, Status::rank);
                    if worse.rank() >= rank {
                        self.0.insert(aspect, worse);
                    }
                }
            }
        }
    }
}

fn add(reasons: &mut Vec<Reason>, reason: Reason) {
    match reasons.iter_mut().find(|r| r.text == reason.text) {
        Some(known) => known.count += reason.count,
        None => reasons.push(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_recorded_is_not_full() {
        assert!(!Coverage::default().is_full());
    }

    #[test]
    fn a_gap_is_never_undone_by_full() {
        let mut coverage = Coverage::default();
        coverage.gap(Aspect::SECRETS, Reason::at("etc/x", "too large"));
        coverage.full(Aspect::SECRETS);
        coverage.gap(Aspect::SECRETS, Reason::at("etc/y", "too large"));
        assert!(!coverage.is_full());
        let status = coverage.get(&Aspect::SECRETS).expect("recorded");
        assert_eq!(status.reasons(), ["etc/x and 1 more: too large"]);
    }

    #[test]
    fn the_worst_aspect_decides() {
        let mut coverage = Coverage::default();
        coverage.full(Aspect::FILES);
        coverage.set(Aspect::VULNERABILITIES, Status::NotEvaluated { reason: "no database".into() });
        assert_eq!(coverage.worst().expect("some").0, &Aspect::VULNERABILITIES);
        coverage.set(Aspect::OS, Status::Failed { reason: "x".into() });
        assert_eq!(coverage.worst().expect("some").0, &Aspect::OS);
    }
}
