//! Notification rules of a whole hub: what becomes a message, that it arrives however long that takes, and who may see and say what.

use crate::{
    hub::{Hub, with},
    server::{Answer, Asked, Server},
};
use gabion_model::{
    Evidence, Finding, FindingKind, ImageConfig, ImageIdentity, Match, Package, PackageKind, ScanReport,
    Severity, Target, Verification, Vulnerability,
};
use gabion_store::state::{NewContainer, NewIncident, State};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// When hubs of these tests begin: 2025-11-24, 16:00 UTC.
const T0: i64 = 1_764_000_000_000;
const MINUTE: i64 = 60_000;

/// Waits until something holds.
async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(began.elapsed() < Duration::from_mins(2), "{what} does not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// The state of a hub in a directory, with a node that has joined.
async fn state(directory: &Path) -> State {
    let state = State::in_directory(directory).await.expect("opens");
    state.add_join_token("t", "test", 1, i64::MAX, T0).await.expect("a token");
    state.join("t", "n", "db-1", T0).await.expect("joins");
    state
}

/// An image runs in which so many critical vulnerabilities are found, as an agent tells it.
async fn image_runs(state: &State, name: &str, number: u8, owner: &str, findings: usize) {
    let digest = |byte: u8| format!("sha256:{}", format!("{byte:02x}").repeat(32)).parse().expect("a digest");
    let target = Target {
        source: "oci".to_owned(),
        reference: name.to_owned(),
        image: Some(ImageIdentity {
            config: digest(number),
            manifest: Some(digest(number + 100)),
            index: None,
            bases: Vec::new(),
            tags: vec![name.to_owned()],
            platform: "linux/amd64".to_owned(),
            verification: Verification::Verified,
        }),
    };
    let made = jiff::Timestamp::from_millisecond(T0).expect("a time");
    let mut report = ScanReport::new(target, made);
    report.config = Some(ImageConfig { created: Some(made), ..ImageConfig::default() });
    let package = Package::new(PackageKind::Deb, "openssl", "3.0.1", "dpkg");
    let reference = package.reference();
    report.packages = vec![package];
    report.findings = (0..findings)
        .map(|number| Finding {
            id: format!("V-{number}"),
            kind: FindingKind::Vulnerability,
            rule: format!("CVE-2024-{number}"),
            title: "a vulnerability".to_owned(),
            severity: Severity::Critical,
            evidence: vec![Evidence {
                place: "var/lib/dpkg/status".to_owned(),
                package: Some(reference.clone()),
                ..Evidence::default()
            }],
            fix: "update openssl".to_owned(),
            vulnerability: Some(Box::new(Vulnerability {
                packages: vec![reference.clone()],
                matches: vec![Match { package: "openssl".to_owned(), ..Match::default() }],
                ..Vulnerability::default()
            })),
            suppressed: None,
        })
        .collect();
    let id = report.target.image.as_ref().map(|image| image.config.to_string()).unwrap_or_default();
    let container = NewContainer {
        id: format!("c{number}"),
        name: format!("c{number}"),
        workload: format!("{owner}/web"),
        image: id.clone(),
        image_name: name.to_owned(),
        runtime: "containerd".to_owned(),
        target: format!("containerd:{name}"),
        started: T0,
        ..NewContainer::default()
    };
    state.inventory("n", &[container], T0).await.expect("kept");
    state.keep_report(&id, name, &report, Some(owner), T0).await.expect("kept");
}

async fn incident(state: &State, title: &str) {
    let incident = NewIncident {
        number: 7,
        title: title.to_owned(),
        severity: gabion_api::rest::Severity::High,
        began: T0,
        updated: T0,
        containers: vec!["<b>db</b>".to_owned()],
        tactics: Vec::new(),
        techniques: Vec::new(),
        story: "{}".to_owned(),
        picture: String::new(),
    };
    state.keep_incident("n", &incident, T0).await.expect("kept");
}

async fn said(hub: &Hub, token: &str, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let answer = hub.by(token, method, path).json(body).send().await.expect("answers");
    (answer.status(), answer.json().await.unwrap_or(Value::Null))
}

/// A sink that has nothing but messages, and a rule for it.
async fn tells(hub: &Hub, target: Value, secret: Option<&str>, more: &Value) {
    let sink = json!({"name": "chat", "target": target, "records": [], "least": "unknown", "secret": secret});
    let (status, told) = said(hub, &hub.token, Method::POST, "/api/v1/sinks", &sink).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let (status, told) = said(hub, &hub.token, Method::POST, "/api/v1/notification-rules", &rule(more)).await;
    assert_eq!(status, StatusCode::OK, "{told}");
}

fn rule(more: &Value) -> Value {
    let mut rule = json!({"name": "all", "sink": "chat", "least": "low", "kinds": ["new-finding", "incident"], "wait": 0});
    for (key, value) in more.as_object().expect("an object") {
        rule[key] = value.clone();
    }
    rule
}

fn webhook(server: &Server) -> Value {
    json!({"kind": "webhook", "url": format!("http://{}/hook", server.host)})
}

fn body(asked: &Asked) -> Value {
    serde_json::from_str(&asked.body).expect("JSON")
}

/// The only message there is.
async fn message(hub: &Hub) -> Value {
    until("a message", async || {
        let page = hub.get("/api/v1/notifications").await;
        assert!(page["total"].as_u64() <= Some(1), "{page}");
        page["items"].get(0).cloned()
    })
    .await
}

/// Waits until the only message is in this state.
async fn becomes(hub: &Hub, state: &str, tries: u64) -> Value {
    until(state, async || {
        let message = message(hub).await;
        (message["state"] == state && message["tries"] == tries).then_some(message)
    })
    .await
}

#[test]
fn a_message_arrives_under_one_id_however_often_its_sink_fails() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let many = AtomicU32::new(0);
        let server = Server::tcp(move |_| match many.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Answer::status(500).body("not today"),
            _ => Answer::ok(""),
        });
        let hub = Hub::start(directory.path()).await;
        tells(&hub, webhook(&server), None, &json!({})).await;
        let state = state(directory.path()).await;
        image_runs(&state, "registry.example/shop/web:1", 1, "shop", 1).await;
        for tries in 1..=2 {
            let told = becomes(&hub, "waiting", tries).await;
            let now = hub.time.load(Ordering::Relaxed);
            assert!(told["until"].as_i64().is_some_and(|until| until > now), "{told}");
            assert!(
                told["error"].as_str().is_some_and(|why| why.contains("500") && why.contains("not today")),
                "{told}"
            );
            let rule = hub.get("/api/v1/notification-rules/all").await;
            assert_eq!((&rule["waiting"], &rule["sink_state"]), (&json!(1), &json!("failing")), "{rule}");
            hub.pass(6 * MINUTE);
        }
        let told = becomes(&hub, "sent", 2).await;
        assert_eq!((&told["error"], &told["until"]), (&Value::Null, &Value::Null));
        let asked = server.asked();
        let records: Vec<Value> = asked.iter().map(|asked| body(asked)["records"][0].clone()).collect();
        let ids: BTreeSet<&str> = records.iter().filter_map(|record| record["id"].as_str()).collect();
        assert_eq!((records.len(), ids), (3, BTreeSet::from([told["id"].as_str().expect("an id")])));
        let record = &records[2];
        assert_eq!(
            (&record["kind"], &record["rule"], &record["severity"]),
            (&json!("notification"), &json!("all"), &json!("critical"))
        );
        let title = "CVE-2024-0 in openssl 3.0.1 of registry.example/shop/web";
        assert_eq!(
            (&record["title"], &record["items"][0]["owner"]),
            (&json!(title), &json!("shop")),
            "{record}"
        );
        // Its link leads to the finding.
        let link = record["link"].as_str().expect("a link");
        let path =
            link.strip_prefix(&hub.url()).expect("it begins with the address by which the hub was asked");
        assert_eq!(hub.get(&format!("/api/v1{path}")).await["rule"], "CVE-2024-0");
        let rule = hub.get("/api/v1/notification-rules/all").await;
        assert_eq!(
            (&rule["sent"], &rule["waiting"], &rule["sink_state"]),
            (&json!(1), &json!(0), &json!("well"))
        );
        let notes = hub.notes();
        assert!(
            notes.contains("it waits: it answers 500") && notes.contains("is sent to chat at last"),
            "{notes}"
        );
        let metrics =
            hub.bare(Method::GET, "/metrics").send().await.expect("answers").text().await.expect("text");
        assert!(metrics.contains("gabion_notifications{state=\"sent\"} 1\n"), "{metrics}");
        // The sink was handed nothing but that.
        assert_eq!(hub.get("/api/v1/sinks/chat").await["waiting"], 0);
        hub.stop().await;
    });
}

