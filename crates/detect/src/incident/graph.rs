//! Who made, wrote, ran and spoke to whom: a graph of the node's last hours, in bounded memory.

use super::remote::Remotes;
use gabion_model::{
    Event, EventKind,
    event::{Endpoint, FdKind, InImage, Subject, Task, Value},
    workload::ContainerKey,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
};

/// What the graph may hold. A node takes some 200 bytes, an edge some 60.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Processes, files and addresses.
    pub nodes: usize,
    /// Edges between them.
    pub edges: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { nodes: 120_000, edges: 300_000 }
    }
}

/// Names a node of the graph. Never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u64);

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where; the host if it is not in a container.
    pub container: ContainerKey,
    /// When it was seen first, in nanoseconds since 1970.
    pub first: u64,
    /// When it was seen last.
    pub last: u64,
    incoming: Vec<EdgeKey>,
    outgoing: Vec<EdgeKey>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A process.
    Process {
        /// Its number and its start.
        task: Task,
        /// What the kernel calls it: for a script the name of that.
        name: String,
        /// Its program; that of its parent until it executes one.
        program: String,
        /// What it was called with.
        command: String,
        /// Whether its program is of the image.
        in_image: InImage,
        /// It has executed a program since it was made.
        executed: bool,
        /// It runs as root.
        root: bool,
    },
    /// A file.
    File {
        /// Its path in its container.
        path: String,
    },
    /// An address outside of what this node sees.
    Address {
        /// The address.
        address: IpAddr,
    },
}

/// How one node led to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    /// A process made another.
    Fork,
    /// A process wrote a file.
    Write,
    /// A file was renamed, linked or copied by name to another.
    Rename,
    /// A file was executed by a process.
    Exec,
    /// A file with credentials was read by a process.
    Read,
    /// Who connected spoke to who accepted.
    Connect,
    /// A process wrote to the memory of another, or traced it.
    Inject,
    /// A process gained privileges: it leads to itself.
    Privilege,
}

/// An edge, aggregated: the same between the same nodes is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// From where.
    pub from: NodeId,
    /// To where.
    pub to: NodeId,
    /// How.
    pub kind: EdgeKind,
    /// First, in nanoseconds since 1970.
    pub first: u64,
    /// Last.
    pub last: u64,
    /// How often.
    pub count: u32,
    /// The port that was connected to.
    pub port: u16,
}

type EdgeKey = (NodeId, NodeId, EdgeKind, u16);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Process { pid: u32, start: u64 },
    File { container: ContainerKey, path: String },
    Address(IpAddr),
}

/// The graph.
#[derive(Debug, Default)]
pub struct Graph {
    limits: Limits,
    next: u64,
    nodes: BTreeMap<NodeId, Node>,
    edges: HashMap<EdgeKey, Edge>,
    by_key: HashMap<Key, NodeId>,
    /// Connections of which one end was seen: by both endpoints, as the connecting one names them.
    half: HashMap<(Endpoint, Endpoint), Half>,
    /// Connections with other nodes.
    pub(super) remotes: Remotes,
    pinned: HashSet<NodeId>,
    /// What containers are called.
    names: HashMap<ContainerKey, String>,
    /// Nodes and edges that were forgotten for want of room.
    pub forgotten: u64,
}

#[derive(Clone, Copy, Debug)]
struct Half {
    client: Option<NodeId>,
    server: Option<NodeId>,
    time: u64,
    /// Its number among those with other nodes.
    remote: Option<u64>,
}

impl Graph {
    /// An empty one.
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// The process of a task.
    pub fn process(&self, task: Task) -> Option<NodeId> {
        self.by_key.get(&Key::Process { pid: task.pid, start: task.start }).copied()
    }

    /// Edges that lead to a node.
    pub fn incoming(&self, id: NodeId) -> impl Iterator<Item = &Edge> {
        self.nodes.get(&id).into_iter().flat_map(|node| &node.incoming).filter_map(|key| self.edges.get(key))
    }

    /// Edges that lead from a node.
    pub fn outgoing(&self, id: NodeId) -> impl Iterator<Item = &Edge> {
        self.nodes.get(&id).into_iter().flat_map(|node| &node.outgoing).filter_map(|key| self.edges.get(key))
    }

    /// What a container is called; empty for an address, which is in none.
    pub(super) fn container_name(&self, key: ContainerKey) -> String {
        if key == ContainerKey::HOST {
            return super::story::HOST.to_owned();
        }
        self.names.get(&key).cloned().unwrap_or_else(|| format!("container {}", key.0))
    }

