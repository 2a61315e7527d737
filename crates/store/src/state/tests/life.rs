//! The life of findings: from open to verified, by what runs.

use super::{super::*, *};
use gabion_api::rest::{ExceptionKind, NewException, NewPlan, Severity as Level, State as Life};
use std::collections::BTreeSet;

const WEB: &str = "registry.example/shop/web";

async fn finding(state: &State, rule: &str, now: Millis) -> gabion_api::rest::Finding {
    let wanted = FindingFilter { rule: Some(rule.to_owned()), ..FindingFilter::default() };
    let mut found = state.findings(&wanted, &ALL, &Paging::default(), now).await.expect("a page").items;
    assert_eq!(found.len(), 1, "{rule}");
    found.remove(0)
}

#[test]
fn a_finding_goes_from_open_to_verified_and_back_by_what_runs() {
    on_both(|state| async move {
        let (one, two) = (format!("{WEB}:1"), format!("{WEB}:2"));
        let old =
            report(&one, 1, "3.0.1", vec![vulnerability("CVE-2024-1", "openssl", "3.0.1", Severity::High)]);
        let new = report(&two, 2, "3.0.2", Vec::new());
        let (old_id, new_id) = (image_id(&old), image_id(&new));
        node(&state, "n").await;
        let c = |id: &str, image: &str, name: &str| container(id, "shop/web", image, name);

        let seen =
            state.inventory("n", &[c("a", &old_id, &one), c("b", &old_id, &one)], T0).await.expect("kept");
        assert_eq!(seen.scan, [(old_id.clone(), format!("containerd:{one}"))]);
        // It is asked for once.
        assert_eq!(
            state
                .inventory("n", &[c("a", &old_id, &one), c("b", &old_id, &one)], T0 + 1)
                .await
                .expect("kept"),
            Seen::default()
        );
        state.keep_report(&old_id, &one, &old, Some("shop"), T0).await.expect("kept");
        let found = finding(&state, "CVE-2024-1", T0).await;
        assert_eq!(
            (found.state, found.rollout.fixed, found.rollout.running, found.place.as_str()),
            (Life::Open, 0, 2, "openssl 3.0.1")
        );
        assert_eq!(found.owner.as_deref(), Some("shop"));

        state
            .plan(
                &NewPlan { findings: vec![found.id.clone()], due: Some(T0 + 5), note: "soon".to_owned() },
                "ann",
                &ALL,
                T0 + 1,
            )
            .await
            .expect("planned");
        let found = finding(&state, "CVE-2024-1", T0).await;
        assert_eq!((found.state, found.due), (Life::Planned, Some(T0 + 5)));

        // A later image without it is known, but does not run.
        state.keep_report(&new_id, &two, &new, Some("shop"), T0 + 2).await.expect("kept");
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.state, Life::Fixed);

        state.inventory("n", &[c("a", &old_id, &one), c("d", &new_id, &two)], T0 + 3).await.expect("kept");
        let found = finding(&state, "CVE-2024-1", T0).await;
        assert_eq!((found.state, found.rollout.fixed, found.rollout.running), (Life::RollingOut, 1, 2));

        state.inventory("n", &[c("e", &new_id, &two), c("d", &new_id, &two)], T0 + 4).await.expect("kept");
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.state, Life::Verified);
        let workload = state.workload("shop/web", &ALL, T0 + 4).await.expect("is there");
        assert_eq!((workload.workload.open.high, workload.workload.running), (0, 2));

        // A rollback.
        state.inventory("n", &[c("a", &old_id, &one), c("d", &new_id, &two)], T0 + 5).await.expect("kept");
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.state, Life::Reopened);
        let detail = state.finding(&found.id, &ALL, T0 + 5).await.expect("is there");
        let lives: Vec<Life> = detail.history.iter().rev().map(|change| change.state).collect();
        assert_eq!(
            lives,
            [Life::Open, Life::Planned, Life::Fixed, Life::RollingOut, Life::Verified, Life::Reopened]
        );
        assert_eq!(detail.report["rule"], "CVE-2024-1");

        state.inventory("n", &[], T0 + 6).await.expect("kept");
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.state, Life::NotRunning);
    });
}

