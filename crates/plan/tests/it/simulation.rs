//! What if a package had another version.

use crate::{sample::*, subjects};
use gabion_model::{PackageKind, PackageRef, ScanReport, Severity};
use gabion_plan::{Assumption, Options, Simulation, simulate, simulation_table};

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
    simulate(&subjects(&reports), &rules(), &Options::default(), &assumption)
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

#[test]
fn what_the_version_brings_is_counted_if_somebody_looks() {
    let look = |report: &ScanReport, package: &PackageRef| {
        assert_eq!((&*package.name, &*package.version), ("openssl", "3.0.10"));
        let mut fresh = report.clone();
        vulnerable(&mut fresh, "CVE-5", Severity::Critical, "openssl", "3.0.11");
        // What is known already is not counted twice.
        vulnerable(&mut fresh, "CVE-3", Severity::High, "openssl", "");
        fresh.findings.split_off(report.findings.len())
    };
    let simulation = simulated("3.0.10", Some(&look));
    assert_eq!((simulation.cleared, simulation.brought), (2, Some(1)));
    assert_eq!(simulation.after.totals.findings, 3);
    assert_eq!(simulation.after.changes[0].lines[0].updates[0].from, "3.0.10");
}

#[test]
fn a_package_that_nobody_has_changes_nothing() {
    let reports = [shop()];
    let assumption = Assumption { package: "zlib", version: "2", reevaluate: None };
    let simulation = simulate(&subjects(&reports), &rules(), &Options::default(), &assumption);
    assert_eq!((simulation.images, simulation.cleared), (0, 0));
    assert_eq!(simulation.before, simulation.after);
}
