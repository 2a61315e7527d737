//! Containers whose policy is not there yet, and decisions that nobody can make in time.

use super::*;
use gabion_model::Digest;
use gabion_node::enforce::{Choice, ConnectRules, Fail, FailMode};

#[test]
fn a_container_without_a_policy_has_the_declared_default() {
    if !can_run("a_container_without_a_policy_has_the_declared_default", &["runc", "busybox", "gcc"]) {
        return;
    }
    let connect = ConnectRules { default: Choice::Deny, ..ConnectRules::default() };
    let stand = Stand::with(Policy { name: "by default".into(), connect, ..denying() });
    let mut enforcer = stand.enforcer();
    // The first program is not marked yet: it is held, looked at, and killed.
    let first = stand.container("first", &["/bin/denied"]);
    first.start();
    let seen = crate::machine::wait_for("the decision", || {
        let decisions = take(&mut enforcer);
        (!decisions.is_empty()).then_some(decisions)
    });
    assert_eq!(denied(&seen), [("/bin/denied", Verdict::Denied(Rung::Kill), "exec.deny /bin/denied")]);
    assert_eq!((&*seen[0].policy, &*seen[0].container), ("by default", ""));
    assert!(!first.log().contains("ran"));
    // One that may run is held, marked and let go; from then on fanotify asks.
    let container = stand.container("other", &["/bin/helper", "wait"]);
    container.start();
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/denied"]), "errno:1");
    assert_eq!(container.exec(&["/bin/helper", "udp", "127.0.0.1", "9"]), "errno:1");
    let decisions = take(&mut enforcer);
    let verdicts: Vec<_> = decisions.iter().map(|decision| decision.verdict).collect();
    assert_eq!(verdicts, [before_return(), Verdict::Denied(Rung::Cgroup)]);
    // Its own policy takes its place, also if that is none.
    enforcer.exempt(container.group()).expect("exempt");
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/denied"]), "ran\nexit:0");
    assert_eq!(container.exec(&["/bin/helper", "udp", "127.0.0.1", "9"]), "errno:0");
    assert_eq!(reconciled(&mut enforcer).decided, 3);
    enforcer.stop().expect("stops");
}

#[test]
fn what_cannot_be_decided_in_time_is_decided_by_the_fail_mode() {
    let Some(stand) = Stand::new("what_cannot_be_decided_in_time_is_decided_by_the_fail_mode") else {
        return;
    };
    let mut enforcer = stand.enforcer();
    let container = stand.container("late", &["/bin/helper", "wait"]);
    // Its content takes many seconds to hash, although it takes no room.
    let huge = container.root().join("bin/other");
    fs::OpenOptions::new().write(true).open(&huge).and_then(|file| file.set_len(1 << 40)).expect("grows");
    let exec = ExecRules { deny_digests: vec![Digest::sha256([0; 32])], ..ExecRules::default() };
    let policy = Policy { name: "late".into(), mode: Mode::Enforce, exec, ..Policy::default() };
    container.start();
    for (mode, told, verdict) in
        [(FailMode::Closed, "errno:1", before_return()), (FailMode::Open, "ran\nexit:0", Verdict::Allowed)]
    {
        let policy = Policy { fail: Fail { mode, deadline_ms: 200 }, ..policy.clone() };
        enforcer.set(container.group(), "late", &policy).expect("set");
        assert_eq!(container.exec(&["/bin/helper", "run", "/bin/other"]), told);
        assert_eq!(denied(&take(&mut enforcer)), [("/bin/other", verdict, "fail")]);
    }
    reconciled(&mut enforcer);
    enforcer.stop().expect("stops");
}
