//! The control groups that are there already when the agent starts.

use super::Containers;
use gabion_model::ContainerKey;
use rustix::io::Errno;
use std::{
    fs, io,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

/// Groups below this depth are not looked at; the kernel's own limit is higher, but nobody nests so deep.
const MAX_DEPTH: usize = 64;

/// What a walk has found.
#[derive(Debug, Default)]
pub struct Found {
    /// The containers, to be told.
    pub containers: Vec<ContainerKey>,
    /// Directories that could not be read, with the reason. One that went away meanwhile is none.
    pub unread: Vec<(PathBuf, io::Error)>,
}

impl Containers {
    /// Takes up all control groups beneath `mount`, where the unified hierarchy is, from the top down. The id of a
    /// group is the inode of its directory. Addresses are read, too.
    pub fn walk(&mut self, mount: &Path, now: u64) -> Found {
        let mut found = Found::default();
        let mut stack = vec![(mount.to_owned(), 0)];
        while let Some((directory, depth)) = stack.pop() {
            match self.enter(mount, &directory, now) {
                Ok((container, below)) => {
                    found.containers.extend(container);
                    if depth < MAX_DEPTH {
                        stack.extend(below.into_iter().rev().map(|below| (below, depth + 1)));
                    }
                }
                Err(error) if gone(&error) => {}
                Err(error) => found.unread.push((directory, error)),
            }
        }
        found
    }

    fn enter(
        &mut self,
        mount: &Path,
        directory: &Path,
        now: u64,
    ) -> io::Result<(Option<ContainerKey>, Vec<PathBuf>)> {
        let mut below = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                below.push(entry.path());
            }
        }
        below.sort();
        let group = fs::metadata(directory)?.ino();
        let path = directory.strip_prefix(mount).unwrap_or(directory);
        let path = [b"/", path.as_os_str().as_bytes()].concat();
        let container = self.appeared(group, &path, now);
        if let Some(key) = container {
            let processes = fs::read_to_string(directory.join("cgroup.procs"))?;
            if let Some(pid) = processes.lines().find_map(|line| line.parse().ok()) {
                // One that has just ended leaves the addresses unknown, and the container says so.
                let _ = self.read_addresses(key, pid, now);
            }
        }
        Ok((container, below))
    }
}

/// A group that was removed meanwhile: its files are there as long as they are open, but say nothing.
fn gone(error: &io::Error) -> bool {
    [Errno::NOENT, Errno::NODEV].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
