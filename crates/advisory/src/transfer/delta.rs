//! From one version of a segment to another: the rows that are dropped and added, and where.
//!
//! ```text
//!  delta = "gabion delta 2\n", root before, root after, meta data after, piece piece ...       a piece is edits: [`columns`]
//!
//!  old:   a b c d e f g h │ i j k l m n o p q r │ s t u v w x y z        blocks, each a run of rows
//!  edits:     c → C                                +s'                   drop one and add one; add one
//!  new:   a b C d e f g h │ i j k l m n o p q r │ s s' t u v w x y z     the block in the middle stays as it is
//! ```
//!
//! Where blocks begin is said by the rows alone, so nothing is said of the new blocks: the client opens the blocks that edits
//! are in, puts the rows as edited through the same [`Cutter`] as the builder, and has the blocks of the publisher. A
//! block that is another only because its neighbour is, is opened by an edit that changes nothing. Whatever a delta says,
//! what comes out must have the root that was signed.

use super::columns::{Column, Columns, PIECE, Piece, Row};
use crate::segment::{
    Segment, SegmentError,
    codec::Packer,
    cut::Cutter,
    rows::{self, Cursor, Raw},
    table::{read_meta, write_meta},
    writer::{Finished, Writer},
};
use gabion_model::Digest;
use std::{collections::HashMap, io, ops::Range, path::Path};

const MAGIC: &[u8] = b"gabion delta 2\n";
/// An edit ends with so many rows added, or with [`PIECE`] bytes of them, and the next goes on in its place.
const MOST_ADDED: usize = 64;

/// Why a delta cannot be applied.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeltaError {
    #[error(transparent)]
    Segment(#[from] SegmentError),
    #[error("the delta is refused: {0}")]
    Delta(&'static str),
    #[error("the new version cannot be written")]
    Io(#[from] io::Error),
}

impl From<&'static str> for DeltaError {
    fn from(fault: &'static str) -> Self {
        Self::Delta(fault)
    }
}

/// What leads from one version to another.
pub(super) fn make(from: &Segment, to: &Segment) -> Result<Vec<u8>, DeltaError> {
    let mut known = HashMap::with_capacity(from.blocks() as usize);
    for block in 0..from.blocks() {
        known.insert(from.block_hash(block)?, block);
    }
    let mut out = [MAGIC, from.root().as_bytes(), to.root().as_bytes()].concat();
    write_meta(&mut out, to.meta());
    let mut maker =
        Maker { from, to, out, columns: Columns::default(), next: 0, passed: 0, previous: Row::default() };
    // Blocks that both have are in the same order in both, since rows are sorted and each is there once.
    let (mut old, mut new) = (0, 0);
    for block in 0..to.blocks() {
        if let Some(&same) = known.get(&to.block_hash(block)?) {
            if old < same {
                maker.replace(old..same, new..block)?;
            } else if new < block {
                // New blocks in front of one that stays: that is opened, to have a place for their rows.
                maker.replace(same..same + 1, new..block + 1)?;
            }
            (old, new) = (same + 1, block + 1);
        }
    }
    if old < from.blocks() || new < to.blocks() {
        maker.replace(old..from.blocks(), new..to.blocks())?;
    }
    maker.columns.finish(from.dictionary(), &mut maker.out)?;
    Ok(maker.out)
}

/// A delta that is being made.
struct Maker<'a> {
    from: &'a Segment,
    to: &'a Segment,
    out: Vec<u8>,
    columns: Columns,
    /// The block behind the one with the last edit.
    next: u64,
    /// Rows that stay since the last edit in this block.
    passed: u64,
    /// The row before, in the new version.
    previous: Row,
}

