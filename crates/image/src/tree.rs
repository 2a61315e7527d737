//! A directory on this machine, read as one layer: a root file system, a container, a snapshot, a source tree.
//!
//! Nothing is opened by a path that an image controls: every open is relative to the root's descriptor, with
//! `openat2` refusing symbolic links and anything above the root. One thread walks and indexes, the others
//! read the files that somebody wants, and list directories ahead of it.

mod desk;
mod list;

use crate::{
    caps::Limits,
    catalog::{Candidate, Scope},
    file_pass::{Analyser, FilePass, Outcome},
    layer::{Counters, LayerFacts},
};
use desk::{Desk, Job, Slot};
use gabion_model::{Aspect, FileIndex, FileKind, NewFile, Reason, path};
use list::{Detail, Entries, Left, Listed, Lister, Met};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat},
    io::Errno,
};
use std::{
    collections::{HashMap, hash_map::Entry},
    ffi::CStr,
    fs::File,
    io,
    ops::Range,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
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

/// Files for a reading thread.
#[derive(Default)]
struct Batch {
    /// All paths, one behind the other.
    paths: Vec<u8>,
    tasks: Vec<Task>,
}

/// One of them.
struct Task {
    id: u32,
    path: Range<usize>,
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
        let failed = |e: Errno| TreeError::Root { path: self.shown.clone(), source: e.into() };
        let root = self.open_beneath(b"", DIRECTORY).map_err(failed)?;
        let lister = Lister {
            root: self,
            layout,
            scope: analyser.scope,
            device: rustix::fs::fstat(&root).map_err(failed)?.st_dev,
            most: analyser.limits.entries,
        };
        let desk = Desk::default();
        let outcomes: Mutex<Vec<(u32, Result<Outcome, io::Error>)>> = Mutex::default();
        let mut walk = Walk {
            root: self,
            lister,
            limits: analyser.limits,
            counters,
            layer: LayerFacts::default(),
            links: HashMap::new(),
            todo: Vec::new(),
            desk: &desk,
            batch: Batch::default(),
        };
        let full = AtomicBool::new(false);
        let walked = std::thread::scope(|scope| {
            // Also if the walk panics: nobody waits for it then.
            let _closing = Closing(&desk);
            for pass in passes {
                let (desk, outcomes, full) = (&desk, &outcomes, &full);
                scope.spawn(move || {
                    while let Some(job) = desk.job() {
                        let batch = match job {
                            Job::Read(batch) => batch,
                            Job::List(slot) => {
                                desk.listed(&slot, lister.list(&slot.met));
                                continue;
                            }
                        };
                        for task in &batch.tasks {
                            let path = &batch.paths[task.path.clone()];
                            let file =
                                Candidate { path, size: task.size, mode: task.mode, scope: analyser.scope };
                            let Some(outcome) = self.file(&file, analyser, pass, counters) else {
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
            let walked = walk.run(root);
            desk.send(std::mem::take(&mut walk.batch));
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
        file: &Candidate<'_>,
        analyser: &Analyser<'_>,
        pass: &mut FilePass,
        counters: &Counters,
    ) -> Option<io::Result<Outcome>> {
        let wanting = analyser.wanting(file);
        if !analyser.needs_content(file, &wanting) {
            return None;
        }
        counters.read.fetch_add(file.size, Ordering::Relaxed);
        let open = self.open_beneath(file.path, OFlags::RDONLY).map_err(io::Error::from);
        Some(open.map(File::from).and_then(|source| pass.in_place(analyser, file, wanting, &source)))
    }
}

/// Files handed to a reading thread at once: waking it costs more than a small file does.
const BATCH: usize = 256;

/// Closes the desk when it goes.
struct Closing<'a>(&'a Desk);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

struct Walk<'a> {
    root: &'a Root,
    lister: Lister<'a>,
    limits: Limits,
    counters: &'a Counters,
    layer: LayerFacts,
    /// First path of each inode that has several.
    links: HashMap<(u64, u64), Vec<u8>>,
    /// Directories met and not walked yet.
    todo: Vec<Arc<Slot>>,
    desk: &'a Desk,
    /// Files for the readers.
    batch: Batch,
}

impl Walk<'_> {
    fn run(&mut self, root: OwnedFd) -> Result<(), TreeError> {
        let entries = self.lister.entries(root);
        self.walk(entries, b"", FileIndex::ROOT)?;
        while let Some(slot) = self.todo.pop() {
            let listed = self.desk.take(&slot, &self.lister);
            self.directory(&slot.met, listed)?;
        }
        Ok(())
    }

    /// A directory below the root.
    fn directory(&mut self, met: &Met, listed: Listed) -> Result<(), TreeError> {
        let path = &met.path[..];
        let mut insert = |stat: &Stat, opaque| {
            let file = NewFile { opaque, ..new_file(stat) };
            self.layer.index.insert_in(met.parent, path::name(path), file)
        };
        match listed {
            Listed::Gone => {}
            Listed::Closed { stat, why } => {
                // It cannot be listed, but it is there.
                if let Some(stat) = stat {
                    insert(&stat, false);
                }
                self.gap(path, why);
            }
            Listed::Left { stat, opaque, why } => {
                insert(&stat, opaque);
                match why {
                    Left::Skipped(why) => self.layer.skipped.push(Reason::at(path::display(path), why)),
                    Left::Unread(why) => self.gap(path, why),
                }
            }
            Listed::Open { stat, opaque, entries } => {
                let id = insert(&stat, opaque);
                self.walk(entries, path, id)?;
            }
        }
        Ok(())
    }

    /// What lies in a directory.
    fn walk(&mut self, mut entries: Entries, path: &[u8], id: u32) -> Result<(), TreeError> {
        if let Some(why) = entries.cut.take() {
            self.gap(path, why);
        }
        let mut mets = Vec::new();
        let mut full = path.to_vec();
        if !full.is_empty() {
            full.push(b'/');
        }
        let directory = full.len();
        for at in 0..entries.len() {
            if self.counters.entries.fetch_add(1, Ordering::Relaxed) >= self.limits.entries {
                return Err(TreeError::Entries { path: self.root.shown.clone(), limit: self.limits.entries });
            }
            let detail = entries.detail(at);
            let name = entries.name(at);
            full.truncate(directory);
            full.extend_from_slice(name);
            if full.len() > path::MAX {
                self.gap(&full, path::PathError::TooLong.to_string());
                continue;
            }
            self.layer.stats.entries += 1;
            match detail {
                Detail::Directory => {
                    let directory = entries.for_children(path);
                    mets.push(Met { path: full.clone(), parent: id, directory });
                }
                Detail::Other { stat, link, capabilities } => {
                    self.entry(&full, name, id, &stat, link, capabilities.as_deref());
                }
                // It went away in between, as files of a live system do.
                Detail::Gone => {}
                Detail::Unknown(why) => self.gap(&full, why),
            }
        }
        self.todo.extend(self.desk.met(mets));
        Ok(())
    }

    /// Anything but a directory.
    fn entry(
        &mut self,
        full: &[u8],
        name: &[u8],
        parent: u32,
        stat: &Stat,
        mut link: Vec<u8>,
        capabilities: Option<&[u8]>,
    ) {
        let mut file = new_file(stat);
        match file.kind {
            FileKind::File if stat.st_nlink > 1 => match self.links.entry((stat.st_dev, stat.st_ino)) {
                Entry::Occupied(first) => {
                    file.kind = FileKind::Hardlink;
                    file.size = 0;
                    link.clone_from(first.get());
                }
                Entry::Vacant(vacant) => _ = vacant.insert(full.to_vec()),
            },
            FileKind::Special if self.lister.layout == Layout::Overlay && is_whiteout(stat) => {
                file.kind = FileKind::Whiteout;
            }
            _ => {}
        }
        file.link = &link;
        file.capabilities = capabilities;
        let (kind, size, mode) = (file.kind, file.size, file.mode);
        let id = self.layer.index.insert_in(parent, name, file);
        if kind == FileKind::File {
            self.layer.stats.content_size += size;
            let before = self.batch.paths.len();
            self.batch.paths.extend_from_slice(full);
            self.batch.tasks.push(Task { id, path: before..self.batch.paths.len(), size, mode });
            if self.batch.tasks.len() == BATCH {
                self.desk.send(std::mem::take(&mut self.batch));
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn read(directory: &Path, scope: Scope) -> LayerFacts {
        let analyser =
            Analyser { catalogers: &[], secrets: false, scope, limits: Limits::DEFAULT, digests: true };
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
