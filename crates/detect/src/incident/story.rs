//! An incident in words, for somebody who was just woken by it.

use super::{
    Incident,
    graph::{EdgeKind, Graph, NodeId, NodeKind},
    remote::{Remote, Way},
    trace::Origin,
};
use gabion_model::{event::InImage, workload::ContainerKey};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::SocketAddr,
};

/// What is told as the place of something that is in no container.
pub const HOST: &str = "the node";

/// What an incident tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Story {
    /// The number of the incident.
    pub id: u64,
    /// One line: what it is.
    pub title: String,
    /// The worst priority of its alerts, in Falco's words.
    pub priority: String,
    /// When its first step was, in nanoseconds since 1970.
    pub began: u64,
    /// When its last alert was.
    pub updated: u64,
    /// Where it came from, in sentences.
    pub origin: Vec<String>,
    /// How far it got, in sentences.
    pub extent: Vec<String>,
    /// Tactics of ATT&CK, in the order of an attack.
    pub tactics: Vec<String>,
    /// Techniques that its rules name.
    pub techniques: Vec<String>,
    /// What happened, in order of time.
    pub steps: Vec<Step>,
    /// Its processes, children beneath their parents.
    pub processes: Vec<Line>,
    /// The walk ended early: more belongs to it than is told.
    pub cut: bool,
    /// Alerts of it that are not among the steps.
    pub more_alerts: u64,
    /// Its connections with other nodes, in order of time. Agents up to version 0.1 do not tell them: then it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Vec<Connection>>,
}

/// A connection with another node that is part of an incident: begun by one of its own processes, or what it came in by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Connection {
    /// When, in nanoseconds since 1970, by the clock of the node.
    pub time: u64,
    /// Whether it was begun or accepted here.
    pub way: Way,
    /// Who connected.
    pub client: SocketAddr,
    /// Who accepted.
    pub server: SocketAddr,
    /// In which container.
    pub container: String,
    /// Which program.
    pub program: String,
    /// The number of its process.
    pub pid: u32,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Step {
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// In which container.
    pub container: String,
    /// What.
    pub text: String,
    /// The rule that says so, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// A process in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// How many ancestors of it are in the tree.
    pub depth: usize,
    /// Its number.
    pub pid: u32,
    /// What it runs.
    pub command: String,
    /// In which container.
    pub container: String,
    /// Rules that its doing matched.
    pub rules: BTreeSet<String>,
    /// It is a server that serves others, too: not all of it belongs to the incident.
    pub server: bool,
}

/// Falco's words for priorities.
const PRIORITIES: [&str; 8] =
    ["Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug"];

pub(super) fn story(graph: &Graph, incident: &Incident) -> Story {
    let steps = steps(graph, incident);
    let techniques: BTreeSet<&String> =
        incident.alarms.iter().flat_map(|alarm| &alarm.tags).filter(|tag| is_technique(tag)).collect();
    Story {
        id: incident.id,
        title: title(graph, incident),
        priority: PRIORITIES[usize::from(incident.priority).min(7)].to_owned(),
        began: steps.first().map_or(incident.opened, |step| step.time),
        updated: incident.updated,
        origin: incident.trace.origins.iter().map(|origin| origin_text(graph, origin)).collect(),
        extent: extent(graph, incident),
        tactics: incident.tactics().into_iter().map(str::to_owned).collect(),
        techniques: techniques.into_iter().cloned().collect(),
        steps,
        processes: tree(graph, incident),
        cut: incident.trace.cut,
        more_alerts: incident.more_alarms,
        connections: Some(connections(graph, incident)),
    }
}

fn connections(graph: &Graph, incident: &Incident) -> Vec<Connection> {
    let told = |one: &Remote| Connection {
        time: one.time,
        way: one.way,
        client: one.client,
        server: one.server,
        container: place(graph, one.actor),
        program: name(graph, one.actor),
        pid: match graph.node(one.actor).map(|node| &node.kind) {
            Some(NodeKind::Process { task, .. }) => task.pid,
            _ => 0,
        },
    };
    incident.connections.iter().map(told).collect()
}

