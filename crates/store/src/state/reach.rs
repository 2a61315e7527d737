//! What can be reached from outside: by connections that were seen, hop by hop.
//!
//! ```text
//!   203.0.113.9 ──seen──► shop/web:443 ──seen──► shop/api:8080 ──seen──► shop/db:5432
//!     entry                  flow                   flow
//! ```
//!
//! Nothing else is claimed. A port that is published and that nobody has used, a way that policies would allow, and what comes in by the private
//! address of a load balancer are no evidence; so that a workload is not said to be reachable proves nothing.

use super::{
    DAY, Result, State, Tx,
    findings::TO_DO,
    sql::{Columns, batch, q},
};
use gabion_api::rest::Millis;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What was seen last before that is forgotten.
const SEEN: Millis = 7 * DAY;
/// A path has no more connections between workloads.
const HOPS: usize = 4;
/// Connections between workloads that are looked at; the most recent.
const FLOWS: u64 = 50_000;

/// A connection from outside of the estate that a workload has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// The workload.
    pub workload: String,
    /// The port that it accepted it on.
    pub port: u16,
    /// From where.
    pub address: String,
    /// When.
    pub time: Millis,
}

/// One workload spoke to another on a port.
pub(super) type Hop = (String, String, u16);

/// For each workload that can be reached the shortest path, as it is told. `entries` are workloads with port and address.
pub(super) fn paths(
    entries: &BTreeMap<(String, u16), String>,
    hops: &BTreeSet<Hop>,
) -> BTreeMap<String, String> {
    let mut next: BTreeMap<&str, Vec<(&str, u16)>> = BTreeMap::new();
    for (from, to, port) in hops {
        next.entry(from).or_default().push((to, *port));
    }
    let mut paths: BTreeMap<String, String> = BTreeMap::new();
    let mut todo: VecDeque<(&str, usize)> = VecDeque::new();
    for ((workload, port), address) in entries {
        if !paths.contains_key(workload) {
            paths.insert(workload.clone(), format!("{address} → {workload}:{port}"));
            todo.push_back((workload, 0));
        }
    }
    // Breadth first, so that the first path that is found is a shortest one.
    while let Some((from, long)) = todo.pop_front() {
        if long == HOPS {
            continue;
        }
        for (to, port) in next.get(from).into_iter().flatten() {
            if !paths.contains_key(*to) {
                let path = format!("{} → {to}:{port}", paths.get(from).map_or("", String::as_str));
                paths.insert((*to).to_owned(), path);
                todo.push_back((to, long + 1));
            }
        }
    }
    paths
}

