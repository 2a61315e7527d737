//! `rpmdb.sqlite`: the rows of one table of an SQLite 3 database (RHEL 9, Fedora 33 and later, Azure Linux).
//!
//! The reader knows as much of the [file format] as finding the blobs of table `Packages (hnum, blob)` takes:
//!
//! ```text
//!  page 1   100-byte header, then the root of the schema table: type, name, tbl_name, rootpage, sql
//!              │ rootpage of 'Packages'
//!              ▼
//!  interior (5) ─► interior (5) ─► leaf (13): cells of  length, row id, record…
//!                                                          the rest of a long record ─► overflow ─► overflow ─► 0
//! ```
//!
//! Indexes, free pages and journals are not looked at. A database in WAL mode keeps its newest pages in a
//! file beside it; see [`log_holds_pages`].
//!
//! [file format]: https://www.sqlite.org/fileformat2.html

use super::{
    MAX_RECORD, Sink,
    pages::{Pages, array},
};
use crate::content::{Content, ReadError};

/// How the file begins.
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes of the database header, which precedes the b-tree on page 1.
const HEADER: usize = 100;
const INTERIOR_TABLE: u8 = 5;
const LEAF_TABLE: u8 = 13;
/// Bytes that even the smallest cell takes.
const MIN_CELL: usize = 4;

/// Hands every blob of table `Packages` to `sink`.
pub(super) fn read(content: &Content<'_>, sink: &mut Sink<'_>) -> Result<(), ReadError> {
    let mut database = Database::open(content)?;
    let root = database.root_of("Packages")?;
    database.rows(root, &mut |row| match row {
        Ok(record) => match column(&record, 1) {
            Ok(Column::Bytes(blob)) => sink(Ok(blob)),
            Ok(_) => sink(Err(ReadError::malformed("a row of table Packages holds no blob"))),
            Err(error) => sink(Err(error)),
        },
        Err(error) => sink(Err(error)),
    })
}

/// Whether a write-ahead log holds pages. rpm leaves the log empty when it closes the database; a log that
/// is not may hold packages that the database itself does not yet have.
///
/// The log begins with 32 bytes that hold two salts at offset 16; a frame counts only if it repeats them
/// (at offset 8 of its own header).
pub(super) fn log_holds_pages(content: &Content<'_>) -> Result<bool, ReadError> {
    let bytes = content.range(0, 32 + 24)?;
    let magic = bytes.get(..4).is_some_and(|m| matches!(m, [0x37, 0x7f, 0x06, 0x82 | 0x83]));
    Ok(magic && matches!((bytes.get(16..24), bytes.get(40..48)), (Some(log), Some(frame)) if log == frame))
}

struct Database<'a> {
    pages: Pages<'a>,
    /// Bytes of a page that are used: its size without the reserved end.
    usable: usize,
    /// Whether the newest pages may be in a log beside the file.
    wal: bool,
}

impl<'a> Database<'a> {
    fn open(content: &Content<'a>) -> Result<Self, ReadError> {
        let header = content.range(0, HEADER)?;
        let size = match u16::from_be_bytes(array(&header, 16)?) {
            1 => 65536,
            size if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => {
                return Err(ReadError::malformed("page size of the database is not one SQLite has"));
            }
        };
        let [_, read_version, reserved] = array(&header, 18)?;
        let usable = size - usize::from(reserved);
        if read_version > 2 || usable < 480 {
            return Err(ReadError::malformed("database is of an SQLite version not known here"));
        }
        // 0 is an empty database; 2 and 3 are UTF-16, which rpm never chooses.
        if u32::from_be_bytes(array(&header, 56)?) > 1 {
            return Err(ReadError::malformed("text of the database is not in UTF-8"));
        }
        Ok(Self { pages: Pages::new(content, size), usable, wal: read_version == 2 })
    }

