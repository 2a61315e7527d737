//! Programs: by path, by content, by where they come from.

use super::*;
use gabion_model::Digest;
use gabion_node::enforce::{Choice, OpenRules};
use sha2::{Digest as _, Sha256};
use std::os::unix::fs::PermissionsExt as _;

fn digest(path: &Path) -> Digest {
    Digest::sha256(Sha256::digest(fs::read(path).expect("reads")).into())
}

fn script(container: &Container<'_>, name: &str, text: &str) {
    let path = container.root().join("bin").join(name);
    fs::write(&path, text).expect("writes");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("sets");
}

const EPERM: &str = "errno:1";

#[test]
fn a_denied_path_fails_and_all_else_runs() {
    let Some(stand) = Stand::new("a_denied_path_fails_and_all_else_runs") else { return };
    let mut enforcer = stand.enforcer();
    let container = stand.container("web", &["/bin/helper", "wait"]);
    enforcer.set(container.group(), "web-1", &denying()).expect("set");
    assert!(container.start().status.success(), "{}", container.log());
    assert_eq!(container.exec(&["/bin/helper"]), "ran");
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/other"]), "ran\nexit:0");
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/denied"]), EPERM);
    // By whatever name, it is that path.
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/../proc/self/root/bin/denied"]), EPERM);
    assert!(container.exec(&["/bin/denied"]).contains("operation not permitted"));
    // A script needs its interpreter.
    script(&container, "script", "#!/bin/denied\n");
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/script"]), EPERM);
    script(&container, "script", "#!/bin/helper run /bin/other\n");
    assert!(container.exec(&["/bin/helper", "run", "/bin/script"]).contains("exit:0"));
    let decisions = take(&mut enforcer);
    assert_eq!(denied(&decisions), vec![("/bin/denied", before_return(), "exec.deny /bin/denied"); 4]);
    for (decision, number) in decisions.iter().zip(1..) {
        assert_eq!(
            (decision.number, &*decision.container, decision.cgroup),
            (number, "web-1", container.group())
        );
        assert_eq!((decision.mode, &*decision.policy), (Mode::Enforce, "denying"));
        assert!(
            decision.task.pid > 1 && decision.task.start > 0 && decision.since_boot >= decision.task.start
        );
    }
    assert_eq!(reconciled(&mut enforcer).decided, 4);
    // Without its policy it may.
    enforcer.remove(container.group()).expect("removed");
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/denied"]), "ran\nexit:0");
    assert_eq!(take(&mut enforcer), []);
    enforcer.stop().expect("stops");
}

#[test]
fn the_first_program_of_a_container_is_no_exception() {
    let Some(stand) = Stand::new("the_first_program_of_a_container_is_no_exception") else { return };
    let mut enforcer = stand.enforcer();
    let container = stand.container("first", &["/bin/denied"]);
    enforcer.set(container.group(), "first", &denying()).expect("set");
    container.start();
    let seen = crate::machine::wait_for("the decision", || {
        let decisions = take(&mut enforcer);
        (!decisions.is_empty()).then_some(decisions)
    });
    assert_eq!(denied(&seen).len(), 1, "{seen:?}");
    assert!(matches!(seen[0].verdict, Verdict::Denied(_)));
    assert!(!container.log().contains("ran"), "{}", container.log());
    reconciled(&mut enforcer);
    enforcer.stop().expect("stops");
}

#[test]
fn content_is_denied_or_allowed_wherever_it_lies() {
    let Some(stand) = Stand::new("content_is_denied_or_allowed_wherever_it_lies") else { return };
    let mut enforcer = stand.enforcer();
    let container = stand.container("content", &["/bin/helper", "wait"]);
    // Another content with the same effect.
    let other = container.root().join("bin/other");
    let bad = [fs::read(&other).expect("reads"), b"bad".to_vec()].concat();
    fs::write(&other, &bad).expect("writes");
    let exec = ExecRules { deny_digests: vec![digest(&other)], ..ExecRules::default() };
    let policy = Policy { name: "content".into(), mode: Mode::Enforce, exec, ..Policy::default() };
    enforcer.set(container.group(), "content", &policy).expect("set");
    container.start();
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/other"]), EPERM);
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/denied"]), "ran\nexit:0");
    fs::rename(&other, container.root().join("tmp/innocent")).expect("moves");
    assert_eq!(container.exec(&["/bin/helper", "run", "/tmp/innocent"]), EPERM);
    // As soon as a file changes, what was known of it counts no more.
    let moved = container.root().join("tmp/innocent");
    fs::write(&moved, [bad, b"er".to_vec()].concat()).expect("writes");
    assert_eq!(container.exec(&["/bin/helper", "run", "/tmp/innocent"]), "ran\nexit:0");
    let decisions = take(&mut enforcer);
    assert_eq!(decisions.len(), 2, "{decisions:?}");
    assert!(decisions.iter().all(|decision| decision.rule.starts_with("exec.deny_digests sha256:")));
    assert!(matches!(decisions[1].what, What::Exec { digest: Some(_), .. }));
    reconciled(&mut enforcer);

    // Only this content may run: in memory, too.
    let exec =
        ExecRules { default: Choice::Deny, allow_digests: vec![digest(helper())], ..ExecRules::default() };
    enforcer.set(container.group(), "content", &Policy { exec, ..policy }).expect("set");
    assert_eq!(container.exec(&["/bin/helper", "memfd", "/bin/helper"]), "ran\nexit:0");
    assert_eq!(container.exec(&["/bin/helper", "run", "/tmp/innocent"]), EPERM);
    assert_eq!(container.exec(&["/bin/helper", "memfd", "/tmp/innocent"]), "signal:9");
    let decisions = take(&mut enforcer);
    let killed = ("/memfd:ghost", Verdict::Denied(Rung::Kill), "default");
    assert_eq!(denied(&decisions), [("/tmp/innocent", before_return(), "default"), killed]);
    reconciled(&mut enforcer);
    enforcer.stop().expect("stops");
}

