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

use crate::{digest::Digest, path};
use hashbrown::HashTable;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};
use std::hash::{BuildHasher, Hasher};

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
#[serde(from = "Stored")]
pub struct FileIndex {
    names: Vec<u8>,
    entries: Vec<FileEntry>,
    extras: Vec<Extra>,
    lookup: HashTable<u32>,
    hasher: hashbrown::DefaultHashBuilder,
}

/// An index as it is stored: all that cannot be made again from the rest.
#[derive(Deserialize)]
struct Stored {
    names: Vec<u8>,
    entries: Vec<FileEntry>,
    extras: Vec<Extra>,
}

impl Serialize for FileIndex {
    /// Writes the fields of [`Stored`] from where they are: a copy of an index may be hundreds of megabytes.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut stored = serializer.serialize_struct("Stored", 3)?;
        stored.serialize_field("names", &self.names)?;
        stored.serialize_field("entries", &self.entries)?;
        stored.serialize_field("extras", &self.extras)?;
        stored.end()
    }
}

impl From<Stored> for FileIndex {
    /// Stored bytes may be damaged: entries whose numbers point nowhere are dropped from there on, as are those
    /// whose path is longer than Linux accepts. A chain of a million directories would take a day to spell.
    fn from(stored: Stored) -> Self {
        let mut index = Self::default();
        let mut lengths: Vec<u16> = Vec::with_capacity(stored.entries.len());
        let mut sane = |at: usize, e: &FileEntry| {
            let parent = lengths.get(e.parent as usize).copied().unwrap_or(0);
            let length = usize::from(parent) + usize::from(parent > 0) + usize::from(e.name_len);
            lengths.push(length.min(path::MAX) as u16);
            (e.parent as usize) < at.max(1)
                && (at == 0) == (e.name_len == 0)
                && length <= path::MAX
                && (e.name as usize + e.name_len as usize) <= stored.names.len()
                && (e.extra == FileEntry::NO_EXTRA || (e.extra as usize) < stored.extras.len())
        };
        let good = stored
            .entries
            .iter()
            .enumerate()
            .take_while(|(at, e)| sane(*at, e))
            .count();
        if good == 0 {
            return index;
        }
        index.names = stored.names;
        index.extras = stored.extras;
        index.entries = stored.entries;
        index.entries.truncate(good);
        index.lookup.reserve(good, |_| 0);
        index
            .entries
            .iter_mut()
            .for_each(|e| e.first_child = FileEntry::NONE);
        for id in 1..good as u32 {
            index.link_child(id);
            let hash = index.hash(index.entries[id as usize].parent, index.name(id));
            let Self {
                lookup,
                entries,
                names,
                hasher,
                ..
            } = &mut index;
            lookup.insert_unique(hash, id, |&other| hash_of(hasher, entries, names, other));
        }
        index
    }
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

fn hash_key(hasher: &hashbrown::DefaultHashBuilder, parent: u32, name: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u32(parent);
    state.write(name);
    state.finish()
}

fn hash_of(hasher: &hashbrown::DefaultHashBuilder, entries: &[FileEntry], names: &[u8], id: u32) -> u64 {
    let e = &entries[id as usize];
    hash_key(hasher, e.parent, &names[e.name as usize..][..e.name_len as usize])
}

impl FileIndex {
    /// The root directory.
    pub const ROOT: u32 = 0;

    fn hash(&self, parent: u32, name: &[u8]) -> u64 {
        hash_key(&self.hasher, parent, name)
    }

    /// Numbers of all live entries but the root, parents before children.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        (1..self.entries.len() as u32).filter(|&id| !self.entries[id as usize].removed)
    }

    /// How many entries were ever inserted, the root not counted.
    pub fn len(&self) -> usize {
        self.entries.len() - 1
    }

    /// Bytes of the names of all entries that were ever inserted.
    pub const fn names_len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing was inserted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry with this number.
    ///
    /// # Panics
    /// If the number does not come from this index.
    pub fn entry(&self, id: u32) -> &FileEntry {
        &self.entries[id as usize]
    }

    /// Names the owner of a file.
    pub fn set_package(&mut self, id: u32, package: u32) {
        self.entries[id as usize].package = package;
    }

