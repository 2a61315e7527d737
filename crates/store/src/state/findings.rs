//! Findings: lists of them, one with what it rests on, what is planned, and those of an image after a scan. What state each is in is
//! computed in [`super::life`].

use super::{
    DAY, Paging, Result, Scope, State, StateError, Tx,
    images::{place, severity},
    list::{Key, List, containing},
    sql::{Columns, Query, Value, batch, q, word, word_of},
};
use gabion_api::rest::{
    Advisory, AdvisoryDetail, AffectedImage, Counts, Finding, FindingDetail, FindingKind, Millis, NewPlan,
    Page, Planned, Rollout, Severity, State as Life, StateChange,
};
use gabion_model::{Finding as Reported, ScanReport};
use sha2::{Digest as _, Sha256};
use sqlx::any::AnyRow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Findings that one statement writes, and which images have them.
const BATCH: usize = batch(17);
const LINKS: usize = batch(3);
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
    /// What it is in was seen to be executed or mapped.
    pub loaded: Option<bool>,
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
           WHERE kind = 'vulnerability' AND exception IS NULL AND state NOT IN ('verified', 'not-running', 'withdrawn') GROUP BY rule) AS advisory",
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
        loaded: row.flag("loaded")?,
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

/// What is looked for in a finding, by the database in its small letters: a line for each text, so that nothing is found that stands in none.
fn words(texts: [&str; 4]) -> String {
    texts.join("\n")
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

/// What an image was found to have.
pub(super) struct Found<'a> {
    pub(super) image: &'a str,
    pub(super) repository: &'a str,
    /// What was kept of it until now: what is the same stands there already.
    pub(super) known: &'a [Reported],
    pub(super) report: &'a ScanReport,
    pub(super) owner: Option<&'a str>,
}

/// A finding that is to be written.
struct New<'a> {
    id: String,
    place: String,
    finding: &'a Reported,
    of: &'a Found<'a>,
}

/// Writes findings, each id once.
async fn write_findings(tx: Tx<'_>, findings: &[&New<'_>], now: Millis) -> Result<()> {
    let mut query = q(
        "INSERT INTO finding (id, kind, rule, title, severity, priority, repository, image, place, fixed_version, exploited, epss, \
         state, fixed, running, first_seen, since, due, owner, words) VALUES ",
    )
    .rows("(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'new', 0, 0, ?, ?, ?, ?, LOWER(?))", findings.len());
    for New { id, place, finding, of } in findings {
        let vulnerability = finding.vulnerability.as_deref();
        let level = severity(finding.severity);
        let exploited = vulnerability.is_some_and(|vulnerability| vulnerability.exploited.is_some());
        let epss =
            vulnerability.and_then(|v| v.epss.as_ref()).map(|epss| f64::from(epss.probability.0) / 1e6);
        query = query
            .bind(id)
            .bind(word_of(kind(finding.kind)))
            .bind(&finding.rule)
            .bind(&finding.title)
            .bind(rank(level))
            .bind(i64::from(urgency(finding)))
            .bind(of.repository)
            .bind(of.image)
            .bind(place)
            .bind(vulnerability.and_then(|v| v.fixed_version.clone()))
            .bind(exploited)
            .bind(epss)
            .bind(now)
            .bind(now)
            .bind(usual_due(level, exploited, now))
            .bind(of.owner.map(str::to_owned))
            .bind(words([&finding.rule, &finding.title, place, of.repository]));
    }
    query
        .push(
            " ON CONFLICT (id) DO UPDATE SET title = excluded.title, severity = excluded.severity, priority = excluded.priority, \
             image = excluded.image, place = excluded.place, fixed_version = excluded.fixed_version, exploited = excluded.exploited, \
             epss = excluded.epss, owner = excluded.owner, words = excluded.words",
        )
        .run(tx)
        .await
        .map(drop)
}

/// Writes which images have findings.
async fn write_links(tx: Tx<'_>, findings: &[New<'_>]) -> Result<()> {
    let mut query =
        q("INSERT INTO image_finding (image, finding, stable) VALUES ").rows("(?, ?, ?)", findings.len());
    for New { id, finding, of, .. } in findings {
        query = query.bind(of.image).bind(id).bind(&finding.id);
    }
    query.push(" ON CONFLICT (image, finding) DO UPDATE SET stable = excluded.stable").run(tx).await.map(drop)
}

/// By image: which findings stand there, and how its report calls them.
pub(super) async fn stand<'a>(
    tx: Tx<'_>,
    images: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, HashMap<String, String>>> {
    let rows =
        q("SELECT image, finding, stable FROM image_finding WHERE image IN ").list(images).all(tx).await?;
    let mut stand: HashMap<String, HashMap<String, String>> = HashMap::new();
    for row in &rows {
        stand.entry(row.text("image")?).or_default().insert(row.text("finding")?, row.text("stable")?);
    }
    Ok(stand)
}

