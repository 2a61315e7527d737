//! Sinks at work: one task each, which reads what has come, hands it over, and only then says how far it has got.
//!
//! ```text
//!   state::arrived(state_at) ─┐
//!                             ├─ a batch ─► gabion_sink ─► taken, refused ─► state_at, events_at move
//!   events::arrived(events_at)┘               ▲  └─ again: after a while, longer each time, or as long as the server says
//!                                             └──────┘
//! ```
//!
//! What holds:
//! - A place moves after the answer. Killed in between, a batch is sent again, with the same ids; none is left out.
//! - What waits is bounded by what the hub keeps of it at all: a record that is deleted for its age, or for want of room, before it was
//!   taken is counted as lost, and told.
//! - A record that is refused while others are taken is counted, and passed. Where nothing is taken it may be the sink that is wrong: then the
//!   batch is tried again, and only its first record is given up after some tries.

mod records;

use crate::{Hub, random};
use gabion_api::rest::{Millis, SinkRecords};
use gabion_sink::{Outcome, Record, Sink, Verdict};
use gabion_store::state::{Moved, StoredSink};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time::sleep,
};

/// Records of a batch.
const BATCH: usize = 500;
/// How often it is looked for new records, and for sinks that are others than before.
const LOOK: Duration = Duration::from_secs(1);
const LOOK_AT_SINKS: Duration = Duration::from_secs(30);
/// How long to wait after failures: doubled from the first to the last. A server is believed up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_mins(5);
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// So often a batch is refused as a whole before its first record is given up.
const TRIES: u32 = 6;
/// What other hubs are told when sinks are others than before.
pub(crate) const SINKS_CHANGED: &str = "sinks";
/// How long the answer to a test may take.
const TEST: Duration = Duration::from_secs(30);

/// What has become of records that were sent beside those that there are for a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// It has them.
    Taken,
    /// It will never take one of them.
    Refused(String),
    /// They may be sent again, after so long if the server has said so.
    Again(String, Option<Duration>),
}

/// Wakes who looks after the sinks.
#[derive(Debug, Default)]
pub(crate) struct Sinks {
    changed: Notify,
}

impl Sinks {
    /// Sinks are others than before.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }
}

/// Goes on until the hub ends.
pub(crate) async fn run(hub: Hub) {
    let mut tasks = JoinSet::new();
    let mut workers: HashMap<(String, (Millis, u64)), AbortHandle> = HashMap::new();
    loop {
        while tasks.try_join_next().is_some() {}
        // One that another hub has made has no place here yet.
        let asked = hub.lead.while_there(async {
            hub.state.place_sinks(hub.events.end()).await?;
            hub.state.stored_sinks().await
        });
        match asked.await {
            Some(Ok(stored)) => {
                let key = |sink: &StoredSink| (sink.name.clone(), sink.version);
                workers.retain(|one, worker| {
                    let stays =
                        !worker.is_finished() && stored.iter().any(|sink| key(sink) == *one && !sink.paused);
                    if !stays {
                        worker.abort();
                    }
                    stays
                });
                for sink in stored.into_iter().filter(|sink| !sink.paused) {
                    let (key, hub) = (key(&sink), hub.clone());
                    workers.entry(key).or_insert_with(|| tasks.spawn(async move { work(&hub, sink).await }));
                }
            }
            None => {}
            Some(Err(_)) if hub.lead.is_away() => {}
            Some(Err(error)) => hub.note(&format!("sinks cannot be looked after: {error}")),
        }
        tokio::select! {
            () = hub.sinks.changed.notified() => {}
            () = sleep(LOOK_AT_SINKS) => {}
        }
    }
}

/// How long to wait after so many failures: somewhere in the second half of the time, so that hubs do not come all at once.
pub(crate) fn pause(failures: u32, asked: Option<Duration>) -> Duration {
    let whole = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LAST_WAIT);
    let [part] = random::<1>();
    let jittered = whole / 2 + whole / 2 * u32::from(part) / 255;
    jittered.max(asked.unwrap_or_default().min(LONGEST_WAIT))
}

