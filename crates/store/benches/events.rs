//! How fast events are kept and found, and what that takes.
//!
//! ```text
//! cargo bench -p gabion-store --bench events [-- EVENTS [DIRECTORY]]        1,000,000 events in a temporary directory
//! ```
//!
//! Made-up events of 50 nodes with 2,000 pods, 100 a second, each with a dozen fields, appended in batches of 500 by four threads, as four
//! connections of agents would. A directory that holds a store already is only searched. Each kind of query is put 40 times with other
//! words, first to splits that nobody has opened yet.

#![allow(clippy::print_stdout, clippy::panic, reason = "it prints its result, or fails")]

use gabion_store::events::{EventStore, EventStoreError, Query, Settings, StoredEvent};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

const START: i64 = 1_790_000_000_000;
const NODES: u64 = 50;
const PODS: u64 = 2000;
const BATCH: usize = 500;
const WRITERS: u64 = 4;
const ROUNDS: u64 = 40;
const PROGRAMS: [&str; 24] = [
    "nginx",
    "postgres",
    "java",
    "python3",
    "node",
    "redis-server",
    "sh",
    "bash",
    "curl",
    "wget",
    "apt-get",
    "dpkg",
    "cat",
    "ls",
    "php-fpm",
    "ruby",
    "envoy",
    "coredns",
    "kubelet",
    "containerd-shim",
    "sshd",
    "cron",
    "tar",
    "gzip",
];
const PATHS: [&str; 16] = [
    "/etc/passwd",
    "/etc/shadow",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/proc/self/maps",
    "/var/log/nginx/access.log",
    "/var/lib/postgresql/data/base/16384",
    "/tmp/cache",
    "/app/node_modules/express/index.js",
    "/app/config.yaml",
    "/root/.ssh/authorized_keys",
    "/dev/null",
    "/usr/bin/env",
    "/var/run/secrets/kubernetes.io/serviceaccount/token",
    "/sys/fs/cgroup/memory.max",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let count: u64 = arguments
        .first()
        .map_or(1_000_000, |n| n.replace(['_', ','], "").parse().expect("a number of events"));
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let directory = arguments.get(1).map_or_else(|| temporary.path().join("events"), PathBuf::from);
    let settings = Settings { max_bytes: u64::MAX, ..Settings::default() };
    let had = directory.exists();
    let store = EventStore::open(&directory, settings.clone()).expect("a store");
    if !had {
        ingest(&store, count);
    }
    let stats = store.stats();
    println!(
        "{} events, {} splits, {} bytes per event on disk",
        stats.events,
        stats.splits,
        stats.bytes / stats.events.max(1)
    );
    drop(store);
    let (store, open) = timed(|| EventStore::open(&directory, settings).expect("a store"));
    println!("opened in {open:.1?}, then {}", memory());
    search(&store, stats.events);
    println!("at the end {}", memory());
    if !had && arguments.len() < 2 {
        drop(store);
        fs::remove_dir_all(&directory).expect("the directory goes");
    }
}

fn ingest(store: &EventStore, count: u64) {
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let mut slowest = Duration::ZERO;
                    let mut batch = Vec::with_capacity(BATCH);
                    for n in (writer..count).step_by(usize::try_from(WRITERS).expect("four")) {
                        batch.push(event(n, writer));
                        if batch.len() == BATCH || n + WRITERS >= count {
                            let now = START + i64::try_from(n).expect("a time") * 10;
                            slowest = slowest.max(append(store, now, &batch));
                            batch.clear();
                        }
                    }
                    slowest
                })
            })
            .collect();
        for writer in writers {
            slowest = slowest.max(writer.join().expect("a writer"));
        }
    });
    let kept = start.elapsed();
    let behind = store.stats().waiting;
    store.flush().expect("events are indexed");
    let indexed = start.elapsed();
    let rate = |took: Duration| u128::from(count) * 1000 / took.as_millis().max(1);
    println!(
        "kept {} events/s, indexed {} events/s; {behind} waited at the end; slowest append {slowest:.1?}; {}",
        rate(kept),
        rate(indexed),
        memory()
    );
}

/// Appends as a hub does: what is refused as too much waits is sent again a little later.
fn append(store: &EventStore, now: i64, batch: &[StoredEvent]) -> Duration {
    loop {
        let (appended, took) = timed(|| store.append(now, batch));
        match appended {
            Ok(appended) => {
                assert_eq!(appended.kept, batch.len() as u64);
                return took;
            }
            Err(EventStoreError::Full(_)) => std::thread::sleep(Duration::from_millis(50)),
            Err(error) => panic!("events are not kept: {error}"),
        }
    }
}

