//! The OpenVEX that we write.

use crate::sample;
use gabion_model::{Suppression, SuppressionKind};
use gabion_policy::{VexDocument, apply_vex, to_openvex};
use jiff::civil::Date;

fn suppression(kind: SuppressionKind, reason: &str) -> Suppression {
    Suppression {
        kind,
        source: "x".into(),
        reason: reason.into(),
        owner: "shop".into(),
        expires: (kind == SuppressionKind::Deferral).then_some(Date::constant(2026, 12, 31)),
    }
}

#[test]
fn each_verdict_has_what_the_specification_demands() {
    use SuppressionKind::{Deferral, FalsePositive, Fixed, NotAffected, RiskAcceptance};
    let mut report = sample::rich();
    for (by, status, key, value) in [
        (None, "affected", "action_statement", "Do something about it."),
        (Some(suppression(FalsePositive, "wrong name")), "not_affected", "impact_statement", "wrong name"),
        (
            Some(suppression(NotAffected, "component_not_present: gone")),
            "not_affected",
            "justification",
            "component_not_present",
        ),
        (
            Some(suppression(NotAffected, "code_not_reachable")),
            "not_affected",
            "impact_statement",
            "code_not_reachable",
        ),
        (Some(suppression(Fixed, "patched")), "fixed", "status_notes", "patched"),
        (
            Some(suppression(Deferral, "later")),
            "affected",
            "status_notes",
            "Deferred by shop (x) until 2026-12-31: later",
        ),
        (
            Some(suppression(RiskAcceptance, "so be it")),
            "affected",
            "status_notes",
            "Accepted by shop (x): so be it",
        ),
    ] {
        report.findings[0].suppressed = by;
        let document = to_openvex(&report, "shop", sample::now()).expect("statements");
        let statement = &document["statements"][0];
        assert_eq!(statement["status"], status);
        assert_eq!(statement[key], value);
        let has = |key: &str| statement.get(key).is_some();
        assert_eq!(status == "affected", has("action_statement"));
        assert_eq!(status == "not_affected", has("justification") ^ has("impact_statement"));
    }
}

#[test]
fn it_names_the_image_and_the_packages_and_is_the_same_bytes_each_time() {
    let report = sample::rich();
    let document = to_openvex(&report, "shop", sample::now()).expect("statements");
    assert_eq!(to_openvex(&report, "shop", sample::now()).as_ref(), Some(&document));
    let other = to_openvex(&report, "web", sample::now()).expect("statements");
    assert_ne!(document["@id"], other["@id"]);
    let product = &document["statements"][0]["products"][0];
    let image =
        format!("pkg:oci/api@sha256:{}?repository_url=registry.example%2Fshop%2Fapi", "ab".repeat(32));
    assert_eq!(product["@id"], image.as_str());
    assert_eq!(product["subcomponents"].as_array().expect("two").len(), 2);
    assert_eq!(document["statements"].as_array().expect("two").len(), 2);
    assert!(to_openvex(&sample::clean(), "shop", sample::now()).is_none());
}

#[test]
fn what_is_written_suppresses_the_same_when_it_is_read() {
    let mut report = sample::rich();
    report.findings[0].suppressed = Some(suppression(SuppressionKind::FalsePositive, "wrong name"));
    report.findings[3].suppressed = Some(suppression(SuppressionKind::Fixed, "patched"));
    for named in [true, false] {
        if !named {
            report.target.image = None;
        }
        let text = to_openvex(&report, "shop", sample::now()).expect("statements").to_string();
        let document = VexDocument::parse("vex.json", &text).expect("ours");
        let mut fresh = sample::rich();
        let applied = apply_vex(&mut fresh, &[document], sample::now());
        assert_eq!(applied.suppressed, ["V-CVE-2026-1000", "V-GHSA-aaaa-bbbb-cccc"], "named: {named}");
    }
}

#[test]
fn an_expired_suppression_is_none() {
    let mut report = sample::rich();
    report.findings[0].suppressed = Some(suppression(SuppressionKind::FalsePositive, "wrong name"));
    report.findings[0].suppressed.as_mut().expect("some").expires = Some(Date::constant(2026, 11, 21));
    let document = to_openvex(&report, "shop", sample::now()).expect("statements");
    assert_eq!(document["statements"][0]["status"], "affected");
}
