//! Files in which a runtime keeps what it knows, read as if somebody else had written them.
//!
//! A directory of state is opened once; beneath it no link is followed, only regular files of the runtime's own user are
//! read, and only up to a size. So a container, or the user of a rootless runtime, cannot make the agent read another
//! file than the one it asked for.

use rustix::{
    fd::OwnedFd,
    fs::{FileType, Mode, OFlags, ResolveFlags, Stat},
    io::Errno,
};
use serde::de::DeserializeOwned;
use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

/// A file of state larger than this is refused.
pub(super) const MAX_FILE: u64 = 16 << 20;
/// A directory of more entries than this is read in part.
const MAX_ENTRIES: usize = 256;

/// Why a file of state says nothing.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Not there: not yet, no longer, or elsewhere.
    #[error("{path} is not there")]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be opened or read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A link, a pipe, or a file of somebody else.
    #[error("{path} is not a regular file of user {owner}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Who should own it.
        owner: u32,
    },
    /// Not what the runtime writes.
    #[error("{path} is not the JSON that the runtime writes")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl StateError {
    /// It is not there, rather than unreadable.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. })
    }
}

/// A directory of state.
#[derive(Debug)]
pub(super) struct State {
    directory: OwnedFd,
    path: PathBuf,
    owner: u32,
}

/// What tells whether a file has changed.
pub(super) type Stamp = (u64, u64, i64, u64, i64);

impl State {
    /// The directory itself may be a link (`/var/lib/docker` often is one); `owner` is the runtime's user.
    pub(super) fn open(path: &Path, owner: u32) -> Result<Self, StateError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| failed(path.to_owned(), errno, owner))?;
        Ok(Self { directory, path: path.to_owned(), owner })
    }

    fn at(&self, name: &str, flags: OFlags) -> Result<(OwnedFd, PathBuf), StateError> {
        let path = self.path.join(name);
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        loop {
            match rustix::fs::openat2(&self.directory, name, flags, Mode::empty(), resolve) {
                Ok(file) => return Ok((file, path)),
                // A rename elsewhere came in between; the kernel asks to try again.
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(failed(path, errno, self.owner)),
            }
        }
    }

    fn file(&self, name: &str) -> Result<(OwnedFd, PathBuf, Stat), StateError> {
        // Without waiting: opening a pipe would.
        let (file, path) = self.at(name, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let stat = rustix::fs::fstat(&file).map_err(|errno| failed(path.clone(), errno, self.owner))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_uid != self.owner {
            return Err(StateError::Foreign { path, owner: self.owner });
        }
        Ok((file, path, stat))
    }

    /// What changes when the file does.
    pub(super) fn stamp(&self, name: &str) -> Result<Stamp, StateError> {
        let (_, _, stat) = self.file(name)?;
        Ok((stat.st_dev, stat.st_ino, stat.st_mtime, stat.st_mtime_nsec, stat.st_size))
    }

    /// The whole file.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>, StateError> {
        let (file, path, _) = self.file(name)?;
        let mut bytes = Vec::new();
        gabion_caps::Capped::new(File::from(file), "the state of a runtime", MAX_FILE)
            .read_to_end(&mut bytes)
            .map_err(|source| StateError::Io { path, source })?;
        Ok(bytes)
    }

    /// The whole file, as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, StateError> {
        serde_json::from_slice(&self.read(name)?)
            .map_err(|source| StateError::Json { path: self.path.join(name), source })
    }

    /// Whether there is a directory of that name.
    pub(super) fn has_directory(&self, name: &str) -> bool {
        self.at(name, OFlags::PATH | OFlags::DIRECTORY).is_ok()
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Names of directories, sorted.
    pub(super) fn directories(&self) -> Result<Vec<String>, StateError> {
        let (directory, path) = self.at(".", OFlags::RDONLY | OFlags::DIRECTORY)?;
        let fail = |errno| failed(path.clone(), errno, self.owner);
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::new(directory).map_err(fail)?.take(MAX_ENTRIES) {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if super::recognise::is_id(&name) && entry.file_type() == FileType::Directory {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }
}

fn failed(path: PathBuf, errno: Errno, owner: u32) -> StateError {
    match errno {
        Errno::NOENT | Errno::NOTDIR => StateError::Absent { path },
        Errno::LOOP | Errno::XDEV => StateError::Foreign { path, owner },
        errno => StateError::Io { path, source: errno.into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    #[test]
    fn only_regular_files_beneath_are_read_and_absent_is_not_unreadable() {
        let home = tempfile::tempdir().expect("a directory");
        let owner = rustix::process::getuid().as_raw();
        let inside = home.path().join("state/a");
        fs::create_dir_all(&inside).expect("makes");
        fs::write(home.path().join("secret"), "[7]").expect("writes");
        fs::write(inside.join("good"), "[1]").expect("writes");
        fs::write(inside.join("bad"), "{").expect("writes");
        symlink("../../secret", inside.join("link")).expect("links");
        symlink("a", home.path().join("state/b")).expect("links");
        symlink("state", home.path().join("elsewhere")).expect("links");
        rustix::fs::mknodat(rustix::fs::CWD, inside.join("pipe"), FileType::Fifo, Mode::RWXU, 0)
            .expect("a pipe");
        let state = State::open(&home.path().join("elsewhere"), owner).expect("opens through a link");
        assert_eq!(state.json::<Vec<u8>>("a/good").expect("reads"), [1]);
        assert_eq!(state.directories().expect("lists"), ["a"]);
        for (name, wanted) in [
            ("a/none", "is not there"),
            ("a/good/x", "is not there"),
            ("a/bad", "is not the JSON"),
            ("a/link", "is not a regular file"),
            ("a/pipe", "is not a regular file"),
            ("b/good", "is not a regular file"),
            ("../secret", "is not a regular file"),
            ("a", "is not a regular file"),
        ] {
            let error = state.json::<Vec<u8>>(name).expect_err(name);
            assert!(error.to_string().contains(wanted), "{name}: {error}");
            assert_eq!(error.is_absent(), wanted == "is not there", "{name}");
        }
        let error = State::open(&home.path().join("state"), owner + 1).expect("opens").read("a/good");
        assert!(matches!(error, Err(StateError::Foreign { .. })), "{error:?}");
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused() {
        let home = tempfile::tempdir().expect("a directory");
        let file = File::create(home.path().join("large")).expect("creates");
        file.set_len(MAX_FILE + 1).expect("is sparse");
        let state = State::open(home.path(), rustix::process::getuid().as_raw()).expect("opens");
        let error = state.read("large").expect_err("too large");
        let StateError::Io { source, .. } = error else { panic!("{error}") };
        assert!(source.to_string().contains("more than the limit"), "{source}");
    }
}
