//! Events as a file, read back by a program that is not ours: `DuckDB`, which `scripts/fetch-duckdb.sh` brings.

use crate::{
    agents::Agent,
    hub::{ALONE, Hub, until, with_present},
};
use gabion_api::agent::Event;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{path::PathBuf, process::Command, sync::atomic::Ordering};

const SECOND: u64 = 1_000_000_000;
/// What the hub's clock shows, in nanoseconds.
const NOW: u64 = 1_764_000_000 * SECOND;
/// More than a page of the store has.
const MANY: u64 = 2_500;

/// Where `DuckDB` is; none where it was not fetched, which fails under CI.
fn duckdb() -> Option<PathBuf> {
    let cache = match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".cache"),
    };
    let fetched = cache.join("gabion/duckdb");
    if fetched.join("done").exists() {
        return Some(fetched);
    }
    assert!(std::env::var("CI").as_deref() != Ok("true"), "DuckDB is missing: scripts/fetch-duckdb.sh");
    #[expect(clippy::print_stderr, reason = "a test that does not run says so")]
    {
        eprintln!("not run: there is no DuckDB; see scripts/fetch-duckdb.sh");
    }
    None
}

/// What `DuckDB` answers about a file, as JSON.
async fn ask(duckdb: &std::path::Path, file: &std::path::Path, question: &str) -> Value {
    let script = "import duckdb, json, sys\nduckdb.read_parquet(sys.argv[1]).create_view('t')\nprint(json.dumps(duckdb.sql(sys.argv[2]).fetchall(), default=str))";
    let _alone = ALONE.lock().await;
    let output = Command::new(duckdb.join("bin/python"))
        .args(["-c", script])
        .arg(file)
        .arg(question)
        .output()
        .expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn told(hub: &Hub) -> String {
    let mut agent = Agent::join(hub, "alpha", NOW).await;
    for chunk in (1..=MANY).collect::<Vec<_>>().chunks(500) {
        let event = |number: &u64| Event {
            number: *number,
            time: NOW - (MANY - number) * SECOND / 1000,
            kind: if number.is_multiple_of(5) { "connect" } else { "execve" }.to_owned(),
            container: String::new(),
            program: format!("/usr/bin/tool-{}", number % 7),
            message: format!("event \u{e4}\"{number}"),
            fields: [
                ("user.name", "root"),
                ("container.image.repository", "shop/web"),
                ("k8s.ns.name", "<NA>"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        };
        agent.events(chunk.iter().map(event).collect()).await;
    }
    // They are found after a moment.
    until("all of them", async || {
        (hub.get("/api/v1/events?limit=1").await["total"] == json!(MANY)).then_some(())
    })
    .await;
    agent.id
}

#[test]
fn all_events_are_in_the_file_as_they_were() {
    let Some(duckdb) = duckdb() else { return };
    with_present(async |hub| {
        hub.time.store((NOW / 1_000_000).cast_signed(), Ordering::Relaxed);
        let node = told(hub).await;
        let fetch = async |path: &str| {
            let answer = hub.by(&hub.token, Method::GET, path).send().await.expect("answers");
            assert_eq!(answer.status(), StatusCode::OK);
            answer.bytes().await.expect("a whole file")
        };
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("events.parquet");
        std::fs::write(&file, fetch("/api/v1/events/export?format=parquet").await).expect("writes");
        let all =
            ask(&duckdb, &file, "SELECT count(*), count(DISTINCT id), epoch_ms(min(time)), epoch_ms(max(time)), any_value(typeof(time)) FROM t").await;
        assert_eq!(
            all,
            json!([[MANY, MANY, NOW / 1_000_000 - 2499, NOW / 1_000_000, "TIMESTAMP WITH TIME ZONE"]])
        );
        let one = ask(&duckdb, &file, "SELECT kind, node, node_name, container, workload, namespace, image, program, user, rule, message, event FROM t ORDER BY time LIMIT 1").await;
        assert_eq!(
            one[0].as_array().expect("a row")[..11],
            json!([
                "execve",
                node,
                "alpha",
                null,
                "host/alpha",
                null,
                "shop/web",
                "/usr/bin/tool-1",
                "root",
                null,
                "event \u{e4}\"1"
            ])
            .as_array()
            .expect("a row")[..]
        );
        let event: Value = serde_json::from_str(one[0][11].as_str().expect("a text")).expect("JSON");
        assert_eq!((&event["kind"], &event["fields"]["user.name"]), (&json!("execve"), &json!("root")));
        let kinds = ask(&duckdb, &file, "SELECT kind, count(*) FROM t GROUP BY kind ORDER BY kind").await;
        assert_eq!(kinds, json!([["connect", MANY / 5], ["execve", MANY - MANY / 5]]));

        // What is asked for is what is there, to the millisecond.
        let from = NOW / 1_000_000 - 999;
        let some = fetch(&format!("/api/v1/events/export?format=parquet&q=kind:connect&from={from}")).await;
        std::fs::write(&file, some).expect("writes");
        assert_eq!(ask(&duckdb, &file, "SELECT count(*), min(kind) FROM t").await, json!([[200, "connect"]]));
        // Of nothing there is a file, too, with all its columns.
        std::fs::write(&file, fetch("/api/v1/events/export?format=parquet&q=kind:nothing").await)
            .expect("writes");
        assert_eq!(ask(&duckdb, &file, "SELECT count(*), count(event) FROM t").await, json!([[0, 0]]));

        let lines = fetch("/api/v1/events/export?format=ndjson&q=kind:connect").await;
        let lines: Vec<Value> = lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).expect("JSON"))
            .collect();
        assert_eq!((lines.len() as u64, &lines[0]["kind"]), (MANY / 5, &json!("connect")));
    });
}

#[test]
fn what_cannot_be_exported_is_told_before_anything_is_sent() {
    with_present(async |hub| {
        hub.time.store((NOW / 1_000_000).cast_signed(), Ordering::Relaxed);
        for (path, status) in [
            ("/api/v1/events/export?format=xlsx", StatusCode::BAD_REQUEST),
            ("/api/v1/events/export?q=%22open", StatusCode::BAD_REQUEST),
            ("/api/v1/events/export?limit=3", StatusCode::BAD_REQUEST),
        ] {
            let answer = hub.by(&hub.token, Method::GET, path).send().await.expect("answers");
            assert_eq!(answer.status(), status, "{path}");
        }
        let shop = hub.token("viewer", &["shop"]).await;
        let refused = hub.by(&shop, Method::GET, "/api/v1/events/export").send().await.expect("answers");
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "events have no owner");
    });
}
