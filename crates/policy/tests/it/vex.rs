//! What VEX documents of each format suppress, and what they do not.

use crate::sample;
use gabion_model::{ScanReport, SuppressionKind};
use gabion_policy::{VexDocument, apply_vex};
use serde_json::{Value, json};

const OPENSSL: &str = "CVE-2026-1000";
const LODASH: &str = "GHSA-aaaa-bbbb-cccc";

fn image() -> String {
    format!("pkg:oci/api@sha256:{}?repository_url=registry.example/shop/api", "ab".repeat(32))
}

fn parse(document: &Value) -> VexDocument {
    VexDocument::parse("vex.json", &document.to_string()).expect("valid")
}

fn openvex(statements: &[Value]) -> Value {
    json!({ "@context": "https://openvex.dev/ns/v0.2.0", "@id": "urn:vex:1", "author": "shop", "version": 1,
            "timestamp": "2026-11-01T00:00:00Z", "statements": statements })
}

fn statement(vulnerability: &str, product: &Value, status: &str) -> Value {
    json!({ "vulnerability": { "name": vulnerability }, "products": [product], "status": status,
            "justification": "vulnerable_code_not_present" })
}

/// Rules of the findings that these documents suppress.
#[track_caller]
fn suppressed(documents: &[Value]) -> Vec<String> {
    let mut report = sample::rich();
    let documents: Vec<_> = documents.iter().map(parse).collect();
    let applied = apply_vex(&mut report, &documents, sample::now());
    let found: Vec<_> = report.findings.iter().filter(|f| f.suppressed.is_some()).collect();
    assert_eq!(applied.suppressed, found.iter().map(|f| f.id.clone()).collect::<Vec<_>>());
    found.iter().map(|f| f.rule.clone()).collect()
}

#[test]
fn a_product_is_this_image_or_a_package_in_it() {
    let hex = "ab".repeat(32);
    for (product, matches) in [
        (json!({ "@id": image() }), true),
        (json!({ "@id": format!("pkg:oci/api@sha256%3A{hex}") }), true),
        (json!({ "@id": format!("pkg:oci/api@sha256:{}", "cd".repeat(32)) }), true), // the image ID
        (json!({ "@id": format!("pkg:oci/api@sha256:{}", "ee".repeat(32)) }), false),
        (json!({ "@id": "pkg:oci/api?repository_url=registry.example/shop/api" }), true),
        (json!({ "@id": "pkg:oci/api?repository_url=registry.example/shop/api&tag=1.4" }), true),
        (json!({ "@id": "pkg:oci/api?repository_url=registry.example/shop/api&tag=1.5" }), false),
        (json!({ "@id": "pkg:oci/api?repository_url=registry.example/other/api" }), false),
        (json!({ "@id": "pkg:oci/api" }), true),
        (json!({ "@id": "pkg:oci/web" }), false),
        (json!({ "@id": "pkg:docker/shop/api@1.4?repository_url=registry.example" }), true),
        (json!({ "@id": "pkg:docker/shop/api@1.5?repository_url=registry.example" }), false),
        (json!({ "@id": "registry.example/shop/api:1.4" }), true),
        (json!({ "@id": "registry.example/shop/api" }), true),
        (json!({ "@id": "registry.example/shop/api:1.5" }), false),
        (json!({ "@id": format!("registry.example/shop/api@sha256:{hex}") }), true),
        (json!({ "hashes": { "sha-256": hex } }), true),
        (json!({ "hashes": { "sha-256": "ee".repeat(32) } }), false),
        (json!({ "identifiers": { "purl": image() } }), true),
        (json!({ "identifiers": { "cpe23": "cpe:2.3:a:shop:api:*:*:*:*:*:*:*:*" } }), false),
        (json!({}), false),
        (json!({ "@id": "pkg:npm/lodash@4.17.20" }), true),
        (json!({ "@id": "pkg:npm/lodash" }), true),
        (json!({ "@id": "pkg:npm/lodash@4.17.21" }), false),
        (json!({ "@id": "pkg:npm/%40types/lodash@4.17.20" }), false),
        (json!({ "@id": "pkg:gem/lodash@4.17.20" }), false),
        (json!({ "@id": image(), "subcomponents": [{ "@id": "pkg:npm/lodash@4.17.20" }] }), true),
        (json!({ "@id": image(), "subcomponents": [{ "@id": "pkg:npm/lodash" }] }), true),
        (json!({ "@id": image(), "subcomponents": [{ "@id": "pkg:npm/lodash@4.17.21" }] }), false),
        (json!({ "@id": image(), "subcomponents": [{ "@id": "pkg:npm/left-pad" }] }), false),
        (json!({ "@id": image(), "subcomponents": [{}] }), false),
        (json!({ "@id": "pkg:oci/web", "subcomponents": [{ "@id": "pkg:npm/lodash@4.17.20" }] }), false),
    ] {
        let found = suppressed(&[openvex(&[statement(LODASH, &product, "not_affected")])]);
        assert_eq!(found == [LODASH], matches, "{product}");
    }
}

