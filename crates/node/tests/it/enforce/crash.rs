//! Agents and keepers that are killed while there is much to decide.

use super::*;
use gabion_node::enforce::{Choice, ConnectRules, Fail, FailMode};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout},
    thread,
};

const CLIENT: &str = "GABION_TEST_CLIENT";
const EXECS: usize = 10_000;

fn kill(pid: u32) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process");
    kill_process(pid, Signal::KILL).expect("killed");
}

/// No test: this program as an agent, which prints the numbers of what was decided until it is killed.
#[test]
fn as_agent() {
    if env::var_os(CLIENT).is_none() {
        return;
    }
    let options = env::args().find(|argument| argument.starts_with('{')).expect("options");
    let mut enforcer = Enforcer::start(serde_json::from_str(&options).expect("options")).expect("a keeper");
    let mut out = std::io::stdout();
    loop {
        let mut text = Vec::new();
        enforcer
            .poll(&mut |decision| writeln!(text, "decision {}", decision.number).expect("writes"))
            .expect("polls");
        // Told to somebody else first, and only then taken from the keeper.
        out.write_all(&text).and_then(|()| out.flush()).expect("writes");
    }
}

/// An agent in a process of its own.
fn agent(stand: &Stand) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args(["enforce::crash::as_agent", "--exact", "--nocapture"])
        .arg(serde_json::to_string(&stand.options).expect("JSON"))
        .env(CLIENT, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    (child, out)
}

fn number(line: &str) -> Option<u64> {
    line.trim().strip_prefix("decision ")?.parse().ok()
}

#[test]
fn ten_thousand_denials_have_ten_thousand_records_whoever_dies() {
    let Some(stand) = Stand::new("ten_thousand_denials_have_ten_thousand_records_whoever_dies") else {
        return;
    };
    let mut enforcer = stand.enforcer();
    let container = stand.container("load", &["/bin/helper", "wait"]);
    enforcer.set(container.group(), "load", &denying()).expect("set");
    container.start();
    let keeper = enforcer.keeper();
    drop(enforcer);
    let (mut first, mut out) = agent(&stand);
    let mut numbers = BTreeSet::new();
    let execs = EXECS.to_string();
    let told = thread::scope(|scope| {
        let load = scope.spawn(|| container.exec(&["/bin/helper", "execs", "/bin/denied", &execs, "1"]));
        // In the middle of it the agent dies, and the next one comes.
        let mut line = String::new();
        while numbers.len() < EXECS / 3 {
            line.clear();
            assert!(out.read_line(&mut line).expect("reads") > 0, "the agent ended by itself");
            numbers.extend(number(&line));
        }
        kill(first.id());
        first.wait().expect("ended");
        // What it had told before it died was told.
        for line in out.lines() {
            numbers.extend(number(&line.expect("reads")));
        }
        load.join().expect("done")
    });
    assert_eq!(told, format!("denied:{EXECS} other:0"));
    let mut enforcer = stand.enforcer();
    assert_eq!((enforcer.keeper(), enforcer.restarts()), (keeper, 0), "the keeper did not notice");
    for decision in take(&mut enforcer) {
        assert_eq!((path(&decision), decision.verdict), ("/bin/denied", before_return()));
        numbers.insert(decision.number);
    }
    assert_eq!(numbers.len(), EXECS);
    assert_eq!(numbers, (1..=EXECS as u64).collect());
    assert_eq!(reconciled(&mut enforcer).decided, EXECS as u64);
    enforcer.stop().expect("stops");
}

#[test]
fn nothing_denied_runs_while_keepers_die() {
    let Some(stand) = Stand::new("nothing_denied_runs_while_keepers_die") else { return };
    let mut enforcer = stand.enforcer();
    let container = stand.container("killed", &["/bin/helper", "wait"]);
    enforcer.set(container.group(), "killed", &denying()).expect("set");
    container.start();
    let told = thread::scope(|scope| {
        let load = scope.spawn(|| container.exec(&["/bin/helper", "runs", "/bin/denied", "1000"]));
        let mut seen = 0;
        for round in 1..=3 {
            let goal = seen + 100;
            while seen < goal {
                seen += take(&mut enforcer).len();
            }
            kill(enforcer.keeper());
            // The next question finds out, and starts another.
            enforcer.stats().expect("stats");
            assert_eq!(enforcer.restarts(), round);
        }
        load.join().expect("done")
    });
    // Whatever was let through when the keeper died was stopped before its first instruction.
    assert_eq!(told, "ran:0");
    let rest = take(&mut enforcer);
    assert!(
        rest.iter().all(|decision| matches!(decision.verdict, Verdict::Denied(_) | Verdict::None)),
        "{rest:?}"
    );
    let stats = enforcer.stats().expect("stats");
    assert_eq!(stats.decided, stats.recorded + stats.dropped, "{stats:?}");
    assert!(stats.recorded >= 1000, "{stats:?}");
    enforcer.stop().expect("stops");
}

