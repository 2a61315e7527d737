//! The official rules of Falco, unchanged.

use super::super::*;
use crate::{
    rules::{Loaded, RuleFile, load},
    world::{WEB, World, program, tcp},
};
use gabion_model::event::{Fd, FdKind, Value};

/// The three files, if they are there.
fn official() -> Option<Loaded> {
    let data = std::env::var_os("GABION_TEST_DATA").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").into(),
        std::path::PathBuf::from,
    );
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let file = |name: &&str| {
        let content = std::fs::read(data.join("falco-rules").join(name)).ok()?;
        Some(RuleFile { name: (*name).to_owned(), content: Ok(content) })
    };
    let files = names.iter().map(file).collect::<Option<Vec<_>>>();
    assert!(
        files.is_some() || std::env::var("CI").as_deref() != Ok("true"),
        "the official rules are not there, and CI must not pass without them"
    );
    Some(load(&files?, &Fields))
}

#[test]
fn all_of_them_compile() {
    let Some(mut loaded) = official() else { return };
    assert!(!loaded.has_errors(), "{:#?}", loaded.diagnostics);
    loaded.rules.rules.iter_mut().for_each(|rule| rule.enabled = true);
    let engine = Engine::new(&loaded.rules, Matching::All).unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(engine.len(), 93);
    let (all, of_process) = engine.predicates();
    assert!(of_process * 2 > all, "{of_process} of {all} predicates depend on the process only");
    assert!(engine.kinds().count() >= 41);
}

/// Rules that match an event, by name.
fn found(engine: &mut Engine, world: &mut World, event: &Event<'_>) -> Vec<String> {
    let slot = world.apply(event);
    let matched = engine.judge(event, &world.state, slot).to_vec();
    matched.into_iter().map(|rule| engine.alert(rule, event, &world.state, slot).rule).collect()
}

#[test]
fn they_find_what_they_are_for() {
    let Some(loaded) = official() else { return };
    let mut engine = Engine::new(&loaded.rules, Matching::All).expect("compiles");
    let mut world = World::new();

    let open =
        [Value::Int(3), Value::Int(-100), Value::Bytes(b"/etc/shadow"), Value::Uint(0), Value::Uint(0)];
    let shadow = FdKind::File { path: b"/etc/shadow", upper: false };
    let fd = Some(Fd { number: 3, kind: shadow, dev: 0, ino: 0 });
    let event = Event { fd, args: &open, result: 3, ..world.event(201, EventKind::Openat) };
    assert_eq!(found(&mut engine, &mut world, &event), ["Read sensitive file untrusted"]);

    let mut shell = program(100, "/usr/bin/bash", &["bash", "-i"]);
    shell.tty = 34_816;
    let args = [Value::Int(0), Value::Bytes(b"/usr/bin/bash")];
    let mut event = Event { args: &args, container: WEB, ..world.event(300, EventKind::Execve) };
    event.subject = Subject::Process(&shell);
    assert!(found(&mut engine, &mut world, &event).contains(&"Terminal shell in container".to_owned()));

    let mut dropped = program(200, "/tmp/miner", &["/tmp/miner"]);
    dropped.exe.upper_layer = true;
    event.subject = Subject::Process(&dropped);
    assert!(
        found(&mut engine, &mut world, &event)
            .contains(&"Drop and execute new binary in container".to_owned())
    );

    let kind = tcp("10.0.0.5:40000", "93.184.216.34:22");
    let fd = Some(Fd { number: 1, kind, dev: 0, ino: 0 });
    let args = [Value::Int(1), Value::Int(7), Value::Int(1)];
    let event = Event { fd, args: &args, result: 1, ..world.event(201, EventKind::Dup2) };
    assert!(
        found(&mut engine, &mut world, &event)
            .contains(&"Redirect STDOUT/STDIN to Network Connection in Container".to_owned())
    );

    // A program of the image that reads its own files.
    let log = FdKind::File { path: b"/var/log/app.log", upper: false };
    let fd = Some(Fd { number: 3, kind: log, dev: 0, ino: 0 });
    let event = Event { fd, args: &open, result: 3, ..world.event(200, EventKind::Openat) };
    assert_eq!(found(&mut engine, &mut world, &event), [] as [&str; 0]);
}
