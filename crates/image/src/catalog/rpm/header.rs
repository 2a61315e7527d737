//! The header of a package: the record that rpm keeps for it, the same in all three kinds of database.
//!
//! ```text
//!  count of entries │ bytes of data │ entries: tag, type, offset, count (16 bytes each) │ data
//! ```
//!
//! All numbers are big-endian. Entries that were signed form a *region*, told by an entry with tag 61, 62 or
//! 63 in front of them; those added at installation follow it and replace the entries of the region with
//! the same tag. Offsets count from the start of the data either way, so it is enough to look for a tag
//! from the end and to leave the region's own entries alone.
//! Source: rpm's [format description](https://rpm.org/docs/4.20.x/manual/format_header.html).

use super::pages::array;
use crate::content::ReadError;
use gabion_model::path;

/// What an entry is about; the numbers are rpm's (`rpmtag.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Tag {
    Name = 1000,
    Version = 1001,
    Release = 1002,
    Epoch = 1003,
    Vendor = 1011,
    License = 1014,
    Arch = 1022,
    OldFileNames = 1027,
    SourceRpm = 1044,
    DirIndexes = 1116,
    BaseNames = 1117,
    DirNames = 1118,
    ModularityLabel = 5096,
}

const INT32: u32 = 4;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const STRING_I18N: u32 = 9;

const ENTRY: usize = 16;
/// As many entries as rpm itself accepts.
const MAX_ENTRIES: usize = 0xffff;
/// Elements of one list: no package has a million files.
const MAX_ELEMENTS: usize = 1_000_000;
/// Bytes of a single text; the longest licence expressions have a few thousand.
const MAX_TEXT: usize = 16 << 10;

/// A header that was checked as far as its outline goes.
pub(super) struct Header<'a> {
    entries: &'a [u8],
    data: &'a [u8],
}

struct Entry {
    kind: u32,
    offset: usize,
    count: usize,
}

impl<'a> Header<'a> {
    /// Reads the outline. The record must hold the header and nothing else.
    pub(super) fn parse(record: &'a [u8]) -> Result<Self, ReadError> {
        let count = u32::from_be_bytes(array(record, 0)?) as usize;
        let size = u32::from_be_bytes(array(record, 4)?) as usize;
        if count == 0 || count > MAX_ENTRIES {
            return Err(ReadError::malformed("a package header has no entries, or more than rpm accepts"));
        }
        match record[8..].split_at_checked(count * ENTRY) {
            Some((entries, data)) if data.len() == size => Ok(Self { entries, data }),
            _ => Err(ReadError::malformed("a package header is not as long as it says")),
        }
    }

    /// The last entry with this tag.
    fn entry(&self, tag: Tag) -> Result<Option<Entry>, ReadError> {
        let wanted = (tag as u32).to_be_bytes();
        let Some(entry) = self.entries.chunks_exact(ENTRY).rfind(|e| e.starts_with(&wanted)) else {
            return Ok(None);
        };
        let word = |at| array(entry, at).map(u32::from_be_bytes);
        Ok(Some(Entry { kind: word(4)?, offset: word(8)? as usize, count: word(12)? as usize }))
    }

    /// A text, fit to be printed; none where there is none, or where it is empty.
    pub(super) fn text(&self, tag: Tag) -> Result<Option<String>, ReadError> {
        let Some(bytes) = self.strings(tag)?.into_iter().flatten().next() else {
            return Ok(None);
        };
        if bytes.len() > MAX_TEXT {
            return Err(ReadError::TooLarge { what: "text of a package header", limit: MAX_TEXT as u64 });
        }
        let text = path::display(bytes);
        Ok((!text.is_empty() && text != "(none)").then(|| text.into_owned()))
    }

    /// A number; none where there is none.
    pub(super) fn number(&self, tag: Tag) -> Result<Option<u32>, ReadError> {
        Ok(self.numbers(tag)?.into_iter().flatten().next())
    }

