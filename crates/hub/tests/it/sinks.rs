//! Sinks of a whole hub: what they are handed, what they are not told, and that nothing is left out when something goes wrong in between.

use crate::{
    hub::{Hub, runtime, until, with},
    opensearch::{self, Front, Mood},
};
use gabion_store::{
    events::{EventStore, Settings, StoredEvent},
    state::{NewAlert, State},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

async fn make(hub: &Hub, sink: Value) {
    let made = hub.post("/api/v1/sinks", sink).await;
    let (status, text) = (made.status(), made.text().await.expect("text"));
    assert_eq!(status, StatusCode::OK, "{text}");
}

/// Something for the audit log.
async fn act(hub: &Hub, times: usize) {
    for _ in 0..times {
        let made = hub.post("/api/v1/tokens", json!({"name": "t", "role": "viewer", "days": 1})).await;
        assert_eq!(made.status(), StatusCode::OK);
    }
}

fn file(name: &str) -> Value {
    json!({"name": name, "target": {"kind": "file", "max_mib": 1, "keep": 1}, "records": ["audit"], "least": "unknown"})
}

fn lines(directory: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(directory.join(format!("sinks/{name}.jsonl"))).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_secret_comes_in_and_never_goes_out() {
    with(async |hub| {
        let secret = "hunter2-hunter2-hunter2";
        let sink = |url: &str, secret: Option<&str>| {
            json!({"name": "hook", "target": {"kind": "webhook", "url": url}, "records": ["alerts"], "least": "high",
                   "paused": true, "secret": secret})
        };
        make(hub, sink("https://hooks.example/a", Some(secret))).await;
        let put = async |body: Value| {
            let request = hub.by(&hub.token, Method::PUT, "/api/v1/sinks/hook").json(&body);
            let response = request.send().await.expect("answers");
            (response.status(), response.text().await.expect("text"))
        };
        assert!(!hub.holds(secret), "whoever has the database alone has no secret");
        assert!(hub.holds("https://hooks.example"), "the place is there");
        let (status, text) = put(sink("https://hooks.example/b", None)).await;
        assert_eq!(status, StatusCode::OK, "the same server: {text}");
        let (status, text) = put(sink("https://evil.example/b", None)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
        assert!(text.contains("given again"), "{text}");
        for path in ["/api/v1/sinks", "/api/v1/sinks/hook", "/api/v1/audit", "/api/v1/sinks?format=csv"] {
            let request = hub.by(&hub.token, Method::GET, path).send().await.expect("answers");
            let text = request.text().await.expect("text");
            assert!(!text.contains(secret) && text.contains("hook"), "{path}: {text}");
        }
        let listed = hub.get("/api/v1/sinks/hook").await;
        assert_eq!(
            (&listed["has_secret"], &listed["place"]),
            (&json!(true), &json!("https://hooks.example"))
        );
        assert_eq!(listed["state"], "paused");
        let operator = hub.token("operator", &[]).await;
        let scoped = hub.token("admin", &["shop"]).await;
        for token in [operator, scoped] {
            let asked = hub.by(&token, Method::GET, "/api/v1/sinks").send().await.expect("answers");
            assert_eq!(asked.status(), StatusCode::FORBIDDEN);
        }
        for wrong in [
            json!({"name": "A b", "target": {"kind": "slack"}, "records": ["alerts"], "least": "low", "secret": "https://x.example"}),
            json!({"name": "s", "target": {"kind": "slack"}, "records": ["alerts"], "least": "low"}),
            json!({"name": "s", "target": {"kind": "webhook", "url": "ftp://x"}, "records": ["alerts"], "least": "low"}),
            json!({"name": "hook", "target": {"kind": "slack"}, "records": ["audit"], "least": "low", "secret": "https://x.example"}),
        ] {
            assert_eq!(
                hub.post("/api/v1/sinks", wrong.clone()).await.status(),
                StatusCode::BAD_REQUEST,
                "{wrong}"
            );
        }
    });
}

#[test]
fn a_file_has_every_record_once_and_a_test_says_what_happens() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start(directory.path()).await;
        make(&hub, file("all")).await;
        act(&hub, 30).await;
        let found = until("the records", async || {
            let found = lines(directory.path(), "all");
            (found.len() >= 31).then_some(found)
        })
        .await;
        let ids: BTreeSet<&str> = found.iter().filter_map(|record| record["id"].as_str()).collect();
        assert_eq!((found.len(), ids.len()), (31, 31));
        assert_eq!((&found[0]["action"], &found[0]["user"]["name"]), (&json!("sink.create"), &json!("token of the machine")));
        let tried: Value = hub.post("/api/v1/sinks/all/test", json!({})).await.json().await.expect("JSON");
        assert_eq!(tried["taken"], true, "{tried}");
        let down = json!({"name": "down", "target": {"kind": "otlp", "url": "http://127.0.0.1:1/v1/logs"}, "records": ["events"], "least": "low"});
        make(&hub, down).await;
        let tried: Value = hub.post("/api/v1/sinks/down/test", json!({})).await.json().await.expect("JSON");
        assert_eq!(tried["taken"], false);
        assert!(tried["said"].as_str().is_some_and(|said| said.contains("refused")), "{tried}");
        let metrics = hub.bare(Method::GET, "/metrics").send().await.expect("answers").text().await.expect("text");
        assert!(metrics.contains("gabion_sinks{state=\"well\"} 2\n"), "{metrics}");
        hub.stop().await;
    });
}

