//! What rules and the engine promise, for any stream of happenings.

mod over;
mod stream;

use super::{engine::Message, rule::RuleError, words::OfFinding, *};
use gabion_api::rest::{
    ExploitedFindings, NewNotificationRule, NotificationGroup, NotificationKind, QuietHours, Severity,
};
use jiff::Timestamp;
use std::collections::BTreeSet;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;

fn at(text: &str) -> Millis {
    text.parse::<Timestamp>().expect("a time").as_millisecond()
}

fn quiet(from: &str, to: &str, through: Option<Severity>) -> QuietHours {
    QuietHours { from: from.to_owned(), to: to.to_owned(), zone: "Europe/Berlin".to_owned(), through }
}

fn new() -> NewNotificationRule {
    NewNotificationRule {
        name: "r".to_owned(),
        sink: "chat".to_owned(),
        owners: Vec::new(),
        least: Severity::Low,
        kinds: Vec::new(),
        exploited: None,
        running: true,
        group_by: vec![NotificationGroup::Owner],
        wait: 10,
        again: None,
        quiet: None,
        paused: false,
    }
}

fn rule(change: impl FnOnce(&mut NewNotificationRule)) -> Rule {
    let mut new = new();
    change(&mut new);
    Rule::try_from(&new).expect("makes sense")
}

fn happening(key: &str, owner: Option<&str>, severity: Severity) -> Happening {
    Happening {
        key: key.to_owned(),
        kind: NotificationKind::NewFinding,
        severity,
        owner: owner.map(str::to_owned),
        subject: "shop/web".to_owned(),
        title: key.to_owned(),
        link: format!("/findings/{key}"),
        lasting: false,
        over: false,
    }
}

/// A finding that is new, and runs.
fn found(key: &str, owner: Option<&str>, severity: Severity) -> News {
    let finding = OfFinding { first: true, running: true, exploited: false };
    News { happening: happening(key, owner, severity), finding: Some(finding) }
}

/// An incident that is new, has changed, or is over.
fn incident(key: &str, owner: Option<&str>, severity: Severity, over: bool) -> News {
    let happening = happening(key, owner, severity);
    News {
        happening: Happening { kind: NotificationKind::Incident, lasting: true, over, ..happening },
        finding: None,
    }
}

fn keys(message: &Message) -> Vec<&str> {
    message.happenings.iter().map(|happening| happening.key.as_str()).collect()
}

/// Makes the messages that are due, but of parts that are busy.
fn due(engine: &mut Engine, rule: &Rule, now: Millis, busy: &BTreeSet<String>) -> Vec<(String, Message)> {
    engine.ripen(rule, now);
    let parts = engine.due(rule, now, busy);
    parts.into_iter().map(|part| (part.clone(), engine.take(&part, now).expect("is due"))).collect()
}

fn all_due(engine: &mut Engine, rule: &Rule, now: Millis) -> Vec<Message> {
    due(engine, rule, now, &BTreeSet::new()).into_iter().map(|(_, message)| message).collect()
}

fn next(engine: &Engine, rule: &Rule, now: Millis) -> Option<Millis> {
    engine.next(rule, now, &BTreeSet::new())
}

#[test]
fn what_belongs_together_is_one_message() {
    let rule = rule(|_| {});
    let mut engine = Engine::default();
    for (key, owner, minute) in [("a", "shop", 0), ("b", "shop", 9), ("c", "pay", 5), ("a", "shop", 9)] {
        engine.happened(&rule, &found(key, Some(owner), Severity::High), minute * MINUTE);
    }
    assert_eq!(next(&engine, &rule, 0), Some(10 * MINUTE));
    assert_eq!(all_due(&mut engine, &rule, 10 * MINUTE - 1), []);
    let first = due(&mut engine, &rule, 10 * MINUTE, &BTreeSet::new());
    assert_eq!((first.len(), keys(&first[0].1)), (1, vec!["a", "b"]));
    // It is not sent yet: what comes meanwhile waits, however long that takes, and does not hold up others.
    let busy = BTreeSet::from([first[0].0.clone()]);
    engine.happened(&rule, &found("d", Some("shop"), Severity::Critical), 11 * MINUTE);
    let others = due(&mut engine, &rule, 90 * MINUTE, &busy);
    assert_eq!(others.iter().map(|(_, message)| keys(message)).collect::<Vec<_>>(), [["c"]]);
    assert_eq!(engine.next(&rule, 90 * MINUTE, &busy), None);
    assert_eq!(all_due(&mut engine, &rule, 91 * MINUTE).iter().map(keys).collect::<Vec<_>>(), [["d"]]);
    assert_eq!((next(&engine, &rule, 91 * MINUTE), engine.gathered()), (None, 0));
}

