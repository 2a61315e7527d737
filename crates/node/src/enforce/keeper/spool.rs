//! Decisions that no agent has taken yet: in memory, and in a file that outlives the keeper.
//!
//! ```text
//!   head   magic │ last number │ decided │ recorded │ dropped │ dropped, of the kernel's │ place in its ring   8 bytes each
//!   frame  length u32 │ place in the ring, 0 if it is a decision of the keeper │ decision       one after the other
//! ```
//! What the keeper decides is counted in the head before its record is written, and written before the kernel is answered. So after a
//! crash the numbers say whether a record is missing, and it is told as dropped. What the kernel decides is counted there.

use crate::enforce::{Decision, error::EnforceError, wire};
use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

const MAGIC: u64 = u64::from_le_bytes(*b"GSPOOL\x01\0");
const HEAD: u64 = 56;
/// No more bytes than this wait; what is beyond is dropped and counted.
pub(super) const CAP: u64 = 32 << 20;

/// What must add up, over all keepers so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    last: u64,
    /// Decisions of keepers: all, and of them recorded and dropped.
    decided: u64,
    recorded: u64,
    dropped: u64,
    /// Decisions of the kernel that were dropped here.
    foreign: u64,
    /// Records of the kernel's ring before this place have been taken.
    place: u64,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Spool {
    path: PathBuf,
    file: File,
    head: Head,
    waiting: VecDeque<(Decision, u64)>,
    /// Where the next frame goes, and where the first begins that still waits.
    end: u64,
    begin: u64,
    cap: u64,
}

impl Spool {
    /// Opens what an earlier keeper has left.
    pub(super) fn open(path: &Path, cap: u64) -> Result<Self, EnforceError> {
        let failed = |error| EnforceError::State(path.to_owned(), error);
        let mut spool = Self {
            path: path.to_owned(),
            file: open(path).map_err(failed)?,
            head: Head::default(),
            waiting: VecDeque::new(),
            end: HEAD,
            begin: HEAD,
            cap,
        };
        spool.recover().map_err(failed)?;
        Ok(spool)
    }

    fn recover(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        // The cap bounds what is written; the last frame may go beyond it.
        (&self.file).take(self.cap + wire::MAX_FRAME as u64).read_to_end(&mut bytes)?;
        let head: Vec<u64> = bytes.chunks_exact(8).take(7).map(long).collect();
        if let [MAGIC, last, decided, recorded, dropped, foreign, place] = head[..] {
            self.head = Head { last, decided, recorded, dropped, foreign, place };
            let mut rest = &bytes[HEAD as usize..];
            // The last frame may not be whole.
            while let Ok(Some(((place, decision), length))) = wire::unframe::<(u64, Decision)>(rest) {
                self.head.recorded += u64::from(place == 0 && decision.number > last);
                self.head.last = self.head.last.max(decision.number);
                self.head.place = self.head.place.max(place);
                self.waiting.push_back((decision, length as u64));
                self.end += length as u64;
                rest = &rest[length..];
            }
            // Decisions of a keeper that died before it could write them.
            let Head { decided, recorded, dropped, .. } = self.head;
            self.head.dropped += decided.saturating_sub(recorded + dropped);
        }
        self.file.set_len(self.end)?;
        self.write_head()
    }

    fn write_head(&self) -> io::Result<()> {
        let Head { last, decided, recorded, dropped, foreign, place } = self.head;
        let head = [MAGIC, last, decided, recorded, dropped, foreign, place];
        self.file.write_all_at(&head.map(u64::to_le_bytes).concat(), 0)
    }

    /// Takes up a decision; its number is given here. `place`: behind its record in the ring, 0 if it is the keeper's own.
    pub(super) fn add(&mut self, mut decision: Decision, place: u64) {
        decision.number = self.head.last + 1;
        self.head.decided += u64::from(place == 0);
        if self.write(&decision, place).is_err() {
            *if place == 0 { &mut self.head.dropped } else { &mut self.head.foreign } += 1;
            self.head.place = self.head.place.max(place);
            // If not even that can be written, a keeper after us finds what is missing.
            let _ = self.write_head();
        }
    }

