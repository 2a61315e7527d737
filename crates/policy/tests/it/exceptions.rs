//! Exceptions suppress what they are for, until their last day.

use crate::{sample, says};
use gabion_model::{PackageKind, ScanReport, SuppressionKind};
use gabion_policy::{Applied, Exception, Gate, Outcome, Policy, apply, decide};
use jiff::{ToSpan as _, civil::Date};

fn parse(scope: &str) -> Vec<Exception> {
    let text = format!(
        "version: 1\nexceptions:\n  - id: x\n    kind: deferral\n    owner: shop\n    reason: next release\n    \
         expires: 2026-12-31\n    scope: {{ {scope} }}\n"
    );
    Exception::parse("exceptions.yaml", &text)
        .map_err(|error| format!("{error}\n{text}"))
        .expect("exceptions")
}

fn suppressed(report: &ScanReport) -> Vec<&str> {
    report.findings.iter().filter(|f| f.suppressed.is_some()).map(|f| f.rule.as_str()).collect()
}

#[test]
fn scopes_cover_what_meets_all_of_their_lists() {
    let openssl = "CVE-2026-1000";
    for (scope, expected) in [
        ("findings: [S-1]", &["aws-access-key-id"][..]),
        ("findings: [S-2]", &[]),
        ("ids: [CVE-2026-1000]", &[openssl]),
        ("ids: ['CVE-2026-*', DSA-9]", &[openssl]),
        ("ids: [DSA-6000-1]", &[openssl]),
        ("ids: ['CIS-DI-*']", &["CIS-DI-4.1"]),
        ("packages: [{ name: lodash }]", &["GHSA-aaaa-bbbb-cccc"]),
        ("packages: [{ name: lodash, version: '4.*' }]", &["GHSA-aaaa-bbbb-cccc"]),
        ("packages: [{ name: lodash, version: '5.*' }]", &[]),
        // The finding is in libssl3, too, which is built from the source package openssl.
        ("packages: [{ name: openssl }]", &[openssl]),
        ("packages: [{ name: libssl3 }]", &[]),
        ("packages: [{ name: 'lib*' }, { name: openssl, version: '3.*' }]", &[openssl]),
        ("images: ['registry.example/shop/*'], ids: ['CVE-*']", &[openssl]),
        ("images: ['registry.example/other/*'], ids: ['CVE-*']", &[]),
        ("paths: ['app/**']", &["aws-access-key-id"]),
        ("paths: ['app/**'], ids: ['CVE-*']", &[]),
        ("images: ['**']", &[openssl, "aws-access-key-id", "CIS-DI-4.1", "GHSA-aaaa-bbbb-cccc"]),
    ] {
        let mut report = sample::rich();
        let applied = apply(&mut report, &parse(scope), sample::TODAY);
        assert_eq!(suppressed(&report), expected, "{scope}");
        let (used, unused) = if expected.is_empty() { (0, 1) } else { (1, 0) };
        assert_eq!((applied.used.len(), applied.unused.len()), (used, unused), "{scope}");
    }
}

#[test]
fn names_of_packages_are_those_of_their_ecosystem() {
    let mut report = sample::rich();
    let v = report.findings[3].vulnerability.as_mut().expect("of lodash");
    (v.packages[0].kind, v.packages[0].name) = (PackageKind::Pypi, "Django".to_owned());
    let before = report.clone();
    apply(&mut report, &parse("packages: [{ name: django }]"), sample::TODAY);
    assert_eq!(suppressed(&report), ["GHSA-aaaa-bbbb-cccc"]);
    says("finding: {}, package: { names: [django] }", &before, Outcome::Failed);
}

#[test]
fn all_places_must_be_covered() {
    let mut report = sample::rich();
    let mut elsewhere = report.findings[1].evidence[0].clone();
    elsewhere.place = "srv/key".into();
    report.findings[1].evidence.push(elsewhere);
    apply(&mut report, &parse("paths: ['app/**']"), sample::TODAY);
    assert_eq!(suppressed(&report), [""; 0]);
    apply(&mut report, &parse("paths: ['app/**', 'srv/**']"), sample::TODAY);
    assert_eq!(suppressed(&report), ["aws-access-key-id"]);
}

