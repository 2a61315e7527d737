//! A directory on this machine, read as one layer: a root file system, a container, a snapshot, a source tree.
//!
//! Nothing is opened by a path that an image controls: every open is relative to the root's descriptor, with
//! `openat2` refusing symbolic links and anything above the root. One thread walks and indexes, the others
//! read the files that somebody wants.

use crate::{
    caps::Limits,
    catalog::{Candidate, Scope},
    file_pass::{Analyser, FilePass, Outcome},
    layer::{Counters, LayerFacts},
};
use gabion_model::{Aspect, FileKind, NewFile, Reason, path};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat},
    io::Errno,
};
use std::{
    collections::HashMap,
    ffi::CStr,
    fs::File,
    io,
    path::Path,
    sync::{
        Mutex,
        atomic::Ordering,
        mpsc::{Receiver, sync_channel},
    },
};

/// How special files are to be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Layout {
    /// As they are.
    Plain,
    /// An upper directory of overlayfs: 0/0 character devices are whiteouts, `*.overlay.opaque` marks opaque directories.
    Overlay,
}

/// Why a directory cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The root cannot be opened.
    #[error("{path} cannot be read: {source}")]
    Root {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// More entries than the limit allows.
    #[error("{path} has more than {limit} entries, the limit for one scan")]
    Entries {
        /// Which.
        path: String,
        /// The limit.
        limit: u64,
    },
}

/// The root of a tree, opened once; must happen before a sandbox closes if the path leads through `/proc`.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    shown: String,
}

/// A file for the reading threads.
struct Task {
    id: u32,
    path: Vec<u8>,
    size: u64,
    mode: u16,
}

