//! The outline of an ELF file: its sections and segments, without reading the file.
//!
//! A program of 90 MB is mostly code and data that tell nothing. What tells (Go's build information, the
//! list of crates, a version string) lies in sections with known names, so three small reads answer most
//! questions: the file header, the section table, and the table of section names.
//!
//! ```text
//!  ┌────────┬──────────────────┬───── … ─────┬───────────┬───────────────┐
//!  │ header │ program headers  │  contents   │ .shstrtab │ section table │
//!  └───┬────┴──────────────────┴───── … ─────┴─────▲─────┴──────▲────────┘
//!      └───────── e_shoff ─────────────────────────┼────────────┘
//!                 e_shstrndx ──────────────────────┘
//! ```
//!
//! Both word sizes and both byte orders are read, by System V ABI, chapter 4 ("Object Files"). A file that
//! contradicts itself is not an error: it has then no sections, as has a program whose section table was
//! stripped. Whoever needs more looks through the segments instead ([`scan`]).

#[cfg(test)]
pub(super) mod build;

use crate::content::{Content, ReadAt, ReadError};
use std::ops::Range;

/// A linker makes 30 to 60 of them.
const MAX_SECTIONS: usize = 4096;
/// Bytes of all section names.
const MAX_NAMES: usize = 1 << 18;
/// `PT_LOAD`.
const LOAD: u32 = 1;
/// `SHT_NOBITS`: a section that takes no room in the file.
const NO_BITS: u32 = 8;

/// Numbers in the word size and byte order of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// 64-bit words.
    pub(super) wide: bool,
    /// Most significant byte first.
    pub(super) big: bool,
}

impl Layout {
    /// Bytes of a word: 4 or 8.
    pub(super) const fn word_size(self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    /// The half word at `at`.
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big { u16::from_be_bytes(raw) } else { u16::from_le_bytes(raw) })
    }

    /// The 32-bit number at `at`.
    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big { u32::from_be_bytes(raw) } else { u32::from_le_bytes(raw) })
    }

    /// The word at `at`: an address, an offset or a size.
    pub(super) fn word(self, bytes: &[u8], at: usize) -> Option<u64> {
        if !self.wide {
            return self.u32(bytes, at).map(u64::from);
        }
        let raw = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big { u64::from_be_bytes(raw) } else { u64::from_le_bytes(raw) })
    }
}

/// Where part of the file is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// First address.
    pub(super) address: u64,
    /// Bytes of the file it is filled with.
    pub(super) file: Range<u64>,
    /// Whether the program may write to it.
    pub(super) writable: bool,
}

/// The outline of an ELF file.
pub(super) struct Elf<'a> {
    content: Content<'a>,
    /// Its numbers.
    pub(super) layout: Layout,
    header: Vec<u8>,
    sections: Vec<(u32, Range<u64>)>,
    names: Vec<u8>,
}

impl<'a> Elf<'a> {
    /// Reads header and section table; none if it is no ELF file.
    pub(super) fn open(content: &Content<'a>) -> Result<Option<Self>, ReadError> {
        let header = content.range(0, 64)?;
        let layout = match header.get(..6) {
            Some([0x7f, b'E', b'L', b'F', class @ 1..=2, order @ 1..=2]) => {
                Layout { wide: *class == 2, big: *order == 2 }
            }
            _ => return Ok(None),
        };
        let mut elf = Self { content: *content, layout, header, sections: Vec::new(), names: Vec::new() };
        elf.read_sections()?;
        Ok(Some(elf))
    }

    /// Whether it has a section table. Without one, a missing section says nothing.
    pub(super) fn has_sections(&self) -> bool {
        !self.sections.is_empty()
    }

    /// Where in the file the contents of a section lie; none if it has no such section, or an empty one.
    pub(super) fn section(&self, name: &str) -> Option<Range<u64>> {
        let named = |at: u32| {
            self.names
                .get(at as usize..)
                .and_then(|rest| rest.strip_prefix(name.as_bytes()))
                .is_some_and(|rest| rest.first() == Some(&0))
        };
        self.sections
            .iter()
            .find(|(at, range)| named(*at) && !range.is_empty())
            .map(|(_, range)| range.clone())
    }

