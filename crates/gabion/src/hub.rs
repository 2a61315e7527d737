//! `gabion hub`: where agents report and people look.

#![expect(clippy::doc_markdown, reason = "doc comments here are help texts, printed as they are")]

mod export;

use crate::{clock, db, output};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use gabion_hub::{Running, Settings};
use gabion_store::{events::EventStore, state::State};
use rustix::{
    process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit},
    thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs},
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::Write,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

/// Where the hub keeps its state, unless it is told otherwise.
pub(crate) const STATE: &str = "/var/lib/gabion/hub";
/// Where the console is, and where agents are heard.
pub(crate) const CONSOLE: &str = "127.0.0.1:8420";
pub(crate) const AGENTS: &str = "127.0.0.1:8421";
/// The file of the state in the hub's directory.
const DATABASE: &str = "hub.db";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct HubArgs {
    #[command(subcommand)]
    command: Option<HubCommand>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum HubCommand {
    /// Copy the state of a hub into a directory, while it runs
    Backup {
        /// Where the copy goes; it must not be there yet
        to: PathBuf,
        /// Where the hub keeps its state
        #[arg(long, value_name = "DIR", default_value = STATE, env = "GABION_HUB_STATE")]
        state: PathBuf,
    },
    /// Put a copy that `backup` made in place of the state of a hub that does not run
    Restore {
        /// The copy
        from: PathBuf,
        /// Where the hub keeps its state
        #[arg(long, value_name = "DIR", default_value = STATE, env = "GABION_HUB_STATE")]
        state: PathBuf,
    },
    /// Fetch events from a hub that runs, as a file
    Export(export::ExportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where the hub keeps its state
    #[arg(long, value_name = "DIR", default_value = STATE, env = "GABION_HUB_STATE")]
    state: PathBuf,

    /// The database of its state, such as postgres://USER@HOST/NAME [default: a file in the directory]
    #[arg(long, value_name = "URL", env = "GABION_DATABASE", hide_env_values = true)]
    database: Option<String>,

    /// Where the console and the API are; off loopback they are encrypted
    #[arg(long, value_name = "ADDRESS", default_value = CONSOLE, env = "GABION_LISTEN")]
    listen: SocketAddr,

    /// Where agents are heard, always encrypted
    #[arg(long, value_name = "ADDRESS", default_value = AGENTS, env = "GABION_LISTEN_AGENTS")]
    agents: SocketAddr,

    /// A name or address by which browsers and nodes find the hub; may be repeated. By the first one other hubs find it, so that has to
    /// lead to this hub alone, not to one of several
    #[arg(long = "name", value_name = "HOST", value_delimiter = ',', env = "GABION_HUB_NAMES")]
    names: Vec<String>,

    /// Certificate of the console in PEM, the hub's own first [default: one by the hub's own authority]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// Its key in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,

    /// The database of vulnerabilities [default: as for `gabion scan`]
    #[arg(long, value_name = "DIR", env = "GABION_DB")]
    db: Option<PathBuf>,

    /// Who owns images (see docs/exceptions.md)
    #[arg(long, value_name = "FILE", env = "GABION_OWNERS")]
    owners: Option<PathBuf>,

    /// For `gabion up`: write where the hub is, and a token by which this node joins, into a file
    #[arg(long, value_name = "FILE", hide = true)]
    tell: Option<PathBuf>,
}

/// What a hub tells `gabion up`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Where the console is.
    pub(crate) url: String,
    /// And where it listens.
    pub(crate) listen: SocketAddr,
    /// Where agents are heard.
    pub(crate) agents: SocketAddr,
    /// A token by which one node joins.
    pub(crate) join: String,
    /// The file of the token by which the first admin comes in.
    pub(crate) token_file: PathBuf,
}

pub(crate) fn run(args: &HubArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        Some(HubCommand::Backup { to, state }) => backup(state, to),
        Some(HubCommand::Restore { from, state }) => restore(from, state),
        Some(HubCommand::Export(args)) => export::run(args),
        None => serve(&args.serve),
    }
}

