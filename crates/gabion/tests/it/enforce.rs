//! The agent with a policy: it denies, it goes on when the agent is killed, and it ends when it is told to.

use crate::{
    running::{Running, container},
    support::{can_run, directory, run, wait_for},
};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

fn gabion() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gabion"))
}

/// Starts an agent that writes its notes to one file, and its alerts to another beside it.
fn start(home: &Path, policy: &Path, notes: &Path) -> Child {
    start_as(Path::new(env!("CARGO_BIN_EXE_gabion")), home, policy, notes)
}

fn start_as(program: &Path, home: &Path, policy: &Path, notes: &Path) -> Child {
    let child = Command::new(program)
        .args(["agent", "--state"])
        .arg(home.join("state"))
        .arg("--socket")
        .arg(home.join("agent.sock"))
        .arg("--policy")
        .arg(policy)
        .stdin(Stdio::null())
        .stdout(fs::File::create(alerts(notes)).expect("a file"))
        .stderr(fs::File::create(notes).expect("a file"))
        .spawn()
        .expect("starts");
    wait_for("the agent to watch", || said(notes, "Ctrl-C ends it"));
    child
}

fn alerts(notes: &Path) -> PathBuf {
    notes.with_extension("alerts")
}

fn said(notes: &Path, text: &str) -> bool {
    fs::read_to_string(notes).is_ok_and(|notes| notes.contains(text))
}

/// Ends what was enforced, also if the test fails.
struct Enforced<'a>(&'a Path);

impl Enforced<'_> {
    fn stop(&self) -> bool {
        let mut stop = gabion();
        stop.args(["agent", "--stop-enforcing", "--state"]).arg(self.0.join("state"));
        stop.output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Enforced<'_> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Executes a program until it is denied, or for half a minute.
const UNTIL_DENIED: &str = "/bin/cp /bin/busybox /tmp/true; i=0
    while /tmp/true; do i=$((i + 1)); [ $i -lt 600 ] || exit 1; /bin/busybox sleep 0.05; done";

#[test]
fn a_policy_is_enforced_until_it_is_stopped_whatever_becomes_of_the_agent() {
    let name = "a_policy_is_enforced_until_it_is_stopped_whatever_becomes_of_the_agent";
    if !can_run(name, &["runc", "busybox"]) {
        return;
    }
    let home = directory();
    let own = std::process::id();
    let policy = home.path().join("policy.yaml");
    let text = format!(
        "workloads: [{{name: 'gabion-enforced-*-{own}', policy: {{name: no tools, mode: enforce, exec: {{deny: [/tmp/**]}}}}}}]"
    );
    fs::write(&policy, text).expect("writes");
    let notes = home.path().join("notes");
    let mut agent = start(home.path(), &policy, &notes);
    let enforced = Enforced(home.path());
    let first = format!("gabion-enforced-first-{own}");
    let _first = container(home.path(), &first, "start", UNTIL_DENIED);
    let line =
        format!("denied: execute /tmp/true | container={first} policy=no tools rule=exec.deny /tmp/** by=");
    wait_for("the record", || said(&alerts(&notes), &line));
    agent.kill().expect("killed");
    agent.wait().expect("ended");

    // The next one finds the keeper as it is.
    let notes = home.path().join("notes-2");
    let agent = start(home.path(), &policy, &notes);
    let second = format!("gabion-enforced-second-{own}");
    let _second = container(home.path(), &second, "start", UNTIL_DENIED);
    wait_for("the record", || said(&alerts(&notes), &format!("container={second} ")));
    run(Command::new("kill").arg(agent.id().to_string()));
    let output = agent.wait_with_output().expect("ends");
    assert!(output.status.success());
    assert!(said(&notes, "enforcement goes on (gabion agent --stop-enforcing ends it)"));
    assert!(home.path().join("state/keeper/socket").exists());
    assert!(enforced.stop());
    assert!(!home.path().join("state/keeper/socket").exists());
}

/// A program that is this one but for a letter in the source that its programs for the kernel carry along: another version, with other
/// programs in the kernel.
fn another_version(home: &Path) -> PathBuf {
    let mut bytes = fs::read(env!("CARGO_BIN_EXE_gabion")).expect("reads");
    let line = b"int BPF_PROG(check_open";
    let places: Vec<usize> =
        bytes.windows(line.len()).enumerate().filter(|(_, at)| at == line).map(|(at, _)| at).collect();
    assert_eq!(places.len(), 1, "the line is there once");
    bytes[places[0] + 1] = b'N';
    let path = home.join("gabion-before");
    fs::write(&path, bytes).expect("writes");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("sets");
    path
}

#[test]
fn an_upgrade_lets_nothing_through() {
    if !can_run("an_upgrade_lets_nothing_through", &["runc", "busybox"]) {
        return;
    }
    let home = directory();
    let name = format!("gabion-upgraded-{}", std::process::id());
    let policy = home.path().join("policy.yaml");
    let text = format!("workloads: [{{name: {name}, policy: {{mode: enforce, exec: {{deny: [/tmp/**]}}}}}}]");
    fs::write(&policy, text).expect("writes");
    let before = another_version(home.path());
    let notes = home.path().join("notes");
    let agent = start_as(&before, home.path(), &policy, &notes);
    let enforced = Enforced(home.path());
    // As often as it can; what is let through after the first denial is told.
    let script = "/bin/cp /bin/busybox /tmp/true
        while /tmp/true; do :; done
        i=0; while :; do
            if /tmp/true; then echo >>/tmp/through; fi
            i=$((i + 1)); echo $i >/tmp/.tried; /bin/busybox mv /tmp/.tried /tmp/tried
        done";
    let _running = Running::start(home.path(), &name, script);
    let state: Value = serde_json::from_str(&run(Command::new("runc").args(["state", &name]))).expect("JSON");
    let of_container = |file: &str| fs::read_to_string(format!("/proc/{}/root/tmp/{file}", state["pid"]));
    let tried = || of_container("tried").ok().and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0);
    wait_for("denials", || tried() > 20);
    let keeper = || {
        let found =
            Command::new("pgrep").args(["-f", &format!("__keeper.*{}", home.path().display())]).output();
        String::from_utf8_lossy(&found.expect("starts").stdout).trim().to_owned()
    };
    let first = keeper();
    run(Command::new("kill").arg(agent.id().to_string()));
    agent.wait_with_output().expect("ends");
    assert_eq!(keeper(), first, "it goes on");

    let notes = home.path().join("notes-2");
    let agent = start(home.path(), &policy, &notes);
    let second = keeper();
    assert!(!second.is_empty() && second != first, "the keeper of the version before is replaced: {second}");
    let then = tried();
    wait_for("more denials", || tried() > then + 20);
    assert!(of_container("through").is_err(), "nothing was let through");
    run(Command::new("kill").arg(agent.id().to_string()));
    agent.wait_with_output().expect("ends");
    assert!(
        said(&notes, " decisions, 0 of them without a record"),
        "{}",
        fs::read_to_string(&notes).expect("reads")
    );
    assert!(enforced.stop());
    // The test would see what is let through.
    wait_for("the end of it", || of_container("through").is_ok());
}
