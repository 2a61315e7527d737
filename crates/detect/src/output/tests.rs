use super::*;
use crate::{
    alert::{Alert, ContainerFacts, Object},
    engine::{Engine, Fields, Matching},
    rules::{RuleFile, load},
    world::{World, file},
};
use gabion_model::{
    event::{Endpoint, Event, EventKind, Rung, Value, Verdict},
    workload::ContainerKey,
};
use std::path::PathBuf;

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

/// The official schema, as `scripts/fetch-schemas.sh` puts it into `GABION_SCHEMAS`; none if it was not fetched.
fn schema() -> Option<serde_json::Value> {
    let directory = std::env::var_os("GABION_SCHEMAS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/gabion/schemas")))?;
    let schema = std::fs::read(directory.join("ocsf-1.8-detection_finding.json")).ok();
    assert!(
        schema.is_some() || std::env::var("CI").as_deref() != Ok("true"),
        "official schemas are missing: run scripts/fetch-schemas.sh"
    );
    if schema.is_none() {
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"not run: scripts/fetch-schemas.sh was not run\n",
        );
    }
    Some(serde_json::from_slice(&schema?).expect("JSON"))
}

#[test]
fn ocsf_is_valid_by_its_schema() {
    let Some(schema) = schema() else { return };
    let validator = jsonschema::options().build(&schema).expect("a schema");
    let whole = alert();
    let end = |port| Some(Endpoint { address: std::net::Ipv6Addr::LOCALHOST.into(), port });
    let alerts = [
        whole.clone(),
        Alert {
            object: Object::None,
            tags: Vec::new(),
            container: None,
            verdict: Verdict::None,
            ..whole.clone()
        },
        Alert {
            object: Object::Connection { local: end(1), remote: end(443) },
            tags: vec!["mitre_discovery".to_owned()],
            container: Some(ContainerFacts::Unknown(ContainerKey(7))),
            verdict: Verdict::WouldDeny(Rung::Fanotify),
            ..whole.clone()
        },
        Alert {
            object: Object::Connection { local: None, remote: None },
            tags: vec!["T1046".to_owned(), "mitre_discovery".to_owned(), "mitre_execution".to_owned()],
            processes: Vec::new(),
            verdict: Verdict::Allowed,
            ..whole
        },
    ];
    for priority in crate::rules::Priority::ALL {
        for alert in &alerts {
            let finding = ocsf(&Alert { priority, ..alert.clone() });
            let errors: Vec<String> = validator
                .iter_errors(&finding)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{errors:#?}");
        }
    }
    let mut other = ocsf(&alerts[0]);
    other["evidences"][0]["surprise"] = true.into();
    assert!(!validator.is_valid(&other), "the schema is closed");
}