#[test]
fn a_hub_that_ends_before_it_hears_the_answer_sends_the_same_message_again() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let is_well = Arc::new(AtomicU32::new(0));
        let well = Arc::clone(&is_well);
        let server = Server::tcp(move |_| match well.load(Ordering::Relaxed) {
            0 => Answer::ok("nothing").silent(0),
            _ => Answer::ok(""),
        });
        let hub = Hub::start(directory.path()).await;
        tells(&hub, webhook(&server), None, &json!({})).await;
        let state = state(directory.path()).await;
        image_runs(&state, "registry.example/shop/web:1", 1, "shop", 3).await;
        until("a message without an answer", async || (!server.asked().is_empty()).then_some(())).await;
        hub.stop().await;
        is_well.store(1, Ordering::Relaxed);
        let hub = Hub::start(directory.path()).await;
        let told = until("that it is sent", async || {
            let told = message(&hub).await;
            (told["state"] == "sent").then_some(told)
        })
        .await;
        let asked = server.asked();
        assert!(asked.len() >= 2, "{}", asked.len());
        for one in &asked {
            let record = &body(one)["records"][0];
            assert_eq!((&record["id"], record["items"].as_array().map(Vec::len)), (&told["id"], Some(3)));
        }
        // What was taken is not taken again; what comes now is.
        image_runs(&state, "registry.example/shop/api:1", 2, "shop", 1).await;
        until("the next message", async || {
            let page = hub.get("/api/v1/notifications?state=sent").await;
            (page["total"] == 2).then_some(())
        })
        .await;
        let last = body(server.asked().last().expect("a request"));
        assert_eq!(last["records"][0]["title"], "CVE-2024-0 in openssl 3.0.1 of registry.example/shop/api");
        hub.stop().await;
    });
}