#[test]
fn what_is_suppressed_says_who_answers_for_it() {
    let mut report = sample::rich();
    let applied = apply(&mut report, &parse("ids: ['CVE-*']"), sample::TODAY);
    assert_eq!(applied, Applied { used: vec!["x".into()], ..Applied::default() });
    let by = report.findings[0].suppressed.as_ref().expect("suppressed");
    assert_eq!((by.kind, by.source.as_str()), (SuppressionKind::Deferral, "x"));
    assert_eq!((by.owner.as_str(), by.reason.as_str()), ("shop", "next release"));
    assert_eq!(by.expires, Some(Date::constant(2026, 12, 31)));
}

#[test]
fn past_the_last_day_the_finding_is_back() {
    let policy = Policy::default_policy();
    let exceptions = parse("ids: ['CVE-*', aws-access-key-id]");
    let last = exceptions[0].expires;
    let passes = |report: &ScanReport, day: Date| {
        let now = day.at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).expect("a time").timestamp();
        decide(report, &policy, None, now).passed
    };
    let mut report = sample::rich();
    apply(&mut report, &exceptions, last);
    assert!(passes(&report, last));
    // The same report, written to a file and read again a day later.
    let tomorrow = last.checked_add(1.day()).expect("a day");
    assert!(!passes(&report, tomorrow));
    assert!(!Gate::Kev.check(&report, &gabion_policy::Filter::default(), tomorrow).passed);
    // And a report to which the exceptions are applied then, whether or not they were before.
    for mut report in [report, sample::rich()] {
        let applied = apply(&mut report, &exceptions, tomorrow);
        assert_eq!(applied.expired, ["x"]);
        assert_eq!(suppressed(&report), [""; 0]);
        assert!(!passes(&report, tomorrow));
    }
}

#[test]
fn the_first_exception_counts() {
    let mut report = sample::rich();
    let mut exceptions = parse("ids: ['CVE-*']");
    exceptions.extend(parse("ids: ['CVE-2026-*']"));
    exceptions[1].id = "y".into();
    let applied = apply(&mut report, &exceptions, sample::TODAY);
    assert_eq!(applied.used, ["x", "y"]);
    assert_eq!(report.findings[0].suppressed.as_ref().expect("suppressed").source, "x");
    let decision = decide(&report, &Policy::default_policy(), None, sample::now());
    assert_eq!(decision.rules[0].outcome, Outcome::Passed);
}

#[test]
fn what_nobody_answers_for_is_refused() {
    let with = |rest: &str| format!("version: 1\nexceptions:\n  - {{ {rest} }}\n");
    let scope = "scope: { ids: [x] }";
    for (text, expected) in [
        (
            with(&format!("id: x, kind: deferral, owner: a, reason: b, {scope}")),
            "e.yaml:3:5: the exception \"x\" has no last day",
        ),
        (with(&format!("id: x, kind: deferral, owner: a, reason: b, expires: , {scope}")), "no last day"),
        (
            with(&format!("id: x, kind: deferral, owner: a, reason: b, expires: never, {scope}")),
            "\"never\", which is no day",
        ),
        (
            with(&format!("id: x, kind: deferral, owner: a, reason: b, expires: 2026-02-30, {scope}")),
            "which is no day",
        ),
        (
            with(&format!("id: x, kind: defferal, owner: a, reason: b, expires: 2026-12-01, {scope}")),
            "did you mean \"deferral\"",
        ),
        (
            with(&format!("id: x, kind: not-affected, owner: a, reason: b, expires: 2026-12-01, {scope}")),
            "unknown kind",
        ),
        (
            with(&format!("id: x, kind: deferral, owner: ' ', reason: b, expires: 2026-12-01, {scope}")),
            "empty owner",
        ),
        (
            with(&format!("id: x, kind: deferral, owner: a, reason: '', expires: 2026-12-01, {scope}")),
            "empty reason",
        ),
        (
            with(&format!("id: x, kind: deferral, reason: b, expires: 2026-12-01, {scope}")),
            "the key \"owner\" is missing",
        ),
        (with("id: x, kind: deferral, owner: a, reason: b, expires: 2026-12-01, scope: {}"), "empty scope"),
        (
            with("id: x, kind: deferral, owner: a, reason: b, expires: 2026-12-01"),
            "the key \"scope\" is missing",
        ),
        (
            with("id: x, kind: deferral, owner: a, reason: b, expires: 2026-12-01, scope: { id: [x] }"),
            "did you mean \"ids\"?",
        ),
        ("version: 1\nexceptions: {}".into(), "e.yaml:2:13"),
        ("version: 3\nexceptions: []".into(), "version 3 is not known"),
    ] {
        let error = Exception::parse("e.yaml", &text).expect_err("refused").to_string();
        assert!(error.contains(expected), "expected {expected}\n     got {error}");
    }
}
