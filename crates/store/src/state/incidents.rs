//! Incidents, as nodes tell them. The story is kept as it came; what lists show stands in columns.

use super::{
    Paging, Result, Scope, State, StateError,
    alerts::incident_id,
    findings::{rank, severity_of},
    list::{Key, List, containing},
    sql::{Columns, Query, q, word_of},
    to_json,
};
use gabion_api::rest::{Incident, IncidentState, Millis, Page, Severity};
use sqlx::any::AnyRow;

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
    /// Tactics of ATT&CK, in the order of an attack.
    pub tactics: Vec<String>,
    /// Techniques.
    pub techniques: Vec<String>,
    /// All of it, as the node tells it.
    pub story: String,
    /// Its picture, as SVG.
    pub picture: String,
}

pub(super) const LIST: List = List {
    columns: "incident.*, (SELECT CAST(COALESCE(SUM(alert.many), 0) AS BIGINT) FROM alert WHERE alert.incident = incident.id) AS alerts",
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
        nodes: vec![row.text("node")?],
        containers: row.json("containers")?,
        tactics: row.json("tactics")?,
        techniques: row.json("techniques")?,
        alerts: row.count("alerts")?,
        state: row.word("state")?,
    })
}

impl State {
    /// An incident is this now. One that was closed is open again if something new has come to it.
    pub async fn keep_incident(&self, node: &str, incident: &NewIncident, now: Millis) -> Result<()> {
        let id = incident_id(node, incident.number);
        let mut tx = self.begin().await?;
        let row = q("SELECT workload.owner AS owner, workload.namespace AS namespace FROM alert JOIN workload ON workload.name = alert.workload \
             WHERE alert.incident = ? ORDER BY alert.severity DESC LIMIT 1").bind(&id).first(&mut *tx).await?;
        let (owner, namespace) = match row {
            Some(row) => (row.maybe_text("owner")?, row.maybe_text("namespace")?),
            None => (None, None),
        };
        q("INSERT INTO incident (id, node, title, severity, began, updated, containers, tactics, techniques, state, story, picture, owner, namespace) \
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET title = excluded.title, \
           severity = excluded.severity, began = excluded.began, containers = excluded.containers, tactics = excluded.tactics, \
           techniques = excluded.techniques, story = excluded.story, picture = excluded.picture, \
           owner = COALESCE(excluded.owner, incident.owner), namespace = COALESCE(excluded.namespace, incident.namespace), \
           state = CASE WHEN excluded.updated > incident.updated THEN 'open' ELSE incident.state END, updated = excluded.updated")
            .bind(&id).bind(node).bind(&incident.title).bind(rank(incident.severity)).bind(incident.began).bind(incident.updated)
            .bind(to_json(&incident.containers)).bind(to_json(&incident.tactics)).bind(to_json(&incident.techniques))
            .bind(&incident.story).bind(&incident.picture).bind(owner).bind(namespace)
            .run(&mut *tx).await?;
        self.refresh_of_incident(&mut tx, &id, now).await?;
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
                query = query.push(" AND (LOWER(incident.title) LIKE ? ESCAPE '!' OR LOWER(incident.containers) LIKE ? ESCAPE '!')").bind(&pattern).bind(pattern);
            }
            if !states.is_empty() {
                query = query.push(" AND incident.state IN ").list(states.iter().map(word_of));
            }
            if !severities.is_empty() {
                query = query
                    .push(" AND incident.severity IN ")
                    .list(severities.iter().map(|level| rank(*level)));
            }
            scope.limit(query, "incident.owner", Some("incident.namespace"))
        };
        self.page(LIST, paging, filter, read).await
    }

    /// One incident, its story as the node told it, and its picture.
    pub async fn incident(&self, id: &str, scope: &Scope) -> Result<(Incident, String, String)> {
        let query = q("SELECT ").push(LIST.columns).push(" FROM incident WHERE id = ?").bind(id);
        let row = scope.limit(query, "incident.owner", Some("incident.namespace")).first(&self.pool).await?;
        let row = row.ok_or_else(|| absent(id))?;
        Ok((read(&row)?, row.text("story")?, row.text("picture")?))
    }

    /// Somebody says that an incident is dealt with, or is not.
    pub async fn change_incident(
        &self,
        id: &str,
        state: IncidentState,
        scope: &Scope,
        now: Millis,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let query = q("UPDATE incident SET state = ? WHERE id = ?").bind(word_of(state)).bind(id);
        if scope.limit(query, "owner", Some("namespace")).run(&mut *tx).await? == 0 {
            return Err(absent(id));
        }
        self.refresh_of_incident(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn refresh_of_incident(&self, tx: super::Tx<'_>, id: &str, now: Millis) -> Result<()> {
        let rows = q("SELECT DISTINCT workload FROM alert WHERE incident = ? AND workload IS NOT NULL")
            .bind(id)
            .all(&mut *tx)
            .await?;
        for row in rows {
            self.refresh_workload(&mut *tx, &row.text("workload")?, now).await?;
        }
        Ok(())
    }
}

fn absent(id: &str) -> StateError {
    StateError::Absent { what: "incident", id: id.to_owned() }
}