#[test]
fn a_first_start_is_one_message_however_much_there_is() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let server = Server::tcp(|_| Answer::ok(""));
        let hub = Hub::start(directory.path()).await;
        tells(&hub, webhook(&server), None, &json!({"wait": 10, "owners": ["shop"], "least": "high"})).await;
        let state = state(directory.path()).await;
        image_runs(&state, "registry.example/shop/web:1", 1, "shop", 10_000).await;
        until("that it is gathered", async || {
            let rule = hub.get("/api/v1/notification-rules/all").await;
            (rule["gathered"] == 10_000 && rule["due"] == T0 + 10 * MINUTE).then_some(())
        })
        .await;
        hub.pass(11 * MINUTE);
        let told = becomes(&hub, "sent", 0).await;
        assert_eq!((told["items"].as_array().map(Vec::len), &told["more"]), (Some(200), &json!(9_800)));
        assert_eq!(told["title"], "10000 new findings of shop, the worst is critical");
        let record = &body(&server.asked()[0])["records"][0];
        let page = format!("{}/findings?sort=-first_seen&severity=critical,high&owner=shop", hub.url());
        assert_eq!((&record["link"], &record["count"]), (&json!(page), &json!(10_000)));
        assert!(record["message"].as_str().is_some_and(|text| text.contains("and 9995 more")), "{record}");
        // The page is one that there is.
        assert_eq!(
            hub.get("/api/v1/findings?sort=-first_seen&severity=critical,high&owner=shop").await["total"],
            10_000
        );
        assert_eq!(server.asked().len(), 1);
        hub.stop().await;
    });
}

