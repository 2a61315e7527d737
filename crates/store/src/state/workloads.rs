//! Workloads: containers that do the same, and what risk they are.
//!
//! The risk is a product, so that a factor means the same wherever it is met; each factor carries what shows it.

use super::{
    DAY, Paging, Result, Scope, State, StateError, Tx,
    alerts::AlertFilter,
    findings::{FindingFilter, rank, severity_of},
    images::counts,
    incidents,
    list::{Key, List, containing},
    sql::{Columns, Query, q, word, word_of},
    to_json,
};
use gabion_api::rest::{
    Counts, CoverageState, Factor, FindingKind, Millis, Page, Severity, State as Life, Workload,
    WorkloadDetail,
};
use sqlx::any::AnyRow;
use std::collections::BTreeSet;

/// Which workloads.
#[derive(Clone, Debug, Default)]
pub struct WorkloadFilter {
    /// This is in the name, or in the name of an image.
    pub text: String,
    /// Something of it runs.
    pub running: Option<bool>,
    /// In this namespace.
    pub namespace: Option<String>,
    /// Of this owner; `-` for nobody's.
    pub owner: Option<String>,
}

const LIST: List = List {
    columns: "workload.*",
    from: "workload",
    id: "workload.name",
    keys: &[
        Key { name: "risk", column: "workload.risk", text: false },
        Key { name: "name", column: "workload.name", text: true },
        Key { name: "running", column: "workload.running", text: false },
        Key { name: "alerts", column: "workload.alerts", text: false },
        Key { name: "first_seen", column: "workload.first_seen", text: false },
    ],
    down: true,
};

fn read(row: &AnyRow) -> Result<Workload> {
    let name = row.text("name")?;
    Ok(Workload {
        id: name.clone(),
        name,
        namespace: row.maybe_text("namespace")?,
        owner: row.maybe_text("owner")?,
        running: row.count("running")?,
        nodes: row.json("nodes")?,
        images: row.json("images")?,
        open: counts(row)?,
        risk: small(row.count("risk")?) / 100.0,
        factors: row.json("factors")?,
        alerts: row.count("alerts")?,
        incidents: row.count("incidents")?,
        first_seen: row.int("first_seen")?,
        coverage: row.word("coverage")?,
    })
}

/// Rules that say that what runs is not, or not only, what is in the image.
pub const DRIFT: [&str; 3] =
    ["Program dropped and executed", "Program executed from memory", "Program of the image overwritten"];

/// What a workload is judged by.
#[derive(Debug, Default)]
struct Facts {
    open: Counts,
    exploited: BTreeSet<String>,
    loaded: BTreeSet<String>,
    secrets: BTreeSet<String>,
    privileged: BTreeSet<String>,
    listens: BTreeSet<String>,
    reach: Option<String>,
    drift: BTreeSet<String>,
    alerts: u64,
    incidents: Vec<String>,
}

impl Facts {
    fn factors(&self) -> Vec<Factor> {
        let mut factors = Vec::new();
        let mut add = |name: &str, times: f64, evidence: Vec<String>| {
            if times > 1.0 && !evidence.is_empty() {
                factors.push(Factor { name: name.to_owned(), times, evidence });
            }
        };
        let Counts { critical, high, medium, .. } = self.open;
        // It saturates: the hundredth high vulnerability makes nothing much worse.
        let weight = small(critical) * 10.0 + small(high) * 3.0 + small(medium) * 0.3;
        add(
            "vulnerable",
            round(1.0 + 3.0 * weight / (weight + 30.0)),
            vec![format!("{critical} critical, {high} high, {medium} medium")],
        );
        let some = |all: &BTreeSet<String>| all.iter().take(10).cloned().collect::<Vec<_>>();
        add("known exploited", 2.0, some(&self.exploited));
        add("vulnerable and loaded", 2.0, some(&self.loaded));
        add("secret in image", 1.5, some(&self.secrets));
        add("privileged", 2.0, some(&self.privileged));
        add("exposed port", 1.3, some(&self.listens));
        add("reachable", 1.5, self.reach.iter().cloned().collect());
        add("drift", 2.0, some(&self.drift));
        add("incident", 3.0, self.incidents.iter().take(10).cloned().collect());
        let told =
            if self.alerts == 0 { Vec::new() } else { vec![format!("{} in the last 24 hours", self.alerts)] };
        add("alerts", 1.5, told);
        factors.sort_by(|a, b| b.times.total_cmp(&a.times));
        factors
    }
}

