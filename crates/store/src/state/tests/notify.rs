//! What has happened is taken once, and what becomes of it is kept.

use super::{super::*, *};
use gabion_api::rest::{
    ExceptionKind, IncidentState, NewException, NewNotificationRule, NewSink, Notification,
    NotificationState, Severity as Level, SinkTarget,
};
use std::collections::BTreeSet;

const DAYS: Millis = 24 * 60 * MINUTE;
const NAME: &str = "registry.example/shop/web:1";

/// What happened, in short.
pub(super) fn short(happened: &Happened) -> String {
    match happened {
        Happened::Finding { finding, first, running } => {
            let when = if *first { "first" } else { "known" };
            let runs = if *running { "runs" } else { "idle" };
            format!("{} {when} {runs}", finding.rule)
        }
        Happened::Deadline { finding, days } => format!("{} {days} days", finding.rule),
        Happened::Incident { incident, owner, .. } => {
            format!("{} {:?} {}", incident.title, incident.state, owner.as_deref().unwrap_or("-"))
        }
        Happened::Exception { exception, severity, days } => {
            format!("exception {} {severity:?} {days} days", exception.rule)
        }
        Happened::Agent { name, lost, .. } => {
            format!("{name} {}", if lost.is_some() { "lost" } else { "back" })
        }
        Happened::Sink { name, trouble } => format!("{name} {trouble:?}"),
    }
}

/// All that is taken at a time.
async fn take(state: &State, now: Millis) -> Vec<String> {
    take_since(state, 0, now).await
}

pub(super) async fn take_since(state: &State, since: Millis, now: Millis) -> Vec<String> {
    let mut taken = Vec::new();
    let decide = |_: &[StoredRule], happened: &[Happened]| {
        taken = happened.iter().map(short).collect();
        Decided::default()
    };
    state.take_happened(true, since, now, decide).await.expect("taken");
    taken
}

pub(super) fn rule(name: &str, owners: &[&str]) -> NewNotificationRule {
    NewNotificationRule {
        name: name.to_owned(),
        sink: "chat".to_owned(),
        owners: owners.iter().map(|owner| (*owner).to_owned()).collect(),
        least: Level::Low,
        kinds: Vec::new(),
        exploited: None,
        running: true,
        group_by: Vec::new(),
        wait: 0,
        again: None,
        quiet: None,
        paused: false,
    }
}

pub(super) fn message(id: &str, rule: &str) -> NewNotification {
    NewNotification {
        id: id.to_owned(),
        rule: rule.to_owned(),
        part: "p".to_owned(),
        severity: Level::High,
        title: "t".to_owned(),
        items: Vec::new(),
        more: 3,
        link: "/".to_owned(),
    }
}

#[test]
fn a_finding_is_news_when_it_is_known_when_it_runs_and_when_it_is_back() {
    on_both(|state| async move {
        node(&state, "n").await;
        let finding = || vec![vulnerability("CVE-1", "openssl", "3.0.1", Severity::High)];
        let (bad, good) = (
            report(NAME, 1, "3.0.1", finding()),
            report("registry.example/shop/web:2", 2, "3.0.2", Vec::new()),
        );
        let c = |image: &ScanReport| container("c", "shop/web", &image_id(image), NAME);
        state.keep_report(&image_id(&bad), NAME, &bad, Some("shop"), T0).await.expect("kept");
        assert!(state.is_something_happening(T0).await.expect("asked"));
        assert_eq!(take(&state, T0).await, ["CVE-1 first idle"]);
        assert!(!state.is_something_happening(T0).await.expect("asked"));
        assert_eq!(take(&state, T0).await, Vec::<String>::new(), "once");
        state.inventory("n", &[c(&bad)], T0 + 1).await.expect("kept");
        assert_eq!(take(&state, T0 + 1).await, ["CVE-1 known runs"]);
        // Another node and another scan of it are nothing new.
        state.keep_report(&image_id(&bad), NAME, &bad, Some("shop"), T0 + 2).await.expect("kept");
        state.inventory("n", &[], T0 + 3).await.expect("kept");
        assert_eq!(take(&state, T0 + 3).await, Vec::<String>::new());
        state.inventory("n", &[c(&bad)], T0 + 4).await.expect("kept");
        assert_eq!(take(&state, T0 + 4).await, Vec::<String>::new(), "it only stood still");
        // It is mended, and comes again: that is news.
        state.keep_report(&image_id(&good), NAME, &good, Some("shop"), T0 + 5).await.expect("kept");
        state.inventory("n", &[c(&good)], T0 + 6).await.expect("kept");
        assert_eq!(take(&state, T0 + 6).await, Vec::<String>::new());
        state.inventory("n", &[c(&bad)], T0 + 7).await.expect("kept");
        assert_eq!(take(&state, T0 + 7).await, ["CVE-1 first runs"]);
        // The same from its history.
        let (all, is_all) = state.happened_between(&ALL, T0 - 1, T0 + 9).await.expect("asked");
        let all: Vec<String> =
            all.iter().map(|(time, what)| format!("{} {}", time - T0, short(what))).collect();
        assert_eq!(
            (all, is_all),
            (
                vec![
                    "0 CVE-1 first idle".to_owned(),
                    "1 CVE-1 known runs".to_owned(),
                    "7 CVE-1 first runs".to_owned()
                ],
                true
            )
        );
        let pay = Scope { owners: vec!["pay".to_owned()], namespaces: Vec::new() };
        assert_eq!(state.happened_between(&pay, T0 - 1, T0 + 9).await.expect("asked").0, []);
    });
}

