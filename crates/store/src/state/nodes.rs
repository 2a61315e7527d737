//! Nodes: who joined, and how they do.

use super::{
    Result, State, StateError,
    list::{Key, List},
    sql::{Columns, q},
};
use gabion_api::rest::{Millis, Node, NodeDetail, NodeState, Page, Unused};
use sqlx::any::AnyRow;
use std::collections::BTreeMap;

/// A node is lost when nothing was heard of it for so long.
const LOST: Millis = 45_000;

/// What a node says of itself when it connects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewNode {
    /// Its name.
    pub name: String,
    /// The version of its agent.
    pub version: String,
    /// Its kernel.
    pub kernel: String,
    /// Its distribution.
    pub os: String,
    /// Its architecture.
    pub arch: String,
}

const LIST: List = List {
    columns: "node.*",
    from: "node",
    id: "node.id",
    keys: &[
        Key { name: "name", column: "node.name", text: true },
        Key { name: "seen", column: "node.seen", text: false },
        Key { name: "containers", column: "node.running", text: false },
    ],
    down: false,
};

/// The part of `gabion status` that is shown.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Status {
    since: u64,
    rules: u64,
    events: u64,
    gaps: Vec<(u64, String)>,
    unused: Vec<[String; 3]>,
    memory: u64,
}

/// How far a node watches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Watch {
    pub(super) name: String,
    pub(super) is_heard: bool,
    /// When its agent has started; 0 if it has not said so yet.
    pub(super) since: Millis,
    /// Events that its agent has lost.
    pub(super) lost: u64,
    /// Features that its sensor does not use: which, why, what is not seen without it.
    pub(super) unused: Vec<[String; 3]>,
}

fn read(row: &AnyRow, now: Millis) -> Result<(Node, Status)> {
    let status: Status = serde_json::from_str(&row.text("status")?).unwrap_or_default();
    let seen = row.int("seen")?;
    let state = match row.maybe_int("removed")? {
        Some(_) => NodeState::Removed,
        None if now - seen > LOST => NodeState::Lost,
        None => NodeState::Connected,
    };
    let node = Node {
        id: row.text("id")?,
        name: row.text("name")?,
        state,
        seen,
        joined: row.int("joined")?,
        version: row.text("version")?,
        kernel: row.text("kernel")?,
        os: row.maybe_text("os")?.filter(|os| !os.is_empty()),
        arch: row.text("arch")?,
        containers: row.count("running")?,
        rules: status.rules,
        events: status.events,
        gaps: status.gaps.iter().map(|(many, _)| many).sum(),
        waiting: row.count("waiting")?,
    };
    Ok((node, status))
}