impl Root {
    /// Opens it.
    pub fn open(directory: &Path) -> Result<Self, TreeError> {
        let shown = directory.display().to_string();
        rustix::fs::open(
            directory,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map(|fd| Self {
            fd,
            shown: shown.clone(),
        })
        .map_err(|e| TreeError::Root {
            path: shown,
            source: e.into(),
        })
    }

    /// Whether a path exists in it, links not followed.
    pub fn has(&self, path: &str) -> bool {
        rustix::fs::statat(&self.fd, path, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// A root file system, or a source tree?
    pub fn scope(&self) -> Scope {
        let system = [
            "etc/os-release",
            "usr/lib/os-release",
            "etc/passwd",
            "bin/sh",
            "usr/bin",
            "lib/apk",
            "var/lib/dpkg",
        ];
        if system.iter().any(|p| self.has(p)) {
            Scope::Image
        } else {
            Scope::SourceTree
        }
    }

    fn open_beneath(&self, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let path = if path.is_empty() { b"." } else { path };
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        rustix::fs::openat2(&self.fd, path, flags, Mode::empty(), resolve)
    }

    /// Indexes and analyses all of it with one reading thread per pass.
    pub fn read(
        &self,
        layout: Layout,
        analyser: &Analyser<'_>,
        passes: &mut [FilePass],
        counters: &Counters,
    ) -> Result<LayerFacts, TreeError> {
        let (tasks, queue) = sync_channel::<Vec<Task>>(64);
        let queue = Mutex::new(queue);
        let outcomes: Mutex<Vec<(u32, Result<Outcome, io::Error>)>> = Mutex::default();
        let mut walk = Walk {
            root: self,
            layout,
            scope: analyser.scope,
            limits: analyser.limits,
            counters,
            layer: LayerFacts::default(),
            links: HashMap::new(),
        };
        let walked = std::thread::scope(|scope| {
            for pass in passes {
                let (queue, outcomes) = (&queue, &outcomes);
                scope.spawn(move || {
                    while let Some(batch) = next(queue) {
                        for task in batch {
                            if let Some(outcome) = self.file(&task, analyser, pass, counters) {
                                locked(outcomes).push((task.id, outcome));
                            }
                        }
                    }
                });
            }
            let mut batch = Vec::with_capacity(BATCH);
            let walked = walk.run(&mut |task| {
                batch.push(task);
                if batch.len() == BATCH {
                    // The readers live as long as the queue.
                    let _ = tasks.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
                }
            });
            let _ = tasks.send(batch);
            drop(tasks);
            walked
        });
        walked?;
        let mut layer = walk.layer;
        let mut outcomes = outcomes
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        outcomes.sort_by_key(|(id, _)| *id);
        for (id, outcome) in outcomes {
            match outcome {
                Ok(outcome) => layer.add(id, outcome),
                Err(error) => {
                    let shown = path::display(&layer.index.path(id)).into_owned();
                    layer.gap(&Aspect::FILES, Reason::at(shown, error.to_string()));
                }
            }
        }
        Ok(layer)
    }

    /// Reads one file, if anybody wants it.
    fn file(
        &self,
        task: &Task,
        analyser: &Analyser<'_>,
        pass: &mut FilePass,
        counters: &Counters,
    ) -> Option<io::Result<Outcome>> {
        let file = Candidate {
            path: &task.path,
            size: task.size,
            mode: task.mode,
            scope: analyser.scope,
        };
        let wanting = analyser.wanting(&file);
        if !analyser.needs_content(&file, &wanting) {
            return None;
        }
        counters.read.fetch_add(task.size, Ordering::Relaxed);
        let open = self
            .open_beneath(&task.path, OFlags::RDONLY)
            .map_err(io::Error::from);
        Some(
            open.map(File::from)
                .and_then(|source| pass.in_place(analyser, &file, wanting, &source)),
        )
    }
}

const BATCH: usize = 64;

fn next(queue: &Mutex<Receiver<Vec<Task>>>) -> Option<Vec<Task>> {
    locked(queue).recv().ok()
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Walk<'a> {
    root: &'a Root,
    layout: Layout,
    scope: Scope,
    limits: Limits,
    counters: &'a Counters,
    layer: LayerFacts,
    /// First path of each inode that has several.
    links: HashMap<(u64, u64), Vec<u8>>,
}

impl Walk<'_> {
    fn run(&mut self, send: &mut impl FnMut(Task)) -> Result<(), TreeError> {
        let failed = |e: Errno| TreeError::Root {
            path: self.root.shown.clone(),
            source: e.into(),
        };
        let device = rustix::fs::fstat(&self.root.fd).map_err(failed)?.st_dev;
        let mut todo: Vec<(Vec<u8>, u64)> = vec![(Vec::new(), device)];
        while let Some((directory, device)) = todo.pop() {
            if let Err(error) = self.directory(&directory, device, &mut todo, send)? {
                self.gap(&directory, io::Error::from(error).to_string());
            }
        }
        Ok(())
    }

    /// One directory. The inner result is a gap, the outer one fatal.
    fn directory(
        &mut self,
        directory: &[u8],
        device: u64,
        todo: &mut Vec<(Vec<u8>, u64)>,
        send: &mut impl FnMut(Task),
    ) -> Result<Result<(), Errno>, TreeError> {
        let fd = match self
            .root
            .open_beneath(directory, OFlags::RDONLY | OFlags::DIRECTORY)
        {
            Ok(fd) => fd,
            Err(error) => return Ok(Err(error)),
        };
        let here = match rustix::fs::fstat(&fd) {
            Ok(stat) => stat.st_dev,
            Err(error) => return Ok(Err(error)),
        };
        if here != device && self.other_file_system(directory, &fd) {
            return Ok(Ok(()));
        }
        let entries = match Dir::read_from(&fd) {
            Ok(entries) => entries,
            Err(error) => return Ok(Err(error)),
        };
        // Sorted, so that the same tree always gives the same index.
        let mut names = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => names.push(entry.file_name().to_owned()),
                Err(error) => {
                    self.gap(directory, io::Error::from(error).to_string());
                    break;
                }
            }
        }
        names.sort();
        for name in names {
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if self.counters.entries.fetch_add(1, Ordering::Relaxed) >= self.limits.entries {
                return Err(TreeError::Entries {
                    path: self.root.shown.clone(),
                    limit: self.limits.entries,
                });
            }
            let mut full = directory.to_vec();
            if !full.is_empty() {
                full.push(b'/');
            }
            full.extend_from_slice(name.to_bytes());
            if full.len() > path::MAX {
                self.gap(&full, path::PathError::TooLong.to_string());
                continue;
            }
            match rustix::fs::statat(&fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => self.entry(full, &stat, &fd, &name, here, todo, send),
                // It went away in between, as files of a live system do.
                Err(Errno::NOENT) => {}
                Err(error) => self.gap(&full, io::Error::from(error).to_string()),
            }
        }
        Ok(Ok(()))
    }

