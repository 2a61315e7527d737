//! The distribution an image is made of, as `os-release(5)` names it.

use serde::{Deserialize, Serialize};

/// A distribution and its release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsRelease {
    /// `ID`: `debian`, `alpine`, `rhel`, ...
    pub id: String,
    /// `VERSION_ID`: `12`, `3.20.1`; absent for rolling releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `VERSION_CODENAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codename: Option<String>,
    /// `PRETTY_NAME`, or a name made of the above.
    pub name: String,
    /// `ID_LIKE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub like: Vec<String>,
    /// End of life, when Gabion knows the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_of_life: Option<EndOfLife>,
    /// The file that told.
    pub path: String,
}

/// When a release stops, or stopped, receiving free security updates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndOfLife {
    /// Last day of the general security support.
    pub date: jiff::civil::Date,
    /// Last day of the extended (LTS, ELTS, ESM) support, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extended: Option<jiff::civil::Date>,
    /// True if `date` is before the day of the scan.
    pub passed: bool,
}

impl OsRelease {
    /// `debian-12`, as the `distro` qualifier of a package URL.
    pub fn distro(&self) -> String {
        match &self.version {
            Some(version) => format!("{}-{version}", self.id),
            None => self.id.clone(),
        }
    }
}
