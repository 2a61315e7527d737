//! Enforcement on this kernel, in containers of runc.
//!
//! Each test has a keeper, pins, and a control group of its own, beneath which alone containers are looked for: others on this machine are
//! not touched. The keeper and the client that is killed are this program again.

mod connect;
mod crash;
mod exec;
mod unknown;
mod vm;

use crate::{
    machine::{alone, can_run, directory, run},
    stand_in::unified,
};
use gabion_model::event::{Rung, Verdict};
use gabion_node::enforce::{
    AgentProgram, Decision, EnforceStats, Enforcer, ExecRules, KeeperProgram, Mode, Options, Pattern, Policy,
    What, keep,
};
use serde_json::{Value, json};
use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{MutexGuard, OnceLock},
    time::{Duration, Instant},
};
use tempfile::TempDir;

const KEEPER: &str = "GABION_TEST_KEEPER";

/// No test: this program as the keeper.
#[test]
fn as_keeper() {
    if env::var_os(KEEPER).is_some() {
        let options = env::args().find(|argument| argument.starts_with('{')).expect("options");
        keep(&options).expect("keeps");
    }
}

/// What the containers run, built once.
fn helper() -> &'static Path {
    static HELPER: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = HELPER.get_or_init(|| {
        let home = directory();
        let path = home.path().join("helper");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/enforce/helper.c");
        run(Command::new("gcc").args(["-static", "-O1", "-Wall", "-Werror", "-o"]).arg(&path).arg(source));
        (home, path)
    });
    path
}

/// A place to enforce in.
struct Stand {
    home: PathBuf,
    group: PathBuf,
    options: Options,
    turn: Option<MutexGuard<'static, ()>>,
}

impl Stand {
    /// `None` if this machine cannot.
    fn new(test: &str) -> Option<Self> {
        can_run(test, &["runc", "busybox", "gcc"]).then(|| Self::with(Policy::default()))
    }

    fn with(default: Policy) -> Self {
        let turn = alone();
        let home = directory();
        let mut stand = Self::bare(&home.keep(), default);
        stand.turn = Some(turn);
        stand
    }

    /// The same where nobody else is.
    fn bare(home: &Path, default: Policy) -> Self {
        let name = format!("gabion-enforce-{}", std::process::id());
        let group = unified().join(&name);
        fs::create_dir_all(&group).expect("a control group");
        let options = Options {
            state: home.join("keeper"),
            pins: Path::new("/sys/fs/bpf").join(name),
            scope: Some(group.clone()),
            default,
            agent: AgentProgram::default(),
            spool: None,
            keeper: KeeperProgram {
                program: env::current_exe().expect("this program"),
                args: ["enforce::as_keeper", "--exact", "--nocapture"].map(OsString::from).to_vec(),
                env: vec![(KEEPER.into(), "1".into())],
            },
        };
        Self { home: home.to_owned(), group, options, turn: None }
    }

    fn enforcer(&self) -> Enforcer {
        Enforcer::start(self.options.clone()).expect("a keeper")
    }

