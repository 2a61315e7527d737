//! What the programs of another version leave when they are replaced: processes that they have stopped, decisions that nobody has taken
//! yet, and what they have counted. Some may still run for a moment after they were detached.

use super::{counted, wire::Told};
use crate::sensor::ring::Ring;
use libbpf_rs::{MapCore as _, MapHandle};
use std::{os::fd::AsFd as _, path::Path};

/// See the module's documentation.
#[derive(Debug)]
pub(in crate::enforce) struct Older {
    ring: Option<Ring>,
    held: MapHandle,
    counts: MapHandle,
    /// What was told of the counts.
    counted: [u64; 5],
}

impl Older {
    /// From its pins; none, if it was never ready.
    pub(super) fn open(pins: &Path) -> Option<Self> {
        let map = |name| MapHandle::from_pinned_path(pins.join("maps").join(name)).ok();
        let decisions = map("decisions")?;
        let ring = Ring::open(decisions.as_fd(), decisions.max_entries()).ok();
        Some(Self { ring, held: map("held")?, counts: map("counts")?, counted: [0; 5] })
    }

    /// The processes that wait since the last time. Which program they are about to be, they tell themselves.
    pub(in crate::enforce) fn held(&self) -> Vec<u32> {
        let keys = self.held.keys().filter(|key| self.held.delete(key).is_ok());
        keys.filter_map(|key| Some(u32::from_ne_bytes(*key.first_chunk()?))).collect()
    }

    /// Decisions since the last time but for those that are known, by their place.
    pub(in crate::enforce) fn told(&mut self, known: impl Fn(u64) -> bool) -> Vec<Told> {
        let Some(ring) = &mut self.ring else { return Vec::new() };
        let mut places = Vec::new();
        // All that is there: a ring has no more than its size.
        ring.gather(ring.end(), u64::MAX, |place| places.push(place));
        let new = places.into_iter().filter(|place| !known(place.offset + 1));
        let told = new.filter_map(|place| Told::read(ring.bytes(place))).collect();
        ring.release();
        told
    }

    /// What was decided, lost, allowed and passed since the last time.
    pub(in crate::enforce) fn counted(&mut self) -> [u64; 4] {
        let now = counted(&self.counts);
        let before = std::mem::replace(&mut self.counted, now);
        [0, 1, 2, 3].map(|at| now[at].saturating_sub(before[at]))
    }
}
