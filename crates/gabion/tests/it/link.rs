//! The link of an agent against a hub's real port for agents: real TLS, an inbox in memory, an agent that this test plays.

mod layers;

use crate::{
    running::{Agent, Running, bundle},
    support::{can_run, directory, wait_for},
};
use gabion_hub::agents::{Desk, Inbox, JoinRefused, Settings, Shelf, Unavailable, serve};
use gabion_identity::{Authority, JoinToken, NodeKey, tls};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::{oneshot, watch},
    task::JoinHandle,
};

const DAY: SignedDuration = SignedDuration::from_hours(24);

#[expect(clippy::disallowed_methods, reason = "certificates must hold now")]
fn now() -> Timestamp {
    Timestamp::now()
}

#[derive(Default)]
struct Kept {
    tokens: HashSet<[u8; 32]>,
    joined: Vec<String>,
    is_away: bool,
    names: Vec<String>,
    statuses: Vec<gabion_api::agent::Status>,
    containers: Vec<gabion_api::agent::Container>,
    alerts: BTreeMap<u64, Value>,
    incidents: BTreeMap<u64, (String, String)>,
    events: BTreeMap<u64, gabion_api::agent::Event>,
    reports: BTreeMap<String, Result<Vec<u8>, String>>,
    loaded: BTreeMap<String, std::collections::BTreeSet<String>>,
}

#[derive(Default)]
struct Memory(Mutex<Kept>);

impl Memory {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().expect("no test panicked with it")
    }

    fn keep<T>(&self, keep: impl FnOnce(&mut Kept) -> T) -> Result<T, Unavailable> {
        let mut kept = self.kept();
        if kept.is_away { Err(Unavailable("the database is away".to_owned())) } else { Ok(keep(&mut kept)) }
    }
}

impl Inbox for Memory {
    async fn join(&self, hash: [u8; 32], name: &str, _now: Timestamp) -> Result<String, JoinRefused> {
        let mut kept = self.kept();
        if !kept.tokens.remove(&hash) {
            return Err(JoinRefused::Token);
        }
        kept.joined.push(name.to_owned());
        Ok(format!("n{}", kept.joined.len()))
    }

    async fn is_allowed(&self, _node: &str) -> Result<bool, Unavailable> {
        Ok(true)
    }

    async fn hello(&self, _node: &str, hello: gabion_api::agent::Hello) -> Result<(), Unavailable> {
        self.keep(|kept| kept.names.push(hello.name))
    }

    async fn left(&self, _node: &str) {}

    async fn status(&self, _node: &str, status: gabion_api::agent::Status) -> Result<(), Unavailable> {
        self.keep(|kept| kept.statuses.push(status))
    }

    async fn inventory(
        &self,
        _node: &str,
        inventory: gabion_api::agent::Inventory,
    ) -> Result<(), Unavailable> {
        self.keep(|kept| kept.containers = inventory.containers)
    }

    async fn loaded(&self, _node: &str, loaded: gabion_api::agent::Loaded) -> Result<(), Unavailable> {
        self.keep(|kept| kept.loaded.entry(loaded.container).or_default().extend(loaded.paths))
    }

    async fn alerts(&self, _node: &str, alerts: Vec<gabion_api::agent::Alert>) -> Result<u64, Unavailable> {
        self.keep(|kept| {
            for alert in alerts {
                kept.alerts.insert(alert.id, serde_json::from_slice(&alert.json).expect("JSON"));
            }
            kept.alerts.keys().last().copied().unwrap_or(0)
        })
    }

    async fn incident(&self, _node: &str, incident: gabion_api::agent::Incident) -> Result<(), Unavailable> {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        self.keep(|kept| {
            kept.incidents.insert(incident.id, (text(incident.json), text(incident.picture)));
        })
    }

    async fn events(&self, _node: &str, events: Vec<gabion_api::agent::Event>) -> Result<u64, Unavailable> {
        self.keep(|kept| {
            kept.events.extend(events.into_iter().map(|event| (event.number, event)));
            kept.events.keys().last().copied().unwrap_or(0)
        })
    }

    async fn report(
        &self,
        _node: &str,
        image: &str,
        report: Result<Vec<u8>, String>,
    ) -> Result<(), Unavailable> {
        self.keep(|kept| {
            kept.reports.insert(image.to_owned(), report);
        })
    }
}

