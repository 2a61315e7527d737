//! What a response or a policy that is read again denies to a container that runs.

use crate::{
    running::{Agent, Running},
    support::{can_run, directory, run, wait_for},
};
use serde_json::Value;
use std::{fs, process::Command};

/// Tells twenty times a second whether a program of its own may be executed, and what becomes of a connection.
const TRIES: &str = "/bin/cp /bin/busybox /tmp/true; echo >>/tmp/true
    while :; do
        if /tmp/true; then program=allowed; else program=denied; fi
        peer=$(/bin/busybox nc 127.0.0.9 9 </dev/null 2>&1)
        echo \"$program $peer\" >/tmp/.now; /bin/busybox mv /tmp/.now /tmp/now; /bin/busybox sleep 0.05
    done";

/// Such a container, and its directory of temporary files.
struct Tries(Running, String);

impl Tries {
    fn start(home: &std::path::Path, name: &str) -> Self {
        let running = Running::start(home, name, TRIES);
        let state: Value =
            serde_json::from_str(&run(Command::new("runc").args(["state", name]))).expect("JSON");
        Self(running, format!("/proc/{}/root/tmp", state["pid"]))
    }

    fn until(&self, what: &str, holds: impl Fn(&str) -> bool) {
        wait_for(what, || fs::read_to_string(format!("{}/now", self.1)).is_ok_and(|now| holds(&now)));
        assert_eq!(self.0.status(), "running");
    }
}

#[test]
fn a_response_denies_a_program_or_a_peer_until_it_is_undone() {
    if !can_run("a_response_denies_a_program_or_a_peer_until_it_is_undone", &["runc", "busybox"]) {
        return;
    }
    let home = directory();
    let name = format!("gabion-denied-{}", std::process::id());
    let agent = Agent::start(home.path(), &[]);
    let tries = Tries::start(home.path(), &name);
    tries.until("it to be allowed", |now| now.starts_with("allowed "));
    let socket = home.path().join("state/keeper/socket");
    let deny = |arguments: &[&str]| {
        let told = run(agent.ask(&["respond", "deny", &name, "--reason", "it looks odd"]).args(arguments));
        assert!(told.contains("done: denied to "), "{told}");
        told.split(' ').nth(1).expect("a number").trim_end_matches(':').to_owned()
    };

    let program = deny(&["--program", "/tmp/true"]);
    tries.until("the denial", |now| now.starts_with("denied "));
    agent.until(&name, "Policy violation");
    let peer = deny(&["--to", "127.0.0.9", "--port", "9"]);
    tries.until("the denial", |now| now.contains("not permitted"));
    assert!(run(&mut agent.ask(&["respond", "list"])).contains("deny"));
    assert!(run(&mut agent.ask(&["respond", "--undo", &program])).contains("undone"));
    tries.until("the end of one", |now| now.starts_with("allowed ") && now.contains("not permitted"));
    assert!(run(&mut agent.ask(&["respond", "--undo", &peer])).contains("undone"));
    tries.until("the end of both", |now| now.starts_with("allowed ") && !now.contains("not permitted"));
    assert!(!socket.exists(), "nothing is enforced any more, so there is no keeper");

    // One that outlives the agent.
    let content = format!("sha256:{}", sha256(&format!("{}/true", tries.1)));
    let digest = deny(&["--digest", &content]);
    tries.until("the denial", |now| now.starts_with("denied "));
    agent.stop();
    let agent = Agent::start(home.path(), &[]);
    tries.until("it to go on", |now| now.starts_with("denied "));
    assert!(run(&mut agent.ask(&["respond", "--undo", &digest])).contains("undone"));
    tries.until("its end", |now| now.starts_with("allowed "));
    assert!(!socket.exists());
}

fn sha256(path: &str) -> String {
    run(Command::new("sha256sum").arg(path)).split(' ').next().expect("a digest").to_owned()
}

#[test]
fn policies_and_responses_are_read_again_with_the_rules() {
    if !can_run("policies_and_responses_are_read_again_with_the_rules", &["runc", "busybox"]) {
        return;
    }
    let home = directory();
    let name = format!("gabion-reread-{}", std::process::id());
    let (policy, responses) = (home.path().join("policy.yaml"), home.path().join("responses.yaml"));
    let write = |mode: &str| {
        let text =
            format!("workloads: [{{name: {name}, policy: {{mode: {mode}, exec: {{deny: [/tmp/**]}}}}}}]");
        fs::write(&policy, text).expect("writes");
    };
    write("observe");
    fs::write(&responses, "[]").expect("writes");
    let words =
        ["--policy", policy.to_str().expect("UTF-8"), "--respond", responses.to_str().expect("UTF-8")];
    let agent = Agent::start(home.path(), &words);
    let tries = Tries::start(home.path(), &name);
    tries.until("it to be observed", |now| now.starts_with("allowed "));

    write("enforce");
    run(&mut agent.ask(&["reload"]));
    tries.until("it to be denied", |now| now.starts_with("denied "));
    for (file, text, why) in [
        (&policy, "workloads: [{policy: {mode: sometimes}}]", "sometimes"),
        (&responses, "[{rules: [Nowhere], action: kill}]", "Nowhere"),
    ] {
        let before = fs::read(file).expect("reads");
        fs::write(file, text).expect("writes");
        let refused = agent.ask(&["reload"]).output().expect("starts");
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(2) && told.contains(why), "{told}");
        fs::write(file, before).expect("writes");
    }
    tries.until("the denial to stay", |now| now.starts_with("denied "));
    fs::write(&responses, "[{rules: [Policy violation], action: kill-container, dry-run: false}]")
        .expect("writes");
    let refused = agent.ask(&["reload"]).output().expect("starts");
    assert!(refused.status.success(), "{}", String::from_utf8_lossy(&refused.stderr));
    wait_for("the response", || tries.0.status() == "stopped");
    agent.stop();
    let state = home.path().join("state");
    run(Command::new(env!("CARGO_BIN_EXE_gabion"))
        .args(["agent", "--stop-enforcing", "--state"])
        .arg(&state));
    assert!(!state.join("keeper/policies").exists(), "the next keeper does not go on with it");
}