    /// Its last path component.
    pub fn name(&self, id: u32) -> &[u8] {
        let e = &self.entries[id as usize];
        &self.names[e.name as usize..][..e.name_len as usize]
    }

    /// Its directory.
    pub fn parent(&self, id: u32) -> u32 {
        self.entries[id as usize].parent
    }

    /// Its whole path.
    pub fn path(&self, id: u32) -> Vec<u8> {
        let mut parts = Vec::new();
        let mut at = id;
        while at != Self::ROOT {
            parts.push(self.name(at));
            at = self.entries[at as usize].parent;
        }
        parts.reverse();
        parts.join(&b'/')
    }

    /// Target of a link, empty for anything else.
    pub fn link(&self, id: u32) -> &[u8] {
        self.extra(id).map_or(b"", |e| &e.link)
    }

    /// Digest of the content, where it was taken.
    pub fn digest(&self, id: u32) -> Option<Digest> {
        self.extra(id).and_then(|e| e.digest)
    }

    /// File capabilities as stored.
    pub fn capabilities(&self, id: u32) -> Option<&[u8]> {
        self.extra(id).and_then(|e| e.capabilities.as_deref())
    }

    fn extra(&self, id: u32) -> Option<&Extra> {
        self.extras.get(self.entries[id as usize].extra as usize)
    }

    /// The number of a live child.
    pub fn child(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let id = self.slot(parent, name)?;
        (!self.entries[id as usize].removed).then_some(id)
    }

    fn slot(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let same = |&id: &u32| self.entries[id as usize].parent == parent && self.name(id) == name;
        self.lookup.find(self.hash(parent, name), same).copied()
    }

    /// The number of a live entry by its normalised path; links are not followed.
    pub fn find(&self, path: &[u8]) -> Option<u32> {
        if path.is_empty() {
            return Some(Self::ROOT);
        }
        path.split(|&b| b == b'/')
            .try_fold(Self::ROOT, |at, part| self.child(at, part))
    }

    /// The number of the entry itself at a path whose directories may be symbolic links (`bin/sh` where
    /// `bin` points to `usr/bin`); the last component is not followed.
    pub fn locate(&self, path: &[u8]) -> Option<u32> {
        self.find(path).or_else(|| {
            let directory = self.resolve(path::parent(path))?;
            self.child(directory, path::name(path))
        })
    }

    /// The number of the entry a path leads to when symbolic links are followed, inside this root only,
    /// as `chroot` would. None if it leads nowhere, in a loop (40 links, as Linux), or through a link longer than
    /// Linux accepts.
    pub fn resolve(&self, path: &[u8]) -> Option<u32> {
        let mut links = 0;
        let mut at = Self::ROOT;
        // Borrowed: a target of a million slashes must not be copied at each of them.
        let mut todo: Vec<&[u8]> = vec![path];
        while let Some(rest) = todo.pop() {
            let (part, tail) = match rest.iter().position(|&b| b == b'/') {
                Some(i) => (&rest[..i], &rest[i + 1..]),
                None => (rest, &b""[..]),
            };
            if !tail.is_empty() {
                todo.push(tail);
            }
            match part {
                b"" | b"." => {}
                b".." => at = self.entries[at as usize].parent,
                part => {
                    let id = self.child(at, part)?;
                    if self.entry(id).kind == FileKind::Symlink {
                        links += 1;
                        let target = self.link(id);
                        if links > 40 || target.len() > path::MAX {
                            return None;
                        }
                        if target.first() == Some(&b'/') {
                            at = Self::ROOT;
                        }
                        todo.push(target);
                    } else {
                        at = id;
                    }
                }
            }
        }
        Some(at)
    }

