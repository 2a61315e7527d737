//! `--severity` and `--ignore-unfixed`: which findings are shown and counted by quick gates.

use gabion_model::{Finding, FindingKind, FixState, Severity};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// Which findings count; all of them by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only these severities, if any is given.
    pub severities: Severities,
    /// No vulnerabilities without a fix.
    pub ignore_unfixed: bool,
}

impl Filter {
    /// Whether a finding counts.
    pub fn counts(&self, finding: &Finding) -> bool {
        self.leaves_out(finding).is_none()
    }

    /// The flag for which a finding does not count; none if it does.
    pub(crate) fn leaves_out(&self, finding: &Finding) -> Option<&'static str> {
        let Self { severities, ignore_unfixed } = self;
        let unfixed = || {
            finding.kind == FindingKind::Vulnerability
                && finding.vulnerability.as_ref().is_none_or(|v| v.fix != FixState::Fixed)
        };
        if !severities.0.is_empty() && !severities.0.contains(&finding.severity) {
            Some("--severity")
        } else if *ignore_unfixed && unfixed() {
            Some("--ignore-unfixed")
        } else {
            None
        }
    }
}

/// A list of severities, worst first: `critical,high`. Empty means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Severities(pub BTreeSet<Severity>);

impl FromStr for Severities {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Severity::WORST_FIRST.map(Severity::as_str);
        let read = |word: &str| {
            word.trim().parse().map_err(|_| crate::error::unknown("severity", word.trim(), &known))
        };
        text.split(',').map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Severities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.0.iter().rev().map(|severity| severity.as_str()).collect();
        f.pad(&words.join(","))
    }
}