#[test]
fn without_a_keeper_the_kernel_goes_on_and_nothing_hangs() {
    let Some(stand) = Stand::new("without_a_keeper_the_kernel_goes_on_and_nothing_hangs") else { return };
    let mut enforcer = stand.enforcer();
    let container = stand.container("alone", &["/bin/helper", "wait"]);
    let connect = ConnectRules { default: Choice::Deny, ..ConnectRules::default() };
    let mut policy = Policy { connect, ..denying() };
    policy.fail = Fail { mode: FailMode::Closed, deadline_ms: 100 };
    // Content counts, so somebody must look at it.
    policy.exec.deny_digests = vec![gabion_model::Digest::sha256([7; 32])];
    enforcer.set(container.group(), "alone", &policy).expect("set");
    container.start();
    assert_eq!(container.exec(&["/bin/helper", "udp", "127.0.0.1", "9"]), "errno:1");
    // The kernel has decided; that the keeper has taken it before it dies makes the order one.
    let recorded = |enforcer: &mut Enforcer| enforcer.stats().expect("stats").recorded == 1;
    crate::machine::wait_for("its record", || recorded(&mut enforcer).then_some(()));
    kill(enforcer.keeper());
    // Longer than the deadline: then whatever is executed in the container is denied, and the host goes on.
    let begun = Instant::now();
    crate::machine::wait_for("the deadline", || (begun.elapsed() > Duration::from_millis(200)).then_some(()));
    let output = container.runc("exec").args(["alone", "/bin/helper"]).output().expect("starts");
    assert_eq!((output.status.code(), output.stdout), (Some(137), Vec::new()));
    run(&mut Command::new("/bin/true"));
    let decisions = take(&mut enforcer);
    assert_eq!(enforcer.restarts(), 1);
    let told: Vec<_> = decisions.iter().map(|decision| (&*decision.rule, decision.verdict)).collect();
    let expected = [
        ("default", Verdict::Denied(Rung::Cgroup)),
        ("", Verdict::None),
        ("fail", Verdict::Denied(Rung::Kill)),
    ];
    assert_eq!(told, expected, "{decisions:?}");
    assert!(matches!(decisions[1].what, What::Gap(time) if time > 0));
    // The policies are there again.
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/other"]), "ran\nexit:0");
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/denied"]), "errno:1");
    reconciled(&mut enforcer);
    enforcer.stop().expect("stops");
}

#[test]
fn paths_are_decided_about_without_a_keeper() {
    let Some(stand) = Stand::new("paths_are_decided_about_without_a_keeper") else { return };
    let mut enforcer = stand.enforcer();
    let container = stand.container("paths", &["/bin/helper", "wait"]);
    let fail = Fail { mode: FailMode::Closed, deadline_ms: 100 };
    enforcer.set(container.group(), "paths", &Policy { fail, ..denying() }).expect("set");
    container.start();
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/other"]), "ran\nexit:0");
    kill(enforcer.keeper());
    let begun = Instant::now();
    crate::machine::wait_for("the deadline", || (begun.elapsed() > Duration::from_millis(200)).then_some(()));
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/other"]), "ran\nexit:0");
    let denied = container.exec(&["/bin/helper", "run", "/bin/denied"]);
    assert!(["signal:9", "errno:1"].contains(&&*denied), "{denied}");
    let decisions = take(&mut enforcer);
    let last = decisions.last().expect("it is recorded");
    assert!(
        matches!(last.verdict, Verdict::Denied(_)) && last.rule == "exec.deny /bin/denied",
        "{decisions:?}"
    );
    reconciled(&mut enforcer);
    enforcer.stop().expect("stops");
}

#[test]
fn a_keeper_that_is_stuck_is_replaced_and_nothing_waits_for_ever() {
    let Some(stand) = Stand::new("a_keeper_that_is_stuck_is_replaced_and_nothing_waits_for_ever") else {
        return;
    };
    let mut enforcer = stand.enforcer();
    let container = stand.container("stuck", &["/bin/helper", "wait"]);
    let fail = Fail { mode: FailMode::Closed, deadline_ms: 500 };
    enforcer.set(container.group(), "stuck", &Policy { fail, ..denying() }).expect("set");
    container.start();
    assert_eq!(container.exec(&["/bin/helper"]), "ran");
    let stuck = Pid::from_raw(enforcer.keeper().cast_signed()).expect("a process");
    kill_process(stuck, Signal::STOP).expect("stopped");
    crate::machine::wait_for("the keeper to stand still", || {
        let status = fs::read_to_string(format!("/proc/{}/status", enforcer.keeper())).expect("reads");
        status.contains("State:\tT").then_some(())
    });
    thread::scope(|scope| {
        let waits = scope.spawn(|| container.exec(&["/bin/helper", "run", "/bin/denied"]));
        enforcer.stats().expect("stats");
        assert_eq!(enforcer.restarts(), 1);
        assert!(!waits.join().expect("ends").contains("ran"));
    });
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/other"]), "ran\nexit:0");
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/denied"]), "errno:1");
    let stats = enforcer.stats().expect("stats");
    assert_eq!(stats.decided, stats.recorded + stats.dropped, "{stats:?}");
    enforcer.stop().expect("stops");
}

#[test]
fn what_is_too_much_for_the_spool_is_dropped_and_counted() {
    let Some(mut stand) = Stand::new("what_is_too_much_for_the_spool_is_dropped_and_counted") else { return };
    stand.options.spool = Some(20_000);
    let mut enforcer = stand.enforcer();
    let container = stand.container("flood", &["/bin/helper", "wait"]);
    enforcer.set(container.group(), "flood", &denying()).expect("set");
    container.start();
    assert_eq!(container.exec(&["/bin/helper", "execs", "/bin/denied", "1000", "0"]), "denied:1000 other:0");
    let stats = enforcer.stats().expect("stats");
    assert_eq!((stats.decided, stats.recorded + stats.dropped), (1000, 1000), "{stats:?}");
    assert!(stats.dropped > 0 && stats.waiting == stats.recorded, "{stats:?}");
    assert_eq!(take(&mut enforcer).len() as u64, stats.recorded);
    enforcer.stop().expect("stops");
}