/// Sends records beside those that there are for a sink: all of them or none.
pub(crate) async fn hand_over(sink: &mut Sink, records: &[Record], now: Millis) -> Sending {
    let sent = tokio::time::timeout(TEST, sink.send(records, now)).await;
    let Ok(Outcome { verdicts, wait, refused_among }) = sent else {
        return Sending::Again("it does not answer in time".to_owned(), None);
    };
    let mut refusal = refused_among.map(|(_, why)| why);
    for verdict in verdicts {
        match verdict {
            Verdict::Taken => {}
            Verdict::Refused(why) => refusal = Some(why),
            Verdict::Again(why) => return Sending::Again(why, wait),
        }
    }
    refusal.map_or(Sending::Taken, Sending::Refused)
}

/// What is sent at once, and where its sink is afterwards.
struct Batch {
    records: Vec<Record>,
    state_at: u64,
    events_at: u64,
    /// Events that cannot be read any more.
    lost: u64,
}

/// A worker ends when its sink is another.
enum Stop {
    /// It is not this sink any more.
    Another,
    /// The state cannot be read or written.
    State(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::State(error.into())
    }
}

/// What the secret of a sink is sealed for.
pub(crate) fn secret_of(name: &str) -> String {
    format!("sink {name}")
}

async fn work(hub: &Hub, stored: StoredSink) {
    let name = stored.name.clone();
    let mut worker = match hub.make_sink(&stored) {
        Ok(sink) => Worker {
            hub,
            state_at: stored.state_at,
            // Behind the end there is nothing: the events are others than when this was kept.
            events_at: if stored.events_at > hub.events.end() { 0 } else { stored.events_at },
            stored,
            sink,
            is_failing: false,
            led: false,
        },
        Err(error) => {
            hub.note(&format!("the sink {name} cannot be used: {error}"));
            let failed = hub.state.sink_failed(&name, stored.version, &error.to_string(), hub.now()).await;
            if let Err(error) = failed {
                hub.note(&format!("that could not be kept: {error}"));
            }
            // Until it is changed.
            return std::future::pending().await;
        }
    };
    let mut failures = 0;
    loop {
        let step = hub.lead.while_there(worker.step()).await;
        match step.unwrap_or_else(|| Err(Stop::State(anyhow::anyhow!("the database is away")))) {
            Ok(true) => failures = 0,
            Ok(false) => {
                failures = 0;
                sleep(LOOK).await;
            }
            Err(Stop::Another) => return,
            Err(Stop::State(error)) => {
                failures += 1;
                if !hub.lead.is_away() {
                    hub.note(&format!("the sink {name} has to wait for the hub's own state: {error:#}"));
                }
                sleep(pause(failures, None)).await;
            }
        }
    }
}

struct Worker<'a> {
    hub: &'a Hub,
    stored: StoredSink,
    sink: Sink,
    state_at: u64,
    events_at: u64,
    is_failing: bool,
    /// This hub led when it looked last: what the hub that led before has handed over is known.
    led: bool,
}

