//! Sinks: what they are, how far each has got, and what has come since, in the order in which it came.
//!
//! ```text
//!   arrival.number  … 41   42   43   44        each change of an alert, an incident or the audit log takes the next number,
//!                     a1   i7   a1   u9        and has it as `arrived`: a1 moves from 41 to 43
//!                          ▲
//!              sink.state_at = 42: a1 and u9 wait
//! ```
//!
//! The number is taken by an update of one row at the start of a transaction, which holds that row until its end. So numbers become visible in
//! their order, on PostgreSQL, too, and whoever has read up to one has missed none.

use super::{
    Paging, Result, State, StateError, Tx, access, alerts,
    findings::{rank, severity_of},
    incidents,
    list::{Key, List},
    sql::{Columns, Query, q},
    to_json,
};
use gabion_api::rest::{
    Alert, AuditEntry, Incident, Millis, NewSink, Page, Severity, Sink, SinkRecords, SinkState, SinkTarget,
};
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// Characters of an error that are kept.
const MAX_ERROR: usize = 500;

/// A sink, for whoever sends to it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSink {
    /// Its name.
    pub name: String,
    /// Where records go.
    pub target: SinkTarget,
    /// The secret.
    pub secret: Option<String>,
    /// Which records.
    pub records: Vec<SinkRecords>,
    /// Alerts and incidents of this severity and above.
    pub least: Severity,
    /// Nothing is sent.
    pub paused: bool,
    /// When it was made, and how often it was changed since: which sink of that name it is.
    pub version: (Millis, u64),
    /// It has taken all that arrived up to this number,
    pub state_at: u64,
    /// and all events before this place.
    pub events_at: u64,
}

impl std::fmt::Debug for StoredSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredSink")
            .field("name", &self.name)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// Something that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// An alert that is new, or came again.
    Alert(Alert),
    /// An incident that is new, or another than before.
    Incident(Incident),
    /// Something that somebody has done.
    Audit(AuditEntry),
}

/// What has come, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// With the number of each.
    pub records: Vec<(u64, Arrived)>,
    /// All up to this number that is wanted is among them.
    pub to: u64,
}

/// What a sink has taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Everything up to this number.
    pub state_at: u64,
    /// All events before this place.
    pub events_at: u64,
    /// So many records were taken,
    pub sent: u64,
    /// refused for good,
    pub refused: u64,
    /// with the reason of the last,
    pub refusal: Option<String>,
    /// and could not be read any more.
    pub lost: u64,
}

/// Sinks in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkNumbers {
    /// Well, failing, paused.
    pub states: [u64; 3],
    /// See [`Sink`].
    pub waiting: u64,
    /// See [`Sink`].
    pub sent: u64,
    /// See [`Sink`].
    pub refused: u64,
    /// See [`Sink`].
    pub lost: u64,
}

const LIST: List = List {
    columns: "sink.*, \
        (SELECT COUNT(*) FROM alert WHERE alert.arrived > sink.state_at AND alert.severity >= sink.least) AS alerts_many, \
        (SELECT MIN(alert.last) FROM alert WHERE alert.arrived > sink.state_at AND alert.severity >= sink.least) AS alerts_oldest, \
        (SELECT COUNT(*) FROM incident WHERE incident.arrived > sink.state_at AND incident.severity >= sink.least) AS incidents_many, \
        (SELECT MIN(incident.updated) FROM incident WHERE incident.arrived > sink.state_at AND incident.severity >= sink.least) AS incidents_oldest, \
        (SELECT COUNT(*) FROM audit WHERE audit.arrived > sink.state_at) AS audit_many, \
        (SELECT MIN(audit.time) FROM audit WHERE audit.arrived > sink.state_at) AS audit_oldest",
    from: "sink",
    id: "sink.name",
    keys: &[
        Key { name: "name", column: "sink.name", text: true },
        Key { name: "created", column: "sink.created", text: false },
    ],
    down: false,
};

