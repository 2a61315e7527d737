//! Fetches a new version of a segment and puts it in the place of the old one.
//!
//! ```text
//!  have the signed root already ─────────────────────────────────────────────────────────────────► nothing to do
//!  a delta from my root is offered ─► fetch it ─► apply ─┐
//!  anything is wrong with that ──────────────────────────┼─► the whole file, on from where an ┐
//!  none is offered ──────────────────────────────────────┘   earlier attempt was interrupted  ┴► root? ─► rename
//! ```
//!
//! All that is fetched has a digest in the signed manifest, which is checked before it is looked at. Who has the old version open
//! goes on with it. Killed at any point, there is the old version or the new one, and at most a file beside it,
//! which the next attempt uses (`TARGET.part-…`) or removes (`TARGET.new-…`).

use super::{
    chunks::Chunks,
    delta::{self, DeltaError},
    download::Download,
    manifest::{Blob, Expected, MAX_MANIFEST, Manifest, ManifestError, Offer, Trusted},
    sign::PublicKey,
};
use crate::segment::{
    Segment, SegmentError,
    replace::{PART, beside, lock, settle, sweep},
};
use gabion_model::Digest;
use std::{
    io,
    path::{Path, PathBuf},
};

/// What an update did.
#[derive(Debug)]
pub struct Updated {
    /// Which way it went.
    pub route: Route,
    /// Bytes that were fetched, without the manifest.
    pub bytes_fetched: u64,
    /// Blocks that were here already.
    pub blocks_reused: u64,
    /// Blocks of the new version.
    pub blocks: u64,
}

/// Which way an update went.
#[derive(Debug, PartialEq, Eq)]
pub enum Route {
    /// What is here is what is offered. Nothing was written.
    Current,
    /// What changed was fetched.
    Delta,
    /// All of it was fetched.
    Whole {
        /// Bytes of it that were here from an earlier attempt.
        resumed: u64,
        /// Why a delta that was offered was not enough.
        because: Option<String>,
    },
}

/// Why there is no update. What was here is still here.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// The manifest has no such segment.
    #[error("the manifest offers no segment {0:?}")]
    Unknown(String),
    /// Somebody else is at it.
    #[error("another update of {0} is under way")]
    Busy(PathBuf),
    /// The place it comes from.
    #[error("{name} cannot be fetched")]
    Fetch {
        /// What was asked for.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Less came than was offered; the next attempt goes on from there.
    #[error("{name} ends after {got} of {size} bytes")]
    Short {
        /// What was asked for.
        name: String,
        /// Bytes that came.
        got: u64,
        /// Bytes that were offered.
        size: u64,
    },
    /// Something else came than was signed.
    #[error("{0} is not what the manifest says: it has another digest")]
    Digest(String),
    /// What was signed is not what it should be.
    #[error("{name} has the root {found}, the manifest says {root}")]
    Root {
        /// The file.
        name: String,
        /// Its root.
        found: Digest,
        /// The root that was signed.
        root: Digest,
    },
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The new version.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// The place it goes to.
    #[error("{path} cannot be written")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Fetches and checks the manifest.
pub fn fetch_manifest(
    chunks: &mut dyn Chunks,
    key: &PublicKey,
    expected: Expected,
) -> Result<Trusted, UpdateError> {
    fetch_signed(chunks, key, expected).map(|(manifest, _)| manifest)
}

/// The manifest, and the content of its signature file.
pub(super) fn fetch_signed(
    chunks: &mut dyn Chunks,
    key: &PublicKey,
    expected: Expected,
) -> Result<(Trusted, Vec<u8>), UpdateError> {
    let mut attempt = || {
        let mut get = |name: &str| {
            let bytes = chunks.fetch(name, 0..MAX_MANIFEST + 1);
            bytes.map_err(|source| UpdateError::Fetch { name: name.to_owned(), source })
        };
        let signature = get("manifest.json.minisig")?;
        let manifest = get("manifest.json")?;
        let manifest = Manifest::verify(&manifest, &String::from_utf8_lossy(&signature), key, expected)?;
        Ok((manifest, signature))
    };
    match attempt() {
        // Perhaps it was published between the two.
        Err(UpdateError::Manifest(ManifestError::Signature(_))) => attempt(),
        other => other,
    }
}

/// Brings `target` to what the manifest offers under `name`. `have` is the version that is here, if it can be opened.
pub fn update(
    have: Option<&Segment>,
    manifest: &Trusted,
    name: &str,
    chunks: &mut dyn Chunks,
    target: &Path,
) -> Result<Updated, UpdateError> {
    let offer = manifest.offer(name).ok_or_else(|| UpdateError::Unknown(name.to_owned()))?;
    if let Some(have) = have
        && have.root() == offer.root
    {
        return Ok(Updated {
            route: Route::Current,
            bytes_fetched: 0,
            blocks_reused: have.blocks(),
            blocks: have.blocks(),
        });
    }
    let held = lock(target).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => UpdateError::Busy(target.to_owned()),
        _ => io_error(target)(source),
    })?;
    let part = beside(target, &format!("{PART}{}", offer.file.digest.hex()));
    let mut update = Update { offer, download: Download::new(chunks), target, part };
    sweep(target, &update.part).map_err(io_error(target))?;
    let done = update.run(have);
    drop(held);
    done
}

struct Update<'a> {
    offer: &'a Offer,
    download: Download<'a>,
    target: &'a Path,
    part: PathBuf,
}

impl Update<'_> {
    fn run(&mut self, have: Option<&Segment>) -> Result<Updated, UpdateError> {
        let mut because = None;
        if let Some(have) = have {
            let older = self.offer.older.iter().find(|older| older.root == have.root());
            if let Some(delta) = older.and_then(|older| older.delta) {
                match self.delta(have, delta) {
                    Ok(updated) => return Ok(updated),
                    Err(reason) => because = Some(reason),
                }
            }
        }
        let (segment, resumed) = self.whole()?;
        Ok(Updated {
            route: Route::Whole { resumed, because },
            bytes_fetched: self.download.fetched,
            blocks_reused: 0,
            blocks: segment.blocks(),
        })
    }

    /// An error here is no more than a reason to fetch all of it.
    fn delta(&mut self, have: &Segment, blob: Blob) -> Result<Updated, String> {
        let bytes = self.download.bytes(blob).map_err(tell)?;
        let applied = delta::apply(have, &bytes, self.offer.root, self.target);
        let applied = applied.map_err(tell::<DeltaError>)?;
        let blocks = applied.finished.blocks;
        applied.finished.commit().map_err(tell)?;
        Ok(Updated {
            route: Route::Delta,
            bytes_fetched: self.download.fetched,
            blocks_reused: applied.reused,
            blocks,
        })
    }

    fn whole(&mut self) -> Result<(Segment, u64), UpdateError> {
        let blob = self.offer.file;
        let resumed = self.download.file(blob, &self.part)?;
        let segment = Segment::open(&self.part)?;
        if segment.root() != self.offer.root {
            return Err(UpdateError::Root {
                name: blob.name(),
                found: segment.root(),
                root: self.offer.root,
            });
        }
        settle(&self.part, self.target).map_err(io_error(self.target))?;
        Ok((segment, resumed))
    }
}

pub(super) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> UpdateError {
    let path = path.to_owned();
    |source| UpdateError::Io { path, source }
}

/// An error with its causes, in one line.
fn tell<E: std::error::Error>(error: E) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line = format!("{line}: {cause}");
        source = cause.source();
    }
    line
}
