//! The table of blocks: a tree of two levels, in which each page is named by its hash.
//!
//! ```text
//!  top page ── SHA-256 = root            meta, counts; for each group of 128 blocks: least key, SHA-256, length
//!     └─ group page ── checked at first touch        for each block: least key, 128 bits of its SHA-256, length, marks
//!           └─ block ── checked at first touch               its rows
//! ```
//!
//! All of it follows from the rows and the meta data alone. How well a block was compressed and where it lies in the file is
//! no part of it: that stands behind each group page, unhashed, as a wrong place leads to a block of the wrong hash.
//!
//! *Least key*: the shortest text that is greater than every key before the block and not greater than its own; the
//! whole key, if rows with it are in the block before, too. *Marks*: one byte of the hash of each of its keys, so that a
//! key that is nowhere is told without touching a block (with 12 keys a block, 19 times out of 20).

use super::{
    Fault, Meta,
    cut::{MOST, hash},
    rows::{self, Cursor, MAX_KEY, number},
};
use gabion_model::Digest;
use sha2::{Digest as _, Sha256};

/// Blocks of a group; only the last has fewer.
pub(super) const GROUP: usize = 128;
/// Bytes of the hash of a block.
const HASH: usize = 16;
/// Bytes of a block in the fixed part of a group page: hash, length, end of its key, end of its marks.
const ENTRY: usize = HASH + 4 + 4 + 4;
/// Bytes of a group page.
const MAX_GROUP: usize = GROUP * (ENTRY + MAX_KEY + 1 + MOST) + 8;
/// Bytes of a name or a value of the meta data, and how many there are.
const MAX_META: usize = 1 << 10;
const MAX_META_ENTRIES: usize = 64;

/// What a block is known by.
pub(crate) type BlockHash = [u8; HASH];

/// The hash of a block.
pub(crate) fn block_hash(block: &[u8]) -> BlockHash {
    let mut short = [0; HASH];
    short.copy_from_slice(&Sha256::digest(block)[..HASH]);
    short
}

pub(super) fn digest(bytes: &[u8]) -> Digest {
    Digest::sha256(Sha256::digest(bytes).into())
}

/// The mark of a key.
pub(super) fn mark(key: &[u8]) -> u8 {
    (hash(&[key]) >> 56) as u8
}

/// A group page that is being written.
#[derive(Debug, Default)]
pub(super) struct GroupPage {
    entries: Vec<u8>,
    keys: Vec<u8>,
    marks: Vec<u8>,
    least: Vec<u8>,
}

impl GroupPage {
    /// Adds a block. `last` is the last key before it.
    pub(super) fn push(&mut self, block: &[u8], last: &[u8]) -> Result<(), Fault> {
        let (mut first, mut before) = (None, None);
        for row in rows::each(block) {
            let key = row?.key;
            if before != Some(key) {
                self.marks.push(mark(key));
            }
            first.get_or_insert(key);
            before = Some(key);
        }
        let key = least_key(last, first.ok_or("a block is empty")?);
        if self.entries.is_empty() {
            self.least = key.to_vec();
        }
        self.keys.extend_from_slice(key);
        self.entries.extend_from_slice(&block_hash(block));
        for number in [block.len(), self.keys.len(), self.marks.len()] {
            self.entries.extend_from_slice(&(number as u32).to_le_bytes());
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() / ENTRY
    }

    /// The page, and its line in the top page.
    pub(super) fn finish(self) -> (Vec<u8>, Vec<u8>) {
        let page = [self.entries, self.keys, self.marks].concat();
        let mut line = Vec::with_capacity(self.least.len() + 38);
        number(&mut line, self.least.len() as u64);
        line.extend_from_slice(&self.least);
        line.extend_from_slice(&Sha256::digest(&page));
        number(&mut line, page.len() as u64);
        (page, line)
    }
}

fn least_key<'a>(last: &[u8], first: &'a [u8]) -> &'a [u8] {
    let shared = last.iter().zip(first).take_while(|(a, b)| a == b).count();
    first.get(..=shared).unwrap_or(first)
}

/// A group page that was checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group<'a> {
    entries: &'a [[u8; ENTRY]],
    /// Keys, marks.
    rest: &'a [u8],
    /// Where the first block begins, and where each ends, relative to that.
    places: &'a [u8],
}

/// One block, as its group page tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) hash: BlockHash,
    pub(super) length: usize,
    pub(super) least: &'a [u8],
    pub(super) marks: &'a [u8],
    /// Where it is in the file.
    pub(super) start: u64,
    pub(super) end: u64,
}

impl<'a> Group<'a> {
    /// Reads a page with `blocks` blocks whose hash was found right, and what stands behind it.
    pub(super) fn new(page: &'a [u8], places: &'a [u8], blocks: usize) -> Result<Self, Fault> {
        let (entries, rest) =
            page.split_at_checked(blocks * ENTRY).ok_or("a page of its table is too short")?;
        Ok(Self { entries: entries.as_chunks().0, rest, places })
    }

    pub(super) const fn len(self) -> usize {
        self.entries.len()
    }

