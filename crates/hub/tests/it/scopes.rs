//! Who sees the things of some owners is told nothing of those of others, on whatever page, and changes nothing of them.

use crate::hub::{Hub, runtime};
use gabion_api::rest::{PeerKind, Severity as Level};
use gabion_model::{
    Evidence, Finding, FindingKind, ImageConfig, ImageIdentity, Match, Package, PackageKind, ScanReport,
    Severity, Target, Verification, Vulnerability,
};
use gabion_store::state::{NewAlert, NewContainer, NewEntry, NewFlow, NewIncident, State};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) const T0: i64 = 1_764_000_000_000;
/// Stands in all that is the others', and nowhere else.
pub(crate) const THEIRS: &str = "zqx";
/// The same for what whoever asks may see.
pub(crate) const OURS: &str = "shop";

/// Pages that tell of it.
const TOLD_ON: [&str; 27] = [
    "/api/v1/alerts",
    "/api/v1/containers",
    "/api/v1/exceptions",
    "/api/v1/findings",
    "/api/v1/findings/{id}",
    "/api/v1/images",
    "/api/v1/images/{id}",
    "/api/v1/images/{id}/packages",
    "/api/v1/images/{id}/profile",
    "/api/v1/images/{id}/report",
    "/api/v1/incidents",
    "/api/v1/incidents/{id}",
    "/api/v1/incidents/{id}/graph",
    "/api/v1/notification-rules",
    "/api/v1/notification-rules/{name}",
    "/api/v1/overview",
    "/api/v1/owners",
    "/api/v1/packages",
    "/api/v1/packages/{kind}/{name}",
    "/api/v1/reports/weekly",
    "/api/v1/search",
    "/api/v1/service-map",
    "/api/v1/tree",
    "/api/v1/vulnerabilities",
    "/api/v1/vulnerabilities/{rule}",
    "/api/v1/workloads",
    "/api/v1/workloads/{id}",
];

fn report(of: &str, number: u8) -> (String, ScanReport) {
    let digest = |byte: u8| format!("sha256:{}", format!("{byte:02x}").repeat(32)).parse().expect("a digest");
    let name = format!("{of}/app:1");
    let target = Target {
        source: "oci".to_owned(),
        reference: name.clone(),
        image: Some(ImageIdentity {
            config: digest(number),
            manifest: Some(digest(number + 100)),
            index: None,
            bases: Vec::new(),
            tags: vec![name],
            platform: "linux/amd64".to_owned(),
            verification: Verification::Verified,
        }),
    };
    let made = jiff::Timestamp::from_millisecond(T0).expect("a time");
    let mut report = ScanReport::new(target, made);
    report.config = Some(ImageConfig { created: Some(made), ..ImageConfig::default() });
    let package = Package::new(PackageKind::Deb, format!("{of}lib"), "1.0", "dpkg");
    let reference = package.reference();
    report.packages = vec![package];
    report.findings = vec![Finding {
        id: "V".to_owned(),
        kind: FindingKind::Vulnerability,
        rule: format!("CVE-{of}"),
        title: format!("a vulnerability of {of}"),
        severity: Severity::Critical,
        evidence: vec![Evidence {
            place: format!("var/lib/{of}"),
            package: Some(reference.clone()),
            ..Evidence::default()
        }],
        fix: format!("update {of}lib"),
        vulnerability: Some(Box::new(Vulnerability {
            packages: vec![reference],
            matches: vec![Match {
                package: format!("{of}lib"),
                version: "1.0".to_owned(),
                ..Match::default()
            }],
            ..Vulnerability::default()
        })),
        suppressed: None,
    }];
    (format!("sha256:{}", format!("{number:02x}").repeat(32)), report)
}

/// One image of an owner runs on a node of its own; it is vulnerable, spoken to and attacked.
pub(crate) async fn estate(state: &State, of: &str, number: u8) {
    let (node, workload) = (format!("node-{number}"), format!("{of}/web"));
    state.add_join_token(&node, "test", 1, i64::MAX, T0).await.expect("a token");
    state.join(&node, &node, &node, T0).await.expect("joins");
    let (image, report) = report(of, number);
    let container = NewContainer {
        id: format!("{of}-c"),
        name: format!("{of}-web-1"),
        workload: workload.clone(),
        image: image.clone(),
        image_name: format!("{of}/app:1"),
        runtime: "containerd".to_owned(),
        namespace: Some(format!("{of}-namespace")),
        pod: Some(format!("{of}-pod")),
        privileged: Some(true),
        labels: [("app".to_owned(), of.to_owned())].into(),
        listens: vec!["tcp/80".to_owned()],
        target: format!("containerd:{of}"),
        started: T0,
        ..NewContainer::default()
    };
    state.inventory(&node, &[container], T0).await.expect("kept");
    state.keep_report(&image, &format!("{of}/app:1"), &report, Some(of), T0).await.expect("kept");
    let story = json!({
        "id": 1, "title": format!("Shell in {of}"), "priority": "Critical", "began": T0, "updated": T0, "origin": [format!("in {of}")],
        "extent": [of], "tactics": ["execution"], "techniques": ["T1059"],
        "steps": [{"time": T0, "container": format!("{of}-web-1"), "text": of, "rule": of}],
        "processes": [{"depth": 0, "pid": 7, "command": of, "container": of, "rules": [of], "server": false}],
        "cut": false, "more_alerts": 0,
    });
    let incident = NewIncident {
        number: 1,
        title: format!("Shell in {of}"),
        severity: Level::Critical,
        began: T0,
        updated: T0,
        containers: vec![format!("{of}-web-1")],
        story: story.to_string(),
        picture: format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><text>{of}</text></svg>"
        ),
        ..NewIncident::default()
    };
    state.keep_incident(&node, &incident, T0).await.expect("kept");
    let alert = NewAlert {
        number: 1,
        time: T0,
        rule: format!("Shell of {of}"),
        priority: "Critical".to_owned(),
        incident: Some(1),
        container: format!("{of}-c"),
        container_name: format!("{of}-web-1"),
        workload: None,
        program: of.to_owned(),
        message: format!("a shell in {of}"),
        techniques: vec!["T1059".to_owned()],
        fields: [("proc.name".to_owned(), of.to_owned())].into(),
    };
    state.keep_alerts(&node, &[alert], T0).await.expect("kept");
    let flow = |target: &str, kind| NewFlow {
        source: workload.clone(),
        target: target.to_owned(),
        kind,
        port: 80,
        protocol: "tcp".to_owned(),
        time: T0,
        denied: false,
    };
    let flows = [flow(&format!("{of}.example"), PeerKind::Name), flow(&workload, PeerKind::Workload)];
    state.keep_flows(&flows).await.expect("kept");
    let entry =
        NewEntry { workload: workload.clone(), port: 80, address: "203.0.113.9".to_owned(), time: T0 };
    state.keep_entries(&[entry]).await.expect("kept");
    state.refresh_reach(T0).await.expect("found out");
}

