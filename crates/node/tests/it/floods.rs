//! More than there is room for: nothing is lost without being counted, and what is left out is what was asked for.

use crate::watch::{Watch, find};
use gabion_model::event::EventKind as K;
use gabion_node::sensor::{Budget, Config};
use std::{os::unix::fs::MetadataExt, process::Command};

#[test]
fn ten_thousand_forks_are_all_told() {
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let seen = watch.python(
        "import os
for _ in range(10000):
    pid = os.fork()
    if pid == 0: os._exit(3)
    os.waitpid(pid, 0)",
        &[],
    );
    let children: Vec<_> = seen.iter().filter_map(|seen| seen.child).map(|child| child.task).collect();
    assert_eq!(children.len(), 10_000);
    let ended = |watch: &Watch| {
        let ended = watch.seen.iter().filter(|seen| seen.kind == K::Procexit && seen.arg("ret") == "3");
        let ended: std::collections::HashSet<_> =
            ended.map(|seen| (seen.task.pid, seen.task.start)).collect();
        children.iter().all(|child| ended.contains(&(child.pid, child.start))).then_some(())
    };
    watch.until("all exits", ended);
    assert_eq!(watch.sensor.stats().expect("stats").all_lost(), 0);
}

/// Opens this many files that are all different to the sensor, and fails at each.
const OPENS: &str = "import os, sys
for i in range(int(sys.argv[1])):
    try: os.open('/no/' + str(i), os.O_RDONLY)
    except OSError: pass";

#[test]
fn a_full_ring_loses_what_is_counted_and_never_an_exec() {
    let config = Config { bulk_ring: 64 << 10, ..Config::default() };
    let Some(mut watch) = Watch::new(config, &[K::Openat]) else { return };
    // Nobody polls meanwhile.
    let python = ["-I", "-S", "-c", OPENS, "5000"];
    let mut child = Command::new("/usr/bin/python3").args(python).spawn().expect("started");
    assert!(child.wait().expect("waited").success());
    let pid = child.id();
    let exit = |watch: &Watch| watch.of(pid).any(|seen| seen.kind == K::Procexit).then_some(());
    watch.until("its exit", exit);
    find(&watch.of(pid).cloned().collect::<Vec<_>>(), K::Execve, |_| true);
    watch.until("the loss", |watch| watch.seen.iter().any(|seen| seen.kind == K::Drop).then_some(()));

    watch.sensor.demand(&[]).expect("stopped");
    let settled = |watch: &Watch| {
        let stats = watch.sensor.stats().expect("stats");
        (stats.handled == stats.delivered).then_some(stats)
    };
    let stats = watch.until("the rest", settled);
    assert!(stats.lost.bulk_full > 4000, "{stats:?}");
    assert_eq!((stats.lost.guaranteed_full, stats.malformed), (0, 0));
    assert_eq!(stats.seen, stats.delivered + stats.all_left() + stats.all_lost(), "{stats:?}");
    let told = |watch: &Watch| {
        let drops = watch.seen.iter().filter(|seen| seen.kind == K::Drop);
        let sum: u64 = drops.map(|seen| seen.arg("count").parse::<u64>().expect("a number")).sum();
        (sum == watch.sensor.stats().expect("stats").all_lost()).then_some(sum)
    };
    let lost = watch.until("all losses", told);
    // The numbers of events have a gap of just what was lost.
    let newest = watch.seen.iter().map(|seen| seen.number).max().expect("some");
    assert_eq!(newest, watch.seen.len() as u64 + lost);
}

#[test]
fn after_a_loss_of_processes_what_runs_is_looked_up() {
    let config = Config { guaranteed_ring: 4096, ..Config::default() };
    let Some(mut watch) = Watch::new(config, &[]) else { return };
    // Nobody polls until the last of many programs runs, which is then not seen starting.
    let script = "i=0; while [ $i -lt 50 ]; do /bin/true; i=$((i+1)); done; exec sleep 1000";
    let mut child = Command::new("/bin/sh").args(["-c", script]).spawn().expect("started");
    // Its name is there before the end of its execve(), so it must be asleep.
    let call = format!("/proc/{}/syscall", child.id());
    let asleep = format!("{} ", libc::SYS_clock_nanosleep);
    while !std::fs::read_to_string(&call).expect("alive").starts_with(&asleep) {
        std::thread::yield_now();
    }
    let found = |watch: &Watch| {
        let mut processes = watch.of(child.id()).filter_map(|seen| seen.process.as_ref());
        processes.find(|process| process.args == [b"sleep".to_vec(), b"1000".to_vec()]).cloned()
    };
    let process = watch.until("the process that was missed", found);
    assert!(process.found);
    assert!(watch.sensor.stats().expect("stats").lost.guaranteed_full > 0);
    child.kill().expect("killed");
    child.wait().expect("waited");
}

#[test]
fn a_budget_is_for_a_control_group() {
    let budget = Some(Budget { rate: 1, burst: 100 });
    let Some(mut watch) = Watch::new(Config { budget, ..Config::default() }, &[K::Openat]) else { return };
    let seen = watch.python(OPENS, &["1000"]);
    let told =
        seen.iter().filter(|seen| seen.kind == K::Openat && seen.arg("name").starts_with("/no/")).count();
    assert!(told <= 130, "{told}");
    assert!(watch.sensor.stats().expect("stats").lost.budget >= 870);
    // What is in the other ring costs nothing.
    find(&seen, K::Procexit, |_| true);
}

#[test]
fn groups_that_are_not_watched_are_left_out() {
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(std::path::Path::new);
    let root = root.into_iter().find(|root| root.join("cgroup.procs").exists()).expect("control groups");
    let group = root.join(format!("gabion-quiet-{}", std::process::id()));
    std::fs::create_dir(&group).expect("made");
    watch.sensor.watch(std::fs::metadata(&group).expect("there").ino(), false).expect("set");
    let script = "echo $$ > \"$1/cgroup.procs\"; /bin/true; exec /bin/true";
    let output = Command::new("/bin/sh").args(["-c", script, "sh"]).arg(&group).output().expect("run");
    assert!(output.status.success());
    watch.until("it was left out", |watch| {
        (watch.sensor.stats().expect("stats").left.cgroup >= 4).then_some(())
    });
    std::fs::remove_dir(&group).expect("removed");
    let quiet = watch.seen.iter().filter_map(|seen| seen.process.as_ref());
    assert_eq!(quiet.filter(|process| process.args == [b"/bin/true".to_vec()]).count(), 0);
}
