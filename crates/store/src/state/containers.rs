//! Containers: what a node says that runs there, compared with what it said before.

use super::{
    Paging, Result, Scope, State, Tx, connections, incidents,
    list::{Key, List, containing},
    matched,
    sql::{Columns, Query, batch, q},
    to_json,
};
use gabion_api::rest::{Container, Millis, Page};
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A container, as its node tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewContainer {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its workload.
    pub workload: String,
    /// The id of its image; empty if that is not known.
    pub image: String,
    /// The digest of the manifest of its image; empty if that is not known.
    pub manifest: String,
    /// The name of its image.
    pub image_name: String,
    /// What runs it.
    pub runtime: String,
    /// Its namespace in Kubernetes.
    pub namespace: Option<String>,
    /// Its pod.
    pub pod: Option<String>,
    /// Whether it has all privileges.
    pub privileged: Option<bool>,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Its labels, and those of its pod.
    pub labels: BTreeMap<String, String>,
    /// Ports on which it listens.
    pub listens: Vec<String>,
    /// Where its image can be scanned, as `gabion scan` takes it; empty if it cannot.
    pub target: String,
    /// When it was made.
    pub started: Millis,
    /// What of it is not known.
    pub unknown: Vec<String>,
}

/// What an inventory has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Something is different from before.
    pub changed: bool,
    /// Images that nobody has scanned, and where that can be done on this node: it is asked for by now.
    pub scan: Vec<(String, String)>,
    /// Images that run in other namespaces than before, so that they may be somebody else's.
    pub moved: Vec<String>,
}

/// A scan that was asked for and did not come is asked for again after so long.
const AGAIN: Millis = 15 * 60 * 1000;
/// Containers that have ended and are shown beside those that run.
const LAST: u64 = 100;
/// One that failed.
const AFTER_FAILURE: Millis = 6 * 3600 * 1000;

const LIST: List = List {
    columns: "container.*",
    from: "container LEFT JOIN workload ON workload.name = container.workload",
    id: "container.node || ' ' || container.id",
    keys: &[
        Key { name: "name", column: "container.name", text: true },
        Key { name: "started", column: "container.started", text: false },
        Key { name: "workload", column: "container.workload", text: true },
    ],
    down: false,
};

fn read(row: &AnyRow) -> Result<Container> {
    Ok(Container {
        id: row.text("id")?,
        name: row.text("name")?,
        node: row.text("node")?,
        workload: row.text("workload")?,
        image: row.maybe_text("image")?,
        image_name: row.text("image_name")?,
        runtime: row.text("runtime")?,
        namespace: row.maybe_text("namespace")?,
        pod: row.maybe_text("pod")?,
        privileged: row.maybe_int("privileged")?.map(|flag| flag != 0),
        addresses: row.json("addresses")?,
        started: row.int("started")?,
        ended: row.maybe_int("ended")?,
        unknown: row.json("unknown")?,
    })
}

/// Those of these images that run in other namespaces than before. They count as not matched, until somebody has found out whose they are.
async fn moved(tx: Tx<'_>, images: &BTreeSet<String>) -> Result<Vec<String>> {
    let (mut moved, mut by) = (Vec::new(), BTreeMap::new());
    for chunk in images.iter().map(String::as_str).collect::<Vec<_>>().chunks(batch(1)) {
        by.extend(matched::namespaces(&mut *tx, chunk.iter().copied()).await?);
    }
    for image in images {
        let namespaces = to_json(by.get(image).map(Vec::as_slice).unwrap_or_default());
        let changed = q("UPDATE image SET namespaces = ?, matched = NULL WHERE id = ? AND namespaces <> ?")
            .bind(&namespaces)
            .bind(image)
            .bind(&namespaces)
            .run(&mut *tx)
            .await?;
        if changed > 0 {
            moved.push(image.clone());
        }
    }
    Ok(moved)
}

