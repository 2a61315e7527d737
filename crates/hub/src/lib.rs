//! The hub: where what nodes see becomes one picture, and where people look at it.
//!
//! ```text
//!   agents ══ gRPC, mutual TLS ══► agents ──► inbox ─┬─► store::state ──► api ──► console, programs
//!     ▲                                              ├─► store::events ─┘  ▲
//!     └── configure: what nodes judge by             │                     ├── access: who may do what; oidc: who a provider says they are
//!   database of vulnerabilities ──► matcher ─────────┤                     └── weekly: a report for each owner
//!   registries ◄── looked into, scanned ── registries┤
//!   CI ══ POST /scans ──► sent ──────────────────────┘         sinks: what came, to other systems
//!                                                              notify: who is told what of it, and when
//!                       jobs: what time alone changes
//!   other hubs ══ together: who is there, searches over all, questions to nodes; lead: which of them does what is to be done once
//! ```
//!
//! No clock, no file of its own beside the state directory: time comes from [`Clock`], notes go to [`Notes`].

#![forbid(unsafe_code)]

pub mod agents;

mod access;
mod again;
mod api;
mod ask;
mod configure;
mod console;
mod error;
mod identity;
mod inbox;
mod jobs;
mod lead;
mod live;
mod matcher;
mod names;
mod notify;
mod oidc;
mod policies;
mod profile;
mod recorded;
mod registries;
mod reports;
mod retention;
mod seal;
mod sent;
mod serve;
mod sinks;
mod skew;
mod stitched;
mod together;
mod tree;
mod weekly;

pub use api::openapi;
pub use identity::Identity;
pub use serve::{Running, ServeError};

use gabion_api::rest::Millis;
use gabion_store::{events::EventStore, state::State};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

/// A day.
pub(crate) const DAY: Millis = 24 * 3600 * 1000;

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;
/// Where a word to the operator goes.
pub type Notes = Arc<dyn Fn(&str) + Send + Sync>;

/// How a hub is set up.
#[derive(Clone)]
pub struct Settings {
    /// Where it keeps what it keeps.
    pub directory: PathBuf,
    /// The database of its state; none: a file in the directory.
    pub database: Option<String>,
    /// Where the console and the API are.
    pub listen: SocketAddr,
    /// Where agents are heard.
    pub agents: SocketAddr,
    /// Under which names and addresses agents and browsers find it, beside where it listens.
    pub names: Vec<String>,
    /// Certificate and key of the console in PEM; without them it has one of the hub's own authority, and none on loopback.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The database of vulnerabilities; where it is not there the starter serves.
    pub advisories: PathBuf,
    /// Who owns images, as `gabion scan --owners` takes it.
    pub owners: Option<PathBuf>,
    /// The program that scans what registries hold, `gabion` itself; without it nothing of them is scanned.
    pub program: Option<PathBuf>,
    /// What time it is.
    pub clock: Clock,
    /// Where a word to the operator goes.
    pub notes: Notes,
}

/// All that answers are made of.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) state: State,
    pub(crate) events: Arc<EventStore>,
    pub(crate) matcher: matcher::Matcher,
    pub(crate) identity: Identity,
    pub(crate) desk: agents::Desk,
    pub(crate) live: live::Live,
    pub(crate) lead: lead::Lead,
    pub(crate) together: together::Together,
    pub(crate) names: names::Names,
    pub(crate) notifier: notify::Notifier,
    pub(crate) access: access::Access,
    pub(crate) configurations: configure::Configurations,
    pub(crate) executed: inbox::Executed,
    pub(crate) oidc: oidc::Oidc,
    pub(crate) trees: tree::Trees,
    pub(crate) sinks: sinks::Sinks,
    pub(crate) skews: skew::Skews,
    pub(crate) registries: registries::Registries,
    pub(crate) seal: seal::Seal,
    /// Searches over events at a time: each reads whole columns.
    pub(crate) searches: tokio::sync::Semaphore,
    /// Exports at a time: each reads all that there is.
    pub(crate) exporting: Arc<tokio::sync::Semaphore>,
    /// Trials of policies at a time.
    pub(crate) trying: Arc<tokio::sync::Semaphore>,
    /// Rules that are tried on recordings at a time: each holds a recording.
    pub(crate) judging: Arc<tokio::sync::Semaphore>,
    /// What nodes tell is written a few at a time: a thousand may come at once, and whoever looks at something must not wait for all of them.
    pub(crate) taking: tokio::sync::Semaphore,
    /// Scans that are taken at a time: each is a whole report.
    pub(crate) sending: tokio::sync::Semaphore,
    pub(crate) settings: Settings,
}

impl std::ops::Deref for Hub {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Inner {
    pub(crate) fn now(&self) -> Millis {
        (self.settings.clock)()
    }

    pub(crate) fn note(&self, text: &str) {
        (self.settings.notes)(text);
    }
}

/// An id that nobody can guess: `prefix-` and 80 bits.
pub(crate) fn random_id(prefix: &str) -> String {
    format!("{prefix}-{}", hex(&random::<10>()))
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the kernel has random numbers, as it has started this program");
    bytes
}

/// In hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
