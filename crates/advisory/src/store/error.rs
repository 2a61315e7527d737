//! What can be wrong with a database, or with changing it.

use crate::{segment::SegmentError, transfer::UpdateError};
use gabion_model::Digest;
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a database cannot be opened, or was not changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is none.
    #[error("there is no database in {0}")]
    Absent(PathBuf),
    /// Its list of segments.
    #[error("{path} is damaged")]
    Unreadable {
        /// `current.json`.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Its list of segments is of another time.
    #[error("{path} is in format {found}, this program reads format {}", super::Current::FORMAT)]
    Format {
        /// `current.json`.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// Its list of segments says something that cannot be.
    #[error("{path} is refused: {reason}")]
    Absurd {
        /// `current.json`.
        path: PathBuf,
        /// What.
        reason: &'static str,
    },
    /// A segment.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// A segment is not the one that belongs there.
    #[error("{path} has the root {found}, {root} belongs there")]
    Root {
        /// The file.
        path: PathBuf,
        /// Its root.
        found: Digest,
        /// The root that its name tells.
        root: Digest,
    },
    /// What was to become a segment of it.
    #[error(
        "{0:?} cannot be the name of a segment: want up to 64 letters a to z, digits and `-`, each name once"
    )]
    Name(String),
    /// A segment that is not there.
    #[error("{name} is no source of the database; there are {}", .known.join(", "))]
    NoSource {
        /// Which.
        name: String,
        /// What is there.
        known: Vec<String>,
    },
    /// A segment that the next update would bring back.
    #[error("the source {name} is from {from}: the next update would bring it back")]
    Published {
        /// Which.
        name: String,
        /// Where it is from.
        from: String,
    },
    /// Somebody else changes it.
    #[error("another build or update of {0} is under way")]
    Busy(PathBuf),
    /// An update.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// A file or directory.
    #[error("{path} cannot be used")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl StoreError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}
