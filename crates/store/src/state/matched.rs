//! Images and the database of vulnerabilities: which version of it each was matched against, whom a new version concerns first, and what it
//! changes of an image that is known.

use super::{
    Result, State, Tx,
    images::{MAX_NAME, absent, findings_by_package, packed, state},
    sql::{Columns, q, word_of},
};
use gabion_api::rest::{CoverageState, Millis};
use gabion_model::{DataSource, Digest, Finding, ScanReport};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// The setting that tells which owners are in force.
const OWNERS: &str = "owners";
/// Names that one statement asks about, or inserts.
const BATCH: usize = 100;

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

/// In which namespaces an image runs.
pub(super) async fn namespaces(tx: Tx<'_>, image: &str) -> Result<Vec<String>> {
    let rows = q("SELECT DISTINCT COALESCE(namespace, '') AS namespace FROM container WHERE image = ? AND ended IS NULL ORDER BY 1")
        .bind(image).all(tx).await?;
    rows.iter().map(|row| row.text("namespace")).collect()
}

impl State {
    /// Under which names advisories know what is in an image: numbers of ecosystems, and names.
    pub async fn keep_known_as(&self, image: &str, names: &BTreeSet<(u8, String)>) -> Result<()> {
        let rows =
            q("SELECT ecosystem, name FROM known_as WHERE image = ?").bind(image).all(&self.pool).await?;
        let stands: BTreeSet<(i64, String)> =
            rows.iter().map(|row| Ok((row.int("ecosystem")?, row.text("name")?))).collect::<Result<_>>()?;
        // No advisory has a longer one, and no index.
        let names: BTreeSet<&(u8, String)> =
            names.iter().filter(|(_, name)| name.len() <= MAX_NAME).collect();
        if stands.len() == names.len()
            && names.iter().all(|(of, name)| stands.contains(&(i64::from(*of), name.clone())))
        {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        q("DELETE FROM known_as WHERE image = ?").bind(image).run(&mut *tx).await?;
        for chunk in names.into_iter().collect::<Vec<_>>().chunks(BATCH) {
            let mut query =
                q("INSERT INTO known_as (image, ecosystem, name) VALUES ").rows("(?, ?, ?)", chunk.len());
            for (ecosystem, name) in chunk {
                query = query.bind(image).bind(i64::from(*ecosystem)).bind(name);
            }
            query.run(&mut *tx).await?;
        }
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
        namespaces(&mut *self.pool.acquire().await?, image).await
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

    /// How many findings there are about each package of an image, where that was another number before.
    async fn count_findings(
        &self,
        tx: Tx<'_>,
        id: &str,
        before: &[Finding],
        report: &ScanReport,
    ) -> Result<()> {
        let (before, counts) = (findings_by_package(before), findings_by_package(&report.findings));
        for key in before.keys().chain(counts.keys()).collect::<BTreeSet<_>>() {
            let many = counts.get(key).copied().unwrap_or(0);
            if before.get(key).copied().unwrap_or(0) != many {
                let (kind, name, version) = *key;
                q("UPDATE package SET findings = ? WHERE image = ? AND kind = ? AND name = ? AND version = ?")
                    .bind(many)
                    .bind(id)
                    .bind(kind)
                    .bind(name)
                    .bind(version)
                    .run(&mut *tx)
                    .await?;
            }
        }
        Ok(())
    }

    /// The report of an image that was this revision was matched again; `before` is what it has told until now. Whether anything of it is another.
    /// Where another report has come meanwhile, that one counts: it was matched when it came.
    pub async fn keep_match(
        &self,
        id: &str,
        revision: u64,
        before: &[Finding],
        report: &ScanReport,
        owner: Option<&str>,
        now: Millis,
    ) -> Result<bool> {
        let body = packed(report)?;
        let mut tx = self.begin().await?;
        let row = q("SELECT repository, owner, coverage, matched FROM image WHERE id = ?")
            .bind(id)
            .first(&mut *tx)
            .await?;
        let row = row.ok_or_else(|| absent(id))?;
        let kept = q(
            "UPDATE report SET time = ?, body = ?, revision = revision + 1 WHERE image = ? AND revision = ?",
        )
        .bind(now)
        .bind(body)
        .bind(id)
        .bind(revision)
        .run(&mut *tx)
        .await?;
        if kept == 0 {
            return Ok(false);
        }
        let worst = report.coverage.worst().map_or(CoverageState::NotEvaluated, |(_, status)| state(status));
        let repository = row.text("repository")?;
        let same_owner = row.maybe_text("owner")?.as_deref() == owner;
        let changed = before != report.findings || !same_owner || row.text("coverage")? != word_of(worst);
        q("UPDATE image SET matched = ?, coverage = ?, owner = ? WHERE id = ?")
            .bind(version_of(&report.database))
            .bind(word_of(worst))
            .bind(owner.map(str::to_owned))
            .bind(id)
            .run(&mut *tx)
            .await?;
        if changed {
            // Whose they are stands with each of them.
            let known = if same_owner { before } else { &[] };
            self.keep_findings(&mut tx, id, known, report, owner.map(str::to_owned), now).await?;
            self.count_findings(&mut tx, id, before, report).await?;
            self.mark_loaded(&mut tx, id, report).await?;
            self.refresh_repository(&mut tx, &repository, now).await?;
        }
        // Whose what runs is may depend on where it runs.
        if changed || row.maybe_text("matched")?.is_none() {
            let rows = q("SELECT DISTINCT workload FROM container WHERE image = ? AND ended IS NULL")
                .bind(id)
                .all(&mut *tx)
                .await?;
            for row in rows {
                self.refresh_workload(&mut tx, &row.text("workload")?, now).await?;
            }
        }
        tx.commit().await?;
        Ok(changed)
    }
}
