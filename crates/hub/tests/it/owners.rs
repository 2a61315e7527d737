//! Whose what runs is: by a file of owners that knows namespaces, also when it moves, and when the file becomes another.

use crate::{
    agent::{Node, Session},
    hub::{Hub, runtime, until},
};
use gabion_api::agent::{Container, Inventory, Report, from_agent::Message, to_agent};
use gabion_model::{Finding, FindingKind, ScanReport, Severity, Target};
use jiff::Timestamp;
use std::{fs, path::Path};

const IMAGE: &str = "sha256:00000000000000000000000000000000000000000000000000000000000000aa";

fn write(directory: &Path, entries: &str) {
    fs::write(directory.join("owners.yaml"), format!("version: 1\nowners:\n{entries}")).expect("writes");
}

/// The image runs in each of these namespaces.
async fn runs_in(session: &Session, namespaces: &[&str]) {
    let container = |namespace: &&str| Container {
        id: format!("{:0>64}", namespace.len()),
        name: format!("api-in-{namespace}"),
        workload: format!("{namespace}/api"),
        namespace: (*namespace).to_owned(),
        runtime: "containerd".to_owned(),
        image_name: "registry.example/api:1".to_owned(),
        image_id: IMAGE.to_owned(),
        target: "containerd:api".to_owned(),
        ..Container::default()
    };
    let containers = namespaces.iter().map(container).collect();
    assert!(session.say(Message::Inventory(Inventory { time: 1, containers })).await);
}

/// What a scan of it tells.
fn report() -> Vec<u8> {
    let target = Target { source: "containerd".to_owned(), reference: "api".to_owned(), image: None };
    let mut report = ScanReport::new(target, Timestamp::UNIX_EPOCH);
    report.findings = vec![Finding {
        id: "C-1".to_owned(),
        kind: FindingKind::Misconfiguration,
        rule: "CIS-1".to_owned(),
        title: "it runs as root".to_owned(),
        severity: Severity::High,
        evidence: Vec::new(),
        fix: "do not".to_owned(),
        vulnerability: None,
        suppressed: None,
    }];
    zstd::bulk::compress(&serde_json::to_vec(&report).expect("JSON"), 1).expect("compresses")
}

/// Waits until findings, image and workloads are theirs; nobody is called "".
async fn are_of(hub: &Hub, image: Option<&str>, workloads: &[(&str, &str)]) {
    until("they are whose they are", async || {
        let findings = hub.get("/api/v1/findings?rule=CIS-1").await;
        let images = hub.get("/api/v1/images?q=registry.example").await;
        let by_name = hub.get("/api/v1/workloads?q=api").await;
        let is = |name: &str, owner: &str| {
            let items = by_name["items"].as_array().expect("a list");
            items.iter().any(|one| one["name"] == *name && one["owner"].as_str().unwrap_or_default() == owner)
        };
        let of = |items: &serde_json::Value| items["items"][0]["owner"].as_str() == image;
        let known = findings["total"] == 1 && of(&findings) && of(&images);
        (known && workloads.iter().all(|(name, owner)| is(name, owner))).then_some(())
    })
    .await;
}

#[test]
fn namespaces_say_whose_what_runs_is_wherever_it_moves() {
    let directory = tempfile::tempdir().expect("a directory");
    write(
        directory.path(),
        "  - { owner: platform, images: ['registry.example/**'] }\n  - { owner: shop, namespaces: ['shop*'] }\n",
    );
    runtime().block_on(async {
        let hub = Hub::start_present(directory.path()).await;
        let node = Node::join(&hub, "one").await;
        let mut session = node.session(hub.agents()).await.expect("a session");
        runs_in(&session, &["shop-a"]).await;
        loop {
            if let to_agent::Message::Scan(scan) = session.heard().await.expect("goes on")
                && scan.image == IMAGE
            {
                break;
            }
        }
        let (image, part) = (IMAGE.to_owned(), report());
        assert!(session.say(Message::Report(Report { image, part, last: true, ..Report::default() })).await);
        are_of(&hub, Some("shop"), &[("shop-a/api", "shop")]).await;
        // It runs elsewhere, too: the image is no more of the shop than of others, what runs there is.
        runs_in(&session, &["shop-a", "search"]).await;
        are_of(&hub, Some("platform"), &[("shop-a/api", "shop"), ("search/api", "platform")]).await;
        runs_in(&session, &["shop-a", "shop-bb"]).await;
        are_of(&hub, Some("shop"), &[("shop-bb/api", "shop")]).await;
        drop(session);
        hub.stop().await;

        // Another file: all that is there is looked at again.
        write(directory.path(), "  - { owner: bazaar, namespaces: ['shop-*'] }\n");
        let hub = Hub::start_present(directory.path()).await;
        assert!(hub.notes().contains("the file of owners is another"), "{}", hub.notes());
        are_of(&hub, Some("bazaar"), &[("shop-bb/api", "bazaar")]).await;
        hub.stop().await;

        // Nobody's any more: whoever it was sees it no longer.
        write(directory.path(), "  - { owner: others, images: ['elsewhere/**'] }\n");
        let hub = Hub::start_present(directory.path()).await;
        are_of(&hub, None, &[("shop-bb/api", "")]).await;
        hub.stop().await;
    });
}
