//! Registries that are looked into: how, what was seen of them, and what of it waits to be scanned.
//!
//! ```text
//!   look ──► registry_repository   how many tags it has, match, are looked at
//!        └─► registry_tag          waiting ──► scanned, image            another digest: waiting again
//!                                          ├─► failed ──(again)──► waiting
//!                                          └─► no-image
//! ```

use super::{
    Paging, Result, State, StateError, Tx,
    list::{Key, List, containing},
    sql::{Columns, Query, q, word_of},
    to_json,
};
use gabion_api::rest::{
    ImagePlace, Millis, NewRegistry, Page, Registry, RegistryChange, RegistryNumbers, RegistryRepository,
    RegistryState, RegistryTag, TagState,
};
use sqlx::any::AnyRow;
use std::{collections::BTreeSet, fmt};

/// Registries that there may be.
const MOST: u64 = 200;
/// Tags that were told of and are not looked at yet.
const MAX_LOOKS: u64 = 10_000;
/// A tag that could not be scanned is tried again after so long, and then after twice as long, up to a day.
const AGAIN: Millis = 30 * 60_000;

/// All that is needed to look into a registry, with its secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryAccess {
    /// What of it is wanted.
    pub registry: Registry,
    /// The password or token.
    pub secret: Option<String>,
    /// By what it proves that it is itself that tells of something.
    pub hook: Option<String>,
}

impl fmt::Debug for RegistryAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryAccess").field("registry", &self.registry.name).finish_non_exhaustive()
    }
}

/// What a look into a repository has told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Tags that it has.
    pub tags: u64,
    /// Tags that match.
    pub matched: u64,
    /// Those that are looked at, and what they mean.
    pub chosen: Vec<NewTag>,
    /// Chosen, but it could not be told what they mean: what was known of them stays.
    pub unknown: Vec<String>,
    /// What could not be told.
    pub failed: Option<String>,
}

/// A tag, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTag {
    /// The tag.
    pub tag: String,
    /// `HOST/REPOSITORY:TAG`.
    pub name: String,
    /// The digest of its manifest or index.
    pub digest: String,
}

/// A tag that waits to be scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingTag {
    /// The registry.
    pub registry: String,
    /// The repository there.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// `HOST/REPOSITORY:TAG`.
    pub name: String,
    /// What it meant when it was seen.
    pub digest: String,
}

