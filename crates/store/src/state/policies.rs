//! Policies of images, with all their versions. The last one of a name is in force; one without text says that it was removed.

use super::{
    Result, State, StateError,
    sql::{Columns, q},
};
use gabion_api::rest::{Millis, PolicyVersion};
use sqlx::any::AnyRow;

/// Policies there are at most.
const MOST: u64 = 100;
/// Versions of one that are told.
const MOST_VERSIONS: u64 = 100;
/// A reason is not longer, in bytes.
const MAX_REASON: usize = 2000;

fn read(row: &AnyRow) -> Result<PolicyVersion> {
    Ok(PolicyVersion {
        version: row.count("version")?,
        created: row.int("created")?,
        by: row.text("created_by")?,
        reason: row.text("reason")?,
        text: row.text("text")?,
    })
}

fn absent(name: &str) -> StateError {
    StateError::Absent { what: "policy", id: name.to_owned() }
}

impl State {
    /// Makes a version, of a policy that may be new; an empty text removes it. `after` is the version that it was made from, if there was one.
    pub async fn keep_policy(
        &self,
        name: &str,
        text: &str,
        after: Option<u64>,
        (by, reason): (&str, &str),
        now: Millis,
    ) -> Result<u64> {
        if reason.len() > MAX_REASON {
            return Err(StateError::Refused(format!("reason: it is longer than {MAX_REASON} bytes")));
        }
        let mut tx = self.begin().await?;
        let row = q("SELECT version, text FROM policy WHERE name = ? ORDER BY version DESC LIMIT 1")
            .bind(name)
            .first(&mut *tx)
            .await?;
        let last =
            row.map(|row| Ok::<_, StateError>((row.count("version")?, row.text("text")?))).transpose()?;
        let in_force = last.as_ref().filter(|(_, text)| !text.is_empty()).map(|(version, _)| *version);
        match (in_force, after) {
            (None, _) if text.is_empty() => return Err(absent(name)),
            (Some(version), Some(after)) if version != after => {
                return Err(StateError::Refused(format!(
                    "somebody has changed the policy {name}: it is at version {version}, this was made from {after}"
                )));
            }
            (Some(version), None) => {
                return Err(StateError::Refused(format!(
                    "there is a policy {name}: change it from its version {version}"
                )));
            }
            _ => {}
        }
        if in_force.is_none() {
            let row = q("SELECT COUNT(*) AS many FROM policy WHERE text <> '' AND NOT EXISTS \
                 (SELECT 1 FROM policy AS later WHERE later.name = policy.name AND later.version > policy.version)")
            .one(&mut *tx)
            .await?;
            if row.count("many")? >= MOST {
                return Err(StateError::Refused(format!("there are {MOST} policies, more are not kept")));
            }
        }
        let version = last.map_or(1, |(version, _)| version + 1);
        q("INSERT INTO policy (name, version, text, created, created_by, reason) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(name)
            .bind(version)
            .bind(text)
            .bind(now)
            .bind(by)
            .bind(reason)
            .run(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(version)
    }

    /// The policies that are in force, by name.
    pub async fn policies(&self) -> Result<Vec<(String, PolicyVersion)>> {
        let rows = q("SELECT policy.* FROM policy JOIN (SELECT name, MAX(version) AS version FROM policy GROUP BY name) AS last \
             ON last.name = policy.name AND last.version = policy.version WHERE policy.text <> '' ORDER BY policy.name")
            .all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((row.text("name")?, read(row)?))).collect()
    }

    /// The versions of a policy that is in force, the newest first.
    pub async fn policy(&self, name: &str) -> Result<Vec<PolicyVersion>> {
        let rows = q("SELECT * FROM policy WHERE name = ? ORDER BY version DESC LIMIT ?")
            .bind(name)
            .bind(MOST_VERSIONS)
            .all(&self.pool)
            .await?;
        let versions: Vec<PolicyVersion> = rows.iter().map(read).collect::<Result<_>>()?;
        match versions.first() {
            Some(last) if !last.text.is_empty() => Ok(versions),
            _ => Err(absent(name)),
        }
    }
}
