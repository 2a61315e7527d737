use super::*;
use crate::world::{NOON, WEB, World, program, task};
use gabion_model::event::{Child, Value};

fn names(world: &World, pid: u32) -> Vec<String> {
    let entry = world.state.processes().with_pid(pid).expect("it is known");
    let ancestors = world.state.processes().ancestors(entry);
    ancestors.map(|entry| String::from_utf8_lossy(&entry.process.comm).into_owned()).collect()
}

#[test]
fn a_child_is_what_its_parent_is_until_it_executes_something() {
    let mut world = World::new();
    world.fork(201, 300);
    assert_eq!(names(&world, 300), ["curl", "bash", "containerd-shim", "systemd"]);
    assert_eq!(world.state.processes().with_pid(300).expect("known").process.comm, b"curl");
    world.exec(300, WEB, &program(201, "/bin/sh", &["sh"]));
    assert_eq!(world.state.processes().with_pid(300).expect("known").process.comm, b"sh");
    assert_eq!(names(&world, 300), ["curl", "bash", "containerd-shim", "systemd"]);
}

#[test]
fn a_number_that_was_given_again_is_another_process() {
    let mut world = World::new();
    world.fork(201, 300);
    let mut again = world.event(300, EventKind::Execve);
    again.task.start = 7_000_000;
    let process = program(1, "/usr/sbin/cron", &["cron"]);
    again.subject = Subject::Process(&process);
    world.apply(&again);
    assert_eq!(names(&world, 300), ["systemd"]);
    assert_eq!(
        world.state.processes().find(task(300)),
        None,
        "the first of that number is no longer meant by it"
    );
}

#[test]
fn who_has_ended_is_kept_for_late_events_and_for_its_children() {
    let mut world = World::new();
    world.fork(201, 300);
    world.fork(300, 301);
    world.exit(300, 0);
    world.wait(60);
    world.fork(1, 400);
    assert_eq!(names(&world, 301)[0], "curl", "the parent has a child, so it is kept");
    world.exit(301, 0);
    assert!(world.state.processes().find(task(301)).is_some());
    world.wait(60);
    world.fork(1, 401);
    assert!(world.state.processes().find(task(301)).is_none());
    assert!(world.state.processes().find(task(300)).is_none(), "and goes with it");
}

#[test]
fn orphans_belong_to_the_reaper() {
    let mut world = World::new();
    world.fork(201, 300);
    let epoch = world.state.epoch();
    world.exit(201, 1);
    assert_eq!(names(&world, 300), ["systemd"]);
    assert!(world.state.epoch() > epoch, "what is known of descendants is no longer true");
}

