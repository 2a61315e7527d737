//! What the sensor costs, and how much it takes.
//!
//! ```text
//! cargo bench -p gabion-node --bench sensor      as root, on a machine that does nothing else
//! ```
//!
//! - Taking: the bulk ring is filled while nobody reads, then read on one core. The best and the median of 20 times count.
//! - Sustained: a process on the other core makes events at a steady rate; what is lost.
//! - Cost: a program that makes the same calls with the sensor off, with what is always on, and with opens traced; 20 times
//!   each in turn, median and spread of the differences.
//!
//! Generators are this program again, so that the agent's own calls, which are not told, are none of them.

#![allow(clippy::print_stdout, reason = "it prints its result")]
#![allow(clippy::cast_precision_loss, reason = "these are measurements")]

use gabion_model::event::EventKind;
use gabion_node::sensor::{Config, HostOnly, Sensor};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::{
    env,
    fs::File,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const TIMES: usize = 20;

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["generate", kind, count, rate] => generate(kind, number(count), number(rate)),
        _ => measure(),
    }
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

/// Makes `count` calls of a kind, `rate` of them a second (0: as many as it can); prints the nanoseconds that each took.
fn generate(kind: &str, count: u64, rate: u64) {
    pin(1);
    let begun = Instant::now();
    for made in 0..count {
        match kind {
            // Refused at once: the smallest event.
            "small" => drop(rustix::process::setsid()),
            "open" => drop(File::open("/usr/lib/os-release").expect("opened")),
            "failed" => drop(File::open("/usr/lib/no-such-file")),
            _ => drop(Command::new("/bin/true").status().expect("started")),
        }
        while rate > 0 && begun.elapsed().as_nanos() as u64 * rate / 1_000_000_000 < made {
            std::hint::spin_loop();
        }
    }
    println!("{}", begun.elapsed().as_nanos() as u64 / count);
}

fn pin(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).expect("two cores");
}

fn generator(kind: &str, count: u64, rate: u64) -> Child {
    Command::new(env::current_exe().expect("this program"))
        .args(["generate", kind, &count.to_string(), &rate.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

fn nanoseconds(child: Child) -> f64 {
    let output = child.wait_with_output().expect("ended");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

fn measure() {
    // Leading a session already, setsid() fails in the children as well.
    pin(0);
    println!("taking, one core:   events     best      median");
    take("small", EventKind::Setsid, 400_000);
    take("open", EventKind::Openat, 200_000);
    take("failed", EventKind::Openat, 200_000);
    println!("\nsustained for 3 s:  rate      events     lost    latency median, worst of 99 %");
    for rate in [1_100, 100_000, 250_000] {
        sustain(rate);
    }
    println!("\ncost, ns a call:    off       always on            traced");
    cost("open", 20_000, &[EventKind::Openat]);
    cost("exec", 200, &[EventKind::Openat]);
}

fn config() -> Config {
    Config { repeat: Duration::ZERO, bulk_ring: 32 << 20, guaranteed_ring: 32 << 20, ..Config::default() }
}

/// Reads until there is nothing more.
fn drain(sensor: &mut Sensor) -> u64 {
    let mut events = 0;
    while sensor
        .poll(Duration::ZERO, &mut HostOnly, &mut |event| events += u64::from(event.number > 0))
        .expect("read")
        > 0
    {}
    events
}

fn take(kind: &str, call: EventKind, count: u64) {
    let mut sensor = Sensor::open(config()).expect("a sensor");
    sensor.demand(&[call]).expect("the call");
    drain(&mut sensor);
    let mut rates = Vec::new();
    let mut events = 0;
    for _ in 0..TIMES {
        nanoseconds(generator(kind, count, 0));
        let before = sensor.stats().expect("stats").handled;
        let begun = Instant::now();
        drain(&mut sensor);
        let seconds = begun.elapsed().as_secs_f64();
        events = sensor.stats().expect("stats").handled - before;
        rates.push(events as f64 / seconds / 1e6);
    }
    rates.sort_by(f64::total_cmp);
    let (best, median) = (rates[TIMES - 1], rates[TIMES / 2]);
    println!("  {kind:<16} {events:>8}   {best:>5.2} M/s   {median:>5.2} M/s");
}

fn sustain(rate: u64) {
    let mut sensor = Sensor::open(config()).expect("a sensor");
    sensor.demand(&[EventKind::Openat, EventKind::Setsid]).expect("the calls");
    drain(&mut sensor);
    let before = sensor.stats().expect("stats");
    let mut child = generator("small", 3 * rate, rate);
    let mut delays = Vec::with_capacity(3 * rate as usize);
    while child.try_wait().expect("waited").is_none() {
        sensor
            .poll(Duration::from_millis(5), &mut HostOnly, &mut |event| {
                if event.kind == EventKind::Setsid {
                    delays.push(now().saturating_sub(event.time));
                }
            })
            .expect("read");
    }
    drain(&mut sensor);
    let stats = sensor.stats().expect("stats");
    delays.sort_unstable();
    let at = |part: usize| delays.get(delays.len() * part / 100).copied().unwrap_or(0) as f64 / 1e6;
    println!(
        "  {rate:>16}/s   {:>8} {:>8}    {:.2} ms, {:.2} ms",
        stats.handled - before.handled,
        stats.all_lost() - before.all_lost(),
        at(50),
        at(99)
    );
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

fn cost(kind: &str, count: u64, calls: &[EventKind]) {
    let (mut off, mut always, mut traced) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        off.push(nanoseconds(generator(kind, count, 0)));
        for (calls, times) in [(&[][..], &mut always), (calls, &mut traced)] {
            let mut sensor = Sensor::open(config()).expect("a sensor");
            sensor.demand(calls).expect("the calls");
            drain(&mut sensor);
            let mut child = generator(kind, count, 0);
            while child.try_wait().expect("waited").is_none() {
                sensor.poll(Duration::from_millis(5), &mut HostOnly, &mut |_| {}).expect("read");
            }
            times.push(nanoseconds(child));
        }
    }
    let difference = |with: &[f64]| {
        let mut differences: Vec<f64> = with.iter().zip(&off).map(|(with, off)| with - off).collect();
        differences.sort_by(f64::total_cmp);
        let (low, high) = (differences[TIMES / 4], differences[TIMES * 3 / 4]);
        format!("{:>+8.0} ({low:+.0} to {high:+.0})", differences[TIMES / 2])
    };
    let (always, traced) = (difference(&always), difference(&traced));
    off.sort_by(f64::total_cmp);
    println!("  {kind:<16} {:>8.0}   {always:<20} {traced}", off[TIMES / 2]);
}
