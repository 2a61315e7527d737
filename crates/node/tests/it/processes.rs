//! Programs that start and end.

use crate::watch::{Watch, can_run, find};
use gabion_model::event::EventKind as K;
use gabion_node::sensor::{CgroupChange, Config};
use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

fn time(seconds: i64, rest: i64) -> u64 {
    (seconds * 1_000_000_000 + rest).cast_unsigned()
}

#[test]
fn exec_tells_program_arguments_and_surroundings() {
    let config = Config { env_keys: vec![b"LD_PRELOAD".to_vec(), b"SPIN".to_vec()], ..Config::default() };
    let Some(mut watch) = Watch::new(config, &[]) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let program = directory.path().join("new\nline \u{fc}");
    fs::copy("/bin/true", &program).expect("copied");
    let mut command = Command::new(&program);
    command.args(["", "--flag=\n"]).arg(OsStr::from_bytes(b"\xff\xfe"));
    command.env("SPIN", "1 2").env("SPINNER", "no").current_dir(directory.path()).process_group(0);
    let (output, seen) = watch.run(&mut command);
    assert!(output.status.success());

    let exec = find(&seen, K::Execve, |_| true);
    let process = exec.process.as_ref().expect("a process");
    assert_eq!(process.exe.path, program.as_os_str().as_bytes());
    assert_eq!(exec.arg("filename").as_bytes(), program.as_os_str().as_bytes());
    let args: Vec<&[u8]> = process.args.iter().map(Vec::as_slice).collect();
    assert_eq!(args, [program.as_os_str().as_bytes(), b"", b"--flag=\n", b"\xff\xfe"]);
    assert_eq!((process.args_cut, process.env_cut), (0, 0));
    assert_eq!(process.env, [b"SPIN=1 2".to_vec()]);
    assert_eq!(process.cwd, directory.path().as_os_str().as_bytes());
    let file = fs::metadata(&program).expect("there");
    assert_eq!((process.exe.dev, process.exe.ino), (file.dev(), file.ino()));
    assert_eq!(process.exe.ctime, time(file.ctime(), file.ctime_nsec()));
    assert_eq!(process.exe.mtime, time(file.mtime(), file.mtime_nsec()));
    assert!(!process.exe.upper_layer && !process.exe.memfd && process.exe.writable && !process.found);
    assert_eq!(process.parent, std::process::id());
    assert_eq!((process.pgid, process.vpgid, process.vpid), (exec.task.pid, exec.task.pid, exec.task.pid));
    assert_eq!(process.comm, "new\nline \u{fc}".as_bytes());
    assert_eq!((process.credentials.uid, process.credentials.gid), (0, 0));
    let status = fs::read_to_string("/proc/self/status").expect("read");
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).expect("capabilities");
    assert_eq!(format!("{:016x}", process.credentials.effective), effective);
    let loginuid = fs::read_to_string("/proc/self/loginuid").expect("read");
    assert_eq!(process.credentials.loginuid.to_string(), loginuid);
    assert_eq!(process.exec_time, exec.time);

    let exit = find(&seen, K::Procexit, |_| true);
    assert_eq!((exit.arg("status"), exit.task.start), ("0", exec.task.start));
    assert!(exec.task.start > 0 && exit.time > exec.time);
    let now = fs::metadata("/proc/self").expect("there").ctime();
    assert!(exec.time.abs_diff(time(now, 0)) < 600_000_000_000, "{} is not now", exec.time);
}

#[test]
fn long_arguments_are_cut_and_counted() {
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let long = "x".repeat(100_000);
    let (_, seen) = watch.run(Command::new("/bin/true").args([&long, "end"]));
    let process = find(&seen, K::Execve, |_| true).process.clone().expect("a process");
    let told: usize = process.args.iter().map(|arg| arg.len() + 1).sum();
    assert_eq!(
        told - 1 + process.args_cut as usize,
        "/bin/true".len() + 1 + long.len() + 1 + "end".len() + 1
    );
    assert_eq!(told - 1, 8192);
}

#[test]
fn the_child_of_a_fork_is_the_process_that_ends() {
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let (_, seen) = watch.run(Command::new("/bin/sh").args(["-c", "(exit 7); kill -KILL $$"]));
    let child = find(&seen, K::Clone, |seen| seen.child.is_some_and(|child| !child.thread)).child;
    let child = child.expect("a child");
    assert_eq!(child.vpid, child.task.pid);
    let exits: Vec<_> = watch.of(child.task.pid).filter(|seen| seen.kind == K::Procexit).collect();
    assert_eq!(exits.len(), 1);
    assert_eq!((exits[0].arg("ret"), exits[0].arg("sig"), exits[0].task.start), ("7", "0", child.task.start));
    assert_eq!(find(&seen, K::Procexit, |_| true).arg("sig"), "9");
}

#[test]
fn capabilities_are_told_when_they_are_used() {
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let (_, seen) = watch.run(Command::new("/usr/sbin/chroot").args(["/", "/bin/true"]));
    let bit = 1_u64 << 18;
    assert_eq!(find(&seen, K::Capability, |seen| seen.arg("cap") == bit.to_string()).result, 0);
    // What is not had is not used.
    let (output, seen) = watch.run(Command::new("setpriv").args([
        "--bounding-set=-sys_boot,-sys_time",
        "--inh-caps=-all",
        "/bin/date",
        "-s",
        "1 Jan 2000",
    ]));
    assert!(!output.status.success());
    let bit = 1_u64 << 25;
    assert!(seen.iter().all(|seen| seen.kind != K::Capability || seen.arg("cap") != bit.to_string()));
}

