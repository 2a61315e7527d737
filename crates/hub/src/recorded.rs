//! Recorded events are judged by rules, within bounds: whoever sends a recording says what is in it, and the hub has other things to do.
//!
//! ```text
//!   parts of the upload ─► until the time is up ─► recording (Caps::NARROW) ─► replay::each ─► Engine ─► counts, first alerts
//! ```
//!
//! The same pass as that of `gabion replay`. What was not read or not judged is told, with the reason.

use axum::body::Bytes;
use gabion_api::rest::{Millis, RuleTest, TestedAlert, TestedKind, TestedRule};
use gabion_detect::{
    alert::Alert,
    engine::{Engine, Matching},
    recording::{self, Caps, Source},
    replay::{Pass, each},
    rules::RuleSet,
    state::{Limits, State},
};
use gabion_model::event::EventKind;
use std::{
    cell::Cell,
    collections::{BTreeMap, VecDeque},
    convert::Infallible,
    io::{self, Read},
};

/// What is known between events. An event of [`LARGEST`] bytes for each of these is all the memory that it takes.
const LIMITS: Limits = Limits { processes: 8192, containers: 1024, names: 1024, ended: 2_000_000_000 };
/// Larger events are left out, in bytes: more than Falco and sysdig capture of one.
const LARGEST: usize = 64 << 10;
/// Alerts that are told whole.
const FIRST: usize = 100;
/// Rules that are told by name.
const BY_RULE: usize = 1000;
/// Characters of what an alert or a reason says.
const LONGEST: usize = 2000;

/// The bytes of an upload, in the pieces in which they came.
#[derive(Debug, Default)]
pub(crate) struct Parts(VecDeque<Bytes>);

impl Parts {
    pub(crate) fn add(&mut self, bytes: Bytes) {
        self.0.push_back(bytes);
    }

    /// All of them in one.
    pub(crate) fn concat(self) -> Vec<u8> {
        Vec::from(self.0).concat()
    }
}

impl Read for Parts {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while let Some(first) = self.0.front_mut() {
            let count = first.len().min(to.len());
            if count > 0 || to.is_empty() {
                to[..count].copy_from_slice(&first.split_to(count));
                return Ok(count);
            }
            self.0.pop_front();
        }
        Ok(0)
    }
}

/// Whether enough time has been spent; once it has, it stays so.
struct Deadline<'d> {
    is_over: &'d dyn Fn() -> bool,
    was_met: Cell<bool>,
}

impl Deadline<'_> {
    fn is_over(&self) -> bool {
        self.was_met.set(self.was_met.get() || (self.is_over)());
        self.was_met.get()
    }
}

/// Gives nothing more when the time is up: a recording may go on for long without an event.
struct Timed<'d, R> {
    input: R,
    deadline: &'d Deadline<'d>,
}

impl<R: Read> Read for Timed<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.deadline.is_over() { Err(io::ErrorKind::TimedOut.into()) } else { self.input.read(to) }
    }
}

/// Judges a recording by rules that have no errors, until the time is over. `sent` is the name of the file whose rules are told even if
/// they say nothing.
pub(crate) fn judge(
    rules: &RuleSet,
    all: bool,
    sent: &str,
    recording: impl Read,
    is_over: &dyn Fn() -> bool,
) -> Result<RuleTest, String> {
    let matching = if all { Matching::All } else { Matching::First };
    let mut engine = match Engine::new(rules, matching) {
        Ok(engine) => engine,
        Err(error) => return Ok(RuleTest { problems: vec![chain(error)], ..RuleTest::default() }),
    };
    let deadline = Deadline { is_over, was_met: Cell::new(false) };
    let timed = Timed { input: recording, deadline: &deadline };
    let mut source = recording::open(timed, Caps::NARROW).map_err(chain)?;
    let mut state = State::new(LIMITS, &source.node().name, source.node().boot);
    let mut test = RuleTest::default();
    let (mut kinds, mut alerts) = ([0_u64; EventKind::COUNT], vec![0_u64; engine.len()]);
    let mut matched = Vec::new();
    let Ok(pass) = each::<Infallible>(&mut *source, &mut state, LARGEST, &mut |event, state, slot| {
        if deadline.is_over() {
            return Ok(());
        }
        kinds[event.kind as usize] += 1;
        test.events += 1;
        let time = millis(event.time);
        test.from.get_or_insert(time);
        test.to = Some(time);
        matched.clear();
        matched.extend_from_slice(engine.judge(event, state, slot));
        for &rule in &matched {
            alerts[rule] += 1;
            if test.first.len() < FIRST {
                test.first.push(told(&engine.alert(rule, event, state, slot)));
            }
        }
        Ok(())
    });
    test.unread = unread(pass, &deadline, &*source, &state);
    test.unread.extend(counted(
        engine.counters().uncounted,
        "counts of rules were forgotten, as there were too many",
    ));
    test.node.clone_from(&source.node().name);
    test.rules = alerts.len() as u64;
    test.silent = alerts.iter().filter(|count| **count == 0).count() as u64;
    test.alerts = alerts.iter().sum();
    test.by_rule = by_rule(rules, &engine, &alerts, &kinds, sent);
    test.kinds = EventKind::all()
        .zip(kinds)
        .filter(|(_, events)| *events > 0)
        .map(|(kind, events)| TestedKind { kind: kind.as_str().to_owned(), events })
        .collect();
    test.kinds.sort_by_key(|kind| std::cmp::Reverse(kind.events));
    Ok(test)
}

