//! The database on a client's disk: several segments that change all at once, or not at all.
//!
//! ```text
//!  DIR/current.json             which segments count, by root; where they came from; replaced last, by one rename
//!  DIR/segments/NAME-ROOT.seg   never changed; a new version is another file
//! ```
//!
//! **Readers** take no lock. They read `current.json` and map what it names. If a file is gone by then, a change came between: they
//! read it again. What they have mapped stays readable after it is unlinked, for as long as they hold it.
//!
//! **Writers** hold a lock on `DIR` ([`Change`]): a build and an update exclude each other, whoever comes second is told so.
//! Killed at any point, `current.json` names the old segments or the new ones, and those files are on the disk. What else lies in
//! `segments` is used by the next update, if it is part of what that fetches, or removed.
//!
//! ```text
//!  build    Change::begin ─► Builder::finish(change.place(NAME)) … ─► install, add ─┐
//!  update   Change::begin ─► manifest ─► each segment to NAME-ROOT.seg ─────────────┤
//!  remove   Change::begin ─► remove ────────────────────────────────────────────────┴► current.json ─► remove the old
//! ```
//!
//! A database that was fetched is its publisher's: what is added to it here is marked, and updates leave it alone; what came
//! with it cannot be replaced or removed, as the next update would bring it back.

mod change;
mod current;
mod error;
mod update;

#[cfg(test)]
pub(crate) mod tests;

pub use change::Change;
pub use current::{Current, Named, Origin};
pub use error::StoreError;
pub use update::{Event, Report, Upstream};

use crate::{
    segment::{Segment, SegmentError},
    transfer::{self, Manifest, PublishError},
};
use jiff::{SignedDuration, Timestamp};
use std::{
    io,
    path::{Path, PathBuf},
};

/// An open database. It stays what it is, whatever happens to the directory.
#[derive(Debug)]
pub struct Store {
    current: Current,
    /// In the order of `current`.
    segments: Vec<Segment>,
}

impl Store {
    /// Opens every segment that counts.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let absent = || StoreError::Absent(directory.to_owned());
        let mut current = Current::read(directory)?.ok_or_else(absent)?;
        loop {
            match open_all(directory, &current) {
                Ok(segments) => return Ok(Self { current, segments }),
                Err(error) if is_gone(&error) => {
                    let again = Current::read(directory)?.ok_or_else(absent)?;
                    if again == current {
                        return Err(error);
                    }
                    current = again;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What `current.json` says.
    pub const fn current(&self) -> &Current {
        &self.current
    }

    /// The segments by name.
    pub fn segments(&self) -> impl Iterator<Item = (&str, &Segment)> {
        let names = self.current.segments.iter().map(|named| named.name.as_str());
        names.zip(&self.segments)
    }

    /// The segments alone, in the order of their names.
    pub fn into_segments(self) -> Vec<Segment> {
        self.segments
    }

    /// One segment.
    pub fn segment(&self, name: &str) -> Option<&Segment> {
        self.segments().find_map(|(found, segment)| (found == name).then_some(segment))
    }

    /// How long ago its content was put together, here or by its publisher.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.current.created)
    }

    /// Lays out what a server offers, with deltas from what was published in that directory before; see
    /// [`publish`](crate::transfer::publish). It is as old as what is in it, however late it is published.
    pub fn publish(
        &self,
        directory: &Path,
        keep: usize,
        sign: impl FnOnce(&[u8]) -> Result<String, Box<dyn std::error::Error + Send + Sync>>,
    ) -> Result<Manifest, PublishError> {
        let segments: Vec<_> = self.segments().collect();
        transfer::publish(directory, &segments, self.current.created, keep, sign)
    }

    /// Reads and checks all of every segment, one with each step of the iterator.
    pub fn verify(&self) -> impl Iterator<Item = (&str, Result<(), SegmentError>)> {
        self.segments().map(|(name, segment)| (name, segment.verify()))
    }
}

fn open_all(directory: &Path, current: &Current) -> Result<Vec<Segment>, StoreError> {
    current.segments.iter().map(|named| open(directory, named)).collect()
}

fn open(directory: &Path, named: &Named) -> Result<Segment, StoreError> {
    let path = place(directory, named);
    let segment = Segment::open(&path)?;
    if segment.root() == named.root {
        Ok(segment)
    } else {
        Err(StoreError::Root { path, found: segment.root(), root: named.root })
    }
}

/// Where a version of a segment is, or would be.
fn place(directory: &Path, Named { name, root, local: _ }: &Named) -> PathBuf {
    directory.join(format!("segments/{name}-{}.seg", root.hex()))
}

fn is_gone(error: &StoreError) -> bool {
    matches!(error, StoreError::Segment(SegmentError::Io { source, .. })
        if source.kind() == io::ErrorKind::NotFound)
}
