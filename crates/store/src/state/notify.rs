//! Notification rules, what each has gathered, and messages: from when they are made until they are sent.
//!
//! ```text
//!   take_happened, one transaction: what happened ─► somebody decides ─► what rules have gathered, and messages that are due
//!   a message: waiting ─► sent, under one id;  waiting ─► failed, if the sink refuses it for good or the rule is gone
//! ```
//!
//! What has happened counts as taken only when what became of it is kept. So it is neither lost nor told twice, whenever the hub ends.

use super::{
    Paging, Result, Scope, State, StateError,
    findings::{rank, severity_of},
    from_json,
    happened::{self, Happened},
    list::{Key, List},
    sql::{Columns, q, word_of},
    to_json,
};
use gabion_api::rest::{
    Millis, NewNotificationRule, Notification, NotificationItem, NotificationRule, NotificationState, Page,
    Severity, SinkState,
};
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet};

/// Characters of an error that are kept.
const MAX_ERROR: usize = 500;

/// A rule, for whoever decides what becomes of what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRule {
    /// What it says.
    pub rule: NewNotificationRule,
    /// What it remembers, as it was kept; empty at first.
    pub engine: String,
    /// When a message was due, as it was kept.
    pub due: Option<Millis>,
    /// Parts of which a message is not sent yet: no other is made of them.
    pub busy: BTreeSet<String>,
}

/// What a rule remembers from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleAfter {
    /// Which.
    pub name: String,
    /// What it remembers.
    pub engine: String,
    /// So many things are gathered.
    pub gathered: u64,
    /// When a message of them is due.
    pub due: Option<Millis>,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNotification {
    /// Its id.
    pub id: String,
    /// Its rule, by name.
    pub rule: String,
    /// Which part of the rule it is of.
    pub part: String,
    /// The worst in it.
    pub severity: Severity,
    /// It, in a line.
    pub title: String,
    /// What it names.
    pub items: Vec<NotificationItem>,
    /// How many more there are.
    pub more: u64,
    /// The page of all of it.
    pub link: String,
}

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// Rules that remember something else than before.
    pub rules: Vec<RuleAfter>,
    /// Messages.
    pub messages: Vec<NewNotification>,
}

/// A message that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredNotification {
    /// What it is.
    pub notification: Notification,
    /// The address of the console: what links begin with.
    pub base: String,
    /// How often something of it was refused in a row.
    pub refusals: u64,
    /// So many of its records were taken, or given up,
    pub taken: u64,
    /// by this sink, as the sender names it: another one has none.
    pub taken_by: String,
}

/// Messages in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifyNumbers {
    /// That wait.
    pub waiting: u64,
    /// That were sent and are kept.
    pub sent: u64,
    /// That were refused for good and are kept.
    pub failed: u64,
}

const LIST: List = List {
    columns: "notification.*",
    from: "notification",
    id: "notification.id",
    keys: &[Key { name: "time", column: "notification.time", text: false }],
    down: true,
};

fn read(row: &AnyRow) -> Result<Notification> {
    let state: NotificationState = row.word("state")?;
    let again = row.maybe_int("again")?;
    Ok(Notification {
        id: row.text("id")?,
        rule: row.text("rule")?,
        sink: row.text("sink")?,
        time: row.int("time")?,
        severity: severity_of(row.int("severity")?),
        title: row.text("title")?,
        items: row.json("items")?,
        more: row.count("more")?,
        link: row.text("link")?,
        state,
        tries: row.count("tries")?,
        until: again.filter(|_| state == NotificationState::Waiting),
        sent: row.maybe_int("sent")?,
        error: row.maybe_text("error")?,
    })
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_ERROR).collect()
}

fn absent(what: &'static str, id: &str) -> StateError {
    StateError::Absent { what, id: id.to_owned() }
}

impl State {
    /// Whether there may be something for rules.
    pub async fn is_something_happening(&self, now: Millis) -> Result<bool> {
        happened::is_any(self, now).await
    }

