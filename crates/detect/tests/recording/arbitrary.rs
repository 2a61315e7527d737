//! Any event that can be.

use gabion_model::{
    Digest,
    event::{
        Child, Credentials, Endpoint, Event, EventKind, Executable, Fd, FdKind, InImage, Process, Rung,
        Subject, Task, Transport, Value, Verdict,
    },
    workload::{Container, ContainerKey, Mount, Pod, Property, RunImage, Runtime},
};
use proptest::{collection::vec, option, prelude::*};
use std::net::IpAddr;

/// An event, and what it borrows.
#[derive(Clone, Debug)]
pub(crate) struct Owned {
    numbers: (u64, u64, u16, i64),
    kind: EventKind,
    task: Task,
    container: u32,
    fd: Option<(i64, u64, u64, What)>,
    args: Vec<Arg>,
    subject: About,
    verdict: Verdict,
}

#[derive(Clone, Debug)]
enum Arg {
    Unknown,
    Int(i64),
    Uint(u64),
    Bytes(Vec<u8>),
}

#[derive(Clone, Debug)]
enum What {
    Text(u8, Vec<u8>),
    Inet(Transport, Option<Endpoint>, Option<Endpoint>, Option<bool>),
    Socket(u16),
}

#[derive(Clone, Debug)]
enum About {
    Nothing,
    Process(Box<Process>),
    Child(Child),
    Container(Box<Container>),
}

impl Owned {
    pub(crate) fn with(&self, take: &mut dyn FnMut(&Event<'_>)) {
        let args: Vec<Value<'_>> = self.args.iter().map(value).collect();
        let (number, time, cpu, result) = self.numbers;
        let subject = match &self.subject {
            About::Nothing => Subject::None,
            About::Process(process) => Subject::Process(process),
            About::Child(child) => Subject::Child(*child),
            About::Container(container) => Subject::Container(container),
        };
        take(&Event {
            number,
            time,
            cpu,
            kind: self.kind,
            task: self.task,
            container: ContainerKey(self.container),
            result,
            fd: self.fd.as_ref().map(|(number, dev, ino, what)| Fd {
                number: *number,
                kind: kind(what),
                dev: *dev,
                ino: *ino,
            }),
            args: &args,
            subject,
            verdict: self.verdict,
        });
    }
}

fn value(arg: &Arg) -> Value<'_> {
    match arg {
        Arg::Unknown => Value::Unknown,
        Arg::Int(value) => Value::Int(*value),
        Arg::Uint(value) => Value::Uint(*value),
        Arg::Bytes(bytes) => Value::Bytes(bytes),
    }
}

fn kind(what: &What) -> FdKind<'_> {
    match what {
        What::Text(0, path) => FdKind::File { path, upper: false },
        What::Text(1, path) => FdKind::File { path, upper: true },
        What::Text(2, path) => FdKind::Directory(path),
        What::Text(3, path) => FdKind::Unix(path),
        What::Text(4, name) => FdKind::Memfd(name),
        What::Text(5, name) => FdKind::Anonymous(name),
        What::Text(6, _) => FdKind::Pipe,
        What::Text(..) => FdKind::Unknown,
        What::Inet(transport, local, remote, server) => {
            FdKind::Inet { transport: *transport, local: *local, remote: *remote, server: *server }
        }
        What::Socket(family) => FdKind::Socket(*family),
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(Vec::new()),
        Just(b"/etc/passwd".to_vec()),
        vec(any::<u8>(), 0..40),
        vec(any::<u8>(), 2000..2100)
    ]
}

fn string() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9/é.-]{0,20}"
}

fn task() -> impl Strategy<Value = Task> {
    (any::<u32>(), any::<u32>(), any::<u64>()).prop_map(|(pid, tid, start)| Task { pid, tid, start })
}

fn digest() -> impl Strategy<Value = Option<Digest>> {
    option::of(any::<[u8; 32]>().prop_map(Digest::sha256))
}

fn endpoint() -> impl Strategy<Value = Option<Endpoint>> {
    option::of((any::<IpAddr>(), any::<u16>()).prop_map(|(address, port)| Endpoint { address, port }))
}

fn what() -> impl Strategy<Value = What> {
    let transport = prop_oneof![
        Just(Transport::Tcp),
        Just(Transport::Udp),
        Just(Transport::Raw),
        any::<u8>().prop_map(Transport::Other),
    ];
    prop_oneof![
        (0_u8..8, text()).prop_map(|(tag, text)| What::Text(tag, text)),
        (transport, endpoint(), endpoint(), any::<Option<bool>>())
            .prop_map(|(transport, local, remote, server)| What::Inet(transport, local, remote, server)),
        any::<u16>().prop_map(What::Socket),
    ]
}