/// A hub that can go away and come back on the same port.
struct Hub {
    runtime: Runtime,
    authority: Arc<Authority>,
    memory: Arc<Memory>,
    address: SocketAddr,
    lifetime: SignedDuration,
    /// What it knows of layers, if it shares that.
    shelf: Option<Shelf>,
    desk: Desk,
    up: Option<Up>,
}

/// While it is up. Its certificate would be replaced by the last of these.
type Up = (oneshot::Sender<()>, JoinHandle<()>, watch::Sender<Arc<rustls::ServerConfig>>);

impl Hub {
    fn start(lifetime: SignedDuration) -> Self {
        Self::start_with(lifetime, None)
    }

    fn start_with(lifetime: SignedDuration, shelf: Option<Shelf>) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let mut hub = Self {
            runtime,
            authority: authority(),
            memory: Arc::default(),
            address: ([127, 0, 0, 1], 0).into(),
            lifetime,
            shelf,
            desk: Desk::default(),
            up: None,
        };
        hub.up();
        hub
    }

    /// Another hub of the same database.
    fn beside(&self) -> Self {
        let mut hub = Self {
            runtime: Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime"),
            authority: Arc::clone(&self.authority),
            memory: Arc::clone(&self.memory),
            address: ([127, 0, 0, 1], 0).into(),
            lifetime: self.lifetime,
            shelf: None,
            desk: Desk::default(),
            up: None,
        };
        hub.up();
        hub
    }

    fn up(&mut self) {
        let key = NodeKey::generate().expect("a key");
        let chain = self.authority.hub(&key, &[], now(), DAY).expect("signs").chain;
        let authorities = vec![self.authority.certificate().clone()];
        let config = tls::server(chain, &key, &authorities).expect("a configuration");
        let (tls, configs) = watch::channel(Arc::new(config));
        // Where it was before; another test may have got the port for a moment.
        let mut bound = None;
        wait_for("the address to be free", || {
            bound = self.runtime.block_on(TcpListener::bind(self.address)).ok();
            bound.is_some()
        });
        let listener = bound.expect("listens");
        self.address = listener.local_addr().expect("an address");
        self.desk = self.shelf.clone().map_or_else(Desk::default, Desk::sharing);
        let authority = Arc::clone(&self.authority);
        let settings = Settings { authority, authorities, lifetime: self.lifetime, clock: Arc::new(now) };
        let (stop, stopped) = oneshot::channel();
        let (inbox, desk) = (Arc::clone(&self.memory), self.desk.clone());
        let served = self.runtime.spawn(async move {
            let stop = async { drop(stopped.await) };
            serve(listener, configs, settings, inbox, desk, Arc::default(), stop).await.expect("serves");
        });
        self.up = Some((stop, served, tls));
    }

    fn down(&mut self) {
        let (stop, served, _tls) = self.up.take().expect("is up");
        stop.send(()).expect("serves");
        let ended = async { tokio::time::timeout(Duration::from_secs(20), served).await };
        self.runtime.block_on(ended).expect("in time").expect("well");
    }

    fn token(&self) -> String {
        let token = JoinToken::generate(self.authority.fingerprint());
        self.memory.kept().tokens.insert(token.hash());
        token.print().expose().to_owned()
    }

    fn until(&self, what: &str, mut holds: impl FnMut(&Kept) -> bool) {
        wait_for(what, || holds(&self.memory.kept()));
    }

    fn ask(&self, question: &Value) -> Value {
        let asked = self.desk.ask("n1", question.to_string().into_bytes(), Duration::from_secs(20));
        serde_json::from_slice(&self.runtime.block_on(asked).expect("an answer")).expect("JSON")
    }
}

fn authority() -> Arc<Authority> {
    let domain = "example.org".parse().expect("a domain");
    Arc::new(Authority::create(&domain, now()).expect("an authority"))
}

/// The link of an agent that is not there: this test answers at its socket, and writes its files.
pub(crate) struct Linked {
    child: Child,
    notes: PathBuf,
}

impl Linked {
    fn start(home: &Path, hub: &Hub, token: Option<&str>) -> Self {
        Self::start_for(home, &[hub.address.to_string()], token)
    }

    pub(crate) fn start_for(home: &Path, hubs: &[String], token: Option<&str>) -> Self {
        Self::start_with(home, hubs, token, Path::new("/nowhere"))
    }

