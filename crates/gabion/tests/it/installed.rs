//! `gabion install` on a real systemd: the first process of namespaces of its own, on an overlay of this machine, in a control group of its own.
//!
//! ```text
//!   unshare ─ mount, pid, uts, ipc, net, cgroup ─► pivot into the overlay ─► systemd, as it would boot a container
//!   nsenter ─────────────────────────────────────► gabion install, systemctl, and what the services say
//! ```
//! Nothing of this machine is changed: all that is written goes to file systems in memory, and the ports are of another network.

use crate::support::{can_run, directory, wait_for};
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;

const SYSTEMD: &str = "/lib/systemd/systemd";
/// What it needs besides root.
const TOOLS: [&str; 5] = [SYSTEMD, "systemctl", "systemd-analyze", "unshare", "nsenter"];
const PROGRAM: &str = env!("CARGO_BIN_EXE_gabion");

/// `$1` is a directory of ours, `$2` the name of the control group. Whoever is in it afterwards ends with the first process.
const BOOT: &str = r#"
set -eu
mkdir "$1/cgroup" "$1/memory"
mount -t tmpfs tmpfs "$1/memory"
mkdir "$1/memory/upper" "$1/memory/work" "$1/memory/root"
mount -t cgroup2 cgroup2 "$1/cgroup"
mkdir "$1/cgroup/$2"
echo $$ >"$1/cgroup/$2/cgroup.procs"
exec unshare --cgroup --pid --fork --kill-child --mount --uts --ipc --net sh -c '
set -eu
root="$1/memory/root"
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/memory/upper,workdir=$1/memory/work" "$root"
for directory in etc/systemd/system run tmp var/lib var/log; do mount -t tmpfs tmpfs "$root/$directory"; done
mkdir "$root/run/lock" "$root/tmp/old"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --rbind /dev "$root/dev"
printf "[Unit]\nDescription=Nothing but what is asked for\nDefaultDependencies=no\n" >"$root/etc/systemd/system/bare.target"
cd "$root"
pivot_root . tmp/old
umount -l /tmp/old
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=bare.target --show-status=no --log-target=null
' sh "$1"
"#;

/// A machine that systemd has booted.
struct Machine {
    boot: Child,
    /// systemd, as this machine numbers it.
    first: String,
    group: PathBuf,
    directory: TempDir,
}

impl Machine {
    fn boot() -> Self {
        let directory = directory();
        let group = format!("gabion-installed-{}", std::process::id());
        let boot = Command::new("unshare")
            .args(["--mount", "sh", "-c", BOOT, "sh"])
            .arg(directory.path())
            .arg(&group)
            .stdout(Stdio::null())
            .spawn()
            .expect("starts");
        let mut machine = Self { boot, first: String::new(), group: group.into(), directory };
        wait_for("systemd", || {
            // `unshare` has become systemd's parent.
            let parent = machine.boot.id();
            let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
            let first = children.unwrap_or_default().trim().to_owned();
            let name = fs::read_to_string(format!("/proc/{first}/comm")).unwrap_or_default();
            machine.first = first;
            name.trim() == "systemd"
        });
        wait_for("that it is up", || {
            let said = machine.asked(&["systemctl", "is-system-running"]);
            ["running", "degraded"].contains(&text(&said.stdout).trim())
        });
        machine
    }