/// The libraries of a dynamic program, its loader last.
pub(super) fn libraries(program: &str) -> Vec<String> {
    let text = run(Command::new("ldd").arg(program));
    text.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned).collect()
}

#[test]
fn what_is_not_allowed_is_denied_and_a_loader_is_no_way_round() {
    let Some(stand) = Stand::new("what_is_not_allowed_is_denied_and_a_loader_is_no_way_round") else {
        return;
    };
    let mut enforcer = stand.enforcer();
    let container = stand.container("strict", &["/bin/helper", "wait"]);
    for program in ["/bin/true", "/bin/echo"] {
        for file in libraries(program).iter().map(String::as_str).chain([program]) {
            let to = container.root().join(file.trim_start_matches('/'));
            fs::create_dir_all(to.parent().expect("a directory")).expect("makes");
            fs::copy(file, to).expect("copies");
        }
    }
    let loader = libraries("/bin/true").pop().expect("a loader");
    let allow = patterns(&["/bin/helper", "/bin/true", "/opt/**"]);
    let exec = ExecRules { default: Choice::Deny, allow, ..ExecRules::default() };
    let policy = Policy { name: "strict".into(), mode: Mode::Enforce, exec, ..Policy::default() };
    enforcer.set(container.group(), "strict", &policy).expect("set");
    container.start();
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/true"]), "exit:0");
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/echo", "out"]), EPERM);
    // Where fanotify asks it is not asked about a loader, which is opened for whatever may run; then it is stopped before its first
    // instruction.
    let lsm = enforcer.ladder()[0].rungs.contains(&Rung::Lsm);
    let told = container.exec(&["/bin/helper", "run", &loader, "/bin/echo", "out"]);
    assert_eq!(told, if lsm { EPERM } else { "signal:9" });
    let decisions = take(&mut enforcer);
    assert_eq!(decisions.len(), 2, "{decisions:?}");
    reconciled(&mut enforcer);
    enforcer.stop().expect("stops");
}

#[test]
fn only_files_of_the_image_run() {
    let Some(stand) = Stand::new("only_files_of_the_image_run") else { return };
    let mut enforcer = stand.enforcer();
    let bundle = stand.home.join("image");
    for directory in ["lower/bin", "lower/tmp", "upper", "work", "rootfs"] {
        fs::create_dir_all(bundle.join(directory)).expect("makes");
    }
    fs::copy(helper(), bundle.join("lower/bin/helper")).expect("copies");
    fs::copy("/bin/busybox", bundle.join("lower/bin/busybox")).expect("copies");
    let options = "lowerdir=lower,upperdir=upper,workdir=work";
    run(Command::new("mount")
        .args(["-t", "overlay", "overlay", "-o", options, "rootfs"])
        .current_dir(&bundle));
    let container = stand.bundle("image", &["/bin/helper", "wait"]);
    let exec = ExecRules { image_only: true, ..ExecRules::default() };
    let mut policy = Policy { name: "image".into(), mode: Mode::Enforce, exec, ..Policy::default() };
    enforcer.set(container.group(), "image", &policy).expect("set");
    container.start();
    assert_eq!(container.exec(&["/bin/helper", "run", "/bin/busybox", "true"]), "exit:0");
    container.exec(&["/bin/busybox", "cp", "/bin/helper", "/tmp/brought"]);
    container.exec(&["/bin/busybox", "cp", "/bin/helper", "/dev/brought"]);
    let killed = "signal:9";
    assert_eq!(container.exec(&["/bin/helper", "run", "/tmp/brought"]), killed);
    assert_eq!(container.exec(&["/bin/helper", "run", "/dev/brought"]), killed);
    assert_eq!(container.exec(&["/bin/helper", "memfd", "/bin/helper"]), killed);
    let decisions = take(&mut enforcer);
    assert_eq!(decisions.len(), 3, "{decisions:?}");
    for decision in &decisions {
        assert_eq!((decision.verdict, &*decision.rule), (Verdict::Denied(Rung::Kill), "exec.image_only"));
    }
    assert_eq!(path(&decisions[0]), "/tmp/brought");

    // Told only, it runs.
    policy.mode = Mode::Alert;
    enforcer.set(container.group(), "image", &policy).expect("set");
    assert_eq!(container.exec(&["/bin/helper", "run", "/tmp/brought"]), "ran\nexit:0");
    let decisions = take(&mut enforcer);
    assert_eq!(denied(&decisions), [("/tmp/brought", Verdict::WouldDeny(Rung::Kill), "exec.image_only")]);
    assert_eq!(reconciled(&mut enforcer).decided, 4);
    enforcer.stop().expect("stops");
    drop(container);
    run(Command::new("umount").arg(bundle.join("rootfs")));
}