#[test]
fn calls_change_the_process() {
    let mut world = World::new();
    let uint = Value::Uint;
    let calls: [(EventKind, &[Value<'_>]); 7] = [
        (EventKind::Setresuid, &[Value::Int(0), uint(5), uint(6), uint(7)]),
        (EventKind::Setresgid, &[Value::Int(0), uint(5), uint(u32::MAX.into()), uint(7)]),
        (EventKind::Chdir, &[Value::Int(0), Value::Bytes(b"../etc")]),
        (EventKind::Capset, &[Value::Int(0), uint(1), uint(2), Value::Unknown]),
        (
            EventKind::Prctl,
            &[Value::Int(0), uint(15), Value::Bytes(b"a name that is too long"), Value::Int(0)],
        ),
        (EventKind::Setsid, &[Value::Int(2)]),
        (EventKind::Setuid, &[Value::Int(-1), uint(99)]),
    ];
    for (kind, args) in calls {
        let result = if kind == EventKind::Setuid { -1 } else { 0 };
        let event = Event { args, result, ..world.event(201, kind) };
        world.apply(&event);
    }
    let entry = world.state.processes().with_pid(201).expect("known");
    let process = &entry.process;
    assert_eq!(
        (process.credentials.uid, process.credentials.gid),
        (6, 33),
        "a call that failed changes nothing"
    );
    assert_eq!((process.credentials.inheritable, process.credentials.permitted), (1, 2));
    assert_eq!((&process.cwd[..], &process.comm[..]), (&b"/etc"[..], &b"a name that is "[..]));
    assert_eq!((process.sid, process.vsid, process.vpgid), (201, 2, 2));
}

#[test]
fn the_user_before_is_kept_until_the_next_change() {
    let mut world = World::new();
    let before = |world: &World| world.state.processes().with_pid(201).expect("known").previous_uid;
    let become_ = |world: &mut World, uid: u32| {
        let args = [Value::Int(0), Value::Unknown, Value::Uint(uid.into()), Value::Unknown];
        let event = Event { args: &args, ..world.event(201, EventKind::Setresuid) };
        world.apply(&event);
    };
    assert_eq!(before(&world), None, "it was seen first when it executed");
    become_(&mut world, 0);
    assert_eq!(before(&world), Some(33));
    become_(&mut world, u32::MAX);
    assert_eq!(before(&world), Some(0), "-1 leaves it as it is");
    become_(&mut world, 33);
    // Owned by root, and setuid.
    world.exec(201, crate::world::WEB, &program(200, "/bin/su", &["su"]));
    let entry = world.state.processes().with_pid(201).expect("known");
    assert_eq!((entry.previous_uid, entry.process.credentials.uid), (Some(33), 0));
    world.fork(201, 300);
    assert_eq!(world.state.processes().with_pid(300).expect("known").previous_uid, None);
}

#[test]
fn the_table_has_an_end() {
    let limits = Limits { processes: 50, ..Limits::default() };
    let mut state = State::new(limits, "", 0);
    let base = World::new().event(1, EventKind::Execve);
    let init = program(0, "/sbin/init", &["init"]);
    let event = Event { subject: Subject::Process(&init), task: task(1), ..base };
    state.apply(&event);
    // A chain, so that nobody but the last has no children.
    for pid in 1..2_000 {
        let child = Child { task: task(pid + 1), vpid: pid + 1, thread: false };
        state.apply(&Event {
            task: task(pid),
            kind: EventKind::Clone,
            subject: Subject::Child(child),
            ..base
        });
        assert!(state.processes().len() <= 51);
    }
    assert!(state.dropped().processes >= 1_900);
    assert!(state.processes().with_pid(2_000).is_some(), "the newest is there");
    let last = state.processes().with_pid(2_000).expect("there");
    assert!(state.processes().ancestors(last).count() < 60);
}

#[test]
fn hostile_parents_make_no_loop() {
    let mut world = World::new();
    for (pid, parent) in [(500, 501), (501, 500), (502, 502)] {
        let mut event = world.event(pid, EventKind::Execve);
        event.task.start = 0;
        let process = program(parent, "/x", &[]);
        event.subject = Subject::Process(&process);
        world.apply(&event);
    }
    let ancestors = |pid| {
        let entry = world.state.processes().with_pid(pid).expect("known");
        world.state.processes().ancestors(entry).count()
    };
    assert!(ancestors(500) <= 256);
    assert_eq!(ancestors(502), 0);
}

#[test]
fn addresses_have_the_name_they_were_asked_for_by() {
    let mut world = World::new();
    let args = [Value::Bytes(b"example.org"), Value::Bytes(b"93.184.216.34, 2001:db8::1,x")];
    let event = Event { args: &args, ..world.event(201, EventKind::Dns) };
    world.apply(&event);
    assert_eq!(world.state.name_of("2001:db8::1".parse().expect("an address")), Some(&b"example.org"[..]));
    assert_eq!(world.state.first_time(), NOON + 1_000_000);
}

#[test]
fn who_was_found_before_its_parent_gets_it() {
    let mut world = World::new();
    world.exec(301, WEB, &program(300, "/bin/sleep", &["sleep"]));
    assert_eq!(names(&world, 301), [] as [&str; 0]);
    world.exec(300, WEB, &program(200, "/bin/sh", &["sh"]));
    assert_eq!(names(&world, 301)[..2], ["sh", "bash"]);
    let epoch = world.state.epoch();
    world.exec(300, WEB, &program(200, "/bin/dash", &["dash"]));
    assert!(world.state.epoch() > epoch, "its parent is another program now");
}