    #[expect(clippy::too_many_arguments, reason = "the walk's whole state at one entry")]
    fn entry(
        &mut self,
        full: Vec<u8>,
        stat: &Stat,
        directory: &OwnedFd,
        name: &CStr,
        device: u64,
        todo: &mut Vec<(Vec<u8>, u64)>,
        send: &mut impl FnMut(Task),
    ) {
        self.layer.stats.entries += 1;
        let mode = (stat.st_mode & 0o7777) as u16;
        let mut file = NewFile {
            mode,
            uid: stat.st_uid,
            gid: stat.st_gid,
            ..NewFile::default()
        };
        let (mut link, mut capabilities) = (Vec::new(), None);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {
                let inode = (stat.st_dev, stat.st_ino);
                if let Some(first) = self.links.get(&inode) {
                    file.kind = FileKind::Hardlink;
                    link.clone_from(first);
                } else {
                    if stat.st_nlink > 1 {
                        self.links.insert(inode, full.clone());
                    }
                    file.kind = FileKind::File;
                    file.size = u64::try_from(stat.st_size).unwrap_or(0);
                }
                if mode & 0o111 != 0 {
                    capabilities = xattr(self.root, &full, c"security.capability");
                }
            }
            FileType::Directory => {
                file.kind = FileKind::Directory;
                file.opaque = self.layout == Layout::Overlay && self.is_opaque(&full);
                if !self.left_out(&full) {
                    todo.push((full.clone(), device));
                }
            }
            FileType::Symlink => {
                file.kind = FileKind::Symlink;
                if let Ok(target) = rustix::fs::readlinkat(directory, name, Vec::new()) {
                    link = target.into_bytes();
                }
            }
            FileType::CharacterDevice if self.layout == Layout::Overlay && stat.st_rdev == 0 => {
                file.kind = FileKind::Whiteout;
            }
            _ => file.kind = FileKind::Special,
        }
        file.link = &link;
        file.capabilities = capabilities.as_deref();
        let (kind, size) = (file.kind, file.size);
        let id = self.layer.index.insert(&full, file);
        if kind == FileKind::File {
            self.layer.stats.content_size += size;
            send(Task {
                id,
                path: full,
                size,
                mode,
            });
        }
    }

    fn is_opaque(&self, full: &[u8]) -> bool {
        [c"trusted.overlay.opaque", c"user.overlay.opaque"]
            .into_iter()
            .any(|name| xattr(self.root, full, name).is_some_and(|value| value == b"y"))
    }

    /// Directories that are left out by design; told in the coverage.
    fn left_out(&mut self, full: &[u8]) -> bool {
        const STORES: [&[u8]; 5] = [
            b"var/lib/containerd",
            b"var/lib/docker",
            b"var/lib/containers/storage",
            b"run/containerd",
            b"run/docker",
        ];
        let why = match self.scope {
            Scope::Image if STORES.contains(&full) => {
                "images and containers kept there are targets of their own (containerd:, docker:, container:)"
            }
            Scope::SourceTree if path::name(full) == b".git" => "the repository's history is not read",
            _ => return false,
        };
        self.skip(full, why);
        true
    }

    /// What to do at a mount point: read it, or leave it and say so.
    fn other_file_system(&mut self, directory: &[u8], fd: &OwnedFd) -> bool {
        let Ok(stat) = rustix::fs::fstatfs(fd.as_fd()) else {
            return false;
        };
        // The magic numbers have 32 bits, whatever the width and sign of the field.
        match (stat.f_type & 0xffff_ffff).cast_unsigned() as u32 {
            PROC | SYSFS | CGROUP | CGROUP2 | DEVPTS | DEBUGFS | TRACEFS | SECURITYFS | BPF | PSTORE
            | MQUEUE | CONFIGFS | EFIVARFS | HUGETLBFS | BINFMT | NSFS | SELINUXFS => {
                self.skip(directory, "a pseudo file system of the kernel");
                true
            }
            NFS | CIFS | SMB2 | FUSE | CEPH | V9FS => {
                self.gap(directory, "a network or user-space file system is not read");
                true
            }
            _ => false,
        }
    }

    fn skip(&mut self, path: &[u8], why: &str) {
        self.layer.skipped.push(Reason::at(path::display(path), why));
    }

    fn gap(&mut self, path: &[u8], why: impl Into<String>) {
        let shown = if path.is_empty() {
            "/".into()
        } else {
            path::display(path).into_owned()
        };
        self.layer.gap(&Aspect::FILES, Reason::at(shown, why));
    }
}