fn read(row: &AnyRow, events_end: u64, places: &Places) -> Result<Sink> {
    let records: Vec<SinkRecords> = row.json("records")?;
    let (mut waiting, mut oldest) = (0, None::<Millis>);
    for (kind, many, first) in [
        (SinkRecords::Alerts, "alerts_many", "alerts_oldest"),
        (SinkRecords::Incidents, "incidents_many", "incidents_oldest"),
        (SinkRecords::Audit, "audit_many", "audit_oldest"),
    ] {
        if records.contains(&kind) {
            waiting += row.count(many)?;
            oldest = [oldest, row.maybe_int(first)?].into_iter().flatten().min();
        }
    }
    if records.contains(&SinkRecords::Events) {
        let at = places.get(&row.text("name")?).copied().unwrap_or(events_end);
        waiting += events_end.saturating_sub(at);
    }
    let (paused, failing_since) = (row.flag("paused")?, row.maybe_int("failing_since")?);
    Ok(Sink {
        name: row.text("name")?,
        target: row.json("target")?,
        place: row.text("place")?,
        records,
        least: severity_of(row.int("least")?),
        paused,
        has_secret: row.maybe_text("secret")?.is_some_and(|secret| !secret.is_empty()),
        created: row.int("created")?,
        by: row.text("created_by")?,
        state: match failing_since {
            _ if paused => SinkState::Paused,
            Some(_) => SinkState::Failing,
            None => SinkState::Well,
        },
        taken: row.maybe_int("taken")?,
        failing_since,
        error: row.maybe_text("error")?,
        waiting,
        oldest_waiting: oldest,
        sent: row.count("sent")?,
        refused: row.count("refused")?,
        refusal: row.maybe_text("refusal")?,
        lost: row.count("lost")?,
    })
}

fn stored(row: &AnyRow, places: &Places) -> Result<StoredSink> {
    let name = row.text("name")?;
    Ok(StoredSink {
        events_at: places.get(&name).copied().unwrap_or(0),
        name,
        target: row.json("target")?,
        secret: row.maybe_text("secret")?,
        records: row.json("records")?,
        least: severity_of(row.int("least")?),
        paused: row.flag("paused")?,
        version: (row.int("created")?, row.count("revision")?),
        state_at: row.count("state_at")?,
    })
}

/// Up to where each sink has taken the events of this hub.
type Places = BTreeMap<String, u64>;

/// The first of so many numbers of arrival. Nothing else has been written in the transaction yet.
pub(super) async fn arrive(tx: Tx<'_>, many: u64) -> Result<u64> {
    q("UPDATE arrival SET number = number + ? WHERE one = 1").bind(many).run(&mut *tx).await?;
    let row = q("SELECT number FROM arrival WHERE one = 1").one(&mut *tx).await?;
    Ok(row.count("number")?.saturating_sub(many) + 1)
}

/// Alerts older than that are about to go: sinks that have not taken them have lost them.
pub(super) async fn lose_alerts(tx: Tx<'_>, before: Millis) -> Result<()> {
    q("UPDATE sink SET lost = lost + (SELECT COUNT(*) FROM alert WHERE alert.last < ? AND alert.arrived > sink.state_at \
       AND alert.severity >= sink.least) WHERE records LIKE '%\"alerts\"%'")
        .bind(before)
        .run(tx)
        .await
        .map(drop)
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_ERROR).collect()
}

fn absent(name: &str) -> StateError {
    StateError::Absent { what: "sink", id: name.to_owned() }
}

impl State {
    /// A sink for what comes from now on.
    pub async fn add_sink(
        &self,
        new: &NewSink,
        place: &str,
        by: &str,
        events_end: u64,
        now: Millis,
    ) -> Result<()> {
        let added = q("INSERT INTO sink (name, target, place, records, least, paused, secret, created, created_by, state_at, events_at) \
             SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, arrival.number, ? FROM arrival WHERE arrival.one = 1 ON CONFLICT (name) DO NOTHING")
            .bind(&new.name).bind(to_json(&new.target)).bind(place).bind(to_json(&new.records)).bind(rank(new.least)).bind(new.paused)
            .bind(new.secret.clone()).bind(now).bind(by).bind(events_end)
            .run(&self.pool).await?;
        if added == 0 {
            return Err(StateError::Refused(format!("there is a sink {:?} already", new.name)));
        }
        self.place(&new.name, events_end).await
    }

    /// A sink has taken the events of this hub up to here.
    async fn place(&self, name: &str, events_at: u64) -> Result<()> {
        q("INSERT INTO sink_place (sink, hub, events_at) VALUES (?, ?, ?) ON CONFLICT (sink, hub) DO UPDATE SET events_at = excluded.events_at")
            .bind(name).bind(&*self.hub).bind(events_at).run(&self.pool).await.map(drop)
    }

