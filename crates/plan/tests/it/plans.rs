//! What a plan says: where findings come from, what clears them, what stays, and what was not seen.

use crate::{planned, planned_by, sample::*};
use gabion_model::{
    Aspect, FindingKind, FixState, PackageKind, ScanReport, Severity, Status, Suppression, SuppressionKind,
};
use gabion_plan::{Action, Options, Plan, StayReason};
use proptest::{prelude::*, sample::Index};

fn deb(report: &mut ScanReport, name: &str, layer: u32, cve: &str, fixed: &str) {
    package(report, PackageKind::Deb, name, "1.0", layer);
    vulnerable(report, cve, Severity::High, name, fixed);
}

fn done(plan: &Plan) -> Vec<(&str, Action, usize)> {
    let done =
        |change: &gabion_plan::Change| (&*plan.nodes[change.node].name, change.action, change.clears.places);
    plan.changes.iter().map(done).collect()
}

#[test]
fn a_package_belongs_to_the_layer_where_it_first_appears_not_to_the_last_status_file() {
    let mut base = image("base", &["a"]);
    let mut shop = image("shop", &["a", "RUN apt-get install curl"]);
    for report in [&mut base, &mut shop] {
        deb(report, "libssl3", 0, "CVE-1", "1.1");
    }
    // The upper layer rewrote var/lib/dpkg/status: that is where the evidence is.
    shop.findings[0].evidence[0].layer = Some(1);
    deb(&mut shop, "curl", 1, "CVE-2", "1.1");
    let plan = planned(&[shop, base]);
    assert_eq!(done(&plan), [("base", Action::Fix, 2), ("shop", Action::Fix, 1)]);
    assert_eq!(plan.changes[0].images, [0, 1]);
    assert_eq!(plan.waves, [[0], [1]]);
    assert_eq!((plan.totals.cleared, plan.totals.findings), (3, 3));
    let update = &plan.changes[1].lines[0].updates[0];
    assert_eq!((&*update.package, &*update.from, &*update.to), ("curl", "1.0", &["1.1".to_owned()][..]));
}

#[test]
fn what_is_not_ours_is_upgraded_in_the_highest_node_that_is() {
    let mut fleet: Vec<ScanReport> = [
        ("docker.io/library/debian:12", &["a"][..]),
        ("registry.acme.example/base/x:1", &["a", "b"]),
        ("registry.acme.example/shop/y:1", &["a", "b", "c"]),
        ("registry.acme.example/shop/z:1", &["a", "b", "d"]),
    ]
    .map(|(name, lines)| image(name, lines))
    .into();
    for report in &mut fleet {
        deb(report, "libc6", 0, "CVE-1", "1.1");
    }
    let plan = planned(&fleet);
    assert_eq!(done(&plan), [("registry.acme.example/base/x:1", Action::Patch, 3)]);
    assert_eq!(plan.changes[0].lines[0].node, 0, "the line is of debian");
    assert_eq!(plan.stays.len(), 1);
    assert_eq!((plan.stays[0].reason, &*plan.stays[0].images), (StayReason::NotOurs, &[0][..]));
    assert_eq!(plan.waves, [vec![1], vec![2, 3]]);
}

#[test]
fn what_is_compiled_or_secret_is_put_right_where_it_is_only() {
    let mut shop = image("shop", &["a", "b"]);
    let mut base = image("docker.io/base", &["a"]);
    for report in [&mut shop, &mut base] {
        package(report, PackageKind::Golang, "stdlib", "1.0", 0);
        vulnerable(report, "CVE-1", Severity::High, "stdlib", "1.1");
        blamed(report, FindingKind::Secret, "private-key", "root/key", Some(0));
    }
    blamed(&mut shop, FindingKind::Misconfiguration, "setuid-files", "usr/bin/su", Some(0));
    blamed(&mut shop, FindingKind::Misconfiguration, "runs-as-root", "config:User", None);
    let plan = planned(&[shop, base]);
    assert_eq!(done(&plan), [("shop", Action::Fix, 1), ("shop", Action::Patch, 1)]);
    assert_eq!(plan.changes[0].lines[0].others[0].rule, "runs-as-root");
    assert_eq!(plan.changes[1].lines[0].others[0].rule, "setuid-files");
    assert_eq!(plan.stays.iter().map(|stay| stay.tally.places).sum::<usize>(), 4);
}