impl Worker<'_> {
    /// Hands over what has come; whether there was something.
    async fn step(&mut self) -> Result<bool, Stop> {
        let mut found = false;
        let leads = self.hub.lead.leads();
        if leads && !self.led {
            self.state_at = self.hub.state.stored_sink(&self.stored.name).await?.state_at;
        }
        self.led = leads;
        // What stands in the state is handed over by one hub, events by the hub that has them.
        if leads && let Some(batch) = self.of_state().await? {
            self.deliver(batch).await?;
            found = true;
        }
        if self.stored.records.contains(&SinkRecords::Events)
            && let Some(batch) = self.of_events().await?
        {
            self.deliver(batch).await?;
            found = true;
        }
        Ok(found)
    }

    async fn of_state(&mut self) -> Result<Option<Batch>, Stop> {
        let StoredSink { records: wanted, least, .. } = &self.stored;
        let arrivals = self.hub.state.arrived(self.state_at, wanted, *least, BATCH as u64).await?;
        if arrivals.records.is_empty() {
            self.state_at = arrivals.to;
            return Ok(None);
        }
        let names = self.hub.state.node_names().await?;
        let records = arrivals.records.into_iter().map(|(number, what)| records::of(number, what, &names));
        Ok(Some(Batch {
            records: records.collect(),
            state_at: arrivals.to,
            events_at: self.events_at,
            lost: 0,
        }))
    }

    async fn of_events(&self) -> Result<Option<Batch>, Stop> {
        let from = self.events_at;
        if from >= self.hub.events.visible() {
            return Ok(None);
        }
        let events = Arc::clone(&self.hub.events);
        let arrived = tokio::task::spawn_blocking(move || events.arrived(from, BATCH)).await?;
        // What was there and could not be read: at most what is missing between the two places.
        let lost = match arrived.unsearched.first() {
            Some(part) => {
                self.hub.note(&format!(
                    "events for the sink {} cannot be read any more: {}: {}",
                    self.stored.name, part.what, part.why
                ));
                (arrived.next - from).saturating_sub(arrived.events.len() as u64)
            }
            None => 0,
        };
        // Whoever is handed alerts as such is not handed them as events as well.
        let alerts_too = !self.stored.records.contains(&SinkRecords::Alerts);
        let names = self.hub.state.node_names().await?;
        let events = arrived.events.into_iter().filter(|event| alerts_too || event.kind != "alert");
        let records = events.map(|event| records::of_event(event, &names)).collect();
        Ok(Some(Batch { records, state_at: self.state_at, events_at: arrived.next, lost }))
    }

    /// Sends until all of it is taken or given up, then moves the sink.
    async fn deliver(&mut self, batch: Batch) -> Result<(), Stop> {
        let Batch { records: mut rest, state_at, events_at, lost } = batch;
        let mut moved = Moved { state_at, events_at, lost, ..Moved::default() };
        let (mut failures, mut tries) = (0, 0);
        let is_of_state = state_at != self.state_at;
        while !rest.is_empty() {
            if is_of_state && !self.hub.lead.leads() {
                // The hub that leads now begins with it.
                return Err(Stop::Another);
            }
            let outcome = self.sink.send(&rest, self.hub.now()).await;
            let wait = outcome.wait;
            let (trouble, is_progress) = sorted(outcome, &mut rest, &mut moved, &mut tries);
            if is_progress {
                failures = 0;
            }
            let Some(trouble) = trouble else { continue };
            failures += 1;
            self.failed(&trouble).await?;
            sleep(pause(failures, wait)).await;
        }
        self.moved(&moved).await
    }

    async fn failed(&mut self, why: &str) -> Result<(), Stop> {
        let name = &self.stored.name;
        if !self.is_failing {
            self.is_failing = true;
            self.hub.note(&format!("the sink {name} cannot be sent to, what is for it waits: {why}"));
        }
        match self.hub.state.sink_failed(name, self.stored.version, why, self.hub.now()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Stop::Another),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps how far it has got. Were that given up, all of it would be sent again.
    async fn moved(&mut self, moved: &Moved) -> Result<(), Stop> {
        let name = &self.stored.name;
        let mut failures = 0;
        loop {
            match self.hub.state.sink_moved(name, self.stored.version, moved, self.hub.now()).await {
                Ok(true) => break,
                Ok(false) => return Err(Stop::Another),
                Err(error) => {
                    failures += 1;
                    self.hub.note(&format!("how far the sink {name} has got cannot be kept: {error}"));
                    sleep(pause(failures, None)).await;
                }
            }
        }
        if moved.sent > 0 && self.is_failing {
            self.is_failing = false;
            self.hub.note(&format!("the sink {name} is sent to again"));
        }
        if moved.refused > 0 {
            let why = moved.refusal.as_deref().unwrap_or_default();
            self.hub.note(&format!("the sink {name} has refused {} records for good: {why}", moved.refused));
        }
        (self.state_at, self.events_at) = (moved.state_at, moved.events_at);
        Ok(())
    }
}

