//! The ladder on another kernel: Debian's own 6.1 in a virtual machine, where BPF LSM can be had.
//!
//! The machine has this program, its libraries, busybox and the kernel's module of overlays, and nothing else. It runs `inside`, and its
//! console is what comes out.

use super::*;
use gabion_model::Digest;
use gabion_node::enforce::{Choice, ConnectRules, Kind, OpenRules, probe, word};
use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, os::unix::fs::PermissionsExt as _};

const INSIDE: &str = "GABION_TEST_INSIDE";
/// Its last words.
const DONE: &str = "all of it went well";

/// A directory of this user that stays, for what takes a while to fetch.
fn cache() -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| PathBuf::from(env::var_os("HOME").expect("a home")).join(".cache"));
    cache.join("gabion/kernel")
}

/// Debian's kernel, unpacked: the kernel itself, and the module of overlays.
fn kernel() -> (PathBuf, PathBuf) {
    let cache = cache();
    let find = |name: &str| {
        let found = Command::new("find").arg(&cache).args(["-name", name]).output().expect("find");
        String::from_utf8_lossy(&found.stdout).lines().next().map(PathBuf::from)
    };
    if find("overlay.ko*").is_none() {
        fs::create_dir_all(&cache).expect("makes");
        let depends = run(Command::new("apt-cache").args(["depends", "linux-image-cloud-amd64"]));
        let package =
            depends.lines().find_map(|line| line.trim().strip_prefix("Depends: ")).expect("a package");
        run(Command::new("apt-get").args(["download", "-qq", package]).current_dir(&cache));
        let deb = find("linux-image-*.deb").expect("fetched");
        run(Command::new("dpkg-deb").arg("-x").arg(deb).arg(&cache));
    }
    (find("vmlinuz-*").expect("a kernel"), find("overlay.ko*").expect("a module"))
}

/// Boots the kernel with this program in it, and gives what it printed.
fn boot(home: &Path, lsm: &str) -> String {
    let (vmlinuz, overlay) = kernel();
    let root = home.join("root");
    for directory in ["bin", "dev", "proc", "sys", "tmp", "lib64"] {
        fs::create_dir_all(root.join(directory)).expect("makes");
    }
    let own = env::current_exe().expect("this program");
    run(Command::new("strip").arg("-o").arg(root.join("bin/it")).arg(&own));
    for library in exec::libraries(own.to_str().expect("text")) {
        let to = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(to.parent().expect("a directory")).expect("makes");
        fs::copy(library, to).expect("copies");
    }
    fs::copy("/bin/busybox", root.join("bin/busybox")).expect("copies");
    fs::copy(helper(), root.join("bin/helper")).expect("copies");
    fs::copy(&overlay, root.join("overlay.ko")).expect("copies");
    let script = format!(
        "#!/bin/busybox sh
        /bin/busybox --install -s /bin
        export PATH=/bin RUST_BACKTRACE=0 {INSIDE}={lsm}
        mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
        mount -t cgroup2 none /sys/fs/cgroup
        ip link set lo up
        insmod /overlay.ko
        it enforce::vm::inside --exact --nocapture
        poweroff -f\n"
    );
    fs::write(root.join("init"), script).expect("writes");
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755)).expect("sets");
    let image = home.join("initramfs");
    let pack = "find . | busybox cpio -o -H newc > \"$1\" 2>/dev/null";
    run(Command::new("sh").args(["-c", pack, "sh"]).arg(&image).current_dir(&root));
    let line = format!("console=ttyS0 quiet panic=-1 lsm={lsm}");
    let machine = ["-accel", "tcg", "-m", "1024", "-smp", "2", "-nographic", "-no-reboot", "-nic", "none"];
    let mut qemu = Command::new("timeout");
    qemu.args(["240", "qemu-system-x86_64"])
        .args(machine)
        .arg("-kernel")
        .arg(vmlinuz)
        .arg("-initrd")
        .arg(image);
    let output = qemu.args(["-append", &line]).stdin(Stdio::null()).output().expect("starts");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn boots(test: &str, lsm: &str) -> Option<String> {
    let programs = ["qemu-system-x86_64", "apt-get", "strip", "busybox", "gcc"];
    can_run(test, &programs).then(|| {
        let _turn = alone();
        boot(directory().path(), lsm)
    })
}

#[test]
fn with_lsm_all_is_decided_in_the_kernel() {
    let Some(console) = boots("with_lsm_all_is_decided_in_the_kernel", "lockdown,capability,bpf") else {
        return;
    };
    assert!(console.contains(DONE), "{console}");
    for line in ["programs: lsm fanotify kill", "files: lsm fanotify", "connections: cgroup"] {
        assert!(console.contains(line), "{console}");
    }
}

#[test]
fn without_lsm_the_next_rung_is_taken_and_it_says_why() {
    let test = "without_lsm_the_next_rung_is_taken_and_it_says_why";
    let Some(console) = boots(test, "lockdown,capability") else { return };
    assert!(console.contains(DONE), "{console}");
    for line in ["programs: fanotify kill", "lsm: the kernel was started without bpf in lsm="] {
        assert!(console.contains(line), "{console}");
    }
}

/// A container without a runtime: a control group, a mount namespace, a root directory.
struct Cell {
    group: PathBuf,
    root: PathBuf,
}

impl Cell {
    fn run(&self, arguments: &[&str]) -> String {
        // The first root file system cannot be left, but covered.
        let inside = "cd \"$0\" && mount --move . / && exec chroot . \"$@\"";
        let script = "echo $$ > \"$1/cgroup.procs\" && shift && exec unshare -m sh -c \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(&self.group).arg(inside).arg(&self.root).args(arguments);
        command.stdin(Stdio::null());
        let output = command.output().expect("starts");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned()
    }
}

