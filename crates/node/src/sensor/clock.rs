//! Time: the kernel counts nanoseconds since boot, events tell those since 1970.
//!
//! The distance between the two is measured once, so that events keep their order, and again when the clock of the machine was
//! set: a change of more than [`STEP`].

use rustix::time::{ClockId, clock_gettime};

/// A change of the clock up to this many nanoseconds (slewing) is followed, but not at once.
const STEP: u64 = 1_000_000;

/// Turns times since boot into times since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    offset: u64,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { offset: measure() }
    }

    /// Notices that the clock was set.
    pub(super) fn correct(&mut self) {
        let offset = measure();
        if offset.abs_diff(self.offset) > STEP {
            self.offset = offset;
        }
    }

    /// The time since 1970 that is `boot` nanoseconds after boot.
    pub(super) fn wall(self, boot: u64) -> u64 {
        boot.wrapping_add(self.offset)
    }
}

/// Nanoseconds since boot, suspension included: the clock of the records.
pub(super) fn since_boot() -> u64 {
    nanoseconds(ClockId::Boottime)
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

fn measure() -> u64 {
    nanoseconds(ClockId::Realtime).wrapping_sub(nanoseconds(ClockId::Boottime))
}
