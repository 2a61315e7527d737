//! Enforcement: what containers may execute, open and connect to, decided in the kernel or before the call returns.
//!
//! ```text
//!   agent ── Enforcer ── socket ── keeper ── fanotify: may this be executed?            EPERM
//!     policies  ──────────────────►  │  └─── programs of the kernel, pinned:
//!     decisions ◄──────────────────  │         LSM hooks                                EPERM
//!                                  spool       before the first instruction             SIGKILL
//!                                              connect, sendmsg                         EPERM
//! ```
//! Two things outlive the agent: the keeper (this program again, as `gabion __keeper`), which decides by the policies that it was given and
//! holds what it has decided until an agent takes it; and the programs in the kernel, which outlive the keeper, too. What needs the
//! keeper while there is none waits, or is decided by the fail mode of its policy.
//!
//! | | lost when it dies | made good by |
//! |---|---|---|
//! | agent | nothing | the next agent takes what was decided meanwhile |
//! | keeper | fanotify lets through what it was asked | the program before the first instruction finds no approval, and stops it |
//! | both | - | what is stopped stays stopped; after the deadline the fail mode decides about what comes |
//!
//! docs/enforcement.md says what each rung can and cannot do.

mod client;
mod compiled;
mod decision;
mod error;
mod fanotify;
mod keeper;
mod kernel;
mod policy;
mod wire;

pub use client::Enforcer;
pub use decision::{Decision, EnforceStats, Kind, Step, What, word};
pub use error::EnforceError;
pub use policy::{
    Choice, ConnectRules, ExecRules, Fail, FailMode, Mode, Net, OpenRules, Pattern, Peer, Policy, PolicyError,
};

use gabion_model::{Digest, event::Rung};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    ffi::OsString,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

/// Where and how things are enforced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Options {
    /// Directory of the keeper: socket, policies, records.
    pub state: PathBuf,
    /// Directory on a file system of BPF, for what stays in the kernel.
    pub pins: PathBuf,
    /// Control group beneath which containers are looked for; without it, all there are.
    pub scope: Option<PathBuf>,
    /// The policy of containers that have none yet. A keeper that runs already has its own, until [`Enforcer::set_default`].
    pub default: Policy,
    /// What rules are not for.
    pub agent: AgentProgram,
    /// Most bytes of records that wait for an agent.
    pub spool: Option<u64>,
    /// How the keeper is started.
    #[serde(skip)]
    pub keeper: KeeperProgram,
}

/// The agent's own program, in its own control group: rules are not for it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AgentProgram {
    /// Its control group; 0 if it has none of its own.
    pub cgroup: u64,
    /// Its program.
    pub program: PathBuf,
}

/// How the keeper is started: with these arguments, and its options as one more.
#[derive(Clone, Debug, Default)]
pub struct KeeperProgram {
    /// The program.
    pub program: PathBuf,
    /// Arguments before the options.
    pub args: Vec<OsString>,
    /// Variables of its environment, beside the agent's.
    pub env: Vec<(OsString, OsString)>,
}

impl Options {
    /// Those of the system, with a state directory.
    pub fn system(state: &Path) -> Self {
        let program = PathBuf::from("/proc/self/exe");
        // Two agents with directories of their own do not share what is in the kernel either.
        let whole = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
        let name = Digest::sha256(Sha256::digest(whole.as_os_str().as_bytes()).into()).short();
        Self {
            pins: Path::new("/sys/fs/bpf/gabion").join(name),
            state: whole,
            scope: None,
            default: Policy { name: "default".into(), ..Policy::default() },
            agent: AgentProgram::this(),
            spool: None,
            keeper: KeeperProgram { program, args: vec!["__keeper".into()], env: Vec::new() },
        }
    }
}

impl AgentProgram {
    /// This process. On the host, where rules are for nobody, it has no control group of its own.
    fn this() -> Self {
        let path = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let path = path.lines().find_map(|line| line.strip_prefix("0::/")).filter(|path| !path.is_empty());
        let group = path.zip(crate::sensor::load::unified()).map(|(path, root)| root.join(path));
        let cgroup = group.and_then(|group| Some(std::fs::metadata(group).ok()?.ino())).unwrap_or(0);
        Self { cgroup, program: std::env::current_exe().unwrap_or_default() }
    }
}

/// The keeper: runs until an agent stops it. `options` are those that [`Enforcer::start`] hands over.
pub fn keep(options: &str) -> Result<(), EnforceError> {
    let options = serde_json::from_str(options).map_err(|error| EnforceError::Start(error.to_string()))?;
    keeper::run(&options)
}

/// Which rungs this kernel has, without using any.
pub fn probe() -> Vec<Step> {
    let fanotify = fanotify::Group::new().err().map(|error| error.to_string());
    kernel::ladder(&kernel::probe(), fanotify.as_deref())
}

impl Step {
    /// The best rung that is used.
    pub fn best(&self) -> Option<Rung> {
        self.rungs.first().copied()
    }
}
