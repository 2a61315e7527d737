//! From one alert backwards to where it came from, and forwards to how far it got.

use super::{
    graph::{EdgeKind, Graph, NodeId, NodeKind},
    remote::{Remote, Way},
};
use gabion_model::{
    event::{InImage, Task},
    workload::ContainerKey,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

/// What a server does within this time after a connection may come of it.
const BURST: u64 = 30_000_000_000;
/// Nodes of one trace; a walk that comes to more stops, and says so.
const MAX_NODES: usize = 5_000;
/// Whom a process has spoken to so often before anything was wrong, it speaks to out of habit.
const HABIT: usize = 3;
/// Connections of one process to one place that are told.
const SAME: usize = 8;

/// Where an incident came from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A connection from an address outside of what this node sees.
    Connection {
        /// From where.
        from: IpAddr,
        /// To which server.
        server: NodeId,
    },
    /// A process was started in the container from outside, as `kubectl exec` does.
    Entered(NodeId),
    /// It is what the container does from its start on.
    Start(NodeId),
    /// A process of the node itself: a service, or one that the graph does not reach back from.
    Node(NodeId),
    /// The graph does not reach back so far.
    Unknown(NodeId),
}

/// What belongs to an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Where it came from; the first of them is the earliest.
    pub origins: BTreeSet<Origin>,
    /// What is its own: every process, file and address that came of it, with the time from which on it belongs to it.
    own: BTreeMap<NodeId, u64>,
    /// Servers it came in by or spoke to: they belong to it with what came of that connection, not with all they do.
    servers: BTreeMap<NodeId, u64>,
    /// Servers that it came in by from other nodes: from where, and when what it did there began. Asked once, when an alert is walked back.
    entries: BTreeSet<(NodeId, IpAddr, u64)>,
    /// The walk ended before its end, as it had come to too many nodes.
    pub cut: bool,
}

impl Trace {
    pub(super) const fn empty() -> Self {
        Self {
            origins: BTreeSet::new(),
            own: BTreeMap::new(),
            servers: BTreeMap::new(),
            entries: BTreeSet::new(),
            cut: false,
        }
    }

    /// What is its own.
    pub(super) fn own(&self) -> impl Iterator<Item = NodeId> {
        self.own.keys().copied()
    }

    /// The connections with other nodes that are part of it: those its own processes began, and those it came in by. What a server
    /// does for others is not, and neither is what a process did all the time before the first alert.
    pub(super) fn remotes(&mut self, graph: &Graph, opened: u64) -> BTreeSet<Remote> {
        let entries = std::mem::take(&mut self.entries);
        let mut before: BTreeMap<(NodeId, SocketAddr), usize> = BTreeMap::new();
        let mut found = Vec::new();
        for one in graph.remotes.iter() {
            match one.way {
                Way::Out if self.is_own(one.actor, one.time) => {
                    if one.time < opened {
                        *before.entry((one.actor, one.server)).or_default() += 1;
                    }
                    // What a server did long before is what it is there for.
                    if one.time.saturating_add(BURST) >= opened || !accepts(graph, one.actor) {
                        found.push(*one);
                    }
                }
                Way::In => {
                    let caused = entries.iter().any(|(server, from, time)| {
                        *server == one.actor
                            && *from == one.client.ip()
                            && one.time <= *time
                            && *time <= one.time.saturating_add(BURST)
                    });
                    // A program that somebody has brought serves nobody else.
                    if caused || self.is_own(one.actor, one.time) && is_brought(graph, one.actor) {
                        found.push(*one);
                    }
                }
                Way::Out => {}
            }
        }
        let mut same: BTreeMap<(NodeId, SocketAddr, Way), usize> = BTreeMap::new();
        found.retain(|one| {
            if one.way == Way::Out && before.get(&(one.actor, one.server)).is_some_and(|many| *many >= HABIT)
            {
                return false;
            }
            let many = same.entry((one.actor, one.server, one.way)).or_default();
            *many += 1;
            *many <= SAME || one.way == Way::In
        });
        found.into_iter().collect()
    }

    fn is_own(&self, id: NodeId, time: u64) -> bool {
        self.own.get(&id).is_some_and(|since| *since <= time) && !self.servers.contains_key(&id)
    }

