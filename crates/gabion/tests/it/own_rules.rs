//! Gabion's own rules on this kernel: each is triggered for real, its harmless neighbours are not told, and neither is what
//! containers do all day.
//!
//! ```text
//!   one agent ◄── container "bad"     script 1, mark, script 2, mark, ...   its rule is told before the mark
//!             ◄── container "good"    script 1, mark, script 2, mark, ...   nothing is told but marks
//!             ◄── a container for each ordinary program, and a mark         nothing is told but the mark
//! ```
//!
//! A mark is a program in a hidden directory, which a rule tells. Events are judged in their order: when a mark is told,
//! all before it has been judged.

mod cases;
mod ground;
mod noise;

use crate::{
    running::Agent,
    support::{can_run, directory, run, wait_for},
};
use cases::{CASES, Case, SETUP};
use ground::Ground;
use serde_json::Value;
use std::{collections::BTreeSet, path::Path, process::Command};

const MARK: &str = "Hidden program executed";

/// The program that makes single system calls, in this directory.
pub(crate) fn act(directory: &Path) -> String {
    let act = directory.join("act");
    ground::compile(&act);
    act.display().to_string()
}

/// What gabion says of its own rules.
fn own_rules() -> Vec<Value> {
    let list = run(Command::new(env!("CARGO_BIN_EXE_gabion")).args(["rules", "list", "--format", "json"]));
    serde_json::from_str(&list).expect("JSON")
}

/// One script after the other, with a mark behind each. Those that are harmless must do what they are there for.
fn script(scripts: &[&str], harmless: bool) -> String {
    let (strict, end) = if harmless { ("set -e", "[ $? = 0 ] || exit 9") } else { ("", "") };
    let words = "export AS_USER='setpriv --reuid 1000 --clear-groups'\n\
        export UNPRIVILEGED='setpriv --bounding-set=-all --inh-caps=-all'\n\
        export LONG=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\n";
    let one = |(number, script)| {
        format!("echo 'script {number}'\n(\n{strict}\n{script}\n)\n{end}\n$G/.mark/mark {number}\n")
    };
    // What it runs has no input; it ends itself when the test lets it.
    let scripts: String = scripts.iter().enumerate().map(one).collect();
    format!("{words}exec 9<&0 </dev/null\n{scripts}read -r end <&9\n:\n")
}

/// The rules that were told of a container until each mark, with the command.
fn told(agent: &Agent, container: &str) -> Vec<Vec<(String, String)>> {
    let mut parts = vec![Vec::new()];
    for alert in agent.told(container) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (rule, command) = (text(&alert["rule"]), text(&alert["output_fields"]["proc.cmdline"]));
        if rule == MARK && command.starts_with("mark ") {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push((rule, command));
        }
    }
    parts
}

/// Runs scripts in a container; gives what was told of each, and what they printed.
fn judged(
    agent: &Agent,
    ground: &Ground,
    id: &str,
    privileged: bool,
    harmless: bool,
    scripts: &[&str],
) -> (Vec<Vec<(String, String)>>, String) {
    let last = format!("mark {}", scripts.len() - 1);
    let judged = || agent.has_told(id, MARK, &last);
    let printed = ground.container(id, privileged, &script(scripts, harmless), judged);
    let told = told(agent, id);
    assert_eq!(told.len(), scripts.len() + 1, "a mark behind each script\n{printed}");
    (told, printed)
}

/// Whether it is told that a program tried to load a module on the host.
fn told_of_module(agent: &Agent, ground: &Ground, program: &str) -> bool {
    let token = format!("gabion-{}-{program}", std::process::id());
    let end = format!("{token}-end");
    for (program, token) in [(program, &token), ("bin/act", &end)] {
        run(Command::new(ground.tools.join("opt/gabion").join(program)).args(["module", token]));
    }
    let told = |token: &str| {
        agent.told("host").iter().any(|alert| {
            let command = alert["output_fields"]["proc.cmdline"].as_str();
            command.is_some_and(|command| command.ends_with(token))
        })
    };
    wait_for("the second attempt on the host", || told(&end));
    told(&token)
}