    /// What a program says in it.
    fn asked(&self, words: &[&str]) -> Output {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.first, "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w"]).args(words);
        // As a service has it.
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .output()
            .expect("starts")
    }

    /// What a program says that must succeed.
    fn run(&self, words: &[&str]) -> String {
        let said = self.asked(words);
        assert!(said.status.success(), "{words:?}: {}{}", text(&said.stdout), text(&said.stderr));
        text(&said.stdout)
    }

    /// Whether a service runs, and has never ended.
    fn serves(&self, service: &str) -> bool {
        let said = self.run(&[
            "systemctl",
            "show",
            service,
            "-p",
            "ActiveState",
            "-p",
            "SubState",
            "-p",
            "NRestarts",
        ]);
        assert!(said.contains("NRestarts=0"), "{service} has ended: {said}");
        said.contains("ActiveState=active") && said.contains("SubState=running")
    }

    /// The unit is one that systemd takes as it is, and is exposed by no more than so many tenths.
    fn verify(&self, service: &str, tenths: &str) {
        let unit = format!("/etc/systemd/system/{service}.service");
        let said = self.asked(&["systemd-analyze", "verify", "--man=no", &unit]);
        let words = format!("{}{}", text(&said.stdout), text(&said.stderr));
        assert!(said.status.success() && !words.contains(service), "{words}");
        self.run(&["systemd-analyze", "security", "--no-pager", "--threshold", tenths, service]);
    }

    /// All that is called after us.
    fn ours(&self) -> String {
        let places = ["/etc", "/etc/systemd/system", "/usr/local", "/var/lib", "/run"];
        self.run(&[&["find"], places.as_slice(), &["-xdev", "-name", "*gabion*"]].concat())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // With the first process of the namespace all others end, and whoever waits for it.
        if !self.first.is_empty() {
            let _ = Command::new("kill").args(["-9", &self.first]).status();
        }
        let _ = self.boot.kill();
        let _ = self.boot.wait();
        // The group is seen by whoever mounts all groups. It is empty when the last process has ended.
        let remove =
            "mount -t cgroup2 cgroup2 \"$1\" && echo 1 >\"$1/$2/cgroup.kill\" && for _ in $(seq 500); do
            find \"$1/$2\" -depth -type d -exec rmdir {} + 2>/dev/null && break; sleep 0.01; done";
        let _ = Command::new("unshare")
            .args(["--mount", "sh", "-c", remove, "sh"])
            .arg(self.directory.path().join("cgroup"))
            .arg(&self.group)
            .status();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What the hub answers on its port, without a client that might not be there.
fn asks(machine: &Machine, path: &str) -> String {
    let ask =
        format!("exec 3<>/dev/tcp/127.0.0.1/8420 && printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3");
    text(&machine.asked(&["bash", "-c", &ask]).stdout)
}

/// A field of `/proc/PID/status` of a service's first process.
fn status(machine: &Machine, service: &str, field: &str) -> String {
    let pid = machine.run(&["systemctl", "show", service, "-p", "MainPID", "--value"]);
    let all = machine.run(&["cat", &format!("/proc/{}/status", pid.trim())]);
    let line = all.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
    line.expect("is there").to_owned()
}

#[test]
fn what_is_installed_runs_under_systemd_and_leaves_nothing() {
    if !can_run("what_is_installed_runs_under_systemd_and_leaves_nothing", &TOOLS) {
        return;
    }
    let machine = Machine::boot();
    let before = machine.ours();

    machine.run(&[PROGRAM, "install", "hub"]);
    wait_for("the hub", || asks(&machine, "/readyz").ends_with("ok\n"));
    assert!(machine.serves("gabion-hub"));
    machine.verify("gabion-hub", "25");
    assert!(!status(&machine, "gabion-hub", "Uid").starts_with("0\t"), "it is a user of its own");
    assert_eq!(status(&machine, "gabion-hub", "CapEff"), "0000000000000000");
    let token = machine.run(&["cat", "/var/lib/gabion/hub/admin-token"]);
    // Installed once more, as by an update: it is another process, and knows what it knew.
    machine.run(&["/usr/local/bin/gabion", "install", "hub"]);
    wait_for("the hub again", || asks(&machine, "/readyz").ends_with("ok\n"));
    assert_eq!(machine.run(&["cat", "/var/lib/gabion/hub/admin-token"]), token);

    machine.run(&[PROGRAM, "install", "agent"]);
    wait_for("the agent", || machine.asked(&["gabion", "status"]).status.success());
    assert!(machine.serves("gabion-agent"));
    machine.verify("gabion-agent", "80");

    // One goes: the program stays for the other, and so does its state without --purge.
    machine.run(&["gabion", "uninstall", "agent"]);
    assert!(machine.serves("gabion-hub"));
    let kept = machine.ours();
    assert!(kept.contains("/usr/local/bin/gabion") && !kept.contains("agent.service"), "{kept}");
    machine.run(&["test", "-d", "/var/lib/gabion/agent"]);
    machine.run(&[PROGRAM, "install", "agent", "--no-start"]);
    machine.run(&["gabion", "uninstall", "agent", "--purge"]);
    machine.run(&["gabion", "uninstall", "hub", "--purge"]);
    assert_eq!(machine.ours(), before);
}
