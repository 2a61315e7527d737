//! What was seen of a registry: its repositories, their tags, what of them waits to be scanned, and what it has told of by itself.

use super::super::{
    DAY, Paging, Result, State, StateError, Tx,
    list::{Key, List, containing},
    sql::{Columns, Query, q, word_of},
};
use gabion_api::rest::{ImagePlace, Millis, Page, RegistryRepository, RegistryTag, TagState};
use sqlx::any::AnyRow;
use std::collections::BTreeSet;

/// Tags that were told of and are not looked at yet.
const MAX_LOOKS: u64 = 10_000;
/// A tag that could not be scanned is tried again after so long, and then after twice as long, up to a day.
const AGAIN: Millis = 30 * 60_000;

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

impl State {
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
        let wait = (AGAIN << tries.min(6)).min(DAY);
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
                    .push(" AND LOWER(registry_tag.name) LIKE LOWER(?) ESCAPE '!'")
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
            query.push(" AND LOWER(registry_repository.name) LIKE LOWER(?) ESCAPE '!'").bind(containing(text))
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
    pub(in crate::state) async fn places_of(&self, image: &str) -> Result<Vec<ImagePlace>> {
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
