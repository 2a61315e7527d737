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
    findings::severity_of,
    images::counts,
    sql::{Columns, batch, q, word, word_of},
};
use gabion_api::rest::{Counts, CoverageState, Millis, Rollout, State as Life};
use std::collections::{BTreeMap, HashMap};

/// Rows that one statement writes.
const BATCH: usize = batch(4);

/// What of a repository runs.
#[derive(Debug, Default)]
struct Estate {
    /// Containers by image.
    running: HashMap<String, u64>,
    /// Images that were scanned.
    scanned: HashMap<String, Scanned>,
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
    image: String,
}

impl Becomes {
    async fn write(&self, tx: Tx<'_>, ids: &[String], now: Millis) -> Result<()> {
        let (exception, exception_id) = self.exception.clone().unzip();
        let is_verified = self.state == word_of(Life::Verified);
        // What is mended is news when it comes again, however soon that is. All that is read here is what was before.
        q("UPDATE finding SET noted = CASE WHEN noted = 2 AND ? = 1 THEN 1 ELSE noted END, \
           verified = CASE WHEN ? = 1 AND state <> ? THEN ? ELSE verified END, since = CASE WHEN state <> ? THEN ? ELSE since END, \
           state = ?, fixed = ?, running = ?, exception = ?, exception_id = ?, image = ? WHERE id IN ")
            .bind(is_verified).bind(is_verified).bind(&self.state).bind(now).bind(&self.state).bind(now)
            .bind(&self.state).bind(self.fixed).bind(self.running).bind(exception).bind(exception_id).bind(&self.image)
            .list(ids).run(tx).await.map(drop)
    }
}

impl State {
    /// What the findings of a repository are in, after something of it has changed; and what its images count.
    pub(super) async fn refresh_repository(&self, tx: Tx<'_>, repository: &str, now: Millis) -> Result<()> {
        let exceptions = self.exceptions_in_force(&mut *tx, now).await?;
        let mut estate = Estate::default();
        let rows = q("SELECT image.id AS id, image.scanned AS scanned, COALESCE(image.created, image.first_seen) AS made, image.coverage AS coverage, \
             image.critical, image.high, image.medium, image.low, image.running AS runs, image.urgency AS urgency, \
             (SELECT COUNT(*) FROM container WHERE container.image = image.id AND container.ended IS NULL) AS many \
             FROM image WHERE repository = ?").bind(repository).all(&mut *tx).await?;
        let mut stands = HashMap::new();
        for row in &rows {
            let id = row.text("id")?;
            stands.insert(id.clone(), (counts(row)?, row.count("runs")?, row.int("urgency")?));
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
        let mut has: HashMap<String, Vec<String>> = HashMap::new();
        let rows =
            q("SELECT image_finding.finding AS finding, image_finding.image AS image FROM image_finding \
             JOIN finding ON finding.id = image_finding.finding WHERE finding.repository = ?")
            .bind(repository)
            .all(&mut *tx)
            .await?;
        for row in &rows {
            has.entry(row.text("finding")?).or_default().push(row.text("image")?);
        }
        let mut open: HashMap<String, (Counts, i64)> = HashMap::new();
        // Most findings of a repository become the same, so that a statement is enough for many.
        let mut becoming: BTreeMap<Becomes, Vec<String>> = BTreeMap::new();
        let mut news = Vec::new();
        let rows = q("SELECT * FROM finding WHERE repository = ?").bind(repository).all(&mut *tx).await?;
        for row in &rows {
            let id = row.text("id")?;
            let affected = has.get(&id).map(Vec::as_slice).unwrap_or_default();
            let before = row.text("state")?;
            let was: Option<Life> = word(&before);
            let planned = row.maybe_text("planned_by")?.is_some();
            let verified = row.maybe_int("verified")?.is_some();
            let (state, rollout) = estate.judge(affected, was, planned, verified);
            let rule = row.text("rule")?;
            let covered = exceptions.iter().find(|exception| exception.covers(&rule, repository));
            let exception = covered.map(|covered| (covered.kind.as_str().to_owned(), covered.id.clone()));
            let level = severity_of(row.int("severity")?);
            if exception.is_none() {
                for image in affected {
                    let (counts, urgency) = open.entry(image.clone()).or_default();
                    counts.add(level, 1);
                    *urgency = (*urgency).max(row.int("priority")?);
                }
            }
            let newest = affected
                .iter()
                .max_by_key(|image| (estate.scanned.get(*image).map(|scanned| scanned.made), image.as_str()));
            let changed = Some(state) != was;
            if changed {
                news.push((id.clone(), word_of(state), why(state, rollout)));
            }
            let same = !changed
                && row.count("fixed")? == rollout.fixed
                && row.count("running")? == rollout.running
                && row.maybe_text("exception_id")? == exception.as_ref().map(|(_, id)| id.clone())
                && newest.is_none_or(|newest| row.text("image").is_ok_and(|image| image == *newest));
            if same {
                continue;
            }
            let image = newest.cloned().map_or_else(|| row.text("image"), Ok)?;
            let Rollout { fixed, running } = rollout;
            let becomes = Becomes { state: word_of(state), fixed, running, exception, image };
            becoming.entry(becomes).or_default().push(id);
        }
        for chunk in news.chunks(BATCH) {
            let mut query = q("INSERT INTO finding_change (finding, time, state, why) VALUES ")
                .rows("(?, ?, ?, ?)", chunk.len());
            for (id, state, why) in chunk {
                query = query.bind(id).bind(now).bind(state).bind(why);
            }
            query.run(&mut *tx).await?;
        }
        for (becomes, ids) in &becoming {
            for chunk in ids.chunks(BATCH) {
                becomes.write(&mut *tx, chunk, now).await?;
            }
        }
        for (image, running) in &estate.running {
            let (counts, urgency) = open.get(image).copied().unwrap_or_default();
            let urgency = urgency * 10 + i64::from(*running > 0) * 1000;
            if stands.get(image) == Some(&(counts, *running, urgency)) {
                continue;
            }
            q("UPDATE image SET critical = ?, high = ?, medium = ?, low = ?, running = ?, urgency = ? WHERE id = ?")
                .bind(counts.critical).bind(counts.high).bind(counts.medium).bind(counts.low).bind(*running)
                .bind(urgency).bind(image)
                .run(&mut *tx).await?;
        }
        Ok(())
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
