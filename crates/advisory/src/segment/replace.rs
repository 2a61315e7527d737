//! A file that is either the old one or the new one, whenever the power goes.
//!
//! ```text
//!  TARGET.new-PID-N ── write ── fsync ── rename over TARGET ── fsync of the directory
//! ```
//!
//! Whoever has the old file open or mapped goes on with it. What a killed process left is swept by the next update.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// A file beside its target, removed again unless it is committed.
#[derive(Debug)]
pub(crate) struct Replacement {
    target: PathBuf,
    path: PathBuf,
}

impl Replacement {
    /// A new, empty file; what was written to it takes effect with [`Replacement::commit`].
    pub(crate) fn new(target: &Path) -> io::Result<(Self, File)> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = beside(target, &format!("{NEW}{}-{number}", std::process::id()));
        step();
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        let target = target.to_owned();
        Ok((Self { target, path }, file))
    }

    /// Puts the file in the place of its target. All that was written is on the disk before and after that.
    pub(crate) fn commit(self, file: &File) -> io::Result<()> {
        step();
        file.sync_all()?;
        settle(&self.path, &self.target)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // After a commit it is gone already; a file that stays is swept by the next update.
        drop(fs::remove_file(&self.path));
    }
}

/// What follows the name of the target in that of a file that is being written, ...
const NEW: &str = ".new-";
/// ... or fetched.
pub(crate) const PART: &str = ".part-";

/// Replaces a small file.
pub(crate) fn write(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let (replacement, mut file) = Replacement::new(target)?;
    file.write_all(bytes)?;
    replacement.commit(&file)
}

/// Renames a file that is on the disk, and makes sure that its new name is, too.
pub(crate) fn settle(from: &Path, target: &Path) -> io::Result<()> {
    step();
    fs::rename(from, target)?;
    step();
    directory(target)?.sync_all()
}

/// Removes what killed processes left beside a target, but for one file. Only for who has the [`lock`].
pub(crate) fn sweep(target: &Path, but: &Path) -> io::Result<()> {
    let name = target.file_name().unwrap_or_default();
    for entry in fs::read_dir(parent(target))? {
        let path = entry?.path();
        let rest = path.file_name().unwrap_or_default().as_encoded_bytes();
        let rest = rest.strip_prefix(name.as_encoded_bytes()).unwrap_or_default();
        let left = [NEW, PART].iter().any(|kind| rest.starts_with(kind.as_bytes()));
        if left && path.file_name() != but.file_name() {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    step();
    fs::remove_file(path)
}

/// Comes before each change of the disk, so that a test may end its process just there.
pub(crate) fn step() {
    #[cfg(test)]
    crate::store::tests::killed::step();
}

/// Keeps other updates away from the directory of a target, until it is dropped.
pub(crate) fn lock(target: &Path) -> io::Result<Lock> {
    let directory = directory(target)?;
    directory.try_lock()?;
    Ok(Lock(directory))
}

/// See [`lock`].
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started may still have a copy of the descriptor.
        drop(self.0.unlock());
    }
}

/// The path of a target with something appended to its name.
pub(crate) fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(target);
    name.push(suffix);
    name.into()
}

fn parent(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn directory(target: &Path) -> io::Result<File> {
    File::open(parent(target))
}