    fn start_with(home: &Path, hubs: &[String], token: Option<&str>, containerd: &Path) -> Self {
        let notes = home.join("notes");
        let mut child = Command::new(env!("CARGO_BIN_EXE_gabion"))
            .arg("__link")
            .env("CONTAINERD_ADDRESS", containerd)
            .stdin(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&notes).expect("a file"))
            .spawn()
            .expect("starts");
        let options = json!({
            "hubs": hubs, "join": token, "name": "a node", "state": home, "socket": home.join("agent.sock"),
            "quiet": false, "agent": std::process::id(),
        });
        child.stdin.take().expect("an input").write_all(options.to_string().as_bytes()).expect("is told");
        Self { child, notes }
    }

    fn until_noted(&self, text: &str) {
        let noted = || fs::read_to_string(&self.notes).unwrap_or_default();
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while !noted().contains(text) {
            assert!(std::time::Instant::now() < deadline, "{text} is not noted: {}", noted());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers at the socket of an agent: one container runs, two events happen.
pub(crate) fn agent(home: &Path) {
    agent_of(
        home,
        &json!({"id": "c1", "name": "web", "runtime": "oci", "workload": "web", "labels": {"a": "b"}}),
    );
}

/// The same, with that container.
fn agent_of(home: &Path, container: &Value) {
    let container = container.clone();
    fs::create_dir_all(home.join("incidents")).expect("makes");
    let listener = UnixListener::bind(home.join("agent.sock")).expect("listens");
    std::thread::spawn(move || {
        let mut followed = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("connects");
            let mut question = String::new();
            BufReader::new(&stream).read_line(&mut question).expect("asked");
            let question: Value = serde_json::from_str(&question).expect("JSON");
            let answer = match question["ask"].as_str() {
                Some("inventory") => json!({"done": [container]}),
                Some("status") => json!({"done": {"version": "0"}}),
                Some("events") => {
                    let event = |fields: Value| json!({"item": json!({"output_fields": fields}).to_string()});
                    let first = event(json!({"evt.time": 1, "evt.type": "execve", "proc.cmdline": "id -u"}));
                    let second =
                        event(json!({"evt.time": 2, "evt.type": "listen", "container.full_id": "c1"}));
                    writeln!(stream, "{first}\n{second}").expect("hears");
                    followed.push(stream);
                    continue;
                }
                Some("baseline") => {
                    writeln!(stream, "{}", json!({"item": "one"})).expect("hears");
                    json!({"done": 1})
                }
                _ => json!({"error": "not here"}),
            };
            // Whoever asked may be gone.
            let _ = writeln!(stream, "{answer}");
        }
    });
}

fn alerts(path: &Path, ids: std::ops::RangeInclusive<u64>) {
    let mut file = File::options().create(true).append(true).open(path).expect("a file");
    for id in ids {
        writeln!(file, "{}", json!({"id": id, "rule": "a rule"})).expect("writes");
    }
}

#[test]
fn an_agent_of_several_hubs_goes_to_one_that_answers() {
    let home = directory();
    let state = home.path();
    agent(state);
    let journal = state.join("alerts.jsonl");
    alerts(&journal, 1..=3);
    let one = Hub::start(DAY);
    let two = one.beside();
    let token = one.token();
    let hubs = [one.address.to_string(), two.address.to_string()];
    let _link = Linked::start_for(state, &hubs, Some(&token));
    one.until("alerts", |kept| kept.alerts.len() == 3);
    // Where it begins is chance.
    let (mut first, mut second) = if one.desk.connected().is_empty() { (two, one) } else { (one, two) };
    for (there, until) in [(false, 6), (true, 9)] {
        let (gone, left) = if there { (&mut second, &mut first) } else { (&mut first, &mut second) };
        gone.down();
        alerts(&journal, until - 2..=until);
        left.until("alerts at the other", |kept| kept.alerts.len() as u64 == until);
        assert_eq!(left.desk.connected(), ["n1"]);
        gone.up();
    }
}

#[test]
fn all_that_happens_reaches_the_hub_also_over_outages() {
    let home = directory();
    let state = home.path();
    agent(state);
    let journal = state.join("alerts.jsonl");
    alerts(&journal, 1..=3);
    fs::write(state.join("incidents/1.json"), "{}").expect("writes");
    fs::write(state.join("incidents/1.svg"), "<svg/>").expect("writes");
    let mut hub = Hub::start(DAY);
    let token = hub.token();
    let link = Linked::start(state, &hub, Some(&token));
    link.until_noted("knows this node as n1");
    hub.until("alerts", |kept| kept.alerts.len() == 3);
    hub.until("the incident", |kept| kept.incidents.get(&1) == Some(&("{}".to_owned(), "<svg/>".to_owned())));
    hub.until("events", |kept| kept.events.len() == 2);
    hub.until("what runs", |kept| kept.containers.len() == 1 && !kept.statuses.is_empty());
    {
        let kept = hub.memory.kept();
        let events: Vec<_> = kept.events.values().collect();
        assert_eq!(
            (kept.joined.as_slice(), kept.names.as_slice()),
            (&["a node".to_owned()][..], &["a node".to_owned()][..])
        );
        assert_eq!(kept.containers[0].target, "container:c1");
        assert_eq!((events[0].message.as_str(), events[1].container.as_str()), ("id -u", "c1"));
        assert_eq!(kept.statuses[0].json, br#"{"version":"0"}"#);
    }
    let mode = |name: &str| fs::metadata(state.join(name)).expect("is there").permissions().mode() & 0o777;
    assert_eq!((mode("link"), mode("link/identity.json")), (0o700, 0o600));

    assert_eq!(hub.ask(&json!({"ask": "status"})), json!({"done": {"version": "0"}}));
    assert_eq!(hub.ask(&json!({"ask": "baseline", "of": ""})), json!({"done": 1, "items": ["one"]}));
    assert_eq!(hub.ask(&json!({"ask": "reload"})), json!({"error": "not here"}));
    assert!(hub.ask(&json!({"ask": "alerts", "format": "json"}))["error"].is_string(), "it would never end");

    // What does not run here is not scanned; what cannot be scanned says why.
    hub.desk.scan("n1", "sha256:1", "dir:/etc").expect("is connected");
    hub.desk.scan("n1", "sha256:2", "container:c1").expect("is connected");
    hub.until("reports", |kept| kept.reports.len() == 2);
    let why = |image: &str| hub.memory.kept().reports[image].clone().expect_err("there is no such thing");
    assert_eq!(why("sha256:1"), "it does not run on this node any more");
    assert!(!why("sha256:2").is_empty() && !why("sha256:2").starts_with("error"), "{}", why("sha256:2"));

    // The hub goes; the journal is renamed meanwhile, and grows.
    hub.down();
    alerts(&journal, 4..=5);
    fs::rename(&journal, state.join("alerts.1.jsonl")).expect("renames");
    alerts(&journal, 6..=6);
    fs::write(state.join("incidents/1.json"), "{\"more\":1}").expect("writes");
    hub.up();
    hub.until("later alerts", |kept| kept.alerts.len() == 6);
    hub.until("the incident", |kept| kept.incidents[&1].0 == "{\"more\":1}");

    // Its database goes: nothing is acknowledged, so all comes again.
    hub.memory.kept().is_away = true;
    alerts(&journal, 7..=8);
    link.until_noted("the database is away");
    hub.memory.kept().is_away = false;
    hub.until("alerts of the outage", |kept| kept.alerts.len() == 8);

    // The link itself goes.
    drop(link);
    alerts(&journal, 9..=9);
    let _link = Linked::start(state, &hub, Some(&token));
    hub.until("the last alert", |kept| kept.alerts.len() == 9);
    assert_eq!(hub.memory.kept().joined.len(), 1, "it has joined once");
}

#[test]
fn a_certificate_is_renewed_at_half_of_its_time() {
    let home = directory();
    agent(home.path());
    // Half of it is over at once, as it is dated back.
    let hub = Hub::start(SignedDuration::from_mins(4));
    let link = Linked::start(home.path(), &hub, Some(&hub.token()));
    hub.until("a session with the first certificate, and one with the next", |kept| kept.names.len() > 1);
    assert_eq!(hub.memory.kept().joined.len(), 1);
    let notes = fs::read_to_string(&link.notes).expect("reads");
    assert!(!notes.contains("waits here"), "the hub was never away: {notes}");
}

#[test]
fn a_used_token_and_another_hub_are_refused_and_a_new_token_leads_to_a_new_hub() {
    let homes = [directory(), directory()];
    for home in &homes {
        agent(home.path());
    }
    let mut hub = Hub::start(DAY);
    let token = hub.token();
    let link = Linked::start(homes[0].path(), &hub, Some(&token));
    link.until_noted("knows this node as n1");
    let late = Linked::start(homes[1].path(), &hub, Some(&token));
    late.until_noted("the join token is not valid");
    assert!(!homes[1].path().join("link/identity.json").exists());
    drop(late);
    let without = Linked::start(homes[1].path(), &hub, None);
    without.until_noted("has not joined");
    drop(without);

    // Somebody else listens where the hub was.
    hub.down();
    hub.authority = authority();
    hub.up();
    link.until_noted("invalid peer certificate");
    let liar = Linked::start(homes[1].path(), &hub, Some(&token));
    liar.until_noted("not the hub that the join token is of");
    drop(link);
    assert_eq!(hub.memory.kept().joined.len(), 1);
    // Or it is a new hub, of which the administrator has a token.
    let link = Linked::start(homes[0].path(), &hub, Some(&hub.token()));
    link.until_noted("knows this node as n2");
}

#[test]
fn an_agent_tells_its_hub_of_a_container_and_scans_it() {
    if !can_run("an_agent_tells_its_hub_of_a_container_and_scans_it", &["runc", "busybox"]) {
        return;
    }
    let home = directory();
    let hub = Hub::start(DAY);
    let (address, token) = (hub.address.to_string(), hub.token());
    let agent = Agent::start(home.path(), &["--hub", &address, "--join", &token]);
    let name = format!("gabion-linked-{}", std::process::id());
    let rootfs = bundle(home.path(), &name, "start", "").join("rootfs");
    fs::create_dir_all(rootfs.join("lib/apk/db")).expect("makes");
    fs::write(rootfs.join("etc/os-release"), "ID=alpine\nVERSION_ID=3.20.0\n").expect("writes");
    fs::write(rootfs.join("lib/apk/db/installed"), "P:musl\nV:1.2.5-r0\nA:x86_64\nF:bin\nR:busybox\n\n")
        .expect("writes");
    let script = "/bin/cp /bin/busybox /tmp/cat; /tmp/cat /etc/hosts; exec /bin/busybox sleep 600";
    fs::write(rootfs.join("bin/start"), format!("#!/bin/sh\n{script}\n")).expect("writes");
    let _running = Running::again(home.path(), &name);

    let found = |kept: &Kept| kept.containers.iter().find(|one| one.name == name || one.id == name).cloned();
    hub.until("the container", |kept| found(kept).is_some());
    let container = found(&hub.memory.kept()).expect("is told");
    assert_eq!(
        (container.runtime.as_str(), container.target.as_str()),
        ("oci", format!("container:{}", container.id).as_str())
    );
    hub.until("its alert", |kept| {
        kept.alerts
            .values()
            .any(|alert| alert["rule"] == "Program executed from a shared or temporary directory")
    });
    hub.until("its incident", |kept| kept.incidents.values().any(|(story, _)| story.contains(&name)));
    hub.until("its events", |kept| {
        kept.events.values().any(|event| event.container == container.id && event.program == "/tmp/cat")
    });
    let status = hub.ask(&json!({"ask": "status"}));
    assert_eq!(status["done"]["pid"], agent.pid());

    hub.desk.scan("n1", "image", &container.target).expect("is connected");
    hub.until("the report", |kept| kept.reports.contains_key("image"));
    let report = hub.memory.kept().reports["image"].clone().expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    let musl = report["packages"].as_array().expect("packages").iter().find(|one| one["name"] == "musl");
    assert_eq!(musl.expect("a package")["facts"], json!([["loadable", "bin/busybox"]]), "{report}");
    hub.until("what is loaded", |kept| {
        kept.loaded.get(&container.id).is_some_and(|files| files.contains("bin/busybox"))
    });

    // The link dies with its agent, however that ends.
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", agent.pid())).expect("reads");
    let links: Vec<&str> = children.split_whitespace().collect();
    let is_link =
        |pid: &&&str| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.ends_with(b"__link\0"));
    let link = (*links.iter().find(is_link).expect("a link")).to_owned();
    let privileges = fs::read_to_string(format!("/proc/{link}/status")).expect("reads");
    let effective = privileges.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("told").trim();
    let effective = u64::from_str_radix(effective, 16).expect("hexadecimal");
    assert_eq!(effective & !(1 << 2 | 1 << 19), 0, "only CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE are left");
    drop(agent);
    wait_for("the link to end", || !Path::new(&format!("/proc/{link}")).exists());
}
