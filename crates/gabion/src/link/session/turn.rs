//! One session: what is sent, and what comes back.

use super::{Desk, Ended};
use crate::{
    clock,
    control::{self, Request, Running},
    link::{
        Options, ask,
        connect::{Client, Member},
        events::locked,
        inventory::{container, content},
        loaded,
        scan::Finished,
        share::Question,
    },
};
use anyhow::{Context, anyhow, bail};
use gabion_api::agent::{
    Alerts, Answer, Ask, Container, Events, FromAgent, Hello, Inventory, Kept, Loaded, Report, Scan, Status,
    ToAgent, from_agent::Message, to_agent,
};
use rustix::system::uname;
use serde_json::Value;
use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, Interval, MissedTickBehavior, interval, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

/// Messages that wait to be sent.
const QUEUE: usize = 16;
/// A message is taken within this, or the hub is away.
const TAKEN: Duration = Duration::from_secs(30);
/// How often is looked for alerts and events.
const LOOK: Duration = Duration::from_millis(100);
/// How often the agent is asked what runs, and how it does.
const POLLS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
/// How long after something has started is looked at what it has loaded, and how often from then on.
const LOADED: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(30)];
/// Questions of the hub that are being answered.
const ASKED: usize = 16;
/// A part of a report, in bytes.
const PART: usize = 1 << 20;
/// A certificate is not renewed more often.
const RENEWAL: Duration = Duration::from_mins(1);

pub(super) struct Session {
    member: Member,
    client: Client,
    socket: PathBuf,
    directory: PathBuf,
    out: mpsc::Sender<FromAgent>,
    incoming: Streaming<ToAgent>,
    /// Where the answer to what the hub was asked goes.
    answer: Option<oneshot::Sender<to_agent::Message>>,
    /// What was found out beside the loop.
    found: (mpsc::Sender<Found>, mpsc::Receiver<Found>),
    /// The agent has not said yet what runs, or how it does.
    is_polling: [bool; 3],
    asked: usize,
    /// What the hub knows to run.
    told: Option<Vec<Container>>,
    /// What the hub knows to be loaded, by container, and when to look again.
    loaded: HashMap<String, BTreeSet<String>>,
    look_again: Instant,
}

enum Found {
    Running(anyhow::Result<Vec<Running>>),
    Status(anyhow::Result<Value>),
    Answer(Answer),
    Renewed(anyhow::Result<()>),
    Loaded(Vec<(String, BTreeSet<String>)>),
}

impl Session {
    pub(super) async fn begin(
        options: &Options,
        name: &str,
        member: Member,
        mut client: Client,
    ) -> anyhow::Result<Self> {
        let (out, outgoing) = mpsc::channel(QUEUE);
        out.send(said(Message::Hello(hello(name)))).await.map_err(|_| anyhow!("the session has ended"))?;
        let begun = timeout(TAKEN, client.session(ReceiverStream::new(outgoing))).await;
        let incoming = begun.context("the hub does not answer")??.into_inner();
        Ok(Self {
            member,
            client,
            socket: options.socket.clone(),
            directory: options.directory(),
            out,
            incoming,
            answer: None,
            found: mpsc::channel(QUEUE + ASKED),
            is_polling: [false; 3],
            asked: 0,
            told: None,
            loaded: HashMap::new(),
            look_again: Instant::now() + LOADED[1],
        })
    }

    pub(super) fn node(&self) -> &str {
        self.member.identity.id()
    }

    /// Until the hub goes, or the certificate is new.
    pub(super) async fn run(mut self, desk: &mut Desk) -> anyhow::Result<Ended> {
        let [mut look, mut running, mut status] = [LOOK, POLLS[0], POLLS[1]].map(ticks);
        loop {
            let (has_report, has_gift) = (desk.report.is_some(), desk.gift.is_some());
            tokio::select! {
                message = self.incoming.message() => match message? {
                    Some(ToAgent { message: Some(message) }) => self.take(message, desk).await?,
                    // A newer hub says something that is not known here.
                    Some(ToAgent { message: None }) => {}
                    None => bail!("it has ended the session"),
                },
                _ = look.tick() => self.send(desk).await?,
                _ = running.tick() => {
                    self.poll(0, |socket| Found::Running(control::ask(&socket, &Request::Inventory)));
                    self.renew(desk);
                    desk.keep();
                }
                _ = status.tick() => self.poll(1, |socket| Found::Status(control::ask(&socket, &Request::Status))),
                () = tokio::time::sleep_until(self.look_again) => {
                    self.look_again = Instant::now() + LOADED[1];
                    let groups: Vec<_> =
                        desk.running.iter().map(|one| (one.id.clone(), one.group.clone())).filter(|(_, group)| !group.is_empty()).collect();
                    self.poll(2, move |_| {
                        Found::Loaded(groups.into_iter().map(|(id, group)| (id, loaded::of_group(&group))).collect())
                    });
                }
                Some(found) = self.found.1.recv() => {
                    if let Some(ended) = self.found(found, desk).await? {
                        return Ok(ended);
                    }
                }
                Some(finished) = desk.scanner.finished.recv(), if !has_report => desk.report = Some((finished, 0)),
                Some(gift) = desk.scanner.gifts.recv(), if !has_gift => desk.gift = Some(gift),
                Some(question) = desk.scanner.questions.recv() => self.ask_hub(question).await?,
                permit = self.out.clone().reserve_owned(), if has_report || has_gift => {
                    let permit = permit.map_err(|_| anyhow!("the session has ended"))?;
                    // Others wait for it.
                    let gift = desk.gift.take().map(Message::Facts);
                    if let Some(message) = gift.or_else(|| part(&mut desk.report).map(Message::Report)) {
                        let _ = permit.send(said(message));
                    }
                }
            }
        }
    }