/// What an admin adds for an owner.
async fn said(hub: &Hub, of: &str) {
    let exception = json!({
        "kind": "deferral", "rule": format!("CVE-none-{of}"), "repository": format!("{of}/app"), "owner": of,
        "reason": format!("because of {of}"), "expires": T0 + 30 * 86_400_000,
    });
    assert!(hub.post("/api/v1/exceptions", exception).await.status().is_success());
    let rule = json!({"name": of, "sink": "chat", "owners": [of], "kinds": ["new-finding"], "least": "low", "wait": 0});
    assert!(hub.post("/api/v1/notification-rules", rule).await.status().is_success());
}

/// The addresses of all pages, with what this owner has in them.
async fn pages(hub: &Hub, of: &str) -> Vec<(String, String)> {
    let document = hub.document().await;
    let id = async |list: &str| {
        let all = hub.get(&format!("/api/v1/{list}")).await;
        let items = all["items"].as_array().expect("a list");
        let one = items.iter().find(|one| one.to_string().contains(of)).expect(list);
        one["id"].as_str().expect("an id").replace('/', "%2F")
    };
    let (finding, image, incident) = (id("findings").await, id("images").await, id("incidents").await);
    let workload = id("workloads").await;
    let mut pages = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        // What streams has no end.
        if methods["get"].is_null() || path == "/api/v1/live" {
            continue;
        }
        let id = match path.split('/').nth(3) {
            Some("findings") => &finding,
            Some("images") => &image,
            Some("incidents") => &incident,
            Some("workloads") => &workload,
            _ => "x",
        };
        let asked = path
            .replace("{id}", id)
            .replace("{version}", "1")
            .replace("{kind}", "deb")
            .replace("{rule}", &format!("CVE-{of}"));
        let name = if path.starts_with("/api/v1/packages") { format!("{of}lib") } else { of.to_owned() };
        let asked = asked.replace("{name}", &name);
        pages.push((path.clone(), asked.clone()));
        for question in ["q", "owner", "namespace", "workload", "image", "repository"] {
            pages.push((path.clone(), format!("{asked}?{question}={of}")));
        }
        pages.push((path.clone(), format!("{asked}?workload={workload}")));
    }
    pages
}

/// On which pages something stands.
async fn told(hub: &Hub, token: &str, pages: &[(String, String)], text: &str) -> BTreeSet<String> {
    // Nobody may ask so much within a minute.
    hub.pass(60_000);
    let mut on = BTreeSet::new();
    for (page, asked) in pages {
        let answer = hub.by(token, Method::GET, asked).send().await.expect("answers");
        // What is refused may say what was asked for.
        if answer.status().is_success() {
            let body = answer.text().await.expect("text");
            let is_there = body.contains(text);
            assert!(!is_there || text == OURS || token == hub.token, "{asked} tells {body}");
            if is_there {
                on.insert(page.clone());
            }
        }
    }
    on
}

#[test]
fn whoever_sees_some_owners_is_told_nothing_of_others_on_any_page() {
    let directory = tempfile::tempdir().expect("a directory");
    runtime().block_on(async {
        let hub = Hub::start(directory.path()).await;
        let state = State::in_directory(directory.path()).await.expect("opens");
        let sink = json!({"name": "chat", "target": {"kind": "webhook", "url": "http://127.0.0.1:9/"}, "records": [], "least": "unknown"});
        assert!(hub.post("/api/v1/sinks", sink).await.status().is_success());
        for (of, number) in [(OURS, 1), (THEIRS, 2)] {
            estate(&state, of, number).await;
            said(&hub, of).await;
        }
        let (theirs, ours) = (pages(&hub, THEIRS).await, pages(&hub, OURS).await);
        let all: BTreeSet<String> = TOLD_ON.map(str::to_owned).into();
        let mut by_admin = told(&hub, &hub.token, &theirs, THEIRS).await;
        assert!(by_admin.remove("/api/v1/audit"), "it is for those only who see everything");
        assert_eq!(by_admin, all, "what an admin is told of them");
        for role in ["viewer", "admin"] {
            let token = hub.token(role, &[OURS]).await;
            assert_eq!(told(&hub, &token, &theirs, THEIRS).await, BTreeSet::new());
            assert_eq!(told(&hub, &token, &ours, THEIRS).await, BTreeSet::new());
            let mut own = told(&hub, &token, &ours, OURS).await;
            assert!(own.remove("/api/v1/session"), "it says what they see");
            assert_eq!(own, all, "what they are told of their own");
        }
        hub.stop().await;
    });
}
