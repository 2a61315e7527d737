//! Hubs that share a database.

use super::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a hub is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HubState {
    /// It is heard.
    Heard,
    /// It has ended in order. Its events cannot be searched until it is back.
    Ended,
    /// It is not heard. Its events cannot be searched.
    Away,
}

/// A hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hub {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where agents and other hubs reach it.
    pub address: String,
    /// Its version.
    pub version: String,
    /// How it is.
    pub state: HubState,
    /// When it was there first.
    pub since: Millis,
    /// When it was heard last.
    pub seen: Millis,
    /// It is the one that answers this.
    pub here: bool,
    /// Since when it does what is to be done once; absent: another does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads: Option<Millis>,
    /// Nodes that are connected to it.
    pub nodes: u64,
}
