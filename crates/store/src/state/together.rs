//! Several hubs on one database: which they are, which of them leads, and what they tell each other.
//!
//! ```text
//!   hub A ── seat: session ─ advisory lock ──┐              what must be done once is done by whoever holds the lock
//!   hub B ── seat: session ─ waits ──────────┤ PostgreSQL   each second it is asked whether the session is still there
//!     └────── words: LISTEN ◄─ NOTIFY ───────┘              what one hub has changed, the others are told
//! ```
//!
//! The server lets a lock go when it has heard nothing of its session for [`SERVER_PATIENCE`], which is longer than [`LEASE`], the time for
//! which a hub may believe that it leads since it last asked. So one has stepped down before another can take the seat. SQLite has one hub,
//! which always leads.

use super::{
    Kind, Result, State, StateError,
    sql::{Columns, q},
};
use gabion_api::rest::Millis;
use sqlx::{AnyConnection, Connection, Executor, any::AnyRow, postgres::PgListener};
use std::time::Duration;

/// For how long a hub may believe that it leads after it began to ask.
pub const LEASE: Duration = Duration::from_secs(5);
/// After so long without a word the server ends the session of a seat.
const SERVER_PATIENCE: Duration = Duration::from_secs(12);
/// The advisory lock of the hub that leads: `gabion`, in bytes. Locks are of one database.
const LOCK: i64 = 0x6761_6269_6f6e;
/// The channel of what hubs tell each other.
const CHANNEL: &str = "gabion";
/// The time of the database, in milliseconds: clocks of hubs may differ.
const POSTGRES_NOW: &str = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";

/// A hub, as it tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewHub {
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Where other hubs and agents reach it: `HOST:PORT`.
    pub address: String,
    /// Its version.
    pub version: String,
}

/// A hub that is or was there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredHub {
    /// What it told of itself.
    pub hub: NewHub,
    /// When it was there first.
    pub since: Millis,
    /// How long ago it was heard last.
    pub age: Millis,
    /// It has ended in order.
    pub ended: bool,
    /// Since when it leads.
    pub leads: Option<Millis>,
    /// Nodes that are connected to it.
    pub nodes: u64,
}

/// The seat of the hub that leads: a session of its own, which holds a lock or waits for it.
pub struct Seat {
    state: State,
    session: Option<AnyConnection>,
    is_held: bool,
}

/// What hubs tell each other, as it comes.
pub struct Words(PgListener);

impl State {
    /// A seat, not taken yet.
    pub fn seat(&self) -> Seat {
        Seat { state: self.clone(), session: None, is_held: false }
    }