/// A count as a number to reckon with; beyond four thousand millions one is as good as the other.
fn small(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn round(times: f64) -> f64 {
    (times * 100.0).round() / 100.0
}

impl State {
    /// What a workload shows, after something it rests on has changed.
    pub(super) async fn refresh_workload(&self, tx: Tx<'_>, name: &str, now: Millis) -> Result<()> {
        let rows = q("SELECT container.id AS id, container.name AS name, container.node AS node, container.image_name AS image_name, \
             container.namespace AS namespace, container.privileged AS privileged, container.listens AS listens, container.labels AS labels, \
             container.ended AS ended, image.id AS image, image.owner AS owner, image.coverage AS coverage \
             FROM container LEFT JOIN image ON image.id = container.image WHERE container.workload = ?").bind(name).all(&mut *tx).await?;
        let (mut nodes, mut images, mut names) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let (mut owner, mut namespace, mut running, mut facts) = (None, None, 0_u64, Facts::default());
        let mut coverage = CoverageState::Full;
        for row in &rows {
            namespace = namespace.or(row.maybe_text("namespace")?);
            let labels: std::collections::BTreeMap<String, String> = row.json("labels")?;
            let label =
                labels.get("gabion.owner").or_else(|| labels.get("owner")).or_else(|| labels.get("team"));
            let there = match (&self.owners, &namespace) {
                (Some(owners), Some(namespace)) => {
                    let names = gabion_policy::names_of([row.text("image_name")?.as_str()]);
                    owners.owner_there(&names, &labels, namespace).map(str::to_owned)
                }
                _ => None,
            };
            owner = owner.or(label.cloned()).or(there).or(row.maybe_text("owner")?);
            if row.maybe_int("ended")?.is_some() {
                continue;
            }
            running += 1;
            nodes.insert(row.text("node")?);
            names.insert(row.text("image_name")?);
            images.extend(row.maybe_text("image")?);
            let seen = row
                .maybe_text("coverage")?
                .and_then(|word_| word(&word_))
                .unwrap_or(CoverageState::NotEvaluated);
            if seen != CoverageState::Full && coverage == CoverageState::Full {
                coverage = seen;
            }
            if row.maybe_int("privileged")? == Some(1) {
                facts.privileged.insert(format!("container {}", row.text("name")?));
            }
            facts.listens.extend(row.json::<Vec<String>>("listens")?);
        }
        for image in &images {
            let rows = q("SELECT finding.severity AS severity, COUNT(*) AS many FROM finding JOIN image_finding ON image_finding.finding = finding.id \
                 WHERE image_finding.image = ? AND finding.exception IS NULL GROUP BY finding.severity").bind(image).all(&mut *tx).await?;
            for row in &rows {
                facts.open.add(severity_of(row.int("severity")?), row.count("many")?);
            }
            let rows = q("SELECT finding.kind AS kind, finding.rule AS rule, finding.severity AS severity, finding.exploited AS exploited \
                 FROM finding JOIN image_finding ON image_finding.finding = finding.id \
                 WHERE image_finding.image = ? AND finding.exception IS NULL AND (finding.exploited = 1 OR finding.kind = 'secret')")
                .bind(image).all(&mut *tx).await?;
            for row in &rows {
                if row.flag("exploited")? {
                    facts.exploited.insert(row.text("rule")?);
                }
                let is_severe = severity_of(row.int("severity")?) >= Severity::High;
                if row.word::<FindingKind>("kind")? == FindingKind::Secret && is_severe {
                    facts.secrets.insert(row.text("rule")?);
                }
            }
        }
        for image in &images {
            let rows = q("SELECT finding.rule AS rule, loaded_finding.path AS path FROM loaded_finding JOIN finding ON finding.id = loaded_finding.finding \
                 WHERE loaded_finding.image = ? AND loaded_finding.workload = ? AND finding.exception IS NULL AND finding.severity >= ?")
                .bind(image).bind(name).bind(rank(Severity::High)).all(&mut *tx).await?;
            for row in &rows {
                facts.loaded.insert(format!("{} in /{}", row.text("rule")?, row.text("path")?));
            }
        }
        let row = q("SELECT CAST(COALESCE(SUM(many), 0) AS BIGINT) AS many FROM alert WHERE workload = ? AND last > ? AND state <> 'suppressed'")
            .bind(name).bind(now - DAY).one(&mut *tx).await?;
        facts.alerts = row.count("many")?;
        let rows = q("SELECT rule, CAST(SUM(many) AS BIGINT) AS many FROM alert WHERE workload = ? AND last > ? AND state <> 'suppressed' AND rule IN ")
            .bind(name).bind(now - 7 * DAY).list(DRIFT).push(" GROUP BY rule").all(&mut *tx).await?;
        for row in &rows {
            facts.drift.insert(match (row.text("rule")?, row.count("many")?) {
                (rule, 1) => rule,
                (rule, many) => format!("{rule}, {many} times"),
            });
        }
        let rows = q("SELECT DISTINCT incident.id AS id, incident.title AS title FROM incident JOIN incident_part ON incident_part.incident = incident.id \
             JOIN alert ON alert.incident = incident_part.id WHERE alert.workload = ? AND incident.state = 'open'").bind(name).all(&mut *tx).await?;
        for row in &rows {
            facts.incidents.push(row.text("title")?);
        }
        let row = q("SELECT path FROM reach WHERE workload = ?").bind(name).first(&mut *tx).await?;
        facts.reach = row.map(|row| row.text("path")).transpose()?;
        let factors = if running > 0 { facts.factors() } else { Vec::new() };
        let risk = if running > 0 { factors.iter().map(|factor| factor.times).product::<f64>() } else { 0.0 };
        if running == 0 {
            // It ended; what is left of it is its name.
            coverage = CoverageState::NotEvaluated;
        }
        let row =
            q("SELECT owner, namespace FROM workload WHERE name = ?").bind(name).first(&mut *tx).await?;
        let before = match row {
            Some(row) => (row.maybe_text("owner")?, row.maybe_text("namespace")?),
            None => (None, None),
        };
        let is_told_whose =
            (before.0.is_none() && owner.is_some()) || (before.1.is_none() && namespace.is_some());
        q("INSERT INTO workload (name, namespace, owner, first_seen, running, nodes, images, critical, high, medium, low, risk, factors, \
           alerts, incidents, coverage) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
           ON CONFLICT (name) DO UPDATE SET namespace = COALESCE(excluded.namespace, workload.namespace), \
           owner = CASE WHEN excluded.running > 0 THEN excluded.owner ELSE COALESCE(excluded.owner, workload.owner) END, running = excluded.running, nodes = excluded.nodes, images = excluded.images, \
           critical = excluded.critical, high = excluded.high, medium = excluded.medium, low = excluded.low, risk = excluded.risk, \
           factors = excluded.factors, alerts = excluded.alerts, incidents = excluded.incidents, coverage = excluded.coverage")
            .bind(name).bind(namespace).bind(owner).bind(now).bind(running).bind(to_json(&nodes)).bind(to_json(&names))
            .bind(facts.open.critical).bind(facts.open.high).bind(facts.open.medium).bind(facts.open.low)
            .bind((risk * 100.0).round() as i64).bind(to_json(&factors)).bind(facts.alerts).bind(facts.incidents.len() as u64)
            .bind(word_of(coverage))
            .run(&mut *tx).await?;
        if is_told_whose { incidents::owned(tx, name).await } else { Ok(()) }
    }

    /// Workloads.
    pub async fn workloads(
        &self,
        wanted: &WorkloadFilter,
        scope: &Scope,
        paging: &Paging,
    ) -> Result<Page<Workload>> {
        let filter = |mut query: Query| {
            if !wanted.text.is_empty() {
                let pattern = containing(&wanted.text);
                query = query.push(" AND (LOWER(workload.name) LIKE LOWER(?) ESCAPE '!' OR LOWER(workload.images) LIKE LOWER(?) ESCAPE '!')").bind(&pattern).bind(pattern);
            }
            query = match wanted.running {
                Some(true) => query.push(" AND workload.running > 0"),
                Some(false) => query.push(" AND workload.running = 0"),
                None => query,
            };
            if let Some(namespace) = &wanted.namespace {
                query = query.push(" AND workload.namespace = ?").bind(namespace);
            }
            query = match wanted.owner.as_deref() {
                Some("-") => query.push(" AND workload.owner IS NULL"),
                Some(owner) => query.push(" AND workload.owner = ?").bind(owner),
                None => query,
            };
            scope.limit(query, "workload.owner", Some("workload.namespace"))
        };
        self.page(LIST, paging, filter, read).await
    }

    /// One workload.
    pub async fn workload(&self, name: &str, scope: &Scope, now: Millis) -> Result<WorkloadDetail> {
        let query = scope.limit(
            q("SELECT * FROM workload WHERE name = ?").bind(name),
            "workload.owner",
            Some("workload.namespace"),
        );
        let row = query.first(&self.pool).await?;
        let row = row.ok_or_else(|| StateError::Absent { what: "workload", id: name.to_owned() })?;
        let worst = FindingFilter {
            workload: Some(name.to_owned()),
            suppressed: Some(false),
            states: vec![Life::Open, Life::Planned, Life::Fixed, Life::RollingOut, Life::Reopened],
            ..FindingFilter::default()
        };
        let paging = |limit| Paging { limit, ..Paging::default() };
        let alerts = AlertFilter { workload: Some(name.to_owned()), ..AlertFilter::default() };
        Ok(WorkloadDetail {
            workload: read(&row)?,
            containers: self.containers_of("workload", name, true).await?,
            // Who may see the workload may see what is wrong with what it runs.
            findings: self.findings(&worst, &Scope::all(), &paging(50), now).await?.items,
            recent: self.alerts(&alerts, &Scope::all(), &paging(50)).await?.items,
        })
    }

    /// What all that runs shows is computed again: time alone changes it, too. Those that end are not asked.
    pub async fn refresh_workloads(&self, now: Millis) -> Result<u64> {
        let rows = q("SELECT name FROM workload WHERE running > 0 AND (alerts > 0 OR incidents > 0)")
            .all(&self.pool)
            .await?;
        for row in &rows {
            let mut tx = self.begin().await?;
            self.refresh_workload(&mut tx, &row.text("name")?, now).await?;
            tx.commit().await?;
        }
        Ok(rows.len() as u64)
    }
}
