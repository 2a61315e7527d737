//! Counts for the first page, the search over everything, and what was open on which day.

use super::{
    DAY, Result, Scope, State,
    findings::severity_of,
    images::counts,
    list::containing,
    sql::{Columns, Query, q},
    told::Telling,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use gabion_api::rest::{Counts, Hit, Millis, Progress, TrendDay};
use sqlx::any::AnyRow;
use std::fmt::Write;

/// Numbers for the first page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// What is open and runs.
    pub open: Counts,
    /// Where findings are in their life.
    pub progress: Progress,
    /// Nodes, of these heard lately.
    pub nodes: [u64; 2],
    /// Images, of these scanned, of these with full coverage.
    pub images: [u64; 3],
    /// Containers that run, of these with a scanned image.
    pub containers: [u64; 2],
    /// Workloads that run.
    pub workloads: u64,
    /// Incidents that are open.
    pub incidents: u64,
    /// Alerts of the last 24 hours.
    pub alerts: u64,
    /// Images whose scan failed.
    pub failed: u64,
}

/// Hits of one kind.
const MOST: u64 = 6;
/// Kinds that are looked through at the same time.
const LANES: usize = 3;

impl State {
    /// Numbers for the first page. They rest on nothing of each other.
    pub async fn numbers(&self, scope: &Scope, now: Millis) -> Result<Numbers> {
        let ((open, progress), numbers, (incidents, alerts)) = tokio::try_join!(
            self.what_is_open(scope, now),
            self.what_runs(scope, now),
            self.what_happens(scope, now)
        )?;
        Ok(Numbers { open, progress, incidents, alerts, ..numbers })
    }

    async fn what_is_open(&self, scope: &Scope, now: Millis) -> Result<(Counts, Progress)> {
        let (mut open, mut progress) = (Counts::default(), Progress::default());
        let query = q("SELECT finding.severity AS severity, finding.state AS state, CASE WHEN finding.exception IS NULL THEN 0 ELSE 1 END AS off, \
             COUNT(*) AS many, CAST(SUM(CASE WHEN finding.due < ? THEN 1 ELSE 0 END) AS BIGINT) AS late, \
             CAST(SUM(CASE WHEN finding.since > ? THEN 1 ELSE 0 END) AS BIGINT) AS lately FROM finding WHERE 1 = 1")
            .bind(now).bind(now - 30 * DAY);
        let query = scope.limit(query, "finding.owner", None)
            .push(" GROUP BY finding.severity, finding.state, CASE WHEN finding.exception IS NULL THEN 0 ELSE 1 END");
        for row in query.all(&self.pool).await? {
            let many = row.count("many")?;
            if row.flag("off")? {
                progress.suppressed += many;
                continue;
            }
            match row.text("state")?.as_str() {
                "open" | "reopened" => progress.open += many,
                "planned" => progress.planned += many,
                "fixed" => progress.fixed += many,
                "rolling-out" => progress.rolling_out += many,
                "verified" => {
                    progress.verified += row.count("lately")?;
                    continue;
                }
                _ => continue,
            }
            progress.overdue += row.count("late")?;
            open.add(severity_of(row.int("severity")?), many);
        }
        Ok((open, progress))
    }

    async fn what_runs(&self, scope: &Scope, now: Millis) -> Result<Numbers> {
        let mut numbers = Numbers::default();
        let row = q("SELECT COUNT(*) AS many, CAST(COALESCE(SUM(CASE WHEN seen > ? THEN 1 ELSE 0 END), 0) AS BIGINT) AS heard FROM node WHERE removed IS NULL")
            .bind(now - 45_000).one(&self.pool).await?;
        numbers.nodes = [row.count("many")?, row.count("heard")?];
        let query = q(
            "SELECT COUNT(*) AS many, CAST(COALESCE(SUM(CASE WHEN image.scanned IS NULL THEN 0 ELSE 1 END), 0) AS BIGINT) AS scanned, \
             CAST(COALESCE(SUM(CASE WHEN image.coverage = 'full' THEN 1 ELSE 0 END), 0) AS BIGINT) AS whole, \
             CAST(COALESCE(SUM(CASE WHEN image.failed IS NULL THEN 0 ELSE 1 END), 0) AS BIGINT) AS failed FROM image WHERE image.running > 0",
        );
        let row = scope.limit(query, "image.owner", None).one(&self.pool).await?;
        numbers.images = [row.count("many")?, row.count("scanned")?, row.count("whole")?];
        numbers.failed = row.count("failed")?;
        let query = q(
            "SELECT COUNT(*) AS many, CAST(COALESCE(SUM(CASE WHEN image.scanned IS NULL THEN 0 ELSE 1 END), 0) AS BIGINT) AS known FROM container \
             LEFT JOIN image ON image.id = container.image LEFT JOIN workload ON workload.name = container.workload \
             WHERE container.ended IS NULL AND container.runtime <> 'host'",
        );
        let row = scope.limit(query, "workload.owner", Some("workload.namespace")).one(&self.pool).await?;
        numbers.containers = [row.count("many")?, row.count("known")?];
        let query = q("SELECT COUNT(*) AS many FROM workload WHERE workload.running > 0");
        numbers.workloads = scope
            .limit(query, "workload.owner", Some("workload.namespace"))
            .one(&self.pool)
            .await?
            .count("many")?;
        Ok(numbers)
    }

