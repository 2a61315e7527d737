//! A node that tells names with everything in them: statements of SQL, patterns, markup, formulas, line ends, NUL, texts that run the other
//! way, texts without end. What was told is told on, it is found by its name, and nothing takes it for more than a text.

use crate::{
    agent::Node,
    faults::noise,
    hub::{Hub, present, runtime, until, with_present},
    server_of_state::database,
};
use gabion_api::agent::{
    Alert, Alerts, Container, Event, Events, Incident, Inventory, Report, from_agent::Message, to_agent,
};
use gabion_model::{Evidence, Finding, FindingKind, Package, PackageKind, ScanReport, Severity, Target};
use jiff::Timestamp;
use reqwest::{Method, StatusCode, header};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// None is in another, whatever the case, also where signs of a pattern are taken for a pattern.
const HOSTILE: [&str; 13] = [
    "a'; DROP TABLE finding; --",
    "b100%_!\\_%c",
    "d<script>alert(1)</script>",
    "e\"><img src=x onerror=alert(1)>&lt;",
    "=cmd|' /C calc'!A0",
    "+1+cmd()",
    "@SUM(1)",
    "\t=2+5",
    "＝7+9",
    "f\0g",
    "\u{202e}gnp.h\u{2066}",
    "two\r\n=3,\"lines\"",
    "GRÖSSE Σ İ é",
];

/// What a name is where it comes out again: no database keeps NUL.
fn kept(name: &str) -> String {
    name.replace('\0', "\u{fffd}")
}

fn container(number: usize, name: &str) -> Container {
    Container {
        id: format!("{number:02}").repeat(32),
        name: name.to_owned(),
        runtime: "containerd".to_owned(),
        image_name: name.to_owned(),
        image_id: format!("sha256:{}", format!("{number:02}").repeat(32)),
        labels: [(name.to_owned(), name.to_owned())].into(),
        pod: name.to_owned(),
        namespace: name.to_owned(),
        workload: name.to_owned(),
        listens: vec![name.to_owned()],
        unknown: vec![name.to_owned()],
        target: format!("containerd:{number}"),
        ..Container::default()
    }
}

fn report(name: &str) -> Vec<u8> {
    let target = Target { source: "oci".to_owned(), reference: name.to_owned(), image: None };
    let mut report = ScanReport::new(target, Timestamp::UNIX_EPOCH);
    report.packages = vec![Package::new(PackageKind::Npm, name, name, "npm")];
    report.findings = vec![Finding {
        id: "S-1".to_owned(),
        kind: FindingKind::Secret,
        rule: name.to_owned(),
        title: name.to_owned(),
        severity: Severity::High,
        evidence: vec![Evidence { place: name.to_owned(), ..Evidence::default() }],
        fix: name.to_owned(),
        vulnerability: None,
        suppressed: None,
    }];
    serde_json::to_vec(&report).expect("JSON")
}

fn alert(number: usize, name: &str) -> Alert {
    let fields = json!({"proc.exepath": name, "container.id": format!("{number:02}").repeat(32), name: name});
    let json = json!({
        "id": number, "time": present() * 1_000_000, "rule": name, "priority": "Critical", "incident": null, "container": name,
        "message": name, "falco": {"tags": [name, format!("T1059{name}")], "output_fields": fields},
    });
    Alert { id: number as u64, json: json.to_string().into_bytes() }
}

fn incident(number: usize, name: &str) -> Message {
    let at = present() * 1_000_000;
    let json = json!({
        "id": number, "title": name, "priority": "Critical", "began": at, "updated": at, "origin": [name], "extent": [name],
        "tactics": [name], "techniques": [name], "steps": [{"time": at, "container": name, "text": name, "rule": name}],
        "processes": [{"depth": 0, "pid": 7, "command": name, "container": name, "rules": [name], "server": false}],
        "cut": false, "more_alerts": 0,
    });
    let picture = b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".to_vec();
    Message::Incident(Incident { id: number as u64, json: json.to_string().into_bytes(), picture })
}

fn event(number: usize, name: &str) -> Event {
    Event {
        number: number as u64,
        time: present().cast_unsigned() * 1_000_000,
        kind: "execve".to_owned(),
        container: format!("{number:02}").repeat(32),
        program: name.to_owned(),
        message: name.to_owned(),
        fields: [("proc.name".to_owned(), name.to_owned()), (name.to_owned(), name.to_owned())].into(),
    }
}

