//! Exceptions suppress what they are for, until their last day.

use crate::{sample, says};
use gabion_model::{PackageKind, ScanReport, Standing, SuppressionKind};
use gabion_policy::{Exception, Gate, Outcome, Policy, apply, decide};
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
        apply(&mut report, &parse(scope), sample::TODAY, 14);
        assert_eq!(suppressed(&report), expected, "{scope}");
        let told: Vec<_> = report.exceptions.iter().map(|told| (told.standing, told.findings)).collect();
        let standing = if expected.is_empty() { Standing::Unused } else { Standing::InForce };
        // One for another image is not told.
        let here = if scope.contains("other") { vec![] } else { vec![(standing, expected.len() as u64)] };
        assert_eq!(told, here, "{scope}");
    }
}

#[test]
fn names_of_packages_are_those_of_their_ecosystem() {
    let mut report = sample::rich();
    let v = report.findings[3].vulnerability.as_mut().expect("of lodash");
    (v.packages[0].kind, v.packages[0].name) = (PackageKind::Pypi, "Django".to_owned());
    let before = report.clone();
    apply(&mut report, &parse("packages: [{ name: django }]"), sample::TODAY, 14);
    assert_eq!(suppressed(&report), ["GHSA-aaaa-bbbb-cccc"]);
    says("finding: {}, package: { names: [django] }", &before, Outcome::Failed);
}

#[test]
fn all_places_must_be_covered() {
    let mut report = sample::rich();
    let mut elsewhere = report.findings[1].evidence[0].clone();
    elsewhere.place = "srv/key".into();
    report.findings[1].evidence.push(elsewhere);
    apply(&mut report, &parse("paths: ['app/**']"), sample::TODAY, 14);
    assert_eq!(suppressed(&report), [""; 0]);
    apply(&mut report, &parse("paths: ['app/**', 'srv/**']"), sample::TODAY, 14);
    assert_eq!(suppressed(&report), ["aws-access-key-id"]);
}

#[test]
fn what_is_suppressed_says_who_answers_for_it() {
    let mut report = sample::rich();
    apply(&mut report, &parse("ids: ['CVE-*']"), sample::TODAY, 14);
    let told = &report.exceptions[0];
    assert_eq!((told.id.as_str(), told.owner.as_str(), told.reason.as_str()), ("x", "shop", "next release"));
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
    apply(&mut report, &exceptions, last, 14);
    assert!(passes(&report, last));
    // The same report, written to a file and read again a day later.
    let tomorrow = last.checked_add(1.day()).expect("a day");
    assert!(!passes(&report, tomorrow));
    assert!(!Gate::Kev.check(&report, &gabion_policy::Filter::default(), tomorrow).passed);
    // And a report to which the exceptions are applied then, whether or not they were before.
    for mut report in [report, sample::rich()] {
        apply(&mut report, &exceptions, tomorrow, 14);
        assert_eq!((report.exceptions[0].standing, report.exceptions[0].findings), (Standing::Expired, 2));
        assert_eq!(suppressed(&report), [""; 0]);
        assert!(!passes(&report, tomorrow));
    }
}

#[test]
fn what_expires_soon_is_told() {
    let exceptions = parse("ids: ['CVE-*']");
    for (days, soon, standing) in [
        (15, 14, Standing::InForce),
        (14, 14, Standing::ExpiresSoon),
        (0, 14, Standing::ExpiresSoon),
        (0, 0, Standing::ExpiresSoon),
        (1, 0, Standing::InForce),
        (-1, 14, Standing::Expired),
        (300, u32::MAX, Standing::ExpiresSoon),
    ] {
        let mut report = sample::rich();
        let today = exceptions[0].expires.checked_sub(days.days()).expect("a day");
        apply(&mut report, &exceptions, today, soon);
        assert_eq!(report.exceptions[0].standing, standing, "{days} days left, {soon}");
    }
}

#[test]
fn the_first_exception_counts() {
    let mut report = sample::rich();
    let mut exceptions = parse("ids: ['CVE-*']");
    exceptions.extend(parse("ids: ['CVE-2026-*']"));
    exceptions[1].id = "y".into();
    apply(&mut report, &exceptions, sample::TODAY, 14);
    assert!(report.exceptions.iter().all(|told| told.standing == Standing::InForce && told.findings == 1));
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
