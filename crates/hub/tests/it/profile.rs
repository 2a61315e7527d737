//! The profile of an image, from what an agent tells by its own protocol.

use crate::{
    agent::{Node, Session},
    hub::{Hub, present, runtime, until},
    scopes::THEIRS,
};
use gabion_api::agent::{
    Alert, Alerts, Container, Event, Events, Inventory, Loaded, Report, Status, from_agent::Message, to_agent,
};
use gabion_model::{ImageConfig, Location, Package, PackageKind, ScanReport, Target};
use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::HashMap;

const IMAGE: &str = "sha256:00000000000000000000000000000000000000000000000000000000000000ab";
const OTHER: &str = "sha256:00000000000000000000000000000000000000000000000000000000000000cd";

fn container(id: &str, workload: &str, owner: &str, started: i64) -> Container {
    Container {
        id: id.repeat(10),
        name: format!("{owner}-0"),
        workload: workload.to_owned(),
        runtime: "containerd".to_owned(),
        image_name: "registry.example/web:1".to_owned(),
        image_id: IMAGE.to_owned(),
        labels: HashMap::from([("owner".to_owned(), owner.to_owned())]),
        target: "containerd:web".to_owned(),
        listens: vec!["tcp/8080".to_owned(), "tcp/9000".to_owned()],
        created: started.cast_unsigned() * 1_000_000,
        ..Container::default()
    }
}

/// The agent watches since then.
fn since(time: i64, lost: u64) -> Message {
    let gaps = json!([[lost, "events lost: no room"], [7, "alerts could not be written to /x"]]);
    let status =
        json!({"since": time * 1_000_000, "rules": 1, "events": 1, "gaps": gaps, "unused": [], "memory": 1});
    Message::Status(Status { json: status.to_string().into_bytes(), ..Status::default() })
}

/// A scan on a node: the image declares two ports and a user.
fn report() -> Vec<u8> {
    let target = Target { source: "containerd".to_owned(), reference: "web".to_owned(), image: None };
    let mut report = ScanReport::new(target, Timestamp::UNIX_EPOCH);
    report.config = Some(ImageConfig {
        user: "app".to_owned(),
        entrypoint: vec!["/usr/sbin/web".to_owned()],
        cmd: vec!["-f".to_owned()],
        working_dir: "/srv".to_owned(),
        env_names: vec!["PATH".to_owned()],
        exposed_ports: vec!["443/tcp".to_owned(), "8080/tcp".to_owned()],
        volumes: vec!["/data".to_owned()],
        labels: [("gabion.owner".to_owned(), "shop".to_owned())].into(),
        healthcheck: true,
        ..ImageConfig::default()
    });
    let package = |name: &str, file: Option<&str>| {
        let mut package = Package::new(PackageKind::Deb, name, "1.0", "dpkg");
        package.facts.extend(file.map(|file| ("loadable".to_owned(), file.to_owned())));
        package
    };
    let mut jar = Package::new(PackageKind::Maven, "log4j", "2.14", "jar");
    jar.locations.push(Location { path: "srv/app.jar!/lib/log4j.jar".to_owned(), layer: None });
    report.packages = vec![
        package("web", Some("usr/sbin/web")),
        package("idle", Some("usr/lib/libidle.so.1")),
        package("tzdata", None),
        jar,
    ];
    zstd::bulk::compress(&serde_json::to_vec(&report).expect("JSON"), 1).expect("compresses")
}

/// The image is scanned as soon as the hub asks for it.
async fn scanned(hub: &Hub, session: &mut Session) {
    loop {
        if let to_agent::Message::Scan(scan) = session.heard().await.expect("goes on")
            && scan.image == IMAGE
        {
            break;
        }
    }
    let report = Report { image: IMAGE.to_owned(), part: report(), last: true, ..Report::default() };
    assert!(session.say(Message::Report(report)).await);
    until("the scan", async || {
        hub.get(&format!("/api/v1/images/{IMAGE}")).await["scanned"].is_i64().then_some(())
    })
    .await;
}

/// Verdict and words of each answer to a question.
fn answers(profile: &Value, question: &str) -> Vec<(String, String)> {
    let all = profile["comparison"].as_array().expect("answers").iter();
    let text = |answer: &Value, key: &str| answer[key].as_str().expect("text").to_owned();
    all.filter(|answer| answer["question"] == question)
        .map(|answer| (text(answer, "verdict"), text(answer, "text")))
        .collect()
}

