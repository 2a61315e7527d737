//! A hub by its own commands: what CI fails by, copies of it, events as a file.

use crate::{
    bad::{Desk, Ran},
    hub_process::Hub,
    scan_hub::{desk, scan},
};
use serde_json::json;
use std::{fs, path::Path};

const NO_LODASH: &str = "version: 1\nname: shop\nrules:\n  - id: no-critical\n    action: fail\n    finding: {severity: critical}\n    allow_incomplete: true\n";

fn hub(desk: &Desk, arguments: &[&str]) -> Ran {
    desk.run(&[&["hub"], arguments].concat())
}

#[test]
fn a_policy_of_the_hub_fails_a_scan_in_ci() {
    let desk = desk();
    let hub = Hub::start(&desk, "127.0.0.1:0");
    let token = hub.token("scanner");
    assert_eq!(scan(&desk, &hub.url, &token, &[]).code, 0);
    hub.send("POST", "/api/v1/policies", &json!({"text": NO_LODASH}));
    let ran = scan(&desk, &hub.url, &token, &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("gate failed: policy shop rule no-critical: failed: "), "{}", ran.err);
    hub.send("DELETE", "/api/v1/policies/shop", &json!({}));
    assert_eq!(scan(&desk, &hub.url, &token, &[]).code, 0);
}

#[test]
fn a_copy_that_was_made_while_it_runs_takes_its_place_when_it_does_not() {
    let desk = desk();
    let first = Hub::start(&desk, "127.0.0.1:0");
    let token = first.token("scanner");
    assert_eq!(scan(&desk, &first.url, &token, &[]).code, 0);
    first.send(
        "POST",
        "/api/v1/sinks",
        &json!({"name": "chat", "target": {"kind": "slack"}, "records": ["alerts"], "least": "high", "secret": "https://hooks.example/x"}),
    );
    let (state, copy) = (desk.at("hub"), desk.at("copy"));
    let at = |path: &Path| path.to_str().expect("text").to_owned();
    let backup = hub(&desk, &["backup", &at(&copy), "--state", &at(&state)]);
    assert_eq!(backup.code, 0, "{}", backup.err);
    hub(&desk, &["backup", &at(&copy), "--state", &at(&state)]).fails(&["cannot make"]);
    let images = first.get("/api/v1/images")["total"].clone();
    // What comes after the copy is not in it.
    first.token("viewer");
    let has_viewer = |hub: &Hub| {
        let tokens = hub.get("/api/v1/tokens");
        let items = tokens["items"].as_array().expect("a list");
        items.iter().any(|token| token["name"] == "viewer")
    };
    assert!(has_viewer(&first));
    // It would go on in what is put aside.
    let restore = ["restore", &at(&copy), "--state", &at(&state)];
    hub(&desk, &restore).fails(&["a hub runs on", "end it first"]);
    drop(first);
    let restored = hub(&desk, &restore);
    assert_eq!(restored.code, 0, "{}", restored.err);
    assert!(restored.err.contains("with its events"), "{}", restored.err);

    let second = Hub::start(&desk, "127.0.0.1:0");
    assert_eq!(second.get("/api/v1/images")["total"], images);
    assert_eq!(scan(&desk, &second.url, &token, &[]).code, 0, "the token of before is good");
    assert!(!has_viewer(&second));
    // Its secrets can be opened: the sink is usable, though nobody is there.
    let tried = second.send("POST", "/api/v1/sinks/chat/test", &json!({}));
    assert_eq!(tried["taken"], false, "{tried}");
    assert!(!tried["said"].as_str().is_some_and(|said| said.contains("secret")), "{tried}");
    hub(&desk, &["restore", &at(&desk.at("")), "--state", &at(&state)]).fails(&["no copy"]);
}

#[test]
fn events_come_as_a_file_or_there_is_none() {
    let desk = desk();
    let running = Hub::start(&desk, "127.0.0.1:0");
    let file = desk.at("events.ndjson");
    let to = file.to_str().expect("text");
    let export = |token: &str, more: &[&str]| {
        let base = ["hub", "export", "--hub", &running.url, "-f", "ndjson", "-o", to];
        Ran::of(desk.command().args(base).args(more).env("GABION_HUB_TOKEN", token))
    };
    let ran = export(&running.token("viewer"), &["--from", "24h"]);
    assert_eq!((ran.code, fs::read(&file).expect("is there")), (0, Vec::new()), "{}", ran.err);
    fs::remove_file(&file).expect("is there");
    export(&running.token("scanner"), &[]).fails(&["refuses (403)"]);
    export(&running.token("viewer"), &["--query", "kind:("]).fails(&["400"]);
    assert!(!file.exists(), "nothing that looks like a file of events");
    assert_eq!(
        fs::read_dir(desk.at(""))
            .expect("reads")
            .flatten()
            .filter(|file| file.file_name().to_string_lossy().contains("events"))
            .count(),
        0
    );
}
