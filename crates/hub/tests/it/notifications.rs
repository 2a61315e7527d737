//! Notification rules of a whole hub: what becomes a message, and that it arrives however long that takes.

mod pager;
mod told;

use crate::{
    hub::{Hub, runtime, until},
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
};

/// When hubs of these tests begin: 2025-11-24, 16:00 UTC.
const T0: i64 = 1_764_000_000_000;
const MINUTE: i64 = 60_000;

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
                matches: vec![Match {
                    package: "openssl".to_owned(),
                    version: "3.0.1".to_owned(),
                    ..Match::default()
                }],
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
        ..NewIncident::default()
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