#[test]
fn what_happens_in_quiet_hours_is_told_when_they_are_over() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let server = Server::tcp(|_| Answer::ok(""));
        let hub = Hub::start(directory.path()).await;
        // It is 17:00 in Berlin.
        let quiet = json!({"quiet": {"from": "16:30", "to": "18:15", "zone": "Europe/Berlin"}});
        tells(&hub, webhook(&server), None, &quiet).await;
        let state = state(directory.path()).await;
        image_runs(&state, "registry.example/shop/web:1", 1, "shop", 1).await;
        let over = T0 + 75 * MINUTE;
        let gathered = async || {
            let rule = hub.get("/api/v1/notification-rules/all").await;
            (rule["gathered"] == 1 && rule["due"] == over && rule["waiting"] == 0).then_some(())
        };
        until("that it is gathered", gathered).await;
        hub.pass(74 * MINUTE);
        incident(&state, "it goes on").await;
        until("that more is gathered", async || {
            (hub.get("/api/v1/notification-rules/all").await["gathered"] == 2).then_some(())
        })
        .await;
        hub.pass(MINUTE);
        let told = becomes(&hub, "sent", 0).await;
        assert_eq!(
            (&told["time"], told["items"].as_array().map(Vec::len)),
            (&json!(over), Some(2)),
            "{told}"
        );
        assert_eq!(told["title"], "1 new finding, 1 incident, the worst is critical");
        assert_eq!(server.asked().len(), 1);
        hub.stop().await;
    });
}

#[test]
fn an_incident_opens_and_is_resolved_in_pager_duty_under_one_key() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let server = Server::tcp(|_| Answer::status(202));
        let hub = Hub::start(directory.path()).await;
        let target = json!({"kind": "pager-duty", "url": format!("http://{}/v2/enqueue", server.host)});
        tells(&hub, target, Some("key"), &json!({})).await;
        let state = state(directory.path()).await;
        incident(&state, "Reverse shell").await;
        let sent = async |many: usize| {
            until("what PagerDuty is told", async || {
                let page = hub.get("/api/v1/notifications?state=sent").await;
                (page["total"] == many).then(|| server.asked())
            })
            .await
        };
        let first = body(&sent(1).await[0]);
        assert_eq!(
            (&first["event_action"], &first["dedup_key"]),
            (&json!("trigger"), &json!("n-7")),
            "{first}"
        );
        assert_eq!(
            (&first["client_url"], &first["payload"]["severity"]),
            (&json!(format!("{}/incidents/n-7", hub.url())), &json!("error"))
        );
        let closed =
            said(&hub, &hub.token, Method::PATCH, "/api/v1/incidents/n-7", &json!({"state": "closed"})).await;
        assert!(closed.0.is_success(), "{closed:?}");
        let asked = sent(2).await;
        let last = body(&asked[1]);
        assert_eq!(
            (&last["event_action"], &last["dedup_key"], asked.len()),
            (&json!("resolve"), &json!("n-7"), 2),
            "{last}"
        );
        hub.stop().await;
    });
}