#[test]
fn a_finding_in_two_nodes_is_cleared_by_two_changes() {
    let mut base = image("base", &["a"]);
    let mut shop = image("shop", &["a", "b"]);
    package(&mut base, PackageKind::Npm, "lodash", "1.0", 0);
    package(&mut shop, PackageKind::Npm, "lodash", "1.0", 0);
    package(&mut shop, PackageKind::Npm, "lodash", "1.0", 1);
    for report in [&mut base, &mut shop] {
        vulnerable(report, "CVE-1", Severity::High, "lodash", "1.1");
    }
    let plan = planned(&[base.clone(), shop.clone()]);
    assert_eq!((plan.totals.findings, plan.totals.places, plan.totals.cleared), (2, 3, 2));
    // The sums of tickets and changes are of places, and say so.
    let title = &gabion_plan::tickets(&plan)[0].title;
    assert_eq!(title, "2 changes to clear 3 places of findings");
    let told = gabion_plan::table(&plan, 100, false);
    assert!(told.contains("clears 2 places of findings (2 high) in 2 images"), "{told}");
    let one = Options { max_changes: Some(1), ..Options::default() };
    let plan = planned_by(&[base, shop], &rules(), &one);
    assert_eq!(done(&plan), [("base", Action::Fix, 2)]);
    assert_eq!((plan.totals.cleared, plan.totals.clearable), (1, 2));
    assert_eq!(plan.stays[0].reason, StayReason::OverBudget);
}

#[test]
fn what_nobody_fixes_stays_and_says_where() {
    let mut shop = image("shop", &["a", "RUN install"]);
    deb(&mut shop, "x", 1, "CVE-1", "");
    deb(&mut shop, "y", 1, "CVE-2", "");
    deb(&mut shop, "z", 0, "CVE-3", "");
    let states = [FixState::NotFixed, FixState::WillNotFix, FixState::EndOfLife];
    for (finding, state) in shop.findings.iter_mut().zip(states) {
        finding.vulnerability.as_mut().expect("one").fix = state;
    }
    let plan = planned(&[shop]);
    assert!(plan.changes.is_empty());
    let stays: Vec<_> = plan.stays.iter().map(|stay| (stay.reason, stay.layer)).collect();
    let expected =
        [(StayReason::NoFix, Some(1)), (StayReason::WillNotFix, Some(1)), (StayReason::EndOfLife, Some(0))];
    assert_eq!(stays, expected);
}

#[test]
fn suppressed_findings_are_told_and_not_counted() {
    let mut shop = image("shop", &["a"]);
    deb(&mut shop, "x", 0, "CVE-1", "1.1");
    shop.findings[0].suppressed = Some(Suppression {
        kind: SuppressionKind::RiskAcceptance,
        source: "E-1".to_owned(),
        reason: "known".to_owned(),
        owner: String::new(),
        expires: None,
    });
    let plan = planned(&[shop]);
    assert_eq!((plan.totals.findings, plan.totals.suppressed), (0, 1));
    assert!(plan.is_clean());
}

#[test]
fn clean_is_said_only_if_everything_was_looked_at() {
    let whole = image("whole", &["a"]);
    let head =
        |plan: &Plan| gabion_plan::table(plan, 100, false).lines().next().unwrap_or_default().to_owned();
    let plan = planned(std::slice::from_ref(&whole));
    assert!(plan.is_clean());
    assert_eq!(head(&plan), "Nothing to fix in 1 image");

    let mut blind = image("blind", &["b"]);
    blind.coverage.set(Aspect::VULNERABILITIES, Status::NotEvaluated { reason: "no database".into() });
    let plan = planned(&[whole, blind]);
    assert!(!plan.is_clean());
    assert_eq!(head(&plan), "Nothing to fix in what was looked at in 2 images");
    assert_eq!((&*plan.gaps[0].aspect, &*plan.gaps[0].images), ("vulnerabilities", &[0][..]));

    let mut silent = image("silent", &["a"]);
    silent.coverage = gabion_model::Coverage::default();
    assert!(!planned(&[silent]).is_clean());
    assert!(!planned(&[]).is_clean());
    assert_eq!(head(&planned(&[])), "Nothing to plan: no images");
}

