//! What a rule would have sent: the same engine, over what is known to have happened.

use super::{Engine, Happening, Rule, engine::Message, words};
use gabion_api::rest::{Millis, NotificationKind, NotificationPreview, PreviewedNotification};
use gabion_store::state::Happened;
use std::collections::BTreeSet;

/// Messages that are shown, and happenings of each.
const SHOWN: usize = 50;
const NAMED: usize = 10;

impl Rule {
    /// Follows it through a time. `is_all`: nothing of it was left out.
    pub(crate) fn follow(
        &self,
        happened: &[(Millis, Happened)],
        is_all: bool,
        (from, to): (Millis, Millis),
    ) -> NotificationPreview {
        let (mut engine, mut messages, mut happenings) = (Engine::default(), Vec::new(), 0);
        for (time, what) in happened {
            // What happens at one moment is taken at once.
            until(&mut engine, self, *time - 1, &mut messages);
            let news = words::own(what, self).unwrap_or_else(|| words::news(what));
            happenings += u64::from(self.wants(&news));
            engine.happened(self, &news, *time);
        }
        until(&mut engine, self, to, &mut messages);
        let shown = messages.iter().rev().take(SHOWN).map(|(time, message)| shown(*time, message));
        NotificationPreview {
            from,
            to,
            total: messages.len() as u64,
            happenings,
            messages: shown.collect(),
            gathered: engine.gathered(),
            unknown: unknown(self, is_all),
        }
    }
}

/// Makes the messages that are due until then.
fn until(engine: &mut Engine, rule: &Rule, time: Millis, messages: &mut Vec<(Millis, Message)>) {
    let busy = BTreeSet::new();
    // Each turn takes a part or lets something ripen, so that it ends; a rule without sense must not make it last.
    for _ in 0..100_000 {
        let Some(next) = engine.next(rule, Millis::MIN, &busy).filter(|next| *next <= time) else { return };
        engine.ripen(rule, next);
        for part in engine.due(rule, next, &busy) {
            messages.extend(engine.take(&part, next).map(|message| (next, message)));
        }
    }
}

fn shown(time: Millis, message: &Message) -> PreviewedNotification {
    let title = words::headline(message);
    let all = message.happenings.len() as u64 + message.more;
    let items: Vec<Happening> = message.happenings.iter().take(NAMED).cloned().collect();
    let more = all - items.len() as u64;
    PreviewedNotification { time, severity: message.severity, title, items, more }
}

/// What of it cannot be known.
fn unknown(rule: &Rule, is_all: bool) -> Vec<String> {
    let wants = |kind| rule.kinds.is_empty() || rule.kinds.contains(&kind);
    let mut unknown = Vec::new();
    let mut say = |text: &str| unknown.push(text.to_owned());
    if !is_all {
        say("more happened than is looked at: the preview is of the first of it");
    }
    if wants(NotificationKind::Incident) {
        say("of incidents it is kept when they began and changed last, not each change");
    }
    if wants(NotificationKind::DeadlineNear) || wants(NotificationKind::DeadlineOver) {
        say("deadlines are those of what is still to be done; of what was mended since they are not kept");
    }
    for (kind, what) in [
        (NotificationKind::AgentLost, "agents were lost"),
        (NotificationKind::SinkTrouble, "sinks were away"),
    ] {
        // Nobody owns them.
        if wants(kind) && rule.owners.is_empty() {
            say(&format!("it is not kept when {what}"));
        }
    }
    unknown
}
