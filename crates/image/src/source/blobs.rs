//! Content by digest on this machine: `DIR/blobs/sha256/HEX`, the layout of an OCI image directory.
//!
//! A blob appears under its name only after its bytes were hashed while they were written, so whoever
//! finds one may trust it. What has arrived of an unfinished one stays as `HEX.partial`, locked by its
//! writer; the next writer hashes what is there and goes on. If two processes fetch the same blob at once,
//! the second writes a file of its own, and whoever renames last wins: the bytes are the same.
//! `HEX.attached` lists what a registry has attached to the image of that manifest.

use super::SourceError;
use gabion_model::Digest;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// A directory of verified blobs, open to its owner only.
#[derive(Clone, Debug)]
pub struct BlobStore {
    directory: PathBuf,
}

/// Distinguishes the private partial files of one process.
static PRIVATE: AtomicU32 = AtomicU32::new(0);

impl BlobStore {
    /// Opens `DIR`, creating it and `DIR/blobs/sha256` with mode 0700 where missing.
    pub fn open(directory: &Path) -> Result<Self, SourceError> {
        let directory = directory.join("blobs/sha256");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|e| SourceError::file(&directory, e))?;
        Ok(Self { directory })
    }

    /// Where a blob is, if it is here.
    pub fn get(&self, digest: &Digest) -> Option<PathBuf> {
        let path = self.path(digest);
        path.is_file().then_some(path)
    }

    /// A document that is here, if it is no larger than `limit` bytes.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        let path = self.path(digest);
        let fail = |e| SourceError::file(&path, e);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(fail(e)),
        };
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(fail)?;
        if bytes.len() as u64 > limit {
            let what = digest.to_string();
            return Err(SourceError::TooLarge { what, limit });
        }
        Ok(Some(bytes))
    }

    /// Stores all of `reader`, whose digest must be `digest`.
    pub fn put(&self, digest: &Digest, mut reader: impl Read) -> Result<PathBuf, SourceError> {
        if let Some(path) = self.get(digest) {
            return Ok(path);
        }
        let mut partial = self.begin(digest)?;
        partial.restart()?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return partial.finish("the source"),
                Ok(n) => partial.write(&buffer[..n])?,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(SourceError::file(&partial.path, e)),
            }
        }
    }

    /// Starts to write a blob, or goes on where an earlier writer stopped.
    pub fn begin(&self, digest: &Digest) -> Result<Partial, SourceError> {
        let target = self.path(digest);
        let shared = self.directory.join(format!("{}.partial", digest.hex()));
        let locked = lock(&shared).map_err(|e| SourceError::file(&shared, e))?;
        let (file, path, private) = if let Some(file) = locked {
            (file, shared, false)
        } else {
            let n = PRIVATE.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}.{}-{n}.partial", digest.hex(), std::process::id());
            let path = self.directory.join(name);
            let file = open(&path).map_err(|e| SourceError::file(&path, e))?;
            (file, path, true)
        };
        let mut partial = Partial {
            file,
            path,
            target,
            private,
            done: false,
            expected: *digest,
            hash: Sha256::new(),
            len: 0,
        };
        if private {
            partial.restart()?;
        } else {
            partial.rehash()?;
        }
        Ok(partial)
    }

    /// What was found to be attached to an image; none if nobody looked.
    pub(super) fn attached(&self, image: &Digest) -> Result<Option<Vec<Digest>>, SourceError> {
        let path = self.path(image).with_extension(ATTACHED);
        match fs::read_to_string(&path) {
            // What is no digest is of no writer of ours.
            Ok(text) => Ok(text.lines().map(|line| line.parse().ok()).collect()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(SourceError::file(&path, e)),
        }
    }

    /// Remembers what is attached to an image.
    pub(super) fn attach(&self, image: &Digest, attached: &[Digest]) -> Result<(), SourceError> {
        let path = self.path(image).with_extension(ATTACHED);
        let text: Vec<String> = attached.iter().map(Digest::to_string).collect();
        // Half a list is never seen.
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        fs::write(&partial, text.join("\n"))
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(|e| SourceError::file(&path, e))
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.directory.join(digest.hex())
    }
}

