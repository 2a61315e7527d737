//! From alerts to incidents: where it came from, how far it got, told as one story.
//!
//! Every process, written file and connection of a node is kept in a bounded graph of time-stamped edges ([`graph`]). An alert is walked
//! backwards to its origin and forwards to its extent ([`trace`]), and alerts whose walks share a node are one [`Incident`].
//!
//! ```text
//!   203.0.113.9 ──accept──► nginx ──fork──► sh ──fork──► /tmp/x ──connect──► redis (another container) ──fork──► miner
//!        ▲                                   │             ▲
//!      origin                                └──write──────┘ exec                           extent ──────────────►
//! ```
//!
//! What keeps a walk from taking in the whole node: files of an image are nobody's trace, as nobody wrote them; a server is entered by
//! one connection, and left by what came of that connection only; time runs one way.

mod draw;
mod graph;
mod remote;
mod story;
mod trace;

pub use draw::{dot, escaped, svg};
pub use graph::{Edge, EdgeKind, Graph, Limits, Node, NodeId, NodeKind};
pub use remote::Way;
pub use story::{Connection, HOST, Line, Step, Story, text};
pub use trace::{Origin, Trace};

use gabion_model::{Event, EventKind, event::Task};
use remote::Remote;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
};

/// Two alerts that share a node, but lie so far apart in time, are two incidents.
const APART: u64 = 6 * 3600 * 1_000_000_000;
/// Incidents that are kept; the oldest is closed and forgotten beyond.
const MAX_INCIDENTS: usize = 1000;
/// Alerts that one incident lists; further ones are counted.
const MAX_ALERTS: usize = 500;
/// Connections with other nodes that one incident lists; the oldest go beyond.
const MAX_CONNECTIONS: usize = 512;
/// Connections of one incident to one place after which a further one is no news.
const KNOWN: usize = 8;
/// Generations that lie between a process and the one that an incident is known by.
const GENERATIONS: usize = 16;

/// What a rule or a baseline says of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The rule.
    pub rule: String,
    /// How bad it is, as Falco numbers it: 0 is an emergency, 7 is for debugging.
    pub priority: u8,
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// Who.
    pub task: Task,
    /// Tags of the rule, with the tactics and techniques of ATT&CK.
    pub tags: Vec<String>,
    /// What it says.
    pub message: String,
}

/// Alerts that belong together, with all that belongs to them.
#[derive(Clone, Debug)]
pub struct Incident {
    /// Stable: a number in the order of opening.
    pub id: u64,
    /// When its first alert was.
    pub opened: u64,
    /// When its last alert was.
    pub updated: u64,
    /// The worst priority of its alerts.
    pub priority: u8,
    /// Its alerts, in order of time.
    pub alarms: Vec<Alarm>,
    /// Alerts that are not listed any more.
    pub more_alarms: u64,
    /// What belongs to it.
    pub trace: Trace,
    /// Its connections with other nodes, by which a hub finds what belongs to it there.
    connections: BTreeSet<Remote>,
}

/// All incidents of a node, and the graph they are found in.
#[derive(Debug, Default)]
pub struct Incidents {
    graph: Graph,
    open: Vec<Incident>,
    last_id: u64,
    /// Which incident a process is its own of, as of the last alert.
    owned: HashMap<NodeId, u64>,
    /// Incidents of which something else than an alert is news.
    touched: BTreeSet<u64>,
    /// Incidents that were forgotten for want of room.
    pub forgotten: u64,
}

impl Incidents {
    /// None yet; the graph never takes more than these limits allow.
    pub fn new(limits: Limits) -> Self {
        Self { graph: Graph::new(limits), ..Self::default() }
    }

    /// Numbers incidents from the next one on: earlier ones are kept elsewhere.
    #[must_use]
    pub fn after(self, id: u64) -> Self {
        Self { last_id: id, ..self }
    }

    /// Takes an event into the graph.
    pub fn event(&mut self, event: &Event<'_>) {
        self.graph.take(event);
        // Where an attack goes on to another node there need be no further alert here.
        if event.kind == EventKind::Connect
            && let Some(remote) = self.graph.remotes.iter().next().copied()
            && remote.time == event.time
            && let Some(id) = self.owner(remote.actor)
            && let Some(incident) = self.open.iter().find(|one| one.id == id)
            && event.time.saturating_sub(incident.updated) <= APART
            && incident.connections.iter().filter(|one| one.server == remote.server).count() < KNOWN
        {
            self.touched.insert(id);
        }
    }

    /// The incident that a process or one of its ancestors is of.
    fn owner(&self, id: NodeId) -> Option<u64> {
        if self.owned.is_empty() {
            return None;
        }
        let parent =
            |id: &NodeId| self.graph.incoming(*id).find(|edge| edge.kind == EdgeKind::Fork).map(|e| e.from);
        let line = std::iter::successors(Some(id), parent);
        line.take(GENERATIONS).find_map(|id| self.owned.get(&id).copied())
    }

    /// Incidents that have gone on without an alert since this was asked last.
    pub fn take_touched(&mut self) -> BTreeSet<u64> {
        std::mem::take(&mut self.touched)
    }

