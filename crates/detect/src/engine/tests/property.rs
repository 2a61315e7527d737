//! The compiled engine says what a naive evaluator says, whatever the condition and whatever happens.

use super::{super::*, rule};
use crate::{
    rules::condition::{Condition, parse_resolved},
    world::{WEB, World, file, program},
};
use gabion_model::event::Value;
use proptest::prelude::*;

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    Open { pid: u32, path: usize, flags: u64 },
    Exec { pid: u32, parent: u32, name: usize },
    Fork { parent: u32, pid: u32 },
    Exit { pid: u32, reaper: u32 },
    Setuid { pid: u32, uid: u64 },
    Rename { pid: u32, name: usize },
    Container(usize),
}

const PATHS: &[&str] = &["/etc/passwd", "/tmp/x", "/var/log/app"];
const NAMES: &[&str] = &["sh", "curl", "nginx"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pid = || 200_u32..206;
    let step = prop_oneof![
        4 => (pid(), 0..PATHS.len(), 0..4_u64).prop_map(|(pid, path, flags)| Step::Open { pid, path, flags }),
        1 => (pid(), pid(), 0..NAMES.len()).prop_map(|(pid, parent, name)| Step::Exec { pid, parent, name }),
        1 => (pid(), pid()).prop_map(|(parent, pid)| Step::Fork { parent, pid }),
        1 => (pid(), pid()).prop_map(|(pid, reaper)| Step::Exit { pid, reaper }),
        1 => (pid(), 0..3_u64).prop_map(|(pid, uid)| Step::Setuid { pid, uid }),
        1 => (pid(), 0..NAMES.len()).prop_map(|(pid, name)| Step::Rename { pid, name }),
        1 => (0..NAMES.len()).prop_map(Step::Container),
    ];
    proptest::collection::vec(step, 1..40)
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "evt.type = openat",
        "evt.type in (openat, setuid)",
        "not evt.type = execve",
        "proc.name = curl",
        "proc.name in (sh, nginx)",
        "proc.pname = sh",
        "proc.aname = nginx",
        "proc.aname[2] exists",
        "proc.cmdline contains -x",
        "user.uid = 0",
        "user.uid >= 1",
        "container.name = sh",
        "fd.name startswith /etc",
        "fd.name in (/tmp/x, /var/log/app)",
        "fd.name exists",
        "evt.is_open_write = true",
        "evt.arg.flags contains O_RDONLY",
        "proc.name = val(proc.pname)",
        "evt.failed = true",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(5, 48, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|all| format!("({})", all.join(" and "))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|any| format!("({})", any.join(" or "))),
            inner.prop_map(|one| format!("not ({one})")),
        ]
    })
}

/// Asks every check anew, in the order in which they are written, by its own simple means.
fn naive(condition: &Condition, cx: Context<'_>) -> bool {
    use crate::{
        field::{Datum, Field},
        rules::condition::{Operand as Written, Operator as Op, Right},
    };
    let check = match condition {
        Condition::And(all) => return all.iter().all(|one| naive(one, cx)),
        Condition::Or(any) => return any.iter().any(|one| naive(one, cx)),
        Condition::Not(not) => return !naive(not, cx),
        Condition::Check(check) => check,
    };
    let text = |operand: &Written| {
        let Written::Field(field) = operand else { panic!("only fields are made here") };
        let field = Field::resolve(field).expect("the fields are known");
        let mut buffer = Vec::new();
        let mut out = Vec::new();
        let value = field.extract(cx, &mut buffer)?;
        Datum::print(&value, &mut out);
        Some(String::from_utf8(out).expect("all is text here"))
    };
    let Some(left) = text(&check.left) else { return false };
    // Of all ancestors, the text has the names with spaces between.
    let any = matches!(&check.left, Written::Field(field) if field.name == "proc.aname" && field.argument.is_none());
    match (check.operator, &check.right) {
        (Op::Exists, _) => true,
        (Op::Equal, Right::Value(value)) if any => left.split(' ').any(|name| name == value),
        (Op::Equal, Right::Value(value)) => left == *value,
        (Op::Equal, Right::Field(other)) => Some(left) == text(other),
        (Op::In, Right::List(values)) => values.contains(&left),
        (Op::Contains, Right::Value(value)) => left.contains(value.as_str()),
        (Op::StartsWith, Right::Value(value)) => left.starts_with(value.as_str()),
        (Op::GreaterEqual, Right::Value(value)) => {
            left.parse::<i64>().expect("a number") >= value.parse().expect("a number")
        }
        other => panic!("{other:?} is not made here"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_says_what_a_naive_evaluator_says(text in condition(), steps in steps()) {
        let condition = parse_resolved(&text).expect("it parses");
        let mut engine = Engine::new(&rule(&text), Matching::First).expect("it compiles");
        let mut world = World::new();
        for step in steps {
            let process;
            let args;
            let container;
            let event = match step {
                Step::Open { pid, path, flags } => {
                    args = vec![Value::Int(3), Value::Int(-100), Value::Bytes(PATHS[path].as_bytes()), Value::Uint(flags)];
                    let base = world.event(pid, EventKind::Openat);
                    Event { fd: file(3, PATHS[path]), args: &args, result: 3, ..base }
                }
                Step::Exec { pid, parent, name } => {
                    process = program(parent, NAMES[name], &[NAMES[name], "-x"]);
                    let base = world.event(pid, EventKind::Execve);
                    Event { container: WEB, subject: Subject::Process(&process), ..base }
                }
                Step::Fork { parent, pid } => {
                    let child = gabion_model::event::Child { task: crate::world::task(pid), vpid: pid, thread: false };
                    Event { subject: Subject::Child(child), ..world.event(parent, EventKind::Clone) }
                }
                Step::Exit { pid, reaper } => {
                    args = vec![Value::Int(0), Value::Int(0), Value::Uint(0), Value::Uint(0), Value::Int(reaper.into())];
                    Event { args: &args, ..world.event(pid, EventKind::Procexit) }
                }
                Step::Setuid { pid, uid } => {
                    args = vec![Value::Int(0), Value::Uint(uid)];
                    Event { args: &args, ..world.event(pid, EventKind::Setuid) }
                }
                Step::Rename { pid, name } => {
                    args = vec![Value::Int(0), Value::Uint(15), Value::Bytes(NAMES[name].as_bytes()), Value::Int(0)];
                    Event { args: &args, ..world.event(pid, EventKind::Prctl) }
                }
                Step::Container(name) => {
                    container = gabion_model::workload::Container { name: NAMES[name].into(), ..crate::world::web() };
                    let base = world.event(201, EventKind::Container);
                    Event { subject: Subject::Container(&container), ..base }
                }
            };
            let slot = world.apply(&event);
            let judged = !engine.judge(&event, &world.state, slot).is_empty();
            let cx = Context { event: &event, state: &world.state, process: slot.map(|slot| &world.state.processes()[slot]) };
            prop_assert_eq!(judged, naive(&condition, cx), "{} about {:?}", text, event.kind);
        }
    }
}