#[test]
fn ten_thousand_findings_are_one_message_that_names_the_worst() {
    let rule = rule(|new| new.group_by.clear());
    let mut engine = Engine::default();
    for number in 0..10_000_u32 {
        let severity = if number % 1000 == 0 { Severity::Critical } else { Severity::Low };
        engine.happened(&rule, &found(&format!("f-{number}"), None, severity), 0);
    }
    let messages = all_due(&mut engine, &rule, HOUR);
    let [message] = messages.as_slice() else { panic!("{} messages", messages.len()) };
    assert_eq!((message.happenings.len(), message.more), (engine::NAMED, 10_000 - engine::NAMED as u64));
    let critical = message.happenings.iter().filter(|one| one.severity == Severity::Critical).count();
    assert_eq!((critical, message.severity), (10, Severity::Critical), "however late they came");
    assert_eq!(words::headline(message), "10000 new findings, the worst is critical");
    assert_eq!(words::page(message, &rule), "/findings?sort=-first_seen&severity=critical,high,medium,low");
    assert_eq!((next(&engine, &rule, HOUR), engine.gathered()), (None, 0), "and none after it");
}

#[test]
fn many_parts_are_no_flood() {
    let rule = rule(|new| new.group_by = vec![NotificationGroup::Subject]);
    let mut engine = Engine::default();
    for number in 0..1000_u32 {
        let mut news = found(&format!("f-{number}"), None, Severity::Low);
        news.happening.subject = format!("image-{number}");
        engine.happened(&rule, &news, 0);
    }
    let messages = all_due(&mut engine, &rule, HOUR);
    assert_eq!(messages.len(), engine::PARTS + 1);
    let told: u64 = messages.iter().map(|message| message.happenings.len() as u64 + message.more).sum();
    assert_eq!(told, 1000);
}

#[test]
fn what_changes_on_and_on_is_told_again_after_a_while_or_when_it_gets_worse_or_is_over() {
    let rule = rule(|new| (new.wait, new.again) = (0, Some(60)));
    let mut engine = Engine::default();
    let mut told = Vec::new();
    for minute in 0..180 {
        let now = minute * MINUTE;
        // It changes each minute, for two hours; after 100 minutes it is worse.
        if minute < 120 {
            let severity = if minute < 100 { Severity::Medium } else { Severity::High };
            engine.happened(&rule, &incident("i", None, severity, false), now);
        }
        if minute == 150 {
            engine.happened(&rule, &incident("i", None, Severity::High, true), now);
        }
        let messages = all_due(&mut engine, &rule, now);
        told.extend(messages.iter().map(|message| (minute, message.happenings[0].over)));
    }
    assert_eq!(told, [(0, false), (60, false), (100, false), (150, true)]);
    assert_eq!(engine, Engine::default(), "and it is forgotten");
    // The last change is told even if no other follows; without a time nothing is told twice.
    engine.happened(&rule, &incident("j", None, Severity::Low, false), 0);
    assert_eq!(all_due(&mut engine, &rule, 0).len(), 1);
    engine.happened(&rule, &incident("j", None, Severity::Low, false), MINUTE);
    assert_eq!(next(&engine, &rule, MINUTE), Some(HOUR));
    assert_eq!(all_due(&mut engine, &rule, HOUR).len(), 1);
    let once = super::tests::rule(|new| new.wait = 0);
    engine.happened(&once, &incident("j", None, Severity::Low, false), 9 * HOUR);
    assert_eq!(next(&engine, &once, 9 * HOUR), None);
}

