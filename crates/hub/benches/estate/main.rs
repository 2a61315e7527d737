//! What a hub costs with many nodes: memory, idle processor, ingest of events, and how fast the API answers. Agents are simulated by the real
//! protocol over TLS, against a hub that runs as a process of its own; the same input on each database that is named.
//!
//!     GABION=target/release/gabion cargo bench -p gabion-hub --bench estate [-- [sqlite] [postgres] NODES PODS WORKLOADS IMAGES EVENTS]
//!     GABION=target/release/gabion cargo bench -p gabion-hub --bench estate -- sqlite postgres large
//!
//! PostgreSQL is started as Debian installs it, with its own settings. `GABION_BENCH_WAIT=1` leaves it running afterwards until the bench
//! is told to end, so that its plans can be looked at.

#![expect(clippy::print_stdout, reason = "a bench prints what it measures")]

mod advisory;
mod agent;
mod hub;
#[path = "../../../store/src/state/tests/server.rs"]
mod server;
mod told;

use agent::{Agent, said};
use gabion_api::agent::{Events, from_agent::Message};
use gabion_identity::JoinToken;
use hub::Hub;
use serde_json::Value;
use server::Postgres;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

const BATCH: usize = 500;
const REQUESTS: usize = 40;
/// Nodes that join, or tell what they have, at once.
const AT_ONCE: usize = 8;
/// Alerts of a node, and those of them that are of one incident.
const ALERTS: usize = 20;

/// How large the estate is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    nodes: usize,
    pods: usize,
    workloads: usize,
    images: usize,
    events: usize,
}

const USUAL: Size = Size { nodes: 50, pods: 2_000, workloads: 300, images: 300, events: 200_000 };
const LARGE: Size = Size { nodes: 1_000, pods: 30_000, workloads: 15_000, images: 1_500, events: 500_000 };

/// What is asked.
const PATHS: [&str; 21] = [
    "/overview",
    "/findings?limit=50",
    "/findings?severity=critical,high&state=open&limit=50",
    "/findings?q=openssl&sort=rule",
    "/findings?overdue=true&sort=due",
    "/vulnerabilities",
    "/images?limit=50",
    "/workloads?limit=50",
    "/workloads?q=app7&namespace=team3",
    "/containers?limit=50",
    "/containers?q=web-12&sort=-started",
    "/nodes?limit=50",
    "/alerts",
    "/incidents",
    "/owners",
    "/tree",
    "/service-map",
    "/search?q=web",
    "/packages?q=lib",
    "/events?q=curl&limit=50",
    "/events/histogram?buckets=60",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_said = |word: &str| arguments.iter().any(|argument| argument == word);
    let usual = if is_said("large") { LARGE } else { USUAL };
    let mut numbers = arguments.iter().filter_map(|argument| argument.parse().ok());
    let mut number = |usual: usize| numbers.next().unwrap_or(usual);
    let size = Size {
        nodes: number(usual.nodes),
        pods: number(usual.pods),
        workloads: number(usual.workloads),
        images: number(usual.images),
        events: number(usual.events),
    };
    let Some(binary) = std::env::var_os("GABION").map(PathBuf::from) else {
        println!("GABION names no binary: not run");
        return;
    };
    // A connection of each node, on both ends.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).expect("can be raised");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut answers = BTreeMap::new();
    if is_said("sqlite") || !is_said("postgres") {
        println!("\nSQLite");
        answers.insert("SQLite", runtime.block_on(run(&binary, size, None)));
    }
    if is_said("postgres") {
        println!("\nPostgreSQL");
        match Postgres::start(&[]) {
            Some(server) => {
                let url = server.database();
                answers.insert("PostgreSQL", runtime.block_on(run(&binary, size, Some(&url))));
                if std::env::var_os("GABION_BENCH_WAIT").is_some() {
                    println!("{url}\na line ends it");
                    let _ = std::io::stdin().read_line(&mut String::new());
                }
            }
            None => println!("not run: PostgreSQL is not installed"),
        }
    }
    print(&answers);
}

/// The times of each request, sorted, and the first.
type Times = Vec<(Vec<Duration>, Duration)>;

fn print(answers: &BTreeMap<&str, Times>) {
    print!("\nAPI, {REQUESTS} requests each; goal: p95 100 ms{:14}", "");
    for database in answers.keys() {
        print!("  {database:>12}: first    p50    p95");
    }
    println!();
    for (index, path) in PATHS.iter().enumerate() {
        print!("  {path:<56}");
        for times in answers.values() {
            let (times, first) = &times[index];
            let (half, most) = (times[REQUESTS / 2], times[REQUESTS * 95 / 100]);
            print!("{:>21.1} {:>6.1} {:>6.1}", ms(*first), ms(half), ms(most));
        }
        println!();
    }
}

