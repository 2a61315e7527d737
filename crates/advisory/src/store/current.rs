//! `current.json`: which segments count.
//!
//! ```json
//! {"format":1,"created":"2026-11-22T06:00:00Z","installed":"2026-11-22T07:12:00Z",
//!  "origin":{"published":{"from":"oci://…","key":"C4B0…","sequence":7}},
//!  "segments":[{"name":"debian","root":"sha256:…"}]}
//! ```
//!
//! It is for this machine alone: nobody signs it, and who can write it can write the segments, too. But names become paths,
//! so they are looked at.

use super::StoreError;
use crate::{segment::replace::write, transfer::is_segment_name};
use gabion_model::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Bytes of the file.
const MAX: u64 = 1 << 20;

/// Which segments count, and where they are from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Current {
    format: u32,
    /// When they were built, here or by the publisher.
    pub created: Timestamp,
    /// When they were found, last, to be the newest.
    pub installed: Timestamp,
    /// Where they are from.
    pub origin: Origin,
    /// By name.
    pub segments: Vec<Named>,
}

/// Where the segments are from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Origin {
    /// They were built here.
    Built,
    /// They were fetched.
    Published {
        /// From there, as a person wrote it.
        from: String,
        /// Signed by the key with this number.
        key: String,
        /// Nothing older by the same key is taken any more.
        sequence: u64,
    },
}

/// A version of a segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its content.
    pub root: Digest,
    /// It was built here and stands beside what was fetched, so that updates leave it alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub local: bool,
}

impl Current {
    pub(super) const FORMAT: u32 = 1;

    /// Segments are put in order.
    pub(super) fn new(
        origin: Origin,
        created: Timestamp,
        installed: Timestamp,
        mut segments: Vec<Named>,
    ) -> Self {
        segments.sort();
        Self { format: Self::FORMAT, created, installed, origin, segments }
    }

    /// The file of a directory of a database.
    pub fn place(directory: &Path) -> PathBuf {
        directory.join("current.json")
    }

    /// What a directory says, if it is one of a database.
    pub(super) fn read(directory: &Path) -> Result<Option<Self>, StoreError> {
        let path = Self::place(directory);
        let file = match File::open(&path) {
            Ok(file) => file,
            // Below something that is no directory, there is nothing, either.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        let mut bytes = Vec::new();
        file.take(MAX + 1).read_to_end(&mut bytes).map_err(StoreError::io(&path))?;
        if bytes.len() as u64 > MAX {
            return Err(StoreError::Absurd { path, reason: "it is too long" });
        }
        Self::parse(&path, &bytes).map(Some)
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, StoreError> {
        #[derive(Deserialize)]
        struct OfAnyTime {
            format: u32,
        }
        let unreadable = |source| StoreError::Unreadable { path: path.to_owned(), source };
        let OfAnyTime { format } = serde_json::from_slice(bytes).map_err(unreadable)?;
        if format != Self::FORMAT {
            return Err(StoreError::Format { path: path.to_owned(), found: format });
        }
        let current: Self = serde_json::from_slice(bytes).map_err(unreadable)?;
        let absurd = |reason| Err(StoreError::Absurd { path: path.to_owned(), reason });
        if !current.segments.iter().all(|named| is_segment_name(&named.name)) {
            return absurd("it names a segment as no segment may be named");
        }
        if !current.segments.is_sorted_by(|a, b| a.name < b.name) {
            return absurd("its segments are not in order, or one is there twice");
        }
        Ok(current)
    }

    /// From here on this is what the directory says.
    pub(super) fn write(&self, directory: &Path) -> Result<(), StoreError> {
        let path = Self::place(directory);
        let bytes = serde_json::to_vec(self).expect("strings, numbers and digests can be written as JSON");
        write(&path, &bytes).map_err(StoreError::io(&path))
    }
}
