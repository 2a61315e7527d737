//! Alerts: what nodes tell, each once however often it is sent; equal ones are one with a count.

use super::{
    Paging, Result, Scope, State, Tx,
    findings::{rank, severity_of},
    incidents,
    list::{Key, List, containing},
    sql::{Columns, Query, q, word_of},
    to_json,
};
use gabion_api::rest::{Alert, AlertChange, AlertState, Millis, Page, Severity};
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry};

/// Alerts that one change is for.
const MAX_CHANGED: usize = 10_000;

/// An alert, as a node tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAlert {
    /// Its number on the node.
    pub number: u64,
    /// When.
    pub time: Millis,
    /// The rule.
    pub rule: String,
    /// How bad it is, in Falco's words.
    pub priority: String,
    /// The number of the incident on the node.
    pub incident: Option<u64>,
    /// The container, by id and name; empty on the host.
    pub container: String,
    /// See there.
    pub container_name: String,
    /// Its workload, if that is known without looking at the container.
    pub workload: Option<String>,
    /// The program.
    pub program: String,
    /// What it says.
    pub message: String,
    /// Techniques of ATT&CK.
    pub techniques: Vec<String>,
    /// Its fields.
    pub fields: BTreeMap<String, String>,
}

/// Which alerts; what is empty is not asked for.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// This is in the rule or in the message.
    pub text: String,
    /// So bad.
    pub severities: Vec<Severity>,
    /// In these states.
    pub states: Vec<AlertState>,
    /// By this rule.
    pub rule: Option<String>,
    /// In this workload.
    pub workload: Option<String>,
    /// On this node.
    pub node: Option<String>,
    /// Of this incident.
    pub incident: Option<String>,
    /// Not older.
    pub since: Option<Millis>,
}

const LIST: List = List {
    columns: "alert.*",
    from: "alert",
    id: "alert.id",
    keys: &[
        Key { name: "last", column: "alert.last", text: false },
        Key { name: "severity", column: "alert.severity", text: false },
        Key { name: "count", column: "alert.many", text: false },
        Key { name: "rule", column: "alert.rule", text: true },
        Key { name: "first", column: "alert.first", text: false },
    ],
    down: true,
};

pub(super) fn read(row: &AnyRow) -> Result<Alert> {
    Ok(Alert {
        id: row.text("id")?,
        first: row.int("first")?,
        last: row.int("last")?,
        count: row.count("many")?,
        rule: row.text("rule")?,
        priority: row.text("priority")?,
        severity: severity_of(row.int("severity")?),
        message: row.text("message")?,
        node: row.text("node")?,
        container: row.maybe_text("container")?,
        workload: row.maybe_text("workload")?,
        incident: row.maybe_text("incident")?,
        techniques: row.json("techniques")?,
        state: row.word("state")?,
        fields: row.json("fields")?,
    })
}

/// Falco's words as severities.
pub fn severity(priority: &str) -> Severity {
    match priority {
        "Emergency" | "Alert" | "Critical" => Severity::Critical,
        "Error" => Severity::High,
        "Warning" => Severity::Medium,
        "Notice" => Severity::Low,
        _ => Severity::Info,
    }
}

/// The id of an incident of a node.
pub(super) fn incident_id(node: &str, number: u64) -> String {
    format!("{node}-{number}")
}

impl NewAlert {
    /// What equal ones have in common.
    fn id(&self, node: &str, workload: &str) -> String {
        let mut hash = Sha256::new();
        let incident = self.incident.unwrap_or_default().to_string();
        for part in [node, &self.rule, workload, &self.container_name, &self.program, &incident] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        super::short_id("a", &hash.finalize())
    }
}

/// Where an alert is from.
#[derive(Clone, Default)]
struct Place {
    workload: Option<String>,
    owner: Option<String>,
    namespace: Option<String>,
}

/// Where alerts of a container are from, by its id, the beginning of it, or its name.
async fn place(tx: Tx<'_>, node: &str, of: &str) -> Result<Option<Place>> {
    let row = q("SELECT container.workload AS workload, workload.owner AS owner, workload.namespace AS namespace FROM container \
         LEFT JOIN workload ON workload.name = container.workload WHERE container.node = ? AND (container.id = ? \
         OR (container.id >= ? AND container.id < ?) OR container.name = ?) ORDER BY container.started DESC LIMIT 1")
        .bind(node).bind(of).bind(of).bind(super::containers::after(of)).bind(of).first(tx).await?;
    row.map(|row| {
        Ok(Place {
            workload: Some(row.text("workload")?),
            owner: row.maybe_text("owner")?,
            namespace: row.maybe_text("namespace")?,
        })
    })
    .transpose()
}

