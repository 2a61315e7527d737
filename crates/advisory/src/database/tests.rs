//! A source that was compiled says what its feed said.

use super::*;
use crate::feed::{FeedLimits, Kind};
use std::{collections::BTreeSet, path::PathBuf};

const OSV: &str = r#"
{"id":"DSA-1-1","modified":"2026-11-01T00:00:00Z","summary":"security update","upstream":["CVE-2024-0001","CVE-2024-0002"],"affected":[
  {"package":{"ecosystem":"Debian:12","name":"openssl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"3.0.2-1"}]}]},
  {"package":{"ecosystem":"Debian:11","name":"openssl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.1.1w-1"}]}]}]}
"#;

/// One source of each kind.
fn database(dir: &Path) -> Database {
    let feeds = [
        ("osv", Kind::Osv, OSV.replace('\n', "")),
        ("kev", Kind::Kev, r#"[{"cveID":"CVE-2024-0001","dateAdded":"2025-01-02","dueDate":"2025-01-23","knownRansomwareCampaignUse":"Known"}]"#.into()),
        ("epss", Kind::Epss, "cve,epss,percentile\nCVE-2024-0001,0.97,0.99\n".into()),
    ];
    let paths = feeds.map(|(name, kind, text)| compile(dir, name, kind, &text));
    Database::open(paths).expect("opens")
}

fn compile(dir: &Path, name: &str, kind: Kind, text: &str) -> PathBuf {
    let path = dir.join(name);
    let mut tell = |rejected: &crate::feed::Rejected| panic_on(rejected);
    let mut compiler = Compiler::new(None, jiff::Timestamp::MAX, &mut tell);
    compiler.import_bytes(kind, name, text.as_bytes(), &FeedLimits::DEFAULT).expect("imports");
    let done = compiler.finish(name, None, &path).expect("writes");
    assert_eq!(done.rejected, 0);
    path
}

fn panic_on(rejected: &crate::feed::Rejected) {
    panic!("{rejected:?}");
}

#[test]
fn what_feeds_say_is_found_again() {
    let dir = tempfile::tempdir().expect("tempdir");
    let database = database(dir.path());
    let source = &database.sources()[0];
    let mut found = Vec::new();
    let mut keep = |statement: Statement| found.push((statement.affected.release, statement.advisory));
    source.statements(Ecosystem::Debian, "openssl", "12", &mut keep).expect("reads");
    source.statements(Ecosystem::Debian, "openssl", "1", &mut keep).expect("reads");
    source.statements(Ecosystem::Debian, "open", "12", &mut keep).expect("reads");
    assert_eq!(found, [("12".to_owned(), "DSA-1-1".to_owned())]);
    let mut releases = Vec::new();
    source.package(Ecosystem::Debian, "openssl", &mut |s| releases.push(s.affected.release)).expect("reads");
    assert_eq!(releases, ["11", "12"]);
    assert_eq!(source.named("CVE-2024-0002").expect("reads"), ["DSA-1-1"]);
    let advisory = source.advisory("DSA-1-1").expect("reads").expect("is there");
    assert_eq!(advisory.upstream, ["CVE-2024-0001", "CVE-2024-0002"]);
    assert_eq!(database.releases(Ecosystem::Debian), BTreeMap::from([("11", 1), ("12", 1)]));
    assert!(database.exploited("CVE-2024-0001").expect("reads").is_some_and(|e| e.ransomware));
    assert_eq!(database.exploited("CVE-2024-0002").expect("reads"), None);
    let likelihood = database.likelihood("CVE-2024-0001").expect("reads").expect("is there");
    assert_eq!((likelihood.probability, likelihood.percentile), (970_000, 990_000));
}

#[test]
fn a_source_tells_what_it_is() {
    let dir = tempfile::tempdir().expect("tempdir");
    let database = database(dir.path());
    let about = database.sources()[0].about();
    assert_eq!((about.name.as_str(), about.kind.as_str(), about.records), ("osv", "osv", 1));
    assert_eq!(about.as_of, "2026-11-01T00:00:00Z".parse().ok());
}

#[test]
fn what_another_version_says_differently_is_told_by_name() {
    let (one, other) = (tempfile::tempdir().expect("tempdir"), tempfile::tempdir().expect("tempdir"));
    let before = database(one.path());
    assert_eq!(
        Changes::between(&before, &database(other.path())).expect("reads"),
        Some(Changes::default()),
        "the same"
    );
    // A statement of one release, a new advisory, a CVE that is exploited no more; and EPSS, which changes nothing.
    let osv = OSV.replace('\n', "").replace("3.0.2-1", "3.0.3-1")
        + "\n"
        + &OSV
            .replace('\n', "")
            .replace("DSA-1-1", "DSA-2-1")
            .replace("openssl", "zlib")
            .replace("2024-000", "2025-000");
    let feeds = [
        ("osv", Kind::Osv, osv),
        ("kev", Kind::Kev, r#"[{"cveID":"CVE-2024-0009","dateAdded":"2025-01-02","dueDate":"2025-01-23","knownRansomwareCampaignUse":"Known"}]"#.to_owned()),
        ("epss", Kind::Epss, "cve,epss,percentile\nCVE-2024-0001,0.98,0.99\n".to_owned()),
    ];
    let newer = tempfile::tempdir().expect("tempdir");
    let paths = feeds.map(|(name, kind, text)| compile(newer.path(), name, kind, &text));
    let after = Database::open(&paths).expect("opens");
    let changes = Changes::between(&before, &after).expect("reads").expect("few");
    let debian = |name: &str| (Ecosystem::Debian, name.to_owned());
    assert_eq!(changes.packages, BTreeSet::from([debian("openssl"), debian("zlib")]));
    let rules: Vec<&str> = changes.rules.iter().map(String::as_str).collect();
    assert_eq!(rules, ["CVE-2024-0001", "CVE-2024-0009", "CVE-2025-0001", "CVE-2025-0002"]);
    // A source that goes is a change like one that comes.
    let without = Database::open(&paths[1..]).expect("opens");
    let gone = Changes::between(&after, &without).expect("reads").expect("few");
    assert_eq!(gone.packages, changes.packages);
    assert_eq!(Changes::between(&without, &after).expect("reads"), Some(gone));
}

#[test]
fn a_row_of_another_kind_is_damage_not_an_answer() {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("odd");
    let mut builder = crate::segment::Builder::new(None);
    builder.meta("kind", "kev");
    builder.push(Table::Exploited as u8, b"CVE-1", &[0xff; 40]).expect("fits");
    builder.finish(&path).expect("writes");
    let database = Database::open([&path]).expect("opens");
    let error = database.exploited("CVE-1").expect_err("refused");
    assert!(error.to_string().contains("is damaged"), "{error}");
}
