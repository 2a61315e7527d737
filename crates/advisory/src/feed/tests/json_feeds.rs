//! Debian's tracker, secdb, and the feed of Kubernetes.

use super::{Told, shown};
use crate::{
    Ecosystem,
    feed::Kind,
    record::{Fix, Standing},
};
use gabion_model::Severity;

const TRACKER: &str = r#"{
  "frob": {
    "CVE-2025-10001": {
      "description": "A buffer overflow in frob.", "debianbug": 1, "scope": "remote",
      "releases": {
        "bookworm": { "status": "resolved", "repositories": { "bookworm": "1.2-3" }, "fixed_version": "1.2-3+deb12u1", "urgency": "medium**" },
        "bullseye": { "status": "open", "repositories": { "bullseye": "1.1-1" }, "urgency": "end-of-life" },
        "buster": { "status": "open", "repositories": {}, "urgency": "low", "nodsa": "Too intrusive", "nodsa_reason": "ignored" },
        "forky": { "status": "undetermined", "repositories": {}, "urgency": "not yet assigned" },
        "sid": { "status": "resolved", "repositories": {}, "fixed_version": "0", "urgency": "unimportant" },
        "trixie": { "status": "open", "repositories": {}, "urgency": "not yet assigned", "nodsa": "Minor issue", "nodsa_reason": "postponed" } } },
    "CVE-2025-10002": { "description": "** DISPUTED ** None.", "releases": { "sid": { "status": "open", "urgency": "low" } } } },
  "grob": {
    "CVE-2025-10001": { "releases": { "sid": { "status": "resolved", "fixed_version": "2-1", "urgency": "high" } } },
    "TEMP-0000000-ABCDEF": { "releases": { "sid": { "status": "open", "urgency": "high" } } } } }"#;

#[test]
fn the_tracker_of_debian_is_read() {
    let told = Told::of(Kind::DebianTracker, "data.json", TRACKER);
    let ids: Vec<&str> = told.advisories.iter().map(|advisory| advisory.id.as_str()).collect();
    assert_eq!(ids, ["CVE-2025-10001", "CVE-2025-10002", "CVE-2025-10001", "TEMP-0000000-ABCDEF"]);
    let rows: Vec<_> = told.advisories[0]
        .affected
        .iter()
        .map(|row| (row.release.as_str(), shown(row), row.fix, row.severity))
        .collect();
    let open = || "[,".to_owned();
    assert_eq!(
        rows,
        [
            ("12", "[,1.2-3+deb12u1)".to_owned(), Fix::Released, Some(Severity::Medium)),
            ("11", open(), Fix::EndOfLife, None),
            ("10", open(), Fix::WillNotFix, Some(Severity::Low)),
            ("14", open(), Fix::UnderInvestigation, None),
            ("sid", String::new(), Fix::NotAffected, Some(Severity::Info)),
            ("13", open(), Fix::Pending, None),
        ]
    );
    assert_eq!(told.advisories[0].affected[0].ecosystem, Ecosystem::Debian);
    assert_eq!(told.advisories[1].standing, Standing::Disputed);
    assert_eq!(told.advisories[2].affected[0].package, "grob");
}

#[test]
fn a_broken_entry_of_the_tracker_does_not_harm_the_others() {
    let text = r#"{ "a": { "CVE-2025-1000": { "releases": 1 }, "CVE-2025-1001": { "releases": { "sid": { "status": "shrug" }, "trixie": { "status": "open" } } } },
                    "b": [], "c": { "CVE-2025-1002": { "releases": { "nova": { "status": "open" } } } } }"#;
    let told = Told::read(Kind::DebianTracker, "data.json", text.as_bytes()).unwrap();
    assert_eq!(told.advisories.len(), 2);
    let complaints = told.complaints();
    assert!(complaints[0].starts_with("data.json: a, CVE-2025-1000 | invalid type"), "{complaints:?}");
    assert_eq!(complaints[1], "data.json: a, CVE-2025-1001, sid | \"shrug\" is no status of the tracker");
    assert!(complaints[2].starts_with("data.json: b | invalid type"), "{complaints:?}");
    assert!(complaints[3].contains("\"nova\" is not known"), "{complaints:?}");
}

