//! Recordings of Falco and sysdig: `.scap` files.
//!
//! ```text
//!   section ─ machine ─ interfaces ─ users ─ processes ─ descriptors of each ─ event ─ event ─ ...
//! ```
//!
//! An event there says what changed; what a descriptor stands for, and who the process is, follows from all that went
//! before. So this reader keeps the tables of processes and descriptors, as the writer did, and tells each event complete.
//!
//! Files of all ages are read, back to those whose calls are two events, the arguments being told when the call began:
//! [`table`] says where each argument is. The number of an event is that of `evt.num` in sysdig: it counts all
//! that are in the file, so what has no kind here leaves a gap.

mod address;
mod block;
mod calls;
mod containers;
mod event;
mod files;
mod flags;
mod lists;
mod processes;
mod table;
mod values;
mod world;

use super::{Caps, Gaps, Input, Node, RecordingError, Source};
use block::{Blocks, Head, damaged};
use event::{Call, Header, Layout};
use gabion_model::event::Event;
use std::collections::{BTreeMap, HashMap};
use world::World;

/// What a file begins with.
pub(super) const MAGIC: [u8; 4] = SECTION.to_le_bytes();

const SECTION: u32 = 0x0a0d_0d0a;

const MACHINE: u32 = 0x201;

/// Most bytes of calls that have begun and not ended: some hundred thousand threads.
const MAX_BEGUN: u64 = 128 << 20;

/// Most types of blocks that nobody here knows.
const MAX_UNKNOWN: usize = 256;

/// Reads a `.scap` file.
pub struct Scap<'r> {
    caps: Caps,
    blocks: Blocks<'r>,
    body: Vec<u8>,
    /// A block that is in `body` already.
    ahead: Option<Head>,
    world: World,
    /// Calls that have begun, by thread.
    begun: HashMap<u64, Begun>,
    begun_bytes: u64,
    number: u64,
    started: bool,
    ended: bool,
    unknown_events: BTreeMap<u16, u64>,
    unknown_blocks: BTreeMap<u32, u64>,
}

struct Begun {
    number: u16,
    layout: Layout,
    body: Vec<u8>,
}

type Take<'t> = dyn FnMut(&Event<'_>) + 't;

impl<'r> Scap<'r> {
    /// Takes an input that is not compressed, and reads as far as the machine, which comes first.
    pub(super) fn open(input: Input<'r>, caps: Caps) -> Result<Self, RecordingError> {
        let mut blocks = Blocks::new(input, caps.block);
        let mut body = Vec::new();
        match blocks.next(&mut body)? {
            Some(Head { kind: SECTION, .. }) => {}
            _ => return Err(RecordingError::Unknown),
        }
        let ahead = blocks.next(&mut body)?;
        let mut scap = Self {
            caps,
            blocks,
            body: Vec::new(),
            ahead: None,
            world: World::new(caps),
            begun: HashMap::new(),
            begun_bytes: 0,
            number: 0,
            started: false,
            ended: false,
            unknown_events: BTreeMap::new(),
            unknown_blocks: BTreeMap::new(),
        };
        match ahead {
            Some(head) if head.kind == MACHINE => scap.block(head, &body, &mut |_| {})?,
            _ => (scap.ahead, scap.body) = (ahead, body),
        }
        Ok(scap)
    }

    fn advance(&mut self, body: &mut Vec<u8>, take: &mut Take<'_>) -> Result<bool, RecordingError> {
        loop {
            let next = match self.ahead.take() {
                Some(head) => Some(head),
                None => self.blocks.next(body)?,
            };
            let Some(head) = next else { return Ok(false) };
            let mut told = false;
            self.block(head, body, &mut |event| {
                told = true;
                take(event);
            })?;
            if told {
                return Ok(true);
            }
        }
    }

