//! Small feeds and an image that they speak of, for the tests of everything that looks for vulnerabilities.
//!
//! | CVE | in | fixed in | rated | else |
//! |---|---|---|---|---|
//! | CVE-2025-99001 | npm/lodash | 4.17.21 | critical | GHSA-gaba-aaaa-0001, exploited, EPSS 94 % |
//! | CVE-2025-99002 | PyPI/requests | nothing | high | EPSS 2 %, SSVC |
//! | CVE-2025-99003 | Debian:12/curl | 7.88.1-10+deb12u14 | medium | DSA-9003-1 |
//! | CVE-2025-99004 | npm/left-pad | 1.3.0 | low | |
//!
//! All are of the days before the tests' clock ([`crate::bad::Desk`]), and none of them exists.

use crate::bad::{Desk, Image, Layer, Ran, Tar};
use serde_json::{Value, json};

/// A vulnerability that is known to be exploited.
pub(crate) const LODASH: &str = "CVE-2025-99001";
/// One without a fix.
pub(crate) const REQUESTS: &str = "CVE-2025-99002";
/// One of a distribution.
pub(crate) const CURL: &str = "CVE-2025-99003";
/// One that hardly matters.
pub(crate) const LEFT_PAD: &str = "CVE-2025-99004";

/// An OSV record of one package with one range.
pub(crate) fn record(id: &str, package: (&str, &str), events: &Value, more: &Value) -> String {
    let kind = if package.0.starts_with("Debian") { "ECOSYSTEM" } else { "SEMVER" };
    let kind = if package.0 == "PyPI" { "ECOSYSTEM" } else { kind };
    let mut record = json!({
        "schema_version": "1.7.0", "id": id, "modified": "2025-10-01T00:00:00Z", "published": "2025-09-01T00:00:00Z",
        "affected": [{
            "package": { "ecosystem": package.0, "name": package.1 }, "ranges": [{ "type": kind, "events": events }],
        }],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        record[key] = value.clone();
    }
    record.to_string() + "\n"
}

pub(crate) fn fixed(version: &str) -> Value {
    json!([{ "introduced": "0" }, { "fixed": version }])
}

fn cvss(vector: &str) -> Value {
    json!([{ "type": "CVSS_V3", "score": format!("CVSS:3.1/{vector}") }])
}

pub(crate) fn lodash() -> String {
    let more = json!({
        "aliases": [LODASH], "summary": "Prototype pollution in zipObjectDeep",
        "severity": cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
        "references": [{ "type": "WEB", "url": "https://example.org/lodash" }],
        "database_specific": { "severity": "CRITICAL", "cwe_ids": ["CWE-1321"] },
    });
    record("GHSA-gaba-aaaa-0001", ("npm", "lodash"), &fixed("4.17.21"), &more)
}

pub(crate) fn requests() -> String {
    let more = json!({
        "summary": "Credentials are sent to another host", "severity": cvss("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N"),
    });
    record(REQUESTS, ("PyPI", "requests"), &json!([{ "introduced": "0" }]), &more)
}

pub(crate) fn curl() -> String {
    let more = json!({
        "upstream": [CURL], "related": ["DSA-9003-1"], "summary": "A cookie is sent where it should not be",
        "severity": cvss("AV:N/AC:L/PR:N/UI:R/S:U/C:L/I:N/A:N"),
    });
    record("DEBIAN-CVE-2025-99003", ("Debian:12", "curl"), &fixed("7.88.1-10+deb12u14"), &more)
}

pub(crate) fn left_pad() -> String {
    let more =
        json!({ "summary": "Pads too slowly", "severity": cvss("AV:L/AC:H/PR:L/UI:R/S:U/C:N/I:N/A:L") });
    record(LEFT_PAD, ("npm", "left-pad"), &fixed("1.3.0"), &more)
}

/// Writes the feeds below `feeds`.
pub(crate) fn write(desk: &Desk) {
    desk.write("feeds/ghsa.jsonl", lodash() + &left_pad());
    desk.write("feeds/pypi.jsonl", requests());
    desk.write("feeds/debian.jsonl", curl());
    let kev = json!({
        "title": "Known exploited", "catalogVersion": "2025.10.01", "dateReleased": "2025-10-01T00:00:00Z", "count": 1,
        "vulnerabilities": [{
            "cveID": LODASH, "dateAdded": "2025-09-10", "dueDate": "2025-10-01", "knownRansomwareCampaignUse": "Known",
        }],
    });
    desk.write("feeds/kev.json", kev.to_string());
    desk.write(
        "feeds/epss.csv",
        format!(
            "#model_version:v2025.03.14,score_date:2025-10-01T00:00:00+0000\ncve,epss,percentile\n\
             {LODASH},0.94,0.99\n{REQUESTS},0.02,0.5\n{CURL},0.001,0.1\n{LEFT_PAD},0.0005,0.05\n"
        ),
    );
    let assessed = json!({
        "id": REQUESTS, "summary": "As CISA sees it", "cvss": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N",
        "ssvc": { "Exploitation": "poc", "Automatable": "yes", "Technical Impact": "partial" }, "cwe": ["CWE-522"],
    });
    desk.write("feeds/vulnrichment.jsonl", assessed.to_string() + "\n");
}

/// Every feed of [`write`], as an argument.
pub(crate) const FROM: [&str; 6] = [
    "ghsa:osv=feeds/ghsa.jsonl",
    "osv=feeds/pypi.jsonl",
    "osv=feeds/debian.jsonl",
    "kev=feeds/kev.json",
    "epss=feeds/epss.csv",
    "vulnrichment=feeds/vulnrichment.jsonl",
];

/// Builds a database of some feeds.
pub(crate) fn build(desk: &Desk, database: &str, from: &[&str]) -> Ran {
    let mut arguments = vec!["db", "build", "--quiet", "--strict", "--db", database];
    arguments.extend(from.iter().flat_map(|feed| ["--from", feed]));
    let built = desk.run(&arguments);
    assert_eq!(built.code, 0, "{}", built.err);
    built
}

/// A desk with the feeds, and the database `db` of all of them.
pub(crate) fn desk() -> Desk {
    let desk = Desk::new();
    write(&desk);
    build(&desk, "db", &FROM);
    desk
}

const STATUS: &str = "Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 7.88.1-10+deb12u12\n\n\
    Package: libcurl4\nStatus: install ok installed\nSource: curl\nArchitecture: amd64\nVersion: 7.88.1-10+deb12u12\n\n";

/// A base of Debian with a vulnerable curl.
pub(crate) fn base() -> Tar {
    Tar::default()
        .directory("etc")
        .file(
            "etc/os-release",
            "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
        )
        .file("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")
        .file("var/lib/dpkg/status", STATUS)
}

/// What npm unpacks.
pub(crate) fn node(tar: Tar, name: &str, version: &str) -> Tar {
    let package = json!({ "name": name, "version": version, "license": "MIT" });
    tar.file(&format!("app/node_modules/{name}/package.json"), package.to_string())
}

/// What pip writes.
pub(crate) fn wheel(tar: Tar, name: &str, version: &str) -> Tar {
    let folder = format!("usr/lib/python3/dist-packages/{name}-{version}.dist-info");
    tar.file(
        &format!("{folder}/METADATA"),
        format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\n"),
    )
}

/// An image in which each of the feeds' vulnerabilities is.
pub(crate) fn image() -> Image {
    let app = node(node(Tar::default(), "lodash", "4.17.20"), "left-pad", "1.2.0");
    let mut image = Image::of([Layer::gzip(base()), Layer::gzip(wheel(app, "requests", "2.31.0"))]);
    image.config = json!({
        "config": { "Cmd": ["/app/run"], "User": "10001", "Env": ["PATH=/usr/bin:/bin"], "Healthcheck": { "Test": ["CMD", "true"] } },
        "created": "2025-10-01T00:00:00Z",
        "history": [
            { "created": "2025-09-01T00:00:00Z", "created_by": "COPY rootfs / # debian" },
            { "created": "2025-10-01T00:00:00Z", "created_by": "COPY app /app # buildkit" },
        ],
    });
    image
}

/// The vulnerabilities that a report tells, sorted.
pub(crate) fn vulnerabilities(report: &gabion_model::ScanReport) -> Vec<&str> {
    let mut rules: Vec<&str> =
        report.findings.iter().filter(|f| f.vulnerability.is_some()).map(|f| f.rule.as_str()).collect();
    rules.sort_unstable();
    rules
}