/// The setup, and then the scripts of all cases, each with its rule.
fn scripts(of: impl Fn(&Case) -> &'static [&'static str]) -> (Vec<&'static str>, Vec<&'static str>) {
    let cases = CASES.iter().flat_map(|case| of(case).iter().map(|script| (*script, case.rule)));
    std::iter::once((SETUP, "")).chain(cases).unzip()
}

#[test]
fn each_rule_has_a_case_an_explanation_and_its_place_in_attack() {
    let rules = own_rules();
    let names: Vec<&str> = rules.iter().filter_map(|rule| rule["rule"].as_str()).collect();
    let cases: Vec<&str> = CASES.iter().map(|case| case.rule).collect();
    assert_eq!(cases, names, "each rule has one case, in the order of the file");
    for rule in &rules {
        let tags: BTreeSet<&str> =
            rule["tags"].as_array().expect("tags").iter().filter_map(Value::as_str).collect();
        let technique = |tag: &&str| {
            let digits = tag.strip_prefix('T').map(|number| number.replace('.', ""));
            digits.is_some_and(|digits| [4, 7].contains(&digits.len()) && digits.parse::<u32>().is_ok())
        };
        assert!(tags.iter().any(|tag| tag.starts_with("mitre_")), "a tactic: {rule}");
        assert!(tags.iter().any(technique), "a technique: {rule}");
        let name = rule["rule"].as_str().expect("a name");
        let told = run(Command::new(env!("CARGO_BIN_EXE_gabion")).args(["rules", "explain", name]));
        for part in
            ["\nlooks for\n", "ATT&CK tactic ", "ATT&CK technique https://attack.mitre.org/techniques/T"]
        {
            assert!(told.contains(part), "{part} in\n{told}");
        }
        let explained = rule["description"].as_str().expect("a description");
        assert!(explained.len() > 100 && explained.trim().ends_with('.'), "{explained}");
    }
    assert!(CASES.iter().all(|case| !case.bad.is_empty() && !case.good.is_empty()));
}

#[test]
fn each_rule_tells_what_it_is_for_and_is_quiet_otherwise() {
    let name = "each_rule_tells_what_it_is_for_and_is_quiet_otherwise";
    if !can_run(
        name,
        &["runc", "gcc", "perl", "bash", "setpriv", "script", "nsenter", "ip", "nginx", "redis-server"],
    ) {
        return;
    }
    let home = directory();
    let ground = Ground::new(home.path());
    let agent = Agent::start(home.path(), &[]);
    let own = std::process::id();
    let mut wrong = Vec::new();

    for (program, expected) in [("bin/act", true), ("host/modprobe", false), ("host/(udev-worker)", false)] {
        if told_of_module(&agent, &ground, program) != expected {
            wrong.push(format!("Kernel module loaded: told of {program} on the host: {}", !expected));
        }
    }
    let (bad, rules) = scripts(|case| case.bad);
    let (told, printed) = judged(&agent, &ground, &format!("gabion-bad-{own}"), true, false, &bad);
    for ((rule, script), told) in rules.iter().zip(&bad).zip(&told) {
        if !rule.is_empty() && !told.iter().any(|(other, _)| other == rule) {
            wrong.push(format!("{rule}: not told of {script:?}, but {told:?}"));
        }
    }
    let (good, rules) = scripts(|case| case.good);
    let (told, others) = judged(&agent, &ground, &format!("gabion-good-{own}"), true, true, &good);
    for ((rule, script), told) in rules.iter().zip(&good).zip(&told) {
        if !told.is_empty() {
            wrong.push(format!("{rule}: of {script:?} is told {told:?}"));
        }
    }
    for (number, ordinary) in noise::ALL.iter().filter(|ordinary| ordinary.is_there()).enumerate() {
        let id = format!("gabion-day-{number}-{own}");
        let (told, printed) = judged(&agent, &ground, &id, false, true, &[ordinary.script]);
        if !told[0].is_empty() {
            wrong.push(format!("{}: is told {:?}\n{printed}", ordinary.name, told[0]));
        }
    }
    assert!(wrong.is_empty(), "{}\n--- bad:\n{printed}\n--- good:\n{others}", wrong.join("\n"));
    agent.stop();
}
