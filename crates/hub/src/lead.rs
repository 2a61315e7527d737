//! Which of several hubs does what is to be done once, and whether the database answers.
//!
//! ```text
//!   each second: seat held? ──yes──► leads until LEASE after it was asked ──► jobs, sinks, registries
//!                     ├──no───► another leads; it is asked again
//!                     └─error─► leads no more, and the database is away: requests are answered at once by 503
//! ```
//!
//! A hub on SQLite is alone: it leads from start to end.

use crate::Hub;
use gabion_store::state::{Kind, LEASE};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// How often is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How long an answer may take. With what is between two questions, it is less than a lease.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why it is away that has not refused.
const SILENT: &str = "it says nothing";

/// What is known of it.
#[derive(Debug)]
pub(crate) struct Lead {
    /// There is no other hub, and cannot be.
    alone: bool,
    /// Until when it may believe that it leads: a process that stood still for a while finds it over.
    until: Mutex<Option<Instant>>,
    leads: watch::Sender<bool>,
    away: watch::Sender<bool>,
}

impl Lead {
    pub(crate) fn new(kind: Kind) -> Self {
        let alone = kind == Kind::Sqlite;
        Self {
            alone,
            until: Mutex::default(),
            leads: watch::Sender::new(alone),
            away: watch::Sender::new(false),
        }
    }

    /// Whether no other hub can be there.
    pub(crate) const fn is_alone(&self) -> bool {
        self.alone
    }

    /// Whether this hub does what is to be done once.
    pub(crate) fn leads(&self) -> bool {
        self.alone || self.until().is_some_and(|until| Instant::now() < until)
    }

    /// Whether the database does not answer.
    pub(crate) fn is_away(&self) -> bool {
        *self.away.borrow()
    }

    /// Waits until the database does not answer.
    pub(crate) async fn until_away(&self) {
        if self.away.subscribe().wait_for(|away| *away).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Does something that needs the database; not any more once that does not answer: a question that was under way then may never be answered.
    pub(crate) async fn while_there<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.until_away() => None,
            done = work => Some(done),
        }
    }

    fn until(&self) -> Option<Instant> {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, until: Option<Instant>, is_away: bool) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
        let change = |now: bool| move |known: &mut bool| std::mem::replace(known, now) != now;
        self.leads.send_if_modified(change(until.is_some()));
        self.away.send_if_modified(change(is_away));
    }
}

/// Asks for the seat until the hub ends.
pub(crate) async fn run(hub: Hub) {
    if hub.lead.alone {
        return std::future::pending().await;
    }
    let mut seat = hub.state.seat();
    loop {
        let (before, was_away) = (hub.lead.until(), hub.lead.is_away());
        let asked = Instant::now();
        match timeout(PATIENCE, seat.hold()).await {
            Ok(Ok(true)) => {
                if before.is_none() {
                    let kept = timeout(PATIENCE, hub.state.hub_leads(&hub.together.id, hub.now())).await;
                    let why = match kept {
                        Ok(Ok(())) => None,
                        Ok(Err(error)) => Some(error.to_string()),
                        Err(_) => Some(SILENT.to_owned()),
                    };
                    if let Some(why) = why {
                        hub.note(&format!("that this hub leads could not be kept: {why}"));
                    }
                }
                hub.lead.set(Some(asked + LEASE), false);
                if before.is_none() {
                    hub.note("this hub leads: it does what is to be done once for all hubs");
                }
            }
            Ok(Ok(false)) => {
                hub.lead.set(None, false);
                if before.is_some() {
                    hub.note("another hub leads now");
                }
            }
            failed => {
                // What was being said is in the middle of the session.
                seat.leave();
                hub.lead.set(None, true);
                if !was_away {
                    let why = match failed {
                        Ok(Err(error)) => error.to_string(),
                        _ => SILENT.to_owned(),
                    };
                    hub.note(&format!("the database is away, all waits until it is back: {why}"));
                }
            }
        }
        if was_away && !hub.lead.is_away() {
            hub.note("the database is back");
            // What nodes were about to tell may not have come to it, and comes again.
            hub.executed.forget_all();
            hub.everything_may_have_changed();
        }
        sleep(EVERY).await;
    }
}

/// Does something while this hub leads, from its beginning each time that it comes to lead.
pub(crate) async fn while_leading<F: Future<Output = ()>>(hub: Hub, work: impl Fn(Hub) -> F) {
    let mut leads = hub.lead.leads.subscribe();
    loop {
        if leads.wait_for(|leads| *leads).await.is_err() {
            return;
        }
        tokio::select! {
            () = work(hub.clone()) => {}
            _ = leads.wait_for(|leads| !*leads) => {}
        }
    }
}
