//! Where the walking thread and the reading threads meet: files to read, and directories to list ahead of the walk.
//!
//! ```text
//!  walk ──met──► pending ──► readers list ──► Slot ──► walk, in the order of the walk
//!       ──file─► batches ──► readers read
//! ```
//!
//! The walk alone decides the order of everything, so the index does not depend on who was faster. A directory that nobody has
//! begun yet the walk lists itself; while it waits for one that somebody has begun, it lists another.

use super::{
    Batch,
    list::{Listed, Lister, Met},
    locked,
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Batches that wait for a reader, at most.
const BATCHES: usize = 64;

/// Directories that were listed and not walked yet, at most: what bounds the memory of it.
const AHEAD: usize = 512;

/// A directory on its way.
pub(super) struct Slot {
    pub(super) met: Met,
    begun: AtomicBool,
    listed: Mutex<Option<Listed>>,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    /// In the order in which the walk met them: it comes back to the last one first.
    pending: Vec<Arc<Slot>>,
    /// Listed, and not walked yet.
    ahead: usize,
    /// Readers with nothing to do, and whether the walk waits: waking costs a system call, needed or not.
    idle: usize,
    walk_waits: bool,
    closed: bool,
}

#[derive(Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    /// For readers: there is something to do, or nothing more will come.
    work: Condvar,
    /// For the walk: a directory was listed, or there is room for a batch.
    progress: Condvar,
}

/// What a reader does next.
pub(super) enum Job {
    Read(Batch),
    List(Arc<Slot>),
}

impl Desk {
    /// Hands files to the readers; waits if they have too many.
    pub(super) fn send(&self, batch: Batch) {
        let mut state = locked(&self.state);
        while state.batches.len() >= BATCHES {
            state = self.walk_waits(state);
        }
        state.batches.push_back(batch);
        self.wake_reader(&state);
    }

    /// Tells of directories that will be walked, the last one first.
    pub(super) fn met(&self, mets: Vec<Met>) -> Vec<Arc<Slot>> {
        let slot = |met| Arc::new(Slot { met, begun: AtomicBool::new(false), listed: Mutex::new(None) });
        let slots: Vec<_> = mets.into_iter().map(slot).collect();
        if !slots.is_empty() {
            let mut state = locked(&self.state);
            state.pending.extend(slots.iter().cloned());
            // One is enough: what the walk does not get to, it does itself.
            if state.ahead < AHEAD {
                self.wake_reader(&state);
            }
        }
        slots
    }

    /// The next thing to do; none when all is done.
    pub(super) fn job(&self) -> Option<Job> {
        let mut state = locked(&self.state);
        loop {
            if state.ahead < AHEAD
                && let Some(slot) = state.pending_slot()
            {
                state.ahead += 1;
                return Some(Job::List(slot));
            }
            if let Some(batch) = state.batches.pop_front() {
                self.wake_walk(&state);
                return Some(Job::Read(batch));
            }
            if state.closed {
                return None;
            }
            state.idle += 1;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    /// Puts down what a reader listed.
    pub(super) fn listed(&self, slot: &Slot, listed: Listed) {
        *locked(&slot.listed) = Some(listed);
        // Under the lock, so that the walk does not begin to wait in between.
        self.wake_walk(&locked(&self.state));
    }

    /// What lies in a directory that the walk has come to.
    pub(super) fn take(&self, slot: &Slot, lister: &Lister<'_>) -> Listed {
        if !slot.begun.swap(true, Ordering::AcqRel) {
            return lister.list(&slot.met);
        }
        loop {
            if let Some(listed) = locked(&slot.listed).take() {
                locked(&self.state).ahead -= 1;
                return listed;
            }
            let mut state = locked(&self.state);
            match state.pending_slot() {
                Some(other) => {
                    state.ahead += 1;
                    drop(state);
                    self.listed(&other, lister.list(&other.met));
                }
                None => {
                    if locked(&slot.listed).is_none() {
                        drop(self.walk_waits(state));
                    }
                }
            }
        }
    }

    fn walk_waits<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.walk_waits = true;
        let mut state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.walk_waits = false;
        state
    }

    fn wake_walk(&self, state: &State) {
        if state.walk_waits {
            self.progress.notify_one();
        }
    }

    fn wake_reader(&self, state: &State) {
        if state.idle > 0 {
            self.work.notify_one();
        }
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        let mut state = locked(&self.state);
        state.closed = true;
        state.pending.clear();
        drop(state);
        self.work.notify_all();
    }
}

impl State {
    /// A directory that nobody has begun, of those that the walk comes to next.
    fn pending_slot(&mut self) -> Option<Arc<Slot>> {
        while let Some(slot) = self.pending.pop() {
            if !slot.begun.swap(true, Ordering::AcqRel) {
                return Some(slot);
            }
        }
        None
    }
}
