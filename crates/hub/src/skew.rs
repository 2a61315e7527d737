//! How the clocks of nodes differ from that of the hub: by what time each says it is, and when that comes here.
//!
//! What was told took some time to come, so of several samples the least is the nearest to the truth. A clock that is set right is
//! believed after the samples of before have gone.

use gabion_api::rest::Millis;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Samples of a node: five minutes of them.
const SAMPLES: usize = 30;

/// Samples by node: by how much the hub was ahead.
#[derive(Debug, Default)]
pub(crate) struct Skews(Mutex<HashMap<String, VecDeque<Millis>>>);

impl Skews {
    /// A node says that it is this time there, in nanoseconds since 1970; 0 if it does not tell.
    pub(crate) fn told(&self, node: &str, time: u64, now: Millis) {
        if time == 0 {
            return;
        }
        let there = (time / 1_000_000).cast_signed();
        let mut all = self.all();
        let samples = all.entry(node.to_owned()).or_default();
        if samples.len() >= SAMPLES {
            samples.pop_front();
        }
        samples.push_back(now.saturating_sub(there));
    }

    /// A session has begun: the clock may be another than before.
    pub(crate) fn began(&self, node: &str) {
        self.all().remove(node);
    }

    /// By how much the hub's clock is ahead of the node's, if that is known.
    pub(crate) fn of(&self, node: &str) -> Option<Millis> {
        self.all().get(node)?.iter().min().copied()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Millis>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_that_came_fastest_counts_and_old_ones_go() {
        let skews = Skews::default();
        assert_eq!(skews.of("a"), None);
        skews.told("a", 0, 9_000);
        assert_eq!(skews.of("a"), None, "an agent that does not tell");
        for (there, here) in [(1_000, 4_200), (2_000, 5_003), (3_000, 6_900)] {
            skews.told("a", there * 1_000_000, here);
        }
        assert_eq!(skews.of("a"), Some(3_003));
        for time in 0..SAMPLES as u64 {
            skews.told("a", (10_000 + time) * 1_000_000, (10_050 + time).cast_signed());
        }
        assert_eq!(skews.of("a"), Some(50), "the clock was set right");
        skews.began("a");
        assert_eq!(skews.of("a"), None);
    }
}