impl Maker<'_> {
    /// Tells how these old blocks become those new ones.
    fn replace(&mut self, old: Range<u64>, new: Range<u64>) -> Result<(), DeltaError> {
        let mut new = Rows { segment: self.to, blocks: new, block: Vec::new(), at: 0, end: 0 };
        // Behind the last block is one more, without rows.
        let blocks = if old.is_empty() { old.start..old.start + 1 } else { old };
        for block in blocks.clone() {
            let there = block < self.from.blocks();
            let content = if there { self.from.block_afresh(block)?.1 } else { Vec::new() };
            self.passed = 0;
            if block > self.next {
                self.previous = Row::default();
            }
            let (mut dropped, mut added) = (Vec::new(), Vec::new());
            for row in rows::each(&content) {
                let row = row?;
                while new.peek()?.is_some_and(|other| other < row) {
                    self.add(block, &mut new, &mut dropped, &mut added)?;
                }
                if new.peek()? == Some(row) {
                    if dropped.len() + added.len() > 0 {
                        self.edit(block, &mut dropped, &mut added)?;
                    }
                    new.advance();
                    self.passed += 1;
                    self.previous.set(row);
                } else {
                    dropped.push(row);
                }
            }
            while block + 1 == blocks.end && new.peek()?.is_some() {
                self.add(block, &mut new, &mut dropped, &mut added)?;
            }
            if dropped.len() + added.len() > 0 || self.next != block + 1 {
                self.edit(block, &mut dropped, &mut added)?;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        block: u64,
        new: &mut Rows<'_>,
        dropped: &mut Vec<Raw<'_>>,
        added: &mut Vec<Row>,
    ) -> Result<(), DeltaError> {
        let mut row = Row::default();
        row.set(new.peek()?.unwrap_or(Raw { key: &[], value: &[] }));
        added.push(row);
        new.advance();
        let full = added.len() == MOST_ADDED || added.iter().map(Row::size).sum::<usize>() > PIECE;
        if full { self.edit(block, dropped, added) } else { Ok(()) }
    }

    fn edit(
        &mut self,
        block: u64,
        dropped: &mut Vec<Raw<'_>>,
        added: &mut Vec<Row>,
    ) -> Result<(), DeltaError> {
        let gap = (block + 1).saturating_sub(self.next);
        self.next = block + 1;
        self.columns.number(Column::Gap, gap);
        self.columns.number(Column::Pass, std::mem::take(&mut self.passed));
        self.columns.number(Column::Dropped, dropped.len() as u64);
        self.columns.number(Column::Added, added.len() as u64);
        let models = dropped.iter().copied().map(Some).chain(std::iter::repeat(None));
        for (row, model) in added.drain(..).zip(models) {
            self.columns.row(row.raw(), model.unwrap_or(self.previous.raw()));
            self.previous = row;
        }
        dropped.clear();
        if self.columns.is_full() {
            self.columns.finish(self.from.dictionary(), &mut self.out)?;
        }
        Ok(())
    }
}

/// The rows of some blocks, one after the other.
struct Rows<'a> {
    segment: &'a Segment,
    blocks: Range<u64>,
    block: Vec<u8>,
    at: usize,
    /// Where the row that was looked at ends.
    end: usize,
}

impl Rows<'_> {
    fn peek(&mut self) -> Result<Option<Raw<'_>>, DeltaError> {
        while self.at == self.block.len() {
            let Some(next) = self.blocks.next() else { return Ok(None) };
            (self.block, self.at) = (self.segment.block_afresh(next)?.1, 0);
        }
        let mut rest = Cursor(&self.block[self.at..]);
        let row = rest.row()?;
        self.end = self.block.len() - rest.0.len();
        Ok(Some(row))
    }

    /// Goes on behind the row that was looked at.
    fn advance(&mut self) {
        self.at = self.end;
    }
}

/// What came of a delta.
pub(super) struct Applied {
    pub(super) finished: Finished,
    /// Blocks that were here already.
    pub(super) reused: u64,
}

/// Writes the new version beside its target. Every block that stays is checked again, so that no damage is handed down.
pub(super) fn apply(
    have: &Segment,
    delta: &[u8],
    root: Digest,
    target: &Path,
) -> Result<Applied, DeltaError> {
    let mut rest = Cursor(delta.strip_prefix(MAGIC).ok_or("it begins with something else")?);
    if rest.array()? != *have.root().as_bytes() || rest.array()? != *root.as_bytes() {
        return Err("it is for other versions".into());
    }
    let meta = read_meta(&mut rest)?;
    let mut editor = Editor {
        have,
        writer: Writer::new(target, have.dictionary())?,
        packer: Packer::new(have.dictionary())?,
        next: 0,
        reused: 0,
        open: Vec::new(),
        at: 0,
        cutter: Cutter::default(),
        block: Vec::new(),
        previous: Row::default(),
    };
    while !rest.0.is_empty() {
        let mut piece = Piece::read(&mut rest, have.dictionary())?;
        while !piece.is_done() {
            editor.edit(&mut piece)?;
        }
    }
    editor.keep_until(have.blocks())?;
    let finished = editor.writer.finish(&meta)?;
    if finished.root != root {
        return Err("what it leads to does not have the signed root".into());
    }
    Ok(Applied { finished, reused: editor.reused })
}

