//! Which packages are really used: files that workloads were seen to execute or map, and the findings about packages that these are of.
//!
//! ```text
//!   the agent: demo/web has mapped usr/lib/libssl.so.3 ─┐
//!   the report: usr/lib/libssl.so.3 is of libssl3 ──────┴─► libssl3 is loaded by demo/web ─► findings in libssl3 are about code that runs
//! ```
//! That something was not seen says nothing: a file that is read, and not mapped, is not seen.

use super::{
    Result, State, Tx, findings,
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

/// A finding in an image that a workload has loaded.
type Loaded = (String, String, String);

/// What of a report is loaded: findings as it calls them, workloads, and the first file by which each is seen.
fn loaded_of(report: &ScanReport, files: &[(String, String)]) -> BTreeMap<(String, String), String> {
    let owners = owners(report);
    let mut packages: HashMap<(&str, &str), BTreeMap<&String, &String>> = HashMap::new();
    for (workload, path) in files {
        for package in owners.get(path.as_str()).into_iter().flatten() {
            packages.entry(*package).or_default().entry(workload).or_insert(path);
        }
    }
    let mut loaded = BTreeMap::new();
    for finding in &report.findings {
        for package in finding.vulnerability.iter().flat_map(|vulnerability| &vulnerability.packages) {
            let by = packages.get(&(package.kind.as_str(), package.name.as_str()));
            for (workload, path) in by.into_iter().flatten() {
                loaded.insert((finding.id.clone(), (*workload).clone()), (*path).clone());
            }
        }
    }
    loaded
}

/// What is not loaded any more, or by another file.
async fn unload(tx: Tx<'_>, gone: &[&Loaded]) -> Result<()> {
    for chunk in gone.chunks(BATCH) {
        let mut query = q("DELETE FROM loaded_finding WHERE (finding, image, workload) IN (VALUES ")
            .rows("(?, ?, ?)", chunk.len());
        for (finding, image, workload) in chunk {
            query = query.bind(finding).bind(image).bind(workload);
        }
        query.push(")").run(&mut *tx).await?;
    }
    Ok(())
}

async fn load(tx: Tx<'_>, new: &[(&Loaded, &String)]) -> Result<()> {
    for chunk in new.chunks(BATCH) {
        let mut query = q("INSERT INTO loaded_finding (finding, image, workload, path) VALUES ")
            .rows("(?, ?, ?, ?)", chunk.len());
        for ((finding, image, workload), path) in chunk {
            query = query.bind(finding).bind(image).bind(workload).bind(*path);
        }
        query
            .push(" ON CONFLICT (finding, image, workload) DO UPDATE SET path = excluded.path")
            .run(&mut *tx)
            .await?;
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
            self.mark_loaded(&mut tx, &[(&image, &report)]).await?;
            self.refresh_workloads(&mut tx, &BTreeSet::from([workload]), now).await?;
        }
        tx.commit().await?;
        Ok(Some(!new.is_empty()))
    }

    /// Which findings of these images are about packages that are loaded, by whom.
    pub(super) async fn mark_loaded(&self, tx: Tx<'_>, all: &[(&str, &ScanReport)]) -> Result<()> {
        let images = || all.iter().map(|(image, _)| *image);
        let mut files: HashMap<String, Vec<(String, String)>> = HashMap::new();
        let rows = q("SELECT image, workload, path FROM loaded WHERE image IN ")
            .list(images())
            .push(" ORDER BY path")
            .all(&mut *tx)
            .await?;
        for row in &rows {
            files.entry(row.text("image")?).or_default().push((row.text("workload")?, row.text("path")?));
        }
        let mut stands: BTreeMap<Loaded, String> = BTreeMap::new();
        let rows = q("SELECT finding, image, workload, path FROM loaded_finding WHERE image IN ")
            .list(images())
            .all(&mut *tx)
            .await?;
        for row in &rows {
            let of = (row.text("finding")?, row.text("image")?, row.text("workload")?);
            stands.insert(of, row.text("path")?);
        }
        let mut wanted: BTreeMap<Loaded, String> = BTreeMap::new();
        let known = findings::stand(&mut *tx, files.keys().map(String::as_str)).await?;
        for (image, report) in all {
            let Some((files, known)) = files.get(*image).zip(known.get(*image)) else { continue };
            let ids: HashMap<&String, &String> =
                known.iter().map(|(finding, stable)| (stable, finding)).collect();
            for ((stable, workload), path) in loaded_of(report, files) {
                if let Some(finding) = ids.get(&stable) {
                    wanted.insert(((*finding).clone(), (*image).to_owned(), workload), path);
                }
            }
        }
        let gone: Vec<&Loaded> = stands.keys().filter(|of| !wanted.contains_key(*of)).collect();
        let new: Vec<_> = wanted.iter().filter(|(of, path)| stands.get(*of) != Some(*path)).collect();
        unload(&mut *tx, &gone).await?;
        load(&mut *tx, &new).await?;
        let touched: BTreeSet<&String> =
            gone.iter().copied().chain(new.iter().map(|(of, _)| *of)).map(|(finding, ..)| finding).collect();
        for chunk in touched.into_iter().collect::<Vec<_>>().chunks(BATCH) {
            // Only those that become another.
            q("UPDATE finding SET loaded = 1 - loaded WHERE loaded <> \
               CASE WHEN EXISTS (SELECT 1 FROM loaded_finding WHERE loaded_finding.finding = finding.id) THEN 1 ELSE 0 END AND id IN ")
                .list(chunk.iter().copied()).run(&mut *tx).await?;
        }
        Ok(())
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
