//! OSV, as each ecosystem writes it.

use super::{Told, shown};
use crate::{
    Ecosystem,
    feed::Kind,
    record::{Fix, Import, Standing},
};
use gabion_model::Severity;

#[test]
fn an_advisory_of_github_is_read() {
    let told = Told::of(
        Kind::Osv,
        "GHSA-aaaa-bbbb-cccc.json",
        r#"{ "schema_version": "1.7.3", "id": "GHSA-aaaa-bbbb-cccc", "modified": "2025-02-03T04:05:06.123Z",
            "published": "2025-01-02T03:04:05Z", "aliases": ["CVE-2025-10001"], "related": ["CVE-2025-9"],
            "summary": "A\tpath   traversal\u0000", "details": "long",
            "severity": [{ "type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N" },
                         { "type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N" }],
            "affected": [
              { "package": { "ecosystem": "PyPI", "name": "Some_Package" },
                "ranges": [{ "type": "ECOSYSTEM", "events": [{ "fixed": "2.0" }, { "introduced": "0" }] },
                           { "type": "GIT", "repo": "https://x", "events": [{ "introduced": "0" }] }],
                "versions": ["1.0", "1.5", "3.0rc1"] },
              { "package": { "ecosystem": "npm", "name": "@scope/pkg" },
                "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "1.2.0" }] }],
                "database_specific": { "last_known_affected_version_range": "<= 1.4.9" } },
              { "package": { "ecosystem": "npm", "name": "unfixed" },
                "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }] }] } ],
            "references": [{ "type": "WEB", "url": "https://web" }, { "type": "ADVISORY", "url": "https://advisory" },
                           { "type": "WEB", "url": "javascript:x" }],
            "database_specific": { "severity": "MODERATE", "cwe_ids": ["CWE-22", "CWE-x"], "github_reviewed": true } }"#,
    );
    let advisory = told.only();
    assert_eq!(advisory.id, "GHSA-aaaa-bbbb-cccc");
    assert_eq!(advisory.summary, "A path traversal");
    assert_eq!(advisory.aliases, ["CVE-2025-10001"]);
    assert!(advisory.upstream.is_empty(), "related is something else");
    assert_eq!(advisory.severity, Some(Severity::Medium));
    assert_eq!((advisory.cvss.len(), &advisory.cwe[..]), (2, &[22][..]));
    assert_eq!(advisory.references, ["https://advisory", "https://web"]);
    assert_eq!(advisory.published, Some("2025-01-02T03:04:05Z".parse().unwrap()));
    let [python, bounded, unfixed] = &advisory.affected[..] else {
        panic!("three rows");
    };
    assert_eq!((python.ecosystem, python.package.as_str()), (Ecosystem::PyPi, "some-package"));
    assert_eq!((shown(python).as_str(), python.fix), ("[,2.0)", Fix::Released));
    assert_eq!(python.versions, ["3.0rc1"], "the others are in the range");
    assert_eq!((shown(bounded).as_str(), bounded.fix), ("[1.2.0,1.4.9]", Fix::Released));
    assert_eq!((shown(unfixed).as_str(), unfixed.fix), ("[,", Fix::Pending));
}

/// A record with this much of its own.
fn record(rest: &str) -> Told {
    let text = format!(r#"{{ "id": "X-1", "modified": "2025-01-01T00:00:00Z", {rest} }}"#);
    Told::of(Kind::Osv, "x.json", &text)
}

#[test]
fn what_does_not_stand_is_told_apart() {
    for (rest, standing) in [
        (r#""summary": "x""#, Standing::Active),
        (r#""withdrawn": "2025-01-01T00:00:00Z""#, Standing::Withdrawn),
        (r#""withdrawn": null"#, Standing::Active),
        (r#""summary": "** DISPUTED ** x""#, Standing::Disputed),
        (r#""summary": "x", "details": "** DISPUTED ** x""#, Standing::Disputed),
        (r#""details": "** REJECT ** x""#, Standing::Withdrawn),
        (
            r#""affected": [{ "package": { "ecosystem": "crates.io", "name": "x" }, "database_specific": { "informational": "unmaintained" } }]"#,
            Standing::Informational,
        ),
    ] {
        assert_eq!(record(rest).only().standing, standing, "{rest}");
    }
    let told = Told::of(
        Kind::Osv,
        "x.json",
        r#"{ "id": "ALBA-2019:1", "summary": "tool bug fix update", "affected": [{ "package": { "ecosystem": "AlmaLinux:8", "name": "tool" },
             "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "1-1.el8" }] }] }] }"#,
    );
    assert_eq!(told.only().standing, Standing::Informational, "it fixes no vulnerability");
}

#[test]
fn symbols_of_go_are_kept() {
    let told = record(
        r#""affected": [{ "package": { "ecosystem": "Go", "name": "example.com/m" },
             "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "0" }, { "fixed": "1.2.3" }] }],
             "ecosystem_specific": { "imports": [{ "path": "example.com/m/p", "symbols": ["F", "T.M"] }, { "path": "example.com/m/q" }] } }]"#,
    );
    let import = |path: &str, symbols: &[&str]| Import {
        path: path.to_owned(),
        symbols: symbols.iter().map(|s| (*s).to_owned()).collect(),
    };
    assert_eq!(
        told.only().affected[0].imports,
        [import("example.com/m/p", &["F", "T.M"]), import("example.com/m/q", &[])]
    );
}

#[test]
fn ubuntu_rates_by_a_type_of_its_own() {
    let told = record(
        r#""severity": [{ "type": "Ubuntu", "score": "negligible" }],
           "affected": [{ "package": { "ecosystem": "Ubuntu:Pro:18.04:LTS", "name": "linux", "purl": "pkg:deb/ubuntu/linux?arch=source" },
             "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "4.15.0-200.211" }] }],
             "versions": ["4.13.0-16.19", "4.15.0-199.210"],
             "ecosystem_specific": { "ubuntu_priority": "high", "availability": "Available with Ubuntu Pro: https://ubuntu.com/pro",
               "binaries": [{ "binary_name": "linux-image", "binary_version": "4.15.0-200.211" }] } }]"#,
    );
    let advisory = told.only();
    assert_eq!(advisory.severity, Some(Severity::Info));
    let row = &advisory.affected[0];
    assert_eq!((row.ecosystem, row.release.as_str()), (Ecosystem::Ubuntu, "Pro:18.04:LTS"));
    assert_eq!((row.binary, row.severity), (false, Some(Severity::High)));
    assert_eq!(row.versions, [""; 0]);
}

#[test]
fn modules_of_almalinux_are_read_from_the_summary() {
    let told = record(
        r#""summary": "Moderate: idm:DL1 and idm:client security update", "related": ["CVE-2025-1000", "RHSA-1"],
           "affected": [
             { "package": { "ecosystem": "AlmaLinux:8", "name": "ipa-client" },
               "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "4.9.8-7.module_el8.6.0+2881+2f24dc92" }] }] },
             { "package": { "ecosystem": "AlmaLinux:8", "name": "plain" },
               "ranges": [{ "type": "ECOSYSTEM", "events": [{ "introduced": "0" }, { "fixed": "1-2.el8" }] }] }]"#,
    );
    let advisory = told.only();
    assert_eq!(advisory.upstream, ["CVE-2025-1000"]);
    assert_eq!(advisory.severity, Some(Severity::Medium));
    assert_eq!(advisory.affected[0].modules, ["idm:DL1", "idm:client"]);
    assert!(advisory.affected[0].binary);
    assert_eq!(advisory.affected[1].modules, [""; 0]);
}

#[test]
fn markers_of_debian_and_alpine_become_fixes() {
    let row = |ecosystem: &str, version: &str| {
        let told = record(&format!(
            r#""affected": [{{ "package": {{ "ecosystem": "{ecosystem}", "name": "x" }},
               "ranges": [{{ "type": "ECOSYSTEM", "events": [{{ "introduced": "0" }}, {{ "fixed": "{version}" }}] }}] }}]"#
        ));
        let row = &told.only().affected[0];
        (shown(row), row.fix)
    };
    assert_eq!(row("Alpine:v3.19", "0"), (String::new(), Fix::NotAffected));
    assert_eq!(row("Debian:11", "<not-affected>"), (String::new(), Fix::NotAffected));
    assert_eq!(row("Debian:11", "<end-of-life>"), ("[,".into(), Fix::EndOfLife));
    assert_eq!(row("Debian:11", "<unfixed>"), ("[,".into(), Fix::Pending));
    assert_eq!(row("Debian:11", "<ignored>"), ("[,".into(), Fix::WillNotFix));
    assert_eq!(row("Debian:11", "<undetermined>"), ("[,".into(), Fix::UnderInvestigation));
    assert_eq!(row("Debian:11", "1.0-1"), ("[,1.0-1)".into(), Fix::Released));
}

#[test]
fn lists_that_are_null_are_empty() {
    let told = record(
        r#""aliases": null, "affected": [{ "package": { "ecosystem": "Go", "name": "x" }, "ranges": null, "versions": null,
           "database_specific": null, "ecosystem_specific": { "imports": null } }], "references": null, "severity": null"#,
    );
    assert_eq!(told.only().affected.len(), 1);
}

#[test]
fn what_is_odd_is_kept_and_told() {
    let text = r#"{ "id": "X-1", "affected": [
        { "package": { "ecosystem": "Plan 9:4", "name": "a" } }, { "package": { "ecosystem": "Plan 9:4", "name": "b" } },
        { "package": { "ecosystem": "npm", "name": "c" }, "versions": ["one", "two", "1.0.0"] },
        { "package": { "ecosystem": "npm", "name": "d" },
          "ranges": [{ "type": "SEMVER", "events": [{ "introduced": "2.0.0" }, { "fixed": "1.0.0" }] }] } ] }"#;
    let told = Told::read(Kind::Osv, "x.json", text.as_bytes()).unwrap();
    assert_eq!(told.only().affected.len(), 4);
    assert_eq!(told.only().affected[2].versions, ["one", "two", "1.0.0"]);
    assert_eq!(shown(&told.only().affected[3]), "[2.0.0,");
    assert_eq!(
        told.complaints(),
        [
            "x.json: X-1 | \"Plan 9:4\" is not known; what is said of it never matches, here and below (kept)",
            "x.json: X-1 | d: fixed in 1.0.0, before it was introduced (kept)",
            "x.json: X-1 | c: \"one\" is not a version that npm can order: it does not start with three numbers, and 1 more (kept)",
        ]
    );
}