impl State {
    /// What runs on a node now, all of it.
    pub async fn inventory(&self, node: &str, containers: &[NewContainer], now: Millis) -> Result<Seen> {
        let mut tx = self.begin().await?;
        let rows =
            q("SELECT * FROM container WHERE node = ? AND ended IS NULL").bind(node).all(&mut *tx).await?;
        let mut before = HashMap::new();
        for row in &rows {
            before.insert(row.text("id")?, row);
        }
        let mut seen = Seen::default();
        let (mut workloads, mut images) = (BTreeSet::new(), BTreeSet::new());
        let (mut adopted, mut parts) = (0, BTreeSet::new());
        for container in containers {
            let old = before.remove(&container.id);
            let same = old.is_some_and(|row| is_same(row, container).unwrap_or(false));
            if same {
                continue;
            }
            seen.changed = true;
            if let Some(row) = old {
                workloads.insert(row.text("workload")?);
                images.extend(row.maybe_text("image")?);
            }
            keep(&mut tx, node, container, now).await?;
            workloads.insert(container.workload.clone());
            if old.is_none() {
                adopted += adopt(&mut tx, node, container, &mut parts).await?;
            }
            if !container.image.is_empty() {
                images.insert(container.image.clone());
                self.image_seen(&mut tx, container, now).await?;
            }
        }
        connections::keep_addresses(&mut tx, node, containers).await?;
        for (id, row) in before {
            seen.changed = true;
            q("UPDATE container SET ended = ? WHERE node = ? AND id = ?")
                .bind(now)
                .bind(node)
                .bind(&id)
                .run(&mut *tx)
                .await?;
            workloads.insert(row.text("workload")?);
            images.extend(row.maybe_text("image")?);
        }
        q("UPDATE node SET running = ?, seen = ? WHERE id = ?")
            .bind(containers.len() as u64)
            .bind(now)
            .bind(node)
            .run(&mut *tx)
            .await?;
        if seen.changed {
            self.refresh(&mut tx, &images, &workloads, now).await?;
        }
        if self.owners.as_ref().is_some_and(|owners| owners.are_about_namespaces()) {
            seen.moved = moved(&mut tx, &images).await?;
        }
        if adopted > 0 {
            // Whose they are is known as soon as the workload is.
            q("UPDATE alert SET owner = (SELECT workload.owner FROM workload WHERE workload.name = alert.workload), \
               namespace = (SELECT workload.namespace FROM workload WHERE workload.name = alert.workload) \
               WHERE node = ? AND owner IS NULL AND workload IS NOT NULL AND workload IN ")
            .bind(node)
            .list(workloads.iter())
            .run(&mut *tx)
            .await?;
            incidents::adopted(&mut tx, &parts).await?;
        }
        let unscanned = unscanned(&mut tx, containers).await?;
        for container in containers
            .iter()
            .filter(|container| !container.target.is_empty() && unscanned.contains(&container.image))
        {
            // What somebody has sent of an image that runs now is looked at where it runs.
            // What failed elsewhere may be there where a new container runs.
            let after = if images.contains(&container.image) { now } else { now - AFTER_FAILURE };
            let asked = q("UPDATE image SET asked = ?, asked_of = ? WHERE id = ? AND (scanned IS NULL OR sent = 1) AND (asked IS NULL \
                 OR (failed IS NULL AND asked < ?) OR (failed IS NOT NULL AND asked < ?))")
            .bind(now)
            .bind(node)
            .bind(&container.image)
            .bind(now - AGAIN)
            .bind(after)
            .run(&mut *tx)
            .await?;
            if asked > 0 {
                seen.scan.push((container.image.clone(), container.target.clone()));
            }
        }
        tx.commit().await?;
        Ok(seen)
    }

    /// What rests on images and workloads is computed again.
    pub(super) async fn refresh(
        &self,
        tx: Tx<'_>,
        images: &BTreeSet<String>,
        workloads: &BTreeSet<String>,
        now: Millis,
    ) -> Result<()> {
        let mut repositories = BTreeSet::new();
        for chunk in images.iter().collect::<Vec<_>>().chunks(batch(1)) {
            let query = q("SELECT DISTINCT repository FROM image WHERE id IN ").list(chunk.iter().copied());
            for row in query.all(&mut *tx).await? {
                repositories.insert(row.text("repository")?);
            }
        }
        self.refresh_repositories(&mut *tx, &repositories, now).await?;
        self.refresh_workloads(tx, workloads, now).await
    }

    /// Containers.
    pub async fn containers(
        &self,
        text: &str,
        running: Option<bool>,
        scope: &Scope,
        paging: &Paging,
    ) -> Result<Page<Container>> {
        let filter = |mut query: Query| {
            if !text.is_empty() {
                let pattern = containing(text);
                query = query
                    .push(" AND (LOWER(container.name) LIKE LOWER(?) ESCAPE '!' OR LOWER(container.image_name) LIKE LOWER(?) ESCAPE '!' OR container.id LIKE LOWER(?) ESCAPE '!')")
                    .bind(&pattern).bind(&pattern).bind(pattern);
            }
            query = match running {
                Some(true) => query.push(" AND container.ended IS NULL"),
                Some(false) => query.push(" AND container.ended IS NOT NULL"),
                None => query,
            };
            scope.limit(query, "workload.owner", Some("workload.namespace"))
        };
        self.page(LIST, paging, filter, read).await
    }

    /// Containers by one of their columns: all that run, and if it is wanted those that ended last.
    pub(super) async fn containers_of(
        &self,
        column: &'static str,
        id: &str,
        ended: bool,
    ) -> Result<Vec<Container>> {
        let of = || q("SELECT * FROM container WHERE ").push(column).push(" = ?").bind(id);
        let mut rows = of().push(" AND ended IS NULL ORDER BY name").all(&self.pool).await?;
        if ended {
            let last = of().push(" AND ended IS NOT NULL ORDER BY ended DESC, name LIMIT ?").bind(LAST);
            rows.extend(last.all(&self.pool).await?);
        }
        rows.iter().map(read).collect()
    }

