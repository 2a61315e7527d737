//! A disk that is full, of a whole hub: nothing is acknowledged or answered well that is not kept, whoever looks can, and all goes on by itself
//! when there is room.

use crate::{
    agent::{Node, Session, alert, events},
    faults::Small,
    hub::{Hub, present, runtime, until},
};
use gabion_api::agent::{Container, Inventory, Report, from_agent::Message, to_agent};
use gabion_model::{Package, PackageKind, ScanReport, Target};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs};

/// A policy that is large, so that it needs room.
fn policy(name: &str) -> Value {
    let rule = "version: 1\nname: NAME\nrules:\n  - id: a\n    action: fail\n    finding: {severity: low}\n";
    json!({"text": format!("{}#{}", rule.replace("NAME", name), "x".repeat(60_000)), "reason": "a drill"})
}

async fn names(hub: &Hub) -> BTreeSet<String> {
    let page = hub.get("/api/v1/policies").await;
    let items = page["items"].as_array().expect("a list").iter();
    items.filter_map(|one| one["name"].as_str()).map(str::to_owned).collect()
}

/// The numbers of the alerts that are there.
async fn told(hub: &Hub) -> BTreeSet<String> {
    let page = hub.get("/api/v1/alerts?limit=1000").await;
    let items = page["items"].as_array().expect("a list").iter();
    items.filter_map(|one| one["rule"].as_str()).map(str::to_owned).collect()
}

async fn status(hub: &Hub, path: &str) -> StatusCode {
    hub.by(&hub.token, Method::GET, path).send().await.expect("answers").status()
}

/// A container whose image is to be scanned.
fn image() -> Message {
    let container = Container {
        id: "c0ffee".repeat(10),
        name: "web-0".to_owned(),
        workload: "shop/web".to_owned(),
        runtime: "containerd".to_owned(),
        image_name: "shop/web:1".to_owned(),
        image_id: format!("sha256:{}", "7".repeat(64)),
        target: "containerd:web".to_owned(),
        ..Container::default()
    };
    Message::Inventory(Inventory { time: 1, containers: vec![container] })
}

/// What the hub asks about that image.
async fn asked(session: &mut Session) -> String {
    loop {
        match session.heard().await.expect("goes on") {
            to_agent::Message::Scan(scan) if scan.image.starts_with("sha256:") => return scan.image,
            _ => {}
        }
    }
}

/// Packages of the image.
const MANY: usize = 5_000;

/// A report that needs room.
fn report(image: String) -> Message {
    let target = Target { source: "oci".to_owned(), reference: "shop/web:1".to_owned(), image: None };
    let mut report = ScanReport::new(target, jiff::Timestamp::UNIX_EPOCH);
    report.packages =
        (0..MANY).map(|n| Package::new(PackageKind::Npm, format!("package-{n}"), "1.0", "npm")).collect();
    let part = zstd::bulk::compress(&serde_json::to_vec(&report).expect("JSON"), 1).expect("compresses");
    Message::Report(Report { image, part, last: true, ..Report::default() })
}

