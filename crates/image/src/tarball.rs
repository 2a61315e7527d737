//! Tar, as a stream of entries, for archives that lie.
//!
//! Headers are decoded by the `tar` crate; the walk is ours, because names, PAX records and sizes need caps
//! that the crate does not have, and because content is handed out as slices of the inflated buffers,
//! without a copy.
//!
//! The size of an entry is what the PAX `size` record says, else the header, as container runtimes (Go's
//! archive/tar) have it; two readers that disagree on this see two different archives.

use gabion_model::path::{self, PathError};
use std::{
    borrow::Cow,
    io::{self, BufRead, Read},
};

/// A stream that may know a faster way over bytes nobody wants.
pub trait Skip: BufRead {
    /// Leaves out `n` bytes, fewer only at the end. Returns how many.
    fn skip_bytes(&mut self, n: u64) -> io::Result<u64> {
        let mut left = n;
        while left > 0 {
            let chunk = self.fill_buf()?.len() as u64;
            if chunk == 0 {
                break;
            }
            let some = chunk.min(left);
            self.consume(some as usize);
            left -= some;
        }
        Ok(n - left)
    }
}

impl Skip for &[u8] {}
impl<R: Read> Skip for io::BufReader<R> {}

const BLOCK: usize = 512;
/// Names and PAX records of one entry. Linux paths end at 4 KiB, but xattrs may be 64 KiB each.
const MAX_EXTENSION: u64 = 1 << 20;

/// Why an archive cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The bytes below cannot be read or inflated.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The header is none.
    #[error("bad tar header at byte {at}: {text}")]
    Header {
        /// Where in the archive.
        at: u64,
        /// What is wrong.
        text: String,
    },
    /// The archive ends in the middle of an entry.
    #[error("tar ends in the middle of an entry at byte {0}")]
    Truncated(u64),
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryType {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Hard link.
    Hardlink,
    /// Character or block device, FIFO.
    Special,
    /// A file with holes: its content is not reconstructed.
    Sparse,
}

/// One entry; its content is read through the [`Tar`] it came from.
#[derive(Debug)]
pub struct Entry {
    /// What it is.
    pub kind: EntryType,
    /// Its path, normalised, or why it has none.
    pub path: Result<Vec<u8>, PathError>,
    /// The path as stored, for messages.
    pub raw_path: Vec<u8>,
    /// Link target as stored.
    pub link: Vec<u8>,
    /// Permission bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of content that follow.
    pub size: u64,
    /// `security.capability` as stored.
    pub capabilities: Option<Vec<u8>>,
}

/// Reads an archive entry by entry.
#[derive(Debug)]
pub struct Tar<R> {
    inner: R,
    at: u64,
    /// Content and padding of the current entry that are still to come.
    left: u64,
    padding: u64,
}

impl<R: Skip> Tar<R> {
    /// Starts at the first header.
    pub const fn new(inner: R) -> Self {
        Self { inner, at: 0, left: 0, padding: 0 }
    }

    /// The reader below, after the last entry.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Byte position in the archive.
    pub const fn position(&self) -> u64 {
        self.at
    }

