//! A large compressed member of an archive, readable at any offset without being held in memory.
//!
//! A zip archive has its directory at the end, so a nested one cannot be read as it is inflated. Rather than
//! keep it whole, inflate it twice: once to keep its last [`TAIL`] bytes, where the directory lies, and once
//! more, in order, for the few members that are wanted. Going backwards starts anew; since everything that
//! comes out is taken from the [`Budget`], an archive made to be read back and forth only uses up its own.
//!
//! ```text
//!   ├──────── inflated, thrown away ─────────┬── recent ──┤          ├── tail ──┤
//!   0                                   at-len           at     size-TAIL      size
//! ```

use super::{budget::Budget, part::Part};
use crate::{
    caps,
    content::{ReadAt, ReadError},
};
use std::{
    io::{self, BufReader, Read},
    sync::{Mutex, PoisonError},
};

/// Bytes kept from the end: the directory of some 40 000 members.
const TAIL: u64 = 4 << 20;
/// Bytes kept behind the current position, so that neighbouring members do not start anew.
const RECENT: usize = 512 << 10;
/// Bytes inflated at once.
const STEP: usize = 64 << 10;

/// See the module.
pub(super) struct Inflated<'a> {
    packed: Part<'a>,
    size: u64,
    tail: Vec<u8>,
    budget: &'a Budget,
    state: Mutex<State<'a>>,
}

/// Where the inflater is.
struct State<'a> {
    stream: Box<dyn Read + Send + 'a>,
    at: u64,
    /// The bytes before `at`.
    recent: Vec<u8>,
}

impl<'a> State<'a> {
    fn new(packed: Part<'a>, size: u64) -> Self {
        let input = BufReader::with_capacity(STEP, packed.reader());
        Self { stream: Box::new(caps::inflate_raw(input, "member", size)), at: 0, recent: Vec::new() }
    }

    /// Inflates some more; `false` at the end.
    fn step(&mut self, budget: &Budget) -> io::Result<bool> {
        if self.recent.len() >= RECENT {
            self.recent.drain(..RECENT / 2);
        }
        let kept = self.recent.len();
        self.recent.resize(kept + STEP, 0);
        let read = self.stream.read(&mut self.recent[kept..]);
        self.recent.truncate(kept + *read.as_ref().unwrap_or(&0));
        let n = read? as u64;
        self.at += n;
        if let Err(error) = budget.inflate(n) {
            self.recent.clear();
            return Err(io::Error::other(error));
        }
        Ok(n > 0)
    }

    /// What is at hand from `offset` on.
    fn at_hand(&self, offset: u64) -> &[u8] {
        let start = self.at - self.recent.len() as u64;
        offset
            .checked_sub(start)
            .and_then(|skip| usize::try_from(skip).ok())
            .and_then(|skip| self.recent.get(skip..))
            .unwrap_or_default()
    }
}

impl<'a> Inflated<'a> {
    /// Inflates `packed` once, and checks that `size` bytes come out.
    pub(super) fn new(packed: Part<'a>, size: u64, budget: &'a Budget) -> Result<Self, ReadError> {
        let mut state = State::new(packed, size);
        let tail_start = size.saturating_sub(TAIL);
        let mut tail = Vec::new();
        while state.step(budget)? {
            let have = tail_start + tail.len() as u64;
            tail.extend_from_slice(if state.at > have { state.at_hand(have) } else { &[] });
        }
        if state.at != size {
            return Err(ReadError::malformed("inflates to less than it says"));
        }
        Ok(Self { packed, size, tail, budget, state: Mutex::new(State::new(packed, size)) })
    }
}

impl ReadAt for Inflated<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let tail_start = self.size - self.tail.len() as u64;
        if let Some(skip) = offset.checked_sub(tail_start) {
            return self.tail[..].read_at(buffer, skip);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if offset < state.at - state.recent.len() as u64 {
            *state = State::new(self.packed, self.size);
        }
        while state.at <= offset && state.step(self.budget)? {}
        let rest = state.at_hand(offset);
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{caps::Limits, content::Content};
    use std::io::Write;

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(bytes).expect("to memory");
        writer.finish().expect("to memory")
    }

    #[test]
    fn any_offset_reads_the_same_as_from_memory() {
        let bytes: Vec<u8> = (0..6_000_000_u32).map(|i| (i ^ (i >> 11)) as u8).collect();
        let packed = deflated(&bytes);
        let part = Part::new(Content::Memory(&packed), 0, packed.len() as u64).expect("whole");
        let budget = Budget::new(&Limits::DEFAULT);
        let inflated = Inflated::new(part, bytes.len() as u64, &budget).expect("right size");
        let content = Content::Stored(&inflated);
        for at in [5_999_000, 1_500_000, 1_499_000, 0, 1_805_695, 1_805_697, 40, 3_000_000] {
            let got = content.range(at, 3000).expect("inside");
            let end = bytes.len().min(at as usize + 3000);
            assert_eq!(got, &bytes[at as usize..end], "at {at}");
        }
        assert!(Inflated::new(part, 5_000_000, &budget).is_err());
        assert!(Inflated::new(part, 7_000_000, &budget).is_err());
    }

    #[test]
    fn reading_back_and_forth_uses_up_the_budget() {
        let bytes = vec![0; 6_000_000];
        let packed = deflated(&bytes);
        let part = Part::new(Content::Memory(&packed), 0, packed.len() as u64).expect("whole");
        let budget = Budget::new(&Limits { archive: 20_000_000, ..Limits::DEFAULT });
        let inflated = Inflated::new(part, 6_000_000, &budget).expect("right size");
        let mut one = [0];
        let results: Vec<bool> = (0..40)
            .map(|i| inflated.read_at(&mut one, if i % 2 == 0 { 1_800_000 } else { 0 }).is_ok())
            .collect();
        assert!(results[0] && !results[39]);
    }
}