    fn numbers(&self, tag: Tag) -> Result<Option<impl ExactSizeIterator<Item = u32> + use<'a>>, ReadError> {
        let Some(entry) = self.entry(tag)? else {
            return Ok(None);
        };
        let data: &'a [u8] = self.data;
        let bytes = entry
            .count
            .checked_mul(4)
            .filter(|_| entry.kind == INT32)
            .and_then(|size| data.get(entry.offset..)?.get(..size))
            .ok_or_else(|| damaged(tag))?;
        let (words, _) = bytes.as_chunks::<4>();
        Ok(Some(words.iter().map(|word| u32::from_be_bytes(*word))))
    }

    /// The texts of a list, each ended by a NUL byte. Whether all are there shows only at the end.
    fn strings(&self, tag: Tag) -> Result<Option<impl Iterator<Item = &'a [u8]> + use<'a>>, ReadError> {
        let Some(entry) = self.entry(tag)? else {
            return Ok(None);
        };
        let is_text = matches!(entry.kind, STRING | STRING_ARRAY | STRING_I18N);
        let data: &'a [u8] = self.data;
        let mut rest = data
            .get(entry.offset..)
            .filter(|_| is_text && entry.count <= MAX_ELEMENTS)
            .ok_or_else(|| damaged(tag))?;
        Ok(Some(
            std::iter::from_fn(move || {
                let end = memchr::memchr(0, rest)?;
                let (text, after) = rest.split_at(end);
                rest = &after[1..];
                Some(text)
            })
            .take(entry.count),
        ))
    }

    /// Hands the absolute path of every file of the package to `each`, until it answers false.
    ///
    /// rpm splits paths in two, and stores each directory once: file *i* is
    /// `DIRNAMES[DIRINDEXES[i]] + BASENAMES[i]`. Packages made before 1999 have `OLDFILENAMES` instead.
    pub(super) fn files(&self, each: &mut dyn FnMut(&[u8]) -> bool) -> Result<(), ReadError> {
        if let Some(names) = self.strings(Tag::OldFileNames)? {
            for name in names {
                if !each(name) {
                    break;
                }
            }
            return Ok(());
        }
        let (Some(names), Some(indexes)) = (self.strings(Tag::BaseNames)?, self.numbers(Tag::DirIndexes)?)
        else {
            return Ok(());
        };
        let directories: Vec<&[u8]> = self.strings(Tag::DirNames)?.into_iter().flatten().collect();
        let mut file = Vec::new();
        let mut told = 0;
        let count = indexes.len();
        for (name, index) in names.zip(indexes) {
            let directory = directories.get(index as usize).ok_or_else(|| damaged(Tag::DirIndexes))?;
            told += 1;
            if directory.len() + name.len() > path::MAX {
                continue;
            }
            file.clear();
            file.extend_from_slice(directory);
            file.extend_from_slice(name);
            if !each(&file) {
                return Ok(());
            }
        }
        if told == count { Ok(()) } else { Err(damaged(Tag::BaseNames)) }
    }
}

fn damaged(tag: Tag) -> ReadError {
    ReadError::malformed(format!("entry {tag:?} of a package header is damaged"))
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::HeaderFixture, *};

    fn files(header: &Header<'_>) -> Result<Vec<String>, ReadError> {
        let mut files = Vec::new();
        header.files(&mut |file| {
            files.push(String::from_utf8_lossy(file).into_owned());
            true
        })?;
        Ok(files)
    }

    #[test]
    fn what_installation_added_replaces_what_was_signed() {
        let record = HeaderFixture::default()
            .region()
            .text(Tag::Name, "signed")
            .text(Tag::Vendor, "(none)")
            .text(Tag::Name, "added")
            .build();
        let header = Header::parse(&record).expect("sound");
        assert_eq!(header.text(Tag::Name).expect("text").as_deref(), Some("added"));
        assert_eq!(header.text(Tag::Vendor).expect("text"), None);
        assert_eq!(header.text(Tag::Arch).expect("absent"), None);
    }

    #[test]
    fn control_characters_of_a_text_are_made_visible() {
        let record = HeaderFixture::default().text(Tag::Name, "a\u{1b}[2J").build();
        let header = Header::parse(&record).expect("sound");
        assert_eq!(header.text(Tag::Name).expect("text").as_deref(), Some("a\\x1b[2J"));
    }

    #[test]
    fn paths_are_joined_from_directories_and_names() {
        let record = HeaderFixture::default()
            .strings(Tag::BaseNames, &["bash", "sh", "bash"])
            .strings(Tag::DirNames, &["/usr/bin/", "/etc/skel/"])
            .numbers(Tag::DirIndexes, &[0, 0, 1])
            .build();
        let header = Header::parse(&record).expect("sound");
        assert_eq!(files(&header).expect("sound"), ["/usr/bin/bash", "/usr/bin/sh", "/etc/skel/bash"]);

        let record = HeaderFixture::default().strings(Tag::OldFileNames, &["/bin/sh", "/bin/ls"]).build();
        let header = Header::parse(&record).expect("sound");
        assert_eq!(files(&header).expect("sound"), ["/bin/sh", "/bin/ls"]);
    }

    #[test]
    fn damaged_lists_are_refused() {
        for record in [
            // A directory that does not exist.
            HeaderFixture::default()
                .strings(Tag::BaseNames, &["x"])
                .strings(Tag::DirNames, &["/"])
                .numbers(Tag::DirIndexes, &[1]),
            // Fewer names than there are indexes.
            HeaderFixture::default()
                .strings(Tag::BaseNames, &["x"])
                .strings(Tag::DirNames, &["/"])
                .numbers(Tag::DirIndexes, &[0, 0]),
            // Texts where numbers should be.
            HeaderFixture::default().strings(Tag::BaseNames, &["x"]).strings(Tag::DirIndexes, &["0"]),
        ] {
            let record = record.build();
            assert!(files(&Header::parse(&record).expect("outline")).is_err());
        }
    }

    #[test]
    fn the_outline_must_fit_the_record() {
        let mut record = HeaderFixture::default().text(Tag::Name, "a").build();
        assert!(Header::parse(&record).is_ok());
        record.push(0);
        assert!(Header::parse(&record).is_err());
        assert!(Header::parse(&record[..7]).is_err());
        assert!(Header::parse(&[0xff; 40]).is_err());
    }
}