#[test]
fn what_does_not_count_is_no_news_until_it_counts() {
    on_both(|state| async move {
        node(&state, "n").await;
        let bad =
            report(NAME, 1, "3.0.1", vec![vulnerability("CVE-1", "openssl", "3.0.1", Severity::Critical)]);
        let new = NewException {
            kind: ExceptionKind::Deferral,
            rule: "CVE-1".to_owned(),
            repository: None,
            owner: "shop".to_owned(),
            reason: "later".to_owned(),
            expires: T0 + 20 * DAYS,
            dry_run: false,
        };
        state.add_exception("x", &new, "ann", T0).await.expect("made");
        state.inventory("n", &[container("c", "shop/web", &image_id(&bad), NAME)], T0).await.expect("kept");
        state.keep_report(&image_id(&bad), NAME, &bad, Some("shop"), T0).await.expect("kept");
        assert_eq!(take_since(&state, T0, T0).await, Vec::<String>::new());
        let since = T0 + 12 * DAYS;
        assert_eq!(take_since(&state, since, since).await, Vec::<String>::new());
        let exceptions = ["exception CVE-1 Critical 7 days", "exception CVE-1 Critical 1 days"];
        for (day, expected) in [(13, vec![exceptions[0]]), (14, vec![]), (19, vec![exceptions[1]])] {
            let now = T0 + day * DAYS;
            assert_eq!(take_since(&state, now, now).await, expected, "day {day}");
        }
        let over = T0 + 20 * DAYS;
        state.expire_exceptions(over).await.expect("ends");
        let taken = take_since(&state, over, over).await;
        assert_eq!(taken, ["CVE-1 first runs", "CVE-1 0 days"], "14 days are over for it, too");
    });
}

#[test]
fn a_day_is_told_a_week_before_a_day_before_and_when_it_is_past() {
    on_both(|state| async move {
        node(&state, "n").await;
        let bad = report(NAME, 1, "3.0.1", vec![vulnerability("CVE-1", "openssl", "3.0.1", Severity::High)]);
        state.inventory("n", &[container("c", "shop/web", &image_id(&bad), NAME)], T0).await.expect("kept");
        state.keep_report(&image_id(&bad), NAME, &bad, Some("shop"), T0).await.expect("kept");
        assert_eq!(take_since(&state, T0, T0).await, ["CVE-1 first runs"]);
        // High: 30 days. The hub was away from the 28th on, which loses nothing.
        for (day, expected) in
            [(22, vec![]), (23, vec!["CVE-1 7 days"]), (24, vec![]), (31, vec!["CVE-1 0 days"]), (32, vec![])]
        {
            let now = T0 + day * DAYS;
            assert_eq!(take_since(&state, now, now).await, expected, "day {day}");
        }
        // Another day is another matter.
        let finding =
            state.findings(&FindingFilter::default(), &ALL, &Paging::default(), T0).await.expect("asked");
        let id = finding.items[0].id.clone();
        let plan =
            gabion_api::rest::NewPlan { findings: vec![id], due: Some(T0 + 40 * DAYS), note: String::new() };
        state.plan(&plan, "ann", &ALL, T0 + 33 * DAYS).await.expect("planned");
        for (day, expected) in [
            (32, vec![]),
            (34, vec!["CVE-1 6 days"]),
            (39, vec!["CVE-1 1 days"]),
            (39, vec![]),
            (40, vec!["CVE-1 0 days"]),
        ] {
            let now = T0 + day * DAYS;
            assert_eq!(take_since(&state, now, now).await, expected, "day {day}");
        }
    });
}

