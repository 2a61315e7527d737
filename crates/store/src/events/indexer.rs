//! The thread that takes events from the log into splits.
//!
//! An event of the log goes to the lane that its time and its arrival name, so that it goes to the same lane however often it is read. A
//! lane remembers up to which place of the log its splits have everything; what is before is passed over. So the indexer can begin at the
//! oldest file of the log at any time: when the store is opened, and after an error, such as a full disk.

use super::{
    EventStoreError, StoredEvent,
    schema::document,
    seal::{Job, Seals},
    shared::{Shared, millis},
    split::{Committed, Lane, Split, said},
    wal::{Batch, Tail},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tantivy::{Index, IndexWriter, indexer::IndexWriterOptions};

/// A commit is due at so many events, even if its time has not come.
const COMMIT_EVENTS: u64 = 128 * 1024;
/// How long to wait after an error.
const PAUSE: Duration = Duration::from_secs(1);
/// What the index of late events may take of memory: the least that tantivy takes.
const LATE_MEMORY: usize = 15_000_000;

/// Starts the thread.
pub(super) fn start(shared: &Arc<Shared>, seals: Seals) -> Result<JoinHandle<()>, EventStoreError> {
    let splits = shared.splits();
    let lanes = Lane::ALL.map(|lane| {
        let of_lane = || splits.iter().filter(|split| split.lane == lane);
        Row {
            lane,
            end: of_lane().map(|split| split.summary().committed.end).max().unwrap_or_default(),
            split: of_lane().next_back().filter(|split| !split.at_rest()).map(Arc::clone),
            open: None,
        }
    });
    let indexer = Indexer {
        shared: Arc::clone(shared),
        seals,
        tail: Tail::default(),
        next: shared.wal.first(),
        looked_at: 0,
        lanes,
        received: i64::MIN,
        pending: 0,
        since: Instant::now(),
        failed: false,
    };
    Ok(thread::Builder::new().name("events-index".to_owned()).spawn(move || indexer.run())?)
}

struct Indexer {
    shared: Arc<Shared>,
    seals: Seals,
    tail: Tail,
    /// Everything before this place is in the lanes, or lost.
    next: u64,
    /// Up to here it was counted what the log has lost.
    looked_at: u64,
    lanes: [Row; 2],
    /// When the last event came that was read.
    received: i64,
    /// Events that are not committed, and since when there are some.
    pending: u64,
    since: Instant,
    /// There was an error: what is in the splits has to be looked at anew.
    failed: bool,
}

/// A lane: its last split, and how far it has the log.
struct Row {
    lane: Lane,
    end: u64,
    split: Option<Arc<Split>>,
    open: Option<Open>,
}

/// The split that is written to.
struct Open {
    index: Index,
    writer: IndexWriter,
    committed: Committed,
    events: u64,
    pending: u64,
}

impl Indexer {
    fn run(mut self) {
        loop {
            // Whatever it stumbles over, the log still has the events: it begins again, and says so.
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn()));
            match turn.unwrap_or_else(|_| Err(EventStoreError::Stuck("the indexer panicked".to_owned()))) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    self.shared.report("indexer", Some(said(&error)));
                    self.failed = true;
                    self.shared.wal.wait_for(u64::MAX, PAUSE);
                    if self.shared.is_stopped() {
                        return;
                    }
                }
            }
        }
    }

    /// One step; whether there is another.
    fn turn(&mut self) -> Result<bool, EventStoreError> {
        if self.failed {
            self.begin_again()?;
        }
        if self.shared.is_stopped() {
            self.commit()?;
            return Ok(false);
        }
        let end = self.shared.wal.end();
        if let Some(batch) = self.shared.wal.read(&mut self.tail)? {
            self.index(&batch)?;
        } else {
            // There is nothing before `end` that was not read.
            self.pass(end);
            if self.pending == 0 && self.shared.visible() < self.next {
                // A store that was opened again has it in its splits; nothing has to come first.
                self.shared.show(self.next);
            }
            let due = self.shared.settings.commit_every.saturating_sub(self.since.elapsed());
            let wait = if self.pending > 0 { due } else { PAUSE };
            if !self.shared.is_wanted() && !wait.is_zero() {
                self.shared.wal.wait_for(self.next, wait);
            }
        }
        if self.shared.killed_at("before a commit") && self.pending > 0 {
            return Ok(false);
        }
        // Far behind, nothing new is seen soon in any case, and many small commits would only make it later.
        let behind = self.shared.wal.end().saturating_sub(self.next);
        let read_all = behind == 0;
        let in_time = behind < COMMIT_EVENTS && self.since.elapsed() >= self.shared.settings.commit_every;
        if self.pending > 0 && (in_time || self.pending >= COMMIT_EVENTS)
            || self.shared.is_wanted() && read_all
        {
            self.commit()?;
        }
        if self.shared.killed_at("after a commit") && self.shared.visible() > 0 {
            return Ok(false);
        }
        self.seal()?;
        Ok(true)
    }

    /// Takes the events of a batch into their lanes.
    fn index(&mut self, batch: &Batch) -> Result<(), EventStoreError> {
        self.received = batch.received;
        let patience = millis(self.shared.settings.late);
        for (place, bytes) in (batch.first..).zip(batch.events()) {
            if place < self.next {
                continue;
            }
            self.pass(place);
            let event = StoredEvent::decode(bytes)?;
            let lane = usize::from(event.time.saturating_add(patience) < batch.received);
            if place >= self.lanes[lane].end {
                if self.pending == 0 {
                    self.since = Instant::now();
                }
                self.pending += 1;
                self.lanes[lane].add(&self.shared, place, batch.received, event, bytes)?;
            }
            self.next = place + 1;
        }
        Ok(())
    }

    /// Everything before this place is behind us; what was not read of it, and is not in a split, is lost.
    fn pass(&mut self, place: u64) {
        let known = self.lanes.iter().map(|row| row.end).max().unwrap_or_default().max(self.next);
        if place > known.max(self.looked_at) {
            self.shared.count("damaged", place - known.max(self.looked_at));
        }
        self.looked_at = self.looked_at.max(place);
        self.next = self.next.max(place);
    }

    /// Makes everything that was read durable in the splits, and visible; what the log has of it can go.
    fn commit(&mut self) -> Result<(), EventStoreError> {
        for row in &mut self.lanes {
            row.commit(&self.shared, self.next)?;
            if self.shared.killed_at("between the lanes") {
                return Err(EventStoreError::Stuck("a test lets it fail".to_owned()));
            }
        }
        self.pending = 0;
        self.shared.report("indexer", None);
        let killed = self.shared.killed_at("after a commit");
        let cut = if killed { Ok(()) } else { self.shared.wal.cut(self.next) };
        self.shared.show(self.next);
        cut
    }

    /// Hands over the splits that are large or old enough.
    fn seal(&mut self) -> Result<(), EventStoreError> {
        let (most, age) = (self.shared.settings.split_events, millis(self.shared.settings.split_age));
        // What waits in the log came at its own time, not now.
        let now = if self.next >= self.shared.wal.end() { self.shared.now() } else { self.received };
        for at in 0..self.lanes.len() {
            let Some(split) = &self.lanes[at].split else { continue };
            let (events, received) = if let Some(open) = &self.lanes[at].open {
                (open.events, open.committed.received)
            } else {
                let summary = split.summary();
                (summary.events, summary.committed.received)
            };
            let due = events >= most || now >= received.saturating_add(age);
            if !due || events == 0 {
                continue;
            }
            self.commit()?;
            // Nothing of the split is in the log any more: so it may go as soon as it is sealed.
            self.shared.wal.close_file()?;
            self.shared.wal.cut(self.next)?;
            let row = &mut self.lanes[at];
            let writer = row.open.take().map(|open| open.writer);
            if let Some(split) = row.split.take() {
                // Waits while the last one is being merged: the log takes what comes meanwhile.
                self.seals.hand_over(Job { split, writer });
            }
        }
        Ok(())
    }

    /// Forgets what is not committed, to read it once more. An error may have come after a commit: what is in a split is what its index says.
    fn begin_again(&mut self) -> Result<(), EventStoreError> {
        for row in &mut self.lanes {
            row.open = None;
            if let Some(split) = &row.split {
                split.publish(&split.open()?)?;
                row.end = row.end.max(split.end());
            }
        }
        self.tail = Tail::default();
        self.pending = 0;
        self.next = self.shared.wal.first();
        self.failed = false;
        Ok(())
    }
}