fn by_rule(rules: &RuleSet, engine: &Engine, alerts: &[u64], kinds: &[u64], sent: &str) -> Vec<TestedRule> {
    let by_name: BTreeMap<&str, _> = rules.rules.iter().map(|rule| (rule.name.as_str(), rule)).collect();
    let row = |(name, &alerts): (&str, &u64)| {
        let rule = by_name.get(name)?;
        (alerts > 0 || *rule.position.file == *sent).then(|| TestedRule {
            rule: name.to_owned(),
            priority: rule.priority.to_string(),
            source: rule.position.file.to_string(),
            events: EventKind::all()
                .filter(|kind| rule.events.contains(*kind))
                .map(|kind| kinds[kind as usize])
                .sum(),
            alerts,
        })
    };
    let mut rows: Vec<TestedRule> = engine.names().zip(alerts).filter_map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.alerts));
    rows.truncate(BY_RULE);
    rows
}

/// What was not read, or not judged.
fn unread(pass: Pass, deadline: &Deadline<'_>, source: &dyn Source, state: &State) -> Vec<String> {
    let mut unread = Vec::new();
    match pass.read {
        _ if deadline.was_met.get() => {
            unread.push("the time for it was up: what comes after that was not judged".to_owned());
        }
        Err(error) => unread.push(format!("{}: what comes after that was not read", chain(error))),
        Ok(()) => {}
    }
    unread.extend(source.gaps().to_string().lines().map(cut));
    let dropped = state.dropped();
    let counts = [
        (pass.too_large, "events were larger than 64 KiB, and were not judged"),
        (dropped.processes, "processes were forgotten while they ran, as there were too many"),
        (dropped.containers, "containers were forgotten, as there were too many"),
        (dropped.names, "names of addresses were forgotten, as there were too many"),
    ];
    unread.extend(counts.into_iter().filter_map(|(count, what)| counted(count, what)));
    unread
}

fn counted(count: u64, what: &str) -> Option<String> {
    (count > 0).then(|| format!("{count} {what}"))
}

fn told(alert: &Alert) -> TestedAlert {
    TestedAlert {
        time: millis(alert.time),
        event: alert.number,
        rule: alert.rule.clone(),
        priority: alert.priority.to_string(),
        output: cut(&String::from_utf8_lossy(&alert.message)),
    }
}

fn millis(nanos: u64) -> Millis {
    Millis::try_from(nanos / 1_000_000).unwrap_or(Millis::MAX)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// An error, and what caused it.
fn chain(error: impl Into<anyhow::Error>) -> String {
    cut(&format!("{:#}", error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_detect::{
        engine::Fields,
        recording::{Node, own::Writer},
        rules::{RuleFile, load},
    };
    use gabion_model::{
        event::{Event, Subject, Task, Verdict},
        workload::ContainerKey,
    };

    fn rules() -> RuleSet {
        let text = "- rule: Any\n  desc: x\n  condition: evt.num > 0\n  output: x\n  priority: DEBUG\n";
        load(&[RuleFile { name: "rules".to_owned(), content: Ok(text.as_bytes().to_vec()) }], &Fields).rules
    }

    fn event(number: u64) -> Event<'static> {
        Event {
            number,
            time: number,
            cpu: 0,
            kind: EventKind::Openat,
            task: Task { pid: 7, tid: 7, start: 1 },
            container: ContainerKey::HOST,
            result: 0,
            fd: None,
            args: &[],
            subject: Subject::None,
            verdict: Verdict::None,
        }
    }

    #[test]
    fn the_pieces_of_an_upload_are_read_as_one() {
        let mut parts = Parts::default();
        for piece in ["ab", "", "c", "defg"] {
            parts.add(Bytes::from_static(piece.as_bytes()));
        }
        let mut read = Vec::new();
        let mut two = [0; 2];
        while let Ok(count @ 1..) = parts.read(&mut two) {
            read.extend_from_slice(&two[..count]);
        }
        assert_eq!(read, b"abcdefg");
    }

    #[test]
    fn when_the_time_is_up_that_is_told_and_what_was_before_counts() {
        let mut state = State::new(Limits::default(), "", 0);
        let mut writer = Writer::new(Vec::new(), &Node::default(), &state, 0).expect("memory");
        for number in 1..=1000 {
            let event = event(number);
            state.apply(&event);
            writer.write(&event, &state).expect("memory");
        }
        let bytes = writer.finish().expect("memory");
        let judged = |asked: u32| {
            let left = Cell::new(asked);
            let is_over = move || left.replace(left.get().saturating_sub(1)) == 0;
            judge(&rules(), false, "rules", &bytes[..], &is_over)
        };
        let whole = judged(u32::MAX).expect("is one");
        assert_eq!((whole.events, whole.alerts, whole.first.len()), (1000, 1000, FIRST));
        assert_eq!(whole.unread, Vec::<String>::new());
        let part = judged(300).expect("is one");
        assert!((1..300).contains(&part.events) && part.alerts == part.events, "{part:?}");
        assert!(part.unread.len() == 1 && part.unread[0].contains("the time for it was up"), "{part:?}");
        assert!(judged(0).expect_err("nothing was read").contains("timed out"));
    }
}