/// The ending of a list of what is attached to an image.
const ATTACHED: &str = "attached";

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The file at `path`, locked, unless another process has the lock.
fn lock(path: &Path) -> io::Result<Option<File>> {
    // The former holder may have renamed the file between our opening and our locking it: then look again.
    for _ in 0..8 {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(e),
        }
        if fs::metadata(path).is_ok_and(|there| there.ino() == file.metadata().map_or(0, |m| m.ino())) {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// A blob on its way in.
#[derive(Debug)]
pub struct Partial {
    file: File,
    path: PathBuf,
    target: PathBuf,
    private: bool,
    done: bool,
    expected: Digest,
    hash: Sha256,
    len: u64,
}

impl Partial {
    /// Bytes that are here.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing is here yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds bytes at the end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        self.file.write_all(bytes).map_err(|e| SourceError::file(&self.path, e))?;
        self.hash.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Forgets what is here.
    pub fn restart(&mut self) -> Result<(), SourceError> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .map_err(|e| SourceError::file(&self.path, e))?;
        self.hash = Sha256::new();
        self.len = 0;
        Ok(())
    }

    /// Gives the blob its name, if the bytes are those its digest promises; else forgets them and says
    /// that `host` sent others.
    pub fn finish(&mut self, host: &str) -> Result<PathBuf, SourceError> {
        let found = Digest::sha256(self.hash.clone().finalize().into());
        if found != self.expected {
            self.restart()?;
            return Err(SourceError::Digest { host: host.to_owned(), expected: self.expected, found });
        }
        fs::rename(&self.path, &self.target).map_err(|e| SourceError::file(&self.target, e))?;
        self.done = true;
        Ok(self.target.clone())
    }

    fn rehash(&mut self) -> Result<(), SourceError> {
        let fail = |e| SourceError::file(&self.path, e);
        let mut buffer = vec![0; 64 << 10];
        loop {
            match self.file.read(&mut buffer).map_err(fail)? {
                0 => return Ok(()),
                n => {
                    self.hash.update(&buffer[..n]);
                    self.len += n as u64;
                }
            }
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Nobody could go on with a private file, nor needs to with an empty one.
        if !self.done && (self.private || self.len == 0) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The digest of `bytes`.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest::sha256(Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, BlobStore) {
        let directory = tempfile::tempdir().expect("a directory");
        let store = BlobStore::open(&directory.path().join("cache")).expect("opens");
        (directory, store)
    }

    fn names(store: &BlobStore) -> Vec<String> {
        fs::read_dir(&store.directory)
            .expect("lists")
            .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[test]
    fn a_blob_is_there_under_its_digest_and_only_if_it_matches() {
        let (_keep, store) = store();
        let digest = digest_of(b"hello");
        assert_eq!(store.get(&digest), None);
        let error = store.put(&digest, &b"hullo"[..]).expect_err("differs");
        assert!(matches!(error, SourceError::Digest { .. }), "{error}");
        assert_eq!(names(&store), [""; 0], "what does not match is not kept");
        let path = store.put(&digest, &b"hello"[..]).expect("matches");
        assert_eq!(store.get(&digest), Some(path));
        assert_eq!(names(&store), [digest.hex()]);
        assert_eq!(store.read(&digest, 5).expect("reads").as_deref(), Some(&b"hello"[..]));
        assert!(matches!(store.read(&digest, 4), Err(SourceError::TooLarge { .. })));
        let mode = fs::metadata(&store.directory).expect("there").mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn an_interrupted_blob_goes_on_where_it_stopped() {
        let (_keep, store) = store();
        let digest = digest_of(b"hello");
        let mut first = store.begin(&digest).expect("begins");
        first.write(b"hel").expect("writes");
        // While one writes, another takes a file of its own.
        let second = store.begin(&digest).expect("begins");
        assert!(second.is_empty());
        drop(second);
        drop(first);
        let mut again = store.begin(&digest).expect("begins");
        assert_eq!(again.len(), 3);
        again.write(b"lo").expect("writes");
        again.finish("test").expect("is whole");
        drop(again);
        assert_eq!(names(&store), [digest.hex()]);
    }

    #[test]
    fn what_is_attached_is_remembered() {
        let (_keep, store) = store();
        let image = digest_of(b"image");
        let attached = || store.attached(&image).expect("reads");
        assert_eq!(attached(), None);
        store.attach(&image, &[]).expect("writes");
        assert_eq!(attached(), Some(vec![]));
        store.attach(&image, &[digest_of(b"a"), digest_of(b"b")]).expect("writes");
        assert_eq!(attached(), Some(vec![digest_of(b"a"), digest_of(b"b")]));
        fs::write(store.path(&image).with_extension(ATTACHED), "sha256:ab").expect("writes");
        assert_eq!(attached(), None, "no digest");
    }

    #[test]
    fn a_full_disk_and_a_forbidden_directory_name_the_path() {
        let full = SourceError::file(Path::new("/cache/x"), io::ErrorKind::StorageFull.into());
        assert_eq!(full.to_string(), "no space left for /cache/x");
        assert!(full.hint().is_some_and(|h| h.contains("--cache-dir")));
        let forbidden = SourceError::file(Path::new("/cache/x"), io::ErrorKind::PermissionDenied.into());
        assert_eq!(forbidden.to_string(), "cannot use /cache/x: permission denied");
        assert!(forbidden.hint().is_some());
        // `/dev/full` answers every write with ENOSPC.
        let mut partial = Partial {
            file: OpenOptions::new().read(true).write(true).open("/dev/full").expect("opens"),
            path: "/cache/y".into(),
            target: "/cache/z".into(),
            private: false,
            done: true,
            expected: digest_of(b""),
            hash: Sha256::new(),
            len: 0,
        };
        let error = partial.write(b"x").expect_err("is full");
        assert!(matches!(error, SourceError::Full { .. }), "{error}");
    }
}
