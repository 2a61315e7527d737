//! The frames of a file of the log.
//!
//! ```text
//!   magic 4 │ length 4 │ CRC-32 4 │ kind 1 │ first place 8 │ body
//!                                 ╰──── what the checksum covers ────╯
//!   kind 1: marks   (source, last number) in postcard
//!   kind 2: batch   when it came 8, then each event: length 4, bytes
//! ```
//!
//! Numbers are little-endian. Behind a broken frame the next good one is looked for, so that one flipped bit costs one batch.

use super::super::{EventStoreError, failed};
use std::{
    collections::HashMap,
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const MAGIC: [u8; 4] = *b"GbE\x01";
const HEADER: usize = 12;
const MARKS: u8 = 1;
const BATCH: u8 = 2;
/// A batch is closed at so many bytes.
const BATCH_BYTES: usize = 1 << 20;
/// No frame is longer: a batch and the longest event, or the marks of a million sources.
const FRAME_BYTES: usize = 64 << 20;

/// What a frame holds.
pub(super) enum Frame {
    /// The place at which the file begins, and the last number of each source before.
    Marks(u64, Vec<(String, u64)>),
    /// Events.
    Batch(Batch),
}

/// Events that came at once, at places that follow each other.
#[derive(Debug)]
pub(in super::super) struct Batch {
    /// The place of the first.
    pub(in super::super) first: u64,
    /// When they came.
    pub(in super::super) received: i64,
    body: Vec<u8>,
    count: u64,
}

impl Batch {
    /// The place behind the last.
    pub(in super::super) fn end(&self) -> u64 {
        self.first + self.count
    }

    /// The bytes of each event.
    pub(in super::super) fn events(&self) -> impl Iterator<Item = &[u8]> {
        events(&self.body)
    }
}

fn events(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, behind) = rest.split_first_chunk()?;
        let (event, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = behind;
        Some(event)
    })
}

/// Puts events into frames.
pub(super) struct Writer {
    out: Vec<u8>,
    /// Where the open frame begins.
    open: Option<usize>,
    next: u64,
    kept: u64,
    received: i64,
}

impl Writer {
    pub(super) fn new(first: u64, received: i64) -> Self {
        Self { out: Vec::new(), open: None, next: first, kept: 0, received }
    }

    pub(super) fn push(&mut self, event: &[u8]) {
        let start = *self.open.get_or_insert_with(|| {
            let start = begin(&mut self.out, BATCH, self.next);
            self.out.extend(self.received.to_le_bytes());
            start
        });
        self.out.extend((event.len() as u32).to_le_bytes());
        self.out.extend(event);
        self.next += 1;
        self.kept += 1;
        if self.out.len() - start >= BATCH_BYTES {
            finish(&mut self.out, start);
            self.open = None;
        }
    }

    /// The frames, and how many events are in them.
    pub(super) fn finish(mut self) -> (Vec<u8>, u64) {
        if let Some(start) = self.open {
            finish(&mut self.out, start);
        }
        (self.out, self.kept)
    }
}

/// The frame with which a file begins.
pub(super) fn marks(first: u64, marks: &HashMap<String, u64>) -> Vec<u8> {
    let mut out = Vec::new();
    let start = begin(&mut out, MARKS, first);
    let marks: Vec<(&String, &u64)> = marks.iter().collect();
    let mut out = postcard::to_extend(&marks, out).expect("a vector takes whatever is written");
    finish(&mut out, start);
    out
}

fn begin(out: &mut Vec<u8>, kind: u8, first: u64) -> usize {
    let start = out.len();
    out.extend(MAGIC);
    out.extend([0; HEADER - MAGIC.len()]);
    out.push(kind);
    out.extend(first.to_le_bytes());
    start
}

fn finish(out: &mut [u8], start: usize) {
    let frame = &mut out[start..];
    let (header, covered) = frame.split_at_mut(HEADER);
    header[4..8].copy_from_slice(&(covered.len() as u32).to_le_bytes());
    header[8..12].copy_from_slice(&crc32fast::hash(covered).to_le_bytes());
}

