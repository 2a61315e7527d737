//! `gabion scan --hub` against a hub that runs: the scan is made here, what it comes to is said there.

use crate::{
    bad::{Desk, Ran},
    feeds::{self, LODASH},
    hub_process::Hub,
};
use serde_json::{Value, json};
use std::fs;

/// The feeds' database is the hub's only: what is scanned here has the starter.
pub(crate) fn desk() -> Desk {
    let desk = feeds::desk();
    feeds::image().layout(&desk);
    desk
}

pub(crate) fn scan(desk: &Desk, hub: &str, token: &str, more: &[&str]) -> Ran {
    let mut command = desk.command();
    command.args(["scan", "oci:app", "--hub", hub, "--quiet"]).args(more);
    Ran::of(command.env("GABION_HUB_TOKEN", token).envs([
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "shop/web"),
        ("GITHUB_SHA", "0123abc"),
        ("GITHUB_REF_NAME", "main"),
        ("GITHUB_RUN_ID", "7"),
    ]))
}

#[test]
fn the_hub_says_what_a_scan_comes_to_and_keeps_it() {
    let desk = desk();
    let hub = Hub::start(&desk, "127.0.0.1:0");
    let token = hub.token("scanner");
    let local = desk.run(&["scan", "oci:app", "--db", "db", "--format", "json"]).report();
    let ran = scan(&desk, &hub.url, &token, &["--format", "json", "--all"]);
    let report = ran.report();
    assert_eq!(report.findings, local.findings, "the same by the hub's database as by its copy here");
    assert_eq!((&report.coverage, &report.packages), (&local.coverage, &local.packages));
    for format in ["table", "cyclonedx", "spdx", "sarif", "junit", "markdown"] {
        let ran = scan(&desk, &hub.url, &token, &["--format", format]);
        assert_eq!(ran.code, 0, "{format}: {}", ran.err);
        assert!(!ran.out.is_empty(), "{format}");
    }
    let told = desk
        .command()
        .args(["scan", "oci:app", "--hub", &hub.url])
        .env("GABION_HUB_TOKEN", &token)
        .output()
        .expect("runs");
    let image = report.target.image.as_ref().expect("an image").config.to_string();
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(
        said.contains(&format!("kept by the hub: {}/images/{}", hub.url, image.replace(':', "%3A"))),
        "{said}"
    );

    // There it is an image, with where it comes from.
    let detail = hub.get(&format!("/api/v1/images/{image}"));
    assert_eq!((&detail["open"]["critical"], &detail["running"]), (&json!(1), &json!(0)), "{detail}");
    let sent = detail["sent"].as_array().expect("scans");
    assert_eq!(sent.len(), 8);
    assert!(sent.iter().any(|scan| scan["ci"]
        == json!({
            "system": "github", "repository": "https://github.com/shop/web", "revision": "0123abc", "branch": "main",
            "job": "https://github.com/shop/web/actions/runs/7",
        })));

    // The verdict is by what the hub does not count.
    let gate = ["--fail-on", "critical"];
    let ran = scan(&desk, &hub.url, &token, &gate);
    assert_eq!((ran.code, ran.err.as_str()), (1, "gate failed: critical: 1 found\n"));
    hub.send(
        "POST",
        "/api/v1/exceptions",
        &json!({
            "kind": "risk-acceptance", "rule": LODASH, "owner": "ann", "reason": "not reachable",
            "expires": 1_760_000_000_000_u64 + 30 * 24 * 3_600_000,
        }),
    );
    assert_eq!(scan(&desk, &hub.url, &token, &gate).code, 0);
    let report = scan(&desk, &hub.url, &token, &["--format", "json"]).report();
    let lodash = report.findings.iter().find(|finding| finding.rule == LODASH).expect("is told");
    assert_eq!(lodash.suppressed.as_ref().map(|by| by.reason.as_str()), Some("not reachable"));
    assert_eq!(report.exceptions.len(), 1);
    // What is excepted here is excepted, too, and what the hub excepts is still told.
    fs::write(
        desk.at("own.yaml"),
        "version: 1\nexceptions:\n- id: own\n  kind: deferral\n  owner: bob\n  reason: later\n  expires: 2025-12-01\n  scope: {ids: [CVE-2025-99004]}\n",
    )
    .expect("writes");
    let report = scan(&desk, &hub.url, &token, &["--format", "json", "--exceptions", "own.yaml"]).report();
    assert_eq!(report.findings.iter().filter(|finding| finding.suppressed.is_some()).count(), 2);
    assert_eq!(report.exceptions.len(), 2);

    // Such a token sends, and does nothing else.
    for path in ["/api/v1/images", "/api/v1/session", "/api/v1/registries"] {
        assert_eq!(hub.ask(&token, "GET", path, None).0, 403, "{path}");
    }
    let viewer = scan(&desk, &hub.url, &hub.token("viewer"), &[]);
    viewer.fails(&["refuses (403)", "only operators"]);
    assert_eq!(hub.ask(&hub.token, "POST", "/api/v1/scans", Some(&json!({"report": {}}))).0, 400);
    assert!(!hub.noted().contains(&token));
}

#[test]
fn without_the_hub_nothing_is_clean() {
    let desk = desk();
    let hub = Hub::start(&desk, "127.0.0.1:0");
    let (url, token) = (hub.url.clone(), hub.token("scanner"));
    scan(&desk, &url, "gat_forged", &[]).fails(&["refuses (401)", "GABION_HUB_TOKEN"]);
    scan(&desk, &url, "", &[]).fails(&["no token for the hub"]);
    scan(&desk, "http://hub.example", &token, &[]).fails(&["everybody could read the token"]);
    drop(hub);
    let ran = scan(&desk, &url, &token, &["--fail-on", "critical", "--output", "json=report.json"]);
    ran.fails(&["cannot be reached"]);
    assert!(ran.out.is_empty() && !desk.at("report.json").exists(), "{ran:?}");
}

#[test]
fn a_hub_of_its_own_authority_is_trusted_by_its_certificate() {
    let desk = desk();
    let hub = Hub::start(&desk, "0.0.0.0:0");
    let port = hub.url.rsplit(':').next().expect("a port");
    let url = format!("https://127.0.0.1:{port}");
    let token = hub.token.clone();
    scan(&desk, &url, &token, &[]).fails(&["cannot be trusted", "--hub-ca"]);
    let authority = hub.state.join("identity/authority.pem").display().to_string();
    fs::write(desk.at("token"), format!("{token}\n")).expect("writes");
    let ran =
        scan(&desk, &url, "", &["--hub-ca", &authority, "--hub-token-file", "token", "--format", "json"]);
    let report: Value = serde_json::to_value(ran.report()).expect("JSON");
    assert!(report.to_string().contains(LODASH));
    scan(&desk, &url, &token, &["--hub-ca", "token"]).fails(&["not a PEM file"]);
}