#[test]
fn programs_in_memory_are_recognised() {
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let seen = watch.python(
        "import os
fd = os.memfd_create('ghost')
os.write(fd, open('/bin/true', 'rb').read())
os.execve(fd, ['innocent'], {})",
        &[],
    );
    let exec = find(&seen, K::Execve, |seen| seen.process.as_ref().is_some_and(|p| p.exe.memfd));
    let process = exec.process.as_ref().expect("a process");
    assert_eq!((&*process.exe.path, &*process.args), (&b"/memfd:ghost"[..], &[b"innocent".to_vec()][..]));
}

#[test]
fn programs_of_the_upper_layer_are_recognised() {
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let at = |name: &str| directory.path().join(name);
    for name in ["lower/bin", "upper", "work", "merged"] {
        fs::create_dir_all(at(name)).expect("made");
    }
    fs::copy("/bin/true", at("lower/bin/image")).expect("copied");
    // In a mount namespace of its own, which goes away with it.
    let script =
        "cd \"$1\" && mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged &&
        merged/bin/image && cp merged/bin/image merged/bin/brought && merged/bin/brought";
    let (output, _) = watch
        .run(Command::new("unshare").args(["-m", "/bin/sh", "-e", "-c", script, "sh"]).arg(directory.path()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let upper = |watch: &Watch, name: &str| {
        let path = at("merged/bin").join(name);
        let wanted = |seen: &&crate::watch::Seen| {
            seen.process.as_ref().is_some_and(|p| p.exe.path == path.as_os_str().as_bytes())
        };
        watch.seen.iter().find(wanted).and_then(|seen| seen.process.clone()).map(|p| p.exe.upper_layer)
    };
    assert_eq!(upper(&watch, "image"), Some(false));
    assert_eq!(upper(&watch, "brought"), Some(true));
}

#[test]
fn processes_and_sockets_from_before_are_found() {
    if !can_run() {
        return;
    }
    let mut server = Command::new("/usr/bin/python3")
        .args(["-I", "-S", "-c"])
        .arg("import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); s.accept()")
        .stdout(Stdio::piped())
        .env("LATE", "1")
        .spawn()
        .expect("started");
    let mut port = String::new();
    let mut stdout = std::io::BufReader::new(server.stdout.take().expect("piped"));
    std::io::BufRead::read_line(&mut stdout, &mut port).expect("read");
    let config = Config { env_keys: vec![b"LATE".to_vec()], ..Config::default() };
    let mut watch = Watch::new(config, &[]).expect("it can run");
    let seen: Vec<_> = watch.of(server.id()).cloned().collect();
    let found = find(&seen, K::Execve, |_| true);
    let process = found.process.as_ref().expect("a process");
    assert!(process.found && process.args.last().is_some_and(|arg| arg.starts_with(b"import socket")));
    assert_eq!(process.env, [b"LATE=1".to_vec()]);
    let program = format!("/proc/{}/exe", server.id());
    assert_eq!(process.exe.path, fs::read_link(&program).expect("there").as_os_str().as_bytes());
    assert_eq!(process.exe.ino, fs::metadata(&program).expect("there").ino());
    let listen = find(&seen, K::Listen, |_| true);
    assert_eq!(listen.fd.as_deref(), Some(&*format!("tcp 127.0.0.1:{} - ?", port.trim())));
    server.kill().expect("killed");
    server.wait().expect("waited");

    // It has the same start when it ends.
    let pid = server.id();
    let exit = watch.until("its end", |watch| watch.of(pid).find(|s| s.kind == K::Procexit).cloned());
    assert_eq!(exit.task.start, found.task.start);
}

#[test]
fn control_groups_are_told_before_anything_in_them() {
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    let root = root.map(Path::new).into_iter().find(|root| root.join("cgroup.procs").exists());
    let root = root.expect("control groups of version 2");
    let group = root.join(format!("gabion-test-{}", std::process::id()));
    fs::create_dir(&group).expect("made");
    let id = fs::metadata(&group).expect("there").ino();
    let script = "echo $$ > \"$1/cgroup.procs\"; exec /bin/true";
    let (_, seen) = watch.run(Command::new("/bin/sh").args(["-c", script, "sh"]).arg(&group));
    fs::remove_dir(&group).expect("removed");
    let pid = seen[0].task.pid;
    let removed = |watch: &Watch| {
        let changes = watch.groups.0.iter().filter(|event| event.id == id);
        let changes: Vec<_> = changes.map(|event| event.change).collect();
        (changes.last() == Some(&CgroupChange::Removed)).then_some(changes)
    };
    let changes = watch.until("its removal", removed);
    assert_eq!(changes, [CgroupChange::Created, CgroupChange::Attached { pid }, CgroupChange::Removed]);
    let path = group.strip_prefix(root).expect("below").as_os_str().as_bytes();
    let told = watch.groups.0.iter().find(|event| event.id == id).expect("told");
    assert_eq!(told.path, [b"/", path].concat());
}

#[test]
fn signals_to_others_are_told() {
    let Some(mut watch) = Watch::new(Config::default(), &[]) else { return };
    let script = "sleep 1000 & kill -TERM $!; kill -0 $$; kill -WINCH $$; wait";
    let (_, seen) = watch.run(Command::new("/bin/sh").args(["-c", script]));
    let child = find(&seen, K::Clone, |_| true).child.expect("a child");
    let kills: Vec<_> = seen.iter().filter(|seen| seen.kind == K::Kill).collect();
    assert_eq!(kills.len(), 1, "{kills:?}");
    assert_eq!((kills[0].arg("pid"), kills[0].arg("sig")), (&*child.task.pid.to_string(), "15"));
}