#[test]
fn nothing_is_verified_while_an_image_runs_that_nobody_has_scanned() {
    on_both(|state| async move {
        let one = format!("{WEB}:1");
        let old =
            report(&one, 1, "3.0.1", vec![vulnerability("CVE-2024-1", "openssl", "3.0.1", Severity::High)]);
        node(&state, "n").await;
        state.inventory("n", &[container("a", "w", &image_id(&old), &one)], T0).await.expect("kept");
        state.keep_report(&image_id(&old), &one, &old, None, T0).await.expect("kept");
        let unknown = format!("sha256:{}", "ee".repeat(32));
        state
            .inventory("n", &[container("b", "w", &unknown, &format!("{WEB}:2"))], T0 + 1)
            .await
            .expect("kept");
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.state, Life::Open);
        let numbers = state.numbers(&ALL, T0 + 1).await.expect("numbers");
        assert_eq!((numbers.images, numbers.containers), ([1, 0, 0], [1, 0]));
    });
}

#[test]
fn what_could_not_be_looked_at_is_no_fix() {
    on_both(|state| async move {
        let (one, two) = (format!("{WEB}:1"), format!("{WEB}:2"));
        let old =
            report(&one, 1, "3.0.1", vec![vulnerability("CVE-2024-1", "openssl", "3.0.1", Severity::High)]);
        let mut new = report(&two, 2, "3.0.2", Vec::new());
        new.coverage
            .gap(Aspect::PACKAGES_OS, gabion_model::Reason::new("the database of packages cannot be read"));
        node(&state, "n").await;
        state.inventory("n", &[container("a", "w", &image_id(&old), &one)], T0).await.expect("kept");
        state.keep_report(&image_id(&old), &one, &old, None, T0).await.expect("kept");
        state.keep_report(&image_id(&new), &two, &new, None, T0).await.expect("kept");
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.state, Life::Open);
        state.inventory("n", &[container("b", "w", &image_id(&new), &two)], T0 + 1).await.expect("kept");
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.state, Life::Open);
    });
}

#[test]
fn a_database_that_changes_its_mind_mends_nothing() {
    on_both(|state| async move {
        let one = format!("{WEB}:1");
        let mut scanned =
            report(&one, 1, "3.0.1", vec![vulnerability("CVE-2024-1", "openssl", "3.0.1", Severity::High)]);
        node(&state, "n").await;
        state.inventory("n", &[container("a", "w", &image_id(&scanned), &one)], T0).await.expect("kept");
        state.keep_report(&image_id(&scanned), &one, &scanned, None, T0).await.expect("kept");
        let found = std::mem::take(&mut scanned.findings);
        state.keep_report(&image_id(&scanned), &one, &scanned, None, T0 + 1).await.expect("kept");
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.state, Life::Withdrawn);
        assert_eq!(state.numbers(&ALL, T0 + 1).await.expect("numbers").progress.verified, 0);
        scanned.findings = found;
        state.keep_report(&image_id(&scanned), &one, &scanned, None, T0 + 2).await.expect("kept");
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.state, Life::Open);
    });
}

#[test]
fn containers_of_two_nodes_may_have_one_id() {
    on_both(|state| async move {
        node(&state, "n").await;
        node(&state, "m").await;
        // runc takes what it is called as the id.
        state.inventory("n", &[container("web", "shop", "", "w")], T0).await.expect("kept");
        state.inventory("m", &[container("web", "bank", "", "w")], T0).await.expect("kept");
        let running = state.containers("", Some(true), &ALL, &Paging::default()).await.expect("a page");
        assert_eq!(
            running.items.iter().map(|one| one.workload.as_str()).collect::<Vec<_>>(),
            ["bank", "shop"]
        );
        assert_eq!(
            state.container_names("n", "web").await.expect("asked"),
            Some(("web".to_owned(), "shop".to_owned()))
        );
        state.inventory("m", &[], T0 + 1).await.expect("kept");
        assert_eq!(
            state.containers("", Some(true), &ALL, &Paging::default()).await.expect("a page").total,
            1
        );
    });
}

