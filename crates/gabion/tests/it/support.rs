//! What the tests share: tools, directories, running programs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Whether this test can run: root, and all of these programs (names, or paths).
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
    let missing = missing.join(", ");
    eprintln!("not run: {test} needs {missing}");
    assert!(env::var("CI").as_deref() != Ok("true"), "CI must have {missing}");
    false
}

/// A directory on a file system that overlay accepts.
pub(crate) fn directory() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory")
}

/// Where things that are expensive to make stay between runs.
pub(crate) fn cache() -> PathBuf {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(env::temp_dir)
        .join("gabion")
}

/// A directory of the cache, made by `make` if it is not there: once in this process; if two processes make it, the first
/// wins. Half a directory is never seen.
pub(crate) fn cached(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let ready = cache().join("compare").join(name);
    if !ready.exists() {
        let parent = ready.parent().expect("has one");
        fs::create_dir_all(parent).expect("a cache");
        let work = TempDir::new_in(parent).expect("a directory");
        make(work.path());
        let renamed = fs::rename(work.path(), &ready);
        assert!(ready.exists(), "{}: {renamed:?}", ready.display());
    }
    ready
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

/// Waits until `condition` holds, at most half a minute.
pub(crate) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not happen in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}