/// Reads the frames of a file.
#[derive(Debug)]
pub(super) struct Frames {
    file: File,
    path: PathBuf,
    at: u64,
    good: u64,
    skipped: u64,
}

impl Frames {
    pub(super) fn open(path: &Path) -> Result<Self, EventStoreError> {
        let file = File::open(path).map_err(failed("open", path))?;
        Ok(Self { file, path: path.to_owned(), at: 0, good: 0, skipped: 0 })
    }

    /// How long the file is.
    pub(super) fn bytes(&self) -> Result<u64, EventStoreError> {
        self.file.metadata().map(|m| m.len()).map_err(failed("look at", &self.path))
    }

    /// Brings the file to disk.
    pub(super) fn sync(&self) -> Result<(), EventStoreError> {
        self.file.sync_all().map_err(failed("bring to disk", &self.path))
    }

    /// Where the last good frame ends.
    pub(super) fn good(&self) -> u64 {
        self.good
    }

    /// How many bytes between good frames were not good.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The next good frame that ends at `end` or before.
    pub(super) fn next(&mut self, end: u64) -> Result<Option<Frame>, EventStoreError> {
        while self.at < end {
            if let Some((frame, bytes)) = self.frame(self.at, end)? {
                self.skipped += self.at - self.good;
                self.at += bytes;
                self.good = self.at;
                return Ok(Some(frame));
            }
            self.at = self.magic(self.at + 1, end)?;
        }
        Ok(None)
    }

    /// The frame that begins exactly here, and how long it is.
    fn frame(&self, at: u64, end: u64) -> Result<Option<(Frame, u64)>, EventStoreError> {
        let room = end - at;
        if room < HEADER as u64 {
            return Ok(None);
        }
        let mut header = [0; HEADER];
        self.read(&mut header, at)?;
        let [m0, m1, m2, m3, l0, l1, l2, l3, c0, c1, c2, c3] = header;
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if [m0, m1, m2, m3] != MAGIC || length > FRAME_BYTES || (HEADER + length) as u64 > room {
            return Ok(None);
        }
        let mut covered = vec![0; length];
        self.read(&mut covered, at + HEADER as u64)?;
        if crc32fast::hash(&covered) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Ok(None);
        }
        Ok(parse(&covered).map(|frame| (frame, (HEADER + length) as u64)))
    }

    /// Where, from here on, a frame might begin.
    fn magic(&self, mut at: u64, end: u64) -> Result<u64, EventStoreError> {
        let mut block = vec![0; 64 << 10];
        while end.saturating_sub(at) >= MAGIC.len() as u64 {
            let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(block.len());
            let block = &mut block[..length];
            self.read(block, at)?;
            if let Some(found) = block.windows(MAGIC.len()).position(|w| w == MAGIC) {
                return Ok(at + found as u64);
            }
            at += (length - MAGIC.len() + 1) as u64;
        }
        Ok(end)
    }

    fn read(&self, into: &mut [u8], at: u64) -> Result<(), EventStoreError> {
        self.file.read_exact_at(into, at).map_err(failed("read", &self.path))
    }
}

/// A frame whose checksum is right. It may still be of a version that is not known.
fn parse(covered: &[u8]) -> Option<Frame> {
    let (&kind, rest) = covered.split_first()?;
    let (first, rest) = rest.split_first_chunk()?;
    let first = u64::from_le_bytes(*first);
    match kind {
        MARKS => Some(Frame::Marks(first, postcard::from_bytes(rest).ok()?)),
        BATCH => {
            let (received, rest) = rest.split_first_chunk()?;
            let (received, body) = (i64::from_le_bytes(*received), rest.to_vec());
            let count = events(&body).count() as u64;
            Some(Frame::Batch(Batch { first, received, body, count }))
        }
        _ => None,
    }
}

impl From<io::Error> for EventStoreError {
    fn from(source: io::Error) -> Self {
        Self::Io { what: "use", path: PathBuf::from("the event store"), source }
    }
}
