//! From one version of a segment to another: the blocks that are new, compressed against those they replace.
//!
//! ```text
//!  delta = "gabion delta 1\n", root before, root after, meta data after, piece piece ...
//!  piece = length, runs, length of the new blocks, length, the new blocks compressed
//!  run   = keep N | drop N | insert N, with N lengths         N << 2 | 0, 1 or 2
//!
//!  old:   A B C D E F G H              runs of a piece: keep 2, drop 1, insert 1, keep 3, drop 1, insert 2, keep 1
//!  new:   A B c D E F g i H            zstd sees c g i with C G in front of it: what stayed the same costs nearly nothing
//! ```
//!
//! Since rows are sorted and each is there once, blocks that both versions have are in the same order in both: one
//! pass finds them. A run can only speak of the next blocks, so nothing can overlap, and counts of billions end where the
//! old blocks end. Whatever a delta says, what comes out must have the root that was signed.

use crate::segment::{
    Segment, SegmentError,
    codec::{Packer, pack_against, unpack_against},
    cut::MAX_BLOCK,
    rows::{Cursor, number},
    table::{read_meta, write_meta},
    writer::{Finished, Writer},
};
use gabion_model::Digest;
use std::{collections::HashMap, io, path::Path};

const MAGIC: &[u8] = b"gabion delta 1\n";
/// A piece ends with so many bytes of old or new blocks: what both sides need memory for.
const PIECE: usize = 1 << 20;
const KEEP: u64 = 0;
const DROP: u64 = 1;
const INSERT: u64 = 2;

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
    let mut delta = [MAGIC, from.root().as_bytes(), to.root().as_bytes()].concat();
    write_meta(&mut delta, to.meta());
    let mut piece = Piece::default();
    let mut old = 0;
    let mut drop_until = |end: u64, piece: &mut Piece, delta: &mut Vec<u8>| -> Result<(), DeltaError> {
        for block in old..end {
            piece.drop(from.block_afresh(block)?.1);
            piece.flush(delta, PIECE)?;
        }
        old = end + 1;
        Ok(())
    };
    for block in 0..to.blocks() {
        if let Some(&same) = known.get(&to.block_hash(block)?) {
            drop_until(same, &mut piece, &mut delta)?;
            piece.run(KEEP);
        } else {
            piece.insert(&to.block_afresh(block)?.1);
            piece.flush(&mut delta, PIECE)?;
        }
    }
    drop_until(from.blocks(), &mut piece, &mut delta)?;
    piece.flush(&mut delta, 0)?;
    Ok(delta)
}

/// A part of a delta that is being made.
#[derive(Default)]
struct Piece {
    runs: Vec<Run>,
    dropped: Vec<u8>,
    inserted: Vec<u8>,
}

struct Run {
    kind: u64,
    count: u64,
    lengths: Vec<usize>,
}

impl Piece {
    fn run(&mut self, kind: u64) -> &mut Run {
        if self.runs.last().is_none_or(|run| run.kind != kind) {
            self.runs.push(Run { kind, count: 0, lengths: Vec::new() });
        }
        let last = self.runs.len() - 1;
        let run = &mut self.runs[last];
        run.count += 1;
        run
    }

    fn drop(&mut self, block: Vec<u8>) {
        self.run(DROP);
        self.dropped.extend(block);
    }

    fn insert(&mut self, block: &[u8]) {
        self.run(INSERT).lengths.push(block.len());
        self.inserted.extend(block);
    }

    /// Ends the piece, if it is of this size.
    fn flush(&mut self, delta: &mut Vec<u8>, size: usize) -> io::Result<()> {
        if self.runs.is_empty() || self.dropped.len().max(self.inserted.len()) < size {
            return Ok(());
        }
        let piece = std::mem::take(self);
        let mut runs = Vec::new();
        for run in piece.runs {
            number(&mut runs, run.count << 2 | run.kind);
            for length in run.lengths {
                number(&mut runs, length as u64);
            }
        }
        let packed = pack_against(&piece.dropped, &piece.inserted)?;
        number(delta, runs.len() as u64);
        delta.extend(runs);
        number(delta, piece.inserted.len() as u64);
        number(delta, packed.len() as u64);
        delta.extend(packed);
        Ok(())
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
    let mut writer = Writer::new(target, have.dictionary())?;
    let mut compress = Packer::new(have.dictionary())?;
    let (mut at, mut reused) = (0, 0);
    while !rest.0.is_empty() {
        let runs = Cursor(rest.bytes(delta.len())?);
        let most = PIECE + MAX_BLOCK;
        let length = rest.number(most as u64)? as usize;
        let packed = rest.bytes(delta.len())?;

        let (mut dropped, mut place) = (Vec::new(), at);
        each_run(runs, have.blocks(), |run| {
            if let Step::Drop = run {
                dropped.extend(have.block_afresh(place)?.1);
                if dropped.len() > most {
                    return Err("it drops too much at once".into());
                }
            }
            if !matches!(run, Step::Insert(_)) {
                place += 1;
            }
            if place > have.blocks() {
                return Err("it counts more blocks than there are".into());
            }
            Ok(())
        })?;
        let inserted = unpack_against(&dropped, packed, length)?;
        let mut inserted = Cursor(&inserted);
        each_run(runs, have.blocks(), |run| {
            match run {
                Step::Keep => {
                    let (packed, block) = have.block_afresh(at)?;
                    writer.push(&block, packed)?;
                    reused += 1;
                    at += 1;
                }
                Step::Drop => at += 1,
                Step::Insert(length) => {
                    let block = inserted.take(length)?;
                    writer.push(block, &compress.pack(block)?)?;
                }
            }
            Ok(())
        })?;
        if !inserted.0.is_empty() {
            return Err("it brings more than it inserts".into());
        }
    }
    if at != have.blocks() {
        return Err("it does not speak of all blocks".into());
    }
    let finished = writer.finish(&meta)?;
    if finished.root != root {
        return Err("what it leads to does not have the signed root".into());
    }
    Ok(Applied { finished, reused })
}

enum Step {
    Keep,
    Drop,
    Insert(usize),
}

/// One call for each block that the runs speak of. Blocks beyond the last of the old ones are an error of whoever
/// looks for them, so counts are bounded by that and by the lengths that are there.
fn each_run(
    mut runs: Cursor<'_>,
    blocks: u64,
    mut each: impl FnMut(Step) -> Result<(), DeltaError>,
) -> Result<(), DeltaError> {
    while !runs.0.is_empty() {
        let run = runs.number(u64::MAX)?;
        let count = run >> 2;
        if count > blocks.max(runs.0.len() as u64) {
            return Err("it counts more blocks than there are".into());
        }
        for _ in 0..count {
            each(match run & 3 {
                KEEP => Step::Keep,
                DROP => Step::Drop,
                INSERT => Step::Insert(runs.number(MAX_BLOCK as u64)? as usize),
                _ => return Err("it has a run of an unknown kind".into()),
            })?;
        }
    }
    Ok(())
}