    /// Adds an entry, or replaces what was at the same path (a directory keeps what lies in it if it is
    /// replaced by a directory). Missing parents are implied. Returns its number.
    pub fn insert(&mut self, path: &[u8], file: NewFile<'_>) -> u32 {
        let mut at = Self::ROOT;
        let mut parts = path.split(|&b| b == b'/').filter(|p| !p.is_empty()).peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return self.insert_in(at, part, file);
            }
            at = self.imply(at, part, file.layer);
        }
        self.put(at, file)
    }

    /// [`Self::insert`] into a directory of this index, by the last component of the path.
    pub fn insert_in(&mut self, directory: u32, name: &[u8], file: NewFile<'_>) -> u32 {
        let at = match self.slot(directory, name) {
            Some(id) => {
                if self.entries[id as usize].removed {
                    self.revive(id);
                }
                id
            }
            None => self.push(directory, name, file.layer),
        };
        self.put(at, file)
    }

    /// A directory on the way to an entry. A file in its way gives way, as it does when layers are unpacked.
    fn imply(&mut self, parent: u32, name: &[u8], layer: u16) -> u32 {
        let Some(id) = self.slot(parent, name) else {
            return self.push(parent, name, layer);
        };
        let entry = self.entries[id as usize];
        if entry.removed || !entry.is_dir() {
            self.entries[id as usize] = FileEntry {
                kind: FileKind::Implied,
                mode: 0o755,
                layer,
                extra: FileEntry::NO_EXTRA,
                opaque: entry.opaque || entry.kind == FileKind::Whiteout,
                ..entry
            };
        }
        if entry.removed {
            self.revive(id);
        }
        id
    }

    /// Fills an entry in. What lies in it stays if it is a directory and becomes one.
    #[expect(clippy::needless_pass_by_value, reason = "it is built for this call")]
    fn put(&mut self, at: u32, file: NewFile<'_>) -> u32 {
        if at != Self::ROOT && !(self.entry(at).is_dir() && matches!(file.kind, FileKind::Directory)) {
            self.clear(at);
        }
        let extra = if file.link.is_empty() && file.digest.is_none() && file.capabilities.is_none() {
            FileEntry::NO_EXTRA
        } else {
            self.extras.push(Extra {
                link: file.link.to_vec(),
                digest: file.digest,
                capabilities: file.capabilities.map(<[u8]>::to_vec),
            });
            self.extras.len() as u32 - 1
        };
        let entry = &mut self.entries[at as usize];
        *entry = FileEntry {
            extra,
            kind: file.kind,
            mode: file.mode & 0o7777,
            uid: file.uid,
            gid: file.gid,
            size: file.size,
            layer: file.layer,
            package: FileEntry::NO_PACKAGE,
            removed: false,
            // A directory that comes with a whiteout of its own name starts empty.
            opaque: entry.opaque
                || file.opaque
                || (entry.kind == FileKind::Whiteout && file.kind == FileKind::Directory),
            ..*entry
        };
        at
    }

    /// Marks a directory as hiding what lower layers have in it.
    pub fn set_opaque(&mut self, id: u32) {
        self.entries[id as usize].opaque = true;
    }

    /// Names the digest of an entry's content after it was inserted.
    pub fn set_digest(&mut self, id: u32, digest: Digest) {
        let at = self.entries[id as usize].extra;
        if let Some(extra) = self.extras.get_mut(at as usize) {
            extra.digest = Some(digest);
        } else {
            self.entries[id as usize].extra = self.extras.len() as u32;
            self.extras.push(Extra {
                digest: Some(digest),
                ..Extra::default()
            });
        }
    }

    fn push(&mut self, parent: u32, name: &[u8], layer: u16) -> u32 {
        let id = self.entries.len() as u32;
        let start = self.names.len() as u32;
        self.names.extend_from_slice(name);
        self.entries.push(FileEntry {
            parent,
            name: start,
            name_len: name.len() as u16,
            layer,
            first_child: FileEntry::NONE,
            ..FileEntry::ROOT
        });
        self.link_child(id);
        let hash = self.hash(parent, name);
        let Self {
            lookup,
            entries,
            names,
            hasher,
            ..
        } = self;
        lookup.insert_unique(hash, id, |&other| hash_of(hasher, entries, names, other));
        id
    }

    fn link_child(&mut self, id: u32) {
        let parent = self.entries[id as usize].parent as usize;
        self.entries[id as usize].next_sibling = self.entries[parent].first_child;
        self.entries[parent].first_child = id;
        self.entries[id as usize].linked = true;
    }

    fn revive(&mut self, id: u32) {
        self.entries[id as usize].removed = false;
        if !self.entries[id as usize].linked {
            self.link_child(id);
        }
    }

    /// Removes an entry and all that lies in it.
    pub fn remove(&mut self, id: u32) {
        if id != Self::ROOT {
            self.entries[id as usize].removed = true;
        }
        self.clear(id);
    }

    /// Removes all that lies in an entry. Each entry is unlinked once, so the work is paid for by its insertion.
    fn clear(&mut self, id: u32) {
        let mut todo = vec![id];
        while let Some(directory) = todo.pop() {
            let mut child =
                std::mem::replace(&mut self.entries[directory as usize].first_child, FileEntry::NONE);
            while child != FileEntry::NONE {
                let entry = &mut self.entries[child as usize];
                (entry.removed, entry.linked) = (true, false);
                if entry.first_child != FileEntry::NONE {
                    todo.push(child);
                }
                child = entry.next_sibling;
            }
        }
    }

    /// Numbers of the live entries in a directory, in no particular order.
    pub fn children(&self, id: u32) -> impl Iterator<Item = u32> + '_ {
        let link = |at: u32| (at != FileEntry::NONE).then_some(at);
        std::iter::successors(link(self.entries[id as usize].first_child), move |&at| {
            link(self.entries[at as usize].next_sibling)
        })
        .filter(|&at| !self.entries[at as usize].removed)
    }

    /// The lowest layer as a tree: what it hides is nowhere.
    #[must_use]
    pub fn into_tree(mut self) -> Self {
        for id in 1..self.entries.len() as u32 {
            self.entries[id as usize].opaque = false;
            if self.entries[id as usize].kind == FileKind::Whiteout {
                self.remove(id);
            }
        }
        self
    }

    /// Puts an upper layer on top of this tree, by the rules of the OCI image specification: whiteouts
    /// first, then opaque directories, then additions and replacements.
    pub fn apply(&mut self, upper: &Self, layer: u16) {
        for id in upper.ids() {
            let entry = upper.entry(id);
            let hides = entry.kind == FileKind::Whiteout || entry.opaque;
            if hides && let Some(mine) = self.find(&upper.path(id)) {
                if entry.kind == FileKind::Whiteout {
                    self.remove(mine);
                } else {
                    self.clear(mine);
                }
            }
        }
        // Upper ids map to ours, so that each path is walked once only.
        let mut map = vec![Self::ROOT; upper.entries.len()];
        for id in upper.ids() {
            let entry = upper.entry(id);
            if entry.kind == FileKind::Whiteout {
                continue;
            }
            let parent = map[entry.parent as usize];
            let name = upper.name(id);
            let mine = match self.slot(parent, name) {
                Some(mine) => {
                    let known = *self.entry(mine);
                    if entry.kind == FileKind::Implied && !known.removed && known.is_dir() {
                        map[id as usize] = mine;
                        continue;
                    }
                    if known.removed {
                        self.revive(mine);
                    } else if !(known.is_dir() && entry.is_dir()) {
                        self.clear(mine);
                    }
                    mine
                }
                None => self.push(parent, name, layer),
            };
            map[id as usize] = mine;
            let extra = match upper.extra(id) {
                Some(extra) => {
                    self.extras.push(extra.clone());
                    self.extras.len() as u32 - 1
                }
                None => FileEntry::NO_EXTRA,
            };
            let old = self.entries[mine as usize];
            self.entries[mine as usize] = FileEntry {
                parent: old.parent,
                name: old.name,
                name_len: old.name_len,
                first_child: old.first_child,
                next_sibling: old.next_sibling,
                linked: old.linked,
                extra,
                layer,
                removed: false,
                opaque: false,
                ..*entry
            };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> NewFile<'static> {
        NewFile {
            kind: FileKind::File,
            mode: 0o644,
            size,
            ..NewFile::default()
        }
    }

    fn symlink(target: &[u8]) -> NewFile<'_> {
        NewFile {
            kind: FileKind::Symlink,
            link: target,
            ..NewFile::default()
        }
    }

    fn paths(index: &FileIndex) -> Vec<String> {
        let mut all: Vec<_> = index
            .ids()
            .map(|id| String::from_utf8_lossy(&index.path(id)).into_owned())
            .collect();
        all.sort();
        all
    }

    #[test]
    fn symlinks_are_followed_inside_the_root_only() {
        let mut index = FileIndex::default();
        index.insert(b"usr/bin/sh", file(1));
        index.insert(b"bin", symlink(b"usr/bin"));
        index.insert(b"etc/out", symlink(b"../../../../usr/bin/sh"));
        index.insert(b"loop", symlink(b"loop"));
        assert_eq!(index.canonical(b"bin/sh").as_deref(), Some(&b"usr/bin/sh"[..]));
        assert_eq!(index.canonical(b"etc/out").as_deref(), Some(&b"usr/bin/sh"[..]));
        assert_eq!(index.resolve(b"loop"), None);
    }

    #[test]
    fn a_link_longer_than_linux_accepts_leads_nowhere() {
        let mut index = FileIndex::default();
        index.insert(b"dir/file", file(1));
        index.insert(b"slashes", symlink(&[b'/'; path::MAX]));
        index.insert(b"more", symlink(&vec![b'/'; 1 << 20]));
        assert!(index.resolve(b"slashes/dir/file").is_some());
        assert_eq!(index.resolve(b"more/dir/file"), None);
    }

    #[test]
    fn whiteouts_and_opaque_directories_hide_lower_layers_only() {
        let mut base = FileIndex::default();
        base.insert(b"a/one", file(1));
        base.insert(b"a/two", file(1));
        base.insert(b"b/one", file(1));
        let mut upper = FileIndex::default();
        upper.insert(
            b"a",
            NewFile {
                kind: FileKind::Directory,
                opaque: true,
                ..NewFile::default()
            },
        );
        upper.insert(b"a/three", file(3));
        upper.insert(
            b"b/one",
            NewFile {
                kind: FileKind::Whiteout,
                ..NewFile::default()
            },
        );
        base.apply(&upper, 1);
        assert_eq!(paths(&base), ["a", "a/three", "b"]);
        assert_eq!(base.entry(base.find(b"a/three").expect("there")).layer, 1);
    }

    #[test]
    fn a_directory_replaced_by_a_file_loses_its_content_and_the_other_way_round() {
        let mut base = FileIndex::default();
        base.insert(b"a/b/c", file(1));
        let mut upper = FileIndex::default();
        upper.insert(b"a", file(2));
        base.apply(&upper, 1);
        assert_eq!(paths(&base), ["a"]);
        let mut top = FileIndex::default();
        top.insert(b"a/x", file(2));
        base.apply(&top, 2);
        assert_eq!(paths(&base), ["a", "a/x"]);
        assert_eq!(base.find(b"a/b/c"), None);
    }

    #[test]
    fn the_last_of_duplicates_wins() {
        let mut index = FileIndex::default();
        index.insert(b"x", file(1));
        index.insert(b"x", file(2));
        assert_eq!(index.entry(index.find(b"x").expect("there")).size, 2);
        assert_eq!(index.len(), 1);
    }

    #[test]
    fn an_index_survives_storage_and_a_damaged_one_does_no_harm() {
        let mut index = FileIndex::default();
        index.insert(b"usr/bin/sh", file(1));
        index.insert(b"bin", symlink(b"usr/bin"));
        let json = serde_json::to_string(&index).expect("json");
        let back: FileIndex = serde_json::from_str(&json).expect("back");
        assert_eq!(paths(&back), paths(&index));
        assert_eq!(back.canonical(b"bin/sh").as_deref(), Some(&b"usr/bin/sh"[..]));
        let mut deep = Stored {
            names: index.names.clone(),
            entries: index.entries.clone(),
            extras: index.extras.clone(),
        };
        let (at, last) = (deep.entries.len() as u32, deep.entries[1]);
        deep.entries.extend((at..at + 10_000).map(|id| FileEntry {
            parent: id - 1,
            ..last
        }));
        let back = FileIndex::from(deep);
        assert!(back.len() < 2_000, "no path is longer than Linux accepts");
        let broken = json.replace("\"parent\":1", "\"parent\":99");
        let back: FileIndex = serde_json::from_str(&broken).expect("still parses");
        assert!(back.len() < index.len());
    }
}
