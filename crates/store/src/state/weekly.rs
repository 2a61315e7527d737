//! A week, from what is kept anyway: the life of findings tells what changed and what was open at the end of each week before.
//!
//! What was open at a time is what its last change before that time made of each finding. Severities and exceptions are not kept over time, so those of
//! today are taken; an exception counts from the day on which it was made.

use super::{
    DAY, Result, Scope, State, exceptions,
    findings::{TO_DO, read, severity_of},
    incidents,
    sql::{Columns, Query, q},
};
use gabion_api::rest::{
    Ageing, Changes, Counts, Exception, Finding, Happened, Incident, Millis, RuleAlerts, TrendWeek, Unseen,
};
use sqlx::any::AnyRow;

/// How many weeks are looked back to.
const WEEKS: i64 = 8;
/// Findings that are named for each kind of change.
const NAMED: u64 = 8;
/// Incidents and images that are named.
const MOST: u64 = 20;
/// Rules that are named.
const RULES: u64 = 6;
/// How far ahead exceptions that end are told.
const AHEAD: Millis = 30 * DAY;

/// What of a week is in the state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Week {
    /// What changed.
    pub changes: Changes,
    /// The weeks before, the oldest first; the last one is now.
    pub trend: Vec<TrendWeek>,
    /// What is open beside its deadlines.
    pub ageing: Vec<Ageing>,
    /// Exceptions that end soon.
    pub exceptions: Vec<Exception>,
    /// What to mend first.
    pub first: Vec<Finding>,
    /// Incidents of the week, and those that are open.
    pub incidents: Vec<Incident>,
    /// How many these are.
    pub incident_count: u64,
    /// Alerts of the week.
    pub alerts: u64,
    /// By rule.
    pub alert_rules: Vec<RuleAlerts>,
    /// Images that were not wholly looked at.
    pub unseen: Vec<Unseen>,
}

fn of(scope: &Scope, query: Query) -> Query {
    scope.limit(query, "finding.owner", None)
}

impl State {
    /// The seven days before `now`, within a scope.
    pub async fn week(&self, scope: &Scope, now: Millis) -> Result<Week> {
        let from = now - 7 * DAY;
        // Before the first image was seen nothing was known, which is not the same as nothing open.
        let known =
            q("SELECT MIN(first_seen) AS first FROM image").one(&self.pool).await?.maybe_int("first")?;
        let mut trend = Vec::new();
        for week in (0..WEEKS).rev() {
            let end = now - week * 7 * DAY;
            let open = match week {
                0 => Some(self.numbers(scope, now).await?.open),
                _ if known.is_some_and(|first| first <= end) => Some(self.open_at(scope, end).await?),
                _ => None,
            };
            trend.push(TrendWeek { end, open });
        }
        let first = of(
            scope,
            q("SELECT * FROM finding WHERE finding.exception IS NULL AND finding.state IN ").push(TO_DO),
        )
        .push(" ORDER BY finding.priority DESC, finding.severity DESC, finding.id LIMIT 10");
        let alerts = self.alerts_since(scope, from).await?;
        let (incidents, incident_count) = self.incidents_since(scope, from).await?;
        Ok(Week {
            changes: Changes {
                new: self.happened(scope, new, from, now).await?,
                fixed: self.happened(scope, fixed, from, now).await?,
                verified: self.happened(scope, verified, from, now).await?,
                reopened: self.happened(scope, reopened, from, now).await?,
            },
            trend,
            ageing: self.ageing(scope, now).await?,
            exceptions: self.exceptions_that_end(scope, now).await?,
            first: first.all(&self.pool).await?.iter().map(read).collect::<Result<_>>()?,
            incidents,
            incident_count,
            alerts: alerts.0,
            alert_rules: alerts.1,
            unseen: self.unseen(scope).await?,
        })
    }

    /// What was to be done at a time.
    async fn open_at(&self, scope: &Scope, at: Millis) -> Result<Counts> {
        let query = q("SELECT finding.severity AS severity, COUNT(DISTINCT finding.id) AS many FROM finding \
             JOIN finding_change ON finding_change.finding = finding.id LEFT JOIN exception ON exception.id = finding.exception_id \
             WHERE finding_change.time = (SELECT MAX(earlier.time) FROM finding_change AS earlier WHERE earlier.finding = finding.id AND earlier.time <= ?) \
             AND (finding.exception IS NULL OR exception.created > ?) AND finding_change.state IN ")
            .push(TO_DO).bind(at).bind(at);
        let rows = of(scope, query).push(" GROUP BY finding.severity").all(&self.pool).await?;
        let mut counts = Counts::default();
        for row in &rows {
            counts.add(severity_of(row.int("severity")?), row.count("many")?);
        }
        Ok(counts)
    }

    /// Findings to which something happened in a time; `which` limits a statement over findings to these.
    async fn happened(
        &self,
        scope: &Scope,
        which: fn(Query, Millis, Millis) -> Query,
        from: Millis,
        to: Millis,
    ) -> Result<Happened> {
        let counted = which(q("SELECT COUNT(*) AS many FROM finding WHERE 1 = 1"), from, to);
        let count = of(scope, counted).one(&self.pool).await?.count("many")?;
        let named = of(scope, which(q("SELECT * FROM finding WHERE 1 = 1"), from, to))
            .push(" ORDER BY finding.priority DESC, finding.severity DESC, finding.id LIMIT ?")
            .bind(NAMED);
        let findings = named.all(&self.pool).await?.iter().map(read).collect::<Result<_>>()?;
        Ok(Happened { count, findings })
    }