#[test]
fn what_is_over_before_it_was_told_is_not_told() {
    let rule = rule(|_| {});
    let mut engine = Engine::default();
    engine.happened(&rule, &incident("node n1", None, Severity::High, false), 0);
    engine.happened(&rule, &incident("node n1", None, Severity::High, true), MINUTE);
    assert_eq!((next(&engine, &rule, MINUTE), engine.gathered()), (None, 0));
    // Nor is what the rule is not about, whatever becomes of it.
    engine.happened(&rule, &incident("node n2", None, Severity::Info, false), 0);
    engine.happened(&rule, &incident("node n2", None, Severity::Info, true), 0);
    assert_eq!(engine, Engine::default());
}

#[test]
fn quiet_hours_are_those_of_the_place() {
    let hours = |from, to| Quiet::try_from(&quiet(from, to, None)).expect("makes sense");
    let night = hours("22:00", "07:00");
    for (now, over) in [
        // Winter: an hour ahead of UTC.
        ("2025-01-10T20:59:00Z", "2025-01-10T20:59:00Z"),
        ("2025-01-10T21:00:00Z", "2025-01-11T06:00:00Z"),
        ("2025-01-11T05:59:59Z", "2025-01-11T06:00:00Z"),
        ("2025-01-11T06:00:00Z", "2025-01-11T06:00:00Z"),
        // Summer: two.
        ("2025-07-10T20:00:00Z", "2025-07-11T05:00:00Z"),
        // The nights in which the clock is changed are an hour shorter, and longer.
        ("2025-03-29T22:00:00Z", "2025-03-30T05:00:00Z"),
        ("2025-10-25T20:00:00Z", "2025-10-26T06:00:00Z"),
    ] {
        assert_eq!(night.over(at(now)), at(over), "{now}");
    }
    let noon = hours("12:00", "13:00");
    assert_eq!(noon.over(at("2025-01-10T11:30:00Z")), at("2025-01-10T12:00:00Z"));
    assert_eq!(noon.over(at("2025-01-10T22:30:00Z")), at("2025-01-10T22:30:00Z"));
    // An end within the hour that is there twice: the second one.
    let odd = hours("01:00", "02:30");
    for now in ["2025-10-26T00:15:00Z", "2025-10-26T01:15:00Z"] {
        assert_eq!(odd.over(at(now)), at("2025-10-26T01:30:00Z"), "{now}");
    }
}

#[test]
fn what_is_bad_enough_comes_through() {
    let rule =
        rule(|new| (new.wait, new.quiet) = (0, Some(quiet("22:00", "07:00", Some(Severity::Critical)))));
    let (now, morning) = (at("2025-01-10T23:00:00Z"), at("2025-01-11T06:00:00Z"));
    let mut engine = Engine::default();
    engine.happened(&rule, &found("a", None, Severity::High), now);
    assert_eq!((all_due(&mut engine, &rule, now).len(), next(&engine, &rule, now)), (0, Some(morning)));
    engine.happened(&rule, &found("b", None, Severity::Critical), now);
    assert_eq!(keys(&all_due(&mut engine, &rule, now)[0]), ["b", "a"]);
}

#[test]
fn a_rule_that_makes_no_sense_is_refused() {
    type Change = fn(&mut NewNotificationRule);
    let wrong: [(&str, Change); 11] = [
        ("name", |new| new.name = "A b".to_owned()),
        ("name", |new| new.name = "x".repeat(65)),
        ("sink", |new| new.sink = String::new()),
        ("owners", |new| new.owners = vec![String::new()]),
        ("owners", |new| new.owners = vec!["x".repeat(10_000)]),
        ("wait", |new| new.wait = u32::MAX),
        ("again", |new| new.again = Some(1)),
        ("again", |new| new.again = Some(u32::MAX)),
        ("quiet", |new| new.quiet = Some(quiet("07:00", "07:00", None))),
        ("quiet", |new| new.quiet = Some(quiet("25:00", "07:00", None))),
        ("quiet", |new| {
            new.quiet = Some(QuietHours { zone: "Nowhere/City".to_owned(), ..quiet("22:00", "07:00", None) });
        }),
    ];
    for (field, change) in wrong {
        let mut new = new();
        change(&mut new);
        assert_eq!(Rule::try_from(&new).map_err(|RuleError { field, .. }| field), Err(field), "{new:?}");
    }
}