impl State {
    /// The findings of these images are those of their reports.
    pub(super) async fn keep_findings(&self, tx: Tx<'_>, all: &[Found<'_>], now: Millis) -> Result<()> {
        let mut stand = stand(&mut *tx, all.iter().map(|of| of.image)).await?;
        let mut new = Vec::new();
        for of in all {
            let mut gone = stand.remove(of.image).unwrap_or_default();
            let known: HashMap<&str, &Reported> =
                of.known.iter().map(|finding| (finding.id.as_str(), finding)).collect();
            let mut told = HashSet::new();
            for finding in &of.report.findings {
                let (key, place) = place(finding);
                let id = id(of.repository, finding, &key);
                if !told.insert(id.clone()) {
                    continue;
                }
                let same = known.get(finding.id.as_str()).is_some_and(|before| *before == finding);
                if gone.remove(&id).as_ref() != Some(&finding.id) || !same {
                    new.push(New { id, place, finding, of });
                }
            }
            for chunk in gone.into_keys().collect::<Vec<_>>().chunks(BATCH) {
                q("DELETE FROM image_finding WHERE image = ? AND finding IN ")
                    .bind(of.image)
                    .list(chunk)
                    .run(&mut *tx)
                    .await?;
            }
        }
        // What several images have is one finding, as the last of them tells it.
        let each: BTreeMap<&str, &New<'_>> = new.iter().map(|new| (new.id.as_str(), new)).collect();
        for chunk in each.into_values().collect::<Vec<_>>().chunks(BATCH) {
            write_findings(&mut *tx, chunk, now).await?;
        }
        for chunk in new.chunks(LINKS) {
            write_links(&mut *tx, chunk).await?;
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

    /// The most urgent findings, without how many there are.
    pub async fn first_findings(
        &self,
        wanted: &FindingFilter,
        scope: &Scope,
        limit: u64,
        now: Millis,
    ) -> Result<Vec<Finding>> {
        let query = wanted.limit(q("SELECT * FROM finding WHERE 1 = 1"), now);
        let query = scope.limit(query, "finding.owner", None);
        let rows = query.push(" ORDER BY finding.priority DESC, finding.id LIMIT ?").bind(limit);
        rows.all(&self.pool).await?.iter().map(read).collect()
    }

    /// Vulnerabilities, each once.
    pub async fn advisories(&self, text: &str, scope: &Scope, paging: &Paging) -> Result<Page<Advisory>> {
        let filter = |mut query: Query| {
            if !text.is_empty() {
                let pattern = containing(text);
                query = query.push(" AND (LOWER(advisory.rule) LIKE LOWER(?) ESCAPE '!' OR LOWER(advisory.title) LIKE LOWER(?) ESCAPE '!')").bind(&pattern).bind(pattern);
            }
            if scope.is_all() {
                return query;
            }
            let inner = query.push(" AND advisory.rule IN (SELECT finding.rule FROM finding WHERE 1 = 1");
            scope.limit(inner, "finding.owner", None).push(")")
        };
        self.page_at_once(ADVISORIES, paging, filter, advisory).await
    }

    /// A vulnerability and where it is.
    pub async fn advisory(&self, rule: &str, scope: &Scope, now: Millis) -> Result<AdvisoryDetail> {
        let wanted = FindingFilter { rule: Some(rule.to_owned()), ..FindingFilter::default() };
        let mut findings = Vec::new();
        let mut paging = Paging { limit: 1000, ..Paging::default() };
        loop {
            let page = self.findings(&wanted, scope, &paging, now).await?;
            findings.extend(page.items);
            paging.cursor = page.next;
            if paging.cursor.is_none() {
                break;
            }
        }
        let Some(worst) = findings.iter().max_by_key(|finding| (finding.severity, finding.priority)) else {
            return Err(StateError::Absent { what: "vulnerability", id: rule.to_owned() });
        };
        let counted = || {
            findings.iter().filter(|finding| {
                !matches!(finding.state, Life::Verified | Life::NotRunning | Life::Withdrawn)
            })
        };
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
        let loaded_by = self.loaded_by(id).await?;
        Ok(FindingDetail { finding, fix, report, loaded_by, images, history, planned, suppressed_by })
    }

    /// Somebody has planned to mend findings. None of them is changed unless all of them can be.
    pub async fn plan(&self, plan: &NewPlan, by: &str, scope: &Scope, now: Millis) -> Result<()> {
        if plan.findings.len() > MAX_PLANNED {
            return Err(StateError::Refused(format!("a plan is for at most {MAX_PLANNED} findings")));
        }
        let (mut tx, mut repositories) = (self.begin().await?, BTreeSet::new());
        for id in &plan.findings {
            let query = q("UPDATE finding SET planned_by = ?, planned_at = ?, planned_due = ?, planned_note = ?, due = COALESCE(?, due) WHERE id = ?")
                .bind(by).bind(now).bind(plan.due).bind(&plan.note).bind(plan.due).bind(id);
            repositories.insert(replanned(&mut tx, scope.limit(query, "owner", None), id).await?);
        }
        self.refresh_repositories(&mut tx, &repositories, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Nothing is planned for a finding any more.
    pub async fn unplan(&self, id: &str, scope: &Scope, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        let query = q("UPDATE finding SET planned_by = NULL, planned_at = NULL, planned_due = NULL, planned_note = NULL WHERE id = ?").bind(id);
        let repository = replanned(&mut tx, scope.limit(query, "owner", None), id).await?;
        self.refresh_repository(&mut tx, &repository, now).await?;
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
}

/// Changes what is planned for a finding. Returns its repository.
async fn replanned(tx: Tx<'_>, change: Query, id: &str) -> Result<String> {
    let row = change.push(" RETURNING repository").first(tx).await?;
    let row = row.ok_or_else(|| StateError::Absent { what: "finding", id: id.to_owned() })?;
    row.text("repository")
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
            query = query.push(" AND finding.words LIKE LOWER(?) ESCAPE '!'").bind(pattern);
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
            (self.loaded, " AND finding.loaded = 1", " AND finding.loaded = 0"),
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
