//! Scans that wait: those of images, and that of the node, each one after the other. An image whose layers are being read elsewhere comes again
//! later, behind all others.

use super::inventory::Content;
use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Scans that wait; the hub asks again for others.
const QUEUE: usize = 4096;
/// How long an image whose layers are being read elsewhere waits before it is asked for again, at first and at most.
const AGAIN: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(20)];
/// After so long it waits no more.
const PATIENCE: Duration = Duration::from_mins(5);

/// Scans that are wanted.
#[derive(Default)]
pub(super) struct Queue {
    work: Mutex<Work>,
    more: Condvar,
}

#[derive(Default)]
struct Work {
    waiting: VecDeque<Wanted>,
    /// What is being scanned.
    now: Vec<String>,
}

/// A scan that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) image: String,
    pub(super) content: Content,
    /// The hub may be asked for its layers.
    pub(super) shares: bool,
    /// How often, and since when, it has waited for layers that are being read elsewhere, and until when it waits.
    tries: u32,
    since: Option<Instant>,
    until: Instant,
}

impl Wanted {
    fn new(image: &str, content: Content, shares: bool) -> Self {
        Self { image: image.to_owned(), content, shares, tries: 0, since: None, until: Instant::now() }
    }

    /// It is worth waiting no more. What Docker has would have to be saved once more for each time.
    pub(super) fn is_at_once(&self) -> bool {
        let is_saved = matches!(&self.content, Content::Named(target) if target.starts_with("docker:"));
        is_saved || self.since.is_some_and(|since| since.elapsed() > PATIENCE)
    }

    fn later(mut self) -> Self {
        self.since.get_or_insert_with(Instant::now);
        self.until = Instant::now() + (AGAIN[0] * 2u32.saturating_pow(self.tries)).min(AGAIN[1]);
        self.tries += 1;
        self
    }
}

/// What a thread scans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Images,
    Node,
}

impl Lane {
    fn of(content: &Content) -> Self {
        if matches!(content, Content::Named(target) if target == "dir:/") { Self::Node } else { Self::Images }
    }
}

impl Queue {
    /// Wants a scan, unless it is wanted already. False if too many wait.
    pub(super) fn want(&self, image: &str, content: Content, shares: bool) -> bool {
        let mut work = self.locked();
        let Work { waiting, now } = &*work;
        if now.iter().chain(waiting.iter().map(|other| &other.image)).any(|other| other == image) {
            return true;
        }
        if waiting.len() >= QUEUE {
            return false;
        }
        work.waiting.push_back(Wanted::new(image, content, shares));
        self.more.notify_all();
        true
    }

    /// The next that such a thread is to scan, when there is one.
    pub(super) fn next(&self, lane: Lane) -> Wanted {
        let mut work = self.locked();
        loop {
            let now = Instant::now();
            let mine = |wanted: &&Wanted| Lane::of(&wanted.content) == lane;
            let at = work.waiting.iter().position(|wanted| mine(&wanted) && wanted.until <= now);
            if let Some(wanted) = at.and_then(|at| work.waiting.remove(at)) {
                work.now.push(wanted.image.clone());
                return wanted;
            }
            let first = work.waiting.iter().filter(mine).map(|wanted| wanted.until).min();
            work = match first {
                Some(first) => {
                    let waited = self.more.wait_timeout(work, first.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.more.wait(work).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// It is scanned.
    pub(super) fn done(&self, image: &str) {
        self.locked().now.retain(|other| other != image);
    }

    /// It is to be asked for again.
    pub(super) fn later(&self, wanted: Wanted) {
        let mut work = self.locked();
        work.now.retain(|other| *other != wanted.image);
        work.waiting.push_back(wanted.later());
    }

    fn locked(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(target: &str) -> Content {
        Content::Named(target.to_owned())
    }

    #[test]
    fn what_waits_for_others_goes_behind_all_and_is_read_here_in_the_end() {
        let queue = Queue::default();
        for image in ["a", "b", "a"] {
            assert!(queue.want(image, named("containerd:x"), true));
        }
        let mut first = queue.next(Lane::Images);
        assert!(queue.want("a", named("containerd:x"), true), "it is being scanned");
        // As if it had waited often: it comes again at once, but not before the other.
        first.tries = 40;
        let waits = first.clone().later();
        assert!(waits.until <= Instant::now() + AGAIN[1] && !waits.is_at_once());
        queue.later(first);
        queue.locked().waiting.iter_mut().for_each(|wanted| wanted.until = Instant::now());
        assert_eq!(
            (queue.next(Lane::Images).image, queue.next(Lane::Images).image),
            ("b".into(), "a".into())
        );
        queue.done("a");
        assert!(queue.want("a", named("containerd:x"), true));
        assert_eq!(queue.next(Lane::Images).tries, 0);

        let long_ago = Instant::now().checked_sub(PATIENCE + Duration::from_secs(1));
        assert!(Wanted { since: long_ago, ..waits }.is_at_once() || long_ago.is_none());
        assert!(Wanted::new("c", named("docker:c"), true).is_at_once());
    }
}
