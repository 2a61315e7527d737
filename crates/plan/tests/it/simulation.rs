//! What if a package had another version.

use crate::{sample::*, scans};
use gabion_model::{Finding, Package, PackageKind, ScanReport, Severity};
use gabion_plan::{Assumption, Options, Outcome, Simulation, simulate, simulation_table};

fn shop() -> ScanReport {
    let mut shop = image("shop", &["a", "b"]);
    package(&mut shop, PackageKind::Deb, "openssl", "3.0.1", 0);
    vulnerable(&mut shop, "CVE-1", Severity::High, "openssl", "3.0.2");
    vulnerable(&mut shop, "CVE-2", Severity::High, "openssl", "3.0.10");
    vulnerable(&mut shop, "CVE-3", Severity::High, "openssl", "");
    vulnerable(&mut shop, "CVE-4", Severity::High, "openssl", "next");
    shop
}

fn simulated(version: &str, reevaluate: Option<gabion_plan::Reevaluate<'_>>) -> Simulation {
    let reports = [shop(), image("other", &["a"])];
    let assumption = Assumption { package: "openssl", version, reevaluate };
    simulate(&scans(&reports), &rules(), &Options::default(), &assumption)
}

#[test]
fn what_the_version_fixes_goes_away_and_what_cannot_be_compared_stays() {
    let simulation = simulated("3.0.9", None);
    assert_eq!((simulation.images, simulation.cleared, simulation.undecided), (1, 1, 1));
    assert_eq!((simulation.before.totals.findings, simulation.after.totals.findings), (4, 3));
    assert_eq!(simulation.after.changes[0].lines[0].updates[0].packages, ["openssl"]);
    assert_eq!(simulated("3.0.10", None).cleared, 2);
    let text = simulation_table(&simulation, 80, false);
    assert!(text.contains("Nobody looked for what the new version brings"), "{text}");
}

/// What is left of a report of which all vulnerabilities are looked up anew.
fn looked_up(report: &ScanReport, add: impl Fn(&mut ScanReport)) -> Vec<Finding> {
    let mut fresh = ScanReport { findings: vec![], ..report.clone() };
    add(&mut fresh);
    fresh.findings
}

fn effects(simulation: &Simulation) -> Vec<(Outcome, &str, usize)> {
    simulation.effects.iter().map(|effect| (effect.outcome, &*effect.rule, effect.findings)).collect()
}

#[test]
fn what_goes_what_stays_and_what_comes_is_told_apart_if_somebody_looks() {
    let look = |report: &ScanReport| {
        assert_eq!((&*report.packages[0].name, &*report.packages[0].version), ("openssl", "3.0.10"));
        Some(looked_up(report, |fresh| {
            vulnerable(fresh, "CVE-5", Severity::Critical, "openssl", "3.0.11");
            vulnerable(fresh, "CVE-3", Severity::High, "openssl", "");
        }))
    };
    let simulation = simulated("3.0.10", Some(&look));
    // CVE-4 has no fixed version that can be compared, and yet it is not there any more.
    assert_eq!(
        effects(&simulation),
        [
            (Outcome::Cleared, "CVE-1", 1),
            (Outcome::Cleared, "CVE-2", 1),
            (Outcome::Cleared, "CVE-4", 1),
            (Outcome::New, "CVE-5", 1),
            (Outcome::Stays, "CVE-3", 1)
        ]
    );
    let Simulation { cleared, stays, brought, undecided, unseen, .. } = simulation;
    assert_eq!((cleared, stays, brought, undecided, unseen), (3, 1, Some(1), 0, 0));
    assert_eq!((simulation.before.totals.findings, simulation.after.totals.findings), (4, 2));
    assert_eq!(simulation.after.changes[0].lines[0].updates[0].from, "3.0.10");
    insta::assert_snapshot!(simulation_table(&simulation, 90, false));
}

#[test]
fn a_version_that_cannot_be_compared_clears_nothing() {
    let look = |report: &ScanReport| Some(looked_up(report, |_| ()));
    let simulation = simulated("latest", Some(&look));
    assert_eq!((simulation.cleared, simulation.undecided), (0, 4));
    assert_eq!(simulation.before.totals.findings, simulation.after.totals.findings);
    let text = simulation_table(&simulation, 80, false);
    assert!(text.contains("4 findings stay in the count: versions cannot be compared with latest"), "{text}");
}

#[test]
fn what_another_part_of_the_source_package_still_has_stays() {
    let mut shop = image("shop", &["a"]);
    for name in ["libssl3", "openssl"] {
        package(&mut shop, PackageKind::Deb, name, "3.0.1", 0);
    }
    vulnerable(&mut shop, "CVE-1", Severity::High, "libssl3", "3.0.2");
    let both = shop.packages.iter().map(Package::reference).collect();
    shop.findings[0].vulnerability.as_mut().expect("one").packages = both;
    let look = |report: &ScanReport| {
        Some(looked_up(report, |fresh| vulnerable(fresh, "CVE-1", Severity::High, "openssl", "3.0.2")))
    };
    let assumption = Assumption { package: "libssl3", version: "3.0.2", reevaluate: Some(&look) };
    let simulation = simulate(&[&shop], &rules(), &Options::default(), &assumption);
    assert_eq!(effects(&simulation), [(Outcome::Stays, "CVE-1", 1)]);
}

#[test]
fn images_in_which_nobody_could_look_are_counted() {
    let mut other = shop();
    other.target.image.as_mut().expect("an image").config = digest("another");
    "other".clone_into(&mut other.target.reference);
    let look = |report: &ScanReport| (report.target.reference == "shop").then(Vec::new);
    let assumption = Assumption { package: "openssl", version: "3.0.9", reevaluate: Some(&look) };
    let simulation = simulate(&[&shop(), &other], &rules(), &Options::default(), &assumption);
    assert_eq!((simulation.images, simulation.unseen, simulation.brought), (2, 1, Some(0)));
    assert_eq!((simulation.cleared, simulation.undecided), (5, 1));
    let text = simulation_table(&simulation, 100, false);
    assert!(text.contains("In 1 image nobody looked for what the new version brings"), "{text}");
}

#[test]
fn a_package_that_nobody_has_changes_nothing() {
    let reports = [shop()];
    let assumption = Assumption { package: "zlib", version: "2", reevaluate: None };
    let simulation = simulate(&scans(&reports), &rules(), &Options::default(), &assumption);
    assert_eq!((simulation.images, simulation.cleared), (0, 0));
    assert_eq!(simulation.before, simulation.after);
}
