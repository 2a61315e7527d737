//! The search over events.

use super::Millis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One thing that happened on a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its id: the same event has the same one, however often it is sent.
    pub id: String,
    /// When.
    pub time: Millis,
    /// `execve`, `connect`, `alert`, ...
    pub kind: String,
    /// The node.
    pub node: String,
    /// The container, by name; absent on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Its workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// What happened, in a line.
    pub message: String,
    /// How bad, for an alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// All its fields, as rules name them.
    pub fields: BTreeMap<String, String>,
}

/// A part of what was asked for could not be searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unsearched {
    /// Which.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Events that were found, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    /// The events.
    pub items: Vec<Event>,
    /// How many there are.
    pub total: u64,
    /// What to send as `cursor` for the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What could not be searched: the answer is partial.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsearched: Vec<Unsearched>,
}

/// A bar of the histogram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bucket {
    /// Its beginning.
    pub time: Millis,
    /// Events in it.
    pub count: u64,
}

/// How many events there were when, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Histogram {
    /// How long a bucket is.
    pub step: Millis,
    /// The buckets, the oldest first; empty ones as well.
    pub buckets: Vec<Bucket>,
    /// The most frequent values: of `kind`, `node`, `workload`, `program`, `rule`.
    pub top: BTreeMap<String, Vec<(String, u64)>>,
    /// What could not be searched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsearched: Vec<Unsearched>,
}