#[test]
fn modes_that_do_not_enforce_only_tell() {
    let Some(stand) = Stand::new("modes_that_do_not_enforce_only_tell") else { return };
    let mut enforcer = stand.enforcer();
    let container = stand.container("tell", &["/bin/helper", "wait"]);
    for (mode, exec) in [(Mode::Observe, denying().exec), (Mode::Alert, denying().exec)] {
        enforcer.set(container.group(), "tell", &Policy { mode, exec, ..denying() }).expect("set");
        container.start();
        assert_eq!(container.exec(&["/bin/helper", "run", "/bin/denied"]), "ran\nexit:0");
        let decisions = take(&mut enforcer);
        assert_eq!(decisions.len(), 1, "{decisions:?}");
        assert!(matches!(decisions[0].verdict, Verdict::WouldDeny(_)) && decisions[0].mode == mode);
    }
    reconciled(&mut enforcer);
    enforcer.stop().expect("stops");
}

#[test]
fn a_mount_namespace_that_was_made_since_is_no_way_round() {
    let Some(stand) = Stand::new("a_mount_namespace_that_was_made_since_is_no_way_round") else { return };
    let mut enforcer = stand.enforcer();
    let container = stand.container("mounts", &["/bin/helper", "wait"]);
    enforcer.set(container.group(), "mounts", &denying()).expect("set");
    container.start();
    // Nothing is marked in the new namespace, so the first program there is stopped and looked at; then it is.
    let told = container.exec(&["/bin/helper", "unshare", "run", "/bin/denied"]);
    assert_eq!(told, "signal:9");
    let told = container.exec(&["/bin/helper", "unshare", "run", "/bin/other", "run", "/bin/denied"]);
    assert_eq!(told, "errno:1\nexit:0");
    let decisions = take(&mut enforcer);
    let rule = "exec.deny /bin/denied";
    let expected =
        [("/bin/denied", Verdict::Denied(Rung::Kill), rule), ("/bin/denied", before_return(), rule)];
    assert_eq!(denied(&decisions), expected);
    reconciled(&mut enforcer);
    enforcer.stop().expect("stops");
}

#[test]
fn files_are_denied_by_path() {
    let Some(stand) = Stand::new("files_are_denied_by_path") else { return };
    let mut enforcer = stand.enforcer();
    let container = stand.container("files", &["/bin/helper", "wait"]);
    fs::create_dir_all(container.root().join("etc/keys/public")).expect("makes");
    for file in ["etc/plain", "etc/keys/secret", "etc/keys/public/key"] {
        fs::write(container.root().join(file), "text").expect("writes");
    }
    let open = OpenRules { deny: patterns(&["/etc/keys/**"]), allow: patterns(&["/etc/keys/public/**"]) };
    let policy = Policy { name: "files".into(), mode: Mode::Enforce, open, ..Policy::default() };
    enforcer.set(container.group(), "files", &policy).expect("set");
    container.start();
    assert_eq!(container.exec(&["/bin/helper", "open", "/etc/plain"]), "errno:0");
    assert_eq!(container.exec(&["/bin/helper", "open", "/etc/keys/public/key"]), "errno:0");
    assert_eq!(container.exec(&["/bin/helper", "open", "/etc/keys/secret"]), EPERM);
    let decisions = take(&mut enforcer);
    assert_eq!(denied(&decisions), [("/etc/keys/secret", before_return(), "open.deny /etc/keys/**")]);
    reconciled(&mut enforcer);
    enforcer.stop().expect("stops");
}
