//! An incident as whoever asks is told it: its parts in their order, what links them, and no more than they may see.

use super::{
    Result, Scope, State,
    incidents::{self, absent},
    sql::{Columns, Query, q},
    stitch::{self, Part},
    wholes::{PART, part},
};
use gabion_api::rest::{Apart, Incident, IncidentLink, IncidentPart};
use sqlx::{Any, Executor};

/// Parts whose stories are told; of an incident over more nodes the first.
const MAX_TOLD: u64 = 64;
/// Links that are told.
const MAX_LINKS: usize = 500;
/// Bytes of stories or pictures that are read together.
const MAX_TEXT: u64 = 32 << 20;

/// What of the parts is read with them. A node may tell much of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// Nothing.
    Parts,
    /// Their stories.
    Stories,
    /// Their pictures.
    Pictures,
}

/// A part, with what its node tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldPart {
    /// See there.
    pub part: IncidentPart,
    /// Its story, or its picture as SVG. None if that was not asked for, or is too much beside those of the others.
    pub text: Option<String>,
}

/// An incident with its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldIncident {
    /// What lists show of it.
    pub incident: Incident,
    /// Its parts, in the order in which they began.
    pub parts: Vec<ToldPart>,
    /// What joins them, and what was said not to.
    pub links: Vec<IncidentLink>,
    /// Parts that whoever asks may not see.
    pub hidden: u64,
    /// There are more parts or links than are told, or something of a part is not.
    pub cut: bool,
}

impl State {
    /// An incident and all that is told of it. `id` may be that of a part.
    pub async fn incident(&self, id: &str, scope: &Scope, telling: Telling) -> Result<ToldIncident> {
        let row = q("SELECT incident FROM incident_part WHERE id = ?").bind(id).first(&self.pool).await?;
        let whole = row.ok_or_else(|| absent(id))?.text("incident")?;
        let query =
            q("SELECT ").push(incidents::LIST.columns).push(" FROM incident WHERE id = ?").bind(&whole);
        let row = incidents::within(scope, query).first(&self.pool).await?;
        let mut incident = [incidents::read(&row.ok_or_else(|| absent(id))?)?];
        self.narrow(&mut incident, scope).await?;
        let [incident] = incident;
        let all = q("SELECT COUNT(*) AS many FROM incident_part WHERE incident = ?")
            .bind(&whole)
            .one(&self.pool)
            .await?
            .count("many")?;
        let visible = |query: Query| {
            scope.limit(query.bind(&whole), "incident_part.owner", Some("incident_part.namespace"))
        };
        let seen = visible(q("SELECT COUNT(*) AS many FROM incident_part WHERE incident = ?"))
            .one(&self.pool)
            .await?
            .count("many")?;
        let mut parts = self.told_parts(visible, telling).await?;
        let (links, more_links) = self.links(&parts, scope).await?;
        let is_effect =
            |part: &ToldPart| links.iter().any(|link| link.effect == part.part.id && link.apart.is_none());
        // Where two have led to each other the earlier one is the origin.
        let origin = parts.iter().position(|part| !is_effect(part)).unwrap_or(0);
        if let Some(part) = parts.get_mut(origin) {
            part.part.origin = true;
        }
        let is_short = telling != Telling::Parts && parts.iter().any(|part| part.text.is_none());
        Ok(ToldIncident {
            incident,
            cut: (parts.len() as u64) < seen || more_links || is_short,
            hidden: all.saturating_sub(seen),
            parts,
            links,
        })
    }

    async fn told_parts(&self, visible: impl Fn(Query) -> Query, telling: Telling) -> Result<Vec<ToldPart>> {
        let (size, text) = match telling {
            Telling::Parts => ("", ""),
            Telling::Stories => (", CAST(OCTET_LENGTH(story) AS BIGINT) AS bytes", "story"),
            Telling::Pictures => (", CAST(OCTET_LENGTH(picture) AS BIGINT) AS bytes", "picture"),
        };
        let query = q("SELECT ").push(PART).push(size).push(" FROM incident_part WHERE incident = ?");
        let rows = visible(query)
            .push(" ORDER BY began + COALESCE(skew, 0), id LIMIT ?")
            .bind(MAX_TOLD)
            .all(&self.pool)
            .await?;
        let names = self.node_names().await?;
        let (mut parts, mut sizes) = (Vec::new(), Vec::new());
        for row in &rows {
            let Part { id, node, title, severity, began, updated, skew, .. } = part(row)?;
            let (name, joinable) = (names.get(&node).unwrap_or(&node).clone(), row.flag("joinable")?);
            let part = IncidentPart {
                id,
                node,
                name,
                title,
                severity,
                began,
                updated,
                skew,
                joinable,
                origin: false,
            };
            if telling != Telling::Parts {
                sizes.push((row.count("bytes")?, parts.len()));
            }
            parts.push(ToldPart { part, text: None });
        }
        // The short ones first: so no node takes the room of all others.
        sizes.sort_unstable();
        let mut room = MAX_TEXT;
        for (bytes, at) in sizes {
            let Some(left) = room.checked_sub(bytes) else { break };
            room = left;
            let query = q("SELECT ").push(text).push(" AS told FROM incident_part WHERE id = ?");
            let row = query.bind(&parts[at].part.id).first(&self.pool).await?;
            parts[at].text = row.map(|row| row.text("told")).transpose()?;
        }
        Ok(parts)
    }

