//! What enforcement costs whoever is allowed.
//!
//! ```text
//! cargo bench -p gabion-node --bench enforce      as root, with gcc, on a machine that does nothing else
//! ```
//!
//! A program in a container of its own is executed, and a UDP socket connected, again and again: without enforcement, and with a
//! policy that allows just that by a rule; 20 times each in turn, median and quartiles of the differences.

#![allow(clippy::print_stdout, reason = "it prints its result")]

use gabion_node::enforce::{
    AgentProgram, Choice, ConnectRules, Enforcer, ExecRules, KeeperProgram, Mode, Options, Peer, Policy, keep,
};
use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

const TIMES: usize = 20;

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("keep") => keep(&arguments[2]).expect("keeps"),
        _ => measure(),
    }
}

/// A control group and a root directory.
struct Cell {
    group: PathBuf,
    root: PathBuf,
}

impl Cell {
    /// Nanoseconds that each of `count` takes.
    fn time(&self, what: &str, count: u32) -> i64 {
        let script = "mount --bind \"$0\" \"$0\" && cd \"$0\" && mount --move . / && \
                      echo $$ > \"$1/cgroup.procs\" && shift && exec chroot . \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script]).arg(&self.root).arg(&self.group);
        let output =
            command.args(["/bin/helper", "times", what, &count.to_string()]).output().expect("starts");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(!text.is_empty(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        text.parse().expect("a number")
    }
}

fn measure() {
    let home = tempfile::tempdir().expect("a directory");
    let beside = Path::new("/sys/fs/cgroup/unified");
    let unified = if beside.is_dir() { beside } else { Path::new("/sys/fs/cgroup") };
    let name = format!("gabion-bench-{}", std::process::id());
    let cell = Cell { group: unified.join(&name).join("cell"), root: home.path().join("root") };
    fs::create_dir_all(&cell.group).expect("a control group");
    fs::create_dir_all(cell.root.join("bin")).expect("makes");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/enforce/helper.c");
    let helper = cell.root.join("bin/helper");
    let built = Command::new("gcc").args(["-static", "-O1", "-o"]).arg(&helper).arg(source).status();
    assert!(built.expect("gcc").success());
    let options = Options {
        state: home.path().join("keeper"),
        pins: Path::new("/sys/fs/bpf").join(&name),
        scope: Some(unified.join(&name)),
        default: Policy::default(),
        agent: AgentProgram::default(),
        spool: None,
        keeper: KeeperProgram {
            program: env::current_exe().expect("this program"),
            args: vec![OsString::from("keep")],
            env: Vec::new(),
        },
    };
    let exec = ExecRules {
        default: Choice::Deny,
        allow: vec!["/bin/**".parse().expect("a pattern")],
        ..ExecRules::default()
    };
    let peer = Peer { net: "127.0.0.0/8".parse().expect("a net"), port: 9, port_to: 0, transport: None };
    let connect = ConnectRules { default: Choice::Deny, allow: vec![peer], ..ConnectRules::default() };
    let policy = Policy { name: "bench".into(), mode: Mode::Enforce, exec, connect, ..Policy::default() };
    let group = fs::metadata(&cell.group).expect("there").ino();
    println!(
        "{:<10} {:>12} {:>14} {:>12}    {:>10}",
        "", "without, ns", "difference, ns", "quartiles", "spread"
    );
    let kinds = [("exec", 500), ("connect", 20_000)];
    let mut rows = kinds.map(|_| (Vec::new(), Vec::new()));
    for _ in 0..TIMES {
        let without = kinds.map(|(what, count)| cell.time(what, count));
        let mut enforcer = Enforcer::start(options.clone()).expect("a keeper");
        enforcer.set(group, "cell", &policy).expect("set");
        for (at, (what, count)) in kinds.into_iter().enumerate() {
            rows[at].0.push(without[at]);
            rows[at].1.push(cell.time(what, count) - without[at]);
        }
        enforcer.stop().expect("stops");
    }
    for ((what, _), (mut without, mut more)) in kinds.into_iter().zip(rows) {
        without.sort_unstable();
        more.sort_unstable();
        let (low, high) = (more[TIMES / 4], more[TIMES * 3 / 4]);
        println!(
            "{what:<10} {:>12} {:>14} {low:>6} to {high:<6} {:>5} to {}",
            without[TIMES / 2],
            more[TIMES / 2],
            more[0],
            more[TIMES - 1]
        );
    }
    // Groups must be empty, which those that ran in them may take a moment for.
    let _ = fs::remove_dir(&cell.group).and_then(|()| fs::remove_dir(unified.join(&name)));
}