#[test]
fn agents_sinks_and_incidents_are_taken_once_each_time_they_change() {
    on_both(|state| async move {
        node(&state, "n").await;
        let incident = |updated| NewIncident {
            number: 7,
            title: "i".to_owned(),
            severity: Level::High,
            began: T0,
            updated,
            containers: Vec::new(),
            ..NewIncident::default()
        };
        state.keep_incident("n", &incident(T0), T0).await.expect("kept");
        assert_eq!(take(&state, T0).await, ["i Open -"]);
        state.keep_incident("n", &incident(T0), T0).await.expect("kept");
        assert_eq!(take(&state, T0).await, Vec::<String>::new());
        state.keep_incident("n", &incident(T0 + 1), T0).await.expect("kept");
        state.change_incident("n-7", IncidentState::Closed, &ALL, T0).await.expect("changed");
        assert_eq!(take(&state, T0).await, ["i Closed -"]);
        // A hub that was away itself has heard nobody.
        let later = T0 + 60 * MINUTE;
        assert_eq!(take_since(&state, later, later).await, Vec::<String>::new());
        let now = later + 6 * MINUTE;
        assert_eq!(take_since(&state, later, now).await, ["n lost"]);
        assert_eq!(take_since(&state, later, now).await, Vec::<String>::new());
        state.node_status("n", "{}", 0, now).await.expect("kept");
        assert_eq!(take_since(&state, later, now).await, ["n back"]);

        let target = SinkTarget::Webhook { url: "https://hooks.example/x".to_owned(), authorities: None };
        let sink = NewSink {
            name: "s".to_owned(),
            target,
            records: Vec::new(),
            least: Level::Low,
            paused: false,
            secret: None,
        };
        state.add_sink(&sink, "https://hooks.example", "ann", 0, now).await.expect("made");
        let version = state.stored_sink("s").await.expect("is there").version;
        state.sink_failed("s", version, "it is down", now).await.expect("kept");
        state.sink_took("s", version, Some("no"), now).await.expect("kept");
        assert_eq!(take_since(&state, now, now).await, ["s Missing(1)"]);
        state.sink_took("s", version, Some("no"), now).await.expect("kept");
        let away = now + 11 * MINUTE;
        assert_eq!(take_since(&state, away, away).await, ["s Away(\"it is down\")"], "losses once an hour");
        state.sink_took("s", version, None, away).await.expect("kept");
        assert_eq!(take_since(&state, away, away).await, ["s Back"]);
        let hour = now + 61 * MINUTE;
        assert_eq!(take_since(&state, hour, hour).await, ["s Missing(2)"], "in all");
    });
}