    async fn ageing(&self, scope: &Scope, now: Millis) -> Result<Vec<Ageing>> {
        let query = q("SELECT finding.severity AS severity, \
             CAST(SUM(CASE WHEN finding.due < ? THEN 1 ELSE 0 END) AS BIGINT) AS overdue, \
             CAST(SUM(CASE WHEN finding.due >= ? AND finding.due < ? THEN 1 ELSE 0 END) AS BIGINT) AS soon, \
             CAST(SUM(CASE WHEN finding.due >= ? THEN 1 ELSE 0 END) AS BIGINT) AS later, \
             CAST(SUM(CASE WHEN finding.due IS NULL THEN 1 ELSE 0 END) AS BIGINT) AS undated, MIN(finding.first_seen) AS oldest \
             FROM finding WHERE finding.exception IS NULL AND finding.state IN ")
            .push(TO_DO).bind(now).bind(now).bind(now + 7 * DAY).bind(now + 7 * DAY);
        let rows = of(scope, query)
            .push(" GROUP BY finding.severity ORDER BY finding.severity DESC")
            .all(&self.pool)
            .await?;
        let age = |row: &AnyRow| {
            Ok(Ageing {
                severity: severity_of(row.int("severity")?),
                overdue: row.count("overdue")?,
                soon: row.count("soon")?,
                later: row.count("later")?,
                undated: row.count("undated")?,
                oldest: row.int("oldest")?,
            })
        };
        rows.iter().map(age).collect()
    }

    /// Exceptions of these owners, or over what is theirs, that end soon.
    async fn exceptions_that_end(&self, scope: &Scope, now: Millis) -> Result<Vec<Exception>> {
        let query = q("SELECT ").push(exceptions::LIST.columns)
            .push(" FROM exception WHERE exception.ended IS NULL AND exception.expires > ? AND exception.expires < ? AND (")
            .bind(now).bind(now + AHEAD);
        let query = scope.limit(query.push("(1 = 1"), "exception.owner", None);
        let query = query.push(") OR exception.id IN (SELECT finding.exception_id FROM finding WHERE finding.exception_id IS NOT NULL");
        let query = of(scope, query).push(")) ORDER BY exception.expires, exception.id LIMIT 50");
        query.all(&self.pool).await?.iter().map(|row| exceptions::read(row, now)).collect()
    }

    async fn incidents_since(&self, scope: &Scope, from: Millis) -> Result<(Vec<Incident>, u64)> {
        let within = |query: Query| {
            let query = query
                .push(" FROM incident WHERE (incident.updated >= ? OR incident.state = 'open')")
                .bind(from);
            incidents::within(scope, query)
        };
        let count = within(q("SELECT COUNT(*) AS many")).one(&self.pool).await?.count("many")?;
        let rows = within(q("SELECT ").push(incidents::LIST.columns))
            .push(" ORDER BY incident.severity DESC, incident.updated DESC, incident.id LIMIT ?")
            .bind(MOST)
            .all(&self.pool)
            .await?;
        let mut incidents = rows.iter().map(incidents::read).collect::<Result<Vec<_>>>()?;
        self.narrow(&mut incidents, scope).await?;
        Ok((incidents, count))
    }

    async fn alerts_since(&self, scope: &Scope, from: Millis) -> Result<(u64, Vec<RuleAlerts>)> {
        let query = q("SELECT alert.rule AS rule, CAST(SUM(alert.many) AS BIGINT) AS many FROM alert WHERE alert.last >= ? AND alert.state <> 'suppressed'").bind(from);
        let rows = scope
            .limit(query, "alert.owner", Some("alert.namespace"))
            .push(" GROUP BY alert.rule ORDER BY SUM(alert.many) DESC, alert.rule")
            .all(&self.pool)
            .await?;
        let rule = |row: &AnyRow| Ok(RuleAlerts { rule: row.text("rule")?, alerts: row.count("many")? });
        let mut rules: Vec<RuleAlerts> = rows.iter().map(rule).collect::<Result<_>>()?;
        let all = rules.iter().map(|rule| rule.alerts).sum();
        rules.truncate(RULES as usize);
        Ok((all, rules))
    }

    async fn unseen(&self, scope: &Scope) -> Result<Vec<Unseen>> {
        let query = q(
            "SELECT image.id AS id, image.name AS name, image.failed AS failed, image.scanned AS scanned, image.running AS running \
             FROM image WHERE image.running > 0 AND image.coverage <> 'full'",
        );
        let rows = scope
            .limit(query, "image.owner", None)
            .push(" ORDER BY image.running DESC, image.id LIMIT ?")
            .bind(MOST)
            .all(&self.pool)
            .await?;
        let image = |row: &AnyRow| {
            Ok(Unseen {
                id: row.text("id")?,
                name: row.text("name")?,
                failed: row.maybe_text("failed")?,
                scanned: row.maybe_int("scanned")?.is_some(),
                running: row.count("running")?,
            })
        };
        rows.iter().map(image).collect()
    }
}

fn new(query: Query, from: Millis, to: Millis) -> Query {
    // What was never in an image that runs was nobody's to mend.
    query
        .push(" AND finding.exception IS NULL AND finding.state <> 'new' AND finding.first_seen >= ? AND finding.first_seen <= ?")
        .bind(from)
        .bind(to)
}

fn changed(query: Query, state: &'static str, from: Millis, to: Millis) -> Query {
    query
        .push(" AND finding.id IN (SELECT finding_change.finding FROM finding_change WHERE finding_change.state = ? AND finding_change.time >= ? AND finding_change.time <= ?)")
        .bind(state)
        .bind(from)
        .bind(to)
}

fn fixed(query: Query, from: Millis, to: Millis) -> Query {
    changed(query, "fixed", from, to)
}

fn verified(query: Query, from: Millis, to: Millis) -> Query {
    changed(query, "verified", from, to)
}

fn reopened(query: Query, from: Millis, to: Millis) -> Query {
    changed(query, "reopened", from, to)
}
