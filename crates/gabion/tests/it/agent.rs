//! The agent on this kernel, and containers of runc that do what they should and what they should not.

use crate::support::{can_run, directory, run, wait_for};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// An agent that watches this node, until it is dropped.
struct Agent {
    child: Child,
    state: PathBuf,
    alerts: PathBuf,
}

impl Agent {
    fn start(home: &Path) -> Self {
        let (state, alerts, notes) = (home.join("state"), home.join("alerts"), home.join("notes"));
        let child = Command::new(env!("CARGO_BIN_EXE_gabion"))
            .args(["agent", "--format", "json", "--all", "--state"])
            .arg(&state)
            .stdin(Stdio::null())
            .stdout(fs::File::create(&alerts).expect("a file"))
            .stderr(fs::File::create(&notes).expect("a file"))
            .spawn()
            .expect("starts");
        wait_for("the agent to watch", || {
            fs::read_to_string(&notes).is_ok_and(|notes| notes.contains("Ctrl-C ends it"))
        });
        Self { child, state, alerts }
    }

    /// The rules that were told of a container, in their order.
    fn told(&self, container: &str) -> Vec<Value> {
        let lines = fs::read_to_string(&self.alerts).expect("reads");
        let complete = lines.rfind('\n').map_or("", |end| &lines[..end]);
        let alerts = complete.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        alerts.filter(|alert| alert["output_fields"]["container.name"] == container).collect()
    }

    fn until(&self, container: &str, rule: &str) {
        wait_for(rule, || self.told(container).iter().any(|alert| alert["rule"] == rule));
    }

    fn stop(mut self) -> PathBuf {
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

fn incident(state: &Path, arguments: &[&str]) -> String {
    run(Command::new(env!("CARGO_BIN_EXE_gabion")).arg("incident").args(arguments).arg("--state").arg(state))
}

/// Runs a script as the first program of a container of runc.
pub(crate) fn container(home: &Path, id: &str, program: &str, script: &str) {
    let bundle = home.join(id);
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
    run(Command::new("runc").args(["run", id]).current_dir(&bundle).stdin(Stdio::null()));
}

#[test]
fn what_a_container_should_not_do_is_told_and_is_one_incident() {
    if !can_run("what_a_container_should_not_do_is_told_and_is_one_incident", &["runc", "busybox"]) {
        return;
    }
    let home = directory();
    let agent = Agent::start(home.path());
    let own = std::process::id();
    let (quiet, web) = (format!("gabion-quiet-{own}"), format!("gabion-web-{own}"));
    // What an ordinary program does: run others, read what it may, write where it may.
    container(
        home.path(),
        &quiet,
        "start",
        "/bin/sh -c 'ls /'; /bin/cat /etc/hosts; id > /tmp/who; /bin/cat /tmp/who",
    );
    let intrusion = "/bin/sh -c 'id; cp /bin/busybox /tmp/cat; \
                     /tmp/cat /run/secrets/kubernetes.io/serviceaccount/token'; true";
    container(home.path(), &web, "nginx", intrusion);
    agent.until(&web, "Shell spawned by a server");
    agent.until(&web, "Program executed from a shared or temporary directory");
    agent.until(&web, "Service account token read by a tool");
    assert_eq!(agent.told(&quiet), Vec::<Value>::new(), "an ordinary container is quiet");
    let alerts = agent.told(&web);
    let shell = alerts.iter().find(|alert| alert["rule"] == "Shell spawned by a server").expect("told");
    assert_eq!(shell["priority"], "Critical");
    assert_eq!(shell["output_fields"]["proc.pname"], "nginx");
    assert!(shell["tags"].as_array().is_some_and(|tags| tags.contains(&json!("T1059.004"))), "{shell}");
    let state = agent.stop();

    let list = incident(&state, &["list"]);
    let of_web: Vec<_> = list.lines().filter(|line| line.contains(&web)).collect();
    assert_eq!(of_web.len(), 1, "{list}");
    let id = of_web[0].split_whitespace().next().expect("an id");
    let story = incident(&state, &["show", id]);
    for part in ["Shell spawned by a server", "/tmp/cat", "serviceaccount/token", "ATT&CK: execution"] {
        assert!(story.contains(part), "{part} in\n{story}");
    }
    assert!(incident(&state, &["show", id, "--format", "svg"]).starts_with("<svg"));
}
