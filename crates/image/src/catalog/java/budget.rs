//! What one archive and all archives inside it may cost.
//!
//! One budget for the whole nest: a limit for each archive would be multiplied by their number, which is up
//! to whoever made them.

use crate::{caps::Limits, content::ReadError};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Packages told of one archive; real ones have a few hundred.
const PACKAGES: u64 = 20_000;
/// Gaps told of one archive.
const GAPS: u64 = 50;

/// Counts down. Shared by readers that only have a shared reference, hence the atomics.
pub(super) struct Budget {
    limits: Limits,
    inflate: AtomicU64,
    entries: AtomicU64,
    packages: AtomicU64,
    gaps: AtomicU64,
}

impl Budget {
    /// The whole of it.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            inflate: limits.archive.into(),
            entries: limits.archive_entries.into(),
            packages: PACKAGES.into(),
            gaps: GAPS.into(),
        }
    }

    /// How deep archives may be nested.
    pub(super) fn depth(&self) -> u32 {
        self.limits.archive_depth
    }

    /// Takes bytes that were inflated, or that are read as an archive of their own.
    pub(super) fn inflate(&self, bytes: u64) -> Result<(), ReadError> {
        take(&self.inflate, bytes)
            .ok_or(ReadError::TooLarge { what: "what the archive inflates to", limit: self.limits.archive })
    }

    /// Takes the entries of one more archive.
    pub(super) fn entries(&self, count: u64) -> Result<(), ReadError> {
        take(&self.entries, count).ok_or_else(|| {
            ReadError::malformed(format!(
                "has more than the limit of {} entries, those of nested archives included",
                self.limits.archive_entries
            ))
        })
    }

    /// Whether one more package may be told.
    pub(super) fn package(&self) -> bool {
        take(&self.packages, 1).is_some()
    }

    /// Whether one more gap may be told.
    pub(super) fn gap(&self) -> bool {
        take(&self.gaps, 1).is_some()
    }
}

fn take(from: &AtomicU64, n: u64) -> Option<()> {
    from.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(n)).ok().map(|_| ())
}
