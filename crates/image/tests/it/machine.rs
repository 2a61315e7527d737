//! This machine, for tests that start daemons on it: tools, processes, waiting, and an image to run.
//!
//! The tests of `node` and `gabion` use this file, too.

use std::{
    env,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Daemons that share the kernel's tables run one at a time.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this test can run: root, and all of these programs.
#[expect(clippy::print_stderr, reason = "says why a test did not run")]
pub(crate) fn can_run(test: &str, programs: &[&str]) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = |program: &&str| env::split_paths(&path).any(|d| d.join(program).is_file());
    let mut missing: Vec<&str> = programs.iter().filter(|p| !found(p)).copied().collect();
    if !rustix::process::geteuid().is_root() {
        missing.push("root");
    }
    if missing.is_empty() {
        return true;
    }
    eprintln!("not run: {test} needs {}", missing.join(", "));
    assert!(env::var("CI").as_deref() != Ok("true"), "CI must have {}", missing.join(", "));
    false
}

/// A directory on a file system that overlay accepts.
pub(crate) fn directory() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

/// Runs a program that must succeed and gives its output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().expect("starts");
    assert!(
        output.status.success(),
        "{command:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Waits until `condition` gives something, at most half a minute.
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} did not happen in time");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("binds");
    listener.local_addr().expect("bound").port()
}

/// A program that is asked to end, and waited for, when this goes away.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    pub(crate) fn start(command: &mut Command, log: PathBuf) -> Self {
        let file = std::fs::File::create(&log).expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the log"))
            .stderr(file)
            .spawn()
            .expect("starts");
        Self { child, log }
    }

    /// Waits for a sign of life.
    pub(crate) fn until(&mut self, what: &str, ready: impl Fn() -> bool) {
        wait_for(what, || {
            let ended = self.child.try_wait().ok().flatten();
            let log = ended.map(|_| std::fs::read_to_string(&self.log).unwrap_or_default());
            assert!(ended.is_none(), "{what}: ended: {log:?}");
            ready().then_some(())
        });
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The programs that [`layout`] needs.
pub(crate) const LAYOUT_TOOLS: [&str; 2] = ["umoci", "busybox"];

/// Makes the layout `DIR/app` with two images: `base` of one layer with `/bin/busybox`, and `v1` with
/// `/etc/gabion-test` on top.
pub(crate) fn layout(directory: &Path) {
    let umoci = |arguments: &[&str]| run(Command::new("umoci").args(arguments).current_dir(directory));
    umoci(&["init", "--layout", "app"]);
    umoci(&["new", "--image", "app:v1"]);
    let busybox = ["/bin/busybox", "/usr/bin/busybox"];
    let busybox = busybox.into_iter().find(|p| Path::new(p).exists()).expect("busybox");
    umoci(&["insert", "--image", "app:v1", busybox, "/bin/busybox"]);
    umoci(&["tag", "--image", "app:v1", "base"]);
    std::fs::write(directory.join("mark"), "hello\n").expect("writes");
    umoci(&["insert", "--image", "app:v1", "mark", "/etc/gabion-test"]);
    let command = ["--config.cmd", "/bin/busybox", "--config.cmd", "sleep", "--config.cmd", "600"];
    umoci(&[&["config", "--image", "app:v1"][..], &command[..]].concat());
}
