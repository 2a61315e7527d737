//! Connections of incidents, as nodes tell them, and the links that are found by them: the same connection, told by two parts.
//!
//! What a node tells may be made up, and comes beside what others tell. So of each part, of each pair and of each whole there is only so much,
//! and one address that several nodes give out to containers of theirs links nothing:
//!
//! ```text
//!   node a: 172.17.0.2:50000 ► 10.0.2.7:80       node b, its own 172.17.0.2:50000 ► 10.0.2.7:80
//!           └─ of the bridge of a                        └─ of the bridge of b: another container
//! ```

use super::{
    Result, Tx,
    containers::NewContainer,
    incidents::{NewEnd, NewIncident},
    sql::{Columns, q},
    stitch::{self, End, WINDOW},
    wholes::of,
};
use gabion_api::rest::Millis;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

/// Connections of a part that are kept, the newest.
const MAX_ENDS: usize = 1024;
/// Connections of others that one is held against.
const MAX_OTHERS: u64 = 16;
/// Links of one part to one other.
const MAX_LINKS: usize = 8;
/// Parts of one whole. What would make it larger is not joined.
const MAX_PARTS: u64 = 512;
/// Containers that have ended so long before, or begun so long after, had an address at another time. Nodes tell of them a little later.
const AROUND: Millis = 10 * 60_000;
/// Addresses of a container.
const MAX_ADDRESSES: usize = 32;
/// Rows that are written at once.
const BATCH: usize = 100;

/// A connection that a part tells, ready to be held against those of others.
type Key = (SocketAddr, bool, Millis);

/// Keeps the connections of a part, and links it with the parts of other nodes that tell the same ones.
pub(super) async fn keep_ends(tx: Tx<'_>, node: &str, id: &str, incident: &NewIncident) -> Result<()> {
    let shift = incident.skew.unwrap_or(0);
    let mut new: BTreeMap<Key, Vec<&NewEnd>> = BTreeMap::new();
    for end in new_ends(&mut *tx, node, id, incident, shift).await? {
        let at = end.time.saturating_add(shift);
        new.entry((end.client, end.begun, at)).or_default().push(end);
    }
    let mut links = Links::default();
    for ((client, begun, at), ends) in new {
        let rows = q("SELECT part, node, server, at, program, container FROM incident_end WHERE client = ? AND way = ? AND node <> ? \
             AND at >= ? AND at <= ? ORDER BY ABS(at - ?), part LIMIT ?")
            .bind(client.to_string()).bind(way(!begun)).bind(node).bind(at.saturating_sub(WINDOW)).bind(at.saturating_add(WINDOW))
            .bind(at).bind(MAX_OTHERS)
            .all(&mut *tx).await?;
        for row in rows {
            let Ok(server) = row.text("server")?.parse() else { continue };
            let that = Side {
                part: row.text("part")?,
                end: End { node: row.text("node")?, client, server, at: row.int("at")? },
                program: row.text("program")?,
                container: row.text("container")?,
            };
            for end in &ends {
                let this = Side {
                    part: id.to_owned(),
                    end: End { node: node.to_owned(), client, server: end.server, at },
                    program: end.program.clone(),
                    container: end.container.clone(),
                };
                let (cause, effect) = if begun { (&this, &that) } else { (&that, &this) };
                if stitch::is_same(&cause.end, &effect.end) {
                    links.keep(&mut *tx, &this, &that.part, cause, effect).await?;
                }
            }
        }
    }
    Ok(())
}

const fn way(begun: bool) -> &'static str {
    if begun { "out" } else { "in" }
}

/// Keeps those connections of a part that are not kept yet, and tells which these are. The oldest go.
async fn new_ends<'a>(
    tx: Tx<'_>,
    node: &str,
    id: &str,
    incident: &'a NewIncident,
    shift: Millis,
) -> Result<Vec<&'a NewEnd>> {
    let ends = incident.ends.as_deref().unwrap_or_default();
    let ends = &ends[ends.len().saturating_sub(MAX_ENDS)..];
    let rows = q("SELECT way, client, server, time FROM incident_end WHERE part = ?");
    let mut known = BTreeSet::new();
    for row in rows.bind(id).all(&mut *tx).await? {
        known.insert((row.text("way")?, row.text("client")?, row.text("server")?, row.int("time")?));
    }
    let new: Vec<&NewEnd> = ends
        .iter()
        .filter(|end| {
            let key = (way(end.begun).to_owned(), end.client.to_string(), end.server.to_string(), end.time);
            known.insert(key)
        })
        .collect();
    for chunk in new.chunks(BATCH) {
        let mut query = q("INSERT INTO incident_end (part, node, way, client, server, time, at, program, container) VALUES ")
            .rows("(?, ?, ?, ?, ?, ?, ?, ?, ?)", chunk.len());
        for end in chunk {
            query = query
                .bind(id)
                .bind(node)
                .bind(way(end.begun))
                .bind(end.client.to_string())
                .bind(end.server.to_string())
                .bind(end.time)
                .bind(end.time.saturating_add(shift))
                .bind(&end.program)
                .bind(&end.container);
        }
        query.run(&mut *tx).await?;
    }
    if known.len() > MAX_ENDS {
        q("DELETE FROM incident_end WHERE part = ? AND (way, client, server, time) NOT IN (SELECT way, client, server, time FROM incident_end \
           WHERE part = ? ORDER BY at DESC, way, client, server, time LIMIT ?)")
            .bind(id).bind(id).bind(MAX_ENDS as u64)
            .run(&mut *tx).await?;
    }
    Ok(new)
}