    /// Incidents that are open, and alerts of the last 24 hours.
    async fn what_happens(&self, scope: &Scope, now: Millis) -> Result<(u64, u64)> {
        let query = q("SELECT COUNT(*) AS many FROM incident WHERE incident.state = 'open'");
        let incidents = super::incidents::within(scope, query).one(&self.pool).await?.count("many")?;
        let query = q("SELECT CAST(COALESCE(SUM(alert.many), 0) AS BIGINT) AS many FROM alert WHERE alert.last > ? AND alert.state <> 'suppressed'").bind(now - DAY);
        let alerts = scope
            .limit(query, "alert.owner", Some("alert.namespace"))
            .one(&self.pool)
            .await?
            .count("many")?;
        Ok((incidents, alerts))
    }

    /// What was open on a day is kept, once a day and again as it changes.
    pub async fn keep_day(&self, now: Millis) -> Result<()> {
        let numbers = self.numbers(&Scope::all(), now).await?;
        let day = now - now.rem_euclid(DAY);
        let row = q(
            "SELECT CAST(COALESCE(SUM(many), 0) AS BIGINT) AS many FROM alert WHERE last >= ? AND last < ?",
        )
        .bind(day)
        .bind(day + DAY)
        .one(&self.pool)
        .await?;
        let verified = q(
            "SELECT COUNT(*) AS many FROM finding_change WHERE state = 'verified' AND time >= ? AND time < ?",
        )
        .bind(day)
        .bind(day + DAY)
        .one(&self.pool)
        .await?;
        let Counts { critical, high, medium, low } = numbers.open;
        q("INSERT INTO day (day, critical, high, medium, low, alerts, verified) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (day) DO UPDATE SET \
           critical = excluded.critical, high = excluded.high, medium = excluded.medium, low = excluded.low, alerts = excluded.alerts, verified = excluded.verified")
            .bind(day).bind(critical).bind(high).bind(medium).bind(low).bind(row.count("many")?).bind(verified.count("many")?)
            .run(&self.pool).await.map(drop)
    }

    /// The last days, the oldest first.
    pub async fn trend(&self, since: Millis) -> Result<Vec<TrendDay>> {
        let rows = q("SELECT * FROM day WHERE day >= ? ORDER BY day").bind(since).all(&self.pool).await?;
        let day = |row: &AnyRow| {
            Ok(TrendDay {
                day: row.int("day")?,
                open: counts(row)?,
                alerts: row.count("alerts")?,
                verified: row.count("verified")?,
            })
        };
        rows.iter().map(day).collect()
    }

