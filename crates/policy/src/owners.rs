//! Whose an image is: names and labels to a team.
//!
//! ```yaml
//! version: 1
//! owners:
//!   - owner: platform
//!     images: ["registry.example/**"]
//!   - owner: shop
//!     images: ["registry.example/shop/**"]
//!   - owner: payments
//!     labels: { team: payments }
//! ```
//!
//! The last entry that matches wins, as in a CODEOWNERS file: the general first, the special after it.

use crate::{error::DocumentError, pattern, policy::Scope, yaml};
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;

/// More entries are refused.
const MAX_ENTRIES: usize = 10_000;

/// Whose images are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    owner: String,
    scope: Scope,
}

impl Owners {
    /// Reads the file; `file` is the name for errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        let Document { version, owners } = yaml::parse(file, text)?;
        let error = |at, problem: String| DocumentError::new(file, yaml::place(at), problem);
        if version.value != 1 {
            let problem = format!("version {} is not known; this Gabion reads version 1", version.value);
            return Err(error(version.referenced, problem));
        }
        if owners.value.len() > MAX_ENTRIES {
            return Err(error(owners.referenced, format!("more than {MAX_ENTRIES} owners")));
        }
        let read = |Spanned { value, referenced: at, .. }: Spanned<EntryDocument>| {
            let EntryDocument { owner, images, labels } = value;
            if owner.trim().is_empty() {
                Err(error(at, "the owner is empty".into()))
            } else if images.is_empty() && labels.is_empty() {
                Err(error(at, format!("{owner:?} owns nothing: give images or labels")))
            } else {
                Ok(Entry { owner, scope: Scope { images, labels } })
            }
        };
        owners.value.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whose an image is, by all names that it has (see [`crate::image_names`]) and its labels. An entry with both
    /// images and labels asks for both.
    pub fn owner_of(&self, names: &[String], labels: &BTreeMap<String, String>) -> Option<&str> {
        let entry = self.0.iter().rev().find(|Entry { scope: Scope { images, labels: wanted }, .. }| {
            (images.is_empty() || pattern::any(images, names.iter().map(String::as_str)))
                && wanted.iter().all(|(label, value)| labels.get(label).is_some_and(|is| value.matches(is)))
        });
        entry.map(|entry| entry.owner.as_str())
    }
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: Spanned<u32>,
    owners: Spanned<Vec<Spanned<EntryDocument>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryDocument {
    owner: String,
    #[serde(default)]
    images: Vec<pattern::Pattern>,
    #[serde(default)]
    labels: BTreeMap<String, pattern::Pattern>,
}