    /// The name and the workload of a container of a node, by its id or the beginning of it.
    pub async fn container_names(&self, node: &str, id: &str) -> Result<Option<(String, String)>> {
        let row = q("SELECT name, workload FROM container WHERE node = ? AND (id = ? OR (id >= ? AND id < ?)) LIMIT 1")
            .bind(node).bind(id).bind(id).bind(after(id)).first(&self.pool).await?;
        row.map(|row| Ok((row.text("name")?, row.text("workload")?))).transpose()
    }

    /// Containers that have ended are forgotten after a while.
    pub async fn forget_containers(&self, before: Millis) -> Result<u64> {
        q("DELETE FROM container WHERE ended < ?").bind(before).run(&self.pool).await
    }
}

/// Images of these containers that nobody here has scanned, and that can be.
async fn unscanned(tx: Tx<'_>, containers: &[NewContainer]) -> Result<HashSet<String>> {
    let images: BTreeSet<&String> = containers
        .iter()
        .filter(|container| !container.target.is_empty() && !container.image.is_empty())
        .map(|container| &container.image)
        .collect();
    let mut unscanned = HashSet::new();
    for chunk in images.into_iter().collect::<Vec<_>>().chunks(batch(1)) {
        let query = q("SELECT id FROM image WHERE (scanned IS NULL OR sent = 1) AND id IN ");
        for row in query.list(chunk.iter().copied()).all(&mut *tx).await? {
            unscanned.insert(row.text("id")?);
        }
    }
    Ok(unscanned)
}

/// Whether a container is told as it was. Much of one comes later than the container.
fn is_same(row: &AnyRow, new: &NewContainer) -> Result<bool> {
    Ok(row.text("name")? == new.name
        && row.text("workload")? == new.workload
        && row.maybe_text("image")?.unwrap_or_default() == new.image
        && row.text("image_name")? == new.image_name
        && row.text("runtime")? == new.runtime
        && row.maybe_text("namespace")? == new.namespace
        && row.maybe_text("pod")? == new.pod
        && row.maybe_int("privileged")? == new.privileged.map(i64::from)
        && row.text("addresses")? == to_json(&new.addresses)
        && row.text("labels")? == to_json(&new.labels)
        && row.text("listens")? == to_json(&new.listens)
        && row.text("target")? == new.target
        && row.text("unknown")? == to_json(&new.unknown))
}

/// What a container did before it was told of belongs to its workload, too: how many alerts that were, and the incidents they are of.
async fn adopt(
    tx: Tx<'_>,
    node: &str,
    container: &NewContainer,
    parts: &mut BTreeSet<String>,
) -> Result<u64> {
    let rows = q("SELECT DISTINCT incident FROM alert WHERE node = ? AND workload IS NULL AND container = ? AND last >= ? AND incident IS NOT NULL")
        .bind(node)
        .bind(&container.name)
        .bind(container.started)
        .all(&mut *tx)
        .await?;
    for row in rows {
        parts.insert(row.text("incident")?);
    }
    q("UPDATE alert SET workload = ? WHERE node = ? AND workload IS NULL AND container = ? AND last >= ?")
        .bind(&container.workload)
        .bind(node)
        .bind(&container.name)
        .bind(container.started)
        .run(tx)
        .await
}

/// What comes after all ids that begin with this one, of which all digits are hexadecimal.
pub(super) fn after(id: &str) -> String {
    if id.len() < 12 { id.to_owned() } else { format!("{id}g") }
}

async fn keep(tx: Tx<'_>, node: &str, container: &NewContainer, now: Millis) -> Result<()> {
    let image = Some(container.image.clone()).filter(|image| !image.is_empty());
    let started = if container.started > 0 { container.started } else { now };
    q("INSERT INTO container (id, name, node, workload, image, image_name, runtime, namespace, pod, privileged, addresses, labels, \
       listens, target, started, unknown) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
       ON CONFLICT (node, id) DO UPDATE SET name = excluded.name, workload = excluded.workload, image = excluded.image, \
       runtime = excluded.runtime, namespace = excluded.namespace, pod = excluded.pod, \
       image_name = excluded.image_name, privileged = excluded.privileged, addresses = excluded.addresses, labels = excluded.labels, \
       listens = excluded.listens, target = excluded.target, unknown = excluded.unknown, ended = NULL, \
       started = CASE WHEN ? > 0 THEN excluded.started ELSE container.started END")
        .bind(&container.id).bind(&container.name).bind(node).bind(&container.workload).bind(image).bind(&container.image_name)
        .bind(&container.runtime).bind(container.namespace.clone()).bind(container.pod.clone())
        .bind(container.privileged.map(i64::from)).bind(to_json(&container.addresses)).bind(to_json(&container.labels))
        .bind(to_json(&container.listens)).bind(&container.target).bind(started).bind(to_json(&container.unknown))
        // Whoever starts one again under the same id, as runc does, says when.
        .bind(container.started)
        .run(tx).await.map(drop)
}
