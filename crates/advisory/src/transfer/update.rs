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
    manifest::{Blob, Expected, MAX_MANIFEST, Manifest, ManifestError, Offer, Trusted},
    sign::PublicKey,
};
use crate::segment::{
    Segment, SegmentError,
    replace::{PART, beside, lock, remove, settle, step, sweep},
};
use gabion_model::Digest;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

/// Bytes that are asked for at once.
const STRIDE: u64 = 1 << 20;

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
    let mut attempt = || {
        let mut get = |name: &str| {
            let bytes = chunks.fetch(name, 0..MAX_MANIFEST + 1);
            bytes.map_err(|source| UpdateError::Fetch { name: name.to_owned(), source })
        };
        let signature = get("manifest.json.minisig")?;
        let manifest = get("manifest.json")?;
        let signature = String::from_utf8_lossy(&signature);
        Ok(Manifest::verify(&manifest, &signature, key, expected)?)
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
    let mut update = Update {
        offer,
        chunks,
        target,
        part: beside(target, &format!("{PART}{}", offer.file.digest.hex())),
        fetched: 0,
    };
    sweep(target, &update.part).map_err(io_error(target))?;
    let done = update.run(have);
    drop(held);
    done
}

struct Update<'a> {
    offer: &'a Offer,
    chunks: &'a mut dyn Chunks,
    target: &'a Path,
    part: PathBuf,
    fetched: u64,
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
        let begun = self.part.exists();
        let (segment, resumed) = match self.whole() {
            // What an earlier attempt left may have been damaged since.
            Err(UpdateError::Digest(_)) if begun => self.whole()?,
            other => other?,
        };
        Ok(Updated {
            route: Route::Whole { resumed, because },
            bytes_fetched: self.fetched,
            blocks_reused: 0,
            blocks: segment.blocks(),
        })
    }

    /// An error here is no more than a reason to fetch all of it.
    fn delta(&mut self, have: &Segment, blob: Blob) -> Result<Updated, String> {
        let mut bytes = Vec::new();
        self.fetch(blob, 0, |more| {
            bytes.extend(more);
            Ok(())
        })
        .map_err(tell)?;
        if Digest::sha256(Sha256::digest(&bytes).into()) != blob.digest {
            return Err(UpdateError::Digest(blob.name()).to_string());
        }
        let applied = delta::apply(have, &bytes, self.offer.root, self.target);
        let applied = applied.map_err(tell::<DeltaError>)?;
        let blocks = applied.finished.blocks;
        applied.finished.commit().map_err(tell)?;
        Ok(Updated {
            route: Route::Delta,
            bytes_fetched: self.fetched,
            blocks_reused: applied.reused,
            blocks,
        })
    }

    fn whole(&mut self) -> Result<(Segment, u64), UpdateError> {
        let blob = self.offer.file;
        let path = self.part.clone();
        let mut file = OpenOptions::new().append(true).create(true).open(&path).map_err(io_error(&path))?;
        let mut resumed = file.metadata().map_err(io_error(&path))?.len();
        if resumed > blob.size {
            file.set_len(0).map_err(io_error(&path))?;
            resumed = 0;
        }
        self.fetch(blob, resumed, |more| {
            step();
            file.write_all(&more).map_err(io_error(&path))
        })?;
        file.sync_all().map_err(io_error(&path))?;
        if digest_of(&path).map_err(io_error(&path))? != blob.digest {
            remove(&path).map_err(io_error(&path))?;
            return Err(UpdateError::Digest(blob.name()));
        }
        let segment = Segment::open(&path)?;
        if segment.root() != self.offer.root {
            return Err(UpdateError::Root {
                name: blob.name(),
                found: segment.root(),
                root: self.offer.root,
            });
        }
        settle(&path, self.target).map_err(io_error(self.target))?;
        Ok((segment, resumed))
    }

    /// Fetches a blob from `at` on, piece by piece.
    fn fetch(
        &mut self,
        blob: Blob,
        mut at: u64,
        mut take: impl FnMut(Vec<u8>) -> Result<(), UpdateError>,
    ) -> Result<(), UpdateError> {
        let name = blob.name();
        while at < blob.size {
            let end = blob.size.min(at + STRIDE);
            let bytes = self.chunks.fetch(&name, at..end);
            let bytes = bytes.map_err(|source| UpdateError::Fetch { name: name.clone(), source })?;
            let got = bytes.len() as u64;
            self.fetched += got;
            if got > end - at {
                return Err(UpdateError::Digest(name));
            }
            at += got;
            take(bytes)?;
            if at < end {
                return Err(UpdateError::Short { name, got: at, size: blob.size });
            }
        }
        Ok(())
    }
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(Digest::sha256(hash.finalize().into())),
            n => hash.update(&buffer[..n]),
        }
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> UpdateError {
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