async fn run(binary: &std::path::Path, size: Size, database: Option<&str>) -> Times {
    let Size { nodes, pods, workloads, images, events } = size;
    let directory = tempfile::tempdir().expect("a directory");
    let start = Instant::now();
    let hub = Hub::start(binary, directory.path(), database).await;
    println!("{nodes} nodes, {pods} pods, {workloads} workloads, {images} images, {events} events");
    println!("start to first answer       {:>8.0} ms", ms(start.elapsed()));
    println!("memory, empty               {:>8} MB", hub.rss_mb());
    let made: Value = hub.post("/join-tokens", &serde_json::json!({"minutes": 60, "uses": nodes})).await;
    let token: JoinToken = made["token"].as_str().expect("a token").parse().expect("a token");

    let start = Instant::now();
    let mut agents = Vec::new();
    for first in (0..nodes).step_by(AT_ONCE) {
        let some = (first..nodes.min(first + AT_ONCE)).map(|number| Agent::join(&hub, &token, number));
        agents.extend(futures_util::future::join_all(some).await);
    }
    println!("{nodes} nodes join              {:>8.2} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    // Each image is asked for once, and told by whoever is asked.
    let told: Vec<_> = agents.iter_mut().map(Agent::answer_scans).collect();
    let share = pods.div_ceil(nodes);
    for (number, agent) in agents.iter().enumerate() {
        agent.inventory(number, share.min(pods.saturating_sub(number * share)), share, size).await;
    }
    hub.until("all containers are known", async |hub| {
        let (_, body) = hub.get("/overview").await;
        let overview: Value = serde_json::from_slice(&body).expect("JSON");
        overview["containers"][0].as_u64() >= Some(pods as u64)
    })
    .await;
    println!("{pods} pods told              {:>8.2} s", start.elapsed().as_secs_f64());
    hub.until("all images are scanned", async |hub| {
        let (_, body) = hub.get("/images?coverage=not-evaluated&limit=1").await;
        let waiting: Value = serde_json::from_slice(&body).expect("JSON");
        // Full coverage is not claimed by anybody here, so what was told says when it was.
        let (_, body) = hub.get("/overview").await;
        let overview: Value = serde_json::from_slice(&body).expect("JSON");
        waiting["total"].is_u64() && overview["images"][1].as_u64() >= Some(images as u64)
    })
    .await;
    println!("{images} images told, matched   {:>8.2} s", start.elapsed().as_secs_f64());
    println!("memory, with all of it      {:>8} MB     goal 512", hub.rss_mb());

    let start = Instant::now();
    for (number, agent) in agents.iter().enumerate() {
        agent.alerts(number, ALERTS).await;
    }
    hub.until("all alerts are kept", async |hub| {
        let (_, body) = hub.get("/events/histogram?kind=alert&buckets=1").await;
        counted(&body) >= (nodes * ALERTS) as u64
    })
    .await;
    println!("alerts, until all are kept  {:>8.0} /s", many(nodes * ALERTS) / start.elapsed().as_secs_f64());

    let start = Instant::now();
    let senders: Vec<_> = agents.iter().map(|agent| agent.out.clone()).collect();
    let mut sent = 0;
    while sent < events {
        for (number, sender) in senders.iter().enumerate() {
            let first = sent / nodes + 1;
            let batch =
                (first..first + BATCH).map(|at| told::event(number, at as u64, nodes, share)).collect();
            sender.send(said(Message::Events(Events { events: batch }))).await.expect("is heard");
        }
        sent += BATCH * nodes;
    }
    hub.until("all events are found", async |hub| {
        let (_, body) = hub.get("/events/histogram?buckets=1").await;
        counted(&body) >= sent as u64
    })
    .await;
    println!(
        "events, until all are found {:>8.0} /s     goal 20000",
        many(sent) / start.elapsed().as_secs_f64()
    );
    println!("memory, after the events    {:>8} MB     goal 512", hub.rss_mb());

    let mut all = Vec::new();
    for path in PATHS {
        let mut times = Vec::new();
        for _ in 0..REQUESTS {
            times.push(hub.get(path).await.0);
        }
        let first = times[0];
        times.sort_unstable();
        all.push((times, first));
    }
    // What was asked until now counts for a minute.
    tokio::time::sleep(Duration::from_mins(1)).await;
    advisory::measure(&hub, directory.path(), images).await;
    // All others are matched against the new database, too, before nothing is to be done.
    tokio::time::sleep(Duration::from_secs(30)).await;
    let (before, start) = (hub.processor(), Instant::now());
    tokio::time::sleep(Duration::from_secs(20)).await;
    println!(
        "idle, {nodes} agents connected   {:>8.2} % of a core     goal 1 with 50",
        (hub.processor() - before) / start.elapsed().as_secs_f64() * 100.0
    );
    println!("memory, in the end          {:>8} MB     goal 512", hub.rss_mb());
    drop(told);
    all
}

/// The sum of a histogram.
fn counted(body: &[u8]) -> u64 {
    let histogram: Value = serde_json::from_slice(body).expect("JSON");
    let buckets = histogram["buckets"].as_array().into_iter().flatten();
    buckets.filter_map(|bucket| bucket["count"].as_u64()).sum()
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn many(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
