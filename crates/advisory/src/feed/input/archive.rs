//! The documents in a zip archive, in the order in which they lie in it.
//!
//! The `zip` crate walks the directory (zip64, data before the archive); members are located and inflated here, through
//! the capped reader. Members that overlap are refused: an archive of a few kilobytes could otherwise say the same
//! gigabytes again and again.

use super::{BUFFER, document, is_archive, is_wanted};
use crate::feed::{FeedError, reading::Reading, text};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::Path,
};
use zip::{CompressionMethod, read::Config, unstable::read::ZipIterable};

/// How a zip archive that is not empty begins.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";
/// A local header without its name and extra field.
const LOCAL_HEADER: u64 = 30;
/// The longest name of a member.
const NAME: usize = 1024;

/// Bytes that can be read from anywhere.
pub(super) trait ReadAt: Copy {
    fn read_at(self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    fn length(self) -> io::Result<u64>;
}

impl ReadAt for &File {
    fn read_at(self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn length(self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for &[u8] {
    fn read_at(self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        rest.read(buffer)
    }

    fn length(self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// A part of the archive as a reader.
#[derive(Clone, Copy)]
struct Part<R> {
    bytes: R,
    start: u64,
    at: u64,
    end: u64,
}

impl<R: ReadAt> Read for Part<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let n = buffer.len().min(left);
        let n = self.bytes.read_at(&mut buffer[..n], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl<R: ReadAt> Seek for Part<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => self.start.checked_add(at),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at =
            at.filter(|at| *at >= self.start).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at - self.start)
    }
}

/// A document in the archive.
struct Member {
    name: String,
    header: u64,
    packed: u64,
    method: Result<CompressionMethod, &'static str>,
}

/// Reads the documents of an archive at `path`.
pub(super) fn members(reading: &mut Reading<'_>, path: &Path, bytes: impl ReadAt) -> Result<(), FeedError> {
    let archive = reading.place.clone();
    let kind = reading.kind;
    let broken = |why: String| FeedError::Document {
        kind,
        place: text::line(&archive),
        why: text::line(&format!("a damaged zip archive: {why}")),
    };
    let members = match list(reading, bytes) {
        Ok(members) => members,
        Err(why) => return Err(broken(why)),
    };
    reading.entries(path, members.len() as u64)?;
    let mut end = 0;
    for member in members {
        reading.place = format!("{archive}!{}", member.name);
        match member.open(bytes, end) {
            Ok((part, method)) => {
                end = part.end;
                let part = BufReader::with_capacity(BUFFER.min(32 << 10), part);
                if method == CompressionMethod::Stored {
                    document(reading, path, part, false)?;
                } else {
                    let total = reading.limits().total.saturating_add(1);
                    let inflated = gabion_caps::inflate_raw(part, "a member", total);
                    document(reading, path, BufReader::with_capacity(32 << 10, inflated), false)?;
                }
            }
            Err(why) => reading.reject("", why),
        }
    }
    reading.place = archive;
    Ok(())
}

/// The members that are documents.
fn list(reading: &mut Reading<'_>, bytes: impl ReadAt) -> Result<Vec<Member>, String> {
    let length = bytes.length().map_err(|error| error.to_string())?;
    let whole = Part { bytes, start: 0, at: 0, end: length };
    let mut directory =
        ZipIterable::try_new(BufReader::new(whole), Config::default()).map_err(|e| e.to_string())?;
    if directory.len() as u64 > reading.limits().entries {
        return Err(format!("more than {} members", reading.limits().entries));
    }
    let mut members = Vec::new();
    for entry in directory.files().map_err(|e| e.to_string())? {
        let entry = entry.map_err(|e| e.to_string())?;
        let name = String::from_utf8_lossy(entry.name_raw());
        let file = name.rsplit('/').next().unwrap_or_default();
        if file.is_empty() || file.starts_with('.') {
            continue;
        }
        if is_archive(file) {
            reading.reject(&name, "is an archive within an archive");
            continue;
        }
        if !is_wanted(reading, file) {
            continue;
        }
        if name.len() > NAME {
            reading.reject(&name, "has a name of more than 1024 bytes");
            continue;
        }
        let method = match entry.compression() {
            _ if entry.encrypted() => Err("is encrypted"),
            method @ (CompressionMethod::Stored | CompressionMethod::Deflated) => Ok(method),
            _ => Err("is compressed by a method that is not supported"),
        };
        members.push(Member {
            name: name.into_owned(),
            header: entry.header_start(),
            packed: entry.compressed_size(),
            method,
        });
    }
    members.sort_by_key(|member| member.header);
    Ok(members)
}

impl Member {
    /// Where its bytes are; the member before it ends at `before`.
    fn open<R: ReadAt>(&self, bytes: R, before: u64) -> Result<(Part<R>, CompressionMethod), String> {
        let method = self.method?;
        if self.header < before {
            return Err("overlaps another member".into());
        }
        let mut header = [0; LOCAL_HEADER as usize];
        let mut reader = Part { bytes, start: 0, at: self.header, end: u64::MAX };
        reader.read_exact(&mut header).map_err(|_| "is not where the directory says")?;
        let [b'P', b'K', 3, 4, .., n0, n1, x0, x1] = header else {
            return Err("is not where the directory says".into());
        };
        let skip = u64::from(u16::from_le_bytes([n0, n1])) + u64::from(u16::from_le_bytes([x0, x1]));
        let start = reader.at + skip;
        let end = start.checked_add(self.packed).ok_or("is larger than any file")?;
        Ok((Part { bytes, start, at: start, end }, method))
    }
}
