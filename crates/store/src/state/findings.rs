//! Findings and their life. What a finding is in is computed from what runs; a person can only plan, and say what does not count.
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
//! ```

use super::{
    DAY, Paging, Result, Scope, State, StateError, Tx,
    images::{place, severity},
    list::{Key, List, containing},
    sql::{Columns, Query, Value, q, word, word_of},
};
use gabion_api::rest::{
    Advisory, AdvisoryDetail, AffectedImage, Counts, Finding, FindingDetail, FindingKind, Millis, NewPlan,
    Page, Planned, Rollout, Severity, State as Life, StateChange,
};
use gabion_model::{Finding as Reported, ScanReport};
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Findings that one plan is for.
const MAX_PLANNED: usize = 10_000;

/// Which findings; what is empty is not asked for.
#[derive(Clone, Debug, Default)]
pub struct FindingFilter {
    /// This is in rule, title, place or name of the image.
    pub text: String,
    /// Of these kinds.
    pub kinds: Vec<FindingKind>,
    /// So severe.
    pub severities: Vec<Severity>,
    /// In these states.
    pub states: Vec<Life>,
    /// Of images by this name.
    pub repository: Option<String>,
    /// Of this owner; `-` for nobody's.
    pub owner: Option<String>,
    /// By this rule.
    pub rule: Option<String>,
    /// In this image.
    pub image: Option<String>,
    /// In an image that this workload runs.
    pub workload: Option<String>,
    /// Known to be exploited.
    pub exploited: Option<bool>,
    /// There is a version that mends it.
    pub fixable: Option<bool>,
    /// It does not count, by an exception.
    pub suppressed: Option<bool>,
    /// Its day is past.
    pub overdue: Option<bool>,
}

const LIST: List = List {
    columns: "finding.*",
    from: "finding",
    id: "finding.id",
    keys: &[
        Key { name: "priority", column: "finding.priority", text: false },
        Key { name: "severity", column: "finding.severity", text: false },
        Key { name: "rule", column: "finding.rule", text: true },
        Key { name: "repository", column: "finding.repository", text: true },
        Key { name: "first_seen", column: "finding.first_seen", text: false },
        Key { name: "since", column: "finding.since", text: false },
        Key { name: "due", column: "COALESCE(finding.due, 9223372036854775807)", text: false },
        Key { name: "running", column: "finding.running", text: false },
    ],
    down: true,
};

const ADVISORIES: List = List {
    columns: "advisory.*",
    from: "(SELECT rule, MIN(title) AS title, MAX(severity) AS severity, MAX(priority) AS priority, MAX(exploited) AS exploited, \
           MAX(epss) AS epss, MAX(CASE WHEN fixed_version IS NULL THEN 0 ELSE 1 END) AS fixable, COUNT(*) AS repositories, \
           CAST(SUM(running - fixed) AS BIGINT) AS running, MIN(first_seen) AS first_seen FROM finding \
           WHERE kind = 'vulnerability' AND exception IS NULL AND state NOT IN ('verified', 'not-running') GROUP BY rule) AS advisory",
    id: "advisory.rule",
    keys: &[
        Key { name: "priority", column: "advisory.priority", text: false },
        Key { name: "severity", column: "advisory.severity", text: false },
        Key { name: "rule", column: "advisory.rule", text: true },
        Key { name: "repositories", column: "advisory.repositories", text: false },
        Key { name: "running", column: "advisory.running", text: false },
        Key { name: "first_seen", column: "advisory.first_seen", text: false },
    ],
    down: true,
};

/// The states in which something is to be done.
pub(super) const TO_DO: &str = "('open', 'planned', 'fixed', 'rolling-out', 'reopened')";

pub(super) fn read(row: &AnyRow) -> Result<Finding> {
    Ok(Finding {
        id: row.text("id")?,
        kind: row.word("kind")?,
        rule: row.text("rule")?,
        title: row.text("title")?,
        severity: severity_of(row.int("severity")?),
        priority: u8::try_from(row.int("priority")?).unwrap_or(100),
        repository: row.text("repository")?,
        image: row.text("image")?,
        place: row.text("place")?,
        fixed_version: row.maybe_text("fixed_version")?,
        exploited: row.flag("exploited")?,
        epss: row.maybe_real("epss")?,
        state: row.word("state")?,
        rollout: Rollout { fixed: row.count("fixed")?, running: row.count("running")? },
        first_seen: row.int("first_seen")?,
        since: row.int("since")?,
        due: row.maybe_int("due")?,
        owner: row.maybe_text("owner")?,
        exception: row.maybe_text("exception")?.and_then(|kind| word(&kind)),
    })
}