    /// The root page of a table.
    fn root_of(&mut self, table: &str) -> Result<u32, ReadError> {
        let mut root = None;
        self.rows(1, &mut |row| {
            let record = row?;
            if let (Column::Bytes(b"table"), Column::Bytes(name), Column::Integer(page)) =
                (column(&record, 0)?, column(&record, 1)?, column(&record, 3)?)
                && name.eq_ignore_ascii_case(table.as_bytes())
            {
                root = u32::try_from(page).ok();
            }
            Ok(())
        })?;
        root.ok_or_else(|| {
            ReadError::malformed(if self.wal {
                "database has no table Packages; it may be in the write-ahead log, which is not read"
            } else {
                "database has no table Packages"
            })
        })
    }

    /// Hands the record of every row to `each`, in the order of row ids.
    fn rows(
        &mut self,
        root: u32,
        each: &mut dyn FnMut(Result<Vec<u8>, ReadError>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let mut pending = vec![root];
        while let Some(number) = pending.pop() {
            let page = self.page(number)?;
            let start = if number == 1 { HEADER } else { 0 };
            let [kind] = array(&page, start)?;
            let cells = usize::from(u16::from_be_bytes(array(&page, start + 3)?));
            match kind {
                INTERIOR_TABLE => {
                    // What is pushed last is read first, so the rightmost child goes first.
                    pending.push(u32::from_be_bytes(array(&page, start + 8)?));
                    for i in (0..cells).rev() {
                        let at = u16::from_be_bytes(array(&page, start + 12 + 2 * i)?);
                        pending.push(u32::from_be_bytes(array(&page, at.into())?));
                    }
                    if pending.len() as u64 > self.pages.left() {
                        return Err(ReadError::malformed(
                            "tree of the database names more pages than there are",
                        ));
                    }
                }
                LEAF_TABLE => {
                    // Cells do not overlap, so together they are no longer than the page.
                    let mut left = self.usable;
                    for i in 0..cells {
                        let at = usize::from(u16::from_be_bytes(array(&page, start + 8 + 2 * i)?));
                        each(self.record(&page, at, &mut left))?;
                    }
                }
                _ => {
                    return Err(ReadError::malformed("tree of the database holds a page of another kind"));
                }
            }
        }
        Ok(())
    }

    /// The record of one cell of a leaf, with what lies on overflow pages.
    fn record(&mut self, page: &[u8], at: usize, left: &mut usize) -> Result<Vec<u8>, ReadError> {
        let short = || ReadError::malformed("a row ends before its length");
        let mut cell = page.get(at..self.usable).ok_or_else(short)?;
        let length = varint(&mut cell)?;
        varint(&mut cell)?; // row id
        if length > MAX_RECORD {
            return Err(ReadError::TooLarge { what: "record of the database", limit: MAX_RECORD });
        }
        let length = length as usize;
        let local = self.local_part(length);
        *left = left
            .checked_sub(local.max(MIN_CELL))
            .ok_or_else(|| ReadError::malformed("rows of the database overlap"))?;
        let (record, rest) = cell.split_at_checked(local).ok_or_else(short)?;
        let mut record = record.to_vec();
        if local < length {
            let mut next = u32::from_be_bytes(array(rest, 0)?);
            while record.len() < length {
                let page = self.page(next)?;
                next = u32::from_be_bytes(array(&page, 0)?);
                let data = page.get(4..self.usable).ok_or_else(short)?;
                record.extend_from_slice(&data[..data.len().min(length - record.len())]);
            }
        }
        Ok(record)
    }

    /// How much of a record of `length` bytes lies in its cell; the rest is on overflow pages.
    const fn local_part(&self, length: usize) -> usize {
        let usable = self.usable;
        if length <= usable - 35 {
            return length;
        }
        let least = (usable - 12) * 32 / 255 - 23;
        let filling = least + (length - least) % (usable - 4);
        if filling <= usable - 35 { filling } else { least }
    }

    /// A page by its number, counted from 1.
    fn page(&mut self, number: u32) -> Result<Vec<u8>, ReadError> {
        let index = number
            .checked_sub(1)
            .ok_or_else(|| ReadError::malformed("a link of the database leads nowhere"))?;
        self.pages.read(index.into())
    }
}

/// A value of a record.
#[derive(Debug, PartialEq)]
enum Column<'a> {
    Integer(i64),
    /// Text or blob.
    Bytes(&'a [u8]),
    /// Null or a fraction.
    Other,
}

/// One column of a record: a header of `length, type…`, then the values in the same order.
fn column(record: &[u8], index: usize) -> Result<Column<'_>, ReadError> {
    let short = || ReadError::malformed("a row ends inside a column");
    let mut types = record;
    let header = usize::try_from(varint(&mut types)?).map_err(|_| short())?;
    let taken = record.len() - types.len();
    types = record.get(taken..header).ok_or_else(short)?;
    let mut values = record.get(header..).ok_or_else(short)?;
    for _ in 0..index {
        let size = size_of_type(varint(&mut types)?);
        values = usize::try_from(size).ok().and_then(|size| values.get(size..)).ok_or_else(short)?;
    }
    let kind = varint(&mut types)?;
    let value =
        usize::try_from(size_of_type(kind)).ok().and_then(|size| values.get(..size)).ok_or_else(short)?;
    Ok(match kind {
        1..=6 => {
            let negative = value.first().is_some_and(|&b| b >= 0x80);
            Column::Integer(value.iter().fold(if negative { -1 } else { 0 }, |n, &b| n << 8 | i64::from(b)))
        }
        8 => Column::Integer(0),
        9 => Column::Integer(1),
        12.. => Column::Bytes(value),
        _ => Column::Other,
    })
}

