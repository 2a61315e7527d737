//! Responses: what was asked of a node, and what became of it.

use super::{
    Paging, Result, Scope, State, StateError,
    list::{Key, List},
    sql::{Columns, q, word_of},
};
use gabion_api::rest::{Millis, Page, Response, ResponseOutcome};
use sqlx::any::AnyRow;

const LIST: List = List {
    columns: "response.*",
    from: "response",
    id: "response.id",
    keys: &[Key { name: "time", column: "response.time", text: false }],
    down: true,
};

fn read(row: &AnyRow) -> Result<Response> {
    Ok(Response {
        id: row.text("id")?,
        time: row.int("time")?,
        by: row.text("created_by")?,
        reason: row.text("reason")?,
        action: row.text("action")?,
        node: row.text("node")?,
        target: row.text("target")?,
        until: row.maybe_int("until")?,
        outcome: ResponseOutcome { state: row.word("state")?, text: row.text("outcome")? },
        incident: row.maybe_text("incident")?,
    })
}

impl State {
    /// Something is asked of a node.
    pub async fn add_response(&self, response: &Response) -> Result<()> {
        q("INSERT INTO response (id, time, created_by, reason, action, node, target, until, state, outcome, incident) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(&response.id).bind(response.time).bind(&response.by).bind(&response.reason).bind(&response.action).bind(&response.node)
            .bind(&response.target).bind(response.until).bind(word_of(response.outcome.state)).bind(&response.outcome.text).bind(response.incident.clone())
            .run(&self.pool).await.map(drop)
    }

    /// What became of it, and by which number the node knows it.
    pub async fn response_ended(
        &self,
        id: &str,
        number: Option<u64>,
        until: Option<Millis>,
        outcome: &ResponseOutcome,
    ) -> Result<()> {
        q("UPDATE response SET state = ?, outcome = ?, number = COALESCE(?, number), until = COALESCE(?, until) WHERE id = ?")
            .bind(word_of(outcome.state)).bind(&outcome.text).bind(number.and_then(|number| i64::try_from(number).ok())).bind(until).bind(id)
            .run(&self.pool).await.map(drop)
    }

    /// A response, and by which number the node knows it.
    pub async fn response(&self, id: &str) -> Result<(Response, Option<u64>)> {
        let row = q("SELECT * FROM response WHERE id = ?").bind(id).first(&self.pool).await?;
        let row = row.ok_or_else(|| StateError::Absent { what: "response", id: id.to_owned() })?;
        Ok((read(&row)?, row.maybe_int("number")?.and_then(|number| u64::try_from(number).ok())))
    }

    /// Responses, of an incident only those on nodes of which somebody may see all parts: what they are about is known by the node.
    pub async fn responses(
        &self,
        incident: Option<&str>,
        scope: &Scope,
        paging: &Paging,
    ) -> Result<Page<Response>> {
        let filter = |query: super::sql::Query| {
            let Some(incident) = incident else { return query };
            let query = query
                .push(" AND response.incident IN (SELECT part.id FROM incident_part AS part WHERE part.incident IN (SELECT own.incident FROM incident_part AS own WHERE own.id = ?))")
                .bind(incident);
            if scope.is_all() {
                return query;
            }
            let query = query
                .push(" AND response.node IN (SELECT part.node FROM incident_part AS part WHERE part.incident IN (SELECT own.incident FROM incident_part AS own WHERE own.id = ?)) \
                    AND response.node NOT IN (SELECT part.node FROM incident_part AS part WHERE part.incident IN (SELECT own.incident FROM incident_part AS own WHERE own.id = ?) \
                    AND part.id NOT IN (SELECT seen.id FROM incident_part AS seen WHERE seen.incident = part.incident")
                .bind(incident)
                .bind(incident);
            scope.limit(query, "seen.owner", Some("seen.namespace")).push("))")
        };
        self.page(LIST, paging, filter, read).await
    }

    /// Those that were sent before a restart of the hub and never answered are told as that.
    pub async fn unanswered_responses(&self, before: Millis) -> Result<u64> {
        q("UPDATE response SET state = 'failed', outcome = 'the hub ended before the node answered: see gabion respond --list there' \
           WHERE state = 'sent' AND time < ?").bind(before).run(&self.pool).await
    }
}
