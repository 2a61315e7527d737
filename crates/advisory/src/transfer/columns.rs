//! Edits of rows, as columns of numbers and of text, which zstd makes much smaller than the same edits one after the other.
//!
//! ```text
//!  edit   = gap, pass, number of rows dropped, number of rows added, row added ...
//!  row    = for key and value each: how much of it begins as the model does, how much ends so, and the text in between
//!  piece  = for each column: length, length compressed, compressed
//! ```
//!
//! The model of a row is the row that was dropped in its place or, if none was, the row before it.

use crate::segment::{
    Fault,
    codec::{pack_against, unpack_against},
    rows::{Cursor, MAX_KEY, MAX_VALUE, Raw, number},
};
use std::io;

/// A piece ends when its columns, or the rows that they add, have so many bytes: what both sides need memory for.
pub(super) const PIECE: usize = 1 << 20;
/// No piece has more, as it ends after the edit that fills it.
const MOST: usize = 4 * PIECE;

#[derive(Clone, Copy)]
pub(super) enum Column {
    /// 0: in the same block as the edit before; N: in the N-th block behind it.
    Gap,
    /// Rows that stay between the edit before, or the beginning of the block, and this one.
    Pass,
    Dropped,
    Added,
    KeyStart,
    KeyEnd,
    KeyLength,
    KeyText,
    ValueStart,
    ValueEnd,
    ValueLength,
    ValueText,
}

const COLUMNS: usize = Column::ValueText as usize + 1;
const KEY: [Column; 4] = [Column::KeyStart, Column::KeyEnd, Column::KeyLength, Column::KeyText];
const VALUE: [Column; 4] = [Column::ValueStart, Column::ValueEnd, Column::ValueLength, Column::ValueText];

/// Text resembles the blocks, numbers do not.
fn base(column: usize, dictionary: &[u8]) -> &[u8] {
    if column == Column::KeyText as usize || column == Column::ValueText as usize { dictionary } else { &[] }
}

/// A row of its own.
#[derive(Clone, Default)]
pub(super) struct Row {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

impl Row {
    pub(super) fn raw(&self) -> Raw<'_> {
        Raw { key: &self.key, value: &self.value }
    }

    pub(super) fn size(&self) -> usize {
        self.key.len() + self.value.len()
    }

    pub(super) fn set(&mut self, row: Raw<'_>) {
        row.key.clone_into(&mut self.key);
        row.value.clone_into(&mut self.value);
    }
}

/// Columns that are being written.
#[derive(Default)]
pub(super) struct Columns {
    columns: [Vec<u8>; COLUMNS],
    /// Bytes of the rows that are added.
    added: usize,
}

impl Columns {
    pub(super) fn number(&mut self, column: Column, value: u64) {
        number(&mut self.columns[column as usize], value);
    }

    pub(super) fn row(&mut self, row: Raw<'_>, model: Raw<'_>) {
        self.added += row.key.len() + row.value.len();
        self.text(KEY, row.key, model.key);
        self.text(VALUE, row.value, model.value);
    }

    fn text(&mut self, [start, end, length, middle]: [Column; 4], text: &[u8], model: &[u8]) {
        let same = text.iter().zip(model).take_while(|(a, b)| a == b).count();
        let (rest, other) = (&text[same..], &model[same..]);
        let tail = rest.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count();
        let rest = &rest[..rest.len() - tail];
        self.number(start, same as u64);
        self.number(end, tail as u64);
        self.number(length, rest.len() as u64);
        self.columns[middle as usize].extend(rest);
    }

    pub(super) fn is_full(&self) -> bool {
        self.added.max(self.columns.iter().map(Vec::len).sum()) >= PIECE
    }

    /// Appends what there is as a piece, and begins anew.
    pub(super) fn finish(&mut self, dictionary: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let columns = std::mem::take(self).columns;
        if columns[Column::Gap as usize].is_empty() {
            return Ok(());
        }
        for (column, bytes) in columns.iter().enumerate() {
            let packed = pack_against(base(column, dictionary), bytes)?;
            number(out, bytes.len() as u64);
            number(out, packed.len() as u64);
            out.extend(packed);
        }
        Ok(())
    }
}

/// A piece that is being read.
pub(super) struct Piece {
    columns: [Vec<u8>; COLUMNS],
    read: [usize; COLUMNS],
    added: usize,
}

impl Piece {
    pub(super) fn read(rest: &mut Cursor<'_>, dictionary: &[u8]) -> Result<Self, Fault> {
        let (mut columns, mut total) = ([const { Vec::new() }; COLUMNS], 0);
        for (column, bytes) in columns.iter_mut().enumerate() {
            let length = rest.number(MOST as u64)? as usize;
            let packed = rest.bytes(rest.0.len())?;
            total += length;
            if total > MOST {
                return Err("a piece of it is too large");
            }
            *bytes = unpack_against(base(column, dictionary), packed, length)?;
        }
        Ok(Self { columns, read: [0; COLUMNS], added: 0 })
    }

    pub(super) fn is_done(&self) -> bool {
        self.columns.iter().zip(self.read).all(|(bytes, read)| bytes.len() == read)
    }

    pub(super) fn number(&mut self, column: Column) -> Result<u64, Fault> {
        let (bytes, read) = (&self.columns[column as usize], &mut self.read[column as usize]);
        let mut rest = Cursor(&bytes[*read..]);
        let value = rest.number(u64::MAX)?;
        *read = bytes.len() - rest.0.len();
        Ok(value)
    }

    pub(super) fn row(&mut self, model: Raw<'_>) -> Result<Row, Fault> {
        let key = self.text(KEY, model.key, MAX_KEY + 1)?;
        let value = self.text(VALUE, model.value, MAX_VALUE)?;
        self.added += key.len() + value.len();
        if self.added > MOST {
            return Err("a piece of it adds too much");
        }
        if key.is_empty() { Err("a row has no table") } else { Ok(Row { key, value }) }
    }

    fn text(
        &mut self,
        [start, end, length, middle]: [Column; 4],
        model: &[u8],
        limit: usize,
    ) -> Result<Vec<u8>, Fault> {
        let short = "a row has more of its model than there is";
        let start = usize::try_from(self.number(start)?).map_err(|_| short)?;
        let end = usize::try_from(self.number(end)?).map_err(|_| short)?;
        let (head, rest) = model.split_at_checked(start).ok_or(short)?;
        let tail = &rest[rest.len().checked_sub(end).ok_or(short)?..];
        let length = usize::try_from(self.number(length)?).map_err(|_| short)?;
        let (bytes, read) = (&self.columns[middle as usize], &mut self.read[middle as usize]);
        let text = Cursor(&bytes[*read..]).take(length)?;
        *read += length;
        if head.len() + text.len() + tail.len() > limit {
            return Err("a row is too large");
        }
        Ok([head, text, tail].concat())
    }
}
