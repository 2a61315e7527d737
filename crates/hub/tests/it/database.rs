//! A new database of vulnerabilities: whom it concerns is known at once, and nobody is left with what an old one has said.

use crate::hub::{Hub, runtime, until, with};
use gabion_advisory::{
    database::Compiler,
    feed::{FeedLimits, Kind},
    store::Change,
};
use gabion_model::{OsRelease, Package, PackageKind, ScanReport, SourcePackage, Target};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::Path;

/// A vulnerability in a package of Debian 12, mended by 2.0.
pub(crate) fn advisory(number: u32, package: &str) -> String {
    json!({
        "id": format!("CVE-2026-{number:04}"), "modified": "2026-11-01T00:00:00Z", "summary": format!("something in {package}"),
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [{"package": {"ecosystem": "Debian:12", "name": package},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}]}]
    })
    .to_string()
}

/// Makes these the database.
pub(crate) fn publish(directory: &Path, advisories: &[String]) {
    let now = Timestamp::from_second(1_764_000_000).expect("a time");
    let change = Change::begin(directory).expect("begins");
    let before = change.before("debian");
    let mut tell =
        |rejected: &gabion_advisory::feed::Rejected| assert!(rejected.why.is_empty(), "{rejected:?}");
    let mut compiler = Compiler::new(before.as_ref(), now, &mut tell);
    let lines = advisories.join("\n");
    compiler.import_bytes(Kind::Osv, "debian", lines.as_bytes(), &FeedLimits::DEFAULT).expect("imports");
    compiler.finish("debian", None, &change.place("debian")).expect("writes");
    change.install(&["debian"], now, now).expect("is there");
}

/// An image of Debian 12 with these packages, which are built from sources of another name.
pub(crate) async fn image(hub: &Hub, name: &str, packages: &[&str]) {
    let target = Target { source: "archive".to_owned(), reference: name.to_owned(), image: None };
    let mut report = ScanReport::new(target, Timestamp::UNIX_EPOCH);
    report.os = Some(OsRelease {
        id: "debian".to_owned(),
        version: Some("12".to_owned()),
        codename: None,
        name: "Debian 12".to_owned(),
        like: Vec::new(),
        end_of_life: None,
        path: "etc/os-release".to_owned(),
    });
    report.packages = packages
        .iter()
        .map(|source| {
            let mut package =
                Package::new(PackageKind::Deb, format!("lib{source}1"), "1.0".to_owned(), "dpkg");
            package.source = Some(SourcePackage { name: (*source).to_owned(), version: "1.0".to_owned() });
            package
        })
        .collect();
    let answer = hub.post("/api/v1/scans", json!({"report": report})).await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());
}

/// What is found of a vulnerability, once it is found so often.
pub(crate) async fn found(hub: &Hub, rule: &str, many: usize) -> Vec<String> {
    let found = until(rule, async || {
        let page: Value = hub.get(&format!("/api/v1/findings?rule={rule}")).await;
        let items = page["items"].as_array().expect("a list").clone();
        let open = items.iter().filter(|item| item["state"] != "withdrawn");
        let images: Vec<String> =
            open.map(|item| item["repository"].as_str().expect("text").to_owned()).collect();
        (images.len() == many).then_some(images)
    });
    found.await
}

#[test]
fn a_new_advisory_finds_whom_it_concerns_and_says_how_many() {
    let directory = tempfile::tempdir().expect("a directory");
    let db = directory.path().join("db");
    runtime().block_on(async {
        let hub = Hub::start(directory.path()).await;
        image(&hub, "shop/web:1", &["openssl", "zlib"]).await;
        image(&hub, "shop/pay:1", &["openssl"]).await;
        image(&hub, "shop/log:1", &["zlib"]).await;
        publish(&db, &[advisory(1, "openssl")]);
        let mut images = found(&hub, "CVE-2026-0001", 2).await;
        images.sort_unstable();
        assert_eq!(images, ["shop/pay", "shop/web"]);

        // A second one, by the name of a source: only the images with that are matched first.
        publish(&db, &[advisory(1, "openssl"), advisory(2, "zlib")]);
        assert_eq!(found(&hub, "CVE-2026-0002", 2).await.len(), 2);
        let notes = hub.notes();
        assert!(
            notes.contains("about 1 packages and 1 vulnerabilities: 2 images are matched first"),
            "{notes}"
        );
        let counted: Value = hub.get("/api/v1/packages/deb/libzlib1").await;
        assert_eq!(counted["images"], 2, "{counted}");

        // It is taken back: nothing is left of it.
        publish(&db, &[advisory(2, "zlib")]);
        found(&hub, "CVE-2026-0001", 0).await;
        hub.stop().await;

        // It changes while nobody looks: the next start sees it.
        publish(&db, &[advisory(1, "openssl"), advisory(3, "openssl")]);
        let hub = Hub::start(directory.path()).await;
        found(&hub, "CVE-2026-0003", 2).await;
        found(&hub, "CVE-2026-0002", 0).await;
        hub.stop().await;
    });
}

#[test]
fn a_database_that_cannot_be_read_leaves_what_is_known() {
    with(async |hub| {
        let db = hub.directory().join("db");
        image(hub, "shop/web:1", &["openssl"]).await;
        publish(&db, &[advisory(1, "openssl")]);
        found(hub, "CVE-2026-0001", 1).await;
        std::fs::write(db.join("current.json"), b"{").expect("writes");
        let why = "images could not be matched again";
        until(why, async || hub.notes().contains(why).then_some(())).await;
        found(hub, "CVE-2026-0001", 1).await;
    });
}
