//! What the threads of the store share: the log, the splits, and the figures.

use super::{
    Appended, EventStoreError, Settings, Stats, StoredEvent, Swept,
    cache::Cache,
    failed,
    schema::{self, Fields},
    split::Split,
    wal::{Entry, Wal},
};
use gabion_api::rest::Millis;
use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{
            AtomicBool, AtomicI64, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::Duration,
};

/// How often, and after what time, a store that is in use is tried again.
const ATTEMPTS: u32 = 40;
const LOOK: Duration = Duration::from_millis(50);

/// A lock that a thread which panicked has not left unusable: everything behind one is whole between two statements.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    /// How long events are kept, and how many bytes of them.
    limits: Mutex<(Duration, u64)>,
    pub(super) fields: Fields,
    pub(super) wal: Wal,
    /// Where splits are.
    pub(super) splits_at: PathBuf,
    splits: RwLock<Vec<Arc<Split>>>,
    visible: Mutex<Visible>,
    progress: Condvar,
    /// The clock, as far as it was passed in.
    now: AtomicI64,
    stopped: AtomicBool,
    searches: AtomicU64,
    pub(super) cache: Cache,
    dropped: Mutex<BTreeMap<&'static str, u64>>,
    /// What was wrong when the store was opened, and what is wrong now, by who has found it.
    found: Vec<String>,
    problems: Mutex<BTreeMap<&'static str, String>>,
    /// Held while the store is open.
    _lock: File,
    /// The place in the code at which a test ends the threads as if the process had been killed, or lets them fail.
    pub(super) fault: Mutex<Option<&'static str>>,
}

/// How far the log is in splits and seen by searches, and how far someone waits for it.
#[derive(Debug, Default)]
struct Visible {
    end: u64,
    wanted: u64,
}

impl Shared {
    pub(super) fn open(directory: &Path, settings: Settings) -> Result<Self, EventStoreError> {
        let splits_at = directory.join("splits");
        fs::create_dir_all(&splits_at).map_err(failed("create", &splits_at))?;
        let path = directory.join("lock");
        let lock = File::create(&path).map_err(failed("create", &path))?;
        for attempt in 0.. {
            match lock.try_lock() {
                Ok(()) => break,
                // Whoever had it may just be ending.
                Err(TryLockError::WouldBlock) if attempt < ATTEMPTS => std::thread::sleep(LOOK),
                Err(TryLockError::WouldBlock) => return Err(EventStoreError::InUse(directory.to_owned())),
                Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
            }
        }
        let splits: Vec<_> = Split::list(&splits_at)?.into_iter().map(Arc::new).collect();
        let (mut end, mut marks) = (0, HashMap::new());
        for committed in splits.iter().map(|split| split.summary().committed) {
            end = end.max(committed.end);
            for (source, last) in committed.sources {
                let mark: &mut u64 = marks.entry(source).or_default();
                *mark = last.max(*mark);
            }
        }
        for split in &splits {
            split.forget_sources();
        }
        let (wal, log) =
            Wal::open(&directory.join("log"), settings.log_file_bytes, settings.log_bytes, (end, marks))?;
        let mut found = Vec::new();
        if log.torn > 0 {
            found.push(format!(
                "{} bytes at the end of the log were not written to the end, or are damaged",
                log.torn
            ));
        }
        if log.damaged > 0 {
            found.push(format!("{} bytes of the log are damaged; the events in them are lost", log.damaged));
        }
        Ok(Self {
            limits: Mutex::new((settings.max_age, settings.max_bytes)),
            settings,
            fields: schema::schema().1,
            wal,
            splits_at,
            splits: RwLock::new(splits),
            visible: Mutex::default(),
            progress: Condvar::new(),
            now: AtomicI64::new(Millis::MIN),
            stopped: AtomicBool::new(false),
            searches: AtomicU64::new(0),
            cache: Cache::default(),
            dropped: Mutex::default(),
            found,
            problems: Mutex::default(),
            _lock: lock,
            fault: Mutex::new(None),
        })
    }

    pub(super) fn append(&self, now: Millis, events: &[StoredEvent]) -> Result<Appended, EventStoreError> {
        self.now.fetch_max(now, Relaxed);
        let latest = now.saturating_add(millis(self.settings.max_ahead));
        let mut appended = Appended::default();
        let mut entries = Vec::with_capacity(events.len());
        for event in events {
            let (bounded, changed) = event.bounded(now, latest);
            appended.clamped += u64::from(changed.clamped);
            appended.cut += u64::from(changed.cut);
            let bytes = bounded.encode(Vec::new());
            let source = match bounded {
                Cow::Borrowed(event) => Cow::Borrowed(event.source.as_str()),
                Cow::Owned(event) => Cow::Owned(event.source),
            };
            entries.push(Entry { source, number: event.number, bytes });
        }
        appended.kept = self.wal.append(now, &entries)?;
        appended.duplicates = entries.len() as u64 - appended.kept;
        self.count("duplicate", appended.duplicates);
        self.count("clamped", appended.clamped);
        self.count("cut", appended.cut);
        Ok(appended)
    }

    /// The splits as they are now.
    pub(super) fn splits(&self) -> Vec<Arc<Split>> {
        self.splits.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn add_split(&self, split: &Arc<Split>) {
        self.splits.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(split));
    }

    /// Counts what was dropped.
    pub(super) fn count(&self, reason: &'static str, events: u64) {
        if events > 0 {
            *locked(&self.dropped).entry(reason).or_default() += events;
        }
    }

