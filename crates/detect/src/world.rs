//! A small node for tests: systemd, a shim, a shell in a container, and what it started.

use crate::state::{Accounts, Limits, Slot, State};
use gabion_model::{
    event::{
        Child, Credentials, Endpoint, Event, EventKind, Executable, Fd, FdKind, Process, Subject, Task,
        Transport, Value, Verdict,
    },
    workload::{Container, ContainerKey, Mount, Pod, RunImage, Runtime},
};

/// The container of the shell.
pub(crate) const WEB: ContainerKey = ContainerKey(1);
/// 2026-11-27 10:00:00 UTC.
pub(crate) const NOON: u64 = 1_795_773_600_000_000_000;

/// A node and the time on it.
pub(crate) struct World {
    pub(crate) state: State,
    time: u64,
    number: u64,
}

/// A process with this name, started as its arguments say.
pub(crate) fn program(parent: u32, path: &str, args: &[&str]) -> Process {
    let name = path.rsplit('/').next().unwrap_or_default();
    Process {
        parent,
        comm: name.as_bytes().to_vec(),
        args: args.iter().map(|arg| arg.as_bytes().to_vec()).collect(),
        env: vec![b"HOME=/root".to_vec(), b"PATH=/bin".to_vec()],
        cwd: b"/srv".to_vec(),
        credentials: Credentials { loginuid: u32::MAX, ..Credentials::default() },
        exe: Executable { path: path.as_bytes().to_vec(), ..Executable::default() },
        ..Process::default()
    }
}

/// The thread with this number, of a process that started then.
pub(crate) fn task(pid: u32) -> Task {
    Task { pid, tid: pid, start: u64::from(pid) * 1_000 }
}

pub(crate) fn tcp(local: &str, remote: &str) -> FdKind<'static> {
    let end = |text: &str| {
        let address: std::net::SocketAddr = text.parse().expect("an address with a port");
        Endpoint { address: address.ip(), port: address.port() }
    };
    FdKind::Inet {
        transport: Transport::Tcp,
        local: Some(end(local)),
        remote: Some(end(remote)),
        server: Some(false),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "events may have none")]
pub(crate) fn file(number: i64, path: &str) -> Option<Fd<'_>> {
    Some(Fd { number, kind: FdKind::File { path: path.as_bytes(), upper: false }, dev: 0x801, ino: 7 })
}

impl World {
    /// systemd (1) ─ containerd-shim (100) ─ bash (200) ─ curl (201), the last two in a container.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            state: State::new(Limits::default(), "node-1", NOON - 1_000_000_000),
            time: NOON,
            number: 0,
        };
        world.state.set_accounts(
            ContainerKey::HOST,
            Accounts::parse(
                b"root:x:0:0::/root:/bin/sh\nann:x:1000:100::/home/ann:/bin/zsh",
                b"root:x:0:\nusers:x:100:",
            ),
        );
        world.state.set_accounts(WEB, Accounts::parse(b"www:x:33:33::/var/www:/bin/false", b"www:x:33:"));
        world.container(&web());
        for (pid, parent, container, path, args) in [
            (1, 0, ContainerKey::HOST, "/usr/lib/systemd/systemd", &["/sbin/init"][..]),
            (100, 1, ContainerKey::HOST, "/usr/bin/containerd-shim", &["containerd-shim", "-n", "moby"]),
            (200, 100, WEB, "/usr/bin/bash", &["bash", "-c", "run.sh"]),
            (201, 200, WEB, "/usr/bin/curl", &["curl", "-s", "https://example.org/x"]),
        ] {
            let mut process = program(parent, path, args);
            if container == WEB {
                process.credentials.uid = 33;
                process.credentials.gid = 33;
                process.vpid = pid - 199;
                (process.vsid, process.vpgid) = (1, 1);
            } else {
                process.vpid = pid;
                (process.vsid, process.sid, process.vpgid, process.pgid) = (pid, pid, pid, pid);
            }
            world.exec(pid, container, &process);
        }
        world
    }

    /// An event of a process, with nothing more.
    pub(crate) fn event<'a>(&mut self, pid: u32, kind: EventKind) -> Event<'a> {
        self.time += 1_000_000;
        self.number += 1;
        let container =
            self.state.processes().with_pid(pid).map_or(ContainerKey::HOST, |entry| entry.container);
        Event {
            number: self.number,
            time: self.time,
            cpu: 3,
            kind,
            task: task(pid),
            container,
            result: 0,
            fd: None,
            args: &[],
            subject: Subject::None,
            verdict: Verdict::None,
        }
    }

    pub(crate) fn apply(&mut self, event: &Event<'_>) -> Option<Slot> {
        self.state.apply(event)
    }

    pub(crate) fn exec(&mut self, pid: u32, container: ContainerKey, process: &Process) {
        let event =
            Event { container, subject: Subject::Process(process), ..self.event(pid, EventKind::Execve) };
        self.state.apply(&event);
    }

    pub(crate) fn fork(&mut self, parent: u32, pid: u32) {
        let child = Child { task: task(pid), vpid: pid, thread: false };
        let event = Event { subject: Subject::Child(child), ..self.event(parent, EventKind::Clone) };
        self.state.apply(&event);
    }

    pub(crate) fn exit(&mut self, pid: u32, reaper: u32) {
        let args = [Value::Int(0), Value::Int(0), Value::Uint(0), Value::Uint(0), Value::Int(reaper.into())];
        let event = Event { args: &args, ..self.event(pid, EventKind::Procexit) };
        self.state.apply(&event);
    }

    pub(crate) fn container(&mut self, container: &Container) {
        let event = Event { subject: Subject::Container(container), ..self.event(0, EventKind::Container) };
        self.state.apply(&event);
    }

    /// Lets time pass, in seconds.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.time += seconds * 1_000_000_000;
    }
}

/// The container of the shell.
pub(crate) fn web() -> Container {
    let mount = |source: &str, destination: &str| Mount {
        source: source.into(),
        destination: destination.into(),
        mode: "rbind".into(),
        writable: true,
        propagation: "rprivate".into(),
    };
    Container {
        key: WEB,
        id: "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e".into(),
        name: "web".into(),
        runtime: Runtime::Containerd,
        image: RunImage { repository: "example.org/web".into(), tag: "1.2".into(), digest: None, id: None },
        labels: vec![("team".into(), "shop".into())],
        pod: Some(Pod { name: "web-0".into(), namespace: "shop".into(), ..Pod::default() }),
        mounts: vec![mount("/var/run/docker.sock", "/var/run/docker.sock"), mount("/root/x", "/data")],
        privileged: Some(false),
        created: NOON - 5_000_000_000,
        ..Container::default()
    }
}
