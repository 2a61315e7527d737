//! Each criterion, both ways.

use crate::{sample, says};
use gabion_model::{Aspect, os::EndOfLife};
use gabion_policy::Outcome::{CannotTell, Failed, Passed};
use jiff::civil::Date;

#[test]
fn criteria_of_findings() {
    let report = sample::rich();
    for (criteria, expected) in [
        ("kinds: [secret]", &["S-1"][..]),
        ("kinds: [behaviour]", &[]),
        ("severity: high", &["V-CVE-2026-1000", "S-1"]),
        ("severity: critical", &[]),
        ("ids: ['CVE-2026-*']", &["V-CVE-2026-1000"]),
        ("ids: [DSA-6000-1]", &["V-CVE-2026-1000"]),
        ("ids: ['CVE-2025-*']", &[]),
        ("ids: ['CIS-DI-*']", &["M-1"]),
        ("ids: [aws-access-key-id]", &["S-1"]),
        ("paths: ['app/**']", &["S-1"]),
        ("paths: ['srv/**']", &[]),
        ("fixable: true", &["V-CVE-2026-1000"]),
        ("fixable: false", &["V-GHSA-aaaa-bbbb-cccc"]),
        ("exploited: true", &["V-CVE-2026-1000"]),
        ("exploited: false", &["V-GHSA-aaaa-bbbb-cccc"]),
        ("epss: 0.25", &["V-CVE-2026-1000"]),
        ("epss: 0.26", &[]),
        ("cvss: 8.1, severity: high", &["V-CVE-2026-1000"]),
        ("cvss: 8.2, severity: high", &[]),
        ("published_days: 82, severity: high", &["V-CVE-2026-1000"]),
        ("published_days: 83, severity: high", &[]),
        ("kinds: [vulnerability], severity: high, fixable: true, epss: 0.2", &["V-CVE-2026-1000"]),
        ("severity: high, fixable: false", &[]),
    ] {
        let expectation = match expected {
            [] if criteria.contains("behaviour") => CannotTell,
            [] => Passed,
            _ => Failed,
        };
        let outcome = says(&format!("finding: {{ {criteria} }}"), &report, expectation);
        assert_eq!(outcome.findings, expected, "{criteria}");
    }
}

#[test]
fn what_nobody_has_said_cannot_be_told() {
    let report = sample::rich();
    let outcome = says("finding: { cvss: 9 }", &report, CannotTell);
    assert_eq!(outcome.reason, "GHSA-aaaa-bbbb-cccc has no CVSS score");
    says("finding: { published_days: 9999 }", &report, CannotTell);
    says("finding: { published_days: 9999 }, allow_incomplete: true", &report, Passed);
    says("finding: { epss: 0.9 }", &report, Passed);
}

#[test]
fn criteria_of_packages() {
    let report = sample::rich();
    let lodash = "pkg:npm/lodash@4.17.20";
    for (criteria, expected) in [
        ("kinds: [npm]", &[lodash][..]),
        ("kinds: [gem]", &[]),
        ("names: ['lo*']", &[lodash]),
        ("names: [left-pad]", &[]),
        ("names: [lodash], versions: ['4.*']", &[lodash]),
        ("names: [lodash], versions: ['5.*']", &[]),
        ("licenses: ['GPL-*']", &[lodash]),
        ("licenses: ['AGPL-*']", &[]),
        ("licenses: ['(MIT OR GPL-3.0-only)']", &[lodash]),
    ] {
        let expectation = if expected.is_empty() { Passed } else { Failed };
        let outcome = says(&format!("package: {{ {criteria} }}"), &report, expectation);
        assert_eq!(outcome.packages, expected, "{criteria}");
    }
    let mut silent = report.clone();
    silent.packages[2].licenses.clear();
    assert_eq!(
        says("package: { licenses: ['GPL-*'] }", &silent, CannotTell).reason,
        "lodash 4.17.20 declares no licence"
    );
}

#[test]
fn a_finding_can_be_narrowed_to_packages() {
    let report = sample::rich();
    let findings = says("finding: {}, package: { names: [lodash] }", &report, Failed).findings;
    assert_eq!(findings, ["V-GHSA-aaaa-bbbb-cccc"]);
    says("finding: {}, package: { names: [left-pad] }", &report, Passed);
    says("finding: {}, package: { licenses: ['Apache-*'] }", &report, Failed);
}

