//! What risk workloads are: what is known of what runs, and the factors that it makes.
//!
//! The risk is a product, so that a factor means the same wherever it is met; each factor carries what shows it. Many workloads are read by as
//! many statements as one: what changes, a database of vulnerabilities, say, mostly changes many.

use super::{
    DAY, Result, State, Tx,
    findings::{rank, severity_of},
    images::counts,
    incidents,
    sql::{Columns, batch, q, word, word_of},
    to_json,
};
use gabion_api::rest::{Counts, CoverageState, Factor, FindingKind, Millis, Severity};
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Workloads that are read at once.
const AT_ONCE: usize = 50;
/// Workloads that one statement writes.
const BATCH: usize = batch(16);
/// What is told of one factor.
const EVIDENCE: usize = 10;

/// Rules that say that what runs is not, or not only, what is in the image.
pub const DRIFT: [&str; 3] =
    ["Program dropped and executed", "Program executed from memory", "Program of the image overwritten"];

/// What is known of a workload.
#[derive(Debug, Default)]
struct Facts {
    namespace: Option<String>,
    owner: Option<String>,
    running: u64,
    nodes: BTreeSet<String>,
    /// Images by id, and what containers call them.
    images: BTreeSet<String>,
    names: BTreeSet<String>,
    /// How badly what runs was looked at, unless it was wholly.
    gap: Option<CoverageState>,
    open: Counts,
    exploited: BTreeSet<String>,
    loaded: BTreeSet<String>,
    secrets: BTreeSet<String>,
    privileged: BTreeSet<String>,
    listens: BTreeSet<String>,
    reach: Option<String>,
    drift: BTreeSet<String>,
    alerts: u64,
    incidents: BTreeMap<String, String>,
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
        let some = |all: &BTreeSet<String>| all.iter().take(EVIDENCE).cloned().collect::<Vec<_>>();
        add("known exploited", 2.0, some(&self.exploited));
        add("vulnerable and loaded", 2.0, some(&self.loaded));
        add("secret in image", 1.5, some(&self.secrets));
        add("privileged", 2.0, some(&self.privileged));
        add("exposed port", 1.3, some(&self.listens));
        add("reachable", 1.5, self.reach.iter().cloned().collect());
        add("drift", 2.0, some(&self.drift));
        add("incident", 3.0, self.incidents.values().take(EVIDENCE).cloned().collect());
        let told =
            if self.alerts == 0 { Vec::new() } else { vec![format!("{} in the last 24 hours", self.alerts)] };
        add("alerts", 1.5, told);
        factors.sort_by(|a, b| b.times.total_cmp(&a.times));
        factors
    }

    /// What runs, and who answers for it: a container, with its image if there is one.
    fn container(&mut self, row: &AnyRow, state: &State) -> Result<()> {
        self.namespace = self.namespace.take().or(row.maybe_text("namespace")?);
        let labels: BTreeMap<String, String> = row.json("labels")?;
        let label = labels.get("gabion.owner").or_else(|| labels.get("owner")).or_else(|| labels.get("team"));
        let there = match (&state.owners, &self.namespace) {
            (Some(owners), Some(namespace)) => {
                let names = gabion_policy::names_of([row.text("image_name")?.as_str()]);
                owners.owner_there(&names, &labels, namespace).map(str::to_owned)
            }
            _ => None,
        };
        self.owner = self.owner.take().or(label.cloned()).or(there).or(row.maybe_text("owner")?);
        if row.maybe_int("ended")?.is_some() {
            return Ok(());
        }
        self.running += 1;
        self.nodes.insert(row.text("node")?);
        self.names.insert(row.text("image_name")?);
        if let Some(image) = row.maybe_text("image")?
            && self.images.insert(image)
        {
            let Counts { critical, high, medium, low } = counts(row)?;
            self.open.critical += critical;
            self.open.high += high;
            self.open.medium += medium;
            self.open.low += low;
        }
        let seen = row.maybe_text("coverage")?.and_then(|text| word(&text));
        let seen = seen.unwrap_or(CoverageState::NotEvaluated);
        if seen != CoverageState::Full {
            self.gap.get_or_insert(seen);
        }
        if row.maybe_int("privileged")? == Some(1) {
            self.privileged.insert(format!("container {}", row.text("name")?));
        }
        self.listens.extend(row.json::<Vec<String>>("listens")?);
        Ok(())
    }

    /// A finding of an image that runs, which does not count as one of many.
    fn finding(&mut self, row: &AnyRow) -> Result<()> {
        if row.flag("exploited")? {
            self.exploited.insert(row.text("rule")?);
        }
        let is_severe = severity_of(row.int("severity")?) >= Severity::High;
        if row.word::<FindingKind>("kind")? == FindingKind::Secret && is_severe {
            self.secrets.insert(row.text("rule")?);
        }
        Ok(())
    }
}