#[test]
fn what_comes_late_of_a_container_is_taken() {
    on_both(|state| async move {
        node(&state, "n").await;
        let mut one = container("a", "w", "", "w:1");
        state.inventory("n", std::slice::from_ref(&one), T0).await.expect("kept");
        one.privileged = Some(true);
        one.labels.insert("owner".to_owned(), "shop".to_owned());
        assert!(state.inventory("n", std::slice::from_ref(&one), T0 + 1).await.expect("kept").changed);
        assert!(!state.inventory("n", std::slice::from_ref(&one), T0 + 2).await.expect("kept").changed);
        let workload = state.workload("w", &ALL, T0 + 2).await.expect("is there").workload;
        assert_eq!(workload.owner.as_deref(), Some("shop"));
        assert!(workload.factors.iter().any(|factor| factor.name == "privileged"));
        // Stopped, and started again under the same id.
        let again = NewContainer { started: T0 + 50, image_name: "w:2".to_owned(), ..one };
        state.inventory("n", &[again], T0 + 60).await.expect("kept");
        let [told] =
            state.workload("w", &ALL, T0).await.expect("is there").containers.try_into().expect("one");
        assert_eq!((told.started, told.ended), (T0 + 50, None));
    });
}

#[test]
fn an_image_that_gets_its_name_late_is_scanned_again_under_it() {
    on_both(|state| async move {
        let mut scanned =
            report("x", 1, "3.0.1", vec![vulnerability("CVE-2024-1", "openssl", "3.0.1", Severity::High)]);
        let id = image_id(&scanned);
        scanned.target.image = None;
        node(&state, "n").await;
        state.inventory("n", &[container("a", "w", &id, "")], T0).await.expect("kept");
        state.keep_report(&id, &id, &scanned, None, T0).await.expect("kept");
        let name = format!("{WEB}:1");
        let seen = state.inventory("n", &[container("a", "w", &id, &name)], T0 + 1).await.expect("kept");
        assert_eq!(seen.scan.len(), 1);
        state.keep_report(&id, &name, &scanned, None, T0 + 2).await.expect("kept");
        let found = finding(&state, "CVE-2024-1", T0).await;
        assert_eq!((found.repository.as_str(), found.state), (WEB, Life::Open));
    });
}

#[test]
fn a_scan_that_failed_is_tried_again_later_and_where_a_new_container_runs() {
    on_both(|state| async move {
        node(&state, "n").await;
        let c = |id: &str| container(id, "w", "sha256:aa", "w:1");
        let ask = |containers: Vec<NewContainer>, now| {
            let state = state.clone();
            async move { state.inventory("n", &containers, now).await.expect("kept").scan.len() }
        };
        assert_eq!(ask(vec![c("a")], T0).await, 1);
        state.scan_failed("sha256:aa", "it is gone").await.expect("kept");
        assert_eq!(
            state.image("sha256:aa", &ALL).await.expect("is there").image.failed.as_deref(),
            Some("it is gone")
        );
        assert_eq!(ask(vec![c("a")], T0 + MINUTE).await, 0);
        assert_eq!(ask(vec![c("a"), c("b")], T0 + 2 * MINUTE).await, 1);
        assert_eq!(ask(vec![c("a"), c("b")], T0 + 3 * MINUTE).await, 0);
        assert_eq!(ask(vec![c("a"), c("b")], T0 + 400 * MINUTE).await, 1);
    });
}

#[test]
fn what_a_node_was_asked_to_scan_when_its_session_ended_is_asked_for_again() {
    on_both(|state| async move {
        node(&state, "n").await;
        node(&state, "m").await;
        let runs = [container("a", "w", "sha256:aa", "w:1")];
        let asked = async |now| state.inventory("n", &runs, now).await.expect("kept").scan.len();
        let connects = async |node: &str, now| {
            let about = NewNode { name: node.to_owned(), ..NewNode::default() };
            state.node_connected(node, &about, now).await.expect("kept");
        };
        assert_eq!(asked(T0).await, 1);
        connects("m", T0 + 1).await;
        assert_eq!(asked(T0 + 2).await, 0, "n is at it");
        connects("n", T0 + 3).await;
        assert_eq!(asked(T0 + 4).await, 1, "nobody knows what became of it");
        state.scan_failed("sha256:aa", "it cannot be read").await.expect("kept");
        connects("n", T0 + 5).await;
        assert_eq!(asked(T0 + 6).await, 0, "it has answered");
    });
}

