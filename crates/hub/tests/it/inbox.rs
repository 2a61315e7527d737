//! What agents send and the database does not take: now, or ever.

use crate::{
    agent::{Node, connection},
    faults::noise,
    hub::{ALONE, Hub, present, runtime, until},
    server_of_state::{Postgres, database, present as is_there},
};
use gabion_api::agent::{Container, Event, Events, Inventory, Report, from_agent::Message, to_agent};
use gabion_model::{Finding, FindingKind, ScanReport, Severity, Target};
use jiff::Timestamp;

#[test]
fn a_report_that_the_database_never_takes_is_told_as_one_and_ends_no_session() {
    let Some(url) = database() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start_on(directory.path(), &url).await;
        let node = Node::join(&hub, "one").await;
        let mut session = node.session(hub.agents()).await.expect("a session");
        assert!(session.inventory("10.1.0.7").await);
        let image = format!("host:{}", node.id);
        loop {
            if let to_agent::Message::Scan(scan) = session.heard().await.expect("goes on") {
                assert_eq!(scan.image, image);
                break;
            }
        }
        let target = Target { source: "dir".to_owned(), reference: "/".to_owned(), image: None };
        let mut report = ScanReport::new(target, Timestamp::UNIX_EPOCH);
        report.findings = vec![Finding {
            id: "S-1".to_owned(),
            kind: FindingKind::Secret,
            rule: noise(10_000),
            title: "a secret".to_owned(),
            severity: Severity::High,
            evidence: Vec::new(),
            fix: "take it away".to_owned(),
            vulnerability: None,
            suppressed: None,
        }];
        let json = serde_json::to_vec(&report).expect("JSON");
        let part = zstd::bulk::compress(&json, 1).expect("compresses");
        assert!(session.say(Message::Report(Report { image, part, last: true, ..Report::default() })).await);
        // It is the same session that goes on.
        assert!(session.say(connection(1, "203.0.113.9", present())).await);
        assert_eq!(session.kept().await.expect("goes on").events, 1);
        let images = hub.get("/api/v1/images").await;
        let failed = images["items"][0]["failed"].as_str().expect("says why").to_owned();
        assert!(failed.starts_with("the report cannot be used"), "{failed}");
        hub.stop().await;
    });
}

#[test]
fn what_events_say_is_kept_when_they_come_again_after_the_database_has_failed() {
    let Some(server) = is_there(Postgres::start(&["fsync=off"])) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let url = server.database();
    let name = url.split('?').next().and_then(|url| url.rsplit('/').next()).expect("a name");
    let sql = async |text: &str| {
        let alone = ALONE.lock().await;
        let said = server.client("psql").args(["-At", "-d", name, "-c", text]).output().expect("runs");
        drop(alone);
        assert!(said.status.success(), "{said:?}");
        String::from_utf8(said.stdout).expect("text").trim().to_owned()
    };
    runtime().block_on(async {
        let hub = Hub::start_on(directory.path(), &url).await;
        let node = Node::join(&hub, "one").await;
        let mut session = node.session(hub.agents()).await.expect("a session");
        let id = "c0ffee".repeat(10);
        let container = Container {
            id: id.clone(),
            name: "web-0".to_owned(),
            workload: "shop/web".to_owned(),
            runtime: "containerd".to_owned(),
            image_id: format!("sha256:{}", "7".repeat(64)),
            ..Container::default()
        };
        assert!(session.say(Message::Inventory(Inventory { time: 1, containers: vec![container] })).await);
        until("the container", async || {
            (hub.get("/api/v1/containers?q=web-0").await["total"] == 1).then_some(())
        })
        .await;
        let Message::Events(Events { mut events }) = connection(1, "203.0.113.9", present()) else {
            panic!("other events")
        };
        events.push(Event {
            number: 2,
            kind: "execve".to_owned(),
            container: id,
            program: "/usr/bin/miner".to_owned(),
            ..events[0].clone()
        });
        let events = Message::Events(Events { events });

        sql("ALTER TABLE flow RENAME TO away").await;
        assert!(session.say(events.clone()).await);
        session.kept().await.expect_err("is not kept");
        sql("ALTER TABLE away RENAME TO flow").await;
        let mut session = until("a session", async || node.session(hub.agents()).await).await;
        assert!(session.say(events).await);
        assert_eq!(session.kept().await.expect("kept").events, 2);
        assert_eq!(sql("SELECT source, port, many FROM flow").await, "shop/web|8080|1");
        assert_eq!(sql("SELECT path FROM loaded").await, "usr/bin/miner");
        hub.stop().await;
    });
}
