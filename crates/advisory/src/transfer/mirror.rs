//! A copy of all that is published: for a network of one's own, and for a publisher who starts on an empty disk and wants to
//! make deltas from what was published before.
//!
//! Blobs come first and the manifest last, so whoever reads the copy meanwhile finds what the manifest there names. Nothing
//! is removed: what the manifest before named may still be asked for, and the next publication into the directory tidies it.

use super::{
    chunks::Chunks,
    download::{Download, digest_of},
    manifest::{Expected, Manifest, Trusted},
    sign::PublicKey,
    update::{UpdateError, fetch_signed, io_error},
};
use crate::segment::replace::{PART, beside, lock, settle, write};
use std::{collections::BTreeMap, fs, io, path::Path};

/// What was copied.
#[derive(Debug)]
pub struct Mirrored {
    /// What is published.
    pub manifest: Trusted,
    /// Bytes that were not here yet.
    pub bytes_fetched: u64,
}

/// Makes a directory of what is published, or brings it up to date. An older manifest than the one that is there is refused.
pub fn mirror(
    chunks: &mut dyn Chunks,
    key: &PublicKey,
    expected: Expected,
    directory: &Path,
) -> Result<Mirrored, UpdateError> {
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(io_error(&blobs))?;
    let place = directory.join("manifest.json");
    let _held = lock(&place).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => UpdateError::Busy(directory.to_owned()),
        _ => io_error(directory)(source),
    })?;
    let before = fs::read(&place).ok().and_then(|bytes| Manifest::read(&bytes).ok());
    let last = expected.last.max(before.map(|before| before.sequence));
    let (manifest, signature) = fetch_signed(chunks, key, Expected { last, ..expected })?;

    let named: BTreeMap<_, _> = manifest.blobs().map(|blob| (blob.name(), blob)).collect();
    let mut download = Download::new(chunks);
    for (name, blob) in named {
        let target = directory.join(name);
        if digest_of(&target).is_ok_and(|digest| digest == blob.digest) {
            continue;
        }
        let part = beside(&target, PART);
        download.file(blob, &part)?;
        settle(&part, &target).map_err(io_error(&target))?;
    }
    for (name, bytes) in [("manifest.json.minisig", &signature), ("manifest.json", &manifest.to_bytes())] {
        let path = directory.join(name);
        write(&path, bytes).map_err(io_error(&path))?;
    }
    Ok(Mirrored { bytes_fetched: download.fetched, manifest })
}
