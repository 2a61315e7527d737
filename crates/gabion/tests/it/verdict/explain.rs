//! `gabion explain`.

use super::{desk, scan};
use crate::{
    bad::Desk,
    feeds::{CURL, LODASH, REQUESTS},
};
use serde_json::Value;

fn explain(desk: &Desk, arguments: &[&str]) -> String {
    let ran = desk.run(&[&["explain"], arguments].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
    ran.out
}

#[test]
fn a_finding_of_the_last_scan_is_explained_by_any_of_its_names() {
    let desk = desk();
    desk.run(&["explain", LODASH]).fails(&["there is no last scan", "hint: name an image or a saved scan"]);
    let saved = scan(&desk, &["--format", "json"]).report();
    let told = explain(&desk, &[LODASH]);
    for part in [
        "CVE-2025-99001  Prototype pollution",
        "oci:app",
        "critical",
        "9.8 (3.1",
        "known since 2025-09-10, to be fixed until 2025-10-01; used by ransomware (CISA KEV)",
        "94.0 % within 30 days",
        "CWE-1321",
        "GHSA-gaba-aaaa-0001 of ghsa says npm lodash",
        "4.17.20 is compared by the order of",
        "lodash 4.17.20",
        "app/node_modules/lodash/package.json",
        "2 of 2",
        "COPY app /app",
        "in 4.17.21",
        "of 100",
        "https://example.org/lodash",
    ] {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
    let id = &saved.findings.iter().find(|finding| finding.rule == LODASH).expect("found").id;
    for name in [LODASH.to_lowercase().as_str(), "GHSA-gaba-aaaa-0001", id] {
        assert_eq!(explain(&desk, &[name]), told, "{name}");
    }
    // The source package, each binary package of it, and the line that brought them.
    let told = explain(&desk, &[CURL]);
    for part in [
        "curl 7.88.1-10+deb12u12",
        "libcurl4 7.88.1-10+deb12u12, built from curl",
        "1 of 2",
        "by the order of dpkg",
    ] {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
    let told = explain(&desk, &[REQUESTS]);
    assert!(told.contains("exploitation poc, automatable yes, impact partial"), "{told}");
    assert!(told.contains("not-fixed"), "{told}");
    let json: Value = serde_json::from_str(&explain(&desk, &[REQUESTS, "--format", "json"])).expect("JSON");
    assert_eq!(json[0]["rule"], REQUESTS);
}

#[test]
fn saved_scans_and_images_are_explained_and_what_is_unknown_is_told_honestly() {
    let desk = desk();
    assert_eq!(scan(&desk, &["-o", "json=scan.json", "--no-cache", "--quiet"]).code, 0);
    let saved = explain(&desk, &[LODASH, "scan.json"]);
    assert_eq!(explain(&desk, &[LODASH, "oci:app", "--db", "db"]), saved);
    desk.run(&["explain", LODASH]).fails(&["there is no last scan"]);

    desk.run(&["explain", "CVE-2025-99009", "scan.json"]).fails(&["oci:app has no finding CVE-2025-99009"]);
    let unknown = desk.run(&["explain", "CVE-2025-99009", "scan.json"]);
    assert!(!unknown.err.contains("note:"), "all was looked at: {}", unknown.err);
    for (database, word) in [(&["--db", "none"][..], "not evaluated"), (&[], "partial")] {
        let ran = desk.run(&[&["explain", "CVE-2025-99009", "oci:app"], database].concat());
        let note =
            format!("note: vulnerabilities is {word} in this scan, so that it may be there all the same");
        ran.fails(&["has no finding CVE-2025-99009", &note]);
    }
    desk.run(&["explain", LODASH, "gone.json"]).fails(&["gone.json"]);
    desk.write("other.json", "{}");
    desk.run(&["explain", LODASH, "other.json"]).fails(&["other.json"]);
}

#[test]
fn what_does_not_count_is_explained_with_who_said_so() {
    let desk = desk();
    desk.write(
        "e.yaml",
        "version: 1\nexceptions:\n  - { id: e1, kind: deferral, owner: shop, reason: Next release, expires: 2025-12-31, scope: { ids: [CVE-2025-99001] } }\n",
    );
    assert_eq!(scan(&desk, &["--exceptions", "e.yaml", "--quiet"]).code, 0);
    let told = explain(&desk, &["CVE-2025-99001"]);
    assert!(told.contains("deferral: Next release (e1, until 2025-12-31)"), "{told}");
}
