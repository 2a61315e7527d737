//! `gabion replay`: what it prints of a recording, and that Debian's `sysdig` reads the same out of it.

#[path = "../../../detect/tests/scap/scenario.rs"]
mod scenario;
#[path = "../../../detect/tests/scap/writer.rs"]
mod writer;

use crate::{
    bad::{Desk, Ran},
    support,
};
use std::{collections::BTreeMap, process::Command};

const RULES: &str = r#"
- macro: spawned
  condition: evt.type in (execve, execveat) and evt.res = SUCCESS
- rule: Shell in a container
  desc: A shell runs where a server should
  condition: spawned and container.id != host and proc.name = sh
  output: shell %proc.name of %proc.pname in %container.name (%proc.cmdline)
  priority: WARNING
  tags: [T1059]
- rule: Shadow read
  desc: Somebody asks for the password hashes
  condition: evt.type in (open, openat, openat2) and fd.name = /etc/shadow
  output: "%proc.name opens %fd.name: %evt.res"
  priority: NOTICE
"#;

fn desk() -> Desk {
    let desk = Desk::new();
    desk.write("s.scap", scenario::recording());
    desk.write("rules.yaml", RULES);
    desk
}

fn ran(desk: &Desk, arguments: &[&str]) -> Ran {
    Ran::of(desk.command().arg("replay").args(arguments))
}

fn whole(ran: &Ran) -> String {
    format!("{}--- stderr\n{}--- exit code {}\n", ran.out, ran.err, ran.code)
}

#[test]
fn events_are_printed_as_sysdig_does() {
    let desk = desk();
    insta::assert_snapshot!("replay_events", whole(&ran(&desk, &["s.scap", "--events"])));
    let filtered =
        ran(&desk, &["s.scap", "--events", "--filter", "fd.sport = 80", "--print", "%evt.num %fd.name"]);
    insta::assert_snapshot!("replay_filtered", whole(&filtered));
}

#[test]
fn rules_are_run_over_a_recording() {
    let desk = desk();
    let judged = |format| ran(&desk, &["s.scap", "--rules", "rules.yaml", "--format", format]);
    insta::assert_snapshot!("replay_text", whole(&judged("text")));
    insta::assert_snapshot!("replay_json", whole(&judged("json")));
    assert_eq!(judged("ocsf").out.lines().count(), 2);
    let filter = ran(&desk, &["s.scap", "--rules", "rules.yaml", "--filter", "container.id != host"]);
    assert_eq!(filter.out.lines().count(), 1, "{}", filter.out);
}

#[test]
fn gabions_own_rules_come_before_those_of_files() {
    let desk = desk();
    let told = |arguments: &[&str]| {
        let ran = ran(&desk, &[&["s.scap", "--all"], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (own, files) = (told(&["--rules"]), told(&["--rules", "rules.yaml"]));
    let both = told(&["--rules", "rules.yaml", "--own"]);
    assert!(!own.is_empty() && !files.is_empty(), "{own:?} {files:?}");
    assert_eq!(both.len(), own.len() + files.len());
    assert!(own.iter().chain(&files).all(|line| both.contains(line)), "{both:?}");
    let alone = ran(&desk, &["s.scap", "--events", "--own"]);
    assert_eq!(alone.code, 2, "it is about rules");
}

#[test]
fn a_converted_recording_gives_the_same() {
    let desk = desk();
    insta::assert_snapshot!("replay_convert", whole(&ran(&desk, &["s.scap", "--convert", "s.gabion"])));
    for arguments in [&["--events"][..], &["--rules", "rules.yaml", "--format", "json"]] {
        let of = |file| ran(&desk, &[&[file], arguments].concat());
        assert_eq!(of("s.scap").out, of("s.gabion").out);
    }
}

#[test]
fn what_is_wrong_is_told_after_what_was_read() {
    let desk = desk();
    let bytes = scenario::recording();
    desk.write("cut.scap", &bytes[..bytes.len() - 10]);
    desk.write("other", "no recording");
    let cut = ran(&desk, &["cut.scap", "--events", "--print", "%evt.num"]);
    assert!(cut.out.ends_with("78\n"), "{}", cut.out);
    insta::assert_snapshot!("replay_cut", format!("--- stderr\n{}--- exit code {}\n", cut.err, cut.code));
    insta::assert_snapshot!("replay_other", whole(&ran(&desk, &["other", "--events"])));
    let filter = ran(&desk, &["s.scap", "--events", "--filter", "fd.nam = x"]);
    insta::assert_snapshot!("replay_filter_unknown", whole(&filter));
    assert_eq!(ran(&desk, &["s.scap"]).code, 2);
}

/// Fields that both tell of an event.
const FIELDS: &[&str] = &[
    "evt.rawtime",
    "evt.cpu",
    "evt.type",
    "proc.name",
    "proc.pid",
    "thread.tid",
    "proc.exepath",
    "proc.cmdline",
    "proc.cwd",
    "proc.ppid",
    "proc.pname",
    "user.uid",
    "user.loginuid",
    "container.id",
    "fd.num",
    "fd.name",
    "fd.type",
    "fd.cip",
    "fd.sport",
    "evt.arg.res",
    "evt.arg.fd",
    "evt.arg.name",
    "evt.arg.path",
    "evt.arg.flags",
    "evt.arg.mode",
    "evt.arg.tuple",
    "evt.arg.data",
    "evt.arg.uid",
    "evt.arg.pid",
    "evt.arg.status",
];

/// What differs, and why: a line for each field of each kind of events. `#` begins a reason, for the lines below it.
const EXPLAINED: &str = include_str!("compare/sysdig.txt");

#[test]
fn sysdig_reads_the_same() {
    if !support::can_run("sysdig_reads_the_same", &["sysdig"]) {
        return;
    }
    let desk = desk();
    let format = |separator: &str| {
        ["evt.num"].iter().chain(FIELDS).map(|field| format!("%{field}")).collect::<Vec<_>>().join(separator)
    };
    let ours = ran(&desk, &["s.scap", "--events", "--print", &format(" ;; ")]).out;
    // The asterisk: print the line also if a field is not there.
    let mut sysdig = Command::new("sysdig");
    sysdig.arg("-r").arg(desk.at("s.scap")).args(["-p", &format!("*{}", format(" ;; "))]).env("TZ", "UTC");
    let theirs = support::run(&mut sysdig);
    let table = |text: &str| -> BTreeMap<u64, Vec<String>> {
        let row = |line: &str| {
            let mut fields = line.split(" ;; ").map(str::to_owned);
            (fields.next().and_then(|number| number.parse().ok()).expect("a number"), fields.collect())
        };
        text.lines().map(row).collect()
    };
    let (ours, theirs) = (table(&ours), table(&theirs));
    assert!(ours.len() > 40, "{} events", ours.len());
    let mut differences = Vec::new();
    for (number, ours) in &ours {
        let theirs = &theirs[number];
        for ((field, our), their) in FIELDS.iter().zip(ours).zip(theirs) {
            if our != their {
                differences.push(format!("{number} {} {field}: {their} | {our}", ours[2]));
            }
        }
    }
    let explained: Vec<&str> =
        EXPLAINED.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let mut sorted: Vec<&str> = differences.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let mut expected = explained.clone();
    expected.sort_unstable();
    assert_eq!(sorted.join("\n"), expected.join("\n"), "sysdig | gabion");
}