/// A node that is called so tells all of it under these names, and each time waits until it is kept.
async fn tell(hub: &Hub, node: &str, names: &[&str]) {
    let node = Node::join(hub, node).await;
    let mut session = node.session(hub.agents()).await.expect("a session");
    let containers = names.iter().enumerate().map(|(number, name)| container(number + 10, name)).collect();
    assert!(session.say(Message::Inventory(Inventory { time: 1, containers })).await);
    let mut scanned = 0;
    while scanned < names.len() {
        if let to_agent::Message::Scan(scan) = session.heard().await.expect("goes on") {
            let number =
                scan.image.strip_prefix("sha256:").and_then(|digest| digest[..2].parse::<usize>().ok());
            let Some(number) = number else { continue };
            let part = zstd::bulk::compress(&report(names[number - 10]), 1).expect("compresses");
            let image = scan.image;
            assert!(
                session.say(Message::Report(Report { image, part, last: true, ..Report::default() })).await
            );
            scanned += 1;
        }
    }
    let alerts = names.iter().enumerate().map(|(number, name)| alert(number + 10, name)).collect();
    assert!(session.say(Message::Alerts(Alerts { alerts })).await);
    while session.kept().await.expect("goes on").alerts < names.len() as u64 + 9 {}
    for (number, name) in names.iter().enumerate() {
        assert!(session.say(incident(number + 10, name)).await);
        while session.kept().await.expect("goes on").incidents <= number as u64 {}
    }
    let events = names.iter().enumerate().map(|(number, name)| event(number + 10, name)).collect();
    assert!(session.say(Message::Events(Events { events })).await);
    while session.kept().await.expect("goes on").events < names.len() as u64 + 9 {}
}

/// A text as one part of an address.
fn quoted(text: &str) -> String {
    gabion_store::state::segment(text)
}

/// The values of a field of all that is in a list.
async fn all_of(hub: &Hub, list: &str, field: &str) -> BTreeSet<String> {
    let page = hub.get(list).await;
    let items = page["items"].as_array().expect("a list").iter();
    items.filter_map(|item| item[field].as_str()).map(str::to_owned).collect()
}

/// A file of comma-separated values, as RFC 4180 has it.
fn cells(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut signs = text.chars().peekable();
    while let Some(sign) = signs.next() {
        match (sign, quoted) {
            ('"', true) if signs.peek() == Some(&'"') => cell.push(signs.next().expect("it is there")),
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) if signs.peek() == Some(&'\n') => {
                signs.next();
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            _ => cell.push(sign),
        }
    }
    rows
}

/// What a spreadsheet would do with a cell.
fn is_formula(cell: &str) -> bool {
    let first = cell.chars().next().is_some_and(|first| "=+-@\t\r\n＝＋－＠".contains(first));
    first && cell.parse::<f64>().is_err()
}

async fn answered(hub: &Hub, path: &str) -> (StatusCode, String) {
    let answer = hub.by(&hub.token, Method::GET, path).send().await.expect("answers");
    (answer.status(), answer.text().await.expect("text"))
}

/// Which lists tell of it under which name, and find it by that.
const LISTS: [(&str, &str); 9] = [
    ("containers", "name"),
    ("workloads", "id"),
    ("images", "name"),
    ("alerts", "rule"),
    ("incidents", "title"),
    ("findings", "rule"),
    ("packages", "name"),
    ("exceptions", "rule"),
    ("nodes", "name"),
];

