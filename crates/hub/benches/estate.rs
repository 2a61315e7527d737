//! What a hub costs with many nodes: memory, idle processor, ingest of events, and how fast the API answers. Agents are simulated by the real
//! protocol over TLS, against a hub that runs as a process of its own.
//!
//!     GABION=target/release/gabion cargo bench -p gabion-hub --bench estate [-- NODES PODS IMAGES EVENTS]

#![expect(clippy::print_stdout, reason = "a bench prints what it measures")]

use gabion_api::agent::{
    Container, Event, Events, FromAgent, Hello, Inventory, JoinRequest, Report, Status, ToAgent,
    agents_client::AgentsClient, from_agent::Message, to_agent,
};
use gabion_identity::{JoinToken, NodeKey, tls};
use gabion_model::{Evidence, Finding, FindingKind, Package, PackageKind, ScanReport, Severity, Target};
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};

const BATCH: usize = 500;
const REQUESTS: usize = 40;
/// Packages and findings of an image.
const PACKAGES: usize = 200;
const FINDINGS: usize = 60;

struct Hub {
    child: Child,
    url: String,
    agents: SocketAddr,
    token: String,
    client: reqwest::Client,
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Hub {
    async fn get(&self, path: &str) -> (Duration, Vec<u8>) {
        let start = Instant::now();
        let response = self
            .client
            .get(format!("{}/api/v1{path}", self.url))
            .bearer_auth(&self.token)
            .send()
            .await
            .expect("answers");
        assert!(response.status().is_success(), "{path}: {}", response.status());
        let bytes = response.bytes().await.expect("a body");
        (start.elapsed(), bytes.to_vec())
    }

    fn rss_mb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).expect("a number") / 1024
    }

    /// Seconds of processor.
    fn processor(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("runs");
        let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_whitespace().collect();
        (fields[11].parse::<f64>().expect("a number") + fields[12].parse::<f64>().expect("a number")) / 100.0
    }
}

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let number = |index: usize, usual: usize| numbers.get(index).copied().unwrap_or(usual);
    let (nodes, pods, images, events) = (number(0, 50), number(1, 2000), number(2, 300), number(3, 200_000));
    let Some(binary) = std::env::var_os("GABION").map(PathBuf::from) else {
        println!("GABION names no binary: not run");
        return;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(run(&binary, nodes, pods, images, events));
}