#[test]
fn a_profile_tells_what_was_seen_beside_what_is_declared() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start_present(directory.path()).await;
        let path = format!("/api/v1/images/{IMAGE}/profile");
        let status = async |token: &str| {
            hub.by(token, Method::GET, &path).send().await.expect("answers").status()
        };
        assert_eq!(status(&hub.token).await, StatusCode::NOT_FOUND);
        let node = Node::join(&hub, "one").await;
        let mut session = node.session(hub.agents()).await.expect("a session");
        let now = present();
        assert!(session.say(since(now - 60_000, 0)).await);
        let (ours, theirs) = ("shop/web", format!("{THEIRS}/web"));
        let containers = vec![
            container("c0ffee", ours, "shop", now - 30_000),
            Container {
                listens: vec!["tcp/22".to_owned()],
                addresses: vec!["10.9.0.2".to_owned()],
                ..container("facade", &theirs, THEIRS, now - 30_000)
            },
        ];
        assert!(session.say(Message::Inventory(Inventory { time: 1, containers })).await);
        scanned(&hub, &mut session).await;
        let loads = |id: &str, paths: &[&str]| Loaded {
            container: id.repeat(10),
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        };
        assert!(session.say(Message::Loaded(loads("c0ffee", &["usr/sbin/web", "srv/app.jar"]))).await);
        assert!(session.say(Message::Loaded(loads("facade", &["usr/bin/zqx-tool"]))).await);
        let event = |number: u64, kind: &str, fields: &[(&str, &str)]| Event {
            number,
            time: now.cast_unsigned() * 1_000_000,
            kind: kind.to_owned(),
            container: "c0ffee".repeat(10),
            program: "/usr/sbin/web".to_owned(),
            message: "something".to_owned(),
            fields: fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let back = [("fd.sip", "10.9.0.2"), ("fd.sport", "22"), ("fd.l4proto", "tcp")];
        let begins = [("fd.sip", "203.0.113.9"), ("fd.sport", "443"), ("fd.l4proto", "tcp")];
        let enters = [("fd.cip", "198.51.100.7"), ("fd.sport", "8080")];
        let events = vec![
            event(1, "execve", &[("user.uid", "10001")]),
            event(2, "connect", &begins),
            event(3, "connect", &back),
            event(4, "accept", &enters),
        ];
        assert!(session.say(Message::Events(Events { events })).await);
        assert_eq!(session.kept().await.expect("goes on").events, 4);
        let drift = json!({
            "id": 1, "time": now * 1_000_000, "rule": "Program dropped and executed", "priority": "Critical", "incident": null,
            "container": "shop-0", "message": "dropped", "falco": {"tags": [], "output_fields": {"container.id": "c0ffee".repeat(10)}},
        });
        let alert = Alert { id: 1, json: drift.to_string().into_bytes() };
        assert!(session.say(Message::Alerts(Alerts { alerts: vec![alert] })).await);
        assert_eq!(session.kept().await.expect("goes on").alerts, 1);
        let baseline = |workload: &str, image: &str, state: &str| {
            json!({"workload": workload, "image": image, "state": state, "items": 4, "pending": 1, "since": now * 1_000_000})
        };
        let known = [baseline(ours, IMAGE, "locked"), baseline(ours, OTHER, "learning"), baseline("shop/x", IMAGE, "learning")];
        let answering = tokio::spawn(session.answer(json!({"done": known})));

        let profile = until("what events say of the user", async || {
            let profile = hub.get(&path).await;
            (answers(&profile, "user")[0].0 == "agrees").then_some(profile)
        })
        .await;
        let declared = &profile["declared"];
        assert_eq!((&declared["user"], &declared["root"]), (&json!("app"), &json!(false)));
        assert_eq!(declared["entrypoint"], json!(["/usr/sbin/web"]));
        assert_eq!((&declared["volumes"], &declared["environment"]), (&json!(["/data"]), &json!(["PATH"])));
        let seen = &profile["seen"];
        assert_eq!((&seen["running"], &seen["watched"], &seen["gaps"]), (&json!(2), &json!(2), &json!([])));
        let port = |port: &str, declared: bool, workloads: &[&str]| json!({"port": port, "declared": declared, "workloads": workloads});
        assert_eq!(
            seen["listens"],
            json!([port("22/tcp", false, &[&theirs]), port("8080/tcp", true, &[ours]), port("9000/tcp", false, &[ours])])
        );
        let files: Vec<(&Value, &Value)> =
            seen["files"].as_array().expect("files").iter().map(|file| (&file["path"], &file["packages"])).collect();
        assert_eq!(
            files,
            [
                (&json!("srv/app.jar"), &json!(["maven/log4j"])),
                (&json!("usr/bin/zqx-tool"), &json!([])),
                (&json!("usr/sbin/web"), &json!(["deb/web"])),
            ]
        );
        let packages = &seen["packages"];
        assert_eq!((&packages["loaded"], &packages["idle"], &packages["unseen"]), (&json!(2), &json!(1), &json!(1)));
        assert_eq!(packages["packages"], json!([{"kind": "deb", "name": "idle", "findings": 0}]));
        let ends = |flows: &Value| -> Vec<String> {
            let flows = flows.as_array().expect("flows").iter();
            flows.map(|flow| format!("{} > {}:{}", flow["from"], flow["to"], flow["port"]).replace('"', "")).collect()
        };
        assert_eq!(ends(&seen["outgoing"]), ["shop/web > 203.0.113.9:443", "shop/web > zqx/web:22"]);
        assert_eq!(ends(&seen["incoming"]), ["shop/web > zqx/web:22"]);
        assert_eq!(seen["entries"][0]["address"], "198.51.100.7");
        assert_eq!(seen["alerts"], json!([{"rule": "Program dropped and executed", "alerts": 1}]));
        let baselines = seen["baselines"].as_array().expect("baselines");
        assert_eq!(baselines.len(), 1, "neither that of another image nor that of another workload: {baselines:?}");
        assert_eq!(baselines[0]["id"], format!("{}|{ours} {IMAGE}", node.id));
        let of = |question: &str| answers(&profile, question).remove(0);
        let (verdict, text) = of("listens");
        assert_eq!(verdict, "differs");
        assert!(text.contains("22/tcp (zqx/web), 9000/tcp (shop/web)"), "{text}");
        let (verdict, text) = of("declared");
        assert!(verdict == "differs" && text.contains("443/tcp; 2 containers were watched"), "{text}");
        assert_eq!((of("packages").0, of("drift").0), ("differs".to_owned(), "differs".to_owned()));

        // Whoever sees one owner is told of that one's workloads, and how many others there are.
        let limited = hub.token("viewer", &["shop"]).await;
        let mine = hub.by(&limited, Method::GET, &path).send().await.expect("answers");
        let mine: Value = mine.json().await.expect("JSON");
        let seen = &mine["seen"];
        assert_eq!((&seen["running"], &seen["hidden"], &seen["more_files"]), (&json!(1), &json!(1), &json!(0)));
        assert_eq!(seen["files"].as_array().map(Vec::len), Some(2));
        assert!(seen["baselines"].as_array().is_some_and(Vec::is_empty) && seen["baselines_unknown"][0].is_string());
        assert_eq!(answers(&mine, "user")[0].0, "unknown");
        let workloads = seen["workloads"].as_array().expect("workloads");
        assert_eq!((workloads.len(), &workloads[0]["id"]), (1, &json!(ours)));
        // Whom it speaks to it knows itself.
        let mut rest = seen.clone();
        rest["outgoing"] = json!([]);
        assert!(!rest.to_string().contains(THEIRS), "{rest}");
        assert_eq!(status(&hub.token("viewer", &["pay"]).await).await, StatusCode::NOT_FOUND);

        answering.abort();
        hub.stop().await;
    });
}

