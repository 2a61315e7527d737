//! What calls change, and the events that they are.
//!
//! What a call makes is in the tables before its event is told; what it takes away, after.

use super::super::RecordingError;
use super::Take;
use super::event::{Call, Header};
use super::files::{File, What, absolute};
use super::flags::{THREAD, UPPER_LAYER, linux};
use super::processes::{Birth, Running, container, narrow};
use super::values::Arguments;
use super::world::World;
use gabion_model::event::{ArgKind, Child, Event, EventKind, Fd, FdKind, Subject, Task, Value, Verdict};
use gabion_model::workload::ContainerKey;
use std::sync::Arc;

/// `AT_FDCWD`: the working directory instead of a descriptor.
const CWD: i64 = -100;

/// `O_DIRECTORY` of Linux.
const O_DIRECTORY: u64 = 0o200_000;

/// What a call made known.
enum Made {
    Nothing,
    /// The process of the thread is this one now.
    Process,
    Child(Child),
}

impl World {
    /// Takes a call that has returned, and tells the events that it is.
    pub(super) fn call(
        &mut self,
        offset: u64,
        number: u64,
        header: Header,
        call: Call<'_, '_>,
        take: &mut Take<'_>,
    ) -> Result<(), RecordingError> {
        let base = Event {
            number,
            time: header.time,
            cpu: header.cpu,
            kind: EventKind::Container,
            task: Task::default(),
            container: ContainerKey::HOST,
            result: 0,
            fd: None,
            args: &[],
            subject: Subject::None,
            verdict: Verdict::None,
        };
        let of = call.of.name;
        if of == "container" || (of == "asyncevent" && call.text("name") == Some(b"container")) {
            let told = self.containers.told(call);
            self.check(offset)?;
            if let Some(container) = told.and_then(|key| self.containers.get(key)) {
                take(&Event { container: container.key, subject: Subject::Container(container), ..base });
            }
            return Ok(());
        }
        if let Some(kind @ EventKind::Drop) = call.of.kind {
            // The writer had to leave out a part of all calls from here on.
            let args = [Value::Bytes(b"sampling"), Value::Unknown];
            take(&Event { kind, args: &args, ..base });
            return Ok(());
        }
        let tid = header.tid;
        let result = if call.of.kind == Some(EventKind::Procexit) { 0 } else { call.result() };
        self.check(offset)?;
        let would_be = self.open(offset, tid, call, result)?;
        self.make(offset, tid, call, result)?;
        let made = self.lifetime(offset, header, call, result)?;
        let fresh = self.place(tid, call, result);
        if let Some(kind) = call.of.kind {
            let task = self.task(tid);
            let number = descriptor(kind, call, result);
            let arguments = Arguments::of(kind, call);
            let process = self.running(tid);
            let told = matches!(made, Made::Process).then(|| process.tell());
            let cwd = Arc::clone(&process.cwd);
            let container = process.container;
            let process = &self.processes[&self.pid(tid)];
            if let Some(new) = fresh.then(|| self.containers.get(container)).flatten() {
                take(&Event { container, subject: Subject::Container(new), ..base });
            }
            let fd = number.map(|number| match (process.files.get(&number), &would_be) {
                (Some(file), _) | (None, Some(file)) => file.tell(number),
                (None, None) if number == CWD => Fd { number, kind: FdKind::Directory(&cwd), dev: 0, ino: 0 },
                (None, None) => Fd { number, kind: FdKind::Unknown, dev: 0, ino: 0 },
            });
            let subject = match (&made, &told) {
                (&Made::Child(child), _) => Subject::Child(child),
                (Made::Process, Some(process)) => Subject::Process(process),
                _ => Subject::None,
            };
            take(&Event { kind, task, container, result, fd, args: &arguments.values(), subject, ..base });
        }
        self.after(tid, call, result);
        Ok(())
    }

