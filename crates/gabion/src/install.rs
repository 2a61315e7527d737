//! `gabion install` and `gabion uninstall`: the agent and the hub as services of systemd.
//!
//! Everything is written beneath `--root`, so an image of a node can be prepared, too; only on the running system is the service started.

use crate::{agent, control, hub, link::Address, output};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use gabion_identity::JoinToken;
use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// Where the program goes.
const PROGRAM: &str = "usr/local/bin/gabion";
/// Where the units go.
const UNIT: &str = "etc/systemd/system/gabion-agent.service";
const HUB_UNIT: &str = "etc/systemd/system/gabion-hub.service";
/// Where the hub looks for the database of vulnerabilities: its user has no home that could hold one.
const ADVISORIES: &str = "/var/lib/gabion/db";
/// Where systemd keeps the state of a user that it makes; `/var/lib` has a link to it.
const PRIVATE: &str = "var/lib/private";
/// What the agent is told of its hub: the join token is nobody else's to read.
const ENVIRONMENT: &str = "etc/gabion/agent.env";
const CONFIGURATION: &str = "etc/gabion";

/// What the agent needs to watch: programs in the kernel and on control groups, `/proc` of all processes, the state of runtimes, signals.
const TO_WATCH: [&str; 6] =
    ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN", "CAP_SYS_PTRACE", "CAP_DAC_READ_SEARCH", "CAP_KILL"];
/// What it needs besides, to enforce: fanotify, and a place for what is pinned.
const TO_ENFORCE: &str = "CAP_SYS_ADMIN";

#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    #[command(subcommand)]
    what: Install,
}