    /// What has this in its name.
    pub async fn search(&self, text: &str, scope: &Scope) -> Result<Vec<Hit>> {
        let pattern = containing(text);
        let mut hits = Vec::new();
        let both = |query: Query| query.bind(&pattern).bind(&pattern);
        let image = both(q(
            "SELECT image.id AS id, image.name AS title, COALESCE(image.os, '') AS detail FROM image WHERE (LOWER(image.name) LIKE LOWER(?) ESCAPE '!' OR image.id LIKE LOWER(?) ESCAPE '!')",
        ));
        let image = scope.limit(image, "image.owner", None).push(" ORDER BY image.running DESC LIMIT ?");
        let workload = both(q(
            "SELECT workload.name AS id, workload.name AS title, COALESCE(workload.namespace, '') AS detail FROM workload WHERE (LOWER(workload.name) LIKE LOWER(?) ESCAPE '!' OR LOWER(workload.images) LIKE LOWER(?) ESCAPE '!')",
        ));
        let workload = scope
            .limit(workload, "workload.owner", Some("workload.namespace"))
            .push(" ORDER BY workload.risk DESC LIMIT ?");
        // Most have it nowhere, which one text tells.
        let rule = both(q(
            "SELECT finding.rule AS id, finding.rule AS title, MIN(finding.title) AS detail FROM finding WHERE finding.kind = 'vulnerability' AND finding.words LIKE LOWER(?) ESCAPE '!'",
        ).bind(&pattern).push(" AND (LOWER(finding.rule) LIKE LOWER(?) ESCAPE '!' OR LOWER(finding.title) LIKE LOWER(?) ESCAPE '!')"));
        let rule = scope
            .limit(rule, "finding.owner", None)
            .push(" GROUP BY finding.rule ORDER BY MAX(finding.priority) DESC LIMIT ?");
        let node = both(q("SELECT node.id AS id, node.name AS title, node.kernel AS detail FROM node WHERE node.removed IS NULL AND (LOWER(node.name) LIKE LOWER(?) ESCAPE '!' OR node.id LIKE LOWER(?) ESCAPE '!')")).push(" ORDER BY node.name LIMIT ?");
        let incident = both(q(
            "SELECT incident.id AS id, incident.title AS title, incident.state AS detail FROM incident WHERE (LOWER(incident.title) LIKE LOWER(?) ESCAPE '!' OR LOWER(incident.containers) LIKE LOWER(?) ESCAPE '!')",
        ));
        let incident =
            super::incidents::within(scope, incident).push(" ORDER BY incident.updated DESC LIMIT ?");
        // One that ended has nothing that could be looked at but its workload.
        let container = both(q(
            "SELECT container.workload AS id, container.name AS title, container.workload AS detail FROM container \
             LEFT JOIN workload ON workload.name = container.workload WHERE container.runtime <> 'host' \
             AND (LOWER(container.name) LIKE LOWER(?) ESCAPE '!' OR LOWER(container.id) LIKE LOWER(?) ESCAPE '!')",
        ));
        let container = scope
            .limit(container, "workload.owner", Some("workload.namespace"))
            .push(" ORDER BY CASE WHEN container.ended IS NULL THEN 0 ELSE 1 END, container.started DESC, container.id LIMIT ?");
        let namespace = q("SELECT workload.namespace AS id, workload.namespace AS title, CASE COUNT(*) WHEN 1 THEN '1 workload' \
             ELSE COUNT(*) || ' workloads' END AS detail FROM workload WHERE LOWER(workload.namespace) LIKE LOWER(?) ESCAPE '!'").bind(&pattern);
        let namespace = scope
            .limit(namespace, "workload.owner", Some("workload.namespace"))
            .push(" GROUP BY workload.namespace ORDER BY COUNT(*) DESC, workload.namespace LIMIT ?");
        let owner = q("SELECT image.owner AS id, image.owner AS title, CASE COUNT(*) WHEN 1 THEN '1 image' ELSE COUNT(*) || ' images' END AS detail \
             FROM image WHERE LOWER(image.owner) LIKE LOWER(?) ESCAPE '!'").bind(&pattern);
        let owner = scope
            .limit(owner, "image.owner", None)
            .push(" GROUP BY image.owner ORDER BY COUNT(*) DESC, image.owner LIMIT ?");
        let exception = both(q(
            "SELECT exception.rule AS id, exception.rule AS title, exception.reason AS detail FROM exception WHERE exception.ended IS NULL \
             AND (LOWER(exception.rule) LIKE LOWER(?) ESCAPE '!' OR LOWER(exception.reason) LIKE LOWER(?) ESCAPE '!')",
        ));
        let exception = scope
            .limit(exception, "exception.owner", None)
            .push(" ORDER BY exception.created DESC, exception.id LIMIT ?");
        let all = [
            ("workload", "/workloads/", workload),
            ("container", "/workloads/", container),
            ("namespace", "/workloads?namespace=", namespace),
            ("owner", "/findings?owner=", owner),
            ("image", "/images/", image),
            ("vulnerability", "/vulnerabilities/", rule),
            ("incident", "/incidents/", incident),
            ("node", "/nodes/", node),
            ("exception", "/exceptions?q=", exception),
        ];
        // Most read all that there is of their kind: some at a time, and others may look, too.
        let kinds = all.each_ref().map(|(kind, page, _)| (*kind, *page));
        let asked = all.map(|(.., query)| query.bind(MOST).all(&self.pool));
        let found = stream::iter(asked).buffered(LANES).try_collect::<Vec<_>>();
        let (found, package) = tokio::try_join!(found, self.packages(package_name(text), MOST, scope))?;
        for ((kind, page), rows) in kinds.into_iter().zip(found) {
            for row in rows {
                let (id, mut title, detail) = (row.text("id")?, row.text("title")?, row.text("detail")?);
                if kind == "incident" && !scope.is_all() {
                    // What it is called may be of a part that they may not see.
                    title = self.incident(&id, scope, Telling::Parts).await?.incident.title;
                }
                let link = format!("{page}{}", segment(&id));
                hits.push(Hit { kind: kind.to_owned(), title, detail, link });
            }
            if kind == "vulnerability" {
                hits.extend(package.iter().map(|package| Hit {
                    kind: "package".to_owned(),
                    title: package.name.clone(),
                    detail: package.kind.clone(),
                    link: format!("/packages/{}/{}", segment(&package.kind), segment(&package.name)),
                }));
            }
        }
        Ok(hits)
    }
}

/// The name that is looked for: of a package URL only that.
fn package_name(text: &str) -> &str {
    match text.strip_prefix("pkg:") {
        Some(rest) => {
            let end = rest.find(['@', '?', '#']).unwrap_or(rest.len());
            rest[..end].rsplit('/').next().unwrap_or_default()
        }
        None => text,
    }
}

/// A text as one segment of a path.
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
