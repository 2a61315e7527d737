//! The members of a zip archive that matter here, and their bytes.
//!
//! The `zip` crate finds and walks the central directory (zip64, data before the archive); members are
//! located and inflated here, through [`caps`], because each counts against one [`Budget`]. Only members that
//! the caller keeps are remembered, so an archive of 100 000 classes costs no more than one of ten.

use super::{
    budget::Budget,
    part::{Metered, Part},
};
use crate::{
    caps,
    content::{Content, ReadError},
};
use std::io::{BufReader, Read};
use zip::{
    CompressionMethod,
    read::{Config, ZipFileEntry},
    result::ZipError,
    unstable::read::ZipIterable,
};

/// Bytes read to find the directory: the end of the file, its comment included, many times over.
const FIND: u64 = 8 << 20;
/// Bytes of the directory.
const DIRECTORY: u64 = 256 << 20;
/// Bytes of all names that are remembered.
const NAMES: usize = 8 << 20;
/// The longest name of a member that is kept.
const NAME: usize = 1024;
/// A local header without its name and extra field.
const LOCAL_HEADER: usize = 30;

/// How a member is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// As it is.
    Stored,
    /// Deflated.
    Deflated,
}

/// A file in an archive.
#[derive(Clone, Debug)]
pub(super) struct Member<K> {
    /// Its path in the archive.
    pub(super) name: Box<[u8]>,
    /// What the caller keeps it for.
    pub(super) kind: K,
    /// Bytes once inflated, as the directory says.
    pub(super) size: u64,
    packed: u64,
    header: u64,
    method: Result<Method, &'static str>,
}

/// An archive, listed.
pub(super) struct Archive<'a, K> {
    content: Content<'a>,
    /// The members kept, in the order in which they lie in the file.
    pub(super) members: Vec<Member<K>>,
    /// How many more would have been kept, had their names not been longer than [`NAME`].
    pub(super) overlong: u64,
}

impl<'a, K> Archive<'a, K> {
    /// Walks the directory, and keeps the members for which `keep` names a purpose.
    pub(super) fn list(
        content: Content<'a>,
        budget: &Budget,
        mut keep: impl FnMut(&[u8]) -> Option<K>,
    ) -> Result<Self, ReadError> {
        let mut directory =
            ZipIterable::try_new(Metered::new(content, FIND), Config::default()).map_err(unreadable)?;
        budget.entries(directory.len() as u64)?;
        let entries = directory.files().map_err(unreadable)?;
        entries.reader_mut().allow(DIRECTORY);
        let mut members = Vec::new();
        let mut names = 0;
        let mut overlong = 0;
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            let name = entry.name_raw();
            if name.is_empty() || name.ends_with(b"/") {
                continue;
            }
            if let Some(kind) = keep(name) {
                if name.len() > NAME {
                    overlong += 1;
                    continue;
                }
                names += name.len();
                if names > NAMES {
                    return Err(ReadError::malformed("has too many records and nested archives"));
                }
                members.push(Member::new(&entry, kind));
            }
        }
        members.sort_by_key(|member| member.header);
        Ok(Self { content, members, overlong })
    }

    /// The bytes of a member as they are stored, and how.
    ///
    /// A member that starts inside the one before it is refused: only an archive made to mislead has one.
    pub(super) fn open(&self, index: usize) -> Result<(Part<'a>, Method), ReadError> {
        let member = self.members.get(index).ok_or_else(|| ReadError::malformed("is not there"))?;
        let method = member.method.map_err(ReadError::malformed)?;
        let before = index.checked_sub(1).and_then(|i| self.members.get(i));
        if before.is_some_and(|b| {
            b.header.saturating_add(LOCAL_HEADER as u64).saturating_add(b.packed) > member.header
        }) {
            return Err(ReadError::malformed("overlaps another member"));
        }
        let header = self.content.range(member.header, LOCAL_HEADER)?;
        let &[b'P', b'K', 3, 4, .., n0, n1, x0, x1] = header.as_slice() else {
            return Err(ReadError::malformed("is not where the directory says"));
        };
        let skip = u64::from(u16::from_le_bytes([n0, n1])) + u64::from(u16::from_le_bytes([x0, x1]));
        let start = member.header + LOCAL_HEADER as u64 + skip;
        if method == Method::Stored && member.packed != member.size {
            return Err(ReadError::malformed("is stored, yet has two sizes"));
        }
        let part = Part::new(self.content, start, member.packed)
            .ok_or_else(|| ReadError::malformed("reaches beyond the end of the archive"))?;
        Ok((part, method))
    }

    /// The first `cap` bytes of a member.
    pub(super) fn prefix(&self, index: usize, cap: u64, budget: &Budget) -> Result<Vec<u8>, ReadError> {
        let (part, method) = self.open(index)?;
        let mut bytes = Vec::new();
        match method {
            Method::Stored => part.reader().take(cap).read_to_end(&mut bytes)?,
            Method::Deflated => caps::inflate_raw(BufReader::new(part.reader()), "member", cap + 1)
                .take(cap)
                .read_to_end(&mut bytes)?,
        };
        budget.inflate(bytes.len() as u64)?;
        Ok(bytes)
    }

    /// A member as a whole, if it is no larger than `cap` and exactly as large as the directory says.
    pub(super) fn bytes(&self, index: usize, cap: u64, budget: &Budget) -> Result<Vec<u8>, ReadError> {
        let size = self.members.get(index).map_or(0, |member| member.size);
        if size > cap {
            return Err(ReadError::TooLarge { what: "member", limit: cap });
        }
        let bytes = self.prefix(index, size + 1, budget)?;
        if bytes.len() as u64 != size {
            return Err(ReadError::malformed("is not as large as it says"));
        }
        Ok(bytes)
    }
}

impl<K> Member<K> {
    fn new(entry: &ZipFileEntry<'_>, kind: K) -> Self {
        let method = match entry.compression() {
            _ if entry.encrypted() => Err("is encrypted"),
            CompressionMethod::Stored => Ok(Method::Stored),
            CompressionMethod::Deflated => Ok(Method::Deflated),
            _ => Err("is compressed by a method that is not supported"),
        };
        Self {
            name: entry.name_raw().into(),
            kind,
            size: entry.size(),
            packed: entry.compressed_size(),
            header: entry.header_start(),
            method,
        }
    }
}

/// What the directory reader says, in our words.
fn unreadable(error: ZipError) -> ReadError {
    match error {
        ZipError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            ReadError::malformed("is cut off, or not a zip archive")
        }
        ZipError::Io(error) => ReadError::Io(error),
        // It names its own types where a record ends too soon.
        ZipError::InvalidArchive(text) if text.contains("::") => {
            ReadError::malformed("is not a valid zip archive: its directory is cut off")
        }
        ZipError::InvalidArchive(text) => ReadError::malformed(format!("is not a valid zip archive: {text}")),
        ZipError::UnsupportedArchive(text) => {
            ReadError::malformed(format!("is a zip archive of an unsupported kind: {text}"))
        }
        other => ReadError::malformed(format!("is not a valid zip archive: {other}")),
    }
}
