//! Gabion's own recordings: events as they came, small, and readable after a crash.
//!
//! ```text
//!   magic 8 │ version u16 │ length u32 │ CRC-32 u32 │ name of the node, when it started
//!   block ─ block ─ checkpoint ─ block ─ ...
//!
//!   a block:  "GBLK" │ what u8 │ length u32 │ length inflated u32 │ CRC-32 u32 of all that │ zstd
//! ```
//!
//! Numbers are little-endian. Each block stands for itself: it has its own table of texts, and its times start from 0. So
//! a damaged block costs only its own events; it is skipped and counted. The writer ends a block when it is
//! full and whenever it is asked to, so a crash costs at most the last one.
//!
//! A process and a container are told once, when they start. Checkpoints tell them again: all that run at that moment.
//! One comes first, and one after each [`BLOCKS`] blocks. A reader passes over them, but after damage, when
//! it may have missed some.

mod event;
mod subject;
mod wire;

use super::{Caps, Gaps, Input, Node, RecordingError, Source};
use crate::state::State;
use event::Before;
use gabion_model::event::{Event, EventKind, Process, Subject, Task, Value, Verdict};
use gabion_model::workload::ContainerKey;
use std::io::{self, Read, Write};
use wire::{In, Out};

/// What a recording begins with. The line breaks show whether it was transferred as text.
pub(super) const MAGIC: [u8; 8] = *b"\x89GBN\r\n\x1a\n";

/// The version of the format. Kinds of events are named, so a new one needs no new version; a new field does.
const VERSION: u16 = 1;

const BLOCK_MAGIC: [u8; 4] = *b"GBLK";

/// Magic, what, two lengths, checksum.
const BLOCK_HEAD: usize = 4 + 1 + 4 + 4 + 4;

const EVENTS: u8 = 0;
const CHECKPOINT: u8 = 1;

/// A block is ended when its events take so many bytes.
const FULL: usize = 256 << 10;

/// Longest block, inflated. One event can be large: arguments and environment of a process.
const MAX_BLOCK: usize = 16 << 20;

/// Most bytes in memory of one list of texts, such as the arguments of a process.
const MAX_LISTED: usize = 64 << 20;

/// Most bytes that are summed up in the search for whole blocks, so that it has an end.
const MAX_WASTED: u64 = 4 << 30;

/// Longest header.
const MAX_HEADER: u32 = 64 << 10;

/// How many blocks there are between two checkpoints.
pub const BLOCKS: u32 = 64;

/// Level of compression: the fastest.
const LEVEL: i32 = 1;

/// Writes a recording.
pub struct Writer<W> {
    out: W,
    block: Out,
    before: Before,
    since_checkpoint: u32,
    events: u64,
    plain: u64,
}

/// How much a writer has written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Events, without those of checkpoints.
    pub events: u64,
    /// Their bytes before compression.
    pub plain: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a recording at a moment, with what is known then.
    pub fn new(mut out: W, node: &Node, state: &State, time: u64) -> io::Result<Self> {
        let mut fields = Out::default();
        fields.text(node.name.as_bytes());
        fields.uint(node.boot);
        let too_long = || io::Error::other("the name of the node is too long");
        let length = u32::try_from(fields.bytes.len()).ok().filter(|&length| length <= MAX_HEADER);
        out.write_all(&MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        out.write_all(&length.ok_or_else(too_long)?.to_le_bytes())?;
        out.write_all(&crc32fast::hash(&fields.bytes).to_le_bytes())?;
        out.write_all(&fields.bytes)?;
        let (block, before) = (Out::default(), Before::default());
        let mut writer = Self { out, block, before, since_checkpoint: 0, events: 0, plain: 0 };
        writer.checkpoint(state, time)?;
        Ok(writer)
    }

    /// Adds an event, which the state has taken in.
    pub fn write(&mut self, event: &Event<'_>, state: &State) -> io::Result<()> {
        event::write(&mut self.block, &mut self.before, event);
        self.events += 1;
        if self.block.bytes.len() < FULL {
            return Ok(());
        }
        self.flush()?;
        if self.since_checkpoint >= BLOCKS {
            self.checkpoint(state, event.time)?;
        }
        Ok(())
    }

    /// Ends the block: what was written so far survives a crash, once the system has written it.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.block.bytes.is_empty() {
            return Ok(());
        }
        self.plain += self.block.bytes.len() as u64;
        self.since_checkpoint += 1;
        self.end(EVENTS)
    }

    /// How much was written.
    pub fn written(&self) -> Written {
        Written { events: self.events, plain: self.plain + self.block.bytes.len() as u64 }
    }

    /// Ends the recording.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush()?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn checkpoint(&mut self, state: &State, time: u64) -> io::Result<()> {
        self.since_checkpoint = 0;
        let mut result = Ok(());
        restate(state, time, &mut |event| {
            event::write(&mut self.block, &mut self.before, event);
            if self.block.bytes.len() >= FULL && result.is_ok() {
                result = self.end(CHECKPOINT);
            }
        });
        result?;
        if self.block.bytes.is_empty() { Ok(()) } else { self.end(CHECKPOINT) }
    }

    fn end(&mut self, what: u8) -> io::Result<()> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(io::Error::other);
        if self.block.bytes.len() > MAX_BLOCK {
            self.block.clear();
            return Err(io::Error::other("an event is larger than a recording can hold"));
        }
        let stored = zstd::bulk::compress(&self.block.bytes, LEVEL)?;
        let mut head = Vec::with_capacity(BLOCK_HEAD);
        head.extend_from_slice(&BLOCK_MAGIC);
        head.push(what);
        head.extend_from_slice(&length(&stored)?.to_le_bytes());
        head.extend_from_slice(&length(&self.block.bytes)?.to_le_bytes());
        head.extend_from_slice(&checksum(&head, &stored).to_le_bytes());
        self.block.clear();
        self.before = Before::default();
        self.out.write_all(&head)?;
        self.out.write_all(&stored)
    }
}

