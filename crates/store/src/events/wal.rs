//! The write-ahead log: what was acknowledged is here until it is in a split.
//!
//! ```text
//!   0000000000000007.wal   │ marks │ batch │ batch │ ...            closed; goes when all of it is in splits
//!   0000000000000008.wal   │ marks │ batch │ batch │ ba╌╌           written to
//!                                                  ▲    ▲
//!                                      on disk up to    written up to
//! ```
//!
//! Each event has a place in the log, a number without gaps that never repeats. A file begins with the marks: the last number of every
//! source, so that they outlive the files before it. Whoever appends writes under the lock, and then waits for the disk: one of those who
//! wait brings to disk what all of them have written. If that fails nobody knows what is on disk, so what was not on disk before is taken
//! back, and all who wait get an error and send again.

mod files;
mod frame;

use files::{create, first_of, numbers, scan};
pub(super) use frame::Batch;
use frame::{Frame, Frames};

use super::{EventStoreError, failed, shared::locked};
use std::{
    borrow::Cow,
    collections::{HashMap, VecDeque},
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What is appended: source, number, and the bytes of an event.
pub(super) struct Entry<'a> {
    pub(super) source: Cow<'a, str>,
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

/// The log.
#[derive(Debug)]
pub(super) struct Wal {
    directory: PathBuf,
    file_bytes: u64,
    max_bytes: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    closed: VecDeque<Segment>,
    /// The file that is written to; its `end` is where the next event goes.
    active: Segment,
    file: Arc<File>,
    /// It cannot be written to any more: the next append begins another.
    unusable: bool,
    durable: Durable,
    /// Everything before this place is in splits.
    indexed: u64,
    /// The last number of each source, as written, and as it is on disk.
    written: HashMap<String, u64>,
    on_disk: HashMap<String, u64>,
    /// Marks that are written but not on disk, by the place after them.
    between: VecDeque<(u64, Vec<(String, u64)>)>,
    syncing: bool,
    /// Someone wants whoever reads the log to look at more than the log.
    called: bool,
    /// For each time that the disk failed, the place up to which everything was on disk.
    failures: Vec<u64>,
}

/// A file of the log: it holds the places from `first` to before `end`.
#[derive(Clone, Copy, Debug)]
struct Segment {
    number: u64,
    first: u64,
    end: u64,
    bytes: u64,
}

/// Up to where everything is on disk, in places and in bytes of the active file.
#[derive(Clone, Copy, Debug)]
struct Durable {
    end: u64,
    bytes: u64,
}

/// What was found when the log was opened.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Bytes of a batch that was being written when the process ended; it was not acknowledged.
    pub(super) torn: u64,
    /// Bytes within the log that are not what was written.
    pub(super) damaged: u64,
}

/// Who reads the log, and how far.
#[derive(Debug, Default)]
pub(super) struct Tail {
    segment: Option<(u64, Frames)>,
}

impl Wal {
    /// Opens the log. `after` are marks and a place that are known from elsewhere: the log goes on behind them, even if it is lost.
    pub(super) fn open(
        directory: &Path,
        file_bytes: u64,
        max_bytes: u64,
        after: (u64, HashMap<String, u64>),
    ) -> Result<(Self, Found), EventStoreError> {
        fs::create_dir_all(directory).map_err(failed("create", directory))?;
        let numbers = numbers(directory)?;
        let (mut end, mut marks) = after;
        let (mut closed, mut found) = (VecDeque::new(), Found::default());
        for (at, &number) in numbers.iter().enumerate() {
            let limit = match numbers.get(at + 1) {
                Some(&next) => first_of(&path(directory, next))?,
                None => None,
            };
            let last = at + 1 == numbers.len();
            let segment = scan(directory, number, limit, last, &mut marks, &mut found)?;
            end = end.max(segment.end);
            closed.push_back(segment);
        }
        let number = numbers.last().map_or(1, |last| last + 1);
        let (file, active) = create(directory, number, end, &marks)?;
        let state = State {
            closed,
            active,
            file,
            unusable: false,
            durable: Durable { end, bytes: active.bytes },
            indexed: 0,
            on_disk: marks.clone(),
            written: marks,
            between: VecDeque::new(),
            syncing: false,
            called: false,
            failures: Vec::new(),
        };
        let wal = Self {
            directory: directory.to_owned(),
            // A file that is full must not be all that may wait.
            file_bytes: file_bytes.min(max_bytes / 2),
            max_bytes,
            state: Mutex::new(state),
            changed: Condvar::new(),
        };
        Ok((wal, found))
    }