/// `T1059`, `T1059.004`
fn is_technique(tag: &str) -> bool {
    tag.strip_prefix('T')
        .is_some_and(|rest| rest.len() >= 4 && rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
}

/// What a node is called.
pub(super) fn name(graph: &Graph, id: NodeId) -> String {
    match graph.node(id).map(|node| &node.kind) {
        Some(NodeKind::Process { program, task, .. }) if program.is_empty() => {
            format!("process {}", task.pid)
        }
        Some(NodeKind::Process { program, .. }) => base(program).to_owned(),
        Some(NodeKind::File { path }) => path.clone(),
        Some(NodeKind::Address { address }) => address.to_string(),
        None => "something that was forgotten".to_owned(),
    }
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(path)
}

pub(super) fn place(graph: &Graph, id: NodeId) -> String {
    match graph.node(id) {
        Some(node) if !matches!(node.kind, NodeKind::Address { .. }) => graph.container_name(node.container),
        _ => String::new(),
    }
}

fn title(graph: &Graph, incident: &Incident) -> String {
    let containers = containers(graph, incident);
    let worst = incident.alarms.iter().min_by_key(|alarm| (alarm.priority, alarm.time));
    let rule = worst.map_or("Alert", |alarm| alarm.rule.as_str());
    // Where the worst happened, which need not be where it came to first.
    let there = worst.and_then(|alarm| graph.node(graph.process(alarm.task)?)).map(|node| node.container);
    let place = containers.keys().find(|(_, key)| Some(*key) == there).or(containers.keys().next());
    // The node is no container, so it is not counted as one.
    let is_inside = |(_, key): &&(u64, ContainerKey)| *key != ContainerKey::HOST;
    let inside = containers.keys().filter(is_inside).count();
    match (place, inside) {
        (None, _) => rule.to_owned(),
        (Some((_, ContainerKey::HOST)), 0) => format!("{rule} on {HOST}"),
        (Some((_, ContainerKey::HOST)), 1) => format!("{rule} on {HOST} and in a container"),
        (Some((_, ContainerKey::HOST)), many) => format!("{rule} on {HOST} and in {many} containers"),
        (Some(place), many) => {
            let node = if many < containers.len() { format!(" and on {HOST}") } else { String::new() };
            let more = if many > 1 { format!(" and {} more", many - 1) } else { String::new() };
            format!("{rule} in {}{more}{node}", containers[place])
        }
    }
}

/// The containers of its own processes, in the order in which it came to them.
fn containers(graph: &Graph, incident: &Incident) -> BTreeMap<(u64, ContainerKey), String> {
    let mut since: BTreeMap<ContainerKey, u64> = BTreeMap::new();
    for id in incident.trace.nodes() {
        let Some(node) = graph.node(id) else { continue };
        if matches!(node.kind, NodeKind::Process { .. }) {
            let time = incident.trace.since(id).unwrap_or(node.first);
            since.entry(node.container).and_modify(|known| *known = time.min(*known)).or_insert(time);
        }
    }
    since.into_iter().map(|(key, time)| ((time, key), graph.container_name(key))).collect()
}

fn origin_text(graph: &Graph, origin: &Origin) -> String {
    match origin {
        Origin::Connection { from, server } => {
            format!(
                "It came in by a connection from {from} to {} in {}.",
                name(graph, *server),
                place(graph, *server)
            )
        }
        Origin::Entered(id) => format!(
            "Somebody started {} in {} from outside, as `kubectl exec` does.",
            name(graph, *id),
            place(graph, *id)
        ),
        Origin::Start(id) => {
            format!(
                "{} in {} does this by itself; nobody was seen speaking to it before.",
                name(graph, *id),
                place(graph, *id)
            )
        }
        Origin::Node(id) => format!("It began with {} on the node itself.", name(graph, *id)),
        Origin::Unknown(id) => {
            format!(
                "It goes back to {} in {}, and what started that was not seen.",
                name(graph, *id),
                place(graph, *id)
            )
        }
    }
}

fn extent(graph: &Graph, incident: &Incident) -> Vec<String> {
    let containers = containers(graph, incident);
    let is_host = |(_, key): &(u64, ContainerKey)| *key == ContainerKey::HOST;
    let on_host = containers.keys().any(is_host);
    let inside: Vec<_> =
        containers.into_iter().filter(|(key, _)| !is_host(key)).map(|(_, name)| name).collect();
    let (mut processes, mut written, mut read, mut peers) =
        (0, BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for id in incident.trace.nodes() {
        let Some(node) = graph.node(id) else { continue };
        match &node.kind {
            NodeKind::Process { .. } if !incident.trace.is_server(id) => processes += 1,
            NodeKind::Process { .. } => {}
            NodeKind::File { path } => {
                let was_read = graph.outgoing(id).any(|edge| edge.kind == EdgeKind::Read);
                (if was_read { &mut read } else { &mut written }).insert(path.clone());
            }
            NodeKind::Address { address } => {
                if graph.incoming(id).any(|edge| incident.trace.since(edge.from).is_some()) {
                    peers.insert(address.to_string());
                }
            }
        }
    }
    let place = match (inside.is_empty(), on_host) {
        (true, true) => format!("on {HOST}"),
        (false, true) => format!("in {}, and on {HOST}", list(&inside)),
        (_, false) => format!("in {}", list(&inside)),
    };
    let mut sentences = vec![format!("{processes} processes {place}.")];
    for (what, of) in [("Wrote", written), ("Read", read), ("Spoke to", peers)] {
        if !of.is_empty() {
            sentences.push(format!("{what} {}.", list(&of.into_iter().collect::<Vec<_>>())));
        }
    }
    sentences
}

/// `a, b and 3 more`
fn list(items: &[String]) -> String {
    match items {
        [] => "nothing".to_owned(),
        [all @ .., last] if items.len() <= 5 => {
            if all.is_empty() {
                last.clone()
            } else {
                format!("{} and {last}", all.join(", "))
            }
        }
        _ => format!("{} and {} more", items[..4].join(", "), items.len() - 4),
    }
}

fn steps(graph: &Graph, incident: &Incident) -> Vec<Step> {
    let mut steps = BTreeSet::new();
    for alarm in &incident.alarms {
        let container = graph.process(alarm.task).map(|id| place(graph, id)).unwrap_or_default();
        let text = alarm.message.clone();
        steps.insert(Step { time: alarm.time, container, text, rule: Some(alarm.rule.clone()) });
    }
    for id in incident.trace.nodes() {
        let since = incident.trace.since(id).unwrap_or_default();
        for edge in
            graph.outgoing(id).filter(|edge| edge.last >= since && incident.trace.since(edge.to).is_some())
        {
            let to = incident.trace.since(edge.to).unwrap_or_default();
            // What a server does otherwise is not part of it.
            if incident.trace.is_server(id) && (edge.last < to || incident.trace.is_server(edge.to)) {
                continue;
            }
            let time = edge.first.max(since.min(edge.last));
            let Some(text) = sentence(graph, edge.kind, id, edge.to, edge.port) else { continue };
            let at = if edge.kind == EdgeKind::Read { edge.to } else { id };
            steps.insert(Step { time, container: place(graph, at), text, rule: None });
        }
    }
    steps.into_iter().collect()
}

fn sentence(graph: &Graph, kind: EdgeKind, from: NodeId, to: NodeId, port: u16) -> Option<String> {
    let (one, other) = (name(graph, from), name(graph, to));
    Some(match kind {
        EdgeKind::Fork => match graph.node(to).map(|node| &node.kind) {
            Some(NodeKind::Process { executed: true, command, in_image, .. }) => {
                let brought = if *in_image == InImage::No { ", which is not in the image" } else { "" };
                format!("{one} started `{command}`{brought}")
            }
            // A process that only stands between its parent and its children.
            _ => return None,
        },
        EdgeKind::Write => format!("{one} wrote {other}"),
        EdgeKind::Rename => format!("{one} became {other}"),
        // Told by who started it.
        EdgeKind::Exec => return None,
        EdgeKind::Read => format!("{other} read {one}"),
        EdgeKind::Connect => match place(graph, to) {
            address if address.is_empty() => format!("{one} connected to {other}, port {port}"),
            container => format!("{one} connected to {other} in {container}, port {port}"),
        },
        EdgeKind::Inject => format!("{one} put code into {other}"),
        EdgeKind::Privilege => format!("{one} became root"),
    })
}

fn tree(graph: &Graph, incident: &Incident) -> Vec<Line> {
    let inside: BTreeSet<NodeId> = incident
        .trace
        .nodes()
        .filter(|&id| matches!(graph.node(id).map(|node| &node.kind), Some(NodeKind::Process { .. })))
        .collect();
    let parent = |id: NodeId| {
        graph
            .incoming(id)
            .find(|edge| edge.kind == EdgeKind::Fork && inside.contains(&edge.from))
            .map(|edge| edge.from)
    };
    let mut lines = Vec::new();
    let mut todo: Vec<(NodeId, usize)> =
        inside.iter().rev().filter(|&&id| parent(id).is_none()).map(|&id| (id, 0)).collect();
    while let Some((id, depth)) = todo.pop() {
        if let Some(NodeKind::Process { task, program, command, .. }) = graph.node(id).map(|node| &node.kind)
        {
            let rules = incident
                .alarms
                .iter()
                .filter(|alarm| (alarm.task.pid, alarm.task.start) == (task.pid, task.start));
            lines.push(Line {
                depth,
                pid: task.pid,
                command: if command.is_empty() { program.clone() } else { command.clone() },
                container: place(graph, id),
                rules: rules.map(|alarm| alarm.rule.clone()).collect(),
                server: incident.trace.is_server(id),
            });
        }
        let mut children: Vec<NodeId> = graph
            .outgoing(id)
            .filter(|edge| edge.kind == EdgeKind::Fork && inside.contains(&edge.to))
            .map(|edge| edge.to)
            .collect();
        children.sort_unstable();
        todo.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
    }
    lines
}

/// The story as text; `clock` writes a time.
pub fn text(story: &Story, clock: impl Fn(u64) -> String) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = write_text(&mut out, story, clock);
    out
}

fn write_text(out: &mut String, story: &Story, clock: impl Fn(u64) -> String) -> std::fmt::Result {
    writeln!(out, "Incident {}: {}", story.id, story.title)?;
    writeln!(out, "{}, {} to {}", story.priority, clock(story.began), clock(story.updated))?;
    writeln!(out, "\nWhere it came from")?;
    for sentence in &story.origin {
        writeln!(out, "  {sentence}")?;
    }
    writeln!(out, "\nHow far it got")?;
    for sentence in &story.extent {
        writeln!(out, "  {sentence}")?;
    }
    if story.cut {
        writeln!(out, "  More belongs to it than is told here.")?;
    }
    if !story.tactics.is_empty() {
        let tactics: Vec<_> = story.tactics.iter().map(|tactic| tactic.replace('_', " ")).collect();
        writeln!(out, "\nATT&CK: {} ({})", tactics.join(" → "), story.techniques.join(", "))?;
    }
    writeln!(out, "\nWhat happened")?;
    let width = story.steps.iter().map(|step| step.container.chars().count()).max().unwrap_or(0);
    for step in &story.steps {
        let mark = if step.rule.is_some() { '!' } else { ' ' };
        let text = step.rule.as_ref().map_or_else(|| step.text.clone(), Clone::clone);
        writeln!(out, "{mark} {}  {:width$}  {text}", clock(step.time), step.container)?;
    }
    if story.more_alerts > 0 {
        writeln!(out, "  and {} more alerts", story.more_alerts)?;
    }
    writeln!(out, "\nProcesses")?;
    for line in &story.processes {
        let marks = if line.rules.is_empty() { "" } else { "  !" };
        let server = if line.server { "  (serves others, too)" } else { "" };
        writeln!(
            out,
            "  {}{} {}  [{}]{server}{marks}",
            "  ".repeat(line.depth),
            line.pid,
            line.command,
            line.container
        )?;
    }
    Ok(())
}
