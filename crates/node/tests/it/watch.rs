//! Runs something under a sensor, and waits for what it must tell.

use gabion_model::event::{Child, Event, EventKind, Fd, FdKind, Process, Subject, Task, Value};
use gabion_node::sensor::{CgroupEvent, Cgroups, Config, Sensor};
use std::{
    process::{Child as Running, Command, Output, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Nothing takes that long, even if the machine is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// An event, as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) number: u64,
    pub(crate) time: u64,
    pub(crate) kind: EventKind,
    pub(crate) task: Task,
    pub(crate) result: i64,
    /// Its descriptor in words.
    pub(crate) fd: Option<String>,
    /// Its arguments in words, lossily.
    pub(crate) args: Vec<String>,
    pub(crate) process: Option<Process>,
    pub(crate) child: Option<Child>,
}

impl Seen {
    fn new(event: &Event<'_>) -> Self {
        Self {
            number: event.number,
            time: event.time,
            kind: event.kind,
            task: event.task,
            result: event.result,
            fd: event.fd.map(|fd| words(&fd)),
            args: event.args.iter().map(value).collect(),
            process: if let Subject::Process(process) = event.subject { Some(process.clone()) } else { None },
            child: if let Subject::Child(child) = event.subject { Some(child) } else { None },
        }
    }

    /// The argument of a name.
    pub(crate) fn arg(&self, name: &str) -> &str {
        let at = self.kind.arg(name).unwrap_or_else(|| panic!("{:?} has no argument {name}", self.kind));
        self.args.get(at).map_or("?", String::as_str)
    }
}

fn value(value: &Value<'_>) -> String {
    match value {
        Value::Unknown => "?".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn words(fd: &Fd<'_>) -> String {
    let text = String::from_utf8_lossy;
    match fd.kind {
        FdKind::Unknown => "unknown".to_owned(),
        FdKind::File { path, upper } => format!("file {}{}", text(path), if upper { " upper" } else { "" }),
        FdKind::Directory(path) => format!("directory {}", text(path)),
        FdKind::Pipe => "pipe".to_owned(),
        FdKind::Inet { transport, local, remote, server } => {
            let end = |end: Option<gabion_model::event::Endpoint>| {
                end.map_or("-".to_owned(), |end| format!("{}:{}", end.address, end.port))
            };
            let side = match server {
                Some(true) => "server",
                Some(false) => "client",
                None => "?",
            };
            format!("{transport:?} {} {} {side}", end(local), end(remote)).to_lowercase()
        }
        FdKind::Unix(path) => format!("unix {}", text(path)),
        FdKind::Memfd(name) => format!("memfd {}", text(name)),
        FdKind::Anonymous(name) => format!("anonymous {}", text(name)),
        FdKind::Socket(family) => format!("socket {family}"),
    }
}

/// Keeps what it hears of control groups.
#[derive(Debug, Default)]
pub(crate) struct Groups(pub(crate) Vec<CgroupEvent>);

impl Cgroups for Groups {
    fn changed(&mut self, event: &CgroupEvent) {
        self.0.push(event.clone());
    }
}

/// A sensor, and what it told.
pub(crate) struct Watch {
    pub(crate) sensor: Sensor,
    pub(crate) seen: Vec<Seen>,
    pub(crate) groups: Groups,
    _alone: MutexGuard<'static, ()>,
}

impl Watch {
    /// A sensor that tells these system calls, or none if this cannot be run here.
    pub(crate) fn new(config: Config, calls: &[EventKind]) -> Option<Self> {
        if !can_run() {
            return None;
        }
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sensor = Sensor::open(config).expect("a sensor");
        sensor.demand(calls).expect("system calls");
        let mut watch = Self { sensor, seen: Vec::new(), groups: Groups::default(), _alone: alone };
        watch.poll();
        Some(watch)
    }

    /// What there is now, or in a moment.
    pub(crate) fn poll(&mut self) {
        let Self { sensor, seen, groups, .. } = self;
        sensor
            .poll(Duration::from_millis(20), groups, &mut |event| seen.push(Seen::new(event)))
            .expect("a poll");
    }

    /// Polls until there is what is wanted.
    pub(crate) fn until<T>(&mut self, what: &str, mut find: impl FnMut(&Self) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Some(found) = find(self) {
                return found;
            }
            if begun.elapsed() > PATIENCE {
                let processes = |seen: &&Seen| seen.child.is_none() && seen.process.is_none();
                for seen in self.seen.iter().rev().filter(processes).take(30) {
                    println_seen(seen);
                }
                panic!("not told: {what}; {:?}; {:?}", self.sensor.stats(), self.sensor);
            }
            self.poll();
        }
    }

    /// Runs a command to its end, and polls until its exit is told; its output and what it told itself.
    pub(crate) fn run(&mut self, command: &mut Command) -> (Output, Vec<Seen>) {
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.expect("started");
        let pid = child.id();
        let output = self.finish(child);
        let exit = |watch: &Self| watch.of(pid).any(|seen| seen.kind == EventKind::Procexit).then_some(());
        self.until("the exit of the command", exit);
        (output, self.of(pid).cloned().collect())
    }

    /// Polls until a child has ended. Its output must fit into a pipe.
    pub(crate) fn finish(&mut self, mut child: Running) -> Output {
        while child.try_wait().expect("waited").is_none() {
            self.poll();
        }
        child.wait_with_output().expect("read")
    }

    /// A Python program to its end; what it told itself. It must not fail.
    pub(crate) fn python(&mut self, program: &str, args: &[&str]) -> Vec<Seen> {
        let (output, seen) =
            self.run(Command::new("/usr/bin/python3").args(["-I", "-S", "-c", program]).args(args));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        seen
    }

    /// What a process told.
    pub(crate) fn of(&self, pid: u32) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(move |seen| seen.task.pid == pid)
    }
}

/// The first event that is wanted, or a failure that shows the others.
pub(crate) fn find(seen: &[Seen], kind: EventKind, wanted: impl Fn(&Seen) -> bool) -> &Seen {
    let of_kind: Vec<&Seen> = seen.iter().filter(|seen| seen.kind == kind).collect();
    of_kind.iter().find(|seen| wanted(seen)).unwrap_or_else(|| panic!("no such {kind:?} among {of_kind:#?}"))
}

#[expect(clippy::print_stderr, reason = "who runs the tests must see what was told instead")]
fn println_seen(seen: &Seen) {
    eprintln!("{seen:?}");
}

#[expect(clippy::print_stderr, reason = "who runs the tests must see that this one did not run")]
pub(crate) fn can_run() -> bool {
    let root = rustix::process::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "the sensor needs root");
    if !root {
        eprintln!("not run: the sensor needs root");
    }
    root
}
