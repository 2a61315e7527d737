//! `gabion agent`: watches what the containers of this node do, and tells what rules find.
//!
//! ```text
//!   sensor ──► Event ──► judge: state, rules ──► Alert ──► sinks (standard output, file, socket)
//!     ▲                        │                     └──► responses, if any are wanted
//!   names: control group       ├──► incidents, baselines, journal ──► state directory
//!          ──► container       └──► followers ──► control socket, `gabion events`
//! ```

mod audit;
mod automatic;
mod control;
mod enforce;
mod follow;
mod guard;
mod habits;
mod inventory;
mod judge;
mod names;
mod probe;
mod respond;
mod sink;
mod sources;
mod watch;

pub(crate) use audit::verified;
pub(crate) use enforce::stop as stop_enforcing;

use crate::{alert::AlertFormat, clock, control::SOCKET, link::LinkArgs, output};
use anyhow::Context;
use clap::Args;
use gabion_node::sensor::Feature;
use jiff::SignedDuration;
use sink::Output;
use std::{fs, os::unix::fs::DirBuilderExt, path::PathBuf, process::ExitCode};

/// Where the agent keeps what it learnt, unless it is told otherwise.
pub(crate) const STATE: &str = "/var/lib/gabion/agent";

#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// Tell what of this kernel the sensor can use, and what is not seen without the rest
    #[arg(long)]
    probe: bool,

    /// Rule files, or directories of them, beside Gabion's own rules; may be repeated
    #[arg(long, value_name = "FILE", env = "GABION_RULES", value_delimiter = ',')]
    rules: Vec<PathBuf>,

    /// Without Gabion's own rules
    #[arg(long, requires = "rules")]
    no_default_rules: bool,

    /// Tell all rules that match an event, not only the first
    #[arg(long)]
    all: bool,

    /// Format of alerts on standard output; json is Falco's
    #[arg(short, long, value_enum, default_value = "text")]
    format: AlertFormat,

    /// Write alerts to a file, or to a Unix socket (FORMAT=unix:PATH), too; may be repeated
    #[arg(short, long, value_name = "FORMAT=FILE")]
    output: Vec<Output>,

    /// Where alerts, incidents and baselines are kept
    #[arg(long, value_name = "DIR", default_value = STATE, env = "GABION_STATE")]
    state: PathBuf,

    /// Where the agent listens for `gabion status`, `events`, `baseline` and others
    #[arg(long, value_name = "SOCKET", default_value = SOCKET, env = "GABION_SOCKET")]
    socket: PathBuf,

    /// How long a baseline is learnt before it is proposed, such as 1h or 30m
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = clock::span)]
    learn: SignedDuration,

    /// How long nothing new must have come before a baseline is proposed
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = clock::span)]
    settle: SignedDuration,

    /// What alerts cause: a file of responses (docs/agent.md); without it the agent does nothing by itself
    #[arg(long, value_name = "FILE")]
    respond: Option<PathBuf>,

    /// Containers that no response touches, by name or pattern; may be repeated
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    never_touch: Vec<String>,

    /// What containers may do, and what becomes of what they may not (see docs/enforcement.md)
    #[arg(long, value_name = "FILE", env = "GABION_ENFORCE")]
    policy: Option<PathBuf>,

    /// End what an earlier agent has enforced with --policy: it goes on when the agent ends
    #[arg(long, conflicts_with_all = ["policy", "probe"])]
    stop_enforcing: bool,

    /// Leave a part of the sensor out, as --probe names it: without `system calls` none is traced. May be repeated
    #[arg(long, value_name = "FEATURE", value_delimiter = ',', value_parser = feature)]
    without: Vec<Feature>,

    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    link: LinkArgs,
}

/// Goes on enforcing when the agent is gone.
pub(crate) fn keep(options: &str) -> ExitCode {
    match gabion_node::enforce::keep(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::failure(&error.into()),
    }
}

/// A part of the sensor by its name.
fn feature(name: &str) -> Result<Feature, String> {
    let names = || Feature::all().map(|feature| feature.to_string()).collect::<Vec<_>>().join(", ");
    Feature::all()
        .find(|feature| feature.to_string() == name)
        .ok_or_else(|| format!("expected one of {}", names()))
}

pub(crate) fn run(args: &AgentArgs) -> anyhow::Result<ExitCode> {
    if args.probe {
        return probe::run();
    }
    if args.stop_enforcing {
        return enforce::stop(&args.state);
    }
    // Arguments of programs hold secrets, and so do alerts.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&args.state)
        .with_context(|| format!("cannot make {}", args.state.display()))?;
    watch::run(args)
}