#[test]
fn an_exception_suppresses_until_it_expires() {
    on_both(|state| async move {
        let one = format!("{WEB}:1");
        let found = vec![
            vulnerability("CVE-2024-1", "openssl", "3.0.1", Severity::Critical),
            vulnerability("CVE-2024-2", "openssl", "3.0.1", Severity::Low),
        ];
        let scanned = report(&one, 1, "3.0.1", found);
        node(&state, "n").await;
        state.inventory("n", &[container("a", "w", &image_id(&scanned), &one)], T0).await.expect("kept");
        state.keep_report(&image_id(&scanned), &one, &scanned, None, T0).await.expect("kept");
        let risk = state.workload("w", &ALL, T0).await.expect("is there").workload.risk;
        assert!(risk > 1.5, "{risk}");
        let new = NewException {
            kind: ExceptionKind::RiskAcceptance,
            rule: "CVE-2024-1".to_owned(),
            repository: Some("registry.example/shop/*".to_owned()),
            owner: "ann".to_owned(),
            reason: "not reachable".to_owned(),
            expires: T0 + 1000,
            dry_run: true,
        };
        // A dry run tells and keeps nothing.
        assert_eq!(state.add_exception("x", &new, "ann", T0).await.expect("told").findings, 1);
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.exception, None);
        let kept = state
            .add_exception("x", &NewException { dry_run: false, ..new.clone() }, "ann", T0)
            .await
            .expect("kept");
        assert_eq!((kept.findings, kept.in_force), (1, true));
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.exception, Some(ExceptionKind::RiskAcceptance));
        assert_eq!(finding(&state, "CVE-2024-2", T0).await.exception, None);
        let image = state.image(&image_id(&scanned), &ALL).await.expect("is there").image;
        assert_eq!((image.open.critical, image.open.low), (0, 1));
        assert!(state.workload("w", &ALL, T0).await.expect("is there").workload.risk < risk);
        // One that is for others, or for no time, is none.
        for wrong in [
            NewException { expires: T0 - 1, ..new.clone() },
            NewException { reason: " ".to_owned(), ..new.clone() },
            NewException { rule: "[".to_owned(), ..new },
        ] {
            assert!(matches!(state.add_exception("y", &wrong, "ann", T0).await, Err(StateError::Refused(_))));
        }
        assert_eq!(state.expire_exceptions(T0 + 999).await.expect("done"), 0);
        assert_eq!(state.expire_exceptions(T0 + 1000).await.expect("done"), 1);
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.exception, None);
        let all = state.exceptions("", None, &ALL, &Paging::default(), T0 + 1000).await.expect("a page");
        assert!(!all.items[0].in_force);
    });
}

