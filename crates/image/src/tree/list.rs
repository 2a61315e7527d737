//! What lies in one directory, asked of the kernel; nothing of it depends on any other directory, so that several threads
//! can do it at once.

use super::{DIRECTORY, Layout, Root, is_opaque, open_beneath, xattr};
use crate::catalog::Scope;
use gabion_model::path;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, FileType, OFlags, RawDir, Stat},
    io::Errno,
};
use std::{io, ops::Range, sync::Arc};

/// Directories are kept open down to this depth, so that what lies in them is found without the whole path.
const OPEN: usize = 64;

/// Bytes of names asked of the kernel at once.
const NAMES: usize = 32 << 10;

/// Of a larger directory only the names are kept, and each entry is looked at when its turn comes: there is one such
/// directory for a thousand small ones, and memory for millions of them is not.
const DETAILS: usize = 4096;

/// A directory that was met.
pub(super) struct Met {
    pub(super) path: Vec<u8>,
    /// The entry of the directory it lies in.
    pub(super) parent: u32,
    /// That directory, unless too many are open.
    pub(super) directory: Option<Arc<OwnedFd>>,
}

/// A directory as it was found.
pub(super) enum Listed {
    /// It went away in between, as those of a live system do.
    Gone,
    /// It is there, as far as can be seen, but cannot be listed.
    Closed { stat: Option<Stat>, why: String },
    /// It is not to be listed.
    Left { stat: Stat, opaque: bool, why: Left },
    /// This is in it.
    Open { stat: Stat, opaque: bool, entries: Entries },
}

/// Why a directory is left out.
#[derive(Clone, Copy)]
pub(super) enum Left {
    /// By design.
    Skipped(&'static str),
    /// And that is a gap.
    Unread(&'static str),
}

/// What lies in a directory.
pub(super) struct Entries {
    pub(super) directory: Arc<OwnedFd>,
    /// All names, one behind the other.
    text: Vec<u8>,
    /// Where each is, and what it names; sorted, so that the same tree always gives the same index.
    names: Vec<(Range<usize>, FileType)>,
    /// What is known of each; none of a large directory.
    details: Option<Vec<Detail>>,
    /// Why some names are missing, if they are.
    pub(super) cut: Option<String>,
}

/// What is known of an entry.
pub(super) enum Detail {
    /// It is a directory.
    Directory,
    /// It is something else.
    Other { stat: Stat, link: Vec<u8>, capabilities: Option<Vec<u8>> },
    /// It went away in between.
    Gone,
    /// It cannot be looked at.
    Unknown(String),
}

/// Where and how to look.
#[derive(Clone, Copy)]
pub(super) struct Lister<'a> {
    pub(super) root: &'a Root,
    pub(super) layout: Layout,
    pub(super) scope: Scope,
    /// The root's file system.
    pub(super) device: u64,
    /// Names beyond this many in one directory are not read: the scan is over then.
    pub(super) most: u64,
}

impl Lister<'_> {
    /// Lists a directory that was met.
    pub(super) fn list(&self, met: &Met) -> Listed {
        let fd = match self.open(met, DIRECTORY) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Listed::Gone,
            Err(error) => {
                let stat = self.open(met, OFlags::PATH).and_then(rustix::fs::fstat).ok();
                return Listed::Closed { stat, why: io::Error::from(error).to_string() };
            }
        };
        let stat = match rustix::fs::fstat(&fd) {
            Ok(stat) => stat,
            Err(error) => return Listed::Closed { stat: None, why: io::Error::from(error).to_string() },
        };
        let opaque = self.layout == Layout::Overlay && is_opaque(&fd);
        let elsewhere = if stat.st_dev == self.device { None } else { other_file_system(&fd) };
        match elsewhere.or_else(|| self.left_out(&met.path)) {
            Some(why) => Listed::Left { stat, opaque, why },
            None => Listed::Open { stat, opaque, entries: self.entries(fd) },
        }
    }

    /// What lies in an open directory.
    pub(super) fn entries(&self, fd: OwnedFd) -> Entries {
        let mut entries = Entries {
            directory: Arc::new(fd),
            text: Vec::new(),
            names: Vec::new(),
            details: None,
            cut: None,
        };
        entries.read_names(self.most);
        if entries.len() <= DETAILS {
            entries.details = Some((0..entries.len()).map(|at| entries.look(at)).collect());
        }
        entries
    }

    fn open(&self, met: &Met, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        match &met.directory {
            Some(directory) => open_beneath(directory, path::name(&met.path), flags),
            None => self.root.open_beneath(&met.path, flags),
        }
    }

    /// Directories that are left out by design; told in the coverage.
    fn left_out(&self, full: &[u8]) -> Option<Left> {
        const STORES: [&[u8]; 5] = [
            b"var/lib/containerd",
            b"var/lib/docker",
            b"var/lib/containers/storage",
            b"run/containerd",
            b"run/docker",
        ];
        match self.scope {
            Scope::Image if STORES.contains(&full) => Some(Left::Skipped(
                "images and containers kept there are targets of their own (containerd:, docker:, container:)",
            )),
            Scope::SourceTree if path::name(full) == b".git" => {
                Some(Left::Skipped("the repository's history is not read"))
            }
            _ => None,
        }
    }
}

