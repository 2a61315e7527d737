//! What runs while tests look: an agent that watches this node, and containers of runc for it to watch.

use crate::support::{run, wait_for};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Two agents at once would tell of each other's containers, and each would pay for both.
static ALONE: Mutex<()> = Mutex::new(());

/// What has started the tests may itself be executed from memory, and tests end their agent and change its files: all else that
/// they do would belong to the incident of that.
const OF_TESTS: &str = "\
- rule: Program executed from memory
  condition: and not container.id = host
  override: {condition: append}
- macro: agent_change_expected
  condition: (container.id = host)
  override: {condition: replace}
";

/// An agent that watches this node, until it is dropped.
pub(crate) struct Agent {
    child: Child,
    state: PathBuf,
    socket: PathBuf,
    alerts: PathBuf,
    notes: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Agent {
    pub(crate) fn start(home: &Path, arguments: &[&str]) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, alerts, notes) = (home.join("state"), home.join("alerts"), home.join("notes"));
        let socket = home.join("agent.sock");
        let rules = home.join("of-tests.yaml");
        fs::write(&rules, OF_TESTS).expect("writes");
        let child = Command::new(env!("CARGO_BIN_EXE_gabion"))
            .args(["agent", "--format", "json", "--all", "--state"])
            .arg(&state)
            .arg("--socket")
            .arg(&socket)
            .arg("--rules")
            .arg(&rules)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(fs::File::create(&alerts).expect("a file"))
            .stderr(fs::File::create(&notes).expect("a file"))
            .spawn()
            .expect("starts");
        wait_for("the agent to watch", || {
            fs::read_to_string(&notes).is_ok_and(|notes| notes.contains("Ctrl-C ends it"))
        });
        Self { child, state, socket, alerts, notes, _alone: alone }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// A command that asks this agent.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gabion"));
        command.args(arguments).env("GABION_SOCKET", &self.socket).env("GABION_STATE", &self.state);
        command
    }

    /// The rules that were told of a container, in their order.
    pub(crate) fn told(&self, container: &str) -> Vec<Value> {
        let lines = fs::read_to_string(&self.alerts).expect("reads");
        let complete = lines.rfind('\n').map_or("", |end| &lines[..end]);
        let alerts = complete.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        alerts.filter(|alert| alert["output_fields"]["container.name"] == container).collect()
    }

    pub(crate) fn until(&self, container: &str, rule: &str) {
        let told = || self.told(container).iter().any(|alert| alert["rule"] == rule);
        let deadline = Instant::now() + Duration::from_secs(30);
        while !told() {
            let notes = || fs::read_to_string(&self.notes).unwrap_or_default();
            let status = || {
                self.ask(&["status"])
                    .output()
                    .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            };
            assert!(
                Instant::now() < deadline,
                "{rule} is not told: {}\n{}\n{:?}",
                fs::read_to_string(&self.alerts).unwrap_or_default(),
                notes(),
                status()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether a rule was told of this command.
    pub(crate) fn has_told(&self, container: &str, rule: &str, command: &str) -> bool {
        let told = |alert: &Value| alert["rule"] == rule && alert["output_fields"]["proc.cmdline"] == command;
        self.told(container).iter().any(told)
    }

    pub(crate) fn stop(mut self) -> PathBuf {
        run(Command::new("kill").arg(self.child.id().to_string()));
        assert!(self.child.wait().expect("ends").success(), "the agent ends well");
        self.state.clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A container that is removed when this is dropped.
pub(crate) struct Running(pub(crate) String);

impl Running {
    pub(crate) fn start(home: &Path, id: &str, script: &str) -> Self {
        bundle(home, id, "start", script);
        Self::again(home, id)
    }

    /// As its bundle is.
    pub(crate) fn again(home: &Path, id: &str) -> Self {
        let bundle = home.join(id);
        let log = fs::File::create(home.join("log")).expect("a file");
        // A pipe would be kept open by the container.
        let mut command = Command::new("runc");
        command.args(["run", "-d", id]).current_dir(bundle).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("the file")).stderr(log);
        assert!(command.status().expect("starts").success());
        Self(id.to_owned())
    }

    pub(crate) fn status(&self) -> String {
        let state: Value =
            serde_json::from_str(&run(Command::new("runc").args(["state", &self.0]))).expect("JSON");
        state["status"].as_str().expect("a word").to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = Command::new("runc").args(["delete", "-f", &self.0]).output();
    }
}

/// Runs a script as the first program of a container of runc, to its end. What names the container stays until this is
/// dropped, as the agent may be late.
#[must_use]
pub(crate) fn container(home: &Path, id: &str, program: &str, script: &str) -> Running {
    let bundle = bundle(home, id, program, script);
    let container = Running(id.to_owned());
    run(Command::new("runc").args(["run", "--keep", id]).current_dir(&bundle).stdin(Stdio::null()));
    container
}

/// The bundle of such a container.
pub(crate) fn bundle(home: &Path, id: &str, program: &str, script: &str) -> PathBuf {
    let bundle = home.join(id);
    if bundle.exists() {
        fs::remove_dir_all(&bundle).expect("removes");
    }
    let bin = bundle.join("rootfs/bin");
    for directory in ["bin", "tmp", "etc", "run/secrets/kubernetes.io/serviceaccount"] {
        fs::create_dir_all(bundle.join("rootfs").join(directory)).expect("makes");
    }
    let busybox =
        ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|p| Path::new(p).exists()).expect("busybox");
    fs::copy(busybox, bin.join("busybox")).expect("copies");
    for name in ["sh", "cat", "cp", "id", "ls"] {
        std::os::unix::fs::symlink("busybox", bin.join(name)).expect("links");
    }
    fs::write(bundle.join("rootfs/etc/hosts"), "127.0.0.1 localhost").expect("writes");
    fs::write(bundle.join("rootfs/run/secrets/kubernetes.io/serviceaccount/token"), "a token")
        .expect("writes");
    let path = bin.join(program);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("writes");
    run(Command::new("chmod").arg("755").arg(&path));
    run(Command::new("runc").arg("spec").current_dir(&bundle));
    let mut spec: Value =
        serde_json::from_slice(&fs::read(bundle.join("config.json")).expect("reads")).expect("JSON");
    spec["process"]["terminal"] = json!(false);
    spec["process"]["args"] = json!([format!("/bin/{program}")]);
    // The defaults may be more than this machine allows.
    spec["process"]["rlimits"] = Value::Null;
    spec["root"]["readonly"] = json!(false);
    fs::write(bundle.join("config.json"), spec.to_string()).expect("writes");
    bundle
}
