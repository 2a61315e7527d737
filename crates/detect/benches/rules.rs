//! How many events a second the official rules of Falco judge on one core.
//!
//! ```text
//! GABION_TEST_DATA=../shared/data cargo bench -p gabion-detect --bench rules
//! ```
//!
//! The events are made up, but of the shape that three servers under load have: nginx (accepts, opens files, sends), postgres
//! (opens, reads, writes, forks for each connection) and a Node application (connects, opens, runs a program now and then).
//! Each is taken in by the state and judged by all 93 rules, those that are off by default as well. The best of nine runs counts.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "it prints its result")]

use gabion_detect::{
    engine::{Engine, Fields, Matching},
    recording::{Node, own::Writer},
    rules::{RuleFile, RuleSet, load},
    state::{Limits, State},
};
use gabion_model::{
    event::{
        Child, Endpoint, Event, EventKind as K, Executable, Fd, FdKind, Process, Subject, Task, Transport,
        Value, Verdict,
    },
    workload::{Container, ContainerKey, RunImage, Runtime},
};
use std::{collections::BTreeMap, path::PathBuf, time::Instant};

/// Events of one turn.
const EVENTS: usize = 40_000;
/// Turns of one run.
const TURNS: u64 = 25;
const RUNS: usize = 9;
/// The time between two events, in nanoseconds: as many a second as the goal is.
const PACE: u64 = 4_000;
const START: u64 = 1_795_773_600_000_000_000;

fn main() {
    let data = std::env::var_os("GABION_TEST_DATA")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").into(), PathBuf::from);
    let Some(rules) = official(&data) else {
        println!("rules: not run: {} has no falco-rules", data.display());
        return;
    };
    let engine = Engine::new(&rules, Matching::First).expect("they compile");
    let (predicates, of_process) = engine.predicates();
    println!(
        "{} rules, {predicates} different predicates, {of_process} of them of the process only",
        engine.len()
    );
    let events = events();
    mix(&events);
    let mut best = f64::INFINITY;
    let mut last = None;
    for _ in 0..RUNS {
        let (seconds, counters) = run(&rules, &events);
        best = best.min(seconds);
        last = Some(counters);
    }
    let counters = last.expect("it ran");
    let share = |part: u64| part as f64 / counters.events as f64;
    println!(
        "{:.1} % of the events reach a predicate of their own; {:.2} predicates of events and {:.3} of processes an event; {} alerts",
        100.0 * share(counters.asked),
        share(counters.event_predicates),
        share(counters.process_predicates),
        counters.matches
    );
    let number = counters.events as f64;
    println!(
        "best of {RUNS}: {:.0} events/s on one core, {:.0} ns an event",
        number / best,
        best * 1e9 / number
    );
    let (plain, stored) = recorded(&events);
    println!("recorded: {stored:.0} bytes an event, {plain:.0} before compression, checkpoints included");
}

/// Bytes an event takes in a recording: before it is compressed, and as it is stored.
fn recorded(events: &[Made]) -> (f64, f64) {
    let mut state = State::new(Limits::default(), "node-1", START - 1);
    servers(&mut state);
    let node = Node { name: "node-1".to_owned(), boot: START - 1 };
    let mut writer = Writer::new(Vec::new(), &node, &state, START).expect("written");
    let mut number = 0;
    for turn in 0..TURNS {
        for made in events {
            number += 1;
            let event = made.event(number, turn);
            state.apply(&event);
            writer.write(&event, &state).expect("written");
        }
    }
    let plain = writer.written().plain;
    let stored = writer.finish().expect("written").len();
    (plain as f64 / number as f64, stored as f64 / number as f64)
}

fn official(data: &std::path::Path) -> Option<RuleSet> {
    let file = |name: &&str| {
        let content = std::fs::read(data.join("falco-rules").join(name)).ok()?;
        Some(RuleFile { name: (*name).to_owned(), content: Ok(content) })
    };
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let loaded = load(&names.iter().map(file).collect::<Option<Vec<_>>>()?, &Fields);
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let mut rules = loaded.rules;
    rules.rules.iter_mut().for_each(|rule| rule.enabled = true);
    Some(rules)
}