impl Entries {
    fn read_names(&mut self, most: u64) {
        let Self { directory, text, names, cut, .. } = self;
        let mut buffer = Vec::with_capacity(NAMES);
        let mut entries = RawDir::new(&**directory, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) => {
                    let start = text.len();
                    text.extend_from_slice(entry.file_name().to_bytes());
                    names.push((start..text.len(), entry.file_type()));
                }
                Err(error) => {
                    *cut = Some(io::Error::from(error).to_string());
                    break;
                }
            }
            if names.len() as u64 > most {
                break;
            }
        }
        names.sort_unstable_by(|(a, _), (b, _)| text[a.clone()].cmp(&text[b.clone()]));
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.names.len()
    }

    /// The name of the entry with this number.
    pub(super) fn name(&self, at: usize) -> &[u8] {
        &self.text[self.names[at].0.clone()]
    }

    /// What is known of the entry with this number.
    pub(super) fn detail(&mut self, at: usize) -> Detail {
        match self.details.as_mut().and_then(|details| details.get_mut(at)) {
            Some(detail) => std::mem::replace(detail, Detail::Gone),
            None => self.look(at),
        }
    }

    /// The directory for what lies in it, as deep as descriptors are kept.
    pub(super) fn for_children(&self, path: &[u8]) -> Option<Arc<OwnedFd>> {
        let depth = path.split(|&b| b == b'/').count();
        (depth < OPEN).then(|| self.directory.clone())
    }

    fn look(&self, at: usize) -> Detail {
        let name = self.name(at);
        if self.names[at].1 == FileType::Directory {
            return Detail::Directory;
        }
        let stat = match rustix::fs::statat(&*self.directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Detail::Gone,
            Err(error) => return Detail::Unknown(io::Error::from(error).to_string()),
        };
        let (mut link, mut capabilities) = (Vec::new(), None);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => return Detail::Directory,
            FileType::Symlink => {
                if let Ok(target) = rustix::fs::readlinkat(&*self.directory, name, Vec::new()) {
                    link = target.into_bytes();
                }
            }
            FileType::RegularFile if stat.st_mode & 0o111 != 0 => {
                capabilities = open_beneath(&self.directory, name, OFlags::RDONLY)
                    .ok()
                    .and_then(|fd| xattr(&fd, c"security.capability"));
            }
            _ => {}
        }
        Detail::Other { stat, link, capabilities }
    }
}

/// What to do at a mount point: read it, or leave it and say so.
fn other_file_system(fd: &OwnedFd) -> Option<Left> {
    let stat = rustix::fs::fstatfs(fd.as_fd()).ok()?;
    // The magic numbers have 32 bits, whatever the width and sign of the field.
    match (stat.f_type & 0xffff_ffff).cast_unsigned() as u32 {
        PROC | SYSFS | CGROUP | CGROUP2 | DEVPTS | DEBUGFS | TRACEFS | SECURITYFS | BPF | PSTORE | MQUEUE
        | CONFIGFS | EFIVARFS | HUGETLBFS | BINFMT | NSFS | SELINUXFS => {
            Some(Left::Skipped("a pseudo file system of the kernel"))
        }
        NFS | CIFS | SMB2 | FUSE | CEPH | V9FS => {
            Some(Left::Unread("a network or user-space file system is not read"))
        }
        _ => None,
    }
}

// f_type of statfs(2), from linux/magic.h and the file systems' own headers.
const PROC: u32 = 0x9fa0;
const SYSFS: u32 = 0x6265_6572;
const CGROUP: u32 = 0x0027_e0eb;
const CGROUP2: u32 = 0x6367_7270;
const DEVPTS: u32 = 0x1cd1;
const DEBUGFS: u32 = 0x6462_6720;
const TRACEFS: u32 = 0x7472_6163;
const SECURITYFS: u32 = 0x7363_6673;
const BPF: u32 = 0xcafe_4a11;
const PSTORE: u32 = 0x6165_676c;
const MQUEUE: u32 = 0x1980_0202;
const CONFIGFS: u32 = 0x6265_6570;
const EFIVARFS: u32 = 0xde5e_81e4;
const HUGETLBFS: u32 = 0x9584_58f6;
const BINFMT: u32 = 0x4249_4e4d;
const NSFS: u32 = 0x6e73_6673;
const SELINUXFS: u32 = 0xf97c_ff8c;
const NFS: u32 = 0x6969;
const CIFS: u32 = 0xff53_4d42;
const SMB2: u32 = 0xfe53_4d42;
const FUSE: u32 = 0x6573_5546;
const CEPH: u32 = 0x00c3_6400;
const V9FS: u32 = 0x0102_1997;
