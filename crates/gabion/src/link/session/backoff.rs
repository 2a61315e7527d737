//! How long is waited before the hub is called again: longer each time, and never the same for all nodes of a fleet at once.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// At first and at most.
const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_mins(1)];
/// A session that lasted so long was well.
const WELL: Duration = Duration::from_secs(30);

pub(super) struct Backoff {
    pause: Duration,
    random: RandomState,
    count: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { pause: PAUSE[0], random: RandomState::new(), count: 0 }
    }
}

impl Backoff {
    /// After an attempt that lasted so long: between half and one and a half of the pause.
    pub(super) fn next(&mut self, lasted: Duration) -> Duration {
        if lasted > WELL {
            self.pause = PAUSE[0];
        }
        self.count += 1;
        let part = (self.random.hash_one(self.count) % 1000) as u32;
        let wait = self.pause / 2 + self.pause * part / 1000;
        self.pause = (self.pause * 2).min(PAUSE[1]);
        wait
    }
}

/// Any of so many.
pub(super) fn any(many: usize) -> usize {
    (RandomState::new().hash_one(0) % many.max(1) as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_differ_and_begin_anew_after_a_session() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..20).map(|_| backoff.next(Duration::ZERO)).collect();
        assert!(waits[0] <= PAUSE[0] * 3 / 2 && waits[19] >= PAUSE[1] / 2 && waits[19] <= PAUSE[1] * 3 / 2);
        assert!(waits[10..].windows(2).any(|two| two[0] != two[1]));
        assert!(backoff.next(WELL * 2) <= PAUSE[0] * 3 / 2);
    }
}
