//! A parser that was taken over: an analyser that tries to get out of its sandbox, in every way that safe Rust
//! knows, and tells how each try ended.
//!
//! The test starts this very program again as the worker. The harness prints to standard output, where the
//! worker's answers must go; hence descriptor 3.

use gabion_image::{
    caps::Limits,
    catalog::{Candidate, Cataloger, Scope, Want},
    content::{Content, ReadError},
    facts::Facts,
    scan,
    worker::{self, Job, Work},
};
use gabion_model::Aspect;
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io::{self, ErrorKind},
    net::{TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{PermissionsExt, symlink},
            net::{SocketAddr, UnixListener, UnixStream},
            process::CommandExt,
        },
    },
    path::Path,
    process::Command,
};

/// Wants one file, in which it finds what to attack.
struct Hostile;

const ASPECT: Aspect = Aspect::named("packages.hostile");

impl Cataloger for Hostile {
    fn name(&self) -> &'static str {
        "hostile"
    }

    fn aspect(&self) -> Aspect {
        ASPECT
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.path == b"input" { Want::Content } else { Want::No }
    }

    fn read(&self, _: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let input = content.bytes(4096)?;
        let plan: BTreeMap<String, String> =
            serde_json::from_slice(&input).map_err(|e| ReadError::malformed(e.to_string()))?;
        out.gap(ASPECT, "the input was read");
        out.gap(ASPECT, format!("{} variables", env::vars_os().count()));
        for (what, result) in attempts(&plan) {
            let outcome = match result {
                Ok(()) => "SUCCEEDED".to_owned(),
                // EPERM or EACCES.
                Err(e) if e.kind() == ErrorKind::PermissionDenied => "denied".to_owned(),
                Err(e) => format!("FAILED OTHERWISE: {e}"),
            };
            out.gap(ASPECT, format!("{what}: {outcome}"));
        }
        Ok(())
    }
}

fn attempts(plan: &BTreeMap<String, String>) -> Vec<(&'static str, io::Result<()>)> {
    let root = Path::new(&plan["root"]);
    let outside = Path::new(&plan["outside"]);
    let input = root.join("input");
    let parent = plan["parent"].parse().expect("a number");
    let parent = rustix::process::Pid::from_raw(parent).expect("not zero");
    let of_parent = |name: &str| format!("/proc/{}/{name}", plan["parent"]);
    let abstract_name = SocketAddr::from_abstract_name("gabion-test").expect("a name");
    let other = |e: rustix::io::Errno| io::Error::from(e);
    let limit = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    vec![
        ("TCP connection", TcpStream::connect(&plan["tcp"]).map(drop)),
        ("TCP listener", TcpListener::bind("127.0.0.1:0").map(drop)),
        ("UDP socket", UdpSocket::bind("127.0.0.1:0").map(drop)),
        ("Unix connection", UnixStream::connect(outside.join("socket")).map(drop)),
        ("abstract Unix connection", UnixStream::connect_addr(&abstract_name).map(drop)),
        ("socket pair", UnixStream::pair().map(drop)),
        ("reading /etc/passwd", File::open("/etc/passwd").map(drop)),
        ("reading beside the input", File::open(outside.join("private")).map(drop)),
        ("reading through a link in the input", File::open(root.join("link")).map(drop)),
        ("reading upwards", File::open(root.join("../outside/private")).map(drop)),
        ("listing /", fs::read_dir("/").map(drop)),
        ("reading its own environment", File::open("/proc/self/environ").map(drop)),
        ("reading the parent's environment", File::open(of_parent("environ")).map(drop)),
        ("reading the parent's memory", File::open(of_parent("mem")).map(drop)),
        ("writing the parent's memory", File::options().write(true).open(of_parent("mem")).map(drop)),
        ("writing the input", File::options().write(true).open(&input).map(drop)),
        ("truncating the input", File::options().write(true).truncate(true).open(&input).map(drop)),
        ("creating a file beside the input", File::create(root.join("new")).map(drop)),
        ("creating a temporary file", File::create(env::temp_dir().join("gabion-escape")).map(drop)),
        ("creating a directory", fs::create_dir(root.join("directory"))),
        ("creating a link", symlink("/etc/passwd", root.join("symlink"))),
        ("creating a hard link", fs::hard_link(&input, root.join("hardlink"))),
        ("renaming the input", fs::rename(&input, root.join("renamed"))),
        ("removing the input", fs::remove_file(&input)),
        ("changing the input's mode", fs::set_permissions(&input, fs::Permissions::from_mode(0o777))),
        (
            "an anonymous file",
            rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::empty()).map(drop).map_err(other),
        ),
        ("changing the root", rustix::process::chroot("/").map_err(other)),
        ("changing the directory", env::set_current_dir("/")),
        ("asking after the parent", rustix::process::test_kill_process(parent).map_err(other)),
        (
            "a signal to the parent",
            rustix::process::kill_process(parent, rustix::process::Signal::TERM).map_err(other),
        ),
        (
            "limiting the parent",
            rustix::process::prlimit(Some(parent), rustix::process::Resource::Cpu, limit)
                .map(drop)
                .map_err(other),
        ),
        ("starting a program", Command::new("/bin/true").status().map(drop)),
        // The last, as it would not return.
        ("becoming another program", Err(Command::new("/bin/true").exec())),
    ]
}

