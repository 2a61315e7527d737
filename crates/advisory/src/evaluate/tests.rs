//! Reports against small databases.

use super::*;
use crate::{
    database::Compiler,
    feed::{FeedLimits, Kind},
};
use gabion_model::{
    Aspect, Coverage, Finding, FixState, Location, OsRelease, Package, PackageKind, PackageRef, Severity,
    SourcePackage, Status, Vulnerability, os::EndOfLife, scan::Target,
};

const NOW: &str = "2026-11-22T00:00:00Z";

pub(crate) fn now() -> Timestamp {
    NOW.parse().expect("valid")
}

/// OSV records, one a line, and other feeds.
pub(crate) fn database(osv: &[&str], others: &[(Kind, &str)]) -> (tempfile::TempDir, Database) {
    let dir = tempfile::tempdir().expect("tempdir");
    let osv = osv.join("\n");
    let feeds = std::iter::once((Kind::Osv, osv.as_str())).chain(others.iter().copied());
    let mut paths = Vec::new();
    for (kind, text) in feeds {
        let path = dir.path().join(kind.name());
        let mut tell = |_: &crate::feed::Rejected| {};
        let mut compiler = Compiler::new(None, now(), &mut tell);
        compiler.import_bytes(kind, "feed.json", text.as_bytes(), &FeedLimits::DEFAULT).expect("imports");
        compiler.finish(kind.name(), None, &path).expect("writes");
        paths.push(path);
    }
    let database = Database::open(paths).expect("opens");
    (dir, database)
}

