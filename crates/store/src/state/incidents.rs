//! Incidents. What a node tells is a part and is kept as it came; parts that belong together are one incident, and what lists show of that
//! stands in its row. [`super::stitch`] says which belong together, [`super::wholes`] keeps it.

use super::{
    Paging, Result, Scope, State, StateError, Tx,
    alerts::incident_id,
    connections,
    findings::{rank, severity_of},
    list::{Key, List, containing},
    sql::{Columns, Query, q, word_of},
    to_json, wholes,
};
use gabion_api::rest::{Incident, IncidentState, Millis, Page, Severity};
use sqlx::any::AnyRow;
use std::{collections::BTreeSet, net::SocketAddr};

/// An incident, as a node tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIncident {
    /// Its number on the node.
    pub number: u64,
    /// What it is.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// When its first step was.
    pub began: Millis,
    /// When its last alert was.
    pub updated: Millis,
    /// The containers that it is in, by name.
    pub containers: Vec<String>,
    /// Something of it is on the node itself.
    pub on_host: bool,
    /// Tactics of ATT&CK, in the order of an attack.
    pub tactics: Vec<String>,
    /// Techniques.
    pub techniques: Vec<String>,
    /// All of it, as the node tells it.
    pub story: String,
    /// Its picture, as SVG.
    pub picture: String,
    /// By how much the hub's clock is ahead of the node's, if that is known.
    pub skew: Option<Millis>,
    /// Its connections with other nodes; none: the agent is of a version that does not tell them.
    pub ends: Option<Vec<NewEnd>>,
}

impl Default for NewIncident {
    fn default() -> Self {
        Self {
            number: 0,
            title: String::new(),
            severity: Severity::Unknown,
            began: 0,
            updated: 0,
            containers: Vec::new(),
            on_host: false,
            tactics: Vec::new(),
            techniques: Vec::new(),
            story: "{}".to_owned(),
            picture: String::new(),
            skew: None,
            ends: None,
        }
    }
}

/// A connection with another node that is part of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEnd {
    /// A process of the incident has begun it; else it came in by it.
    pub begun: bool,
    /// Who connected.
    pub client: SocketAddr,
    /// Who accepted.
    pub server: SocketAddr,
    /// When, by the node's clock.
    pub time: Millis,
    /// Which program of this node.
    pub program: String,
    /// In which container; empty on the host.
    pub container: String,
}

pub(super) const LIST: List = List {
    columns: "incident.*, (SELECT CAST(COALESCE(SUM(alert.many), 0) AS BIGINT) FROM alert JOIN incident_part ON incident_part.id = alert.incident \
        WHERE incident_part.incident = incident.id) AS alerts",
    from: "incident",
    id: "incident.id",
    keys: &[
        Key { name: "updated", column: "incident.updated", text: false },
        Key { name: "severity", column: "incident.severity", text: false },
        Key { name: "began", column: "incident.began", text: false },
    ],
    down: true,
};

pub(super) fn read(row: &AnyRow) -> Result<Incident> {
    Ok(Incident {
        id: row.text("id")?,
        title: row.text("title")?,
        severity: severity_of(row.int("severity")?),
        began: row.int("began")?,
        updated: row.int("updated")?,
        nodes: row.json("nodes")?,
        containers: row.json("containers")?,
        on_host: row.flag("on_host")?,
        tactics: row.json("tactics")?,
        techniques: row.json("techniques")?,
        alerts: row.count("alerts")?,
        state: row.word("state")?,
    })
}

/// As a sink is told of it: one that has become a part of another is over, and says where it goes on.
pub(super) fn told(row: &AnyRow) -> Result<Incident> {
    let mut incident = read(row)?;
    if let Some(whole) = row.maybe_text("joined")? {
        incident.state = IncidentState::Closed;
        incident.title = format!("{} (now part of {whole})", incident.title);
    }
    Ok(incident)
}

