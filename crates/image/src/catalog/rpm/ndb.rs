//! `Packages.db`: rpm's own "ndb" format (SUSE).
//!
//! All numbers are little-endian, and offsets and lengths count blocks of 16 bytes:
//!
//! ```text
//!  0     header  "RpmP" version generation pages-of-slots next-package …            32 bytes
//!  32    slots   "Slot" package offset length   (offset 0: free)                    16 bytes each,
//!        … to the end of the last page of slots (4096 bytes each)
//!  then  blobs   "BlbS" package time length │ the record │ padding │ checksum length "BlbE"
//! ```
//!
//! The layout is that of rpm's `lib/backend/ndb/rpmpkg.c`, which refuses what is refused here.

use super::{MAX_RECORD, Sink, pages::array};
use crate::content::{Content, ReadError};

/// How the file begins.
pub(super) const MAGIC: &[u8] = b"RpmP";
const HEADER: usize = 32;
const PAGE: usize = 4096;
const SLOT: usize = 16;
const BLOCK: u64 = 16;
const BLOB_HEAD: usize = 16;
const BLOB_TAIL: usize = 12;

/// Hands every record to `sink`.
pub(super) fn read(content: &Content<'_>, sink: &mut Sink<'_>) -> Result<(), ReadError> {
    let header = content.range(0, HEADER)?;
    let [version, _generation, slot_pages] = words(&header, 4)?;
    if version != 0 {
        return Err(ReadError::malformed("ndb database is of a version not known here"));
    }
    // Blobs do not overlap, so together they are no longer than the file.
    let mut room = content.size();
    for page in 0..u64::from(slot_pages) {
        let slots = content.range(page * PAGE as u64, PAGE)?;
        if slots.len() < PAGE {
            return Err(ReadError::malformed("ndb database ends inside its slots"));
        }
        let first = if page == 0 { HEADER } else { 0 };
        for slot in slots[first..].chunks_exact(SLOT) {
            if !slot.starts_with(b"Slot") {
                return Err(ReadError::malformed("ndb database has a slot without its mark"));
            }
            let [package, offset, length] = words(slot, 4)?;
            if offset == 0 {
                continue;
            }
            room = room.checked_sub(u64::from(length) * BLOCK).ok_or_else(|| {
                ReadError::malformed(
                    "records of the ndb database are longer than the file, so they overlap or it is cut",
                )
            })?;
            match blob(content, package, u64::from(offset) * BLOCK, u64::from(length) * BLOCK) {
                Ok(blob) => sink(Ok(&blob))?,
                Err(error) => sink(Err(error))?,
            }
        }
    }
    Ok(())
}

/// The record in the `length` bytes from `offset`.
fn blob(content: &Content<'_>, package: u32, offset: u64, length: u64) -> Result<Vec<u8>, ReadError> {
    let damaged = || ReadError::malformed("a record of the ndb database is damaged");
    if length > MAX_RECORD {
        return Err(ReadError::TooLarge { what: "record of the database", limit: MAX_RECORD });
    }
    let mut blob = content.range(offset, length as usize)?;
    let [owner, _time, size] = words(&blob, 4)?;
    let size = size as usize;
    let tail = blob.len().checked_sub(BLOB_TAIL).ok_or_else(damaged)?;
    let [_checksum, size_again] = words(&blob, tail)?;
    let sound = blob.len() as u64 == length
        && blob.starts_with(b"BlbS")
        && blob.ends_with(b"BlbE")
        && owner == package
        && size_again as usize == size
        && (BLOB_HEAD + size + BLOB_TAIL).next_multiple_of(BLOCK as usize) == blob.len();
    if !sound {
        return Err(damaged());
    }
    blob.drain(..BLOB_HEAD);
    blob.truncate(size);
    Ok(blob)
}

/// Some numbers in a row.
fn words<const N: usize>(bytes: &[u8], at: usize) -> Result<[u32; N], ReadError> {
    let mut words = [0; N];
    for (i, word) in words.iter_mut().enumerate() {
        *word = u32::from_le_bytes(array(bytes, at + 4 * i)?);
    }
    Ok(words)
}