/// A severity as it is kept, so that it can be compared.
pub(super) const fn rank(severity: Severity) -> i64 {
    severity as i64
}

/// A severity by its rank.
pub(super) const fn severity_of(rank: i64) -> Severity {
    match rank {
        1 => Severity::Info,
        2 => Severity::Low,
        3 => Severity::Medium,
        4 => Severity::High,
        5 => Severity::Critical,
        _ => Severity::Unknown,
    }
}

const fn kind(kind: gabion_model::FindingKind) -> FindingKind {
    match kind {
        gabion_model::FindingKind::Vulnerability => FindingKind::Vulnerability,
        gabion_model::FindingKind::Secret => FindingKind::Secret,
        gabion_model::FindingKind::Misconfiguration => FindingKind::Misconfiguration,
        gabion_model::FindingKind::Behaviour => FindingKind::Behaviour,
    }
}

/// The same finding in the same image by name has the same id, whatever the version of the image.
fn id(repository: &str, finding: &Reported, key: &str) -> String {
    let mut hash = Sha256::new();
    for part in [repository, finding.kind.as_str(), &finding.rule, key] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    super::short_id("f", &hash.finalize())
}

/// How urgent what has no priority of its own is.
fn urgency(finding: &Reported) -> u8 {
    finding.vulnerability.as_ref().map_or(
        match finding.severity {
            gabion_model::Severity::Critical => 90,
            gabion_model::Severity::High => 65,
            gabion_model::Severity::Medium => 35,
            gabion_model::Severity::Low => 15,
            gabion_model::Severity::Info | gabion_model::Severity::Unknown => 5,
        },
        |vulnerability| vulnerability.priority.score,
    )
}

/// By when a finding is to be mended where nobody has said anything else.
fn usual_due(severity: Severity, exploited: bool, first_seen: Millis) -> Option<Millis> {
    let days = match severity {
        _ if exploited => 7,
        Severity::Critical => 14,
        Severity::High => 30,
        Severity::Medium => 90,
        Severity::Low | Severity::Info | Severity::Unknown => return None,
    };
    Some(first_seen + days * DAY)
}

/// What of a repository runs.
#[derive(Debug, Default)]
struct Estate {
    /// Containers by image.
    running: HashMap<String, u64>,
    /// When scanned images were made or seen first.
    scanned: HashMap<String, Millis>,
}

impl State {
    /// The findings of an image are these.
    pub(super) async fn keep_findings(
        &self,
        tx: Tx<'_>,
        image: &str,
        report: &ScanReport,
        owner: Option<String>,
        now: Millis,
    ) -> Result<()> {
        let row = q("SELECT repository FROM image WHERE id = ?").bind(image).one(&mut *tx).await?;
        let repository = row.text("repository")?;
        q("DELETE FROM image_finding WHERE image = ?").bind(image).run(&mut *tx).await?;
        let mut told = HashSet::new();
        for finding in &report.findings {
            let (key, place) = place(finding);
            let id = id(&repository, finding, &key);
            if !told.insert(id.clone()) {
                continue;
            }
            let vulnerability = finding.vulnerability.as_deref();
            let level = severity(finding.severity);
            let exploited = vulnerability.is_some_and(|vulnerability| vulnerability.exploited.is_some());
            let epss =
                vulnerability.and_then(|v| v.epss.as_ref()).map(|epss| f64::from(epss.probability.0) / 1e6);
            q("INSERT INTO finding (id, kind, rule, title, severity, priority, repository, image, place, fixed_version, exploited, epss, \
               state, fixed, running, first_seen, since, due, owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'new', 0, 0, ?, ?, ?, ?) \
               ON CONFLICT (id) DO UPDATE SET title = excluded.title, severity = excluded.severity, priority = excluded.priority, \
               image = excluded.image, place = excluded.place, fixed_version = excluded.fixed_version, exploited = excluded.exploited, \
               epss = excluded.epss, owner = excluded.owner")
                .bind(&id).bind(word_of(kind(finding.kind))).bind(&finding.rule).bind(&finding.title).bind(rank(level))
                .bind(i64::from(urgency(finding))).bind(&repository).bind(image).bind(place)
                .bind(vulnerability.and_then(|v| v.fixed_version.clone())).bind(exploited).bind(epss)
                .bind(now).bind(now).bind(usual_due(level, exploited, now)).bind(owner.clone())
                .run(&mut *tx).await?;
            q("INSERT INTO image_finding (image, finding, stable) VALUES (?, ?, ?)")
                .bind(image)
                .bind(&id)
                .bind(&finding.id)
                .run(&mut *tx)
                .await?;
        }
        Ok(())
    }

