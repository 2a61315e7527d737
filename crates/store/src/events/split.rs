//! A split: a stretch of events with its own tantivy index.
//!
//! ```text
//!   splits/000000000002a000-timely/  meta.json  *.idx *.store ...      open: its last commit says how far it has the log
//!                                    split.json                        sealed: one segment, never written to again
//! ```
//!
//! A sealed split is opened when it is first searched, and closed when others were used more lately. One that cannot be opened does not
//! hinder the others: whoever searches is told.

use super::{
    EventStoreError, failed,
    schema::{self, TIME},
    shared::locked,
};
use gabion_api::rest::{Millis, Unsearched};
use serde::{Deserialize, Serialize};
use std::{
    collections::HashMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::UNIX_EPOCH,
};
use tantivy::{Index, ReloadPolicy, Searcher, directory::MmapDirectory};

/// What says that a split is sealed, and what is in it.
const SEALED: &str = "split.json";
/// Behind the name of a split that is being made, or removed.
const UNDONE: &str = ".undone";
/// Decompressed blocks of events that an open split keeps.
const BLOCKS: usize = 4;

/// Which of the two rows of splits: that of what came in time, or that of what came late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Lane {
    Timely,
    Late,
}

impl Lane {
    pub(super) const ALL: [Self; 2] = [Self::Timely, Self::Late];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Timely => "timely",
            Self::Late => "late",
        }
    }
}

/// What a commit says: in `meta.json`, with the segments, at once or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Committed {
    /// Everything of this lane before this place of the log is in this split or an earlier one.
    pub(super) end: u64,
    /// When its first event came.
    pub(super) received: Millis,
    /// The last number of each source that has events in it.
    pub(super) sources: HashMap<String, u64>,
}

/// What is known of a split without opening its index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) committed: Committed,
    pub(super) events: u64,
    /// When its oldest and its newest event happened; absent if it has none.
    pub(super) range: Option<(Millis, Millis)>,
    pub(super) bytes: u64,
}

/// A split.
#[derive(Debug)]
pub(super) struct Split {
    /// A number that no other split of this process has.
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) lane: Lane,
    path: PathBuf,
    state: Mutex<State>,
    /// When it was last searched, in searches.
    used: AtomicU64,
    removed: AtomicBool,
}

#[derive(Default)]
struct State {
    summary: Summary,
    sealed: bool,
    /// Why nothing is known of it.
    broken: Option<String>,
    searcher: Option<Searcher>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("summary", &self.summary)
            .field("sealed", &self.sealed)
            .finish_non_exhaustive()
    }
}

impl Split {
    /// Makes an empty split; it is there with its index or not at all.
    pub(super) fn create(directory: &Path, lane: Lane, first: u64) -> Result<Self, EventStoreError> {
        // What follows damage may begin where the damaged one did.
        let names = (0..).map(|n| format!("{first:016x}.{n}-{}", lane.as_str()));
        let name = names.into_iter().find(|name| !directory.join(name).exists()).unwrap_or_default();
        let (path, undone) = (directory.join(&name), directory.join(format!("{name}{UNDONE}")));
        if undone.exists() {
            fs::remove_dir_all(&undone).map_err(failed("remove", &undone))?;
        }
        fs::create_dir(&undone).map_err(failed("create", &undone))?;
        let mapped = MmapDirectory::open(&undone).map_err(tantivy::TantivyError::from)?;
        Index::create(mapped, schema::schema().0, schema::settings())?;
        fs::rename(&undone, &path).map_err(failed("create", &path))?;
        File::open(directory).and_then(|d| d.sync_all()).map_err(failed("create", &path))?;
        Ok(Self::new(name, lane, path))
    }