#[test]
fn a_rule_hears_of_what_it_is_about() {
    let only = rule(|new| {
        new.owners = vec!["shop".to_owned()];
        new.least = Severity::High;
        new.kinds = vec![NotificationKind::NewFinding];
    });
    assert!(only.wants(&found("a", Some("shop"), Severity::Critical)));
    assert!(!only.wants(&found("a", Some("pay"), Severity::Critical)));
    assert!(!only.wants(&found("a", None, Severity::Critical)));
    assert!(!only.wants(&found("a", Some("shop"), Severity::Medium)));
    assert!(!only.wants(&incident("a", Some("shop"), Severity::High, false)));
    assert!(rule(|_| {}).wants(&found("a", None, Severity::Low)));
    // Findings are told when they run, or when they are known: once.
    let of = |first, running, exploited| News {
        finding: Some(OfFinding { first, running, exploited }),
        ..found("a", None, Severity::Medium)
    };
    let known = rule(|new| new.running = false);
    for (news, runs, is_known) in [
        (of(true, false, false), false, true),
        (of(false, true, false), true, false),
        (of(true, true, false), true, true),
    ] {
        assert_eq!((rule(|_| {}).wants(&news), known.wants(&news)), (runs, is_known), "{news:?}");
    }
    let exploited = |how| rule(|new| (new.least, new.exploited) = (Severity::High, how));
    let is_told = |how| exploited(how).wants(&of(true, true, true));
    assert_eq!(
        [None, Some(ExploitedFindings::Only), Some(ExploitedFindings::Also)].map(is_told),
        [false, false, true]
    );
    let high = |exploited| News {
        finding: Some(OfFinding { first: true, running: true, exploited }),
        ..found("a", None, Severity::High)
    };
    assert_eq!(
        [true, false].map(|one| exploited(Some(ExploitedFindings::Only)).wants(&high(one))),
        [true, false]
    );
}

#[test]
fn hostile_names_are_one_short_line() {
    let hostile = format!("<script>alert(1)</script>\n# *x* {}", "y".repeat(10_000));
    let cut = words::line(&hostile, 240);
    assert_eq!((cut.chars().count(), cut.contains('\n'), cut.ends_with('…')), (240, false, true));
    assert_eq!(words::part("a/b?c=d&e f\"<"), "a%2Fb%3Fc%3Dd%26e%20f%22%3C");
}

#[test]
fn a_rule_that_is_paused_tells_afterwards_that_is_over_what_it_told() {
    let agent = |id: &str, lost| Happened::Agent { id: id.to_owned(), name: id.to_owned(), lost };
    let follow = |engine: &str, paused, happened: &[Happened]| {
        let rule = NewNotificationRule { paused, wait: 0, ..new() };
        let stored = StoredRule { rule, engine: engine.to_owned(), due: None, busy: BTreeSet::new() };
        let mut unread = Vec::new();
        (decide(&[stored], happened, HOUR, &mut unread), unread)
    };
    let (told, _) = follow("", false, &[agent("a", Some(0))]);
    assert_eq!((told.messages.len(), told.rules[0].gathered), (1, 0));
    let (paused, _) = follow(&told.rules[0].engine, true, &[agent("a", None), agent("b", Some(0))]);
    assert_eq!((paused.messages.len(), paused.rules[0].gathered, paused.rules[0].due), (0, 1, None));
    let (after, unread) = follow(&paused.rules[0].engine, false, &[agent("b", None)]);
    assert_eq!((after.messages.len(), after.messages[0].items.len(), unread.len()), (1, 1, 0));
    assert!(after.messages[0].items[0].over && after.messages[0].items[0].key == "node a");
    // What has not changed is not kept anew; what cannot be read is told, and holds up nothing.
    assert_eq!(follow(&after.rules[0].engine, false, &[]), (Decided::default(), Vec::new()));
    let (broken, unread) = follow("{", false, &[agent("c", Some(0))]);
    assert_eq!((broken.messages.len(), unread), (1, vec!["r".to_owned()]));
}