/// An extended attribute of up to 256 bytes.
fn xattr(root: &Root, path: &[u8], name: &CStr) -> Option<Vec<u8>> {
    let fd = root.open_beneath(path, OFlags::RDONLY).ok()?;
    let mut value = vec![0; 256];
    let n = rustix::fs::fgetxattr(&fd, name, &mut value[..]).ok()?;
    value.truncate(n);
    Some(value)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn read(directory: &Path, scope: Scope) -> LayerFacts {
        let analyser = Analyser {
            catalogers: &[],
            secrets: false,
            scope,
            limits: Limits::DEFAULT,
        };
        let mut passes = [FilePass::new(None), FilePass::new(None)];
        Root::open(directory)
            .and_then(|root| root.read(Layout::Plain, &analyser, &mut passes, &Counters::default()))
            .expect("reads")
    }

    #[test]
    fn programs_are_digested_links_are_not_followed_and_hard_links_count_once() {
        let dir = tempfile::tempdir().expect("tempdir");
        std::fs::create_dir(dir.path().join("bin")).expect("mkdir");
        let tool = dir.path().join("bin/tool");
        std::fs::write(&tool, b"#!/bin/sh\n").expect("write");
        std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o4755)).expect("chmod");
        std::fs::hard_link(&tool, dir.path().join("bin/zool")).expect("link");
        symlink("/etc/passwd", dir.path().join("bin/passwd")).expect("symlink");
        let layer = read(dir.path(), Scope::Image);
        let index = &layer.index;
        let id = index.find(b"bin/tool").expect("indexed");
        assert!(index.entry(id).is_setid());
        assert_eq!(
            index.digest(id).map(|d| d.short()).as_deref(),
            Some("a8076d3d28d2")
        );
        let other = index.find(b"bin/zool").expect("indexed");
        assert_eq!(
            (index.entry(other).kind, index.link(other)),
            (FileKind::Hardlink, &b"bin/tool"[..])
        );
        let link = index.find(b"bin/passwd").expect("indexed");
        assert_eq!(
            (index.entry(link).kind, index.link(link)),
            (FileKind::Symlink, &b"/etc/passwd"[..])
        );
        assert_eq!(layer.stats.content_size, 10);
        assert!(layer.gaps.is_empty());
    }

    #[test]
    fn a_missing_root_is_an_error_that_names_it() {
        let error = Root::open(Path::new("/no/such/root")).expect_err("missing");
        assert!(
            error.to_string().starts_with("/no/such/root cannot be read: "),
            "{error}"
        );
    }
}
