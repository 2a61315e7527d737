//! The names of the functions that the linker kept, from the table that Go needs for its stack traces.
//!
//! The table is there even when a program is stripped of everything else. It opens with a magic number
//! that tells its form and byte order, the instruction quantum and the pointer size (Go's
//! `debug/gosym`, and <https://go.dev/s/go12symtab>):
//!
//! ```text
//! since 1.16:  │ fb ff ff ff │ 0 0 │ quantum │ word │ functions │ files │ [text] │ names │ units │ …
//!                                              names ──► "main.main\0fmt.Println\0…"   up to units
//! until 1.15:  │ fb ff ff ff │ 0 0 │ quantum │ word │ functions │ (address, offset)… │
//!                                              offset ──► (address, name offset) ──► "main.main\0"
//! ```
//!
//! Since 1.16 the names are one block, which also holds those of functions that exist only inlined into
//! others. Before, each function is looked up by its own, and inlined ones are not told.

use crate::{
    catalog::elf::{Elf, Layout, scan},
    content::{Content, ReadError},
};
use std::ops::Range;

/// Functions of one program. The `kubelet` has 100,000.
const MAX_COUNT: usize = 400_000;
/// Bytes of all names together, which are in memory at once. Trivy, 166 MB, has 17 MB.
const MAX_NAMES: usize = 20 << 20;
/// Bytes of a table that has no block of names, and is read back and forth.
const MAX_TABLE: u64 = 256 << 20;
/// The magic numbers of Go 1.20, 1.18, 1.16 and 1.2.
const MAGICS: [u32; 4] = [0xffff_fff1, 0xffff_fff0, 0xffff_fffa, 0xffff_fffb];
/// Bytes of the header in its longest form.
const HEADER: usize = 8 + 8 * 8;

/// The function names of one program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// These.
    Told(NameList),
    /// Too many to keep. A part of them would make the others look absent.
    TooMany,
    /// There is no table that can be read.
    Absent,
}

/// Reads the names.
pub(super) fn names(content: &Content<'_>, elf: &Elf<'_>) -> Result<Names, ReadError> {
    let Some(table) = find(content, elf)? else {
        return Ok(Names::Absent);
    };
    let names = match table.form {
        Form::Block { names } => block(content, names)?,
        Form::Scattered { count } => scattered(content, &table, count)?,
    };
    Ok(match names {
        Names::Told(list) if list.spans.is_empty() => Names::Absent,
        other => other,
    })
}

/// Where the table is, and of which form.
#[derive(Debug, PartialEq, Eq)]
struct Table {
    range: Range<u64>,
    layout: Layout,
    form: Form,
}

#[derive(Debug, PartialEq, Eq)]
enum Form {
    /// Since 1.16: names end to end.
    Block { names: Range<u64> },
    /// Until 1.15: so many functions, each with its own name.
    Scattered { count: u64 },
}