    /// Takes an alert: opens an incident, or adds to those that it belongs to, which become one. Tells the id.
    pub fn alarm(&mut self, alarm: Alarm) -> u64 {
        let mut trace = trace::trace(&self.graph, alarm.task, alarm.time);
        let (mut joined, apart): (Vec<_>, Vec<_>) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|one| alarm.time.saturating_sub(one.updated) <= APART && one.trace.touches(&trace));
        self.open = apart;
        joined.sort_by_key(|one| one.id);
        let mut joined = joined.into_iter();
        let mut incident = joined.next().unwrap_or_else(|| {
            self.last_id += 1;
            Incident::new(self.last_id, &alarm)
        });
        joined.for_each(|other| incident.absorb(other));
        // Now, as long as the graph remembers them one by one.
        let remotes = trace.remotes(&self.graph, incident.opened.min(alarm.time));
        incident.connect(remotes);
        incident.trace.merge(trace);
        incident.updated = incident.updated.max(alarm.time);
        incident.priority = incident.priority.min(alarm.priority);
        incident.add(alarm);
        let id = incident.id;
        self.open.push(incident);
        self.open.sort_by_key(|one| one.id);
        while self.open.len() > MAX_INCIDENTS {
            let oldest = self.open.iter().enumerate().min_by_key(|(_, one)| one.updated).map(|(at, _)| at);
            self.open.remove(oldest.unwrap_or(0));
            self.forgotten += 1;
        }
        self.graph.pin(self.open.iter().flat_map(|one| one.trace.nodes()));
        self.owned = self.open.iter().flat_map(|one| one.trace.own().map(|node| (node, one.id))).collect();
        id
    }

    /// All, the oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Incident> {
        self.open.iter()
    }

    /// One, with what has come to belong to it since its last alert.
    pub fn show(&mut self, id: u64) -> Option<&Incident> {
        let incident = self.open.iter_mut().find(|one| one.id == id)?;
        // Only forwards: where it came from was plain when the alert was, and edges that go on since then hide it.
        trace::forwards(&self.graph, &mut incident.trace);
        let remotes = incident.trace.remotes(&self.graph, incident.opened);
        incident.connect(remotes);
        Some(incident)
    }

    /// What an incident tells.
    pub fn story(&mut self, id: u64) -> Option<Story> {
        self.show(id)?;
        let incident = self.open.iter().find(|one| one.id == id)?;
        Some(story::story(&self.graph, incident))
    }

    /// The graph.
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }
}

impl Incident {
    const fn new(id: u64, alarm: &Alarm) -> Self {
        Self {
            id,
            opened: alarm.time,
            updated: alarm.time,
            priority: alarm.priority,
            alarms: Vec::new(),
            more_alarms: 0,
            trace: Trace::empty(),
            connections: BTreeSet::new(),
        }
    }

    fn connect(&mut self, remotes: BTreeSet<Remote>) {
        let mut known: BTreeMap<(NodeId, SocketAddr), usize> = BTreeMap::new();
        for one in self.connections.iter().filter(|one| one.way == Way::Out) {
            *known.entry((one.actor, one.server)).or_default() += 1;
        }
        let is_known = |one: &Remote| known.get(&(one.actor, one.server)).is_some_and(|many| *many >= KNOWN);
        self.connections.extend(remotes.into_iter().filter(|one| one.way == Way::In || !is_known(one)));
        while self.connections.len() > MAX_CONNECTIONS {
            self.connections.pop_first();
        }
    }

    fn add(&mut self, alarm: Alarm) {
        if self.alarms.len() >= MAX_ALERTS {
            self.more_alarms += 1;
            return;
        }
        let at = self.alarms.partition_point(|one| one.time <= alarm.time);
        self.alarms.insert(at, alarm);
    }

    fn absorb(&mut self, other: Self) {
        self.opened = self.opened.min(other.opened);
        self.updated = self.updated.max(other.updated);
        self.priority = self.priority.min(other.priority);
        self.more_alarms += other.more_alarms;
        self.trace.merge(other.trace);
        self.connect(other.connections);
        other.alarms.into_iter().for_each(|alarm| self.add(alarm));
    }

    /// Tactics of ATT&CK that its rules name, in the order of an attack.
    pub fn tactics(&self) -> Vec<&'static str> {
        let named: BTreeSet<&str> =
            self.alarms.iter().flat_map(|alarm| alarm.tags.iter().map(String::as_str)).collect();
        TACTICS.iter().copied().filter(|tactic| named.contains(format!("mitre_{tactic}").as_str())).collect()
    }
}

/// The tactics of MITRE ATT&CK, in the order in which an attack mostly goes.
pub const TACTICS: [&str; 14] = [
    "reconnaissance",
    "resource_development",
    "initial_access",
    "execution",
    "persistence",
    "privilege_escalation",
    "defense_evasion",
    "credential_access",
    "discovery",
    "lateral_movement",
    "collection",
    "command_and_control",
    "exfiltration",
    "impact",
];

#[cfg(test)]
mod tests;