    /// The process of a container that was seen first.
    pub(super) fn oldest_of(&self, container: ContainerKey) -> Option<NodeId> {
        let processes = self
            .nodes
            .iter()
            .filter(|(_, node)| node.container == container && matches!(node.kind, NodeKind::Process { .. }));
        processes.min_by_key(|(id, node)| (node.first, **id)).map(|(&id, _)| id)
    }

    /// Nodes and edges.
    pub fn size(&self) -> (usize, usize) {
        (self.nodes.len(), self.edges.len())
    }

    /// Keeps these nodes, and only these, whatever else has to be forgotten.
    pub(super) fn pin(&mut self, nodes: impl Iterator<Item = NodeId>) {
        self.pinned = nodes.collect();
    }

    /// Takes what an event says of who led to whom.
    pub fn take(&mut self, event: &Event<'_>) {
        let time = event.time;
        match event.subject {
            Subject::Child(child) if !child.thread => {
                let parent = self.actor(event);
                let inherited = self.nodes.get(&parent).map(|node| node.kind.clone());
                let kind = match inherited {
                    Some(NodeKind::Process { name, program, command, in_image, root, .. }) => {
                        NodeKind::Process {
                            task: child.task,
                            name,
                            program,
                            command,
                            in_image,
                            executed: false,
                            root,
                        }
                    }
                    _ => unnamed(child.task),
                };
                let key = Key::Process { pid: child.task.pid, start: child.task.start };
                let id = self.insert(key, kind, event.container, time);
                self.edge(parent, id, EdgeKind::Fork, 0, time);
            }
            Subject::Process(process) => {
                let id = self.actor(event);
                let path = text(&process.exe.path);
                if let Some(Node {
                    kind: NodeKind::Process { name, program, command, in_image, executed, root, .. },
                    container,
                    ..
                }) = self.nodes.get_mut(&id)
                {
                    *name = text(&process.comm);
                    program.clone_from(&path);
                    *command = text(&process.args.join(&b' '));
                    command.truncate(command.floor_char_boundary(512));
                    *in_image = process.exe.in_image;
                    *executed = true;
                    *root = process.credentials.uid == 0;
                    *container = event.container;
                }
                if process.found {
                    let parent = self.nodes.iter().rev().find_map(|(&id, node)| match node.kind {
                        NodeKind::Process { task, .. } if task.pid == process.parent => Some(id),
                        _ => None,
                    });
                    if let Some(parent) = parent {
                        self.edge(parent, id, EdgeKind::Fork, 0, time);
                    }
                } else if let Some(file) = self.existing_file(event.container, &path) {
                    self.edge(file, id, EdgeKind::Exec, 0, time);
                }
            }
            Subject::Container(container) => {
                let name = if container.name.is_empty() { &container.id } else { &container.name };
                let name = container
                    .pod
                    .as_ref()
                    .map_or_else(|| name.clone(), |pod| format!("{}/{}/{name}", pod.namespace, pod.name));
                self.names.insert(container.key, name);
            }
            _ => self.call(event),
        }
        if self.nodes.len() > self.limits.nodes || self.edges.len() > self.limits.edges {
            self.forget();
        }
    }

    fn call(&mut self, event: &Event<'_>) {
        use EventKind as K;
        if event.result < 0 {
            return;
        }
        let time = event.time;
        match event.kind {
            K::Open | K::Openat | K::Openat2 | K::Creat => {
                let Some(FdKind::File { path, .. }) = event.fd.map(|fd| fd.kind) else { return };
                let flags = number(event, "flags").unwrap_or(0);
                // O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND
                if event.kind == K::Creat || flags & 0o3103 != 0 {
                    if !is_noise(path) {
                        let actor = self.actor(event);
                        let file = self.file(event.container, text(path), time);
                        self.edge(actor, file, EdgeKind::Write, 0, time);
                    }
                } else if is_credential(path) {
                    let actor = self.actor(event);
                    let file = self.file(event.container, text(path), time);
                    self.edge(file, actor, EdgeKind::Read, 0, time);
                }
            }
            K::Rename | K::Renameat | K::Renameat2 | K::Link | K::Linkat => {
                let (Some(old), Some(new)) = (bytes(event, "oldpath"), bytes(event, "newpath")) else {
                    return;
                };
                // What nobody wrote is of the image, and no trace.
                if let Some(old) = self.existing_file(event.container, &text(old)) {
                    let new = self.file(event.container, text(new), time);
                    self.edge(old, new, EdgeKind::Rename, 0, time);
                }
            }
            K::Connect | K::Accept | K::Accept4 => self.connection(event),
            K::Ptrace | K::ProcessVmWritev => {
                let Some(pid) = number(event, "pid") else { return };
                let target = self.by_key.iter().find_map(|(key, &id)| match key {
                    Key::Process { pid: one, .. } if u64::from(*one) == pid => Some(id),
                    _ => None,
                });
                // PTRACE_TRACEME asks to be traced, and is no attack.
                let asks = event.kind == K::Ptrace && number(event, "request") == Some(0);
                if let Some(target) = target.filter(|_| !asks) {
                    let actor = self.actor(event);
                    self.edge(actor, target, EdgeKind::Inject, 0, time);
                }
            }
            K::Setuid | K::Setresuid | K::Setreuid => {
                let actor = self.actor(event);
                let wanted = number(event, "uid").or_else(|| number(event, "euid"));
                let gains = wanted == Some(0)
                    && matches!(
                        self.nodes.get(&actor),
                        Some(Node { kind: NodeKind::Process { root: false, .. }, .. })
                    );
                if gains {
                    self.edge(actor, actor, EdgeKind::Privilege, 0, time);
                }
            }
            _ => {}
        }
    }

