//! Rows that answer a question, one after the other.

use super::{
    Segment, SegmentError,
    rows::{self, Places},
    table::{self, Entry},
};
use std::{cmp::Ordering, sync::Arc};

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its key, without the table.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

/// The rows that were asked for, in order of key and value. Blocks are read when they are needed.
///
/// No `Iterator`, as a row lives in the block that is open:
///
/// ```
/// # use gabion_advisory::segment::{Segment, SegmentError};
/// # fn f(segment: &Segment) -> Result<(), SegmentError> {
/// let mut rows = segment.get(1, b"debian:12/openssl")?;
/// while let Some(row) = rows.next_row()? {
///     // row.key, row.value
/// #   let _ = row;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Rows<'a> {
    segment: &'a Segment,
    /// Table and key, or what the key begins with.
    wanted: Vec<u8>,
    /// Of the key, if it is exactly this one.
    mark: Option<u8>,
    /// The block that comes next.
    next: u64,
    block: Arc<Vec<u8>>,
    at: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn exactly(segment: &'a Segment, table: u8, key: &[u8]) -> Result<Self, SegmentError> {
        let mut rows = Self::beginning(segment, table, key)?;
        rows.mark = Some(table::mark(&rows.wanted));
        Ok(rows)
    }

    pub(super) fn beginning(segment: &'a Segment, table: u8, prefix: &[u8]) -> Result<Self, SegmentError> {
        let wanted = [&[table], prefix].concat();
        Ok(Self { segment, next: segment.first(&wanted)?, wanted, mark: None, block: Arc::default(), at: 0 })
    }

    /// The next row.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, SegmentError> {
        let Some((key, value)) = self.find()? else {
            return Ok(None);
        };
        Ok(Some(Row { key: &self.block[key], value: &self.block[value] }))
    }

    /// Where in the block the next row is.
    fn find(&mut self) -> Result<Option<Places>, SegmentError> {
        loop {
            if self.at == self.block.len() && !self.load()? {
                return Ok(None);
            }
            let (key, value) =
                rows::places(&self.block, self.at).map_err(|fault| self.segment.damaged(fault))?;
            match self.compare(&self.block[key.clone()]) {
                Ordering::Less => self.at = value.end,
                Ordering::Equal => {
                    self.at = value.end;
                    return Ok(Some((key.start + 1..key.end, value)));
                }
                Ordering::Greater => {
                    self.at = self.block.len();
                    self.next = self.segment.blocks();
                }
            }
        }
    }

    /// Where a key is, seen from those that are wanted.
    fn compare(&self, key: &[u8]) -> Ordering {
        if self.mark.is_none() && key.starts_with(&self.wanted) {
            Ordering::Equal
        } else {
            key.cmp(&self.wanted)
        }
    }

    /// Opens the next block that may have a row that is wanted.
    fn load(&mut self) -> Result<bool, SegmentError> {
        while self.next < self.segment.blocks() {
            let number = self.next;
            let entry = self.segment.entry(number)?;
            if self.compare(entry.least) == Ordering::Greater {
                self.next = self.segment.blocks();
                break;
            }
            self.next += 1;
            if self.may_have(&entry) {
                self.block = self.segment.block(number, &entry)?;
                self.at = 0;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn may_have(&self, entry: &Entry<'_>) -> bool {
        self.mark.is_none_or(|mark| entry.marks.contains(&mark))
    }
}
