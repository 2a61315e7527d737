//! Where published bytes come from. HTTP and OCI registries are the business of crates with a network.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    ops::Range,
    path::PathBuf,
};

/// Some place with published files.
pub trait Chunks {
    /// Bytes `range` of a file, less only if the file ends before. `name` is `manifest.json`, `manifest.json.minisig` or
    /// `blobs/sha256/HEX`: a registry has the last by its digest. Nothing that comes from here is believed.
    fn fetch(&mut self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>>;
}

/// A directory: of a web server, or carried over on a disk.
#[derive(Clone, Debug)]
pub struct Directory(pub PathBuf);

impl Chunks for Directory {
    fn fetch(&mut self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.0.join(name))?;
        file.seek(SeekFrom::Start(range.start))?;
        let mut bytes = Vec::new();
        file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
