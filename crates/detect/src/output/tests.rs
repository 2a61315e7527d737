use super::*;
use crate::{
    alert::Alert,
    engine::{Engine, Fields, Matching},
    rules::{RuleFile, load},
    world::{World, file},
};
use gabion_model::event::{Event, EventKind, Rung, Value, Verdict};

fn alert() -> Alert {
    let rules = "- rule: Read secret\n  desc: A secret was read\n  condition: evt.type = openat and fd.name = /etc/shadow\n  \
        output: '*Read %fd.name by %user.name (%proc.cmdline|%evt.time|%fd.sip|%toupper(proc.name)|%6proc.pname)'\n  \
        priority: CRITICAL\n  tags: [T1003.008, mitre_credential_access, container]\n";
    let file_ = RuleFile { name: "r".to_owned(), content: Ok(rules.as_bytes().to_vec()) };
    let loaded = load(&[file_], &Fields);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let mut engine = Engine::new(&loaded.rules, Matching::First).expect("compiles");
    let mut world = World::new();
    let args = [Value::Int(3)];
    let event = Event {
        fd: file(3, "/etc/shadow"),
        args: &args,
        result: 3,
        verdict: Verdict::Denied(Rung::Fanotify),
        ..world.event(201, EventKind::Openat)
    };
    let slot = world.apply(&event);
    assert_eq!(engine.judge(&event, &world.state, slot), [0]);
    engine.alert(0, &event, &world.state, slot)
}

#[test]
fn text_is_a_line_of_falco() {
    assert_eq!(
        String::from_utf8_lossy(&text(&alert())),
        "10:00:00.006000000: Critical Read /etc/shadow by www (curl -s https://example.org/x|10:00:00.006000000|<NA>|CURL|bash  )"
    );
}

#[test]
fn json_has_the_keys_of_falco_in_their_order() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&falco_json(&alert())).expect("it is JSON"));
}

#[test]
fn ocsf_is_a_detection_finding() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&ocsf(&alert())).expect("it is JSON"));
}