#[test]
fn alerts_are_kept_once_and_counted() {
    on_both(|state| async move {
        node(&state, "n").await;
        state
            .inventory("n", &[container("0123456789abcdef", "shop/web", "", "web:1")], T0)
            .await
            .expect("kept");
        let alert = |number| NewAlert {
            number,
            time: T0 + number.cast_signed(),
            rule: "Shell".to_owned(),
            priority: "Critical".to_owned(),
            incident: Some(1),
            container: "0123456789ab".to_owned(),
            container_name: "web".to_owned(),
            message: "a shell \0 in it".to_owned(),
            techniques: vec!["T1059".to_owned()],
            ..NewAlert::default()
        };
        assert_eq!(state.keep_alerts("n", &[alert(1), alert(2)], T0 + 10).await.expect("kept"), 2);
        // What was sent and not acknowledged comes again.
        assert_eq!(state.keep_alerts("n", &[alert(1), alert(2), alert(3)], T0 + 10).await.expect("kept"), 3);
        assert_eq!(state.keep_alerts("n", &[alert(2)], T0 + 10).await.expect("kept"), 3);
        let alerts = state.alerts(&AlertFilter::default(), &ALL, &Paging::default()).await.expect("a page");
        assert_eq!(alerts.total, 1);
        let told = &alerts.items[0];
        assert_eq!((told.count, told.first, told.last, told.severity), (3, T0 + 1, T0 + 3, Level::Critical));
        assert_eq!((told.workload.as_deref(), told.incident.as_deref()), (Some("shop/web"), Some("n-1")));
        assert_eq!(state.alerts_by_technique(T0, &ALL).await.expect("counts").get("T1059"), Some(&3));
        let drift = NewAlert { rule: DRIFT[0].to_owned(), ..alert(4) };
        state.keep_alerts("n", &[drift], T0 + 10).await.expect("kept");
        let risk = state.workload("shop/web", &ALL, T0 + 11).await.expect("is there").workload.factors;
        let factor = risk.iter().find(|factor| factor.name == "drift").expect("it drifts");
        assert_eq!(factor.evidence, [DRIFT[0]]);
        let incident = NewIncident {
            number: 1,
            title: "a shell".to_owned(),
            severity: Level::Critical,
            began: T0,
            updated: T0 + 3,
            containers: vec!["web".to_owned()],
            tactics: vec!["execution".to_owned()],
            techniques: vec!["T1059".to_owned()],
            ..NewIncident::default()
        };
        state.keep_incident("n", &incident, T0 + 10).await.expect("kept");
        let workload = state.workload("shop/web", &ALL, T0 + 10).await.expect("is there").workload;
        assert_eq!((workload.incidents, workload.alerts), (1, 4));
        assert!(
            workload.factors.iter().any(|factor| factor.name == "incident" && factor.evidence == ["a shell"])
        );
        state
            .change_incident("n-1", gabion_api::rest::IncidentState::Closed, &ALL, T0 + 11)
            .await
            .expect("closed");
        assert_eq!(state.workload("shop/web", &ALL, T0 + 11).await.expect("is there").workload.incidents, 0);
        // The same once more opens nothing; something new does.
        state.keep_incident("n", &incident, T0 + 12).await.expect("kept");
        assert_eq!(
            state.incident("n-1", &ALL, super::super::Telling::Parts).await.expect("is there").incident.state,
            gabion_api::rest::IncidentState::Closed
        );
        state.keep_incident("n", &NewIncident { updated: T0 + 20, ..incident }, T0 + 21).await.expect("kept");
        assert_eq!(
            state.incident("n-1", &ALL, super::super::Telling::Parts).await.expect("is there").incident.state,
            gabion_api::rest::IncidentState::Open
        );
    });
}

