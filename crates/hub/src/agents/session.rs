//! A session: messages of one agent, one after the other.

use super::{
    Inbox,
    desk::Place,
    inbox::unless_away,
    reports::{Budget, MAX_COMPRESSED, Parts, inflate},
    service::shut_out,
    shelf::{Shelf, digest},
};
use gabion_api::agent::{
    Alerts, Answer, Events, Facts, FromAgent, Kept, Offer, Report, ToAgent, from_agent::Message, to_agent,
};
use gabion_image::shared::MAX_PACKED;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, MissedTickBehavior, interval_at, timeout},
};
use tonic::{Status, Streaming};

/// An agent says who it is within this.
const GREETING: Duration = Duration::from_secs(10);
/// An agent says something within this; it tells its status every ten seconds.
const SILENCE: Duration = Duration::from_mins(1);
/// An agent takes an acknowledgement within this.
const TAKING: Duration = Duration::from_secs(30);
/// How often is asked whether the node is still allowed.
const RECHECK: Duration = Duration::from_secs(30);

pub(super) struct Session<I> {
    pub(super) node: Arc<str>,
    pub(super) inbox: Arc<I>,
    pub(super) budget: Arc<Budget>,
    pub(super) place: Place,
    pub(super) out: mpsc::Sender<Result<ToAgent, Status>>,
}

/// What comes in a session bit by bit.
struct Coming {
    report: Parts,
    facts: Parts,
    /// How many have come.
    incidents: u64,
}

/// Does something with files, beside all that waits.
async fn on<T: Send + 'static>(
    (known, own): (&Shelf, u64),
    work: impl FnOnce(&Shelf, u64) -> T + Send + 'static,
) -> Result<T, Status> {
    let known = known.clone();
    let done = tokio::task::spawn_blocking(move || work(&known, own)).await;
    done.map_err(|_| Status::internal("what is known of layers could not be read"))
}

impl<I: Inbox> Session<I> {
    /// Handles messages until one of both has had enough, or `stopped` is.
    pub(super) async fn run(self, mut incoming: Streaming<FromAgent>, mut stopped: watch::Receiver<()>) {
        let ended = tokio::select! {
            ended = self.listen(&mut incoming) => ended,
            // The other half is dropped when the session is to end.
            _ = stopped.changed() => Err(Status::aborted("the hub has ended the session")),
        };
        if let Err(status) = ended {
            // The agent may be gone, or may not listen.
            let _ = self.out.try_send(Err(status));
        }
        if self.place.leave() {
            self.inbox.left(&self.node).await;
        }
    }