impl Row {
    fn add(
        &mut self,
        shared: &Shared,
        place: u64,
        received: i64,
        event: StoredEvent,
        bytes: &[u8],
    ) -> Result<(), EventStoreError> {
        if self.open.is_none() {
            self.open = Some(self.begin(shared, place, received)?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.writer.add_document(document(&shared.fields, place, &event, bytes))?;
        open.events += 1;
        open.pending += 1;
        let last = open.committed.sources.entry(event.source).or_default();
        *last = event.number.max(*last);
        Ok(())
    }

    /// What writes to the split of the lane, which may have to be made.
    fn begin(&mut self, shared: &Shared, place: u64, received: i64) -> Result<Open, EventStoreError> {
        let memory = match self.lane {
            Lane::Timely => shared.settings.index_memory,
            Lane::Late => LATE_MEMORY,
        };
        if let Some(split) = &self.split {
            return Open::new(split, memory, received);
        }
        let split = Arc::new(Split::create(&shared.splits_at, self.lane, place)?);
        shared.add_split(&split);
        Open::new(self.split.insert(split), memory, received)
    }

    fn commit(&mut self, shared: &Shared, end: u64) -> Result<(), EventStoreError> {
        if let (Some(open), Some(split)) = (&mut self.open, &self.split)
            && open.pending > 0
        {
            open.committed.end = end;
            let payload = serde_json::to_string(&open.committed).map_err(std::io::Error::from)?;
            let mut prepared = open.writer.prepare_commit()?;
            prepared.set_payload(&payload);
            prepared.commit()?;
            if shared.killed_at("before a commit is seen") {
                return Err(EventStoreError::Stuck("a test lets it fail".to_owned()));
            }
            // The log is cut next: the commit must not be less durable than that.
            split.sync()?;
            open.pending = 0;
            split.publish(&open.index)?;
        }
        self.end = self.end.max(end);
        Ok(())
    }
}

impl Open {
    fn new(split: &Split, memory: usize, received: i64) -> Result<Self, EventStoreError> {
        let index = split.open()?;
        let writer = index.writer_with_options(options(memory))?;
        let summary = split.summary();
        let mut committed = summary.committed;
        if summary.events == 0 {
            committed.received = received;
        }
        Ok(Self { index, writer, committed, events: summary.events, pending: 0 })
    }
}

/// One thread that indexes, and one that merges.
pub(super) fn options(memory: usize) -> IndexWriterOptions {
    IndexWriterOptions::builder()
        .num_worker_threads(1)
        .num_merge_threads(1)
        .memory_budget_per_thread(memory.max(LATE_MEMORY))
        .build()
}
