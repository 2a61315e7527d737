//! A source that was compiled says what its feed said.

use super::*;
use crate::feed::{FeedLimits, Kind};
use std::path::PathBuf;

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
