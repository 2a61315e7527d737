//! A segment: many sorted rows in one immutable file, which is mapped into memory and trusted only as far as it was
//! checked. What the rows mean is not known here.
//!
//! ```text
//!  ┌ header ─┬ dictionary ┬ block block block ... ┬ group page, places ... ┬ top page ┐
//!  │ 72 B    │ ≤ 64 KiB   │ zstd, 15 rows each    │ 128 blocks each        │          │
//!  └──┬──────┴────────────┴───────────────────────┴────────────────────────┴──────────┘
//!     └ magic, format, root; dictionary length, where groups and top page begin, where the file ends: u64, little-endian
//!
//!  root = SHA-256 of the top page ─► hash of each group page ─► hash of each block ─► rows          (see `table`)
//! ```
//!
//! **The root names the content.** It follows from rows and meta data alone: not from the order in which they came, nor from
//! the dictionary, nor from the version of zstd. Whoever assembles the same rows in another way gets the same root,
//! which is what is signed.
//!
//! **Checked at open:** the header against the length of the file, the top page against the root. **At first touch:** each
//! group page, each block. So opening costs 0.02 ms for 160,000 rows and 0.14 ms for 4 million, and no byte that is not what
//! was written ever becomes an answer - also not "there is no such row", as the table that says so is checked, too. What no hash covers
//! (places, dictionary, header) leads to a block of the wrong hash if it is wrong. [`Segment::verify`] checks everything at once.
//!
//! **Why no FST.** A transducer over the keys must be checked as a whole before it may be asked: for 4 million rows (1.2
//! million keys) it has 14.9 MB, of which the SHA-256 alone takes 8 ms, and all of it counts as our memory. The pages of the table
//! are checked one by one; a search in one is a few comparisons; one byte a key (its mark) rejects 19 of 20 unknown ones.
//!
//! **How large a block is.** Larger ones compress better, smaller ones are faster to ask: one question decompresses and hashes one
//! block. Over the 162,297 rows of the shared feeds (with JSON as a stand-in for values, on 2 busy cores):
//!
//! ```text
//!  rows a block     on disk     3,000 questions, a third known     a day's change
//!        7          6.63 MB               6 ms                         15 kB
//!       15          5.12 MB              10 ms                         16 kB      <- this
//!       30          4.30 MB              17 ms                         20 kB
//!       53          3.90 MB              22 ms                         35 kB
//! ```
//!
//! Why the day's change hardly depends on it is told in [`crate::transfer`].
//!
//! **Memory.** The kernel maps 64 KiB around each touched byte, so questions spread over a large file would soon make all of it
//! count as ours. Of a file beyond 12 MiB the mapping is emptied every so often; its pages stay in the page cache.
//!
mod builder;
pub(crate) mod codec;
pub(crate) mod cut;
mod map;
mod query;
pub(crate) mod replace;
pub(crate) mod rows;
pub(crate) mod table;
pub(crate) mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use builder::Builder;
pub use query::{Row, Rows};
pub use rows::{MAX_KEY, MAX_VALUE, Oversize};

use codec::{MAX_DICTIONARY, Unpacker};
use gabion_model::Digest;
use map::Map;
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};
use table::{BlockHash, Entry, GROUP, Group, Top};

/// What is to be known about a segment as a whole.
pub type Meta = BTreeMap<String, String>;

/// What is wrong with some bytes.
pub(crate) type Fault = &'static str;

/// Why a segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The operating system did not let us.
    #[error("{path} cannot be read")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("{0} is not a segment of the database")]
    Foreign(PathBuf),
    /// It is from another time.
    #[error("{path} is in format {found}, this program reads format {}", Header::FORMAT)]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u8,
    },
    /// It is not what was written.
    #[error("{path} is damaged: {fault}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// In which way.
        fault: &'static str,
    },
}

/// The first bytes of the file. None of it needs to be believed: with any other number the hashes do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    root: Digest,
    /// Bytes of the dictionary, which is next.
    dictionary: u64,
    /// Where the blocks end, and the pages of the table begin.
    groups: u64,
    /// Where the top page begins.
    top: u64,
    /// Where the file ends.
    end: u64,
}

impl Header {
    const SIZE: usize = 72;
    const MAGIC: [u8; 7] = *b"gabseg\0";
    const FORMAT: u8 = 1;

    fn write(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..7].copy_from_slice(&Self::MAGIC);
        bytes[7] = Self::FORMAT;
        bytes[8..40].copy_from_slice(self.root.as_bytes());
        let numbers = [self.dictionary, self.groups, self.top, self.end];
        for (place, number) in bytes[40..].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// The header of a file, if it fits the length of the file.
    fn read(file: &[u8]) -> Result<Self, Fault> {
        let mut cursor = rows::Cursor(file);
        cursor.take(8)?;
        let root = Digest::sha256(cursor.array()?);
        let mut number = || cursor.array().map(u64::from_le_bytes);
        let header = Self { root, dictionary: number()?, groups: number()?, top: number()?, end: number()? };
        if header.end != file.len() as u64 {
            return Err("it is longer or shorter than when it was written");
        }
        if header.dictionary > MAX_DICTIONARY as u64 {
            return Err("its dictionary is too long");
        }
        let ordered = [header.blocks(), header.groups, header.top, header.end].is_sorted();
        ordered.then_some(header).ok_or("its parts are not in their places")
    }