/// A version that is being made of the one before.
struct Editor<'a> {
    have: &'a Segment,
    writer: Writer,
    packer: Packer,
    /// The block behind the open one.
    next: u64,
    reused: u64,
    /// The rows of the open block, and where in them it goes on.
    open: Vec<u8>,
    at: usize,
    /// Where the new blocks begin, and the one that is not finished.
    cutter: Cutter,
    block: Vec<u8>,
    /// The row before, in the new version.
    previous: Row,
}

impl Editor<'_> {
    fn edit(&mut self, piece: &mut Piece) -> Result<(), DeltaError> {
        match piece.number(Column::Gap)? {
            0 if self.next == 0 => return Err("it edits no block".into()),
            0 => {}
            gap => self.open(self.next.checked_add(gap - 1).ok_or("it edits a block that is not there")?)?,
        }
        for _ in 0..piece.number(Column::Pass)? {
            self.pass()?;
        }
        let mut rows = Cursor(&self.open[self.at..]);
        let dropped =
            (0..piece.number(Column::Dropped)?).map(|_| rows.row()).collect::<Result<Vec<_>, _>>()?;
        let mut models = dropped.into_iter();
        let mut added = Vec::new();
        for _ in 0..piece.number(Column::Added)? {
            let before = added.last().map_or(self.previous.raw(), Row::raw);
            added.push(piece.row(models.next().unwrap_or(before))?);
        }
        self.at = self.open.len() - rows.0.len();
        for row in added {
            self.put(row.raw())?;
            self.previous = row;
        }
        Ok(())
    }

    /// Opens an old block, after all rows of the open one; those between them stay as they are.
    fn open(&mut self, block: u64) -> Result<(), DeltaError> {
        if block > self.have.blocks() {
            return Err("it edits a block that is not there".into());
        }
        if block > self.next {
            self.keep_until(block)?;
        }
        while self.at < self.open.len() {
            self.pass()?;
        }
        // Behind the last block is one more, without rows.
        let there = block < self.have.blocks();
        (self.open, self.at) = (if there { self.have.block_afresh(block)?.1 } else { Vec::new() }, 0);
        self.next = block + 1;
        Ok(())
    }

    /// Ends what is being edited: the old blocks from there to `end` begin and end as they did.
    fn keep_until(&mut self, end: u64) -> Result<(), DeltaError> {
        while self.at < self.open.len() {
            self.pass()?;
        }
        self.finish_block()?;
        (self.cutter, self.previous) = (Cutter::default(), Row::default());
        for block in self.next..end {
            let (packed, rows) = self.have.block_afresh(block)?;
            self.writer.push(&rows, packed)?;
            self.reused += 1;
        }
        self.next = end;
        Ok(())
    }

    /// Takes over the next row of the open block.
    fn pass(&mut self) -> Result<(), DeltaError> {
        let open = std::mem::take(&mut self.open);
        let mut rest = Cursor(&open[self.at..]);
        let row = rest.row()?;
        self.put(row)?;
        self.previous.set(row);
        self.at = open.len() - rest.0.len();
        self.open = open;
        Ok(())
    }

    fn put(&mut self, row: Raw<'_>) -> Result<(), DeltaError> {
        if self.cutter.begins(row) {
            self.finish_block()?;
        }
        row.write(&mut self.block);
        Ok(())
    }

    fn finish_block(&mut self) -> Result<(), DeltaError> {
        if !self.block.is_empty() {
            self.writer.push(&self.block, &self.packer.pack(&self.block)?)?;
            self.block.clear();
        }
        Ok(())
    }
}
