//! How exceptions stand: which of them do something, and which someone must look at.

use crate::vulnerability::SuppressionKind;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// An exception that is for what was scanned, and how it stands on the day of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedException {
    /// Its name.
    pub id: String,
    /// Deferral, risk acceptance or false positive.
    pub kind: SuppressionKind,
    /// Who answers for it.
    pub owner: String,
    /// Why it was made.
    pub reason: String,
    /// Its last day.
    pub expires: Date,
    /// How it stands.
    pub standing: Standing,
    /// How many findings it is for: those that it covers, or would if it had not expired.
    pub findings: u64,
}

/// How an exception stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Its last day is past, and it does nothing.
    Expired,
    /// It covers something, and not for long any more.
    ExpiresSoon,
    /// It is for nothing that was found.
    Unused,
    /// It covers something.
    InForce,
}

impl Standing {
    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::ExpiresSoon => "expires-soon",
            Self::Unused => "unused",
            Self::InForce => "in-force",
        }
    }
}