    fn connection(&mut self, event: &Event<'_>) {
        let Some(FdKind::Inet { local: Some(local), remote: Some(remote), .. }) = event.fd.map(|fd| fd.kind)
        else {
            return;
        };
        if remote.port == 0 {
            return;
        }
        let time = event.time;
        let actor = self.actor(event);
        let connects = event.kind == EventKind::Connect;
        let tuple = if connects { (local, remote) } else { (remote, local) };
        let half = self.half.entry(tuple).or_insert(Half { client: None, server: None, time, remote: None });
        half.time = time;
        *(if connects { &mut half.client } else { &mut half.server }) = Some(actor);
        let (client, server, told) = (half.client, half.server, half.remote.take());
        if client.is_none() || server.is_none() {
            half.remote = Some(self.remotes.add(event, actor, tuple));
        }
        match (client, server) {
            (Some(client), Some(server)) => {
                if let Some(number) = told {
                    self.remotes.is_local(number);
                }
                self.edge(client, server, EdgeKind::Connect, tuple.1.port, time);
                // What was an address before the other end was seen is that process now.
                for (from, to) in self.addresses_between(client, server, tuple) {
                    self.remove_edge(&(from, to, EdgeKind::Connect, tuple.1.port));
                }
            }
            (Some(client), None) => {
                let address = self.address(remote.address, time);
                self.edge(client, address, EdgeKind::Connect, tuple.1.port, time);
            }
            (None, Some(server)) => {
                let address = self.address(remote.address, time);
                self.edge(address, server, EdgeKind::Connect, tuple.1.port, time);
            }
            (None, None) => {}
        }
        if self.half.len() > 65_536 {
            let old = time.saturating_sub(60_000_000_000);
            self.half.retain(|_, half| half.time > old);
        }
    }

    fn addresses_between(
        &self,
        client: NodeId,
        server: NodeId,
        tuple: (Endpoint, Endpoint),
    ) -> Vec<(NodeId, NodeId)> {
        let of = |address| self.by_key.get(&Key::Address(address)).copied();
        [
            of(tuple.1.address).map(|address| (client, address)),
            of(tuple.0.address).map(|address| (address, server)),
        ]
        .into_iter()
        .flatten()
        .filter(|&(from, to)| {
            self.edges.get(&(from, to, EdgeKind::Connect, tuple.1.port)).is_some_and(|edge| edge.count == 1)
        })
        .collect()
    }

    fn actor(&mut self, event: &Event<'_>) -> NodeId {
        let key = Key::Process { pid: event.task.pid, start: event.task.start };
        self.insert(key, unnamed(event.task), event.container, event.time)
    }

    fn file(&mut self, container: ContainerKey, path: String, time: u64) -> NodeId {
        self.insert(Key::File { container, path: path.clone() }, NodeKind::File { path }, container, time)
    }

    fn existing_file(&self, container: ContainerKey, path: &str) -> Option<NodeId> {
        self.by_key.get(&Key::File { container, path: path.to_owned() }).copied()
    }

    fn address(&mut self, address: IpAddr, time: u64) -> NodeId {
        self.insert(Key::Address(address), NodeKind::Address { address }, ContainerKey::HOST, time)
    }

