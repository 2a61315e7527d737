//! `.gabion.yaml`: what a project asks of its scans, so that nobody has to remember flags. Flags and environment
//! variables win over it.

use crate::{
    error::DocumentError,
    filter::{Filter, Severities},
    gate::Gate,
    yaml,
};
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{fmt::Display, path::PathBuf, str::FromStr};

/// The name of the file, in the directory where the scan is started.
pub const PROJECT_FILE: &str = ".gabion.yaml";

/// The configuration of a project. Paths are as written: relative to the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProjectConfig {
    /// The policy.
    pub policy: Option<PathBuf>,
    /// Quick gates.
    #[serde(deserialize_with = "words")]
    pub fail_on: Vec<Gate>,
    /// Only these severities.
    #[serde(deserialize_with = "severities")]
    pub severity: Severities,
    /// No vulnerabilities without a fix.
    pub ignore_unfixed: bool,
    /// Files of exceptions.
    pub exceptions: Vec<PathBuf>,
    /// Tell of exceptions whose last day is at most so many days away.
    pub expires_within: Option<u32>,
    /// VEX documents.
    pub vex: Vec<PathBuf>,
    /// The file that tells whose an image is.
    pub owners: Option<PathBuf>,
    /// The vulnerability database.
    pub db: Option<PathBuf>,
}

impl ProjectConfig {
    /// Reads a configuration; `file` is the name for errors. An empty file is an empty configuration.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let says_nothing = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if text.len() < 4096 && text.lines().all(says_nothing) {
            return Ok(Self::default());
        }
        yaml::parse(file, text)
    }

    /// Which findings count.
    pub fn filter(&self) -> Filter {
        Filter { severities: self.severity.clone(), ignore_unfixed: self.ignore_unfixed }
    }
}

fn words<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let words = Vec::<String>::deserialize(deserializer)?;
    words.iter().map(|word| word.parse().map_err(D::Error::custom)).collect()
}

fn severities<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Severities, D::Error> {
    words::<D, Severities>(deserializer)
        .map(|lists| Severities(lists.into_iter().flat_map(|list| list.0).collect()))
}
