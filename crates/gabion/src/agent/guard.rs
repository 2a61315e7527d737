//! What is the agent's own: rules leave its processes alone, and tell whoever else touches it (`gabion.touches_agent`).

use super::AgentArgs;
use gabion_detect::state::Guard;
use gabion_model::event::{Executable, Task};
use gabion_node::sensor::Objects;
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

const SECOND: u64 = 1_000_000_000;

/// What does not change while the agent runs.
#[derive(Debug)]
pub(super) struct Own {
    /// Device, inode and time of change of the program. Content cannot change without the last, so this stands for its digest.
    program: Option<(u64, u64, u64)>,
    /// As `/proc/self/cgroup` has it.
    group: Vec<u8>,
    paths: Vec<PathBuf>,
}

impl Own {
    /// Of this process, with these files.
    pub(super) fn new(args: &AgentArgs) -> Self {
        let program = fs::metadata("/proc/self/exe").ok().map(|meta| {
            let changed = meta.ctime().cast_unsigned() * SECOND + meta.ctime_nsec().cast_unsigned();
            (meta.dev(), meta.ino(), changed)
        });
        let given =
            args.rules.iter().chain(&args.respond).chain(&args.policy).chain([&args.state, &args.socket]);
        let whole = |path: &PathBuf| fs::canonicalize(path).or_else(|_| std::path::absolute(path)).ok();
        Self {
            program,
            group: fs::read("/proc/self/cgroup").unwrap_or_default(),
            paths: given.filter_map(whole).chain(std::env::current_exe()).collect(),
        }
    }

    /// Whether a process is one that the agent has started: its program, in its control group.
    pub(super) fn is_started_by_it(&self, task: Task, exe: &Executable) -> bool {
        self.program == Some((exe.dev, exe.ino, exe.ctime))
            && fs::read(format!("/proc/{}/cgroup", task.pid)).is_ok_and(|group| group == self.group)
    }

    /// Looks again at what changes: threads, files, what is in the kernel.
    pub(super) fn refresh(&self, guard: &mut Guard, keeper: Option<(u32, &Path)>, objects: &[Objects]) {
        let processes = [Some(std::process::id()), keeper.map(|(pid, _)| pid)];
        guard.threads = processes.into_iter().flatten().flat_map(threads).collect();
        guard.tasks.retain(|task| fs::exists(format!("/proc/{}", task.pid)).unwrap_or(true));
        let memory = guard.threads.iter().map(|thread| format!("/proc/{thread}").into());
        let paths: Vec<PathBuf> =
            self.paths.iter().cloned().chain(keeper.map(|(_, pins)| pins.to_owned())).chain(memory).collect();
        guard.files = paths
            .iter()
            .filter_map(|path| fs::metadata(path).ok())
            .filter(fs::Metadata::is_file)
            .map(|meta| (meta.dev(), meta.ino()))
            .collect();
        guard.paths = paths.into_iter().map(|path| path.into_os_string().into_encoded_bytes()).collect();
        guard.maps = objects.iter().flat_map(|objects| &objects.maps).map(|&id| id.into()).collect();
        guard.links = objects.iter().flat_map(|objects| &objects.links).map(|&id| id.into()).collect();
    }
}

/// The numbers of all threads of a process.
fn threads(process: u32) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}