impl State {
    /// Keeps alerts of a node, by growing numbers; those up to the number that is answered need not be sent again.
    pub async fn keep_alerts(&self, node: &str, alerts: &[NewAlert], now: Millis) -> Result<u64> {
        let mut tx = self.begin().await?;
        let mut arrived = super::sinks::arrive(&mut tx, alerts.len() as u64).await?;
        let mark = q("SELECT kept FROM alert_mark WHERE node = ?").bind(node).first(&mut *tx).await?;
        let mut kept = mark.map(|row| row.count("kept")).transpose()?.unwrap_or(0);
        let (mut workloads, mut parts) = (BTreeSet::new(), BTreeSet::new());
        let mut known = HashMap::new();
        for alert in alerts {
            if alert.number <= kept {
                continue;
            }
            kept = alert.number;
            let of =
                if alert.container.is_empty() { format!("host:{node}") } else { alert.container.clone() };
            let place = match known.entry(of) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let place = place(&mut tx, node, new.key()).await?;
                    new.insert(place)
                }
            };
            let Place { workload, owner, namespace } = place
                .clone()
                .unwrap_or_else(|| Place { workload: alert.workload.clone(), ..Place::default() });
            let part = alert.incident.map(|number| incident_id(node, number));
            if owner.is_some() || namespace.is_some() {
                parts.extend(part.clone());
            }
            let level = rank(severity(&alert.priority));
            let container = Some(alert.container_name.clone()).filter(|name| !name.is_empty());
            // One that came before its container was told of is called after no workload, and the same one all the same.
            q("INSERT INTO alert (id, first, last, many, rule, priority, severity, message, node, container, workload, incident, techniques, \
               state, fields, owner, namespace, arrived) VALUES (COALESCE((SELECT early.id FROM alert AS early WHERE early.id = ? AND early.workload = ?), ?), ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'new', ?, ?, ?, ?) \
               ON CONFLICT (id) DO UPDATE SET last = CASE WHEN excluded.last > alert.last THEN excluded.last ELSE alert.last END, \
               first = CASE WHEN excluded.first < alert.first THEN excluded.first ELSE alert.first END, many = alert.many + 1, \
               message = excluded.message, fields = excluded.fields, arrived = excluded.arrived, incident = COALESCE(excluded.incident, alert.incident), \
               state = CASE WHEN alert.state = 'seen' THEN 'new' ELSE alert.state END")
                .bind(alert.id(node, "")).bind(workload.clone()).bind(alert.id(node, workload.as_deref().unwrap_or_default())).bind(alert.time).bind(alert.time).bind(&alert.rule)
                .bind(&alert.priority).bind(level).bind(&alert.message).bind(node).bind(container).bind(workload.clone())
                .bind(part).bind(to_json(&alert.techniques))
                .bind(to_json(&alert.fields)).bind(owner).bind(namespace).bind(arrived)
                .run(&mut *tx).await?;
            arrived += 1;
            workloads.extend(workload);
        }
        q("INSERT INTO alert_mark (node, kept) VALUES (?, ?) ON CONFLICT (node) DO UPDATE SET kept = excluded.kept")
            .bind(node).bind(kept).run(&mut *tx).await?;
        // An incident may have been told before the alerts that say whose it is.
        incidents::adopted(&mut tx, &parts).await?;
        self.refresh_workloads(&mut tx, &workloads, now).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Up to which number alerts of a node are kept.
    pub async fn alerts_kept(&self, node: &str) -> Result<u64> {
        let row = q("SELECT kept FROM alert_mark WHERE node = ?").bind(node).first(&self.pool).await?;
        Ok(row.map(|row| row.count("kept")).transpose()?.unwrap_or(0))
    }

    /// Alerts.
    pub async fn alerts(&self, wanted: &AlertFilter, scope: &Scope, paging: &Paging) -> Result<Page<Alert>> {
        let filter = |query: Query| scope.limit(wanted.limit(query), "alert.owner", Some("alert.namespace"));
        self.page(LIST, paging, filter, read).await
    }

    /// Alerts become what somebody says; which of them, as only those are that somebody may see.
    pub async fn change_alerts(&self, change: &AlertChange, scope: &Scope) -> Result<Vec<String>> {
        if change.ids.len() > MAX_CHANGED {
            return Err(super::StateError::Refused(format!("at most {MAX_CHANGED} alerts at a time")));
        }
        let mut changed = Vec::new();
        let mut tx = self.begin().await?;
        for chunk in change.ids.chunks(500) {
            let query = q("UPDATE alert SET state = ? WHERE id IN ").bind(word_of(change.state)).list(chunk);
            let query = scope.limit(query, "owner", Some("namespace")).push(" RETURNING id");
            for row in query.all(&mut *tx).await? {
                changed.push(row.text("id")?);
            }
        }
        tx.commit().await?;
        Ok(changed)
    }

    /// How many alerts each rule had since then.
    pub async fn alerts_by_rule(&self, since: Millis) -> Result<BTreeMap<String, u64>> {
        let rows =
            q("SELECT rule, CAST(SUM(many) AS BIGINT) AS many FROM alert WHERE last > ? GROUP BY rule")
                .bind(since)
                .all(&self.pool)
                .await?;
        rows.iter().map(|row| Ok((row.text("rule")?, row.count("many")?))).collect()
    }

    /// How many alerts each technique had since then; those without one under the empty name.
    pub async fn alerts_by_technique(&self, since: Millis, scope: &Scope) -> Result<BTreeMap<String, u64>> {
        let query = q("SELECT alert.techniques AS techniques, CAST(SUM(alert.many) AS BIGINT) AS many FROM alert WHERE alert.last > ?").bind(since);
        let rows = scope
            .limit(query, "alert.owner", Some("alert.namespace"))
            .push(" GROUP BY alert.techniques")
            .all(&self.pool)
            .await?;
        let mut by = BTreeMap::new();
        for row in &rows {
            let mut techniques: Vec<String> = row.json("techniques")?;
            if techniques.is_empty() {
                techniques.push(String::new());
            }
            for technique in techniques {
                *by.entry(technique).or_default() += row.count("many")?;
            }
        }
        Ok(by)
    }

    /// Alerts older than that are forgotten. A sink that has not taken them is told that it has lost them.
    pub async fn forget_alerts(&self, before: Millis) -> Result<u64> {
        let mut tx = self.begin().await?;
        super::sinks::lose_alerts(&mut tx, before).await?;
        let forgotten = q("DELETE FROM alert WHERE last < ?").bind(before).run(&mut *tx).await?;
        tx.commit().await?;
        Ok(forgotten)
    }
}

