//! What is known of a CVE beside what it is in: KEV, EPSS, vulnrichment; and the dates of releases.

use super::Told;
use crate::{
    feed::Kind,
    record::{Assessment, Exploited, Lifecycle, Likelihood, Standing},
};
use jiff::civil::date;

#[test]
fn the_catalogue_of_cisa_is_read() {
    let told = Told::of(
        Kind::Kev,
        "known_exploited_vulnerabilities.json",
        r#"{ "title": "CISA Catalog of Known Exploited Vulnerabilities", "catalogVersion": "2025.08.25",
             "dateReleased": "2025-08-25T18:00:00.0000Z", "count": 2, "vulnerabilities": [
             { "cveID": "CVE-2025-10001", "vendorProject": "V", "product": "P", "vulnerabilityName": "N", "dateAdded": "2025-08-01",
               "shortDescription": "S", "requiredAction": "R", "dueDate": "2025-08-22", "knownRansomwareCampaignUse": "Known",
               "notes": "", "cwes": ["CWE-79"] },
             { "cveID": "CVE-2025-10002", "dateAdded": "2025-08-02", "dueDate": "2025-08-23", "knownRansomwareCampaignUse": "Unknown" } ] }"#,
    );
    let first = Exploited {
        cve: "CVE-2025-10001".to_owned(),
        added: date(2025, 8, 1),
        due: Some(date(2025, 8, 22)),
        ransomware: true,
    };
    assert_eq!(told.exploited[0], first);
    assert!(!told.exploited[1].ransomware);
    assert_eq!(told.editions[0].version, "2025.08.25");
    assert_eq!(told.editions[0].made, Some("2025-08-25T18:00:00Z".parse().unwrap()));
}

#[test]
fn the_compact_form_of_the_catalogue_is_read() {
    let text = r#"{"id":"CVE-2025-10001","dateAdded":"2025-08-01","dueDate":"2025-08-22","ransomware":"Known","name":"N"}
{"id":"CVE-2025-10002","dateAdded":"some day"}
{"id":"nobody","dateAdded":"2025-08-01"}
"#;
    let told = Told::read(Kind::Kev, "kev.json", text.as_bytes()).unwrap();
    assert_eq!(told.exploited.len(), 1);
    assert!(told.exploited[0].ransomware);
    assert_eq!(
        told.complaints(),
        ["kev.json: line 2 | \"some day\" is no date", "kev.json: line 3 | \"nobody\" is no CVE"]
    );
}

#[test]
fn scores_of_epss_are_read() {
    let text = "#model_version:v2025.03.14,score_date:2025-08-25T12:55:00+0000\ncve,epss,percentile\n\
                CVE-1999-0001,0.01297,0.78814\nCVE-2025-10001,1,1.0\nCVE-2025-10002,1.5,0\nCVE-2025-10003,nan,0\nx\n";
    let told = Told::read(Kind::Epss, "epss.csv", text.as_bytes()).unwrap();
    let scores: Vec<_> = told
        .likelihoods
        .iter()
        .map(|Likelihood { cve, probability, percentile }| (cve.as_str(), *probability, *percentile))
        .collect();
    assert_eq!(scores, [("CVE-1999-0001", 12_970, 788_140), ("CVE-2025-10001", 1_000_000, 1_000_000)]);
    assert_eq!(told.editions[0].version, "v2025.03.14");
    assert_eq!(told.editions[0].made, Some("2025-08-25T12:55:00Z".parse().unwrap()));
    assert_eq!(told.complaints().len(), 3);
}

