//! Registries that are looked into: how, what was seen of them, and what of it waits to be scanned.
//!
//! ```text
//!   look ──► registry_repository   how many tags it has, match, are looked at
//!        └─► registry_tag          waiting ──► scanned, image            another digest: waiting again
//!                                          ├─► failed ──(again)──► waiting
//!                                          └─► no-image
//! ```

mod seen;

pub use seen::{Looked, NewTag, TagFilter, WaitingTag};

use super::{
    Paging, Result, State, StateError, Tx,
    list::{Key, List, containing},
    sql::{Columns, Query, q},
    to_json,
};
use gabion_api::rest::{Millis, NewRegistry, Page, Registry, RegistryChange, RegistryNumbers, RegistryState};
use sqlx::any::AnyRow;
use std::{collections::BTreeSet, fmt};

/// Registries that there may be.
const MOST: u64 = 200;

/// All that is needed to look into a registry, with its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryAccess {
    /// What of it is wanted.
    pub registry: Registry,
    /// The password or token.
    pub secret: Option<String>,
    /// By what it proves that it is itself that tells of something.
    pub hook: Option<String>,
    /// How often somebody has asked for a look or changed it.
    pub asked: i64,
}

/// What a look at all of a registry came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Polled {
    /// How often it had been asked for when it began.
    pub asked: i64,
    /// When the next one is due.
    pub due: Millis,
    /// What could not be told.
    pub failed: Option<String>,
    /// Whether anything could.
    pub told: bool,
    /// All repositories that are there, if that is known: others are there no more.
    pub repositories: Option<Vec<String>>,
}

impl fmt::Debug for RegistryAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryAccess").field("registry", &self.registry.name).finish_non_exhaustive()
    }
}

const LIST: List = List {
    columns: COLUMNS,
    from: "registry",
    id: "registry.name",
    keys: &[
        Key { name: "name", column: "registry.name", text: true },
        Key { name: "polled", column: "COALESCE(registry.polled, 0)", text: false },
    ],
    down: false,
};

/// Sums are NUMERIC in PostgreSQL.
const COLUMNS: &str = "registry.*, \
    (SELECT COUNT(*) FROM registry_repository r WHERE r.registry = registry.name) AS repositories_seen, \
    (SELECT COUNT(*) FROM registry_repository r WHERE r.registry = registry.name AND r.failed IS NOT NULL) AS repositories_failed, \
    (SELECT CAST(COALESCE(SUM(r.tags), 0) AS BIGINT) FROM registry_repository r WHERE r.registry = registry.name) AS tags_seen, \
    (SELECT CAST(COALESCE(SUM(r.matched), 0) AS BIGINT) FROM registry_repository r WHERE r.registry = registry.name) AS tags_matched, \
    (SELECT CAST(COALESCE(SUM(r.chosen), 0) AS BIGINT) FROM registry_repository r WHERE r.registry = registry.name) AS tags_chosen, \
    (SELECT COUNT(*) FROM registry_tag t WHERE t.registry = registry.name AND t.state = 'scanned') AS tags_scanned, \
    (SELECT COUNT(*) FROM registry_tag t WHERE t.registry = registry.name AND t.state = 'waiting') AS tags_waiting, \
    (SELECT COUNT(*) FROM registry_tag t WHERE t.registry = registry.name AND t.state = 'failed') AS tags_failed, \
    (SELECT COUNT(*) FROM registry_tag t WHERE t.registry = registry.name AND t.state = 'no-image') AS tags_others";

fn read(row: &AnyRow) -> Result<Registry> {
    let (polled, error, paused) = (row.maybe_int("polled")?, row.maybe_text("failed")?, row.flag("paused")?);
    let state = match (paused, polled, &error) {
        (true, _, _) => RegistryState::Paused,
        (false, None, None) => RegistryState::New,
        (false, _, None) => RegistryState::Well,
        (false, _, Some(_)) if row.flag("told")? => RegistryState::Partial,
        (false, _, Some(_)) => RegistryState::Failing,
    };
    Ok(Registry {
        name: row.text("name")?,
        url: row.text("url")?,
        user: row.maybe_text("account")?,
        has_secret: row.maybe_text("secret")?.is_some(),
        authority: row.maybe_text("authority")?,
        repositories: row.json("repositories")?,
        tags: row.json("tags")?,
        leave_out: row.json("leave_out")?,
        newest: small(row.count("newest")?),
        minutes: small(row.count("minutes")?),
        platform: row.maybe_text("platform")?,
        paused,
        has_hook: row.maybe_text("hook")?.is_some(),
        by: row.text("created_by")?,
        created: row.int("created")?,
        state,
        polled,
        next: (!paused).then(|| row.int("due")).transpose()?,
        error,
        seen: RegistryNumbers {
            repositories: row.count("repositories_seen")?,
            failing: row.count("repositories_failed")?,
            tags: row.count("tags_seen")?,
            matched: row.count("tags_matched")?,
            left_out: row.count("tags_matched")?.saturating_sub(row.count("tags_chosen")?),
            scanned: row.count("tags_scanned")?,
            waiting: row.count("tags_waiting")?,
            failed: row.count("tags_failed")?,
            others: row.count("tags_others")?,
        },
    })
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn absent(name: &str) -> StateError {
    StateError::Absent { what: "registry", id: name.to_owned() }
}

fn some(text: Option<&String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).cloned()
}

