//! An index on disk: written from where it is, read with suspicion.

use super::{Extra, FileEntry, FileIndex, index::hash_of};
use crate::path;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeStruct};

/// An index as it is stored: all that cannot be made again from the rest.
#[derive(Deserialize)]
pub(super) struct Stored {
    #[serde(with = "serde_bytes")]
    pub(super) names: Vec<u8>,
    pub(super) entries: Vec<FileEntry>,
    pub(super) extras: Vec<Extra>,
}

impl Serialize for FileIndex {
    /// Writes the fields of [`Stored`] from where they are: a copy of an index may be hundreds of megabytes.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut stored = serializer.serialize_struct("Stored", 3)?;
        stored.serialize_field("names", serde_bytes::Bytes::new(&self.names))?;
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
        let good = stored.entries.iter().enumerate().take_while(|(at, e)| sane(*at, e)).count();
        if good == 0 {
            return index;
        }
        index.names = stored.names;
        index.extras = stored.extras;
        index.entries = stored.entries;
        index.entries.truncate(good);
        index.lookup.reserve(good, |_| 0);
        index.entries.iter_mut().for_each(|e| e.first_child = FileEntry::NONE);
        for id in 1..good as u32 {
            index.link_child(id);
            let hash = index.hash(index.entries[id as usize].parent, index.name(id));
            let Self { lookup, entries, names, hasher, .. } = &mut index;
            lookup.insert_unique(hash, id, |&other| hash_of(hasher, entries, names, other));
        }
        index
    }
}
