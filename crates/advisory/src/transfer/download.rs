//! One blob, fetched piece by piece and checked.

use super::{
    chunks::Chunks,
    manifest::Blob,
    update::{UpdateError, io_error},
};
use crate::segment::replace::{remove, step};
use gabion_model::Digest;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::Path,
};

/// Bytes that are asked for at once.
const STRIDE: u64 = 1 << 20;

/// Fetches, and counts.
pub(super) struct Download<'a> {
    chunks: &'a mut dyn Chunks,
    /// Bytes that were fetched.
    pub(super) fetched: u64,
}

impl<'a> Download<'a> {
    pub(super) fn new(chunks: &'a mut dyn Chunks) -> Self {
        Self { chunks, fetched: 0 }
    }

    /// A blob into memory.
    pub(super) fn bytes(&mut self, blob: Blob) -> Result<Vec<u8>, UpdateError> {
        let mut bytes = Vec::new();
        self.pieces(blob, 0, |more| {
            bytes.extend(more);
            Ok(())
        })?;
        if Digest::sha256(Sha256::digest(&bytes).into()) != blob.digest {
            return Err(UpdateError::Digest(blob.name()));
        }
        Ok(bytes)
    }

    /// A blob into a file, which may have the beginning of it from an earlier attempt: so many bytes are told.
    pub(super) fn file(&mut self, blob: Blob, path: &Path) -> Result<u64, UpdateError> {
        let begun = path.exists();
        match self.rest_of_file(blob, path) {
            // What an earlier attempt left may have been damaged since.
            Err(UpdateError::Digest(_)) if begun => self.rest_of_file(blob, path),
            other => other,
        }
    }

    fn rest_of_file(&mut self, blob: Blob, path: &Path) -> Result<u64, UpdateError> {
        let mut file = OpenOptions::new().append(true).create(true).open(path).map_err(io_error(path))?;
        let mut resumed = file.metadata().map_err(io_error(path))?.len();
        if resumed > blob.size {
            file.set_len(0).map_err(io_error(path))?;
            resumed = 0;
        }
        self.pieces(blob, resumed, |more| {
            step();
            file.write_all(&more).map_err(io_error(path))
        })?;
        file.sync_all().map_err(io_error(path))?;
        if digest_of(path).map_err(io_error(path))? != blob.digest {
            remove(path).map_err(io_error(path))?;
            return Err(UpdateError::Digest(blob.name()));
        }
        Ok(resumed)
    }

    /// Fetches a blob from `at` on.
    fn pieces(
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

pub(super) fn digest_of(path: &Path) -> io::Result<Digest> {
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
