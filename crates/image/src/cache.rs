//! What earlier scans found out, kept by what it was found out about.
//!
//! ```text
//!  CACHE/layers/KEY     facts of a layer, by diffID or chain ID, and analyser revision
//!  CACHE/images/KEY     whole report, sealed, by configuration, layers, revision and options
//!  CACHE/indexes/KEY    FileIndex of the whole image with owners, same key
//!  CACHE/stamps/KEY     empty: a blob with this device, inode, size and mtime was verified
//!  CACHE/blobs/...      what was fetched from registries and daemons
//! ```
//!
//! The sandboxed worker reads it; only its parent writes. Every file appears whole, by rename. A file that
//! cannot be read back counts as absent.

use gabion_model::Digest;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// Facts of a layer.
    Layer,
    /// A whole report.
    Image,
    /// The index of a whole image.
    Index,
    /// A verified blob.
    Stamp,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Layer, Self::Image, Self::Index, Self::Stamp];

    /// Its directory in the cache.
    pub const fn directory(self) -> &'static str {
        match self {
            Self::Layer => "layers",
            Self::Image => "images",
            Self::Index => "indexes",
            Self::Stamp => "stamps",
        }
    }
}

/// A cache directory.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// Bytes of a seal: a SHA-256.
const SEAL: usize = 32;

/// Writes content and its digest, so that a reader who passes it on unread knows that it is whole.
pub fn seal(out: &mut dyn Write, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut hashing = Hashing(out, Sha256::new());
    write(&mut hashing)?;
    let Hashing(out, hash) = hashing;
    out.write_all(&hash.finalize())
}

struct Hashing<'a>(&'a mut dyn Write, Sha256);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.0.write(bytes)?;
        self.1.update(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// An entry on its way into the cache.
#[derive(Debug)]
pub struct Pending {
    file: BufWriter<File>,
    temporary: PathBuf,
    target: PathBuf,
    done: bool,
}

impl Cache {
    /// The cache below `root`; nothing is created yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Creates its directories, for the owner only: facts name what is in private images.
    pub fn create(&self) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        for directory in Kind::ALL.map(Kind::directory).into_iter().chain(["tmp"]) {
            builder.create(self.root.join(directory))?;
        }
        Ok(())
    }

    fn path(&self, kind: Kind, key: Digest) -> PathBuf {
        self.root.join(kind.directory()).join(key.hex())
    }

    /// An entry, if there is one.
    pub fn open(&self, kind: Kind, key: Digest) -> Option<BufReader<File>> {
        File::open(self.path(kind, key)).ok().map(|file| BufReader::with_capacity(64 << 10, file))
    }

    /// An entry that was written by [`seal`], if it is whole.
    pub fn read_sealed(&self, kind: Kind, key: Digest) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(kind, key)).ok()?;
        let sealed = bytes.split_off(bytes.len().checked_sub(SEAL)?);
        (Sha256::digest(&bytes)[..] == sealed[..]).then_some(bytes)
    }

    /// Whether there is an entry.
    pub fn has(&self, kind: Kind, key: Digest) -> bool {
        self.path(kind, key).exists()
    }

    /// Starts an entry.
    pub fn begin(&self, kind: Kind, key: Digest) -> io::Result<Pending> {
        let target = self.path(kind, key);
        let temporary = self.root.join("tmp").join(format!("{}.{}", key.hex(), std::process::id()));
        let file = BufWriter::new(File::create(&temporary)?);
        Ok(Pending { file, temporary, target, done: false })
    }

    /// A temporary file without a name.
    pub fn spill(&self) -> io::Result<File> {
        unnamed(&self.root.join("tmp"))
    }

    /// Number of entries and bytes, by directory.
    pub fn usage(&self) -> io::Result<Vec<(&'static str, u64, u64)>> {
        let mut all = Vec::new();
        for name in Kind::ALL.map(Kind::directory).into_iter().chain(["blobs", "tmp"]) {
            let (mut count, mut bytes) = (0, 0);
            each_file(&self.root.join(name), &mut |_, meta| {
                count += 1;
                bytes += meta.len();
                Ok(())
            })?;
            all.push((name, count, bytes));
        }
        Ok(all)
    }

    /// Removes what has not been used for `age`, all of it if that is zero. Returns entries and bytes removed.
    pub fn prune(&self, now: SystemTime, age: Duration) -> io::Result<(u64, u64)> {
        let (mut count, mut bytes) = (0, 0);
        for name in Kind::ALL.map(Kind::directory).into_iter().chain(["blobs", "tmp"]) {
            each_file(&self.root.join(name), &mut |path, meta| {
                let used = meta.accessed().or_else(|_| meta.modified())?.max(meta.modified()?);
                if age.is_zero() || now.duration_since(used).is_ok_and(|unused| unused >= age) {
                    fs::remove_file(path)?;
                    count += 1;
                    bytes += meta.len();
                }
                Ok(())
            })?;
        }
        Ok((count, bytes))
    }
}