    /// Calls that open a path. What they would have opened, if they failed.
    fn open(
        &mut self,
        offset: u64,
        tid: u64,
        call: Call<'_, '_>,
        result: i64,
    ) -> Result<Option<File>, RecordingError> {
        let name = match call.of.name {
            // What was asked for cannot be changed any more once the call has begun; what is read at its end can.
            "open" | "openat" | "openat2" | "creat" => {
                call.entered("name").map(super::event::until_nul).filter(|&name| name != b"<NA>")
            }
            "open_by_handle_at" => call.text("path"),
            _ => return Ok(None),
        };
        let name = name.or_else(|| call.text("name")).unwrap_or_default();
        let process = self.running(tid);
        let directory = match call.int("dirfd").and_then(|dirfd| process.files.get(&dirfd)) {
            Some(File { what: What::Directory(path) | What::File { path, .. }, .. }) => path,
            Some(_) => &Arc::default(),
            None if call.int("dirfd").is_some_and(|dirfd| dirfd != CWD) => &Arc::default(),
            None => &process.cwd,
        };
        let flags = call.uint("flags").unwrap_or_default();
        let upper = flags & UPPER_LAYER != 0 || call.uint("creat_flags").is_some_and(|flags| flags & 1 != 0);
        let directory_asked = linux(ArgKind::OpenFlags, flags).is_some_and(|flags| flags & O_DIRECTORY != 0);
        let what = match absolute(directory, name) {
            None => What::Unknown,
            Some(path) if directory_asked => What::Directory(path),
            Some(path) => What::File { path, upper },
        };
        let file = File {
            what,
            dev: call.uint("dev").unwrap_or_default(),
            ino: call.uint("ino").unwrap_or_default(),
        };
        if result < 0 {
            return Ok(Some(file));
        }
        self.opened(offset, tid, result, file)?;
        Ok(None)
    }

    /// Calls that make descriptors of other things, or change what they stand for.
    fn make(&mut self, offset: u64, tid: u64, call: Call<'_, '_>, result: i64) -> Result<(), RecordingError> {
        let number = |name| call.uint(name).unwrap_or_default();
        let anonymous = |name| File::new(What::Anonymous(name));
        let name = call.of.name;
        if result < 0 && name != "connect" {
            return Ok(());
        }
        let made = match name {
            "socket" => File::socket(number("domain"), number("type"), number("proto")),
            "accept" | "accept4" => File::accepted(call.tuple()),
            "memfd_create" => File::new(What::Memfd(call.text("name").unwrap_or_default().into())),
            "eventfd" | "eventfd2" => anonymous("eventfd"),
            "epoll_create" | "epoll_create1" => anonymous("epoll"),
            "signalfd" | "signalfd4" => anonymous("signalfd"),
            "timerfd_create" => anonymous("timerfd"),
            "inotify_init" | "inotify_init1" => anonymous("inotify"),
            "userfaultfd" => anonymous("userfaultfd"),
            "io_uring_setup" => anonymous("io_uring"),
            "pidfd_open" => anonymous("pidfd"),
            "pidfd_getfd" => File::new(What::Unknown),
            "bpf" if makes_descriptor(number("cmd")) => anonymous("bpf"),
            "dup" | "dup2" | "dup3" => return self.copy(offset, tid, call.int("oldfd"), result),
            "fcntl" if matches!(number("cmd"), 1 | 26) => {
                return self.copy(offset, tid, call.int("fd"), result);
            }
            "pipe" | "pipe2" | "socketpair" => {
                let what = if name == "socketpair" { What::Unix([].into()) } else { What::Pipe };
                for end in [call.int("fd1"), call.int("fd2")].into_iter().flatten() {
                    let file = File { what: what.clone(), dev: 0, ino: number("ino") };
                    self.opened(offset, tid, end, file)?;
                }
                return Ok(());
            }
            _ => {
                self.talk(tid, call, result);
                return Ok(());
            }
        };
        self.opened(offset, tid, result, made)
    }

    fn copy(&mut self, offset: u64, tid: u64, from: Option<i64>, result: i64) -> Result<(), RecordingError> {
        let file = from.and_then(|from| self.running(tid).files.get(&from).cloned());
        self.opened(offset, tid, result, file.unwrap_or(File::new(What::Unknown)))
    }