fn checksum(head: &[u8], stored: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(stored);
    hasher.finalize()
}

/// Reads a recording.
pub struct Reader<'r> {
    input: Input<'r>,
    caps: Caps,
    node: Node,
    /// What was read, and from `begin` on not used yet: a block that may begin somewhere in it.
    window: Vec<u8>,
    begin: usize,
    /// Where in the recording that is.
    offset: u64,
    /// Bytes that came out of blocks.
    inflated: u64,
    /// Nothing of what runs was told yet, or some of it may have been missed.
    missed: bool,
    /// A checkpoint is being told.
    restating: bool,
    damaged: u64,
    /// Bytes that were summed up for nothing.
    wasted: u64,
    cut: bool,
    ended: bool,
}

impl<'r> Reader<'r> {
    /// Reads the header.
    pub(super) fn open(mut input: Input<'r>, caps: Caps) -> Result<Self, RecordingError> {
        let mut head = [0; 18];
        let io = |source| RecordingError::Io { offset: 0, source };
        let cut = |source: io::Error| match source.kind() {
            io::ErrorKind::UnexpectedEof => RecordingError::Cut { offset: 0 },
            _ => io(source),
        };
        input.read_exact(&mut head).map_err(cut)?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        if head[..8] != MAGIC {
            return Err(RecordingError::Unknown);
        }
        let version = u16::from_le_bytes([head[8], head[9]]);
        if version > VERSION {
            return Err(RecordingError::Version(version));
        }
        let damaged = || RecordingError::Damaged { offset: 0, what: "the header".to_owned() };
        let (length, sum) = (word(10), word(14));
        if length > MAX_HEADER {
            return Err(damaged());
        }
        let mut body = vec![0; length as usize];
        input.read_exact(&mut body).map_err(cut)?;
        let mut fields = In::new(&body);
        let node = match (fields.string(), fields.uint()) {
            (Some(name), Some(boot)) if crc32fast::hash(&body) == sum => Node { name, boot },
            _ => return Err(damaged()),
        };
        let offset = 18 + u64::from(length);
        Ok(Self {
            input,
            caps,
            node,
            window: Vec::new(),
            begin: 0,
            offset,
            inflated: 0,
            missed: true,
            restating: false,
            damaged: 0,
            wasted: 0,
            cut: false,
            ended: false,
        })
    }

    fn ahead(&self) -> &[u8] {
        &self.window[self.begin..]
    }

    /// Reads until so many bytes are ahead. False if there are no more.
    fn fill(&mut self, count: usize) -> Result<bool, RecordingError> {
        let missing = count.saturating_sub(self.ahead().len());
        let read = self.input.by_ref().take(missing as u64).read_to_end(&mut self.window);
        match read {
            Ok(read) => Ok(read == missing),
            // A compressed file that is cut off.
            Err(source) if source.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(source) => Err(RecordingError::Io { offset: self.offset, source }),
        }
    }

    /// What was used is moved away when it is as much as what was not, so that each byte is moved once, however short the steps are.
    fn drop_front(&mut self, count: usize) {
        self.begin += count;
        self.offset += count as u64;
        if self.begin >= self.ahead().len() {
            self.window.drain(..self.begin);
            self.begin = 0;
        }
    }

