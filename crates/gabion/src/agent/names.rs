//! Whose control group is whose: the table of containers, driven by what the sensor sees of control groups.

use gabion_model::{Container, ContainerKey};
use gabion_node::{
    containers::{Asker, Containers, Heard, Roots, Sockets, Workload},
    sensor::{CgroupChange, CgroupEvent, Cgroups, unified},
};
use std::{cell::RefCell, collections::VecDeque, ffi::OsStr, os::unix::ffi::OsStrExt, path::Path, rc::Rc};

/// After how long addresses of a new container are read again, in nanoseconds.
const AGAIN: [u64; 3] = [200_000_000, 2_000_000_000, 10_000_000_000];
/// Addresses that wait to be read again.
const RECHECKED: usize = 3000;

/// What is new of a container.
pub(super) enum Change {
    /// It is known, or more of it than before.
    Known(Box<Container>),
    /// It has ended.
    Ended(ContainerKey),
}

/// What is to be told of containers before the next event.
pub(super) type News = Rc<RefCell<Vec<Change>>>;

/// The table, and whoever asks the runtimes.
pub(super) struct Names {
    containers: Containers,
    asker: Asker,
    news: News,
    /// Containers whose addresses are read again, and when: a network may be joined, or get its addresses, after the first process.
    recheck: VecDeque<(u64, ContainerKey)>,
    /// Questions to runtimes that were not taken, and runtimes that did not answer.
    unasked: u64,
    silent: u64,
}

impl Names {
    pub(super) fn new(news: News, now: u64) -> anyhow::Result<Self> {
        let containers = Containers::new(Roots::system(), Path::new("/proc"))?;
        let mut names = Self {
            containers,
            asker: Asker::start(Sockets::system())?,
            news,
            recheck: VecDeque::new(),
            unasked: 0,
            silent: 0,
        };
        names.walk(now);
        Ok(names)
    }

    /// Takes up all control groups that are there and not known yet.
    pub(super) fn walk(&mut self, now: u64) {
        let found = unified().map(|mount| self.containers.walk(&mount, now));
        for key in found.into_iter().flat_map(|found| found.containers) {
            self.tell(key);
        }
    }

    /// The container of a control group, as far as it is known now.
    pub(super) fn known(&self, cgroup: u64) -> ContainerKey {
        match self.containers.at(cgroup) {
            Workload::Container(key) => key,
            Workload::Unit(_) | Workload::Host | Workload::Unknown => ContainerKey::HOST,
        }
    }

    /// Reads the addresses of a container again, some times from now on.
    fn look_again(&mut self, key: ContainerKey, now: u64) {
        if self.recheck.len() < RECHECKED && !self.recheck.iter().any(|(_, other)| *other == key) {
            self.recheck.extend(AGAIN.map(|after| (now + after, key)));
            self.recheck.make_contiguous().sort_unstable_by_key(|(due, _)| *due);
        }
    }

    fn tell(&mut self, key: ContainerKey) {
        let known = self.containers.get(key).cloned();
        self.news.borrow_mut().extend(known.map(|container| Change::Known(Box::new(container))));
    }

    /// What is done now and then: state that was awaited, answers of runtimes, what ended long ago.
    pub(super) fn attend(&mut self, now: u64) {
        let mut told = self.containers.written(now);
        for key in &told {
            self.look_again(*key, now);
        }
        for question in self.containers.questions() {
            self.unasked += u64::from(!self.asker.ask(question));
        }
        let heard: Vec<Heard> = self.asker.heard().collect();
        for heard in heard {
            match heard {
                Heard::Answer(answer) => told.extend(self.containers.answered(&answer)),
                Heard::Images(images) => self.containers.images(&images),
                // It is asked again; what it would have said stays unknown.
                Heard::Silent(_) => self.silent += 1,
            }
        }
        told.extend(self.readdressed(now));
        for key in told {
            self.tell(key);
        }
        self.containers.expire(now);
    }

