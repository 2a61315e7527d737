//! A piece of a file that reads like a file of its own.
//!
//! Spring Boot stores the libraries of an application uncompressed, so a nested jar is just a range of the
//! outer one. Reading it in place costs neither memory nor a copy.

use crate::content::{Content, ReadAt};
use std::io::{self, Read, Seek, SeekFrom};

/// `len` bytes of `content` from `start`.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    content: Content<'a>,
    start: u64,
    len: u64,
}

impl<'a> Part<'a> {
    /// The range, or nothing where it does not lie wholly inside the content.
    pub(super) fn new(content: Content<'a>, start: u64, len: u64) -> Option<Self> {
        let end = start.checked_add(len)?;
        (end <= content.size()).then_some(Self { content, start, len })
    }

    /// It as a stream.
    pub(super) fn reader(self) -> PartReader<'a> {
        PartReader { part: self, at: 0 }
    }
}

impl ReadAt for Part<'_> {
    fn size(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.len.saturating_sub(offset);
        let n = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.content.read_at(&mut buffer[..n], self.start.saturating_add(offset))
    }
}

/// A [`Part`] from its start to its end. Unbuffered.
pub(super) struct PartReader<'a> {
    part: Part<'a>,
    at: u64,
}

impl Read for PartReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.part.read_at(buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

/// How much a [`Metered`] reader fetches at once.
const BLOCK: usize = 32 << 10;

/// A buffered reader for the directory of an archive.
///
/// It keeps its buffer across seeks (the directory reader seeks before every entry), and refuses to hand out
/// more than its allowance: a search for a directory that a hostile archive does not have must end.
pub(super) struct Metered<'a> {
    content: Content<'a>,
    at: u64,
    block: Vec<u8>,
    block_start: u64,
    allowance: u64,
}

impl<'a> Metered<'a> {
    /// Reads `content`, `allowance` bytes of it at most.
    pub(super) fn new(content: Content<'a>, allowance: u64) -> Self {
        Self { content, at: 0, block: Vec::new(), block_start: 0, allowance }
    }

    /// Allows that many bytes from here on.
    pub(super) fn allow(&mut self, allowance: u64) {
        self.allowance = allowance;
    }

    /// What the block holds at the current position.
    fn buffered(&self) -> &[u8] {
        self.at
            .checked_sub(self.block_start)
            .and_then(|skip| usize::try_from(skip).ok())
            .and_then(|skip| self.block.get(skip..))
            .unwrap_or_default()
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.buffered().is_empty() {
            self.block.resize(BLOCK, 0);
            let n = self.content.read_at(&mut self.block, self.at)?;
            self.block.truncate(n);
            self.block_start = self.at;
        }
        let rest = self.buffered();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        self.allowance = self
            .allowance
            .checked_sub(n as u64)
            .ok_or_else(|| io::Error::other("the directory of the archive is larger than the limit"))?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for Metered<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::Current(n) => self.at.checked_add_signed(n),
            SeekFrom::End(n) => self.content.size().checked_add_signed(n),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_where_it_should_and_cannot_reach_beyond_its_content() {
        let bytes = b"0123456789";
        let content = Content::Memory(bytes);
        let part = Part::new(content, 3, 4).expect("inside");
        let mut out = Vec::new();
        part.reader().read_to_end(&mut out).expect("reads");
        assert_eq!(out, b"3456");
        assert!(Part::new(content, 7, 4).is_none());
        assert!(Part::new(content, u64::MAX, 2).is_none());
    }

    #[test]
    fn the_directory_reader_stops_at_its_allowance_wherever_it_seeks() {
        let bytes = vec![7; 100_000];
        let mut reader = Metered::new(Content::Memory(&bytes), 60);
        let mut ten = [0; 10];
        for at in [99_000, 0, 50_000, 3, 99_990, 5] {
            reader.seek(SeekFrom::Start(at)).expect("inside");
            reader.read_exact(&mut ten).expect("allowed");
        }
        assert!(reader.read_exact(&mut ten).is_err());
    }
}
