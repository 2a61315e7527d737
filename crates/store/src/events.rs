//! The hub's event store: what happened on the nodes, kept, searched and forgotten.
//!
//! ```text
//!   append ──► write-ahead log ──► indexer ──► splits: one tantivy index for some hours or 256k events each
//!              fsync, shared by    commits     timely ■■■■■■■■■■■■■■■■■□  by when they happened (□ is written to)
//!              who waits at once   each 500 ms late   ■■■■□               what came late, so that a split stays narrow
//!                                                  │
//!   search, histogram ◄── newest first ────────────┘    sweep ──► whole splits go: too old, or too much
//! ```
//!
//! What holds:
//! - [`EventStore::append`] returns when the events are on disk. Killed at any moment, none is lost and none is there twice: each
//!   commit of a split says up to which place of the log it has everything, and the log is cut only behind that.
//! - An event is known by its `source` and `number`. Numbers of a source grow; one that is not above the last kept is a duplicate,
//!   dropped and counted. What is not numbered for itself gets a source of its own: `alert/NODE`.
//! - A new event is found after a second at most.
//! - Nothing is dropped silently: [`Stats::dropped`] counts by reason, [`EventPage::unsearched`] names what an answer lacks.
//!
//! All calls block; none needs a runtime.

mod arrived;
mod cache;
mod collect;
mod export;
mod histogram;
mod indexer;
mod parquet;
mod plan;
mod query;
mod record;
mod schema;
mod seal;
mod search;
mod shared;
mod split;
mod wal;
mod words;

#[cfg(test)]
mod tests;

pub use self::parquet::Writer as ParquetWriter;
pub use arrived::Arrived;
pub use export::{ExportError, export};
pub use query::QueryError;
pub use record::StoredEvent;

use gabion_api::rest::{Event, EventPage, Histogram, Millis};
use serde::{Deserialize, Serialize};
use shared::Shared;
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

/// How the store keeps house.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A split is sealed when it holds so many events,
    pub split_events: u64,
    /// or when its first event came so long ago.
    pub split_age: Duration,
    /// A file of the log is closed at so many bytes.
    pub log_file_bytes: u64,
    /// So much may wait to be indexed; then [`EventStore::append`] refuses.
    pub log_bytes: u64,
    /// The oldest splits go when all of it takes more than this.
    pub max_bytes: u64,
    /// A split goes when its newest event is older than this.
    pub max_age: Duration,
    /// An event from further in the future has a wrong clock: it is kept with the time at which it came.
    pub max_ahead: Duration,
    /// An event that came later than this is kept apart.
    pub late: Duration,
    /// How often what came is made visible.
    pub commit_every: Duration,
    /// What the index of the current split may take of memory; 15 MB at least.
    pub index_memory: usize,
    /// So many sealed splits stay open between searches,
    pub open_splits: usize,
    /// and so much of files may be mapped and in memory, of the whole process. The system can take it back, but it counts as ours.
    pub mapped_bytes: u64,
    /// A search that took so long looks at no more splits, and says at which it did not.
    pub search_time: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            split_events: 256 * 1024,
            split_age: Duration::from_hours(6),
            log_file_bytes: 32 << 20,
            log_bytes: 2 << 30,
            max_bytes: 20 << 30,
            max_age: Duration::from_hours(30 * 24),
            max_ahead: Duration::from_mins(10),
            late: Duration::from_mins(15),
            commit_every: Duration::from_millis(500),
            index_memory: 32 << 20,
            open_splits: 64,
            mapped_bytes: 160 << 20,
            search_time: Duration::from_secs(10),
        }
    }
}

/// What became of events that were handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appended {
    /// On disk now.
    pub kept: u64,
    /// Known before.
    pub duplicates: u64,
    /// Among the kept: those whose clock was wrong.
    pub clamped: u64,
    /// Among the kept: those of which a text or a field was too long, and was cut.
    pub cut: u64,
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// In the language of [`query`]: `kind:execve curl -node:db-1`.
    pub text: String,
    /// Exact values; of the same name any, of different names all.
    pub filters: Vec<(String, String)>,
    /// Not before this.
    pub from: Option<Millis>,
    /// Before this.
    pub to: Option<Millis>,
    /// How many events, 1 to 1000.
    pub limit: usize,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// Events that were found, with the cursor of each: where a page would go on behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The events.
    pub page: EventPage,
    /// As many cursors.
    pub cursors: Vec<String>,
}

/// The cursor of a page that begins before a time.
pub fn before(time: Millis) -> String {
    search::cursor((time, 0))
}

/// What the store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events that can be found.
    pub events: u64,
    /// What they take on disk, the log included.
    pub bytes: u64,
    /// Splits.
    pub splits: u64,
    /// When the oldest event happened.
    pub oldest: Option<Millis>,
    /// When the newest event happened.
    pub newest: Option<Millis>,
    /// Events that wait in the log to be indexed.
    pub waiting: u64,
    /// What was dropped since the store was opened, by reason: `duplicate`, `expired`, `evicted`, `damaged`; and, though they were kept,
    /// `clamped` and `cut`.
    pub dropped: BTreeMap<&'static str, u64>,
    /// What is wrong at present, or was when the store was opened.
    pub problems: Vec<String>,
}

