//! Incidents over several nodes, as they are kept: connections of parts, links that were found, what somebody has said, and the rows of wholes.
//!
//! ```text
//!   incident_part ──< incident_end        connections that a node tells of a part
//!        │    └────< incident_link >────  the same connection, told by two parts; is never taken back
//!        │           incident_apart       "these are two": holds for whatever links them
//!        └── incident ──► incident        the whole: its row is what lists and sinks show; those that have joined it name it
//! ```

use super::{
    Result, Scope, State, StateError, Tx,
    findings::{rank, severity_of},
    incidents::{self, NewIncident, absent},
    sql::{Columns, q},
    stitch::{self, End, Part, WINDOW},
    to_json,
};
use gabion_api::rest::{Apart, Incident, IncidentLink, IncidentPart, Millis, NewApart};
use sqlx::{Any, Executor, any::AnyRow};
use std::collections::{BTreeMap, BTreeSet};

/// Connections of a part that are kept.
const MAX_ENDS: usize = 1024;
/// Parts whose stories are told; of an incident over more nodes the first.
const MAX_TOLD: u64 = 64;
/// Links that are told.
const MAX_LINKS: u64 = 500;

/// A part, with what its node tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldPart {
    /// See there.
    pub part: IncidentPart,
    /// Its story.
    pub story: String,
    /// Its picture, as SVG.
    pub picture: String,
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
    /// There are more parts than are told.
    pub cut: bool,
}

/// The whole that a part belongs to.
pub(super) async fn of(tx: Tx<'_>, id: &str) -> Result<Option<String>> {
    let row = q("SELECT incident FROM incident_part WHERE id = ?").bind(id).first(tx).await?;
    row.map(|row| row.text("incident")).transpose()
}