/// One side of a connection that two parts tell.
#[derive(Debug)]
struct Side {
    part: String,
    end: End,
    program: String,
    container: String,
}

/// What is known of the links of a part while its connections are looked at.
#[derive(Debug, Default)]
struct Links {
    /// By cause and effect: programs and containers of both that are linked.
    pairs: BTreeMap<(String, String), BTreeSet<[String; 4]>>,
    /// Whether there is room for the whole of this part in that of the other, by part.
    room: BTreeMap<String, bool>,
    /// The wholes that become one by these links, and of how many parts.
    wholes: BTreeSet<String>,
    parts: u64,
    /// Whether containers of several nodes had an address at a time.
    shared: BTreeMap<(IpAddr, Millis), bool>,
}

impl Links {
    /// Keeps a link, if it tells anything that is not known, and if there is room.
    async fn keep(
        &mut self,
        tx: Tx<'_>,
        this: &Side,
        other: &str,
        cause: &Side,
        effect: &Side,
    ) -> Result<()> {
        let pair = (cause.part.clone(), effect.part.clone());
        if !self.pairs.contains_key(&pair) {
            let rows = q("SELECT program, container, to_program, to_container FROM incident_link WHERE cause = ? AND effect = ?")
                .bind(&cause.part).bind(&effect.part).all(&mut *tx).await?;
            let mut known = BTreeSet::new();
            for row in rows {
                known.insert([
                    row.text("program")?,
                    row.text("container")?,
                    row.text("to_program")?,
                    row.text("to_container")?,
                ]);
            }
            self.pairs.insert(pair.clone(), known);
        }
        let words = [&cause.program, &cause.container, &effect.program, &effect.container].map(String::clone);
        let is_known =
            self.pairs.get(&pair).is_some_and(|known| known.len() >= MAX_LINKS || known.contains(&words));
        if is_known
            || self.is_shared(&mut *tx, this.end.client.ip(), this.end.at).await?
            || !self.has_room(&mut *tx, &this.part, other).await?
        {
            return Ok(());
        }
        self.pairs.entry(pair).or_default().insert(words);
        q("INSERT INTO incident_link (cause, effect, client, server, accepted_by, sent, accepted, program, container, to_program, to_container) \
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (cause, effect, client, server) DO NOTHING")
            .bind(&cause.part).bind(&effect.part).bind(this.end.client.to_string()).bind(cause.end.server.to_string())
            .bind(effect.end.server.to_string()).bind(cause.end.at).bind(effect.end.at).bind(&cause.program).bind(&cause.container)
            .bind(&effect.program).bind(&effect.container)
            .run(tx).await.map(drop)
    }

    /// Whether the wholes of both can be one.
    async fn has_room(&mut self, tx: Tx<'_>, this: &str, other: &str) -> Result<bool> {
        if let Some(known) = self.room.get(other) {
            return Ok(*known);
        }
        let mut has_room = true;
        for part in [this, other] {
            let Some(whole) = of(&mut *tx, part).await? else { continue };
            if self.wholes.contains(&whole) {
                continue;
            }
            let row = q("SELECT COUNT(*) AS many FROM incident_part WHERE incident = ?")
                .bind(&whole)
                .one(&mut *tx)
                .await?;
            let parts = self.parts + row.count("many")?;
            // Whatever it has, it is in its own.
            has_room = self.wholes.is_empty() || parts <= MAX_PARTS;
            if has_room {
                self.wholes.insert(whole);
                self.parts = parts;
            }
        }
        self.room.insert(other.to_owned(), has_room);
        Ok(has_room)
    }

    /// Whether containers of more than one node had this address then, as bridges of nodes give out the same ones.
    async fn is_shared(&mut self, tx: Tx<'_>, address: IpAddr, at: Millis) -> Result<bool> {
        if let Some(known) = self.shared.get(&(address, at)) {
            return Ok(*known);
        }
        let rows = q("SELECT DISTINCT container.node AS node FROM container_address \
             JOIN container ON container.node = container_address.node AND container.id = container_address.container \
             WHERE container_address.address = ? AND container.started <= ? AND (container.ended IS NULL OR container.ended >= ?) LIMIT 2")
            .bind(address.to_canonical().to_string()).bind(at.saturating_add(AROUND)).bind(at.saturating_sub(AROUND))
            .all(tx).await?;
        self.shared.insert((address, at), rows.len() > 1);
        Ok(rows.len() > 1)
    }
}

/// Which addresses containers of a node have. Those that one had before stay with it, as long as it is known.
pub(super) async fn keep_addresses(tx: Tx<'_>, node: &str, containers: &[NewContainer]) -> Result<()> {
    let rows = q("SELECT container_address.container AS container, container_address.address AS address FROM container \
         JOIN container_address ON container_address.node = container.node AND container_address.container = container.id \
         WHERE container.node = ? AND container.ended IS NULL")
        .bind(node)
        .all(&mut *tx)
        .await?;
    let mut known = BTreeSet::new();
    for row in rows {
        known.insert((row.text("container")?, row.text("address")?));
    }
    for container in containers {
        for address in
            container.addresses.iter().take(MAX_ADDRESSES).filter_map(|text| text.parse::<IpAddr>().ok())
        {
            let address = address.to_canonical();
            if address.is_loopback()
                || address.is_unspecified()
                || !known.insert((container.id.clone(), address.to_string()))
            {
                continue;
            }
            q("INSERT INTO container_address (address, node, container) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
                .bind(address.to_string())
                .bind(node)
                .bind(&container.id)
                .run(&mut *tx)
                .await?;
        }
    }
    Ok(())
}