    /// Reads addresses again where it is time; gives the containers whose have changed.
    fn readdressed(&mut self, now: u64) -> Vec<ContainerKey> {
        let mut changed = Vec::new();
        while let Some((_, key)) = self.recheck.pop_front_if(|(due, _)| *due <= now) {
            let pid = self.containers.path(key).zip(unified()).and_then(|(path, mount)| {
                let group = mount.join(OsStr::from_bytes(path.strip_prefix(b"/").unwrap_or(path)));
                std::fs::read_to_string(group.join("cgroup.procs")).ok()?.lines().next()?.parse().ok()
            });
            // One that has ended has no addresses any more.
            if pid.is_some_and(|pid| self.containers.read_addresses(key, pid, now).unwrap_or(false)) {
                changed.push(key);
            }
        }
        changed
    }

    /// What could not be looked at, in words, with its number.
    pub(super) fn gaps(&self) -> [(&'static str, u64); 5] {
        let failures = self.containers.failures();
        [
            ("containers whose state could not be read", failures.unreadable),
            ("containers without any state", failures.absent),
            ("control groups that were too many", failures.groups),
            ("questions to runtimes that were not asked", failures.unasked + self.unasked),
            ("questions to runtimes without an answer", failures.unanswered + self.silent),
        ]
    }

    /// The control group of a container that has not ended.
    pub(super) fn group(&self, key: ContainerKey) -> Option<u64> {
        self.containers.group(key)
    }

    /// The one container that runs and has this name, or whose id begins with it.
    pub(super) fn named(&self, name: &str) -> anyhow::Result<&Container> {
        let exact = self.running().find(|container| container.name == name || container.id == name);
        if let Some(container) = exact {
            return Ok(container);
        }
        let mut begin = self.running().filter(|container| name.len() >= 4 && container.id.starts_with(name));
        match (begin.next(), begin.next()) {
            (Some(container), None) => Ok(container),
            (Some(_), Some(_)) => anyhow::bail!("several containers have an id that begins with {name}"),
            (None, _) => anyhow::bail!("no container that runs is called {name}"),
        }
    }

    /// The path of the control group of a container.
    pub(super) fn path(&self, key: ContainerKey) -> Option<&[u8]> {
        self.containers.path(key)
    }

    /// The container of a process; none if it is the host's.
    pub(super) fn of_process(&self, pid: u32) -> Option<&Container> {
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
        self.running().find(|container| {
            let group = self.path(container.key).unwrap_or_default();
            let rest = path.as_bytes().strip_prefix(group);
            !group.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        })
    }

    /// The containers that run.
    pub(super) fn running(&self) -> impl Iterator<Item = &Container> {
        let runs =
            |container: &&Container| self.containers.lived(container.key).is_some_and(|(_, to)| to.is_none());
        self.containers.all().filter(runs)
    }
}

impl Cgroups for Names {
    fn changed(&mut self, event: &CgroupEvent) {
        let told = match event.change {
            CgroupChange::Created => self.containers.appeared(event.id, &event.path, event.time),
            CgroupChange::Attached { pid } => {
                let mut told = self
                    .containers
                    .waits(event.id)
                    .then(|| self.containers.settle(event.id, event.time))
                    .flatten();
                if let Workload::Container(key) = self.containers.at(event.id) {
                    // Its network may not be there yet; then the addresses stay unknown.
                    let read = self.containers.read_addresses(key, pid, event.time);
                    told = told.or_else(|| read.unwrap_or(false).then_some(key));
                }
                told
            }
            CgroupChange::Removed => {
                let before = self.known(event.id);
                self.containers.removed(event.id, event.time);
                let ended = self.containers.lived(before).is_some_and(|(_, to)| to.is_some());
                if ended {
                    self.news.borrow_mut().push(Change::Ended(before));
                }
                None
            }
        };
        if let Some(key) = told {
            self.look_again(key, event.time);
            self.tell(key);
        }
    }

    fn key(&mut self, cgroup: u64, time: u64) -> ContainerKey {
        if self.containers.waits(cgroup) {
            // A runtime writes its state before it lets the container go, so it is there if this is the container's own act.
            for key in self.containers.written(time) {
                self.look_again(key, time);
                self.tell(key);
            }
        }
        self.known(cgroup)
    }
}