async fn check(hub: &Hub) {
    let node = "n</text><script>alert(2)</script>'; DROP TABLE node; --";
    tell(hub, node, &HOSTILE).await;
    for name in HOSTILE {
        let exception = json!({"kind": "deferral", "rule": name, "repository": name, "owner": name, "reason": name, "expires": present() + 86_400_000});
        assert_eq!(hub.post("/api/v1/exceptions", exception).await.status(), StatusCode::OK);
    }
    let told: BTreeSet<String> = HOSTILE.map(kept).into();
    for (list, field) in LISTS {
        let path = format!("/api/v1/{list}?limit=1000");
        let wanted = if list == "nodes" { [node.to_owned()].into() } else { told.clone() };
        let all = all_of(hub, &path, field).await;
        assert!(wanted.is_subset(&all), "{list} tells {all:?}");
        for name in &wanted {
            let found = all_of(hub, &format!("{path}&q={}", quoted(name)), field).await;
            assert_eq!(found, [name.clone()].into(), "{list} finds by {name:?}");
        }
        let (status, text) = answered(hub, &format!("{path}&format=csv")).await;
        assert_eq!(status, StatusCode::OK, "{list}");
        let rows = cells(&text);
        let column = rows[0].iter().position(|name| name == field).expect("a column");
        let of_file: BTreeSet<String> = rows[1..]
            .iter()
            .map(|row| row[column].strip_prefix('\'').unwrap_or(&row[column]).to_owned())
            .collect();
        assert_eq!(of_file, all, "{list} as a file");
        for cell in rows.iter().flatten() {
            assert!(!is_formula(cell), "{list}: {cell:?}");
        }
    }
    for name in &told {
        let hits = hub.get(&format!("/api/v1/search?q={}", quoted(name))).await;
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for hit in hits["hits"].as_array().expect("a list") {
            *kinds.entry(hit["kind"].as_str().expect("text")).or_default() += 1;
        }
        for kind in ["workload", "container", "namespace", "image", "package", "incident", "exception"] {
            assert_eq!(kinds.get(kind), Some(&1), "{name:?}: {hits}");
        }
    }
    // Each has a page of its own, at the address that its name makes.
    for name in &told {
        for path in ["workloads", "packages/npm"] {
            let (status, text) = answered(hub, &format!("/api/v1/{path}/{}", quoted(name))).await;
            assert_eq!(status, StatusCode::OK, "{path} of {name:?}: {text}");
        }
    }
    until("the events", async || {
        (hub.get("/api/v1/events?kind=execve").await["total"] == HOSTILE.len()).then_some(())
    })
    .await;
    let events = hub.get("/api/v1/events?kind=execve").await;
    let messages: BTreeSet<&str> = events["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["message"].as_str())
        .collect();
    assert_eq!(messages.len(), HOSTILE.len());
    pages(hub).await;
}

/// What browsers get.
async fn pages(hub: &Hub) {
    let document = hub.document().await;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        if methods["get"].is_null() || path.contains('{') || path == "/api/v1/live" {
            continue;
        }
        let (status, text) = answered(hub, path).await;
        // Some need a question, and some send a browser elsewhere.
        assert!(status.as_u16() < 500, "{path}: {status} {text}");
    }
    let (status, page) = answered(hub, "/api/v1/reports/weekly?format=html").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("&lt;script&gt;alert(1)"), "it tells of it: {page}");
    for markup in ["<script", "<img", "\u{202e}", "\0"] {
        assert!(!page.contains(markup), "{markup:?}");
    }
    for id in all_of(hub, "/api/v1/incidents", "id").await {
        let drawn = hub.by(&hub.token, Method::GET, &format!("/api/v1/incidents/{id}/graph")).send().await;
        let drawn = drawn.expect("answers");
        let policy = drawn.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("text").to_owned();
        assert!(policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"), "{policy}");
        assert!(!drawn.text().await.expect("text").contains("<script"));
    }
    assert!(!hub.notes().contains("panicked"), "{}", hub.notes());
}

#[test]
fn a_name_is_a_text_whatever_is_in_it() {
    with_present(check);
}

#[test]
fn a_name_is_a_text_on_postgresql_too() {
    let Some(url) = database() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start_on(directory.path(), &url).await;
        check(&hub).await;
        hub.stop().await;
    });
}

#[test]
fn names_without_end_shut_no_node_out() {
    let Some(url) = database() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start_on(directory.path(), &url).await;
        let name = noise(9_000);
        tell(&hub, "n", &["web", &name]).await;
        let all = all_of(&hub, "/api/v1/containers?limit=1000", "name").await;
        assert!(
            all.contains("web") && all.iter().any(|told| told.len() > 100 && name.starts_with(&told[..100])),
            "{all:?}"
        );
        hub.stop().await;
    });
}
