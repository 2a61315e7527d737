//! A server in a container is broken into: a recording of it, told as old drivers tell it (the arguments when the call
//! begins) and as new ones do.

use super::writer::{Listed, P, Scap, address, short, tuple};

pub(crate) const BOOT: u64 = 1_795_000_000_000_000_000;
pub(crate) const START: u64 = 1_795_773_600_000_000_000;

/// The id of the container.
pub(crate) const CONTAINER: &str = "3f4e5d6c7b8a99887766554433221100ffeeddccbbaa00112233445566778899";

const SHELL: u64 = 100;
const SERVER: u64 = 200;
const CURL: u64 = 300;

/// The whole recording.
pub(crate) fn recording() -> Vec<u8> {
    let mut file = Scap::new(BOOT);
    let cgroups = format!("cpu=/docker/{CONTAINER}\0memory=/docker/{CONTAINER}\0");
    file.processes(&[
        Listed {
            pid: 1,
            parent: 0,
            comm: "systemd",
            exe: "/sbin/init",
            args: &[],
            cwd: "/",
            uid: 0,
            vpid: 1,
            cgroups: "cpu=/\0",
        },
        Listed {
            pid: SHELL,
            parent: 1,
            comm: "bash",
            exe: "/bin/bash",
            args: &["-l"],
            cwd: "/home/u/",
            uid: 1000,
            vpid: SHELL,
            cgroups: "cpu=/user.slice\0",
        },
        Listed {
            pid: SERVER,
            parent: 1,
            comm: "nginx",
            exe: "/usr/sbin/nginx",
            args: &["-g", "daemon off;"],
            cwd: "/srv/",
            uid: 33,
            vpid: 7,
            cgroups: &cgroups,
        },
    ]);
    let mut terminal = vec![16];
    terminal.extend(3_u32.to_le_bytes());
    short(&mut terminal, b"/dev/pts/0");
    terminal.extend(9_u32.to_le_bytes());
    let mut pipe = vec![7];
    short(&mut pipe, b"pipe:[7]");
    file.descriptors(SHELL, &[(0, &terminal), (1, &terminal), (4, &pipe)]);
    // Listening at 0.0.0.0:80, TCP.
    file.descriptors(SERVER, &[(6, &[5, 0, 0, 0, 0, 80, 0, 2]), (0, &terminal)]);
    let mut tape = Tape { file, time: START };
    tape.shell();
    tape.server(&cgroups);
    tape.file.0
}

/// Who makes another process.
struct Who<'a> {
    comm: &'a str,
    exe: &'a str,
    args: &'a [u8],
    uid: u32,
    cgroups: &'a str,
}

struct Tape {
    file: Scap,
    time: u64,
}