    /// The node of a key: that which is there, else a new one.
    fn insert(&mut self, key: Key, kind: NodeKind, container: ContainerKey, time: u64) -> NodeId {
        if let Some(&id) = self.by_key.get(&key) {
            if let Some(node) = self.nodes.get_mut(&id) {
                node.last = node.last.max(time);
            }
            return id;
        }
        self.next += 1;
        let id = NodeId(self.next);
        self.by_key.insert(key, id);
        let node =
            Node { kind, container, first: time, last: time, incoming: Vec::new(), outgoing: Vec::new() };
        self.nodes.insert(id, node);
        id
    }

    fn edge(&mut self, from: NodeId, to: NodeId, kind: EdgeKind, port: u16, time: u64) {
        let key = (from, to, kind, port);
        if let Some(edge) = self.edges.get_mut(&key) {
            edge.last = edge.last.max(time);
            edge.count = edge.count.saturating_add(1);
            return;
        }
        self.edges.insert(key, Edge { from, to, kind, first: time, last: time, count: 1, port });
        if let Some(node) = self.nodes.get_mut(&from) {
            node.outgoing.push(key);
        }
        if let Some(node) = self.nodes.get_mut(&to) {
            node.incoming.push(key);
        }
    }

    fn remove_edge(&mut self, key: &EdgeKey) {
        if self.edges.remove(key).is_some() {
            for (id, list) in [(key.0, true), (key.1, false)] {
                if let Some(node) = self.nodes.get_mut(&id) {
                    (if list { &mut node.outgoing } else { &mut node.incoming }).retain(|one| one != key);
                }
            }
        }
    }

    /// Forgets the tenth that was seen longest ago and belongs to no incident.
    fn forget(&mut self) {
        let mut last: Vec<_> = self
            .nodes
            .iter()
            .filter(|(id, _)| !self.pinned.contains(id))
            .map(|(&id, node)| (node.last, id))
            .collect();
        let count = (self.nodes.len() / 10).max(1).min(last.len());
        if count == 0 {
            return;
        }
        last.select_nth_unstable(count - 1);
        let gone: HashSet<NodeId> = last[..count].iter().map(|&(_, id)| id).collect();
        let before = self.nodes.len() + self.edges.len();
        self.nodes.retain(|id, _| !gone.contains(id));
        self.by_key.retain(|_, id| !gone.contains(id));
        self.edges.retain(|key, _| !gone.contains(&key.0) && !gone.contains(&key.1));
        for node in self.nodes.values_mut() {
            node.incoming.retain(|key| self.edges.contains_key(key));
            node.outgoing.retain(|key| self.edges.contains_key(key));
        }
        self.half
            .retain(|_, half| ![half.client, half.server].into_iter().flatten().any(|id| gone.contains(&id)));
        self.forgotten += (before - self.nodes.len() - self.edges.len()) as u64;
    }
}

fn unnamed(task: Task) -> NodeKind {
    NodeKind::Process {
        task,
        name: String::new(),
        program: String::new(),
        command: String::new(),
        in_image: InImage::Unknown,
        executed: false,
        root: true,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn argument<'a>(event: &Event<'a>, name: &str) -> Option<Value<'a>> {
    event.kind.arg(name).and_then(|at| event.args.get(at)).copied()
}

fn number(event: &Event<'_>, name: &str) -> Option<u64> {
    match argument(event, name)? {
        Value::Uint(number) => Some(number),
        Value::Int(number) => u64::try_from(number).ok(),
        _ => None,
    }
}

fn bytes<'a>(event: &Event<'a>, name: &str) -> Option<&'a [u8]> {
    match argument(event, name)? {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// What is written all the time and never executed.
fn is_noise(path: &[u8]) -> bool {
    [&b"/proc/"[..], b"/sys/", b"/dev/null", b"/dev/pts/", b"/dev/tty"]
        .iter()
        .any(|start| path.starts_with(start))
        && !path.ends_with(b"/core_pattern")
        // By which runc holds a container back until it is to start.
        || path.ends_with(b"/exec.fifo")
}

/// Files whose reading matters, whoever does it.
fn is_credential(path: &[u8]) -> bool {
    let contains = |part: &[u8]| path.windows(part.len()).any(|window| window == part);
    contains(b"/serviceaccount/") && contains(b"token")
        || contains(b"/.ssh/id_")
        || [&b"/etc/shadow"[..], b"/.aws/credentials", b"/.kube/config", b"/.docker/config.json", b"/environ"]
            .iter()
            .any(|end| path.ends_with(end))
}
