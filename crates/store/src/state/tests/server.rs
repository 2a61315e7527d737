//! A PostgreSQL of our own: started once for all tests, on a Unix socket in a directory of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

struct Server {
    socket: PathBuf,
    user: String,
    _directory: tempfile::TempDir,
}

static SERVER: LazyLock<Option<Server>> = LazyLock::new(start);
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The URL of a new database; none where there is no PostgreSQL, which fails under CI.
pub(super) fn database() -> Option<String> {
    let Some(server) = SERVER.as_ref() else {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "PostgreSQL is missing: scripts/install.sh test"
        );
        #[expect(clippy::print_stderr, reason = "a test that does not run says so")]
        {
            eprintln!("not run on PostgreSQL: it is not installed");
        }
        return None;
    };
    let name = format!("test{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let done = server
        .as_user("createdb")
        .args(["-h", &server.socket.display().to_string(), &name])
        .status()
        .expect("runs");
    assert!(done.success());
    Some(format!("postgres://{}@localhost/{name}?host={}", server.user, server.socket.display()))
}

impl Server {
    fn as_user(&self, program: &str) -> Command {
        as_user(&self.user, &programs().expect("was found before").join(program))
    }
}

/// The newest that Debian has installed.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin"));
    versions.filter(|path| path.join("initdb").exists()).max()
}

/// The server refuses to be root.
fn as_user(user: &str, program: &Path) -> Command {
    if user == "root" {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user, "--regid", user, "--clear-groups", "--pdeathsig", "KILL"]).arg(program);
    command
}

fn start() -> Option<Server> {
    let programs = programs()?;
    let directory = tempfile::tempdir().expect("a directory");
    let (data, socket) = (directory.path().join("data"), directory.path().to_owned());
    let user = "postgres".to_owned();
    assert!(
        Command::new("chown")
            .args([user.as_str(), &directory.path().display().to_string()])
            .status()
            .expect("runs")
            .success()
    );
    let made = as_user(&user, &programs.join("initdb"))
        .args(["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "-D"])
        .arg(&data)
        .stdout(Stdio::null())
        .status();
    assert!(made.expect("runs").success());
    let mut command = as_user(&user, &programs.join("postgres"));
    command
        .arg("-D")
        .arg(&data)
        .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200", "-k"])
        .arg(&socket);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    // It ends with the thread that has started it, so that one never ends.
    std::thread::spawn(move || {
        let mut child = command.spawn().expect("starts");
        let _ = child.wait();
        loop {
            std::thread::park();
        }
    });
    let server = Server { socket, user, _directory: directory };
    let start = Instant::now();
    while !server
        .as_user("pg_isready")
        .args(["-q", "-h", &server.socket.display().to_string()])
        .status()
        .expect("runs")
        .success()
    {
        assert!(start.elapsed() < Duration::from_mins(1), "PostgreSQL does not start");
        std::thread::yield_now();
    }
    Some(server)
}
