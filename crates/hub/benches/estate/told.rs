//! What nodes of the bench tell: reports, events, alerts. The same for each number.

use gabion_api::agent::{Alert, Event, Incident};
use gabion_model::{
    Evidence, Finding, FindingKind, OsRelease, Package, PackageKind, ScanReport, Severity, Target,
};
use serde_json::json;
use std::collections::HashMap;

/// Packages of an image that nobody knows anything of, and findings beside those of the database that comes with the program.
const PACKAGES: usize = 196;
const FINDINGS: usize = 20;
/// Packages of Debian 12 that the database that comes with the program knows something of, as they were released.
const KNOWN: [(&str, &str); 8] = [
    ("openssl", "3.0.9-1"),
    ("perl", "5.36.0-7"),
    ("expat", "2.5.0-1"),
    ("nginx", "1.22.1-9"),
    ("python3.11", "3.11.2-6"),
    ("bind9", "1:9.18.16-1~deb12u1"),
    ("apache2", "2.4.57-2"),
    ("imagemagick", "8:6.9.11.60+dfsg-1.6"),
];

/// When it happens, in milliseconds: now, so that it is of the last day.
#[expect(clippy::disallowed_methods, reason = "the hub is a process of its own, which has no other clock")]
fn now() -> u64 {
    jiff::Timestamp::now().as_millisecond().unsigned_abs()
}

pub(crate) fn image(number: usize) -> String {
    format!("sha256:{number:064x}")
}

pub(crate) fn container(node: usize, pod: usize) -> String {
    format!("{:064x}", node * 100_000 + pod + 1)
}

pub(crate) fn address(node: usize, pod: usize) -> String {
    format!("10.{}.{}.{}", node / 250, node % 250, pod % 250 + 1)
}

/// What an agent tells of itself, with what its kernel does not show.
pub(crate) fn status() -> Vec<u8> {
    let unused = [["bpf_lsm", "the kernel was built without it", "what programs may do is enforced later"]];
    json!({"rules": 51, "events": 1000, "memory": 50_000_000, "gaps": [[3, "events that were lost"]], "unused": unused})
        .to_string()
        .into_bytes()
}

/// A report as an agent sends it: packages of one base and of its own, some of them known to be vulnerable.
pub(crate) fn report(image: &str) -> Vec<u8> {
    let number =
        usize::from_str_radix(image.rsplit(':').next().unwrap_or_default().trim_start_matches('0'), 16)
            .unwrap_or(0);
    let target = Target { source: "containerd".to_owned(), reference: image.to_owned(), image: None };
    let mut report = ScanReport::new(target, jiff::Timestamp::UNIX_EPOCH);
    report.os = Some(OsRelease {
        id: "debian".to_owned(),
        version: Some("12".to_owned()),
        codename: Some("bookworm".to_owned()),
        name: "Debian GNU/Linux 12 (bookworm)".to_owned(),
        like: Vec::new(),
        end_of_life: None,
        path: "usr/lib/os-release".to_owned(),
    });
    let own = (0..PACKAGES).map(|at| {
        Package::new(PackageKind::Deb, format!("lib{}", at + number % 7), format!("1.{at}-{number}"), "dpkg")
    });
    let known = [0, 1, 2 + number % 3, 5 + number % 3].map(|at| {
        let (name, version) = KNOWN[at];
        Package::new(PackageKind::Deb, name, version, "dpkg")
    });
    report.packages = own.chain(known).collect();
    report.findings = (0..FINDINGS)
        .map(|at| Finding {
            id: format!("M-{number}-{at}"),
            kind: FindingKind::Misconfiguration,
            rule: format!("CIS-{at}"),
            title: format!("openssl setting {at} departs from the benchmark"),
            severity: [Severity::Critical, Severity::High, Severity::Medium, Severity::Low][at % 4],
            evidence: vec![Evidence { place: format!("etc/app/{at}"), ..Evidence::default() }],
            fix: "change it".to_owned(),
            vulnerability: None,
            suppressed: None,
        })
        .collect();
    zstd::bulk::compress(&serde_json::to_vec(&report).expect("JSON"), 1).expect("compresses")
}

pub(crate) fn event(node: usize, number: u64, nodes: usize, pods: usize) -> Event {
    let programs =
        ["/bin/sh", "/usr/bin/curl", "/usr/sbin/nginx", "/usr/bin/python3", "/usr/bin/redis-server"];
    let at = usize::try_from(number).unwrap_or_default();
    let program = programs[(at * 7 + node) % programs.len()];
    let connects = number.is_multiple_of(3);
    let mut fields = HashMap::from([
        ("proc.name".to_owned(), program.rsplit('/').next().unwrap_or_default().to_owned()),
        ("proc.pid".to_owned(), (number % 32_768).to_string()),
        ("proc.cmdline".to_owned(), format!("{program} --serve {number}")),
    ]);
    if connects {
        // A few others each, as services have.
        fields.insert("fd.sip".to_owned(), address((node + at % 2 + 1) % nodes, at % 40 % pods));
        fields.insert("fd.sport".to_owned(), "8080".to_owned());
        fields.insert("fd.l4proto".to_owned(), "tcp".to_owned());
    }
    Event {
        number,
        time: now() * 1_000_000,
        kind: if connects { "connect" } else { "execve" }.to_owned(),
        container: container(node, at % 40 % pods),
        program: program.to_owned(),
        message: format!("{program} --serve {number}"),
        fields,
    }
}

/// A line of an agent's journal.
pub(crate) fn alert(node: usize, at: usize) -> Alert {
    let id = at as u64 + 1;
    let priority = ["Critical", "Error", "Warning", "Notice"][at % 4];
    let incident = at.is_multiple_of(2).then_some(1);
    let json = json!({
        "id": id, "time": now() * 1_000_000, "rule": format!("rule {at} of the bench"),
        "priority": priority, "incident": incident,
        "container": format!("web-{at}"), "message": format!("a program {at} did what it never does on {node}"),
        "falco": {"tags": ["T1059.004"], "output_fields": {"container.id": container(node, at), "proc.exepath": "/bin/sh"}},
    });
    Alert { id, json: json.to_string().into_bytes() }
}

pub(crate) fn incident(node: usize) -> Incident {
    let time = now() * 1_000_000;
    let json = json!({
        "id": 1, "title": format!("a shell in web on {node}"), "priority": "Critical", "began": time, "updated": time,
        "tactics": ["execution"], "techniques": ["T1059.004"], "steps": [{"container": "web-0"}],
    });
    Incident { id: 1, json: json.to_string().into_bytes(), picture: b"<svg/>".to_vec() }
}
