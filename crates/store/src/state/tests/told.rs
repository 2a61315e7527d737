//! Who may be told what of an incident, when a sink is back, and what becomes of a message that its sink does not take.

use super::{
    super::{sql::q, *},
    notify::{message, rule, short, take_since},
    stitched::{chain, nodes},
    *,
};
use gabion_api::rest::{Incident, NewApart, NewNotificationRule, NewSink, Severity as Level, SinkTarget};
use std::collections::BTreeSet;

const DAYS: Millis = 24 * 60 * MINUTE;

/// An alert of the first incident of a node, in a workload of an owner.
async fn attacked(state: &State, node: &str, owner: &str) {
    let mut one = container(&format!("{node}-{owner}"), &format!("{owner}/{node}"), "", "web:1");
    one.labels.insert("owner".to_owned(), owner.to_owned());
    let alert = NewAlert {
        number: 1,
        time: T0,
        rule: "r".to_owned(),
        priority: "Critical".to_owned(),
        incident: Some(1),
        container: one.id.clone(),
        message: "m".to_owned(),
        ..NewAlert::default()
    };
    state.inventory(node, &[one], T0).await.expect("kept");
    state.keep_alerts(node, &[alert], T0).await.expect("kept");
}

/// All that is told of an incident: to who hears everything, and to each owner.
fn all_of(happened: &Happened) -> String {
    let Happened::Incident { incident, owner, joined, views } = happened else { panic!("{happened:?}") };
    let one = |of: &Incident| format!("{} in {} ({})", of.title, of.containers.join("+"), of.alerts);
    let own: Vec<String> = views.iter().map(|(owner, view)| format!("; {owner}: {}", one(view))).collect();
    let own = own.concat();
    let joined = joined.as_ref().map(|whole| format!(" -> {whole}")).unwrap_or_default();
    format!("{} {}: {}{own}{joined}", incident.id, owner.as_deref().unwrap_or("-"), one(incident))
}

async fn taken(state: &State) -> Vec<String> {
    let mut taken = Vec::new();
    let decide = |_: &[StoredRule], happened: &[Happened]| {
        taken = happened.iter().map(all_of).collect();
        Decided::default()
    };
    state.take_happened(false, 0, T0, decide).await.expect("taken");
    taken
}

#[test]
fn an_owner_is_told_of_an_incident_what_the_own_parts_say() {
    on_both(|state| async move {
        nodes(&state).await;
        let [(_, a), (_, b), (_, c)] = chain();
        for (node, owner) in [("a", "shop"), ("b", "pay"), ("c", "pay")] {
            attacked(&state, node, owner).await;
        }
        state.keep_incident("a", &a, T0).await.expect("kept");
        state.keep_incident("c", &c, T0).await.expect("kept");
        let alone =
            ["a-1 shop: web in web (1); shop: web in web (1)", "c-1 pay: db in db (1); pay: db in db (1)"];
        assert_eq!(taken(&state).await, alone);
        // That one joins the two: what had an incident of its own has it no more, and is still whose it was.
        state.keep_incident("b", &b, T0).await.expect("kept");
        let whole = "a-1 pay: cache, over 3 nodes in cache+db+web (3); pay: cache, over 2 nodes in cache+db (2); shop: web in web (1)";
        assert_eq!(taken(&state).await, [whole, "c-1 pay: db (now part of a-1) in db (0) -> a-1"]);
        let (before, is_all) = state.happened_between(&ALL, T0, T0 + 9_000).await.expect("asked");
        let before: Vec<String> = before.iter().map(|(_, happened)| all_of(happened)).collect();
        assert_eq!((before, is_all), (vec![whole.to_owned(); 2], true), "when it began, and when it changed");
        // They are two again.
        let said = NewApart {
            cause: "a-1".to_owned(),
            effect: "b-1".to_owned(),
            apart: true,
            reason: String::new(),
        };
        state.part_incidents(&said, "ann", &ALL, T0).await.expect("said");
        let pay = "cache, over 2 nodes in cache+db (2)";
        let mut parted = taken(&state).await;
        parted.sort_unstable();
        assert_eq!(parted.first().map(String::as_str), Some(alone[0]));
        assert!(parted.iter().any(|one| one.ends_with(&format!(" pay: {pay}; pay: {pay}"))), "{parted:?}");
    });
}