    /// Where the blocks begin.
    const fn blocks(&self) -> u64 {
        Self::SIZE as u64 + self.dictionary
    }
}

/// A block as it was unpacked, by its number.
type Unpacked = (u64, Arc<Vec<u8>>);

/// An open segment. It can be asked from many threads.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    map: Map,
    header: Header,
    top: Top,
    unpacker: Unpacker,
    groups_checked: Bits,
    blocks_checked: Bits,
    /// Blocks that were read last, by the end of their number: the next question is often about a neighbour.
    recent: [Mutex<Option<Unpacked>>; Self::RECENT],
    reads: AtomicU64,
}

impl Segment {
    /// A mapping of a file smaller than this is left in memory; of a larger one, all is given back once so much was touched.
    const RESIDENT: u64 = 12 << 20;
    /// What the kernel maps around one touched byte.
    const TOUCH: u64 = 64 << 10;
    /// Blocks that are kept as they were unpacked, so that threads rarely take away each other's.
    const RECENT: usize = 16;

    /// Maps a file and checks its header and the top page of its table.
    pub fn open(path: &Path) -> Result<Self, SegmentError> {
        let map = Map::open(path).map_err(|source| SegmentError::Io { path: path.to_owned(), source })?;
        Self::checked(path, map)
    }

    /// One that is part of the program, checked like any other; `name` is told in errors.
    pub fn included(name: &str, bytes: &'static [u8]) -> Result<Self, SegmentError> {
        Self::checked(Path::new(name), Map::Program(bytes))
    }

    fn checked(path: &Path, map: Map) -> Result<Self, SegmentError> {
        if !map.starts_with(&Header::MAGIC) {
            return Err(SegmentError::Foreign(path.to_owned()));
        }
        match map.get(7) {
            Some(&Header::FORMAT) => {}
            other => {
                return Err(SegmentError::Format {
                    path: path.to_owned(),
                    found: other.copied().unwrap_or_default(),
                });
            }
        }
        let damaged = |fault| SegmentError::Damaged { path: path.to_owned(), fault };
        let header = Header::read(&map).map_err(damaged)?;
        let page = &map[header.top as usize..];
        if table::digest(page) != header.root {
            return Err(damaged("its table is not the one that its header names"));
        }
        let top = Top::read(page, header.groups).map_err(damaged)?;
        if top.end().unwrap_or(header.groups) != header.top {
            return Err(damaged("its parts are not in their places"));
        }
        let dictionary = &map[Header::SIZE..header.blocks() as usize];
        Ok(Self {
            path: path.to_owned(),
            unpacker: Unpacker::new(dictionary).map_err(damaged)?,
            groups_checked: Bits::new(top.groups.len()),
            blocks_checked: Bits::new(top.blocks as usize),
            map,
            header,
            top,
            recent: std::array::from_fn(|_| Mutex::default()),
            reads: AtomicU64::new(0),
        })
    }

    /// What names all of it: SHA-256 of the top page of its table. This is what is signed.
    pub const fn root(&self) -> Digest {
        self.header.root
    }

    /// What its builder told about it.
    pub const fn meta(&self) -> &Meta {
        &self.top.meta
    }

    /// How many rows there are.
    pub const fn len(&self) -> u64 {
        self.top.rows
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on disk.
    pub const fn size(&self) -> u64 {
        self.header.end
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All rows with exactly this key.
    pub fn get(&self, table: u8, key: &[u8]) -> Result<Rows<'_>, SegmentError> {
        Rows::exactly(self, table, key)
    }

    /// All rows whose key begins so.
    pub fn prefix(&self, table: u8, prefix: &[u8]) -> Result<Rows<'_>, SegmentError> {
        Rows::beginning(self, table, prefix)
    }

