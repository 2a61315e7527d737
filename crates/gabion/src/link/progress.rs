//! How far the hub has kept what it was sent: what need not be sent again, also after a restart.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// When an incident was written, in nanoseconds since 1970, and its size: what tells whether it has changed.
pub(super) type Stamp = (i64, u64);

/// See there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Progress {
    /// Of which node: of another, all begins anew.
    pub(super) node: String,
    /// Alerts up to this number are kept.
    pub(super) alerts: u64,
    /// Events up to this number are kept.
    pub(super) events: u64,
    /// Incidents as they were when they were kept.
    pub(super) incidents: BTreeMap<u64, Stamp>,
    /// Alerts that were gone before they could be sent.
    pub(super) alerts_lost: u64,
    /// Events that were thrown away, as the hub was away for too long, or too many came at once.
    pub(super) thrown_away: u64,
}

fn path(directory: &Path) -> PathBuf {
    directory.join("progress.json")
}

impl Progress {
    /// As it was left. If that is not known, all is sent again, which does no harm.
    pub(super) fn read(directory: &Path) -> Self {
        fs::read(path(directory))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// To be read after a restart. What a crash of the node takes is sent again.
    pub(super) fn keep(&self, directory: &Path) -> anyhow::Result<()> {
        let new = directory.join(".progress.json.new");
        fs::write(&new, serde_json::to_vec(self)?)
            .and_then(|()| fs::rename(&new, path(directory)))
            .with_context(|| format!("cannot write {}", path(directory).display()))
    }

    /// For this node: of what another node has sent, nothing is known to the hub under this name.
    pub(super) fn of(&mut self, node: &str) {
        if self.node != node {
            *self = Self { node: node.to_owned(), events: self.events, ..Self::default() };
        }
    }

    /// Incidents that are no more need not be remembered.
    pub(super) fn forget_incidents(&mut self, directory: &Path) {
        self.incidents.retain(|id, _| {
            let gone = fs::metadata(directory.join(format!("{id}.json")));
            !gone.is_err_and(|error| error.kind() == ErrorKind::NotFound)
        });
    }
}