/// Keeps the connections of a part, and links it with the parts of other nodes that tell the same ones.
pub(super) async fn keep_ends(tx: Tx<'_>, node: &str, id: &str, incident: &NewIncident) -> Result<()> {
    let shift = incident.skew.unwrap_or(0);
    for end in incident.ends.iter().flatten().take(MAX_ENDS) {
        let (way, other) = if end.begun { ("out", "in") } else { ("in", "out") };
        let (client, server, at) =
            (end.client.to_string(), end.server.to_string(), end.time.saturating_add(shift));
        let new = q("INSERT INTO incident_end (part, node, way, client, server, time, at, program, container) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
             ON CONFLICT (part, way, client, server, time) DO NOTHING")
            .bind(id).bind(node).bind(way).bind(&client).bind(&server).bind(end.time).bind(at).bind(&end.program).bind(&end.container)
            .run(&mut *tx).await?;
        if new == 0 {
            continue;
        }
        let own = End { node: node.to_owned(), client: end.client, server: end.server, at };
        let rows = q("SELECT part, node, server, at, program, container FROM incident_end WHERE client = ? AND way = ? AND node <> ? \
             AND at >= ? AND at <= ? ORDER BY at, part LIMIT 16")
            .bind(&client).bind(other).bind(node).bind(at.saturating_sub(WINDOW)).bind(at.saturating_add(WINDOW))
            .all(&mut *tx).await?;
        for row in rows {
            let (at_other, its) = (row.int("at")?, row.text("server")?);
            let Ok(its_server) = its.parse() else { continue };
            let theirs =
                End { node: row.text("node")?, client: end.client, server: its_server, at: at_other };
            let (begun, accepted) = if end.begun { (&own, &theirs) } else { (&theirs, &own) };
            if !stitch::is_same(begun, accepted) {
                continue;
            }
            let mine = (id.to_owned(), server.clone(), at, end.program.clone(), end.container.clone());
            let that = (row.text("part")?, its, at_other, row.text("program")?, row.text("container")?);
            let (cause, effect) = if end.begun { (mine, that) } else { (that, mine) };
            q("INSERT INTO incident_link (cause, effect, client, server, accepted_by, sent, accepted, program, container, to_program, to_container) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cause, effect, client, server) DO NOTHING")
                .bind(cause.0).bind(effect.0).bind(&client).bind(cause.1).bind(effect.1).bind(cause.2).bind(effect.2)
                .bind(cause.3).bind(cause.4).bind(effect.3).bind(effect.4)
                .run(&mut *tx).await?;
        }
    }
    Ok(())
}

pub(super) fn part(row: &AnyRow) -> Result<Part> {
    Ok(Part {
        id: row.text("id")?,
        node: row.text("node")?,
        title: row.text("title")?,
        severity: severity_of(row.int("severity")?),
        began: row.int("began")?,
        updated: row.int("updated")?,
        containers: row.json("containers")?,
        tactics: row.json("tactics")?,
        techniques: row.json("techniques")?,
        on_host: row.flag("on_host")?,
        skew: row.maybe_int("skew")?,
    })
}

pub(super) const PART: &str = "id, incident, node, kept, title, severity, began, updated, containers, tactics, techniques, on_host, skew, joinable";

/// Finds out anew what belongs together around these parts, and writes the rows of what has changed. `news` is the part that something has
/// come to. Tells the parts of all wholes that are other than before.
pub(super) async fn join(tx: Tx<'_>, mut around: Vec<String>, news: Option<&str>) -> Result<Vec<String>> {
    for row in q("SELECT cause, effect FROM incident_link WHERE cause IN ")
        .list(&around)
        .push(" OR effect IN ")
        .list(&around)
        .all(&mut *tx)
        .await?
    {
        around.extend([row.text("cause")?, row.text("effect")?]);
    }
    let rows = q("SELECT ")
        .push(PART)
        .push(" FROM incident_part WHERE incident IN (SELECT incident FROM incident_part WHERE id IN ")
        .list(&around)
        .push(") ORDER BY id")
        .all(&mut *tx)
        .await?;
    let (mut parts, mut before, mut order) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for row in &rows {
        let one = part(row)?;
        order.insert(one.id.clone(), row.count("kept")?);
        before.insert(one.id.clone(), row.text("incident")?);
        parts.insert(one.id.clone(), one);
    }
    let mut links = BTreeSet::new();
    for row in q("SELECT DISTINCT cause, effect FROM incident_link WHERE cause IN ")
        .list(parts.keys())
        .all(&mut *tx)
        .await?
    {
        links.insert((row.text("cause")?, row.text("effect")?));
    }
    let mut apart = BTreeSet::new();
    for row in
        q("SELECT one, other FROM incident_apart WHERE one IN ").list(parts.keys()).all(&mut *tx).await?
    {
        apart.insert((row.text("one")?, row.text("other")?));
    }
    let mut open = BTreeSet::new();
    for row in q("SELECT id FROM incident WHERE state = 'open' AND id IN ")
        .list(before.values().collect::<BTreeSet<_>>())
        .all(&mut *tx)
        .await?
    {
        open.insert(row.text("id")?);
    }
    let leaders = stitch::groups(&order, &links, &apart);
    let members = |of: &BTreeMap<String, String>| {
        let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, leader) in of {
            members.entry(leader.clone()).or_default().push(id.clone());
        }
        members
    };
    let (was, is) = (members(&before), members(&leaders));
    let mut changed = Vec::new();
    for (leader, ids) in is {
        let told: Vec<Part> = ids.iter().filter_map(|id| parts.get(id).cloned()).collect();
        let Some(whole) = stitch::whole(told) else { continue };
        let has_news = news.is_some_and(|news| ids.iter().any(|id| id == news));
        let is_other = was.get(&leader) != Some(&ids);
        // Two that become one are open if one of them was, and one that becomes two leaves both as it was.
        let is_open =
            has_news || ids.iter().filter_map(|id| before.get(id)).any(|whole| open.contains(whole));
        let arrived = if is_other || has_news { super::sinks::arrive(&mut *tx, 1).await? } else { 0 };
        q("UPDATE incident SET title = ?, severity = ?, began = ?, updated = ?, nodes = ?, containers = ?, tactics = ?, techniques = ?, on_host = ?, \
           state = ?, joined = NULL, arrived = CASE WHEN ? > 0 THEN ? ELSE incident.arrived END WHERE id = ?")
            .bind(&whole.title).bind(rank(whole.severity)).bind(whole.began).bind(whole.updated).bind(to_json(&whole.nodes))
            .bind(to_json(&whole.containers)).bind(to_json(&whole.tactics)).bind(to_json(&whole.techniques)).bind(whole.on_host)
            .bind(if is_open { "open" } else { "closed" }).bind(arrived).bind(arrived).bind(&leader)
            .run(&mut *tx).await?;
        for id in &ids {
            if before.get(id) != Some(&leader) {
                q("UPDATE incident_part SET incident = ? WHERE id = ?")
                    .bind(&leader)
                    .bind(id)
                    .run(&mut *tx)
                    .await?;
            }
            if *id == leader {
                continue;
            }
            // What a sink was told of alone it is told the end of; what has just come nobody was told of.
            let was_told = before.get(id) == Some(id) && news != Some(id.as_str());
            let arrived = if was_told { super::sinks::arrive(&mut *tx, 1).await? } else { 0 };
            q("UPDATE incident SET joined = ?, arrived = CASE WHEN ? > 0 THEN ? ELSE incident.arrived END WHERE id = ?")
                .bind(&leader).bind(arrived).bind(arrived).bind(id).run(&mut *tx).await?;
        }
        if is_other || has_news {
            changed.extend(ids);
        }
    }
    Ok(changed)
}