/// A count as a number to reckon with; beyond four thousand millions one is as good as the other.
pub(super) fn small(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn round(times: f64) -> f64 {
    (times * 100.0).round() / 100.0
}

/// What is known of these, beside what runs.
async fn ask(tx: Tx<'_>, all: &mut BTreeMap<String, Facts>, names: &[&String], now: Millis) -> Result<()> {
    let images: BTreeSet<String> = all.values().flat_map(|facts| &facts.images).cloned().collect();
    let rows = q("SELECT image_finding.image AS image, finding.kind AS kind, finding.rule AS rule, finding.severity AS severity, \
         finding.exploited AS exploited FROM finding JOIN image_finding ON image_finding.finding = finding.id \
         WHERE finding.exception IS NULL AND (finding.exploited = 1 OR finding.kind = 'secret') AND image_finding.image IN ")
        .list(&images).all(&mut *tx).await?;
    let mut worst: HashMap<String, Vec<&AnyRow>> = HashMap::new();
    for row in &rows {
        worst.entry(row.text("image")?).or_default().push(row);
    }
    for facts in all.values_mut() {
        let of: Vec<&AnyRow> =
            facts.images.iter().filter_map(|image| worst.get(image)).flatten().copied().collect();
        of.into_iter().try_for_each(|row| facts.finding(row))?;
    }
    let rows = q("SELECT loaded_finding.workload AS workload, loaded_finding.image AS image, finding.rule AS rule, loaded_finding.path AS path \
         FROM loaded_finding JOIN finding ON finding.id = loaded_finding.finding WHERE finding.exception IS NULL AND finding.severity >= ? \
         AND loaded_finding.image IN ")
        .bind(rank(Severity::High)).list(&images).push(" AND loaded_finding.workload IN ").list(names.iter().copied()).all(&mut *tx).await?;
    for row in &rows {
        let image = row.text("image")?;
        if let Some(facts) = of(all, row)?.filter(|facts| facts.images.contains(&image)) {
            facts.loaded.insert(format!("{} in /{}", row.text("rule")?, row.text("path")?));
        }
    }
    let rows = q("SELECT workload, CAST(SUM(many) AS BIGINT) AS many FROM alert WHERE last > ? AND state <> 'suppressed' AND workload IN ")
        .bind(now - DAY).list(names.iter().copied()).push(" GROUP BY workload").all(&mut *tx).await?;
    for row in &rows {
        if let Some(facts) = of(all, row)? {
            facts.alerts = row.count("many")?;
        }
    }
    let rows = q("SELECT workload, rule, CAST(SUM(many) AS BIGINT) AS many FROM alert WHERE last > ? AND state <> 'suppressed' AND rule IN ")
        .bind(now - 7 * DAY).list(DRIFT).push(" AND workload IN ").list(names.iter().copied())
        .push(" GROUP BY workload, rule").all(&mut *tx).await?;
    for row in &rows {
        if let Some(facts) = of(all, row)? {
            facts.drift.insert(match (row.text("rule")?, row.count("many")?) {
                (rule, 1) => rule,
                (rule, many) => format!("{rule}, {many} times"),
            });
        }
    }
    let rows = q("SELECT DISTINCT alert.workload AS workload, incident.id AS id, incident.title AS title FROM incident \
         JOIN incident_part ON incident_part.incident = incident.id JOIN alert ON alert.incident = incident_part.id \
         WHERE incident.state = 'open' AND alert.workload IN ")
        .list(names.iter().copied()).all(&mut *tx).await?;
    for row in &rows {
        if let Some(facts) = of(all, row)? {
            facts.incidents.insert(row.text("id")?, row.text("title")?);
        }
    }
    let rows =
        q("SELECT workload, path FROM reach WHERE workload IN ").list(names.iter().copied()).all(tx).await?;
    for row in &rows {
        if let Some(facts) = of(all, row)? {
            facts.reach = Some(row.text("path")?);
        }
    }
    Ok(())
}

/// The workload that a row is about.
fn of<'a>(all: &'a mut BTreeMap<String, Facts>, row: &AnyRow) -> Result<Option<&'a mut Facts>> {
    Ok(all.get_mut(&row.text("workload")?))
}

