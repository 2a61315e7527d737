//! What is rolled out to nodes, and how far it has come.

use super::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A version of what nodes judge by. Each node has the newest that is for it and was not taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Configuration {
    /// Its number; later ones are larger.
    pub version: u64,
    /// When it was made.
    pub created: Millis,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// For nodes whose name fits one of these patterns; empty: for all.
    pub nodes: Vec<String>,
    /// When it was taken back; absent: it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Millis>,
    /// By whom it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_by: Option<String>,
    /// What is in it: `rules`, `policy`, `responses`, `baselines`.
    pub parts: Vec<String>,
    /// Nodes that are to have it and do.
    pub applied: u64,
    /// Nodes that have refused it, and go on with what they had.
    pub refused: u64,
    /// Nodes that are to have it and have not answered yet.
    pub waiting: u64,
}

/// All of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigurationDetail {
    /// What the list tells.
    #[serde(flatten)]
    pub configuration: Configuration,
    /// Rules, beside Gabion's own.
    pub rules: String,
    /// What containers may do.
    pub policy: String,
    /// What alerts cause.
    pub responses: String,
    /// What workloads do, whatever nodes have learnt.
    pub baselines: String,
    /// The nodes that are to have it.
    pub on: Vec<ConfiguredNode>,
}

/// How a node does with what it is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfiguredNode {
    /// Its id.
    pub node: String,
    /// Its name.
    pub name: String,
    /// Whether it has it.
    pub state: ConfiguredState,
    /// Why it has refused it; else empty.
    pub why: String,
    /// Since when it is so; absent while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
}

/// Whether a node has what it is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConfiguredState {
    /// It judges by it.
    Applied,
    /// It cannot use it, and goes on with what it had.
    Refused,
    /// It has not answered yet, or is not connected.
    Waiting,
}

/// What is to be rolled out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConfiguration {
    /// Rules in YAML, as `gabion rules check` takes them.
    #[serde(default)]
    pub rules: String,
    /// A policy in YAML, as `gabion agent --policy` takes it.
    #[serde(default)]
    pub policy: String,
    /// Responses in YAML, as `gabion agent --respond` takes them.
    #[serde(default)]
    pub responses: String,
    /// Baselines, each a line of JSON, as `gabion baseline export` prints them.
    #[serde(default)]
    pub baselines: String,
    /// For nodes whose name fits one of these patterns; empty: for all.
    #[serde(default)]
    pub nodes: Vec<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// For which nodes a version is from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationChange {
    /// Patterns of names; empty: all.
    pub nodes: Vec<String>,
}

/// Whether it could be rolled out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigurationCheck {
    /// What is wrong; empty if nothing was found.
    pub problems: Vec<String>,
    /// Nodes that would refuse it, and why, though others can use it: one that has a policy of its own, say.
    pub refused_by: Vec<String>,
    /// The nodes whose agents have read it. Rules are read by the hub, too; without a node nobody has read the rest.
    pub read_by: Vec<String>,
    /// By how many rules a node would judge.
    pub rules: u64,
}
