//! The index of all files of a layer or of an image: small enough for millions of entries.
//!
//! An entry stores its own name and the number of its parent directory, so a path is spelled once however
//! many files share it. Three million entries cost about 80 bytes each.
//!
//! ```
//! # use gabion_model::file::*;
//! let mut index = FileIndex::default();
//! index.insert(b"usr/bin/env", NewFile { kind: FileKind::File, mode: 0o755, size: 10, ..NewFile::default() });
//! let id = index.find(b"usr/bin/env").unwrap();
//! assert_eq!(index.path(id), b"usr/bin/env");
//! assert_eq!(index.entry(index.find(b"usr/bin").unwrap()).kind, FileKind::Implied);
//! ```

mod index;
mod layers;
mod stored;
#[cfg(test)]
mod tests;

use crate::digest::Digest;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

/// What an entry is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileKind {
    /// A directory that no entry declares; it exists because something lies in it.
    #[default]
    Implied,
    /// A declared directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link; `link` is its target as written.
    Symlink,
    /// A hard link; `link` is the normalised path of the file it names.
    Hardlink,
    /// A character device, block device, FIFO or socket.
    Special,
    /// A whiteout: whatever lower layers have here is gone. Exists in the index of a layer only.
    Whiteout,
}

/// A file's metadata on its way into the index.
#[derive(Clone, Debug, Default)]
pub struct NewFile<'a> {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits with set-user-ID, set-group-ID and sticky (`0o7777`).
    pub mode: u16,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Bytes of content.
    pub size: u64,
    /// Target of a symbolic or hard link.
    pub link: &'a [u8],
    /// Digest of the content; for executables and shared objects.
    pub digest: Option<Digest>,
    /// File capabilities (`security.capability`) as stored.
    pub capabilities: Option<&'a [u8]>,
    /// A directory that hides what lower layers have in it. Exists in the index of a layer only.
    pub opaque: bool,
    /// The layer it comes from.
    pub layer: u16,
}

/// An entry of the index. `link`, `digest` and `capabilities` are looked up through the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    parent: u32,
    name: u32,
    name_len: u16,
    extra: u32,
    first_child: u32,
    next_sibling: u32,
    /// What it is.
    pub kind: FileKind,
    /// Permission bits (`0o7777`).
    pub mode: u16,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Bytes of content.
    pub size: u64,
    /// The layer it comes from.
    pub layer: u16,
    /// Index of the package that owns it in the report; [`FileEntry::NO_PACKAGE`] if none does.
    pub package: u32,
    /// Removed from the tree; kept so that numbers stay stable.
    removed: bool,
    /// In its parent's list of children; a removed entry stays there until the list is cleared.
    linked: bool,
    /// A directory that hides what lower layers have in it.
    pub opaque: bool,
}

impl FileEntry {
    /// No package owns the file.
    pub const NO_PACKAGE: u32 = u32::MAX;
    const NO_EXTRA: u32 = u32::MAX;
    const NONE: u32 = u32::MAX;
    const ROOT: Self = Self {
        parent: 0,
        name: 0,
        name_len: 0,
        extra: Self::NO_EXTRA,
        first_child: Self::NONE,
        next_sibling: Self::NONE,
        kind: FileKind::Implied,
        mode: 0o755,
        uid: 0,
        gid: 0,
        size: 0,
        layer: 0,
        package: Self::NO_PACKAGE,
        removed: false,
        linked: false,
        opaque: false,
    };

    /// Set-user-ID or set-group-ID on a regular file.
    pub const fn is_setid(&self) -> bool {
        matches!(self.kind, FileKind::File | FileKind::Hardlink) && self.mode & 0o6000 != 0
    }

    /// A directory, declared or implied.
    pub const fn is_dir(&self) -> bool {
        matches!(self.kind, FileKind::Directory | FileKind::Implied)
    }

    /// Any execute bit on a regular file.
    pub const fn is_executable(&self) -> bool {
        matches!(self.kind, FileKind::File | FileKind::Hardlink) && self.mode & 0o111 != 0
    }
}

/// What few entries have, kept apart so that the many stay small.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Extra {
    link: Vec<u8>,
    digest: Option<Digest>,
    capabilities: Option<Vec<u8>>,
}

/// All files of a layer or of an image. Entry 0 is the root.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "stored::Stored")]
pub struct FileIndex {
    names: Vec<u8>,
    entries: Vec<FileEntry>,
    extras: Vec<Extra>,
    lookup: HashTable<u32>,
    hasher: hashbrown::DefaultHashBuilder,
}

impl Default for FileIndex {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            entries: vec![FileEntry::ROOT],
            extras: Vec::new(),
            lookup: HashTable::new(),
            hasher: hashbrown::DefaultHashBuilder::default(),
        }
    }
}

/// A file system that can be asked: what an image will look like to the processes in it.
pub trait FileTree {
    /// Metadata of the entry that a path leads to, following symbolic links inside the root.
    fn stat(&self, path: &[u8]) -> Option<FileEntry>;
    /// Target of the symbolic link at a path, not followed.
    fn read_link(&self, path: &[u8]) -> Option<Vec<u8>>;
    /// The path that remains when all symbolic links are followed.
    fn canonical(&self, path: &[u8]) -> Option<Vec<u8>>;
}

impl FileTree for FileIndex {
    fn stat(&self, path: &[u8]) -> Option<FileEntry> {
        self.resolve(path).map(|id| *self.entry(id))
    }

    fn read_link(&self, path: &[u8]) -> Option<Vec<u8>> {
        let id = self.find(path)?;
        (self.entry(id).kind == FileKind::Symlink).then(|| self.link(id).to_vec())
    }

    fn canonical(&self, path: &[u8]) -> Option<Vec<u8>> {
        self.resolve(path).map(|id| self.path(id))
    }
}