#[test]
fn where_the_agent_came_later_silence_is_not_known() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start_present(directory.path()).await;
        let path = format!("/api/v1/images/{IMAGE}/profile");
        let node = Node::join(&hub, "one").await;
        let mut session = node.session(hub.agents()).await.expect("a session");
        let now = present();
        let runs = |started: i64, unknown: &[&str]| {
            let unknown = unknown.iter().map(|&one| one.to_owned()).collect();
            let one = Container {
                listens: Vec::new(),
                unknown,
                ..container("c0ffee", "shop/web", "shop", started)
            };
            Message::Inventory(Inventory { time: 1, containers: vec![one] })
        };
        assert!(session.say(runs(now - 90_000, &[])).await);
        scanned(&hub, &mut session).await;
        // Who sees a part only: this node answers no questions, and its name is not for them.
        let token = hub.token("viewer", &["shop"]).await;
        let ask = async || {
            let profile = hub.by(&token, Method::GET, &path).send().await.expect("answers");
            profile.json::<Value>().await.expect("JSON")
        };
        // Why it is not known, as soon as that holds; and that nothing of it is told as an answer.
        let because = async |why: &str| {
            until(why, async || {
                let profile = ask().await;
                let gaps = profile["seen"]["gaps"].to_string();
                gaps.contains(why).then(|| {
                    assert_eq!(profile["seen"]["watched"], 0, "{gaps}");
                    for question in ["listens", "declared", "packages", "drift"] {
                        let (verdict, text) = answers(&profile, question).remove(0);
                        assert_eq!(verdict, "unknown", "{text}");
                    }
                })
            })
            .await;
        };
        because("has not said yet since when it watches").await;
        assert!(session.say(since(now - 60_000, 0)).await);
        because("1 container on a node ran before its agent did").await;
        assert!(session.say(runs(0, &["created"])).await);
        because("it is not known when it was started").await;
        assert!(session.say(runs(now - 30_000, &[])).await && session.say(since(now - 60_000, 3)).await);
        because("the agent of a node has lost 3 events").await;
        assert!(session.say(since(now - 60_000, 0)).await);
        until("that it is watched", async || {
            let profile = ask().await;
            (profile["seen"]["watched"] == 1).then(|| {
                assert_eq!(answers(&profile, "listens")[0].0, "agrees");
                let (verdict, text) = answers(&profile, "declared").remove(0);
                assert!(verdict == "differs" && text.contains("443/tcp, 8080/tcp"), "{text}");
            })
        })
        .await;
        // Nothing runs it any more.
        assert!(session.say(Message::Inventory(Inventory { time: 2, containers: Vec::new() })).await);
        because("nothing runs it now").await;
        drop(session);
        hub.stop().await;
    });
}
