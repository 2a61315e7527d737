//! Images and the database of vulnerabilities: which version of it each was matched against, whom a new version concerns first, and what it
//! changes of an image that is known.

use super::{
    Result, State, Tx,
    findings::Found,
    images::{MAX_NAME, PackedReport, findings_by_package, packed, running, state},
    sql::{Columns, batch, q, word_of},
};
use gabion_api::rest::{CoverageState, Millis};
use gabion_model::{DataSource, Digest, Finding, ScanReport};
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The setting that tells which owners are in force.
const OWNERS: &str = "owners";
/// Names that one statement asks about, or inserts.
const BATCH: usize = batch(3);
/// Images that one statement writes.
const TOLD: usize = batch(4);

/// A version of the database, by all that it is made of.
pub fn version_of(sources: &[DataSource]) -> String {
    let mut hash = Sha256::new();
    for source in sources {
        hash.update(source.name.as_bytes());
        hash.update([0]);
        hash.update(source.root.to_string());
        hash.update([0]);
    }
    Digest::sha256(hash.finalize().into()).hex()
}

/// A hash of names.
fn mark_of(names: &BTreeSet<(u8, String)>) -> String {
    let mut hash = Sha256::new();
    for (ecosystem, name) in names {
        hash.update([*ecosystem]);
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
    }
    Digest::sha256(hash.finalize().into()).hex()
}

/// In which namespaces images run.
pub(super) async fn namespaces<'a>(
    tx: Tx<'_>,
    images: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, Vec<String>>> {
    let rows = q("SELECT DISTINCT image, COALESCE(namespace, '') AS namespace FROM container WHERE ended IS NULL AND image IN ")
        .list(images).push(" ORDER BY 1, 2").all(tx).await?;
    let mut by: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &rows {
        by.entry(row.text("image")?).or_default().push(row.text("namespace")?);
    }
    Ok(by)
}

/// An image whose report is to be matched.
#[derive(Debug)]
pub struct ToMatch {
    /// Its id.
    pub image: String,
    /// What it is called.
    pub name: String,
    /// In which namespaces it runs; what is in none is in `""`.
    pub namespaces: Vec<String>,
    /// What a scan has told.
    pub report: PackedReport,
}

/// A report, matched.
#[derive(Debug)]
pub struct Matched {
    image: String,
    revision: u64,
    before: Vec<Finding>,
    report: ScanReport,
    body: Vec<u8>,
    owner: Option<String>,
    names: BTreeSet<(u8, String)>,
}

impl Matched {
    /// What has become of one that has told `before` until now; `names` are those by which advisories know what is in the image. It takes
    /// time: the report is packed.
    pub fn new(
        one: &ToMatch,
        before: Vec<Finding>,
        report: ScanReport,
        owner: Option<String>,
        names: BTreeSet<(u8, String)>,
    ) -> Result<Self> {
        let body = packed(&report)?;
        let (image, revision) = (one.image.clone(), one.report.revision);
        Ok(Self { image, revision, before, report, body, owner, names })
    }

    /// Its image.
    pub fn image(&self) -> &str {
        &self.image
    }

    fn coverage(&self) -> String {
        let worst = self.report.coverage.worst();
        word_of(worst.map_or(CoverageState::NotEvaluated, |(_, status)| state(status)))
    }
}

/// What stands of an image that was matched.
struct Stands {
    repository: String,
    same_owner: bool,
    /// Anything of it is another.
    changed: bool,
    /// It was not known whose it is.
    lost: bool,
    /// By a hash, which names are kept.
    known: Option<String>,
}

/// Keeps under which names advisories know what is in an image.
async fn keep_names(tx: Tx<'_>, image: &str, names: &BTreeSet<(u8, String)>, mark: String) -> Result<()> {
    q("DELETE FROM known_as WHERE image = ?").bind(image).run(&mut *tx).await?;
    // No advisory has a longer one, and no index.
    let short = names.iter().filter(|(_, name)| name.len() <= MAX_NAME);
    for chunk in short.collect::<Vec<_>>().chunks(BATCH) {
        let mut query =
            q("INSERT INTO known_as (image, ecosystem, name) VALUES ").rows("(?, ?, ?)", chunk.len());
        for (ecosystem, name) in chunk {
            query = query.bind(image).bind(i64::from(*ecosystem)).bind(name);
        }
        query.run(&mut *tx).await?;
    }
    q("UPDATE image SET known = ? WHERE id = ?").bind(mark).bind(image).run(tx).await.map(drop)
}

