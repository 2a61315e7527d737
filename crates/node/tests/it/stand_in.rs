//! Stands in for the sensor: control groups that are made and removed, as inotify tells of them.

use crate::machine::{run, wait_for};
use gabion_model::{Container, ContainerKey, Digest, workload::Property};
use gabion_node::containers::{Asker, Containers, Heard, Roots, Sockets, Workload};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{AsFd, OwnedFd},
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    mem::MaybeUninit,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Where the unified hierarchy is: by itself, or beside the old ones.
pub(crate) fn unified() -> PathBuf {
    let beside = Path::new("/sys/fs/cgroup/unified");
    if beside.is_dir() { beside.to_owned() } else { PathBuf::from("/sys/fs/cgroup") }
}

/// A control group of this test, removed with it.
pub(crate) struct Parent(pub(crate) PathBuf);

impl Parent {
    pub(crate) fn new(path: &str) -> Self {
        let directory = unified().join(path);
        fs::create_dir_all(&directory).expect("makes a control group");
        Self(directory)
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        // Others may be using it; then it stays.
        let _ = fs::remove_dir(&self.0);
    }
}

/// What the sensor does, with inotify in the place of BPF.
pub(crate) struct StandIn {
    pub(crate) containers: Containers,
    pub(crate) asker: Option<Asker>,
    inotify: OwnedFd,
    watches: HashMap<i32, PathBuf>,
    groups: HashMap<PathBuf, u64>,
    /// Each container as it was told first, in order.
    pub(crate) first: Vec<Container>,
    /// How often each was told.
    pub(crate) told: BTreeMap<ContainerKey, usize>,
    /// The images that containerd told, by name.
    pub(crate) images: HashMap<String, Digest>,
    started: Instant,
    next: u64,
}

