//! Configurations: what nodes judge by, as versions. A node has the newest that is for it and was not taken back.

use super::{
    Paging, Result, State, StateError,
    list::{Key, List},
    sql::{Columns, Query, q, word_of},
};
use gabion_api::rest::{
    Configuration, ConfigurationDetail, ConfiguredNode, ConfiguredState, Millis, NewConfiguration, Page,
};
use gabion_policy::Pattern;
use sqlx::any::AnyRow;
use std::collections::HashMap;

/// A reason is not longer, in bytes.
const MAX_REASON: usize = 2000;
/// Nor are there more patterns of one version.
const MAX_PATTERNS: usize = 100;

/// A version that is in force.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Its number.
    pub version: u64,
    /// By which nodes tell that they have it.
    pub name: String,
    /// For which nodes.
    nodes: Vec<Pattern>,
}

impl InForce {
    /// Whether it is for all nodes.
    pub fn is_for_all(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether it is for a node of that name.
    pub fn is_for(&self, node: &str) -> bool {
        self.nodes.is_empty() || self.nodes.iter().any(|pattern| pattern.matches(node))
    }
}

/// What a version says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    /// See there.
    pub rules: String,
    /// See there.
    pub policy: String,
    /// See there.
    pub responses: String,
    /// See there.
    pub baselines: String,
}

const LIST: List = List {
    columns: "version, created, created_by, reason, nodes, withdrawn, withdrawn_by, name, \
              LENGTH(rules) AS of_rules, LENGTH(policy) AS of_policy, LENGTH(responses) AS of_responses, \
              LENGTH(baselines) AS of_baselines",
    from: "configuration",
    id: "configuration.name",
    keys: &[Key { name: "version", column: "configuration.version", text: false }],
    down: true,
};

fn read(row: &AnyRow) -> Result<Configuration> {
    let mut parts = Vec::new();
    for (part, column) in [
        ("rules", "of_rules"),
        ("policy", "of_policy"),
        ("responses", "of_responses"),
        ("baselines", "of_baselines"),
    ] {
        if row.count(column)? > 0 {
            parts.push(part.to_owned());
        }
    }
    Ok(Configuration {
        version: row.count("version")?,
        created: row.int("created")?,
        by: row.text("created_by")?,
        reason: row.text("reason")?,
        nodes: row.json("nodes")?,
        withdrawn: row.maybe_int("withdrawn")?,
        withdrawn_by: row.maybe_text("withdrawn_by")?,
        parts,
        applied: 0,
        refused: 0,
        waiting: 0,
    })
}

fn patterns(nodes: &[String]) -> Result<Vec<Pattern>> {
    if nodes.len() > MAX_PATTERNS {
        return Err(StateError::Refused(format!("nodes: there are more than {MAX_PATTERNS} patterns")));
    }
    let pattern = |text: &String| {
        text.parse().map_err(|error| StateError::Refused(format!("nodes: {text:?}: {error}")))
    };
    nodes.iter().map(pattern).collect()
}