#[test]
fn criteria_of_images() {
    let mut report = sample::clean();
    for (criteria, expected) in [
        ("root: true", Passed),
        ("root: false", Failed),
        ("users: ['1000:*']", Failed),
        ("users: [nobody]", Passed),
        ("registries: ['*.example']", Failed),
        ("registries: [docker.io]", Passed),
        ("registries_except: [registry.example]", Passed),
        ("registries_except: [docker.io]", Failed),
        ("bases: ['docker.io/library/debian']", Failed),
        ("bases: ['docker.io/library/debian:12']", Failed),
        ("bases: ['docker.io/library/alpine']", Passed),
        ("bases_except: ['docker.io/library/*']", Passed),
        ("bases_except: ['registry.example/base/**']", Failed),
        ("age_days: 21", Failed),
        ("age_days: 22", Passed),
        ("size_mib: 80", Failed),
        ("size_mib: 81", Passed),
        ("end_of_life: true", CannotTell),
        ("root: false, age_days: 22", Passed),
    ] {
        says(&format!("image: {{ {criteria} }}"), &report, expected);
    }
    let end = |date| EndOfLife { date, extensions: Vec::new(), passed: false };
    for (date, expected) in [(Date::constant(2026, 11, 21), Failed), (sample::TODAY, Passed)] {
        report.os.as_mut().expect("debian").end_of_life = Some(end(date));
        says("image: { end_of_life: true }", &report, expected);
    }
    report.config.as_mut().expect("some").created = Some(jiff::Timestamp::UNIX_EPOCH);
    says("image: { age_days: 1 }", &report, CannotTell);
    report.config = None;
    for criteria in ["root: true", "users: ['*']", "bases: ['*']", "age_days: 1"] {
        says(&format!("image: {{ {criteria} }}"), &report, CannotTell);
    }
    // One criterion that does not hold is enough to know.
    says("image: { root: true, size_mib: 81 }", &report, Passed);
}

#[test]
fn root_has_several_names() {
    let mut report = sample::clean();
    for (user, expected) in [
        ("", Failed),
        ("root", Failed),
        ("0", Failed),
        ("0:1000", Failed),
        ("00", Failed),
        ("rooty", Passed),
        ("10", Passed),
        ("1000:0", Passed),
    ] {
        report.config.as_mut().expect("some").user = user.into();
        says("image: { root: true }", &report, expected);
    }
}

#[test]
fn criteria_of_coverage() {
    let report = sample::clean();
    says("coverage: [files, secrets, 'packages.*']", &report, Passed);
    let partial = sample::partial(report.clone(), Aspect::PACKAGES_OS);
    assert_eq!(
        says("coverage: [files, 'packages.*']", &partial, Failed).reason,
        "packages.os is partial: var/big: too large"
    );
    says("coverage: [files]", &partial, Passed);
    assert_eq!(
        says("coverage: [runtime.exec]", &report, Failed).reason,
        "nothing is recorded of runtime.exec"
    );
}

#[test]
fn an_aspect_that_does_not_exist_is_refused() {
    let parse = |coverage: &str| {
        let text =
            format!("version: 1\nrules:\n  - id: x\n    action: fail\n    coverage: [files, {coverage}]\n");
        gabion_policy::Policy::parse("p.yaml", &text).map(drop).map_err(|error| error.to_string())
    };
    for known in
        ["os", "packages.*", "packages.new", "'*'", "'**'", "'{os,secrets}'", "runtime.connect", "'sec*'"]
    {
        assert_eq!(parse(known), Ok(()), "{known}");
    }
    let error = parse("vulnrabilities").expect_err("a typing error");
    let told = "p.yaml:5:23: unknown aspect \"vulnrabilities\"; did you mean \"vulnerabilities\"?";
    assert!(error.starts_with(told), "{error}");
    assert!(parse("'secret-*'").is_err());
}

#[test]
fn a_rule_about_the_image_says_what_the_image_is() {
    let mut report = sample::rich();
    report.config.as_mut().expect("an image").user = String::new();
    for (criteria, reason) in [
        ("image: { root: true }", "the image runs as root"),
        ("image: { registries: ['registry.*'] }", "it is named at registry.example"),
        ("image: {}", "the image is in its scope"),
        ("when: 'image.root == true'", "`when` is true of it"),
        ("image: { root: true }, when: 'true'", "the image runs as root, `when` is true of it"),
    ] {
        assert_eq!(says(criteria, &report, Failed).reason, reason, "{criteria}");
    }
}