/// Bytes of a value of this serial type.
const fn size_of_type(kind: u64) -> u64 {
    match kind {
        1..=4 => kind,
        5 => 6,
        6 | 7 => 8,
        0 | 8..=11 => 0,
        _ => (kind - 12) / 2,
    }
}

/// Takes a number of 1 to 9 bytes: seven bits a byte, highest first, the ninth byte whole.
fn varint(bytes: &mut &[u8]) -> Result<u64, ReadError> {
    let mut value = 0;
    for i in 0..9 {
        let (&byte, rest) =
            bytes.split_first().ok_or_else(|| ReadError::malformed("a row ends inside a number"))?;
        *bytes = rest;
        if i == 8 {
            return Ok(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_have_up_to_nine_bytes() {
        for (bytes, value) in [(&[0x7f][..], 127), (&[0x81, 0x00], 128), (&[0xff; 9], u64::MAX)] {
            assert_eq!(varint(&mut &*bytes).expect("whole"), value);
        }
        assert!(varint(&mut &[0x80][..]).is_err());
    }

    #[test]
    fn columns_are_found_by_the_sizes_of_those_before() {
        // null, 0xfffe as a 2-byte integer, the text "ab", the constant 1
        let record = [5, 0, 2, 17, 9, 0xff, 0xfe, b'a', b'b'];
        assert_eq!(column(&record, 0).expect("null"), Column::Other);
        assert_eq!(column(&record, 1).expect("integer"), Column::Integer(-2));
        assert_eq!(column(&record, 2).expect("text"), Column::Bytes(b"ab"));
        assert_eq!(column(&record, 3).expect("one"), Column::Integer(1));
        assert!(column(&record, 4).is_err());
        assert!(column(&[0x83], 0).is_err());
    }

    #[test]
    fn a_log_holds_pages_only_if_its_first_frame_has_its_salts() {
        let mut log = [0; 56];
        log[..4].copy_from_slice(&[0x37, 0x7f, 0x06, 0x82]);
        log[16..24].copy_from_slice(b"saltsalt");
        let holds = |bytes: &[u8]| log_holds_pages(&Content::Memory(bytes)).expect("reads");
        assert!(!holds(&log) && !holds(&log[..32]) && !holds(b""));
        log[40..48].copy_from_slice(b"saltsalt");
        assert!(holds(&log));
    }
}
