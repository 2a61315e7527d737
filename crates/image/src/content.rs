//! The bytes of one file, however large it is and wherever it lies.
//!
//! A small file of a layer is in memory, a large one was spilled to an unlinked temporary file, and a file
//! of a directory is read in place. Catalogers see one type for all three, and no cataloger can read more
//! than it says it will: [`Content::bytes`] takes a cap.

use std::{
    borrow::Cow,
    io::{self, Read, Seek, SeekFrom},
};

/// Random access to bytes.
pub trait ReadAt: Sync {
    /// How many there are.
    fn size(&self) -> u64;
    /// Reads some of them; 0 only at the end. A short read is allowed.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl ReadAt for [u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|o| self.get(o..)).unwrap_or_default();
        let n = rest.len().min(buffer.len());
        buffer[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

/// A file, or the first `len` bytes of one (a spill file is reused and may be longer than its content).
#[derive(Debug)]
pub struct FilePart<'a> {
    /// The open file.
    pub file: &'a std::fs::File,
    /// How much of it counts.
    pub len: u64,
}

impl ReadAt for FilePart<'_> {
    fn size(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let n = (buffer.len() as u64).min(self.len.saturating_sub(offset)) as usize;
        std::os::unix::fs::FileExt::read_at(self.file, &mut buffer[..n], offset)
    }
}

/// Why a cataloger could not read a file. Whatever it had told before stands; the rest is a gap in the
/// coverage of its aspect.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes could not be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// More than the reader accepts.
    #[error("{what} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// What is.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Not in the format its name promises. One lower-case sentence without values of the file longer than a word.
    #[error("{0}")]
    Malformed(String),
}

impl ReadError {
    /// Not in the format its name promises.
    pub fn malformed(text: impl Into<String>) -> Self {
        Self::Malformed(text.into())
    }
}

/// The content of one file.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// In memory.
    Memory(&'a [u8]),
    /// Somewhere it can be read at any offset.
    Stored(&'a dyn ReadAt),
}

impl<'a> Content<'a> {
    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Stored(stored) => stored.size(),
        }
    }

    /// All of it, if it is no larger than `cap`. Borrowed when it is in memory already.
    pub fn bytes(&self, cap: u64) -> Result<Cow<'a, [u8]>, ReadError> {
        if self.size() > cap {
            return Err(ReadError::TooLarge { what: "file", limit: cap });
        }
        match self {
            Self::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::Stored(_) => Ok(Cow::Owned(self.range(0, self.size() as usize)?)),
        }
    }

    /// `len` bytes from `offset`, fewer at the end of the file. The caller caps `len`.
    pub fn range(&self, offset: u64, len: usize) -> Result<Vec<u8>, ReadError> {
        let len = len.min(usize::try_from(self.size().saturating_sub(offset)).unwrap_or(usize::MAX));
        let mut bytes = vec![0; len];
        let mut at = 0;
        while at < len {
            match self.read_at(&mut bytes[at..], offset + at as u64)? {
                0 => break,
                n => at += n,
            }
        }
        bytes.truncate(at);
        Ok(bytes)
    }

    /// A reader that can seek.
    pub fn reader(&self) -> ContentReader<'a> {
        ContentReader { content: *self, at: 0 }
    }
}

impl ReadAt for Content<'_> {
    fn size(&self) -> u64 {
        Content::size(self)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Self::Memory(bytes) => bytes.read_at(buffer, offset),
            Self::Stored(stored) => stored.read_at(buffer, offset),
        }
    }
}

/// A [`Content`] as a stream. Unbuffered: wrap it in a `BufReader` for small reads.
#[derive(Clone)]
pub struct ContentReader<'a> {
    content: Content<'a>,
    at: u64,
}

impl Read for ContentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.content.read_at(buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for ContentReader<'_> {
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
    fn a_stored_file_reads_like_one_in_memory_and_honours_the_cap() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        let stored = Content::Stored(&FilePartLike(&bytes));
        assert_eq!(stored.bytes(1000).expect("fits").as_ref(), &bytes[..]);
        assert!(matches!(stored.bytes(999), Err(ReadError::TooLarge { limit: 999, .. })));
        assert_eq!(stored.range(990, 100).expect("short"), &bytes[990..]);
        let mut reader = stored.reader();
        reader.seek(SeekFrom::End(-3)).expect("inside");
        let mut tail = Vec::new();
        reader.read_to_end(&mut tail).expect("reads");
        assert_eq!(tail, &bytes[997..]);
        assert!(reader.seek(SeekFrom::Current(-2000)).is_err());
    }

    /// Gives a few bytes at a time, as a file system may.
    struct FilePartLike<'a>(&'a [u8]);

    impl ReadAt for FilePartLike<'_> {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
            let n = buffer.len().min(7);
            self.0.read_at(&mut buffer[..n], offset)
        }
    }
}
