//! Events that wait for the hub, on disk: small files of lines, the oldest thrown away when there is too much.
//!
//! ```text
//!   STATE/link/spool/00000000000000000001.jsonl   events from 1 on, a line each
//!                    00000000000000004211.jsonl   from 4211 on; this one is written
//! ```
//! Numbers grow by one and go on after a restart; where nothing is known of the last one they begin with the time, so that none is given twice. Lines are written to the disk's cache only: what a crash of the node itself takes are the
//! last seconds of events, not alerts.

use anyhow::Context;
use gabion_api::agent::Event;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// A file is closed when it is longer, in bytes.
const SEGMENT: u64 = 1 << 20;
/// All of them are not longer.
const ALL: u64 = 64 << 20;

/// An event as it waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) time: u64,
    pub(super) kind: String,
    pub(super) container: String,
    pub(super) program: String,
    pub(super) message: String,
    pub(super) fields: BTreeMap<String, String>,
}

/// The spool.
#[derive(Debug)]
pub(super) struct Spool {
    directory: PathBuf,
    segments: VecDeque<Segment>,
    /// The last of them.
    file: Option<BufWriter<File>>,
    next: u64,
    kept: u64,
    /// Events that were thrown away since it was opened.
    pub(super) thrown_away: u64,
    /// Events that were added since all was written.
    unwritten: u64,
    limit: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    first: u64,
    size: u64,
}

impl Spool {
    /// Goes on where the last one ended, or begins with the number `begin`. Events up to `kept` need not be kept any more.
    pub(super) fn open(directory: &Path, kept: u64, begin: u64) -> anyhow::Result<Self> {
        let attempt = || -> io::Result<Self> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            let mut segments = Vec::new();
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let name = entry.file_name();
                let first = name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse().ok());
                let Some(first) = first else { continue };
                segments.push(Segment { first, size: entry.metadata()?.len() });
            }
            segments.sort_unstable_by_key(|segment| segment.first);
            let mut last = if kept == 0 && segments.is_empty() { begin.saturating_sub(1) } else { kept };
            if let Some(segment) = segments.last() {
                last = last.max(segment.first.saturating_sub(1));
                for line in BufReader::new(File::open(path(directory, segment.first))?).split(b'\n') {
                    let number = serde_json::from_slice::<Waiting>(&line?).map_or(0, |event| event.number);
                    last = last.max(number);
                }
            }
            let mut spool = Self {
                directory: directory.to_owned(),
                segments: segments.into(),
                file: None,
                next: last + 1,
                kept,
                thrown_away: 0,
                unwritten: 0,
                limit: ALL,
            };
            spool.forget(kept);
            Ok(spool)
        };
        attempt().with_context(|| format!("cannot keep events in {}", directory.display()))
    }

    /// Where the files are, in order.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.segments.iter().map(|segment| path(&self.directory, segment.first)).collect()
    }

    /// The number of the first event that is there, or will be.
    pub(super) fn first(&self) -> u64 {
        self.segments.front().map_or(self.next, |segment| segment.first).max(self.kept + 1).min(self.next)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> u64 {
        self.next - self.first()
    }

    /// Adds one, under the next number. One that cannot be written is counted as thrown away.
    pub(super) fn add(&mut self, event: Waiting) {
        let event = Waiting { number: self.next, ..event };
        if self.write(&event).is_err() {
            self.thrown_away += 1;
            // Whatever was written of it ends with its file.
            self.file = None;
            self.unwritten = 0;
        }
    }

    fn write(&mut self, event: &Waiting) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        let is_full = self.segments.back().is_some_and(|segment| segment.size >= SEGMENT);
        if self.file.is_none() || is_full {
            if let Some(mut file) = self.file.take() {
                file.flush()?;
            }
            let path = path(&self.directory, self.next);
            let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
            if self.segments.back().is_none_or(|segment| segment.first != self.next) {
                self.segments.push_back(Segment { first: self.next, size: 0 });
            }
            self.file = Some(BufWriter::with_capacity(64 << 10, file));
        }
        let (Some(file), Some(segment)) = (&mut self.file, self.segments.back_mut()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        file.write_all(&line)?;
        segment.size += line.len() as u64;
        self.next += 1;
        self.unwritten += 1;
        while self.size() > self.limit && self.segments.len() > 1 {
            self.throw_away();
        }
        Ok(())
    }

    /// Lets readers see all that was added.
    pub(super) fn flush(&mut self) {
        if let Some(file) = &mut self.file
            && file.flush().is_err()
        {
            // How much of it is there is not known; a line that was cut is no event.
            self.file = None;
            self.thrown_away += self.unwritten;
        }
        self.unwritten = 0;
    }

    fn size(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    fn throw_away(&mut self) {
        let first = self.first();
        if let Some(segment) = self.segments.pop_front() {
            // Nothing can be done about one that stays.
            let _ = fs::remove_file(path(&self.directory, segment.first));
            self.thrown_away += self.first().saturating_sub(first);
        }
    }

    /// The hub has all up to this number.
    pub(super) fn forget(&mut self, kept: u64) {
        self.kept = self.kept.max(kept);
        while let Some(segment) = self.segments.front() {
            let end = self.segments.get(1).map_or(self.next, |next| next.first);
            if end > self.kept + 1 {
                break;
            }
            if self.segments.len() == 1 {
                // Small ones stay and are written on.
                if self.file.is_some() && segment.size < SEGMENT {
                    break;
                }
                self.file = None;
            }
            let _ = fs::remove_file(path(&self.directory, segment.first));
            self.segments.pop_front();
        }
    }
}

fn path(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}.jsonl"))
}