impl State {
    /// Under which names advisories know what is in an image: numbers of ecosystems, and names.
    pub async fn keep_known_as(&self, image: &str, names: &BTreeSet<(u8, String)>) -> Result<()> {
        let mark = mark_of(names);
        let stands = q("SELECT known FROM image WHERE id = ?").bind(image).first(&self.pool).await?;
        if stands.map(|row| row.maybe_text("known")).transpose()?.flatten().as_ref() == Some(&mark) {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        keep_names(&mut tx, image, names, mark).await?;
        Ok(tx.commit().await?)
    }

    /// Images in which there is something by one of these names, or a finding by one of these rules: those that run come first.
    pub async fn concerned(
        &self,
        names: &BTreeSet<(u8, String)>,
        rules: &BTreeSet<String>,
    ) -> Result<Vec<String>> {
        let mut found = BTreeSet::new();
        let mut take = |row: &sqlx::any::AnyRow| -> Result<()> {
            found.insert((-row.int("running")?, row.text("id")?));
            Ok(())
        };
        let mut by_ecosystem: BTreeMap<u8, Vec<&String>> = BTreeMap::new();
        for (ecosystem, name) in names {
            by_ecosystem.entry(*ecosystem).or_default().push(name);
        }
        for (ecosystem, names) in by_ecosystem {
            for chunk in names.chunks(BATCH) {
                let query = q("SELECT DISTINCT image.id AS id, image.running AS running FROM known_as \
                     JOIN image ON image.id = known_as.image WHERE known_as.ecosystem = ? AND known_as.name IN ");
                let query = query.bind(i64::from(ecosystem)).list(chunk.iter().copied());
                query.all(&self.pool).await?.iter().try_for_each(&mut take)?;
            }
        }
        for chunk in rules.iter().collect::<Vec<_>>().chunks(BATCH) {
            let query = q("SELECT DISTINCT image.id AS id, image.running AS running FROM finding \
                 JOIN image_finding ON image_finding.finding = finding.id JOIN image ON image.id = image_finding.image \
                 WHERE finding.rule IN ");
            query.list(chunk.iter().copied()).all(&self.pool).await?.iter().try_for_each(&mut take)?;
        }
        Ok(found.into_iter().map(|(_, image)| image).collect())
    }

    /// In which namespaces an image runs; what is in none is in `""`.
    pub async fn namespaces_of(&self, image: &str) -> Result<Vec<String>> {
        let by = namespaces(&mut *self.pool.acquire().await?, [image]).await?;
        Ok(by.into_values().next().unwrap_or_default())
    }

    /// By which file owners are told, as `mark` tells it from others: if that is another than until now, all images are looked at again.
    pub async fn owners_are(&self, mark: &str) -> Result<bool> {
        let before = self.setting(OWNERS).await?.unwrap_or_default();
        if before == mark {
            return Ok(false);
        }
        let mut tx = self.begin().await?;
        q("UPDATE image SET matched = NULL").run(&mut *tx).await?;
        tx.commit().await?;
        self.set(OWNERS, mark).await?;
        Ok(true)
    }

    /// Images whose report was matched against another version of the database than this: the next ones, by id.
    pub async fn behind(&self, version: &str, after: &str, most: u64) -> Result<Vec<String>> {
        let rows = q("SELECT image.id AS id FROM image JOIN report ON report.image = image.id \
             WHERE image.id > ? AND (image.matched IS NULL OR image.matched <> ?) ORDER BY image.id LIMIT ?")
        .bind(after)
        .bind(version)
        .bind(most)
        .all(&self.pool)
        .await?;
        rows.iter().map(|row| row.text("id")).collect()
    }

    /// What is needed to match these images again; those that have no report are left out.
    pub async fn to_match(&self, images: &[String]) -> Result<Vec<ToMatch>> {
        let mut tx = self.pool.acquire().await?;
        let mut namespaces = namespaces(&mut tx, images.iter().map(String::as_str)).await?;
        let rows = q("SELECT image.id AS id, image.name AS name, report.body AS body, report.revision AS revision FROM image \
             JOIN report ON report.image = image.id WHERE image.id IN ").list(images).all(&mut *tx).await?;
        let read = |row: &AnyRow| {
            let image = row.text("id")?;
            Ok(ToMatch {
                namespaces: namespaces.remove(&image).unwrap_or_default(),
                name: row.text("name")?,
                report: PackedReport::read(row)?,
                image,
            })
        };
        rows.iter().map(read).collect()
    }

    /// How many findings there are about each package of an image, where that was another number before.
    async fn count_findings(&self, tx: Tx<'_>, matched: &Matched) -> Result<()> {
        let before = findings_by_package(&matched.before);
        let counts = findings_by_package(&matched.report.findings);
        for key in before.keys().chain(counts.keys()).collect::<BTreeSet<_>>() {
            let many = counts.get(key).copied().unwrap_or(0);
            if before.get(key).copied().unwrap_or(0) != many {
                let (kind, name, version) = *key;
                q("UPDATE package SET findings = ? WHERE image = ? AND kind = ? AND name = ? AND version = ?")
                    .bind(many)
                    .bind(&matched.image)
                    .bind(kind)
                    .bind(name)
                    .bind(version)
                    .run(&mut *tx)
                    .await?;
            }
        }
        Ok(())
    }

    /// Keeps reports that were matched again; whether anything of them is another. Where another report has come meanwhile, that one counts: it
    /// was matched when it came.
    pub async fn keep_matches(&self, all: &[Matched], now: Millis) -> Result<bool> {
        let mut tx = self.begin().await?;
        let mut kept = Vec::new();
        for chunk in all.chunks(TOLD) {
            kept.extend(keep_reports(&mut tx, chunk, now).await?);
        }
        for (matched, stands) in &kept {
            let mark = mark_of(&matched.names);
            if stands.known.as_ref() != Some(&mark) {
                keep_names(&mut tx, &matched.image, &matched.names, mark).await?;
            }
        }
        let changed = || kept.iter().filter(|(_, stands)| stands.changed);
        self.keep_findings(&mut tx, &changed().map(found).collect::<Vec<_>>(), now).await?;
        for (matched, _) in changed() {
            self.count_findings(&mut tx, matched).await?;
        }
        let reports: Vec<_> =
            changed().map(|(matched, _)| (matched.image.as_str(), &matched.report)).collect();
        self.mark_loaded(&mut tx, &reports).await?;
        let repositories = changed().map(|(_, stands)| stands.repository.clone()).collect();
        self.refresh_repositories(&mut tx, &repositories, now).await?;
        // Whose what runs is may depend on where it runs.
        let shown = kept.iter().filter(|(_, stands)| stands.changed || stands.lost);
        let workloads = running(&mut tx, shown.map(|(matched, _)| matched.image.as_str())).await?;
        self.refresh_workloads(&mut tx, &workloads, now).await?;
        tx.commit().await?;
        Ok(!reports.is_empty())
    }
}

fn found<'a>((matched, stands): &'a (&'a Matched, Stands)) -> Found<'a> {
    // Whose they are stands with each of them.
    let known = if stands.same_owner { matched.before.as_slice() } else { &[] };
    Found {
        image: &matched.image,
        repository: &stands.repository,
        known,
        report: &matched.report,
        owner: matched.owner.as_deref(),
    }
}

/// The reports of images, where none has come meanwhile, and what stands with their images.
async fn keep_reports<'a>(tx: Tx<'_>, all: &'a [Matched], now: Millis) -> Result<Vec<(&'a Matched, Stands)>> {
    let rows = q("SELECT id, repository, owner, coverage, matched, known FROM image WHERE id IN ")
        .list(all.iter().map(|matched| &matched.image))
        .all(&mut *tx)
        .await?;
    let rows: HashMap<String, &AnyRow> =
        rows.iter().map(|row| Ok((row.text("id")?, row))).collect::<Result<_>>()?;
    let mut kept = Vec::new();
    for matched in all {
        let Some(row) = rows.get(&matched.image) else { continue };
        let changes = q(
            "UPDATE report SET time = ?, body = ?, revision = revision + 1 WHERE image = ? AND revision = ?",
        );
        let changes = changes.bind(now).bind(matched.body.clone()).bind(&matched.image);
        if changes.bind(matched.revision).run(&mut *tx).await? == 0 {
            continue;
        }
        let same_owner = row.maybe_text("owner")? == matched.owner;
        let stands = Stands {
            repository: row.text("repository")?,
            same_owner,
            changed: matched.before != matched.report.findings
                || !same_owner
                || row.text("coverage")? != matched.coverage(),
            lost: row.maybe_text("matched")?.is_none(),
            known: row.maybe_text("known")?,
        };
        kept.push((matched, stands));
    }
    if kept.is_empty() {
        return Ok(kept);
    }
    let mut query = q("UPDATE image SET matched = told.column2, coverage = told.column3, owner = told.column4 FROM (VALUES ")
        .rows("(?, ?, ?, CAST(? AS TEXT))", kept.len());
    for (matched, _) in &kept {
        query = query
            .bind(&matched.image)
            .bind(version_of(&matched.report.database))
            .bind(matched.coverage())
            .bind(matched.owner.clone());
    }
    query.push(") AS told WHERE image.id = told.column1").run(tx).await?;
    Ok(kept)
}