async fn run(binary: &std::path::Path, nodes: usize, pods: usize, images: usize, events: usize) {
    let directory = tempfile::tempdir().expect("a directory");
    let told = directory.path().join("told.json");
    let child = Command::new(std::fs::canonicalize(binary).expect("the binary"))
        .args(["hub", "--listen", "127.0.0.1:0", "--agents", "127.0.0.1:0", "--state"])
        .arg(directory.path().join("hub"))
        .args(["--db"])
        .arg(directory.path().join("db"))
        .arg("--tell")
        .arg(&told)
        .spawn()
        .expect("starts");
    let start = Instant::now();
    let json: Value = loop {
        if let Some(json) = std::fs::read(&told).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
            break json;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "the hub does not start");
        std::thread::yield_now();
    };
    let text = |name: &str| json[name].as_str().expect("text").to_owned();
    let hub = Arc::new(Hub {
        child,
        url: text("url"),
        agents: text("agents").parse().expect("an address"),
        token: std::fs::read_to_string(text("token_file")).expect("a token"),
        client: reqwest::Client::builder().no_proxy().build().expect("a client"),
    });
    println!(
        "{nodes} nodes, {pods} pods, {images} images of {PACKAGES} packages and {FINDINGS} findings, {events} events"
    );
    println!("start to first answer       {:>8.0} ms", start.elapsed().as_secs_f64() * 1e3);
    println!("memory, empty               {:>8} MB", hub.rss_mb());
    let made: Value = hub
        .client
        .post(format!("{}/api/v1/join-tokens", hub.url))
        .bearer_auth(&hub.token)
        .json(&serde_json::json!({"minutes": 60, "uses": nodes}))
        .send()
        .await
        .expect("answers")
        .json()
        .await
        .expect("JSON");
    let token: JoinToken = made["token"].as_str().expect("a token").parse().expect("a token");

    let start = Instant::now();
    let mut agents = Vec::new();
    for number in 0..nodes {
        agents.push(Agent::join(&hub, &token, number).await);
    }
    println!("{nodes} nodes join              {:>8.2} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    let share = pods.div_ceil(nodes);
    for (number, agent) in agents.iter().enumerate() {
        agent.inventory(number, share.min(pods.saturating_sub(number * share)), images).await;
    }
    // Each image is asked for once, and told by whoever is asked.
    let told: Vec<_> = agents.iter_mut().map(Agent::answer_scans).collect();
    let wait = async {
        loop {
            let (_, body) = hub.get("/overview").await;
            let overview: Value = serde_json::from_slice(&body).expect("JSON");
            if overview["images"][1].as_u64().unwrap_or(0) >= images as u64 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(10), wait).await.expect("all images are scanned");
    println!("{images} images told, matched    {:>8.2} s", start.elapsed().as_secs_f64());
    println!("memory, with all of it      {:>8} MB     goal 512", hub.rss_mb());

    let start = Instant::now();
    let senders: Vec<_> = agents.iter().map(|agent| agent.out.clone()).collect();
    let mut sent = 0;
    while sent < events {
        for (number, sender) in senders.iter().enumerate() {
            let first = sent / nodes + 1;
            let batch = (first..first + BATCH).map(|at| event(number, at as u64)).collect();
            sender.send(said(Message::Events(Events { events: batch }))).await.expect("is heard");
        }
        sent += BATCH * nodes;
    }
    loop {
        let (_, body) = hub.get("/events/histogram?buckets=1").await;
        let histogram: Value = serde_json::from_slice(&body).expect("JSON");
        let found: u64 = histogram["buckets"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|bucket| bucket["count"].as_u64())
            .sum();
        if found >= sent as u64 {
            break;
        }
        assert!(start.elapsed() < Duration::from_hours(1), "{found} of {sent}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!(
        "events, until all are found {:>8.0} /s     goal 20000",
        f64::from(u32::try_from(sent).unwrap_or(u32::MAX)) / start.elapsed().as_secs_f64()
    );
    println!("memory, after the events    {:>8} MB     goal 512", hub.rss_mb());

    println!("\nAPI, {REQUESTS} requests each          p50 ms   p95 ms     goal p95 100");
    for path in [
        "/overview",
        "/findings?limit=50",
        "/findings?severity=critical,high&state=open&limit=50",
        "/findings?q=openssl&sort=rule",
        "/vulnerabilities",
        "/images?limit=50",
        "/workloads?limit=50",
        "/containers?limit=50",
        "/alerts",
        "/incidents",
        "/tree",
        "/service-map",
        "/search?q=web",
        "/packages?q=lib",
        "/events?q=curl&limit=50",
        "/events?kind=execve&limit=50",
        "/events/histogram?buckets=60",
    ] {
        let mut times = Vec::new();
        for _ in 0..REQUESTS {
            times.push(hub.get(path).await.0);
        }
        let first = times[0];
        times.sort_unstable();
        println!(
            "  {path:<52} {:>7.1} {:>8.1}   first {:.1}",
            ms(times[REQUESTS / 2]),
            ms(times[REQUESTS * 95 / 100]),
            ms(first)
        );
    }
    let (before, start) = (hub.processor(), Instant::now());
    tokio::time::sleep(Duration::from_secs(20)).await;
    println!(
        "\nidle, {nodes} agents connected   {:>8.2} % of a core     goal 1",
        (hub.processor() - before) / start.elapsed().as_secs_f64() * 100.0
    );
    drop(told);
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

const fn said(message: Message) -> FromAgent {
    FromAgent { message: Some(message) }
}

struct Agent {
    out: mpsc::Sender<FromAgent>,
    incoming: Option<Streaming<ToAgent>>,
}

impl Agent {
    async fn join(hub: &Hub, token: &JoinToken, number: usize) -> Self {
        let key = NodeKey::generate().expect("a key");
        let mut joining =
            connect(hub.agents, tls::pinned(token.fingerprint()).expect("a configuration")).await;
        let request = JoinRequest {
            secret: token.secret().to_vec(),
            request: key.request().expect("a request"),
            name: format!("node-{number}"),
        };
        let joined = joining.join(request).await.expect("joins").into_inner();
        let der = |all: Vec<Vec<u8>>| all.into_iter().map(CertificateDer::from).collect::<Vec<_>>();
        let domain = "gabion.local".parse().expect("a domain");
        let config =
            tls::client(der(joined.chain), &key, &der(joined.authorities), &domain).expect("a configuration");
        let mut client = connect(hub.agents, config).await;
        let (out, messages) = mpsc::channel(4);
        let hello = Hello {
            version: "bench".to_owned(),
            name: format!("node-{number}"),
            kernel: "6.1".to_owned(),
            os: "Debian".to_owned(),
            arch: "x86_64".to_owned(),
            ..Hello::default()
        };
        out.send(said(Message::Hello(hello))).await.expect("is there");
        let incoming = client.session(ReceiverStream::new(messages)).await.expect("a session").into_inner();
        let alive = out.clone();
        tokio::spawn(async move {
            let status = Status { json: b"{\"rules\":51}".to_vec(), ..Status::default() };
            while alive.send(said(Message::Status(status.clone()))).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        });
        Self { out, incoming: Some(incoming) }
    }

    async fn inventory(&self, node: usize, pods: usize, images: usize) {
        let container = |pod: usize| {
            let image = (node * 40 + pod) % images;
            Container {
                id: format!("{:064x}", node * 100_000 + pod + 1),
                name: format!("web-{pod}"),
                runtime: "containerd".to_owned(),
                image_name: format!("registry.example/team{}/app{image}:1", image % 12),
                image_id: format!("sha256:{image:064x}"),
                pod: format!("web-{pod}"),
                namespace: format!("team{}", image % 12),
                workload: format!("team{}/app{image}", image % 12),
                privileged: Some(pod.is_multiple_of(50)),
                addresses: vec![format!("10.{node}.0.{}", pod % 250 + 1)],
                target: format!("containerd:sha256:{image:064x}"),
                ..Container::default()
            }
        };
        let containers = (0..pods).map(container).collect();
        self.out.send(said(Message::Inventory(Inventory { time: 1, containers }))).await.expect("is heard");
    }

    /// Answers every scan that the hub asks for.
    fn answer_scans(&mut self) -> tokio::task::JoinHandle<()> {
        let (out, mut incoming) = (self.out.clone(), self.incoming.take().expect("is there"));
        tokio::spawn(async move {
            while let Ok(Some(message)) = incoming.message().await {
                if let Some(to_agent::Message::Scan(scan)) = message.message {
                    let part = if scan.target == "dir:/" { None } else { Some(report(&scan.image)) };
                    let failed = if part.is_none() { "not in this bench".to_owned() } else { String::new() };
                    let report =
                        Report { image: scan.image, part: part.unwrap_or_default(), last: true, failed };
                    if out.send(said(Message::Report(report))).await.is_err() {
                        return;
                    }
                }
            }
        })
    }
}

async fn connect(address: SocketAddr, config: rustls::ClientConfig) -> AgentsClient<Channel> {
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let channel = Endpoint::from_static("http://hub")
        .connect_with_connector(tower::service_fn(move |_| {
            let connector = connector.clone();
            async move {
                let stream = TcpStream::connect(address).await?;
                connector
                    .connect(ServerName::try_from("hub").expect("a name"), stream)
                    .await
                    .map(TokioIo::new)
            }
        }))
        .await;
    AgentsClient::new(channel.expect("the hub is there"))
}

/// A report as an agent sends it: packages of one base and of its own, and findings that need no database.
fn report(image: &str) -> Vec<u8> {
    let number =
        usize::from_str_radix(image.rsplit(':').next().unwrap_or_default().trim_start_matches('0'), 16)
            .unwrap_or(0);
    let target = Target { source: "containerd".to_owned(), reference: image.to_owned(), image: None };
    let mut report = ScanReport::new(target, jiff::Timestamp::UNIX_EPOCH);
    report.packages = (0..PACKAGES)
        .map(|at| {
            Package::new(
                PackageKind::Deb,
                format!("lib{}", at + number % 7),
                format!("1.{at}-{number}"),
                "dpkg",
            )
        })
        .collect();
    report.findings = (0..FINDINGS)
        .map(|at| Finding {
            id: format!("M-{number}-{at}"),
            kind: FindingKind::Misconfiguration,
            rule: format!("CIS-{at}"),
            title: format!("openssl setting {at} departs from the benchmark"),
            severity: [Severity::Critical, Severity::High, Severity::Medium, Severity::Low][at % 4],
            evidence: vec![Evidence { place: format!("etc/app/{at}"), ..Evidence::default() }],
            fix: "change it".to_owned(),
            vulnerability: None,
            suppressed: None,
        })
        .collect();
    zstd::bulk::compress(&serde_json::to_vec(&report).expect("JSON"), 1).expect("compresses")
}

fn event(node: usize, number: u64) -> Event {
    let programs =
        ["/bin/sh", "/usr/bin/curl", "/usr/sbin/nginx", "/usr/bin/python3", "/usr/bin/redis-server"];
    let program = programs[(number as usize * 7 + node) % programs.len()];
    let connects = number.is_multiple_of(3);
    let mut fields = std::collections::HashMap::from([
        ("proc.name".to_owned(), program.rsplit('/').next().unwrap_or_default().to_owned()),
        ("proc.pid".to_owned(), (number % 32_768).to_string()),
        ("proc.cmdline".to_owned(), format!("{program} --serve {number}")),
    ]);
    if connects {
        fields.insert("fd.sip".to_owned(), format!("10.{}.0.{}", (node + 1) % 50, number % 250 + 1));
        fields.insert("fd.sport".to_owned(), "8080".to_owned());
        fields.insert("fd.l4proto".to_owned(), "tcp".to_owned());
    }
    Event {
        number,
        time: 1_790_000_000_000_000_000 + number * 1_000_000,
        kind: if connects { "connect" } else { "execve" }.to_owned(),
        container: format!("{:064x}", node * 100_000 + number as usize % 40 + 1),
        program: program.to_owned(),
        message: format!("{program} --serve {number}"),
        fields,
    }
}
