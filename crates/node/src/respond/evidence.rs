//! Keeps what a container would take with it: its processes as `/proc` shows them, their programs, and what was written to its upper
//! layer. Everything is copied, nothing is followed: names and content are the container's own and may be hostile.
//!
//! Environments are not kept, as they hold secrets; memory is not, as its maps mostly tell enough.

use super::{RespondError, members};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use std::{
    ffi::{CStr, OsStr},
    fs::{self, File},
    io::{self, Read},
    os::{fd::OwnedFd, unix::ffi::OsStrExt, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

/// What evidence may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one file; more of it is left out.
    pub file: u64,
    /// Bytes in all.
    pub all: u64,
    /// Files.
    pub files: u64,
    /// Processes.
    pub processes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file: 64 << 20, all: 256 << 20, files: 10_000, processes: 1000 }
    }
}

/// What was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Processes.
    pub processes: usize,
    /// Files of the upper layer, and programs.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files and processes that were left out: too many, too large, gone, not readable.
    pub left_out: u64,
}

/// What is kept of each process, by the name it has in `/proc`.
const OF_PROCESS: [&str; 7] = ["cmdline", "status", "maps", "mountinfo", "cgroup", "net/tcp", "net/tcp6"];

/// Collects from a group into a new directory.
pub fn collect(group: &[u8], into: &Path, limits: Limits) -> Result<Collected, RespondError> {
    fs::create_dir_all(into).map_err(RespondError::file(into))?;
    let mut store = Store { limits, so_far: Collected::default() };
    let members = members(group)?;
    store.so_far.left_out += members.len().saturating_sub(limits.processes) as u64;
    let mut upper = None;
    for pid in members.into_iter().take(limits.processes) {
        let process = PathBuf::from(format!("/proc/{pid}"));
        let kept = into.join("processes").join(pid.to_string());
        fs::create_dir_all(&kept).map_err(RespondError::file(&kept))?;
        for name in OF_PROCESS {
            store.copy(&process.join(name), &kept.join(name.replace('/', "-")));
        }
        // A link to what it runs: opened, it is the program, also if it was removed or lies in memory only.
        store.copy(&process.join("exe"), &kept.join("exe"));
        let descriptors = links(&process.join("fd"));
        fs::write(kept.join("fd"), descriptors).map_err(RespondError::file(kept.join("fd")))?;
        store.so_far.processes += 1;
        if upper.is_none() {
            upper = fs::read(process.join("mountinfo")).ok().and_then(|mounts| upper_layer(&mounts));
        }
    }
    if let Some(upper) = upper {
        store.tree(&upper, &into.join("upper"))?;
    }
    Ok(store.so_far)
}

struct Store {
    limits: Limits,
    so_far: Collected,
}

impl Store {
    /// Copies a file, as far as the limits allow; whether it could be copied is counted.
    fn copy(&mut self, from: &Path, to: &Path) {
        let source = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(from);
        self.keep(source, to);
    }

    fn keep(&mut self, source: io::Result<File>, to: &Path) {
        let room = self.limits.all.saturating_sub(self.so_far.bytes).min(self.limits.file);
        let copied = source.and_then(|source| {
            let mut target = File::options().write(true).create_new(true).mode(0o600).open(to)?;
            io::copy(&mut source.take(room + 1), &mut target)
        });
        match copied {
            Ok(bytes) if bytes <= room && self.so_far.files < self.limits.files => {
                self.so_far.files += 1;
                self.so_far.bytes += bytes;
            }
            Ok(_) => {
                self.so_far.left_out += 1;
                // It is not whole, so it would mislead.
                let _ = fs::remove_file(to);
            }
            Err(_) => self.so_far.left_out += 1,
        }
    }

    /// Copies the regular files of a tree, and no link is followed.
    fn tree(&mut self, from: &Path, to: &Path) -> Result<(), RespondError> {
        const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
        let root = openat(rustix::fs::CWD, from, DIRECTORY, Mode::empty())
            .map_err(|error| RespondError::file(from)(error.into()))?;
        let mut below = vec![(root, to.to_owned())];
        while let Some((directory, to)) = below.pop() {
            fs::create_dir_all(&to).map_err(RespondError::file(&to))?;
            let Ok(entries) = Dir::read_from(&directory) else {
                self.so_far.left_out += 1;
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") {
                    continue;
                }
                let target = to.join(OsStr::from_bytes(name.to_bytes()));
                match kind(&directory, name) {
                    Some(FileType::Directory) => match openat(&directory, name, DIRECTORY, Mode::empty()) {
                        Ok(open) => below.push((open, target)),
                        Err(_) => self.so_far.left_out += 1,
                    },
                    Some(FileType::RegularFile) => {
                        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                        let open = openat(&directory, name, flags, Mode::empty());
                        self.keep(open.map(File::from).map_err(Into::into), &target);
                    }
                    // Links, devices, pipes and sockets have no content of their own.
                    Some(_) => {}
                    None => self.so_far.left_out += 1,
                }
            }
        }
        Ok(())
    }
}

fn kind(directory: &OwnedFd, name: &CStr) -> Option<FileType> {
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileType::from_raw_mode(stat.st_mode))
}

/// Where the links of a directory point to, a line each.
fn links(directory: &Path) -> Vec<u8> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let to = fs::read_link(entry.path()).unwrap_or_default();
        lines.extend_from_slice(entry.file_name().as_bytes());
        lines.push(b' ');
        lines.extend_from_slice(to.as_os_str().as_bytes());
        lines.push(b'\n');
    }
    lines
}

/// The upper directory of the overlay that a mount namespace has as its root.
fn upper_layer(mounts: &[u8]) -> Option<PathBuf> {
    mounts.split(|&b| b == b'\n').find_map(|line| {
        let mut fields = line.split(|&b| b == b' ');
        (fields.nth(4)? == b"/").then_some(())?;
        let options = fields.next_back()?;
        let upper = options.split(|&b| b == b',').find_map(|option| option.strip_prefix(b"upperdir="))?;
        Some(PathBuf::from(OsStr::from_bytes(upper)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_layer_is_that_of_the_root() {
        let mounts = b"10 1 0:3 / /data rw - overlay o rw,upperdir=/wrong\n\
            11 1 0:4 / / rw,relatime - overlay overlay rw,lowerdir=/l,upperdir=/var/u/1/fs,workdir=/w\n";
        assert_eq!(upper_layer(mounts), Some(PathBuf::from("/var/u/1/fs")));
        assert_eq!(upper_layer(b"11 1 0:4 / / rw - ext4 /dev/vda rw\n\n"), None);
    }

    #[test]
    fn links_are_not_followed_and_limits_hold() {
        let home = tempfile::tempdir().expect("a directory");
        let (from, to) = (home.path().join("from"), home.path().join("to"));
        fs::create_dir_all(from.join("sub")).expect("makes");
        fs::write(from.join("sub/dropped"), b"payload").expect("writes");
        fs::write(from.join("large"), vec![0; 100]).expect("writes");
        std::os::unix::fs::symlink("/etc", from.join("etc")).expect("links");
        std::os::unix::fs::symlink("/etc/shadow", from.join("shadow")).expect("links");
        let limits = Limits { file: 50, ..Limits::default() };
        let mut store = Store { limits, so_far: Collected::default() };
        store.tree(&from, &to).expect("copies");
        assert_eq!(fs::read(to.join("sub/dropped")).expect("reads"), b"payload");
        assert!(!to.join("etc").exists() && !to.join("shadow").exists() && !to.join("large").exists());
        assert_eq!(store.so_far, Collected { processes: 0, files: 1, bytes: 7, left_out: 1 });
    }
}