/// The table has a section of its own, unless an external linker joined it with others that are read-only
/// after relocation, or the section table is gone.
fn find(content: &Content<'_>, elf: &Elf<'_>) -> Result<Option<Table>, ReadError> {
    for name in [".gopclntab", ".data.rel.ro.gopclntab"] {
        if let Some(range) = elf.section(name) {
            return Ok(parse(&content.range(range.start, HEADER)?, range));
        }
    }
    let places = match elf.section(".data.rel.ro") {
        Some(section) => vec![section],
        None if elf.has_sections() => Vec::new(),
        None => elf.segments()?.into_iter().map(|segment| segment.file).collect(),
    };
    for place in places {
        let found = scan(content, place.clone(), |window| {
            MAGICS.iter().find_map(|magic| {
                let magic = if elf.layout.big { magic.to_be_bytes() } else { magic.to_le_bytes() };
                memchr::memmem::find_iter(window.bytes, &[&magic[..], &[0, 0]].concat())
                    .find_map(|at| parse(&window.bytes[at..], window.offset + at as u64..place.end))
            })
        })?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The table that starts with `header`, if one does.
fn parse(header: &[u8], range: Range<u64>) -> Option<Table> {
    let [a, b, c, d, 0, 0, 1 | 2 | 4, word @ (4 | 8)] = *header.first_chunk::<8>()? else {
        return None;
    };
    let big = a == 0xff;
    let layout = Layout { wide: word == 8, big };
    let field = |index: usize| layout.word(header, 8 + index * layout.word_size());
    let magic = if big { u32::from_be_bytes([a, b, c, d]) } else { u32::from_le_bytes([a, b, c, d]) };
    let count = field(0)?;
    let first = match MAGICS.iter().position(|known| *known == magic)? {
        // The start of the text precedes.
        0 | 1 => 3,
        2 => 2,
        _ => {
            let rows = count.checked_mul(2 * layout.word_size() as u64)?;
            let form = Form::Scattered { count };
            return (count > 0 && rows < range.end - range.start).then_some(Table { range, layout, form });
        }
    };
    let names = range.start.checked_add(field(first)?)?..range.start.checked_add(field(first + 1)?)?;
    let form = Form::Block { names: names.clone() };
    (count > 0 && names.start < names.end && names.end <= range.end).then_some(Table { range, layout, form })
}

/// Names in one allocation, as the linker wrote them.
#[derive(Default, Debug, PartialEq, Eq)]
pub(super) struct NameList {
    text: Vec<u8>,
    spans: Vec<Range<u32>>,
    /// Whether functions that were inlined everywhere are among them.
    pub(super) inlined: bool,
}

impl NameList {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        // They were seen to be text.
        let text =
            |span: &Range<u32>| str::from_utf8(&self.text[span.start as usize..span.end as usize]).ok();
        self.spans.iter().filter_map(text)
    }
}

/// Whether a name can be one of source code: not surely the linker's own, and text.
fn is_told(name: &[u8]) -> bool {
    !name.is_empty()
        && !name.starts_with(b"type:")
        && !name.starts_with(b"go:")
        && !name.iter().any(u8::is_ascii_control)
        && str::from_utf8(name).is_ok()
}

/// Takes a block of names apart.
fn block(content: &Content<'_>, names: Range<u64>) -> Result<Names, ReadError> {
    if names.end - names.start > MAX_NAMES as u64 {
        return Ok(Names::TooMany);
    }
    let text = content.range(names.start, (names.end - names.start) as usize)?;
    let mut spans = Vec::with_capacity(text.len() / 48);
    let mut start = 0;
    for end in memchr::memchr_iter(0, &text) {
        if is_told(&text[start..end]) {
            if spans.len() == MAX_COUNT {
                return Ok(Names::TooMany);
            }
            spans.push(start as u32..end as u32);
        }
        start = end + 1;
    }
    Ok(Names::Told(NameList { text, spans, inlined: true }))
}

/// Looks every function up.
fn scattered(content: &Content<'_>, table: &Table, count: u64) -> Result<Names, ReadError> {
    if count > MAX_COUNT as u64 || table.range.end - table.range.start > MAX_TABLE {
        return Ok(Names::TooMany);
    }
    let (layout, word) = (table.layout, table.layout.word_size());
    let mut list = NameList::default();
    // Rows, functions and names each go upwards, more or less, through the same bytes.
    let mut rows = Pages::new(content, table.range.clone());
    let (mut functions, mut texts) = (rows.clone(), rows.clone());
    for index in 0..count {
        let row = 8 + word as u64 + index * 2 * word as u64;
        let Some(function) = layout.word(rows.at(row, 2 * word)?, word) else {
            return Ok(Names::Absent);
        };
        let Some(name) = layout.u32(functions.at(function, word + 4)?, word) else {
            return Ok(Names::Absent);
        };
        let text = texts.at(u64::from(name), Pages::NAME)?;
        let text = &text[..memchr::memchr(0, text).unwrap_or(0)];
        if is_told(text) {
            let start = list.text.len() as u32;
            list.text.extend_from_slice(text);
            list.spans.push(start..list.text.len() as u32);
        }
        if list.text.len() > MAX_NAMES {
            return Ok(Names::TooMany);
        }
        if rows.loads + functions.loads + texts.loads > Pages::MAX_LOADS {
            return Ok(Names::Absent);
        }
    }
    Ok(Names::Told(list))
}

/// Reads a range in pages, and keeps the last one.
#[derive(Clone)]
struct Pages<'a> {
    content: Content<'a>,
    range: Range<u64>,
    page: Vec<u8>,
    start: u64,
    loads: usize,
}

impl<'a> Pages<'a> {
    const SIZE: usize = 64 << 10;
    /// Bytes of the longest name that is looked for.
    const NAME: usize = 4096;
    /// Four times what a table of the greatest size needs when it is read in order.
    const MAX_LOADS: usize = 3 * 4 * (MAX_TABLE as usize / Self::SIZE);

    fn new(content: &Content<'a>, range: Range<u64>) -> Self {
        Self { content: *content, range, page: Vec::new(), start: 0, loads: 0 }
    }

