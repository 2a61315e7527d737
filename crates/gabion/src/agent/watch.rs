//! The loop of the agent: from the start of the sensor to the signal that ends it.

use super::{
    AgentArgs,
    control::{Asked, Back, Desk},
    enforce::Enforcement,
    guard::Own,
    habits,
    inventory::inventory,
    judge::Judge,
    names::{Change, Names, News},
    respond::{Answer, Responder, Wanted},
    sink::Sinks,
    sources::{FromHub, Sources},
};
use crate::{
    clock,
    control::{Configuration, Line, Request, Status},
    link::Link,
    output,
    response::{Action, Response},
};
use anyhow::Context;
use gabion_detect::{
    baseline::{Settings, State as Standing},
    engine::Matching,
};
use gabion_model::{ContainerKey, Event, EventKind, event::Subject};
use gabion_node::{
    containers::Origins,
    sensor::{Config, Feature, Sensor},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long the sensor waits for something to happen, and how often names and questions are attended to.
const PATIENCE: Duration = Duration::from_millis(50);
/// How often what has changed of incidents and baselines is written.
const KEEP: Duration = Duration::from_secs(1);
/// How often is looked what is the agent's own.
const GUARD: Duration = Duration::from_secs(10);

/// Signals that programs send each other all day: the end of a child, and what the runtime of Go uses.
const UNTOLD: [u32; 2] = [17, 23];
/// How often the keeper is asked what it has decided.
const ASK: Duration = Duration::from_millis(20);

/// The agent at work.
struct Watch<'a> {
    args: &'a AgentArgs,
    sensor: Sensor,
    names: Names,
    judge: Judge,
    news: News,
    since: u64,
    rules_since: u64,
    responder: Responder,
    /// Who waits for a response, by its number.
    asked: HashMap<u64, Back>,
    origins: Origins,
    own: Own,
    /// When was last looked what is the agent's own.
    guarded: Instant,
    enforcement: Enforcement,
    asked_keeper: Instant,
    /// How often something could not be written to the state directory, and why the last time.
    unkept: (u64, String),
    /// Whether sends on connected sockets are asked for, and which kinds of events.
    asked_for: (bool, Vec<gabion_model::EventKind>),
    /// The process that speaks to the hub.
    link: Option<Link>,
    from_hub: FromHub,
}

pub(super) fn run(args: &AgentArgs) -> anyhow::Result<ExitCode> {
    let [stop, reload] = [Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false))];
    for (signal, flag) in [
        (signal_hook::consts::SIGINT, &stop),
        (signal_hook::consts::SIGTERM, &stop),
        (signal_hook::consts::SIGHUP, &reload),
    ] {
        signal_hook::flag::register(signal, Arc::clone(flag)).context("cannot wait for signals")?;
    }
    let desk = Desk::open(&args.socket)?;
    let mut watch = Watch::start(args)?;
    if !args.quiet {
        watch.tell_start();
    }
    let mut kept = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        watch.once()?;
        for asked in desk.asked() {
            watch.answer(asked)?;
        }
        if reload.swap(false, Ordering::Relaxed) {
            match watch.reload() {
                Ok(rules) => output::note(&format!("{rules} rules, read again")),
                Err(error) => output::note(&format!("all stays as it is: {error:#}")),
            }
        }
        if kept.elapsed() >= KEEP {
            kept = Instant::now();
            watch.keep()?;
        }
    }
    watch.collected(true);
    watch.keep()?;
    if !args.quiet {
        watch.tell_end()?;
        watch.enforcement.tell_end()?;
    }
    Ok(ExitCode::SUCCESS)
}