impl State {
    /// Makes a version; `mark` tells its content from others. Gives its number.
    pub async fn add_configuration(
        &self,
        new: &NewConfiguration,
        mark: &str,
        by: &str,
        now: Millis,
    ) -> Result<u64> {
        patterns(&new.nodes)?;
        if new.reason.len() > MAX_REASON {
            return Err(StateError::Refused(format!("reason: it is longer than {MAX_REASON} bytes")));
        }
        let mut tx = self.begin().await?;
        let row =
            q("SELECT COALESCE(MAX(version), 0) + 1 AS version FROM configuration").one(&mut *tx).await?;
        let version = row.count("version")?;
        q("INSERT INTO configuration (version, name, created, created_by, reason, nodes, rules, policy, responses, baselines) \
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
            .bind(version).bind(format!("v{version}-{mark}")).bind(now).bind(by).bind(&new.reason).bind(super::to_json(&new.nodes))
            .bind(&new.rules).bind(&new.policy).bind(&new.responses).bind(&new.baselines).run(&mut *tx).await?;
        tx.commit().await?;
        Ok(version)
    }

    /// Says for which nodes a version is.
    pub async fn change_configuration(&self, version: u64, nodes: &[String]) -> Result<()> {
        patterns(nodes)?;
        let query = q("UPDATE configuration SET nodes = ? WHERE version = ? AND withdrawn IS NULL");
        self.one_version(query.bind(super::to_json(nodes)).bind(version), version).await
    }

    /// Takes a version back: its nodes have the one before again.
    pub async fn withdraw_configuration(&self, version: u64, by: &str, now: Millis) -> Result<()> {
        let query = q(
            "UPDATE configuration SET withdrawn = ?, withdrawn_by = ? WHERE version = ? AND withdrawn IS NULL",
        );
        self.one_version(query.bind(now).bind(by).bind(version), version).await
    }

    async fn one_version(&self, query: Query, version: u64) -> Result<()> {
        if query.run(&self.pool).await? == 0 {
            return Err(StateError::Absent { what: "configuration in force", id: version.to_string() });
        }
        Ok(())
    }

    /// The versions that are in force, the newest first, down to one that is for all.
    pub async fn configurations_in_force(&self) -> Result<Vec<InForce>> {
        let rows =
            q("SELECT version, name, nodes FROM configuration WHERE withdrawn IS NULL ORDER BY version DESC")
                .all(&self.pool)
                .await?;
        let mut found = Vec::new();
        for row in &rows {
            let nodes: Vec<String> = row.json("nodes")?;
            let is_last = nodes.is_empty();
            found.push(InForce {
                version: row.count("version")?,
                name: row.text("name")?,
                nodes: patterns(&nodes)?,
            });
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// What a version says.
    pub async fn configuration_texts(&self, version: u64) -> Result<Texts> {
        let row = q("SELECT rules, policy, responses, baselines FROM configuration WHERE version = ?")
            .bind(version)
            .first(&self.pool)
            .await?;
        let row = row.ok_or_else(|| StateError::Absent { what: "configuration", id: version.to_string() })?;
        Ok(Texts {
            rules: row.text("rules")?,
            policy: row.text("policy")?,
            responses: row.text("responses")?,
            baselines: row.text("baselines")?,
        })
    }

    /// A node has said whether it has what it is to have.
    pub async fn configured(
        &self,
        node: &str,
        name: &str,
        state: ConfiguredState,
        why: &str,
        now: Millis,
    ) -> Result<()> {
        q("INSERT INTO configured (node, name, state, why, since) VALUES (?, ?, ?, ?, ?) \
           ON CONFLICT (node) DO UPDATE SET name = excluded.name, state = excluded.state, why = excluded.why, since = excluded.since")
            .bind(node).bind(name).bind(word_of(state)).bind(why).bind(now).run(&self.pool).await.map(drop)
    }

    /// The nodes that are to have each version in force, by its number.
    async fn nodes_by_version(&self) -> Result<HashMap<u64, Vec<ConfiguredNode>>> {
        let in_force = self.configurations_in_force().await?;
        let rows = q("SELECT node.id, node.name, configured.name AS has, configured.state, configured.why, configured.since \
             FROM node LEFT JOIN configured ON configured.node = node.id WHERE node.removed IS NULL ORDER BY node.name, node.id")
            .all(&self.pool).await?;
        let mut nodes: HashMap<u64, Vec<ConfiguredNode>> = HashMap::new();
        for row in &rows {
            let name = row.text("name")?;
            let Some(wanted) = in_force.iter().find(|version| version.is_for(&name)) else { continue };
            let has_answered = row.maybe_text("has")?.as_ref() == Some(&wanted.name);
            let (state, why, since) = if has_answered {
                (row.word("state")?, row.text("why")?, row.maybe_int("since")?)
            } else {
                (ConfiguredState::Waiting, String::new(), None)
            };
            let node = ConfiguredNode { node: row.text("id")?, name, state, why, since };
            nodes.entry(wanted.version).or_default().push(node);
        }
        Ok(nodes)
    }

    /// All versions, the newest first.
    pub async fn configurations(&self, paging: &Paging) -> Result<Page<Configuration>> {
        let nodes = self.nodes_by_version().await?;
        let mut page = self.page(LIST, paging, |query| query, read).await?;
        for one in &mut page.items {
            count(one, nodes.get(&one.version).map_or(&[], Vec::as_slice));
        }
        Ok(page)
    }

    /// One version.
    pub async fn configuration(&self, version: u64) -> Result<ConfigurationDetail> {
        let query =
            q("SELECT ").push(LIST.columns).push(" FROM configuration WHERE version = ?").bind(version);
        let row = query.first(&self.pool).await?;
        let row = row.ok_or_else(|| StateError::Absent { what: "configuration", id: version.to_string() })?;
        let mut configuration = read(&row)?;
        let on = self.nodes_by_version().await?.remove(&version).unwrap_or_default();
        count(&mut configuration, &on);
        let Texts { rules, policy, responses, baselines } = self.configuration_texts(version).await?;
        Ok(ConfigurationDetail { configuration, rules, policy, responses, baselines, on })
    }
}

fn count(configuration: &mut Configuration, nodes: &[ConfiguredNode]) {
    for node in nodes {
        match node.state {
            ConfiguredState::Applied => configuration.applied += 1,
            ConfiguredState::Refused => configuration.refused += 1,
            ConfiguredState::Waiting => configuration.waiting += 1,
        }
    }
}
