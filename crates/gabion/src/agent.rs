//! `gabion agent`: watches what the containers of this node do, and tells what rules find.
//!
//! ```text
//!   sensor ──► Event ──► judge: state, rules ──► Alert ──► sinks (standard output, file, socket)
//!     ▲                        │
//!   names: control group       └──► incidents ──► state directory, `gabion incident`
//!          ──► container
//! ```

mod enforce;
mod judge;
mod names;
mod probe;
mod sink;
mod watch;

use crate::{alert::AlertFormat, output, rules};
use clap::Args;
use sink::Output;
use std::{path::PathBuf, process::ExitCode};

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

    /// Where incidents are kept
    #[arg(long, value_name = "DIR", default_value = STATE, env = "GABION_STATE")]
    state: PathBuf,

    /// What containers may do, and what becomes of what they may not (see docs/enforcement.md)
    #[arg(long, value_name = "FILE", env = "GABION_ENFORCE")]
    policy: Option<PathBuf>,

    /// End what an earlier agent has enforced with --policy: it goes on when the agent ends
    #[arg(long, conflicts_with_all = ["policy", "probe"])]
    stop_enforcing: bool,

    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// Goes on enforcing when the agent is gone.
pub(crate) fn keep(options: &str) -> ExitCode {
    match gabion_node::enforce::keep(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::failure(&error.into()),
    }
}

pub(crate) fn run(args: &AgentArgs) -> anyhow::Result<ExitCode> {
    if args.probe {
        return probe::run();
    }
    if args.stop_enforcing {
        return enforce::stop(&args.state);
    }
    let loaded = rules::for_agent(&args.rules, !args.no_default_rules)?;
    watch::run(args, &loaded.rules)
}
