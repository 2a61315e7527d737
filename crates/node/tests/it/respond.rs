//! What is done about processes and containers, on this kernel: a control group of its own, processes in it, a network between them.

use crate::{
    machine::{alone, can_run, directory, run},
    stand_in::unified,
};
use gabion_model::event::Task;
use gabion_node::respond::{self, Dropped, Limits, RespondError};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, UdpSocket},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A control group that goes when this is dropped, with all that is in it.
struct Group {
    name: String,
    path: PathBuf,
}

impl Group {
    fn new(name: &str) -> Self {
        let name = format!("/gabion-respond-{name}-{}", std::process::id());
        let path = unified().join(&name[1..]);
        fs::create_dir(&path).expect("makes");
        Self { name, path }
    }

    fn bytes(&self) -> &[u8] {
        self.name.as_bytes()
    }

    /// Starts a shell script in the group.
    fn start(&self, script: &str) -> Child {
        let script = format!("echo $$ > {}/cgroup.procs; {script}", self.path.display());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.spawn().expect("starts")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What is left of a failed test.
        let _ = respond::thaw(self.bytes());
        let _ = respond::kill_all(self.bytes());
        for _ in 0..100 {
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("reads");
    line.trim().to_owned()
}

fn state_of(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('?')
}

#[test]
fn a_frozen_group_stands_still_until_it_is_thawed() {
    if !can_run("a_frozen_group_stands_still_until_it_is_thawed", &["sh"]) {
        return;
    }
    let group = Group::new("freeze");
    let mut child = group.start("echo ready; read word; echo $word");
    assert_eq!(line(&mut child), "ready");
    respond::freeze(group.bytes()).expect("freezes");
    writeln!(child.stdin.as_mut().expect("piped"), "hello").expect("writes");
    let events = fs::read_to_string(group.path.join("cgroup.events")).expect("reads");
    assert!(events.contains("frozen 1"), "{events}");
    assert_eq!(respond::members(group.bytes()).expect("lists"), [child.id()]);
    respond::thaw(group.bytes()).expect("thaws");
    assert_eq!(line(&mut child), "hello");
    assert!(child.wait().expect("ends").success());
    let gone = respond::freeze(b"/gabion-nothing-here");
    assert!(matches!(gone, Err(RespondError::File { .. })), "{gone:?}");
}

#[test]
fn trees_end_with_all_that_they_start_meanwhile() {
    if !can_run("trees_end_with_all_that_they_start_meanwhile", &["sh"]) {
        return;
    }
    let group = Group::new("kill");
    // Each child starts another before it ends: to go through a list once is not enough.
    let mut child = group.start(
        "(while :; do (sleep 0.01; sleep 0.01) & wait; done) & (sleep 600 & sleep 600) & echo ready; wait",
    );
    assert_eq!(line(&mut child), "ready");
    let wrong = Task { pid: child.id(), tid: child.id(), start: 1 };
    assert!(
        matches!(respond::kill(wrong), Err(RespondError::Ended(_))),
        "its number may be another's by now"
    );
    assert_eq!(child.try_wait().expect("asks"), None);
    let ended = respond::kill_tree(Task { start: 0, ..wrong }).expect("ends");
    assert!(ended >= 3, "{ended}");
    assert!(!child.wait().expect("ends").success());
    // Those that ended are reaped by whoever is the reaper here.
    let alive = || {
        respond::members(group.bytes())
            .expect("lists")
            .into_iter()
            .filter(|pid| state_of(*pid) != 'Z')
            .count()
    };
    for _ in 0..250 {
        if alive() == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(alive(), 0, "none is left");
    for untouchable in [0, 1, std::process::id()] {
        let task = Task { pid: untouchable, tid: untouchable, start: 0 };
        assert!(matches!(respond::kill_tree(task), Err(RespondError::Untouchable(_))));
    }
    let mut other = group.start("sleep 600 & echo ready; wait");
    assert_eq!(line(&mut other), "ready");
    assert_eq!(respond::kill_all(group.bytes()).expect("ends"), 2);
    assert!(!other.wait().expect("ends").success());
}

#[test]
fn an_isolated_group_reaches_name_servers_and_named_peers_only() {
    if !can_run("an_isolated_group_reaches_name_servers_and_named_peers_only", &["ip", "python3", "nsenter"])
    {
        return;
    }
    let _turn = alone();
    let (group, own) = (Group::new("isolate"), std::process::id());
    // A network namespace with this machine at the other end of its cable.
    let (space, here, there) = (format!("gabion-{own}"), format!("gh{own}"), format!("gt{own}"));
    let ip = |arguments: &str| run(Command::new("ip").args(arguments.split(' ')));
    ip(&format!("netns add {space}"));
    ip(&format!("link add {here} type veth peer name {there} netns {space}"));
    ip(&format!("addr add 198.18.77.1/24 dev {here}"));
    ip(&format!("addr add 198.18.77.3/24 dev {here}"));
    ip(&format!("link set {here} up"));
    ip(&format!("-n {space} addr add 198.18.77.2/24 dev {there}"));
    ip(&format!("-n {space} link set {there} up"));
    ip(&format!("-n {space} link set lo up"));

    let server = TcpListener::bind("198.18.77.1:0").expect("binds");
    let (allowed, port) =
        (TcpListener::bind("198.18.77.3:0").expect("binds"), server.local_addr().expect("bound").port());
    let names = UdpSocket::bind("198.18.77.1:53").expect("binds");
    names.set_read_timeout(Some(Duration::from_secs(10))).expect("sets");
    let program = "
import socket, sys
def tell(word): print(word, flush=True)
old = socket.create_connection(('198.18.77.1', int(sys.argv[1])))
tell('connected')
sys.stdin.readline()
def attempt(name, act):
    try: act(); tell(name + ' yes')
    except OSError as error: tell(name + ' no')
old.settimeout(1)
def on_old():
    old.send(b'x')
    if old.recv(1) != b'y': raise OSError
attempt('old', on_old)
attempt('new', lambda: socket.create_connection(('198.18.77.1', int(sys.argv[1])), timeout=1))
attempt('peer', lambda: socket.create_connection(('198.18.77.3', int(sys.argv[2])), timeout=5))
def lookup():
    asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asked.settimeout(5)
    asked.sendto(b'who', ('198.18.77.1', 53))
    if asked.recv(9) != b'me': raise OSError
attempt('name', lookup)
here = socket.create_server(('127.0.0.1', 0))
attempt('self', lambda: socket.create_connection(here.getsockname(), timeout=5))
tell('done')
sys.stdin.readline()
attempt('after', lambda: socket.create_connection(('198.18.77.1', int(sys.argv[1])), timeout=5))
";
    let home = directory();
    let script = home.path().join("client.py");
    fs::write(&script, program).expect("writes");
    let start = format!(
        "exec ip netns exec {space} python3 -I -S {} {port} {}",
        script.display(),
        allowed.local_addr().expect("bound").port()
    );
    let mut child = group.start(&start);
    let mut told = BufReader::new(child.stdout.take().expect("piped"));
    let mut next = || {
        let mut line = String::new();
        told.read_line(&mut line).expect("reads");
        line.trim().to_owned()
    };
    let (mut old, _) = server.accept().expect("accepts");
    assert_eq!(next(), "connected");
    let name = format!("test-{own}");
    respond::isolate(group.bytes(), &name, &["198.18.77.3".parse().expect("an address")]).expect("isolates");
    assert!(respond::isolate(group.bytes(), "no/name", &[]).is_err());
    // What comes in on an open connection is dropped, too.
    old.write_all(b"y").expect("writes");
    writeln!(child.stdin.as_mut().expect("piped"), "go").expect("writes");
    let answering = std::thread::spawn(move || {
        let mut bytes = [0; 9];
        let (_, from) = names.recv_from(&mut bytes).expect("is asked");
        names.send_to(b"me", from).expect("answers");
    });
    let verdicts: Vec<String> =
        std::iter::from_fn(|| Some(next())).take_while(|word| word != "done").collect();
    assert_eq!(verdicts, ["old no", "new no", "peer yes", "name yes", "self yes"]);
    answering.join().expect("answered");
    let Dropped { sent, received } = respond::release(&name).expect("releases");
    assert!(sent >= 2 && received >= 1, "{sent} {received}");
    assert_eq!(respond::release(&name).expect("is not there"), Dropped::default());
    writeln!(child.stdin.as_mut().expect("piped"), "go").expect("writes");
    assert_eq!(next(), "after yes");
    let mut waiting = [0];
    old.set_read_timeout(Some(Duration::from_secs(10))).expect("sets");
    old.read_exact(&mut waiting).expect("what was sent before arrives now");
    assert!(child.wait().expect("ends").success());
    ip(&format!("netns del {space}"));
}

#[test]
fn evidence_has_the_program_also_of_a_file_that_is_gone() {
    if !can_run("evidence_has_the_program_also_of_a_file_that_is_gone", &["sh", "busybox"]) {
        return;
    }
    let home = directory();
    let program = home.path().join("busybox");
    let busybox = ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .find(|p| fs::exists(p).unwrap_or(false))
        .expect("busybox");
    fs::copy(busybox, &program).expect("copies");
    let original = fs::read(busybox).expect("reads");
    let group = Group::new("evidence");
    let mut child = group.start(&format!("{} sleep 600 & echo ready; wait", program.display()));
    assert_eq!(line(&mut child), "ready");
    let runs = |pid: &u32| fs::read(format!("/proc/{pid}/exe")).is_ok_and(|bytes| bytes == original);
    while !respond::members(group.bytes()).expect("lists").iter().any(runs) {
        std::thread::yield_now();
    }
    fs::remove_file(&program).expect("removes");
    let into = home.path().join("evidence");
    let collected = respond::collect(group.bytes(), &into, Limits::default()).expect("collects");
    assert_eq!(collected.processes, 2);
    let kept: Vec<_> = fs::read_dir(into.join("processes"))
        .expect("lists")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert!(
        kept.iter().any(|process| fs::read(process.join("exe")).is_ok_and(|copy| copy == original)),
        "its bytes"
    );
    assert!(kept.iter().all(|process| process.join("cmdline").exists()
        && process.join("maps").exists()
        && !process.join("environ").exists()));
    let few = respond::collect(
        group.bytes(),
        &home.path().join("few"),
        Limits { processes: 1, ..Limits::default() },
    );
    assert!(few.expect("collects").left_out >= 1, "what was left out is counted");
    respond::kill_all(group.bytes()).expect("ends");
    child.wait().expect("ends");
}