impl<'a> Watch<'a> {
    fn start(args: &'a AgentArgs) -> anyhow::Result<Self> {
        let mut from_hub = FromHub::open(args)?;
        let Sources { rules, causes, policies, baselines } = from_hub.begin(args)?;
        let sinks = Sinks::open(args.format, &args.output)?;
        let news = News::default();
        let since = now()?;
        let mut names = Names::new(News::clone(&news), since)?;
        let matching = if args.all { Matching::All } else { Matching::First };
        let span = |span: jiff::SignedDuration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let settings = Settings { learn: span(args.learn), settle: span(args.settle), ..Settings::default() };
        let mut judge = Judge::new(&rules, matching, &args.state, settings, sinks, clock::booted()?)?;
        judge.causes = causes;
        judge.habits.roll_out(&from_hub.now.name, baselines, since)?;
        let signals = (1..=31).filter(|signal| !UNTOLD.contains(signal)).collect();
        let sensor = Sensor::open(Config { without: args.without.clone(), signals, ..Config::default() })?;
        // Loading takes a second, and what was made meanwhile was told by nobody.
        names.walk(now()?);
        let responder = Responder::open(&args.state, &args.never_touch)?;
        let enforcement = Enforcement::start(policies, &args.state, responder.active(), args.quiet)?;
        let mut watch = Self {
            args,
            sensor,
            names,
            judge,
            news,
            since,
            rules_since: since,
            responder,
            asked: HashMap::new(),
            origins: Origins::new(Path::new("/proc")),
            own: Own::new(args),
            guarded: Instant::now(),
            enforcement,
            asked_keeper: Instant::now(),
            unkept: (0, String::new()),
            asked_for: (true, Vec::new()),
            link: Link::new(&args.link, &args.state, &args.socket, args.quiet)?,
            from_hub,
        };
        watch.demand()?;
        watch.guard();
        Ok(watch)
    }

    /// What happened since the last time.
    fn once(&mut self) -> anyhow::Result<()> {
        let Self { sensor, names, judge, news, origins, enforcement, own, asked_keeper, .. } = self;
        // Containers that may need a policy.
        let mut started = Vec::new();
        let mut change = |change: Change, judge: &mut Judge, origins: &mut Origins, time| {
            judge.container(&change, time);
            match change {
                Change::Known(container) => started.push(*container),
                Change::Ended(key) => origins.forget(key),
            }
        };
        sensor.poll(PATIENCE, names, &mut |event| {
            for news in news.borrow_mut().drain(..) {
                change(news, judge, origins, event.time);
            }
            match event.subject {
                Subject::Process(process) if event.container != ContainerKey::HOST => {
                    let mut process = process.clone();
                    process.exe.in_image = origins.in_image(event.container, event.task.pid, &process.exe);
                    judge.event(&Event { subject: Subject::Process(&process), ..*event });
                }
                Subject::Process(process) if own.is_started_by_it(event.task, &process.exe) => {
                    judge.guard().tasks.insert(event.task);
                    judge.event(event);
                }
                _ => judge.event(event),
            }
        })?;
        let time = now()?;
        names.attend(time);
        for news in news.borrow_mut().drain(..) {
            change(news, judge, origins, time);
        }
        if !started.is_empty() || asked_keeper.elapsed() >= ASK {
            *asked_keeper = Instant::now();
            for ruling in enforcement.attend(&started, names)? {
                judge.ruling(ruling);
            }
            sensor.leave_out(enforcement.keeper().map(|(pid, _)| pid))?;
        }
        for wanted in std::mem::take(&mut self.judge.wanted) {
            match self.responder.respond(&wanted, &self.names, &mut self.enforcement, time) {
                Ok(Answer::Now(response)) => self.tell_response(&response),
                Ok(Answer::Later(_)) => {}
                Err(error) => self.failed(&error),
            }
        }
        self.collected(false);
        Ok(())
    }

