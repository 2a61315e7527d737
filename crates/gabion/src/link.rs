//! The link of an agent to its hub: a process of its own, as the agent itself speaks to nobody on the network.
//!
//! ```text
//!   agent ──starts, restarts──► gabion __link ══ TLS ══► hub
//!     │ control socket ◄──asks── events, status, inventory, questions of the hub
//!     └ STATE/alerts.jsonl, incidents/ ──read──┘ └── STATE/link/: identity, spool of events, how far the hub has kept
//! ```
//!
//! To the agent it is one client more. It has two capabilities left, to scan what other users own, and dies with the agent. While the hub
//! is away all waits on disk: alerts in the agent's journal, events in a spool of its own, which has a bound and counts what it throws away.

mod address;
mod ask;
mod connect;
mod events;
mod incidents;
mod inventory;
mod lines;
mod loaded;
mod outbox;
mod progress;
mod queue;
mod scan;
mod session;
mod share;
mod spool;

pub(crate) use address::Address;

use crate::{LINK, output};
use anyhow::{Context, bail};
use clap::Args;
use gabion_identity::JoinToken;
use rustix::{
    process::{Signal, set_parent_process_death_signal},
    thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs},
};
use serde::{Deserialize, Serialize};
use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

/// What the link is told is not longer, in bytes.
const MAX_OPTIONS: u64 = 64 << 10;
/// How long after its end it is started again, at first and at most.
const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_mins(1)];
/// A link that ran so long was well.
const WELL: Duration = Duration::from_mins(1);
/// How the link is called to scan something.
const SCAN: &str = "scan";
/// What the link may do beside what its user may: read what others own, and look into their processes.
const KEPT: CapabilitySet = CapabilitySet::DAC_READ_SEARCH.union(CapabilitySet::SYS_PTRACE);

/// Options of the agent about its hub.
#[derive(Debug, Args)]
pub(crate) struct LinkArgs {
    /// Tell a hub what happens here, and do what it asks for; may be repeated for hubs of one database: one that answers is enough
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', env = "GABION_HUB")]
    pub(crate) hub: Vec<Address>,

    /// The join token of the hub, needed the first time only
    #[arg(long, value_name = "TOKEN", env = "GABION_JOIN_TOKEN", hide_env_values = true, requires = "hub")]
    join: Option<JoinToken>,

    /// What the hub calls this node [default: its host name]
    #[arg(long, value_name = "NAME", env = "GABION_NODE_NAME", requires = "hub")]
    node_name: Option<String>,
}

/// What the link is told, on its standard input: nobody sees it there.
#[derive(Serialize, Deserialize)]
struct Options {
    /// Of one database.
    hubs: Vec<String>,
    join: Option<String>,
    name: Option<String>,
    state: PathBuf,
    socket: PathBuf,
    quiet: bool,
    /// The process that has started it.
    agent: u32,
}

/// As which node the agent with that state has joined, and until when its certificate is good. None if it has not joined a hub.
pub(crate) fn certificate(state: &Path) -> anyhow::Result<Option<(String, jiff::Timestamp)>> {
    let member = connect::Member::read(&state.join("link"))?;
    Ok(member.map(|member| (member.identity.id().to_owned(), member.identity.validity().until)))
}

/// The link, from the agent's side. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Link {
    options: String,
    child: Option<Child>,
    started: Instant,
    pause: Duration,
}

impl Link {
    /// Starts it, if there is a hub. The thread that calls must live as long as the agent: when it ends, so does the link.
    pub(crate) fn new(
        args: &LinkArgs,
        state: &Path,
        socket: &Path,
        quiet: bool,
    ) -> anyhow::Result<Option<Self>> {
        if args.hub.is_empty() {
            return Ok(None);
        }
        let options = serde_json::to_string(&Options {
            hubs: args.hub.iter().map(ToString::to_string).collect(),
            join: args.join.as_ref().map(|token| token.print().expose().to_owned()),
            name: args.node_name.clone(),
            state: std::path::absolute(state)?,
            socket: std::path::absolute(socket)?,
            quiet,
            agent: std::process::id(),
        })?;
        let mut link = Self { options, child: None, started: Instant::now(), pause: PAUSE[0] };
        link.start()?;
        Ok(Some(link))
    }

    /// Starts it again if it has ended. Tells so.
    pub(crate) fn attend(&mut self) -> Option<String> {
        if let Some(child) = &mut self.child {
            let ended = match child.try_wait() {
                Ok(None) => return None,
                Ok(Some(status)) => status.to_string(),
                Err(error) => error.to_string(),
            };
            self.child = None;
            self.pause =
                if self.started.elapsed() > WELL { PAUSE[0] } else { (self.pause * 2).min(PAUSE[1]) };
            self.started = Instant::now();
            return Some(format!("the link to the hub has ended ({ended}); it is started again"));
        }
        if self.started.elapsed() < self.pause {
            return None;
        }
        self.start().err().map(|error| format!("{error:#}"))
    }

    fn start(&mut self) -> anyhow::Result<()> {
        self.started = Instant::now();
        let mut command = Command::new("/proc/self/exe");
        // What the agent was told by its environment is not for others.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"GABION_"))
        {
            command.env_remove(name);
        }
        let spawned = command.arg(LINK).stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        let mut child = spawned.context("the link to the hub cannot be started")?;
        let told = child.stdin.take().context("the link has no input")?.write_all(self.options.as_bytes());
        self.child = Some(child);
        told.context("the link to the hub does not listen")
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The link itself, or what it calls to scan something.
pub(crate) fn run(what: Option<&str>) -> ExitCode {
    // Neither outlives whoever has started it.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let done = match what {
        None => speak(),
        Some(SCAN) => return scan::child(),
        Some(_) => Err(anyhow::anyhow!("nobody calls this but the agent")),
    };
    done.map_or_else(|error| output::failure(&error), |()| ExitCode::SUCCESS)
}

fn speak() -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().take(MAX_OPTIONS).read_to_string(&mut text).context("the link was told nothing")?;
    let options: Options = serde_json::from_str(&text).context("the link was told something else")?;
    if std::os::unix::process::parent_id() != options.agent {
        bail!("the agent has ended");
    }
    drop_privileges().context("the link cannot give its privileges up")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(session::run(&options))
}

/// Threads and programs that are started from here on have no more.
fn drop_privileges() -> std::io::Result<()> {
    set_no_new_privs(true)?;
    let permitted = capabilities(None)?.permitted & KEPT;
    set_capabilities(
        None,
        CapabilitySets { effective: permitted, permitted, inheritable: CapabilitySet::empty() },
    )?;
    Ok(())
}

impl Options {
    /// Where the link keeps what is its own.
    fn directory(&self) -> PathBuf {
        self.state.join("link")
    }

    /// A word to whoever runs the agent.
    fn note(&self, text: &str) {
        if !self.quiet {
            output::note(&output::printable(text));
        }
    }
}