    /// The next block that is whole: what it is, and its content.
    fn block(&mut self) -> Result<Option<(u8, Vec<u8>)>, RecordingError> {
        let mut searching = false;
        loop {
            if !self.fill(BLOCK_HEAD)? {
                self.cut = !searching && !self.ahead().is_empty();
                return Ok(None);
            }
            if let Some((what, length, plain, sum)) = head(self.ahead(), self.caps.block) {
                let whole = BLOCK_HEAD + length;
                if self.fill(whole)? {
                    let (head, stored) = self.ahead()[..whole].split_at(BLOCK_HEAD);
                    if checksum(&head[..BLOCK_HEAD - 4], stored) == sum {
                        let content = inflate(stored, plain);
                        self.count_inflated(plain)?;
                        if let Some(content) = content {
                            self.drop_front(whole);
                            return Ok(Some((what, content)));
                        }
                    }
                    self.wasted += length as u64;
                } else if !searching && self.next_block().is_none() {
                    self.cut = true;
                    return Ok(None);
                }
            }
            if !searching {
                searching = true;
                self.skipped();
            }
            if self.wasted > MAX_WASTED {
                let what = "too many blocks are, and no whole one follows".to_owned();
                return Err(RecordingError::Damaged { offset: self.offset, what });
            }
            // The last three bytes may be the beginning of one.
            self.drop_front(self.next_block().unwrap_or(self.ahead().len() - 3));
        }
    }

    fn count_inflated(&mut self, plain: usize) -> Result<(), RecordingError> {
        self.inflated += plain as u64;
        let (offset, length, limit) = (self.offset, self.inflated, self.caps.inflated);
        if length > limit {
            return Err(RecordingError::TooMuch { offset, what: "all of it, inflated,", length, limit });
        }
        Ok(())
    }

    /// How far ahead the next block may begin.
    fn next_block(&self) -> Option<usize> {
        self.ahead()[1..].windows(4).position(|four| four == BLOCK_MAGIC).map(|place| place + 1)
    }

    fn skipped(&mut self) {
        self.damaged += 1;
        self.missed = true;
    }
}

/// What, length, length inflated and checksum; `None` if there is no head of a block.
fn head(ahead: &[u8], longest: u64) -> Option<(u8, usize, usize, u32)> {
    let ahead = ahead.strip_prefix(&BLOCK_MAGIC)?;
    let (&what, rest) = ahead.split_first()?;
    let longest = MAX_BLOCK.min(usize::try_from(longest).unwrap_or(MAX_BLOCK));
    let word = |at: usize| rest.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let (length, plain, sum) = (word(0)? as usize, word(4)? as usize, word(8)?);
    (what <= CHECKPOINT && length <= longest && plain <= longest).then_some((what, length, plain, sum))
}

fn inflate(stored: &[u8], plain: usize) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    gabion_caps::unzstd(stored, "a block of the recording", plain as u64)
        .and_then(|mut input| input.read_to_end(&mut content))
        .ok()?;
    (content.len() == plain).then_some(content)
}

impl Source for Reader<'_> {
    fn read(&mut self, take: &mut dyn FnMut(&Event<'_>)) -> Result<bool, RecordingError> {
        while !self.ended {
            let Some((what, content)) = self.block().inspect_err(|_| self.ended = true)? else {
                self.ended = true;
                break;
            };
            // One checkpoint may be many blocks.
            if what == CHECKPOINT && !self.missed {
                continue;
            }
            self.missed &= what == CHECKPOINT || !self.restating;
            self.restating = what == CHECKPOINT;
            let mut told = false;
            let (mut input, mut before) = (In::new(&content), Before::default());
            while !input.is_empty() {
                let read = event::read(&mut input, &mut before, &mut |event| {
                    told = true;
                    take(event);
                });
                if read.is_none() {
                    // The checksum was right, so it was written like this: the rest cannot be understood.
                    self.skipped();
                    break;
                }
            }
            if told {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn node(&self) -> &Node {
        &self.node
    }

    fn gaps(&self) -> Gaps {
        Gaps { damaged: self.damaged, cut: self.cut, ..Gaps::default() }
    }
}

/// All that runs at a moment, as checkpoints tell it: events without a number, containers first.
fn restate(state: &State, time: u64, take: &mut dyn FnMut(&Event<'_>)) {
    let base = Event {
        number: 0,
        time,
        cpu: 0,
        kind: EventKind::Container,
        task: Task::default(),
        container: ContainerKey::HOST,
        result: 0,
        fd: None,
        args: &[],
        subject: Subject::None,
        verdict: Verdict::None,
    };
    for container in state.containers() {
        take(&Event { container: container.key, subject: Subject::Container(container), ..base });
    }
    let mut running: Vec<_> = state.processes().iter().filter(|entry| entry.ended.is_none()).collect();
    running.sort_unstable_by_key(|entry| (entry.task.start, entry.task.pid));
    for entry in running {
        let process = Process {
            parent: entry.parent_pid,
            vpid: entry.vpid,
            found: true,
            ..Process::clone(&entry.process)
        };
        take(&Event {
            kind: EventKind::Execve,
            task: entry.task,
            container: entry.container,
            args: &[Value::Int(0)],
            subject: Subject::Process(&process),
            ..base
        });
    }
}