    /// All nodes, in the order of their ids.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.own.keys().chain(self.servers.keys()).copied().collect::<BTreeSet<_>>().into_iter()
    }

    /// From when on a node belongs to it.
    pub fn since(&self, id: NodeId) -> Option<u64> {
        match (self.own.get(&id), self.servers.get(&id)) {
            (Some(&a), Some(&b)) => Some(a.min(b)),
            (a, b) => a.or(b).copied(),
        }
    }

    /// A server that it came in by or spoke to.
    pub fn is_server(&self, id: NodeId) -> bool {
        self.servers.contains_key(&id) && !self.own.contains_key(&id)
    }

    /// Both have something in common that is not just a server that both spoke to.
    pub(super) fn touches(&self, other: &Self) -> bool {
        let common =
            |a: &Self, b: &Self| a.own.keys().any(|id| b.own.contains_key(id) || b.servers.contains_key(id));
        common(self, other) || common(other, self) || self.same_way_in(other)
    }

    /// Both came from the same address into the same server.
    fn same_way_in(&self, other: &Self) -> bool {
        self.origins
            .iter()
            .any(|origin| matches!(origin, Origin::Connection { .. }) && other.origins.contains(origin))
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.origins.extend(other.origins);
        for (id, time) in other.own {
            self.own.entry(id).and_modify(|known| *known = time.min(*known)).or_insert(time);
        }
        for (id, time) in other.servers {
            self.servers.entry(id).and_modify(|known| *known = time.min(*known)).or_insert(time);
        }
        self.entries.extend(other.entries);
        self.cut |= other.cut;
        // What one walk could not go beyond, another may have.
        if self.origins.len() > 1 {
            let reached: Vec<_> = self.origins.iter().cloned().collect();
            let better =
                reached.iter().any(|origin| matches!(origin, Origin::Connection { .. } | Origin::Entered(_)));
            if better {
                self.origins.retain(|origin| !matches!(origin, Origin::Unknown(_) | Origin::Start(_)));
            }
        }
    }

    fn full(&mut self) -> bool {
        self.cut |= self.own.len() + self.servers.len() >= MAX_NODES;
        self.cut
    }
}

/// Walks from what a task did at some time.
pub(super) fn trace(graph: &Graph, task: Task, time: u64) -> Trace {
    let mut trace = Trace::empty();
    let Some(start) = graph.process(task) else { return trace };
    backwards(graph, start, time, &mut trace);
    forwards(graph, &mut trace);
    trace
}

fn backwards(graph: &Graph, start: NodeId, time: u64, trace: &mut Trace) {
    let mut todo = vec![(start, time)];
    while let Some((id, time)) = todo.pop() {
        if trace.full() {
            return;
        }
        let Some(node) = graph.node(id) else { continue };
        match node.kind {
            NodeKind::Process { .. } => {
                let since = node.first.min(time);
                if trace.own.insert(id, since).is_some() {
                    continue;
                }
                process(graph, id, time, trace, &mut todo);
            }
            NodeKind::File { .. } => {
                if trace.own.insert(id, node.first.min(time)).is_some() {
                    continue;
                }
                // Whoever wrote it, or made it of another, before it was used.
                for edge in graph.incoming(id).filter(|edge| edge.first <= time) {
                    if matches!(edge.kind, EdgeKind::Write | EdgeKind::Rename) {
                        todo.push((edge.from, edge.first.max(time.min(edge.last))));
                    }
                }
            }
            NodeKind::Address { .. } => {}
        }
    }
}

/// What led to a process: its program's file, who wrote into it, and who made it.
fn process(graph: &Graph, id: NodeId, time: u64, trace: &mut Trace, todo: &mut Vec<(NodeId, u64)>) {
    for edge in graph.incoming(id).filter(|edge| edge.first <= time) {
        match edge.kind {
            EdgeKind::Exec | EdgeKind::Inject => todo.push((edge.from, edge.first)),
            EdgeKind::Read => {
                trace.own.insert(edge.from, edge.first);
            }
            _ => {}
        }
    }
    let Some(node) = graph.node(id) else { return };
    let made = graph.incoming(id).find(|edge| edge.kind == EdgeKind::Fork && edge.first <= time);
    let Some(made) = made else {
        let origin =
            if node.container == ContainerKey::HOST { Origin::Node(id) } else { Origin::Unknown(id) };
        // A server that was there before the sensor can still be entered by a connection.
        if !entered_by_connection(graph, id, time, trace, todo) {
            trace.origins.insert(origin);
        }
        return;
    };
    let Some(parent) = graph.node(made.from) else { return };
    if parent.container != node.container {
        // Its parent is the runtime: it is the first process of the container, or was put into it later.
        if entered_by_connection(graph, id, time, trace, todo) {
            return;
        }
        let origin = if is_first(graph, id) { Origin::Start(id) } else { Origin::Entered(id) };
        trace.origins.insert(origin);
        return;
    }
    // A parent that accepts connections is a server, and came by what it accepted last.
    if entered_by_connection(graph, made.from, made.first, trace, todo) {
        trace.servers.insert(made.from, made.first);
        return;
    }
    if accepts(graph, made.from) {
        // A server that nobody spoke to lately: its own doing.
        trace.servers.insert(made.from, made.first);
        trace.origins.insert(Origin::Start(made.from));
        return;
    }
    if let Some(service) = service(graph, made.from, id) {
        // What a service of the node starts otherwise is no part of it.
        trace.servers.insert(made.from, made.first);
        trace.origins.insert(Origin::Node(service));
        return;
    }
    todo.push((made.from, made.first));
}