/// All texts of a document with the name of what holds them.
fn texts(value: &Value, name: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((name.to_owned(), text.clone())),
        Value::Array(list) => list.iter().for_each(|value| texts(value, name, found)),
        Value::Object(object) => object.iter().for_each(|(name, value)| texts(value, name, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn names_that_somebody_chose_to_harm_stay_text() {
    for kind in ["slack", "teams"] {
        let directory = tempfile::tempdir().expect("a directory");
        runtime().block_on(async {
            let server = Server::tcp(|_| Answer::ok("ok"));
            let hub = Hub::start(directory.path()).await;
            let secret = format!("http://{}/services/x", server.host);
            tells(&hub, json!({"kind": kind}), Some(&secret), &json!({})).await;
            let state = state(directory.path()).await;
            let hostile = format!(
                "<!channel> <script>alert(1)</script> [x](http://evil.example)\n{}",
                "y".repeat(10_000)
            );
            incident(&state, &hostile).await;
            let told = becomes(&hub, "sent", 0).await;
            assert!(
                told["title"]
                    .as_str()
                    .is_some_and(|title| title.chars().count() <= 240 && !title.contains('\n')),
                "{told}"
            );
            let asked = &server.asked()[0];
            assert!(asked.body.len() < 8 << 10, "{}", asked.body.len());
            let body = body(asked);
            let mut found = Vec::new();
            texts(&body, "", &mut found);
            let addresses: Vec<&str> =
                found.iter().filter(|(name, _)| name == "url").map(|(_, text)| text.as_str()).collect();
            let ours = |address: &&str| address.starts_with(&hub.url());
            assert!(!addresses.is_empty() && addresses.iter().all(ours), "{addresses:?}");
            let hostile: Vec<&String> =
                found.iter().filter(|(_, text)| text.contains("alert(1)")).map(|(name, _)| name).collect();
            assert!(!hostile.is_empty() && hostile.iter().all(|name| *name == "text"), "{hostile:?}");
            if kind == "slack" {
                assert!(
                    body["text"]
                        .as_str()
                        .is_some_and(|text| text.contains("&lt;!channel&gt;") && !text.contains('<')),
                    "{body}"
                );
                let kinds: Vec<&str> = body["blocks"]
                    .as_array()
                    .expect("blocks")
                    .iter()
                    .filter_map(|block| block["type"].as_str())
                    .collect();
                assert_eq!(kinds, ["header", "rich_text", "context"]);
                let element = &body["blocks"][1]["elements"][0]["elements"][0]["elements"];
                assert_eq!((&element[0]["type"], &element[1]["type"]), (&json!("text"), &json!("link")));
                for plain in [&body["blocks"][0]["text"], &body["blocks"][2]["elements"][0]] {
                    assert_eq!(plain["type"], "plain_text");
                }
            } else {
                let card = &body["attachments"][0]["content"];
                assert_eq!(card["actions"][0]["type"], "Action.OpenUrl");
                for element in card["body"].as_array().expect("a body") {
                    assert_eq!(
                        (&element["type"], &element["inlines"][0]["type"]),
                        (&json!("RichTextBlock"), &json!("TextRun"))
                    );
                }
            }
            hub.stop().await;
        });
    }
}

#[test]
fn what_is_refused_for_good_and_what_has_no_sink_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let is_well = Arc::new(AtomicU32::new(0));
        let well = Arc::clone(&is_well);
        let server = Server::tcp(move |_| match well.load(Ordering::Relaxed) {
            0 => Answer::status(400).body("no such channel"),
            _ => Answer::ok(""),
        });
        let hub = Hub::start(directory.path()).await;
        tells(&hub, webhook(&server), None, &json!({})).await;
        let state = state(directory.path()).await;
        image_runs(&state, "registry.example/shop/web:1", 1, "shop", 1).await;
        for tries in 1..6 {
            becomes(&hub, "waiting", tries).await;
            hub.pass(6 * MINUTE);
        }
        let told = becomes(&hub, "failed", 6).await;
        assert!(told["error"].as_str().is_some_and(|why| why.contains("no such channel")), "{told}");
        assert_eq!(hub.get("/api/v1/notification-rules/all").await["failed"], 1);
        let sink = hub.get("/api/v1/sinks/chat").await;
        assert_eq!(sink["refused"], 1, "{sink}");
        assert!(hub.notes().contains("for good: it answers 400"), "{}", hub.notes());
        // Somebody has mended it, but the sink is gone; then it is there again.
        is_well.store(1, Ordering::Relaxed);
        let gone = said(&hub, &hub.token, Method::DELETE, "/api/v1/sinks/chat", &json!({})).await.0;
        assert_eq!(gone, StatusCode::NO_CONTENT);
        let retry = format!("/api/v1/notifications/{}/retry", told["id"].as_str().expect("an id"));
        let (status, again) = said(&hub, &hub.token, Method::POST, &retry, &json!({})).await;
        assert_eq!((status, &again["state"]), (StatusCode::OK, &json!("waiting")), "{again}");
        let told = becomes(&hub, "waiting", 1).await;
        assert_eq!(told["error"], "there is no sink chat");
        let sink = json!({"name": "chat", "target": webhook(&server), "records": [], "least": "unknown"});
        assert_eq!(said(&hub, &hub.token, Method::POST, "/api/v1/sinks", &sink).await.0, StatusCode::OK);
        hub.pass(2 * MINUTE);
        becomes(&hub, "sent", 1).await;
        hub.stop().await;
    });
}