#[test]
fn a_finding_that_is_mended_and_back_before_anybody_looks_is_news() {
    on_both(|state| async move {
        const NAME: &str = "registry.example/shop/web:1";
        node(&state, "n").await;
        let finding = vec![vulnerability("CVE-1", "openssl", "3.0.1", Severity::High)];
        let (bad, good) = (
            report(NAME, 1, "3.0.1", finding),
            report("registry.example/shop/web:2", 2, "3.0.2", Vec::new()),
        );
        let c = |image: &ScanReport| container("c", "shop/web", &image_id(image), NAME);
        let often = async |now| {
            let mut taken = Vec::new();
            let decide = |_: &[StoredRule], happened: &[Happened]| {
                taken = happened.iter().map(short).collect();
                Decided::default()
            };
            state.take_happened(false, 0, now, decide).await.expect("taken");
            taken
        };
        state.keep_report(&image_id(&bad), NAME, &bad, Some("shop"), T0).await.expect("kept");
        state.inventory("n", &[c(&bad)], T0).await.expect("kept");
        assert_eq!(often(T0).await, ["CVE-1 first runs"]);
        state.keep_report(&image_id(&good), NAME, &good, Some("shop"), T0 + 1).await.expect("kept");
        state.inventory("n", &[c(&good)], T0 + 2).await.expect("kept");
        state.inventory("n", &[c(&bad)], T0 + 3).await.expect("kept");
        assert_eq!(often(T0 + 3).await, ["CVE-1 first runs"]);
        assert_eq!(often(T0 + 4).await, Vec::<String>::new());
    });
}

fn sink(paused: bool) -> NewSink {
    NewSink {
        name: "s".to_owned(),
        target: SinkTarget::Webhook { url: "https://hooks.example/x".to_owned(), authorities: None },
        records: Vec::new(),
        least: Level::Low,
        paused,
        secret: None,
    }
}

#[test]
fn a_sink_is_back_when_it_takes_something_and_gone_when_it_is_removed() {
    on_both(|state| async move {
        let place = "https://hooks.example";
        let version = async || state.stored_sink("s").await.expect("is there").version;
        let take = async |now| take_since(&state, now, now).await;
        state.add_sink(&sink(false), place, "ann", 0, T0).await.expect("made");
        state.sink_failed("s", version().await, "it is down", T0).await.expect("kept");
        let away = T0 + 11 * MINUTE;
        assert_eq!(take(away).await, ["s Away(\"it is down\")"]);
        // That somebody pauses or changes it does not say that it is well.
        for paused in [true, false] {
            state.change_sink(&sink(paused), place, 0, away).await.expect("changed");
            assert_eq!(take(away + 1).await, Vec::<String>::new(), "paused: {paused}");
        }
        state.sink_failed("s", version().await, "it is down", away).await.expect("kept");
        assert_eq!(take(away + 20 * MINUTE).await, Vec::<String>::new(), "that is known");
        state.sink_took("s", version().await, None, away + 21 * MINUTE).await.expect("kept");
        assert_eq!(take(away + 21 * MINUTE).await, ["s Back"]);
        // One that is well is removed without a word, one that is away is not.
        let later = away + DAYS;
        state.sink_failed("s", version().await, "it is down", later).await.expect("kept");
        assert_eq!(take(later + 10 * MINUTE).await, ["s Away(\"it is down\")"]);
        state.remove_sink("s").await.expect("removed");
        assert_eq!(take(later + 11 * MINUTE).await, ["s Gone"]);
        assert_eq!(take(later + 12 * MINUTE).await, Vec::<String>::new());
        state.add_sink(&sink(false), place, "ann", 0, later).await.expect("made");
        state.remove_sink("s").await.expect("removed");
        assert_eq!(take(later + 13 * MINUTE).await, Vec::<String>::new());
    });
}

