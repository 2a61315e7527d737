//! Asking an index, and filling it.

use super::{Extra, FileEntry, FileIndex, FileKind, NewFile};
use crate::{digest::Digest, path};
use hashbrown::hash_table::Entry;
use std::hash::{BuildHasher, Hasher};

fn hash_key(hasher: &hashbrown::DefaultHashBuilder, parent: u32, name: &[u8]) -> u64 {
    let mut state = hasher.build_hasher();
    state.write_u32(parent);
    state.write(name);
    state.finish()
}

pub(super) fn hash_of(
    hasher: &hashbrown::DefaultHashBuilder,
    entries: &[FileEntry],
    names: &[u8],
    id: u32,
) -> u64 {
    let e = &entries[id as usize];
    hash_key(hasher, e.parent, &names[e.name as usize..][..e.name_len as usize])
}

impl FileIndex {
    /// The root directory.
    pub const ROOT: u32 = 0;

    pub(super) fn hash(&self, parent: u32, name: &[u8]) -> u64 {
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

    pub(super) fn extra(&self, id: u32) -> Option<&Extra> {
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
        path.split(|&b| b == b'/').try_fold(Self::ROOT, |at, part| self.child(at, part))
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
        let (at, known) = self.place(directory, name, file.layer);
        if known && self.entries[at as usize].removed {
            self.revive(at);
        }
        self.put(at, file)
    }

    /// A directory on the way to an entry. A file in its way gives way, as it does when layers are unpacked.
    fn imply(&mut self, parent: u32, name: &[u8], layer: u16) -> u32 {
        let (id, known) = self.place(parent, name, layer);
        if !known {
            return id;
        }
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
            self.extras.push(Extra { digest: Some(digest), ..Extra::default() });
        }
    }

    /// The entry of this name in a directory, and whether it was there; a new one is empty. One that was
    /// removed counts as there.
    pub(super) fn place(&mut self, parent: u32, name: &[u8], layer: u16) -> (u32, bool) {
        let hash = self.hash(parent, name);
        let Self { lookup, entries, names, hasher, .. } = self;
        let same = |&id: &u32| {
            let e = &entries[id as usize];
            e.parent == parent && &names[e.name as usize..][..e.name_len as usize] == name
        };
        let id = match lookup.entry(hash, same, |&other| hash_of(hasher, entries, names, other)) {
            Entry::Occupied(known) => return (*known.get(), true),
            Entry::Vacant(vacant) => {
                let id = entries.len() as u32;
                vacant.insert(id);
                id
            }
        };
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
        (id, false)
    }

    pub(super) fn link_child(&mut self, id: u32) {
        let parent = self.entries[id as usize].parent as usize;
        self.entries[id as usize].next_sibling = self.entries[parent].first_child;
        self.entries[parent].first_child = id;
        self.entries[id as usize].linked = true;
    }

    pub(super) fn revive(&mut self, id: u32) {
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
    pub(super) fn clear(&mut self, id: u32) {
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
}