    /// Calls that tell the ends of a socket.
    fn talk(&mut self, tid: u64, call: Call<'_, '_>, result: i64) {
        let Some(file) = call.int("fd").and_then(|fd| self.running(tid).files.get_mut(&fd)) else { return };
        match call.of.name {
            "bind" => {
                if let Some(address) = call.address("addr") {
                    file.bind(address);
                }
            }
            // -EINPROGRESS: it will be connected.
            "connect" if result >= 0 || result == -115 => {
                if let Some(address) = call.tuple().or_else(|| call.address("addr")) {
                    file.connect(address);
                }
            }
            "sendto" | "sendmsg" | "sendmmsg" => {
                if let Some(address) = call.tuple() {
                    file.message(address, false);
                }
            }
            "recvfrom" | "recvmsg" | "recvmmsg" => {
                if let Some(address) = call.tuple() {
                    file.message(address, true);
                }
            }
            _ => {}
        }
    }

    /// Calls that make processes, or make something else of them.
    fn lifetime(
        &mut self,
        offset: u64,
        header: Header,
        call: Call<'_, '_>,
        result: i64,
    ) -> Result<Made, RecordingError> {
        match call.of.name {
            "clone" | "clone3" | "fork" | "vfork" if result > 0 => self.forked(offset, header, call, result),
            "clone" | "clone3" | "fork" | "vfork" if result == 0 => self.born(offset, header, call),
            "execve" | "execveat" if result >= 0 => {
                self.running(header.tid).executed(call, header.time);
                Ok(Made::Process)
            }
            _ => Ok(Made::Nothing),
        }
    }

    /// `clone` has returned in the parent.
    fn forked(
        &mut self,
        offset: u64,
        header: Header,
        call: Call<'_, '_>,
        result: i64,
    ) -> Result<Made, RecordingError> {
        let start = self.since_boot(header.time);
        let Some(tid) = u64::try_from(result).ok().filter(|&tid| u32::try_from(tid).is_ok()) else {
            return Ok(Made::Nothing);
        };
        let parent = self.running(header.tid);
        if parent.vpid != parent.task.pid && parent.vpid != 0 {
            // The number is that inside the container: the child will tell its own.
            return Ok(Made::Nothing);
        }
        let parent = parent.clone();
        if is_thread(call) {
            self.add_thread(offset, tid, u64::from(parent.task.pid))?;
            let task = Task { tid: narrow(tid), ..parent.task };
            return Ok(Made::Child(Child { task, vpid: parent.vpid, thread: true }));
        }
        if let Some(child) = self.processes.get_mut(&tid)
            && child.birth == Birth::Child
            && child.parent == parent.task.pid
        {
            child.birth = Birth::Done;
            return Ok(Made::Nothing);
        }
        let child = Running { birth: Birth::Parent, ..parent.child(narrow(tid), start) };
        let task = child.task;
        self.add(offset, tid, child)?;
        Ok(Made::Child(Child { task, vpid: task.pid, thread: false }))
    }

    /// `clone` has returned in the child.
    fn born(&mut self, offset: u64, header: Header, call: Call<'_, '_>) -> Result<Made, RecordingError> {
        let tid = header.tid;
        let pid = call.uint("pid").unwrap_or(tid);
        if pid != tid {
            self.add_thread(offset, tid, pid)?;
            return Ok(Made::Nothing);
        }
        if let Some(child) = self.processes.get_mut(&tid)
            && child.birth == Birth::Parent
        {
            child.birth = Birth::Done;
            child.cloned(call);
            return Ok(Made::Nothing);
        }
        let start = self.since_boot(header.time);
        let parent = call.uint("ptid").map(|parent| self.pid(parent));
        let parent = parent.and_then(|parent| self.processes.get(&parent)).cloned().unwrap_or_default();
        let mut child = Running { birth: Birth::Child, ..parent.child(narrow(tid), start) };
        child.cloned(call);
        self.add(offset, tid, child)?;
        Ok(Made::Process)
    }

    /// In which container the process is now. True if that container is new.
    fn place(&mut self, tid: u64, call: Call<'_, '_>, result: i64) -> bool {
        let child = call.of.kind.is_some_and(makes_process) && result == 0;
        let executed = matches!(call.of.kind, Some(EventKind::Execve | EventKind::Execveat)) && result >= 0;
        let Some(found) = container(call).filter(|_| child || executed) else { return false };
        let (key, new) = found.map(|found| self.container(found)).unwrap_or_default();
        self.running(tid).container = key;
        new
    }