/// Which tags.
#[derive(Clone, Debug, Default)]
pub struct TagFilter {
    /// This is in the name.
    pub text: String,
    /// In these states.
    pub states: Vec<TagState>,
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

const TAGS: List = List {
    columns: "registry_tag.*",
    from: "registry_tag",
    id: "registry_tag.name",
    keys: &[
        Key { name: "since", column: "registry_tag.since", text: false },
        Key { name: "name", column: "registry_tag.name", text: true },
        Key { name: "state", column: "registry_tag.state", text: true },
    ],
    down: true,
};

const REPOSITORIES: List = List {
    columns: "registry_repository.*",
    from: "registry_repository",
    id: "registry_repository.name",
    keys: &[
        Key { name: "name", column: "registry_repository.name", text: true },
        Key { name: "tags", column: "registry_repository.tags", text: false },
        Key {
            name: "left_out",
            column: "(registry_repository.matched - registry_repository.chosen)",
            text: false,
        },
    ],
    down: false,
};

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

fn read_tag(row: &AnyRow) -> Result<RegistryTag> {
    Ok(RegistryTag {
        name: row.text("name")?,
        repository: row.text("repository")?,
        tag: row.text("tag")?,
        digest: row.text("digest")?,
        image: row.maybe_text("image")?,
        since: row.int("since")?,
        state: row.word("state")?,
        why: row.maybe_text("why")?,
        scanned: row.maybe_int("scanned")?,
        again: row.maybe_int("again")?,
    })
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
           minutes = ?, platform = ?, paused = ?, due = ? WHERE name = ?")
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
                    " AND (LOWER(registry.name) LIKE ? ESCAPE '!' OR LOWER(registry.url) LIKE ? ESCAPE '!')",
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
        if q("UPDATE registry SET due = ? WHERE name = ?").bind(now).bind(name).run(&mut *tx).await? == 0 {
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

    /// A look has ended: when the next one is due, and what could not be told; `told` says whether anything could.
    /// With `repositories` all others are there no more.
    pub async fn registry_polled(
        &self,
        name: &str,
        failed: Option<&str>,
        told: bool,
        repositories: Option<&[String]>,
        due: Millis,
        now: Millis,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        q("UPDATE registry SET polled = ?, due = ?, failed = ?, told = ? WHERE name = ?")
            .bind(now)
            .bind(due)
            .bind(failed.map(str::to_owned))
            .bind(told)
            .bind(name)
            .run(&mut *tx)
            .await?;
        if let Some(repositories) = repositories {
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

    /// What a look into a repository has told; how many tags wait because of it.
    pub async fn keep_repository(
        &self,
        registry: &str,
        repository: &str,
        looked: &Looked,
        now: Millis,
    ) -> Result<u64> {
        let mut tx = self.begin().await?;
        let chosen = (looked.chosen.len() + looked.unknown.len()) as u64;
        q("INSERT INTO registry_repository (registry, name, looked, tags, matched, chosen, failed) VALUES (?, ?, ?, ?, ?, ?, ?) \
           ON CONFLICT (registry, name) DO UPDATE SET looked = excluded.looked, tags = excluded.tags, matched = excluded.matched, \
           chosen = excluded.chosen, failed = excluded.failed")
            .bind(registry).bind(repository).bind(now).bind(looked.tags).bind(looked.matched).bind(chosen).bind(looked.failed.clone())
            .run(&mut *tx).await?;
        let stays: BTreeSet<&String> =
            looked.chosen.iter().map(|new| &new.tag).chain(&looked.unknown).collect();
        let rows = q("SELECT tag FROM registry_tag WHERE registry = ? AND repository = ?")
            .bind(registry)
            .bind(repository)
            .all(&mut *tx)
            .await?;
        for row in &rows {
            let tag = row.text("tag")?;
            if !stays.contains(&tag) {
                q("DELETE FROM registry_tag WHERE registry = ? AND repository = ? AND tag = ?")
                    .bind(registry)
                    .bind(repository)
                    .bind(tag)
                    .run(&mut *tx)
                    .await?;
            }
        }
        let mut waiting = 0;
        for new in &looked.chosen {
            waiting += u64::from(self.tag_seen(&mut tx, registry, repository, new, now).await?);
        }
        tx.commit().await?;
        Ok(waiting)
    }

    /// What could not be told of a repository; what was known of it stays.
    pub async fn repository_failed(
        &self,
        registry: &str,
        repository: &str,
        why: &str,
        now: Millis,
    ) -> Result<()> {
        q("INSERT INTO registry_repository (registry, name, looked, tags, matched, chosen, failed) VALUES (?, ?, ?, 0, 0, 0, ?) \
           ON CONFLICT (registry, name) DO UPDATE SET looked = excluded.looked, failed = excluded.failed")
            .bind(registry).bind(repository).bind(now).bind(why).run(&self.pool).await.map(drop)
    }

    /// One tag was looked at by itself; whether it waits because of it.
    pub async fn keep_tag(
        &self,
        registry: &str,
        repository: &str,
        new: &NewTag,
        now: Millis,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        let waits = self.tag_seen(&mut tx, registry, repository, new, now).await?;
        tx.commit().await?;
        Ok(waits)
    }

    /// One that is there no more.
    pub async fn forget_tag(&self, registry: &str, repository: &str, tag: &str) -> Result<()> {
        q("DELETE FROM registry_tag WHERE registry = ? AND repository = ? AND tag = ?")
            .bind(registry)
            .bind(repository)
            .bind(tag)
            .run(&self.pool)
            .await
            .map(drop)
    }

    async fn tag_seen(
        &self,
        tx: Tx<'_>,
        registry: &str,
        repository: &str,
        new: &NewTag,
        now: Millis,
    ) -> Result<bool> {
        let known = q("SELECT digest FROM registry_tag WHERE registry = ? AND repository = ? AND tag = ?")
            .bind(registry)
            .bind(repository)
            .bind(&new.tag)
            .first(&mut *tx)
            .await?;
        if known.map(|row| row.text("digest")).transpose()?.as_ref() == Some(&new.digest) {
            return Ok(false);
        }
        // Another tag of the registry may mean the same.
        let same = q("SELECT image FROM registry_tag WHERE registry = ? AND digest = ? AND state = 'scanned' AND image IS NOT NULL LIMIT 1")
            .bind(registry)
            .bind(&new.digest)
            .first(&mut *tx)
            .await?;
        let image = same.map(|row| row.text("image")).transpose()?;
        let state = if image.is_some() { TagState::Scanned } else { TagState::Waiting };
        q("INSERT INTO registry_tag (registry, repository, tag, name, digest, image, since, state, scanned) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
           ON CONFLICT (registry, repository, tag) DO UPDATE SET name = excluded.name, digest = excluded.digest, image = excluded.image, \
           since = excluded.since, state = excluded.state, scanned = excluded.scanned, why = NULL, tries = 0, again = NULL")
            .bind(registry).bind(repository).bind(&new.tag).bind(&new.name).bind(&new.digest).bind(image.clone()).bind(now)
            .bind(word_of(state)).bind(image.as_ref().map(|_| now))
            .run(&mut *tx).await?;
        if let Some(image) = image {
            self.image_known(&mut *tx, &image, &new.name, None, now).await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// The tag that is to be scanned next, the one first that waits for the longest.
    pub async fn next_tag(&self, now: Millis) -> Result<Option<WaitingTag>> {
        let row = q("SELECT registry_tag.* FROM registry_tag JOIN registry ON registry.name = registry_tag.registry WHERE registry.paused = 0 \
             AND (registry_tag.state = 'waiting' OR (registry_tag.state = 'failed' AND registry_tag.again <= ?)) \
             ORDER BY registry_tag.tries, registry_tag.since, registry_tag.name LIMIT 1")
            .bind(now)
            .first(&self.pool)
            .await?;
        let read = |row: AnyRow| {
            Ok(WaitingTag {
                registry: row.text("registry")?,
                repository: row.text("repository")?,
                tag: row.text("tag")?,
                name: row.text("name")?,
                digest: row.text("digest")?,
            })
        };
        row.map(read).transpose()
    }

    /// It was scanned, and its report is kept as that of an image. All tags of the registry that mean the same are of that image.
    pub async fn tag_scanned(&self, tag: &WaitingTag, image: &str, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        let rows = q("SELECT name FROM registry_tag WHERE registry = ? AND digest = ?")
            .bind(&tag.registry)
            .bind(&tag.digest)
            .all(&mut *tx)
            .await?;
        q("UPDATE registry_tag SET state = 'scanned', image = ?, why = NULL, again = NULL, scanned = ? WHERE registry = ? AND digest = ?")
            .bind(image).bind(now).bind(&tag.registry).bind(&tag.digest).run(&mut *tx).await?;
        for row in &rows {
            self.image_known(&mut tx, image, &row.text("name")?, None, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// It could not be scanned. With `is_image` it is tried again.
    pub async fn tag_failed(&self, tag: &WaitingTag, why: &str, is_image: bool, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        let found = q(
            "SELECT tries FROM registry_tag WHERE registry = ? AND repository = ? AND tag = ? AND digest = ?",
        )
        .bind(&tag.registry)
        .bind(&tag.repository)
        .bind(&tag.tag)
        .bind(&tag.digest)
        .first(&mut *tx)
        .await?;
        let Some(row) = found else { return Ok(()) };
        let tries = row.count("tries")?;
        let wait = (AGAIN << tries.min(6)).min(super::DAY);
        let state = if is_image { TagState::Failed } else { TagState::NoImage };
        q("UPDATE registry_tag SET state = ?, why = ?, tries = ?, again = ? WHERE registry = ? AND repository = ? AND tag = ?")
            .bind(word_of(state)).bind(why).bind(tries + 1).bind(is_image.then_some(now + wait))
            .bind(&tag.registry).bind(&tag.repository).bind(&tag.tag)
            .run(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Tags of a registry.
    pub async fn registry_tags(
        &self,
        name: &str,
        wanted: &TagFilter,
        paging: &Paging,
    ) -> Result<Page<RegistryTag>> {
        self.registry(name).await?;
        let filter = |query: Query| {
            let mut query = query.push(" AND registry_tag.registry = ?").bind(name);
            if !wanted.text.is_empty() {
                query = query
                    .push(" AND LOWER(registry_tag.name) LIKE ? ESCAPE '!'")
                    .bind(containing(&wanted.text));
            }
            if !wanted.states.is_empty() {
                query = query
                    .push(" AND registry_tag.state IN ")
                    .list(wanted.states.iter().map(|state| state.as_str().to_owned()));
            }
            query
        };
        self.page(TAGS, paging, filter, read_tag).await
    }

    /// Repositories of a registry.
    pub async fn registry_repositories(
        &self,
        name: &str,
        text: &str,
        paging: &Paging,
    ) -> Result<Page<RegistryRepository>> {
        self.registry(name).await?;
        let filter = |query: Query| {
            let query = query.push(" AND registry_repository.registry = ?").bind(name);
            if text.is_empty() {
                return query;
            }
            query.push(" AND LOWER(registry_repository.name) LIKE ? ESCAPE '!'").bind(containing(text))
        };
        self.page(REPOSITORIES, paging, filter, |row| {
            Ok(RegistryRepository {
                name: row.text("name")?,
                looked: row.int("looked")?,
                tags: row.count("tags")?,
                matched: row.count("matched")?,
                left_out: row.count("matched")?.saturating_sub(row.count("chosen")?),
                error: row.maybe_text("failed")?,
            })
        })
        .await
    }

    /// In which registries an image is.
    pub(super) async fn places_of(&self, image: &str) -> Result<Vec<ImagePlace>> {
        let rows =
            q("SELECT registry, name FROM registry_tag WHERE image = ? ORDER BY registry, name LIMIT 1000")
                .bind(image)
                .all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| Ok(ImagePlace { registry: row.text("registry")?, name: row.text("name")? }))
            .collect()
    }

    /// Somebody says that something has changed there: it is looked at, and then forgotten.
    pub async fn ask_look(&self, registry: &str, repository: &str, tag: &str, now: Millis) -> Result<()> {
        let mut tx = self.begin().await?;
        let waiting = q("SELECT COUNT(*) AS many FROM registry_look WHERE registry = ?")
            .bind(registry)
            .one(&mut *tx)
            .await?;
        if waiting.count("many")? >= MAX_LOOKS {
            return Err(StateError::Refused("too much was told that is not looked at yet".to_owned()));
        }
        q("INSERT INTO registry_look (registry, repository, tag, since) VALUES (?, ?, ?, ?) \
           ON CONFLICT (registry, repository, tag) DO UPDATE SET since = excluded.since")
        .bind(registry)
        .bind(repository)
        .bind(tag)
        .bind(now)
        .run(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// What is to be looked at of a registry by itself: repositories and tags, and when that was told last.
    pub async fn looks(&self, registry: &str, most: u64) -> Result<Vec<(String, String, Millis)>> {
        let rows = q("SELECT repository, tag, since FROM registry_look WHERE registry = ? ORDER BY since, repository, tag LIMIT ?")
            .bind(registry)
            .bind(most)
            .all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((row.text("repository")?, row.text("tag")?, row.int("since")?))).collect()
    }

    /// Registries of which something is to be looked at by itself.
    pub async fn told_registries(&self) -> Result<Vec<String>> {
        let rows = q("SELECT DISTINCT registry_look.registry AS name FROM registry_look JOIN registry ON registry.name = registry_look.registry \
             WHERE registry.paused = 0 ORDER BY name")
            .all(&self.pool)
            .await?;
        rows.iter().map(|row| row.text("name")).collect()
    }

    /// It was looked at for what had been told by then.
    pub async fn look_done(&self, registry: &str, repository: &str, tag: &str, told: Millis) -> Result<()> {
        q("DELETE FROM registry_look WHERE registry = ? AND repository = ? AND tag = ? AND since <= ?")
            .bind(registry)
            .bind(repository)
            .bind(tag)
            .bind(told)
            .run(&self.pool)
            .await
            .map(drop)
    }
}