/// The service of the node that a process and its parent belong to, if the parent is one, or starts them: all that runs comes of these, so a walk
/// that went through them would take in the node.
fn service(graph: &Graph, parent: NodeId, process: NodeId) -> Option<NodeId> {
    let is_init = |id: NodeId| {
        graph.node(id).is_some_and(|node| {
            node.container == ContainerKey::HOST
                && matches!(node.kind, NodeKind::Process { task, .. } if task.pid == 1)
        })
    };
    if is_init(parent) {
        return Some(process);
    }
    graph.incoming(parent).any(|edge| edge.kind == EdgeKind::Fork && is_init(edge.from)).then_some(parent)
}

fn is_brought(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id).map(|node| &node.kind), Some(NodeKind::Process { in_image: InImage::No, .. }))
}

fn accepts(graph: &Graph, id: NodeId) -> bool {
    graph.incoming(id).any(|edge| edge.kind == EdgeKind::Connect)
}

/// Finds the connection by which a server was made to do what it did at a time, and goes on from its other end.
fn entered_by_connection(
    graph: &Graph,
    server: NodeId,
    time: u64,
    trace: &mut Trace,
    todo: &mut Vec<(NodeId, u64)>,
) -> bool {
    let last = graph
        .incoming(server)
        .filter(|edge| {
            edge.kind == EdgeKind::Connect && edge.first <= time && time <= edge.last.max(edge.first) + BURST
        })
        .max_by_key(|edge| (edge.last.min(time), edge.from));
    let Some(edge) = last else { return false };
    match graph.node(edge.from).map(|node| (&node.kind, node.container)) {
        Some((&NodeKind::Address { address }, _)) => {
            trace.origins.insert(Origin::Connection { from: address, server });
            trace.entries.insert((server, address.to_canonical(), time));
            trace.own.insert(edge.from, edge.first);
        }
        Some((NodeKind::Process { .. }, _)) => todo.push((edge.from, edge.first.max(time.min(edge.last)))),
        _ => return false,
    }
    true
}

/// Nothing else of its container was there before.
fn is_first(graph: &Graph, id: NodeId) -> bool {
    let Some(node) = graph.node(id) else { return false };
    !graph.incoming(id).filter(|edge| edge.kind == EdgeKind::Fork).any(|made| {
        graph.outgoing(made.from).any(|other| {
            other.kind == EdgeKind::Fork
                && other.to != id
                && other.first < made.first
                && graph.node(other.to).is_some_and(|sibling| sibling.container == node.container)
        })
    }) && node_is_oldest(graph, id)
}

/// The runtime starts the first process by one parent, and later ones by another; so ages decide.
fn node_is_oldest(graph: &Graph, id: NodeId) -> bool {
    let Some(node) = graph.node(id) else { return false };
    graph.oldest_of(node.container).is_none_or(|oldest| oldest == id)
}

/// Adds what has come of a trace until now.
pub(super) fn forwards(graph: &Graph, trace: &mut Trace) {
    let mut todo: Vec<(NodeId, u64)> = trace.own.iter().map(|(&id, &time)| (id, time)).collect();
    let mut done = BTreeSet::new();
    while let Some((id, since)) = todo.pop() {
        if trace.full() {
            return;
        }
        let Some(node) = graph.node(id) else { continue };
        if !done.insert(id) || matches!(node.kind, NodeKind::Address { .. }) {
            continue;
        }
        for edge in graph.outgoing(id).filter(|edge| edge.last >= since) {
            let at = edge.first.max(since);
            match edge.kind {
                EdgeKind::Connect => match graph.node(edge.to).map(|node| &node.kind) {
                    Some(NodeKind::Process { .. }) => {
                        trace.servers.entry(edge.to).or_insert(at);
                        // What a server starts right after it was spoken to, and is not itself, came of that.
                        for made in came_of_connection(graph, edge.to, at, edge.last) {
                            if trace.own.insert(made, at).is_none() {
                                todo.push((made, at));
                            }
                        }
                    }
                    _ => {
                        trace.own.entry(edge.to).or_insert(at);
                    }
                },
                EdgeKind::Read | EdgeKind::Privilege => {}
                EdgeKind::Fork | EdgeKind::Write | EdgeKind::Rename | EdgeKind::Exec | EdgeKind::Inject => {
                    if trace.own.insert(edge.to, at).is_none() {
                        todo.push((edge.to, at));
                    }
                }
            }
        }
    }
}

fn came_of_connection(graph: &Graph, server: NodeId, first: u64, last: u64) -> Vec<NodeId> {
    let Some(NodeKind::Process { program: own, .. }) = graph.node(server).map(|node| &node.kind) else {
        return Vec::new();
    };
    graph
        .outgoing(server)
        .filter(|edge| edge.kind == EdgeKind::Fork && edge.first >= first && edge.first <= last.saturating_add(BURST))
        .map(|edge| edge.to)
        .filter(|&child| {
            matches!(graph.node(child).map(|node| &node.kind), Some(NodeKind::Process { program, executed: true, .. }) if program != own)
        })
        .collect()
}