impl AlertFilter {
    fn limit(&self, mut query: Query) -> Query {
        if !self.text.is_empty() {
            let pattern = containing(&self.text);
            query = query
                .push(" AND (LOWER(alert.rule) LIKE LOWER(?) ESCAPE '!' OR LOWER(alert.message) LIKE LOWER(?) ESCAPE '!')")
                .bind(&pattern)
                .bind(pattern);
        }
        if !self.severities.is_empty() {
            query =
                query.push(" AND alert.severity IN ").list(self.severities.iter().map(|level| rank(*level)));
        }
        if !self.states.is_empty() {
            query = query.push(" AND alert.state IN ").list(self.states.iter().map(word_of));
        }
        if let Some(rule) = &self.rule {
            query = query.push(" AND alert.rule = ?").bind(rule);
        }
        if let Some(workload) = &self.workload {
            query = query.push(" AND alert.workload = ?").bind(workload);
        }
        if let Some(node) = &self.node {
            query = query.push(" AND alert.node = ?").bind(node);
        }
        if let Some(incident) = &self.incident {
            // All parts of the whole that the part of this id belongs to.
            query = query
                .push(" AND (alert.incident = ? OR alert.incident IN (SELECT part.id FROM incident_part AS part WHERE part.incident IN \
                    (SELECT own.incident FROM incident_part AS own WHERE own.id = ?)))")
                .bind(incident)
                .bind(incident);
        }
        match self.since {
            Some(since) => query.push(" AND alert.last >= ?").bind(since),
            None => query,
        }
    }
}
