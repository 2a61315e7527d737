//! What is the agent's own, so that whoever else touches it can be told.

use gabion_model::event::Task;
use std::collections::BTreeSet;

/// What is the agent's own. Nothing, where there is no agent: in a replay.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    /// Its processes and those that it has started, which rules leave alone.
    pub tasks: BTreeSet<Task>,
    /// The numbers of all threads of the agent itself and of the keeper.
    pub threads: BTreeSet<u32>,
    /// Files and directories on the host, by their absolute paths.
    pub paths: Vec<Vec<u8>>,
    /// Files, however they are called: device and inode.
    pub files: BTreeSet<(u64, u64)>,
    /// BPF maps by number.
    pub maps: BTreeSet<u64>,
    /// BPF links by number.
    pub links: BTreeSet<u64>,
}

impl Guard {
    /// Whether this is a process of the agent. Threads of one have its number and start.
    pub fn is_own(&self, task: Task) -> bool {
        // There are few, and of one process there is only one.
        self.tasks.iter().any(|own| own.pid == task.pid && own.start == task.start)
    }

    /// Whether a path on the host is one of those, or lies beneath one.
    pub fn has_path(&self, path: &[u8]) -> bool {
        let beneath = |own: &Vec<u8>| {
            path.strip_prefix(own.as_slice()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        };
        self.paths.iter().any(beneath)
    }
}
