//! Messages on their way: for each sink one task at a time, so that one that is slow holds up no other. What becomes of a message is kept before the
//! next one is sent; killed in between, it is sent again under the same id. A message of many records, as PagerDuty is sent, goes on where it was.

use super::words::line;
use crate::{
    Hub,
    sinks::{Sending, hand_over, pause},
};
use gabion_api::rest::{Millis, Notification, NotificationItem, NotificationKind, Severity, SinkTarget};
use gabion_sink::{Item, Kind, Record};
use gabion_store::state::{StateError, StoredNotification, StoredSink};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    slice,
};
use tokio::task::{Id, JoinSet};

/// Messages that are looked at at once.
const AT_ONCE: u64 = 200;
/// So often something of a message is refused before what is refused is given up.
const TRIES: u64 = 6;
/// A sink that is not there, paused or cannot be used is looked at again after so long.
const LOOK_AGAIN: Millis = 60_000;
/// Titles that stand in the line of a message, for sinks that show nothing else.
const IN_LINE: usize = 5;

/// The tasks, and the sink of each.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    tasks: JoinSet<()>,
    busy: HashMap<Id, String>,
}

impl Outbox {
    /// Sends what is due, but not to where something is being sent.
    pub(super) async fn send(&mut self, hub: &Hub) -> anyhow::Result<()> {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(ended);
        }
        let mut by_sink: BTreeMap<String, Vec<StoredNotification>> = BTreeMap::new();
        let busy: BTreeSet<String> = self.busy.values().cloned().collect();
        for stored in hub.state.due_notifications(hub.now(), &busy, AT_ONCE).await? {
            by_sink.entry(stored.notification.sink.clone()).or_default().push(stored);
        }
        for (sink, messages) in by_sink {
            let (hub, name) = (hub.clone(), sink.clone());
            let task = self.tasks.spawn(async move {
                if let Err(error) = hub.send_messages(&name, messages).await {
                    hub.note(&format!(
                        "what became of notifications for the sink {name} cannot be kept, they are sent again: {error:#}"
                    ));
                }
            });
            self.busy.insert(task.id(), sink);
        }
        Ok(())
    }

    /// Waits until a task ends.
    pub(super) async fn done(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.ended(ended),
            None => std::future::pending().await,
        }
    }

    fn ended(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => error.id(),
        };
        self.busy.remove(&id);
    }
}

impl Hub {
    /// Sends messages to a sink, in order, until one cannot be sent.
    async fn send_messages(&self, name: &str, messages: Vec<StoredNotification>) -> anyhow::Result<()> {
        let sink = match self.state.stored_sink(name).await {
            Ok(sink) if sink.paused => Err(format!("the sink {name} is paused")),
            Ok(sink) => Ok(sink),
            Err(StateError::Absent { .. }) => Err(format!("there is no sink {name}")),
            Err(error) => return Err(error.into()),
        };
        let mut stop = sink.as_ref().err().map(|why| (why.clone(), self.now() + LOOK_AGAIN));
        for stored in messages {
            let id = &stored.notification.id;
            if let Some((why, again)) = &stop {
                self.state.notification_waits(id, why, *again, false).await?;
                continue;
            }
            if let Ok(sink) = &sink {
                stop = self.send_message(sink, &stored).await?;
            }
        }
        Ok(())
    }

    /// Sends of one what its sink has not taken yet, and keeps after each record how far that is; why no other message can be sent, and when it may be
    /// tried again.
    async fn send_message(
        &self,
        sink: &StoredSink,
        stored: &StoredNotification,
    ) -> anyhow::Result<Option<(String, Millis)>> {
        let StoredNotification { notification, base, refusals, taken, taken_by } = stored;
        let Notification { id, rule, tries, .. } = notification;
        let (name, version) = (&sink.name, sink.version);
        let base = self.public_address().await?.unwrap_or_else(|| base.clone());
        let records = records(notification, &base, &sink.target);
        // A sink that was changed may be another system, to which other records are sent.
        let by = format!("{name} {} {}", version.0, version.1);
        let before = if *taken_by == by { *taken } else { 0 };
        let (mut taken, mut refusals, mut refusal) = (before, *refusals, None);
        let mut to = self.make_sink(sink);
        for record in records.iter().skip(usize::try_from(before)?) {
            let sending = match &mut to {
                Ok(to) => hand_over(to, slice::from_ref(record), self.now()).await,
                Err(error) => Sending::Again(error.to_string(), None),
            };
            let now = self.now();
            let failures = if taken > before { 1 } else { u32::try_from(tries + 1).unwrap_or(u32::MAX) };
            let after = |wait| {
                let wait = pause(failures, wait);
                now + Millis::try_from(wait.as_millis()).unwrap_or(LOOK_AGAIN)
            };
            match sending {
                Sending::Taken => self.state.sink_took(name, version, None, now).await?,
                Sending::Refused(why) if refusals + 1 < TRIES => {
                    self.state.notification_refused(id, &why, Some(after(None))).await?;
                    return Ok(None);
                }
                Sending::Refused(why) => {
                    if refusals + 1 == TRIES {
                        self.note(&format!(
                            "the sink {name} has refused the notification {id} of the rule {rule} for good: {why}"
                        ));
                    }
                    self.state.sink_took(name, version, Some(&why), now).await?;
                    // The others of it may be taken.
                    (refusals, refusal) = (refusals + 1, Some(why));
                }
                Sending::Again(why, wait) => {
                    if *tries == 0 {
                        self.note(&format!(
                            "the notification {id} of the rule {rule} cannot be sent to {name}, it waits: {why}"
                        ));
                    }
                    let again = after(wait);
                    self.state.sink_failed(name, version, &why, now).await?;
                    self.state.notification_waits(id, &why, again, true).await?;
                    return Ok(Some((why, again)));
                }
            }
            taken += 1;
            self.state.notification_taken(id, &by, taken, refusals).await?;
        }
        if refusals >= TRIES {
            let why = refusal.unwrap_or_else(|| "some of it was refused".to_owned());
            self.state.notification_refused(id, &why, None).await?;
            return Ok(None);
        }
        if *tries > 0 {
            self.note(&format!("the notification {id} of the rule {rule} is sent to {name} at last"));
        }
        self.state.notification_sent(id, self.now()).await?;
        Ok(None)
    }