/// No test by itself: what happens in the virtual machine.
#[test]
fn inside() {
    let Some(lsm) = env::var_os(INSIDE) else { return };
    let lsm = lsm.to_string_lossy().contains("bpf");
    let mut text = String::new();
    for step in probe() {
        let rungs: Vec<_> = step.rungs.iter().map(|&rung| word(rung)).collect();
        writeln!(text, "{}: {}", step.what, rungs.join(" ")).expect("writes");
        for (rung, why) in &step.refused {
            writeln!(text, "  {}: {why}", word(*rung)).expect("writes");
        }
    }
    tell(&text);
    let at = Path::new("/tmp/cell");
    for directory in ["lower/bin", "lower/etc", "lower/tmp", "upper", "work", "root"] {
        fs::create_dir_all(at.join(directory)).expect("makes");
    }
    for program in ["helper", "other", "denied"] {
        fs::copy("/bin/helper", at.join("lower/bin").join(program)).expect("copies");
    }
    fs::write(at.join("lower/etc/secret"), "text").expect("writes");
    let options = "lowerdir=lower,upperdir=upper,workdir=work";
    run(Command::new("mount").args(["-t", "overlay", "overlay", "-o", options, "root"]).current_dir(at));
    let stand = Stand::bare(Path::new("/tmp/stand"), Policy::default());
    let mut enforcer = stand.enforcer();
    let exec = enforcer
        .ladder()
        .iter()
        .find(|step| step.what == Kind::Exec)
        .and_then(gabion_node::enforce::Step::best);
    let best = if lsm { Rung::Lsm } else { Rung::Fanotify };
    assert_eq!(exec, Some(best), "{:?}", enforcer.ladder());
    let cell = Cell { group: stand.group.join("cell"), root: at.join("root") };
    fs::create_dir(&cell.group).expect("makes");
    let group = fs::metadata(&cell.group).expect("there").ino();

    let open = OpenRules { deny: patterns(&["/etc/secret"]), allow: Vec::new() };
    let connect = ConnectRules { default: Choice::Deny, ..ConnectRules::default() };
    let exec = ExecRules { image_only: true, ..denying().exec };
    let mut policy = Policy { open, connect, exec, ..denying() };
    enforcer.set(group, "cell", &policy).expect("set");
    assert_eq!(cell.run(&["/bin/helper", "run", "/bin/other"]), "ran\nexit:0");
    // What is on no mount that anybody has marked is killed, where it cannot be refused.
    let first = if lsm { ("errno:1", Rung::Lsm) } else { ("signal:9", Rung::Kill) };
    fs::copy("/bin/helper", cell.root.join("tmp/brought")).expect("copies");
    for (arguments, told, rung) in [
        (["/bin/helper", "run", "/bin/denied"], "errno:1", best),
        (["/bin/helper", "run", "/tmp/brought"], first.0, first.1),
        (["/bin/helper", "memfd", "/bin/other"], first.0, first.1),
        (["/bin/helper", "open", "/etc/secret"], "errno:1", best),
    ] {
        assert_eq!(cell.run(&arguments), told, "{arguments:?}");
        let verdicts: Vec<_> = take(&mut enforcer).iter().map(|decision| decision.verdict).collect();
        assert_eq!(verdicts, [Verdict::Denied(rung)], "{arguments:?}");
    }
    // Another root directory makes no other path of it.
    assert_eq!(cell.run(&["/bin/helper", "chroot", "/bin", "run", "/denied"]), "errno:1");
    assert_eq!(cell.run(&["/bin/helper", "chroot", "/etc", "open", "/secret"]), "errno:1");
    let decisions = take(&mut enforcer);
    let paths: Vec<_> = decisions.iter().map(path).collect();
    assert_eq!(paths, ["/bin/denied", "/etc/secret"]);
    assert_eq!(cell.run(&["/bin/helper", "udp", "127.0.0.1", "9"]), "errno:1");
    assert_eq!(take(&mut enforcer)[0].verdict, Verdict::Denied(Rung::Cgroup));

    // Content is nothing that the kernel knows: then the keeper decides, with LSM as without.
    let bad = [fs::read("/bin/helper").expect("reads"), b"bad".to_vec()].concat();
    fs::write(cell.root.join("bin/other"), &bad).expect("writes");
    policy.exec =
        ExecRules { deny_digests: vec![Digest::sha256(Sha256::digest(&bad).into())], ..ExecRules::default() };
    policy.open = OpenRules::default();
    enforcer.set(group, "cell", &policy).expect("set");
    assert_eq!(cell.run(&["/bin/helper", "run", "/bin/other"]), "errno:1");
    assert_eq!(cell.run(&["/bin/helper", "memfd", "/bin/other"]), "signal:9");
    assert_eq!(cell.run(&["/bin/helper", "memfd", "/bin/helper"]), "ran\nexit:0");
    let verdicts: Vec<_> = take(&mut enforcer).iter().map(|decision| decision.verdict).collect();
    assert_eq!(verdicts, [Verdict::Denied(Rung::Fanotify), Verdict::Denied(Rung::Kill)]);
    reconciled(&mut enforcer);
    enforcer.stop().expect("stops");
    tell(DONE);
}

#[expect(clippy::print_stdout, reason = "the console of the virtual machine")]
fn tell(text: &str) {
    println!("{text}");
}
