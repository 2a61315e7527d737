//! Containers of runc that have this machine's programs: their root is an overlay over `/`, with a few files of ours on top.
//!
//! ```text
//!   upper (memory, what the container writes)
//!   own     /opt/gabion/script
//!   tools   /opt/gabion, keys, logs
//!   /       of this machine, which nobody writes to
//! ```

use crate::support::{run, wait_for};
use rustix::fs::XattrFlags;
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Programs that are only called so.
const FAKE: &[&str] = &[
    "apk",
    "apt-get",
    "chisel",
    "clang-16",
    "curl",
    "dd",
    "gcc",
    "java",
    "make",
    "nc",
    "nginx",
    "nmap",
    "pip",
    "prometheus",
    "rm",
    "socat",
    "ssh",
    "sshd",
    "strace",
    "sudo",
    "wget",
    "xmrig",
];

/// What containers of Docker may do.
const ORDINARY: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// What the cases need besides, with the numbers of Linux: this machine itself may not have all of them.
const MORE: &[(&str, u32)] = &[
    ("BPF", 39),
    ("DAC_READ_SEARCH", 2),
    ("NET_ADMIN", 12),
    ("PERFMON", 38),
    ("SYS_ADMIN", 21),
    ("SYS_MODULE", 16),
    ("SYS_PTRACE", 19),
    ("SYS_RESOURCE", 24),
];

/// Makes `act`.
pub(super) fn compile(act: &Path) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/own_rules/act.c");
    run(Command::new("gcc").args(["-O1", "-static", "-Wall", "-Wextra", "-Werror", source, "-o"]).arg(act));
}

/// The capabilities that this machine can give.
fn possible() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("reads");
    let set = status.lines().find_map(|line| line.strip_prefix("CapBnd:")).expect("a set");
    u64::from_str_radix(set.trim(), 16).expect("a number")
}

pub(super) struct Ground {
    home: PathBuf,
    /// What is in all containers.
    pub(super) tools: PathBuf,
}

impl Ground {
    pub(super) fn new(home: &Path) -> Self {
        let home = home.join("ground");
        fs::create_dir(&home).expect("makes");
        // The layers must not lie in the root that is beneath them.
        run(Command::new("mount").args(["-t", "tmpfs", "-o", "mode=755", "none"]).arg(&home));
        let ground = Self { tools: home.join("tools"), home };
        ground.write_tools();
        ground
    }

    fn write_tools(&self) {
        // What people keep on this machine is not to be seen.
        for (name, mode) in [
            ("tmp", 0o1777),
            ("var/tmp", 0o1777),
            ("root", 0o700),
            ("home", 0o755),
            ("srv", 0o755),
            ("run", 0o755),
        ] {
            let path = self.tools.join(name);
            fs::create_dir_all(&path).expect("makes");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("sets");
            rustix::fs::setxattr(&path, "trusted.overlay.opaque", b"y", XattrFlags::empty()).expect("sets");
        }
        let own = self.tools.join("opt/gabion");
        let act = own.join("bin/act");
        for name in ["bin", "fake", "host"] {
            fs::create_dir_all(own.join(name)).expect("makes");
        }
        compile(&act);
        for name in FAKE {
            symlink("../bin/act", own.join("fake").join(name)).expect("links");
        }
        for name in ["modprobe", "(udev-worker)"] {
            symlink("../bin/act", own.join("host").join(name)).expect("links");
        }
        let copies = [
            ".mark/mark",
            ".cache/tool",
            ".../tool",
            ".venv/bin/tool",
            ".npm/tool",
            "setuid/act",
            "setuid/sudo",
        ];
        for name in copies {
            let mode = if name.starts_with("setuid") { 0o4755 } else { 0o755 };
            self.file(&format!("opt/gabion/{name}"), &fs::read(&act).expect("reads"), mode);
        }
        for name in ["nginx", "dpkg"] {
            // With a command behind it, so that the shell stays its parent.
            self.file(&format!("opt/gabion/run/{name}"), b"#!/bin/sh\n\"$@\"\n:\n", 0o755);
        }
        let account = "run/secrets/kubernetes.io/serviceaccount";
        for (name, content) in [
            ("opt/gabion/app.pl", "open(my $file, '<', $ARGV[0]) or die; my $line = <$file>;\n"),
            (
                "opt/gabion/rotate.pl",
                "rename($ARGV[0], \"$ARGV[0].1\") or die; unlink(\"$ARGV[0].1\") or die;\n",
            ),
            ("opt/gabion/sbin/runc", "a runtime\n"),
            ("opt/gabion/x.ko", "a module\n"),
            (&format!("{account}/token"), "a token\n"),
            (&format!("{account}/namespace"), "default\n"),
            ("root/.ssh/id_ed25519", "a key\n"),
            ("root/.ssh/id_ed25519.pub", "a public key\n"),
            ("root/.aws/credentials", "keys\n"),
            ("root/.ssh/authorized_keys", ""),
            ("root/.bashrc", "# nothing\n"),
            ("root/.bash_history", "id\n"),
            ("etc/ld.so.preload", ""),
            ("var/log/gabion/a", "a\n"),
            ("var/log/gabion/b", "b\n"),
            ("var/log/gabion/c", "c\n"),
        ] {
            self.file(name, content.as_bytes(), 0o644);
        }
    }