/// A temporary file without a name in a directory.
pub fn unnamed(directory: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(directory, flags, Mode::RUSR | Mode::WUSR) {
        Ok(fd) => Ok(fd.into()),
        // Some file systems cannot: create and unlink.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR) => {
            let path = directory.join(format!("spill.{}", std::process::id()));
            let file = File::options().read(true).write(true).create_new(true).open(&path)?;
            fs::remove_file(&path)?;
            Ok(file)
        }
        Err(error) => Err(error.into()),
    }
}

fn each_file(
    directory: &Path,
    each: &mut impl FnMut(&Path, &fs::Metadata) -> io::Result<()>,
) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    for entry in entries {
        let entry = entry?;
        let meta = entry.metadata()?;
        if meta.is_dir() {
            each_file(&entry.path(), each)?;
        } else {
            each(&entry.path(), &meta)?;
        }
    }
    Ok(())
}

impl Write for Pending {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Pending {
    /// Makes the entry visible.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        fs::rename(&self.temporary, &self.target)?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.done {
            // Best effort: `gabion cache prune` removes what is left.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_appears_whole_or_not_at_all_and_prune_removes_it() {
        let dir = tempfile::tempdir().expect("tempdir");
        let cache = Cache::new(dir.path());
        cache.create().expect("creates");
        let key = Digest::sha256([7; 32]);
        let mut pending = cache.begin(Kind::Layer, key).expect("begins");
        pending.write_all(b"half").expect("writes");
        drop(pending);
        assert!(!cache.has(Kind::Layer, key));
        let mut pending = cache.begin(Kind::Layer, key).expect("begins");
        pending.write_all(b"whole").expect("writes");
        pending.finish().expect("finishes");
        assert!(cache.has(Kind::Layer, key));
        let hour = Duration::from_hours(1);
        let meta = fs::metadata(cache.path(Kind::Layer, key)).expect("there");
        let written = meta.modified().expect("has mtime");
        assert_eq!(cache.prune(written, hour).expect("prunes"), (0, 0));
        assert_eq!(cache.prune(written + 2 * hour, hour).expect("prunes"), (1, 5));
    }

    #[test]
    fn a_sealed_entry_is_whole_or_none() {
        let dir = tempfile::tempdir().expect("tempdir");
        let cache = Cache::new(dir.path());
        cache.create().expect("creates");
        let key = Digest::sha256([7; 32]);
        let mut pending = cache.begin(Kind::Image, key).expect("begins");
        seal(&mut pending, |out| out.write_all(b"a report")).expect("writes");
        pending.finish().expect("finishes");
        assert_eq!(cache.read_sealed(Kind::Image, key).as_deref(), Some(&b"a report"[..]));
        let path = cache.path(Kind::Image, key);
        let sound = fs::read(&path).expect("reads");
        for at in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 1;
            fs::write(&path, damaged).expect("writes");
            assert_eq!(cache.read_sealed(Kind::Image, key), None);
            fs::write(&path, &sound[..at]).expect("writes");
            assert_eq!(cache.read_sealed(Kind::Image, key), None);
        }
    }
}