impl From<Waiting> for Event {
    fn from(event: Waiting) -> Self {
        let Waiting { number, time, kind, container, program, message, fields } = event;
        Self { number, time, kind, container, program, message, fields: fields.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::lines::Lines;

    fn event(size: usize) -> Waiting {
        Waiting { kind: "execve".to_owned(), message: "x".repeat(size), ..Waiting::default() }
    }

    fn numbers(spool: &Spool) -> Vec<u64> {
        let files = spool.files();
        let mut lines = Lines::new(Box::new(move || files.clone()));
        let mut numbers = Vec::new();
        while let Some(line) = lines.next().expect("reads") {
            numbers.push(serde_json::from_slice::<Waiting>(&line).expect("an event").number);
        }
        numbers
    }

    #[test]
    fn numbers_go_on_after_a_restart_and_what_is_kept_goes() {
        let home = tempfile::tempdir().expect("a directory");
        let mut spool = Spool::open(home.path(), 0, 1).expect("opens");
        assert_eq!((spool.first(), spool.waiting()), (1, 0));
        for _ in 0..3 {
            spool.add(event(10));
        }
        spool.flush();
        assert_eq!((numbers(&spool), spool.waiting()), (vec![1, 2, 3], 3));
        drop(spool);
        let mut spool = Spool::open(home.path(), 2, 1).expect("opens");
        assert_eq!((spool.first(), spool.waiting()), (3, 1));
        spool.add(event(10));
        spool.flush();
        assert_eq!(numbers(&spool), [1, 2, 3, 4]);
        spool.forget(4);
        assert_eq!(spool.waiting(), 0);
        drop(spool);
        // Nothing is there any more, but the numbers are not given again.
        let mut spool = Spool::open(home.path(), 4, 1).expect("opens");
        assert_eq!((spool.files().len(), spool.first()), (0, 5));
        spool.add(event(10));
        spool.flush();
        assert_eq!(numbers(&spool), [5]);
        let other = tempfile::tempdir().expect("a directory");
        assert_eq!(Spool::open(other.path(), 0, 7000).expect("opens").first(), 7000);
    }

    #[test]
    fn the_oldest_are_thrown_away_and_counted() {
        let home = tempfile::tempdir().expect("a directory");
        let mut spool = Spool::open(home.path(), 0, 1).expect("opens");
        spool.limit = 3 * SEGMENT;
        let line = SEGMENT as usize / 4;
        for _ in 0..40 {
            spool.add(event(line));
        }
        spool.flush();
        let there = numbers(&spool);
        assert_eq!(there.last(), Some(&40));
        assert!(spool.size() <= spool.limit);
        assert_eq!(spool.thrown_away + there.len() as u64, 40, "seen = handled + dropped");
        assert_eq!((there[0], spool.waiting()), (spool.first(), there.len() as u64));
        // What the hub has kept is not counted when its file goes.
        let (before, kept) = (spool.thrown_away, spool.first() + 1);
        spool.forget(kept);
        for _ in 0..8 {
            spool.add(event(line));
        }
        assert_eq!(spool.thrown_away - before, spool.first() - (kept + 1));
    }

    #[test]
    fn a_line_that_was_cut_is_no_event() {
        let home = tempfile::tempdir().expect("a directory");
        let mut spool = Spool::open(home.path(), 0, 1).expect("opens");
        spool.add(event(10));
        spool.add(event(10));
        spool.flush();
        let path = spool.files()[0].clone();
        drop(spool);
        let text = fs::read(&path).expect("reads");
        fs::write(&path, &text[..text.len() - 5]).expect("writes");
        let mut spool = Spool::open(home.path(), 0, 1).expect("opens");
        spool.add(event(10));
        spool.flush();
        assert_eq!(numbers(&spool), [1, 2]);
    }
}
