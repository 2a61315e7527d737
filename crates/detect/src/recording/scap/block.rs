//! The blocks that a .scap file consists of, as pcapng has them, and the fields within one.
//!
//! ```text
//!   type u32 │ length u32 │ body, padded to 4 │ length u32       little-endian; length is that of all four
//! ```

use super::super::{Input, RecordingError};
use std::io::{self, Read};

/// The head of a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// Where it begins.
    pub(super) offset: u64,
    /// What it is.
    pub(super) kind: u32,
}

/// Cuts an input into blocks.
pub(super) struct Blocks<'r> {
    input: Input<'r>,
    offset: u64,
    /// Longest block: the list of all processes of a large node is one.
    longest: u64,
}

impl<'r> Blocks<'r> {
    pub(super) const fn new(input: Input<'r>, longest: u64) -> Self {
        Self { input, offset: 0, longest }
    }

    /// Reads a block; its body replaces what is in `body`. `None` where the file ends between two.
    pub(super) fn next(&mut self, body: &mut Vec<u8>) -> Result<Option<Head>, RecordingError> {
        let offset = self.offset;
        body.clear();
        match self.fill(8, body)? {
            0 => return Ok(None),
            8 => {}
            _ => return Err(RecordingError::Cut { offset }),
        }
        let mut fields = Fields::new(body);
        let (kind, length) = (fields.u32(), fields.u32());
        let (Some(kind), Some(length)) = (kind, length) else { return Err(RecordingError::Cut { offset }) };
        let length = u64::from(length);
        if kind != super::SECTION && length > self.longest {
            let limit = self.longest;
            return Err(RecordingError::TooMuch { offset, what: "the length", length, limit });
        }
        if kind == super::SECTION {
            // The byte order is told in it: before that, its length means nothing.
            return self.section(offset, length, body).map(Some);
        }
        let Some(rest) = length.checked_sub(8).filter(|&rest| rest >= 4) else {
            return Err(damaged(offset, "the length is too short"));
        };
        body.clear();
        self.rest(offset, rest, length, body)?;
        Ok(Some(Head { offset, kind }))
    }

    fn section(&mut self, offset: u64, length: u64, body: &mut Vec<u8>) -> Result<Head, RecordingError> {
        body.clear();
        if self.fill(8, body)? != 8 {
            return Err(RecordingError::Cut { offset });
        }
        let mut fields = Fields::new(body);
        match fields.u32() {
            Some(0x1a2b_3c4d) => {}
            Some(0x4d3c_2b1a) => return Err(RecordingError::BigEndian),
            _ => return Err(damaged(offset, "the magic number of the section is wrong")),
        }
        let major = fields.u16().unwrap_or_default();
        if major > 1 {
            return Err(RecordingError::Version(major));
        }
        let Some(rest) = length.checked_sub(16).filter(|&rest| (12..=self.longest).contains(&rest)) else {
            return Err(damaged(offset, "the length of the section header is wrong"));
        };
        self.rest(offset, rest, length, body)?;
        Ok(Head { offset, kind: super::SECTION })
    }

    /// Appends the rest of a block to `body`, without the length that ends it and that must be the one it begins with.
    fn rest(
        &mut self,
        offset: u64,
        rest: u64,
        length: u64,
        body: &mut Vec<u8>,
    ) -> Result<(), RecordingError> {
        if self.fill(rest, body)? != rest {
            return Err(RecordingError::Cut { offset });
        }
        let trailer = body.split_off(body.len() - 4);
        if Fields::new(&trailer).u32().map(u64::from) != Some(length) {
            return Err(damaged(offset, "the lengths at the beginning and at the end differ"));
        }
        Ok(())
    }

    /// Appends up to `count` bytes; memory grows with what comes, not with what a length claims.
    fn fill(&mut self, count: u64, body: &mut Vec<u8>) -> Result<u64, RecordingError> {
        let offset = self.offset;
        let read = self.input.by_ref().take(count).read_to_end(body).map_err(|source| {
            if source.kind() == io::ErrorKind::UnexpectedEof {
                RecordingError::Cut { offset }
            } else {
                RecordingError::Io { offset, source }
            }
        })?;
        self.offset += read as u64;
        Ok(read as u64)
    }
}

/// The error for what does not fit together.
pub(super) fn damaged(offset: u64, what: impl Into<String>) -> RecordingError {
    RecordingError::Damaged { offset, what: what.into() }
}

/// Takes fields from the front of bytes; `None` when they are too short.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    left: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) const fn new(left: &'a [u8]) -> Self {
        Self { left }
    }

    pub(super) const fn left(&self) -> usize {
        self.left.len()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, left) = self.left.split_at_checked(count)?;
        self.left = left;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, left) = self.left.split_first_chunk()?;
        self.left = left;
        Some(*taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn ipv4(&mut self) -> Option<std::net::IpAddr> {
        self.array::<4>().map(Into::into)
    }

    /// IPv4 addresses mapped into IPv6 become IPv4.
    pub(super) fn ipv6(&mut self) -> Option<std::net::IpAddr> {
        self.array::<16>().map(|octets| std::net::IpAddr::from(octets).to_canonical())
    }

    /// Bytes after their length in 16 bits.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let count = self.u16()?;
        self.bytes(usize::from(count))
    }
}
