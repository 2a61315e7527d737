//! Finds and decodes the record that the Go linker leaves: the toolchain's version and the module text.
//!
//! It starts with a header of 32 bytes, at a multiple of 16 (Go's `debug/buildinfo`):
//!
//! ```text
//!  ┌──────────────────┬──────────┬───────┬─────────────────────────────────────────────┐
//!  │ "\xff Go buildinf:" │ ptr size │ flags │ until 1.17: pointers to two Go strings      │
//!  │        14        │    1     │   1   │ since 1.18: zeros                       16  │
//!  └──────────────────┴──────────┴───────┴─────────────────────────────────────────────┘
//!   since 1.18 followed by: varint length, version, varint length, module text
//! ```
//!
//! Flag 1 means big-endian pointers, flag 2 the newer form.

use crate::{
    catalog::elf::{Elf, Layout, Segment, length, scan},
    content::{Content, ReadError},
};
use std::ops::Range;

const MAGIC: &[u8] = b"\xff Go buildinf:";
const HEADER: usize = 32;
const ALIGN: u64 = 16;
/// How far the record is looked for in a program without sections; the linker puts it near the start of the data.
const SEARCH: u64 = 16 << 20;
/// Bytes of the module text; 2,000 modules take about 250 kB.
const MAX_TEXT: usize = 8 << 20;

/// What the record says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct BuildInfo {
    /// The toolchain, as `runtime.Version` returns it: `go1.22.3`.
    pub(super) go: String,
    /// The lines that `go version -m` prints; empty for a program built without modules.
    pub(super) modules: String,
}

/// Toolchain and module text, as they lie in the file.
type Strings = (Vec<u8>, Vec<u8>);

/// The record of a program; none if it was not built by Go, or before Go 1.13.
pub(super) fn find(content: &Content<'_>, elf: &Elf<'_>) -> Result<Option<BuildInfo>, ReadError> {
    let place = match elf.section(".go.buildinfo") {
        Some(section) => Some(section),
        None if elf.has_sections() => None,
        None => elf.segments()?.into_iter().find(|s| s.writable && !s.file.is_empty()).map(|s| s.file),
    };
    let Some(place) = place else {
        return Ok(None);
    };
    let searched = place.start..place.end.min(place.start.saturating_add(SEARCH));
    let Some(at) = scan(content, searched, |window| find_header(window.bytes, window.offset))? else {
        return Ok(None);
    };
    let record = content.range(at, length(&(at..place.end)).min(MAX_TEXT))?;
    let flags = record.get(15).copied().unwrap_or_default();
    let strings = if flags & 2 != 0 {
        inline(&record)
    } else {
        let layout = Layout { wide: record.get(14) == Some(&8), big: flags & 1 != 0 };
        pointed(content, &record, layout, &elf.segments()?)?
    };
    let (go, modules) = strings.ok_or_else(|| ReadError::malformed("the Go build information is damaged"))?;
    if go.is_empty() {
        return Ok(None);
    }
    Ok(Some(BuildInfo {
        go: String::from_utf8_lossy(&go).into_owned(),
        modules: String::from_utf8_lossy(unframed(&modules)).into_owned(),
    }))
}

/// File offset of the first aligned header in a window.
fn find_header(bytes: &[u8], offset: u64) -> Option<u64> {
    memchr::memmem::find_iter(bytes, MAGIC).map(|index| offset + index as u64).find(|at| at % ALIGN == 0)
}

/// The two strings behind the header.
fn inline(record: &[u8]) -> Option<Strings> {
    let (go, rest) = counted(record.get(HEADER..)?)?;
    let (modules, _) = counted(rest)?;
    Some((go.to_vec(), modules.to_vec()))
}

/// A string after its length, and what follows.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut len = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        len |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return bytes[index + 1..].split_at_checked(usize::try_from(len).ok()?);
        }
    }
    None
}

/// The two strings that the header points to. The outer error is one of reading, the absence one of the file.
fn pointed(
    content: &Content<'_>,
    record: &[u8],
    layout: Layout,
    segments: &[Segment],
) -> Result<Option<Strings>, ReadError> {
    let string = |header: Option<u64>| -> Result<Option<Vec<u8>>, ReadError> {
        let word = layout.word_size();
        let Some(place) = header.and_then(|address| at_address(segments, address)) else {
            return Ok(None);
        };
        let header = content.range(place.start, length(&place).min(2 * word))?;
        let (Some(address), Some(len)) = (layout.word(&header, 0), layout.word(&header, word)) else {
            return Ok(None);
        };
        if len == 0 {
            return Ok(Some(Vec::new()));
        }
        match at_address(segments, address) {
            Some(place) if len <= MAX_TEXT as u64 && len <= length(&place) as u64 => {
                Ok(Some(content.range(place.start, len as usize)?))
            }
            _ => Ok(None),
        }
    };
    let go = string(layout.word(record, 16))?;
    // Absent in a program built without modules.
    let modules = string(layout.word(record, 16 + layout.word_size()))?.unwrap_or_default();
    Ok(go.map(|go| (go, modules)))
}

/// The rest of the segment that an address lies in, as a range of the file.
fn at_address(segments: &[Segment], address: u64) -> Option<Range<u64>> {
    segments.iter().find_map(|segment| {
        let start = segment.file.start.checked_add(address.checked_sub(segment.address)?)?;
        (start < segment.file.end).then_some(start..segment.file.end)
    })
}

/// The text without the 16 bytes before and after it by which older tools found it.
fn unframed(text: &[u8]) -> &[u8] {
    match text.len() {
        len if len >= 33 && text[len - 17] == b'\n' => &text[16..len - 16],
        _ => b"",
    }
}