/// Only incidents of which somebody may see a part. Whoever sees only a part of everything sees these by their parts alone.
pub(super) fn within(scope: &Scope, query: Query) -> Query {
    let query = query.push(" AND incident.joined IS NULL");
    if scope.is_all() {
        return query;
    }
    let query =
        query.push(" AND EXISTS (SELECT 1 FROM incident_part WHERE incident_part.incident = incident.id");
    scope.limit(query, "incident_part.owner", Some("incident_part.namespace")).push(")")
}

impl State {
    /// An incident of a node is this now. One that was closed is open again if something new has come to it, from whichever node.
    pub async fn keep_incident(&self, node: &str, incident: &NewIncident, now: Millis) -> Result<()> {
        let id = incident_id(node, incident.number);
        let mut tx = self.begin().await?;
        // It comes first: whoever keeps another part at the same time waits here, and so sees this one.
        let arrived = super::sinks::arrive(&mut tx, 1).await?;
        let (owner, namespace) = whose(&mut tx, &id).await?;
        let before = q("SELECT updated FROM incident_part WHERE id = ?").bind(&id).first(&mut *tx).await?;
        let before = before.map(|row| row.int("updated")).transpose()?;
        q("INSERT INTO incident_part (id, incident, node, kept, title, severity, began, updated, containers, tactics, techniques, on_host, story, \
           picture, owner, namespace, skew, joinable) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
           ON CONFLICT (id) DO UPDATE SET title = excluded.title, severity = excluded.severity, began = excluded.began, \
           updated = excluded.updated, containers = excluded.containers, tactics = excluded.tactics, techniques = excluded.techniques, \
           on_host = excluded.on_host, story = excluded.story, picture = excluded.picture, owner = COALESCE(excluded.owner, incident_part.owner), \
           namespace = COALESCE(excluded.namespace, incident_part.namespace), skew = COALESCE(excluded.skew, incident_part.skew), \
           joinable = excluded.joinable")
            .bind(&id).bind(&id).bind(node).bind(arrived).bind(&incident.title).bind(rank(incident.severity)).bind(incident.began)
            .bind(incident.updated).bind(to_json(&incident.containers)).bind(to_json(&incident.tactics)).bind(to_json(&incident.techniques))
            .bind(incident.on_host).bind(&incident.story).bind(&incident.picture).bind(owner).bind(namespace).bind(incident.skew)
            .bind(incident.ends.is_some())
            .run(&mut *tx).await?;
        if before.is_none() {
            q("INSERT INTO incident (id, title, severity, began, updated, containers, tactics, techniques, state, nodes, arrived) \
               VALUES (?, '', 0, 0, 0, '[]', '[]', '[]', 'open', '[]', 0)")
                .bind(&id)
                .run(&mut *tx)
                .await?;
        }
        connections::keep_ends(&mut tx, node, &id, incident).await?;
        let news = before.is_none_or(|before| incident.updated > before);
        let changed = wholes::join(&mut tx, vec![id.clone()], news.then_some(id.as_str())).await?;
        for part in changed {
            self.refresh_of_part(&mut tx, &part, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Incidents.
    pub async fn incidents(
        &self,
        text: &str,
        states: &[IncidentState],
        severities: &[Severity],
        scope: &Scope,
        paging: &Paging,
    ) -> Result<Page<Incident>> {
        let filter = |mut query: Query| {
            if !text.is_empty() {
                let pattern = containing(text);
                query = query.push(" AND (LOWER(incident.title) LIKE LOWER(?) ESCAPE '!' OR LOWER(incident.containers) LIKE LOWER(?) ESCAPE '!')").bind(&pattern).bind(pattern);
            }
            if !states.is_empty() {
                query = query.push(" AND incident.state IN ").list(states.iter().map(word_of));
            }
            if !severities.is_empty() {
                query = query
                    .push(" AND incident.severity IN ")
                    .list(severities.iter().map(|level| rank(*level)));
            }
            within(scope, query)
        };
        let mut page = self.page(LIST, paging, filter, read).await?;
        self.narrow(&mut page.items, scope).await?;
        Ok(page)
    }

    /// Somebody says that an incident is dealt with, or is not. `id` may be that of a part.
    pub async fn change_incident(
        &self,
        id: &str,
        state: IncidentState,
        scope: &Scope,
        now: Millis,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let arrived = super::sinks::arrive(&mut tx, 1).await?;
        let whole = wholes::of(&mut tx, id).await?.ok_or_else(|| absent(id))?;
        let query = q("UPDATE incident SET state = ?, arrived = ? WHERE id = ?")
            .bind(word_of(state))
            .bind(arrived)
            .bind(&whole);
        if within(scope, query).run(&mut *tx).await? == 0 {
            return Err(absent(id));
        }
        let parts = q("SELECT id FROM incident_part WHERE incident = ?").bind(&whole).all(&mut *tx).await?;
        for part in parts {
            self.refresh_of_part(&mut tx, &part.text("id")?, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    pub(super) async fn refresh_of_part(&self, tx: Tx<'_>, part: &str, now: Millis) -> Result<()> {
        let rows = q("SELECT DISTINCT workload FROM alert WHERE incident = ? AND workload IS NOT NULL")
            .bind(part)
            .all(&mut *tx)
            .await?;
        let workloads = rows.iter().map(|row| row.text("workload")).collect::<Result<_>>()?;
        self.refresh_workloads(tx, &workloads, now).await
    }
}

/// Owner and namespace of a part: those of the workload of its worst alert.
async fn whose(tx: Tx<'_>, part: &str) -> Result<(Option<String>, Option<String>)> {
    let row = q("SELECT workload.owner AS owner, workload.namespace AS namespace FROM alert JOIN workload ON workload.name = alert.workload \
         WHERE alert.incident = ? ORDER BY alert.severity DESC LIMIT 1").bind(part).first(tx).await?;
    match row {
        Some(row) => Ok((row.maybe_text("owner")?, row.maybe_text("namespace")?)),
        None => Ok((None, None)),
    }
}

/// It has become known whose a workload is: so are its alerts until now, and what they are part of.
pub(super) async fn owned(tx: Tx<'_>, workload: &str) -> Result<()> {
    q("UPDATE alert SET owner = COALESCE(owner, (SELECT workload.owner FROM workload WHERE workload.name = alert.workload)), \
       namespace = COALESCE(namespace, (SELECT workload.namespace FROM workload WHERE workload.name = alert.workload)) \
       WHERE workload = ? AND (owner IS NULL OR namespace IS NULL)")
        .bind(workload)
        .run(&mut *tx)
        .await?;
    let rows = q("SELECT DISTINCT incident FROM alert WHERE workload = ? AND incident IS NOT NULL")
        .bind(workload)
        .all(&mut *tx)
        .await?;
    adopted(tx, &rows.iter().map(|row| row.text("incident")).collect::<Result<_>>()?).await
}

/// More may be known of whose these parts are: whoever answers for one sees it from now on, and is told of what it is part of.
pub(super) async fn adopted(tx: Tx<'_>, parts: &BTreeSet<String>) -> Result<()> {
    for part in parts {
        let row =
            q("SELECT owner, namespace FROM incident_part WHERE id = ?").bind(part).first(&mut *tx).await?;
        let Some(row) = row else { continue };
        let before = (row.maybe_text("owner")?, row.maybe_text("namespace")?);
        let (owner, namespace) = whose(&mut *tx, part).await?;
        let now = (before.0.clone().or(owner), before.1.clone().or(namespace));
        if now == before {
            continue;
        }
        q("UPDATE incident_part SET owner = ?, namespace = ? WHERE id = ?")
            .bind(now.0)
            .bind(now.1)
            .bind(part)
            .run(&mut *tx)
            .await?;
        let arrived = super::sinks::arrive(&mut *tx, 1).await?;
        q("UPDATE incident SET arrived = ? WHERE id = (SELECT part.incident FROM incident_part AS part WHERE part.id = ?)")
            .bind(arrived).bind(part)
            .run(&mut *tx).await?;
    }
    Ok(())
}

pub(super) fn absent(id: &str) -> StateError {
    StateError::Absent { what: "incident", id: id.to_owned() }
}