impl StandIn {
    /// Watches all groups there are.
    pub(crate) fn new(roots: Roots, sockets: Option<Sockets>) -> Self {
        let mut this = Self {
            containers: Containers::new(roots, Path::new("/proc")).expect("inotify"),
            asker: sockets.map(|sockets| Asker::start(sockets).expect("a thread")),
            inotify: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).expect("inotify"),
            watches: HashMap::new(),
            groups: HashMap::new(),
            first: Vec::new(),
            told: BTreeMap::new(),
            images: HashMap::new(),
            started: Instant::now(),
            next: 1,
        };
        this.enter(&unified());
        this
    }

    pub(crate) fn now(&self) -> u64 {
        1_000_000_000 + self.started.elapsed().as_nanos() as u64
    }

    fn enter(&mut self, directory: &Path) {
        let flags = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::ONLYDIR;
        if let Ok(watch) = inotify::add_watch(&self.inotify, directory, flags) {
            self.watches.insert(watch, directory.to_owned());
        }
        if !self.groups.contains_key(directory) {
            self.groups.insert(directory.to_owned(), self.next);
            let path = directory.strip_prefix(unified()).expect("beneath");
            let path = [b"/", path.as_os_str().as_bytes()].concat();
            let key = self.containers.appeared(self.next, &path, self.now());
            self.next += 1;
            self.tell(key);
        }
        // What was made before the watch.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !self.groups.contains_key(&entry.path()) {
                self.enter(&entry.path());
            }
        }
    }

    fn tell(&mut self, key: Option<ContainerKey>) {
        let Some(key) = key else { return };
        let times = self.told.entry(key).or_default();
        *times += 1;
        if *times == 1 {
            self.first.push(self.containers.get(key).expect("is kept").clone());
        }
        for question in self.containers.questions() {
            if let Some(asker) = &self.asker {
                assert!(asker.ask(question), "there is room");
            }
        }
    }

    /// Handles what has happened, waiting for it for a moment.
    pub(crate) fn step(&mut self) {
        let mut fds = [
            PollFd::from_borrowed_fd(self.inotify.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.containers.awaiting(), PollFlags::IN),
        ];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 10_000_000 })).expect("polls");
        for key in self.containers.written(self.now()) {
            self.tell(Some(key));
        }
        for (watch, name, removed) in self.events() {
            let Some(directory) = self.watches.get(&watch) else { continue };
            let directory = directory.join(name);
            if !removed {
                self.enter(&directory);
            } else if let Some(group) = self.groups.remove(&directory) {
                self.containers.removed(group, self.now());
            }
        }
        let heard: Vec<Heard> = self.asker.iter().flat_map(Asker::heard).collect();
        let mut silent = None;
        for heard in heard {
            match heard {
                Heard::Answer(answer) => {
                    let key = self.containers.answered(&answer);
                    self.tell(key);
                }
                Heard::Images(images) => {
                    self.containers.images(&images);
                    for image in &images {
                        let digest = image.digest.expect("a digest");
                        self.images.extend(image.names.iter().map(|name| (name.clone(), digest)));
                    }
                }
                Heard::Silent(error) => silent = Some(error),
            }
        }
        assert!(silent.is_none(), "containerd answers: {silent:?}");
    }

    fn events(&mut self) -> Vec<(i32, PathBuf, bool)> {
        let mut buffer = [MaybeUninit::<u8>::uninit(); 16384];
        let mut reader = Reader::new(&self.inotify, &mut buffer);
        let mut events = Vec::new();
        while let Ok(event) = reader.next() {
            if event.events().contains(ReadFlags::ISDIR)
                && let Some(name) = event.file_name()
            {
                let name = PathBuf::from(std::ffi::OsStr::from_bytes(name.to_bytes()));
                events.push((event.wd(), name, event.events().contains(ReadFlags::DELETE)));
            }
        }
        events
    }

    /// Runs a program that must succeed, while things happen.
    pub(crate) fn run(&mut self, command: &mut Command) -> String {
        let mut command = std::mem::replace(command, Command::new("true"));
        let runner = std::thread::spawn(move || run(&mut command));
        while !runner.is_finished() {
            self.step();
        }
        runner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Handles things until this holds.
    pub(crate) fn until<T>(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> Option<T>) -> T {
        wait_for(what, || {
            self.step();
            holds(self)
        })
    }

    /// Handles things until nothing has happened for a while.
    pub(crate) fn settle(&mut self) {
        let end = Instant::now() + Duration::from_millis(100);
        while Instant::now() < end {
            self.step();
        }
    }

    /// The container as it was first told: with this id, the last one.
    pub(crate) fn first(&self, id: &str) -> &Container {
        let found = self.first.iter().rev().find(|container| container.id == id);
        assert!(found.is_some(), "{id} was never told: {:?}", self.first);
        found.expect("was told")
    }

    /// The container as it is known now.
    pub(crate) fn current(&self, id: &str) -> &Container {
        let key = self.first(id).key;
        self.containers.get(key).expect("is kept")
    }

    /// Whose the group of a running container is.
    pub(crate) fn at(&self, path: &str) -> Workload<'_> {
        self.containers.at(self.groups[&unified().join(path.trim_start_matches('/'))])
    }

    /// The directory of a container's group.
    pub(crate) fn directory(&self, key: ContainerKey) -> &Path {
        let mut groups = self.groups.iter();
        let found = groups.find(|(_, group)| self.containers.at(**group) == Workload::Container(key));
        found.expect("it is running").0
    }

    /// The processes in a group.
    pub(crate) fn processes(path: &str) -> Vec<u32> {
        let text = fs::read_to_string(unified().join(path.trim_start_matches('/')).join("cgroup.procs"));
        text.expect("reads").lines().map(|line| line.parse().expect("a number")).collect()
    }
}

/// Whether all of these are known.
pub(crate) fn knows(container: &Container, properties: &[Property]) -> bool {
    properties.iter().all(|property| !container.unknown.contains(property))
}