#[test]
fn waiting_is_no_attempt_and_a_busy_sink_holds_up_no_other() {
    on_both(|state| async move {
        let other = NewNotificationRule { sink: "other".to_owned(), ..rule("b", &[]) };
        for rule in [rule("a", &[]), other] {
            state.add_notify_rule(&rule, "", "ann", T0).await.expect("made");
        }
        for (at, id, rule) in [(0, "m1", "a"), (1, "m2", "a"), (2, "m3", "b")] {
            let decide = |_: &[StoredRule], _: &[Happened]| Decided {
                messages: vec![message(id, rule)],
                ..Decided::default()
            };
            state.take_happened(false, 0, T0 + at, decide).await.expect("kept");
        }
        let due = async |busy: &[&str], now: Millis| {
            let busy: BTreeSet<String> = busy.iter().map(|name| (*name).to_owned()).collect();
            let due = state.due_notifications(now, &busy, 2).await.expect("asked");
            due.into_iter().map(|one| one.notification.id).collect::<Vec<_>>()
        };
        assert_eq!(due(&[], T0 + 9).await, ["m1", "m2"]);
        assert_eq!(due(&["chat"], T0 + 9).await, ["m3"]);
        assert_eq!(due(&["chat", "other"], T0 + 9).await, Vec::<String>::new());

        let numbers = async || {
            let due = state.due_notifications(T0 + 99, &BTreeSet::new(), 1).await.expect("asked");
            (due[0].notification.tries, due[0].refusals, due[0].taken, due[0].taken_by.clone())
        };
        state.notification_waits("m1", "it is paused", T0 + 9, false).await.expect("kept");
        assert_eq!(numbers().await, (0, 0, 0, String::new()));
        state.notification_waits("m1", "it is down", T0 + 9, true).await.expect("kept");
        assert_eq!(numbers().await, (1, 0, 0, String::new()));
        state.notification_refused("m1", "no", Some(T0 + 9)).await.expect("kept");
        assert_eq!(numbers().await, (2, 1, 0, String::new()));
        state.notification_taken("m1", "chat 1", 7, 3).await.expect("kept");
        assert_eq!(numbers().await, (2, 3, 7, "chat 1".to_owned()));
        // Asked for again while it waits it goes on where it was; after it has failed it begins anew.
        state.retry_notification("m1", T0 + 9).await.expect("again");
        assert_eq!(numbers().await, (0, 0, 7, "chat 1".to_owned()));
        state.notification_refused("m1", "no", None).await.expect("kept");
        state.retry_notification("m1", T0 + 9).await.expect("again");
        assert_eq!(numbers().await, (0, 0, 0, "chat 1".to_owned()));
    });
}

#[test]
fn a_preview_that_leaves_something_out_says_so() {
    on_both(|state| async move {
        let is_all = async || {
            let (happened, is_all) = state.happened_between(&ALL, T0, T0 + DAYS).await.expect("asked");
            (happened.len(), is_all)
        };
        for (many, table) in [
            (20_001, q("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20001) \
                INSERT INTO exception (id, kind, rule, owner, reason, expires, created, created_by) \
                SELECT 'x' || i, 'deferral', 'CVE-1', 'shop', '', ?, ?, 'ann' FROM n").bind(T0 + 7 * DAYS + 1).bind(T0 - 30 * DAYS)),
            (20_001, q("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20001) \
                INSERT INTO incident (id, title, severity, began, updated, containers, tactics, techniques, state, nodes, arrived) \
                SELECT 'n-' || i, 'i', 3, ?, ?, '[]', '[]', '[]', 'open', '[]', 0 FROM n").bind(T0 + 1).bind(T0 + 1)),
        ] {
            assert_eq!(is_all().await, (0, true));
            assert_eq!(table.run(&state.pool).await.expect("kept"), many);
            assert_eq!(is_all().await, (20_001, false));
            for table in [q("DELETE FROM exception"), q("DELETE FROM incident")] {
                table.run(&state.pool).await.expect("removed");
            }
        }
    });
}