#[test]
fn what_a_full_disk_does_not_take_is_neither_lost_nor_answered_well() {
    let Some(disk) = Small::of("24m") else { return };
    runtime().block_on(async {
        let hub = Hub::start_present(disk.path()).await;
        let (scanner, node) = (Node::join(&hub, "one").await, Node::join(&hub, "two").await);
        let other = Node::join(&hub, "three").await;
        let mut session = node.session(hub.agents()).await.expect("a session");
        assert!(session.say(alert(1, present())).await);
        assert_eq!(session.kept().await.expect("kept").alerts, 1);
        assert!(session.say(events(1..=10, present())).await);
        assert_eq!(session.kept().await.expect("kept").events, 10);
        assert_eq!(hub.post("/api/v1/policies", policy("before")).await.status(), StatusCode::OK);
        let mut scanning = scanner.session(hub.agents()).await.expect("a session");
        assert!(scanning.say(image()).await);
        let wanted = asked(&mut scanning).await;

        let filler = disk.fill(4 << 20);
        for (session, message) in [
            (&mut session, alert(2, present())),
            (&mut scanning, report(wanted)),
            (&mut other.session(hub.agents()).await.expect("a session"), events(1..=20, present())),
        ] {
            assert!(session.say(message).await);
            let why = session.kept().await.expect_err("it is not kept");
            assert!(why.message().contains("the disk of the hub is full"), "{why}");
        }
        let audited = hub.get("/api/v1/audit").await["total"].clone();
        let refused = hub.post("/api/v1/policies", policy("refused")).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        let why: Value = refused.json().await.expect("JSON");
        assert_eq!(why["error"], "the disk of the hub's database is full", "{why}");
        assert_eq!(names(&hub).await, ["before".to_owned()].into(), "what was refused is not there");
        assert_eq!(hub.get("/api/v1/audit").await["total"], audited);
        // Whoever makes room can come in, and say that less is to be kept.
        let login = hub.bare(Method::POST, "/api/v1/session").json(&json!({"secret": hub.token}));
        assert_eq!(login.send().await.expect("answers").status(), StatusCode::OK);
        let less = json!({"event_days": 1, "event_bytes": 1 << 30, "alert_days": 30, "container_days": 30, "flow_days": 30});
        let less = hub.by(&hub.token, Method::PUT, "/api/v1/retention").json(&less);
        assert_eq!(less.send().await.expect("answers").status(), StatusCode::OK);

        // Now there is nothing at all. Whoever looks can, also when they come again after a while, and is told.
        disk.fill(0);
        hub.pass(10 * 60_000);
        for path in ["/api/v1/findings", "/api/v1/alerts", "/api/v1/events", "/healthz", "/metrics"] {
            assert_eq!(status(&hub, path).await, StatusCode::OK, "{path}");
        }
        let overview = hub.get("/api/v1/overview").await;
        assert!(overview["blind"].to_string().contains("MB left on the hub's disk"), "{overview}");
        let ready = hub.bare(Method::GET, "/readyz").send().await.expect("answers");
        assert_eq!(ready.status(), StatusCode::OK);
        assert!(ready.text().await.expect("text").contains("the hub's disk has 0 MB left"));
        assert!(hub.notes().contains("MB left: soon nothing more can be kept"), "{}", hub.notes());

        fs::remove_file(filler).expect("removes");
        // The agent has held it back, and tells it again.
        let mut session = until("a session", async || {
            let mut session = node.session(hub.agents()).await?;
            (session.say(alert(2, present())).await && session.kept().await.is_ok()).then_some(session)
        })
        .await;
        assert!(session.say(events(11..=20, present())).await);
        assert_eq!(session.kept().await.expect("kept").events, 20);
        assert_eq!(hub.post("/api/v1/policies", policy("after")).await.status(), StatusCode::OK);
        // The scan whose report could not be kept is asked for again, after a while.
        hub.pass(16 * 60_000);
        let mut scanning = scanner.session(hub.agents()).await.expect("a session");
        assert!(scanning.say(image()).await);
        let wanted = asked(&mut scanning).await;
        assert!(scanning.say(report(wanted)).await);
        until("the report", async || {
            (hub.get("/api/v1/images?q=shop").await["items"][0]["packages"] == MANY).then_some(())
        })
        .await;
        let check = async |hub: &Hub| {
            assert_eq!(names(hub).await, ["before", "after"].map(str::to_owned).into());
            assert_eq!(told(hub).await, ["rule 1", "rule 2"].map(str::to_owned).into());
            until("the events", async || {
                (hub.get("/api/v1/events?kind=execve&limit=1").await["total"] == 20).then_some(())
            })
            .await;
        };
        check(&hub).await;
        hub.stop().await;
        let hub = Hub::start_present(disk.path()).await;
        check(&hub).await;
        assert!(!hub.notes().contains("panicked"), "{}", hub.notes());
        hub.stop().await;
    });
}