#[test]
fn a_rule_is_tried_before_it_is_live() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let server = Server::tcp(|_| Answer::ok(""));
        let hub = Hub::start(directory.path()).await;
        let sink = json!({"name": "chat", "target": webhook(&server), "records": [], "least": "unknown"});
        assert_eq!(said(&hub, &hub.token, Method::POST, "/api/v1/sinks", &sink).await.0, StatusCode::OK);
        let state = state(directory.path()).await;
        image_runs(&state, "registry.example/shop/web:1", 1, "shop", 25).await;
        incident(&state, "Reverse shell").await;
        hub.pass(60 * MINUTE);
        let preview = async |more: Value| {
            let asked = json!({"rule": rule(&more), "days": 7});
            let (status, told) =
                said(&hub, &hub.token, Method::POST, "/api/v1/notification-rules/preview", &asked).await;
            assert_eq!(status, StatusCode::OK, "{told}");
            told
        };
        let told = preview(json!({"wait": 10, "kinds": [], "group_by": ["kind"]})).await;
        assert_eq!(
            (&told["total"], &told["happenings"], &told["gathered"]),
            (&json!(2), &json!(26), &json!(0)),
            "{told}"
        );
        let titles: BTreeSet<&str> = told["messages"]
            .as_array()
            .expect("messages")
            .iter()
            .filter_map(|one| one["title"].as_str())
            .collect();
        assert_eq!(
            titles,
            BTreeSet::from([
                "25 new findings of shop, the worst is critical",
                "Reverse shell in <b>db</b>, 0 alerts"
            ])
        );
        let unknown = told["unknown"].to_string();
        assert!(unknown.contains("agents were lost") && unknown.contains("sinks were away"), "{unknown}");
        assert_eq!(preview(json!({"owners": ["pay"]})).await["total"], 0);
        assert_eq!(preview(json!({"wait": 120, "kinds": ["new-finding"]})).await["gathered"], 25);
        assert_eq!((server.asked().len(), &hub.get("/api/v1/notifications").await["total"]), (0, &json!(0)));
        // A rule that is made now tells nothing of what was there before; its test says that it is one.
        assert_eq!(
            said(&hub, &hub.token, Method::POST, "/api/v1/notification-rules", &rule(&json!({}))).await.0,
            StatusCode::OK
        );
        let (status, tried) =
            said(&hub, &hub.token, Method::POST, "/api/v1/notification-rules/all/test", &json!({})).await;
        assert_eq!((status, &tried["taken"]), (StatusCode::OK, &json!(true)), "{tried}");
        let record = body(&server.asked()[0])["records"][0].clone();
        assert_eq!(record["title"], "Test of the notification rule all");
        assert_eq!(record["link"], format!("{}/settings/notifications", hub.url()));
        image_runs(&state, "registry.example/shop/api:1", 2, "shop", 1).await;
        assert_eq!(becomes(&hub, "sent", 0).await["items"].as_array().map(Vec::len), Some(1));
        hub.stop().await;
    });
}