fn serve(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    if args.tell.is_some() {
        // It is a part of `gabion up`, and ends with it.
        let _ = set_parent_process_death_signal(Some(Signal::TERM));
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&args.state)
        .with_context(|| format!("cannot make {}", args.state.display()))?;
    let settings = Settings {
        directory: args.state.clone(),
        database: args.database.clone(),
        listen: args.listen,
        agents: args.agents,
        names: args.names.clone(),
        certificate: args.tls_certificate.clone().zip(args.tls_key.clone()),
        advisories: db::directory(args.db.as_deref())?,
        owners: args.owners.clone(),
        // The path would be that of another program after an update; the one that runs is the one that knows the hub's reports.
        program: Some(PathBuf::from("/proc/self/exe")),
        // A clock that cannot be read tells no time, and nothing is good then.
        clock: Arc::new(|| clock::now().map_or(0, jiff::Timestamp::as_millisecond)),
        notes: Arc::new(|text| output::note(&output::printable(text))),
    };
    // Each agent is a connection: as many as the system allows, not as many as a shell does.
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    // It reads what agents and browsers send: it needs no privilege, and never gets one.
    let _ = set_no_new_privs(true);
    let none = CapabilitySet::empty();
    let _ = set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start")?;
    runtime.block_on(async {
        let mut running = Running::start(settings).await?;
        let (mut interrupted, mut terminated) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        match &args.tell {
            Some(file) => {
                let told = Told {
                    url: running.url(),
                    listen: running.console,
                    agents: running.agents,
                    join: running.join_token(1, Duration::from_mins(10)).await?,
                    token_file: running.token_file(),
                };
                write(file, &serde_json::to_vec(&told)?)?;
            }
            None => output::note(&format!(
                "console: {}\nagents: {}\nthe token of the first admin is in {}",
                running.url(),
                running.agents,
                running.token_file().display()
            )),
        }
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
            error = running.failed() => return Err(error),
        }
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Writes a file that only its owner reads, wholly or not at all.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    let attempt = || {
        fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&new)?
            .write_all(bytes)?;
        fs::rename(&new, path)
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}

fn backup(state: &Path, to: &Path) -> anyhow::Result<ExitCode> {
    if !state.join(DATABASE).exists() {
        bail!(
            "there is no state of a hub in {}\nhint: --state; a state in PostgreSQL is copied by pg_dump",
            state.display()
        );
    }
    fs::DirBuilder::new().mode(0o700).create(to).with_context(|| format!("cannot make {}", to.display()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { State::in_directory(state).await?.backup(&to.join(DATABASE)).await })?;
    copy(&state.join("identity"), &to.join("identity"))?;
    output::note(&format!(
        "copied: state and identity, into {}; events are not: see `gabion hub export`, and sinks",
        to.display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn restore(from: &Path, state: &Path) -> anyhow::Result<ExitCode> {
    if !from.join(DATABASE).is_file() {
        bail!("{} is no copy that `gabion hub backup` made", from.display());
    }
    if EventStore::is_open(&state.join("events")) {
        // It would go on in what is put aside, and all that it takes would be gone.
        bail!(
            "a hub runs on {}\nhint: end it first, by `gabion down` or `systemctl stop gabion-hub`",
            state.display()
        );
    }
    if state.join(DATABASE).exists() {
        let kept = state.with_extension("before-restore");
        if kept.exists() {
            bail!(
                "{} is there from an earlier restore\nhint: remove it, or keep it elsewhere",
                kept.display()
            );
        }
        fs::rename(state, &kept).with_context(|| format!("cannot move {} away", state.display()))?;
        output::note(&format!("the state before, with its events, is kept in {}", kept.display()));
    }
    copy(from, state)?;
    output::note(&format!("restored: {}", state.display()));
    Ok(ExitCode::SUCCESS)
}

/// Copies a directory with its files; nothing in it is a link.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let attempt = || -> std::io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), to.join(entry.file_name()))?;
            }
        }
        Ok(())
    };
    attempt().with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
