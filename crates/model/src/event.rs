//! What happens on a node: one [`Event`] for each thing that a process did, whoever saw it.
//!
//! The sensor of the agent and the readers of recordings make events; rules, baselines and incidents take them. An event
//! is complete: what a file descriptor stands for is told with it ([`Fd`]), as the sensor asks the kernel at that moment,
//! so nobody who takes events keeps a table of descriptors. Only processes and containers are told once, when they
//! start ([`Subject`]), and referred to by [`Task`] and [`ContainerKey`] from then on.
//!
//! ```text
//!   clone   task = the parent     subject = Child          the child is what its parent is
//!   execve  task = the process    subject = Process        it is this program now
//!   openat  task                  fd = the file            args: fd, dirfd, name, flags, mode, dev, ino
//!   connect task                  fd = socket, both ends   args: res, tuple, fd
//! ```
//!
//! The arguments of a kind are those of Falco's events, by name and order ([`EventKind::args`]), so that
//! `evt.arg.flags` of a rule means here what it means there. What Falco repeats with each `clone` and `execve` about the
//! process itself is in [`Subject`] and no argument.
//!
//! What `fd` is, where a call has more than one descriptor or none:
//!
//! - `open` and its kind: the file, with the path it would have had if the call failed (`number` is negative then);
//! - calls with one `dirfd` (`mkdirat`, `unlinkat`, `fchmodat`, ...): that directory; so a relative path can be completed;
//! - `dup`: the new descriptor;
//! - `bpf`: the map or link that the command changes, whose number stands in place of an inode;
//! - `sendto` and its kind: both ends, also the one that only this call names. Whether the call named it is told by
//!   the argument `tuple`, which is not known on a connected socket.

mod args;
mod fd;
mod kind;
mod process;

pub use args::{ArgKind, ArgSpec, FILE_CREATED, Value};
pub use fd::{Endpoint, Fd, FdKind, Transport};
pub use kind::{Category, EventKind};
pub use process::{Child, Credentials, Executable, InImage, Process, Task};

use crate::workload::{Container, ContainerKey};

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its number in the stream, from 1; a gap is a drop.
    pub number: u64,
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// On which processor.
    pub cpu: u16,
    /// What.
    pub kind: EventKind,
    /// Who.
    pub task: Task,
    /// In which container.
    pub container: ContainerKey,
    /// What the kernel answered: a number that is an error (`-ENOENT`) if negative.
    pub result: i64,
    /// What the call worked on, if that is a descriptor.
    pub fd: Option<Fd<'a>>,
    /// The arguments, in the order of [`EventKind::args`]; fewer if some are not known.
    pub args: &'a [Value<'a>],
    /// What is new from here on.
    pub subject: Subject<'a>,
    /// What was decided about it.
    pub verdict: Verdict,
}

/// What an event makes known.
#[derive(Clone, Copy, Debug, Default)]
pub enum Subject<'a> {
    /// Nothing beyond itself.
    #[default]
    None,
    /// The task is this process from here on: it has executed a program, or was found running.
    Process(&'a Process),
    /// The task has made this one.
    Child(Child),
    /// A container has started, or more is known of it than before.
    Container(&'a Container),
}

/// What enforcement did about an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was decided.
    #[default]
    None,
    /// It was let through by a policy.
    Allowed,
    /// It would have been denied, were the mode enforce.
    WouldDeny(Rung),
    /// The call failed with EPERM, or the process was killed before its first instruction.
    Denied(Rung),
}

/// By what means something was denied: the rung of the enforcement ladder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rung {
    /// A BPF program at a hook of the Linux security module framework: EPERM.
    Lsm,
    /// A permission event of fanotify: EPERM.
    Fanotify,
    /// A signal before the first instruction.
    Kill,
    /// A BPF program of the control group: EPERM.
    Cgroup,
}
