//! What can be done about a process or a container, by whoever has decided to: end it, hold it still, cut it off the network, keep
//! what it leaves behind. Nothing here decides; guard rails are the caller's.
//!
//! ```text
//!   kill       a process (by number and start), with or without what it started; a whole container
//!   freeze     a container: nothing in it runs until it is thawed
//!   isolate    a container: no packet in or out, but loopback, name servers and peers that are named; until it is released
//!   evidence   processes, their maps and programs, what was written to the upper layer
//! ```
//! Freezing and isolation last as long as the control group, also without the agent: the kernel holds both.

mod evidence;
mod freeze;
mod isolate;
mod kill;

pub use evidence::{Collected, Limits, collect};
pub use freeze::{freeze, kill_all, members, thaw};
pub use isolate::{Dropped, isolate, release};
pub use kill::{kill, kill_tree};

use std::{io, path::PathBuf};

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum RespondError {
    /// The process is not there any more, or its number was given to another.
    #[error("process {0} has ended")]
    Ended(u32),
    /// No process ends the first one.
    #[error("process {0} is never ended by a response")]
    Untouchable(u32),
    /// There is no hierarchy of control groups in which this can be done.
    #[error("no control groups of version 2 are mounted")]
    NoCgroups,
    /// A file of the kernel or of the disk could not be read or written.
    #[error("{}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The kernel refused a call.
    #[error("cannot {what}")]
    Call {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The programs that isolate could not be loaded or attached.
    #[error("cannot isolate: {0}")]
    Isolation(String),
    /// It did not come to rest in time.
    #[error("its processes did not come to rest in time")]
    Restless,
}

impl RespondError {
    fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
