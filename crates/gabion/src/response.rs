//! What a response is, for the agent that carries it out and the commands that ask for it.

use gabion_model::Digest;
use gabion_node::enforce::{Pattern, Peer};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Action {
    /// End one process.
    Kill {
        /// Its number.
        pid: u32,
        /// Its start, in nanoseconds since the node's; 0 if any process of that number is meant.
        #[serde(default)]
        start: u64,
    },
    /// End a process and all that it has started.
    KillTree {
        /// Its number.
        pid: u32,
        /// Its start, in nanoseconds since the node's; 0 if any process of that number is meant.
        #[serde(default)]
        start: u64,
    },
    /// End all processes of a container.
    KillContainer {
        /// Its name or id.
        container: String,
    },
    /// Hold a container still.
    Freeze {
        /// Its name or id.
        container: String,
    },
    /// Cut a container off the network; name servers and these peers stay reachable.
    Isolate {
        /// Its name or id.
        container: String,
        /// Who stays reachable.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        peers: Vec<IpAddr>,
    },
    /// Deny a container something.
    Deny {
        /// Its name or id.
        container: String,
        /// What.
        what: Denied,
    },
    /// Keep what a container would take with it.
    Evidence {
        /// Its name or id.
        container: String,
    },
}

/// What a container is denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Denied {
    /// To execute these files.
    Program(Pattern),
    /// To execute this content.
    Digest(Digest),
    /// To connect or send to these peers.
    Peer(Peer),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(pattern) => write!(f, "to execute {pattern}"),
            Self::Digest(digest) => write!(f, "to execute {digest}"),
            Self::Peer(peer) => write!(f, "to connect to {peer}"),
        }
    }
}

impl Action {
    /// The container or the process that it is about.
    pub(crate) fn target(&self) -> String {
        match self {
            Self::Kill { pid, .. } | Self::KillTree { pid, .. } => format!("process {pid}"),
            Self::KillContainer { container }
            | Self::Freeze { container }
            | Self::Isolate { container, .. }
            | Self::Deny { container, .. }
            | Self::Evidence { container } => container.clone(),
        }
    }

    /// Whether it lasts, and so ends by itself and can be undone.
    pub(crate) const fn lasts(&self) -> bool {
        matches!(self, Self::Freeze { .. } | Self::Isolate { .. } | Self::Deny { .. })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill { .. } => "kill",
            Self::KillTree { .. } => "kill-tree",
            Self::KillContainer { .. } => "kill-container",
            Self::Freeze { .. } => "freeze",
            Self::Isolate { .. } => "isolate",
            Self::Deny { .. } => "deny",
            Self::Evidence { .. } => "evidence",
        })
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "why", rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It is being done; what came of it is another line.
    Begun,
    /// It was done; how, in words.
    Done(String),
    /// It would have been done, but for the dry run.
    WouldHave(String),
    /// A guard rail has held it back.
    HeldBack(String),
    /// It could not be done.
    Failed(String),
    /// It was undone: what it had come to.
    Undone(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun => write!(f, "begun, and nothing is known of its end"),
            Self::Done(what) => write!(f, "done: {what}"),
            Self::WouldHave(what) => write!(f, "would have: {what}"),
            Self::HeldBack(why) => write!(f, "held back: {why}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::Undone(what) => write!(f, "undone: {what}"),
        }
    }
}

/// A response, as the audit keeps it; undoing one is another with the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Response {
    /// Its number.
    pub(crate) id: u64,
    /// When, in nanoseconds since 1970.
    pub(crate) time: u64,
    /// Who wanted it: a user, or a rule.
    pub(crate) by: String,
    /// Why.
    pub(crate) reason: String,
    /// What.
    pub(crate) action: Action,
    /// To whom, as it was resolved then.
    pub(crate) target: Target,
    /// Until when it lasts, if it does.
    pub(crate) until: Option<u64>,
    /// Where evidence was kept.
    pub(crate) evidence: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// To whom something is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target {
    /// The container's id and name; empty for a process of the host.
    pub(crate) id: String,
    /// See there.
    pub(crate) name: String,
    /// Its control group.
    pub(crate) group: String,
    /// The program of the process, if it is one.
    pub(crate) program: String,
}
