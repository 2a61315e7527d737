//! Lays out what a server offers.
//!
//! ```text
//!  DIR/manifest.json, DIR/manifest.json.minisig
//!  DIR/blobs/sha256/…     the newest version of each segment, those before it, and a delta from each of them to the newest
//! ```
//!
//! Older versions stay in the directory so that the next publication can make deltas from them. Blobs that neither this
//! manifest nor the one before it names are removed: who has just read the old manifest still finds what it says.

use super::{
    delta,
    manifest::{Blob, MAX_OLDER, Manifest, ManifestError, Offer, Older},
};
use crate::segment::{Segment, SegmentError, replace};
use gabion_model::Digest;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Why something could not be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The directory.
    #[error("{path} cannot be written")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was published before.
    #[error("what was published before cannot be read")]
    Before(#[from] ManifestError),
    /// A segment.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// Whoever signs.
    #[error("the manifest could not be signed")]
    Sign(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Publishes segments by name, with deltas from as many older versions as `keep` says. `sign` is given the bytes of the
/// manifest and makes the content of the signature file. Segments that were published before and are not named any more are gone.
pub fn publish(
    directory: &Path,
    segments: &[(&str, &Segment)],
    created: Timestamp,
    keep: usize,
    sign: impl FnOnce(&[u8]) -> Result<String, Box<dyn std::error::Error + Send + Sync>>,
) -> Result<Manifest, PublishError> {
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(|source| PublishError::Io { path: blobs.clone(), source })?;
    let place = directory.join("manifest.json");
    let before = match fs::read(&place) {
        Ok(bytes) => Some(Manifest::read(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(PublishError::Io { path: place, source }),
    };
    let mut offers = Vec::new();
    for (name, segment) in segments {
        let before = before.as_ref().and_then(|before| before.offer(name));
        offers.push(offer(directory, name, segment, before, keep.min(MAX_OLDER))?);
    }
    let sequence = before.as_ref().map_or(1, |before| before.sequence + 1);
    let manifest = Manifest::new(sequence, created, offers);
    let bytes = manifest.to_bytes();
    let manifest = Manifest::read(&bytes)?;
    let signature = sign(&bytes).map_err(PublishError::Sign)?;
    write(&directory.join("manifest.json.minisig"), signature.as_bytes())?;
    write(&place, &bytes)?;
    tidy(&blobs, before.iter().chain([&manifest]))?;
    Ok(manifest)
}

fn offer(
    directory: &Path,
    name: &str,
    segment: &Segment,
    before: Option<&Offer>,
    keep: usize,
) -> Result<Offer, PublishError> {
    if let Some(same) = before
        && same.root == segment.root()
    {
        return Ok(same.clone());
    }
    let file = store(directory, segment.bytes())?;
    let newest = before.iter().map(|before| (before.root, before.file));
    let others = before.iter().flat_map(|before| &before.older);
    let others = others.map(|older| (older.root, older.file));
    let mut older = Vec::new();
    for (root, whole) in newest.chain(others).take(keep) {
        // An old version that cannot be read any more is no reason not to publish the new one.
        let Ok(from) = Segment::open(&directory.join(whole.name())) else {
            continue;
        };
        let Ok(delta) = delta::make(&from, segment) else {
            continue;
        };
        let worth = (delta.len() as u64) < file.size / 2;
        let delta = if worth { Some(store(directory, &delta)?) } else { None };
        older.push(Older { root, file: whole, delta });
    }
    Ok(Offer { name: name.to_owned(), root: segment.root(), file, older })
}

fn store(directory: &Path, bytes: &[u8]) -> Result<Blob, PublishError> {
    let blob = Blob { digest: Digest::sha256(Sha256::digest(bytes).into()), size: bytes.len() as u64 };
    write(&directory.join(blob.name()), bytes)?;
    Ok(blob)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), PublishError> {
    replace::write(path, bytes).map_err(|source| PublishError::Io { path: path.to_owned(), source })
}

fn tidy<'a>(blobs: &Path, manifests: impl Iterator<Item = &'a Manifest>) -> Result<(), PublishError> {
    let named: BTreeSet<_> = manifests.flat_map(Manifest::blobs).map(|blob| blob.digest.hex()).collect();
    let tidy = || {
        for entry in fs::read_dir(blobs)? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(|name| named.contains(name)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    tidy().map_err(|source| PublishError::Io { path: blobs.to_owned(), source })
}
