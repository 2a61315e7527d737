//! Puts blocks, in order, into the file of a segment. A new build and an update both end here.

use super::{
    Header, Meta,
    codec::Packer,
    cut::MAX_BLOCK,
    replace::Replacement,
    rows,
    table::{self, GROUP, GroupPage, Top},
};
use gabion_model::Digest;
use std::{
    fs::File,
    io::{self, BufWriter, Seek as _, SeekFrom, Write as _},
    path::Path,
};

/// A segment on its way to the disk.
pub(crate) struct Writer {
    replacement: Replacement,
    out: BufWriter<File>,
    dictionary: usize,
    /// Bytes written so far.
    at: u64,
    /// Last key so far.
    last: Vec<u8>,
    rows: u64,
    blocks: u64,
    group: GroupPage,
    /// Where the blocks of the group begin, and where each ends.
    places: (u64, Vec<u64>),
    /// Finished group pages, each with its places.
    pages: Vec<u8>,
    lines: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(target: &Path, dictionary: &[u8]) -> io::Result<Self> {
        let (replacement, file) = Replacement::new(target)?;
        let mut out = BufWriter::with_capacity(1 << 18, file);
        out.write_all(&[0; Header::SIZE])?;
        out.write_all(dictionary)?;
        let at = (Header::SIZE + dictionary.len()) as u64;
        Ok(Self {
            replacement,
            out,
            dictionary: dictionary.len(),
            at,
            last: Vec::new(),
            rows: 0,
            blocks: 0,
            group: GroupPage::default(),
            places: (at, Vec::new()),
            pages: Vec::new(),
            lines: Vec::new(),
        })
    }

    /// Adds the next block: its rows, and the same compressed with the dictionary.
    pub(crate) fn push(&mut self, block: &[u8], packed: &[u8]) -> io::Result<()> {
        if block.len() > MAX_BLOCK {
            return Err(invalid("a block is too large"));
        }
        self.group.push(block, &self.last).map_err(invalid)?;
        for row in rows::each(block) {
            let row = row.map_err(invalid)?;
            if row.key < self.last.as_slice() {
                return Err(invalid("rows are out of order"));
            }
            row.key.clone_into(&mut self.last);
            self.rows += 1;
        }
        self.out.write_all(packed)?;
        self.at += packed.len() as u64;
        self.places.1.push(self.at);
        self.blocks += 1;
        if self.group.len() == GROUP {
            self.finish_group();
        }
        Ok(())
    }

    fn finish_group(&mut self) {
        let (page, line) = std::mem::take(&mut self.group).finish();
        self.lines.extend(line);
        self.pages.extend(page);
        let (start, ends) = std::mem::take(&mut self.places);
        self.pages.extend(start.to_le_bytes());
        for end in ends {
            // A group is 128 blocks of at most a megabyte and a bit.
            self.pages.extend(((end - start) as u32).to_le_bytes());
        }
        self.places.0 = self.at;
    }

    /// Writes the table and gives the root; nothing takes effect yet.
    pub(crate) fn finish(mut self, meta: &Meta) -> io::Result<Finished> {
        if !table::meta_fits(meta) {
            return Err(invalid("the meta data are too long"));
        }
        if self.group.len() > 0 {
            self.finish_group();
        }
        let top = Top::write(meta, self.rows, self.blocks, &self.lines);
        self.out.write_all(&self.pages)?;
        self.out.write_all(&top)?;
        let root = table::digest(&top);
        let header = Header {
            root,
            dictionary: self.dictionary as u64,
            groups: self.at,
            top: self.at + self.pages.len() as u64,
            end: self.at + (self.pages.len() + top.len()) as u64,
        };
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header.write())?;
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Finished { root, blocks: self.blocks, replacement: self.replacement, file })
    }
}

/// A complete segment beside its target.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) root: Digest,
    pub(crate) blocks: u64,
    replacement: Replacement,
    file: File,
}

impl Finished {
    /// Puts it in the place of the target.
    pub(crate) fn commit(self) -> io::Result<Digest> {
        self.replacement.commit(&self.file)?;
        Ok(self.root)
    }
}

/// Compresses many blocks, in as many threads as there are processors, in order.
pub(crate) fn pack_all(
    dictionary: &[u8],
    blocks: &[Vec<u8>],
    mut each: impl FnMut(&[u8], &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut packers = Vec::new();
    for _ in 0..threads {
        packers.push(Packer::new(dictionary)?);
    }
    // So many at a time that the compressed blocks of all need little memory, and starting threads little time.
    for batch in blocks.chunks(4096) {
        let share = batch.len().div_ceil(threads);
        let packed = std::thread::scope(|scope| {
            let work = batch.chunks(share).zip(&mut packers);
            let running: Vec<_> = work
                .map(|(blocks, packer)| {
                    scope.spawn(move || blocks.iter().map(|block| packer.pack(block)).collect())
                })
                .collect();
            let done = running.into_iter().map(|thread| {
                let thread: Result<io::Result<Vec<Vec<u8>>>, _> = thread.join();
                thread.unwrap_or_else(|_| Err(io::Error::other("a thread that compressed blocks failed")))
            });
            done.collect::<io::Result<Vec<_>>>()
        })?;
        for (block, packed) in batch.iter().zip(packed.iter().flatten()) {
            each(block, packed)?;
        }
    }
    Ok(())
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