    /// Listens to what other hubs tell; nothing where there can be no other.
    pub async fn listen(&self) -> Result<Option<Words>> {
        if self.kind == Kind::Sqlite {
            return Ok(None);
        }
        let mut listener = PgListener::connect(&self.url.0).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Words(listener)))
    }

    /// Tells all hubs something, this one, too.
    pub async fn tell(&self, word: &str) -> Result<()> {
        if self.kind == Kind::Sqlite {
            return Ok(());
        }
        q("SELECT CAST(pg_notify(?, ?) AS TEXT) AS told")
            .bind(CHANNEL)
            .bind(word)
            .one(&self.pool)
            .await
            .map(drop)
    }

    /// A hub is there.
    pub async fn hub_seen(&self, hub: &NewHub, now: Millis) -> Result<()> {
        let query = q("INSERT INTO hub (id, name, address, version, since, seen) VALUES (?, ?, ?, ?, ?, ")
            .bind(&hub.id)
            .bind(&hub.name)
            .bind(&hub.address)
            .bind(&hub.version)
            .bind(now);
        let query = match self.kind {
            Kind::Sqlite => query.push("?").bind(now),
            Kind::Postgres => query.push(POSTGRES_NOW),
        };
        query
            .push(
                ") ON CONFLICT (id) DO UPDATE SET name = excluded.name, address = excluded.address, version = excluded.version, \
                 seen = excluded.seen, ended = 0",
            )
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// A hub ends in order: nobody need wait for it. Its nodes look for another.
    pub async fn hub_ended(&self, id: &str) -> Result<()> {
        q("UPDATE node SET hub = NULL WHERE hub = ?").bind(id).run(&self.pool).await?;
        q("UPDATE hub SET ended = 1, leads = NULL WHERE id = ?").bind(id).run(&self.pool).await.map(drop)
    }

    /// A hub leads from now on, and no other.
    pub async fn hub_leads(&self, id: &str, now: Millis) -> Result<()> {
        q("UPDATE hub SET leads = CASE WHEN id = ? THEN ? ELSE NULL END WHERE id = ? OR leads IS NOT NULL")
            .bind(id)
            .bind(now)
            .bind(id)
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// A hub will not come back, and what only it had is given up.
    pub async fn remove_hub(&self, id: &str) -> Result<()> {
        q("DELETE FROM sink_place WHERE hub = ?").bind(id).run(&self.pool).await?;
        q("UPDATE node SET hub = NULL WHERE hub = ?").bind(id).run(&self.pool).await?;
        if q("DELETE FROM hub WHERE id = ?").bind(id).run(&self.pool).await? == 0 {
            return Err(StateError::Absent { what: "hub", id: id.to_owned() });
        }
        Ok(())
    }

    /// Hubs that were not heard for so long are forgotten; never this one, whatever was heard of it.
    pub async fn forget_hubs(&self, age: Millis, now: Millis) -> Result<()> {
        for hub in self.hubs(now).await? {
            if hub.age > age && *hub.hub.id != *self.hub {
                self.remove_hub(&hub.hub.id).await?;
            }
        }
        Ok(())
    }

    /// All hubs of this database, in the order in which they came.
    pub async fn hubs(&self, now: Millis) -> Result<Vec<StoredHub>> {
        let query = q(
            "SELECT hub.*, (SELECT COUNT(*) FROM node WHERE node.hub = hub.id AND node.removed IS NULL) AS nodes, ",
        );
        let query = match self.kind {
            Kind::Sqlite => query.push("CAST(? AS BIGINT)").bind(now),
            Kind::Postgres => query.push(POSTGRES_NOW),
        };
        let rows =
            query.push(" - hub.seen AS age FROM hub ORDER BY hub.since, hub.id").all(&self.pool).await?;
        let read = |row: &AnyRow| {
            Ok(StoredHub {
                hub: NewHub {
                    id: row.text("id")?,
                    name: row.text("name")?,
                    address: row.text("address")?,
                    version: row.text("version")?,
                },
                since: row.int("since")?,
                age: row.int("age")?.max(0),
                ended: row.flag("ended")?,
                leads: row.maybe_int("leads")?,
                nodes: row.count("nodes")?,
            })
        };
        rows.iter().map(read).collect()
    }

    /// A node is connected to a hub; to that it was connected before it is no more.
    pub async fn node_at(&self, node: &str, hub: &str) -> Result<()> {
        q("UPDATE node SET hub = ? WHERE id = ?").bind(hub).bind(node).run(&self.pool).await.map(drop)
    }

    /// A node has left a hub, and may be at another already.
    pub async fn node_left(&self, node: &str, hub: &str) -> Result<()> {
        q("UPDATE node SET hub = NULL WHERE id = ? AND hub = ?")
            .bind(node)
            .bind(hub)
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// The hub that a node is connected to.
    pub async fn hub_of(&self, node: &str) -> Result<Option<String>> {
        let row =
            q("SELECT hub FROM node WHERE id = ? AND removed IS NULL").bind(node).first(&self.pool).await?;
        row.map_or(Ok(None), |row| row.maybe_text("hub"))
    }

    /// Nodes that are connected to other hubs than this, with the hub.
    pub async fn nodes_elsewhere(&self, hub: &str) -> Result<Vec<(String, String)>> {
        let rows =
            q("SELECT id, hub FROM node WHERE removed IS NULL AND hub IS NOT NULL AND hub <> ? ORDER BY id")
                .bind(hub)
                .all(&self.pool)
                .await?;
        rows.iter().map(|row| Ok((row.text("id")?, row.text("hub")?))).collect()
    }

    /// Addresses of containers that run on nodes of other hubs: node, addresses, workload. A node that has none any more is told, too: without
    /// addresses, as is one that was removed.
    pub async fn addresses_elsewhere(&self, hub: &str) -> Result<Vec<(String, Vec<String>, String)>> {
        let rows = q("SELECT node.id AS node, COALESCE(container.addresses, '[]') AS addresses, COALESCE(container.workload, '') AS workload \
             FROM node LEFT JOIN container ON container.node = node.id AND container.ended IS NULL AND container.addresses <> '[]' \
             AND node.removed IS NULL WHERE node.removed IS NOT NULL OR (node.hub IS NOT NULL AND node.hub <> ?)")
            .bind(hub)
            .all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| Ok((row.text("node")?, row.json("addresses")?, row.text("workload")?)))
            .collect()
    }

    /// Keeps a setting if there is none; what it is then.
    pub async fn set_first(&self, name: &str, value: &str) -> Result<String> {
        q("INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(value)
            .run(&self.pool)
            .await?;
        Ok(self.setting(name).await?.unwrap_or_default())
    }
}

impl Seat {
    /// Asks whether the seat is held, and takes it if nobody has it. An error says that the database does not answer; then it is not held.
    pub async fn hold(&mut self) -> Result<bool> {
        if self.state.kind == Kind::Sqlite {
            return Ok(true);
        }
        if let Ok(held) = self.asked().await {
            return Ok(held);
        }
        // Only the session may be over. With it the lock is.
        self.leave();
        let held = self.asked().await;
        if held.is_err() {
            self.leave();
        }
        held
    }

    /// Gives the seat up.
    pub fn leave(&mut self) {
        (self.session, self.is_held) = (None, false);
    }

    async fn asked(&mut self) -> Result<bool> {
        if self.session.is_none() {
            self.session = Some(sit_down(&self.state.url.0).await?);
        }
        let Some(session) = &mut self.session else { return Ok(false) };
        if self.is_held {
            q("SELECT 1 AS one").one(&mut *session).await?;
        } else {
            let row = q("SELECT CAST(CASE WHEN pg_try_advisory_lock(?) THEN 1 ELSE 0 END AS BIGINT) AS held")
                .bind(LOCK)
                .one(&mut *session)
                .await?;
            self.is_held = row.flag("held")?;
        }
        Ok(self.is_held)
    }
}

/// A session of its own, which the server ends when nothing is heard of it.
async fn sit_down(url: &str) -> Result<AnyConnection> {
    let mut session = AnyConnection::connect(url).await?;
    // PostgreSQL 13 does not know it; then keep-alives of TCP are all there is.
    q("SELECT set_config(name, ? || 's', false) AS kept FROM pg_settings WHERE name = 'idle_session_timeout'")
        .bind(SERVER_PATIENCE.as_secs().to_string())
        .all(&mut session)
        .await?;
    session
        .execute(
            "SET tcp_keepalives_idle = 6; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; \
             SET application_name = 'gabion seat'",
        )
        .await?;
    Ok(session)
}

impl Words {
    /// The next; none if the connection was lost, and some may have been missed.
    pub async fn next(&mut self) -> Result<Option<String>> {
        Ok(self.0.try_recv().await?.map(|word| word.payload().to_owned()))
    }
}