#[test]
fn every_package_of_a_finding_must_be_covered() {
    let deb = |name: &str| format!("pkg:deb/debian/{name}@3.0.11-1~deb12u2");
    let says = |ids: &[String]| {
        let statements: Vec<_> =
            ids.iter().map(|id| statement(OPENSSL, &json!({ "@id": id }), "not_affected")).collect();
        suppressed(&[openvex(&statements)]) == [OPENSSL]
    };
    assert!(!says(&[deb("libssl3")]));
    // The name of the source package, too.
    assert!(says(&[deb("openssl")]));
    assert!(says(&[deb("libssl3"), format!("{}?arch=amd64", deb("openssl"))]));
    assert!(says(&[format!("{}?arch=source", deb("openssl"))]));
    assert!(says(&[format!("{}?distro=debian-12", deb("openssl"))]));
    assert!(!says(&[format!("{}?distro=debian-11", deb("openssl"))]));
    assert!(!says(&[format!("{}?arch=arm64", deb("openssl"))]));
    // Both are spoken of, but of one it is said that it is affected.
    let of = |name: &str, status| statement(OPENSSL, &json!({ "@id": deb(name) }), status);
    let mixed = [of("openssl", "not_affected"), of("libssl3", "affected")];
    assert!(suppressed(&[openvex(&mixed)]).is_empty());
    assert!(!says(&["pkg:deb/ubuntu/openssl@3.0.11-1~deb12u2".into()]));
}

#[test]
fn names_and_aliases_of_the_vulnerability_match() {
    let product = json!({ "@id": image() });
    assert_eq!(suppressed(&[openvex(&[statement("DSA-6000-1", &product, "not_affected")])]), [OPENSSL]);
    let alias = json!({ "vulnerability": { "name": "X-1", "aliases": [LODASH] }, "products": [product],
                        "status": "not_affected", "impact_statement": "not called" });
    assert_eq!(suppressed(&[openvex(&[alias])]), [LODASH]);
    assert!(suppressed(&[openvex(&[statement("CVE-1999-1", &product, "not_affected")])]).is_empty());
    // Only vulnerabilities can be spoken of.
    assert!(suppressed(&[openvex(&[statement("CIS-DI-4.1", &product, "not_affected")])]).is_empty());
}

#[test]
fn only_not_affected_and_fixed_suppress_and_fixed_needs_a_version() {
    for (status, product, matches) in [
        ("not_affected", "pkg:npm/lodash", true),
        ("fixed", "pkg:npm/lodash@4.17.20", true),
        ("fixed", "pkg:npm/lodash", false),
        ("affected", "pkg:npm/lodash@4.17.20", false),
        ("under_investigation", "pkg:npm/lodash@4.17.20", false),
    ] {
        let found = suppressed(&[openvex(&[statement(LODASH, &json!({ "@id": product }), status)])]);
        assert_eq!(!found.is_empty(), matches, "{status} {product}");
    }
    let within = |image: &str| json!({ "@id": image, "subcomponents": [{ "@id": "pkg:npm/lodash" }] });
    assert_eq!(suppressed(&[openvex(&[statement(LODASH, &within(&image()), "fixed")])]), [LODASH]);
    assert!(suppressed(&[openvex(&[statement(LODASH, &within("pkg:oci/api"), "fixed")])]).is_empty());
}

#[test]
fn the_latest_statement_wins_and_of_several_at_once_the_worst() {
    let at = |day: u8, status: &str| {
        let mut statement = statement(LODASH, &json!({ "@id": image() }), status);
        statement["timestamp"] = json!(format!("2026-10-{day:02}T00:00:00+02:00"));
        statement
    };
    for (first, second, matches) in [
        (at(1, "affected"), at(2, "not_affected"), true),
        (at(2, "affected"), at(1, "not_affected"), false),
        (at(1, "affected"), at(1, "not_affected"), false),
        (at(1, "under_investigation"), at(1, "fixed"), false),
    ] {
        for order in [[&first, &second], [&second, &first]] {
            let one = openvex(&order.map(Clone::clone));
            let two = order.map(|statement| openvex(std::slice::from_ref(statement)));
            assert_eq!(!suppressed(&[one]).is_empty(), matches);
            assert_eq!(!suppressed(&two).is_empty(), matches);
        }
    }
}