/// What retention removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Splits.
    pub splits: u64,
    /// The events in them that were too old.
    pub expired: u64,
    /// The events in them for which there was no room.
    pub evicted: u64,
    /// What that freed on disk.
    pub bytes: u64,
}

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum EventStoreError {
    /// A file could not be read or written.
    #[error("cannot {what} {path}")]
    Io {
        /// To do what.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process has the store open.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    /// More waits to be indexed than may.
    #[error("{0} bytes of events wait to be indexed: no more are taken")]
    Full(u64),
    /// Events were written, but it is not known whether they are on disk.
    #[error("the events could not be brought to disk; send them again")]
    NotDurable,
    /// The text of a query cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A cursor that was not given out here.
    #[error("the cursor is not one of a search over events")]
    Cursor,
    /// An index failed.
    #[error("the index of events failed")]
    Index(#[from] tantivy::TantivyError),
    /// The indexer does not make progress.
    #[error("events cannot be indexed: {0}")]
    Stuck(String),
}

/// The store of events. It is shared by reference; one process opens it at a time.
#[derive(Debug)]
pub struct EventStore {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl EventStore {
    /// Opens the store in a directory, or makes it.
    pub fn open(directory: &Path, settings: Settings) -> Result<Self, EventStoreError> {
        let shared = Arc::new(Shared::open(directory, settings)?);
        let (sealer, seals) = seal::start(&shared)?;
        let indexer = indexer::start(&shared, seals)?;
        Ok(Self { shared, threads: vec![indexer, sealer] })
    }

    /// Whether a process has the store in a directory open.
    pub fn is_open(directory: &Path) -> bool {
        let lock = std::fs::File::open(directory.join("lock"));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
    }

    /// From the next sweep on events are kept for so long, and take at most so many bytes.
    pub fn limit(&self, age: Duration, bytes: u64) {
        self.shared.limit(age, bytes);
    }

    /// Keeps events, and returns when they are on disk. `now` is when they came.
    pub fn append(&self, now: Millis, events: &[StoredEvent]) -> Result<Appended, EventStoreError> {
        self.shared.append(now, events)
    }

    /// The number up to which everything of a source is on disk; zero before the first.
    pub fn last(&self, source: &str) -> u64 {
        self.shared.wal.last(source)
    }

    /// Events that fit, the newest first.
    pub fn search(&self, query: &Query) -> Result<EventPage, EventStoreError> {
        Ok(search::search(&self.shared, query)?.page)
    }

    /// The same, with the place of each: for whoever puts pages of several stores together.
    pub fn placed(&self, query: &Query) -> Result<Placed, EventStoreError> {
        search::search(&self.shared, query)
    }

    /// All events that fit, the newest first, a thousand at a time; how many. It ends with an error rather than leave anything out.
    pub fn export(
        &self,
        query: &Query,
        take: impl FnMut(Vec<Event>) -> io::Result<()>,
    ) -> Result<u64, ExportError> {
        export(query, |query| Ok(self.search(query)?), take)
    }

    /// How many events fit, in about `buckets` equal stretches of time, and their most frequent values.
    pub fn histogram(&self, query: &Query, buckets: usize) -> Result<Histogram, EventStoreError> {
        histogram::histogram(&self.shared, query, buckets)
    }

    /// Events in the order in which they came, from a place on: 0, or [`Arrived::next`] of the last time. For those who hand them over.
    pub fn arrived(&self, from: u64, limit: usize) -> Arrived {
        arrived::arrived(&self.shared, from, limit)
    }

    /// Lets go of what is too old or too much, and seals what is due.
    pub fn sweep(&self, now: Millis) -> Result<Swept, EventStoreError> {
        self.shared.sweep(now, |_| true)
    }

    /// The same, where others still have to be handed events from these places on. Before any go, `ends` is told how many of them each
    /// will not get; they stay for now if it answers no.
    pub fn sweep_past(
        &self,
        now: Millis,
        places: &[u64],
        mut ends: impl FnMut(&[u64]) -> bool,
    ) -> Result<Swept, EventStoreError> {
        self.shared.sweep(now, |split| ends(&arrived::behind_each(&self.shared, split, places)))
    }

    /// The place behind the last event that is on disk: where whoever wants only what comes from now on begins.
    pub fn end(&self) -> u64 {
        self.shared.wal.end()
    }

    /// The place up to which [`EventStore::arrived`] tells what has come.
    pub fn visible(&self) -> u64 {
        self.shared.visible()
    }

    /// Waits until everything that was appended before can be found.
    pub fn flush(&self) -> Result<(), EventStoreError> {
        self.shared.flush()
    }

    /// What the store holds.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl Drop for EventStore {
    fn drop(&mut self) {
        self.shared.stop();
        for thread in self.threads.drain(..) {
            // A thread that panicked has told so; the log still has what it did not finish.
            let _ = thread.join();
        }
    }
}

/// For `map_err`: doing what with which file.
fn failed<'a>(what: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> EventStoreError + 'a {
    move |source| EventStoreError::Io { what, path: path.to_owned(), source }
}
