//! The distribution an image is made of, as `os-release(5)` names it.

use jiff::civil::Date;
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
    pub date: Date,
    /// What comes after it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
    /// True if the general support and every free extension of it ended before the day of the scan.
    pub passed: bool,
}

/// Support beyond the general one, of fewer packages or for fewer people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// What the distribution calls it: `LTS`, `ELTS`, `ESM`.
    pub name: String,
    /// Its last day.
    pub until: Date,
    /// Whether everybody gets it.
    pub free: bool,
}

impl EndOfLife {
    /// The last day on which everybody gets security updates.
    pub fn free_until(&self) -> Date {
        let free = self.extensions.iter().filter(|extension| extension.free);
        free.map(|extension| extension.until).fold(self.date, Date::max)
    }
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