#[test]
fn what_is_of_the_future_or_gives_no_reason_does_not_count_and_is_told() {
    let of = |time: &str, status: &str| {
        let mut statement = statement(LODASH, &json!({ "@id": image() }), status);
        statement["timestamp"] = json!(time);
        statement
    };
    let (past, soon, future) = ("2026-11-01T00:00:00Z", "2026-11-23T00:00:00Z", "2026-12-25T00:00:00Z");
    assert_eq!(suppressed(&[openvex(&[of(past, "affected"), of(soon, "not_affected")])]), [LODASH]);
    let early = openvex(&[of(past, "affected"), of(future, "not_affected")]);
    assert!(suppressed(std::slice::from_ref(&early)).is_empty());
    assert_eq!(suppressed(&[openvex(&[of(past, "not_affected"), of(future, "affected")])]), [LODASH]);

    let mut baseless = of(past, "not_affected");
    baseless["justification"] = Value::Null;
    let baseless = openvex(&[baseless]);
    assert!(suppressed(std::slice::from_ref(&baseless)).is_empty());
    let applied = apply_vex(&mut sample::rich(), &[parse(&early), parse(&baseless)], sample::now());
    assert_eq!(
        applied.ignored,
        [
            "urn:vex:1: 1 statement is of the future",
            "urn:vex:1: 1 statement says not_affected without a justification or an impact statement",
        ]
    );
}

#[test]
fn a_suppression_says_who_says_so_and_why() {
    let mut report = sample::rich();
    let used = parse(&openvex(&[statement(LODASH, &json!({ "@id": image() }), "not_affected")]));
    let mut other = used.clone();
    other.id = "urn:vex:2".into();
    other.statements[0].vulnerabilities = vec!["CVE-1999-1".into()];
    let applied = apply_vex(&mut report, &[used, other], sample::now());
    assert_eq!(applied.unused, ["urn:vex:2"]);
    let by = report.findings[3].suppressed.as_ref().expect("suppressed");
    assert_eq!(by.kind, SuppressionKind::NotAffected);
    assert_eq!((by.source.as_str(), by.owner.as_str()), ("urn:vex:1", "shop"));
    assert_eq!(by.reason, "vulnerable_code_not_present");
}

#[test]
fn the_first_form_of_openvex_is_read_too() {
    let document = json!({ "@context": "https://openvex.dev/ns", "@id": "x", "author": "a", "statements": [
        { "vulnerability": LODASH, "products": [image()], "subcomponents": ["pkg:npm/lodash"],
          "status": "not_affected", "justification": "component_not_present" } ] });
    assert_eq!(suppressed(&[document]), [LODASH]);
}

fn csaf(vulnerability: &Value) -> Value {
    let product = |id: &str, purl: &str| {
        json!({ "category": "product_version", "name": id,
                "product": { "name": id, "product_id": id, "product_identification_helper": { "purl": purl } } })
    };
    let relationships = ["API", "WEB", "OS"].map(|whole| {
        json!({
                "category": "default_component_of", "product_reference": "LODASH",
                "relates_to_product_reference": whole,
                "full_product_name": { "name": "x", "product_id": format!("{whole}:LODASH") } })
    });
    json!({
        "document": { "category": "csaf_vex", "csaf_version": "2.0", "title": "t",
                      "publisher": { "category": "vendor", "name": "shop", "namespace": "https://shop.example" },
                      "tracking": { "id": "SHOP-1", "current_release_date": "2026-11-01T00:00:00Z" } },
        "product_tree": {
            "branches": [{ "category": "vendor", "name": "shop", "branches": [
                product("API", &image()), product("LODASH", "pkg:npm/lodash"), product("WEB", "pkg:oci/web"),
                { "category": "product_name", "name": "OS", "product": { "name": "OS", "product_id": "OS",
                  "product_identification_helper": { "cpe": "cpe:/o:shop:os:1" } } } ] }],
            "relationships": relationships,
            "product_groups": [{ "group_id": "G", "product_ids": ["API:LODASH"] }] },
        "vulnerabilities": [vulnerability],
    })
}

#[test]
fn csaf_speaks_of_components_in_products() {
    let says = |id: &str, status: &str| {
        let vulnerability = json!({ "cve": LODASH, "product_status": { status: [id] } });
        suppressed(&[csaf(&vulnerability)]) == [LODASH]
    };
    assert!(says("API", "known_not_affected"));
    assert!(says("API:LODASH", "known_not_affected"));
    assert!(says("LODASH", "known_not_affected"));
    assert!(says("API:LODASH", "fixed"));
    assert!(!says("LODASH", "fixed"));
    assert!(!says("WEB:LODASH", "known_not_affected"));
    assert!(!says("OS:LODASH", "known_not_affected"), "a CPE is not recognised");
    assert!(!says("NOWHERE", "known_not_affected"));
    assert!(!says("API", "known_affected"));
    assert!(!says("API", "under_investigation"));
    assert!(!says("API", "recommended"));

    let flagged = json!({ "ids": [{ "system_name": "x", "text": LODASH }],
        "product_status": { "known_not_affected": ["API:LODASH"] },
        "flags": [{ "label": "vulnerable_code_not_in_execute_path", "group_ids": ["G"] }],
        "threats": [{ "category": "impact", "details": "never called", "product_ids": ["API:LODASH"] }] });
    let mut report = sample::rich();
    apply_vex(&mut report, &[parse(&csaf(&flagged))], sample::now());
    let by = report.findings[3].suppressed.as_ref().expect("suppressed");
    assert_eq!(by.reason, "vulnerable_code_not_in_execute_path: never called");
    assert_eq!((by.source.as_str(), by.owner.as_str()), ("SHOP-1", "shop"));
}

