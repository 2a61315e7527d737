//! The life of findings. What a finding is in is computed from what runs; a person can only plan, and say what does not count.
//!
//! ```text
//!   containers that run ─┬─ an image that has it          affected
//!   of the same name     ├─ a scanned image without it    mended
//!                        └─ an image nobody has scanned   unknown: nothing is verified while one runs
//!
//!   affected > 0, mended = 0   open, planned, or fixed if a later image without it is known
//!   affected > 0, mended > 0   rolling out          (reopened, if it had been verified)
//!   affected = 0, mended > 0   verified
//!   nothing runs               not running
//!   no image has it            withdrawn: what is in an image never changes, so the database does
//! ```
//!
//! An image counts as mended only if it was looked at as well as those in which the finding was found: what could not be read is no fix.

use super::{
    Result, State, Tx,
    exceptions::Covered,
    findings::severity_of,
    images::counts,
    sql::{Columns, batch, q, word, word_of},
};
use gabion_api::rest::{Counts, CoverageState, Millis, Rollout, State as Life};
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Repositories that are read at once.
const AT_ONCE: usize = 16;
/// Rows that one statement writes.
const BATCH: usize = batch(7);

/// What of a repository runs.
#[derive(Debug, Default)]
struct Estate {
    /// Containers by image.
    running: HashMap<String, u64>,
    /// Images that were scanned.
    scanned: HashMap<String, Scanned>,
    /// What images count, how many containers run them, and how urgent they are, as it stands.
    stands: HashMap<String, (Counts, u64, i64)>,
    /// What they count, and the priority of their most urgent finding.
    open: HashMap<String, (Counts, i64)>,
}

/// A scanned image.
#[derive(Clone, Copy, Debug)]
struct Scanned {
    /// When it was made, or seen first.
    made: Millis,
    /// How badly it was looked at: 0 is wholly.
    gap: u8,
}

/// What a finding is from now on.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Becomes {
    state: String,
    fixed: u64,
    running: u64,
    /// Why it does not count: kind and id.
    exception: Option<(String, String)>,
}

impl Becomes {
    async fn write(&self, tx: Tx<'_>, ids: &[String], now: Millis) -> Result<()> {
        let (exception, exception_id) = self.exception.clone().unzip();
        let is_verified = self.state == word_of(Life::Verified);
        // What is mended is news when it comes again, however soon that is. All that is read here is what was before.
        q("UPDATE finding SET noted = CASE WHEN noted = 2 AND ? = 1 THEN 1 ELSE noted END, \
           verified = CASE WHEN ? = 1 AND state <> ? THEN ? ELSE verified END, since = CASE WHEN state <> ? THEN ? ELSE since END, \
           state = ?, fixed = ?, running = ?, exception = ?, exception_id = ? WHERE id IN ")
            .bind(is_verified).bind(is_verified).bind(&self.state).bind(now).bind(&self.state).bind(now)
            .bind(&self.state).bind(self.fixed).bind(self.running).bind(exception).bind(exception_id)
            .list(ids).run(tx).await.map(drop)
    }
}

/// What is another from now on. Most findings become the same, so that a statement is enough for many.
#[derive(Default)]
struct Changes {
    becoming: BTreeMap<Becomes, Vec<String>>,
    /// The newest image that has them.
    newest: BTreeMap<String, Vec<String>>,
    /// Finding, state, and why.
    news: Vec<(String, String, String)>,
    /// What images count, how many containers run them, and how urgent they are.
    images: Vec<(String, Counts, u64, i64)>,
}

impl Changes {
    /// What a finding becomes.
    fn judge(
        &mut self,
        row: &AnyRow,
        affected: &[String],
        estate: &mut Estate,
        exceptions: &[Covered],
    ) -> Result<()> {
        let id = row.text("id")?;
        let before = row.text("state")?;
        let was: Option<Life> = word(&before);
        let planned = row.flag("planned")?;
        let verified = row.flag("verified")?;
        let (state, rollout) = estate.judge(affected, was, planned, verified);
        let rule = row.text("rule")?;
        let repository = row.text("repository")?;
        let covered = exceptions.iter().find(|exception| exception.covers(&rule, &repository));
        let exception = covered.map(|covered| (covered.kind.as_str().to_owned(), covered.id.clone()));
        let level = severity_of(row.int("severity")?);
        if exception.is_none() {
            for image in affected {
                let (counts, urgency) = estate.open.entry(image.clone()).or_default();
                counts.add(level, 1);
                *urgency = (*urgency).max(row.int("priority")?);
            }
        }
        let newest = affected
            .iter()
            .max_by_key(|image| (estate.scanned.get(*image).map(|scanned| scanned.made), image.as_str()));
        if let Some(newest) = newest
            && row.text("image")? != *newest
        {
            self.newest.entry(newest.clone()).or_default().push(id.clone());
        }
        let changed = Some(state) != was;
        if changed {
            self.news.push((id.clone(), word_of(state), why(state, rollout)));
        }
        let same = !changed
            && row.count("fixed")? == rollout.fixed
            && row.count("running")? == rollout.running
            && row.maybe_text("exception_id")? == exception.as_ref().map(|(_, id)| id.clone());
        if !same {
            let Rollout { fixed, running } = rollout;
            let becomes = Becomes { state: word_of(state), fixed, running, exception };
            self.becoming.entry(becomes).or_default().push(id);
        }
        Ok(())
    }

