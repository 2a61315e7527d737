//! Exceptions: somebody answers for findings that do not count, until a time.

use super::{
    Paging, Result, Scope, State, StateError, Tx,
    list::{Key, List, containing},
    sql::{Columns, batch, q, word},
};
use gabion_api::rest::{Exception, ExceptionKind, Millis, NewException, Page};
use gabion_policy::Pattern;
use sqlx::any::AnyRow;
use std::collections::BTreeSet;

/// The last day that an exception may have is not further away than this.
const MOST: Millis = 400 * super::DAY;
/// Texts are not longer.
const MAX_TEXT: usize = 2000;

/// An exception that is in force.
#[derive(Debug)]
pub struct Covered {
    /// Its id.
    pub id: String,
    /// Why it does not count.
    pub kind: ExceptionKind,
    rule: Pattern,
    repository: Option<Pattern>,
}

impl Covered {
    /// Whether it is for a rule in images of that name.
    pub fn covers(&self, rule: &str, repository: &str) -> bool {
        self.rule.matches(rule) && self.repository.as_ref().is_none_or(|pattern| pattern.matches(repository))
    }
}

pub(super) const LIST: List = List {
    columns: "exception.*, (SELECT COUNT(*) FROM finding WHERE finding.exception_id = exception.id) AS many",
    from: "exception",
    id: "exception.id",
    keys: &[
        Key { name: "expires", column: "exception.expires", text: false },
        Key { name: "created", column: "exception.created", text: false },
        Key { name: "owner", column: "exception.owner", text: true },
        Key { name: "rule", column: "exception.rule", text: true },
    ],
    down: false,
};

pub(super) fn read(row: &AnyRow, now: Millis) -> Result<Exception> {
    let expires = row.int("expires")?;
    Ok(Exception {
        id: row.text("id")?,
        kind: row.word("kind")?,
        rule: row.text("rule")?,
        repository: row.maybe_text("repository")?,
        owner: row.text("owner")?,
        reason: row.text("reason")?,
        expires,
        by: row.text("created_by")?,
        created: row.int("created")?,
        in_force: expires > now && row.maybe_int("ended")?.is_none(),
        findings: row.count("many")?,
    })
}

fn pattern(text: &str, what: &str) -> Result<Pattern> {
    text.parse().map_err(|error| StateError::Refused(format!("{what}: {error}")))
}

impl State {
    /// Exceptions that are in force.
    pub(super) async fn exceptions_in_force(&self, tx: Tx<'_>, now: Millis) -> Result<Vec<Covered>> {
        let rows = q("SELECT id, kind, rule, repository FROM exception WHERE expires > ? AND ended IS NULL ORDER BY created, id").bind(now).all(tx).await?;
        let covered = |row: &AnyRow| {
            let repository = row.maybe_text("repository")?;
            Ok(Covered {
                id: row.text("id")?,
                kind: word(&row.text("kind")?)
                    .ok_or_else(|| StateError::Row("the kind of an exception".to_owned()))?,
                rule: pattern(&row.text("rule")?, "rule")?,
                repository: repository.map(|text| pattern(&text, "repository")).transpose()?,
            })
        };
        rows.iter().map(covered).collect()
    }

