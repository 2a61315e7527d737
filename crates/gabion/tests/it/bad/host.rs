//! The machine is in the way: no permission, no space, no Landlock.

use super::{Desk, Image, Layer, Ran, Tar, build::gzip};
use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

/// Whether this test can run as root; with `CI=true` it must.
#[expect(clippy::print_stderr, reason = "says why a test did not run")]
fn root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("not run: {test} needs root");
        assert!(env::var("CI").as_deref() != Ok("true"), "CI must run as root");
    }
    root
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changes");
}

/// The program where anybody may run it. Another process copies it: a program that this one has open for
/// writing, as a child inherits it that another test starts at that moment, cannot be run.
fn public_program(desk: &Desk) -> PathBuf {
    let program = desk.at("gabion");
    let mut copy = Command::new("cp");
    copy.arg(env!("CARGO_BIN_EXE_gabion")).arg(&program);
    assert!(copy.status().expect("starts").success(), "copies");
    mode(&program, 0o755);
    mode(&desk.at(""), 0o755);
    program
}

/// The program as a user who may little; its memory is limited as that of all.
fn as_nobody(desk: &Desk, arguments: &[&str]) -> Ran {
    let program = public_program(desk);
    let mut command = desk.command_of(Path::new("setpriv"));
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program).args(arguments);
    Ran::of(&mut command)
}

#[test]
fn what_may_not_be_read_is_a_gap() {
    if !root("what_may_not_be_read_is_a_gap") {
        return;
    }
    let desk = Desk::new();
    desk.write("root/usr/lib/os-release", "ID=alpine\nVERSION_ID=3.20.0\n");
    mode(&desk.write("root/etc/shadow", "root:*:1::::::\n"), 0o600);
    desk.write("root/var/private/x", "");
    mode(&desk.at("root/var/private"), 0o700);
    let arguments = ["scan", "dir:root", "--no-cache", "--format", "json"];
    let ran = as_nobody(&desk, &arguments);
    let gaps = ran.gaps("files");
    assert!(gaps.contains("Permission denied"), "{gaps}");
    for file in ["etc/shadow", "var/private"] {
        let coverage = serde_json::to_string(&ran.report().coverage).expect("is JSON");
        assert!(coverage.contains(file) || gaps.contains("1 more"), "no {file} in: {coverage}");
    }
    assert_eq!(ran.report().os.expect("told").id, "alpine");
    assert_eq!(as_nobody(&desk, &[&arguments[..], &["--fail-on", "coverage"]].concat()).code, 1);
    // A root that may not be entered is no report.
    mode(&desk.at("root"), 0o700);
    as_nobody(&desk, &arguments).fails(&["root cannot be read: Permission denied"]);
    mode(&desk.write("app.tar", "x"), 0o600);
    as_nobody(&desk, &["scan", "docker-archive:app.tar", "--no-cache"])
        .fails(&["app.tar: Permission denied"]);
    as_nobody(&desk, &["scan", "app.tar", "--no-cache"]).fails(&["app.tar", "Permission denied"]);
}

#[test]
fn a_cache_that_cannot_be_used_says_where_it_is_and_what_to_do() {
    let desk = Desk::new();
    desk.write("file", "");
    desk.scan("dir:.", &["--cache-dir", "file/cache"]).fails(&[
        "cannot create the cache in ",
        "file/cache: Not a directory",
        "hint: name another with --cache-dir",
    ]);
    desk.run(&["cache", "--cache-dir", "file/cache"]).fails(&["cannot read the cache in ", "file/cache"]);
    if root("a_cache_that_cannot_be_used_says_where_it_is_and_what_to_do") {
        as_nobody(&desk, &["scan", "dir:."])
            .fails(&["cache: Permission denied", "hint: name another with --cache-dir"]);
    }
    // An output that cannot be written is told, too.
    desk.scan("dir:.", &["--output", "json=gone/x.json"])
        .fails(&["cannot write gone/x.json: gone does not exist"]);
    desk.scan("dir:.", &["--output", "json=file/x.json"])
        .fails(&["cannot write file/x.json: file is not a directory"]);
}

/// A small file system that is full soon, as long as it lives.
struct Small(PathBuf);

