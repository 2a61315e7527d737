//! Bounded access to the bytes of a database, shared by the readers of all three formats.
//!
//! Every page of a sound database belongs to one place: to one tree, one bucket or one overflow chain. So
//! no reader ever needs more reads than there are pages, and [`Pages`] grants no more. Whatever a hostile
//! file links to what, the work is bounded by its size, and a circle of links is refused when the grant is
//! used up.

use crate::content::{Content, ReadError};

/// The pages of one file, each readable at most once on average.
pub(super) struct Pages<'a> {
    content: Content<'a>,
    /// Bytes of a page.
    size: usize,
    /// Reads that are still granted.
    left: u64,
}

impl<'a> Pages<'a> {
    /// Grants one read for every page of the file; a last page that is cut counts as one.
    pub(super) fn new(content: &Content<'a>, size: usize) -> Self {
        Self { content: *content, size, left: content.size().div_ceil(size.max(1) as u64) }
    }

    /// How many more pages may be read.
    pub(super) const fn left(&self) -> u64 {
        self.left
    }

    /// The page with this number, counted from 0, in full.
    pub(super) fn read(&mut self, number: u64) -> Result<Vec<u8>, ReadError> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            ReadError::malformed(
                "pages of the database link to more pages than there are, so they form a circle",
            )
        })?;
        let offset = number.checked_mul(self.size as u64).ok_or_else(|| outside(number))?;
        let page = self.content.range(offset, self.size)?;
        if page.len() < self.size {
            return Err(outside(number));
        }
        Ok(page)
    }
}

fn outside(number: u64) -> ReadError {
    ReadError::malformed(format!("page {number} of the database lies outside the file"))
}

/// The `N` bytes at an offset, to be read as a number.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], ReadError> {
    bytes
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .copied()
        .ok_or_else(|| ReadError::malformed("a record ends inside a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_reads_are_granted_than_there_are_pages() {
        let bytes = [7; 1100];
        let mut pages = Pages::new(&Content::Memory(&bytes), 512);
        assert_eq!(pages.left(), 3);
        assert_eq!(pages.read(1).expect("inside").len(), 512);
        assert!(pages.read(2).expect_err("cut").to_string().contains("outside"));
        assert!(pages.read(u64::MAX).is_err());
        assert!(pages.read(0).expect_err("used up").to_string().contains("circle"));
    }
}
