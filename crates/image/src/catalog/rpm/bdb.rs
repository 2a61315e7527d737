//! `Packages`: a hash table of Berkeley DB (RHEL 8 and older, Amazon Linux 2).
//!
//! The first page tells the byte order (that of the machine which made it) and the page size. Buckets are
//! not followed: a page that is in no bucket any more has type 0, so every page of type "hash" counts, and
//! one pass over the file meets them all.
//!
//! ```text
//!  page    0 log position · 8 number · 12 previous · 16 next · 20 entries · 22 free offset · 24 level · 25 type
//!          26 (32 with checksums) offset of item 0, of item 1, …                … item 1 │ item 0 │ end of page
//!  item    1 byte kind, then  kind 1: the bytes                  key, value, key, value, …
//!                             kind 3: 3 unused, page, length     of a chain of overflow pages
//! ```
//!
//! A key is the number of a package; number 0 holds the next free number. Layout: `db_page.h` of Berkeley DB
//! 4 and 5, whose hash tables have versions 7 to 9.

use super::{
    MAX_RECORD, Sink,
    pages::{Pages, array},
};
use crate::content::{Content, ReadError};

/// The number at offset 12 of a hash table.
const HASH: u32 = 0x0006_1561;
/// The same of B-trees (which RPM 5, the fork of former Yocto releases, used), queues and heaps.
const OTHERS: [u32; 3] = [0x0005_3162, 0x0004_2253, 0x0007_4582];
const PAGE_HASH_UNSORTED: u8 = 2;
const PAGE_OVERFLOW: u8 = 7;
const PAGE_HASH: u8 = 13;
const ITEM_INLINE: u8 = 1;
const ITEM_OFF_PAGE: u8 = 3;
const FLAG_CHECKSUM: u8 = 1;

/// Whether a file begins like a Berkeley DB of this or another kind.
pub(super) fn is_database(start: &[u8]) -> bool {
    array(start, 12).is_ok_and(|magic| {
        [u32::from_le_bytes(magic), u32::from_be_bytes(magic)]
            .iter()
            .any(|magic| *magic == HASH || OTHERS.contains(magic))
    })
}

/// Hands every record to `sink`.
pub(super) fn read(content: &Content<'_>, sink: &mut Sink<'_>) -> Result<(), ReadError> {
    let table = Table::open(content)?;
    let mut pages = Pages::new(content, table.page_size);
    let mut overflow = Pages::new(content, table.page_size);
    for number in 1..=u64::from(table.last_page) {
        let page = pages.read(number)?;
        let [kind] = array(&page, 25)?;
        if matches!(kind, PAGE_HASH | PAGE_HASH_UNSORTED) {
            table.pairs(&page, &mut overflow, sink)?;
        }
    }
    Ok(())
}

struct Table {
    order: Order,
    page_size: usize,
    last_page: u32,
    /// Where the content of a page begins.
    start: usize,
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u32(self, bytes: &[u8], at: usize) -> Result<u32, ReadError> {
        let bytes = array(bytes, at)?;
        Ok(match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        })
    }

    fn u16(self, bytes: &[u8], at: usize) -> Result<u16, ReadError> {
        let bytes = array(bytes, at)?;
        Ok(match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        })
    }
}

impl Table {
    fn open(content: &Content<'_>) -> Result<Self, ReadError> {
        let meta = content.range(0, 72)?;
        let order = match array(&meta, 12)? {
            magic if u32::from_le_bytes(magic) == HASH => Order::Little,
            magic if u32::from_be_bytes(magic) == HASH => Order::Big,
            _ => {
                return Err(ReadError::malformed(
                    "Berkeley DB is no hash table but a B-tree, as RPM 5 made it, or a queue",
                ));
            }
        };
        if !(7..=9).contains(&order.u32(&meta, 16)?) {
            return Err(ReadError::malformed("Berkeley DB hash table is of a version not known here"));
        }
        let page_size = order.u32(&meta, 20)? as usize;
        if !(512..=65536).contains(&page_size) || !page_size.is_power_of_two() {
            return Err(ReadError::malformed("page size of the database is not one Berkeley DB has"));
        }
        let [encryption, _kind, flags] = array(&meta, 24)?;
        if encryption != 0 {
            return Err(ReadError::malformed("Berkeley DB is encrypted"));
        }
        Ok(Self {
            order,
            page_size,
            last_page: order.u32(&meta, 32)?,
            start: if flags & FLAG_CHECKSUM == 0 { 26 } else { 32 },
        })
    }

    /// Hands the values on one page of a bucket to `sink`.
    fn pairs(&self, page: &[u8], overflow: &mut Pages<'_>, sink: &mut Sink<'_>) -> Result<(), ReadError> {
        let entries = usize::from(self.order.u16(page, 20)?);
        let mut end = page.len();
        let mut key: Option<&[u8]> = None;
        for i in 0..entries {
            // Items lie one before the other from the end of the page, so none is read twice.
            let at = usize::from(self.order.u16(page, self.start + 2 * i)?);
            let item = page
                .get(at..end)
                .filter(|_| at >= self.start + 2 * entries)
                .ok_or_else(|| ReadError::malformed("items of a page of the database overlap"))?;
            end = at;
            let Some(key) = key.take() else {
                key = Some(item);
                continue;
            };
            // The next free package number is under key 0.
            if key == [ITEM_INLINE, 0, 0, 0, 0] {
                continue;
            }
            match item.split_first() {
                Some((&ITEM_INLINE, value)) => sink(Ok(value))?,
                Some((&ITEM_OFF_PAGE, _)) => match self.chain(item, overflow) {
                    Ok(value) => sink(Ok(&value))?,
                    Err(error) => sink(Err(error))?,
                },
                _ => {
                    sink(Err(ReadError::malformed(
                        "a record of the database is of a kind rpm does not use",
                    )))?;
                }
            }
        }
        match key {
            Some(_) => sink(Err(ReadError::malformed("a key of the database has no value"))),
            None => Ok(()),
        }
    }

    /// The value of an item that lies on overflow pages.
    fn chain(&self, item: &[u8], overflow: &mut Pages<'_>) -> Result<Vec<u8>, ReadError> {
        let broken = || ReadError::malformed("a chain of overflow pages of the database is broken");
        let mut next = self.order.u32(item, 4)?;
        let length = u64::from(self.order.u32(item, 8)?);
        if length > MAX_RECORD {
            return Err(ReadError::TooLarge { what: "record of the database", limit: MAX_RECORD });
        }
        let mut value = Vec::new();
        while next != 0 {
            let page = overflow.read(next.into())?;
            let [kind] = array(&page, 25)?;
            let used = usize::from(self.order.u16(&page, 22)?);
            let data = page.get(self.start..self.start + used).ok_or_else(broken)?;
            if kind != PAGE_OVERFLOW || (value.len() + data.len()) as u64 > length {
                return Err(broken());
            }
            value.extend_from_slice(data);
            next = self.order.u32(&page, 16)?;
        }
        if value.len() as u64 == length { Ok(value) } else { Err(broken()) }
    }
}
