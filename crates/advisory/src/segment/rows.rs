//! Rows within a block, as bytes.
//!
//! ```text
//!  block = row row row ...                                    in order of (key, value), each once
//!  row   = length of key, key, length of value, value         lengths as LEB128; the first byte of a key is its table
//! ```

use super::Fault;
use std::ops::Range;

/// Bytes of a key, without the table.
pub const MAX_KEY: usize = 1 << 10;
/// Bytes of a value.
pub const MAX_VALUE: usize = 1 << 20;

/// A row that nobody may have, since nobody would read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Oversize {
    /// The key.
    #[error("the key has {0} bytes, {MAX_KEY} are allowed")]
    Key(usize),
    /// The value.
    #[error("the value has {0} bytes, {MAX_VALUE} are allowed")]
    Value(usize),
}

/// One row, with its table as the first byte of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Raw<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl Raw<'_> {
    /// Bytes it will take in a block, at most.
    pub(super) fn size(self) -> usize {
        self.key.len() + self.value.len() + 5
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        number(out, self.key.len() as u64);
        out.extend_from_slice(self.key);
        number(out, self.value.len() as u64);
        out.extend_from_slice(self.value);
    }
}

/// The rows of a block. Ends with the first that cannot be.
pub(crate) fn each(block: &[u8]) -> impl Iterator<Item = Result<Raw<'_>, Fault>> {
    let mut cursor = Cursor(block);
    std::iter::from_fn(move || (!cursor.0.is_empty()).then(|| cursor.row()))
}

/// Where in a block a key and its value are.
pub(super) type Places = (Range<usize>, Range<usize>);

/// Where the row that begins at `at` has its key and its value.
pub(super) fn places(block: &[u8], at: usize) -> Result<Places, Fault> {
    let rest = block.get(at..).ok_or("a row is outside of its block")?;
    let (mut cursor, mut behind_length) = (Cursor(rest), Cursor(rest));
    let row = cursor.row()?;
    behind_length.number(u64::MAX)?;
    let (key, end) = (block.len() - behind_length.0.len(), block.len() - cursor.0.len());
    Ok((key..key + row.key.len(), end - row.value.len()..end))
}

/// Appends a number as LEB128.
pub(crate) fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// What is left to be read of some bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it ends in the middle of something")?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| "it ends in the middle of something")
    }

    /// A number as [`number`] writes it, and no larger than `limit`.
    pub(crate) fn number(&mut self, limit: u64) -> Result<u64, Fault> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return if value <= limit { Ok(value) } else { Err("a number in it is out of bounds") };
            }
        }
        Err("a number in it does not end")
    }

    /// Bytes behind their length.
    pub(crate) fn bytes(&mut self, limit: usize) -> Result<&'a [u8], Fault> {
        let length = self.number(limit as u64)?;
        self.take(length as usize)
    }

    pub(crate) fn row(&mut self) -> Result<Raw<'a>, Fault> {
        let key = self.bytes(MAX_KEY + 1)?;
        if key.is_empty() {
            return Err("a row has no table");
        }
        let value = self.bytes(MAX_VALUE)?;
        Ok(Raw { key, value })
    }
}
