//! Rule files, checked, listed and explained.

use crate::bad::Desk;
use serde_json::{Value, json};

const BASE: &str = r"
- list: shells
  items: [sh, bash, zsh, dash, ash, ksh, csh]
- macro: spawned_process
  condition: evt.type in (execve, execveat)
- macro: container
  condition: container.id != host
- rule: Shell in a container
  desc: >
    A shell was started in a container. That is how most intrusions go on once they have begun; debugging looks the same.
  condition: spawned_process and container and proc.name in (shells) and not proc.aname[2] = sshd
  output: shell %proc.cmdline in %container.name by %user.name (parent %toupper(proc.pname))
  priority: NOTICE
  tags: [container, mitre_execution, T1059, T1059.004]
  exceptions:
    - name: health_checks
      fields: [proc.pname, proc.cmdline]
      comps: [=, startswith]
      values:
        - [runc, sh -c /health]
- rule: Passwords read
  desc: Something reads the passwords.
  condition: evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.name = /etc/shadow
  output: '%proc.name reads %fd.name'
  priority: WARNING
  enabled: false
";

const MINE: &str = r"
- macro: unused
  condition: evt.type = bind
- rule: Passwords read
  condition: and fd.nam contains x
  prio: 1
  override: {condition: append}
- rule: Broken
  desc: d
  condition: >
    spawned_process and
    (proc.name = sh or
  output: o
  priority: INFO
- rule: Other
  desc: d
  condition: evt.type = open and proc.tty like 1
  output: 'file %fd.nosuch'
  priority: loud
";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("base.yaml", BASE);
    desk.write("mine.yaml", MINE);
    desk
}