impl State {
    /// An incident and all that is told of it. `id` may be that of a part.
    pub async fn incident(&self, id: &str, scope: &Scope) -> Result<ToldIncident> {
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
        let visible = |query: super::sql::Query| {
            scope.limit(query.bind(&whole), "incident_part.owner", Some("incident_part.namespace"))
        };
        let seen = visible(q("SELECT COUNT(*) AS many FROM incident_part WHERE incident = ?"))
            .one(&self.pool)
            .await?
            .count("many")?;
        let query =
            visible(q("SELECT ").push(PART).push(", story, picture FROM incident_part WHERE incident = ?"));
        let rows = query
            .push(" ORDER BY began + COALESCE(skew, 0), id LIMIT ?")
            .bind(MAX_TOLD)
            .all(&self.pool)
            .await?;
        let names = self.node_names().await?;
        let mut parts = Vec::new();
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
            parts.push(ToldPart { part, story: row.text("story")?, picture: row.text("picture")? });
        }
        let links = self.links(&parts).await?;
        let is_effect =
            |part: &ToldPart| links.iter().any(|link| link.effect == part.part.id && link.apart.is_none());
        // Where two have led to each other the earlier one is the origin.
        let origin = parts.iter().position(|part| !is_effect(part)).unwrap_or(0);
        if let Some(part) = parts.get_mut(origin) {
            part.part.origin = true;
        }
        Ok(ToldIncident {
            incident,
            cut: (parts.len() as u64) < seen,
            hidden: all.saturating_sub(seen),
            parts,
            links,
        })
    }

    /// Links of parts; of those that lead to what is not among them only what somebody has cut.
    async fn links(&self, parts: &[ToldPart]) -> Result<Vec<IncidentLink>> {
        let ids: Vec<&String> = parts.iter().map(|part| &part.part.id).collect();
        let mut apart = BTreeMap::new();
        for row in q("SELECT * FROM incident_apart WHERE one IN ")
            .list(ids.clone())
            .push(" OR other IN ")
            .list(ids.clone())
            .all(&self.pool)
            .await?
        {
            let said =
                Apart { by: row.text("created_by")?, at: row.int("created")?, reason: row.text("reason")? };
            apart.insert((row.text("one")?, row.text("other")?), said);
        }
        let rows = q("SELECT * FROM incident_link WHERE cause IN ")
            .list(ids.clone())
            .push(" OR effect IN ")
            .list(ids.clone())
            .push(" ORDER BY sent, cause, effect, client LIMIT ?")
            .bind(MAX_LINKS)
            .all(&self.pool)
            .await?;
        let mut links = Vec::new();
        for row in &rows {
            let (cause, effect) = (row.text("cause")?, row.text("effect")?);
            let apart = apart.get(&pair(&cause, &effect)).cloned();
            let is_here = |id: &String| ids.contains(&id);
            if apart.is_none() && !(is_here(&cause) && is_here(&effect)) {
                continue;
            }
            links.push(IncidentLink {
                client: row.text("client")?,
                server: row.text("server")?,
                accepted_by: row.text("accepted_by")?,
                sent: row.int("sent")?,
                accepted: row.int("accepted")?,
                program: row.text("program")?,
                container: row.text("container")?,
                to_program: row.text("to_program")?,
                to_container: row.text("to_container")?,
                cause,
                effect,
                apart,
            });
        }
        Ok(links)
    }

    /// Somebody says that two linked parts are two incidents, or takes that back.
    pub async fn part_incidents(&self, said: &NewApart, by: &str, scope: &Scope, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        // As in `keep_incident`, nobody joins meanwhile.
        super::sinks::arrive(&mut tx, 1).await?;
        let query =
            q("SELECT COUNT(*) AS many FROM incident_part WHERE id IN ").list([&said.cause, &said.effect]);
        let seen = scope.limit(query, "owner", Some("namespace")).one(&mut *tx).await?.count("many")?;
        if seen < 2 {
            return Err(absent(&format!("{} or {}", said.cause, said.effect)));
        }
        let linked =
            q("SELECT cause FROM incident_link WHERE cause = ? AND effect = ? OR cause = ? AND effect = ?")
                .bind(&said.cause)
                .bind(&said.effect)
                .bind(&said.effect)
                .bind(&said.cause)
                .first(&mut *tx)
                .await?;
        if linked.is_none() {
            return Err(StateError::Refused(
                "nothing links these two: only parts that a connection joins can be parted".to_owned(),
            ));
        }
        let (one, other) = pair(&said.cause, &said.effect);
        if said.apart {
            q("INSERT INTO incident_apart (one, other, created, created_by, reason) VALUES (?, ?, ?, ?, ?) ON CONFLICT (one, other) DO NOTHING")
                .bind(&one).bind(&other).bind(now).bind(by).bind(&said.reason).run(&mut *tx).await?;
        } else {
            q("DELETE FROM incident_apart WHERE one = ? AND other = ?")
                .bind(&one)
                .bind(&other)
                .run(&mut *tx)
                .await?;
        }
        for part in join(&mut tx, vec![one, other], None).await? {
            self.refresh_of_part(&mut tx, &part, now).await?;
        }
        tx.commit().await?;
        Ok(())
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

/// Two ids in the order in which they are kept.
fn pair(one: &str, other: &str) -> (String, String) {
    if one <= other { (one.to_owned(), other.to_owned()) } else { (other.to_owned(), one.to_owned()) }
}