impl State {
    /// Makes a registry; it is due at once.
    pub async fn add_registry(&self, new: &NewRegistry, by: &str, now: Millis) -> Result<Registry> {
        let mut tx = self.begin().await?;
        if q("SELECT COUNT(*) AS many FROM registry").one(&mut *tx).await?.count("many")? >= MOST {
            return Err(StateError::Refused(format!("there are {MOST} registries already")));
        }
        let known = q("SELECT name FROM registry WHERE name = ?").bind(&new.name).first(&mut *tx).await?;
        if known.is_some() {
            return Err(StateError::Refused(format!("there is a registry {:?} already", new.name)));
        }
        q("INSERT INTO registry (name, url, account, secret, authority, repositories, tags, leave_out, newest, minutes, platform, paused, \
           created, created_by, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(&new.name).bind(&new.url).bind(some(new.user.as_ref())).bind(some(new.secret.as_ref()))
            .bind(some(new.authority.as_ref())).bind(to_json(&new.repositories)).bind(to_json(&new.tags)).bind(to_json(&new.leave_out))
            .bind(u64::from(new.newest)).bind(u64::from(new.minutes)).bind(some(new.platform.as_ref())).bind(new.paused)
            .bind(now).bind(by).bind(now)
            .run(&mut *tx).await?;
        tx.commit().await?;
        self.registry(&new.name).await
    }

    /// Changes a registry, as it is after the change was checked; it is due at once.
    pub async fn change_registry(&self, name: &str, change: &RegistryChange, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        let row = q("SELECT * FROM registry WHERE name = ?").bind(name).first(&mut *tx).await?;
        let row = row.ok_or_else(|| absent(name))?;
        let text = |new: Option<&String>, column: &str| match new {
            Some(new) => Ok(some(Some(new))),
            None => row.maybe_text(column),
        };
        let list = |new: Option<&Vec<String>>, column: &str| match new {
            Some(new) => Ok(to_json(new)),
            None => row.text(column),
        };
        let number = |new: Option<u32>, column: &str| match new {
            Some(new) => Ok(u64::from(new)),
            None => row.count(column),
        };
        q("UPDATE registry SET url = ?, account = ?, secret = ?, authority = ?, repositories = ?, tags = ?, leave_out = ?, newest = ?, \
           minutes = ?, platform = ?, paused = ?, due = ?, asked = asked + 1 WHERE name = ?")
            .bind(change.url.clone().map_or_else(|| row.text("url"), Ok)?)
            .bind(text(change.user.as_ref(), "account")?).bind(text(change.secret.as_ref(), "secret")?)
            .bind(text(change.authority.as_ref(), "authority")?).bind(list(change.repositories.as_ref(), "repositories")?)
            .bind(list(change.tags.as_ref(), "tags")?).bind(list(change.leave_out.as_ref(), "leave_out")?)
            .bind(number(change.newest, "newest")?).bind(number(change.minutes, "minutes")?)
            .bind(text(change.platform.as_ref(), "platform")?).bind(change.paused.map_or_else(|| row.flag("paused"), Ok)?)
            .bind(now).bind(name)
            .run(&mut *tx).await?;
        if change.url.is_some() || change.platform.is_some() {
            // What was seen is of another registry, or of other images.
            q("DELETE FROM registry_tag WHERE registry = ?").bind(name).run(&mut *tx).await?;
            q("DELETE FROM registry_repository WHERE registry = ?").bind(name).run(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Forgets a registry. Images that were found there stay.
    pub async fn remove_registry(&self, name: &str) -> Result<()> {
        match q("DELETE FROM registry WHERE name = ?").bind(name).run(&self.pool).await? {
            0 => Err(absent(name)),
            _ => Ok(()),
        }
    }

    /// The secret by which it tells of something; none: it does not.
    pub async fn set_hook(&self, name: &str, secret: Option<String>) -> Result<()> {
        match q("UPDATE registry SET hook = ? WHERE name = ?").bind(secret).bind(name).run(&self.pool).await?
        {
            0 => Err(absent(name)),
            _ => Ok(()),
        }
    }

    /// Registries.
    pub async fn registries(&self, text: &str, paging: &Paging) -> Result<Page<Registry>> {
        let filter = |query: Query| {
            if text.is_empty() {
                return query;
            }
            let pattern = containing(text);
            query
                .push(
                    " AND (LOWER(registry.name) LIKE LOWER(?) ESCAPE '!' OR LOWER(registry.url) LIKE LOWER(?) ESCAPE '!')",
                )
                .bind(&pattern)
                .bind(pattern)
        };
        self.page(LIST, paging, filter, read).await
    }

    /// One registry.
    pub async fn registry(&self, name: &str) -> Result<Registry> {
        let query = q("SELECT ").push(COLUMNS).push(" FROM registry WHERE name = ?").bind(name);
        read(&query.first(&self.pool).await?.ok_or_else(|| absent(name))?)
    }

    /// One registry, with its secrets.
    pub async fn registry_access(&self, name: &str) -> Result<RegistryAccess> {
        let query = q("SELECT ").push(COLUMNS).push(" FROM registry WHERE name = ?").bind(name);
        let row = query.first(&self.pool).await?.ok_or_else(|| absent(name))?;
        Ok(RegistryAccess {
            registry: read(&row)?,
            secret: row.maybe_text("secret")?,
            hook: row.maybe_text("hook")?,
            asked: row.int("asked")?,
        })
    }

    /// Registries of which the last look did not tell all, and images of registries that could not be scanned.
    pub async fn failing_registries(&self) -> Result<[u64; 2]> {
        let row = q("SELECT COUNT(*) AS many, (SELECT COUNT(DISTINCT t.digest) FROM registry_tag t WHERE t.state = 'failed') AS tags \
             FROM registry WHERE paused = 0 AND failed IS NOT NULL")
            .one(&self.pool)
            .await?;
        Ok([row.count("many")?, row.count("tags")?])
    }

    /// Registries whose time has come.
    pub async fn due_registries(&self, now: Millis) -> Result<Vec<String>> {
        let rows = q("SELECT name FROM registry WHERE paused = 0 AND due <= ? ORDER BY due, name")
            .bind(now)
            .all(&self.pool)
            .await?;
        rows.iter().map(|row| row.text("name")).collect()
    }

    /// It is looked into as soon as may be, and what could not be scanned is tried again.
    pub async fn ask_registry(&self, name: &str, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        if q("UPDATE registry SET due = ?, asked = asked + 1 WHERE name = ?")
            .bind(now)
            .bind(name)
            .run(&mut *tx)
            .await?
            == 0
        {
            return Err(absent(name));
        }
        q("UPDATE registry_tag SET again = ? WHERE registry = ? AND state = 'failed'")
            .bind(now)
            .bind(name)
            .run(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// It is looked into by then at the latest.
    pub async fn registry_due(&self, name: &str, by: Millis) -> Result<()> {
        q("UPDATE registry SET due = ? WHERE name = ? AND due > ?")
            .bind(by)
            .bind(name)
            .bind(by)
            .run(&self.pool)
            .await
            .map(drop)
    }

    /// A look has ended.
    pub async fn registry_polled(&self, name: &str, polled: &Polled, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        // Whoever has asked meanwhile wants another look.
        q("UPDATE registry SET polled = ?, due = CASE WHEN asked = ? THEN ? ELSE due END, failed = ?, told = ? WHERE name = ?")
            .bind(now)
            .bind(polled.asked)
            .bind(polled.due)
            .bind(polled.failed.clone())
            .bind(polled.told)
            .bind(name)
            .run(&mut *tx)
            .await?;
        if let Some(repositories) = &polled.repositories {
            let there: BTreeSet<&String> = repositories.iter().collect();
            let rows =
                q("SELECT name FROM registry_repository WHERE registry = ?").bind(name).all(&mut *tx).await?;
            for row in &rows {
                let repository = row.text("name")?;
                if !there.contains(&repository) {
                    self.forget_repository(&mut tx, name, &repository).await?;
                }
            }
        }
        tx.commit().await?;
        Ok(())
    }

    async fn forget_repository(&self, tx: Tx<'_>, registry: &str, repository: &str) -> Result<()> {
        q("DELETE FROM registry_tag WHERE registry = ? AND repository = ?")
            .bind(registry)
            .bind(repository)
            .run(&mut *tx)
            .await?;
        q("DELETE FROM registry_repository WHERE registry = ? AND name = ?")
            .bind(registry)
            .bind(repository)
            .run(&mut *tx)
            .await?;
        Ok(())
    }
}