    /// What is gone, or is another, once the event is told.
    fn after(&mut self, tid: u64, call: Call<'_, '_>, result: i64) {
        let name = call.of.name;
        if name == "procexit" {
            self.remove(tid);
            return;
        }
        if result < 0 {
            return;
        }
        let number = |name| call.uint32(name).filter(|&number| number != u32::MAX);
        match name {
            "close" => {
                if let Some(fd) = call.int("fd") {
                    self.closed(tid, fd);
                }
            }
            "close_range" => {
                let range = call.int("first").unwrap_or_default()..=call.int("last").unwrap_or_default();
                let files = &self.running(tid).files;
                let gone: Vec<_> = files.keys().copied().filter(|fd| range.contains(fd)).collect();
                // CLOSE_RANGE_CLOEXEC closes nothing yet.
                if call.uint("flags").is_none_or(|flags| flags & 4 == 0) {
                    for fd in gone {
                        self.closed(tid, fd);
                    }
                }
            }
            "chdir" => {
                let process = self.running(tid);
                let path = call.text("path").unwrap_or_default();
                process.cwd = absolute(&process.cwd, path).unwrap_or_default();
            }
            "fchdir" => {
                let process = self.running(tid);
                if let Some(File { what: What::Directory(path) | What::File { path, .. }, .. }) =
                    call.int("fd").and_then(|fd| process.files.get(&fd))
                {
                    process.cwd = Arc::clone(path);
                }
            }
            "setsid" => {
                let process = self.running(tid);
                process.vsid = narrow(call.uint("res").unwrap_or_default());
                process.vpgid = process.vsid;
                process.sid = process.task.pid;
                process.pgid = process.task.pid;
            }
            "capset" => {
                let credentials = &mut self.running(tid).credentials;
                let set = |name| call.uint(name).unwrap_or_default();
                credentials.inheritable = set("cap_inheritable");
                credentials.permitted = set("cap_permitted");
                credentials.effective = set("cap_effective");
            }
            _ => {
                let credentials = &mut self.running(tid).credentials;
                let (uid, gid) = match name {
                    "setuid" => (number("uid"), None),
                    "setresuid" | "setreuid" => (number("euid"), None),
                    "setgid" => (None, number("gid")),
                    "setresgid" | "setregid" => (None, number("egid")),
                    _ => (None, None),
                };
                credentials.uid = uid.unwrap_or(credentials.uid);
                credentials.gid = gid.unwrap_or(credentials.gid);
            }
        }
    }
}

const fn makes_process(kind: EventKind) -> bool {
    matches!(kind, EventKind::Clone | EventKind::Clone3 | EventKind::Fork | EventKind::Vfork)
}

fn is_thread(call: Call<'_, '_>) -> bool {
    call.uint("flags")
        .and_then(|flags| linux(ArgKind::CloneFlags, flags))
        .is_some_and(|flags| flags & THREAD != 0)
}

/// The number of the descriptor that a call made or worked on, or of the directory that its path starts from.
fn descriptor(kind: EventKind, call: Call<'_, '_>, result: i64) -> Option<i64> {
    use EventKind as K;
    match kind {
        K::Bpf => makes_descriptor(call.uint("cmd")?).then_some(result),
        K::Open
        | K::Openat
        | K::Openat2
        | K::OpenByHandleAt
        | K::Creat
        | K::MemfdCreate
        | K::Dup
        | K::Dup2
        | K::Dup3
        | K::Socket
        | K::Accept
        | K::Accept4
        | K::PidfdOpen
        | K::PidfdGetfd
        | K::Userfaultfd
        | K::IoUringSetup => Some(result),
        _ => ["fd", "dirfd", "linkdirfd"].into_iter().find_map(|name| call.int(name)),
    }
}

/// Commands of `bpf` whose result is a descriptor.
const fn makes_descriptor(command: u64) -> bool {
    matches!(command, 0 | 5 | 7 | 13 | 14 | 17 | 18 | 19 | 28 | 30 | 32 | 33)
}