#[derive(Debug, Subcommand)]
enum Install {
    /// Copy this program to /usr/local/bin, and run `gabion agent` as a service of systemd
    Agent {
        /// Root directory to install in; the service is started only in `/`
        #[arg(long, value_name = "DIR", default_value = "/")]
        root: PathBuf,
        /// Enable the service, but do not start it now
        #[arg(long)]
        no_start: bool,
        /// Only print the unit
        #[arg(long, conflicts_with = "no_start")]
        print: bool,
        /// The hub that it reports to; may be repeated for hubs of one database
        #[arg(long, value_name = "HOST:PORT", value_delimiter = ',')]
        hub: Vec<Address>,
        /// The join token of that hub; its console makes one on the page Nodes
        #[arg(
            long,
            value_name = "TOKEN",
            requires = "hub",
            env = "GABION_JOIN_TOKEN",
            hide_env_values = true
        )]
        join: Option<JoinToken>,
        /// Arguments for the agent, after `--`
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Copy this program to /usr/local/bin, and run `gabion hub` as a service of systemd, as a user of its own
    Hub {
        /// Root directory to install in; the service is started only in `/`
        #[arg(long, value_name = "DIR", default_value = "/")]
        root: PathBuf,
        /// Enable the service, but do not start it now
        #[arg(long)]
        no_start: bool,
        /// Only print the unit
        #[arg(long, conflicts_with = "no_start")]
        print: bool,
        /// Arguments for the hub, after `--`
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct UninstallArgs {
    #[command(subcommand)]
    what: Uninstall,
}

#[derive(Debug, Subcommand)]
enum Uninstall {
    /// Stop the service and what it enforces, and remove unit and program
    Agent {
        /// Root directory to remove it from
        #[arg(long, value_name = "DIR", default_value = "/")]
        root: PathBuf,
        /// Remove alerts, incidents, baselines and records, too
        #[arg(long)]
        purge: bool,
    },
    /// Stop the service, and remove unit and program
    Hub {
        /// Root directory to remove it from
        #[arg(long, value_name = "DIR", default_value = "/")]
        root: PathBuf,
        /// Remove its state, too: findings and their life, users, the identity that nodes believe
        #[arg(long)]
        purge: bool,
    },
}

pub(crate) fn install(args: &InstallArgs) -> anyhow::Result<ExitCode> {
    let (unit, place, root, no_start, print, name) = match &args.what {
        Install::Agent { root, no_start, print, arguments, .. } => {
            (unit(arguments)?, UNIT, root, no_start, print, "agent")
        }
        Install::Hub { root, no_start, print, arguments } => {
            (hub_unit(arguments)?, HUB_UNIT, root, no_start, print, "hub")
        }
    };
    if *print {
        output::line(unit.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    let program = root.join(PROGRAM);
    let own = std::env::current_exe().context("cannot find this program")?;
    if fs::canonicalize(&program).ok() != fs::canonicalize(&own).ok() {
        put(&program, 0o755, |new| fs::copy(&own, new).map(drop))?;
    }
    if let Install::Agent { hub, join, .. } = &args.what
        && !hub.is_empty()
    {
        let hubs: Vec<String> = hub.iter().map(ToString::to_string).collect();
        let mut environment = format!("GABION_HUB={}\n", hubs.join(","));
        if let Some(token) = join {
            environment = format!("{environment}GABION_JOIN_TOKEN={}\n", token.print().expose());
        }
        put(&root.join(ENVIRONMENT), 0o600, |new| fs::write(new, &environment))?;
    }
    put(&root.join(place), 0o644, |new| fs::write(new, &unit))?;
    output::note(&format!("written: {} and {}", program.display(), root.join(place).display()));
    let service = format!("gabion-{name}");
    if root != Path::new("/") {
        output::note(&format!("enable it there: systemctl enable {service}"));
        return Ok(ExitCode::SUCCESS);
    }
    systemctl(&["daemon-reload"])?;
    if *no_start {
        systemctl(&["enable", &service])?;
    } else {
        systemctl(&["enable", &service])?;
        // One that runs is replaced.
        systemctl(&["restart", &service])?;
    }
    output::note(&match name {
        "hub" => format!(
            "journalctl -u {service} tells where its console is; the token of the first admin is in {}/admin-token",
            hub::STATE
        ),
        _ => format!("gabion status tells how it does; journalctl -u {service} has its notes"),
    });
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn uninstall(args: &UninstallArgs) -> anyhow::Result<ExitCode> {
    let (root, purge, unit, other, state, service) = match &args.what {
        Uninstall::Agent { root, purge } => (root, purge, UNIT, HUB_UNIT, agent::STATE, "gabion-agent"),
        Uninstall::Hub { root, purge } => (root, purge, HUB_UNIT, UNIT, hub::STATE, "gabion-hub"),
    };
    let kept = under(state, "/var/lib/");
    let state = root.join(state.trim_start_matches('/'));
    if !root.join(unit).exists() {
        bail!("there is no {}\nhint: --root", root.join(unit).display());
    }
    if root == Path::new("/") {
        systemctl(&["disable", "--now", service])?;
        if state.join("keeper/socket").exists() {
            agent::stop_enforcing(&state)?;
        }
    }
    let mut files = vec![root.join(unit)];
    if matches!(args.what, Uninstall::Agent { .. }) {
        files.push(root.join(ENVIRONMENT));
    }
    if !root.join(other).exists() {
        files.push(root.join(PROGRAM));
    }
    for file in files {
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", file.display()));
            }
            _ => {}
        }
    }
    if root == Path::new("/") {
        systemctl(&["daemon-reload"])?;
    }
    if *purge {
        forget(&root.join(PRIVATE).join(kept))?;
        forget(&state)?;
    } else if state.exists() {
        output::note(&format!("kept: {} (--purge removes it)", state.display()));
    }
    let runtime = under(control::SOCKET, "/run/").split('/').next().unwrap_or_default();
    for directory in [root.join(CONFIGURATION), root.join("run").join(runtime)] {
        // The other service, or somebody else, may have something there.
        let _ = fs::remove_dir(directory);
    }
    Ok(ExitCode::SUCCESS)
}

/// Removes a directory, or a link to one, and what it was in if nothing else is there.
fn forget(directory: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", directory.display()));
        }
        _ => {}
    }
    if let Some(parent) = directory.parent() {
        let _ = fs::remove_dir(parent);
    }
    Ok(())
}

/// Writes a file that appears whole.
fn put(path: &Path, mode: u32, write: impl FnOnce(&Path) -> std::io::Result<()>) -> anyhow::Result<()> {
    let told = || format!("cannot write {}", path.display());
    let directory = path.parent().with_context(told)?;
    fs::create_dir_all(directory).with_context(told)?;
    let new = directory.join(format!(".gabion.{}.new", std::process::id()));
    write(&new)
        .and_then(|()| fs::set_permissions(&new, fs::Permissions::from_mode(mode)))
        .and_then(|()| fs::rename(&new, path))
        .inspect_err(|_| drop(fs::remove_file(&new)))
        .with_context(told)
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("systemctl").args(arguments).output();
    let output = output.context("systemd is not here: systemctl cannot be started\nhint: gabion agent")?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("systemctl {}: {}", arguments.join(" "), output::printable(why.trim()));
    }
    Ok(())
}