#[test]
fn a_report_that_is_matched_again_changes_what_has_changed_and_nothing_else() {
    on_both(|state| async move {
        let name = format!("{WEB}:1");
        let told = |rules: &[&str]| {
            rules
                .iter()
                .map(|rule| vulnerability(rule, "openssl", "3.0.1", Severity::High))
                .collect::<Vec<_>>()
        };
        let before = report(&name, 1, "3.0.1", told(&["CVE-2024-1", "CVE-2024-2"]));
        let id = image_id(&before);
        node(&state, "n").await;
        state.inventory("n", &[container("a", "shop/web", &id, &name)], T0).await.expect("kept");
        state.keep_report(&id, &name, &before, Some("shop"), T0).await.expect("kept");
        let names = BTreeSet::from([(1, "openssl".to_owned()), (9, "left-pad".to_owned())]);
        state.keep_known_as(&id, &names).await.expect("kept");
        let none = BTreeSet::new();
        for (number, name, many) in [(1, "openssl", 1), (2, "openssl", 0), (1, "open", 0)] {
            let asked = BTreeSet::from([(number, name.to_owned()), (3, "'--".to_owned())]);
            assert_eq!(state.concerned(&asked, &none).await.expect("asked").len(), many, "{number} {name}");
        }
        let by_rule = BTreeSet::from(["CVE-2024-2".to_owned()]);
        assert_eq!(
            state.concerned(&BTreeSet::new(), &by_rule).await.expect("asked"),
            std::slice::from_ref(&id)
        );

        // Matched again, nothing is new.
        let of = async || state.to_match(std::slice::from_ref(&id)).await.expect("asked").remove(0);
        let matched = |one: &ToMatch, before: &ScanReport, after: &ScanReport, owner: &str| {
            let (before, owner) = (before.findings.clone(), Some(owner.to_owned()));
            [Matched::new(one, before, after.clone(), owner, names.clone()).expect("packed")]
        };
        let same = matched(&of().await, &before, &before, "shop");
        assert!(!state.keep_matches(&same, T0 + 1).await.expect("kept"));
        let first = finding(&state, "CVE-2024-1", T0).await;
        assert_eq!((first.state, first.first_seen), (Life::Open, T0));

        // One goes, one comes; the version of the database is another.
        let mut after = report(&name, 1, "3.0.1", told(&["CVE-2024-1", "CVE-2024-3"]));
        after.database = vec![gabion_model::DataSource {
            name: "debian".to_owned(),
            kind: "osv".to_owned(),
            root: gabion_model::Digest::sha256([7; 32]),
            as_of: None,
            records: 1,
        }];
        let version = version_of(&after.database);
        assert_eq!(state.behind(&version, "", 10).await.expect("asked"), std::slice::from_ref(&id));
        let other = matched(&of().await, &before, &after, "shop");
        assert!(state.keep_matches(&other, T0 + 2).await.expect("kept"));
        assert_eq!(state.behind(&version, "", 10).await.expect("asked"), [""; 0]);
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.first_seen, T0);
        assert_eq!(finding(&state, "CVE-2024-2", T0).await.state, Life::Withdrawn);
        let new = finding(&state, "CVE-2024-3", T0).await;
        assert_eq!((new.state, new.first_seen, new.owner.as_deref()), (Life::Open, T0 + 2, Some("shop")));
        let workload = state.workload("shop/web", &ALL, T0 + 2).await.expect("is there");
        assert_eq!(workload.workload.open.high, 2);

        // Another owner gets all of them.
        let others = matched(&of().await, &after, &after, "pay");
        assert!(state.keep_matches(&others, T0 + 3).await.expect("kept"));
        assert_eq!(finding(&state, "CVE-2024-1", T0).await.owner.as_deref(), Some("pay"));
        let gone = ToMatch { image: "sha256:none".to_owned(), ..of().await };
        assert!(
            !state.keep_matches(&matched(&gone, &after, &after, "pay"), T0).await.expect("none is there")
        );

        // It was scanned again while the old report was matched: what came later stays.
        let old = of().await;
        let again = report(&name, 1, "3.0.9", told(&["CVE-2024-9"]));
        state.keep_report(&id, &name, &again, Some("pay"), T0 + 4).await.expect("kept");
        let other = BTreeSet::from([(1, "zlib".to_owned())]);
        state.keep_known_as(&id, &other).await.expect("kept");
        let late = matched(&old, &after, &after, "pay");
        assert!(!state.keep_matches(&late, T0 + 5).await.expect("kept"));
        let has = async |name: &str| {
            let asked = BTreeSet::from([(1, name.to_owned())]);
            !state.concerned(&asked, &none).await.expect("asked").is_empty()
        };
        assert!(has("zlib").await && !has("openssl").await, "names of the old report do not come back");
        assert_eq!(state.report(&id).await.expect("asked").expect("is there").findings, again.findings);
        assert_eq!(finding(&state, "CVE-2024-9", T0).await.state, Life::Open);
    });
}

#[test]
fn alerts_that_come_before_their_container_is_told_of_are_its_own() {
    on_both(|state| async move {
        node(&state, "n").await;
        let late = container("0123456789abcdef", "shop/web", "", "web:1");
        let alert = |number, name: &str| NewAlert {
            number,
            time: late.started + 5,
            rule: "Shell".to_owned(),
            priority: "Critical".to_owned(),
            container: "0123456789ab".to_owned(),
            container_name: name.to_owned(),
            ..NewAlert::default()
        };
        let alerts = [alert(1, &late.name), alert(2, "another")];
        state.keep_alerts("n", &alerts, T0).await.expect("kept");
        state.inventory("n", std::slice::from_ref(&late), T0 + 10).await.expect("kept");
        let told =
            state.alerts(&AlertFilter::default(), &ALL, &Paging::default()).await.expect("a page").items;
        let of =
            |name: &str| told.iter().find(|one| one.container.as_deref() == Some(name)).expect("is there");
        assert_eq!(of(&late.name).workload.as_deref(), Some("shop/web"));
        assert_eq!(of("another").workload, None);
        let workload = state.workload("shop/web", &ALL, T0 + 10).await.expect("is there").workload;
        assert_eq!(workload.alerts, 1);
    });
}