    async fn listen(&self, incoming: &mut Streaming<FromAgent>) -> Result<(), Status> {
        let first = timeout(GREETING, incoming.message()).await;
        let first = first.map_err(|_| Status::deadline_exceeded("the agent did not say who it is"))?;
        let Some(FromAgent { message: Some(Message::Hello(hello)) }) = first? else {
            return Err(Status::invalid_argument("a session begins with hello"));
        };
        unless_away(&*self.inbox, self.inbox.hello(&self.node, hello)).await?;
        let mut coming = Coming {
            report: Parts::new(Arc::clone(&self.budget), MAX_COMPRESSED),
            facts: Parts::new(Arc::clone(&self.budget), MAX_PACKED),
            incidents: 0,
        };
        let mut recheck = interval_at(Instant::now() + RECHECK, RECHECK);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                message = incoming.message() => match message? {
                    Some(FromAgent { message: Some(message) }) => {
                        unless_away(&*self.inbox, self.take(message, &mut coming)).await?;
                    }
                    // A newer agent says something that is not known here.
                    Some(FromAgent { message: None }) => {}
                    None => return Ok(()),
                },
                () = tokio::time::sleep_until(heard + SILENCE) => {
                    return Err(Status::deadline_exceeded("the agent was silent for too long"));
                }
                _ = recheck.tick() => {
                    if !unless_away(&*self.inbox, self.inbox.is_allowed(&self.node)).await? {
                        if let Some((known, _)) = self.place.shelf() {
                            known.forget(&self.node);
                        }
                        return Err(shut_out());
                    }
                    continue;
                }
            }
            heard = Instant::now();
        }
    }

    async fn take(&self, message: Message, coming: &mut Coming) -> Result<(), Status> {
        let Self { node, inbox, place, .. } = self;
        match message {
            Message::Hello(hello) => inbox.hello(node, hello).await?,
            Message::Status(status) => inbox.status(node, status).await?,
            Message::Inventory(inventory) => inbox.inventory(node, inventory).await?,
            Message::Loaded(loaded) => inbox.loaded(node, loaded).await?,
            Message::Incident(incident) => {
                inbox.incident(node, incident).await?;
                coming.incidents += 1;
                self.acknowledge(Kept { incidents: coming.incidents, ..Kept::default() }).await?;
            }
            Message::Alerts(Alerts { alerts }) => {
                let alerts = inbox.alerts(node, alerts).await?;
                self.acknowledge(Kept { alerts, ..Kept::default() }).await?;
            }
            Message::Events(Events { events }) => {
                let events = inbox.events(node, events).await?;
                self.acknowledge(Kept { events, ..Kept::default() }).await?;
            }
            Message::Answer(Answer { id, json }) => place.answered(id, json),
            Message::Report(report) => {
                // What nobody asked for is of no use, and may be of an image that the node has never had.
                if !place.is_wanted(&report.image) {
                    return Ok(());
                }
                let layers = [report.layers_read, report.layers_kept, report.layers_shared];
                let Some((image, whole)) = coming.report.take(report) else { return Ok(()) };
                if let Some((known, _)) = place.shelf() {
                    known.count(layers);
                }
                let json = match whole {
                    Ok(compressed) => tokio::task::spawn_blocking(move || inflate(&compressed))
                        .await
                        .map_err(|_| Status::internal("a report could not be read"))?,
                    Err(why) => Err(why),
                };
                inbox.report(node, &image, json).await?;
                place.scanned(&image);
            }
            // Only about what it was asked to scan.
            Message::Wanted(wanted) => {
                let has_room = inbox.has_room();
                let offer = match place.shelf().filter(|_| place.is_wanted(&wanted.image)) {
                    Some(known) => on(known, move |known, own| known.offer(own, wanted, has_room)).await?,
                    None => Offer { image: wanted.image, ..Offer::default() },
                };
                self.say(to_agent::Message::Offer(offer)).await?;
            }
            Message::Fetch(fetch) => {
                let facts = match place.shelf() {
                    Some(known) => on(known, move |known, _| known.part(fetch)).await?,
                    None => Facts { failed: "nothing is shared here".to_owned(), ..Facts::default() },
                };
                self.say(to_agent::Message::Facts(facts)).await?;
            }
            Message::Facts(facts) => self.given(facts, &mut coming.facts).await?,
        }
        Ok(())
    }

    /// What was read of a layer for all others: a part of it. What the node was not to read is of no use.
    async fn given(&self, mut facts: Facts, parts: &mut Parts) -> Result<(), Status> {
        let Some((known, own)) = self.place.shelf() else { return Ok(()) };
        let Some(key) = facts.layer.as_ref().and_then(|layer| digest(&layer.key)) else { return Ok(()) };
        if !known.is_leased(own, key) {
            return Ok(());
        }
        if !facts.failed.is_empty() {
            known.give_back(own, key, facts.large);
            return Ok(());
        }
        let part = std::mem::take(&mut facts.part);
        let part = Report { image: key.hex(), part, last: facts.last, ..Report::default() };
        match parts.take(part) {
            None => {}
            Some((_, Ok(packed))) => {
                let node = Arc::clone(&self.node);
                on((known, own), move |known, own| known.keep(own, &node, &facts, &packed)).await?;
            }
            Some((_, Err(_))) => known.refuse(own, key),
        }
        Ok(())
    }

    async fn acknowledge(&self, up_to: Kept) -> Result<(), Status> {
        self.say(to_agent::Message::Kept(up_to)).await
    }

    async fn say(&self, message: to_agent::Message) -> Result<(), Status> {
        match timeout(TAKING, self.out.send(Ok(ToAgent { message: Some(message) }))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Status::cancelled("the agent is gone")),
            Err(_) => Err(Status::deadline_exceeded("the agent does not listen")),
        }
    }
}
