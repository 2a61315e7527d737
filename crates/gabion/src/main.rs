//! The `gabion` program: commands, configuration, wiring.
//!
//! Nothing is decided here that a library decides: a command turns arguments into a job, runs it, and hands
//! the report to [`gabion_report`]. Exit codes: 0 whatever was found, 1 when a gate that the user asked for
//! fails, 2 when something could not be done.

#![forbid(unsafe_code)]

mod agent;
mod alert;
mod cli;
mod clock;
mod control;
mod db;
mod demo;
mod diff;
mod doctor;
mod explain;
mod hub;
mod incident;
mod install;
mod journal;
mod link;
mod operate;
mod output;
mod plan;
mod policy;
mod progress;
mod replay;
mod response;
mod rules;
mod saved;
mod scan;
mod storage;
mod target;
mod up;
mod verdict;

use clap::Parser;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::process::ExitCode;

/// The only argument of the analysis process, which reads hostile bytes in a sandbox. It is no command: nobody types it, and
/// nothing that a command needs is made for it.
const WORKER: &str = "__worker";

/// The first argument of the process that goes on enforcing when the agent is gone. Nobody types it either.
const KEEPER: &str = "__keeper";

/// The first argument of the process that speaks to the hub. Nor this.
const LINK: &str = "__link";

/// The first argument of a scan that a hub wants of what is in a registry: `scan`, that ends with the hub.
const SCAN: &str = "__scan";

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|argument| argument == WORKER) {
        // Without whoever asked, nobody hears the answer: a scan that was killed leaves nothing running.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        let done = gabion_image::worker::run(gabion_image::catalog::ALL, scan::sbom_reader);
        return if done { ExitCode::SUCCESS } else { ExitCode::from(2) };
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == KEEPER) {
        return agent::keep(std::env::args().nth(2).as_deref().unwrap_or_default());
    }
    if std::env::args_os().nth(1).is_some_and(|argument| argument == LINK) {
        return link::run(std::env::args().nth(2).as_deref());
    }
    let asked = std::env::args_os().nth(1).is_some_and(|argument| argument == SCAN);
    if asked {
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
    }
    let arguments = std::env::args_os()
        .enumerate()
        .map(|(index, argument)| if asked && index == 1 { "scan".into() } else { argument });
    let cli = match cli::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error),
    };
    let result = match cli.command {
        cli::Command::Up(args) => up::up(&args),
        cli::Command::Down(args) => up::down(&args),
        cli::Command::Demo(args) => demo::run(&args),
        cli::Command::Hub(args) => hub::run(&args),
        cli::Command::Scan(args) => scan::run(&args),
        cli::Command::Diff(args) => diff::run(&args),
        cli::Command::Db(args) => db::run(&args),
        cli::Command::Plan(args) => plan::run(&args),
        cli::Command::Policy(args) => policy::run(&args),
        cli::Command::Rules(args) => rules::run(&args),
        cli::Command::Replay(args) => replay::run(&args),
        cli::Command::Explain(args) => explain::run(&args),
        cli::Command::Agent(args) => agent::run(&args),
        cli::Command::Doctor(args) => doctor::run(&args),
        cli::Command::Status(args) => operate::status::run(&args),
        cli::Command::Events(args) => operate::events::run(&args),
        cli::Command::Alerts(args) => operate::alerts::run(&args),
        cli::Command::Baseline(args) => operate::baseline::run(&args),
        cli::Command::Reload(args) => operate::reload::run(&args),
        cli::Command::Respond(args) => operate::respond::run(&args),
        cli::Command::Install(args) => install::install(&args),
        cli::Command::Uninstall(args) => install::uninstall(&args),
        cli::Command::Incident(args) => incident::run(&args),
        cli::Command::Cache(args) => storage::run(&args),
        cli::Command::Completions { shell } => output::completions(shell),
        cli::Command::Man => output::man(),
    };
    result.unwrap_or_else(|error| output::failure(&error))
}
