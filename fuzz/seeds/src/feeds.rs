//! Feeds, in the forms in which they are published.

use super::Error;

const OSV: &str = r#"{"id":"X-1","aliases":["CVE-2025-10001"],"upstream":[],"related":["CVE-2025-1000"],"summary":"Moderate: a:1 update","details":"** DISPUTED ** x","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N"},{"type":"Ubuntu","score":"low"}],"published":"2025-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"a"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.0"},{"introduced":"2.0.0"},{"last_affected":"2.1.0"},{"limit":"*"}]}],"versions":["3.0.0"],"database_specific":{"last_known_affected_version_range":"<= 1"}},{"package":{"ecosystem":"Go","name":"b"},"ecosystem_specific":{"imports":[{"path":"b/c","symbols":["F"]}]}},{"package":{"ecosystem":"AlmaLinux:8","name":"c"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1-1.module_el8"}]}]},{"package":{"ecosystem":"Debian:11","name":"d"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"<end-of-life>"}]}],"ecosystem_specific":{"urgency":"low"}}],"references":[{"type":"WEB","url":"https://x"}],"database_specific":{"severity":"HIGH","cwe_ids":["CWE-79"]}}"#;
const DEBIAN: &str = r#"{"a":{"CVE-2025-10001":{"description":"x","releases":{"bookworm":{"status":"resolved","fixed_version":"1-1","urgency":"low**"},"sid":{"status":"open","urgency":"end-of-life","nodsa_reason":"ignored"}}}},"b":{}}"#;
const SECDB: &str = r#"{"distroversion":"v3.19","urlprefix":"https://x","packages":[{"pkg":{"name":"a","secfixes":{"1.2-r0":["CVE-2025-10001 GHSA-1111-xx","CVE_2025_1000 (+ x)"],"1.10-r0":["CVE-2025-10001"],"0":["CVE-2025-1001"]}}}]}"#;
const CSAF: &str = r#"{"document":{"category":"csaf_vex","title":"t","aggregate_severity":{"text":"Important"},"tracking":{"id":"CVE-2025-10001"}},"product_tree":{"branches":[{"branches":[{"name":"r","product":{"product_id":"r","product_identification_helper":{"cpe":"cpe:/o:redhat:enterprise_linux:9"}}},{"name":"m","product":{"product_id":"m","product_identification_helper":{"purl":"pkg:rpmmod/redhat/a@1:2:3"}}},{"name":"a","product":{"product_id":"a","product_identification_helper":{"purl":"pkg:rpm/redhat/a@1-1?arch=src&epoch=1&rpmmod=a:1:2"}}}]}],"relationships":[{"full_product_name":{"product_id":"r:m"},"product_reference":"m","relates_to_product_reference":"r"},{"full_product_name":{"product_id":"r:a"},"product_reference":"a","relates_to_product_reference":"r:m"},{"full_product_name":{"product_id":"r:b"},"product_reference":"b-1:2-3.x86_64","relates_to_product_reference":"r"}]},"vulnerabilities":[{"cve":"CVE-2025-10001","title":"x","cwe":{"id":"CWE-1"},"scores":[{"cvss_v3":{"vectorString":"CVSS:3.1/AV:N"}}],"threats":[{"category":"impact","details":"Low","product_ids":["r:a"]}],"remediations":[{"category":"no_fix_planned","details":"x","product_ids":["r:b"]}],"product_status":{"fixed":["r:a"],"known_affected":["r:b"],"under_investigation":["r"]}}]}"#;
const OVAL: &str = r#"<oval_definitions><definitions><definition class="patch"><metadata><title>ELSA-1: a</title><affected><platform>Oracle Linux 8</platform></affected><reference ref_id="ELSA-1" ref_url="u"/><advisory><severity>LOW</severity><issued date="2025-01-01"/><cve>CVE-2025-10001</cve></advisory></metadata><criteria operator="AND"><criterion comment="Oracle Linux 8 is installed"/><criterion comment="Module a:1 is enabled"/><criteria operator="OR"><criterion comment="a is earlier than 0:1-1.el8"/></criteria></criteria></definition></definitions></oval_definitions>"#;
const UPDATEINFO: &str = r#"<updates><update type="security"><id>ALAS2023-1</id><title>Amazon Linux 2023 - x</title><issued date="2025-01-01 10:00"/><severity>low</severity><references><reference id="CVE-2025-10001" href="https://x" type="cve"/></references><pkglist><collection><name>Amazon Linux</name><module name="a" stream="1"/><package name="a" epoch="1" version="2" release="3" arch="x86_64"/></collection></pkglist></update><update type="bugfix"><id>a&amp;&#65;</id></update></updates>"#;
const KUBERNETES: &str = r#"{"_kubernetes_io":{"updated_at":"2025-01-01T00:00:00Z"},"items":[{"id":"CVE-2025-10001","summary":"s","content_text":"CVSS:3.1/AV:N/x\n\n#### Affected Versions\n- kubelet v1.25.0 - v1.25.8\n- kubelet: <= v1.24.12\n- kubectl < 1.2.3\n#### Fixed","date_published":"2025-01-01T00:00:00Z","url":"u"}]}"#;
const KEV: &str = r#"{"catalogVersion":"1","dateReleased":"2025-01-01T00:00:00Z","vulnerabilities":[{"cveID":"CVE-2025-10001","dateAdded":"2025-01-01","dueDate":"2025-01-02","knownRansomwareCampaignUse":"Known"}]}"#;
const KEV_LINES: &str = "{\"id\":\"CVE-2025-10001\",\"dateAdded\":\"2025-01-01\",\"ransomware\":\"Known\"}\n{\"id\":\"CVE-2025-10002\",\"dateAdded\":\"2025-01-01\"}\n";
const EPSS: &str =
    "#model_version:v1,score_date:2025-01-01T00:00:00+0000\ncve,epss,percentile\nCVE-2025-10001,0.5,1\n";
