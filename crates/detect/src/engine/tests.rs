//! The engine against tables of conditions, against a naive evaluator, and with the official rules.

mod official;
mod property;
mod semantics;

use super::*;
use crate::{
    rules::{RuleFile, load},
    world::{World, program, task},
};
use gabion_model::event::Value;

/// Rules from a text.
pub(super) fn rules(text: &str) -> RuleSet {
    let file = RuleFile { name: "rules.yaml".to_owned(), content: Ok(text.as_bytes().to_vec()) };
    let loaded = load(&[file], &Fields);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    loaded.rules
}

/// One rule with this condition.
pub(super) fn rule(condition: &str) -> RuleSet {
    rules(&format!(
        "- rule: R\n  desc: d\n  condition: {}\n  output: found %proc.name\n  priority: NOTICE\n",
        serde_json::Value::from(condition)
    ))
}

#[test]
fn the_first_rule_that_matches_is_told_or_all() {
    let set = rules(
        "- {rule: A, desc: d, condition: evt.type = open and proc.name = cat, output: a, priority: INFO}\n\
         - {rule: B, desc: d, condition: evt.type = openat and proc.name = curl, output: b, priority: INFO}\n\
         - {rule: C, desc: d, condition: evt.type in (openat) and fd.num >= 0, output: c, priority: INFO}\n",
    );
    for (matching, expected) in [(Matching::First, &[1][..]), (Matching::All, &[1, 2])] {
        let mut engine = Engine::new(&set, matching).expect("compiles");
        let mut world = World::new();
        let event = Event { fd: crate::world::file(3, "/x"), ..world.event(201, EventKind::Openat) };
        let slot = world.apply(&event);
        assert_eq!(engine.judge(&event, &world.state, slot), expected);
        assert_eq!(engine.kinds().collect::<Vec<_>>(), [EventKind::Open, EventKind::Openat]);
    }
}

#[test]
fn what_depends_on_the_process_is_asked_once_until_it_changes() {
    let set = rule("evt.type = openat and proc.name = sh and proc.pname = bash and container.name = web");
    let mut engine = Engine::new(&set, Matching::First).expect("compiles");
    assert_eq!(engine.predicates(), (4, 3));
    let mut world = World::new();
    let mut asked = |world: &mut World, expected| {
        let event = world.event(201, EventKind::Openat);
        let slot = world.apply(&event);
        let before = engine.counters().process_predicates;
        assert_eq!(!engine.judge(&event, &world.state, slot).is_empty(), expected);
        engine.counters().process_predicates - before
    };
    assert_eq!(asked(&mut world, false), 1);
    assert_eq!(asked(&mut world, false), 0);
    world.exec(201, crate::world::WEB, &program(200, "/bin/sh", &["sh"]));
    assert_eq!(asked(&mut world, true), 3);
    assert_eq!(asked(&mut world, true), 0);
    world.exec(200, crate::world::WEB, &program(100, "/bin/dash", &["dash"]));
    assert_eq!(asked(&mut world, false), 2, "its parent is another program now");
    world.exec(200, crate::world::WEB, &program(100, "/bin/bash", &["bash"]));
    let mut other = crate::world::web();
    other.name = "api".into();
    assert_ne!(asked(&mut world, true), 0);
    world.container(&other);
    assert_ne!(asked(&mut world, false), 0, "its container has another name now");
}

#[test]
fn whoever_is_not_known_matches_nothing_that_asks_for_the_process() {
    let mut engine =
        Engine::new(&rule("evt.type = openat and proc.name != x"), Matching::First).expect("compiles");
    let mut negated =
        Engine::new(&rule("evt.type = openat and not proc.name = x"), Matching::First).expect("compiles");
    let mut world = World::new();
    let event = Event { task: task(9_999), ..world.event(201, EventKind::Openat) };
    let slot = world.apply(&event);
    assert!(
        engine.judge(&event, &world.state, slot).is_empty(),
        "a comparison with what is not known is not true"
    );
    assert_eq!(negated.judge(&event, &world.state, slot), [0], "so its contrary is");
}