/// Judges all events, turn by turn. Processes that live for one turn are others in the next.
fn run(rules: &RuleSet, events: &[Made]) -> (f64, gabion_detect::engine::Counters) {
    let mut engine = Engine::new(rules, Matching::First).expect("they compile");
    let mut state = State::new(Limits::default(), "node-1", START - 1);
    servers(&mut state);
    let mut number = 0;
    let mut seconds = 0.0;
    for turn in 0..=TURNS {
        let before = Instant::now();
        for made in events {
            number += 1;
            let event = made.event(number, turn);
            let slot = state.apply(&event);
            std::hint::black_box(engine.judge(&event, &state, slot));
        }
        // The first turn fills caches that a server that runs has filled.
        if turn > 0 {
            seconds += before.elapsed().as_secs_f64();
        }
    }
    let mut counters = engine.counters();
    let per_turn = counters.events / (TURNS + 1);
    seconds *= counters.events as f64 / (counters.events - per_turn) as f64;
    counters.events = number;
    (seconds, counters)
}

fn mix(events: &[Made]) {
    let mut kinds = BTreeMap::<&str, usize>::new();
    for made in events {
        *kinds.entry(made.kind.as_str()).or_default() += 1;
    }
    let share = |count: &usize| 100.0 * *count as f64 / events.len() as f64;
    let told: Vec<String> =
        kinds.iter().map(|(kind, count)| format!("{kind} {:.1} %", share(count))).collect();
    println!("mix: {}", told.join(", "));
}

/// An event before it has its number.
struct Made {
    kind: K,
    pid: u32,
    /// It is another process in each turn.
    short: bool,
    container: ContainerKey,
    result: i64,
    fd: Option<Fd<'static>>,
    args: Vec<Value<'static>>,
    program: Option<Process>,
    child: Option<u32>,
}

impl Made {
    fn new(kind: K, pid: u32, container: u32) -> Self {
        let container = ContainerKey(container);
        Self {
            kind,
            pid,
            short: false,
            container,
            result: 0,
            fd: None,
            args: Vec::new(),
            program: None,
            child: None,
        }
    }

    fn event(&self, number: u64, turn: u64) -> Event<'_> {
        let start = |pid: u32, short: bool| u64::from(pid) + if short { (turn + 1) << 32 } else { 0 };
        let subject = match (&self.program, self.child) {
            (Some(program), _) => Subject::Process(program),
            (None, Some(pid)) => {
                let task = Task { pid, tid: pid, start: start(pid, true) };
                Subject::Child(Child { task, vpid: pid, thread: false })
            }
            (None, None) => Subject::None,
        };
        Event {
            number,
            time: START + number * PACE,
            cpu: 0,
            kind: self.kind,
            task: Task { pid: self.pid, tid: self.pid, start: start(self.pid, self.short) },
            container: self.container,
            result: self.result,
            fd: self.fd,
            args: &self.args,
            subject,
            verdict: Verdict::None,
        }
    }
}

fn leak(text: String) -> &'static [u8] {
    Box::leak(text.into_boxed_str()).as_bytes()
}

fn open(pid: u32, container: u32, path: String, flags: u64) -> Made {
    let path = leak(path);
    Made {
        result: 12,
        fd: Some(Fd { number: 12, kind: FdKind::File { path, upper: false }, dev: 0x801, ino: 4_711 }),
        args: vec![
            Value::Int(12),
            Value::Int(-100),
            Value::Bytes(path),
            Value::Uint(flags),
            Value::Uint(0o644),
            Value::Uint(0x801),
            Value::Uint(4_711),
        ],
        ..Made::new(K::Openat, pid, container)
    }
}

