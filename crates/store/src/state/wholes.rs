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
    incidents::absent,
    sql::{Columns, Query, q},
    stitch::{self, Part},
    to_json,
};
use gabion_api::rest::{Millis, NewApart};
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet};

/// Ids that are asked for at once.
const BATCH: usize = 500;

/// The whole that a part belongs to.
pub(super) async fn of(tx: Tx<'_>, id: &str) -> Result<Option<String>> {
    let row = q("SELECT incident FROM incident_part WHERE id = ?").bind(id).first(tx).await?;
    row.map(|row| row.text("incident")).transpose()
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

/// The rows of all of these ids, of a query that ends where they are listed: a database takes only so many at once.
async fn rows_of<'a>(
    tx: Tx<'_>,
    query: impl Fn() -> Query,
    ids: impl IntoIterator<Item = &'a String>,
) -> Result<Vec<AnyRow>> {
    let ids: Vec<&String> = ids.into_iter().collect();
    let mut rows = Vec::new();
    for chunk in ids.chunks(BATCH) {
        rows.extend(query().list(chunk.iter().copied()).all(&mut *tx).await?);
    }
    Ok(rows)
}

pub(super) const PART: &str = "id, incident, node, kept, title, severity, began, updated, containers, tactics, techniques, on_host, skew, joinable";

/// Finds out anew what belongs together around these parts, and writes the rows of what has changed. `news` is the part that something has
/// come to. Tells the parts of all wholes that are other than before.
pub(super) async fn join(tx: Tx<'_>, of: Vec<String>, news: Option<&str>) -> Result<Vec<String>> {
    let mut around: BTreeSet<String> = of.iter().cloned().collect();
    for query in [
        "SELECT DISTINCT cause, effect FROM incident_link WHERE cause IN ",
        "SELECT DISTINCT cause, effect FROM incident_link WHERE effect IN ",
    ] {
        for row in rows_of(&mut *tx, || q(query), &of).await? {
            around.extend([row.text("cause")?, row.text("effect")?]);
        }
    }
    let mut wholes = BTreeSet::new();
    let whole = || q("SELECT DISTINCT incident FROM incident_part WHERE id IN ");
    for row in rows_of(&mut *tx, whole, &around).await? {
        wholes.insert(row.text("incident")?);
    }
    let all = || q("SELECT ").push(PART).push(" FROM incident_part WHERE incident IN ");
    let rows = rows_of(&mut *tx, all, &wholes).await?;
    let (mut parts, mut before, mut order) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for row in &rows {
        let one = part(row)?;
        order.insert(one.id.clone(), row.count("kept")?);
        before.insert(one.id.clone(), row.text("incident")?);
        parts.insert(one.id.clone(), one);
    }
    let mut links = BTreeSet::new();
    let query = || q("SELECT DISTINCT cause, effect FROM incident_link WHERE cause IN ");
    for row in rows_of(&mut *tx, query, parts.keys()).await? {
        links.insert((row.text("cause")?, row.text("effect")?));
    }
    let mut apart = BTreeSet::new();
    let query = || q("SELECT one, other FROM incident_apart WHERE one IN ");
    for row in rows_of(&mut *tx, query, parts.keys()).await? {
        apart.insert((row.text("one")?, row.text("other")?));
    }
    let mut open = BTreeSet::new();
    let query = || q("SELECT id FROM incident WHERE state = 'open' AND id IN ");
    for row in rows_of(&mut *tx, query, &wholes).await? {
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
            // Most are where they were.
            if before.get(id) == Some(&leader) {
                continue;
            }
            q("UPDATE incident_part SET incident = ? WHERE id = ?")
                .bind(&leader)
                .bind(id)
                .run(&mut *tx)
                .await?;
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
}

/// Two ids in the order in which they are kept.
fn pair(one: &str, other: &str) -> (String, String) {
    if one <= other { (one.to_owned(), other.to_owned()) } else { (other.to_owned(), one.to_owned()) }
}