impl Small {
    fn at(path: PathBuf, size: &str) -> Self {
        fs::create_dir(&path).expect("creates");
        let options = format!("size={size},mode=0700");
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&path).status();
        assert!(mounted.expect("starts").success());
        Self(path)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_costs_the_cache_or_tells_what_could_not_be_read() {
    if !root("a_full_disk_costs_the_cache_or_tells_what_could_not_be_read") {
        return;
    }
    let desk = Desk::new();
    let small = Small::at(desk.at("small"), "256k");
    // Many names, so that the facts of the layer do not fit.
    let mut tar =
        Tar::default().file("srv/node_modules/good/package.json", r#"{"name":"good","version":"1.0.0"}"#);
    for n in 0..20_000 {
        tar = tar.file(&format!("srv/some/what/longer/names/{n:08}"), "");
    }
    let many = Image::of([Layer::gzip(tar)]);
    let target = many.layout(&desk);
    let ran = desk.scan(&target, &["--cache-dir", "small"]);
    assert_eq!(ran.packages(), ["good 1.0.0"]);
    assert!(ran.err.contains("note: results could not be kept in the cache: No space left"), "{}", ran.err);
    // Nothing half-written stays, and nothing wrong is found the next time.
    let again = desk.scan(&target, &["--cache-dir", "small", "--quiet"]);
    assert_eq!(again.packages(), ["good 1.0.0"]);
    assert!(again.err.is_empty(), "{}", again.err);
    assert_eq!(fs::read_dir(small.0.join("tmp")).expect("lists").count(), 0);

    // A record that must be spilled and cannot be is a gap.
    let record = "Package: x\nVersion: 1\nStatus: install ok installed\n\n".repeat(60_000);
    let tar = Tar::default()
        .file("var/lib/dpkg/status", record)
        .file("srv/node_modules/good/package.json", r#"{"name":"good","version":"1.0.0"}"#);
    let large = Image::of([Layer::gzip(tar)]);
    fs::remove_dir_all(desk.at("app")).expect("removes");
    let ran = desk.scan(&large.layout(&desk), &["--cache-dir", "small"]);
    let gaps = ran.gaps("packages.os");
    assert!(gaps.contains("var/lib/dpkg/status: no temporary space to read it: No space left"), "{gaps}");
    assert_eq!(ran.packages(), ["good 1.0.0"]);

    // An archive that must be inflated and cannot be is an error.
    desk.write("app.tar.gz", gzip(&many.docker_archive().file("more", vec![b'x'; 1 << 20]).end()));
    desk.scan("docker-archive:app.tar.gz", &["--cache-dir", "small"]).fails(&[
        "app.tar.gz cannot be inflated to a temporary file in ",
        "small/tmp: No space left",
        "hint: free some space",
    ]);
    desk.scan("dir:app", &["--no-cache", "--output", "json=/dev/full"])
        .fails(&["cannot write /dev/full: No space left"]);
}

/// Not a test: what runs when the test below starts this program again. Takes Landlock away and becomes gabion.
#[test]
#[ignore = "the inner half of a_kernel_without_landlock_is_told"]
fn becomes_gabion_without_landlock() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let Some(program) = env::var_os("GABION_TEST_PROGRAM") else {
        return;
    };
    let rules = [(libc::SYS_landlock_create_ruleset, Vec::new())].into_iter().collect();
    let gone = SeccompAction::Errno(libc::ENOSYS.cast_unsigned());
    let arch = env::consts::ARCH.try_into().expect("a known machine");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, gone, arch).expect("a filter");
    let filter: BpfProgram = filter.try_into().expect("a program");
    seccompiler::apply_filter(&filter).expect("applies");
    let arguments = env::var("GABION_TEST_ARGUMENTS").expect("given");
    let error = Command::new(program).args(arguments.split(' ')).exec();
    panic!("{error}");
}

#[test]
fn a_kernel_without_landlock_is_told() {
    let desk = Desk::new();
    Image::of([Layer::gzip(Tar::default().file("etc/motd", "hello\n"))]).layout(&desk);
    let without = |arguments: &str| {
        let mut command = desk.command_of(&env::current_exe().expect("this program"));
        command
            .args([
                "--exact",
                "--ignored",
                "--nocapture",
                "--quiet",
                "bad::host::becomes_gabion_without_landlock",
            ])
            .env("GABION_TEST_PROGRAM", env!("CARGO_BIN_EXE_gabion"))
            .env("GABION_TEST_ARGUMENTS", arguments);
        Ran::of(&mut command)
    };
    let table = without("scan oci:app --all");
    assert_eq!(table.code, 0, "{}", table.err);
    assert!(table.out.contains("not enforced (the kernel has no Landlock)"), "{}", table.out);
    let json = without("scan oci:app --format json --no-cache").out;
    assert!(json.contains(r#""landlock": "not enforced (the kernel has no Landlock)""#), "{json}");
    assert!(json.contains(r#""seccomp": "enforced""#), "{json}");
}

#[test]
fn this_kernel_enforces_all_of_it() {
    let desk = Desk::new();
    desk.write("root/usr/lib/os-release", "ID=alpine\n");
    let isolation = desk.scan("dir:root", &[]).report().isolation;
    assert_eq!(isolation.seccomp, "enforced");
    let old = !isolation.landlock.starts_with("enforced");
    assert!(!old || env::var("CI").as_deref() != Ok("true"), "{}", isolation.landlock);
}
