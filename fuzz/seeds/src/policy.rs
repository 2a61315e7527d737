//! Policies, exceptions, VEX.

const POLICY: &str = include_str!("../../../crates/policy/src/default.yaml");
const RULES: &str = "version: 1\nname: x\nrules:\n  - id: r\n    action: warn\n    stage: build\n    scope: { images: ['registry.example/**'], labels: { team: 's*' } }\n    finding: { kinds: [vulnerability], ids: ['CVE-*'], paths: ['var/**'], cvss: 7.5, published_days: 3 }\n    package: { kinds: [deb], names: ['lib*'], versions: ['3*'], licenses: ['{GPL,MIT}*'] }\n    allow_incomplete: true\n  - id: s\n    action: fail\n    image: { root: true, users: ['0'], bases_except: ['a/*'], age_days: 3, size_mib: 4, end_of_life: true }\n    coverage: ['packages.*']\n    when: |\n      image.labels.team == \"shop\" && !image.names.exists(n, n.matches(\"^a[.]b\")) ||\n      [1, 2].map(x, x + 1).filter(x, x > 2).size() == int(\"1\")\n  - { id: t, action: fail, when: 'finding.epss != null && finding.epss > 0.1 ? true : finding.cwe.all(c, c in [79])' }\n";
const OWNERS: &str = "version: 1\nowners:\n  - { owner: a, images: ['x/**'], labels: { b: c } }\n";
const PROJECT: &str =
    "policy: p\nfail_on: [high, epss-10]\nseverity: [critical]\nignore_unfixed: true\nvex: [a]\n";
const EXCEPTIONS: &str = "version: 1\nexceptions:\n  - id: x\n    kind: risk-acceptance\n    owner: a\n    reason: b\n    expires: 2026-12-31\n    scope:\n      findings: [S-1]\n      ids: ['CVE-*']\n      packages: [{ name: openssl, version: '3*' }]\n      images: ['**']\n      paths: ['a/**']\n  - { id: y, kind: deferral, owner: a, reason: b, expires: 2026-12-31, scope: { ids: [CVE-2026-1000] } }\n";
const OPENVEX: &str = r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"urn:x","author":"a","timestamp":"2026-11-01T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-2026-1000","aliases":["DSA-6000-1"]},"products":[{"@id":"pkg:oci/api?repository_url=registry.example/shop/api&tag=1.4","identifiers":{"purl":"pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=source"},"hashes":{"sha-256":"ab"},"subcomponents":[{"@id":"pkg:deb/debian/openssl"}]}],"status":"not_affected","justification":"component_not_present"},{"vulnerability":"GHSA-aaaa-bbbb-cccc","products":["pkg:npm/lodash@4.17.20"],"status":"fixed"}]}"#;
const CSAF: &str = r#"{"document":{"publisher":{"name":"a"},"tracking":{"id":"X","current_release_date":"2026-11-01T00:00:00Z"}},"product_tree":{"branches":[{"branches":[{"product":{"product_id":"A","product_identification_helper":{"purl":"pkg:oci/api"}}}]}],"full_product_names":[{"product_id":"B","product_identification_helper":{"purls":["pkg:npm/lodash"],"hashes":[{"file_hashes":[{"algorithm":"sha256","value":"ab"}]}]}}],"relationships":[{"product_reference":"B","relates_to_product_reference":"A","full_product_name":{"product_id":"A:B"}}],"product_groups":[{"group_id":"G","product_ids":["A:B"]}]},"vulnerabilities":[{"cve":"GHSA-aaaa-bbbb-cccc","product_status":{"known_not_affected":["A:B"]},"flags":[{"label":"x","group_ids":["G"]}],"threats":[{"category":"impact","details":"y","product_ids":["A:B"]}]}]}"#;
const CYCLONEDX: &str = r#"{"bomFormat":"CycloneDX","serialNumber":"urn:uuid:1","metadata":{"component":{"purl":"pkg:oci/api"}},"components":[{"bom-ref":"c","purl":"pkg:npm/lodash"}],"vulnerabilities":[{"id":"GHSA-aaaa-bbbb-cccc","affects":[{"ref":"c","versions":[{"version":"4.17.20"}]}],"analysis":{"state":"not_affected","justification":"code_not_reachable"}}]}"#;

/// Seeds of each target.
pub(crate) fn seeds() -> [(&'static str, Vec<Vec<u8>>); 3] {
    let bytes = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    [
        ("policy", bytes(&[POLICY, RULES, OWNERS, PROJECT])),
        ("exceptions", bytes(&[EXCEPTIONS])),
        ("vex", bytes(&[OPENVEX, CSAF, CYCLONEDX])),
    ]
}