    /// Links of parts, and whether there are more; of those that lead to what is not among them only what somebody has cut. Who may not see
    /// both sides is told of none.
    async fn links(&self, parts: &[ToldPart], scope: &Scope) -> Result<(Vec<IncidentLink>, bool)> {
        let ids = || parts.iter().map(|part| &part.part.id);
        let query = q("SELECT link.*, apart.created_by AS apart_by, apart.created AS apart_at, apart.reason AS apart_reason FROM incident_link AS link \
             JOIN incident_part AS source ON source.id = link.cause JOIN incident_part AS target ON target.id = link.effect \
             LEFT JOIN incident_apart AS apart ON (apart.one = link.cause AND apart.other = link.effect) \
             OR (apart.one = link.effect AND apart.other = link.cause) WHERE (link.cause IN ")
            .list(ids())
            .push(" OR link.effect IN ")
            .list(ids())
            .push(") AND (apart.one IS NOT NULL OR (link.cause IN ")
            .list(ids())
            .push(" AND link.effect IN ")
            .list(ids())
            .push("))");
        let query = scope.limit(query, "source.owner", Some("source.namespace"));
        let query = scope.limit(query, "target.owner", Some("target.namespace"));
        let rows = query
            .push(" ORDER BY link.sent, link.cause, link.effect, link.client, link.server LIMIT ?")
            .bind(MAX_LINKS as u64 + 1)
            .all(&self.pool)
            .await?;
        let mut links = Vec::new();
        for row in rows.iter().take(MAX_LINKS) {
            let apart = match row.maybe_text("apart_by")? {
                Some(by) => Some(Apart { by, at: row.int("apart_at")?, reason: row.text("apart_reason")? }),
                None => None,
            };
            links.push(IncidentLink {
                cause: row.text("cause")?,
                effect: row.text("effect")?,
                client: row.text("client")?,
                server: row.text("server")?,
                accepted_by: row.text("accepted_by")?,
                sent: row.int("sent")?,
                accepted: row.int("accepted")?,
                program: row.text("program")?,
                container: row.text("container")?,
                to_program: row.text("to_program")?,
                to_container: row.text("to_container")?,
                apart,
            });
        }
        Ok((links, rows.len() > MAX_LINKS))
    }

    /// Shows of incidents only what their visible parts say.
    pub(super) async fn narrow(&self, incidents: &mut [Incident], scope: &Scope) -> Result<()> {
        if scope.is_all() {
            return Ok(());
        }
        for incident in incidents {
            let query =
                q("SELECT ").push(PART).push(" FROM incident_part WHERE incident = ?").bind(&incident.id);
            let rows = scope
                .limit(query, "incident_part.owner", Some("incident_part.namespace"))
                .all(&self.pool)
                .await?;
            let parts: Vec<Part> = rows.iter().map(part).collect::<Result<_>>()?;
            if let Some(narrowed) = narrowed(&self.pool, incident, parts).await? {
                *incident = narrowed;
            }
        }
        Ok(())
    }
}

/// What some of the parts of an incident say of it; of none there is nothing to say.
pub(super) async fn narrowed<'c>(
    on: impl Executor<'c, Database = Any>,
    incident: &Incident,
    parts: Vec<Part>,
) -> Result<Option<Incident>> {
    let ids: Vec<String> = parts.iter().map(|part| part.id.clone()).collect();
    let Some(whole) = stitch::whole(parts) else { return Ok(None) };
    let alerts = q("SELECT CAST(COALESCE(SUM(many), 0) AS BIGINT) AS many FROM alert WHERE incident IN ")
        .list(&ids)
        .one(on)
        .await?;
    Ok(Some(Incident {
        id: incident.id.clone(),
        state: incident.state,
        alerts: alerts.count("many")?,
        title: whole.title,
        severity: whole.severity,
        began: whole.began,
        updated: whole.updated,
        nodes: whole.nodes,
        containers: whole.containers,
        on_host: whole.on_host,
        tactics: whole.tactics,
        techniques: whole.techniques,
    }))
}