    fn new(name: String, lane: Lane, path: PathBuf) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        Self {
            id: IDS.fetch_add(1, Relaxed),
            name,
            lane,
            path,
            state: Mutex::default(),
            used: AtomicU64::new(0),
            removed: AtomicBool::new(false),
        }
    }

    /// What is in a directory of splits, the oldest first.
    pub(super) fn list(directory: &Path) -> Result<Vec<Self>, EventStoreError> {
        let mut splits = Vec::new();
        for entry in fs::read_dir(directory).map_err(failed("list", directory))? {
            let entry = entry.map_err(failed("list", directory))?;
            let (path, Ok(name)) = (entry.path(), entry.file_name().into_string()) else { continue };
            if name.ends_with(UNDONE) {
                fs::remove_dir_all(&path).map_err(failed("remove", &path))?;
                continue;
            }
            let Some(lane) = Lane::ALL.into_iter().find(|lane| name.ends_with(lane.as_str())) else {
                continue;
            };
            let split = Self::new(name, lane, path);
            split.recover();
            splits.push(split);
        }
        splits.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(splits)
    }

    /// Learns what is in the split, from its summary or its index.
    fn recover(&self) {
        let sealed =
            fs::read(self.path.join(SEALED)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut state = locked(&self.state);
        if let Some(summary) = sealed {
            (state.summary, state.sealed) = (summary, true);
            return;
        }
        match self.open().and_then(|index| self.summarize(&index)) {
            Ok((summary, searcher)) => (state.summary, state.searcher) = (summary, Some(searcher)),
            Err(error) => {
                state.broken = Some(said(&error));
                state.summary.bytes = size(&self.path);
                // Nothing says when its events happened, but none can have come after it was last written to.
                let written = fs::metadata(&self.path).and_then(|m| m.modified()).ok();
                let written =
                    written.and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map_or(0, |d| d.as_millis());
                state.summary.range = Some((0, Millis::try_from(written).unwrap_or(Millis::MAX)));
            }
        }
    }

    /// Opens the index.
    pub(super) fn open(&self) -> Result<Index, EventStoreError> {
        let mapped = MmapDirectory::open(&self.path).map_err(tantivy::TantivyError::from)?;
        let mut index = Index::open(mapped)?;
        if index.schema() != schema::schema().0 {
            let why = format!("{} has another schema: it was written by another version", self.name);
            return Err(tantivy::TantivyError::SchemaError(why).into());
        }
        schema::prepare(&mut index);
        Ok(index)
    }

    fn summarize(&self, index: &Index) -> Result<(Summary, Searcher), EventStoreError> {
        let payload = index.load_metas()?.payload;
        let committed = match payload {
            Some(payload) => serde_json::from_str(&payload).map_err(std::io::Error::from)?,
            None => Committed::default(),
        };
        let searcher = searcher(index)?;
        let mut range: Option<(Millis, Millis)> = None;
        for segment in searcher.segment_readers() {
            let time = segment.fast_fields().i64(TIME)?;
            let (low, high) = range.unwrap_or((Millis::MAX, Millis::MIN));
            range = Some((low.min(time.min_value()), high.max(time.max_value())));
        }
        let summary = Summary { committed, events: searcher.num_docs(), range, bytes: size(&self.path) };
        Ok((summary, searcher))
    }

    /// Brings to disk which files there are.
    pub(super) fn sync(&self) -> Result<(), EventStoreError> {
        File::open(&self.path).and_then(|d| d.sync_all()).map_err(failed("bring to disk", &self.path))
    }

    /// A commit is there: what it says, and what searches see from now on.
    pub(super) fn publish(&self, index: &Index) -> Result<(), EventStoreError> {
        let (summary, searcher) = self.summarize(index)?;
        let mut state = locked(&self.state);
        (state.summary, state.searcher) = (summary, Some(searcher));
        Ok(())
    }

    /// The split is merged: it is never written to again.
    pub(super) fn seal(&self, index: &Index) -> Result<(), EventStoreError> {
        let (summary, _) = self.summarize(index)?;
        let bytes = serde_json::to_vec(&summary).map_err(std::io::Error::from)?;
        let (path, undone) = (self.path.join(SEALED), self.path.join(format!("{SEALED}{UNDONE}")));
        let write = || {
            let mut file = File::create(&undone)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&undone, &path)
        };
        write().map_err(failed("write", &path))?;
        self.sync()?;
        let mut state = locked(&self.state);
        // Whoever searches it next opens it: until then it takes no memory.
        (state.summary, state.searcher, state.sealed) = (summary, None, true);
        drop(state);
        self.forget_sources();
        Ok(())
    }

    /// Removes the split from the disk. Whoever searches it now still can.
    pub(super) fn remove(&self) -> Result<(), EventStoreError> {
        self.removed.store(true, Relaxed);
        let undone = self.path.with_file_name(format!("{}{UNDONE}", self.name));
        fs::rename(&self.path, &undone).map_err(failed("remove", &self.path))?;
        fs::remove_dir_all(&undone).map_err(failed("remove", &undone))
    }

    /// The last numbers are in the log from now on.
    pub(super) fn forget_sources(&self) {
        let mut state = locked(&self.state);
        if state.sealed {
            state.summary.committed.sources = HashMap::new();
        }
    }

    pub(super) fn summary(&self) -> Summary {
        locked(&self.state).summary.clone()
    }

    /// Everything of its lane before this place of the log is in it or an earlier one.
    pub(super) fn end(&self) -> u64 {
        locked(&self.state).summary.committed.end
    }

    /// When its events happened.
    pub(super) fn range(&self) -> Option<(Millis, Millis)> {
        locked(&self.state).summary.range
    }

    pub(super) fn events(&self) -> u64 {
        locked(&self.state).summary.events
    }

    /// Whether it is never written to again: sealed, or broken.
    pub(super) fn at_rest(&self) -> bool {
        let state = locked(&self.state);
        state.sealed || state.broken.is_some()
    }

    pub(super) fn is_sealed(&self) -> bool {
        locked(&self.state).sealed
    }

    /// Whether retention has removed it: then it is missing from no answer.
    pub(super) fn is_removed(&self) -> bool {
        self.removed.load(Relaxed)
    }

    /// The place of its first event in the log.
    pub(super) fn first(&self) -> u64 {
        let digits = self.name.split(['.', '-']).next().unwrap_or_default();
        u64::from_str_radix(digits, 16).unwrap_or_default()
    }

    pub(super) fn broken(&self) -> Option<String> {
        locked(&self.state).broken.clone()
    }

    /// What searches it, opened if need be. `search` is the number of the search.
    pub(super) fn searcher(&self, search: u64) -> Result<Searcher, Unsearched> {
        self.used.store(search, Relaxed);
        let mut state = locked(&self.state);
        if let Some(searcher) = &state.searcher {
            return Ok(searcher.clone());
        }
        let opened = match &state.broken {
            Some(why) => Err(why.clone()),
            None => self.open().and_then(|index| searcher(&index)).map_err(|error| said(&error)),
        };
        let searcher = opened.map_err(|why| self.unsearched(why))?;
        Ok(state.searcher.insert(searcher).clone())
    }

    /// What an answer says of the split if it could not be searched.
    pub(super) fn unsearched(&self, why: String) -> Unsearched {
        Unsearched { what: format!("split {}", self.name), why }
    }

    /// When it was last searched, if it is sealed and open: then it may be closed.
    pub(super) fn idle_since(&self) -> Option<u64> {
        let state = locked(&self.state);
        (state.sealed && state.searcher.is_some()).then(|| self.used.load(Relaxed))
    }

    pub(super) fn close(&self) {
        locked(&self.state).searcher = None;
    }
}

fn searcher(index: &Index) -> Result<Searcher, EventStoreError> {
    let reader = index
        .reader_builder()
        .reload_policy(ReloadPolicy::Manual)
        .doc_store_cache_num_blocks(BLOCKS)
        .try_into()?;
    Ok(reader.searcher())
}

/// An error with what is behind it.
pub(super) fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn size(directory: &Path) -> u64 {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    files.filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum()
}