    /// What is loaded of the file, in the order of the file.
    pub(super) fn segments(&self) -> Result<Vec<Segment>, ReadError> {
        // Offsets of: e_phoff, e_phentsize; p_flags, p_offset, p_vaddr, p_filesz.
        let at = if self.layout.wide { [32, 54, 4, 8, 16, 32] } else { [28, 42, 24, 4, 8, 16] };
        let (table, row) = self.table(at[0], at[1])?;
        let segment = |raw: &[u8]| {
            (self.layout.u32(raw, 0)? == LOAD).then_some(())?;
            Some(Segment {
                address: self.layout.word(raw, at[4])?,
                file: self.clip(self.layout.word(raw, at[3])?, self.layout.word(raw, at[5])?)?,
                writable: self.layout.u32(raw, at[2])? & 2 != 0,
            })
        };
        Ok(table.chunks_exact(row).filter_map(segment).collect())
    }

    fn read_sections(&mut self) -> Result<(), ReadError> {
        // Offsets of: e_shoff, e_shentsize; sh_offset, sh_size.
        let at = if self.layout.wide { [40, 58, 24, 32] } else { [32, 46, 16, 20] };
        let (table, row) = self.table(at[0], at[1])?;
        let section = |raw: &[u8]| {
            let empty = self.layout.u32(raw, 4) == Some(NO_BITS);
            let range = self.clip(self.layout.word(raw, at[2])?, self.layout.word(raw, at[3])?)?;
            Some((self.layout.u32(raw, 0)?, if empty { 0..0 } else { range }))
        };
        let sections: Vec<_> = table.chunks_exact(row).map(|raw| section(raw).unwrap_or((0, 0..0))).collect();
        let names = self
            .layout
            .u16(&self.header, at[1] + 4)
            .and_then(|index| sections.get(usize::from(index)))
            .map_or(0..0, |(_, range)| range.clone());
        self.names = self.content.range(names.start, length(&names).min(MAX_NAMES))?;
        self.sections = sections;
        Ok(())
    }

    /// The table whose offset stands in the header at `offset`, and whose row size and row count stand one
    /// after the other at `row`; and its row size, which is never 0.
    fn table(&self, offset: usize, row: usize) -> Result<(Vec<u8>, usize), ReadError> {
        let offset = self.layout.word(&self.header, offset).unwrap_or(0);
        let half = |at| usize::from(self.layout.u16(&self.header, at).unwrap_or(0));
        let (size, count) = (half(row), half(row + 2).min(MAX_SECTIONS));
        // 32 bytes is the smallest row of the two tables, 64 the largest.
        if offset == 0 || !(32..=64).contains(&size) {
            return Ok((Vec::new(), 64));
        }
        Ok((self.content.range(offset, count * size)?, size))
    }

    /// A range of the file, cut at its end; none if it begins behind it.
    fn clip(&self, offset: u64, size: u64) -> Option<Range<u64>> {
        let end = self.content.size();
        (offset <= end).then(|| offset..offset.saturating_add(size).min(end))
    }
}

/// The bytes of a range, as a size in memory. Ranges come from [`Elf`], and lie inside the file.
pub(super) fn length(range: &Range<u64>) -> usize {
    usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX)
}

/// A part of a file, on its way through memory.
pub(super) struct Window<'b> {
    /// The bytes.
    pub(super) bytes: &'b [u8],
    /// Where they begin in the file.
    pub(super) offset: u64,
    /// Whether the scanned range ends with them. If not, what begins in the last [`OVERLAP`] bytes is seen
    /// again in the next window, in full.
    pub(super) last: bool,
}

/// How much of a window is repeated in the next one; a multiple of all alignments that are looked for.
pub(super) const OVERLAP: usize = 1024;
/// Bytes of a window.
const WINDOW: usize = 256 << 10;