#[expect(clippy::similar_names, reason = "they are called so")]
fn process() -> impl Strategy<Value = Process> {
    let credentials = (any::<[u32; 3]>(), any::<[u64; 3]>()).prop_map(|([uid, gid, loginuid], sets)| {
        let [inheritable, permitted, effective] = sets;
        Credentials { uid, gid, loginuid, inheritable, permitted, effective }
    });
    let in_image = prop_oneof![Just(InImage::Yes), Just(InImage::No), Just(InImage::Unknown)];
    let exe = (text(), any::<[u64; 4]>(), any::<[bool; 3]>(), in_image, digest()).prop_map(
        |(path, [dev, ino, ctime, mtime], [upper_layer, memfd, writable], in_image, digest)| Executable {
            path,
            dev,
            ino,
            ctime,
            mtime,
            upper_layer,
            memfd,
            writable,
            in_image,
            digest,
        },
    );
    (
        any::<[u32; 9]>(),
        [text(), text()],
        vec(text(), 0..4),
        vec(text(), 0..4),
        credentials,
        exe,
        any::<(bool, u64)>(),
    )
        .prop_map(|(numbers, [comm, cwd], args, env, credentials, exe, (found, exec_time))| {
            let [parent, vpid, vsid, vpgid, sid, pgid, args_cut, env_cut, tty] = numbers;
            Process {
                parent,
                vpid,
                vsid,
                vpgid,
                sid,
                pgid,
                comm,
                args,
                args_cut,
                env,
                env_cut,
                cwd,
                tty,
                credentials,
                exe,
                found,
                exec_time,
            }
        })
}

fn container() -> impl Strategy<Value = Container> {
    let runtime = prop_oneof![
        Just(Runtime::Unknown),
        Just(Runtime::Containerd),
        Just(Runtime::Docker),
        Just(Runtime::Podman),
        Just(Runtime::Crio),
        Just(Runtime::Oci),
    ];
    let labels = || vec((string(), string()), 0..3);
    let image = (string(), string(), digest(), digest()).prop_map(|(repository, tag, digest, id)| RunImage {
        repository,
        tag,
        digest,
        id,
    });
    let pod = ([string(), string(), string(), string()], labels())
        .prop_map(|([name, namespace, uid, sandbox], labels)| Pod { name, namespace, uid, sandbox, labels });
    let mount = ([string(), string(), string(), string()], any::<bool>()).prop_map(
        |([source, destination, mode, propagation], writable)| Mount {
            source,
            destination,
            mode,
            writable,
            propagation,
        },
    );
    (
        (any::<u32>(), string(), string(), runtime, image, labels()),
        (
            option::of(pod),
            vec(mount, 0..3),
            any::<Option<bool>>(),
            any::<u64>(),
            vec(any::<IpAddr>(), 0..3),
            any::<bool>(),
            proptest::sample::subsequence(Property::ALL.to_vec(), 0..=Property::ALL.len()),
        ),
    )
        .prop_map(
            |(
                (key, id, name, runtime, image, labels),
                (pod, mounts, privileged, created, addresses, late, unknown),
            )| {
                Container {
                    key: ContainerKey(key),
                    id,
                    name,
                    runtime,
                    image,
                    labels,
                    pod,
                    mounts,
                    privileged,
                    created,
                    addresses,
                    late,
                    unknown,
                }
            },
        )
}

/// Any event.
pub(crate) fn event() -> impl Strategy<Value = Owned> {
    let arg = prop_oneof![
        Just(Arg::Unknown),
        any::<i64>().prop_map(Arg::Int),
        any::<u64>().prop_map(Arg::Uint),
        text().prop_map(Arg::Bytes),
    ];
    let subject = prop_oneof![
        4 => Just(About::Nothing),
        1 => process().prop_map(|process| About::Process(Box::new(process))),
        1 => (task(), any::<u32>(), any::<bool>())
            .prop_map(|(task, vpid, thread)| About::Child(Child { task, vpid, thread })),
        1 => container().prop_map(|container| About::Container(Box::new(container))),
    ];
    let rung = || prop_oneof![Just(Rung::Lsm), Just(Rung::Fanotify), Just(Rung::Kill), Just(Rung::Cgroup)];
    let verdict = prop_oneof![
        4 => Just(Verdict::None),
        1 => Just(Verdict::Allowed),
        1 => rung().prop_map(Verdict::WouldDeny),
        1 => rung().prop_map(Verdict::Denied),
    ];
    let fd = option::of((any::<i64>(), any::<u64>(), any::<u64>(), what()));
    let kinds = (0..EventKind::COUNT)
        .prop_map(|number| EventKind::from_number(u16::try_from(number).expect("few")).expect("within"));
    (any::<(u64, u64, u16, i64)>(), kinds, task(), any::<u32>(), fd, vec(arg, 0..12), subject, verdict)
        .prop_map(|(numbers, kind, task, container, fd, mut args, subject, verdict)| {
            args.truncate(kind.args().len());
            Owned { numbers, kind, task, container, fd, args, subject, verdict }
        })
}