const CVE: &str = r#"{"cveMetadata":{"cveId":"CVE-2025-10001","state":"PUBLISHED"},"containers":{"cna":{"title":"t","tags":["disputed"],"descriptions":[{"lang":"en","value":"d"}],"metrics":[{"cvssV3_1":{"vectorString":"CVSS:3.1/AV:N"}}]},"adp":[{"providerMetadata":{"shortName":"CISA-ADP"},"metrics":[{"other":{"type":"ssvc","content":{"options":[{"Exploitation":"poc"},{"Automatable":"yes"}]}}}],"problemTypes":[{"descriptions":[{"cweId":"CWE-79"}]}]}]}}"#;
const CVE_LINES: &str = "{\"id\":\"CVE-2025-10001\",\"summary\":\"s\",\"cvss\":\"CVSS:3.1/AV:N\",\"ssvc\":{\"Exploitation\":\"active\"},\"cwe\":[\"CWE-79\"]}\n{\"id\":\"CVE-2025-10002\"}\n";
const PRODUCT: &str = r#"{"result":{"name":"debian","releases":[{"name":"12","isEol":false,"eolFrom":"2026-06-10","isEoes":true,"eoesFrom":null}]}}"#;
const CYCLES: &str = r#"[{"cycle":"12","eol":"2026-06-10","extendedSupport":true},{"cycle":13,"eol":true}]"#;

/// The seeds of every feed.
pub fn all() -> Result<Vec<(&'static str, Vec<Vec<u8>>)>, Error> {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let mut osv = texts(&[OSV, &format!("{OSV}\n{OSV}\n"), &format!("[{OSV}]")]);
    osv.push(super::gzip(OSV.as_bytes())?);
    osv.push(zstd::encode_all(OSV.as_bytes(), 3)?);
    osv.push(super::zip(&[("a.json", OSV.as_bytes()), ("b/c.json", OSV.as_bytes())])?);
    Ok(vec![
        ("feed_osv", osv),
        ("feed_debian", texts(&[DEBIAN])),
        ("feed_secdb", texts(&[SECDB])),
        ("feed_csaf", texts(&[CSAF])),
        ("feed_oval", texts(&[OVAL])),
        ("feed_updateinfo", texts(&[UPDATEINFO])),
        ("feed_kubernetes", texts(&[KUBERNETES, OSV])),
        ("feed_kev", texts(&[KEV, KEV_LINES])),
        ("feed_epss", texts(&[EPSS])),
        ("feed_vulnrichment", texts(&[CVE, CVE_LINES])),
        ("feed_endoflife", texts(&[PRODUCT, CYCLES])),
    ])
}