/// Slides a window over a range of a file until `look` finds something. A file in memory is one window.
pub(super) fn scan<T>(
    content: &Content<'_>,
    range: Range<u64>,
    mut look: impl FnMut(&Window<'_>) -> Option<T>,
) -> Result<Option<T>, ReadError> {
    if let Content::Memory(all) = content {
        let end = range.end.min(all.len() as u64) as usize;
        let bytes = all.get(range.start as usize..end).unwrap_or_default();
        return Ok(look(&Window { bytes, offset: range.start, last: true }));
    }
    let mut buffer = vec![0; WINDOW.min(length(&range))];
    let (mut offset, mut kept) = (range.start, 0);
    loop {
        let mut filled = kept;
        let room = buffer.len().min(length(&(offset..range.end)));
        while filled < room {
            match content.read_at(&mut buffer[filled..room], offset + filled as u64)? {
                0 => break,
                n => filled += n,
            }
        }
        let last = filled < buffer.len() || offset + filled as u64 >= range.end;
        let window = Window { bytes: &buffer[..filled], offset, last };
        if let Some(found) = look(&window) {
            return Ok(Some(found));
        }
        if last {
            return Ok(None);
        }
        kept = OVERLAP;
        buffer.copy_within(filled - kept..filled, 0);
        offset += (filled - kept) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::{build::Builder, *};
    use crate::content::FilePart;
    use proptest::prelude::*;
    use std::io::Write;

    #[test]
    fn sections_are_found_in_both_word_sizes_and_byte_orders() {
        for (wide, big) in [(true, false), (true, true), (false, false), (false, true)] {
            let file = Builder::new(wide, big)
                .section(".rodata", b"hello")
                .section(".rodata.str", b"other")
                .section(".data", b"writable")
                .build();
            let content = Content::Memory(&file);
            let elf = Elf::open(&content).unwrap().expect("an ELF file");
            assert_eq!(elf.layout, Layout { wide, big });
            let text = |name| {
                let range: Range<u64> = elf.section(name)?;
                Some(&file[range.start as usize..range.end as usize])
            };
            assert_eq!(text(".rodata"), Some(&b"hello"[..]));
            assert_eq!(text(".rodata.str"), Some(&b"other"[..]));
            assert_eq!(text(".data"), Some(&b"writable"[..]));
            assert_eq!(text(".rod"), None);
            let segments = elf.segments().unwrap();
            assert_eq!(segments.len(), 2, "read-only and writable");
            assert!(!segments[0].writable && segments[1].writable);
            assert_eq!(segments[0].address - build::BASE, segments[0].file.start);
        }
    }

    #[test]
    fn a_stripped_section_table_leaves_the_segments() {
        let file = Builder::new(true, false).section(".data", b"x").without_section_table().build();
        let elf = Elf::open(&Content::Memory(&file)).unwrap().expect("an ELF file");
        assert!(!elf.has_sections());
        assert!(!elf.segments().unwrap().is_empty());
    }

    #[test]
    fn a_window_never_cuts_what_is_shorter_than_the_overlap() {
        let mut bytes = vec![b'.'; 3 * WINDOW];
        for at in [WINDOW - 3, 2 * WINDOW - OVERLAP - 1, 3 * WINDOW - 6] {
            let mut file = tempfile::tempfile().unwrap();
            bytes[at..at + 6].copy_from_slice(b"needle");
            file.write_all(&bytes).unwrap();
            bytes[at..at + 6].fill(b'.');
            let part = FilePart { file: &file, len: bytes.len() as u64 };
            let found = scan(&Content::Stored(&part), 0..part.len, |window| {
                memchr::memmem::find(window.bytes, b"needle").map(|i| window.offset + i as u64)
            });
            assert_eq!(found.unwrap(), Some(at as u64));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), class in 1..3u8, order in 1..3u8) {
            let _ = Elf::open(&Content::Memory(&bytes));
            if bytes.len() > 6 {
                bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, order]);
            }
            if let Ok(Some(elf)) = Elf::open(&Content::Memory(&bytes)) {
                let _ = (elf.section(".text"), elf.segments());
            }
        }
    }
}
