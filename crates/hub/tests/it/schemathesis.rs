//! The API as its document describes it, tried by schemathesis with what fits the document and what does not: no answer is an error of the
//! hub's, none is of a kind or form that the document does not name.

use crate::{
    hub::{Hub, runtime},
    scopes::{OURS, THEIRS, estate},
};
use ct_codecs::{Base64, Decoder};
use gabion_store::state::State;
use std::{
    path::PathBuf,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Where the tool is, if it is there.
#[expect(clippy::print_stderr, reason = "a test that does not run says so")]
fn tool() -> Option<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let tool = cache.join("gabion/schemathesis/bin/st");
    if tool.is_file() {
        return Some(tool);
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "schemathesis is missing: scripts/fetch-schemathesis.sh"
    );
    eprintln!("not run: scripts/fetch-schemathesis.sh was not run");
    None
}

/// Cases are made from a fixed number, so that each run is the same. What logs the tester out, or out of their own token, is left out, and what
/// asks the whole world: a test that a hub sends is one of its own.
fn run(tool: &PathBuf, url: &str, token: &str, directory: &std::path::Path) -> Output {
    Command::new(tool)
        .current_dir(directory)
        .args(["run", "--url", url, "-H", &format!("Authorization: Bearer {token}")])
        .args(["--phases", "coverage,fuzzing", "--max-examples", "8", "--seed", "7", "--workers", "2"])
        .args(["--generation-database", "none", "--continue-on-failure", "--warnings", "off", "--no-color"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        .args([
            "--exclude-path",
            "/api/v1/live",
            "--exclude-path",
            "/api/v1/session",
            "--exclude-path-regex",
            "/(tokens|users)",
        ])
        .args(["--report", "ndjson", "--report-ndjson-path", "told.ndjson", "--output-sanitize", "false"])
        .args(["--exclude-path-regex", "/(sinks/.*/test|registries/check|sign-in/test|session/oidc)"])
        .arg(format!("{url}/api/v1/openapi.json"))
        .output()
        .expect("runs")
}

/// Tries the API by a token; what the tool has written down of it.
async fn tried(hub: Hub, token: String) -> (Arc<Hub>, String) {
    let tool = tool().expect("it was there");
    let hub = Arc::new(hub);
    // One caller asks more often than the hub lets anybody: its minutes pass quickly.
    let ended = Arc::new(AtomicBool::new(false));
    let (clock, until) = (Arc::clone(&hub.time), Arc::clone(&ended));
    let passing = tokio::spawn(async move {
        while !until.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            clock.fetch_add(10_000, Ordering::Relaxed);
        }
    });
    let directory = tempfile::tempdir().expect("a directory");
    let (url, at) = (hub.url(), directory.path().to_owned());
    let output = tokio::task::spawn_blocking(move || run(&tool, &url, &token, &at)).await.expect("ends");
    ended.store(true, Ordering::Relaxed);
    passing.await.expect("ends");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}\n{}\n{}",
        String::from_utf8_lossy(&output.stderr),
        hub.notes().chars().take(4000).collect::<String>()
    );
    assert!(text.contains("Tested: "), "{text}");
    let told = std::fs::read_to_string(directory.path().join("told.ndjson")).expect("is written");
    (hub, told)
}

#[test]
fn no_request_makes_an_answer_that_the_document_does_not_name() {
    if tool().is_none() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start(directory.path()).await;
        let token = hub.token("admin", &[]).await;
        let (hub, _) = tried(hub, token).await;
        if let Ok(hub) = Arc::try_unwrap(hub) {
            hub.stop().await;
        }
    });
}

#[test]
fn no_request_of_who_sees_one_owner_tells_of_another() {
    if tool().is_none() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start(directory.path()).await;
        let state = State::in_directory(directory.path()).await.expect("opens");
        for (of, number) in [(OURS, 1), (THEIRS, 2)] {
            estate(&state, of, number).await;
        }
        let token = hub.token("triager", &[OURS]).await;
        let (hub, told) = tried(hub, token).await;
        // Bodies are written down as Base64.
        let is_told = |text: &str| {
            let bodies = told.split('"').filter_map(|part| Base64::decode_to_vec(part, None).ok());
            let mut texts = bodies.map(|body| String::from_utf8_lossy(&body).into_owned());
            told.contains(text) || texts.any(|body| body.contains(text))
        };
        assert!(is_told(&format!("CVE-{OURS}")), "what they may see is told");
        assert!(!is_told(THEIRS), "of others they are told nothing");
        if let Ok(hub) = Arc::try_unwrap(hub) {
            hub.stop().await;
        }
    });
}
