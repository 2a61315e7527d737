//! Whose an image is: names, labels and namespaces to a team.
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
//!   - owner: search
//!     namespaces: ["search-*"]
//! ```
//!
//! The last entry that matches wins, as in a CODEOWNERS file: the general first, the special after it. Namespaces
//! are of what runs: an image is theirs if it runs nowhere else, and a scan that does not know where it runs cannot tell.

use crate::{
    error::{DocumentError, Place},
    pattern::{self, Pattern},
    yaml,
};
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;

/// More entries are refused.
const MAX_ENTRIES: usize = 10_000;

/// Whose images are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    file: String,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    place: Option<Place>,
    owner: String,
    images: Vec<Pattern>,
    labels: BTreeMap<String, Pattern>,
    namespaces: Vec<Pattern>,
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
            let EntryDocument { owner, images, labels, namespaces } = value;
            if owner.trim().is_empty() {
                Err(error(at, "the owner is empty".into()))
            } else if images.is_empty() && labels.is_empty() && namespaces.is_empty() {
                Err(error(at, format!("{owner:?} owns nothing: give images, labels or namespaces")))
            } else {
                Ok(Entry { place: yaml::place(at), owner, images, labels, namespaces })
            }
        };
        let entries = owners.value.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { file: file.to_owned(), entries })
    }

    /// Whose an image is, by all names that it has (see [`crate::image_names`]) and its labels, wherever it runs. An entry
    /// with both images and labels asks for both.
    pub fn owner_of(&self, names: &[String], labels: &BTreeMap<String, String>) -> Option<&str> {
        self.owner_in(names, labels, &[])
    }

    /// Whose an image is that runs in these namespaces, and nowhere else; what runs in none is in `""`.
    pub fn owner_in(
        &self,
        names: &[String],
        labels: &BTreeMap<String, String>,
        namespaces: &[String],
    ) -> Option<&str> {
        let entry = self.entries.iter().rev().find(|entry| entry.matches(names, labels, namespaces));
        entry.map(|entry| entry.owner.as_str())
    }

    /// Whose what runs in a namespace is, if an entry about namespaces says so.
    pub fn owner_there(
        &self,
        names: &[String],
        labels: &BTreeMap<String, String>,
        namespace: &str,
    ) -> Option<&str> {
        let there = [namespace.to_owned()];
        let mut entries = self.entries.iter().rev().filter(|entry| !entry.namespaces.is_empty());
        entries.find(|entry| entry.matches(names, labels, &there)).map(|entry| entry.owner.as_str())
    }

    /// Whether any entry is about namespaces.
    pub fn are_about_namespaces(&self) -> bool {
        self.entries.iter().any(|entry| !entry.namespaces.is_empty())
    }

    /// Whether it depends on where it runs whose such an image is.
    pub fn ask_where(&self, names: &[String], labels: &BTreeMap<String, String>) -> bool {
        let last = self.entries.iter().rev().find(|entry| entry.is_about(names, labels));
        last.is_some_and(|entry| !entry.namespaces.is_empty())
    }

    /// What in the file no image meets, where it stands and what it is: it may be a typing error. An entry that a later one
    /// overrules is met all the same.
    pub fn unmet(&self, images: &[(Vec<String>, &BTreeMap<String, String>)]) -> Vec<DocumentError> {
        let mut unmet = Vec::new();
        for entry @ Entry { place, owner, images: patterns, labels: wanted, .. } in &self.entries {
            let told = unmet.len();
            let mut tell = |problem: String| unmet.push(DocumentError::new(&self.file, *place, problem));
            for pattern in patterns {
                if !images.iter().any(|(names, _)| names.iter().any(|name| pattern.matches(name))) {
                    tell(format!("no image is named {pattern}, of which {owner:?} would be the owner"));
                }
            }
            for (label, value) in wanted {
                if !images.iter().any(|(_, labels)| has(labels, label, value)) {
                    tell(format!(
                        "no image has the label {label}={value}, of which {owner:?} would be the owner"
                    ));
                }
            }
            let met = images.iter().any(|(names, labels)| entry.is_about(names, labels));
            if !met && unmet.len() == told {
                let problem =
                    format!("no image has both a name and the labels that this entry of {owner:?} asks for");
                unmet.push(DocumentError::new(&self.file, *place, problem));
            }
        }
        unmet
    }
}

impl Entry {
    /// All of what runs in these namespaces is meant.
    fn matches(&self, names: &[String], labels: &BTreeMap<String, String>, namespaces: &[String]) -> bool {
        let is_there = |namespace: &String| pattern::any(&self.namespaces, [namespace.as_str()]);
        let where_ =
            self.namespaces.is_empty() || (!namespaces.is_empty() && namespaces.iter().all(is_there));
        where_ && self.is_about(names, labels)
    }

    /// It is such an image, wherever it runs.
    fn is_about(&self, names: &[String], labels: &BTreeMap<String, String>) -> bool {
        (self.images.is_empty() || pattern::any(&self.images, names.iter().map(String::as_str)))
            && self.labels.iter().all(|(label, value)| has(labels, label, value))
    }
}

/// Whether a label is there, with such a value.
pub(crate) fn has(labels: &BTreeMap<String, String>, label: &str, value: &Pattern) -> bool {
    labels.get(label).is_some_and(|is| value.matches(is))
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
    images: Vec<Pattern>,
    #[serde(default)]
    labels: BTreeMap<String, Pattern>,
    #[serde(default)]
    namespaces: Vec<Pattern>,
}
