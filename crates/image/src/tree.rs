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
use gabion_model::{Aspect, FileIndex, FileKind, NewFile, Reason, path};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags, Stat},
    io::Errno,
};
use std::{
    collections::HashMap,
    ffi::{CStr, CString},
    fs::File,
    io,
    path::Path,
    rc::Rc,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
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
    /// More facts than the limit allows.
    #[error("{path} has more than {limit} packages, files of packages and secrets, the limit for one scan")]
    Facts {
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
        rustix::fs::open(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map(|fd| Self { fd, shown: shown.clone() })
            .map_err(|e| TreeError::Root { path: shown, source: e.into() })
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
        if system.iter().any(|p| self.has(p)) { Scope::Image } else { Scope::SourceTree }
    }

    fn open_beneath(&self, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        open_beneath(&self.fd, if path.is_empty() { b"." } else { path }, flags)
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
            device: 0,
            todo: Vec::new(),
            buffer: Vec::with_capacity(NAMES),
        };
        let full = AtomicBool::new(false);
        let walked = std::thread::scope(|scope| {
            for pass in passes {
                let (queue, outcomes, full) = (&queue, &outcomes, &full);
                scope.spawn(move || {
                    while let Some(batch) = next(queue) {
                        for task in batch {
                            let Some(outcome) = self.file(&task, analyser, pass, counters) else {
                                continue;
                            };
                            let facts = outcome.as_ref().map_or(&[][..], |o| &o.facts);
                            if counters.admit(facts, &analyser.limits) {
                                locked(outcomes).push((task.id, outcome));
                            } else {
                                full.store(true, Ordering::Relaxed);
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
        if full.into_inner() {
            return Err(TreeError::Facts { path: self.shown.clone(), limit: analyser.limits.facts });
        }
        let mut layer = walk.layer;
        let mut outcomes = outcomes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        outcomes.sort_by_key(|(id, _)| *id);
        let mut gone = 0;
        for (id, outcome) in outcomes {
            match outcome {
                Ok(outcome) => layer.add(id, outcome),
                // As files of a live system do.
                Err(error) if error.kind() == io::ErrorKind::NotFound => gone += 1,
                Err(error) => {
                    let shown = path::display(&layer.index.path(id)).into_owned();
                    layer.gap(&Aspect::FILES, Reason::at(shown, error.to_string()));
                }
            }
        }
        if gone > 0 {
            layer.skipped.push(Reason {
                text: "files that went away before they could be read".into(),
                path: None,
                count: gone,
            });
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
        let file = Candidate { path: &task.path, size: task.size, mode: task.mode, scope: analyser.scope };
        let wanting = analyser.wanting(&file);
        if !analyser.needs_content(&file, &wanting) {
            return None;
        }
        counters.read.fetch_add(task.size, Ordering::Relaxed);
        let open = self.open_beneath(&task.path, OFlags::RDONLY).map_err(io::Error::from);
        Some(open.map(File::from).and_then(|source| pass.in_place(analyser, &file, wanting, &source)))
    }
}

/// Files handed to a reading thread at once: waking it costs more than a small file does.
const BATCH: usize = 256;

/// Bytes of names asked of the kernel at once.
const NAMES: usize = 32 << 10;

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
    /// The root's file system.
    device: u64,
    /// Directories met and not listed yet.
    todo: Vec<Met>,
    /// What the kernel writes the names of a directory into.
    buffer: Vec<u8>,
}

/// A directory that was met.
struct Met {
    path: Vec<u8>,
    /// The entry of the directory it lies in.
    parent: u32,
    /// That directory, unless too many are open.
    directory: Option<Rc<OwnedFd>>,
}

/// Directories are kept open down to this depth, so that what lies in them is found without the whole path.
const OPEN: usize = 64;

/// The names in a directory, each with what the file system says it is.
type Names = Vec<(CString, FileType)>;

impl Walk<'_> {
    fn run(&mut self, send: &mut impl FnMut(Task)) -> Result<(), TreeError> {
        let failed = |e: Errno| TreeError::Root { path: self.root.shown.clone(), source: e.into() };
        let root = self.root.open_beneath(b"", DIRECTORY).map_err(failed)?;
        self.device = rustix::fs::fstat(&root).map_err(failed)?.st_dev;
        self.list(root, b"", FileIndex::ROOT, send)?;
        while let Some(met) = self.todo.pop() {
            match self.open(&met, DIRECTORY) {
                Ok(fd) => self.directory(fd, &met, send)?,
                // It went away in between, as those of a live system do.
                Err(Errno::NOENT) => {}
                Err(error) => {
                    // It cannot be listed, but it is there.
                    if let Ok(stat) = self.open(&met, OFlags::PATH).and_then(rustix::fs::fstat) {
                        let file = new_file(&stat);
                        self.layer.index.insert_in(met.parent, path::name(&met.path), file);
                    }
                    self.gap(&met.path, io::Error::from(error).to_string());
                }
            }
        }
        Ok(())
    }

    fn open(&self, met: &Met, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        match &met.directory {
            Some(directory) => open_beneath(directory, path::name(&met.path), flags),
            None => self.root.open_beneath(&met.path, flags),
        }
    }

    /// A directory below the root.
    fn directory(&mut self, fd: OwnedFd, met: &Met, send: &mut impl FnMut(Task)) -> Result<(), TreeError> {
        let path = &met.path[..];
        let stat = match rustix::fs::fstat(&fd) {
            Ok(stat) => stat,
            Err(error) => {
                self.gap(path, io::Error::from(error).to_string());
                return Ok(());
            }
        };
        let file = NewFile { opaque: self.layout == Layout::Overlay && is_opaque(&fd), ..new_file(&stat) };
        let id = self.layer.index.insert_in(met.parent, path::name(path), file);
        let elsewhere = stat.st_dev != self.device && self.other_file_system(path, &fd);
        if elsewhere || self.left_out(path) {
            return Ok(());
        }
        self.list(fd, path, id, send)
    }

    /// What lies in a directory.
    fn list(
        &mut self,
        fd: OwnedFd,
        path: &[u8],
        id: u32,
        send: &mut impl FnMut(Task),
    ) -> Result<(), TreeError> {
        let names = self.names(&fd, path);
        let fd = Rc::new(fd);
        let depth = path.split(|&b| b == b'/').count();
        let met = |path| Met { path, parent: id, directory: (depth < OPEN).then(|| fd.clone()) };
        for (name, kind) in names {
            if self.counters.entries.fetch_add(1, Ordering::Relaxed) >= self.limits.entries {
                return Err(TreeError::Entries { path: self.root.shown.clone(), limit: self.limits.entries });
            }
            let mut full = path.to_vec();
            if !full.is_empty() {
                full.push(b'/');
            }
            full.extend_from_slice(name.to_bytes());
            if full.len() > path::MAX {
                self.gap(&full, path::PathError::TooLong.to_string());
                continue;
            }
            self.layer.stats.entries += 1;
            if kind == FileType::Directory {
                self.todo.push(met(full));
                continue;
            }
            match rustix::fs::statat(&*fd, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                    self.todo.push(met(full));
                }
                Ok(stat) => self.entry(full, id, &stat, &fd, &name, send),
                // It went away in between, as files of a live system do.
                Err(Errno::NOENT) => {}
                Err(error) => self.gap(&full, io::Error::from(error).to_string()),
            }
        }
        Ok(())
    }

    /// Sorted, so that the same tree always gives the same index.
    fn names(&mut self, fd: &OwnedFd, path: &[u8]) -> Names {
        let mut names = Vec::new();
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut entries = RawDir::new(fd, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) => names.push((entry.file_name().to_owned(), entry.file_type())),
                Err(error) => {
                    self.gap(path, io::Error::from(error).to_string());
                    break;
                }
            }
        }
        self.buffer = buffer;
        names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        names
    }

    /// Anything but a directory.
    fn entry(
        &mut self,
        full: Vec<u8>,
        parent: u32,
        stat: &Stat,
        directory: &OwnedFd,
        name: &CStr,
        send: &mut impl FnMut(Task),
    ) {
        let mut file = new_file(stat);
        let (mut link, mut capabilities) = (Vec::new(), None);
        match file.kind {
            FileKind::File => {
                let inode = (stat.st_dev, stat.st_ino);
                if let Some(first) = self.links.get(&inode) {
                    file.kind = FileKind::Hardlink;
                    file.size = 0;
                    link.clone_from(first);
                } else if stat.st_nlink > 1 {
                    self.links.insert(inode, full.clone());
                }
                if file.mode & 0o111 != 0 {
                    capabilities = self
                        .root
                        .open_beneath(&full, OFlags::RDONLY)
                        .ok()
                        .and_then(|fd| xattr(&fd, c"security.capability"));
                }
            }
            FileKind::Symlink => {
                if let Ok(target) = rustix::fs::readlinkat(directory, name, Vec::new()) {
                    link = target.into_bytes();
                }
            }
            FileKind::Special if self.layout == Layout::Overlay && is_whiteout(stat) => {
                file.kind = FileKind::Whiteout;
            }
            _ => {}
        }
        file.link = &link;
        file.capabilities = capabilities.as_deref();
        let (kind, size, mode) = (file.kind, file.size, file.mode);
        let id = self.layer.index.insert_in(parent, name.to_bytes(), file);
        if kind == FileKind::File {
            self.layer.stats.content_size += size;
            send(Task { id, path: full, size, mode });
        }
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
        let shown = if path.is_empty() { "/".into() } else { path::display(path).into_owned() };
        self.layer.gap(&Aspect::FILES, Reason::at(shown, why));
    }
}

/// Opens what lies below a directory; neither a link nor `..` leads out.
fn open_beneath(directory: &OwnedFd, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(directory, path, flags, Mode::empty(), resolve)
}

/// How directories are opened.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

fn new_file(stat: &Stat) -> NewFile<'static> {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        _ => FileKind::Special,
    };
    NewFile {
        kind,
        mode: (stat.st_mode & 0o7777) as u16,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: if kind == FileKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 },
        ..NewFile::default()
    }
}

/// Overlayfs keeps a whiteout as a character device 0/0.
fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Whether overlayfs hides what lower layers have in a directory.
fn is_opaque(fd: &OwnedFd) -> bool {
    [c"trusted.overlay.opaque", c"user.overlay.opaque"]
        .into_iter()
        .any(|name| xattr(fd, name).is_some_and(|value| value == b"y"))
}

/// An extended attribute of up to 256 bytes.
fn xattr(fd: &OwnedFd, name: &CStr) -> Option<Vec<u8>> {
    let mut value = vec![0; 256];
    let n = rustix::fs::fgetxattr(fd, name, &mut value[..]).ok()?;
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
        let analyser = Analyser { catalogers: &[], secrets: false, scope, limits: Limits::DEFAULT };
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
        assert_eq!(index.digest(id).map(|d| d.short()).as_deref(), Some("a8076d3d28d2"));
        let other = index.find(b"bin/zool").expect("indexed");
        assert_eq!((index.entry(other).kind, index.link(other)), (FileKind::Hardlink, &b"bin/tool"[..]));
        let link = index.find(b"bin/passwd").expect("indexed");
        assert_eq!((index.entry(link).kind, index.link(link)), (FileKind::Symlink, &b"/etc/passwd"[..]));
        assert_eq!(layer.stats.content_size, 10);
        assert!(layer.gaps.is_empty());
    }

    #[test]
    fn a_missing_root_is_an_error_that_names_it() {
        let error = Root::open(Path::new("/no/such/root")).expect_err("missing");
        assert!(error.to_string().starts_with("/no/such/root cannot be read: "), "{error}");
    }
}
