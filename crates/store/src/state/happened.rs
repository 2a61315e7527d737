//! What has happened since somebody looked: for notification rules. Each thing is taken once, by a mark that is set in the transaction in which it
//! is decided what becomes of it.
//!
//! ```text
//!   finding.noted            0 ─► 1 known ─► 2 runs; `life` sets it back to 1 when it is verified, so that it is news when it runs again
//!   finding.noted_due        0 ─► 1 seven days ─► 2 one day ─► 3 over, for the day in noted_for: another day begins anew
//!   exception.noted          0 ─► 1 seven days ─► 2 one day
//!   node.noted               0 ◄─► 1 lost
//!   sink.noted               0 ◄─► since when it is away
//!   sink_gone                sinks that were away and were removed
//!   notify_mark.incidents    the number of arrival up to which incidents were taken
//! ```

mod owners;

use super::{
    DAY, Result, Scope, State, Tx, exceptions,
    findings::{TO_DO, read, severity_of},
    incidents,
    sql::{Columns, q},
};
use gabion_api::rest::{Exception, Finding, Incident, IncidentState, Millis, Severity, State as Life};
use owners::OF_PARTS;

/// Things of one kind that are taken at once; the others come next.
const AT_ONCE: u64 = 20_000;
/// A node is told as lost when nothing was heard of it for so long.
const LOST: Millis = 5 * 60_000;
/// It is back when something was heard in the last so long.
const BACK: Millis = 45_000;
/// A sink is told when it is away for so long.
const AWAY: Millis = 10 * 60_000;
/// Records that a sink has lost or refused are told not more often.
const LOSS: Millis = 3_600_000;
/// How far ahead days are told: the first time, and the second.
const FAR: Millis = 7 * DAY;
const NEAR: Millis = DAY;
/// What lasted no longer than this from the start is not told so far ahead: it is news anyway.
const LONG: Millis = 8 * DAY;
const SHORT: Millis = 2 * DAY;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// A finding.
    Finding {
        /// Which.
        finding: Box<Finding>,
        /// Nobody knew of it, or it is there again after it was mended.
        first: bool,
        /// Something runs that has it.
        running: bool,
    },
    /// The day of a finding is in so many days; 0: it is past.
    Deadline {
        /// Which.
        finding: Box<Finding>,
        /// In how many days.
        days: u8,
    },
    /// An incident that is new or another than before.
    Incident {
        /// Which, and all of it.
        incident: Box<Incident>,
        /// Whose it is above all.
        owner: Option<String>,
        /// What it has become a part of: it is over, and goes on there.
        joined: Option<String>,
        /// What owners have of it, each by name: nothing of it that is of others.
        views: Vec<(String, Incident)>,
    },
    /// An exception ends in so many days.
    Exception {
        /// Which.
        exception: Box<Exception>,
        /// The worst that it suppresses.
        severity: Severity,
        /// In how many days.
        days: u8,
    },
    /// A node is lost, or not any more.
    Agent {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// Since when nothing is heard; absent: it is heard, or was removed.
        lost: Option<Millis>,
    },
    /// A sink does not well, or does well again.
    Sink {
        /// Its name.
        name: String,
        /// What is wrong.
        trouble: SinkTrouble,
    },
}

/// What is wrong with a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkTrouble {
    /// It cannot be sent to, and why.
    Away(String),
    /// It can be sent to again.
    Back,
    /// It was removed.
    Gone,
    /// So many records were lost or refused in all.
    Missing(u64),
}

/// The stage of a day: `CASE` over what is in `column`.
const STAGE: &str = "CASE WHEN due <= ? THEN 3 WHEN due <= ? THEN 2 ELSE 1 END";
/// What of findings is news.
const NEWS: &str = "exception IS NULL AND ((noted = 0 AND state <> 'new') OR (noted = 1 AND state IN ('open', 'planned', 'fixed', 'rolling-out', 'reopened')))";

const fn is_to_do(state: Life) -> bool {
    matches!(state, Life::Open | Life::Planned | Life::Fixed | Life::RollingOut | Life::Reopened)
}