    /// What images count from now on.
    fn count(&mut self, estate: &Estate) {
        for (image, running) in &estate.running {
            let (counts, urgency) = estate.open.get(image).copied().unwrap_or_default();
            let urgency = urgency * 10 + i64::from(*running > 0) * 1000;
            if estate.stands.get(image) != Some(&(counts, *running, urgency)) {
                self.images.push((image.clone(), counts, *running, urgency));
            }
        }
    }

    async fn write(&self, tx: Tx<'_>, now: Millis) -> Result<()> {
        for chunk in self.news.chunks(BATCH) {
            let mut query = q("INSERT INTO finding_change (finding, time, state, why) VALUES ")
                .rows("(?, ?, ?, ?)", chunk.len());
            for (id, state, why) in chunk {
                query = query.bind(id).bind(now).bind(state).bind(why);
            }
            query.run(&mut *tx).await?;
        }
        for (becomes, ids) in &self.becoming {
            for chunk in ids.chunks(BATCH) {
                becomes.write(&mut *tx, chunk, now).await?;
            }
        }
        for (image, ids) in &self.newest {
            for chunk in ids.chunks(BATCH) {
                q("UPDATE finding SET image = ? WHERE id IN ").bind(image).list(chunk).run(&mut *tx).await?;
            }
        }
        for chunk in self.images.chunks(BATCH) {
            let mut query = q("UPDATE image SET critical = told.column2, high = told.column3, medium = told.column4, low = told.column5, \
                 running = told.column6, urgency = told.column7 FROM (VALUES ")
                .rows(
                    "(?, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT))",
                    chunk.len(),
                );
            for (image, counts, running, urgency) in chunk {
                let Counts { critical, high, medium, low } = *counts;
                query = query.bind(image).bind(critical).bind(high).bind(medium).bind(low);
                query = query.bind(*running).bind(*urgency);
            }
            query.push(") AS told WHERE image.id = told.column1").run(&mut *tx).await?;
        }
        Ok(())
    }
}

/// What runs of each of these repositories.
async fn estates(tx: Tx<'_>, repositories: &[&String]) -> Result<HashMap<String, Estate>> {
    let mut estates: HashMap<String, Estate> = HashMap::new();
    let rows = q("SELECT image.id AS id, image.repository AS repository, image.scanned AS scanned, \
         COALESCE(image.created, image.first_seen) AS made, image.coverage AS coverage, image.critical AS critical, image.high AS high, \
         image.medium AS medium, image.low AS low, image.running AS runs, image.urgency AS urgency, \
         (SELECT COUNT(*) FROM container WHERE container.image = image.id AND container.ended IS NULL) AS many \
         FROM image WHERE repository IN ").list(repositories.iter().copied()).all(tx).await?;
    for row in &rows {
        let estate = estates.entry(row.text("repository")?).or_default();
        let id = row.text("id")?;
        estate.stands.insert(id.clone(), (counts(row)?, row.count("runs")?, row.int("urgency")?));
        if row.maybe_int("scanned")?.is_some() {
            let gap = match row.word("coverage")? {
                CoverageState::Full => 0,
                CoverageState::Partial => 1,
                CoverageState::NotEvaluated | CoverageState::Unsupported | CoverageState::Failed => 2,
            };
            estate.scanned.insert(id.clone(), Scanned { made: row.int("made")?, gap });
        }
        estate.running.insert(id, row.count("many")?);
    }
    Ok(estates)
}

