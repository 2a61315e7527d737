//! What users see, kept as snapshots.

use crate::{plain, sample, text};
use gabion_model::{Aspect, Coverage, Status, Verification};
use gabion_report::{Format, GateResult, Options};

#[test]
fn machine_formats() {
    for format in Format::ALL.into_iter().filter(|f| *f != Format::Table) {
        insta::assert_snapshot!(format!("rich-{format}"), plain(&sample::rich(), format));
    }
}

#[test]
fn machine_formats_of_a_directory() {
    for format in [Format::CycloneDx, Format::Spdx, Format::Sarif, Format::Junit, Format::Markdown] {
        insta::assert_snapshot!(format!("clean-{format}"), plain(&sample::clean(), format));
    }
}

#[test]
fn a_document_is_the_same_whether_the_image_was_verified_now_or_earlier() {
    let with = |verification| {
        let mut report = sample::rich();
        report.target.image.as_mut().expect("has one").verification = verification;
        // Another machine.
        report.isolation.landlock = "not supported".to_owned();
        report
    };
    let mut later = sample::rich();
    later.created = "2026-11-23T00:00:00Z".parse().expect("valid");
    for format in [Format::CycloneDx, Format::Spdx, Format::Sarif, Format::Junit] {
        let now = plain(&sample::rich(), format);
        assert_eq!(now, plain(&with(Verification::Verified), format), "{format}");
        assert_eq!(now, plain(&with(Verification::VerifiedEarlier), format), "{format}");
    }
    for (format, key) in [(Format::CycloneDx, "serialNumber"), (Format::Spdx, "documentNamespace")] {
        let unverified = plain(&with(Verification::UnverifiedSnapshot), format);
        assert!(unverified.contains("unverified-snapshot"), "{unverified}");
        let id = |document: &str| {
            let document: serde_json::Value = serde_json::from_str(document).expect("JSON");
            document[key].as_str().expect("an identifier").to_owned()
        };
        let now = id(&plain(&sample::rich(), format));
        assert_ne!(now, id(&unverified), "{format}");
        assert_ne!(now, id(&plain(&later, format)), "{format}");
    }
}

#[test]
fn table() {
    insta::assert_snapshot!(plain(&sample::rich(), Format::Table));
}

#[test]
fn table_with_everything() {
    let gates = [
        GateResult { gate: "severity>=high".to_owned(), passed: false, detail: "4 findings".to_owned() },
        GateResult { gate: "coverage=full for files".to_owned(), passed: true, detail: "full".to_owned() },
    ];
    let options = Options { all: true, gates: &gates, ..Options::default() };
    insta::assert_snapshot!(text(&sample::rich(), Format::Table, &options));
}

#[test]
fn table_on_a_narrow_terminal() {
    let options = Options { width: 60, ..Options::default() };
    insta::assert_snapshot!(text(&sample::rich(), Format::Table, &options));
}

#[test]
fn table_of_many_findings_is_a_page_by_rule() {
    let options = |all| Options { width: 80, all, ..Options::default() };
    let report = sample::crowded();
    let table = text(&report, Format::Table, &options(false));
    assert!(table.lines().count() < 170, "{table}");
    insta::assert_snapshot!(table);
    // Nothing is lost that was asked for.
    let everything = text(&report, Format::Table, &options(true));
    for finding in &report.findings {
        assert!(everything.contains(&finding.id), "{}", finding.id);
    }
}

#[test]
fn table_of_a_wall_of_vulnerabilities_is_a_page_of_packages() {
    let options = |all| Options { width: 80, all, ..Options::default() };
    let report = sample::wall();
    let table = text(&report, Format::Table, &options(false));
    assert!(table.lines().count() < 220, "{table}");
    insta::assert_snapshot!(table);
    let everything = text(&report, Format::Table, &options(true));
    for finding in &report.findings {
        assert!(everything.contains(&finding.id) && everything.contains(&finding.rule), "{}", finding.id);
    }
}

#[test]
fn a_package_of_many_fixed_versions_is_one_upgrade() {
    let mut report = sample::rich();
    let fixable = report.findings.iter().position(|f| {
        f.vulnerability.as_ref().is_some_and(|v| v.fixed_version.is_some()) && f.suppressed.is_none()
    });
    let model = report.findings.swap_remove(fixable.expect("one"));
    report.findings.clear();
    for patch in 1..=12 {
        let mut finding = model.clone();
        finding.id = format!("V-{patch}");
        finding.vulnerability.as_mut().expect("one").fixed_version = Some(format!("4.2.{patch}"));
        report.findings.push(finding);
    }
    let table = plain(&report, Format::Table);
    assert_eq!(table.matches("-> ").count(), 1, "{table}");
    assert!(table.contains("-> 4.2.12 clears all 12 fixable: 12 "), "{table}");
    assert!(table.contains("in part by 4.2.11, 4.2.10, "), "{table}");
    let all = text(&report, Format::Table, &Options { all: true, ..Options::default() });
    assert_eq!(all.matches("-> ").count(), 13, "{all}");
    let markdown = plain(&report, Format::Markdown);
    assert_eq!(markdown.matches("`4.2.").count(), 1, "{markdown}");
    assert!(markdown.contains("| `4.2.12` | 12 "), "{markdown}");
}

#[test]
fn a_vulnerability_of_which_nothing_is_known_is_told_by_its_evidence() {
    let mut report = sample::rich();
    report.findings.iter_mut().for_each(|finding| finding.vulnerability = None);
    let table = plain(&report, Format::Table);
    let told =
        "  high      libwebp7 1.2.4-0.2  deb\n            fix not told: 1 high\n               CVE-2023-4863";
    assert!(table.contains(told), "{table}");
    assert!(table.contains("none of 8 vulnerabilities known to be fixable by an upgrade"), "{table}");
    let markdown = plain(&report, Format::Markdown);
    assert!(markdown.contains("| `libwebp7` | `1.2.4-0.2` | fix not told | 1 high |"), "{markdown}");
}