    async fn places(&self) -> Result<Places> {
        let rows = q("SELECT sink, events_at FROM sink_place WHERE hub = ?")
            .bind(&*self.hub)
            .all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((row.text("sink")?, row.count("events_at")?))).collect()
    }

    /// Gives each sink that has none yet a place in the events of this hub, which end at `events_end`: a sink that is older than the hub
    /// wants all, one that another hub has just made what comes from now on. The places of a hub that was alone stood in the sinks.
    pub async fn place_sinks(&self, events_end: u64) -> Result<()> {
        let since = q("SELECT since FROM hub WHERE id = ?").bind(&*self.hub).first(&self.pool).await?;
        let since = since.map(|row| row.int("since")).transpose()?.unwrap_or(Millis::MAX);
        let rows = q("SELECT name, created, begun, events_at, (SELECT COUNT(*) FROM sink_place WHERE sink_place.sink = sink.name) AS many, \
             (SELECT COUNT(*) FROM sink_place WHERE sink_place.sink = sink.name AND sink_place.hub = ?) AS own FROM sink")
            .bind(&*self.hub).all(&self.pool).await?;
        for row in rows {
            if row.count("own")? > 0 {
                continue;
            }
            let at = match row.count("many")? {
                0 => row.count("events_at")?,
                _ if row.int("created")?.max(row.int("begun")?) >= since => events_end,
                _ => 0,
            };
            self.place(&row.text("name")?, at).await?;
        }
        Ok(())
    }

    /// A sink is this from now on. What waits for it still does; one that was handed no records has those that come from now on: of the events
    /// of this hub, which end at `events_end`, and, as soon as they look, of those of others.
    pub async fn change_sink(&self, new: &NewSink, place: &str, events_end: u64, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        let row = q("SELECT records FROM sink WHERE name = ?").bind(&new.name).first(&mut *tx).await?;
        if row.ok_or_else(|| absent(&new.name))?.text("records")? == "[]" {
            q("UPDATE sink SET state_at = (SELECT number FROM arrival WHERE one = 1), begun = ? WHERE name = ?")
                .bind(now)
                .bind(&new.name)
                .run(&mut *tx)
                .await?;
            q("DELETE FROM sink_place WHERE sink = ?").bind(&new.name).run(&mut *tx).await?;
            q("INSERT INTO sink_place (sink, hub, events_at) VALUES (?, ?, ?)")
                .bind(&new.name)
                .bind(&*self.hub)
                .bind(events_end)
                .run(&mut *tx)
                .await?;
        }
        q("UPDATE sink SET target = ?, place = ?, records = ?, least = ?, paused = ?, secret = COALESCE(?, secret), \
           revision = revision + 1, failing_since = NULL, error = NULL WHERE name = ?")
            .bind(to_json(&new.target)).bind(place).bind(to_json(&new.records)).bind(rank(new.least)).bind(new.paused)
            .bind(new.secret.clone()).bind(&new.name)
            .run(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    /// A sink is gone.
    pub async fn remove_sink(&self, name: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        // Whoever was told that it is away is told that it is gone.
        q("INSERT INTO sink_gone (name) SELECT name FROM sink WHERE name = ? AND noted <> 0 ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .run(&mut *tx)
            .await?;
        if q("DELETE FROM sink WHERE name = ?").bind(name).run(&mut *tx).await? == 0 {
            return Err(absent(name));
        }
        Ok(tx.commit().await?)
    }

    /// Sinks; `events_end` is where the next event will be.
    pub async fn sinks(&self, paging: &Paging, events_end: u64) -> Result<Page<Sink>> {
        let places = self.places().await?;
        self.page(LIST, paging, |query| query, |row| read(row, events_end, &places)).await
    }

    /// One sink.
    pub async fn sink(&self, name: &str, events_end: u64) -> Result<Sink> {
        let query = q("SELECT ").push(LIST.columns).push(" FROM sink WHERE sink.name = ?").bind(name);
        let places = self.places().await?;
        read(&query.first(&self.pool).await?.ok_or_else(|| absent(name))?, events_end, &places)
    }

    /// One sink, with its secret.
    pub async fn stored_sink(&self, name: &str) -> Result<StoredSink> {
        let row = q("SELECT * FROM sink WHERE name = ?").bind(name).first(&self.pool).await?;
        stored(&row.ok_or_else(|| absent(name))?, &self.places().await?)
    }

    /// All sinks, with their secrets.
    pub async fn stored_sinks(&self) -> Result<Vec<StoredSink>> {
        let places = self.places().await?;
        let rows = q("SELECT * FROM sink ORDER BY name").all(&self.pool).await?;
        rows.iter().map(|row| stored(row, &places)).collect()
    }

    /// All sinks in numbers.
    pub async fn sink_numbers(&self, events_end: u64) -> Result<SinkNumbers> {
        let places = self.places().await?;
        let rows = q("SELECT ").push(LIST.columns).push(" FROM sink").all(&self.pool).await?;
        let mut numbers = SinkNumbers::default();
        for row in &rows {
            let sink = read(row, events_end, &places)?;
            numbers.states[sink.state as usize] += 1;
            numbers.waiting += sink.waiting;
            numbers.sent += sink.sent;
            numbers.refused += sink.refused;
            numbers.lost += sink.lost;
        }
        Ok(numbers)
    }

    /// What has come behind a number, of these kinds and, where there is one, of this severity or above: at most so many.
    pub async fn arrived(
        &self,
        from: u64,
        wanted: &[SinkRecords],
        least: Severity,
        limit: u64,
    ) -> Result<Arrivals> {
        // First: what comes while we look is for the next time.
        let to = q("SELECT number FROM arrival WHERE one = 1").one(&self.pool).await?.count("number")?;
        let mut arrivals = Arrivals { records: Vec::new(), to: to.max(from) };
        if to <= from {
            return Ok(arrivals);
        }
        let rest = |query: Query, order: &'static str| {
            query.bind(from).bind(to).push(order).bind(limit).all(&self.pool)
        };
        if wanted.contains(&SinkRecords::Alerts) {
            let query = q("SELECT * FROM alert WHERE severity >= ? AND arrived > ? AND arrived <= ?")
                .bind(rank(least));
            for row in rest(query, " ORDER BY arrived LIMIT ?").await? {
                arrivals.records.push((row.count("arrived")?, Arrived::Alert(alerts::read(&row)?)));
            }
        }
        if wanted.contains(&SinkRecords::Incidents) {
            let query = q("SELECT ").push(incidents::LIST.columns);
            let query = query
                .push(" FROM incident WHERE severity >= ? AND arrived > ? AND arrived <= ?")
                .bind(rank(least));
            for row in rest(query, " ORDER BY arrived LIMIT ?").await? {
                arrivals.records.push((row.count("arrived")?, Arrived::Incident(incidents::told(&row)?)));
            }
        }
        if wanted.contains(&SinkRecords::Audit) {
            let query = q("SELECT * FROM audit WHERE arrived > ? AND arrived <= ?");
            for row in rest(query, " ORDER BY arrived LIMIT ?").await? {
                arrivals.records.push((row.count("arrived")?, Arrived::Audit(access::entry(&row)?)));
            }
        }
        arrivals.records.sort_by_key(|(number, _)| *number);
        if arrivals.records.len() as u64 >= limit {
            arrivals.records.truncate(limit as usize);
            arrivals.to = arrivals.records.last().map_or(to, |(number, _)| *number);
        }
        Ok(arrivals)
    }

    /// A sink has taken what there was up to here. Whether it is still the sink that this was sent to.
    pub async fn sink_moved(
        &self,
        name: &str,
        version: (Millis, u64),
        moved: &Moved,
        now: Millis,
    ) -> Result<bool> {
        // What was sent is a success; that there was nothing to send says nothing of the server.
        let taken = (moved.sent > 0).then_some(now);
        // Another hub may have come further.
        let changed = q("UPDATE sink SET state_at = CASE WHEN ? > state_at THEN ? ELSE state_at END, taken = COALESCE(?, taken), \
             failing_since = CASE WHEN ? > 0 THEN NULL ELSE failing_since END, sent = sent + ?, refused = refused + ?, \
             refusal = COALESCE(?, refusal), lost = lost + ? WHERE name = ? AND created = ? AND revision = ?")
            .bind(moved.state_at).bind(moved.state_at).bind(taken).bind(moved.sent).bind(moved.sent).bind(moved.refused)
            .bind(moved.refusal.as_deref().map(cut)).bind(moved.lost).bind(name).bind(version.0).bind(version.1)
            .run(&self.pool).await?;
        if changed > 0 {
            self.place(name, moved.events_at).await?;
        }
        Ok(changed > 0)
    }

    /// A sink has taken a message, beside what there is for it, or has refused it for good, and why.
    pub async fn sink_took(
        &self,
        name: &str,
        version: (Millis, u64),
        refusal: Option<&str>,
        now: Millis,
    ) -> Result<()> {
        let query = match refusal {
            None => q("UPDATE sink SET taken = ?, failing_since = NULL, sent = sent + 1").bind(now),
            Some(why) => q("UPDATE sink SET refused = refused + 1, refusal = ?").bind(cut(why)),
        };
        query
            .push(" WHERE name = ? AND created = ? AND revision = ?")
            .bind(name)
            .bind(version.0)
            .bind(version.1)
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// A sink could not be sent to. Whether it is still the same sink.
    pub async fn sink_failed(
        &self,
        name: &str,
        version: (Millis, u64),
        error: &str,
        now: Millis,
    ) -> Result<bool> {
        let changed =
            q("UPDATE sink SET error = ?, failing_since = COALESCE(failing_since, ?) WHERE name = ? AND created = ? AND revision = ?")
                .bind(cut(error)).bind(now).bind(name).bind(version.0).bind(version.1)
                .run(&self.pool).await?;
        Ok(changed > 0)
    }

    /// Sinks have lost so many events each.
    pub async fn sinks_lost(&self, lost: &[(String, u64)]) -> Result<()> {
        let mut tx = self.begin().await?;
        for (name, many) in lost.iter().filter(|(_, many)| *many > 0) {
            q("UPDATE sink SET lost = lost + ? WHERE name = ?").bind(*many).bind(name).run(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}