    /// Makes an exception under this id; how many findings it suppresses. With `dry_run` nothing is kept.
    pub async fn add_exception(
        &self,
        id: &str,
        new: &NewException,
        by: &str,
        now: Millis,
    ) -> Result<Exception> {
        for (what, text) in [("rule", &new.rule), ("owner", &new.owner), ("reason", &new.reason)] {
            if text.trim().is_empty() || text.len() > MAX_TEXT {
                return Err(StateError::Refused(format!(
                    "{what}: it is empty or longer than {MAX_TEXT} bytes"
                )));
            }
        }
        if new.expires <= now || new.expires > now + MOST {
            return Err(StateError::Refused(
                "expires: it must be in the future, and at most 400 days away".to_owned(),
            ));
        }
        let rule = pattern(&new.rule, "rule")?;
        let repository = new.repository.as_deref().filter(|text| !text.is_empty());
        let of = repository.map(|text| pattern(text, "repository")).transpose()?;
        let mut tx = self.begin().await?;
        q("INSERT INTO exception (id, kind, rule, repository, owner, reason, expires, created, created_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(id).bind(new.kind.as_str()).bind(&new.rule).bind(repository.map(str::to_owned)).bind(&new.owner).bind(&new.reason)
            .bind(new.expires).bind(now).bind(by).run(&mut *tx).await?;
        self.refresh_covered(
            &mut tx,
            &Covered { id: id.to_owned(), kind: new.kind, rule, repository: of },
            now,
        )
        .await?;
        let query = q("SELECT ").push(LIST.columns).push(" FROM exception WHERE id = ?").bind(id);
        let exception = read(&query.one(&mut *tx).await?, now)?;
        if new.dry_run {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        Ok(exception)
    }

    /// Ends an exception before its time: its findings count again.
    pub async fn end_exception(&self, id: &str, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        if q("UPDATE exception SET ended = ? WHERE id = ? AND ended IS NULL")
            .bind(now)
            .bind(id)
            .run(&mut *tx)
            .await?
            == 0
        {
            return Err(StateError::Absent { what: "exception", id: id.to_owned() });
        }
        self.refresh_suppressed(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Findings of exceptions that have expired count again; how many exceptions that were.
    pub async fn expire_exceptions(&self, now: Millis) -> Result<u64> {
        let rows = q("SELECT id FROM exception WHERE ended IS NULL AND expires <= ?")
            .bind(now)
            .all(&self.pool)
            .await?;
        for row in &rows {
            let id = row.text("id")?;
            let mut tx = self.begin().await?;
            q("UPDATE exception SET ended = expires WHERE id = ?").bind(&id).run(&mut *tx).await?;
            self.refresh_suppressed(&mut tx, &id, now).await?;
            tx.commit().await?;
        }
        Ok(rows.len() as u64)
    }

    /// Exceptions.
    pub async fn exceptions(
        &self,
        text: &str,
        in_force: Option<bool>,
        scope: &Scope,
        paging: &Paging,
        now: Millis,
    ) -> Result<Page<Exception>> {
        let filter = |query: super::sql::Query| {
            let query = match in_force {
                Some(true) => query.push(" AND exception.ended IS NULL AND exception.expires > ?").bind(now),
                Some(false) => {
                    query.push(" AND (exception.ended IS NOT NULL OR exception.expires <= ?)").bind(now)
                }
                None => query,
            };
            let query = if text.is_empty() {
                query
            } else {
                let pattern = containing(text);
                query.push(" AND (LOWER(exception.rule) LIKE LOWER(?) ESCAPE '!' OR LOWER(exception.reason) LIKE LOWER(?) ESCAPE '!' OR LOWER(exception.repository) LIKE LOWER(?) ESCAPE '!')")
                    .bind(&pattern).bind(&pattern).bind(pattern)
            };
            scope.limit(query, "exception.owner", None)
        };
        self.page(LIST, paging, filter, |row| read(row, now)).await
    }

    /// One exception.
    pub async fn exception(&self, id: &str, now: Millis) -> Result<Option<Exception>> {
        let query = q("SELECT ").push(LIST.columns).push(" FROM exception WHERE id = ?").bind(id);
        query.first(&self.pool).await?.map(|row| read(&row, now)).transpose()
    }

    /// Whether all that a new exception would suppress is within a scope.
    pub async fn owns_covered(&self, new: &NewException, scope: &Scope) -> Result<bool> {
        let rule = pattern(&new.rule, "rule")?;
        let repository = new.repository.as_deref().map(|text| pattern(text, "repository")).transpose()?;
        let covered = Covered { id: String::new(), kind: new.kind, rule, repository };
        let rows = q("SELECT DISTINCT repository, rule, owner FROM finding").all(&self.pool).await?;
        for row in &rows {
            if covered.covers(&row.text("rule")?, &row.text("repository")?)
                && row.maybe_text("owner")?.is_none_or(|owner| !scope.owners.contains(&owner))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn refresh_suppressed(&self, tx: Tx<'_>, id: &str, now: Millis) -> Result<()> {
        let rows = q("SELECT DISTINCT repository FROM finding WHERE exception_id = ?")
            .bind(id)
            .all(&mut *tx)
            .await?;
        let repositories = rows.iter().map(|row| row.text("repository")).collect::<Result<_>>()?;
        self.refresh_all_of(tx, &repositories, now).await
    }

    async fn refresh_covered(&self, tx: Tx<'_>, covered: &Covered, now: Millis) -> Result<()> {
        let rows = q("SELECT DISTINCT repository, rule FROM finding").all(&mut *tx).await?;
        let mut repositories = BTreeSet::new();
        for row in &rows {
            let repository = row.text("repository")?;
            if covered.covers(&row.text("rule")?, &repository) {
                repositories.insert(repository);
            }
        }
        self.refresh_all_of(tx, &repositories, now).await
    }

    /// Repositories, and the workloads that run them.
    async fn refresh_all_of(&self, tx: Tx<'_>, repositories: &BTreeSet<String>, now: Millis) -> Result<()> {
        self.refresh_repositories(&mut *tx, repositories, now).await?;
        let mut workloads = BTreeSet::new();
        for chunk in repositories.iter().collect::<Vec<_>>().chunks(batch(1)) {
            let query = q("SELECT DISTINCT container.workload AS workload FROM container JOIN image ON image.id = container.image \
                 WHERE container.ended IS NULL AND image.repository IN ").list(chunk.iter().copied());
            for row in query.all(&mut *tx).await? {
                workloads.insert(row.text("workload")?);
            }
        }
        self.refresh_workloads(tx, &workloads, now).await
    }
}