    fn write(&mut self, decision: &Decision, place: u64) -> io::Result<()> {
        let frame = wire::frame(&(place, decision))?;
        let length = frame.len() as u64;
        if self.end + length > self.cap && self.begin > HEAD {
            self.compact()?;
        }
        if self.end + length > self.cap {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        if place == 0 {
            self.write_head()?;
        }
        self.file.write_all_at(&frame, self.end)?;
        self.end += length;
        self.head.last = decision.number;
        self.head.recorded += u64::from(place == 0);
        self.head.place = self.head.place.max(place);
        self.waiting.push_back((decision.clone(), length));
        Ok(())
    }

    /// Leaves out what was taken.
    fn compact(&mut self) -> io::Result<()> {
        let mut frames = vec![0; (self.end - self.begin) as usize];
        self.file.read_exact_at(&mut frames, self.begin)?;
        let new = self.path.with_extension("new");
        let file = open(&new)?;
        file.set_len(0)?;
        file.write_all_at(&frames, HEAD)?;
        self.file = file;
        self.write_head()?;
        fs::rename(&new, &self.path)?;
        (self.begin, self.end) = (HEAD, HEAD + frames.len() as u64);
        Ok(())
    }

    /// The agent has decisions up to this number.
    pub(super) fn taken(&mut self, number: u64) {
        while let Some((_, length)) = self.waiting.pop_front_if(|(decision, _)| decision.number <= number) {
            self.begin += length;
        }
        if self.waiting.is_empty() && self.end > HEAD {
            // The head must know the last number before the frames are gone. If not, they are told again.
            if self.write_head().and_then(|()| self.file.set_len(HEAD)).is_ok() {
                (self.begin, self.end) = (HEAD, HEAD);
            }
        }
    }

    /// What waits, the oldest first.
    pub(super) fn waiting(&self) -> impl ExactSizeIterator<Item = &Decision> {
        self.waiting.iter().map(|(decision, _)| decision)
    }

    /// A record of the kernel's ring was taken by an earlier keeper already.
    pub(super) fn has(&self, place: u64) -> bool {
        place <= self.head.place
    }

    /// What other programs of the kernel have counted, of which the records are here already, and what they have lost.
    pub(super) fn inherit(&mut self, decided: u64, lost: u64) {
        self.head.decided += decided;
        self.head.recorded += decided.saturating_sub(lost);
        self.head.dropped += lost;
        // If it cannot be written now, it is with the next record.
        let _ = self.write_head();
    }

    /// The ring is new: places begin again.
    pub(super) fn new_ring(&mut self) {
        self.head.place = 0;
    }

    /// The last number, decisions of keepers, and what was dropped.
    pub(super) fn numbers(&self) -> (u64, u64, u64) {
        (self.head.last, self.head.decided, self.head.dropped + self.head.foreign)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn long(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enforce::{What, policy::Mode};
    use gabion_model::event::{Task, Verdict};

    fn decision() -> Decision {
        Decision {
            number: 0,
            since_boot: 1,
            cgroup: 2,
            container: "a container".into(),
            task: Task::default(),
            what: What::Open { path: b"/etc/shadow".to_vec() },
            verdict: Verdict::Allowed,
            mode: Mode::Enforce,
            policy: "p".into(),
            rule: "r".into(),
        }
    }

    fn numbers(spool: &Spool) -> Vec<u64> {
        spool.waiting().map(|decision| decision.number).collect()
    }

    #[test]
    fn what_was_not_taken_is_there_again_and_numbers_go_on() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("spool");
        let mut spool = Spool::open(&path, CAP).expect("opens");
        for place in [0, 64, 0] {
            spool.add(decision(), place);
        }
        spool.taken(1);
        drop(spool);
        let mut spool = Spool::open(&path, CAP).expect("opens");
        // The first was taken, but the file still has it.
        assert_eq!(numbers(&spool), [1, 2, 3]);
        assert!(spool.has(64) && !spool.has(65));
        spool.taken(3);
        drop(spool);
        let mut spool = Spool::open(&path, CAP).expect("opens");
        assert_eq!(numbers(&spool), [0; 0]);
        spool.add(decision(), 0);
        assert_eq!((numbers(&spool), spool.numbers()), (vec![4], (4, 3, 0)));
    }

    #[test]
    fn a_decision_whose_record_was_cut_is_dropped_and_counted() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("spool");
        let mut spool = Spool::open(&path, CAP).expect("opens");
        spool.add(decision(), 0);
        spool.add(decision(), 0);
        let cut = spool.end - 1;
        drop(spool);
        OpenOptions::new().write(true).open(&path).expect("opens").set_len(cut).expect("cuts");
        let spool = Spool::open(&path, CAP).expect("opens");
        assert_eq!((numbers(&spool), spool.numbers()), (vec![1], (1, 2, 1)));
        drop(spool);
        // And not once more.
        assert_eq!(Spool::open(&path, CAP).expect("opens").numbers(), (1, 2, 1));
    }

    #[test]
    fn what_is_too_much_is_dropped_and_room_is_made_when_some_was_taken() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("spool");
        let mut spool = Spool::open(&path, 1000).expect("opens");
        for _ in 0..100 {
            spool.add(decision(), 0);
        }
        let (last, decided, dropped) = spool.numbers();
        assert_eq!((decided, last + dropped), (100, 100));
        assert!(last > 2 && fs::metadata(&path).expect("there").len() <= 1000);
        spool.taken(last - 1);
        spool.add(decision(), 0);
        assert_eq!(numbers(&spool), [last, last + 1]);
        drop(spool);
        let spool = Spool::open(&path, 1000).expect("opens");
        assert_eq!((numbers(&spool), spool.numbers()), (vec![last, last + 1], (last + 1, 101, dropped)));
    }
}