    /// All rows of a table.
    pub fn rows(&self, table: u8) -> Result<Rows<'_>, SegmentError> {
        self.prefix(table, &[])
    }

    /// Reads and checks all of it, whatever was checked before.
    pub fn verify(&self) -> Result<(), SegmentError> {
        let (mut rows, mut last) = (0, Vec::new());
        for number in 0..self.blocks() {
            let (_, block) = self.block_afresh(number)?;
            for row in rows::each(&block) {
                let row = row.map_err(|fault| self.damaged(fault))?;
                if row.key < last.as_slice() {
                    return Err(self.damaged("its rows are out of order"));
                }
                row.key.clone_into(&mut last);
                rows += 1;
            }
        }
        if rows == self.len() { Ok(()) } else { Err(self.damaged("it has more or fewer rows than it says")) }
    }

    pub(crate) fn dictionary(&self) -> &[u8] {
        &self.map[Header::SIZE..self.header.blocks() as usize]
    }

    /// The file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    pub(crate) const fn blocks(&self) -> u64 {
        self.top.blocks
    }

    pub(crate) fn block_hash(&self, number: u64) -> Result<BlockHash, SegmentError> {
        Ok(self.entry(number)?.hash)
    }

    /// A block, compressed and not; checked now, as it may have changed on disk since it was checked first.
    pub(crate) fn block_afresh(&self, number: u64) -> Result<(&[u8], Vec<u8>), SegmentError> {
        let entry = self.entry(number)?;
        let packed = self.packed(&entry)?;
        let block = self.unpack(packed, &entry, true)?;
        Ok((packed, block))
    }

    fn damaged(&self, fault: Fault) -> SegmentError {
        SegmentError::Damaged { path: self.path.clone(), fault }
    }

    /// The first block that may have a row with this key or a greater one.
    fn first(&self, key: &[u8]) -> Result<u64, SegmentError> {
        let groups = &self.top.groups;
        let group = groups.partition_point(|line| *line.least < *key).saturating_sub(1);
        if group == groups.len() {
            return Ok(0);
        }
        let block = self.group(group)?.before(key).saturating_sub(1);
        Ok((group * GROUP + block) as u64)
    }

    fn group(&self, index: usize) -> Result<Group<'_>, SegmentError> {
        let read = || {
            let line = self.top.groups.get(index).ok_or("a part of its table is missing")?;
            let blocks = self.top.in_group(index);
            // The parts were found to fill the file exactly when it was opened.
            let mut cursor =
                rows::Cursor(self.map.get(line.at as usize..).ok_or("a part of its table is missing")?);
            let page = cursor.take(line.length)?;
            let places = cursor.take(table::places_len(blocks))?;
            if !self.groups_checked.get(index) {
                if table::digest(page) != line.hash {
                    return Err("a page of its table is not what was written");
                }
                self.groups_checked.set(index);
            }
            Group::new(page, places, blocks)
        };
        read().map_err(|fault| self.damaged(fault))
    }

    fn entry(&self, number: u64) -> Result<Entry<'_>, SegmentError> {
        let group = self.group(number as usize / GROUP)?;
        let entry = group.get(number as usize % GROUP);
        entry.ok_or_else(|| self.damaged("a page of its table makes no sense"))
    }

    fn packed(&self, entry: &Entry<'_>) -> Result<&[u8], SegmentError> {
        let within = self.header.blocks() <= entry.start && entry.end <= self.header.groups;
        let packed = self.map.get(entry.start as usize..entry.end as usize);
        let packed = packed.filter(|_| within);
        packed.ok_or_else(|| self.damaged("a block is not within the file"))
    }

    fn unpack(&self, packed: &[u8], entry: &Entry<'_>, check: bool) -> Result<Vec<u8>, SegmentError> {
        let block = self.unpacker.unpack(packed, entry.length);
        let block = block.map_err(|fault| self.damaged(fault))?;
        if check && table::block_hash(&block) != entry.hash {
            return Err(self.damaged("a block is not what was written"));
        }
        Ok(block)
    }

    /// A block by its number and what the table says of it.
    fn block(&self, number: u64, entry: &Entry<'_>) -> Result<Arc<Vec<u8>>, SegmentError> {
        let slot = &self.recent[number as usize % Self::RECENT];
        let recent = || slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, block)) = &*recent()
            && *same == number
        {
            return Ok(Arc::clone(block));
        }
        let known = self.blocks_checked.get(number as usize);
        let block = Arc::new(self.unpack(self.packed(entry)?, entry, !known)?);
        self.blocks_checked.set(number as usize);
        *recent() = Some((number, Arc::clone(&block)));
        self.touched();
        Ok(block)
    }

    /// Keeps what a large file takes of our memory within bounds.
    fn touched(&self) {
        // A block and the page of its table.
        let most = Self::RESIDENT / (2 * Self::TOUCH);
        if self.size() > Self::RESIDENT && self.reads.fetch_add(1, Relaxed) % most == most - 1 {
            self.map.release();
        }
    }
}

/// Which of many things were checked; shared by threads, each of which may check the same again.
#[derive(Debug)]
struct Bits(Box<[AtomicU64]>);

impl Bits {
    fn new(count: usize) -> Self {
        Self((0..count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    fn get(&self, index: usize) -> bool {
        let word = self.0.get(index / 64);
        word.is_some_and(|word| word.load(Relaxed) >> (index % 64) & 1 == 1)
    }

    fn set(&self, index: usize) {
        if let Some(word) = self.0.get(index / 64) {
            word.fetch_or(1 << (index % 64), Relaxed);
        }
    }
}
