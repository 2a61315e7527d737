//! Whoever signals, traces or changes the agent is told; the agent itself, and who only asks it, is not.

use crate::{
    own_rules::act,
    running::Agent,
    support::{can_run, directory, run, wait_for},
};
use std::{fs, process::Command};

const RULE: &str = "Agent tampered with";

#[test]
fn whoever_touches_the_agent_is_told_and_the_agent_itself_is_not() {
    let name = "whoever_touches_the_agent_is_told_and_the_agent_itself_is_not";
    if !can_run(name, &["gcc", "bash", "pgrep"]) {
        return;
    }
    let home = directory();
    let act = act(home.path());
    let policy = home.path().join("policy.yaml");
    fs::write(&policy, "default: {mode: observe}\n").expect("writes");
    let policy = policy.to_str().expect("UTF-8");
    // Other tests do not want to hear of themselves.
    let rules = home.path().join("all.yaml");
    let all =
        "- macro: agent_change_expected\n  condition: (evt.num = 0)\n  override: {condition: replace}\n";
    fs::write(&rules, all).expect("writes");
    let agent = Agent::start(home.path(), &["--policy", policy, "--rules", rules.to_str().expect("UTF-8")]);
    let (pid, state) = (agent.pid(), agent.state().display().to_string());
    let keeper = run(Command::new("pgrep").args(["-f", &format!("__keeper.*{state}")]));
    let keeper = keeper.trim();

    // What an operator does.
    for arguments in [&["status"][..], &["alerts"], &["reload"], &["baseline", "list"], &["respond", "list"]]
    {
        run(&mut agent.ask(arguments));
    }
    run(Command::new("kill").args(["-HUP", &pid.to_string()]));
    run(Command::new("bash")
        .args(["-c", &format!("cat {state}/* >/dev/null 2>&1; ls /proc/{pid} >/dev/null")]));

    let script = |script: &str| format!("bash -c '{script}'");
    let wrongs = [
        (format!("kill -CONT {pid}"), "kill of the agent"),
        (format!("kill -CONT {keeper}"), "kill of the keeper"),
        (format!("{act} attach-to {pid}"), "ptrace"),
        (script(&format!(": >>/proc/{pid}/mem")), "its memory"),
        (script(&format!(": >>{state}/audit.key")), "its key"),
        (script(&format!("mv {state}/audit.pub {state}/audit.old")), "its public key"),
        (
            script(&format!("ln {state}/audit.key {}/link; : >>{0}/link", home.path().display())),
            "by another name",
        ),
        (script(&format!(": >>{policy}")), "its policy"),
        (format!("chmod 600 {state}/alerts.jsonl"), "its journal"),
        (format!("{act} bpf-update-agent"), "its map"),
    ];
    for (number, (wrong, what)) in wrongs.iter().enumerate() {
        let before = agent.told("host").iter().filter(|alert| alert["rule"] == RULE).count();
        // Each in a process of its own; some fail in the end, as they should.
        let output = Command::new("bash").args(["-c", wrong]).output().expect("runs");
        wait_for(&format!("{what}: {output:?}"), || {
            agent.told("host").iter().filter(|alert| alert["rule"] == RULE).count() > before
        });
        if number == 0 {
            let told = agent.told("host");
            let first = told.iter().find(|alert| alert["rule"] == RULE).expect("told");
            let command = first["output_fields"]["proc.cmdline"].to_string();
            assert!(command.contains(wrong), "nothing before: {first}");
        }
    }
    agent.stop();
    run(Command::new(env!("CARGO_BIN_EXE_gabion")).args(["agent", "--stop-enforcing", "--state", &state]));
}