#[test]
fn what_was_decided_is_kept_with_what_was_taken() {
    on_both(|state| async move {
        for (name, owners) in [("all", &[][..]), ("shop", &["shop"][..])] {
            state
                .add_notify_rule(&rule(name, owners), "https://gabion.example", "ann", T0)
                .await
                .expect("made");
        }
        let again = state.add_notify_rule(&rule("all", &[]), "", "ann", T0).await;
        assert!(matches!(again, Err(StateError::Refused(_))));
        let decided = |id: &str, rule: &str| Decided {
            rules: vec![RuleAfter {
                name: rule.to_owned(),
                engine: "{}".to_owned(),
                gathered: 2,
                due: Some(T0 + 9),
            }],
            messages: vec![message(id, rule)],
        };
        let made = state.take_happened(true, 0, T0, |rules, _| {
            assert_eq!((rules.len(), rules[0].engine.as_str(), rules[0].busy.len()), (2, "", 0));
            decided("m1", "all")
        });
        assert_eq!(made.await.expect("kept"), 1);
        let made = state.take_happened(false, 0, T0 + 1, |rules, _| {
            assert_eq!(
                (rules[0].engine.as_str(), rules[0].busy.contains("p"), rules[1].busy.len()),
                ("{}", true, 0)
            );
            decided("m2", "shop")
        });
        assert_eq!(made.await.expect("kept"), 1);
        let told = &state.notify_rules().await.expect("asked")[0];
        assert_eq!(
            (told.gathered, told.due, told.waiting, told.sent, told.sink_state),
            (2, Some(T0 + 9), 1, 0, None)
        );
        assert!(
            state.is_something_happening(T0 + 9).await.expect("asked")
                && !state.is_something_happening(T0 + 8).await.expect("asked")
        );

        let ids = |messages: &[StoredNotification]| {
            messages.iter().map(|one| one.notification.id.clone()).collect::<Vec<_>>()
        };
        let no_sink = BTreeSet::new();
        let due = state.due_notifications(T0 + 1, &no_sink, 10).await.expect("asked");
        assert_eq!(
            (ids(&due), due[0].base.as_str()),
            (vec!["m1".to_owned(), "m2".to_owned()], "https://gabion.example")
        );
        state.notification_waits("m1", "it is down", T0 + 50, true).await.expect("kept");
        assert_eq!(ids(&state.due_notifications(T0 + 49, &no_sink, 10).await.expect("asked")), ["m2"]);
        let one: Notification = state.notification("m1", &ALL).await.expect("is there");
        assert_eq!(
            (one.state, one.tries, one.until, one.error.as_deref(), one.more),
            (NotificationState::Waiting, 1, Some(T0 + 50), Some("it is down"), 3)
        );
        state.notification_sent("m1", T0 + 51).await.expect("kept");
        state.notification_refused("m1", "too late", None).await.expect("asked");
        let one = state.notification("m1", &ALL).await.expect("is there");
        assert_eq!(
            (one.state, one.sent, one.until, one.error),
            (NotificationState::Sent, Some(T0 + 51), None, None)
        );
        state.notification_refused("m2", "no", None).await.expect("kept");
        state.retry_notification("m2", T0 + 60).await.expect("again");
        assert!(matches!(state.retry_notification("m1", T0 + 60).await, Err(StateError::Refused(_))));

        // Who sees one owner sees rules that are only about them.
        let shop = Scope { owners: vec!["shop".to_owned()], namespaces: Vec::new() };
        let seen = async |scope: &Scope, states: &[NotificationState]| {
            let page = state.notifications(None, states, scope, &Paging::default()).await.expect("asked");
            page.items.into_iter().map(|one| one.id).collect::<Vec<_>>()
        };
        assert_eq!(
            (seen(&ALL, &[]).await, seen(&shop, &[]).await),
            (vec!["m2".to_owned(), "m1".to_owned()], vec!["m2".to_owned()])
        );
        assert_eq!(seen(&ALL, &[NotificationState::Sent]).await, ["m1"]);
        assert!(matches!(state.notification("m1", &shop).await, Err(StateError::Absent { .. })));
        let web = Scope { owners: vec!["shop".to_owned()], namespaces: vec!["web".to_owned()] };
        assert!(!web.has_rule_of(&["shop".to_owned()]) && !shop.has_rule_of(&[]) && ALL.has_rule_of(&[]));

        // What waits goes where its rule says now, and nowhere when that is gone or rests.
        state
            .change_notify_rule(
                &NewNotificationRule { sink: "other".to_owned(), paused: true, ..rule("shop", &["shop"]) },
                "",
            )
            .await
            .expect("changed");
        assert_eq!(state.notification("m2", &ALL).await.expect("is there").sink, "other");
        assert_eq!(
            ids(&state.due_notifications(T0 + 99, &no_sink, 10).await.expect("asked")),
            Vec::<String>::new()
        );
        state.remove_notify_rule("shop").await.expect("removed");
        let one = state.notification("m2", &ALL).await.expect("is there");
        assert_eq!(
            (one.state, one.error.as_deref()),
            (NotificationState::Failed, Some("its rule was removed before it was sent"))
        );
        let numbers = state.notify_numbers().await.expect("asked");
        assert_eq!(numbers, NotifyNumbers { waiting: 0, sent: 1, failed: 1 });
        state.forget_notifications(T0 + 99).await.expect("forgotten");
        assert_eq!(seen(&ALL, &[]).await, Vec::<String>::new());
    });
}