/// What lists show of these from now on.
async fn write(tx: Tx<'_>, some: &[(&String, &Facts)], now: Millis) -> Result<()> {
    let mut query = q("INSERT INTO workload (name, namespace, owner, first_seen, running, nodes, images, critical, high, medium, low, risk, \
         factors, alerts, incidents, coverage) VALUES ")
        .rows("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", some.len());
    for (name, facts) in some {
        // It ended; what is left of it is its name.
        let runs = facts.running > 0;
        let factors = if runs { facts.factors() } else { Vec::new() };
        let risk = if runs { factors.iter().map(|factor| factor.times).product::<f64>() } else { 0.0 };
        let coverage =
            if runs { facts.gap.unwrap_or(CoverageState::Full) } else { CoverageState::NotEvaluated };
        query = query
            .bind(*name)
            .bind(facts.namespace.clone())
            .bind(facts.owner.clone())
            .bind(now)
            .bind(facts.running)
            .bind(to_json(&facts.nodes))
            .bind(to_json(&facts.names))
            .bind(facts.open.critical)
            .bind(facts.open.high)
            .bind(facts.open.medium)
            .bind(facts.open.low)
            .bind((risk * 100.0).round() as i64)
            .bind(to_json(&factors))
            .bind(facts.alerts)
            .bind(facts.incidents.len() as u64)
            .bind(word_of(coverage));
    }
    query
        .push(" ON CONFLICT (name) DO UPDATE SET namespace = COALESCE(excluded.namespace, workload.namespace), \
           owner = CASE WHEN excluded.running > 0 THEN excluded.owner ELSE COALESCE(excluded.owner, workload.owner) END, \
           running = excluded.running, nodes = excluded.nodes, images = excluded.images, critical = excluded.critical, \
           high = excluded.high, medium = excluded.medium, low = excluded.low, risk = excluded.risk, factors = excluded.factors, \
           alerts = excluded.alerts, incidents = excluded.incidents, coverage = excluded.coverage")
        .run(tx).await.map(drop)
}

impl State {
    /// What workloads show, after something they rest on has changed. Images show what they count already.
    pub(super) async fn refresh_workloads(
        &self,
        tx: Tx<'_>,
        names: &BTreeSet<String>,
        now: Millis,
    ) -> Result<()> {
        for some in names.iter().collect::<Vec<_>>().chunks(AT_ONCE) {
            self.refresh_some(&mut *tx, some, now).await?;
        }
        Ok(())
    }

    async fn refresh_some(&self, tx: Tx<'_>, names: &[&String], now: Millis) -> Result<()> {
        let mut all: BTreeMap<String, Facts> =
            names.iter().map(|name| ((*name).clone(), Facts::default())).collect();
        let rows = q("SELECT container.workload AS workload, container.name AS name, container.node AS node, \
             container.image_name AS image_name, container.namespace AS namespace, container.privileged AS privileged, \
             container.listens AS listens, container.labels AS labels, container.ended AS ended, image.id AS image, image.owner AS owner, \
             image.coverage AS coverage, image.critical AS critical, image.high AS high, image.medium AS medium, image.low AS low \
             FROM container LEFT JOIN image ON image.id = container.image WHERE container.workload IN ")
            .list(names.iter().copied()).push(" ORDER BY CASE WHEN container.ended IS NULL THEN 0 ELSE 1 END, \
             container.started, container.node, container.id").all(&mut *tx).await?;
        for row in &rows {
            if let Some(facts) = of(&mut all, row)? {
                facts.container(row, self)?;
            }
        }
        ask(&mut *tx, &mut all, names, now).await?;
        let rows = q("SELECT name, owner, namespace FROM workload WHERE name IN ")
            .list(names.iter().copied())
            .all(&mut *tx)
            .await?;
        let mut before: HashMap<String, (bool, bool)> = HashMap::new();
        for row in &rows {
            let known = (row.maybe_text("owner")?.is_some(), row.maybe_text("namespace")?.is_some());
            before.insert(row.text("name")?, known);
        }
        for chunk in all.iter().collect::<Vec<_>>().chunks(BATCH) {
            write(&mut *tx, chunk, now).await?;
        }
        for (name, facts) in &all {
            let (owned, placed) = before.get(name).copied().unwrap_or_default();
            if (!owned && facts.owner.is_some()) || (!placed && facts.namespace.is_some()) {
                incidents::owned(&mut *tx, name).await?;
            }
        }
        Ok(())
    }

    /// What troubled workloads show is computed again, as time alone changes it, too. Those that end are not asked.
    pub async fn refresh_troubled(&self, now: Millis) -> Result<u64> {
        let rows = q("SELECT name FROM workload WHERE running > 0 AND (alerts > 0 OR incidents > 0)")
            .all(&self.pool)
            .await?;
        let names: Vec<String> = rows.iter().map(|row| row.text("name")).collect::<Result<_>>()?;
        for some in names.chunks(AT_ONCE) {
            let mut tx = self.begin().await?;
            self.refresh_some(&mut tx, &some.iter().collect::<Vec<_>>(), now).await?;
            tx.commit().await?;
        }
        Ok(names.len() as u64)
    }
}
