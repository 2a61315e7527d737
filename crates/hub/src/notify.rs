//! Notification rules: which of what happens becomes which message, and when.
//!
//! ```text
//!   store::happened ─► news ─► each rule that wants it ─► a part of it (by owner, kind, subject) ─► waits, and through quiet hours ─► one message
//!                                 told not long ago: later     more of the same joins it                        │
//!   one transaction: marks of what was taken, what rules remember, messages ────────────────────────────────────┘
//!   outbox: message ─► sink by name; away: again, under the same id; refused for good: failed, and that is told
//! ```
//!
//! A part waits from its first happening on, so that a steady stream puts nothing off, and makes no second message while one is not sent: a sink that
//! was away for a day is sent two, and not a hundred. [`Engine`] and [`Rule`] are pure: time is passed in, and all that is remembered is one value.

mod engine;
mod outbox;
mod preview;
mod quiet;
mod rule;
mod words;

pub(crate) use engine::Engine;
use quiet::Quiet;
pub(crate) use rule::Rule;
pub(crate) use words::News;

use crate::{DAY, Hub, random_id};
use gabion_api::rest::{Millis, NotificationItem};
use gabion_store::state::{Decided, Happened, NewNotification, RuleAfter, StateError, StoredRule};
use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};

/// What rules gather and messages tell.
pub(crate) type Happening = NotificationItem;

/// How often it is looked whether something has happened, and every how many times for what comes with time.
const LOOK: Duration = Duration::from_secs(2);
const SELDOM: u32 = 10;
/// How long messages that were sent or refused are kept.
pub(crate) const KEPT: Millis = 90 * DAY;

/// Wakes who looks after messages.
#[derive(Debug)]
pub(crate) struct Notifier {
    changed: Notify,
    /// Since when the hub hears: what was silent before may have spoken.
    since: AtomicI64,
}

impl Default for Notifier {
    fn default() -> Self {
        Self { changed: Notify::default(), since: AtomicI64::new(Millis::MAX) }
    }
}

impl Notifier {
    /// Rules, or what is to be sent, are others than before.
    pub(crate) fn changed(&self) {
        self.changed.notify_one();
    }
}

/// Goes on until the hub ends.
pub(crate) async fn run(hub: Hub) {
    hub.notifier.since.store(hub.now(), Ordering::Relaxed);
    let mut outbox = outbox::Outbox::default();
    let (mut turn, mut is_failing) = (0, false);
    loop {
        let done = async {
            hub.notice(turn % SELDOM == 0).await?;
            outbox.send(&hub).await
        };
        match done.await {
            Ok(()) => is_failing = false,
            Err(error) if !is_failing => {
                is_failing = true;
                hub.note(&format!("notifications have to wait for the hub's own state: {error:#}"));
            }
            Err(_) => {}
        }
        turn = turn.wrapping_add(1);
        tokio::select! {
            () = hub.notifier.changed.notified() => turn = 0,
            // More of the same may be due now.
            () = outbox.done() => turn = 0,
            () = sleep(LOOK) => {}
        }
    }
}

impl Hub {
    /// Takes what has happened, and makes the messages that are due. With `all` it is also looked for what comes with time; a rule that is made after
    /// that is told nothing of what was before.
    pub(crate) async fn notice(&self, all: bool) -> Result<(), StateError> {
        let (now, since) = (self.now(), self.notifier.since.load(Ordering::Relaxed));
        if !all && !self.state.is_something_happening(now).await? {
            return Ok(());
        }
        let mut unread = Vec::new();
        self.state
            .take_happened(all, since, now, |rules, happened| decide(rules, happened, now, &mut unread))
            .await?;
        for name in unread {
            self.note(&format!(
                "what the notification rule {name} had gathered cannot be read any more: it begins anew"
            ));
        }
        Ok(())
    }
}

/// What becomes of what happened. `unread` are rules of which it is not known what they remembered.
fn decide(rules: &[StoredRule], happened: &[Happened], now: Millis, unread: &mut Vec<String>) -> Decided {
    let news: Vec<News> = happened.iter().map(words::news).collect();
    let mut decided = Decided::default();
    for stored in rules {
        let name = &stored.rule.name;
        // One that was kept makes sense.
        let Ok(rule) = Rule::try_from(&stored.rule) else {
            unread.push(name.clone());
            continue;
        };
        let mut engine = match stored.engine.as_str() {
            "" => Engine::default(),
            text => serde_json::from_str(text).unwrap_or_else(|_| {
                unread.push(name.clone());
                Engine::default()
            }),
        };
        let paused = stored.rule.paused;
        for (what, all) in happened.iter().zip(&news) {
            let own = words::own(what, &rule);
            let one = own.as_ref().unwrap_or(all);
            // What was told before a pause and is over meanwhile has to be taken back after it.
            if !paused || one.happening.over {
                engine.happened(&rule, one, now);
            }
        }
        engine.ripen(&rule, now);
        let due = if paused { Vec::new() } else { engine.due(&rule, now, &stored.busy) };
        for part in due {
            let Some(message) = engine.take(&part, now) else { continue };
            let title = words::headline(&message);
            decided.messages.push(NewNotification {
                id: random_id("msg"),
                rule: name.clone(),
                part,
                severity: message.severity,
                title,
                link: words::page(&message, &rule),
                items: message.happenings,
                more: message.more,
            });
        }
        let busy = decided.messages.iter().filter(|message| message.rule == *name);
        let busy = busy.map(|message| message.part.clone()).chain(stored.busy.iter().cloned()).collect();
        let due = engine.next(&rule, now, &busy).filter(|_| !paused);
        let text = serde_json::to_string(&engine).unwrap_or_default();
        if text != stored.engine || due != stored.due {
            let gathered = engine.gathered();
            decided.rules.push(RuleAfter { name: name.clone(), engine: text, gathered, due });
        }
    }
    decided
}

#[cfg(test)]
mod tests;