    fn file(&self, name: &str, content: &[u8], mode: u32) {
        let path = self.tools.join(name);
        fs::create_dir_all(path.parent().expect("has one")).expect("makes");
        fs::write(&path, content).expect("writes");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("sets");
    }

    /// Runs a script of `sh` as the first program of a container, with all privileges or those that Docker gives, and lets it end
    /// when this holds: the state that names a container goes with it. Gives what it printed.
    pub(super) fn container(
        &self,
        id: &str,
        privileged: bool,
        script: &str,
        mut until: impl FnMut() -> bool,
    ) -> String {
        let bundle = self.home.join(id);
        let place = |name: &str| bundle.join(name).display().to_string();
        for name in ["upper", "work", "rootfs", "own/opt/gabion"] {
            fs::create_dir_all(bundle.join(name)).expect("makes");
        }
        fs::write(bundle.join("own/opt/gabion/script"), script).expect("writes");
        let layers = format!(
            "lowerdir={}:{}:/,upperdir={},workdir={}",
            place("own"),
            self.tools.display(),
            place("upper"),
            place("work")
        );
        run(Command::new("mount").args(["-t", "overlay", "none", "-o", &layers, &place("rootfs")]));
        run(Command::new("runc").arg("spec").current_dir(&bundle));
        let path = bundle.join("config.json");
        let mut spec: Value = serde_json::from_slice(&fs::read(&path).expect("reads")).expect("JSON");
        let process = &mut spec["process"];
        process["terminal"] = json!(false);
        process["args"] = json!(["/bin/sh", "/opt/gabion/script"]);
        process["env"] =
            json!(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SHELL=/bin/sh", "HOME=/root", "G=/opt/gabion"]);
        // The defaults may be more than this machine allows.
        process["rlimits"] = Value::Null;
        process["noNewPrivileges"] = json!(false);
        let possible = possible();
        let more =
            MORE.iter().filter(|(_, bit)| privileged && possible & 1 << bit != 0).map(|(name, _)| name);
        let capabilities: Vec<String> =
            ORDINARY.iter().chain(more).map(|name| format!("CAP_{name}")).collect();
        for set in ["bounding", "effective", "permitted"] {
            process["capabilities"][set] = json!(capabilities);
        }
        process["capabilities"]["inheritable"] = json!([]);
        process["capabilities"]["ambient"] = json!([]);
        spec["root"]["readonly"] = json!(false);
        if privileged {
            spec["linux"]["maskedPaths"] = Value::Null;
            spec["linux"]["readonlyPaths"] = Value::Null;
        }
        fs::write(&path, spec.to_string()).expect("writes");
        let printed = fs::File::create(bundle.join("printed")).expect("makes");
        let errors = printed.try_clone().expect("a file");
        let mut child = Command::new("runc")
            .args(["run", id])
            .current_dir(&bundle)
            .stdin(Stdio::piped())
            .stdout(printed)
            .stderr(errors)
            .spawn()
            .expect("starts");
        let told = || fs::read_to_string(bundle.join("printed")).unwrap_or_default();
        wait_for(id, || {
            let ended = child.try_wait().expect("a child");
            assert!(ended.is_none(), "{id}: {}", told());
            until()
        });
        drop(child.stdin.take());
        assert!(child.wait().expect("ends").success(), "{id}: {}", told());
        run(Command::new("umount").arg("-l").arg(place("rootfs")));
        told()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // A test that fails may have left a root in it; both go when nobody uses them.
        let _ = Command::new("umount").args(["-l", "-R"]).arg(&self.home).status();
    }
}
