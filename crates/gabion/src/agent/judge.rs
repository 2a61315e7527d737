//! What is made of events: alerts, and incidents of them; whoever follows hears of both.

use super::{
    automatic::Cause,
    follow::Followers,
    habits::{self, Habits},
    names::Change,
    respond::Wanted,
    sink::Sinks,
};
use crate::journal::Journal;
use anyhow::Context as _;
use gabion_detect::{
    alert::{Alert, Ruling},
    baseline::Settings,
    engine::{Engine, Matching},
    incident::{self, Alarm, Incidents, Limits},
    rules::{Priority, RuleSet, events::MANY},
    state::{self, Accounts, Guard, State},
};
use gabion_model::{
    ContainerKey, Event, EventKind,
    event::{Subject, Task, Verdict},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// From this priority on an alert belongs into an incident: `Warning`.
const OF_INCIDENTS: u8 = 4;
/// The account files are not read beyond this.
const MAX_ACCOUNTS: u64 = 4 << 20;

/// System calls that incidents are made of, beside those of the rules.
const OF_GRAPH: [EventKind; 9] = [
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

pub(super) struct Judge {
    state: State,
    engine: Engine,
    matching: Matching,
    /// A rule looks at arguments or data of `sendto` or `sendmsg`.
    looks_at_data: bool,
    incidents: Incidents,
    /// Incidents that are to be written anew.
    changed: BTreeSet<u64>,
    directory: PathBuf,
    sinks: Sinks,
    journal: Journal,
    pub(super) habits: Habits,
    pub(super) followers: Followers,
    pub(super) alerts: u64,
    /// Of rules that were replaced: what they had counted and was thrown out.
    uncounted: u64,
    /// What alerts cause.
    pub(super) causes: Vec<Cause>,
    /// What they have caused, and is to be done.
    pub(super) wanted: Vec<Wanted>,
}

impl Judge {
    pub(super) fn new(
        rules: &RuleSet,
        matching: Matching,
        state_directory: &Path,
        settings: Settings,
        sinks: Sinks,
        booted: u64,
    ) -> anyhow::Result<Self> {
        let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let mut state = State::new(state::Limits::default(), hostname.trim(), booted);
        state.set_accounts(ContainerKey::HOST, accounts(Path::new("/")));
        let directory = state_directory.join("incidents");
        fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Self {
            state,
            engine: Engine::new(rules, matching)?,
            matching,
            looks_at_data: look_at_data(rules),
            incidents: Incidents::new(Limits::default()).after(last(&directory)?),
            changed: BTreeSet::new(),
            directory,
            sinks,
            journal: Journal::open(state_directory)?,
            habits: Habits::open(state_directory, settings)?,
            followers: Followers::default(),
            alerts: 0,
            uncounted: 0,
            causes: Vec::new(),
            wanted: Vec::new(),
        })
    }

    /// The kinds of events that somebody here wants.
    pub(super) fn kinds(&self) -> Vec<EventKind> {
        self.engine.kinds().chain(OF_GRAPH).chain(habits::RARE).chain(self.followers.kinds()).collect()
    }

    /// Whether somebody wants sends on connected sockets: a follower, or a rule that looks at what is sent. Whom they go to is
    /// told by `connect`.
    pub(super) fn wants_connected_sends(&self) -> bool {
        let sends = |kind| matches!(kind, EventKind::Sendto | EventKind::Sendmsg);
        self.looks_at_data || self.followers.kinds().any(sends)
    }

    /// Judges by other rules from now on. If they cannot be used, the old ones stay.
    pub(super) fn replace(&mut self, rules: &RuleSet) -> anyhow::Result<()> {
        let engine = Engine::new(rules, self.matching)?;
        self.looks_at_data = look_at_data(rules);
        self.uncounted += std::mem::replace(&mut self.engine, engine).counters().uncounted;
        Ok(())
    }

    /// How many rules it would judge by, if it can by these.
    pub(super) fn check(&self, rules: &RuleSet) -> anyhow::Result<usize> {
        Ok(Engine::new(rules, self.matching)?.len())
    }

    /// What is the agent's own.
    pub(super) fn guard(&mut self) -> &mut Guard {
        self.state.guard_mut()
    }

    /// How many rules there are.
    pub(super) fn rules(&self) -> usize {
        self.engine.len()
    }

    /// Something is new of a container.
    pub(super) fn container(&mut self, change: &Change, time: u64) {
        let container = match change {
            Change::Known(container) => container,
            Change::Ended(key) => return self.habits.ended(*key),
        };
        self.event(&Event {
            number: 0,
            time,
            cpu: 0,
            kind: EventKind::Container,
            task: Task::default(),
            container: container.key,
            result: 0,
            fd: None,
            args: &[],
            subject: Subject::Container(container),
            verdict: Verdict::None,
        });
        for alert in self.habits.container(container, time, &self.state) {
            self.alert(&alert);
        }
    }

    pub(super) fn event(&mut self, event: &Event<'_>) {
        let slot = self.state.apply(event);
        self.incidents.event(event);
        // Rules leave the agent alone, and those that it has started.
        let own = self.state.guard().is_own(event.task);
        let matched = if own { Vec::new() } else { self.engine.judge(event, &self.state, slot).to_vec() };
        for rule in matched {
            let alert = self.engine.alert(rule, event, &self.state, slot);
            self.alert(&alert);
        }
        for alert in self.habits.event(event, &self.state, slot) {
            self.alert(&alert);
        }
        self.followers.event(event, &self.state, slot);
    }

    /// Enforcement has decided something that is to be told.
    pub(super) fn ruling(&mut self, ruling: Ruling) {
        let alert = Alert::ruling(ruling, &self.state);
        self.alert(&alert);
    }

    fn alert(&mut self, alert: &Alert) {
        self.alerts += 1;
        let priority = number(alert.priority);
        let incident = (priority <= OF_INCIDENTS).then(|| self.incidents.alarm(alarm(alert, priority)));
        self.changed.extend(incident);
        self.wanted.extend(self.causes.iter().filter_map(|cause| cause.wants(alert)));
        self.journal.keep(alert, incident);
        self.sinks.tell(alert);
        self.followers.alert(alert);
    }

    /// Writes what has changed of incidents.
    pub(super) fn keep(&mut self) -> anyhow::Result<()> {
        self.changed.extend(self.incidents.take_touched());
        while let Some(id) = self.changed.pop_first() {
            // What could not be written is tried again.
            if let Err(error) = self.write(id) {
                self.changed.insert(id);
                return Err(error);
            }
        }
        Ok(())
    }

    fn write(&mut self, id: u64) -> anyhow::Result<()> {
        let Some(story) = self.incidents.story(id) else { return Ok(()) };
        let json = serde_json::to_vec_pretty(&story)?;
        let pictures = [
            ("json", Some(json)),
            ("dot", incident::dot(&mut self.incidents, id).map(String::into_bytes)),
            ("svg", incident::svg(&mut self.incidents, id).map(String::into_bytes)),
        ];
        for (end, bytes) in pictures {
            let path = self.directory.join(format!("{id}.{end}"));
            let new = self.directory.join(format!(".{id}.{end}.new"));
            fs::write(&new, bytes.unwrap_or_default())
                .and_then(|()| fs::rename(&new, &path))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// What rules had counted and was thrown out because it was too much.
    pub(super) fn uncounted(&self) -> u64 {
        self.uncounted + self.engine.counters().uncounted
    }

    /// Alerts that could not be written, and where.
    pub(super) fn lost(&self) -> impl Iterator<Item = (String, u64)> {
        let unkept = ("the agent's own journal".to_owned(), self.journal.lost);
        self.sinks.lost().chain(std::iter::once(unkept).filter(|(_, lost)| *lost > 0))
    }

    /// Processes, containers and names that were forgotten for want of room.
    pub(super) fn forgotten(&self) -> state::Dropped {
        self.state.dropped()
    }

    /// How many incidents there are.
    pub(super) fn incidents(&self) -> usize {
        self.incidents.iter().len()
    }
}

/// Whether a rule about sends has a condition on what is sent, or on how. In doubt it has.
fn look_at_data(rules: &RuleSet) -> bool {
    let fields = ["evt.arg", "evt.buf", "evt.raw", "evt.res", "evt.info", "evt.is_io", "evt.io_dir"];
    rules.rules.iter().filter(|rule| rule.enabled).any(|rule| {
        let sends = [EventKind::Sendto, EventKind::Sendmsg].iter().any(|kind| rule.events.contains(*kind));
        let condition = rule.condition.to_string();
        // One that does not narrow itself to kinds would be told of them all the same.
        sends && (rule.events.iter().count() > MANY || fields.iter().any(|field| condition.contains(field)))
    })
}

/// The number of the last incident that was kept.
fn last(directory: &Path) -> anyhow::Result<u64> {
    let mut last = 0;
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let id = entry?.path().file_stem().and_then(|name| name.to_str()?.parse().ok());
        last = last.max(id.unwrap_or(0));
    }
    Ok(last)
}

fn alarm(alert: &Alert, priority: u8) -> Alarm {
    Alarm {
        rule: alert.rule.clone(),
        priority,
        time: alert.time,
        task: alert.task,
        tags: alert.tags.clone(),
        message: String::from_utf8_lossy(&alert.message).into_owned(),
    }
}

/// As Falco numbers them: 0 is an emergency.
fn number(priority: Priority) -> u8 {
    priority as u8
}

/// Users and groups of a root file system; what cannot be read is not known.
fn accounts(root: &Path) -> Accounts {
    let read = |name: &str| {
        let path = root.join(name);
        let small = fs::metadata(&path).is_ok_and(|meta| meta.len() <= MAX_ACCOUNTS);
        if small { fs::read(&path).unwrap_or_default() } else { Vec::new() }
    };
    Accounts::parse(&read("etc/passwd"), &read("etc/group"))
}