/// The unit. Containers must not come before the agent, and what it enforces outlives it.
fn unit(arguments: &[OsString]) -> anyhow::Result<String> {
    let command = command("agent", arguments)?;
    let enforces = arguments
        .iter()
        .filter_map(|argument| argument.to_str())
        .any(|text| text == "--policy" || text.starts_with("--policy="));
    let mut capabilities = TO_WATCH.join(" ");
    if enforces {
        capabilities = format!("{capabilities} {TO_ENFORCE}");
    }
    let (state, runtime) = (under(agent::STATE, "/var/lib/"), under(control::SOCKET, "/run/"));
    Ok(format!(
        "[Unit]
Description=Gabion agent: sees and stops what containers do
Before=containerd.service crio.service docker.service kubelet.service podman.service

[Service]
Type=exec
EnvironmentFile=-/{ENVIRONMENT}
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
# The keeper goes on with what is enforced while the agent is replaced.
KillMode=process
StateDirectory={state}
StateDirectoryMode=0700
RuntimeDirectory={}
RuntimeDirectoryPreserve=yes
CapabilityBoundingSet={capabilities}
NoNewPrivileges=yes
LimitMEMLOCK=infinity
OOMScoreAdjust=-900

[Install]
WantedBy=multi-user.target
",
        runtime.split('/').next().unwrap_or_default()
    ))
}

/// The unit of the hub: a user of its own that systemd makes, who may do nothing but listen and write its state.
fn hub_unit(arguments: &[OsString]) -> anyhow::Result<String> {
    let command = command("hub", arguments)?;
    let state = under(hub::STATE, "/var/lib/");
    Ok(format!(
        "[Unit]
Description=Gabion hub: gathers what agents see, and shows it
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
Environment=GABION_DB={ADVISORIES}
ExecStart={command}
Restart=always
RestartSec=1
DynamicUser=yes
StateDirectory={state}
StateDirectoryMode=0700
CapabilityBoundingSet=
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectHome=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"
    ))
}

/// How a service starts the program.
fn command(what: &str, arguments: &[OsString]) -> anyhow::Result<String> {
    let mut command = format!("/{PROGRAM} {what}");
    for argument in arguments {
        let text = argument.to_str().with_context(|| format!("{} is not UTF-8", argument.display()))?;
        if text.contains(['\n', '\r']) {
            bail!("an argument has more than one line");
        }
        command.push(' ');
        command.push_str(&quoted(text));
    }
    Ok(command)
}

fn under<'a>(path: &'a str, directory: &str) -> &'a str {
    path.strip_prefix(directory).unwrap_or(path)
}

/// An argument as systemd reads it.
fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    if escaped == text && !text.is_empty() && !text.contains([' ', '\t', '\'', ';', '#']) {
        return escaped;
    }
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_reach_the_agent_as_they_are() {
        let unit = unit(&["--rules".into(), "/etc/my rules/100%.yaml".into(), "--output=json=a\"b$c".into()])
            .expect("a unit");
        let line = unit.lines().find(|line| line.starts_with("ExecStart=")).expect("a command");
        assert_eq!(
            line,
            "ExecStart=/usr/local/bin/gabion agent --rules \"/etc/my rules/100%%.yaml\" \"--output=json=a\\\"b$$c\""
        );
        assert!(!unit.contains(TO_ENFORCE), "watching needs less");
        assert!(super::unit(&["--policy=/etc/p.yaml".into()]).expect("a unit").contains(TO_ENFORCE));
        assert!(super::unit(&["a\nExecStartPre=/bin/sh".into()]).is_err());
        let hub = hub_unit(&["--listen".into(), "0.0.0.0:8420".into()]).expect("a unit");
        assert!(hub.contains("ExecStart=/usr/local/bin/gabion hub --listen 0.0.0.0:8420\n"), "{hub}");
    }
}