fn search(store: &EventStore, count: u64) {
    let end = START + i64::try_from(count).expect("a time") * 10;
    let hour = 3_600_000;
    let base = Query { limit: 100, ..Query::default() };
    let text = |text: String| Query { text, ..base.clone() };
    let pick = |n: u64, words: &[&str]| words[usize::try_from(n).expect("small") % words.len()].to_owned();
    let kinds: [(&str, &dyn Fn(u64) -> Query); 9] = [
        ("newest of everything", &|_| base.clone()),
        ("a workload in the last hour", &|n| Query {
            filters: vec![("workload".to_owned(), workload(n * 7 % PODS))],
            from: Some(end - hour),
            ..base.clone()
        }),
        ("a rare word", &|n| text(address(mix(n) % count))),
        ("a frequent word and a field", &|n| text(format!("{} kind:connect", pick(n, &PROGRAMS)))),
        ("a path", &|n| text(pick(n, &PATHS))),
        ("exactly, and not, and a beginning", &|n| {
            text(format!("proc.name={} -shadow user*", pick(n, &PROGRAMS)))
        }),
        ("a pod's second page of a thousand", &|n| Query {
            cursor: None,
            limit: 1000,
            ..text(format!("k8s.pod.name:{}", pod(n * 13 % PODS)))
        }),
        ("histogram of everything", &|n| Query {
            to: Some(end - i64::try_from(n).expect("small")),
            ..base.clone()
        }),
        ("histogram of a word", &|n| text(pick(n, &PROGRAMS))),
    ];
    println!("{:40} {:>12} {:>10} {:>10} {:>10}", "query", "found", "first", "p50", "p95");
    for (name, query) in kinds {
        let mut times = Vec::new();
        let mut found = 0;
        for n in 0..ROUNDS {
            let query = query(n);
            let took = if name.starts_with("histogram") {
                let (histogram, took) = timed(|| store.histogram(&query, 60).expect("an answer"));
                assert!(histogram.unsearched.is_empty());
                found += histogram.buckets.iter().map(|b| b.count).sum::<u64>();
                took
            } else {
                let (page, took) = timed(|| store.search(&query).expect("an answer"));
                assert!(page.unsearched.is_empty());
                found += page.total;
                took
            };
            times.push(took);
        }
        let first = times[0];
        times.sort();
        let at = |percent: usize| times[times.len() * percent / 100];
        println!("{name:40} {:>12} {first:>10.1?} {:>10.1?} {:>10.1?}", found / ROUNDS, at(50), at(95));
    }
}

/// A number that looks random, and is the same each time.
fn mix(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn pod(n: u64) -> String {
    format!("{}-{:05x}", pick_service(n), mix(n) & 0xfffff)
}

fn pick_service(n: u64) -> String {
    const SERVICES: [&str; 10] =
        ["web", "api", "payments", "auth", "search", "queue-worker", "mailer", "reports", "cache", "gateway"];
    format!("{}-{}", SERVICES[usize::try_from(n % 10).expect("small")], n / 10 % 30)
}

fn workload(n: u64) -> String {
    format!("team-{}/deployment/{}", n % 12, pick_service(n))
}

fn address(n: u64) -> String {
    let x = mix(n ^ 0x5555);
    // One peer in a thousand is somewhere in the world.
    if x.is_multiple_of(1000) {
        format!("{}.{}.{}.{}", 20 + x % 180, x >> 8 & 255, x >> 16 & 255, x >> 24 & 255)
    } else {
        format!("10.42.{}.{}", x >> 8 & 31, x >> 16 & 255)
    }
}

fn event(n: u64, writer: u64) -> StoredEvent {
    let random = mix(n);
    let pod_number = random % PODS;
    let program = PROGRAMS[usize::try_from(random >> 12).expect("64 bits") % PROGRAMS.len()];
    let path = PATHS[usize::try_from(random >> 20).expect("64 bits") % PATHS.len()];
    let parent = PROGRAMS[usize::try_from(random >> 28).expect("64 bits") % PROGRAMS.len()];
    let pid = random >> 33 & 0xffff;
    let user = ["root", "www-data", "postgres", "app"][usize::try_from(random >> 50 & 3).expect("two bits")];
    let container = format!("{:012x}", mix(pod_number) & 0xffff_ffff_ffff);
    let mut fields: BTreeMap<&str, String> = BTreeMap::from([
        ("proc.name", program.to_owned()),
        ("proc.exepath", format!("/usr/bin/{program}")),
        ("proc.pid", pid.to_string()),
        ("proc.pname", parent.to_owned()),
        ("user.name", user.to_owned()),
        ("container.id", container.clone()),
        ("container.image.repository", format!("registry.example/{}", pick_service(pod_number))),
        ("k8s.ns.name", format!("team-{}", pod_number % 12)),
        ("k8s.pod.name", pod(pod_number)),
    ]);
    let (kind, message) = match random >> 56 {
        0..80 => {
            let line = format!("{program} --config {path} --worker {}", random >> 40 & 63);
            let message = format!("{user} ran {line} under {parent}");
            fields.insert("proc.cmdline", line);
            ("execve", message)
        }
        80..150 => {
            let (peer, port) =
                (address(n), [443, 80, 5432, 6379, 53][usize::try_from(random >> 44).expect("few") % 5]);
            let message = format!("{program} connected to {peer}:{port}");
            fields.insert(
                "fd.name",
                format!(
                    "10.42.{}.{}:{}->{peer}:{port}",
                    pod_number % 32,
                    pod_number % 256,
                    random >> 30 & 0x7fff | 0x8000
                ),
            );
            fields.insert("fd.sip", peer);
            fields.insert("fd.sport", port.to_string());
            ("connect", message)
        }
        150..252 => {
            fields.insert("fd.name", path.to_owned());
            ("open", format!("{program} opened {path} for reading"))
        }
        _ => {
            fields.insert("rule", "Terminal shell in container".to_owned());
            (
                "alert",
                format!(
                    "A shell was spawned in a container with an attached terminal (user={user} process={program} parent={parent})"
                ),
            )
        }
    };
    StoredEvent {
        source: format!("writer-{writer}"),
        number: n + 1,
        time: START + i64::try_from(n).expect("a time") * 10,
        kind: kind.to_owned(),
        node: format!("node-{:02}", pod_number % NODES),
        container: Some(pick_service(pod_number)),
        workload: Some(workload(pod_number)),
        program: Some(program.to_owned()),
        message,
        priority: (kind == "alert").then(|| "warning".to_owned()),
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    }
}

/// What the process takes of memory: its own, and of files that it has mapped.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or_default() / 1024
    };
    format!("RSS {} MB ({} MB of it files), at most {} MB", of("VmRSS:"), of("RssFile:"), of("VmHWM:"))
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}
