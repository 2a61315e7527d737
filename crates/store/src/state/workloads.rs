//! Workloads: containers that do the same. What risk they are is computed in [`super::risk`].

use super::{
    Paging, Result, Scope, State, StateError,
    alerts::AlertFilter,
    findings::FindingFilter,
    images::counts,
    list::{Key, List, containing},
    sql::{Columns, Query, q},
};
use gabion_api::rest::{Millis, Page, State as Life, Workload, WorkloadDetail};
use sqlx::any::AnyRow;

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
        risk: super::risk::small(row.count("risk")?) / 100.0,
        factors: row.json("factors")?,
        alerts: row.count("alerts")?,
        incidents: row.count("incidents")?,
        first_seen: row.int("first_seen")?,
        coverage: row.word("coverage")?,
    })
}

impl State {
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
}
