//! A finding: the unit of triage.

use crate::{
    digest::Digest,
    package::PackageRef,
    vulnerability::{Suppression, Vulnerability},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// How much it matters. Ordered from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nobody has rated it.
    Unknown,
    /// Worth knowing, nothing to do.
    Info,
    /// Fix it when you pass by.
    Low,
    /// Plan it.
    Medium,
    /// Fix it soon.
    High,
    /// Fix it now.
    Critical,
}

impl Severity {
    /// All severities, worst first.
    pub const WORST_FIRST: [Self; 6] =
        [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info, Self::Unknown];

    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        Self::WORST_FIRST
            .into_iter()
            .find(|severity| severity.as_str().eq_ignore_ascii_case(s))
            .ok_or_else(|| format!("unknown severity {s:?}"))
    }
}

/// What kind of finding it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingKind {
    /// An advisory matches a package.
    Vulnerability,
    /// A credential lies in the image.
    Secret,
    /// The image departs from a benchmark.
    Misconfiguration,
    /// A workload did what it should not.
    Behaviour,
}

impl FindingKind {
    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vulnerability => "vulnerability",
            Self::Secret => "secret",
            Self::Misconfiguration => "misconfiguration",
            Self::Behaviour => "behaviour",
        }
    }
}

/// What shows that a finding is true.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// A path inside the image, or the place in the configuration: `env:NAME`, `label:NAME`, `history:3`, `config:User`.
    pub place: String,
    /// Line in the file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Index into [`crate::ScanReport::layers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// What was seen there, with secrets redacted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The package that is affected, for a vulnerability; else the OS package that ships the file, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageRef>,
    /// A later layer deletes or replaces the file; it can still be extracted from the image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

/// Something to triage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable: the same fact about the same image content has the same id in every scan.
    pub id: String,
    /// What kind.
    pub kind: FindingKind,
    /// The rule: `aws-access-key-id`, `CIS-DI-4.1`, `CVE-2024-3094`.
    pub rule: String,
    /// One line, sentence case, no final stop.
    pub title: String,
    /// How much it matters.
    pub severity: Severity,
    /// What shows it. Several places are several pieces of evidence of one finding only for misconfigurations, and
    /// for a vulnerability, which has one for each affected package. Never empty.
    pub evidence: Vec<Evidence>,
    /// What to do about it, in one or two sentences.
    pub fix: String,
    /// What it rests on, if it is a vulnerability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vulnerability: Option<Box<Vulnerability>>,
    /// Why it does not count, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppression>,
}

impl Finding {
    /// Makes the stable id from what identifies the fact. The digest function is passed in, so that the
    /// model needs no hash of its own.
    pub fn stable_id(
        digest: impl Fn(&[u8]) -> Digest,
        kind: FindingKind,
        rule: &str,
        parts: &[&str],
    ) -> String {
        let mut text = format!("{}\0{rule}", kind.as_str());
        for part in parts {
            text.push('\0');
            text.push_str(part);
        }
        let prefix = match kind {
            FindingKind::Vulnerability => "V",
            FindingKind::Secret => "S",
            FindingKind::Misconfiguration => "M",
            FindingKind::Behaviour => "B",
        };
        format!("{prefix}-{}", digest(text.as_bytes()).short())
    }
}