const RECORD: &str = r#"{ "dataType": "CVE_RECORD", "dataVersion": "5.1",
  "cveMetadata": { "cveId": "CVE-2025-10001", "state": "PUBLISHED", "assignerShortName": "x" },
  "containers": {
    "cna": { "providerMetadata": { "shortName": "x" }, "title": "Overflow in frob", "tags": ["disputed"],
      "descriptions": [{ "lang": "de", "value": "Ein Fehler" }, { "lang": "en", "value": "An overflow" }],
      "metrics": [{ "cvssV3_1": { "vectorString": "CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:L/I:L/A:L" } }],
      "problemTypes": [{ "descriptions": [{ "type": "text", "lang": "en", "description": "bad" }] }] },
    "adp": [
      { "providerMetadata": { "shortName": "CVE" }, "title": "CVE Program Container" },
      { "providerMetadata": { "shortName": "CISA-ADP" }, "title": "CISA ADP Vulnrichment",
        "metrics": [
          { "cvssV3_1": { "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "baseScore": 9.8 } },
          { "other": { "type": "ssvc", "content": { "id": "CVE-2025-10001", "role": "CISA Coordinator", "version": "2.0.3",
            "options": [{ "Exploitation": "poc" }, { "Automatable": "yes" }, { "Technical Impact": "total" }] } } },
          { "other": { "type": "kev", "content": { "dateAdded": "2025-08-01" } } } ],
        "problemTypes": [{ "descriptions": [{ "type": "CWE", "cweId": "CWE-787", "lang": "en", "description": "x" }] }] } ] } }"#;

#[test]
fn what_cisa_adds_to_a_record_comes_first() {
    let told = Told::of(Kind::Vulnrichment, "CVE-2025-10001.json", RECORD);
    assert_eq!(
        told.assessments,
        [Assessment {
            cve: "CVE-2025-10001".to_owned(),
            summary: "Overflow in frob".to_owned(),
            cvss: Some("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".to_owned()),
            exploitation: Some("poc".to_owned()),
            automatable: Some(true),
            total_impact: Some(true),
            cwe: vec![787],
            standing: Standing::Disputed,
        }]
    );
}

#[test]
fn a_rejected_cve_does_not_stand() {
    let told = Told::of(
        Kind::Vulnrichment,
        "CVE-2025-10002.json",
        r#"{ "cveMetadata": { "cveId": "CVE-2025-10002", "state": "REJECTED" },
             "containers": { "cna": { "rejectedReasons": [{ "lang": "en", "value": "A duplicate" }] } } }"#,
    );
    let [assessment] = &told.assessments[..] else {
        panic!("one");
    };
    assert_eq!((assessment.standing, assessment.summary.as_str()), (Standing::Withdrawn, "A duplicate"));
}

#[test]
fn the_compact_form_of_vulnrichment_is_read() {
    let told = Told::of(
        Kind::Vulnrichment,
        "v.jsonl",
        r#"{"id":"CVE-2025-10001","summary":"An overflow","cvss":"CVSS:3.1/AV:N","ssvc":{"Exploitation":"active","Automatable":"no","Technical Impact":"partial"},"cwe":["CWE-79","CWE-?"]}
{"id":"CVE-2025-10002","summary":"Nothing known"}"#,
    );
    let first = &told.assessments[0];
    assert_eq!(first.exploitation.as_deref(), Some("active"));
    assert_eq!(
        (first.automatable, first.total_impact, &first.cwe[..]),
        (Some(false), Some(false), &[79][..])
    );
    assert_eq!(told.assessments[1].exploitation, None);
}

#[test]
fn dates_of_releases_are_read_in_both_forms() {
    let life = |cycle: &str, end, extended| Lifecycle {
        product: "debian".to_owned(),
        cycle: cycle.to_owned(),
        end,
        extended,
    };
    let older = r#"[{ "cycle": "12", "codename": "Bookworm", "eol": "2026-06-10", "extendedSupport": "2028-06-30", "lts": true },
                    { "cycle": 13, "eol": false, "extendedSupport": true }, { "cycle": "2", "eol": true }]"#;
    let told = Told::of(Kind::EndOfLife, "api/debian.json", older);
    let over = Some(date(1970, 1, 1));
    let expected = [
        life("12", Some(date(2026, 6, 10)), Some(date(2028, 6, 30))),
        life("13", None, None),
        life("2", over, None),
    ];
    assert_eq!(told.lifecycles, expected);

    let one = r#"{ "name": "debian", "aliases": [], "label": "Debian", "category": "os", "releases": [
        { "name": "12", "codename": "Bookworm", "isEol": false, "eolFrom": "2026-06-10", "isEoes": false, "eoesFrom": "2028-06-30", "isMaintained": true },
        { "name": "13", "isEol": false, "eolFrom": null, "isEoes": null }, { "name": "2", "isEol": true, "eolFrom": null } ] }"#;
    for text in [
        format!(r#"{{ "schema_version": "1.2.0", "result": {one} }}"#),
        format!(r#"{{ "schema_version": "1.2.0", "total": 1, "result": [{one}] }}"#),
    ] {
        assert_eq!(Told::of(Kind::EndOfLife, "full.json", &text).lifecycles, expected);
    }
}