    /// The next entry; content of the last one that was not read is skipped.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        let (mut long_name, mut long_link, mut pax) = (None, None, Pax::default());
        loop {
            self.skip_content()?;
            let start = self.at;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let bad = |text: String| TarError::Header { at: start, text };
            let kind = header.entry_type();
            let stored = header.entry_size().map_err(|e| bad(e.to_string()))?;
            self.expect_content(pax.size.filter(|_| !is_extension(kind)).unwrap_or(stored))
                .ok_or_else(|| bad("size overflows".into()))?;
            match kind {
                tar::EntryType::GNULongName => long_name = Some(self.extension()?),
                tar::EntryType::GNULongLink => long_link = Some(self.extension()?),
                tar::EntryType::XHeader => pax = Pax::parse(&self.extension()?),
                tar::EntryType::XGlobalHeader => {}
                _ => {
                    if kind == tar::EntryType::GNUSparse {
                        self.sparse_map(&header)?;
                    }
                    return Ok(Some(self.entry(&header, kind, long_name, long_link, pax)));
                }
            }
        }
    }

    /// Up to the next slice of the current entry's content; empty at its end. Call [`Self::consume`] after.
    pub fn fill(&mut self) -> Result<&[u8], TarError> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let chunk = self.inner.fill_buf()?;
        if chunk.is_empty() {
            return Err(TarError::Truncated(self.at));
        }
        let n = chunk.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        Ok(&chunk[..n])
    }

    /// Marks `n` bytes of the last [`Self::fill`] as read.
    pub fn consume(&mut self, n: usize) {
        self.inner.consume(n);
        self.left -= n as u64;
        self.at += n as u64;
    }

    /// Reads to the end of the stream below, so that all of it is hashed, and returns how many bytes that were.
    pub fn drain(&mut self) -> io::Result<u64> {
        let mut total = 0;
        loop {
            let n = self.inner.fill_buf()?.len();
            if n == 0 {
                return Ok(total);
            }
            self.inner.consume(n);
            total += n as u64;
        }
    }

    fn header(&mut self) -> Result<Option<tar::Header>, TarError> {
        let mut header = tar::Header::new_old();
        let block = header.as_mut_bytes();
        match read_full(&mut self.inner, block)? {
            0 => return Ok(None),
            BLOCK => self.at += BLOCK as u64,
            n => return Err(TarError::Truncated(self.at + n as u64)),
        }
        if block.iter().all(|&b| b == 0) {
            return Ok(None);
        }
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(i, &b)| u32::from(if (148..156).contains(&i) { b' ' } else { b }))
            .sum();
        let bad = |text: String| TarError::Header { at: self.at - BLOCK as u64, text };
        let stored = header.cksum().map_err(|e| bad(e.to_string()))?;
        if stored != sum {
            return Err(bad(format!("checksum is {sum}, header says {stored}")));
        }
        Ok(Some(header))
    }

    fn entry(
        &self,
        header: &tar::Header,
        kind: tar::EntryType,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
        pax: Pax,
    ) -> Entry {
        let raw_path =
            pax.sparse_name.or(pax.path).or(long_name).unwrap_or_else(|| header.path_bytes().into_owned());
        let link = pax
            .link
            .or(long_link)
            .unwrap_or_else(|| header.link_name_bytes().map(Cow::into_owned).unwrap_or_default());
        let kind = match kind {
            tar::EntryType::Directory => EntryType::Directory,
            tar::EntryType::Symlink => EntryType::Symlink,
            tar::EntryType::Link => EntryType::Hardlink,
            tar::EntryType::Char | tar::EntryType::Block | tar::EntryType::Fifo => EntryType::Special,
            tar::EntryType::GNUSparse => EntryType::Sparse,
            _ if pax.sparse => EntryType::Sparse,
            // POSIX: unknown types are regular files; and old tars mark a directory by a trailing slash only.
            _ if raw_path.ends_with(b"/") => EntryType::Directory,
            _ => EntryType::File,
        };
        Entry {
            kind,
            path: path::normalise(&raw_path).map(Cow::into_owned),
            raw_path,
            link,
            mode: header.mode().unwrap_or(0) as u16 & 0o7777,
            uid: pax.uid.unwrap_or_else(|| header.uid().unwrap_or(0) as u32),
            gid: pax.gid.unwrap_or_else(|| header.gid().unwrap_or(0) as u32),
            size: self.left,
            capabilities: pax.capabilities,
        }
    }

    /// Old GNU sparse entries may have more map blocks between header and content.
    fn sparse_map(&mut self, header: &tar::Header) -> Result<(), TarError> {
        let mut more = header.as_gnu().is_some_and(tar::GnuHeader::is_extended);
        while more {
            let mut block = tar::GnuExtSparseHeader::new();
            if read_full(&mut self.inner, block.as_mut_bytes())? != BLOCK {
                return Err(TarError::Truncated(self.at));
            }
            self.at += BLOCK as u64;
            more = block.is_extended();
        }
        Ok(())
    }

    fn expect_content(&mut self, size: u64) -> Option<()> {
        self.left = size;
        self.padding = size.checked_next_multiple_of(BLOCK as u64)? - size;
        Some(())
    }

    fn extension(&mut self) -> Result<Vec<u8>, TarError> {
        if self.left > MAX_EXTENSION {
            let text =
                format!("name or attributes of {} bytes, more than the limit of {MAX_EXTENSION}", self.left);
            return Err(TarError::Header { at: self.at, text });
        }
        let mut bytes = vec![0; self.left as usize];
        let n = read_full(&mut self.inner, &mut bytes)?;
        self.at += n as u64;
        self.left -= n as u64;
        if self.left > 0 {
            return Err(TarError::Truncated(self.at));
        }
        // GNU long names end with a NUL.
        if bytes.last() == Some(&0) {
            bytes.pop();
        }
        Ok(bytes)
    }

    /// Content must be there; padding after the last entry need not: `umoci insert` leaves it out, as well as the two
    /// blocks of zeroes, and container runtimes take that for the end.
    fn skip_content(&mut self) -> Result<(), TarError> {
        let content = std::mem::take(&mut self.left);
        let all = content.saturating_add(std::mem::take(&mut self.padding));
        let skipped = self.inner.skip_bytes(all)?;
        self.at = self.at.saturating_add(skipped);
        if skipped < content {
            return Err(TarError::Truncated(self.at));
        }
        Ok(())
    }
}

fn is_extension(kind: tar::EntryType) -> bool {
    kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions()
}

fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match reader.read(&mut buffer[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(n)
}

/// The PAX records that matter here.
#[derive(Default)]
struct Pax {
    path: Option<Vec<u8>>,
    sparse_name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    capabilities: Option<Vec<u8>>,
    sparse: bool,
}

impl Pax {
    /// Reads `LENGTH KEY=VALUE\n` records; LENGTH counts the whole record, so that values may hold anything.
    fn parse(mut bytes: &[u8]) -> Self {
        let mut pax = Self::default();
        while let Some(space) = bytes.iter().position(|&b| b == b' ') {
            let length = std::str::from_utf8(&bytes[..space]).ok().and_then(|s| s.parse::<usize>().ok());
            let Some(record) = length.and_then(|n| bytes.get(space + 1..n)) else {
                break;
            };
            bytes = &bytes[length.unwrap_or(0)..];
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            let Some(equals) = record.iter().position(|&b| b == b'=') else {
                continue;
            };
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            let number = || std::str::from_utf8(value).ok().and_then(|s| s.parse::<u64>().ok());
            match key {
                b"path" => pax.path = Some(value.to_vec()),
                b"linkpath" => pax.link = Some(value.to_vec()),
                b"size" => pax.size = number(),
                b"uid" => pax.uid = number().map(|n| n as u32),
                b"gid" => pax.gid = number().map(|n| n as u32),
                b"SCHILY.xattr.security.capability" => pax.capabilities = Some(value.to_vec()),
                b"GNU.sparse.name" => pax.sparse_name = Some(value.to_vec()),
                key if key.starts_with(b"GNU.sparse.") => pax.sparse = true,
                _ => {}
            }
        }
        pax
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn archive(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        builder.into_inner().expect("in memory")
    }

    fn file(builder: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o4755);
        builder.append_data(&mut header, path, content).expect("in memory");
    }

    /// Paths and content, with 3-byte reads.
    type Walked = Vec<(Result<Vec<u8>, PathError>, Vec<u8>)>;

    fn walk(bytes: &[u8]) -> Result<Walked, TarError> {
        let mut tar = Tar::new(io::BufReader::with_capacity(3, bytes));
        let mut all = Vec::new();
        while let Some(entry) = tar.next_entry()? {
            let mut content = Vec::new();
            loop {
                let n = {
                    let chunk = tar.fill()?;
                    content.extend_from_slice(chunk);
                    chunk.len()
                };
                if n == 0 {
                    break;
                }
                tar.consume(n);
            }
            all.push((entry.path, content));
        }
        Ok(all)
    }

    #[test]
    fn long_names_and_contents_come_through() {
        let long = format!("{}/x", "d".repeat(90)).repeat(3);
        let bytes = archive(|b| {
            file(b, "./etc/hosts", b"localhost");
            file(b, &long, b"deep");
        });
        let all = walk(&bytes).expect("reads");
        assert_eq!(all[0], (Ok(b"etc/hosts".to_vec()), b"localhost".to_vec()));
        assert_eq!(all[1], (Ok(long.into_bytes()), b"deep".to_vec()));
    }

    #[test]
    fn pax_records_override_the_header() {
        let value: &[u8] = b"\x01\0\0\x02=\n\xff";
        let bytes = archive(|b| {
            b.append_pax_extensions([("path", &b"real"[..]), ("SCHILY.xattr.security.capability", value)])
                .expect("in memory");
            file(b, "fake", b"x");
        });
        let mut tar = Tar::new(&bytes[..]);
        let entry = tar.next_entry().expect("reads").expect("one");
        assert_eq!(entry.path, Ok(b"real".to_vec()));
        assert_eq!(entry.capabilities.as_deref(), Some(value));
        assert_eq!(entry.mode, 0o4755);
    }

    #[test]
    fn escapes_and_endless_names_are_told_not_followed() {
        let mut raw = archive(|b| file(b, "a/b", b""));
        raw[..4].copy_from_slice(b"../x");
        let sum: u32 = raw[..512]
            .iter()
            .enumerate()
            .map(|(i, &b)| u32::from(if (148..156).contains(&i) { 32 } else { b }))
            .sum();
        raw[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        assert_eq!(walk(&raw).expect("reads")[0].0, Err(PathError::Escapes));

        let huge = "n".repeat(70_000);
        assert_eq!(walk(&archive(|b| file(b, &huge, b""))).expect("reads")[0].0, Err(PathError::TooLong));
    }

    #[test]
    fn a_truncated_archive_and_a_wrong_checksum_are_errors() {
        let bytes = archive(|b| file(b, "x", &[7; 2000]));
        assert!(matches!(walk(&bytes[..1500]), Err(TarError::Truncated(_))));
        // What is left out after the content is no loss: headers take 512 bytes, padding would end at 2560.
        for end in [512 + 2000, 512 + 2001, 2560] {
            assert_eq!(walk(&bytes[..end]).expect("reads").len(), 1, "{end}");
        }
        let mut wrong = bytes;
        wrong[0] ^= 1;
        assert!(matches!(walk(&wrong), Err(TarError::Header { at: 0, .. })));
    }

    proptest! {
        #[test]
        fn arbitrary_blocks_never_panic(blocks in prop::collection::vec(any::<u8>(), 0..2048), flip in any::<[usize; 4]>()) {
            let _ = walk(&blocks);
            let mut valid = archive(|b| { file(b, "a", b"content"); file(b, &"x/".repeat(200), b""); });
            for at in flip {
                let n = valid.len();
                valid[at % n] ^= 0x41;
                // Keep the checksum right, so that the damage gets further in.
                let sum: u32 = valid[..512].iter().enumerate().map(|(i, &b)| u32::from(if (148..156).contains(&i) { 32 } else { b })).sum();
                valid[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            }
            let _ = walk(&valid);
        }
    }
}
