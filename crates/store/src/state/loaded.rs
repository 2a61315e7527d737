//! Which packages are really used: files that workloads were seen to execute or map, and the findings about packages that these are of.
//!
//! ```text
//!   the agent: demo/web has mapped usr/lib/libssl.so.3 ─┐
//!   the report: usr/lib/libssl.so.3 is of libssl3 ──────┴─► libssl3 is loaded by demo/web ─► findings in libssl3 are about code that runs
//! ```
//! That something was not seen says nothing: a file that is read, and not mapped, is not seen.

use super::{
    Result, State, Tx,
    sql::{Columns, batch, q},
};
use gabion_api::rest::{LoadedBy, Millis};
use gabion_model::ScanReport;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Files of one image in one workload; beyond, the first stay.
const MAX_FILES: usize = 5000;
/// Files of one container that an agent tells; beyond, it is not known what else there is.
pub(super) const MAX_OF_CONTAINER: u64 = 3000;
/// Rows that one statement writes.
const BATCH: usize = batch(4);
/// Workloads that are told of one finding.
const MAX_TOLD: u64 = 100;
/// What the agent calls a file of a package that can be executed or mapped.
const LOADABLE: &str = "loadable";

/// Files of packages, by path without leading slash, with kind and name of the package. A package that is no file system's is where it was
/// found: a jar, a program with modules in it.
pub(super) fn owners(report: &ScanReport) -> HashMap<&str, Vec<(&str, &str)>> {
    let mut owners: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
    for package in &report.packages {
        let of = (package.kind.as_str(), package.name.as_str());
        let files = package.facts.iter().filter(|(fact, _)| fact == LOADABLE).map(|(_, path)| path.as_str());
        let places = package
            .locations
            .iter()
            .filter(|_| !package.kind.is_os())
            .map(|location| location.path.split("!/").next().unwrap_or_default());
        for path in files.chain(places) {
            owners.entry(path.trim_start_matches('/')).or_default().push(of);
        }
    }
    owners
}

/// By finding, as reports call it, and workload: the file by which it is seen.
async fn keep_loaded(tx: Tx<'_>, image: &str, loaded: &BTreeMap<(&str, &String), &String>) -> Result<()> {
    let rows =
        q("SELECT finding, stable FROM image_finding WHERE image = ?").bind(image).all(&mut *tx).await?;
    let ids: HashMap<String, String> =
        rows.iter().map(|row| Ok((row.text("stable")?, row.text("finding")?))).collect::<Result<_>>()?;
    let rows: Vec<_> = loaded
        .iter()
        .filter_map(|((stable, workload), path)| Some((ids.get(*stable)?, *workload, *path)))
        .collect();
    for chunk in rows.chunks(BATCH) {
        let mut query = q("INSERT INTO loaded_finding (finding, image, workload, path) VALUES ")
            .rows("(?, ?, ?, ?)", chunk.len());
        for (finding, workload, path) in chunk {
            query = query.bind(*finding).bind(image).bind(*workload).bind(*path);
        }
        query.push(" ON CONFLICT DO NOTHING").run(&mut *tx).await?;
    }
    Ok(())
}

impl State {
    /// A container has executed or mapped these files. Whether anything of it is new; none if the container is not known yet.
    pub async fn loaded(
        &self,
        node: &str,
        container: &str,
        files: &BTreeSet<String>,
        now: Millis,
    ) -> Result<Option<bool>> {
        let mut tx = self.begin().await?;
        let row = q("SELECT image, workload FROM container WHERE node = ? AND id = ? AND image IS NOT NULL")
            .bind(node)
            .bind(container)
            .first(&mut *tx)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let (image, workload) = (row.text("image")?, row.text("workload")?);
        let known = q("SELECT path FROM loaded WHERE image = ? AND workload = ?")
            .bind(&image)
            .bind(&workload)
            .all(&mut *tx)
            .await?;
        let known: BTreeSet<String> = known.iter().map(|row| row.text("path")).collect::<Result<_>>()?;
        let room = MAX_FILES.saturating_sub(known.len());
        let new: Vec<&String> = files.difference(&known).take(room).collect();
        for chunk in new.chunks(BATCH) {
            let mut query = q("INSERT INTO loaded (image, workload, path, since) VALUES ")
                .rows("(?, ?, ?, ?)", chunk.len());
            for path in chunk {
                query = query.bind(&image).bind(&workload).bind(*path).bind(now);
            }
            query.push(" ON CONFLICT DO NOTHING").run(&mut *tx).await?;
        }
        if !new.is_empty()
            && let Some(report) = self.report_in(&mut tx, &image).await?
        {
            self.mark_loaded(&mut tx, &image, &report).await?;
            self.refresh_workload(&mut tx, &workload, now).await?;
        }
        tx.commit().await?;
        Ok(Some(!new.is_empty()))
    }

    /// Which findings of an image are about packages that are loaded, by whom.
    pub(super) async fn mark_loaded(&self, tx: Tx<'_>, image: &str, report: &ScanReport) -> Result<()> {
        let rows = q("SELECT workload, path FROM loaded WHERE image = ? ORDER BY path")
            .bind(image)
            .all(&mut *tx)
            .await?;
        q("DELETE FROM loaded_finding WHERE image = ?").bind(image).run(&mut *tx).await?;
        let owners = owners(report);
        // By package: each workload, and the first file by which it is seen.
        let mut packages: HashMap<(&str, &str), BTreeMap<String, String>> = HashMap::new();
        for row in &rows {
            let (workload, path) = (row.text("workload")?, row.text("path")?);
            for package in owners.get(path.as_str()).into_iter().flatten() {
                packages.entry(*package).or_default().entry(workload.clone()).or_insert_with(|| path.clone());
            }
        }
        let mut loaded: BTreeMap<(&str, &String), &String> = BTreeMap::new();
        for finding in &report.findings {
            for package in finding.vulnerability.iter().flat_map(|vulnerability| &vulnerability.packages) {
                let by = packages.get(&(package.kind.as_str(), package.name.as_str()));
                loaded.extend(
                    by.into_iter().flatten().map(|(workload, path)| ((finding.id.as_str(), workload), path)),
                );
            }
        }
        if !loaded.is_empty() {
            keep_loaded(&mut *tx, image, &loaded).await?;
        }
        // Only those that become another.
        q("UPDATE finding SET loaded = 1 - loaded WHERE id IN (SELECT finding FROM image_finding WHERE image = ?) AND loaded <> \
           CASE WHEN EXISTS (SELECT 1 FROM loaded_finding WHERE loaded_finding.finding = finding.id) THEN 1 ELSE 0 END")
            .bind(image).run(tx).await.map(drop)
    }

    /// By whom the package of a finding is loaded.
    pub(super) async fn loaded_by(&self, finding: &str) -> Result<Vec<LoadedBy>> {
        let rows = q("SELECT workload, MIN(path) AS path FROM loaded_finding WHERE finding = ? GROUP BY workload ORDER BY workload LIMIT ?")
            .bind(finding).bind(MAX_TOLD).all(&self.pool).await?;
        rows.iter()
            .map(|row| Ok(LoadedBy { workload: row.text("workload")?, path: row.text("path")? }))
            .collect()
    }
}