fn socket(transport: Transport, local: (&str, u16), remote: (&str, u16), server: bool) -> Fd<'static> {
    let end = |(address, port): (&str, u16)| Endpoint { address: address.parse().expect("an address"), port };
    let kind =
        FdKind::Inet { transport, local: Some(end(local)), remote: Some(end(remote)), server: Some(server) };
    Fd { number: 9, kind, dev: 8, ino: 77 }
}

fn transfer(kind: K, pid: u32, container: u32, fd: Fd<'static>, size: i64) -> Made {
    const DATA: &[u8] = b"GET / HTTP/1.1\r\nHost: shop.example.org\r\nUser-Agent: load\r\n\r\n";
    let args = match kind {
        K::Recvfrom => {
            vec![Value::Int(size), Value::Bytes(DATA), Value::Unknown, Value::Int(9), Value::Uint(4096)]
        }
        _ => vec![Value::Int(size), Value::Bytes(DATA), Value::Int(9), Value::Uint(4096), Value::Unknown],
    };
    Made { result: size, fd: Some(fd), args, ..Made::new(kind, pid, container) }
}

fn program(parent: u32, path: &str, args: &[&str]) -> Process {
    Process {
        parent,
        comm: path.rsplit('/').next().unwrap_or_default().as_bytes().to_vec(),
        args: args.iter().map(|arg| arg.as_bytes().to_vec()).collect(),
        cwd: b"/".to_vec(),
        exe: Executable { path: path.as_bytes().to_vec(), ino: 99, ..Executable::default() },
        ..Process::default()
    }
}

/// The processes that run all the time.
fn servers(state: &mut State) {
    let run = |state: &mut State, pid: u32, container: u32, program: Process| {
        let made = Made { program: Some(program), ..Made::new(K::Execve, pid, container) };
        state.apply(&made.event(0, 0));
    };
    run(state, 1, 0, program(0, "/usr/lib/systemd/systemd", &["/sbin/init"]));
    run(state, 500, 0, program(1, "/usr/bin/containerd-shim-runc-v2", &["containerd-shim-runc-v2"]));
    for (key, name) in [(1, "nginx"), (2, "postgres"), (3, "shop")] {
        let container = Container {
            key: ContainerKey(key),
            id: format!("{key:064x}"),
            name: name.to_owned(),
            runtime: Runtime::Containerd,
            image: RunImage {
                repository: format!("docker.io/library/{name}"),
                tag: "1".to_owned(),
                ..RunImage::default()
            },
            privileged: Some(false),
            ..Container::default()
        };
        let made = Made::new(K::Container, 0, key);
        state.apply(&Event { subject: Subject::Container(&container), ..made.event(0, 0) });
    }
    run(state, 1_000, 1, program(500, "/usr/sbin/nginx", &["nginx: master process nginx"]));
    for pid in 1_001..1_005 {
        run(state, pid, 1, program(1_000, "/usr/sbin/nginx", &["nginx: worker process"]));
    }
    run(state, 2_000, 2, program(500, "/usr/lib/postgresql/16/bin/postgres", &["postgres"]));
    for pid in 2_001..2_009 {
        run(state, pid, 2, program(2_000, "/usr/lib/postgresql/16/bin/postgres", &["postgres: shop"]));
    }
    run(state, 3_000, 3, program(500, "/usr/local/bin/node", &["node", "/app/server.js"]));
}