/// All that lists show of images and what is in them.
async fn shown(state: &State) -> String {
    let now = T0 + 10;
    let all = Paging { limit: 1000, ..Paging::default() };
    let findings = state.findings(&FindingFilter::default(), &ALL, &all, now).await.expect("a page").items;
    let images = state.images(&ImageFilter::default(), &ALL, &all).await.expect("a page").items;
    let workloads = state.workloads(&WorkloadFilter::default(), &ALL, &all).await.expect("a page").items;
    let mut told = vec![
        to_json(&findings),
        to_json(&images),
        to_json(&workloads.iter().map(|workload| (workload, &workload.factors)).collect::<Vec<_>>()),
    ];
    for image in &images {
        let packages = state.packages_of(&image.id, "", &ALL, &all).await.expect("a page").items;
        let has = FindingFilter { image: Some(image.id.clone()), ..FindingFilter::default() };
        let has = state.findings(&has, &ALL, &all, now).await.expect("a page").items;
        let ids: Vec<&String> = has.iter().map(|finding| &finding.id).collect();
        told.push(to_json(&(packages, ids)));
    }
    for finding in &findings {
        // Not the history: by one after the other some are half way in between.
        let mut detail = state.finding(&finding.id, &ALL, now).await.expect("is there");
        detail.images.sort_by(|a, b| a.id.cmp(&b.id));
        told.push(to_json(&(detail.loaded_by, detail.images)));
    }
    told.join("\n")
}

/// Two images of one name and others, in workloads that share them; files of one are loaded. Then the database says something else of all.
async fn rematched(state: &State, together: bool) -> String {
    let loadable = |mut report: ScanReport| {
        for package in &mut report.packages {
            package.facts.push(("loadable".to_owned(), format!("usr/lib/{}.so", package.name)));
        }
        report
    };
    let high = |rule: &str| vulnerability(rule, "openssl", "3.0.1", Severity::High);
    node(state, "n").await;
    let mut running = Vec::new();
    let mut reports = Vec::new();
    for number in 1..=40_u8 {
        let name = format!("registry.example/team{}/app:{number}", number / 2);
        let told = vec![high("CVE-2024-1"), high(&format!("CVE-2023-{number}"))];
        let report = loadable(report(&name, number, "3.0.1", told));
        let id = image_id(&report);
        running.push(container(&format!("{number:064x}"), &format!("w{}", number % 7), &id, &name));
        reports.push((id, name, report));
    }
    state.inventory("n", &running, T0).await.expect("kept");
    for (id, name, report) in &reports {
        state.keep_report(id, name, report, Some("shop"), T0 + 1).await.expect("kept");
    }
    for number in [2_u8, 3] {
        let files = BTreeSet::from(["usr/lib/openssl.so".to_owned()]);
        state.loaded("n", &format!("{number:064x}"), &files, T0 + 2).await.expect("kept");
    }
    let mut matched = Vec::new();
    for (number, (id, _, before)) in (1..).zip(&reports) {
        let one = state.to_match(std::slice::from_ref(id)).await.expect("asked").remove(0);
        let mut after = before.clone();
        after.findings.retain(|finding| number % 3 > 0 || finding.rule == "CVE-2024-1");
        after.findings.push(high("CVE-2024-9"));
        let owner = Some(if number % 5 == 0 { "pay" } else { "shop" }.to_owned());
        let names = BTreeSet::from([(1, "openssl".to_owned())]);
        matched.push(Matched::new(&one, before.findings.clone(), after, owner, names).expect("packed"));
    }
    if together {
        assert!(state.keep_matches(&matched, T0 + 3).await.expect("kept"));
    } else {
        for one in &matched {
            assert!(state.keep_matches(std::slice::from_ref(one), T0 + 3).await.expect("kept"));
        }
    }
    shown(state).await
}

#[test]
fn images_that_are_matched_together_are_what_they_are_one_by_one() {
    let told = &std::sync::Mutex::new(Vec::new());
    for together in [false, true] {
        on_both(|state| async move {
            let shown = rematched(&state, together).await;
            told.lock().expect("not poisoned").push(shown);
        });
    }
    let told = told.lock().expect("not poisoned");
    assert!(told[0].contains("CVE-2024-9") && told[0].contains("vulnerable and loaded"), "{}", told[0]);
    for other in &told[1..] {
        for (one, other) in told[0].lines().zip(other.lines()) {
            assert_eq!(one, other);
        }
        assert_eq!(told[0].len(), other.len());
    }
}
