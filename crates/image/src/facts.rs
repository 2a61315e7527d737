//! What one file of one layer told, before anything is known about the layers above and below.
//!
//! A fact belongs to the file it was read from. [`crate::assemble`] keeps the facts of the files that are
//! visible in the final tree, joins those that speak of the same package, and adds layer and owner.

use gabion_model::{Aspect, OsRelease, Package, symbols::SymbolSet};
use serde::{Deserialize, Serialize};

/// One thing that a file told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// It is an `os-release` or its like.
    Os(#[serde(with = "as_json")] OsRelease),
    /// It is, or lists, an installed package.
    Package {
        /// The package. Without locations, this file is its location.
        #[serde(with = "as_json")]
        package: Package,
        /// Image paths of the files it owns, without leading slash.
        files: Vec<String>,
    },
    /// It lists files of the package whose record lies beside it (dpkg `.list`, pacman `files`, Python
    /// `RECORD`): image paths without leading slash.
    Owns(Vec<String>),
    /// It states the licences of the package it belongs to (Debian `copyright`).
    Licenses(Vec<String>),
    /// It holds user accounts.
    Accounts(Vec<Account>),
    /// It holds a credential.
    Secret(SecretMatch),
    /// It is a Go program with these functions.
    Functions(SymbolSet),
    /// Something in it could not be looked at.
    Gap {
        /// What is incomplete therefore.
        #[serde(with = "as_json")]
        aspect: Aspect,
        /// One lower-case sentence, without the path.
        reason: String,
    },
    /// Something in it was left out by design.
    Skipped {
        /// What it would have told about.
        #[serde(with = "as_json")]
        aspect: Aspect,
        /// One lower-case sentence, without the path.
        reason: String,
    },
}

impl Fact {
    /// How many things it tells, for the limit on all of them.
    pub fn count(&self) -> u64 {
        1 + match self {
            Self::Package { files, .. } => files.len() as u64,
            Self::Owns(list) | Self::Licenses(list) => list.len() as u64,
            Self::Accounts(list) => list.len() as u64,
            _ => 0,
        }
    }
}

/// One line of `passwd`, or of `shadow`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Numeric user; absent in `shadow`.
    pub uid: Option<u32>,
    /// Whether the password field is empty: anyone may log in.
    pub empty_password: bool,
    /// Whether the field holds a usable hash (neither locked nor empty).
    pub has_password: bool,
    /// Login shell; empty in `shadow`.
    pub shell: String,
}

/// A credential in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretMatch {
    /// Id of the rule.
    pub rule: String,
    /// Line, from 1; 0 for a value that has no lines.
    pub line: u64,
    /// The line around it, cut to about 100 characters, with the secret itself replaced by `****`, at most its first four
    /// characters left where they are a public prefix (`AKIA****`).
    pub excerpt: String,
    /// First 8 hexadecimal digits of the SHA-256 of rule and secret: enough to tell two apart, too little to test guesses.
    pub fingerprint: String,
}

/// Collects the facts of one file.
#[derive(Debug, Default)]
pub struct Facts {
    /// What was told so far.
    pub list: Vec<Fact>,
}

impl Facts {
    /// An installed package and the files it owns.
    pub fn package(&mut self, package: Package, files: Vec<String>) {
        self.list.push(Fact::Package { package, files });
    }

    /// Anything else.
    pub fn push(&mut self, fact: Fact) {
        self.list.push(fact);
    }

    /// Something that could not be looked at.
    pub fn gap(&mut self, aspect: Aspect, reason: impl Into<String>) {
        self.list.push(Fact::Gap { aspect, reason: reason.into() });
    }

    /// The packages told so far.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.list.iter().filter_map(|fact| match fact {
            Fact::Package { package, .. } => Some(package),
            _ => None,
        })
    }
}

/// Types of the model leave out empty fields, which only a self-describing format can read back.
mod as_json {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(value).map_err(serde::ser::Error::custom)?;
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(d: D) -> Result<T, D::Error> {
        let text = String::deserialize(d)?;
        serde_json::from_str(&text).map_err(serde::de::Error::custom)
    }
}
