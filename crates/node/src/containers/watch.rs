//! Waits for state that is about to be written: runc makes its directory, then the control group, then `state.json`.
//!
//! inotify tells when the file is there, which is before the first instruction of the container: runc writes it while
//! the container's process still waits to be let go.

use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::inotify::{self, CreateFlags, Reader, WatchFlags},
    io::Errno,
};
use std::{collections::HashMap, mem::MaybeUninit, path::Path};

/// Directories in which something is awaited, each for a control group.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: OwnedFd,
    groups: HashMap<i32, u64>,
    of: HashMap<u64, i32>,
}

impl Watch {
    pub(super) fn new() -> Result<Self, Errno> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { inotify, groups: HashMap::new(), of: HashMap::new() })
    }

    /// From now on, a file that is written in this directory is told.
    pub(super) fn add(&mut self, group: u64, directory: &Path) -> Result<(), Errno> {
        let flags =
            WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW;
        let watch = inotify::add_watch(&self.inotify, directory, flags)?;
        self.groups.insert(watch, group);
        self.of.insert(group, watch);
        Ok(())
    }

    /// Nothing is awaited for this group any more.
    pub(super) fn remove(&mut self, group: u64) {
        if let Some(watch) = self.of.remove(&group) {
            self.groups.remove(&watch);
            // It is gone already if the directory is.
            let _ = inotify::remove_watch(&self.inotify, watch);
        }
    }

    /// The groups for which something was written, each once, sorted.
    pub(super) fn written(&mut self) -> Vec<u64> {
        let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut groups = Vec::new();
        // Ends when there is nothing left to read; an overflow is an event of no watch, so everything is looked at.
        while let Ok(event) = reader.next() {
            if event.wd() < 0 {
                groups.extend(self.of.keys());
            }
            groups.extend(self.groups.get(&event.wd()));
        }
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}