#[test]
fn secdb_is_read_for_each_of_its_distributions() {
    let text = |about: &str| {
        format!(
            r#"{{ "apkurl": "{{{{urlprefix}}}}/x.apk", "archs": ["x86_64"], "reponame": "main", {about},
               "packages": [ {{ "pkg": {{ "name": "frob", "secfixes": {{
                   "0": ["CVE-2025-1000"], "1.2-r0": ["CVE-2025-1001 GHSA-xxxx-1111-yyyy", "CVE_2025_1002"],
                   "1.10-r1": ["CVE-2025-1002 (+ regression fix)"], "1.3-r0": null }} }} }},
                 {{ "pkg": {{ "name": "grob", "secfixes": {{}} }} }} ] }}"#
        )
    };
    for (about, ecosystem, release) in [
        (
            r#""urlprefix": "https://dl-cdn.alpinelinux.org/alpine", "distroversion": "v3.19""#,
            Ecosystem::Alpine,
            "v3.19",
        ),
        (r#""urlprefix": "https://packages.wolfi.dev""#, Ecosystem::Wolfi, ""),
        (r#""urlprefix": "https://packages.cgr.dev/chainguard""#, Ecosystem::Chainguard, ""),
    ] {
        let told = Told::of(Kind::Secdb, "main.json", &text(about));
        let rows: Vec<_> = told
            .advisories
            .iter()
            .map(|advisory| {
                (
                    advisory.id.as_str(),
                    advisory.aliases.len(),
                    shown(&advisory.affected[0]),
                    advisory.affected[0].fix,
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("CVE-2025-1000", 0, String::new(), Fix::NotAffected),
                ("CVE-2025-1001", 1, "[,1.2-r0)".to_owned(), Fix::Released),
                ("CVE-2025-1002", 0, "[,1.10-r1)".to_owned(), Fix::Released),
            ]
        );
        let row = &told.advisories[0].affected[0];
        assert_eq!((row.ecosystem, row.release.as_str()), (ecosystem, release));
    }
    let unknown = Told::read(Kind::Secdb, "main.json", text(r#""urlprefix": "https://x""#).as_bytes());
    let error = unknown.unwrap_err().to_string();
    assert!(error.contains("neither \"https://x\" nor \"\" tells the distribution"), "{error}");
}

const KUBERNETES: &str = r#"{ "version": "https://jsonfeed.org/version/1.1", "title": "Kubernetes CVEs",
  "_kubernetes_io": { "updated_at": "2025-08-01T00:00:00Z" },
  "items": [
    { "id": "CVE-2025-10001", "summary": "A node can read secrets", "date_published": "2025-07-01T00:00:00Z",
      "url": "https://github.com/kubernetes/kubernetes/issues/1", "external_url": "https://www.cve.org/cverecord?id=CVE-2025-10001",
      "_kubernetes_io": { "issue_number": 1 },
      "content_text": "CVSS Rating: [CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:N/A:N](https://x) **Medium**\n\n### Am I vulnerable?\n\n#### Affected Versions\n\n- kubelet v1.25.0 - v1.25.8\n- kubelet: <= v1.24.12\n- kube-apiserver < 1.30.1\n- All of them, more or less\n\n#### Fixed Versions\n\n- kubelet v1.25.9\n" },
    { "id": "CVE-2025-10002, CVE-2025-10003", "summary": "Two", "content_text": "" },
    { "id": 4 } ] }"#;

#[test]
fn the_feed_of_kubernetes_is_read() {
    let told = Told::read(Kind::Kubernetes, "index.json", KUBERNETES.as_bytes()).unwrap();
    let ids: Vec<&str> = told.advisories.iter().map(|advisory| advisory.id.as_str()).collect();
    assert_eq!(ids, ["CVE-2025-10001", "CVE-2025-10002", "CVE-2025-10003"]);
    let advisory = &told.advisories[0];
    assert_eq!(advisory.cvss, ["CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:N/A:N"]);
    let rows: Vec<_> = advisory.affected.iter().map(|row| (row.package.as_str(), shown(row))).collect();
    assert_eq!(
        rows,
        [
            ("k8s.io/kubelet", "[1.25.0,1.25.8] [,1.24.12]".to_owned()),
            ("k8s.io/apiserver", "[,1.30.1)".to_owned()),
        ]
    );
    assert_eq!(told.editions[0].made, Some("2025-08-01T00:00:00Z".parse().unwrap()));
    let complaints = told.complaints();
    assert_eq!(
        complaints[0],
        "index.json: CVE-2025-10001 | what is affected by \"All of them, more or less\" is not understood (kept)"
    );
    assert!(complaints[1].starts_with("index.json: item 3 | invalid type"), "{complaints:?}");
}

#[test]
fn kubernetes_in_the_form_of_osv_is_read() {
    let told = Told::of(
        Kind::Kubernetes,
        "k8s.jsonl",
        r#"{"id":"CVE-2025-10001","affected":[{"package":{"ecosystem":"kubernetes","name":"k8s.io/kubelet"},"ranges":[{"type":"SEMVER","events":[{"introduced":"1.3.0"},{"fixed":"1.7.14"}]}]}]}"#,
    );
    assert_eq!(told.only().affected[0].ecosystem, Ecosystem::Kubernetes);
}
