//! The loop of the agent: from the start of the sensor to the signal that ends it.

use super::{
    AgentArgs,
    enforce::Enforcement,
    judge::Judge,
    names::{Names, News},
    sink::Sinks,
};
use crate::{clock, output};
use anyhow::Context;
use gabion_detect::rules::RuleSet;
use gabion_model::EventKind;
use gabion_node::sensor::{Config, Sensor};
use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long the sensor waits for something to happen, and how often names are attended to.
const PATIENCE: Duration = Duration::from_millis(50);
/// How often what has changed of incidents is written.
const KEEP: Duration = Duration::from_secs(1);

/// System calls that incidents are made of, beside those of the rules.
const OF_INCIDENTS: [EventKind; 9] = [
    EventKind::Open,
    EventKind::Openat,
    EventKind::Openat2,
    EventKind::Creat,
    EventKind::Rename,
    EventKind::Renameat,
    EventKind::Renameat2,
    EventKind::Setuid,
    EventKind::Setresuid,
];

pub(super) fn run(args: &AgentArgs, rules: &RuleSet) -> anyhow::Result<ExitCode> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot wait for signals")?;
    }
    let sinks = Sinks::open(args.format, &args.output)?;
    let news = News::default();
    let mut names = Names::new(News::clone(&news), now()?)?;
    let mut judge = Judge::new(rules, args.all, &args.state, sinks, booted()?)?;
    let policy = args.policy.as_deref();
    let mut enforcement =
        policy.map(|policy| Enforcement::start(policy, &args.state, args.quiet)).transpose()?;
    let mut sensor = Sensor::open(Config::default())?;
    let mut kinds = judge.kinds();
    kinds.extend(OF_INCIDENTS);
    sensor.demand(&kinds)?;
    if !args.quiet {
        output::note(&format!("{} rules, {} containers; Ctrl-C ends it", judge.rules(), names.count()));
        for probed in sensor.features() {
            if let Err(reason) = &probed.used {
                let reason = output::printable(reason);
                output::note(&format!(
                    "note: {} is not used: {reason}: {}",
                    probed.feature,
                    probed.feature.without()
                ));
            }
        }
    }
    let mut kept = Instant::now();
    // Containers that may need a policy.
    let mut started = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        sensor.poll(PATIENCE, &mut names, &mut |event| {
            for container in news.borrow_mut().drain(..) {
                judge.container(&container, event.time);
                started.push(container);
            }
            judge.event(event);
        })?;
        let time = now()?;
        names.attend(time);
        for container in news.borrow_mut().drain(..) {
            judge.container(&container, time);
            started.push(container);
        }
        if let Some(enforcement) = &mut enforcement {
            enforcement.attend(&started, &names)?;
        }
        started.clear();
        if kept.elapsed() >= KEEP {
            kept = Instant::now();
            judge.keep()?;
        }
    }
    judge.keep()?;
    if !args.quiet {
        tell_end(&sensor, &names, &judge)?;
        enforcement.map_or(Ok(()), Enforcement::tell_end)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What was seen, in the end: nothing is left out silently.
fn tell_end(sensor: &Sensor, names: &Names, judge: &Judge) -> anyhow::Result<()> {
    let stats = sensor.stats()?;
    output::note(&format!(
        "{} events told, {} left out on purpose, {} lost; {} alerts, {} incidents",
        stats.handled,
        stats.all_left(),
        stats.all_lost(),
        judge.alerts,
        judge.incidents(),
    ));
    for (reason, count) in stats.lost.reasons().into_iter().filter(|(_, count)| *count > 0) {
        output::note(&format!("lost {count}: {reason}"));
    }
    for (what, count) in names.gaps().into_iter().filter(|(_, count)| *count > 0) {
        output::note(&format!("{count} {what}"));
    }
    for (place, count) in judge.lost() {
        output::note(&format!("{count} alerts could not be written to {place}"));
    }
    Ok(())
}

fn now() -> anyhow::Result<u64> {
    Ok(clock::now()?.as_nanosecond().try_into().unwrap_or(0))
}

/// When the node started, in nanoseconds since 1970.
fn booted() -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok());
    Ok(seconds.unwrap_or(0) * 1_000_000_000)
}
