//! Runs the program in a directory of its own, with little memory, and looks at how it ended.

use gabion_model::{Aspect, ScanReport};
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// KiB of data that each process may have: `RLIMIT_DATA`, beyond which an allocation fails and aborts.
pub(crate) const MEMORY: u64 = 400 << 10;

/// A directory for one test: its input, its cache, its output.
pub(crate) struct Desk {
    directory: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a directory") }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a file there, with the directories above it.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().expect("not the root")).expect("creates");
        std::fs::write(&path, bytes).expect("writes");
        path
    }

    /// The program, to be run there.
    pub(crate) fn command(&self) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_gabion")))
    }

    /// A copy of the program, or another in front of it.
    pub(crate) fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("ulimit -c 0; ulimit -d {MEMORY}; exec \"$0\" \"$@\"")]);
        command
            .arg(program)
            .current_dir(self.directory.path())
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.directory.path())
            .env("GABION_CACHE_DIR", self.at("cache"))
            .env("CONTAINERD_ADDRESS", self.at("none.sock"))
            .env("DOCKER_HOST", "unix:///nonexistent/docker.sock")
            .env("SOURCE_DATE_EPOCH", "1760000000")
            .env("COLUMNS", "100")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command().args(arguments))
    }

    /// Scans, for JSON.
    pub(crate) fn scan(&self, target: &str, more: &[&str]) -> Ran {
        Ran::of(self.command().args(["scan", target, "--format", "json"]).args(more))
    }
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Runs a command that neither panics nor is killed, and prints nothing that a terminal would obey.
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("starts");
        let (out, err) = (String::from_utf8(stdout), String::from_utf8(stderr));
        let ran = Self {
            code: status.code().unwrap_or(-1),
            out: out.expect("output is UTF-8"),
            err: err.expect("messages are UTF-8"),
        };
        assert!((0..=2).contains(&ran.code), "{status}: {}", ran.err);
        for said in ["panicked", "without a result", "memory allocation"] {
            assert!(!ran.err.contains(said), "{}", ran.err);
        }
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!ran.err.contains(control) && !ran.out.contains(control), "{ran:?}");
        ran
    }

    /// The error, which holds all these words; on its line nothing but printable text.
    pub(crate) fn fails(&self, words: &[&str]) {
        assert_eq!(self.code, 2, "{}", self.err);
        assert!(self.err.starts_with("error: "), "{}", self.err);
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in: {}", self.err);
        }
    }

    /// The report of a scan that could be told.
    pub(crate) fn report(&self) -> ScanReport {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).expect("a report")
    }

    /// Why an aspect is not covered in full.
    pub(crate) fn gaps(&self, aspect: &str) -> String {
        let report = self.report();
        let status = report.coverage.get(&Aspect::new(aspect.to_owned())).expect("an aspect");
        status.reasons().join("\n")
    }

    /// Names and versions of the packages.
    pub(crate) fn packages(&self) -> Vec<String> {
        let packages = self.report().packages;
        packages.iter().map(|p| format!("{} {}", p.name, p.version)).collect()
    }
}
