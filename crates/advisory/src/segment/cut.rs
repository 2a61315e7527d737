//! Where one block ends and the next begins.
//!
//! The rows themselves decide, by their hash: so a row that is added or removed changes the block it is in and, at
//! most, a few after it, while blocks of so many rows each would all change from there on.
//!
//! ```text
//!  rows     a b c d e f g h │ i j k l m n o p q r │ s t ...       a cut before i and before s, as their hash says so
//!  + f'     a b c d e f f' g h │ i j k l m n o p q r │ s t ...    only the first block is another one
//! ```

use super::rows::Raw;

/// A block has at least so many rows, unless it is the last or its rows are large, ...
const LEAST: usize = 8;
/// ... at most so many, ...
pub(super) const MOST: usize = 32;
/// ... and in between one row of so many begins the next: 15 rows on average.
const ONE_OF: u64 = 8;
/// With so many bytes a block is full.
const FULL: usize = 16 << 10;
/// No block has more bytes.
pub(crate) const MAX_BLOCK: usize = FULL + super::rows::MAX_KEY + super::rows::MAX_VALUE + 16;

/// Follows the rows and says where to cut.
#[derive(Debug, Default)]
pub(crate) struct Cutter {
    rows: usize,
    bytes: usize,
}

impl Cutter {
    /// Whether this row, the next in order, begins a block.
    pub(crate) fn begins(&mut self, row: Raw<'_>) -> bool {
        let full = self.bytes >= FULL || self.rows >= MOST;
        let cut = full || self.rows >= LEAST && hash(&[row.key, row.value]).is_multiple_of(ONE_OF);
        if cut {
            *self = Self::default();
        }
        self.rows += 1;
        self.bytes += row.size();
        cut
    }
}

/// FNV-1a with a final mix: cheap, and on disk (in cuts and marks), so never to be changed.
pub(super) fn hash(parts: &[&[u8]]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.iter().copied().flatten() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ hash >> 32
}
