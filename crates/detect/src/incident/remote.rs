//! Connections with other nodes, one by one: what two nodes can both tell of, so that a hub finds what belongs together.

use super::graph::NodeId;
use gabion_model::{
    Event, EventKind,
    event::{Endpoint, FdKind, Transport},
};
use std::{collections::VecDeque, net::SocketAddr};

/// So many are remembered: some 2 MB.
const MOST: usize = 32_768;

/// Who began a connection, seen from this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// A process of this node accepted it.
    In,
    /// A process of this node began it.
    Out,
}

/// A connection whose other end this node does not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Remote {
    /// When, in nanoseconds since 1970.
    pub(super) time: u64,
    /// Who began it.
    pub(super) way: Way,
    /// The process of this node.
    pub(super) actor: NodeId,
    /// Who connected.
    pub(super) client: SocketAddr,
    /// Who accepted.
    pub(super) server: SocketAddr,
}

impl Remote {
    /// From an event, if it can be one: what never leaves a node is no connection of two.
    fn of(event: &Event<'_>, actor: NodeId, (client, server): (Endpoint, Endpoint)) -> Option<Self> {
        let Some(FdKind::Inet { transport: Transport::Tcp, .. }) = event.fd.map(|fd| fd.kind) else {
            return None;
        };
        let end = |end: Endpoint| {
            let at = SocketAddr::new(end.address.to_canonical(), end.port);
            let leaves = !at.ip().is_loopback() && !at.ip().is_unspecified() && at.port() != 0;
            leaves.then_some(at)
        };
        let way = if event.kind == EventKind::Connect { Way::Out } else { Way::In };
        Some(Self { time: event.time, way, actor, client: end(client)?, server: end(server)? })
    }
}

/// The last of them, by number.
#[derive(Debug, Default)]
pub(super) struct Remotes {
    /// The newest last; none where it was no connection of two, or its other end turned out to be here.
    kept: VecDeque<Option<Remote>>,
    /// The number of the first.
    first: u64,
}

impl Remotes {
    /// Remembers one of which only one end is seen; its number.
    pub(super) fn add(&mut self, event: &Event<'_>, actor: NodeId, ends: (Endpoint, Endpoint)) -> u64 {
        let number = self.first + self.kept.len() as u64;
        self.kept.push_back(Remote::of(event, actor, ends));
        if self.kept.len() > MOST {
            self.kept.pop_front();
            self.first += 1;
        }
        number
    }

    /// Its other end is here.
    pub(super) fn is_local(&mut self, number: u64) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(one) = at.and_then(|at| self.kept.get_mut(at)) {
            *one = None;
        }
    }

    /// The newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Remote> {
        self.kept.iter().rev().flatten()
    }
}