#[test]
fn hostile_sizes_end() {
    let values: Vec<String> = (0..100_000).map(|n| format!("v{n}")).collect();
    let set = rule(&format!("evt.type = openat and proc.name in ({}, curl)", values.join(", ")));
    let mut engine = Engine::new(&set, Matching::First).expect("compiles");
    let mut world = World::new();
    let event = world.event(201, EventKind::Openat);
    let slot = world.apply(&event);
    assert_eq!(engine.judge(&event, &world.state, slot), [0]);

    // Catastrophic for an engine that goes back.
    let set = rule("evt.type = openat and proc.cmdline regex '(a+)+b'");
    let mut engine = Engine::new(&set, Matching::First).expect("compiles");
    let arg = "a".repeat(128 * 1024);
    world.exec(201, crate::world::WEB, &program(200, "/bin/x", &["x", &arg]));
    let event = world.event(201, EventKind::Openat);
    let slot = world.apply(&event);
    assert!(engine.judge(&event, &world.state, slot).is_empty());

    let check = crate::rules::condition::parse_resolved("proc.name regex '(x{1000}){1000}'").expect("parses");
    let crate::rules::condition::Condition::Check(check) = check else { panic!("it is one check") };
    assert!(predicate::Predicate::new(&check).is_err(), "a pattern that takes too much memory is refused");
}

#[test]
fn names_with_line_ends_and_bytes_that_are_no_text_pass_through() {
    let set = rules(
        "- {rule: R, desc: d, condition: evt.type = openat and fd.name endswith 'x', output: '%fd.name %3proc.name', priority: INFO}\n",
    );
    let mut engine = Engine::new(&set, Matching::First).expect("compiles");
    let mut world = World::new();
    let fd = gabion_model::event::Fd {
        kind: gabion_model::event::FdKind::File { path: b"/\xff\nx", upper: false },
        number: 3,
        dev: 0,
        ino: 0,
    };
    let event = Event { fd: Some(fd), args: &[Value::Int(3)], ..world.event(201, EventKind::Openat) };
    let slot = world.apply(&event);
    assert_eq!(engine.judge(&event, &world.state, slot), [0]);
    let alert = engine.alert(0, &event, &world.state, slot);
    assert_eq!(alert.message, b"/\xff\nx cur");
    assert_eq!(alert.fields["fd.name"], "/\u{fffd}\nx");
}

#[test]
fn a_rule_that_counts_is_told_beside_the_first_and_in_recorded_time() {
    let set = rules(
        "- {rule: A, desc: d, condition: evt.type = openat, output: a, priority: INFO}\n\
         - {rule: B, desc: d, condition: evt.type = openat and fd.num >= 0, output: b, priority: INFO,\n\
            count: {distinct: fd.name, at_least: 3, within: 10s, per: [proc.pid, proc.name]}}\n",
    );
    let mut engine = Engine::new(&set, Matching::First).expect("compiles");
    let mut world = World::new();
    let mut open = |world: &mut World, pid, path| {
        let event = Event { fd: crate::world::file(3, path), ..world.event(pid, EventKind::Openat) };
        let slot = world.apply(&event);
        engine.judge(&event, &world.state, slot).to_vec()
    };
    assert_eq!(open(&mut world, 201, "/a"), [0]);
    assert_eq!(open(&mut world, 201, "/b"), [0]);
    assert_eq!(open(&mut world, 201, "/b"), [0], "the same file again");
    assert_eq!(open(&mut world, 200, "/c"), [0], "another process");
    assert_eq!(open(&mut world, 9_999, "/c"), [0], "nobody knows who: not counted");
    world.wait(11);
    assert_eq!(open(&mut world, 201, "/c"), [0], "too late");
    assert_eq!(open(&mut world, 201, "/a"), [0]);
    assert_eq!(open(&mut world, 201, "/b"), [0, 1]);
}

#[test]
fn our_own_rules_are_sound_and_name_programs_as_the_kernel_does() {
    use crate::rules::condition::{Operand, Right};
    let file = RuleFile { name: "own".to_owned(), content: Ok(crate::rules::DEFAULT.as_bytes().to_vec()) };
    let loaded = load(&[file], &Fields);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    Engine::new(&loaded.rules, Matching::All).expect("compiles");
    for rule in &loaded.rules.rules {
        for check in rule.condition.checks() {
            let Operand::Field(field) = &check.left else { continue };
            let values = match &check.right {
                Right::Value(value) => std::slice::from_ref(value),
                Right::List(values) => values,
                Right::None | Right::Field(_) => continue,
            };
            let of_program = matches!(field.name.as_str(), "proc.name" | "proc.pname" | "proc.aname");
            let longer = values.iter().find(|value| of_program && value.len() > 15);
            assert_eq!(longer, None, "{}: names of programs have 15 bytes at most", rule.name);
        }
    }
}