impl Tape {
    fn tell(&mut self, tid: u64, number: u16, params: &[P<'_>]) {
        self.time += 1_000;
        self.file.event(self.time, tid, number, params);
    }

    /// A call of two events.
    fn call(&mut self, tid: u64, number: u16, enter: &[P<'_>], exit: &[P<'_>]) {
        self.tell(tid, number, enter);
        self.tell(tid, number + 1, exit);
    }

    /// What `clone` tells, in the parent or in the child.
    fn clone(&mut self, result: i64, tid: u64, parent: u64, who: &Who<'_>, vpid: i64) {
        let (tid_, parent) = (tid.cast_signed(), parent.cast_signed());
        let Who { comm, exe, args, uid, cgroups } = *who;
        self.tell(
            tid,
            223,
            &[
                P::I64(result),
                P::T(exe),
                P::B(args),
                P::I64(tid_),
                P::I64(tid_),
                P::I64(parent),
                P::T(""),
                P::I64(1024),
                P::U64(0),
                P::U64(0),
                P::U32(0),
                P::U32(0),
                P::U32(0),
                P::T(comm),
                P::B(cgroups.as_bytes()),
                P::U32(1 << 23),
                P::U32(uid),
                P::U32(uid),
                P::I64(vpid),
                P::I64(vpid),
            ],
        );
    }

    fn execve(&mut self, tid: u64, parent: u64, path: &str, args: &[&str], cgroups: &str, result: i64) {
        self.tell(tid, 292, &[P::T(path)]);
        let comm = path.rsplit('/').next().expect("has a last part");
        let args: Vec<u8> = args.iter().flat_map(|arg| [arg.as_bytes(), &[0]].concat()).collect();
        let tid_ = tid.cast_signed();
        self.tell(
            tid,
            293,
            &[
                P::I64(result),
                P::T(path),
                P::B(&args),
                P::I64(tid_),
                P::I64(tid_),
                P::I64(parent.cast_signed()),
                P::T(""),
                P::U64(1024),
                P::U64(0),
                P::U64(0),
                P::U32(0),
                P::U32(0),
                P::U32(0),
                P::T(comm),
                P::B(cgroups.as_bytes()),
                P::B(b"A=1\0PATH=/bin\0"),
                P::U32(34816),
                P::I64(tid_),
                P::U32(1000),
                P::U32(1),
                P::U64(0),
                P::U64(0x20),
                P::U64(0x20),
            ],
        );
    }

    /// On the host: a user runs curl and does this and that with files.
    fn shell(&mut self) {
        let host = "cpu=/user.slice\0";
        self.tell(SHELL, 222, &[]);
        let bash = Who { comm: "bash", exe: "/bin/bash", args: b"-l\0", uid: 1000, cgroups: host };
        self.clone(CURL.cast_signed(), SHELL, 1, &bash, SHELL.cast_signed());
        self.clone(0, CURL, SHELL, &bash, CURL.cast_signed());
        self.execve(CURL, SHELL, "/usr/bin/nothing", &[], host, -2);
        self.execve(CURL, SHELL, "/usr/bin/curl", &["-s", "http://192.0.2.7/"], host, 0);
        // openat, as of now: all is told at the end.
        self.call(
            CURL,
            306,
            &[P::I64(-100), P::T("notes.txt"), P::U32(1), P::U32(0)],
            &[P::I64(3), P::I64(-100), P::T("notes.txt"), P::U32(1 | 1 << 12), P::U32(0), P::U32(9)],
        );
        self.call(CURL, 6, &[P::I64(3), P::U32(100)], &[P::I64(5), P::B(b"hello")]);
        // open that fails
        self.call(
            CURL,
            2,
            &[P::T("/etc/shadow"), P::U32(3), P::U32(0)],
            &[P::I64(-13), P::T("/etc/shadow"), P::U32(3), P::U32(0), P::U32(0)],
        );
        // A directory, and a file that is named from it.
        self.call(
            CURL,
            306,
            &[P::I64(-100), P::T("/etc"), P::U32(1 | 1 << 10), P::U32(0)],
            &[P::I64(4), P::I64(-100), P::T("/etc"), P::U32(1 | 1 << 10), P::U32(0), P::U32(9)],
        );
        self.call(
            CURL,
            306,
            &[P::I64(4), P::T("../var/new"), P::U32(2 | 1 << 2), P::U32(0o640)],
            &[
                P::I64(5),
                P::I64(4),
                P::T("../var/new"),
                P::U32(2 | 1 << 2 | 1 << 14),
                P::U32(0o640),
                P::U32(9),
            ],
        );
        self.call(CURL, 8, &[P::I64(5), P::U32(4)], &[P::I64(4), P::B(b"data")]);
        // dup, as old drivers tell it, and close
        self.call(CURL, 124, &[P::I64(5)], &[P::I64(6)]);
        self.call(CURL, 4, &[P::I64(5)], &[P::I64(0)]);
        self.call(CURL, 8, &[P::I64(6), P::U32(4)], &[P::I64(4), P::B(b"more")]);
        // fcntl(F_DUPFD_CLOEXEC) is no event of a rule, but what it makes is read from
        self.call(CURL, 150, &[P::I64(6), P::U8(26)], &[P::I64(9)]);
        self.call(CURL, 4, &[P::I64(9)], &[P::I64(0)]);
        // socket, connect, sendto, recvfrom
        self.call(CURL, 18, &[P::U32(2), P::U32(1), P::U32(6)], &[P::I64(7)]);
        let (here, there) = ([192, 0, 2, 1], [192, 0, 2, 7]);
        self.call(
            CURL,
            22,
            &[P::I64(7), P::B(&address(there, 80))],
            &[P::I64(0), P::B(&tuple(here, 40000, there, 80))],
        );
        self.call(CURL, 30, &[P::I64(7), P::U32(3), P::None], &[P::I64(3), P::B(b"GET")]);
        self.call(CURL, 34, &[P::I64(7), P::U32(9)], &[P::I64(2), P::B(b"OK"), P::None]);
        self.call(CURL, 18, &[P::U32(2), P::U32(2), P::U32(17)], &[P::I64(8)]);
        let dns = [192, 0, 2, 53];
        self.call(
            CURL,
            30,
            &[P::I64(8), P::U32(3), P::B(&tuple(here, 50000, dns, 53))],
            &[P::I64(3), P::B(b"ask")],
        );
        // A Unix socket.
        self.call(CURL, 18, &[P::U32(1), P::U32(1), P::U32(0)], &[P::I64(10)]);
        let mut log = vec![1];
        log.extend([0; 16]);
        log.extend(b"/dev/log\0");
        self.call(CURL, 22, &[P::I64(10), P::B(b"\x01/dev/log\0")], &[P::I64(0), P::B(&log)]);
        self.call(CURL, 8, &[P::I64(10), P::U32(2)], &[P::I64(2), P::B(b"hi")]);
        // Where it is and who it is.
        self.tell(CURL, 95, &[P::I64(0), P::T("../../tmp")]);
        self.call(
            CURL,
            306,
            &[P::I64(-100), P::T("x"), P::U32(1), P::U32(0)],
            &[P::I64(11), P::I64(-100), P::T("x"), P::U32(1), P::U32(0), P::U32(9)],
        );
        self.call(CURL, 198, &[P::U32(0)], &[P::I64(0)]);
        self.call(CURL, 192, &[P::U32(33), P::U32(34), P::U32(35)], &[P::I64(0)]);
        // Files by name.
        self.tell(CURL, 301, &[P::I64(0), P::T("/tmp/old")]);
        self.tell(CURL, 303, &[P::I64(-2), P::I64(4), P::T("passwd"), P::U32(0)]);
        self.tell(CURL, 305, &[P::I64(0), P::I64(-100), P::T("dir"), P::U32(0o755)]);
        self.tell(CURL, 175, &[P::I64(0), P::T("/tmp/a"), P::T("/tmp/b")]);
        self.tell(CURL, 179, &[P::I64(0), P::T("/etc/passwd"), P::T("/tmp/link")]);
        self.tell(CURL, 315, &[P::I64(0), P::T("/tmp/b"), P::U32(0o4755)]);
        self.call(CURL, 128, &[P::I64(SHELL.cast_signed()), P::U8(9)], &[P::I64(-1)]);
        self.tell(CURL, 186, &[P::I64(256), P::I64(1), P::U8(0), P::U8(0)]);
    }

    /// In the container: the server takes a request, and runs a shell.
    fn server(&mut self, cgroups: &str) {
        let json = format!(
            r#"{{"container":{{"id":"{}","full_id":"{CONTAINER}","type":0,"name":"web","image":"nginx:1.27","imageid":"","imagerepo":"nginx","imagetag":"1.27","privileged":true,"Mounts":[],"ip":"172.17.0.2","labels":{{"io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"shop"}}}}}}"#,
            &CONTAINER[..12]
        );
        self.tell(SERVER, 272, &[P::T(&json)]);
        let (client, server) = ([198, 51, 100, 9], [172, 17, 0, 2]);
        self.tell(SERVER, 246, &[]);
        self.tell(
            SERVER,
            247,
            &[P::I64(9), P::B(&tuple(client, 51000, server, 80)), P::U8(0), P::U32(0), P::U32(128)],
        );
        self.call(SERVER, 6, &[P::I64(9), P::U32(512)], &[P::I64(3), P::B(b"GET")]);
        // The child of a process in a container names itself; the parent sees only its number inside.
        self.tell(SERVER, 222, &[]);
        let nginx =
            Who { comm: "nginx", exe: "/usr/sbin/nginx", args: b"-g\0daemon off;\0", uid: 33, cgroups };
        self.clone(8, SERVER, 1, &nginx, 7);
        self.clone(0, 400, SERVER, &nginx, 8);
        self.call(400, 124, &[P::I64(9)], &[P::I64(0)]);
        self.execve(400, SERVER, "/bin/sh", &["-c", "id"], cgroups, 0);
        self.call(400, 6, &[P::I64(0), P::U32(10)], &[P::I64(3), P::B(b"id\n")]);
        self.tell(400, 186, &[P::I64(0), P::I64(0), P::U8(0), P::U8(0)]);
        self.call(SERVER, 4, &[P::I64(9)], &[P::I64(0)]);
    }
}
