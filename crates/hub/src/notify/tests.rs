//! What rules and the engine promise, for any stream of happenings.

use super::*;
use jiff::{Timestamp, civil::time};
use proptest::prelude::*;
use std::collections::BTreeMap;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
/// As in Berlin, without a database of time zones.
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

fn at(text: &str) -> Millis {
    text.parse::<Timestamp>().expect("a time").as_millisecond()
}

fn quiet(from: i8, to: i8) -> Quiet {
    Quiet { from: time(from, 0, 0, 0), to: time(to, 0, 0, 0), zone: BERLIN.to_owned(), through: None }
}

fn rule(name: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        owners: Vec::new(),
        least: Severity::Low,
        kinds: Vec::new(),
        group_by: vec![By::Owner],
        wait: 10 * MINUTE,
        quiet: None,
        repeat: None,
        sink: "chat".to_owned(),
    }
}

fn happening(key: &str, owner: Option<&str>, severity: Severity) -> Happening {
    Happening {
        key: key.to_owned(),
        kind: Kind::NewFinding,
        severity,
        owner: owner.map(str::to_owned),
        subject: "shop/web".to_owned(),
        title: key.to_owned(),
        link: format!("/findings/{key}"),
    }
}

fn keys(message: &Message) -> Vec<&str> {
    message.happenings.iter().map(|happening| happening.key.as_str()).collect()
}

#[test]
fn what_belongs_together_is_one_message_and_told_once() {
    let rules = [rule("r")];
    let mut engine = Engine::default();
    for (key, owner, minute) in [("a", "shop", 0), ("b", "shop", 9), ("c", "pay", 5), ("a", "shop", 9)] {
        engine.happened(&rules, &happening(key, Some(owner), Severity::High), minute * MINUTE);
    }
    assert_eq!(engine.next(&rules, 0), Some(10 * MINUTE));
    assert_eq!(engine.due(&rules, 10 * MINUTE - 1), []);
    let due = engine.due(&rules, 10 * MINUTE);
    assert_eq!((due.len(), keys(&due[0])), (1, vec!["a", "b"]));
    // It did not arrive: it is the same message later, with what has come since.
    engine.happened(&rules, &happening("d", Some("shop"), Severity::Critical), 11 * MINUTE);
    let again = engine.due(&rules, 12 * MINUTE);
    assert_eq!((&again[0].id, keys(&again[0])), (&due[0].id, vec!["d", "a", "b"]));
    // Only what was in the one that arrived was told.
    engine.delivered(&due[0], 12 * MINUTE);
    assert_eq!(engine.due(&rules, 15 * MINUTE).iter().map(keys).collect::<Vec<_>>(), [["c"]]);
    let rest = engine.due(&rules, 22 * MINUTE);
    assert_eq!(rest.iter().map(keys).collect::<Vec<_>>(), [["c"], ["d"]]);
    assert_ne!(rest[1].id, due[0].id);
    for message in &rest {
        engine.delivered(message, 22 * MINUTE);
    }
    for key in ["a", "b", "d"] {
        engine.happened(&rules, &happening(key, Some("shop"), Severity::High), 9000 * HOUR);
    }
    assert_eq!(engine.next(&rules, 9000 * HOUR), None);
}

#[test]
fn what_goes_on_is_told_again_after_the_time_that_the_rule_says() {
    let rules = [Rule { repeat: Some(HOUR), wait: 0, ..rule("r") }];
    let mut engine = Engine::default();
    let lost = happening("node n1", None, Severity::High);
    let mut told = Vec::new();
    for minute in 0..180 {
        let now = minute * MINUTE;
        engine.happened(&rules, &lost, now);
        for message in engine.due(&rules, now) {
            engine.delivered(&message, now);
            told.push(minute);
        }
    }
    assert_eq!(told, [0, 60, 120]);
}

#[test]
fn quiet_hours_are_those_of_the_place() {
    let night = quiet(22, 7);
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
    let noon = quiet(12, 13);
    assert_eq!(noon.over(at("2025-01-10T11:30:00Z")), at("2025-01-10T12:00:00Z"));
    assert_eq!(noon.over(at("2025-01-10T22:30:00Z")), at("2025-01-10T22:30:00Z"));
    // An end within the hour that is there twice: the second one.
    let odd = Quiet { from: time(1, 0, 0, 0), to: time(2, 30, 0, 0), ..quiet(1, 2) };
    for now in ["2025-10-26T00:15:00Z", "2025-10-26T01:15:00Z"] {
        assert_eq!(odd.over(at(now)), at("2025-10-26T01:30:00Z"), "{now}");
    }
    // A zone that is not known silences nothing.
    let nowhere = Quiet { zone: "Nowhere/City".to_owned(), ..quiet(0, 23) };
    assert_eq!(nowhere.over(at("2025-01-10T10:00:00Z")), at("2025-01-10T10:00:00Z"));
}

#[test]
fn what_is_bad_enough_comes_through() {
    let night = Quiet { through: Some(Severity::Critical), ..quiet(22, 7) };
    let rules = [Rule { quiet: Some(night), wait: 0, ..rule("r") }];
    let (now, morning) = (at("2025-01-10T23:00:00Z"), at("2025-01-11T06:00:00Z"));
    let mut engine = Engine::default();
    engine.happened(&rules, &happening("a", None, Severity::High), now);
    assert_eq!((engine.due(&rules, now).len(), engine.next(&rules, now)), (0, Some(morning)));
    engine.happened(&rules, &happening("b", None, Severity::Critical), now);
    assert_eq!(keys(&engine.due(&rules, now)[0]), ["b", "a"]);
}

