//! Processes: who they are, and what they are from their last `execve` on.

use crate::digest::Digest;

/// A thread of a process. A process is named by its number and the time of its start, so that a number that
/// was given again never names another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    /// The process, by its number on the node; 0 if it has ended before it could be looked at.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
    /// When the process started, in nanoseconds since the node did; 0 if not known.
    pub start: u64,
}

/// What `clone`, `fork` and `vfork` make. All else the child has from its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// The new thread or process.
    pub task: Task,
    /// Its process number inside its container.
    pub vpid: u32,
    /// A thread of the parent's own process.
    pub thread: bool,
}

/// A process from its last `execve` on (or since it was found running).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its parent; 0 if there is none.
    pub parent: u32,
    /// Its number inside its container, and its session's and process group's there.
    pub vpid: u32,
    /// Number of its session inside the container.
    pub vsid: u32,
    /// Number of its process group inside the container.
    pub vpgid: u32,
    /// Number of its session on the node.
    pub sid: u32,
    /// Number of its process group on the node.
    pub pgid: u32,
    /// Its name as the kernel keeps it: at most 15 bytes.
    pub comm: Vec<u8>,
    /// The arguments, the first being what the program is called as. Not necessarily all: see `args_cut`.
    pub args: Vec<Vec<u8>>,
    /// How many bytes of arguments were left out.
    pub args_cut: u32,
    /// The environment, as far as it was asked for: `NAME=value`.
    pub env: Vec<Vec<u8>>,
    /// How many bytes of the environment were not looked at: a variable that is not here may be there.
    pub env_cut: u32,
    /// The working directory.
    pub cwd: Vec<u8>,
    /// Number of its controlling terminal; 0 if it has none.
    pub tty: u32,
    /// Who it runs as.
    pub credentials: Credentials,
    /// What it executes.
    pub exe: Executable,
    /// It was found running, not seen starting: times and arguments are what `/proc` says.
    pub found: bool,
    /// When it executed the program, in nanoseconds since 1970; 0 if not known.
    pub exec_time: u64,
}

/// Who a process runs as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Who logged in; `u32::MAX` if nobody did.
    pub loginuid: u32,
    /// Capabilities that an `execve` may keep.
    pub inheritable: u64,
    /// Capabilities it may use.
    pub permitted: u64,
    /// Capabilities it uses.
    pub effective: u64,
}

/// The program of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executable {
    /// Its absolute path, in the mount namespace of the process.
    pub path: Vec<u8>,
    /// Its device; 0 if not known.
    pub dev: u64,
    /// Its inode; 0 if not known.
    pub ino: u64,
    /// When its inode changed last, in nanoseconds since 1970.
    pub ctime: u64,
    /// When its content changed last, in nanoseconds since 1970.
    pub mtime: u64,
    /// It lies in the upper layer of an overlay: written since the container started.
    pub upper_layer: bool,
    /// It lies in memory only (`memfd_create`).
    pub memfd: bool,
    /// The process may write to it.
    pub writable: bool,
    /// Whether it is a file of the image.
    pub in_image: InImage,
    /// Its content, if it was hashed.
    pub digest: Option<Digest>,
}

/// Whether a program is a file of the image of its container, with the content it has there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InImage {
    /// It is.
    Yes,
    /// It is not: it was brought or changed since.
    No,
    /// There is no index of the image, or it could not be read.
    #[default]
    Unknown,
}