    /// `len` bytes at `offset` of the range, fewer at its end.
    fn at(&mut self, offset: u64, len: usize) -> Result<&[u8], ReadError> {
        let inside = |start: u64, page: &[u8]| {
            let from = usize::try_from(offset.checked_sub(start)?).ok()?;
            page.get(from..from.checked_add(len)?).map(|_| from)
        };
        if inside(self.start, &self.page).is_none() {
            let from = self.range.start.saturating_add(offset).min(self.range.end);
            let size = Self::SIZE.min(usize::try_from(self.range.end - from).unwrap_or(usize::MAX));
            self.page = self.content.range(from, size)?;
            self.start = offset;
            self.loads += 1;
        }
        let from = (offset - self.start) as usize;
        Ok(&self.page[from..self.page.len().min(from + len)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::elf::build::Builder;
    use proptest::prelude::*;

    fn told(file: &[u8]) -> Names {
        let content = Content::Memory(file);
        names(&content, &Elf::open(&content).unwrap().expect("an ELF file")).unwrap()
    }

    fn joined(names: &Names) -> String {
        match names {
            Names::Told(list) => list.iter().collect::<Vec<_>>().join("\n"),
            other => format!("{other:?}"),
        }
    }

    /// A table of the form since 1.16.
    fn block_table(elf: &Builder, magic: u8, big: bool, word: u8, names: &[u8]) -> Vec<u8> {
        let mut table = vec![magic, 0xff, 0xff, 0xff, 0, 0, 1, word];
        if big {
            table[..4].reverse();
        }
        let fields = if magic == 0xfa { 7 } else { 8 };
        let start = 8 + u64::from(word) * fields;
        table.extend(elf.word(3));
        table.extend(elf.word(1));
        if magic != 0xfa {
            table.extend(elf.word(0x1000));
        }
        table.extend(elf.word(start));
        table.extend(elf.word(start + names.len() as u64));
        for _ in 0..3 {
            table.extend(elf.word(start));
        }
        table.extend(names);
        table.extend([7; 100]);
        table
    }

    #[test]
    fn every_form_since_1_16_is_read_in_every_layout() {
        let names =
            b"main.main\0type:.eq.main.T\0gopkg.in/yaml%2ev3.Unmarshal\0fmt.Println\0go:buildid\0main.main\0";
        for (wide, big) in [(true, false), (true, true), (false, false), (false, true)] {
            for magic in [0xfa, 0xf0, 0xf1] {
                let elf = Builder::new(wide, big);
                let table = block_table(&elf, magic, big, if wide { 8 } else { 4 }, names);
                let expected = "main.main\ngopkg.in/yaml%2ev3.Unmarshal\nfmt.Println\nmain.main";
                let file = elf.section(".gopclntab", &table).build();
                assert_eq!(joined(&told(&file)), expected, "{wide} {big} {magic:x}");
                // As an external linker leaves it in a position-independent program.
                let relocated = [&[0xff; 40][..], &table].concat();
                let file = Builder::new(wide, big).section(".data.rel.ro", &relocated).build();
                assert_eq!(joined(&told(&file)), expected, "found, {wide} {big} {magic:x}");
            }
        }
    }

    #[test]
    fn until_1_15_each_function_is_looked_up() {
        for (wide, big, word) in [(true, false, 8u64), (false, true, 4)] {
            let elf = Builder::new(wide, big);
            let mut table = vec![0xfb, 0xff, 0xff, 0xff, 0, 0, 1, word as u8];
            if big {
                table[..4].reverse();
            }
            let functions = 8 + word + 5 * word;
            let names = functions + 2 * (word + 8);
            table.extend(elf.word(2));
            for value in [0x1000, functions, 0x2000, functions + word + 8, 0x3000] {
                table.extend(elf.word(value));
            }
            for name in [names, names + 10] {
                table.extend(elf.word(0x1000));
                let offset = name as u32;
                table.extend(if big { offset.to_be_bytes() } else { offset.to_le_bytes() });
                table.extend([0; 4]);
            }
            table.extend(b"main.main\0fmt.Println\0");
            let file = elf.section(".gopclntab", &table).build();
            assert_eq!(joined(&told(&file)), "main.main\nfmt.Println");
        }
    }

    #[test]
    fn too_many_names_are_none_rather_than_some() {
        let elf = Builder::new(true, false);
        let names = b"a.b\0".repeat(MAX_COUNT + 1);
        let table = block_table(&elf, 0xf1, false, 8, &names);
        assert_eq!(told(&elf.section(".gopclntab", &table).build()), Names::TooMany);
    }

    #[test]
    fn a_table_that_points_outside_is_absent() {
        let elf = Builder::new(true, false);
        let mut table = block_table(&elf, 0xf1, false, 8, b"a.b\0");
        table[8 + 4 * 8 + 7] = 0x7f;
        assert_eq!(told(&elf.section(".gopclntab", &table).build()), Names::Absent);
    }

    proptest! {
        #[test]
        fn mutated_tables_never_panic(
            (at, byte) in (0usize..200, any::<u8>()),
            value: u64,
            magic in prop_oneof![Just(0xfbu8), Just(0xfa), Just(0xf0), Just(0xf1)],
            own_section: bool,
        ) {
            let elf = Builder::new(true, false);
            let mut table = block_table(&elf, magic, false, 8, b"a.b\0c.d\0");
            let len = table.len();
            table[at % len] = byte;
            let field = 8 + at % 8 * 8;
            table[field..field + 8].copy_from_slice(&(value >> (at % 64)).to_le_bytes());
            let name = if own_section { ".gopclntab" } else { ".data.rel.ro" };
            let _ = told(&elf.section(name, &table).build());
        }
    }
}