    /// How many begin before `key`.
    pub(super) fn before(self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.get(middle).is_some_and(|entry| entry.least < key) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    pub(super) fn get(self, index: usize) -> Option<Entry<'a>> {
        let u32_at =
            |bytes: &[u8], at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let ends = |index: usize| {
            let entry = &self.entries[index];
            Some((u32_at(entry, HASH + 4)? as usize, u32_at(entry, HASH + 8)? as usize))
        };
        let entry = self.entries.get(index)?;
        let before = if index == 0 { (0, 0) } else { ends(index - 1)? };
        let end = ends(index)?;
        let keys = ends(self.len() - 1)?.0;
        let place = |index: usize| u32_at(self.places, 8 + 4 * index).map(u64::from);
        let start = u64::from_le_bytes(self.places.get(..8)?.try_into().ok()?);
        Some(Entry {
            hash: *entry.first_chunk()?,
            length: u32_at(entry, HASH)? as usize,
            least: self.rest.get(before.0..end.0)?,
            marks: self.rest.get(keys + before.1..keys + end.1)?,
            start: start.checked_add(if index == 0 { 0 } else { place(index - 1)? })?,
            end: start.checked_add(place(index)?)?,
        })
    }
}

/// Bytes that stand behind the page of a group of so many blocks.
pub(super) const fn places_len(blocks: usize) -> usize {
    8 + 4 * blocks
}

/// The top page, as it was found in the file.
#[derive(Debug, Default)]
pub(super) struct Top {
    pub(super) meta: Meta,
    pub(super) rows: u64,
    pub(super) blocks: u64,
    pub(super) groups: Vec<GroupLine>,
}

/// What the top page says of a group.
#[derive(Debug)]
pub(super) struct GroupLine {
    pub(super) least: Box<[u8]>,
    pub(super) hash: Digest,
    pub(super) length: usize,
    /// Where its page is in the file.
    pub(super) at: u64,
}

impl Top {
    /// The canonical page; `lines` are what [`GroupPage::finish`] gave.
    pub(super) fn write(meta: &Meta, rows: u64, blocks: u64, lines: &[u8]) -> Vec<u8> {
        let mut page = b"gabion segment 1\n".to_vec();
        write_meta(&mut page, meta);
        number(&mut page, rows);
        number(&mut page, blocks);
        page.extend_from_slice(lines);
        page
    }

    /// Reads a page whose hash was found right. `at` is where the groups begin in the file.
    pub(super) fn read(page: &[u8], mut at: u64) -> Result<Self, Fault> {
        let rest = page.strip_prefix(b"gabion segment 1\n").ok_or("its table begins with something else")?;
        let mut cursor = Cursor(rest);
        let meta = read_meta(&mut cursor)?;
        let rows = cursor.number(u64::MAX)?;
        // Each line of a group takes more than 32 bytes, which bounds what is allocated.
        let most = (cursor.0.len() / 32 * GROUP) as u64;
        let blocks = cursor.number(most)?;
        let mut groups = Vec::with_capacity(blocks.div_ceil(GROUP as u64) as usize);
        let mut left = blocks as usize;
        while left > 0 {
            let least = cursor.bytes(MAX_KEY + 1)?.into();
            let hash = Digest::sha256(cursor.array()?);
            let length = cursor.number(MAX_GROUP as u64)? as usize;
            groups.push(GroupLine { least, hash, length, at });
            at += (length + places_len(left.min(GROUP))) as u64;
            left = left.saturating_sub(GROUP);
        }
        if !cursor.0.is_empty() {
            return Err("something follows its table");
        }
        Ok(Self { meta, rows, blocks, groups })
    }

    /// Where the groups end in the file.
    pub(super) fn end(&self) -> Option<u64> {
        let last = self.groups.last()?;
        Some(last.at + (last.length + places_len(self.in_group(self.groups.len() - 1))) as u64)
    }

    /// How many blocks a group has.
    pub(super) fn in_group(&self, group: usize) -> usize {
        GROUP.min(self.blocks as usize - group * GROUP)
    }
}

/// Meta data, in order.
pub(crate) fn write_meta(out: &mut Vec<u8>, meta: &Meta) {
    number(out, meta.len() as u64);
    for text in meta.iter().flat_map(|(name, value)| [name, value]) {
        number(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }
}

/// What [`write_meta`] wrote.
pub(crate) fn read_meta(cursor: &mut Cursor<'_>) -> Result<Meta, Fault> {
    let count = cursor.number(MAX_META_ENTRIES as u64)?;
    let mut meta = Meta::new();
    for _ in 0..count {
        let mut text = || {
            let bytes = cursor.bytes(MAX_META)?.to_vec();
            String::from_utf8(bytes).map_err(|_| "its meta data are not text")
        };
        meta.insert(text()?, text()?);
    }
    Ok(meta)
}

/// Whether meta data can be kept: few and short.
pub(super) fn meta_fits(meta: &Meta) -> bool {
    meta.len() <= MAX_META_ENTRIES && meta.iter().all(|(name, value)| name.len().max(value.len()) <= MAX_META)
}