#[test]
fn versions_that_cannot_be_compared_are_all_told() {
    let mut shop = image("shop", &["a"]);
    deb(&mut shop, "x", 0, "CVE-1", "1.10");
    vulnerable(&mut shop, "CVE-2", Severity::Low, "x", "1.9");
    let to = |plan: &Plan| plan.changes[0].lines[0].updates[0].to.clone();
    assert_eq!(to(&planned(std::slice::from_ref(&shop))), ["1.10"]);
    vulnerable(&mut shop, "CVE-3", Severity::Low, "x", "next");
    assert_eq!(to(&planned(&[shop])), ["1.10", "1.9", "next"]);
}

#[test]
fn all_severities_are_told_and_that_no_change_was_allowed() {
    let mut shop = image("shop", &["a"]);
    package(&mut shop, PackageKind::Deb, "x", "1.0", 0);
    for severity in Severity::WORST_FIRST {
        vulnerable(&mut shop, &format!("CVE-{severity}"), severity, "x", "1.1");
    }
    let told = gabion_plan::table(&planned(std::slice::from_ref(&shop)), 100, false);
    assert!(told.contains("(1 critical, 1 high, 1 medium, 1 low, 1 info, 1 unknown)"), "{told}");
    let none = Options { max_changes: Some(0), ..Options::default() };
    let plan = planned_by(&[shop], &rules(), &none);
    let words = "No change was allowed (--max-changes 0); more would clear 6 of 6 findings in 1 image";
    assert_eq!(gabion_plan::table(&plan, 100, false).lines().next(), Some(words));
    let tickets = gabion_plan::tickets(&plan);
    assert_eq!((tickets.len(), &*tickets[0].title), (1, words));
}

#[test]
fn nothing_to_do_is_a_ticket_that_says_so() {
    let one = |report: &ScanReport| {
        let tickets = gabion_plan::tickets(&planned(std::slice::from_ref(report)));
        assert_eq!(tickets.len(), 1);
        (tickets[0].title.clone(), tickets[0].markdown.clone())
    };
    let mut shop = image("shop", &["a"]);
    assert_eq!(one(&shop), ("Nothing to fix in 1 image".into(), "# Nothing to fix in 1 image\n\n".into()));
    shop.coverage.set(Aspect::VULNERABILITIES, Status::NotEvaluated { reason: "no database".into() });
    let (title, markdown) = one(&shop);
    assert_eq!(title, "Nothing to fix in what was looked at in 1 image");
    assert!(
        markdown.contains("> Not looked at: vulnerabilities: not evaluated in 1 image: no database"),
        "{markdown}"
    );
}

#[test]
fn a_fleet_is_cleared_by_its_bases() {
    let plan = planned(&fleet(50, 60, 0));
    let bases: Vec<&str> = plan
        .changes
        .iter()
        .filter(|change| plan.nodes[change.node].images_below > 1)
        .map(|change| &*plan.nodes[change.node].name)
        .collect();
    assert!(bases.iter().all(|name| name.starts_with("registry.acme.example/base/")), "{bases:?}");
    // Nobody but the applications themselves can update lodash.
    let rest = plan.changes.iter().filter(|change| plan.nodes[change.node].images_below == 1);
    assert!(rest.flat_map(|c| &c.lines).flat_map(|l| &l.updates).all(|u| u.package == "lodash"));
    let reasons: Vec<StayReason> = plan.stays.iter().map(|stay| stay.reason).collect();
    assert!(!reasons.contains(&StayReason::OverBudget));
    assert_eq!(plan.totals.cleared, plan.totals.clearable);
    assert_eq!(plan.curve.last(), Some(&1000));
}

proptest! {
    #[test]
    fn the_order_of_the_input_never_shows(moves in proptest::collection::vec(any::<(Index, Index)>(), 12)) {
        let mut fleet = fleet(9, 12, 3);
        let bytes = |fleet: &[ScanReport]| {
            let plan = planned(fleet);
            (serde_json::to_string(&plan).expect("writes"), gabion_plan::svg(&plan), gabion_plan::table(&plan, 90, true))
        };
        let before = bytes(&fleet);
        for (a, b) in moves {
            let (a, b) = (a.index(fleet.len()), b.index(fleet.len()));
            fleet.swap(a, b);
        }
        prop_assert_eq!(bytes(&fleet), before);
    }
}