    /// A container that is made, and whose first program has not been executed yet.
    fn container(&self, name: &str, arguments: &[&str]) -> Container<'_> {
        let bundle = self.home.join(name);
        let root = bundle.join("rootfs");
        for directory in ["bin", "etc", "tmp", "lib64"] {
            fs::create_dir_all(root.join(directory)).expect("makes");
        }
        for program in ["helper", "other", "denied"] {
            fs::copy(helper(), root.join("bin").join(program)).expect("copies");
        }
        self.bundle(name, arguments)
    }

    /// The same, with a root file system that is there.
    fn bundle(&self, name: &str, arguments: &[&str]) -> Container<'_> {
        let bundle = self.home.join(name);
        run(Command::new("runc").arg("spec").current_dir(&bundle));
        let text = fs::read(bundle.join("config.json")).expect("reads");
        let mut spec: Value = serde_json::from_slice(&text).expect("JSON");
        spec["process"]["terminal"] = json!(false);
        spec["process"]["args"] = json!(arguments);
        spec["process"]["rlimits"] = Value::Null;
        spec["process"]["capabilities"] = json!({});
        spec["root"]["readonly"] = json!(false);
        let group = self.group.file_name().expect("a name").to_string_lossy().into_owned();
        spec["linux"]["cgroupsPath"] = json!(format!("/{group}/{name}"));
        fs::write(bundle.join("config.json"), spec.to_string()).expect("writes");
        let container = Container { stand: self, name: name.to_owned(), bundle };
        let log = fs::File::create(container.bundle.join("log")).expect("a log");
        let mut create = container.runc("create");
        create.arg("--bundle").arg(&container.bundle).arg(name);
        create.stdout(log.try_clone().expect("the log")).stderr(log);
        assert!(create.status().expect("starts").success(), "{}", container.log());
        container
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        // What a test that failed has left. One that went well has stopped its keeper.
        if let Ok(enforcer) = Enforcer::start(self.options.clone()) {
            let _ = enforcer.stop();
        }
        let _ = fs::remove_dir(&self.group);
        let _ = fs::remove_dir_all(&self.home);
        // Only now the next test may begin.
        self.turn.take();
    }
}

struct Container<'a> {
    stand: &'a Stand,
    name: String,
    bundle: PathBuf,
}

impl Container<'_> {
    fn runc(&self, command: &str) -> Command {
        let mut runc = Command::new("runc");
        runc.arg("--root").arg(self.stand.home.join("runc")).arg(command).stdin(Stdio::null());
        runc
    }

    fn group(&self) -> u64 {
        fs::metadata(self.stand.group.join(&self.name)).expect("its group").ino()
    }

    fn start(&self) -> Output {
        self.runc("start").arg(&self.name).output().expect("starts")
    }

    /// What its first program has printed.
    fn log(&self) -> String {
        fs::read_to_string(self.bundle.join("log")).unwrap_or_default()
    }

    /// Runs a program in it, and gives what that prints.
    fn exec(&self, arguments: &[&str]) -> String {
        let output = self.runc("exec").arg(&self.name).args(arguments).output().expect("starts");
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).trim().to_owned()
    }

    fn root(&self) -> PathBuf {
        self.bundle.join("rootfs")
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _ = self.runc("delete").args(["--force", &self.name]).output();
    }
}

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| text.parse().expect("a pattern")).collect()
}

/// Denies `/bin/denied`.
fn denying() -> Policy {
    let exec = ExecRules { deny: patterns(&["/bin/denied"]), ..ExecRules::default() };
    Policy { name: "denying".into(), mode: Mode::Enforce, exec, ..Policy::default() }
}

/// Takes all decisions there are by now.
fn take(enforcer: &mut Enforcer) -> Vec<Decision> {
    let mut decisions = Vec::new();
    enforcer.poll(&mut |decision| decisions.push(decision.clone())).expect("polls");
    decisions
}

/// The counters reconcile, and all that is recorded was told.
fn reconciled(enforcer: &mut Enforcer) -> EnforceStats {
    let stats = enforcer.stats().expect("stats");
    assert_eq!(stats.decided, stats.recorded + stats.dropped, "{stats:?}");
    assert_eq!((stats.dropped, stats.pending), (0, 0), "{stats:?}");
    stats
}

fn path(decision: &Decision) -> &str {
    match &decision.what {
        What::Exec { path, .. } | What::Open { path } => str::from_utf8(path).expect("text"),
        other => panic!("{other:?} has no path"),
    }
}

/// What is told of a denied program: its path, and how it was denied.
fn denied(decisions: &[Decision]) -> Vec<(&str, Verdict, &str)> {
    decisions.iter().map(|decision| (path(decision), decision.verdict, &*decision.rule)).collect()
}

/// The rungs for programs, best first; those without LSM are the same on every kernel.
fn before_return() -> Verdict {
    Verdict::Denied(Rung::Fanotify)
}