/// Takes out of `rest` what needs not be sent again; what is wrong, and whether something has moved.
fn sorted(
    outcome: Outcome,
    rest: &mut Vec<Record>,
    moved: &mut Moved,
    tries: &mut u32,
) -> (Option<String>, bool) {
    let Outcome { verdicts, wait: _, refused_among } = outcome;
    let taken = verdicts.iter().filter(|verdict| **verdict == Verdict::Taken).count() as u64;
    let refusal = verdicts.iter().find_map(|verdict| match verdict {
        Verdict::Refused(why) => Some(why.clone()),
        Verdict::Taken | Verdict::Again(_) => None,
    });
    if let (0, Some(why)) = (taken, &refusal) {
        *tries += 1;
        if *tries < TRIES {
            return (Some(format!("it refuses all there is: {why}")), false);
        }
        *tries = 0;
        let first = verdicts.iter().position(|verdict| matches!(verdict, Verdict::Refused(_))).unwrap_or(0);
        rest.remove(first);
        moved.refused += 1;
        moved.refusal = refusal;
        return (None, true);
    }
    *tries = 0;
    let mut trouble = None;
    let mut verdicts = verdicts.into_iter();
    rest.retain(|_| match verdicts.next() {
        Some(Verdict::Taken) => {
            moved.sent += 1;
            false
        }
        Some(Verdict::Refused(why)) => {
            moved.refused += 1;
            moved.refusal = Some(why);
            false
        }
        Some(Verdict::Again(why)) => {
            trouble.get_or_insert(why);
            true
        }
        None => true,
    });
    if let Some((many, why)) = refused_among {
        moved.sent = moved.sent.saturating_sub(many);
        moved.refused += many;
        moved.refusal = Some(why);
    }
    (trouble, taken > 0)
}

impl Hub {
    /// Sinks are others than before, for other hubs, too.
    pub(crate) async fn sinks_changed(&self) {
        self.sinks.changed();
        // Others look every half minute as well.
        let _ = self.state.tell(&format!("{} {SINKS_CHANGED}", self.together.id)).await;
    }

    /// Where sinks that are files are.
    fn sink_files(&self) -> PathBuf {
        self.settings.directory.join("sinks")
    }

    /// The secret of a sink, if it has one.
    pub(crate) fn sink_secret(&self, stored: &StoredSink) -> anyhow::Result<Option<String>> {
        let sealed = stored.secret.as_deref().filter(|secret| !secret.is_empty());
        sealed.map(|sealed| self.seal.unseal(sealed, &secret_of(&stored.name))).transpose()
    }

    pub(crate) fn make_sink(&self, stored: &StoredSink) -> anyhow::Result<Sink> {
        let secret = self.sink_secret(stored)?;
        Ok(Sink::new(&stored.name, &stored.target, secret.as_deref(), &self.sink_files())?)
    }

    /// Sends records to a sink, beside what there is for it: all of them or none.
    pub(crate) async fn send_to_sink(&self, stored: &StoredSink, records: &[Record]) -> Sending {
        let mut sink = match self.make_sink(stored) {
            Ok(sink) => sink,
            Err(error) => return Sending::Again(error.to_string(), None),
        };
        hand_over(&mut sink, records, self.now()).await
    }

    /// Sends one record to a sink, to see what it says.
    pub(crate) async fn try_sink(&self, stored: &StoredSink, by: &str) -> Result<(), String> {
        match self.send_to_sink(stored, &[records::test(&stored.name, by, self.now())]).await {
            Sending::Taken => Ok(()),
            Sending::Refused(why) | Sending::Again(why, _) => Err(why),
        }
    }

    /// Events that are too old or too much go. What sinks have not taken of them they have lost: that is kept before.
    pub(crate) async fn sweep_events(&self, now: Millis) -> anyhow::Result<()> {
        let stored = self.state.stored_sinks().await?;
        let wants = |sink: &StoredSink| sink.records.contains(&SinkRecords::Events);
        let (names, places): (Vec<String>, Vec<u64>) =
            stored.into_iter().filter(wants).map(|sink| (sink.name, sink.events_at)).unzip();
        let (events, hub) = (Arc::clone(&self.events), self.clone());
        let runtime = tokio::runtime::Handle::current();
        let failed = Mutex::new(None);
        let swept = tokio::task::spawn_blocking(move || {
            let swept = events.sweep_past(now, &places, |lost| {
                let lost: Vec<(String, u64)> = names.iter().cloned().zip(lost.iter().copied()).collect();
                if lost.iter().all(|(_, many)| *many == 0) {
                    return true;
                }
                for (name, many) in lost.iter().filter(|(_, many)| *many > 0) {
                    hub.note(&format!("{many} events are deleted before the sink {name} has taken them"));
                }
                let kept = runtime.block_on(hub.state.sinks_lost(&lost));
                let is_kept = kept.is_ok();
                if let Err(error) = kept {
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
                is_kept
            });
            (swept, failed.into_inner().unwrap_or_else(PoisonError::into_inner))
        });
        let (swept, failed) = swept.await?;
        swept?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

#[cfg(test)]
mod tests;
