//! A PostgreSQL of our own, as Debian installs it: on a Unix socket in a directory of its own. Shared with the tests and the bench of the hub.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// The server refuses to be root.
const USER: &str = "postgres";

/// A server. It ends with the thread that has started it.
pub(crate) struct Postgres {
    programs: PathBuf,
    directory: tempfile::TempDir,
    options: &'static [&'static str],
    child: Mutex<Option<Child>>,
    databases: AtomicU32,
}

static SERVER: LazyLock<Option<Postgres>> = LazyLock::new(|| {
    // It ends with the thread that has started it, so that one never ends.
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = tell.send(Postgres::start(&["fsync=off"]));
        loop {
            std::thread::park();
        }
    });
    told.recv().ok()?
});

/// The URL of a new database of a server that all tests share; none where there is no PostgreSQL, which fails under CI.
#[allow(dead_code, reason = "others start servers of their own")]
pub(crate) fn database() -> Option<String> {
    present(SERVER.as_ref()).map(Postgres::database)
}

/// What is there; that there is nothing fails under CI.
pub(crate) fn present<T>(server: Option<T>) -> Option<T> {
    if server.is_none() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "PostgreSQL is missing: scripts/install.sh test"
        );
        #[expect(clippy::print_stderr, reason = "a test that does not run says so")]
        {
            eprintln!("not run: PostgreSQL is not installed");
        }
    }
    server
}

impl Postgres {
    /// Starts one with these options; none where it is not installed.
    pub(crate) fn start(options: &'static [&'static str]) -> Option<Self> {
        // The newest that Debian has installed.
        let versions =
            fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin"));
        let programs = versions.filter(|path| path.join("initdb").exists()).max()?;
        let directory = tempfile::tempdir().expect("a directory");
        let owned = Command::new("chown").arg(USER).arg(directory.path()).status();
        assert!(owned.expect("runs").success());
        // A hub that is a process of its own has no privilege to look into what is another's.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("may");
        let made = as_user(&programs.join("initdb"))
            .args(["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", "-D"])
            .arg(directory.path().join("data"))
            .stdout(Stdio::null())
            .status();
        assert!(made.expect("runs").success());
        let child = Mutex::new(None);
        let server = Self { programs, directory, options, child, databases: AtomicU32::new(0) };
        server.go_on();
        Some(server)
    }

    /// The URL of a new database.
    pub(crate) fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let done = self.client("createdb").arg(&name).status();
        assert!(done.expect("runs").success());
        format!("postgres://{USER}@localhost/{name}?host={}", self.directory.path().display())
    }

    /// Starts it again after [`Self::stop`].
    pub(crate) fn go_on(&self) {
        let mut command = as_user(&self.programs.join("postgres"));
        command
            .arg("-D")
            .arg(self.directory.path().join("data"))
            .args(["-c", "listen_addresses=", "-c", "max_connections=200", "-k"])
            .arg(self.directory.path());
        command.args(self.options.iter().flat_map(|option| ["-c", option]));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        *self.child() = Some(command.spawn().expect("starts"));
        let start = Instant::now();
        while !self.client("pg_isready").arg("-q").status().expect("runs").success() {
            assert!(start.elapsed() < Duration::from_mins(1), "PostgreSQL does not start");
            std::thread::yield_now();
        }
    }

    /// Ends it at once, as a crash would.
    #[allow(dead_code, reason = "not everybody does")]
    pub(crate) fn stop(&self) {
        let Some(mut child) = self.child().take() else { return };
        let told = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
        assert!(told.expect("runs").success());
        child.wait().expect("ends");
    }

    /// A program of PostgreSQL that asks this server.
    pub(crate) fn client(&self, program: &str) -> Command {
        let mut command = as_user(&self.programs.join(program));
        command.arg("-h").arg(self.directory.path());
        command
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut child) = self.child().take() {
            let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
            let _ = child.wait();
        }
    }
}

fn as_user(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--pdeathsig", "KILL"]).arg(program);
    command
}