impl State {
    /// Keeps that workloads were connected to from outside. Whether one of them was not known to be.
    pub async fn keep_entries(&self, entries: &[NewEntry]) -> Result<bool> {
        let mut last: BTreeMap<(&str, u16), &NewEntry> = BTreeMap::new();
        for entry in entries {
            let known = last.entry((&entry.workload, entry.port)).or_insert(entry);
            if known.time < entry.time {
                *known = entry;
            }
        }
        let mut tx = self.begin().await?;
        let mut is_new = false;
        for ((workload, port), entry) in last {
            let added = q("INSERT INTO entry (workload, port, address, first, last) VALUES (?, ?, ?, ?, ?) ON CONFLICT (workload, port) DO NOTHING")
                .bind(workload).bind(i64::from(port)).bind(&entry.address).bind(entry.time).bind(entry.time).run(&mut *tx).await?;
            is_new |= added > 0;
            q("UPDATE entry SET address = ?, last = ? WHERE workload = ? AND port = ? AND last < ?")
                .bind(&entry.address)
                .bind(entry.time)
                .bind(workload)
                .bind(i64::from(port))
                .bind(entry.time)
                .run(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(is_new)
    }

    /// Finds out anew what can be reached from outside, and what risk that is; how many workloads can be.
    pub async fn refresh_reach(&self, now: Millis) -> Result<u64> {
        let mut tx = self.begin().await?;
        q("DELETE FROM entry WHERE last < ?").bind(now - SEEN).run(&mut *tx).await?;
        let mut entries = BTreeMap::new();
        for row in
            q("SELECT workload, port, address FROM entry ORDER BY workload, port").all(&mut *tx).await?
        {
            let port = u16::try_from(row.int("port")?).unwrap_or_default();
            entries.insert((row.text("workload")?, port), row.text("address")?);
        }
        let mut hops = BTreeSet::new();
        let rows = q("SELECT source, target, port FROM flow WHERE target_kind = 'workload' AND protocol = 'tcp' AND many > denied AND last >= ? \
             GROUP BY source, target, port ORDER BY MAX(last) DESC, source, target, port LIMIT ?")
            .bind(now - SEEN).bind(FLOWS).all(&mut *tx).await?;
        for row in rows {
            hops.insert((
                row.text("source")?,
                row.text("target")?,
                u16::try_from(row.int("port")?).unwrap_or_default(),
            ));
        }
        let paths = paths(&entries, &hops);
        let mut known = BTreeMap::new();
        for row in q("SELECT workload, path FROM reach").all(&mut *tx).await? {
            known.insert(row.text("workload")?, row.text("path")?);
        }
        let mut changed = Vec::new();
        for (workload, path) in &paths {
            if known.get(workload) != Some(path) {
                q("INSERT INTO reach (workload, path) VALUES (?, ?) ON CONFLICT (workload) DO UPDATE SET path = excluded.path")
                    .bind(workload).bind(path).run(&mut *tx).await?;
                changed.push(workload);
            }
        }
        for workload in known.keys().filter(|workload| !paths.contains_key(*workload)) {
            q("DELETE FROM reach WHERE workload = ?").bind(workload).run(&mut *tx).await?;
            changed.push(workload);
        }
        // An address that nothing here runs at may be called like a workload that once was.
        let mut there = BTreeSet::new();
        for chunk in changed.chunks(batch(1)) {
            let query = q("SELECT name FROM workload WHERE name IN ").list(chunk.iter().copied());
            for row in query.all(&mut *tx).await? {
                there.insert(row.text("name")?);
            }
        }
        self.refresh_workloads(&mut tx, &there, now).await?;
        hurry(&mut tx, now).await?;
        tx.commit().await?;
        Ok(paths.len() as u64)
    }
}

/// What is to be mended in what can be reached, and was not seen to be until now.
const EXPOSED: &str = " finding.exposed IS NULL AND finding.exception IS NULL AND finding.planned_due IS NULL AND finding.state IN ";

/// What can be reached from outside has half of its time from then on, once, unless somebody has planned a day. It does not get it back: that nobody
/// was seen coming in for long proves nothing.
async fn hurry(tx: Tx<'_>, now: Millis) -> Result<()> {
    let exposed = " AND finding.id IN (SELECT image_finding.finding FROM image_finding WHERE image_finding.image IN \
        (SELECT container.image FROM container JOIN reach ON reach.workload = container.workload WHERE container.ended IS NULL))";
    q("INSERT INTO finding_change (finding, time, state, why) SELECT finding.id, ?, finding.state, \
       'half of its time is left, as it can be reached from outside: ' || (SELECT MIN(reach.path) FROM image_finding \
       JOIN container ON container.image = image_finding.image AND container.ended IS NULL JOIN reach ON reach.workload = container.workload \
       WHERE image_finding.finding = finding.id) FROM finding WHERE finding.due > ? + (finding.due - finding.first_seen) / 2 AND")
        .bind(now)
        .bind(now)
        .push(EXPOSED)
        .push(TO_DO)
        .push(exposed)
        .run(&mut *tx)
        .await?;
    q("UPDATE finding SET exposed = ?, due = CASE WHEN due > ? + (due - first_seen) / 2 THEN ? + (due - first_seen) / 2 ELSE due END WHERE")
        .bind(now)
        .bind(now)
        .bind(now)
        .push(EXPOSED)
        .push(TO_DO)
        .push(exposed)
        .run(tx)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entries: &[(&str, u16)], hops: &[(&str, &str, u16)]) -> Vec<String> {
        let entries = entries
            .iter()
            .map(|(workload, port)| (((*workload).to_owned(), *port), "203.0.113.9".to_owned()))
            .collect();
        let hops =
            hops.iter().map(|(from, to, port)| ((*from).to_owned(), (*to).to_owned(), *port)).collect();
        paths(&entries, &hops).into_values().collect()
    }

    #[test]
    fn a_path_is_the_shortest_of_those_that_were_seen() {
        let hops = [("web", "api", 8080), ("api", "db", 5432), ("web", "db", 5432), ("batch", "queue", 5672)];
        assert_eq!(
            of(&[("web", 443)], &hops),
            ["203.0.113.9 → web:443 → api:8080", "203.0.113.9 → web:443 → db:5432", "203.0.113.9 → web:443"]
        );
        assert!(of(&[], &hops).is_empty(), "nothing is claimed where nobody came in");
    }

    #[test]
    fn a_path_ends_after_some_hops_and_in_a_circle() {
        let hops = [("a", "b", 1), ("b", "c", 1), ("c", "d", 1), ("d", "e", 1), ("e", "f", 1), ("b", "a", 1)];
        let reached = of(&[("a", 80)], &hops);
        assert_eq!(reached.len(), 5);
        assert!(reached[4].ends_with("→ e:1"), "{reached:?}");
    }
}