    /// What waits and is not under way.
    async fn send(&mut self, desk: &mut Desk) -> anyhow::Result<()> {
        if let Some(alerts) = desk.alerts.batch(0).context("cannot read alerts")? {
            self.say(Message::Alerts(Alerts { alerts })).await?;
        }
        let first = {
            let mut spool = locked(&desk.spool);
            spool.flush();
            spool.first()
        };
        if let Some(events) = desk.events.batch(first).context("cannot read events")? {
            self.say(Message::Events(Events { events })).await?;
        }
        // An agent that has just been installed has no directory of incidents.
        if let Ok(Some(incident)) = desk.incidents.next(&mut desk.progress) {
            self.say(Message::Incident(incident)).await?;
        }
        Ok(())
    }

    /// Asks the hub for whoever scans. One that has given up is not asked for: the hub would hold something for it.
    async fn ask_hub(&mut self, Question { message, answer }: Question) -> anyhow::Result<()> {
        if answer.is_closed() {
            return Ok(());
        }
        self.answer = Some(answer);
        self.say(message).await
    }

    async fn say(&self, message: Message) -> anyhow::Result<()> {
        let sent = timeout(TAKEN, self.out.send(said(message))).await.context("it does not listen")?;
        sent.map_err(|_| anyhow!("the session has ended"))
    }

    async fn take(&mut self, message: to_agent::Message, desk: &mut Desk) -> anyhow::Result<()> {
        match message {
            to_agent::Message::Kept(Kept { alerts, events, incidents }) => {
                if let Some(alerts) = desk.alerts.kept(alerts) {
                    desk.progress.alerts = alerts;
                    desk.is_changed = true;
                }
                if let Some(events) = desk.events.kept(events) {
                    desk.progress.events = events;
                    locked(&desk.spool).forget(events);
                    desk.is_changed = true;
                }
                desk.is_changed |= desk.incidents.kept(incidents, &mut desk.progress);
                self.send(desk).await
            }
            answer @ (to_agent::Message::Offer(_) | to_agent::Message::Facts(_)) => {
                if let Some(back) = self.answer.take() {
                    // Whoever asked may have given up.
                    let _ = back.send(answer);
                }
                Ok(())
            }
            to_agent::Message::Scan(Scan { image, target, shares }) => {
                let found = content(&target, &desk.running);
                let why = match found.map(|content| desk.scanner.want(&image, content, shares)) {
                    Some(true) => return Ok(()),
                    Some(false) => "too many scans wait on this node",
                    None => "it does not run on this node any more",
                };
                let failed = why.to_owned();
                self.say(Message::Report(Report { image, failed, last: true, ..Report::default() })).await
            }
            to_agent::Message::Ask(Ask { id, json }) => {
                if self.asked >= ASKED {
                    let json = br#"{"error":"too much is asked of the agent at once"}"#.to_vec();
                    return self.say(Message::Answer(Answer { id, json })).await;
                }
                self.asked += 1;
                self.beside(move |socket| Found::Answer(Answer { id, json: ask::answer(&socket, &json) }));
                Ok(())
            }
        }
    }

