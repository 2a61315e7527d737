//! fanotify: the kernel asks before a program is executed or a file opened, and waits for the answer.
//!
//! One of the two places of this crate with `unsafe`: no library at hand has these two calls.

#![allow(
    unsafe_code,
    reason = "two system calls, and descriptors that the kernel hands over; see the module's documentation"
)]

use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    io,
};
use std::{ffi::CString, fs::File, os::unix::ffi::OsStrExt as _, path::Path};

/// A program is about to be executed.
pub(super) const EXEC: u64 = libc::FAN_OPEN_EXEC_PERM;
/// A file is about to be opened.
pub(super) const OPEN: u64 = libc::FAN_OPEN_PERM;

/// Size of the header of an event, and of the buffer that takes some.
const HEAD: usize = 24;
const BUFFER: usize = 64 * HEAD;

/// Where a mark is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// A mount.
    Mount,
    /// A file system, through whatever mount.
    FileSystem,
}

/// A group: a queue of questions. If it is closed, all are answered with yes.
#[derive(Debug)]
pub(super) struct Group(OwnedFd);

/// A question.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) mask: u64,
    pub(super) pid: u32,
    /// What it is about, opened for reading. The answer names it.
    pub(super) file: File,
}

impl Group {
    pub(super) fn new() -> io::Result<Self> {
        let flags = libc::FAN_CLASS_CONTENT
            | libc::FAN_CLOEXEC
            | libc::FAN_NONBLOCK
            | libc::FAN_UNLIMITED_QUEUE
            | libc::FAN_UNLIMITED_MARKS;
        let events = (libc::O_RDONLY | libc::O_CLOEXEC | libc::O_LARGEFILE).cast_unsigned();
        // SAFETY: two numbers go in, a descriptor or an error comes out.
        let group = unsafe { libc::fanotify_init(flags, events) };
        // SAFETY: a new descriptor that nobody else has.
        checked(group).map(|group| Self(unsafe { OwnedFd::from_raw_fd(group) }))
    }

    /// Asks for events of what is mounted at a path from now on.
    pub(super) fn mark(&self, on: On, mask: u64, path: &Path) -> io::Result<()> {
        let on = match on {
            On::Mount => libc::FAN_MARK_MOUNT,
            On::FileSystem => libc::FAN_MARK_FILESYSTEM,
        };
        self.change(libc::FAN_MARK_ADD | on, mask, path)
    }

    /// Asks nothing about an open file, until it is written to.
    pub(super) fn ignore(&self, mask: u64, file: BorrowedFd<'_>) -> io::Result<()> {
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        self.change(libc::FAN_MARK_ADD | libc::FAN_MARK_IGNORED_MASK, mask, Path::new(&link))
    }

    /// Asks about all files again.
    pub(super) fn ignore_none(&self) -> io::Result<()> {
        self.change(libc::FAN_MARK_FLUSH, 0, Path::new("/"))
    }

    fn change(&self, how: u32, mask: u64, path: &Path) -> io::Result<()> {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| io::Errno::INVAL)?;
        // SAFETY: the path ends with a zero byte and is read only.
        let done =
            unsafe { libc::fanotify_mark(self.0.as_raw_fd(), how, mask, libc::AT_FDCWD, path.as_ptr()) };
        checked(done).map(|_| ())
    }

    /// The questions that wait, some of them; none if there is none.
    pub(super) fn asked(&self) -> io::Result<Vec<Asked>> {
        let mut buffer = [0; BUFFER];
        let size = match io::read(&self.0, &mut buffer) {
            Ok(size) => size,
            Err(io::Errno::AGAIN | io::Errno::INTR) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut asked = Vec::new();
        let mut rest = &buffer[..size];
        while let Some(head) = rest.first_chunk::<HEAD>() {
            let word = |at: usize| i32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
            let length = word(0).cast_unsigned() as usize;
            let mask = u64::from(word(8).cast_unsigned()) | u64::from(word(12).cast_unsigned()) << 32;
            let (file, pid) = (word(16), word(20).cast_unsigned());
            if file >= 0 {
                // SAFETY: the kernel has just made this descriptor for us, and told it once.
                asked.push(Asked { mask, pid, file: unsafe { File::from_raw_fd(file) } });
            }
            rest = rest.get(length.max(HEAD)..).unwrap_or_default();
        }
        Ok(asked)
    }

    /// Answers a question. Whoever asked may have been killed; then nobody listens.
    pub(super) fn answer(&self, file: BorrowedFd<'_>, allow: bool) {
        let response = if allow { libc::FAN_ALLOW } else { libc::FAN_DENY };
        let mut answer = [0; 8];
        answer[..4].copy_from_slice(&file.as_raw_fd().to_ne_bytes());
        answer[4..].copy_from_slice(&response.to_ne_bytes());
        let _ = io::write(&self.0, &answer);
    }
}

impl AsFd for Group {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn checked(result: i32) -> io::Result<i32> {
    if result >= 0 {
        return Ok(result);
    }
    let error = std::io::Error::last_os_error();
    Err(io::Errno::from_io_error(&error).unwrap_or(io::Errno::INVAL))
}
