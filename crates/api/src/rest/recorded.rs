//! Rules that are tried on recorded events.

use super::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is sent: a form of parts, as `curl -F` and browsers send files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NewRuleTest {
    /// The recording: a `.scap` file of Falco or sysdig, or one of Gabion, compressed or not; up to 64 MiB.
    #[schema(value_type = String, format = Binary)]
    pub recording: Vec<u8>,
    /// Rules in Falco's language, up to 1 MiB. Absent: only Gabion's own are judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
}

/// What rules say of recorded events. Nothing is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleTest {
    /// What is wrong with the rules; then nothing was judged.
    pub problems: Vec<String>,
    /// By how many rules it was judged.
    pub rules: u64,
    /// Of those, how many said nothing.
    pub silent: u64,
    /// The name of the node whose events they are; empty if the recording does not say.
    pub node: String,
    /// Events that were judged.
    pub events: u64,
    /// When the first of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Millis>,
    /// When the last of them was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Millis>,
    /// Of which kinds they were, the most frequent first.
    pub kinds: Vec<TestedKind>,
    /// What was not read or not judged, and why; empty: all of the recording was.
    pub unread: Vec<String>,
    /// Alerts that there would have been.
    pub alerts: u64,
    /// By rule, those with the most alerts first: at most a thousand. Rules that were sent are there without alerts, too.
    pub by_rule: Vec<TestedRule>,
    /// The first alerts: at most a hundred.
    pub first: Vec<TestedAlert>,
}

/// Events of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestedKind {
    /// As `evt.type` says it.
    pub kind: String,
    /// How many.
    pub events: u64,
}

/// What a rule says of recorded events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestedRule {
    /// Its name.
    pub rule: String,
    /// How bad what it finds is.
    pub priority: String,
    /// Where it is from: `Gabion`, or `rules` for what was sent.
    pub source: String,
    /// Events of the kinds that it can match. None: the recording cannot tell whether the rule works.
    pub events: u64,
    /// Alerts of it.
    pub alerts: u64,
}

/// An alert that there would have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TestedAlert {
    /// When.
    pub time: Millis,
    /// The number of the event in the recording, as `evt.num` says it.
    pub event: u64,
    /// The rule.
    pub rule: String,
    /// How bad it is.
    pub priority: String,
    /// What the rule says; long ones end with `...`.
    pub output: String,
}