impl State {
    /// What the findings of repositories are in, after something of them has changed; and what their images count.
    pub(super) async fn refresh_repositories(
        &self,
        tx: Tx<'_>,
        repositories: &BTreeSet<String>,
        now: Millis,
    ) -> Result<()> {
        let exceptions = self.exceptions_in_force(&mut *tx, now).await?;
        for some in repositories.iter().collect::<Vec<_>>().chunks(AT_ONCE) {
            let mut estates = estates(&mut *tx, some).await?;
            let mut has: HashMap<String, Vec<String>> = HashMap::new();
            let rows = q(
                "SELECT image_finding.finding AS finding, image_finding.image AS image FROM image_finding \
                 JOIN finding ON finding.id = image_finding.finding WHERE finding.repository IN ",
            )
            .list(some.iter().copied())
            .all(&mut *tx)
            .await?;
            for row in &rows {
                has.entry(row.text("finding")?).or_default().push(row.text("image")?);
            }
            let rows = q("SELECT id, repository, rule, severity, priority, state, fixed, running, exception_id, image, \
                 CAST(CASE WHEN planned_by IS NULL THEN 0 ELSE 1 END AS BIGINT) AS planned, \
                 CAST(CASE WHEN verified IS NULL THEN 0 ELSE 1 END AS BIGINT) AS verified \
                 FROM finding WHERE repository IN ").list(some.iter().copied()).all(&mut *tx).await?;
            let mut changes = Changes::default();
            for row in &rows {
                let affected = has.get(&row.text("id")?).map(Vec::as_slice).unwrap_or_default();
                let estate = estates.entry(row.text("repository")?).or_default();
                changes.judge(row, affected, estate, &exceptions)?;
            }
            for estate in estates.values() {
                changes.count(estate);
            }
            changes.write(&mut *tx, now).await?;
        }
        Ok(())
    }

    /// The same for one.
    pub(super) async fn refresh_repository(&self, tx: Tx<'_>, repository: &str, now: Millis) -> Result<()> {
        self.refresh_repositories(tx, &BTreeSet::from([repository.to_owned()]), now).await
    }
}

impl Estate {
    /// What a finding is in, and how far its fix has got.
    fn judge(
        &self,
        affected: &[String],
        was: Option<Life>,
        planned: bool,
        verified: bool,
    ) -> (Life, Rollout) {
        let runs = |image: &str| self.running.get(image).copied().unwrap_or(0);
        let running: u64 = self.running.values().sum();
        let has: u64 = affected.iter().map(|image| runs(image)).sum();
        let mended: u64 = self.without(affected).map(|(image, _)| runs(image)).sum();
        let rollout = Rollout { fixed: mended, running };
        let state = match (has, mended) {
            _ if affected.is_empty() => Life::Withdrawn,
            (0, 0) if running > 0 => match was {
                // What runs was not scanned: nothing is known to have changed.
                Some(was) => was,
                None => Life::Open,
            },
            (0, 0) => Life::NotRunning,
            (0, _) if running > mended && was.is_some_and(|was| was != Life::Verified) => Life::RollingOut,
            (0, _) => Life::Verified,
            (_, 0) if verified => Life::Reopened,
            (_, 0) if self.later(affected) => Life::Fixed,
            (_, 0) if planned => Life::Planned,
            (_, 0) => Life::Open,
            _ if verified => Life::Reopened,
            _ if self.later(affected) => Life::RollingOut,
            // An older image without it runs beside: that is no fix on its way.
            _ if planned => Life::Planned,
            _ => Life::Open,
        };
        (state, rollout)
    }

    /// Images without it, which were looked at as well as those that have it.
    fn without(&self, affected: &[String]) -> impl Iterator<Item = (&String, &Scanned)> {
        let gap = affected
            .iter()
            .filter_map(|image| self.scanned.get(image))
            .map(|scanned| scanned.gap)
            .max()
            .unwrap_or(0);
        self.scanned.iter().filter(move |(image, scanned)| !affected.contains(image) && scanned.gap <= gap)
    }

    /// Whether there is an image without it that was made after all that have it and run. Others that have it, of a registry, say, are
    /// no matter of what runs.
    fn later(&self, affected: &[String]) -> bool {
        let runs = |image: &&String| self.running.get(*image).is_some_and(|many| *many > 0);
        let newest = affected
            .iter()
            .filter(runs)
            .filter_map(|image| self.scanned.get(image))
            .map(|scanned| scanned.made)
            .max();
        let without = self.without(affected).map(|(_, scanned)| scanned.made).max();
        newest.is_some() && without > newest
    }
}

/// What was seen, in words.
fn why(state: Life, rollout: Rollout) -> String {
    let Rollout { fixed, running } = rollout;
    match state {
        Life::Open => format!("{} of {running} containers run an image that has it", running - fixed),
        Life::Planned => "somebody has planned to mend it".to_owned(),
        Life::Fixed => "a later image without it is known; nothing runs it yet".to_owned(),
        Life::RollingOut => format!("{fixed} of {running} containers run an image without it"),
        Life::Verified => format!("all {running} containers run an image without it"),
        Life::Reopened => {
            format!("{} of {running} containers run an image that has it again", running - fixed)
        }
        Life::Withdrawn => "no image has it any more: the database does not say so any longer".to_owned(),
        Life::NotRunning => "no container runs an image that has it".to_owned(),
    }
}
