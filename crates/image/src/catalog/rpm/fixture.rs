//! Small databases in all three formats, written for tests from the formats' own descriptions.

use super::header::Tag;

/// Builds the header of a package.
#[derive(Clone, Default)]
pub(super) struct HeaderFixture {
    entries: Vec<u8>,
    data: Vec<u8>,
}

impl HeaderFixture {
    /// A signed package with these coordinates, without files.
    pub(super) fn package(name: &str, version: &str, release: &str) -> Self {
        Self::default()
            .region()
            .text(Tag::Name, name)
            .text(Tag::Version, version)
            .text(Tag::Release, release)
            .text(Tag::Arch, "x86_64")
    }

    /// Adds `count` files `/usr/share/{name}-{i}`.
    pub(super) fn with_files(self, name: &str, count: usize) -> Self {
        let names: Vec<String> = (0..count).map(|i| format!("{name}-{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.strings(Tag::BaseNames, &names)
            .strings(Tag::DirNames, &["/usr/share/"])
            .numbers(Tag::DirIndexes, &vec![0; count])
    }

    /// An entry that marks a region.
    pub(super) fn region(self) -> Self {
        self.entry(63, 7, 16, &[0; 16])
    }

    pub(super) fn text(self, tag: Tag, text: &str) -> Self {
        self.entry(tag as u32, 6, 1, format!("{text}\0").as_bytes())
    }

    pub(super) fn strings(self, tag: Tag, texts: &[&str]) -> Self {
        let data: Vec<u8> = texts.iter().flat_map(|text| text.bytes().chain([0])).collect();
        self.entry(tag as u32, 8, texts.len(), &data)
    }

    pub(super) fn numbers(mut self, tag: Tag, numbers: &[u32]) -> Self {
        self.data.resize(self.data.len().next_multiple_of(4), 0);
        let data: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        self.entry(tag as u32, 4, numbers.len(), &data)
    }

    fn entry(mut self, tag: u32, kind: u32, count: usize, data: &[u8]) -> Self {
        for word in [tag, kind, self.data.len() as u32, count as u32] {
            self.entries.extend(word.to_be_bytes());
        }
        self.data.extend(data);
        self
    }

    pub(super) fn build(self) -> Vec<u8> {
        let mut header = Vec::new();
        header.extend((self.entries.len() as u32 / 16).to_be_bytes());
        header.extend((self.data.len() as u32).to_be_bytes());
        header.extend(self.entries);
        header.extend(self.data);
        header
    }
}

/// An ndb database of one page of slots.
pub(super) fn ndb(records: &[Vec<u8>]) -> Vec<u8> {
    let mut file = Vec::new();
    let next = records.len() as u32 + 1;
    for word in [u32::from_le_bytes(*b"RpmP"), 0, 7, 1, next, 0, 0, 0] {
        file.extend(word.to_le_bytes());
    }
    for _ in 2..256 {
        file.extend(b"Slot\0\0\0\0\0\0\0\0\0\0\0\0");
    }
    for (i, record) in records.iter().enumerate() {
        let number = i as u32 + 1;
        let offset = file.len();
        file.extend(b"BlbS");
        for word in [number, 1_700_000_000, record.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(record);
        file.resize((file.len() + 12).next_multiple_of(16) - 12, 0);
        let checksum = adler32(&file[offset..]);
        for word in [checksum, record.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(b"BlbE");
        let blocks = (file.len() - offset) as u32 / 16;
        // Every other slot stays free.
        let slot = 16 * (2 + 2 * i);
        for (j, word) in [number, offset as u32 / 16, blocks].into_iter().enumerate() {
            file[slot + 4 + 4 * j..][..4].copy_from_slice(&word.to_le_bytes());
        }
    }
    file
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1, 0), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65521;
        (a, (a + b) % 65521)
    });
    b << 16 | a
}

/// A Berkeley DB hash table with one bucket page for each record, and overflow pages for long ones.
pub(super) fn bdb(records: &[Vec<u8>], big_endian: bool) -> Vec<u8> {
    const PAGE: usize = 512;
    const FREE: usize = PAGE - 26;
    let w32 = |n: u32| {
        if big_endian { n.to_be_bytes() } else { n.to_le_bytes() }
    };
    let w16 = |n: usize| {
        if big_endian { (n as u16).to_be_bytes() } else { (n as u16).to_le_bytes() }
    };
    let mut pages = vec![[0; PAGE]];
    let bucket = |items: &[Vec<u8>]| {
        let mut page = [0; PAGE];
        page[20..22].copy_from_slice(&w16(items.len()));
        page[25] = 13;
        let mut end = PAGE;
        for (i, item) in items.iter().enumerate() {
            end -= item.len();
            page[end..][..item.len()].copy_from_slice(item);
            page[26 + 2 * i..][..2].copy_from_slice(&w16(end));
        }
        page
    };
    let inline = |bytes: &[u8]| [&[1], bytes].concat();
    pages.push(bucket(&[inline(&[0; 4]), inline(&w32(records.len() as u32 + 1))]));
    for (i, record) in records.iter().enumerate() {
        let key = inline(&w32(i as u32 + 1));
        if record.len() < 400 {
            pages.push(bucket(&[key, inline(record)]));
            continue;
        }
        let first = pages.len() as u32 + 1;
        let value = [&[3, 0, 0, 0][..], &w32(first), &w32(record.len() as u32)].concat();
        pages.push(bucket(&[key, value]));
        let chunks = record.chunks(FREE);
        let last = first + chunks.len() as u32 - 1;
        for (chunk, number) in chunks.zip(first..) {
            let mut page = [0; PAGE];
            page[16..20].copy_from_slice(&w32(if number == last { 0 } else { number + 1 }));
            page[22..24].copy_from_slice(&w16(chunk.len()));
            page[25] = 7;
            page[26..][..chunk.len()].copy_from_slice(chunk);
            pages.push(page);
        }
    }
    let last = pages.len() as u32 - 1;
    for (at, word) in [(12, 0x0006_1561), (16, 9), (20, PAGE as u32), (32, last)] {
        pages[0][at..at + 4].copy_from_slice(&w32(word));
    }
    pages[0][25] = 8;
    pages.concat()
}

/// An SQLite database with the one table `Packages`, whose tree has an interior root and a leaf for each record.
pub(super) fn sqlite(records: &[Vec<u8>]) -> Vec<u8> {
    const PAGE: usize = 512;
    let leaf = |start: usize, cells: &[Vec<u8>]| {
        let mut page = vec![0; PAGE];
        page[start] = 13;
        page[start + 3..start + 5].copy_from_slice(&(cells.len() as u16).to_be_bytes());
        let mut end = PAGE;
        for (i, cell) in cells.iter().enumerate() {
            end -= cell.len();
            page[end..][..cell.len()].copy_from_slice(cell);
            page[start + 8 + 2 * i..][..2].copy_from_slice(&(end as u16).to_be_bytes());
        }
        page
    };
    // type, name, tbl_name, rootpage 2, sql
    let text = |s: &str| s.len() as u8 * 2 + 13;
    let mut schema = vec![6, text("table"), text("Packages"), text("Packages"), 1, text("sql")];
    schema.extend(b"tablePackagesPackages\x02sql");
    let mut first = leaf(100, &[[&[schema.len() as u8, 1][..], &schema].concat()]);
    first[..16].copy_from_slice(b"SQLite format 3\0");
    first[16..18].copy_from_slice(&(PAGE as u16).to_be_bytes());
    first[18..24].copy_from_slice(&[2, 2, 0, 64, 32, 32]);
    first[59] = 1;

    let mut pages = vec![first, Vec::new()];
    let mut leaves = Vec::new();
    for (i, record) in records.iter().enumerate() {
        // null (the row id), blob
        let mut types = vec![0];
        types.extend(varint(record.len() as u64 * 2 + 12));
        let row = [&[types.len() as u8 + 1][..], &types, record].concat();
        let mut cell = varint(row.len() as u64);
        cell.push(i as u8 + 1);
        // The rule of the format, for 512 bytes of page.
        let local = if row.len() <= 477 {
            row.len()
        } else {
            let k = 39 + (row.len() - 39) % 508;
            if k <= 477 { k } else { 39 }
        };
        cell.extend(&row[..local]);
        let number = pages.len() as u32 + 1;
        if local < row.len() {
            cell.extend((number + 1).to_be_bytes());
        }
        leaves.push(number);
        pages.push(leaf(0, &[cell]));
        let chunks = row[local..].chunks(PAGE - 4);
        let count = chunks.len();
        for (j, chunk) in chunks.enumerate() {
            let next = if j + 1 == count { 0 } else { pages.len() as u32 + 2 };
            let mut page = next.to_be_bytes().to_vec();
            page.extend(chunk);
            page.resize(PAGE, 0);
            pages.push(page);
        }
    }
    pages[1] = match leaves.split_last() {
        None => leaf(0, &[]),
        Some((last, others)) => {
            let mut page = vec![0; PAGE];
            page[0] = 5;
            page[3..5].copy_from_slice(&(others.len() as u16).to_be_bytes());
            page[8..12].copy_from_slice(&last.to_be_bytes());
            for (i, child) in others.iter().enumerate() {
                let at = PAGE - 5 * (i + 1);
                page[12 + 2 * i..][..2].copy_from_slice(&(at as u16).to_be_bytes());
                page[at..at + 4].copy_from_slice(&child.to_be_bytes());
                page[at + 4] = i as u8 + 1;
            }
            page
        }
    };
    pages.concat()
}

fn varint(mut n: u64) -> Vec<u8> {
    let mut bytes = vec![(n & 0x7f) as u8];
    while n > 0x7f {
        n >>= 7;
        bytes.insert(0, (n & 0x7f) as u8 | 0x80);
    }
    bytes
}