#[test]
fn who_sees_some_owners_has_rules_about_these_only() {
    with(async |hub| {
        let sink = json!({"name": "chat", "target": {"kind": "file", "max_mib": 1, "keep": 1}, "records": [], "least": "unknown"});
        assert_eq!(said(hub, &hub.token, Method::POST, "/api/v1/sinks", &sink).await.0, StatusCode::OK);
        let (viewer, shop) = (hub.token("viewer", &[]).await, hub.token("admin", &["shop"]).await);
        let (rules, preview) = ("/api/v1/notification-rules", "/api/v1/notification-rules/preview");
        let about = |name: &str, owners: &[&str]| rule(&json!({"name": name, "owners": owners}));
        let post = async |token: &str, body: Value| said(hub, token, Method::POST, rules, &body).await.0;
        assert_eq!(post(&viewer, about("v", &["shop"])).await, StatusCode::FORBIDDEN);
        for owners in [&[][..], &["pay"][..], &["shop", "pay"][..]] {
            assert_eq!(post(&shop, about("s", owners)).await, StatusCode::FORBIDDEN, "{owners:?}");
            let asked = json!({"rule": about("s", owners), "days": 7});
            assert_eq!(
                said(hub, &shop, Method::POST, preview, &asked).await.0,
                StatusCode::FORBIDDEN,
                "{owners:?}"
            );
        }
        assert_eq!(post(&shop, about("shop", &["shop"])).await, StatusCode::OK);
        assert_eq!(post(&hub.token, about("everything", &[])).await, StatusCode::OK);
        assert_eq!(post(&hub.token, about("pay", &["pay"])).await, StatusCode::OK);
        let names = async |token: &str| {
            let page = said(hub, token, Method::GET, rules, &json!({})).await.1;
            let items = page["items"].as_array().expect("a list").clone();
            items.iter().filter_map(|one| one["rule"]["name"].as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        assert_eq!(
            (names(&hub.token).await, names(&shop).await),
            (vec!["everything".to_owned(), "pay".to_owned(), "shop".to_owned()], vec!["shop".to_owned()])
        );
        assert_eq!(names(&viewer).await.len(), 3, "who sees all sees all rules");
        for (method, path) in [
            (Method::GET, "/api/v1/notification-rules/pay"),
            (Method::DELETE, "/api/v1/notification-rules/pay"),
            (Method::POST, "/api/v1/notification-rules/everything/test"),
        ] {
            assert_eq!(
                said(hub, &shop, method.clone(), path, &json!({})).await.0,
                StatusCode::NOT_FOUND,
                "{method} {path}"
            );
        }
        // Nobody widens their own rule, and nobody changes what they only see.
        let path = "/api/v1/notification-rules/shop";
        assert_eq!(said(hub, &shop, Method::PUT, path, &about("shop", &[])).await.0, StatusCode::FORBIDDEN);
        assert_eq!(
            said(hub, &viewer, Method::PUT, path, &about("shop", &["shop"])).await.0,
            StatusCode::FORBIDDEN
        );
        let mut paused = about("shop", &["shop"]);
        paused["paused"] = json!(true);
        assert_eq!(said(hub, &shop, Method::PUT, path, &paused).await.1["rule"]["paused"], true);
        for (more, why) in [
            (json!({"name": "A b"}), "name:"),
            (json!({"name": "preview"}), "name:"),
            (json!({"sink": "none"}), "sink: there is no sink"),
            (json!({"again": 1}), "again:"),
            (json!({"quiet": {"from": "1", "to": "2", "zone": "UTC"}}), "quiet:"),
            (json!({"quiet": {"from": "22:00", "to": "07:00", "zone": "Mars/Base"}}), "quiet:"),
        ] {
            let (status, told) = said(hub, &hub.token, Method::POST, rules, &rule(&more)).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{more}: {told}");
            assert!(told["error"].as_str().is_some_and(|error| error.starts_with(why)), "{more}: {told}");
        }
        assert_eq!(
            said(hub, &shop, Method::GET, "/api/v1/notification-sinks", &json!({})).await.1["items"][0]["name"],
            "chat"
        );
        assert_eq!(
            said(hub, &viewer, Method::GET, "/api/v1/notification-sinks", &json!({})).await.0,
            StatusCode::FORBIDDEN
        );
        assert_eq!(said(hub, &shop, Method::DELETE, path, &json!({})).await.0, StatusCode::NO_CONTENT);
        let audit = hub.get("/api/v1/audit?q=notification-rule&limit=100").await.to_string();
        for action in ["create", "change", "remove"] {
            assert!(audit.contains(&format!("notification-rule.{action}")), "{action}: {audit}");
        }
    });
}

#[test]
fn an_agent_that_is_not_heard_is_told_once_and_when_it_is_back() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let server = Server::tcp(|_| Answer::ok(""));
        let hub = Hub::start(directory.path()).await;
        tells(&hub, webhook(&server), None, &json!({"kinds": ["agent-lost"]})).await;
        let state = state(directory.path()).await;
        hub.pass(6 * MINUTE);
        let told = becomes(&hub, "sent", 0).await;
        assert_eq!(told["title"], "The agent of db-1 is not heard: what happens there is not seen");
        state.node_status("n", "{}", 0, T0 + 6 * MINUTE).await.expect("kept");
        until("that it is back", async || {
            let page = hub.get("/api/v1/notifications?state=sent").await;
            (page["total"] == 2).then_some(())
        })
        .await;
        let over: Vec<Value> = server
            .asked()
            .iter()
            .map(|asked| body(asked)["records"][0]["items"][0]["over"].clone())
            .collect();
        assert_eq!(over, [json!(false), json!(true)]);
        hub.stop().await;
    });
}
