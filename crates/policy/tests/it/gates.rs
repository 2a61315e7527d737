//! Quick gates and filters.

use crate::sample;
use gabion_model::{Aspect, ScanReport, Severity, Status, Suppression, SuppressionKind};
use gabion_policy::{Filter, Gate};

fn check(gate: &str, report: &ScanReport) -> (bool, String) {
    let gate: Gate = gate.parse().expect("a gate");
    let outcome = gate.check(report, &Filter::default(), sample::TODAY);
    assert_eq!(outcome.gate, gate.to_string());
    (outcome.passed, outcome.detail)
}

const ALL: [&str; 13] = [
    "critical",
    "high",
    "medium",
    "low",
    "fixable",
    "kev",
    "epss-25",
    "secret",
    "cis-medium",
    "cis-high",
    "coverage",
    "eol",
    "any",
];

#[test]
fn gates_are_written_as_they_are_read() {
    for word in ALL {
        assert_eq!(word.parse::<Gate>().expect("a gate").to_string(), word);
    }
    let list = Gate::parse_list("high, fixable,kev").expect("gates");
    assert_eq!(list, [Gate::Severity(Severity::High), Gate::Fixable, Gate::Kev]);
    for bad in [
        "",
        "everything",
        "epss",
        "epss-0",
        "epss-101",
        "epss-x",
        "cis",
        "cis-hihg",
        "info",
        "unknown",
        "high,",
    ] {
        assert!(Gate::parse_list(bad).is_err(), "{bad}");
    }
    let error = "cis-hihg".parse::<Gate>().expect_err("no gate").to_string();
    assert!(error.contains("cis-critical, cis-high"), "{error}");
}

#[test]
fn each_gate_lets_the_clean_pass_and_stops_what_it_is_for() {
    let mut clean = sample::clean();
    clean.os.as_mut().expect("debian").version = None;
    for gate in ALL {
        assert_eq!(check(gate, &clean), (true, String::new()), "{gate}");
    }
    let rich = sample::rich();
    for (gate, detail) in [
        ("critical", None),
        ("high", Some("1 found")),
        ("low", Some("2 found")),
        ("fixable", Some("1 found")),
        ("kev", Some("1 found")),
        ("epss-25", Some("1 found")),
        ("epss-26", None),
        ("secret", Some("1 found")),
        ("cis-medium", Some("1 found")),
        ("cis-high", None),
        ("coverage", None),
        ("eol", Some("the end of life of Debian 12 is not known")),
        ("any", Some("4 found")),
    ] {
        assert_eq!(check(gate, &rich), (detail.is_none(), detail.unwrap_or_default().into()), "{gate}");
    }
}

#[test]
fn a_gate_of_vulnerabilities_needs_that_they_were_looked_for() {
    let mut report = sample::partial(sample::clean(), Aspect::VULNERABILITIES);
    for gate in ["critical", "low", "fixable", "kev", "epss-1", "any"] {
        let (passed, detail) = check(gate, &report);
        assert!(!passed, "{gate}");
        assert_eq!(detail, "vulnerabilities is partial: var/big: too large");
    }
    report.coverage.set(Aspect::VULNERABILITIES, Status::NotEvaluated { reason: "no database".into() });
    assert_eq!(check("high", &report).1, "vulnerabilities is not evaluated: no database");
    let mut report = sample::clean();
    report.database.clear();
    assert!(!check("kev", &report).0);
    assert!(!check("epss-10", &report).0);
    assert!(check("high", &report).0);
}

#[test]
fn secrets_and_coverage_keep_their_meaning() {
    let partial = sample::partial(sample::clean(), Aspect::SECRETS);
    assert!(check("secret", &partial).0);
    assert_eq!(check("coverage", &partial), (false, "secrets is partial".into()));
    let mut off = sample::clean();
    off.coverage.set(Aspect::SECRETS, Status::NotEvaluated { reason: "switched off".into() });
    assert_eq!(check("secret", &off), (false, "secrets were not looked for".into()));
    assert!(check("coverage", &off).0);
    let mut shipped = sample::rich();
    shipped.findings[1].severity = Severity::Info;
    assert!(check("secret", &shipped).0);
}

#[test]
fn what_is_suppressed_or_filtered_does_not_count() {
    let mut report = sample::rich();
    report.findings[0].suppressed = Some(Suppression {
        kind: SuppressionKind::NotAffected,
        source: "x".into(),
        reason: "y".into(),
        owner: String::new(),
        expires: None,
    });
    assert!(check("high", &report).0);
    assert_eq!(check("low", &report).1, "1 found, 1 more excepted");

    let report = sample::rich();
    let shown = |filter: &Filter| {
        report.findings.iter().filter(|f| filter.counts(f)).map(|f| f.id.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(shown(&Filter::default()).len(), 4);
    let high = Filter { severities: "critical,high".parse().expect("severities"), ignore_unfixed: false };
    assert_eq!(shown(&high), ["V-CVE-2026-1000", "S-1"]);
    assert_eq!(high.severities.to_string(), "critical,high");
    let fixed = Filter { ignore_unfixed: true, ..Filter::default() };
    assert_eq!(shown(&fixed), ["V-CVE-2026-1000", "S-1", "M-1"]);
    assert!(!Gate::Severity(Severity::Low).check(&report, &Filter::default(), sample::TODAY).passed);
    let mut unfixed = report.clone();
    unfixed.findings.remove(0);
    let outcome = Gate::Severity(Severity::Low).check(&unfixed, &fixed, sample::TODAY);
    assert!(outcome.passed);
    assert_eq!(outcome.detail, "1 left out by --ignore-unfixed");
    let error = "critical,hihg".parse::<gabion_policy::Severities>().expect_err("refused");
    assert!(error.contains("did you mean \"high\""), "{error}");
}

#[test]
fn what_the_filter_leaves_out_of_a_gate_is_told_and_secrets_are_not_left_out() {
    let report = sample::rich();
    let filter = Filter { severities: "critical".parse().expect("severities"), ignore_unfixed: false };
    for (gate, passed, detail) in [
        ("low", true, "2 left out by --severity"),
        ("kev", true, "1 left out by --severity"),
        ("critical", true, ""),
        ("secret", false, "1 found"),
        ("cis-medium", false, "1 found"),
    ] {
        let outcome = gate.parse::<Gate>().expect("a gate").check(&report, &filter, sample::TODAY);
        assert_eq!((outcome.passed, outcome.detail.as_str()), (passed, detail), "{gate}");
    }
    let some = Filter { severities: "high".parse().expect("severities"), ignore_unfixed: true };
    let outcome = Gate::Any.check(&report, &some, sample::TODAY);
    assert_eq!((outcome.passed, outcome.detail.as_str()), (false, "2 found; 2 left out by --severity"));
}