    /// Appends what is new, and returns how much that was when it is on disk, with what was known before.
    pub(super) fn append(&self, now: i64, entries: &[Entry<'_>]) -> Result<u64, EventStoreError> {
        let mut state = locked(&self.state);
        if state.unusable || state.active.bytes >= self.file_bytes {
            state = self.begin_file(state)?;
            self.remove_indexed(&mut state)?;
        }
        let held = state.bytes();
        if held > self.max_bytes {
            return Err(EventStoreError::Full(held));
        }
        let mut marks: HashMap<&str, u64> = HashMap::new();
        let mut frames = frame::Writer::new(state.active.end, now);
        for entry in entries {
            let source = entry.source.as_ref();
            let last = marks.get(source).or_else(|| state.written.get(source)).copied().unwrap_or_default();
            if entry.number > last {
                marks.insert(source, entry.number);
                frames.push(&entry.bytes);
            }
        }
        let (bytes, kept) = frames.finish();
        if kept > 0 {
            let at = state.active.bytes;
            if let Err(error) = state.file.write_all_at(&bytes, at) {
                // Half a batch is cut off again; where that fails too, the file is left as it is: its checksum tells.
                state.unusable = state.file.set_len(at).is_err();
                let path = path(&self.directory, state.active.number);
                return Err(failed("write to", &path)(error));
            }
            state.active.bytes += bytes.len() as u64;
            state.active.end += kept;
            let end = state.active.end;
            let marks: Vec<_> = marks.into_iter().map(|(source, last)| (source.to_owned(), last)).collect();
            state.written.extend(marks.iter().cloned());
            state.between.push_back((end, marks));
        }
        // What is a duplicate of something that others have written must be on disk as well.
        self.wait(state).map(|()| kept)
    }

    /// The last number of a source that is on disk.
    pub(super) fn last(&self, source: &str) -> u64 {
        locked(&self.state).on_disk.get(source).copied().unwrap_or_default()
    }

    /// The place behind the last event that is on disk.
    pub(super) fn end(&self) -> u64 {
        locked(&self.state).durable.end
    }

    /// The first place that is still in the log.
    pub(super) fn first(&self) -> u64 {
        let state = locked(&self.state);
        state.closed.front().unwrap_or(&state.active).first
    }

    /// What the log takes on disk.
    pub(super) fn bytes(&self) -> u64 {
        locked(&self.state).bytes()
    }

    /// Waits until there is something behind `end`, or someone calls, or the time is over.
    pub(super) fn wait_for(&self, end: u64, wait: Duration) {
        let mut state = locked(&self.state);
        if state.durable.end <= end && !state.called {
            state = self.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.called = false;
    }

    /// Wakes whoever waits.
    pub(super) fn call(&self) {
        locked(&self.state).called = true;
        self.changed.notify_all();
    }

    /// The next batch that is on disk, in the order of places.
    pub(super) fn read(&self, tail: &mut Tail) -> Result<Option<Batch>, EventStoreError> {
        loop {
            let (number, end, bytes) = {
                let state = locked(&self.state);
                let current = tail.segment.as_ref().map_or(0, |(number, _)| *number);
                match state.closed.iter().find(|s| s.number >= current) {
                    Some(closed) => (closed.number, closed.end, closed.bytes),
                    None => (state.active.number, state.durable.end, state.durable.bytes),
                }
            };
            let frames = match &mut tail.segment {
                Some((open, frames)) if *open == number => frames,
                _ => {
                    let frames = Frames::open(&path(&self.directory, number))?;
                    &mut tail.segment.insert((number, frames)).1
                }
            };
            while let Some(frame) = frames.next(bytes)? {
                match frame {
                    Frame::Batch(batch) if batch.first < end => return Ok(Some(batch)),
                    // Marks; and what was taken back after the disk failed.
                    Frame::Batch(_) | Frame::Marks(..) => {}
                }
            }
            let state = locked(&self.state);
            match state.closed.iter().find(|s| s.number > number) {
                Some(next) => {
                    tail.segment = Some((next.number, Frames::open(&path(&self.directory, next.number))?));
                }
                None if state.active.number > number => {
                    tail.segment = Some((
                        state.active.number,
                        Frames::open(&path(&self.directory, state.active.number))?,
                    ));
                }
                None => return Ok(None),
            }
        }
    }

    /// Closes the active file, so that it can go when it is not needed any more.
    pub(super) fn close_file(&self) -> Result<(), EventStoreError> {
        let state = locked(&self.state);
        if state.active.end > state.active.first {
            drop(self.begin_file(state)?);
        }
        Ok(())
    }

    /// Everything before `end` is in splits: the files that have nothing else can go.
    pub(super) fn cut(&self, end: u64) -> Result<(), EventStoreError> {
        let mut state = locked(&self.state);
        state.indexed = state.indexed.max(end);
        self.remove_indexed(&mut state)
    }

    fn remove_indexed(&self, state: &mut State) -> Result<(), EventStoreError> {
        let indexed = state.indexed;
        while let Some(gone) = state.closed.pop_front_if(|oldest| oldest.end <= indexed) {
            let path = path(&self.directory, gone.number);
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
        Ok(())
    }

    /// Waits until everything that is written now is on disk, or brings it there.
    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>) -> Result<(), EventStoreError> {
        let (target, failures) = (state.active.end, state.failures.len());
        loop {
            if let Some(&durable) = state.failures.get(failures) {
                return if target <= durable { Ok(()) } else { Err(EventStoreError::NotDurable) };
            }
            if target <= state.durable.end {
                return Ok(());
            }
            if state.syncing {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.syncing = true;
            let reached = Durable { end: state.active.end, bytes: state.active.bytes };
            let file = Arc::clone(&state.file);
            drop(state);
            let synced = file.sync_data();
            state = locked(&self.state);
            state.syncing = false;
            match synced {
                Ok(()) => state.reach(reached),
                Err(_) => state.take_back(),
            }
            self.changed.notify_all();
        }
    }

    /// Brings the active file to disk and begins the next.
    fn begin_file<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
    ) -> Result<MutexGuard<'a, State>, EventStoreError> {
        while state.syncing {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.durable.end < state.active.end {
            let reached = Durable { end: state.active.end, bytes: state.active.bytes };
            match state.file.sync_data() {
                Ok(()) => state.reach(reached),
                Err(_) => state.take_back(),
            }
            self.changed.notify_all();
        }
        let number = state.active.number + 1;
        let (file, active) = create(&self.directory, number, state.durable.end, &state.on_disk)?;
        state.file = file;
        let full = std::mem::replace(&mut state.active, active);
        state.closed.push_back(full);
        state.durable.bytes = active.bytes;
        state.unusable = false;
        Ok(state)
    }
}

impl State {
    fn bytes(&self) -> u64 {
        self.closed.iter().map(|s| s.bytes).sum::<u64>() + self.active.bytes
    }

    fn reach(&mut self, reached: Durable) {
        self.durable = reached;
        while let Some((_, marks)) = self.between.pop_front_if(|(end, _)| *end <= reached.end) {
            self.on_disk.extend(marks);
        }
    }

    /// The disk failed: what is not known to be on it never was.
    fn take_back(&mut self) {
        self.failures.push(self.durable.end);
        self.between.clear();
        self.written.clone_from(&self.on_disk);
        self.active.end = self.durable.end;
        self.active.bytes = self.durable.bytes;
        // If it cannot be cut, the first place of the next file says what of it does not count.
        let _ = self.file.set_len(self.durable.bytes);
        self.unusable = true;
    }
}

fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:016}.wal"))
}

#[cfg(test)]
mod tests;