#[test]
fn events_that_came_while_a_sink_was_away_come_later() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start(directory.path()).await;
        let sink = json!({"name": "all", "target": {"kind": "file", "max_mib": 1, "keep": 1}, "records": ["events"],
                          "least": "unknown", "paused": true});
        make(&hub, sink.clone()).await;
        hub.stop().await;
        {
            // The hub's last connection may still be on its way out.
            let at = directory.path().join("events");
            let store = until("the store", async || EventStore::open(&at, Settings::default()).ok()).await;
            let event = |number| StoredEvent {
                source: "n1".to_owned(),
                number,
                time: 1_764_000_000_000,
                kind: "execve".to_owned(),
                node: "n1".to_owned(),
                message: format!("event {number}"),
                fields: BTreeMap::from([("proc.name".to_owned(), "sh".to_owned())]),
                ..StoredEvent::default()
            };
            let events: Vec<StoredEvent> = (1..=1200).map(event).collect();
            store.append(1_764_000_000_000, &events).expect("kept");
        }
        let hub = Hub::start(directory.path()).await;
        assert_eq!(hub.get("/api/v1/sinks/all").await["waiting"], 1200);
        let mut awake = sink;
        awake["paused"] = json!(false);
        let request = hub.by(&hub.token, Method::PUT, "/api/v1/sinks/all").json(&awake);
        assert_eq!(request.send().await.expect("answers").status(), StatusCode::OK);
        until("all of them", async || {
            let told = hub.get("/api/v1/sinks/all").await;
            (told["waiting"] == 0 && told["sent"] == 1200).then_some(())
        })
        .await;
        let found = lines(directory.path(), "all");
        let ids: Vec<String> = found.iter().map(|record| record["id"].as_str().unwrap_or_default().to_owned()).collect();
        let expected: Vec<String> = (1..=1200).map(|number| format!("n1/{number}")).collect();
        assert!(ids == expected, "{} records", ids.len());
        hub.stop().await;
    });
}

/// All documents of an index.
async fn documents(url: &str, index: &str) -> Vec<Value> {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let refreshed = client.post(format!("{url}/{index}/_refresh")).send().await.expect("answers");
    assert_eq!(refreshed.status(), StatusCode::OK);
    let found =
        client.get(format!("{url}/{index}/_search?size=1000&sort=@timestamp")).send().await.expect("answers");
    let found: Value = found.json().await.expect("JSON");
    found["hits"]["hits"].as_array().expect("hits").clone()
}

