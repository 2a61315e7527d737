//! Documents that people and vendors write: policies, exceptions, owners, project configurations, VEX.

use gabion_policy::{
    Exception, Owners, Policy, ProjectConfig, VexDocument, apply, apply_vex, decide, to_openvex,
};

#[path = "../../crates/policy/tests/it/sample.rs"]
#[allow(dead_code, reason = "shared with the tests of policies")]
mod sample;

/// A policy, held against a report: the same verdict twice.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Errors are answers, too.
    let _ = Owners::parse("fuzz", text);
    let _ = ProjectConfig::parse("fuzz", text);
    if let Ok(policy) = Policy::parse("fuzz", text) {
        let report = sample::rich();
        let decision = decide(&report, &policy, None, sample::now());
        assert_eq!(decision, decide(&report, &policy, None, sample::now()));
    }
}

/// Exceptions, applied twice: the second time changes nothing.
pub fn exceptions(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(exceptions) = Exception::parse("fuzz", text) else { return };
    let mut report = sample::rich();
    apply(&mut report, &exceptions, sample::TODAY, 14);
    let once = report.clone();
    apply(&mut report, &exceptions, sample::TODAY, 14);
    assert!(report == once);
}

/// VEX: what we write of what it suppresses can be read.
pub fn vex(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(document) = VexDocument::parse("fuzz", text) else { return };
    let mut report = sample::rich();
    apply_vex(&mut report, &[document], sample::now());
    let written = to_openvex(&report, "fuzz", sample::now()).expect("there are vulnerabilities");
    VexDocument::parse("ours", &written.to_string()).expect("ours");
}