fn cyclonedx(whole: Option<&str>, state: &str, affects: &Value) -> Value {
    json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": "urn:uuid:1",
        "metadata": { "component": whole.map(|purl| json!({ "type": "container", "name": "api", "purl": purl })) },
        "components": [{ "type": "library", "name": "lodash", "bom-ref": "c1", "purl": "pkg:npm/lodash@4.17.20" }],
        "vulnerabilities": [{ "id": "X-1", "references": [{ "id": LODASH, "source": {} }], "affects": [affects],
            "analysis": { "state": state, "justification": "code_not_reachable" } }] })
}

#[test]
fn cyclonedx_speaks_of_components_by_reference() {
    let own = image();
    for (whole, state, affects, matches) in [
        (None, "not_affected", json!({ "ref": "c1" }), true),
        (Some(own.as_str()), "not_affected", json!({ "ref": "c1" }), true),
        (Some("pkg:oci/web"), "not_affected", json!({ "ref": "c1" }), false),
        (None, "false_positive", json!({ "ref": "c1" }), true),
        (None, "resolved", json!({ "ref": "c1" }), true),
        (None, "exploitable", json!({ "ref": "c1" }), false),
        (None, "in_triage", json!({ "ref": "c1" }), false),
        (None, "not_affected", json!({ "ref": "c2" }), false),
        (None, "not_affected", json!({ "ref": "pkg:npm/lodash@4.17.20" }), true),
        (None, "not_affected", json!({ "ref": "urn:cdx:1/1#pkg:npm/lodash@4.17.20" }), true),
        (None, "not_affected", json!({ "ref": "c1", "versions": [{ "version": "4.17.20" }] }), true),
        (None, "not_affected", json!({ "ref": "c1", "versions": [{ "version": "4.17.19" }] }), false),
        (None, "not_affected", json!({ "ref": "c1", "versions": [{ "range": "vers:npm/<5" }] }), false),
    ] {
        let found = suppressed(&[cyclonedx(whole, state, &affects)]);
        assert_eq!(found == [LODASH], matches, "{whole:?} {state} {affects}");
    }
}

#[test]
fn what_is_no_vex_is_refused() {
    for (text, expected) in [
        ("", "vex.json:1:0: EOF"),
        ("{", "vex.json:1:1: EOF"),
        ("[]", "neither OpenVEX"),
        ("{}", "neither OpenVEX"),
        ("{\"@context\": \"https://schema.org\"}", "neither OpenVEX"),
        ("{\"bomFormat\": \"SPDX\"}", "neither OpenVEX"),
        ("{\"document\": {}}", "missing field `tracking`"),
        (
            "{\"@context\": \"https://openvex.dev/ns\", \"statements\": [{\"vulnerability\": \"x\", \"status\": \"fine\"}]}",
            "unknown variant `fine`",
        ),
    ] {
        let error = VexDocument::parse("vex.json", text).expect_err("refused").to_string();
        assert!(error.contains(expected), "expected {expected}\n     got {error}");
    }
    let deep = format!("{{\"@context\": {}", "[".repeat(200_000));
    assert!(VexDocument::parse("vex.json", &deep).is_err());
    let many: Vec<_> = (0..200_001).map(|_| "{}").collect();
    let many = format!(
        "{{\"@context\": \"https://openvex.dev/ns\", \"statements\": [{{\"vulnerability\": \"x\", \"status\": \"fixed\", \
         \"products\": [{}]}}]}}",
        many.join(",")
    );
    let error = VexDocument::parse("vex.json", &many).expect_err("refused").to_string();
    assert!(error.contains("more than 200000 products"), "{error}");
}

#[test]
fn what_is_suppressed_already_stays_as_it_is() {
    let mut report: ScanReport = sample::rich();
    let vex = parse(&openvex(&[statement(LODASH, &json!({ "@id": image() }), "not_affected")]));
    apply_vex(&mut report, std::slice::from_ref(&vex), sample::now());
    let before = report.clone();
    let again = apply_vex(&mut report, &[vex], sample::now());
    assert_eq!(report, before);
    assert!(again.suppressed.is_empty());
}