/// Whether there may be something to take, or to make a message of: without a transaction, as it is asked often.
pub(super) async fn is_any(state: &State, now: Millis) -> Result<bool> {
    for query in [
        q("SELECT 1 FROM finding WHERE ").push(NEWS).push(" LIMIT 1"),
        q("SELECT 1 FROM incident WHERE arrived > (SELECT incidents FROM notify_mark WHERE one = 1) LIMIT 1"),
        q("SELECT 1 FROM notify_rule WHERE paused = 0 AND due <= ? LIMIT 1").bind(now),
    ] {
        if query.first(&state.pool).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Findings and incidents, which are looked for often.
pub(super) async fn often(tx: Tx<'_>, happened: &mut Vec<Happened>) -> Result<()> {
    let rows = q("SELECT * FROM finding WHERE ").push(NEWS).push(" ORDER BY severity DESC, id LIMIT ?");
    let (mut known, mut running) = (Vec::new(), Vec::new());
    for row in rows.bind(AT_ONCE).all(&mut *tx).await? {
        let (finding, before) = (read(&row)?, row.int("noted")?);
        let (id, runs) = (finding.id.clone(), is_to_do(finding.state));
        let first = before == 0 || finding.state == Life::Reopened;
        if runs || finding.state == Life::NotRunning {
            happened.push(Happened::Finding { finding: Box::new(finding), first, running: runs });
        }
        if runs { running.push(id) } else { known.push(id) }
    }
    for (ids, noted) in [(known, 1), (running, 2)] {
        for ids in ids.chunks(500) {
            let update = q("UPDATE finding SET noted = ? WHERE id IN ").bind(i64::from(noted)).list(ids);
            update.run(&mut *tx).await?;
        }
    }
    let query = q("SELECT ").push(incidents::LIST.columns).push(OF_PARTS).push(
        " FROM incident WHERE arrived > (SELECT incidents FROM notify_mark WHERE one = 1) ORDER BY arrived LIMIT ?",
    );
    let rows = query.bind(AT_ONCE).all(&mut *tx).await?;
    happened.extend(owners::happened(&mut *tx, &rows).await?);
    if let Some(last) = rows.last() {
        let mark = q("UPDATE notify_mark SET incidents = ? WHERE one = 1").bind(last.count("arrived")?);
        mark.run(&mut *tx).await?;
    }
    Ok(())
}

/// What comes with time, which is looked for seldom. `since` is when somebody began to listen: before that nothing could be heard.
pub(super) async fn seldom(
    tx: Tx<'_>,
    since: Millis,
    now: Millis,
    happened: &mut Vec<Happened>,
) -> Result<()> {
    deadlines(&mut *tx, now, happened).await?;
    exceptions_ending(&mut *tx, now, happened).await?;
    agents(&mut *tx, since, now, happened).await?;
    sinks(tx, now, happened).await
}

/// Days that are left, the one that has begun among them.
fn days_until(time: Millis, now: Millis) -> u8 {
    u8::try_from((time - now + DAY - 1) / DAY).unwrap_or(u8::MAX)
}

async fn deadlines(tx: Tx<'_>, now: Millis, happened: &mut Vec<Happened>) -> Result<()> {
    let query = q("SELECT finding.*, ").push(STAGE).bind(now).bind(now + NEAR).push(
        " AS stage FROM finding WHERE due <= ? AND (due <= ? OR due - first_seen > ?) AND exception IS NULL AND state IN ",
    );
    let query = query.bind(now + FAR).bind(now + NEAR).bind(LONG).push(TO_DO);
    let query = query.push(" AND (noted_for <> due OR noted_due < ").push(STAGE).bind(now).bind(now + NEAR);
    let rows = query.push(") ORDER BY severity DESC, id LIMIT ?").bind(AT_ONCE).all(&mut *tx).await?;
    let mut stages: [Vec<String>; 3] = Default::default();
    for row in &rows {
        let finding = read(row)?;
        let (stage, days) = match row.int("stage")? {
            3 => (2, 0),
            2 => (1, 1),
            _ => (0, days_until(finding.due.unwrap_or(now), now)),
        };
        stages[stage].push(finding.id.clone());
        happened.push(Happened::Deadline { finding: Box::new(finding), days });
    }
    for (ids, stage) in stages.iter().zip(1_i64..) {
        for ids in ids.chunks(500) {
            let update =
                q("UPDATE finding SET noted_due = ?, noted_for = due WHERE id IN ").bind(stage).list(ids);
            update.run(&mut *tx).await?;
        }
    }
    Ok(())
}

const WORST: &str = ", COALESCE((SELECT MAX(finding.severity) FROM finding WHERE finding.exception_id = exception.id), 2) AS worst";

async fn exceptions_ending(tx: Tx<'_>, now: Millis, happened: &mut Vec<Happened>) -> Result<()> {
    let query = q("SELECT ").push(exceptions::LIST.columns).push(WORST).push(
        ", CASE WHEN expires <= ? THEN 2 ELSE 1 END AS stage FROM exception WHERE ended IS NULL AND expires > ? AND expires <= ? \
         AND expires - created > CASE WHEN expires <= ? THEN ? ELSE ? END AND noted < CASE WHEN expires <= ? THEN 2 ELSE 1 END \
         ORDER BY expires, id LIMIT ?",
    );
    let query = query.bind(now + NEAR).bind(now).bind(now + FAR).bind(now + NEAR).bind(SHORT).bind(LONG);
    for row in query.bind(now + NEAR).bind(AT_ONCE).all(&mut *tx).await? {
        let (exception, stage) = (exceptions::read(&row, now)?, row.int("stage")?);
        let days = days_until(exception.expires, now);
        q("UPDATE exception SET noted = ? WHERE id = ?")
            .bind(stage)
            .bind(&exception.id)
            .run(&mut *tx)
            .await?;
        happened.push(Happened::Exception {
            exception: Box::new(exception),
            severity: severity_of(row.int("worst")?),
            days: if stage == 2 { 1 } else { days },
        });
    }
    Ok(())
}

async fn agents(tx: Tx<'_>, since: Millis, now: Millis, happened: &mut Vec<Happened>) -> Result<()> {
    // Nobody was heard before there was somebody to listen.
    let lost = if since <= now - LOST { now - LOST } else { Millis::MIN };
    let rows =
        q("SELECT id, name, seen, noted FROM node WHERE (noted = 0 AND removed IS NULL AND seen < ?) \
         OR (noted = 1 AND (removed IS NOT NULL OR seen >= ?)) ORDER BY id")
        .bind(lost)
        .bind(now - BACK)
        .all(&mut *tx)
        .await?;
    for row in &rows {
        let (id, was_lost) = (row.text("id")?, row.flag("noted")?);
        let mark = q("UPDATE node SET noted = ? WHERE id = ?").bind(!was_lost).bind(&id);
        mark.run(&mut *tx).await?;
        let lost = if was_lost { None } else { Some(row.int("seen")?) };
        happened.push(Happened::Agent { id, name: row.text("name")?, lost });
    }
    Ok(())
}

async fn sinks(tx: Tx<'_>, now: Millis, happened: &mut Vec<Happened>) -> Result<()> {
    for row in q("SELECT name FROM sink_gone ORDER BY name").all(&mut *tx).await? {
        happened.push(Happened::Sink { name: row.text("name")?, trouble: SinkTrouble::Gone });
    }
    q("DELETE FROM sink_gone").run(&mut *tx).await?;
    let rows = q(
        "SELECT name, failing_since, taken, error, paused, refused, lost, noted, noted_lost, noted_at FROM sink ORDER BY name",
    );
    for row in rows.all(&mut *tx).await? {
        let (name, away) = (row.text("name")?, row.int("noted")?);
        let trouble = match row.maybe_int("failing_since")? {
            Some(since) if away == 0 && !row.flag("paused")? && since <= now - AWAY => {
                let why = row.maybe_text("error")?.unwrap_or_else(|| "it is not known why".to_owned());
                Some((since, SinkTrouble::Away(why)))
            }
            // That it was changed or paused mends nothing: it has to take something.
            None if away != 0 && row.maybe_int("taken")?.is_some_and(|taken| taken > away) => {
                Some((0, SinkTrouble::Back))
            }
            _ => None,
        };
        if let Some((away, trouble)) = trouble {
            q("UPDATE sink SET noted = ? WHERE name = ?").bind(away).bind(&name).run(&mut *tx).await?;
            happened.push(Happened::Sink { name: name.clone(), trouble });
        }
        let (missing, told) = (row.count("refused")? + row.count("lost")?, row.count("noted_lost")?);
        if missing > told && row.int("noted_at")? <= now - LOSS {
            q("UPDATE sink SET noted_lost = ?, noted_at = ? WHERE name = ?")
                .bind(missing)
                .bind(now)
                .bind(&name)
                .run(&mut *tx)
                .await?;
            happened.push(Happened::Sink { name, trouble: SinkTrouble::Missing(missing) });
        }
    }
    Ok(())
}

impl State {
    /// What is known to have happened in a time, with when, in order; and whether that is all of it. Of agents and sinks no history is kept, and of an incident
    /// only when it began and when it changed last.
    pub async fn happened_between(
        &self,
        scope: &Scope,
        from: Millis,
        to: Millis,
    ) -> Result<(Vec<(Millis, Happened)>, bool)> {
        let mut happened = Vec::new();
        let query = q("SELECT finding.*, finding_change.time AS at, finding_change.state AS became, \
             (SELECT COUNT(*) FROM finding_change AS prior WHERE prior.finding = finding.id AND prior.time < finding_change.time) AS known \
             FROM finding_change JOIN finding ON finding.id = finding_change.finding WHERE finding_change.time > ? AND finding_change.time <= ? \
             AND finding.exception IS NULL AND (finding_change.state = 'reopened' OR (finding_change.state NOT IN ('verified', 'withdrawn') \
             AND NOT EXISTS (SELECT 1 FROM finding_change AS earlier WHERE earlier.finding = finding.id AND earlier.time < finding_change.time \
             AND (finding_change.state = 'not-running' OR earlier.state IN ")
            .push(TO_DO).push("))))").bind(from).bind(to);
        let query = scope
            .limit(query, "finding.owner", None)
            .push(" ORDER BY finding_change.time, finding.id LIMIT ?");
        let rows = query.bind(AT_ONCE + 1).all(&self.pool).await?;
        let mut is_all = rows.len() as u64 <= AT_ONCE;
        for row in &rows {
            let became: Life = row.word("became")?;
            happened.push((
                row.int("at")?,
                Happened::Finding {
                    finding: Box::new(read(row)?),
                    first: row.count("known")? == 0 || became == Life::Reopened,
                    running: is_to_do(became),
                },
            ));
        }
        let query = q("SELECT * FROM finding WHERE due > ? AND due <= ? AND exception IS NULL AND state IN ")
            .push(TO_DO)
            .bind(from)
            .bind(to + FAR);
        let query = scope.limit(query, "finding.owner", None).push(" ORDER BY due, id LIMIT ?");
        let rows = query.bind(AT_ONCE + 1).all(&self.pool).await?;
        is_all &= rows.len() as u64 <= AT_ONCE;
        let within = |time: Millis| time > from && time <= to;
        for row in &rows {
            let finding = read(row)?;
            let due = finding.due.unwrap_or_default();
            let far = due - finding.first_seen > LONG;
            for (time, days) in [(due - FAR, 7), (due - NEAR, 1), (due, 0)] {
                if within(time) && (days != 7 || far) {
                    happened.push((time, Happened::Deadline { finding: Box::new(finding.clone()), days }));
                }
            }
        }
        let query = q("SELECT ")
            .push(exceptions::LIST.columns)
            .push(WORST)
            .push(
                " FROM exception WHERE expires > ? AND expires <= ? AND (ended IS NULL OR ended >= expires)",
            )
            .bind(from)
            .bind(to + FAR);
        let query = scope.limit(query, "exception.owner", None).push(" ORDER BY expires, id LIMIT ?");
        let rows = query.bind(AT_ONCE + 1).all(&self.pool).await?;
        is_all &= rows.len() as u64 <= AT_ONCE;
        for row in rows {
            let (exception, severity) = (exceptions::read(&row, to)?, severity_of(row.int("worst")?));
            for (time, days, least) in
                [(exception.expires - FAR, 7, LONG), (exception.expires - NEAR, 1, SHORT)]
            {
                if within(time) && exception.expires - exception.created > least {
                    let exception = Box::new(exception.clone());
                    happened.push((time, Happened::Exception { exception, severity, days }));
                }
            }
        }
        is_all &= self.incidents_between(scope, from, to, &mut happened).await?;
        happened.sort_by_key(|(time, _)| *time);
        Ok((happened, is_all))
    }

    async fn incidents_between(
        &self,
        scope: &Scope,
        from: Millis,
        to: Millis,
        happened: &mut Vec<(Millis, Happened)>,
    ) -> Result<bool> {
        let query = q("SELECT ")
            .push(incidents::LIST.columns)
            .push(OF_PARTS)
            .push(" FROM incident WHERE incident.updated > ? AND incident.began <= ?");
        let query = incidents::within(scope, query.bind(from).bind(to));
        let within = |time: Millis| time > from && time <= to;
        let mut connection = self.pool.acquire().await?;
        let rows = query.push(" ORDER BY began, id LIMIT ?").bind(AT_ONCE + 1).all(&mut *connection).await?;
        for last in owners::happened(&mut connection, &rows).await? {
            let Happened::Incident { incident, .. } = &last else { continue };
            let (began, updated) = (incident.began, incident.updated);
            if began != updated && within(began) {
                let mut first = last.clone();
                if let Happened::Incident { incident, views, .. } = &mut first {
                    incident.state = IncidentState::Open;
                    for (_, view) in views {
                        view.state = IncidentState::Open;
                    }
                }
                happened.push((began, first));
            }
            if within(updated) {
                happened.push((updated, last));
            }
        }
        Ok(rows.len() as u64 <= AT_ONCE)
    }
}