/// Events of a turn, by a fixed sequence.
fn events() -> Vec<Made> {
    let mut events = Vec::with_capacity(EVENTS);
    let mut number = 9_u64;
    let mut random = |below: u64| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) % below
    };
    let mut turn = 0_u32;
    while events.len() < EVENTS {
        turn += 1;
        // A request to nginx, for a file or for the application.
        let worker = 1_001 + random(4) as u32;
        let client =
            socket(Transport::Tcp, ("10.1.0.5", 443), ("203.0.113.9", 50_000 + random(9_000) as u16), true);
        events.push(Made {
            result: 9,
            fd: Some(client),
            args: vec![
                Value::Int(9),
                Value::Unknown,
                Value::Unknown,
                Value::Unknown,
                Value::Unknown,
                Value::Uint(0x800),
            ],
            ..Made::new(K::Accept4, worker, 1)
        });
        events.push(transfer(K::Recvfrom, worker, 1, client, 310));
        events.push(open(worker, 1, format!("/usr/share/nginx/html/assets/{}.js", random(400)), 0o4_000));
        events.push(transfer(K::Sendto, worker, 1, client, 4_096));
        let log = FdKind::File { path: b"/var/log/nginx/access.log", upper: true };
        events.push(transfer(K::Write, worker, 1, Fd { kind: log, ..client }, 190));
        events.push(Made {
            args: vec![Value::Int(0), Value::Int(9)],
            fd: Some(client),
            ..Made::new(K::Close, worker, 1)
        });
        // The application asks the database, and reads and writes files.
        let database =
            socket(Transport::Tcp, ("10.1.0.7", 41_000 + random(9_000) as u16), ("10.1.0.6", 5432), false);
        if turn.is_multiple_of(3) {
            events.push(Made {
                result: -115,
                fd: Some(database),
                args: vec![Value::Int(-115), Value::Unknown, Value::Int(9)],
                ..Made::new(K::Connect, 3_000, 3)
            });
        }
        events.push(transfer(K::Sendto, 3_000, 3, database, 210));
        events.push(open(3_000, 3, format!("/app/node_modules/express/lib/{}.js", random(300)), 0o2_000_000));
        events.push(open(3_000, 3, format!("/app/cache/{}.json", random(500)), 0o2_001_101));
        let backend = 2_001 + random(8) as u32;
        let from = socket(Transport::Tcp, ("10.1.0.6", 5432), ("10.1.0.7", 41_000), true);
        events.push(transfer(K::Recvfrom, backend, 2, from, 210));
        events.push(open(
            backend,
            2,
            format!("/var/lib/postgresql/data/base/16384/{}", 16_000 + random(900)),
            0o2,
        ));
        let heap = FdKind::File { path: b"/var/lib/postgresql/data/base/16384/2619", upper: true };
        events.push(transfer(K::Pread, backend, 2, Fd { kind: heap, ..from }, 8_192));
        events.push(transfer(K::Sendto, backend, 2, from, 640));
        if turn.is_multiple_of(10) {
            let name = socket(Transport::Udp, ("10.1.0.7", 33_000), ("10.96.0.10", 53), false);
            let mut send = transfer(K::Sendto, 3_000, 3, name, 40);
            send.args[4] = Value::Bytes(b"10.1.0.7:33000->10.96.0.10:53");
            events.push(send);
        }
        if turn.is_multiple_of(16) {
            // The application runs a program, which reads its libraries and ends.
            let pid = 20_000 + turn;
            let short = |made: Made| Made { short: true, ..made };
            events.push(Made { result: pid.into(), child: Some(pid), ..Made::new(K::Clone, 3_000, 3) });
            let convert = program(
                3_000,
                "/usr/bin/convert",
                &["convert", "-resize", "200x200", "/tmp/in.png", "/tmp/out.png"],
            );
            events.push(short(Made {
                program: Some(convert),
                args: vec![Value::Int(0), Value::Bytes(b"/usr/bin/convert")],
                ..Made::new(K::Execve, pid, 3)
            }));
            for library in ["ld.so.cache", "ld.so.preload"] {
                events.push(short(open(pid, 3, format!("/etc/{library}"), 0o2_000_000)));
            }
            for library in ["libc.so.6", "libm.so.6", "libMagickCore.so.10"] {
                events.push(short(open(pid, 3, format!("/lib/x86_64-linux-gnu/{library}"), 0o2_000_000)));
            }
            events.push(short(open(pid, 3, "/tmp/out.png".to_owned(), 0o1_101)));
            events.push(short(Made { args: vec![Value::Int(0)], ..Made::new(K::Procexit, pid, 3) }));
        }
    }
    events.truncate(EVENTS);
    events
}
