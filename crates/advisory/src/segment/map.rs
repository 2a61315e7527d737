//! The one place of this crate with `unsafe`: a file as memory. What comes with the program is memory already.
//!
//! A mapping is only as steady as its file. Gabion never writes to a finished segment: it is replaced by renaming another file
//! over it, after which those who have the old one mapped go on reading the old one. Whoever else *changes* the file in place
//! changes what is read; as each block is checked at first touch, that is an error in all but the blocks already touched.
//! Whoever *truncates* it makes the kernel answer a read beyond the new end with `SIGBUS`, which ends the process; there
//! is no way to read mapped memory that survives it, so the directory of the database must belong to who runs Gabion.

#![allow(unsafe_code, reason = "mapping a file is unsafe by nature; see the module's documentation")]

use memmap2::{Mmap, UncheckedAdvice};
use std::{fs::File, io, ops::Deref, path::Path};

/// The bytes of a segment, to be read.
#[derive(Debug)]
pub(super) enum Map {
    /// A file that is mapped.
    File(Mmap),
    /// Part of the program.
    Program(&'static [u8]),
}

impl Map {
    /// Maps a regular file. It is opened to be read only.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        // SAFETY: the mapping is read only, and finished segments are never written to (see above): the bytes do not change.
        unsafe { Mmap::map(&file) }.map(Self::File)
    }

    /// Takes all pages out of the memory that counts as ours; they stay in the page cache of the kernel, and come back
    /// when they are read again.
    pub(super) fn release(&self) {
        let Self::File(map) = self else { return };
        // SAFETY: what is dropped are the page table entries of a shared mapping of a file, which was never written
        // to; the next read of any of it, in any thread, sees the same bytes of the file.
        let advised = unsafe { map.unchecked_advise(UncheckedAdvice::DontNeed) };
        // A kernel that does not want to is no problem: only more memory is in use.
        drop(advised);
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::File(map) => map,
            Self::Program(bytes) => bytes,
        }
    }
}
