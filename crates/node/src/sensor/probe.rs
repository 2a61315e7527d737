//! The parts of the sensor, and which of them this kernel lets us use.

use std::fmt;

/// A part of the sensor: a few programs that are of use together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// Fork, exec, exit.
    Processes,
    /// Control groups that are made and removed.
    Cgroups,
    /// TCP connections.
    Tcp,
    /// Peers of UDP sockets.
    Udp,
    /// Ports that are bound.
    Bind,
    /// Answers of name servers.
    Dns,
    /// Rings of `io_uring`.
    Uring,
    /// Requests to `io_uring`.
    UringRequests,
    /// Signals between processes.
    Signals,
    /// Capabilities that are used.
    Capabilities,
    /// Processes that run already.
    Running,
    /// Sockets that are open already.
    OpenSockets,
    /// System calls.
    Calls,
}

/// One row: the feature, its programs, and the two sentences about it.
pub(super) struct Row {
    pub(super) feature: Feature,
    pub(super) programs: &'static [&'static str],
    /// What it tells.
    tells: &'static str,
    /// What is not seen without it.
    without: &'static str,
}

const fn row(
    feature: Feature,
    programs: &'static [&'static str],
    tells: &'static str,
    without: &'static str,
) -> Row {
    Row { feature, programs, tells, without }
}

pub(super) const ROWS: &[Row] = &[
    row(
        Feature::Processes,
        &["on_fork", "on_exec", "on_exit"],
        "every program that starts, with its arguments, and every process that ends",
        "nothing is seen of processes, so that the sensor is of no use",
    ),
    row(
        Feature::Cgroups,
        &["on_cgroup_mkdir", "on_cgroup_attach", "on_cgroup_rmdir"],
        "a container before its first process runs",
        "a container that lives for a moment may not be named",
    ),
    row(
        Feature::Tcp,
        &["on_tcp_state"],
        "TCP connections with both ends, and their bytes when they are closed",
        "connections are seen only if a rule asks for connect and accept",
    ),
    row(
        Feature::Udp,
        &["on_connect4", "on_connect6", "on_sendmsg4", "on_sendmsg6"],
        "whom a UDP socket sends to",
        "peers of UDP are seen only if a rule asks for sendto",
    ),
    row(
        Feature::Bind,
        &["on_bind4", "on_bind6"],
        "ports that a process takes",
        "bound ports are seen only if a rule asks for bind",
    ),
    row(
        Feature::Dns,
        &["on_packet"],
        "names that were asked for, and their addresses",
        "connections are told by address, without a name",
    ),
    row(
        Feature::Uring,
        &["on_uring_create"],
        "processes that work without system calls",
        "io_uring is seen only if a rule asks for io_uring_setup",
    ),
    row(
        Feature::UringRequests,
        &["on_uring_submit"],
        "what is asked of io_uring",
        "what happens through io_uring is not seen",
    ),
    row(
        Feature::Signals,
        &["on_signal"],
        "who stops or ends whom",
        "signals are seen only if a rule asks for kill",
    ),
    row(
        Feature::Capabilities,
        &["on_capable"],
        "which capabilities a container uses, of those that it has",
        "used capabilities are in no baseline",
    ),
    row(
        Feature::Running,
        &["running"],
        "processes that ran before the agent",
        "only what starts from now on is known",
    ),
    row(
        Feature::OpenSockets,
        &["open_sockets"],
        "connections that were open before the agent",
        "whose an older connection is, is not known",
    ),
    row(
        Feature::Calls,
        &["on_call"],
        "files, mounts, namespaces, credentials and whatever else rules ask for",
        "rules about files and system calls never match",
    ),
];

/// What became of a feature on this kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// The feature.
    pub feature: Feature,
    /// Its programs are loaded and, if they are not for later, attached. Otherwise why not.
    pub used: Result<(), String>,
}

impl Feature {
    pub(super) fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// All of them, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.feature)
    }

    /// What it tells.
    pub fn tells(self) -> &'static str {
        self.row().tells
    }

    /// What is not seen without it.
    pub fn without(self) -> &'static str {
        self.row().without
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Processes => "processes",
            Self::Cgroups => "control groups",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Bind => "bind",
            Self::Dns => "dns",
            Self::Uring => "io_uring",
            Self::UringRequests => "io_uring requests",
            Self::Signals => "signals",
            Self::Capabilities => "capabilities",
            Self::Running => "running processes",
            Self::OpenSockets => "open sockets",
            Self::Calls => "system calls",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_the_features() {
        for (number, row) in ROWS.iter().enumerate() {
            assert_eq!(row.feature as usize, number);
        }
    }
}
