//! What the recording knows at each moment: processes, their descriptors, containers.

use super::super::{Caps, Node, RecordingError};
use super::containers::{Containers, Found};
use super::files::{self, File};
use super::processes::{Running, narrow};
use super::{Take, containers, lists};
use gabion_model::event::{Event, EventKind, Subject, Task, Value, Verdict};
use gabion_model::workload::ContainerKey;
use std::collections::{HashMap, HashSet};

/// Processes, their threads and their containers.
#[derive(Debug)]
pub(super) struct World {
    caps: Caps,
    pub(super) node: Node,
    /// By number; a thread whose process is not known is one by itself.
    pub(super) processes: HashMap<u64, Running>,
    /// The process of each thread that is not the first.
    pub(super) threads: HashMap<u64, u64>,
    pub(super) containers: Containers,
    pub(super) files: usize,
    /// Those found running that nobody was told of yet.
    found: Vec<u64>,
}

impl World {
    pub(super) fn new(caps: Caps) -> Self {
        Self {
            caps,
            node: Node::default(),
            processes: HashMap::new(),
            threads: HashMap::new(),
            containers: Containers::default(),
            files: 0,
            found: Vec::new(),
        }
    }

    /// Takes a list of processes.
    pub(super) fn processes(&mut self, offset: u64, version: u8, body: &[u8]) -> Result<(), RecordingError> {
        for thread in lists::processes(offset, version, body)? {
            if thread.tid != thread.pid {
                self.add_thread(offset, thread.tid, thread.pid)?;
                continue;
            }
            let container = containers::find(thread.cgroups).map(|found| self.container(found));
            let (key, _) = container.unwrap_or_default();
            self.add(offset, thread.pid, Running::found(&thread, key))?;
            self.found.push(thread.pid);
        }
        Ok(())
    }

    /// Takes the list of descriptors of a process.
    pub(super) fn descriptors(
        &mut self,
        offset: u64,
        version: u8,
        body: &[u8],
    ) -> Result<(), RecordingError> {
        let (tid, list) = lists::descriptors(offset, version, body)?;
        let process = self.running(tid);
        let before = process.files.len();
        process.files.extend(list.iter().map(|descriptor| (descriptor.number, File::from(descriptor))));
        files::settle_roles(&mut process.files);
        self.files += process.files.len() - before;
        self.check(offset)
    }

    /// Tells who was found running, before the first event, at its time.
    pub(super) fn start(&mut self, time: u64, take: &mut Take<'_>) {
        let mut found = std::mem::take(&mut self.found);
        found.sort_unstable();
        let mut told = HashSet::new();
        for process in found.iter().filter_map(|pid| self.processes.get(pid)) {
            let event = Event {
                number: 0,
                time,
                cpu: 0,
                kind: EventKind::Execve,
                task: process.task,
                container: process.container,
                result: 0,
                fd: None,
                args: &[],
                subject: Subject::None,
                verdict: Verdict::None,
            };
            if let Some(container) = self.containers.get(process.container)
                && told.insert(process.container)
            {
                let subject = Subject::Container(container);
                take(&Event { kind: EventKind::Container, subject, ..event });
            }
            take(&Event { subject: Subject::Process(&process.tell()), args: &[Value::Int(0)], ..event });
        }
    }

    /// The key of a container, and whether it is new. The host, if there are too many.
    pub(super) fn container(&mut self, found: Found<'_>) -> (ContainerKey, bool) {
        self.containers.key(found).unwrap_or_default()
    }

    /// The process of a thread; one of which nothing is known if it is not known.
    pub(super) fn running(&mut self, tid: u64) -> &mut Running {
        let pid = self.pid(tid);
        self.processes.entry(pid).or_insert_with(|| Running::unknown(tid))
    }

    /// The number of the process of a thread.
    pub(super) fn pid(&self, tid: u64) -> u64 {
        match self.threads.get(&tid) {
            Some(pid) if self.processes.contains_key(pid) => *pid,
            _ => tid,
        }
    }

    /// The thread as events name it.
    pub(super) fn task(&mut self, tid: u64) -> Task {
        Task { tid: narrow(tid), ..self.running(tid).task }
    }

    /// Puts in a process; another that had its number is gone.
    pub(super) fn add(&mut self, offset: u64, pid: u64, process: Running) -> Result<(), RecordingError> {
        self.threads.remove(&pid);
        self.files += process.files.len();
        if let Some(before) = self.processes.insert(pid, process) {
            self.files -= before.files.len();
        }
        self.check(offset)
    }

    /// Takes out a thread, and its process if it is the first.
    pub(super) fn remove(&mut self, tid: u64) {
        if self.threads.remove(&tid).is_none()
            && let Some(process) = self.processes.remove(&tid)
        {
            self.files -= process.files.len();
        }
    }

    /// A thread of a process was made.
    pub(super) fn add_thread(&mut self, offset: u64, tid: u64, pid: u64) -> Result<(), RecordingError> {
        if tid != pid {
            self.threads.insert(tid, pid);
        }
        self.check(offset)
    }

    /// A process opened something.
    pub(super) fn opened(
        &mut self,
        offset: u64,
        tid: u64,
        fd: i64,
        file: File,
    ) -> Result<(), RecordingError> {
        if self.running(tid).files.insert(fd, file).is_none() {
            self.files += 1;
        }
        self.check(offset)
    }

    /// A process closed something.
    pub(super) fn closed(&mut self, tid: u64, fd: i64) {
        if self.running(tid).files.remove(&fd).is_some() {
            self.files -= 1;
        }
    }

    pub(super) fn check(&self, offset: u64) -> Result<(), RecordingError> {
        let limits = [
            (
                "the number of processes",
                (self.processes.len() + self.threads.len()) as u64,
                self.caps.processes as u64,
            ),
            ("the number of open descriptors", self.files as u64, self.caps.files as u64),
            ("all that is told of containers", self.containers.told, self.caps.containers),
        ];
        for (what, length, limit) in limits {
            if length > limit {
                return Err(RecordingError::TooMuch { offset, what, length, limit });
            }
        }
        Ok(())
    }

    /// Nanoseconds since the machine started; since 1970, if it is not known when.
    pub(super) fn since_boot(&self, time: u64) -> u64 {
        time.saturating_sub(self.node.boot)
    }
}