#[test]
fn markdown_tells_what_it_leaves_out() {
    let report = sample::wall();
    let options = |all| Options { all, ..Options::default() };
    let short = text(&report, Format::Markdown, &options(false));
    let told = "Not shown: 7 more upgrades, 141 more lines without a fix.";
    assert!(short.contains(told), "{short}");
    let long = text(&report, Format::Markdown, &options(true));
    assert!(!long.contains("Not shown") && long.len() < 65_536, "{long}");
}

#[test]
fn what_is_excepted_counts_in_no_format_but_is_in_every_one() {
    let mut report = sample::rich();
    report.findings.retain(|finding| finding.suppressed.is_some());
    report.coverage = sample::clean().coverage;
    for format in Format::ALL {
        let document = text(&report, format, &Options { all: true, ..Options::default() });
        assert!(document.contains("CVE-2024-24790") && document.contains("healthz listens"), "{format}");
        assert!(!document.contains("no problems found"), "{format}");
    }
    let table = plain(&report, Format::Table);
    assert!(table.starts_with("nothing but what is excepted, and everything was looked at\n2 excepted"));
    assert!(plain(&report, Format::Junit).contains("failures=\"0\""));
    assert!(plain(&report, Format::Markdown).contains("**Nothing but what is excepted"));
}

#[test]
fn gates_that_failed_come_first_and_many_that_passed_share_a_line() {
    let gate = |name: &str, passed| GateResult { gate: name.to_owned(), passed, detail: String::new() };
    let gates = [gate("a", true), gate("b", true), gate("c", false), gate("d", true), gate("e", true)];
    let options = Options { gates: &gates, ..Options::default() };
    let table = text(&sample::clean(), Format::Table, &options);
    assert!(table.contains("\ngate failed: c\n4 gates passed: a, b, d, e\n"), "{table}");
    let mut told = gates.to_vec();
    told.push(GateResult { detail: "2 left out by --severity".to_owned(), ..gate("f", true) });
    let table = text(&sample::clean(), Format::Table, &Options { gates: &told, ..Options::default() });
    assert!(
        table.contains("\ngate passed: f (2 left out by --severity)\n4 gates passed: a, b, d, e\n"),
        "{table}"
    );
    let all = text(&sample::clean(), Format::Table, &Options { all: true, ..options });
    assert!(all.contains("\ngate failed: c\ngate passed: a\ngate passed: b\n"), "{all}");
}

#[test]
fn a_name_that_hides_the_distribution_is_explained() {
    let mut report = sample::rich();
    report.os.as_mut().expect("has one").name = "Distroless".to_owned();
    let table = plain(&report, Format::Table);
    assert!(table.contains("\nos       Distroless (debian-12)\n"), "{table}");
}

#[test]
fn the_end_of_life_is_that_of_free_support() {
    let mut report = sample::rich();
    report.os.as_mut().expect("has one").end_of_life.as_mut().expect("has one").passed = true;
    report.created = "2028-07-01T00:00:00Z".parse().expect("valid");
    let table = plain(&report, Format::Table);
    let line = "END OF LIFE: security support ended on 2026-07-11; LTS ended on 2028-06-30; ELTS";
    assert!(table.contains(line), "{table}");
}

#[test]
fn aspects_that_share_a_reason_are_told_together() {
    let mut report = sample::clean();
    let reason = || "the target is a source tree".to_owned();
    for aspect in [Aspect::CONFIG, Aspect::OS, Aspect::PACKAGES_OS] {
        report.coverage.set(aspect, Status::NotEvaluated { reason: reason() });
    }
    let table = plain(&report, Format::Table);
    let second = table.lines().nth(1).expect("two lines");
    let told = "coverage partial: config, os, packages.os not evaluated (the target is a source tree)";
    assert_eq!(second, told);
}

#[test]
fn table_in_colour_differs_in_escapes_only() {
    let options = Options { color: true, ..Options::default() };
    let coloured = text(&sample::rich(), Format::Table, &options);
    let mut plain_text = String::new();
    for (i, part) in coloured.split("\u{1b}[").enumerate() {
        plain_text.push_str(if i == 0 { part } else { part.split_once('m').expect("a colour").1 });
    }
    assert_eq!(plain_text, plain(&sample::rich(), Format::Table));
    assert!(coloured.contains("\u{1b}[1m\u{1b}[31m"), "critical is bold red");
}

#[test]
fn clean_is_said_only_when_everything_was_looked_at() {
    let mut report = sample::clean();
    let clean = "no problems found";
    insta::assert_snapshot!(plain(&report, Format::Table));
    assert!(plain(&report, Format::Table).contains(clean));

    // Nothing recorded, or not a word about vulnerabilities.
    report.coverage = Coverage::default();
    assert!(!plain(&report, Format::Table).contains(clean));
    report.coverage.full(Aspect::FILES);
    let table = plain(&report, Format::Table);
    assert!(!table.contains(clean) && table.contains("vulnerabilities not evaluated"), "{table}");

    let reason = || "a reason".to_owned();
    for status in [
        Status::NotEvaluated { reason: reason() },
        Status::Unsupported { reason: reason() },
        Status::Failed { reason: reason() },
    ] {
        report.coverage.set(Aspect::VULNERABILITIES, status.clone());
        let table = plain(&report, Format::Table);
        let first: Vec<&str> = table.lines().take(2).collect();
        assert!(first[0].contains("not everything"), "{table}");
        assert!(first[1].contains(status.word()) && first[1].contains("a reason"), "{table}");
    }
}