    /// The address of the hub, where one is set.
    async fn public_address(&self) -> anyhow::Result<Option<String>> {
        let provider = self.provider().await.map_err(|error| anyhow::anyhow!("{error:?}"))?;
        Ok(provider.and_then(|kept| kept.provider.public_url))
    }

    /// Sends a message of a rule that tells nothing, to see what its sink says.
    pub(crate) async fn try_rule(
        &self,
        name: &str,
        sink: &str,
        base: &str,
        by: &str,
    ) -> anyhow::Result<Result<(), String>> {
        let stored = self.state.stored_sink(sink).await?;
        let base = self.public_address().await?.unwrap_or_else(|| base.to_owned());
        let link = "/settings/notifications".to_owned();
        let item = NotificationItem {
            key: format!("test of {name}"),
            kind: NotificationKind::NewFinding,
            severity: Severity::Info,
            owner: None,
            subject: "nothing".to_owned(),
            title: format!("{} tries the rule {name}: nothing has happened", line(by, 100)),
            link: link.clone(),
            lasting: false,
            over: false,
        };
        let notification = Notification {
            id: crate::random_id("test"),
            rule: name.to_owned(),
            sink: sink.to_owned(),
            time: self.now(),
            severity: Severity::Info,
            title: format!("Test of the notification rule {name}"),
            items: vec![item],
            more: 0,
            link,
            state: gabion_api::rest::NotificationState::Waiting,
            tries: 0,
            until: None,
            sent: None,
            error: None,
        };
        Ok(match self.send_to_sink(&stored, &records(&notification, &base, &stored.target)).await {
            Sending::Taken => Ok(()),
            Sending::Refused(why) | Sending::Again(why, _) => Err(why),
        })
    }
}

/// What a sink is sent of a message: it as a whole, and for PagerDuty each thing that goes on for itself, so that it is over there when it is over here.
pub(super) fn records(notification: &Notification, base: &str, target: &SinkTarget) -> Vec<Record> {
    let Notification { id, rule, time, severity, title, items, more, link, .. } = notification;
    let address = |link: &str| format!("{}{link}", base.trim_end_matches('/'));
    let item = |item: &NotificationItem| Item {
        key: item.key.clone(),
        kind: item.kind.as_str().to_owned(),
        severity: item.severity,
        owner: item.owner.clone(),
        subject: item.subject.clone(),
        title: item.title.clone(),
        link: address(&item.link),
        over: item.over,
    };
    let record = |id: &str, title: &str, severity: Severity, link: &str| Record {
        id: id.to_owned(),
        kind: Kind::Notification,
        time: *time,
        severity,
        title: title.to_owned(),
        message: format!("{title}: {}", address(link)),
        rule: Some(rule.clone()),
        link: Some(address(link)),
        ..Record::default()
    };
    if !matches!(target, SinkTarget::PagerDuty { .. }) {
        let named: Vec<&str> = items.iter().take(IN_LINE).map(|item| item.title.as_str()).collect();
        let rest = items.len().saturating_sub(IN_LINE) as u64 + more;
        let rest = if rest > 0 { format!("; and {rest} more") } else { String::new() };
        let message = match items.as_slice() {
            [_] if *more == 0 => format!("{title}: {}", address(link)),
            _ => format!("{title}: {}{rest}: {}", named.join("; "), address(link)),
        };
        let record = record(id, title, *severity, link);
        let count = items.len() as u64 + more;
        return vec![Record {
            message,
            items: items.iter().map(item).collect(),
            more: *more,
            count,
            ..record
        }];
    }
    let (lasting, others): (Vec<_>, Vec<_>) = items.iter().partition(|item| item.lasting);
    let mut records: Vec<Record> = lasting
        .into_iter()
        .map(|one| {
            // As a sink that is handed incidents has them.
            let key = one.key.strip_prefix("incident ").unwrap_or(&one.key);
            let state = if one.over { "closed" } else { "open" };
            Record {
                state: Some(state.to_owned()),
                workload: one.owner.clone(),
                ..record(key, &one.title, one.severity, &one.link)
            }
        })
        .collect();
    if !others.is_empty() || *more > 0 {
        let worst = others.iter().map(|item| item.severity).max().unwrap_or(*severity);
        let title = match others.as_slice() {
            [one] if *more == 0 => &one.title,
            _ => title,
        };
        let whole = record(id, title, worst, link);
        records.push(Record { items: others.into_iter().map(item).collect(), more: *more, ..whole });
    }
    records
}