    /// Says what is wrong, or that nothing is any more.
    pub(super) fn report(&self, who: &'static str, problem: Option<String>) {
        let mut problems = locked(&self.problems);
        match problem {
            Some(problem) => _ = problems.insert(who, problem),
            None => _ = problems.remove(who),
        }
        // Whoever waits for the indexer wants to know.
        drop(problems);
        let _visible = locked(&self.visible);
        self.progress.notify_all();
    }

    /// Everything before this place of the log is seen by searches.
    pub(super) fn show(&self, end: u64) {
        let mut visible = locked(&self.visible);
        visible.end = visible.end.max(end);
        self.progress.notify_all();
    }

    pub(super) fn visible(&self) -> u64 {
        locked(&self.visible).end
    }

    /// Whether someone waits for what is not seen yet.
    pub(super) fn is_wanted(&self) -> bool {
        let visible = locked(&self.visible);
        visible.wanted > visible.end
    }

    pub(super) fn flush(&self) -> Result<(), EventStoreError> {
        let wanted = self.wal.end();
        let mut visible = locked(&self.visible);
        visible.wanted = visible.wanted.max(wanted);
        drop(visible);
        self.wal.call();
        visible = locked(&self.visible);
        while visible.end < wanted {
            if let Some(problem) = locked(&self.problems).get("indexer") {
                return Err(EventStoreError::Stuck(problem.clone()));
            }
            visible = self.progress.wait(visible).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    pub(super) fn now(&self) -> Millis {
        self.now.load(Relaxed)
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Release);
        self.wal.call();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Acquire)
    }

    /// The number of another search.
    pub(super) fn next_search(&self) -> u64 {
        self.searches.fetch_add(1, Relaxed) + 1
    }

    /// Closes the splits that were not searched for the longest time, while too many are open or too much of files is in memory.
    pub(super) fn close_idle(&self) {
        let splits = self.splits();
        let mut open: Vec<_> = splits.iter().filter_map(|s| Some((s.idle_since()?, s))).collect();
        open.sort_by_key(|(used, _)| Reverse(*used));
        while let Some((_, split)) = open.pop() {
            if open.len() < self.settings.open_splits && mapped() <= self.settings.mapped_bytes {
                return;
            }
            split.close();
        }
    }

    pub(super) fn limit(&self, age: Duration, bytes: u64) {
        *locked(&self.limits) = (age, bytes);
    }

    pub(super) fn sweep(
        &self,
        now: Millis,
        mut ends: impl FnMut(&Split) -> bool,
    ) -> Result<Swept, EventStoreError> {
        // The indexer looks whether a split is due to be sealed.
        self.now.fetch_max(now, Relaxed);
        self.wal.call();
        let (max_age, max_bytes) = *locked(&self.limits);
        let oldest = now.saturating_sub(millis(max_age));
        let logged = self.wal.first();
        let mut swept = Swept::default();
        let mut splits: Vec<_> = self.splits().into_iter().map(|split| (split.summary(), split)).collect();
        let mut bytes = self.wal.bytes() + splits.iter().map(|(summary, _)| summary.bytes).sum::<u64>();
        splits.sort_by_key(|(summary, _)| summary.range.map(|(_, newest)| newest));
        for (summary, split) in splits {
            let expired = summary.range.is_none_or(|(_, newest)| newest < oldest);
            // What the log still has would come back.
            if !split.at_rest()
                || summary.committed.end > logged
                || !(expired || bytes > max_bytes)
                || !ends(&split)
            {
                continue;
            }
            self.splits
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|other| !Arc::ptr_eq(other, &split));
            split.remove()?;
            bytes = bytes.saturating_sub(summary.bytes);
            swept.splits += 1;
            swept.bytes += summary.bytes;
            *(if expired { &mut swept.expired } else { &mut swept.evicted }) += summary.events;
        }
        self.count("expired", swept.expired);
        self.count("evicted", swept.evicted);
        Ok(swept)
    }

    pub(super) fn stats(&self) -> Stats {
        let (end, visible) = (self.wal.end(), self.visible());
        let mut stats = Stats {
            bytes: self.wal.bytes(),
            waiting: end.saturating_sub(visible),
            dropped: locked(&self.dropped).clone(),
            problems: self.found.clone(),
            ..Stats::default()
        };
        stats.problems.extend(locked(&self.problems).values().cloned());
        for split in self.splits() {
            let summary = split.summary();
            stats.problems.extend(split.broken().map(|why| format!("split {} is lost: {why}", split.name)));
            stats.splits += 1;
            stats.events += summary.events;
            stats.bytes += summary.bytes;
            if let Some((oldest, newest)) = summary.range.filter(|_| summary.events > 0) {
                stats.oldest = Some(stats.oldest.map_or(oldest, |o| o.min(oldest)));
                stats.newest = Some(stats.newest.map_or(newest, |n| n.max(newest)));
            }
        }
        stats
    }

    /// A place at which a test may end the thread as if the process had been killed, or let it fail.
    pub(super) fn killed_at(&self, place: &'static str) -> bool {
        *locked(&self.fault) == Some(place)
    }
}

/// How many bytes of mapped files are in memory; zero if the system does not say.
fn mapped() -> u64 {
    const PAGE: u64 = 4096;
    let figures = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    figures.split(' ').nth(2).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * PAGE
}

pub(super) fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}
