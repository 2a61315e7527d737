//! The thread that seals splits: it merges what the commits have left into one segment, and says that nothing will follow.

use super::{
    EventStoreError,
    indexer::options,
    shared::Shared,
    split::{Split, said},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};
use tantivy::{IndexWriter, indexer::NoMergePolicy};

/// How long to wait after an error.
const PAUSE: Duration = Duration::from_secs(5);

/// A split to seal, with what has written to it.
pub(super) struct Job {
    pub(super) split: Arc<Split>,
    pub(super) writer: Option<IndexWriter>,
}

/// Where splits are handed over to be sealed.
pub(super) struct Seals(SyncSender<Job>);

impl Seals {
    /// Waits while there is one that waits already.
    pub(super) fn hand_over(&self, job: Job) {
        // Without the thread it stays as it is: it can be searched, and is sealed when the store is opened again.
        let _ = self.0.send(job);
    }
}

/// Starts the thread, with what was left unsealed before.
pub(super) fn start(shared: &Arc<Shared>) -> Result<(JoinHandle<()>, Seals), EventStoreError> {
    let (sender, receiver) = sync_channel(1);
    let splits = shared.splits();
    let followed = |at: usize| splits[at + 1..].iter().any(|next| next.lane == splits[at].lane);
    let left = (0..splits.len()).filter(|&at| followed(at) && !splits[at].at_rest());
    let left = left.map(|at| Job { split: Arc::clone(&splits[at]), writer: None }).collect();
    let shared = Arc::clone(shared);
    let thread =
        thread::Builder::new().name("events-seal".to_owned()).spawn(move || run(&shared, &receiver, left))?;
    Ok((thread, Seals(sender)))
}

fn run(shared: &Shared, jobs: &Receiver<Job>, mut left: VecDeque<Job>) {
    let mut failed = false;
    loop {
        if shared.is_stopped() {
            return;
        }
        if failed || left.is_empty() {
            let wait = if left.is_empty() { Duration::MAX } else { PAUSE };
            match jobs.recv_timeout(wait) {
                Ok(job) => left.push_back(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let Some(Job { split, writer }) = left.pop_front() else { continue };
        if shared.killed_at("before a seal") {
            return;
        }
        let sealed = seal(shared, &split, writer);
        failed = sealed.is_err();
        shared.report(
            "sealer",
            sealed.err().map(|error| format!("{} is not merged: {}", split.name, said(&error))),
        );
        if failed {
            left.push_back(Job { split, writer: None });
        }
    }
}

fn seal(shared: &Shared, split: &Split, writer: Option<IndexWriter>) -> Result<(), EventStoreError> {
    if let Some(writer) = writer {
        writer.wait_merging_threads()?;
    }
    let index = split.open()?;
    let segments = index.searchable_segment_ids()?;
    if segments.len() > 1 {
        let mut writer: IndexWriter = index.writer_with_options(options(0))?;
        writer.set_merge_policy(Box::new(NoMergePolicy));
        writer.merge(&segments).wait()?;
        writer.garbage_collect_files().wait()?;
        writer.wait_merging_threads()?;
    }
    if shared.killed_at("before a split is sealed") {
        return Ok(());
    }
    split.seal(&index)
}
