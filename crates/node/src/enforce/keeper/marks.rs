//! What fanotify asks about: the mounts of containers.
//!
//! Marks are put on the mounts as the container has them, in its own mount namespace, and on the whole file system where that is an
//! overlay, which belongs to one container. The host's own mounts are never marked, nor file systems that somebody else answers
//! for (FUSE, networks): reading from such may take for ever. What is executed from there is held by the kernel instead.

use super::process;
use crate::enforce::fanotify::{EXEC, Group, OPEN, On};
use rustix::{
    fd::{AsFd as _, AsRawFd as _},
    fs::{AtFlags, ResolveFlags, StatxFlags, statx},
};
use std::path::PathBuf;

/// File systems whose files this kernel reads by itself.
const LOCAL: [&[u8]; 15] = [
    b"overlay",
    b"ext2",
    b"ext3",
    b"ext4",
    b"xfs",
    b"btrfs",
    b"f2fs",
    b"zfs",
    b"tmpfs",
    b"ramfs",
    b"rootfs",
    b"squashfs",
    b"erofs",
    b"vfat",
    b"iso9660",
];

/// What is the host's: mount namespaces, root directories.
#[derive(Debug)]
pub(super) struct Marks {
    namespaces: Vec<u64>,
    roots: Vec<process::Root>,
}

impl Marks {
    pub(super) fn new() -> Self {
        let namespaces = [1, std::process::id()].into_iter().filter_map(process::mount_namespace).collect();
        Self { namespaces, roots: process::host_roots() }
    }

    /// Marks what is mounted for a process, if it has mounts of its own. What cannot be marked is held when it is executed; so
    /// how many that were is for the record only.
    pub(super) fn mark(&self, group: &Group, pid: u32, files: bool) -> usize {
        let own =
            process::mount_namespace(pid).is_some_and(|namespace| !self.namespaces.contains(&namespace));
        // Before it has a root of its own, a runtime is still at work with copies of the host's mounts.
        if !own || process::root(pid).is_none_or(|root| self.roots.contains(&root)) {
            return 0;
        }
        let Ok(root) = process::open_root(pid) else { return 0 };
        let mask = if files { EXEC | OPEN } else { EXEC };
        let mut failed = 0;
        for mount in process::mounts(pid) {
            if !LOCAL.contains(&&*mount.kind) {
                continue;
            }
            // A name that leads elsewhere by now, or is covered by another mount, is not that mount.
            let Ok(place) = process::beneath(root.as_fd(), &mount.path, ResolveFlags::NO_SYMLINKS) else {
                continue;
            };
            let wanted = StatxFlags::MNT_ID | StatxFlags::BASIC_STATS;
            let Ok(found) = statx(&place, "", AtFlags::EMPTY_PATH, wanted) else { continue };
            if found.stx_mnt_id != mount.id {
                continue;
            }
            // A descriptor that only names a place cannot be marked, but its link can.
            let link = PathBuf::from(format!("/proc/self/fd/{}", place.as_raw_fd()));
            failed += usize::from(group.mark(On::Mount, mask, &link).is_err());
            let device = rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor);
            if mount.kind == b"overlay" && !self.roots.iter().any(|(host, _)| *host == device) {
                failed += usize::from(group.mark(On::FileSystem, mask, &link).is_err());
            }
        }
        failed
    }
}
