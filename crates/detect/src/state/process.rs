//! One process, as it is now.

use super::{path, processes::Slot};
use gabion_model::{
    event::{Event, EventKind as K, FdKind, Process, Task, Value},
    workload::ContainerKey,
};
use std::sync::Arc;

/// `PR_SET_NAME`.
const SET_NAME: u64 = 15;

/// One process, as it is now.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number and start.
    pub task: Task,
    /// Its program and credentials; shared with the parent until one of them changes.
    pub process: Arc<Process>,
    /// Its number inside its container.
    pub vpid: u32,
    /// The number of its parent.
    pub parent_pid: u32,
    /// Where it runs.
    pub container: ContainerKey,
    /// Another number after each change of what is known of it; no two processes have the same.
    pub generation: u64,
    /// Its user before it last changed it, or executed a program; none since it was made.
    pub previous_uid: Option<u32>,
    /// Threads besides the first.
    pub threads: u32,
    /// When it was seen starting, in nanoseconds since 1970; 0 if it was found running.
    pub seen: u64,
    /// When it ended.
    pub ended: Option<u64>,
    pub(super) links: Links,
}

/// Its place in the tree of processes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Links {
    pub(super) parent: Option<Slot>,
    pub(super) first_child: Option<Slot>,
    pub(super) next: Option<Slot>,
    pub(super) previous: Option<Slot>,
    /// It waits in the queue of those that have ended.
    pub(super) queued: bool,
}

impl Entry {
    /// The arguments without the first.
    pub fn arguments(&self) -> &[Vec<u8>] {
        self.process.args.get(1..).unwrap_or_default()
    }

    /// The first argument: what the program is called as.
    pub fn exe(&self) -> &[u8] {
        self.process.args.first().map_or(&[], Vec::as_slice)
    }

    /// The value of a variable of the environment.
    pub fn variable(&self, name: &[u8]) -> Option<&[u8]> {
        self.process
            .env
            .iter()
            .find_map(|variable| variable.strip_prefix(name).and_then(|rest| rest.strip_prefix(b"=")))
    }

    /// Whether it has living or kept children.
    pub fn has_children(&self) -> bool {
        self.links.first_child.is_some()
    }

    /// Whether it runs in a process namespace of its own.
    pub fn is_in_namespace(&self) -> bool {
        self.vpid != self.task.pid
    }

    /// Changes what a call changes. Tells what of it others see, too.
    pub(super) fn change(&mut self, event: &Event<'_>) -> Change {
        let uint = |index: usize| match event.args.get(index) {
            Some(Value::Uint(value)) => Some(*value),
            Some(Value::Int(value)) => u64::try_from(*value).ok(),
            _ => None,
        };
        // -1, and what is not known, leave the id as it is.
        let id = |index: usize| uint(index).map(|value| value as u32).filter(|&id| id != u32::MAX);
        if event.result < 0 {
            return Change::None;
        }
        match event.kind {
            K::Setuid | K::Setresuid | K::Setreuid => {
                self.previous_uid = Some(self.process.credentials.uid);
                if let Some(uid) = id(if event.kind == K::Setuid { 1 } else { 2 }) {
                    Arc::make_mut(&mut self.process).credentials.uid = uid;
                }
                Change::Own
            }
            K::Setgid | K::Setresgid | K::Setregid => {
                let Some(gid) = id(if event.kind == K::Setgid { 1 } else { 2 }) else { return Change::None };
                Arc::make_mut(&mut self.process).credentials.gid = gid;
                Change::Own
            }
            K::Capset => {
                let credentials = &mut Arc::make_mut(&mut self.process).credentials;
                for (index, set) in [
                    (1, &mut credentials.inheritable),
                    (2, &mut credentials.permitted),
                    (3, &mut credentials.effective),
                ] {
                    *set = uint(index).unwrap_or(*set);
                }
                Change::Own
            }
            K::Chdir | K::Fchdir => {
                let to = match (event.args.get(1), event.fd.map(|fd| fd.kind)) {
                    (Some(Value::Bytes(path)), _) => *path,
                    (_, Some(FdKind::Directory(path))) => path,
                    _ => return Change::None,
                };
                let mut cwd = Vec::new();
                path::join(&self.process.cwd, to, &mut cwd);
                Arc::make_mut(&mut self.process).cwd = cwd;
                Change::Own
            }
            K::Setsid => {
                let process = Arc::make_mut(&mut self.process);
                (process.sid, process.pgid) = (self.task.pid, self.task.pid);
                (process.vsid, process.vpgid) = (self.vpid, self.vpid);
                process.tty = 0;
                Change::Own
            }
            K::Prctl if uint(1) == Some(SET_NAME) && event.task.tid == event.task.pid => {
                let Some(Value::Bytes(name)) = event.args.get(2) else { return Change::None };
                let name = &name[..name.len().min(15)];
                Arc::make_mut(&mut self.process).comm = name.to_vec();
                Change::Seen
            }
            K::Procexit if event.task.tid == self.task.pid || event.task.tid == 0 => {
                self.ended = Some(event.time);
                let reaper = uint(4).map(|pid| pid as u32).filter(|&pid| pid != 0);
                Change::Ended { reaper }
            }
            K::Procexit => {
                self.threads = self.threads.saturating_sub(1);
                Change::None
            }
            _ => Change::None,
        }
    }
}

/// What a call has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// What only the process itself is asked for.
    Own,
    /// What descendants are asked for, too.
    Seen,
    /// It has ended; its children belong to the reaper, if that is known.
    Ended {
        /// Who.
        reaper: Option<u32>,
    },
}