    fn block(&mut self, head: Head, body: &[u8], take: &mut Take<'_>) -> Result<(), RecordingError> {
        let Head { offset, kind } = head;
        let layout = |flags, counted| Layout { flags, counted };
        match kind {
            SECTION => {
                // A merged file: another machine, or the same one again.
                self.world = World::new(self.caps);
                self.begun.clear();
                self.begun_bytes = 0;
                self.started = false;
            }
            MACHINE | 0x8002_abcd => {
                self.world.node =
                    lists::machine(body).ok_or_else(|| damaged(offset, "the machine is cut off"))?;
            }
            0x202 | 0x8000_abcd => self.world.processes(offset, 1, body)?,
            0x207 | 0x8013_abcd => self.world.processes(offset, 2, body)?,
            0x209 | 0x8014_abcd => self.world.processes(offset, 3, body)?,
            0x210..=0x215 => self.world.processes(offset, (kind - 0x20c) as u8, body)?,
            0x203 | 0x8001_abcd => self.world.descriptors(offset, 1, body)?,
            0x218 => self.world.descriptors(offset, 2, body)?,
            // Interfaces and users: users are named by number here, as the account file of a container is its own.
            0x205 | 0x8011_abcd | 0x219 | 0x206 | 0x8012_abcd | 0x220 => {}
            0x204 | 0x8010_abcd => self.event(offset, layout(false, false), body, take)?,
            0x208 => self.event(offset, layout(true, false), body, take)?,
            0x216 | 0x221 => self.event(offset, layout(false, true), body, take)?,
            0x217 | 0x222 => self.event(offset, layout(true, true), body, take)?,
            _ => {
                *self.unknown_blocks.entry(kind).or_default() += 1;
                let (length, limit) = (self.unknown_blocks.len() as u64, MAX_UNKNOWN as u64);
                if length > limit {
                    let what = "the number of unknown types of blocks";
                    return Err(RecordingError::TooMuch { offset, what, length, limit });
                }
            }
        }
        Ok(())
    }

    fn event(
        &mut self,
        offset: u64,
        layout: Layout,
        body: &[u8],
        take: &mut Take<'_>,
    ) -> Result<(), RecordingError> {
        let (header, known) = event::read(offset, layout, body)?;
        self.number += 1;
        if !self.started {
            self.started = true;
            self.world.start(header.time, take);
        }
        let Some((of, params)) = known else {
            *self.unknown_events.entry(header.number).or_default() += 1;
            return Ok(());
        };
        let alone = table::alone(header.number);
        if header.number % 2 == 0 && !alone {
            return if of.params.is_empty() { Ok(()) } else { self.begin(offset, header, layout, body) };
        }
        let begun = if alone { None } else { self.begun.remove(&header.tid) };
        if let Some(begun) = &begun {
            self.begun_bytes -= begun.body.len() as u64;
        }
        // Only a call of this very type began it.
        let begun = begun.filter(|begun| begun.number + 1 == header.number);
        let enter = match &begun {
            Some(begun) => event::read(offset, begun.layout, &begun.body)?.1,
            None => None,
        };
        let call = Call { of, exit: &params, enter: enter.as_ref().map(|(of, params)| (*of, params)) };
        if of.kind.is_none() {
            *self.unknown_events.entry(header.number).or_default() += 1;
        }
        self.world.call(offset, self.number, header, call, take)
    }

    fn begin(
        &mut self,
        offset: u64,
        header: Header,
        layout: Layout,
        body: &[u8],
    ) -> Result<(), RecordingError> {
        let begun = Begun { number: header.number, layout, body: body.to_vec() };
        self.begun_bytes += begun.body.len() as u64;
        if let Some(before) = self.begun.insert(header.tid, begun) {
            self.begun_bytes -= before.body.len() as u64;
        }
        let what = "all calls that have not ended";
        let limits = [
            (what, self.begun_bytes, MAX_BEGUN),
            ("the number of calls that have not ended", self.begun.len() as u64, self.caps.processes as u64),
        ];
        for (what, length, limit) in limits {
            if length > limit {
                return Err(RecordingError::TooMuch { offset, what, length, limit });
            }
        }
        Ok(())
    }
}

impl Source for Scap<'_> {
    fn read(&mut self, take: &mut Take<'_>) -> Result<bool, RecordingError> {
        if self.ended {
            return Ok(false);
        }
        let mut body = std::mem::take(&mut self.body);
        let read = self.advance(&mut body, take);
        self.body = body;
        self.ended = !matches!(read, Ok(true));
        read
    }

    fn node(&self) -> &Node {
        &self.world.node
    }

    fn gaps(&self) -> Gaps {
        let mut events: BTreeMap<String, u64> = BTreeMap::new();
        for (&number, &count) in &self.unknown_events {
            let name = table::get(number).map_or_else(|| format!("number {number}"), |of| of.name.to_owned());
            *events.entry(name).or_default() += count;
        }
        Gaps {
            events: events.into_iter().collect(),
            blocks: self.unknown_blocks.iter().map(|(&kind, &count)| (kind, count)).collect(),
            ..Gaps::default()
        }
    }
}