/// That all of these stand in a text.
fn holds(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "no {line:?} in:\n{text}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let desk = desk();
    let ran = desk.run(&["rules", "check", "base.yaml", "mine.yaml", "gone.yaml"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    holds(
        &ran.out,
        &[
            "warning[LOAD_UNKNOWN_KEY]: the key 'prio' is not known",
            "  --> mine.yaml:6:3, in rule 'Passwords read'\n   |   prio: 1\n   |   ^\n",
            "error[LOAD_ERR_COMPILE_CONDITION]: ",
            "  --> mine.yaml:5:18, in rule 'Passwords read', rule condition\n   |   condition: and fd.nam contains x\n",
            "expected a field, a macro, 'not' or '(', found the end",
            "error[LOAD_ERR_YAML_VALIDATE]: \"loud\" is no priority; there are Emergency,",
            "  --> mine.yaml:19:13, in rule 'Other', rule priority\n",
            "warning[LOAD_UNUSED_MACRO]: no rule or macro names macro 'unused'\n  --> mine.yaml:2:3, in macro 'unused'\n",
            "error[LOAD_ERR_FILE_READ]: No such file or directory",
            "base.yaml: ok; 1 rule\n",
            "mine.yaml: unusable: 3 errors, 2 warnings; 0 rules\n",
            "gone.yaml: unusable: 1 error; 0 rules\n",
        ],
    );
    assert_eq!(ran.out, desk.run(&["rules", "check", "base.yaml", "mine.yaml", "gone.yaml"]).out);
}

#[test]
fn json_has_the_shape_of_falco() {
    let desk = desk();
    let ran = desk.run(&["rules", "check", "base.yaml", "mine.yaml", "--format", "json"]);
    assert_eq!(ran.code, 1);
    let told: Value = serde_json::from_str(&ran.out).expect("json");
    let results = told["falco_load_results"].as_array().expect("results");
    assert_eq!(results.len(), 2);
    assert_eq!(results[0], json!({ "name": "base.yaml", "successful": true, "errors": [], "warnings": [] }));
    assert_eq!(results[1]["successful"], false);
    let warning = &results[1]["warnings"][0];
    assert_eq!(warning["code"], "LOAD_UNKNOWN_KEY");
    assert!(warning["codedesc"].is_string() && warning["message"].is_string());
    let locations = warning["context"]["locations"].as_array().expect("locations");
    assert_eq!(
        (&locations[0]["item_type"], &locations[1]["item_name"]),
        (&json!("rules content"), &json!("Passwords read"))
    );
    let last = &locations[locations.len() - 1]["position"];
    assert_eq!((&last["name"], &last["line"], &last["column"]), (&json!("mine.yaml"), &json!(5), &json!(2)));
    assert_eq!(warning["context"]["snippet"], "  prio: 1\n  ^\n");
}

#[test]
fn warnings_fail_only_if_asked() {
    let desk = desk();
    desk.write("rules.d/b.yaml", "- list: unused\n  items: [a]\n");
    desk.write("rules.d/a.yml", BASE);
    desk.write("rules.d/README", "no rules");
    let ran = desk.run(&["rules", "check", "rules.d"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    holds(&ran.out, &["rules.d/a.yml: ok; 2 rules\n", "rules.d/b.yaml: ok, with 1 warning; 0 rules\n"]);
    assert_eq!(desk.run(&["rules", "check", "--strict", "rules.d"]).code, 1);
    assert_eq!(desk.run(&["rules", "check", "--strict", "base.yaml"]).code, 0);
}

#[test]
fn rules_are_listed_and_explained() {
    let desk = desk();
    let list = desk.run(&["rules", "list", "base.yaml"]);
    holds(
        &list.out,
        &[
            "Notice        Shell in a container  execve, execveat\n",
            "Warning       Passwords read        open, openat, openat2 (disabled)\n",
            "2 rules, 1 disabled\n",
        ],
    );
    let told = desk.run(&["rules", "explain", "shell in a container", "base.yaml"]);
    assert_eq!(told.code, 0, "{}", told.err);
    holds(
        &told.out,
        &[
            "Shell in a container\n  Notice, source syscall, at base.yaml:8:3\n",
            "\nlooks for\n  all of these:\n    the event is execve or execveat\n    the container is not host\n",
            "    the name of the program is sh, bash, zsh, dash, ash, ksh or 1 more\n",
            "    not: the name of an ancestor's program (2 above) is sshd\n    not: all of these:\n",
            "      the command line begins with sh -c /health\n",
            "\nevents\n  execve, execveat\n",
            "  T1059.004: ATT&CK technique https://attack.mitre.org/techniques/T1059/004/\n",
            "  mitre_execution: ATT&CK tactic execution\n",
            "  health_checks: proc.pname =, proc.cmdline startswith (1 value)\n",
            "  and not proc.aname[2] = sshd\n",
            "\noutput\n  shell %proc.cmdline in %container.name by %user.name (parent %toupper(proc.pname))\n",
        ],
    );
    let json = desk.run(&["rules", "explain", "Passwords read", "base.yaml", "--format", "json"]);
    let told: Value = serde_json::from_str(&json.out).expect("json");
    assert_eq!(told["events"], json!(["open", "openat", "openat2"]));
    assert_eq!(told["enabled"], false);
    let own = desk.run(&["rules", "explain", "Lateral scan"]);
    holds(
        &own.out,
        &["\ntold for\n  at least 30 different fd.rip within 30s, for each container.id and proc.name\n"],
    );
    let json = desk.run(&["rules", "explain", "Lateral scan", "--format", "json"]);
    let told: Value = serde_json::from_str(&json.out).expect("json");
    assert_eq!(
        told["count"],
        json!({ "distinct": ["fd.rip"], "at_least": 30, "within_seconds": 30, "per": ["container.id", "proc.name"] })
    );
    let list = desk.run(&["rules", "list"]);
    holds(&list.out, &["Warning       Lateral scan ", " rules, 0 disabled\n"]);
    desk.run(&["rules", "explain", "Shell", "base.yaml"])
        .fails(&["no rule \"Shell\"", "Shell in a container"]);
    desk.run(&["rules", "list", "mine.yaml"]).fails(&["mine.yaml:", "gabion rules check"]);
}