impl State {
    /// A token by which nodes may join is good for so many of them, until then.
    pub async fn add_join_token(
        &self,
        hash: &str,
        by: &str,
        uses: u32,
        expires: Millis,
        now: Millis,
    ) -> Result<()> {
        q("INSERT INTO join_token (hash, created, created_by, expires, uses) VALUES (?, ?, ?, ?, ?)")
            .bind(hash)
            .bind(now)
            .bind(by)
            .bind(expires)
            .bind(i64::from(uses))
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// A node joins by a token, which has one use less from then on.
    pub async fn join(&self, hash: &str, id: &str, name: &str, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        let used = q("UPDATE join_token SET uses = uses - 1 WHERE hash = ? AND uses > 0 AND expires > ?")
            .bind(hash)
            .bind(now)
            .run(&mut *tx)
            .await?;
        if used != 1 {
            return Err(StateError::Refused(
                "the join token is not known, is used up, or has expired".to_owned(),
            ));
        }
        q("INSERT INTO node (id, name, joined, seen, version, kernel, arch) VALUES (?, ?, ?, ?, '', '', '')")
            .bind(id)
            .bind(name)
            .bind(now)
            .bind(now)
            .run(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whether a node may speak.
    pub async fn is_allowed(&self, id: &str) -> Result<bool> {
        Ok(q("SELECT id FROM node WHERE id = ? AND removed IS NULL")
            .bind(id)
            .first(&self.pool)
            .await?
            .is_some())
    }

    /// A node has connected.
    pub async fn node_connected(&self, id: &str, node: &NewNode, now: Millis) -> Result<()> {
        q("UPDATE node SET name = ?, version = ?, kernel = ?, os = ?, arch = ?, seen = ? WHERE id = ?")
            .bind(&node.name)
            .bind(&node.version)
            .bind(&node.kernel)
            .bind(&node.os)
            .bind(&node.arch)
            .bind(now)
            .bind(id)
            .run(&self.pool)
            .await?;
        // What it was scanning when its last session ended it may have told to nobody: it is asked again.
        q("UPDATE image SET asked = NULL, asked_of = NULL WHERE asked_of = ? AND failed IS NULL AND (scanned IS NULL OR sent = 1)")
            .bind(id)
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// A node tells how it does; `status` is what `gabion status --format json` prints.
    pub async fn node_status(&self, id: &str, status: &str, waiting: u64, now: Millis) -> Result<()> {
        q("UPDATE node SET status = ?, waiting = ?, seen = ? WHERE id = ?")
            .bind(status)
            .bind(waiting)
            .bind(now)
            .bind(id)
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// A node may not speak any more. What ran there is taken for ended.
    pub async fn remove_node(&self, id: &str, now: Millis) -> Result<()> {
        let changed = q("UPDATE node SET removed = ?, running = 0 WHERE id = ? AND removed IS NULL")
            .bind(now)
            .bind(id)
            .run(&self.pool)
            .await?;
        if changed == 0 {
            return Err(StateError::Absent { what: "node", id: id.to_owned() });
        }
        self.inventory(id, &[], now).await.map(drop)
    }

    /// Nodes; those that were removed only if that is asked for.
    pub async fn nodes(
        &self,
        text: &str,
        removed: bool,
        paging: &super::Paging,
        now: Millis,
    ) -> Result<Page<Node>> {
        let filter = |mut query: super::sql::Query| {
            if !text.is_empty() {
                query = query
                    .push(" AND LOWER(node.name) LIKE LOWER(?) ESCAPE '!'")
                    .bind(super::list::containing(text));
            }
            if removed { query } else { query.push(" AND node.removed IS NULL") }
        };
        self.page(LIST, paging, filter, |row| Ok(read(row, now)?.0)).await
    }

    /// One node.
    pub async fn node(&self, id: &str, now: Millis) -> Result<NodeDetail> {
        let row = q("SELECT * FROM node WHERE id = ?").bind(id).first(&self.pool).await?;
        let row = row.ok_or_else(|| StateError::Absent { what: "node", id: id.to_owned() })?;
        let (node, status) = read(&row, now)?;
        let unused = status.unused.into_iter().map(|[feature, why, unseen]| Unused { feature, why, unseen });
        let mut lost = BTreeMap::new();
        for (many, what) in status.gaps {
            *lost.entry(what).or_default() += many;
        }
        Ok(NodeDetail {
            node,
            started: (status.since > 0).then_some((status.since / 1_000_000).cast_signed()),
            memory: (status.memory > 0).then_some(status.memory),
            lost,
            unused: unused.collect(),
            running: self.containers_of("container.node", id, false).await?,
        })
    }

    /// How far these nodes watch, by id.
    pub(super) async fn watches(
        &self,
        nodes: impl IntoIterator<Item = &String>,
        now: Millis,
    ) -> Result<BTreeMap<String, Watch>> {
        let rows = q("SELECT * FROM node WHERE id IN ").list(nodes).all(&self.pool).await?;
        let mut watches = BTreeMap::new();
        for row in &rows {
            let (node, status) = read(row, now)?;
            let lost = status.gaps.iter().filter(|(_, what)| what.starts_with("events lost"));
            let watch = Watch {
                name: node.name,
                is_heard: node.state == NodeState::Connected,
                since: (status.since / 1_000_000).cast_signed(),
                lost: lost.map(|(many, _)| many).sum(),
                unused: status.unused,
            };
            watches.insert(node.id, watch);
        }
        Ok(watches)
    }

    /// What agents cannot look at, with how many of them; and how much all of them have lost.
    pub async fn blind_spots(&self) -> Result<(BTreeMap<String, u64>, u64)> {
        let rows = q("SELECT status FROM node WHERE removed IS NULL").all(&self.pool).await?;
        let (mut unseen, mut lost) = (BTreeMap::<String, u64>::new(), 0);
        for row in &rows {
            let status: Status = serde_json::from_str(&row.text("status")?).unwrap_or_default();
            for [_, _, what] in status.unused {
                *unseen.entry(what).or_default() += 1;
            }
            lost += status.gaps.iter().map(|(many, _)| many).sum::<u64>();
        }
        Ok((unseen, lost))
    }

    /// What a node is called.
    pub async fn node_name(&self, id: &str) -> Result<Option<String>> {
        let row = q("SELECT name FROM node WHERE id = ?").bind(id).first(&self.pool).await?;
        row.map(|row| row.text("name")).transpose()
    }

    /// The names of nodes, by id.
    pub async fn node_names(&self) -> Result<BTreeMap<String, String>> {
        let rows = q("SELECT id, name FROM node").all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.text("id")?, row.text("name")?))).collect()
    }
}
