//! Whose control group is whose: the table of containers, driven by what the sensor sees of control groups.

use gabion_model::{Container, ContainerKey};
use gabion_node::{
    containers::{Asker, Containers, Heard, Roots, Sockets, Workload},
    sensor::{CgroupChange, CgroupEvent, Cgroups},
};
use std::{cell::RefCell, path::Path, rc::Rc};

/// Containers that are to be told before the next event.
pub(super) type News = Rc<RefCell<Vec<Container>>>;

/// The table, and whoever asks the runtimes.
pub(super) struct Names {
    containers: Containers,
    asker: Asker,
    news: News,
    /// Questions to runtimes that were not taken, and runtimes that did not answer.
    unasked: u64,
    silent: u64,
}

impl Names {
    pub(super) fn new(news: News, now: u64) -> anyhow::Result<Self> {
        let mut containers = Containers::new(Roots::system(), Path::new("/proc"))?;
        let found = hierarchy().map(|mount| containers.walk(&mount, now));
        let mut names =
            Self { containers, asker: Asker::start(Sockets::system())?, news, unasked: 0, silent: 0 };
        for key in found.into_iter().flat_map(|found| found.containers) {
            names.tell(key);
        }
        Ok(names)
    }

    fn tell(&mut self, key: ContainerKey) {
        self.news.borrow_mut().extend(self.containers.get(key).cloned());
    }

    /// What is done now and then: state that was awaited, answers of runtimes, what ended long ago.
    pub(super) fn attend(&mut self, now: u64) {
        let mut told = self.containers.written(now);
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
        for key in told {
            self.tell(key);
        }
        self.containers.expire(now);
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

    /// How many containers are known.
    pub(super) fn count(&self) -> usize {
        self.containers.all().count()
    }
}

impl Cgroups for Names {
    fn changed(&mut self, event: &CgroupEvent) {
        let told = match event.change {
            CgroupChange::Created => self.containers.appeared(event.id, &event.path, event.time),
            CgroupChange::Attached { pid } => {
                let told = self
                    .containers
                    .waits(event.id)
                    .then(|| self.containers.settle(event.id, event.time))
                    .flatten();
                if let Workload::Container(key) = self.containers.at(event.id) {
                    // Its network may not be there yet; then the addresses stay unknown.
                    let _ = self.containers.read_addresses(key, pid, event.time);
                }
                told
            }
            CgroupChange::Removed => {
                self.containers.removed(event.id, event.time);
                None
            }
        };
        if let Some(key) = told {
            self.tell(key);
        }
    }

    fn key(&self, cgroup: u64) -> ContainerKey {
        match self.containers.at(cgroup) {
            Workload::Container(key) => key,
            Workload::Unit(_) | Workload::Host | Workload::Unknown => ContainerKey::HOST,
        }
    }
}

/// Where control groups of version 2 are mounted.
fn hierarchy() -> Option<std::path::PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (path, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then(|| path.into())
    })
}