#[test]
fn opensearch_has_each_record_once_whatever_goes_wrong_on_the_way() {
    let Some(url) = opensearch::url() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let front = Front::start(url).await;
        let hub = Hub::start(directory.path()).await;
        let target =
            json!({"kind": "open-search", "url": front.url, "index": "gabion-audit", "data_stream": true});
        make(&hub, json!({"name": "search", "target": target, "records": ["audit"], "least": "unknown"}))
            .await;
        act(&hub, 40).await;

        // It answers 429: all waits, and that is said.
        until("a failure", async || {
            let told = hub.get("/api/v1/sinks/search").await;
            let said = told["error"].as_str().is_some_and(|error| error.contains("429"));
            (told["state"] == "failing" && said && told["waiting"] == 41).then_some(())
        })
        .await;

        // Of a bulk only the first half is taken: the rest comes again.
        front.become_(Mood::Half);
        until("half of a bulk", async || (front.seen(Mood::Half) > 1).then_some(())).await;
        front.become_(Mood::Well);
        until("that all is taken", async || {
            let told = hub.get("/api/v1/sinks/search").await;
            (told["state"] == "well" && told["waiting"] == 0).then_some(())
        })
        .await;

        // It takes all, but the hub ends before it hears so: what was sent is sent again.
        front.become_(Mood::Silent);
        act(&hub, 25).await;
        until("a bulk without an answer", async || (front.seen(Mood::Silent) > 0).then_some(())).await;
        hub.stop().await;
        let bulks = front.seen(Mood::Well);
        front.become_(Mood::Well);
        let hub = Hub::start(directory.path()).await;
        let told = until("that all is taken again", async || {
            let told = hub.get("/api/v1/sinks/search").await;
            (told["waiting"] == 0).then_some(told)
        })
        .await;
        assert!(front.seen(Mood::Well) > bulks, "it was sent again");
        assert_eq!((&told["refused"], &told["lost"]), (&json!(0), &json!(0)));

        let audit = hub.get("/api/v1/audit?limit=1000").await;
        let expected: BTreeSet<String> = audit["items"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|entry| entry["id"].as_str().map(str::to_owned))
            .collect();
        let found = documents(url, "gabion-audit").await;
        let ids: BTreeSet<String> = found
            .iter()
            .filter_map(|hit| hit["_source"]["event"]["id"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(found.len(), expected.len(), "each once");
        assert_eq!(ids, expected, "and all of them");
        let first = found
            .iter()
            .map(|hit| &hit["_source"])
            .find(|document| document["event"]["action"] == "sink.create");
        let first = first.expect("its own beginning");
        assert_eq!(first["event"]["category"], json!(["configuration"]), "{first}");
        assert_eq!(
            (&first["event"]["dataset"], &first["user"]["name"]),
            (&json!("gabion.audit"), &json!("token of the machine"))
        );
        assert!(
            found[0]["_index"].as_str().is_some_and(|index| index.starts_with(".ds-gabion-audit-")),
            "a data stream"
        );
        hub.stop().await;
    });
}

#[test]
fn opensearch_replaces_an_alert_that_comes_again_and_what_it_refuses_is_counted_and_passed() {
    let Some(url) = opensearch::url() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        // An index of somebody else's making: numbers of processes are small there.
        let mapping =
            json!({"mappings": {"properties": {"process": {"properties": {"pid": {"type": "byte"}}}}}});
        let made = client.put(format!("{url}/alerts")).json(&mapping).send().await.expect("answers");
        assert_eq!(made.status(), StatusCode::OK);
        let hub = Hub::start(directory.path()).await;
        let target = json!({"kind": "open-search", "url": url, "index": "alerts", "data_stream": false});
        make(&hub, json!({"name": "search", "target": target, "records": ["alerts"], "least": "medium"}))
            .await;
        let state = State::in_directory(directory.path()).await.expect("opens");
        state.add_join_token("t", "test", 1, i64::MAX, 0).await.expect("a token");
        state.join("t", "n-1", "db-1", 0).await.expect("joins");
        let alert = |number: u64, rule: &str, pid: &str| NewAlert {
            number,
            time: 1_764_000_000_000,
            rule: rule.to_owned(),
            priority: "Critical".to_owned(),
            message: format!("{rule} in {pid}"),
            techniques: vec!["T1059.004".to_owned()],
            fields: BTreeMap::from([("proc.pid".to_owned(), pid.to_owned())]),
            ..NewAlert::default()
        };
        let quiet = NewAlert { priority: "Debug".to_owned(), ..alert(3, "quiet", "7") };
        state
            .keep_alerts("n-1", &[alert(1, "good", "7"), alert(2, "large", "70000"), quiet], 0)
            .await
            .expect("kept");
        let told = until("what is refused", async || {
            let told = hub.get("/api/v1/sinks/search").await;
            (told["waiting"] == 0 && told["refused"] == 1).then_some(told)
        })
        .await;
        assert_eq!((&told["sent"], &told["state"]), (&json!(1), &json!("well")), "{told}");
        assert!(told["refusal"].as_str().is_some_and(|why| why.contains("process.pid")), "{told}");

        state.keep_alerts("n-1", &[alert(4, "good", "8")], 0).await.expect("kept");
        until("the alert again", async || {
            let told = hub.get("/api/v1/sinks/search").await;
            (told["sent"] == 2 && told["waiting"] == 0).then_some(())
        })
        .await;
        let found = documents(url, "alerts").await;
        assert_eq!(found.len(), 1, "{found:?}");
        let document = &found[0]["_source"];
        assert_eq!((&document["gabion"]["count"], &document["process"]["pid"]), (&json!(2), &json!(8)));
        assert_eq!(found[0]["_id"], document["event"]["id"]);
        assert_eq!((&document["host"]["name"], &document["host"]["id"]), (&json!("db-1"), &json!("n-1")));
        assert_eq!(
            document["threat"]["technique"],
            json!({"id": ["T1059"], "subtechnique": {"id": ["T1059.004"]}})
        );
        assert_eq!(
            (&document["event"]["kind"], &document["event"]["severity"]),
            (&json!("alert"), &json!(99))
        );
        hub.stop().await;
    });
}