    /// Goes on with responses whose evidence has been collected.
    fn collected(&mut self, all: bool) {
        for (id, done) in self.responder.collected(all, &self.names, &mut self.enforcement) {
            if let Err(error) = &done {
                self.failed(error);
            }
            let told = done.and_then(|response| Ok((serde_json::to_value(&response)?, response)));
            match (self.asked.remove(&id), told) {
                (Some(mut back), Ok((value, _))) => drop(back.send(Line::Done(value))),
                (Some(mut back), Err(error)) => drop(back.send(Line::Error(format!("{error:#}")))),
                (None, Ok((_, response))) => self.tell_response(&response),
                (None, Err(_)) => {}
            }
        }
    }

    fn tell_response(&self, response: &Response) {
        let Response { id, action, outcome, .. } = response;
        self.note(&format!("response {id}: {action} {}: {outcome}", action.target()));
    }

    /// Something could not be kept or done. A disk that is full is no reason to look away.
    fn failed(&mut self, error: &anyhow::Error) {
        let why = format!("{error:#}");
        if why != self.unkept.1 {
            self.note(&why);
        }
        self.unkept = (self.unkept.0 + 1, why);
    }

    fn note(&self, text: &str) {
        if !self.args.quiet {
            output::note(&output::printable(text));
        }
    }

    /// Asks the sensor for what somebody wants now.
    fn demand(&mut self) -> anyhow::Result<()> {
        let sends = self.judge.wants_connected_sends();
        let mut kinds = self.judge.kinds();
        kinds.sort_unstable();
        kinds.dedup();
        let used = |feature| {
            self.sensor.features().iter().any(|probed| probed.feature == feature && probed.used.is_ok())
        };
        if used(Feature::Signals) {
            // Whom a signal reaches is told as the node numbers them, and however it was sent.
            kinds.retain(|kind| *kind != EventKind::Kill);
        }
        let wanted = (sends, kinds);
        if wanted != self.asked_for && used(Feature::Calls) {
            self.sensor.tell_connected_sends(sends);
            self.sensor.demand(&wanted.1)?;
            self.asked_for = wanted;
        }
        Ok(())
    }

    /// Looks again at what is the agent's own.
    fn guard(&mut self) {
        self.guarded = Instant::now();
        let objects = [self.sensor.objects(), self.enforcement.objects()];
        self.own.refresh(self.judge.guard(), self.enforcement.keeper(), &objects);
    }

    fn keep(&mut self) -> anyhow::Result<()> {
        self.judge.followers.sweep();
        if let Some(link) = &mut self.link
            && let Some(ended) = link.attend()
        {
            self.note(&ended);
        }
        if self.guarded.elapsed() >= GUARD {
            self.guard();
        }
        self.demand()?;
        if let Err(error) = self.judge.keep() {
            self.failed(&error);
        }
        match self.judge.habits.keep(now()?) {
            Ok(proposed) => {
                for name in proposed {
                    self.note(&format!("a baseline is proposed: {name}"));
                }
            }
            Err(error) => self.failed(&error),
        }
        for ended in self.responder.expire(&self.names, &mut self.enforcement, now()?) {
            match ended {
                Ok(response) => self.note(&format!("response {}: {}", response.id, response.outcome)),
                // It is tried again.
                Err(error) => self.note(&format!("{error:#}")),
            }
        }
        Ok(())
    }

    fn reload(&mut self) -> anyhow::Result<usize> {
        let sources = Sources::read(self.args, &self.from_hub.now)?;
        self.judge_by(sources)
    }

    /// What the hub has rolled out, or whether it could be used.
    fn configure(&mut self, configuration: Configuration, dry_run: bool) -> anyhow::Result<Value> {
        let sources = Sources::read(self.args, &configuration)?;
        let rules = self.judge.check(&sources.rules)?;
        if !dry_run {
            // It is in force only if it will be after a restart, too.
            let name = configuration.name.clone();
            self.from_hub.keep(configuration)?;
            self.judge_by(sources)?;
            self.note(&match &*name {
                "" => format!("nothing is rolled out by the hub any more: {rules} rules"),
                name => format!("{name} of the hub is in force: {rules} rules"),
            });
        }
        Ok(json!({ "rules": rules }))
    }