    /// Takes what has happened, and keeps what becomes of it, at once. With `all` also what comes with time is looked for; `since` is when the
    /// hub began to hear. How many messages there are.
    pub async fn take_happened<F>(&self, all: bool, since: Millis, now: Millis, decide: F) -> Result<u64>
    where
        F: FnOnce(&[StoredRule], &[Happened]) -> Decided + Send,
    {
        let mut tx = self.begin().await?;
        // Another hub of the same database waits here, and finds what is left.
        q("UPDATE notify_mark SET taken = taken + 1 WHERE one = 1").run(&mut *tx).await?;
        let mut happened = Vec::new();
        happened::often(&mut tx, &mut happened).await?;
        if all {
            happened::seldom(&mut tx, since, now, &mut happened).await?;
        }
        let mut busy: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in q("SELECT rule, part FROM notification WHERE state = 'waiting'").all(&mut *tx).await? {
            busy.entry(row.text("rule")?).or_default().insert(row.text("part")?);
        }
        let (mut rules, mut places) = (Vec::new(), BTreeMap::new());
        for row in q("SELECT * FROM notify_rule ORDER BY name").all(&mut *tx).await? {
            let rule: NewNotificationRule = row.json("rule")?;
            places.insert(rule.name.clone(), (rule.sink.clone(), to_json(&rule.owners), row.text("base")?));
            let busy = busy.remove(&rule.name).unwrap_or_default();
            rules.push(StoredRule { rule, engine: row.text("engine")?, due: row.maybe_int("due")?, busy });
        }
        let decided = decide(&rules, &happened);
        for after in &decided.rules {
            q("UPDATE notify_rule SET engine = ?, gathered = ?, due = ? WHERE name = ?")
                .bind(&after.engine)
                .bind(after.gathered)
                .bind(after.due)
                .bind(&after.name)
                .run(&mut *tx)
                .await?;
        }
        for message in &decided.messages {
            let Some((sink, owners, base)) = places.get(&message.rule) else { continue };
            q("INSERT INTO notification (id, rule, sink, owners, part, time, severity, title, items, more, link, base, state, again) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?)")
                .bind(&message.id).bind(&message.rule).bind(sink).bind(owners).bind(&message.part).bind(now).bind(rank(message.severity))
                .bind(&message.title).bind(to_json(&message.items)).bind(message.more).bind(&message.link).bind(base).bind(now)
                .run(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(decided.messages.len() as u64)
    }

    /// A rule comes to be. `base` is what links in its messages begin with.
    pub async fn add_notify_rule(
        &self,
        rule: &NewNotificationRule,
        base: &str,
        by: &str,
        now: Millis,
    ) -> Result<()> {
        let added = q("INSERT INTO notify_rule (name, sink, rule, paused, base, created, created_by) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING")
            .bind(&rule.name).bind(&rule.sink).bind(to_json(rule)).bind(rule.paused).bind(base).bind(now).bind(by)
            .run(&self.pool).await?;
        if added == 0 {
            return Err(StateError::Refused(format!("there is a rule {:?} already", rule.name)));
        }
        Ok(())
    }

    /// A rule is this from now on. What it has gathered stays; messages that wait go to its sink.
    pub async fn change_notify_rule(&self, rule: &NewNotificationRule, base: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        let changed = q("UPDATE notify_rule SET sink = ?, rule = ?, paused = ?, base = ? WHERE name = ?")
            .bind(&rule.sink)
            .bind(to_json(rule))
            .bind(rule.paused)
            .bind(base)
            .bind(&rule.name)
            .run(&mut *tx)
            .await?;
        if changed == 0 {
            return Err(absent("notification rule", &rule.name));
        }
        q("UPDATE notification SET sink = ? WHERE rule = ? AND state = 'waiting'")
            .bind(&rule.sink)
            .bind(&rule.name)
            .run(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// A rule is gone, and so is what it has gathered; messages that wait are not sent.
    pub async fn remove_notify_rule(&self, name: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        if q("DELETE FROM notify_rule WHERE name = ?").bind(name).run(&mut *tx).await? == 0 {
            return Err(absent("notification rule", name));
        }
        q("UPDATE notification SET state = 'failed', again = NULL, error = 'its rule was removed before it was sent' \
           WHERE rule = ? AND state = 'waiting'").bind(name).run(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// All rules, by name.
    pub async fn notify_rules(&self) -> Result<Vec<NotificationRule>> {
        let rows = q("SELECT notify_rule.*, sink.name AS sink_name, sink.paused AS sink_paused, sink.failing_since AS failing_since, \
             (SELECT COUNT(*) FROM notification WHERE notification.rule = notify_rule.name AND notification.state = 'waiting') AS waiting, \
             (SELECT COUNT(*) FROM notification WHERE notification.rule = notify_rule.name AND notification.state = 'sent') AS sent, \
             (SELECT COUNT(*) FROM notification WHERE notification.rule = notify_rule.name AND notification.state = 'failed') AS failed, \
             (SELECT MAX(notification.sent) FROM notification WHERE notification.rule = notify_rule.name) AS last \
             FROM notify_rule LEFT JOIN sink ON sink.name = notify_rule.sink ORDER BY notify_rule.name").all(&self.pool).await?;
        let rule = |row: &AnyRow| {
            let sink_state = match row.maybe_text("sink_name")? {
                None => None,
                Some(_) if row.flag("sink_paused")? => Some(SinkState::Paused),
                Some(_) if row.maybe_int("failing_since")?.is_some() => Some(SinkState::Failing),
                Some(_) => Some(SinkState::Well),
            };
            Ok(NotificationRule {
                rule: row.json("rule")?,
                created: row.int("created")?,
                by: row.text("created_by")?,
                sink_state,
                gathered: row.count("gathered")?,
                due: row.maybe_int("due")?,
                waiting: row.count("waiting")?,
                sent: row.count("sent")?,
                failed: row.count("failed")?,
                last: row.maybe_int("last")?,
            })
        };
        rows.iter().map(rule).collect()
    }

    /// Messages: of a rule, in these states, and of rules that were only about owners within a scope.
    pub async fn notifications(
        &self,
        of: Option<&str>,
        states: &[NotificationState],
        scope: &Scope,
        paging: &Paging,
    ) -> Result<Page<Notification>> {
        let within = if scope.is_all() { None } else { Some(self.owners_within(scope).await?) };
        let filter = |mut query: super::sql::Query| {
            if let Some(rule) = of {
                query = query.push(" AND notification.rule = ?").bind(rule);
            }
            if !states.is_empty() {
                query = query.push(" AND notification.state IN ").list(states.iter().map(word_of));
            }
            if let Some(within) = &within {
                query = query.push(" AND notification.owners IN ").list(within);
            }
            query
        };
        self.page(LIST, paging, filter, read).await
    }

    /// One message, within a scope.
    pub async fn notification(&self, id: &str, scope: &Scope) -> Result<Notification> {
        let row = q("SELECT * FROM notification WHERE id = ?").bind(id).first(&self.pool).await?;
        let row = row.ok_or_else(|| absent("notification", id))?;
        let owners: Vec<String> = row.json("owners")?;
        if scope.has_rule_of(&owners) { read(&row) } else { Err(absent("notification", id)) }
    }

    /// The lists of owners that rules had which are within a scope, as they are kept.
    async fn owners_within(&self, scope: &Scope) -> Result<Vec<String>> {
        let rows = q("SELECT DISTINCT owners FROM notification").all(&self.pool).await?;
        let mut within = Vec::new();
        for row in &rows {
            let text = row.text("owners")?;
            if scope.has_rule_of(&from_json::<Vec<String>>(&text)?) {
                within.push(text);
            }
        }
        Ok(within)
    }

    /// Messages that are to be sent now, the oldest first; none for sinks that are `busy`, so that these hold up no other.
    pub async fn due_notifications(
        &self,
        now: Millis,
        busy: &BTreeSet<String>,
        limit: u64,
    ) -> Result<Vec<StoredNotification>> {
        let mut query = q("SELECT notification.* FROM notification JOIN notify_rule ON notify_rule.name = notification.rule \
             WHERE notification.state = 'waiting' AND notification.again <= ? AND notify_rule.paused = 0").bind(now);
        if !busy.is_empty() {
            query = query.push(" AND notification.sink NOT IN ").list(busy);
        }
        let query = query.push(" ORDER BY notification.time, notification.id LIMIT ?").bind(limit);
        let stored = |row: &AnyRow| {
            Ok(StoredNotification {
                notification: read(row)?,
                base: row.text("base")?,
                refusals: row.count("refusals")?,
                taken: row.count("taken")?,
                taken_by: row.text("taken_by")?,
            })
        };
        query.all(&self.pool).await?.iter().map(stored).collect()
    }

    /// So many records of a message were taken or given up by this sink: the next attempt goes on behind them.
    pub async fn notification_taken(&self, id: &str, by: &str, taken: u64, refusals: u64) -> Result<()> {
        q("UPDATE notification SET taken = ?, taken_by = ?, refusals = ? WHERE id = ? AND state = 'waiting'")
            .bind(taken)
            .bind(by)
            .bind(refusals)
            .bind(id)
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// A message has arrived.
    pub async fn notification_sent(&self, id: &str, now: Millis) -> Result<()> {
        q("UPDATE notification SET state = 'sent', sent = ?, again = NULL, error = NULL WHERE id = ? AND state = 'waiting'")
            .bind(now).bind(id).run(&self.pool).await.map(drop)
    }

    /// A message has not arrived, and waits until then. `tried`: that was an attempt, and not only that nothing can be sent.
    pub async fn notification_waits(&self, id: &str, why: &str, again: Millis, tried: bool) -> Result<()> {
        q("UPDATE notification SET tries = tries + ?, again = ?, error = ? WHERE id = ? AND state = 'waiting'")
            .bind(tried)
            .bind(again)
            .bind(cut(why))
            .bind(id)
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// A message was refused: it is tried again then, or, without a time, not any more.
    pub async fn notification_refused(&self, id: &str, why: &str, again: Option<Millis>) -> Result<()> {
        let state = if again.is_some() { NotificationState::Waiting } else { NotificationState::Failed };
        q("UPDATE notification SET state = ?, tries = tries + 1, refusals = refusals + 1, again = ?, error = ? WHERE id = ? AND state = 'waiting'")
            .bind(word_of(state)).bind(again).bind(cut(why)).bind(id).run(&self.pool).await.map(drop)
    }

    /// A message is tried again now, whatever has become of it, unless it was sent.
    pub async fn retry_notification(&self, id: &str, now: Millis) -> Result<()> {
        let changed = q("UPDATE notification SET taken = CASE WHEN state = 'failed' THEN 0 ELSE taken END, state = 'waiting', tries = 0, refusals = 0, again = ? \
             WHERE id = ? AND state <> 'sent' \
             AND EXISTS (SELECT 1 FROM notify_rule WHERE notify_rule.name = notification.rule)")
            .bind(now).bind(id).run(&self.pool).await?;
        if changed == 0 {
            return Err(StateError::Refused("it was sent, or its rule is not there any more".to_owned()));
        }
        Ok(())
    }

    /// Messages that were sent or given up before then are forgotten.
    pub async fn forget_notifications(&self, before: Millis) -> Result<()> {
        q("DELETE FROM notification WHERE state <> 'waiting' AND time < ?")
            .bind(before)
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// Messages in numbers.
    pub async fn notify_numbers(&self) -> Result<NotifyNumbers> {
        let mut numbers = NotifyNumbers::default();
        for row in
            q("SELECT state, COUNT(*) AS many FROM notification GROUP BY state").all(&self.pool).await?
        {
            *match row.word("state")? {
                NotificationState::Waiting => &mut numbers.waiting,
                NotificationState::Sent => &mut numbers.sent,
                NotificationState::Failed => &mut numbers.failed,
            } = row.count("many")?;
        }
        Ok(numbers)
    }
}

impl Scope {
    /// Whether a rule about these owners is about nothing else than what is within it. A rule knows no namespaces.
    pub fn has_rule_of(&self, owners: &[String]) -> bool {
        self.is_all()
            || (self.namespaces.is_empty()
                && !owners.is_empty()
                && owners.iter().all(|owner| self.owners.contains(owner)))
    }
}
