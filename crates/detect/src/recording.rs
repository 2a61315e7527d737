//! Recordings of events: what was seen once can be judged again, by other rules and on another machine.
//!
//! ```text
//!   Falco, sysdig ──► .scap ──► scap::Scap ──┐
//!                                            ├──► Source ──► Event ──► rules
//!   own::Writer ───► .gabion ─► own::Reader ─┘
//! ```
//!
//! Recordings are hostile input: each length is capped, and what is broken is an error that names the offset. All events
//! before it have been given by then.

pub mod own;
pub mod scap;

use gabion_model::event::Event;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

/// Where events come from.
///
/// Events are given to a function, as they borrow from the source and from what it builds for one call: an iterator
/// would have to copy each.
pub trait Source {
    /// Reads on until there was at least one event, and gives it, or those that come with it, to `take`. False at the end.
    /// After an error there is only the end.
    fn read(&mut self, take: &mut dyn FnMut(&Event<'_>)) -> Result<bool, RecordingError>;

    /// Whose events they are, as far as it was read.
    fn node(&self) -> &Node;

    /// What was left out so far.
    fn gaps(&self) -> Gaps;
}

/// Whose events a recording holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// When it started, in nanoseconds since 1970: starts of processes count from then. 0 if not known.
    pub boot: u64,
}

/// How much of a recording is read: what is above is an error. Recordings are hostile, and whoever reads one has other things to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Bytes that come out of what is compressed.
    pub inflated: u64,
    /// Bytes of a block, after decompression.
    pub block: u64,
    /// Processes and threads at a time.
    pub processes: usize,
    /// Open descriptors at a time.
    pub files: usize,
    /// Bytes of all that a `.scap` file tells of containers.
    pub containers: u64,
}

impl Caps {
    /// For whoever has a machine to themselves: a day of a busy node.
    pub const WIDE: Self =
        Self { inflated: 1 << 40, block: 256 << 20, processes: 1 << 20, files: 1 << 22, containers: 1 << 30 };

    /// For a service that does other things, too: some hundred megabytes of memory, whatever is in the recording.
    pub const NARROW: Self = Self {
        inflated: 256 << 20,
        block: 8 << 20,
        processes: 1 << 16,
        files: 1 << 19,
        containers: 16 << 20,
    };
}

/// What a source could not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Events that have no kind here, by their name (or number) in the recording: rules cannot speak of them.
    pub events: Vec<(String, u64)>,
    /// Blocks that are no events and that nobody here knows, by number.
    pub blocks: Vec<(u32, u64)>,
    /// Blocks that were damaged and skipped.
    pub damaged: u64,
    /// The last block was not complete: whoever wrote it was interrupted.
    pub cut: bool,
}

/// Why a recording cannot be read, or not further.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The beginning is that of no known format.
    #[error("this is no recording: neither .scap nor one of Gabion")]
    Unknown,
    /// Written by a machine of the other byte order.
    #[error("the recording is big-endian, which is not supported: it must be converted where it was made")]
    BigEndian,
    /// A later major version of the format.
    #[error("the recording is of version {0}, which is newer than this program knows")]
    Version(u16),
    /// The reader failed.
    #[error("the recording cannot be read at byte {offset}")]
    Io {
        /// Where, after decompression.
        offset: u64,
        /// Why.
        source: io::Error,
    },
    /// It ends within a block.
    #[error("the recording is cut off: the block at byte {offset} is not complete")]
    Cut {
        /// Where that block begins, after decompression.
        offset: u64,
    },
    /// Something does not fit together.
    #[error("the recording is damaged: {what} in the block at byte {offset}")]
    Damaged {
        /// Where that block begins, after decompression.
        offset: u64,
        /// What is wrong.
        what: String,
    },
    /// A length or a number is above what is read.
    #[error(
        "the recording holds more than can be read: {what} in the block at byte {offset} is {length}, the limit {limit}"
    )]
    TooMuch {
        /// Where that block begins, after decompression.
        offset: u64,
        /// What.
        what: &'static str,
        /// How long or how many.
        length: u64,
        /// How long or how many may be.
        limit: u64,
    },
}

/// Recognises the format by its first bytes, and opens it.
pub fn open<'r>(input: impl Read + 'r, caps: Caps) -> Result<Box<dyn Source + 'r>, RecordingError> {
    let mut input = peek(Box::new(input))?;
    if input.0.starts_with(&GZIP) {
        let inflated = gabion_caps::gunzip(BufReader::new(input.1), "the recording", caps.inflated);
        input = peek(Box::new(inflated))?;
    }
    match input {
        (head, input) if head.starts_with(&scap::MAGIC) => Ok(Box::new(scap::Scap::open(input, caps)?)),
        (head, input) if head == own::MAGIC => Ok(Box::new(own::Reader::open(input, caps)?)),
        _ => Err(RecordingError::Unknown),
    }
}

const GZIP: [u8; 2] = [0x1f, 0x8b];

type Input<'r> = Box<dyn BufRead + 'r>;

/// The first eight bytes, fewer if there are no more, and an input that still has them.
fn peek<'r>(mut input: Box<dyn Read + 'r>) -> Result<(Vec<u8>, Input<'r>), RecordingError> {
    let mut head = Vec::new();
    input
        .by_ref()
        .take(8)
        .read_to_end(&mut head)
        .map_err(|source| RecordingError::Io { offset: 0, source })?;
    Ok((head.clone(), Box::new(BufReader::new(io::Cursor::new(head).chain(input)))))
}

impl fmt::Display for Gaps {
    /// A line for each thing; nothing if nothing was left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.events.is_empty() {
            let all: u64 = self.events.iter().map(|(_, count)| count).sum();
            let names: Vec<_> = self.events.iter().map(|(name, count)| format!("{name} {count}")).collect();
            writeln!(f, "{all} events are of types that no rule can name: {}", names.join(", "))?;
        }
        for (number, count) in &self.blocks {
            writeln!(f, "{count} blocks of the unknown type {number:#x} were skipped")?;
        }
        if self.damaged > 0 {
            writeln!(f, "{} damaged blocks were skipped: what they held is missing", self.damaged)?;
        }
        if self.cut {
            writeln!(f, "the recording was not ended: its last block is not complete")?;
        }
        Ok(())
    }
}