    fn judge_by(&mut self, sources: Sources) -> anyhow::Result<usize> {
        self.judge.replace(&sources.rules)?;
        self.judge.causes = sources.causes;
        self.enforcement.replace(sources.policies, &self.names)?;
        self.rules_since = now()?;
        self.judge.habits.roll_out(&self.from_hub.now.name, sources.baselines, self.rules_since)?;
        self.demand()?;
        Ok(self.judge.rules())
    }

    fn answer(&mut self, Asked { request, mut back }: Asked) -> anyhow::Result<()> {
        let answer = match request {
            Request::Events { filter, print, format } => {
                self.judge.followers.follow_events(filter.as_deref(), &print, format, back);
                return self.demand();
            }
            Request::Alerts { format } => {
                self.judge.followers.follow_alerts(format, back);
                return Ok(());
            }
            Request::Inventory => Ok(serde_json::to_value(inventory(&self.names, &self.judge.habits))?),
            Request::Status => self.status().and_then(|status| Ok(serde_json::to_value(status)?)),
            Request::Reload => self.reload().map(Value::from),
            Request::Baselines => Ok(self.judge.habits.all().map(summary).collect()),
            Request::Baseline { of } => self.baselines(&of, &mut back),
            Request::Approve { of, only } => {
                self.judge.habits.approve(&of, only.as_deref()).map(|(name, taken)| json!([name, taken]))
            }
            Request::Respond { action, reason, dry_run, evidence, lasting } => {
                let by = format!("user {}", back.uid);
                let evidence = evidence || matches!(action, Action::Evidence { .. });
                let wanted = Wanted { action, by, reason, automatic: false, dry_run, evidence, lasting };
                let answer = now()
                    .and_then(|now| self.responder.respond(&wanted, &self.names, &mut self.enforcement, now));
                match answer {
                    Ok(Answer::Now(response)) => Ok(serde_json::to_value(response)?),
                    Ok(Answer::Later(id)) => {
                        self.asked.insert(id, back);
                        return Ok(());
                    }
                    Err(error) => Err(error),
                }
            }
            Request::Undo { id } => {
                let by = format!("user {}", back.uid);
                now().and_then(|now| {
                    let undone = self.responder.undo(id, &by, &self.names, &mut self.enforcement, now)?;
                    Ok(serde_json::to_value(undone)?)
                })
            }
            Request::Responses => {
                let active: Vec<_> = self.responder.active().collect();
                Ok(json!([self.responder.is_on(), active]))
            }
            Request::Turn { on } => self.responder.turn(on).map(|()| on.into()),
            Request::Forget { of } => self.judge.habits.forget(&of).map(Value::from),
            Request::Configure { configuration, dry_run } => self.configure(configuration, dry_run),
        };
        // Whoever asked may be gone.
        back.send(match answer {
            Ok(value) => Line::Done(value),
            Err(error) => Line::Error(format!("{error:#}")),
        });
        Ok(())
    }

    /// Those whose name has `of` in it, one by one.
    fn baselines(&self, of: &str, back: &mut Back) -> anyhow::Result<Value> {
        let mut count = 0_u64;
        for baseline in self.judge.habits.all() {
            if habits::name(&baseline.subject).contains(of) {
                count += 1;
                back.send(Line::Item(serde_json::to_string(baseline)?));
            }
        }
        Ok(count.into())
    }