#[test]
fn a_rule_that_makes_no_sense_is_refused() {
    type Change = fn(&mut Rule);
    assert_eq!(rule("r").check(), Ok(()));
    let wrong: [(&str, Change); 8] = [
        ("name", |rule| rule.name = " ".to_owned()),
        ("sink", |rule| rule.sink = String::new()),
        ("owners", |rule| rule.owners = vec![String::new()]),
        ("wait", |rule| rule.wait = -1),
        ("wait", |rule| rule.wait = LONGEST + 1),
        ("repeat", |rule| rule.repeat = Some(MINUTE)),
        ("quiet", |rule| rule.quiet = Some(quiet(7, 7))),
        ("quiet", |rule| rule.quiet = Some(Quiet { zone: "Nowhere/City".to_owned(), ..quiet(22, 7) })),
    ];
    for (field, change) in wrong {
        let mut rule = rule("r");
        change(&mut rule);
        assert_eq!(rule.check().map_err(|error| error.field), Err(field));
    }
}

#[test]
fn a_rule_hears_of_what_it_is_about() {
    let only = Rule {
        owners: vec!["shop".to_owned()],
        least: Severity::High,
        kinds: vec![Kind::NewFinding],
        ..rule("r")
    };
    assert!(only.wants(&happening("a", Some("shop"), Severity::Critical)));
    assert!(!only.wants(&happening("a", Some("pay"), Severity::Critical)));
    assert!(!only.wants(&happening("a", None, Severity::Critical)));
    assert!(!only.wants(&happening("a", Some("shop"), Severity::Medium)));
    let incident = Happening { kind: Kind::Incident, ..happening("a", Some("shop"), Severity::High) };
    assert!(!only.wants(&incident));
    assert!(rule("all").wants(&happening("a", None, Severity::Low)));
}

/// What a test does: something happens, time passes, a delivery works or not, the hub is started again.
#[derive(Clone, Debug)]
enum Act {
    Happen { key: u8, owner: u8, severity: Severity },
    Pass(Millis),
    Deliver { works: bool },
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let severity = prop_oneof![Just(Severity::Medium), Just(Severity::High), Just(Severity::Critical)];
    prop_oneof![
        4 => (0..12_u8, 0..3_u8, severity).prop_map(|(key, owner, severity)| Act::Happen { key, owner, severity }),
        3 => (1..8 * HOUR).prop_map(Act::Pass),
        3 => any::<bool>().prop_map(|works| Act::Deliver { works }),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Whatever happens: nothing that a rule wants is lost, nothing is told twice before its time, nothing comes before its group has waited,
    /// and in quiet hours only what may. A restart changes nothing.
    #[test]
    fn nothing_is_lost_and_nobody_is_disturbed_in_vain(
        acts in proptest::collection::vec(act(), 1..60),
        wait in 0..3 * HOUR,
        repeat in proptest::option::of(SHORTEST_REPEAT..48 * HOUR),
        nightly in any::<bool>(),
    ) {
        let night = Quiet { through: Some(Severity::Critical), ..quiet(22, 7) };
        let rules = [Rule { wait, repeat, quiet: nightly.then(|| night.clone()), ..rule("r") }];
        let mut engine = Engine::default();
        let mut now = at("2025-03-28T12:00:00Z");
        // By key: since when it waits to be told, and when it was told last.
        let mut waiting: BTreeMap<String, Millis> = BTreeMap::new();
        let mut told: BTreeMap<String, Millis> = BTreeMap::new();
        for act in acts {
            match act {
                Act::Happen { key, owner, severity } => {
                    // An owner is a part of what something is.
                    let key = format!("{owner}-{key}");
                    engine.happened(&rules, &happening(&key, Some(&owner.to_string()), severity), now);
                    let again = told.get(&key).is_none_or(|at| repeat.is_some_and(|repeat| now >= at + repeat));
                    if again {
                        waiting.entry(key).or_insert(now);
                    }
                }
                Act::Pass(time) => now += time,
                Act::Restart => {
                    let kept = serde_json::to_string(&engine).expect("JSON");
                    let back: Engine = serde_json::from_str(&kept).expect("the same");
                    prop_assert_eq!(&back, &engine);
                    engine = back;
                    engine.forget(&rules, now);
                }
                Act::Deliver { works } => {
                    let due = engine.due(&rules, now);
                    let owners: std::collections::BTreeSet<_> = due.iter().map(|message| message.happenings[0].owner.clone()).collect();
                    prop_assert_eq!(owners.len(), due.len(), "one message for each owner");
                    for message in due {
                        prop_assert!(message.since + wait <= now);
                        let disturbs = nightly && night.over(now) > now && message.severity < Severity::Critical;
                        prop_assert!(!disturbs);
                        if !works {
                            continue;
                        }
                        engine.delivered(&message, now);
                        for key in keys(&message) {
                            prop_assert!(waiting.remove(key).is_some(), "{} was told, and nothing new had happened", key);
                            told.insert(key.to_owned(), now);
                        }
                    }
                    let next = engine.next(&rules, now);
                    prop_assert_eq!(next.is_some(), !waiting.is_empty());
                }
            }
        }
        // Whoever sleeps until `next` finds something each time, and comes to an end.
        while let Some(next) = engine.next(&rules, now) {
            now = next;
            let due = engine.due(&rules, now);
            prop_assert!(!due.is_empty());
            for message in due {
                engine.delivered(&message, now);
                for key in keys(&message) {
                    prop_assert!(waiting.remove(key).is_some());
                }
            }
        }
        prop_assert!(waiting.is_empty(), "lost: {:?}", waiting);
    }
}