/// Not a test: the worker that the test below starts.
#[test]
#[ignore = "the inner half of a_hostile_analyser_gets_nowhere"]
fn as_worker() {
    let Ok(answers) = File::options().write(true).open("/proc/self/fd/3") else {
        return;
    };
    rustix::stdio::dup2_stdout(&answers).expect("standard output");
    worker::run(&[&Hostile], |_| Err("no SBOM".to_owned()));
}

#[test]
fn a_hostile_analyser_gets_nowhere() {
    let desk = tempfile::tempdir().expect("a directory");
    let (root, outside) = (desk.path().join("root"), desk.path().join("outside"));
    for directory in [&root, &outside] {
        fs::create_dir(directory).expect("creates");
    }
    fs::write(outside.join("private"), "do not read").expect("writes");
    symlink(outside.join("private"), root.join("link")).expect("links");
    // All of this is there, so that only the sandbox stands in the way.
    let tcp = TcpListener::bind("127.0.0.1:0").expect("listens");
    let _unix = UnixListener::bind(outside.join("socket")).expect("listens");
    let name = SocketAddr::from_abstract_name("gabion-test").expect("a name");
    let _abstract = UnixListener::bind_addr(&name).expect("listens");
    let plan = serde_json::json!({
        "root": root, "outside": outside, "parent": std::process::id().to_string(),
        "tcp": tcp.local_addr().expect("bound").to_string(),
    });
    fs::write(root.join("input"), plan.to_string()).expect("writes");
    let without_sandbox = attempts_that_are_harmless(&plan.to_string());
    assert!(without_sandbox.is_empty(), "these fail for other reasons: {without_sandbox:?}");

    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "exec env -i \"$0\" --exact --ignored --nocapture sandbox::as_worker 3>&1 >/dev/null"]);
    command.arg(env::current_exe().expect("this program"));
    let job = Job {
        work: Work::Root { directory: root.clone(), scope: Some(Scope::Image) },
        source: "dir".to_owned(),
        reference: "root".to_owned(),
        platform: None,
        secrets: true,
        verify: false,
        now: jiff::Timestamp::UNIX_EPOCH,
        limits: Limits::DEFAULT,
        jobs: 2,
        index: false,
        keys: false,
        cache: None,
        given: None,
        temporary: env::temp_dir(),
        version: "0".to_owned(),
    };
    let report = scan::run(&job, command, &mut |_, _| {}).expect("scans").report;

    assert_eq!(report.isolation.seccomp, "enforced");
    if report.isolation.landlock != "enforced" {
        assert!(env::var("CI").as_deref() != Ok("true"), "{}", report.isolation.landlock);
        return;
    }
    let status = report.coverage.get(&ASPECT).expect("told");
    let mut told: Vec<String> =
        status.reasons().iter().map(|r| r.strip_prefix("input: ").unwrap_or(r).to_owned()).collect();
    for expected in ["the input was read", "0 variables"] {
        let before = told.len();
        told.retain(|t| t != expected);
        assert_eq!(told.len() + 1, before, "{expected}: {told:?}");
    }
    assert_eq!(told.len(), 33, "{told:?}");
    let escapes: Vec<_> = told.iter().filter(|t| !t.ends_with(": denied")).collect();
    assert!(escapes.is_empty(), "{escapes:#?}");
    // And nothing happened.
    let mut left: Vec<_> =
        fs::read_dir(&root).expect("lists").map(|e| e.expect("lists").file_name()).collect();
    left.sort();
    assert_eq!(left, ["input", "link"]);
    assert_eq!(fs::read_to_string(root.join("input")).expect("reads"), plan.to_string());
}

/// Attempts that do no harm here, and that must succeed without a sandbox for the test to prove anything.
fn attempts_that_are_harmless(plan: &str) -> Vec<String> {
    let plan: BTreeMap<String, String> = serde_json::from_str(plan).expect("is JSON");
    let (root, outside) = (Path::new(&plan["root"]), Path::new(&plan["outside"]));
    let name = SocketAddr::from_abstract_name("gabion-test").expect("a name");
    let tries = [
        ("tcp", TcpStream::connect(&plan["tcp"]).map(drop)),
        ("unix", UnixStream::connect(outside.join("socket")).map(drop)),
        ("abstract", UnixStream::connect_addr(&name).map(drop)),
        ("private", File::open(outside.join("private")).map(drop)),
        ("link", File::open(root.join("link")).map(drop)),
        ("up", File::open(root.join("../outside/private")).map(drop)),
        ("program", Command::new("/bin/true").status().map(drop)),
    ];
    tries.into_iter().filter_map(|(what, result)| Some(format!("{what}: {}", result.err()?))).collect()
}