    fn status(&self) -> anyhow::Result<Status> {
        let stats = self.sensor.stats()?;
        let habits = &self.judge.habits;
        let unused = self.sensor.features().iter().filter_map(|probed| {
            let reason = probed.used.as_ref().err()?;
            Some([probed.feature.to_string(), reason.clone(), probed.feature.without().to_owned()])
        });
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            since: self.since,
            rules: self.judge.rules(),
            rules_since: self.rules_since,
            containers: self.names.running().count(),
            alerts: self.judge.alerts,
            incidents: self.judge.incidents(),
            baselines: [Standing::Learning, Standing::Proposed, Standing::Locked]
                .map(|one| habits.count(one)),
            followers: self.judge.followers.len(),
            responses: self.responder.active().len(),
            responses_on: self.responder.is_on(),
            events: stats.handled,
            left_out: stats.all_left(),
            gaps: self.gaps()?,
            unused: unused.collect(),
            memory: memory(),
            configuration: self.from_hub.now.name.clone(),
            configuration_refused: self.from_hub.refused.clone(),
        })
    }

    /// What was lost, and what could not be looked at.
    fn gaps(&self) -> anyhow::Result<Vec<(u64, String)>> {
        let stats = self.sensor.stats()?;
        let mut gaps = Vec::new();
        for (reason, count) in stats.lost.reasons() {
            gaps.push((count, format!("events lost: {reason}")));
        }
        gaps.push((stats.malformed, "records of the sensor that made no sense".to_owned()));
        for (what, count) in self.names.gaps() {
            gaps.push((count, what.to_owned()));
        }
        for (place, count) in self.judge.lost() {
            gaps.push((count, format!("alerts could not be written to {place}")));
        }
        let (unkept, why) = &self.unkept;
        gaps.push((*unkept, format!("times something could not be kept or recorded: {why}")));
        gaps.push((self.judge.uncounted(), "counts of rules thrown out: too many at once".to_owned()));
        gaps.push((
            self.origins.unknown,
            "programs of containers that may or may not be of the image: no overlay, or gone too soon"
                .to_owned(),
        ));
        let forgotten = self.judge.forgotten();
        gaps.push((forgotten.processes, "processes forgotten for want of room".to_owned()));
        gaps.push((forgotten.containers, "containers forgotten for want of room".to_owned()));
        gaps.push((
            self.judge.habits.unnamed,
            "acts of containers without a name, in no baseline".to_owned(),
        ));
        gaps.retain(|(count, _)| *count > 0);
        Ok(gaps)
    }

    fn tell_start(&self) {
        let containers = self.names.running().count();
        output::note(&format!("{} rules, {containers} containers; Ctrl-C ends it", self.judge.rules()));
        if !self.from_hub.refused.is_empty() {
            let why = output::printable(&self.from_hub.refused);
            output::note(&format!("what the hub has rolled out is not in force: {why}"));
        }
        for probed in self.sensor.features() {
            if let Err(reason) = &probed.used {
                let reason = output::printable(reason);
                let without = probed.feature.without();
                output::note(&format!("note: {} is not used: {reason}: {without}", probed.feature));
            }
        }
    }

    /// What was seen, in the end: nothing is left out silently.
    fn tell_end(&self) -> anyhow::Result<()> {
        let stats = self.sensor.stats()?;
        output::note(&format!(
            "{} events told, {} left out on purpose, {} lost; {} alerts, {} incidents",
            stats.handled,
            stats.all_left(),
            stats.all_lost(),
            self.judge.alerts,
            self.judge.incidents(),
        ));
        for (count, what) in self.gaps()? {
            output::note(&format!("{count} {what}"));
        }
        Ok(())
    }
}

/// A baseline, without what belongs to it.
fn summary(baseline: &gabion_detect::baseline::Baseline) -> Value {
    json!({
        "workload": baseline.subject.workload,
        "image": baseline.subject.image,
        "state": baseline.state,
        "items": baseline.items.len(),
        "pending": baseline.pending.len(),
        "since": baseline.since,
        "changed": baseline.changed,
        "left_out": baseline.left_out,
        "rolled_out": baseline.rolled_out.as_ref().map(|by| &by.version),
    })
}

fn now() -> anyhow::Result<u64> {
    Ok(clock::now()?.as_nanosecond().try_into().unwrap_or(0))
}

/// Resident memory of this process, in bytes; 0 if `/proc` does not tell.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}