    /// What the findings of a repository are in, after something of it has changed; and what its images count.
    pub(super) async fn refresh_repository(&self, tx: Tx<'_>, repository: &str, now: Millis) -> Result<()> {
        let exceptions = self.exceptions_in_force(&mut *tx, now).await?;
        let mut estate = Estate::default();
        let rows = q("SELECT image.id AS id, image.scanned AS scanned, COALESCE(image.created, image.first_seen) AS made, \
             (SELECT COUNT(*) FROM container WHERE container.image = image.id AND container.ended IS NULL) AS many \
             FROM image WHERE repository = ?").bind(repository).all(&mut *tx).await?;
        for row in &rows {
            let id = row.text("id")?;
            if row.maybe_int("scanned")?.is_some() {
                estate.scanned.insert(id.clone(), row.int("made")?);
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
        let rows = q("SELECT * FROM finding WHERE repository = ?").bind(repository).all(&mut *tx).await?;
        for row in &rows {
            let id = row.text("id")?;
            let affected = has.get(&id).map(Vec::as_slice).unwrap_or_default();
            let before = row.text("state")?;
            let was: Option<Life> = word(&before);
            let planned = row.maybe_text("planned_by")?.is_some();
            let verified = row.maybe_int("verified")?;
            let (state, rollout) = estate.judge(affected, was, planned, verified.is_some());
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
            let newest = affected.iter().max_by_key(|image| (estate.scanned.get(*image), image.as_str()));
            let changed = Some(state) != was;
            if changed {
                let why = why(affected, state, rollout);
                q("INSERT INTO finding_change (finding, time, state, why) VALUES (?, ?, ?, ?)")
                    .bind(&id)
                    .bind(now)
                    .bind(word_of(state))
                    .bind(why)
                    .run(&mut *tx)
                    .await?;
            }
            let same = !changed
                && row.count("fixed")? == rollout.fixed
                && row.count("running")? == rollout.running
                && row.maybe_text("exception_id")? == exception.as_ref().map(|(_, id)| id.clone())
                && newest.is_none_or(|newest| row.text("image").is_ok_and(|image| image == *newest));
            if same {
                continue;
            }
            let (exception, exception_id) = exception.unzip();
            q("UPDATE finding SET state = ?, fixed = ?, running = ?, since = ?, exception = ?, exception_id = ?, verified = ?, image = ? WHERE id = ?")
                .bind(word_of(state)).bind(rollout.fixed).bind(rollout.running)
                .bind(if changed { now } else { row.int("since")? })
                .bind(exception).bind(exception_id)
                .bind(if state == Life::Verified && changed { Some(now) } else { verified })
                .bind(newest.cloned().unwrap_or(row.text("image")?))
                .bind(&id).run(&mut *tx).await?;
        }
        for (image, running) in &estate.running {
            let (counts, urgency) = open.get(image).copied().unwrap_or_default();
            q("UPDATE image SET critical = ?, high = ?, medium = ?, low = ?, running = ?, urgency = ? WHERE id = ?")
                .bind(counts.critical).bind(counts.high).bind(counts.medium).bind(counts.low).bind(*running)
                .bind(urgency * 10 + i64::from(*running > 0) * 1000).bind(image)
                .run(&mut *tx).await?;
        }
        Ok(())
    }

    /// Findings.
    pub async fn findings(
        &self,
        wanted: &FindingFilter,
        scope: &Scope,
        paging: &Paging,
        now: Millis,
    ) -> Result<Page<Finding>> {
        self.page(LIST, paging, |query| scope.limit(wanted.limit(query, now), "finding.owner", None), read)
            .await
    }

    /// Vulnerabilities, each once.
    pub async fn advisories(&self, text: &str, scope: &Scope, paging: &Paging) -> Result<Page<Advisory>> {
        let filter = |mut query: Query| {
            if !text.is_empty() {
                let pattern = containing(text);
                query = query.push(" AND (LOWER(advisory.rule) LIKE ? ESCAPE '!' OR LOWER(advisory.title) LIKE ? ESCAPE '!')").bind(&pattern).bind(pattern);
            }
            if scope.is_all() {
                return query;
            }
            let inner = query.push(" AND advisory.rule IN (SELECT finding.rule FROM finding WHERE 1 = 1");
            scope.limit(inner, "finding.owner", None).push(")")
        };
        self.page(ADVISORIES, paging, filter, advisory).await
    }

    /// A vulnerability and where it is.
    pub async fn advisory(&self, rule: &str, scope: &Scope, now: Millis) -> Result<AdvisoryDetail> {
        let wanted = FindingFilter { rule: Some(rule.to_owned()), ..FindingFilter::default() };
        let findings =
            self.findings(&wanted, scope, &Paging { limit: 500, ..Paging::default() }, now).await?.items;
        let Some(worst) = findings.iter().max_by_key(|finding| (finding.severity, finding.priority)) else {
            return Err(StateError::Absent { what: "vulnerability", id: rule.to_owned() });
        };
        let counted =
            || findings.iter().filter(|finding| !matches!(finding.state, Life::Verified | Life::NotRunning));
        let advisory = Advisory {
            rule: rule.to_owned(),
            title: worst.title.clone(),
            severity: worst.severity,
            priority: worst.priority,
            exploited: findings.iter().any(|finding| finding.exploited),
            epss: findings.iter().filter_map(|finding| finding.epss).reduce(f64::max),
            fixable: findings.iter().any(|finding| finding.fixed_version.is_some()),
            repositories: findings.len() as u64,
            running: counted().map(|finding| finding.rollout.running - finding.rollout.fixed).sum(),
            first_seen: findings.iter().map(|finding| finding.first_seen).min().unwrap_or_default(),
        };
        let query = q("SELECT DISTINCT container.workload AS workload FROM image_finding JOIN finding ON finding.id = image_finding.finding \
             JOIN container ON container.image = image_finding.image WHERE finding.rule = ? AND container.ended IS NULL").bind(rule);
        let rows =
            scope.limit(query, "finding.owner", None).push(" ORDER BY 1 LIMIT 1000").all(&self.pool).await?;
        let workloads = rows.iter().map(|row| row.text("workload")).collect::<Result<_>>()?;
        Ok(AdvisoryDetail { advisory, findings, workloads })
    }

    /// One finding.
    pub async fn finding(&self, id: &str, scope: &Scope, now: Millis) -> Result<FindingDetail> {
        let query = scope.limit(q("SELECT * FROM finding WHERE id = ?").bind(id), "finding.owner", None);
        let row = query.first(&self.pool).await?;
        let row = row.ok_or_else(|| StateError::Absent { what: "finding", id: id.to_owned() })?;
        let finding = read(&row)?;
        let stable = q("SELECT stable FROM image_finding WHERE finding = ? AND image = ?")
            .bind(id)
            .bind(&finding.image)
            .first(&self.pool)
            .await?;
        let reported = match stable {
            Some(stable) => {
                let stable = stable.text("stable")?;
                let report = self.report(&finding.image).await?;
                report.and_then(|report| report.findings.into_iter().find(|finding| finding.id == stable))
            }
            None => None,
        };
        let rows = q("SELECT image.id AS id, image.name AS name, image.running AS running, image.first_seen AS first_seen, \
             (SELECT COUNT(*) FROM image_finding WHERE image_finding.image = image.id AND image_finding.finding = ?) AS has \
             FROM image WHERE image.repository = ? AND image.scanned IS NOT NULL ORDER BY image.first_seen DESC LIMIT 100")
            .bind(id).bind(&finding.repository).all(&self.pool).await?;
        let images = rows.iter().map(|row| {
            Ok(AffectedImage {
                id: row.text("id")?,
                name: row.text("name")?,
                affected: row.flag("has")?,
                running: row.count("running")?,
                first_seen: row.int("first_seen")?,
            })
        });
        let images = images.collect::<Result<_>>()?;
        let rows =
            q("SELECT time, state, why FROM finding_change WHERE finding = ? ORDER BY time DESC LIMIT 200")
                .bind(id)
                .all(&self.pool)
                .await?;
        let history = rows.iter().map(|row| {
            Ok(StateChange { time: row.int("time")?, state: row.word("state")?, why: row.text("why")? })
        });
        let history = history.collect::<Result<_>>()?;
        let planned = match row.maybe_text("planned_by")? {
            Some(by) => Some(Planned {
                by,
                time: row.int("planned_at")?,
                due: row.maybe_int("planned_due")?,
                note: row.maybe_text("planned_note")?.unwrap_or_default(),
            }),
            None => None,
        };
        let suppressed_by = match row.maybe_text("exception_id")? {
            Some(exception) => self.exception(&exception, now).await?,
            None => None,
        };
        let fix = reported.as_ref().map(|finding| finding.fix.clone()).unwrap_or_default();
        let report = reported.and_then(|finding| serde_json::to_value(finding).ok()).unwrap_or_default();
        Ok(FindingDetail { finding, fix, report, images, history, planned, suppressed_by })
    }

    /// Somebody has planned to mend findings. None of them is changed unless all of them can be.
    pub async fn plan(&self, plan: &NewPlan, by: &str, scope: &Scope, now: Millis) -> Result<()> {
        if plan.findings.len() > MAX_PLANNED {
            return Err(StateError::Refused(format!("a plan is for at most {MAX_PLANNED} findings")));
        }
        let mut tx = self.begin().await?;
        for id in &plan.findings {
            let query = q("UPDATE finding SET planned_by = ?, planned_at = ?, planned_due = ?, planned_note = ?, due = COALESCE(?, due) WHERE id = ?")
                .bind(by).bind(now).bind(plan.due).bind(&plan.note).bind(plan.due).bind(id);
            self.replanned(&mut tx, scope.limit(query, "owner", None), id, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Nothing is planned for a finding any more.
    pub async fn unplan(&self, id: &str, scope: &Scope, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        let query = q("UPDATE finding SET planned_by = NULL, planned_at = NULL, planned_due = NULL, planned_note = NULL WHERE id = ?").bind(id);
        self.replanned(&mut tx, scope.limit(query, "owner", None), id, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What is to be done, by owner: counts, and how many are past their day. Nobody's is under the empty name.
    pub async fn owners(&self, scope: &Scope, now: Millis) -> Result<BTreeMap<String, (Counts, u64)>> {
        let query = q("SELECT COALESCE(finding.owner, '') AS who, finding.severity AS severity, COUNT(*) AS many, \
             CAST(SUM(CASE WHEN finding.due < ? THEN 1 ELSE 0 END) AS BIGINT) AS late FROM finding WHERE finding.exception IS NULL AND finding.state IN ")
            .push(TO_DO).bind(now);
        let rows = scope
            .limit(query, "finding.owner", None)
            .push(" GROUP BY COALESCE(finding.owner, ''), finding.severity")
            .all(&self.pool)
            .await?;
        let mut owners: BTreeMap<String, (Counts, u64)> = BTreeMap::new();
        for row in &rows {
            let entry = owners.entry(row.text("who")?).or_default();
            entry.0.add(severity_of(row.int("severity")?), row.count("many")?);
            entry.1 += row.count("late")?;
        }
        Ok(owners)
    }

    async fn replanned(&self, tx: Tx<'_>, change: Query, id: &str, now: Millis) -> Result<()> {
        if change.run(&mut *tx).await? == 0 {
            return Err(StateError::Absent { what: "finding", id: id.to_owned() });
        }
        let row = q("SELECT repository FROM finding WHERE id = ?").bind(id).one(&mut *tx).await?;
        self.refresh_repository(tx, &row.text("repository")?, now).await
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
        let mended: u64 =
            self.scanned.keys().filter(|image| !affected.contains(image)).map(|image| runs(image)).sum();
        let rollout = Rollout { fixed: mended, running };
        let state = match (has, mended) {
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

    /// Whether there is an image without it that was made after all that have it.
    fn later(&self, affected: &[String]) -> bool {
        let newest = affected.iter().filter_map(|image| self.scanned.get(image)).max();
        let without =
            self.scanned.iter().filter(|(image, _)| !affected.contains(image)).map(|(_, made)| made).max();
        newest.is_some() && without > newest
    }
}

/// What was seen, in words.
fn why(affected: &[String], state: Life, rollout: Rollout) -> String {
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
        Life::NotRunning if affected.is_empty() => "no image has it any more".to_owned(),
        Life::NotRunning => "no container runs an image that has it".to_owned(),
    }
}

fn advisory(row: &AnyRow) -> Result<Advisory> {
    Ok(Advisory {
        rule: row.text("rule")?,
        title: row.text("title")?,
        severity: severity_of(row.int("severity")?),
        priority: u8::try_from(row.int("priority")?).unwrap_or(100),
        exploited: row.flag("exploited")?,
        epss: row.maybe_real("epss")?,
        fixable: row.flag("fixable")?,
        repositories: row.count("repositories")?,
        running: row.count("running")?,
        first_seen: row.int("first_seen")?,
    })
}

impl FindingFilter {
    fn limit(&self, mut query: Query, now: Millis) -> Query {
        if !self.text.is_empty() {
            let pattern = containing(&self.text);
            query = query
                .push(
                    " AND (LOWER(finding.rule) LIKE ? ESCAPE '!' OR LOWER(finding.title) LIKE ? ESCAPE '!' \
                 OR LOWER(finding.place) LIKE ? ESCAPE '!' OR LOWER(finding.repository) LIKE ? ESCAPE '!')",
                )
                .bind(&pattern)
                .bind(&pattern)
                .bind(&pattern)
                .bind(pattern);
        }
        if !self.kinds.is_empty() {
            query = query.push(" AND finding.kind IN ").list(self.kinds.iter().map(word_of));
        }
        if !self.severities.is_empty() {
            query = query
                .push(" AND finding.severity IN ")
                .list(self.severities.iter().map(|level| rank(*level)));
        }
        if !self.states.is_empty() {
            query = query.push(" AND finding.state IN ").list(self.states.iter().map(word_of));
        }
        if let Some(repository) = &self.repository {
            query = query.push(" AND finding.repository = ?").bind(repository);
        }
        match self.owner.as_deref() {
            Some("-") => query = query.push(" AND finding.owner IS NULL"),
            Some(owner) => query = query.push(" AND finding.owner = ?").bind(owner),
            None => {}
        }
        if let Some(rule) = &self.rule {
            query = query.push(" AND finding.rule = ?").bind(rule);
        }
        if let Some(image) = &self.image {
            query = query
                .push(" AND finding.id IN (SELECT finding FROM image_finding WHERE image = ?)")
                .bind(image);
        }
        if let Some(workload) = &self.workload {
            query = query.push(" AND finding.id IN (SELECT image_finding.finding FROM image_finding JOIN container \
                 ON container.image = image_finding.image WHERE container.workload = ? AND container.ended IS NULL)").bind(workload);
        }
        for (asked, yes, no) in [
            (self.exploited, " AND finding.exploited = 1", " AND finding.exploited = 0"),
            (self.fixable, " AND finding.fixed_version IS NOT NULL", " AND finding.fixed_version IS NULL"),
            (self.suppressed, " AND finding.exception IS NOT NULL", " AND finding.exception IS NULL"),
        ] {
            query = match asked {
                Some(true) => query.push(yes),
                Some(false) => query.push(no),
                None => query,
            };
        }
        match self.overdue {
            Some(true) => query
                .push(" AND finding.due < ? AND finding.exception IS NULL AND finding.state IN ")
                .push(TO_DO)
                .bind(Value::from(now)),
            Some(false) => {
                query.push(" AND (finding.due IS NULL OR finding.due >= ?)").bind(Value::from(now))
            }
            None => query,
        }
    }
}