/// An OSV record about one package, fixed in one version.
pub(crate) fn osv(id: &str, ecosystem: &str, package: &str, fixed: &str, more: &str) -> String {
    let fixed = if fixed.is_empty() { String::new() } else { format!(r#",{{"fixed":"{fixed}"}}"#) };
    format!(
        r#"{{"id":"{id}","modified":"2026-11-20T00:00:00Z","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"{package}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}}{fixed}]}}]}}]{more}}}"#
    )
}

pub(crate) fn report(os: Option<(&str, &str)>, packages: Vec<Package>) -> ScanReport {
    let mut coverage = Coverage::default();
    coverage.full(Aspect::PACKAGES_OS);
    let target = Target { source: "dir".into(), reference: "/x".into(), image: None };
    ScanReport {
        os: os.map(|(id, version)| OsRelease {
            id: id.into(),
            version: Some(version.into()),
            codename: None,
            name: format!("{id} {version}"),
            like: Vec::new(),
            end_of_life: None,
            path: "etc/os-release".into(),
        }),
        packages,
        coverage,
        ..ScanReport::new(target, now())
    }
}

pub(crate) fn package(kind: PackageKind, name: &str, version: &str) -> Package {
    let mut package = Package::new(kind, name, version, "test");
    package.locations.push(Location { path: format!("opt/{name}"), layer: Some(0) });
    package
}

pub(crate) fn deb(name: &str, version: &str, source: &str) -> Package {
    let mut package = package(PackageKind::Deb, name, version);
    package.source = Some(SourcePackage { name: source.into(), version: version.into() });
    package
}

fn vulnerability(finding: &Finding) -> &Vulnerability {
    finding.vulnerability.as_ref().expect("a vulnerability")
}

fn status(report: &ScanReport) -> &Status {
    report.coverage.get(&Aspect::VULNERABILITIES).expect("is told")
}

fn rules(report: &ScanReport) -> Vec<&str> {
    report.findings.iter().map(|finding| finding.rule.as_str()).collect()
}

#[test]
fn binary_packages_of_one_source_are_one_finding_with_its_because() {
    let record =
        osv("DSA-1-1", "Debian:12", "openssl", "3.0.2-1", r#","upstream":["CVE-2024-0002","CVE-2024-0001"]"#);
    let (_dir, database) = database(&[&record], &[]);
    let packages = vec![
        deb("libssl3", "3.0.1-1", "openssl"),
        deb("openssl", "3.0.1-1", "openssl"),
        deb("curl", "7.88-1", "curl"),
    ];
    let mut report = report(Some(("debian", "12")), packages);
    evaluate(&mut report, &database, now()).expect("evaluates");
    assert_eq!(rules(&report), ["CVE-2024-0001", "CVE-2024-0002"]);
    let finding = &report.findings[0];
    let found = vulnerability(finding);
    let names: Vec<_> = found.packages.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["libssl3", "openssl"]);
    assert_eq!((found.fix, found.fixed_version.as_deref()), (FixState::Fixed, Some("3.0.2-1")));
    let because = &found.matches[0];
    assert_eq!(
        (
            because.advisory.as_str(),
            because.range.as_str(),
            because.comparator.as_str(),
            because.version.as_str()
        ),
        ("DSA-1-1", "< 3.0.2-1", "dpkg", "3.0.1-1")
    );
    assert_eq!(finding.evidence.len(), 2);
    assert_eq!(finding.fix, "Upgrade openssl to 3.0.2-1 or later.");
    assert!(status(&report).is_full(), "{:?}", status(&report));
    assert_eq!(report.database.len(), 1);
}

#[test]
fn evaluating_again_changes_nothing() {
    let record = osv("CVE-2024-0001", "npm", "left-pad", "1.3.0", "");
    let (_dir, database) = database(&[&record], &[]);
    let mut once = report(None, vec![package(PackageKind::Npm, "left-pad", "1.2.0")]);
    evaluate(&mut once, &database, now()).expect("evaluates");
    let mut twice = once.clone();
    evaluate(&mut twice, &database, now()).expect("evaluates");
    assert_eq!((rules(&once), &once), (vec!["CVE-2024-0001"], &twice));
}

#[test]
fn names_of_one_vulnerability_are_one_finding_and_the_higher_fix_counts() {
    let records = [
        osv("GHSA-aaaa", "npm", "left-pad", "1.3.0", r#","aliases":["CVE-2024-0001"]"#),
        osv("MAL-1", "npm", "left-pad", "1.10.0", r#","aliases":["CVE-2024-0001"]"#),
    ];
    let (_dir, database) = database(&[&records[0], &records[1]], &[]);
    let mut report = report(None, vec![package(PackageKind::Npm, "left-pad", "1.2.0")]);
    evaluate(&mut report, &database, now()).expect("evaluates");
    assert_eq!(rules(&report), ["CVE-2024-0001"]);
    let found = vulnerability(&report.findings[0]);
    assert_eq!(found.matches.len(), 2);
    assert_eq!(found.aliases, ["GHSA-aaaa", "MAL-1"]);
    assert_eq!(found.fixed_version.as_deref(), Some("1.10.0"), "not 1.3.0, and not by the order of text");
}

#[test]
fn a_language_package_of_the_distribution_is_matched_through_its_owner_only() {
    let records = [
        osv("CVE-2024-0001", "PyPI", "requests", "2.31.0", ""),
        osv("CVE-2024-0002", "Debian:12", "requests", "2.28.1-2", ""),
    ];
    let (_dir, database) = database(&[&records[0], &records[1]], &[]);
    let owner = deb("python3-requests", "2.28.1-1", "requests");
    let mut library = package(PackageKind::Pypi, "requests", "2.28.1");
    library.owned_by =
        Some(PackageRef { kind: PackageKind::Deb, name: owner.name.clone(), version: owner.version.clone() });
    let mut report = report(Some(("debian", "12")), vec![owner, library]);
    evaluate(&mut report, &database, now()).expect("evaluates");
    assert_eq!(rules(&report), ["CVE-2024-0002"]);
    let skipped = status(&report).skipped();
    assert_eq!(
        skipped[0].text,
        "a language package that a package of the distribution owns is matched through that"
    );
}

#[test]
fn what_a_vendor_denies_and_what_was_taken_back_is_no_finding_but_told() {
    let denied = r#"{"id":"ALPINE-CVE-2024-0001","upstream":["CVE-2024-0001"],"modified":"2026-11-20T00:00:00Z","affected":[{"package":{"ecosystem":"Alpine:v3.20","name":"zlib"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"0"}]}]}]}"#;
    let affected = osv(
        "ALPINE-OTHER",
        "Alpine:v3.20",
        "zlib",
        "1.3.1-r1",
        r#","upstream":["CVE-2024-0001","CVE-2024-0003"]"#,
    );
    let withdrawn =
        osv("CVE-2024-0002", "Alpine:v3.20", "zlib", "", r#","withdrawn":"2026-01-01T00:00:00Z""#);
    let rejected = r#"{"dataType":"CVE_RECORD","cveMetadata":{"cveId":"CVE-2024-0003","state":"REJECTED"},"containers":{}}"#;
    let (_dir, database) = database(&[denied, &affected, &withdrawn], &[(Kind::Vulnrichment, rejected)]);
    let mut report = report(Some(("alpine", "3.20.1")), vec![package(PackageKind::Apk, "zlib", "1.3.0-r0")]);
    evaluate(&mut report, &database, now()).expect("evaluates");
    assert_eq!(rules(&report), [""; 0]);
    let skipped: Vec<_> = status(&report).skipped().iter().map(|r| (r.text.as_str(), r.count)).collect();
    assert_eq!(
        skipped,
        [("a vulnerability that the vendor denies for its own package", 1), ("a CVE that was taken back", 1)]
    );
}

#[test]
fn ratings_come_from_the_vendor_first_and_then_from_cvss() {
    let vendor = osv(
        "CVE-2024-0001",
        "npm",
        "a",
        "2.0.0",
        r#","database_specific":{"severity":"LOW"},"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]"#,
    );
    let plain = osv("CVE-2024-0002", "npm", "b", "2.0.0", "");
    let cisa = r#"{"id":"CVE-2024-0002","summary":"Bad thing. Very.","cvss":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","ssvc":{"Exploitation":"poc","Automatable":"yes","Technical Impact":"total"},"cwe":["CWE-79"]}
{"id":"CVE-2024-0009","summary":"Another."}"#;
    let kev = r#"[{"cveID":"CVE-2024-0001","dateAdded":"2025-01-02","dueDate":"2025-01-23","knownRansomwareCampaignUse":"Known"}]"#;
    let (_dir, database) = database(&[&vendor, &plain], &[(Kind::Vulnrichment, cisa), (Kind::Kev, kev)]);
    let packages = vec![package(PackageKind::Npm, "a", "1.0.0"), package(PackageKind::Npm, "b", "1.0.0")];
    let mut report = report(None, packages);
    evaluate(&mut report, &database, now()).expect("evaluates");
    let told: Vec<_> = report
        .findings
        .iter()
        .map(|f| (f.rule.as_str(), f.severity, vulnerability(f).rated_by.as_str(), f.title.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("CVE-2024-0002", Severity::Critical, "CVSS 3.1 9.8 of CISA", "Bad thing"),
            ("CVE-2024-0001", Severity::Low, "osv", "Vulnerability in a"),
        ]
    );
    let factors = |n: usize| {
        let priority = &vulnerability(&report.findings[n]).priority;
        priority.factors.iter().map(|f| (f.name.as_str(), f.points)).collect::<Vec<_>>()
    };
    assert_eq!(
        factors(0),
        [("severity", 40), ("exploitation", 6), ("fixable", 5), ("automatable", 4), ("impact", 3)]
    );
    assert_eq!(factors(1), [("known exploited", 40), ("severity", 6), ("fixable", 5)]);
    assert_eq!(vulnerability(&report.findings[0]).cwe, [79]);
}

#[test]
fn what_could_not_be_told_is_a_gap_and_never_clean() {
    let bad = osv("CVE-2024-0001", "npm", "a", "not a version", "");
    let (_dir, database) = database(&[&bad], &[]);
    let packages = vec![
        package(PackageKind::Npm, "a", "1.0.0"),
        package(PackageKind::Conda, "b", "1.0.0"),
        package(PackageKind::Cargo, "c", "1.0.0"),
        package(PackageKind::Npm, "d", ""),
        deb("e", "1", "e"),
    ];
    let mut report = report(Some(("debian", "99")), packages);
    evaluate(&mut report, &database, now()).expect("evaluates");
    assert_eq!(rules(&report), [""; 0]);
    let reasons = status(&report).reasons().join("\n");
    for part in [
        "CVE-2024-0001 about a 1.0.0: cannot be told: ",
        "no advisories about conda packages",
        "the database has no advisories about crates.io packages",
        "d: it has no version to compare",
        "the database has no advisories about debian 99",
    ] {
        assert!(reasons.contains(part), "{part} in\n{reasons}");
    }
    assert_eq!(status(&report).word(), "partial");
}

#[test]
fn an_unknown_distribution_is_unsupported_and_an_old_one_is_matched_but_partial() {
    let record = osv("CVE-2024-0001", "Debian:10", "e", "2", "");
    let (_dir, database) = database(&[&record], &[]);
    let mut unknown = report(Some(("plan9", "4")), vec![deb("e", "1", "e")]);
    evaluate(&mut unknown, &database, now()).expect("evaluates");
    assert_eq!(status(&unknown).word(), "unsupported");
    let mut old = report(Some(("debian", "10")), vec![deb("e", "1", "e")]);
    if let Some(os) = &mut old.os {
        let date = jiff::civil::date(2022, 9, 10);
        os.end_of_life = Some(EndOfLife { date, extensions: Vec::new(), passed: true });
    }
    evaluate(&mut old, &database, now()).expect("evaluates");
    assert_eq!(rules(&old), ["CVE-2024-0001"]);
    assert!(status(&old).reasons()[0].contains("past its end of life since 2022-09-10"));
}

#[test]
fn old_partial_and_empty_databases_say_so() {
    let record = osv("CVE-2024-0001", "npm", "a", "2.0.0", "").replace("2026-11-20", "2020-01-01");
    let (_dir, stale) = database(&[&record], &[]);
    let mut one = report(None, vec![package(PackageKind::Npm, "a", "2.0.0")]);
    evaluate(&mut one, &stale, now()).expect("evaluates");
    assert!(status(&one).reasons()[0].contains("nothing in it is younger than"), "{:?}", status(&one));
    let empty = Database::default();
    evaluate(&mut one, &empty, now()).expect("evaluates");
    assert_eq!(status(&one).word(), "not evaluated");
}

#[test]
fn many_packages_on_several_threads_are_matched_as_each_is_alone() {
    let name = |n: usize| format!("package-{n}");
    let records: Vec<_> = (0..400)
        .step_by(3)
        .map(|n| {
            osv(&format!("GHSA-{}", n % 90), "npm", &name(n), "2.0.0", r#","aliases":["CVE-2024-0001"]"#)
        })
        .collect();
    let records: Vec<_> = records.iter().map(String::as_str).collect();
    let (_dir, database) = database(&records, &[]);
    let found = |packages: Vec<Package>| {
        let mut report = report(None, packages);
        evaluate(&mut report, &database, now()).expect("evaluates");
        report.findings
    };
    let npm = |n: usize| package(PackageKind::Npm, &name(n), "1.0.0");
    let together = found((0..400).map(npm).collect());
    let mut alone: Vec<_> = (0..400).flat_map(|n| found(vec![npm(n)])).collect();
    alone.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!((together.len(), together), (134, alone));
}
