//! A session: messages of one agent, one after the other.

use super::{
    Inbox,
    desk::{Place, kept},
    inbox::unless_away,
    reports::{Budget, Parts, inflate},
    service::shut_out,
};
use gabion_api::agent::{Alerts, Answer, Events, FromAgent, Kept, ToAgent, from_agent::Message};
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
        let mut parts = Parts::new(Arc::clone(&self.budget));
        let mut incidents = 0;
        let mut recheck = interval_at(Instant::now() + RECHECK, RECHECK);
        recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                message = incoming.message() => match message? {
                    Some(FromAgent { message: Some(message) }) => {
                        unless_away(&*self.inbox, self.take(message, &mut parts, &mut incidents)).await?;
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
                        return Err(shut_out());
                    }
                    continue;
                }
            }
            heard = Instant::now();
        }
    }

    async fn take(&self, message: Message, parts: &mut Parts, incidents: &mut u64) -> Result<(), Status> {
        let Self { node, inbox, place, .. } = self;
        match message {
            Message::Hello(hello) => inbox.hello(node, hello).await?,
            Message::Status(status) => inbox.status(node, status).await?,
            Message::Inventory(inventory) => inbox.inventory(node, inventory).await?,
            Message::Loaded(loaded) => inbox.loaded(node, loaded).await?,
            Message::Incident(incident) => {
                inbox.incident(node, incident).await?;
                *incidents += 1;
                self.acknowledge(Kept { incidents: *incidents, ..Kept::default() }).await?;
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
                let Some((image, whole)) = parts.take(report) else { return Ok(()) };
                let json = match whole {
                    Ok(compressed) => tokio::task::spawn_blocking(move || inflate(&compressed))
                        .await
                        .map_err(|_| Status::internal("a report could not be read"))?,
                    Err(why) => Err(why),
                };
                inbox.report(node, &image, json).await?;
                place.scanned(&image);
            }
        }
        Ok(())
    }

    async fn acknowledge(&self, up_to: Kept) -> Result<(), Status> {
        match timeout(TAKING, self.out.send(Ok(kept(up_to)))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Status::cancelled("the agent is gone")),
            Err(_) => Err(Status::deadline_exceeded("the agent does not listen")),
        }
    }
}
