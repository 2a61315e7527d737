//! The API as its document describes it, tried by schemathesis with what fits the document and what does not: no answer is an error of the
//! hub's, none is of a kind or form that the document does not name.

use crate::hub::{Hub, runtime};
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
        .args(["--exclude-path-regex", "/(sinks/.*/test|registries/check|sign-in/test|session/oidc)"])
        .arg(format!("{url}/api/v1/openapi.json"))
        .output()
        .expect("runs")
}

#[test]
fn no_request_makes_an_answer_that_the_document_does_not_name() {
    let Some(tool) = tool() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Arc::new(Hub::start(directory.path()).await);
        // One caller asks more often than the hub lets anybody: its minutes pass quickly.
        let ended = Arc::new(AtomicBool::new(false));
        let (clock, until) = (Arc::clone(&hub.time), Arc::clone(&ended));
        let passing = tokio::spawn(async move {
            while !until.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(100)).await;
                clock.fetch_add(10_000, Ordering::Relaxed);
            }
        });
        let token = hub.token("admin", &[]).await;
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
        if let Ok(hub) = Arc::try_unwrap(hub) {
            hub.stop().await;
        }
    });
}