    async fn found(&mut self, found: Found, desk: &mut Desk) -> anyhow::Result<Option<Ended>> {
        match found {
            Found::Running(running) => {
                self.is_polling[0] = false;
                // An agent that is starting does not answer yet.
                let Ok(running) = running else { return Ok(None) };
                let containers: Vec<Container> = running.iter().map(container).collect();
                desk.running = running;
                if self.told.as_ref() != Some(&containers) {
                    let time = clock::now()?.as_nanosecond().try_into().unwrap_or(0);
                    self.say(Message::Inventory(Inventory { time, containers: containers.clone() })).await?;
                    self.told = Some(containers);
                    // What has just started is loading.
                    self.look_again = self.look_again.min(Instant::now() + LOADED[0]);
                }
            }
            Found::Status(status) => {
                self.is_polling[1] = false;
                let json = match status {
                    Ok(status) => status.to_string().into_bytes(),
                    // The node is here, though its agent does not answer.
                    Err(_) => Vec::new(),
                };
                let waiting = locked(&desk.spool).waiting() + desk.alerts.waiting();
                let (thrown_away, alerts_lost) = (desk.progress.thrown_away, desk.progress.alerts_lost);
                self.say(Message::Status(Status { json, waiting, thrown_away, alerts_lost, time: time() }))
                    .await?;
            }
            Found::Loaded(found) => {
                self.is_polling[2] = false;
                self.loaded.retain(|id, _| desk.running.iter().any(|one| one.id == *id));
                for (container, files) in found {
                    let known = self.loaded.entry(container.clone()).or_default();
                    let new: Vec<String> = files.difference(known).cloned().collect();
                    if !new.is_empty() {
                        known.extend(new.iter().cloned());
                        self.say(Message::Loaded(Loaded { container, paths: new })).await?;
                    }
                }
            }
            Found::Answer(answer) => {
                self.asked -= 1;
                self.say(Message::Answer(answer)).await?;
            }
            Found::Renewed(Ok(())) => {
                desk.keep();
                desk.again();
                return Ok(Some(Ended::Renewed));
            }
            // It is tried again; half of its time is left.
            Found::Renewed(Err(_)) => {}
        }
        Ok(None)
    }

    /// Asks the agent, unless it has not answered the last time yet.
    fn poll(&mut self, which: usize, ask: impl FnOnce(PathBuf) -> Found + Send + 'static) {
        if !std::mem::replace(&mut self.is_polling[which], true) {
            self.beside(ask);
        }
    }

    /// Does something that takes time, beside the loop.
    fn beside(&self, work: impl FnOnce(PathBuf) -> Found + Send + 'static) {
        let (socket, found) = (self.socket.clone(), self.found.0.clone());
        tokio::task::spawn_blocking(move || {
            // The session may have ended.
            let _ = found.blocking_send(work(socket));
        });
    }

    /// Asks for a new certificate, if it is time.
    fn renew(&self, desk: &mut Desk) {
        let is_due = clock::now().is_ok_and(|now| self.member.identity.validity().is_due(now));
        if !is_due || desk.renewal.is_some_and(|last| last.elapsed() < RENEWAL) {
            return;
        }
        desk.renewal = Some(Instant::now());
        let (mut client, directory, found) =
            (self.client.clone(), self.directory.clone(), self.found.0.clone());
        let (token, node) = (self.member.token, self.node().to_owned());
        tokio::spawn(async move {
            let renewed = Member::renew(token, &node, &mut client, &directory).await;
            // The session may have ended.
            let _ = found.send(Found::Renewed(renewed)).await;
        });
    }
}

/// The next part of a report, if there is one; then it is over.
fn part(report: &mut Option<(Finished, usize)>) -> Option<Report> {
    let (Finished { image, report: whole, origins }, sent) = report.as_mut()?;
    let mut next = Report { image: image.clone(), ..Report::default() };
    match whole {
        Ok(bytes) => {
            let end = bytes.len().min(*sent + PART);
            next.part = bytes[*sent..end].to_vec();
            next.last = end == bytes.len();
            if next.last {
                (next.layers_read, next.layers_kept, next.layers_shared) =
                    (origins.read, origins.kept, origins.given);
            }
            *sent = end;
        }
        Err(why) => {
            next.failed.clone_from(why);
            next.last = true;
        }
    }
    if next.last {
        *report = None;
    }
    Some(next)
}

const fn said(message: Message) -> FromAgent {
    FromAgent { message: Some(message) }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn hello(name: &str) -> Hello {
    let system = uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let os = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        name: name.to_owned(),
        kernel: text(system.release()),
        os: os.unwrap_or_default().trim_matches('"').to_owned(),
        arch: text(system.machine()),
        features: Vec::new(),
        time: time(),
    }
}

/// What time it is, in nanoseconds since 1970; 0 if that is before.
fn time() -> u64 {
    crate::clock::now().ok().and_then(|now| u64::try_from(now.as_nanosecond()).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_image::worker::Origins;

    #[test]
    fn a_report_goes_in_parts_and_an_empty_one_in_one() {
        let origins = Origins { read: 1, kept: 2, given: 3 };
        let finished = |report| Some((Finished { image: "i".to_owned(), report, origins }, 0));
        let mut report = finished(Ok(vec![7; 2 * PART + 1]));
        let parts: Vec<_> = std::iter::from_fn(|| part(&mut report)).collect();
        assert_eq!(
            parts.iter().map(|part| (part.part.len(), part.last)).collect::<Vec<_>>(),
            [(PART, false), (PART, false), (1, true)]
        );
        let told = |part: &Report| (part.layers_read, part.layers_kept, part.layers_shared);
        assert_eq!((told(&parts[0]), told(&parts[2])), ((0, 0, 0), (1, 2, 3)));
        let mut report = finished(Ok(vec![7; PART]));
        assert!(part(&mut report).expect("a part").last && report.is_none());
        let mut report = finished(Err("gone".to_owned()));
        assert_eq!(part(&mut report).expect("a part").failed, "gone");
        assert!(report.is_none());
    }
}
