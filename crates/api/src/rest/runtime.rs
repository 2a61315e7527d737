//! What happens: alerts, incidents, responses, who talks to whom, what is usual.

use super::{Millis, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What has become of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AlertState {
    /// Nobody has looked at it.
    New,
    /// Somebody has.
    Seen,
    /// It is nothing.
    Suppressed,
}

/// A rule matched; equal ones are one with a count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// When it came first.
    pub first: Millis,
    /// When it came last.
    pub last: Millis,
    /// How often.
    pub count: u64,
    /// The rule.
    pub rule: String,
    /// How bad it is, in Falco's words.
    pub priority: String,
    /// The same in ours.
    pub severity: Severity,
    /// What the last one says.
    pub message: String,
    /// The node.
    pub node: String,
    /// The container, by name; absent on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Its workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// The incident that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// Techniques of ATT&CK.
    pub techniques: Vec<String>,
    /// What has become of it.
    pub state: AlertState,
    /// Fields of the last one.
    pub fields: BTreeMap<String, String>,
}

/// What is to become of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertChange {
    /// Which.
    pub ids: Vec<String>,
    /// What they become.
    pub state: AlertState,
}

/// Whether somebody still has to look at an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IncidentState {
    /// Somebody has to.
    Open,
    /// It is dealt with.
    Closed,
}

/// Alerts that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// What it is, in a line.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// When its first step was.
    pub began: Millis,
    /// When something was added last.
    pub updated: Millis,
    /// The nodes it is on, in the order in which it came to them.
    pub nodes: Vec<String>,
    /// The containers it is in; one of each of two nodes may have the same name.
    pub containers: Vec<String>,
    /// Something of it is on a node itself, in no container.
    pub on_host: bool,
    /// Tactics of ATT&CK, in the order of an attack.
    pub tactics: Vec<String>,
    /// Techniques.
    pub techniques: Vec<String>,
    /// Alerts in it.
    pub alerts: u64,
    /// Whether somebody has to look at it.
    pub state: IncidentState,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// When.
    pub time: Millis,
    /// On which node, by name.
    pub node: String,
    /// The same, by id: names need not be different.
    pub on: String,
    /// In which container; empty on the host.
    pub container: String,
    /// What.
    pub text: String,
    /// The rule that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// A process in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Line {
    /// How many ancestors of it are in the tree.
    pub depth: u32,
    /// Its number.
    pub pid: u32,
    /// What it runs.
    pub command: String,
    /// On which node, by name.
    pub node: String,
    /// The same, by id.
    pub on: String,
    /// In which container; empty on the host.
    pub container: String,
    /// Rules that it matched.
    pub rules: Vec<String>,
    /// It serves others, too.
    pub server: bool,
}

/// An incident with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentDetail {
    /// See there.
    #[serde(flatten)]
    pub incident: Incident,
    /// Where it came from, in sentences.
    pub origin: Vec<String>,
    /// How far it got, in sentences.
    pub extent: Vec<String>,
    /// What happened, in order of time.
    pub steps: Vec<Step>,
    /// Its processes, children beneath their parents.
    pub processes: Vec<Line>,
    /// More belongs to it than is told.
    pub cut: bool,
    /// What was done about it.
    pub responses: Vec<Response>,
    /// What it is made of: incidents of one node each, in the order in which they began. Their ids lead to the whole.
    pub parts: Vec<IncidentPart>,
    /// The connections by which one part led to another, and those that somebody has said are no reason to join.
    pub links: Vec<IncidentLink>,
    /// Parts that whoever asks may not see.
    pub hidden: u64,
}

/// An incident as one node tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentPart {
    /// Its id.
    pub id: String,
    /// The node, by id.
    pub node: String,
    /// The node, by name.
    pub name: String,
    /// What it is, in a line.
    pub title: String,
    /// How bad it is.
    pub severity: Severity,
    /// When its first step was, by the clock of the node.
    pub began: Millis,
    /// When its last alert was, by the clock of the node.
    pub updated: Millis,
    /// By how much the clock of the hub is ahead of that of the node; not known of an agent that does not tell what time it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew: Option<Millis>,
    /// The node tells the connections of its incidents. One that does not, as agents of earlier versions, cannot be joined with others.
    pub joinable: bool,
    /// Where it came from is here.
    pub origin: bool,
}

/// A connection by which an incident of one node led to one of another: it is part of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IncidentLink {
    /// The part that began it.
    pub cause: String,
    /// The part that accepted it.
    pub effect: String,
    /// Who connected: address and port.
    pub client: String,
    /// Who was connected to.
    pub server: String,
    /// Who accepted; another than `server` where a service address is in between.
    pub accepted_by: String,
    /// When it was begun, by the hub's clock.
    pub sent: Millis,
    /// When it was accepted, by the hub's clock.
    pub accepted: Millis,
    /// Which program began it.
    pub program: String,
    /// In which container; empty on the host.
    pub container: String,
    /// Which program accepted it.
    pub to_program: String,
    /// In which container; empty on the host.
    pub to_container: String,
    /// Somebody has said that these are two incidents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<Apart>,
}

/// Who has said that two are two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Apart {
    /// Who.
    pub by: String,
    /// When.
    pub at: Millis,
    /// Why.
    pub reason: String,
}

/// What somebody says of two parts that are linked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApart {
    /// One part.
    pub cause: String,
    /// The other.
    pub effect: String,
    /// They are two incidents, whatever links them; `false` takes that back.
    pub apart: bool,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// To whom something is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseTarget {
    /// The node.
    pub node: String,
    /// The container, by id or name.
    #[serde(default)]
    pub container: Option<String>,
    /// A process, where there is no container.
    #[serde(default)]
    pub pid: Option<u32>,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewResponse {
    /// `isolate`, `freeze`, `kill-container`, `kill`, `kill-tree`, `evidence`.
    pub action: String,
    /// To whom.
    pub target: ResponseTarget,
    /// Why.
    pub reason: String,
    /// For how many seconds, if it lasts; absent: an hour.
    #[serde(default)]
    pub seconds: Option<u64>,
    /// Collect evidence first.
    #[serde(default)]
    pub evidence: bool,
    /// Only tell what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// The incident that it is about.
    #[serde(default)]
    pub incident: Option<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseState {
    /// The agent has not answered yet.
    Sent,
    /// It was done.
    Done,
    /// It would have been done.
    WouldHave,
    /// A guard rail held it back.
    HeldBack,
    /// It could not be done.
    Failed,
    /// It was undone.
    Undone,
}

/// What became of it, with the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResponseOutcome {
    /// What.
    pub state: ResponseState,
    /// In words.
    pub text: String,
}

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Response {
    /// Its id.
    pub id: String,
    /// When.
    pub time: Millis,
    /// Who wanted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What.
    pub action: String,
    /// The node.
    pub node: String,
    /// The container or process.
    pub target: String,
    /// Until when it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
    /// What became of it.
    pub outcome: ResponseOutcome,
    /// The incident that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
}

/// A technique, and what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Technique {
    /// `T1059`.
    pub id: String,
    /// Rules that look for it.
    pub rules: Vec<String>,
    /// Alerts of these.
    pub alerts: u64,
}

/// A tactic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tactic {
    /// `execution`.
    pub name: String,
    /// Its techniques that some rule looks for.
    pub techniques: Vec<Technique>,
}

/// What was seen of ATT&CK.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Attack {
    /// Tactics, in the order of an attack.
    pub tactics: Vec<Tactic>,
    /// Alerts that no technique names.
    pub others: u64,
}

/// A rule, as an agent judges by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// How bad what it finds is.
    pub priority: String,
    /// Its condition.
    pub condition: String,
    /// What it says.
    pub output: String,
    /// `container`, `mitre_execution`, `T1059`, ...
    pub tags: Vec<String>,
    /// Whether it is judged by.
    pub enabled: bool,
    /// Where it is from: `Gabion`, or the version that is rolled out to all nodes.
    pub source: String,
    /// Alerts of it in the last 7 days.
    pub alerts: u64,
}

/// Whether a baseline is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BaselineState {
    /// It is being learnt.
    Learning,
    /// Somebody is to look at it.
    Proposed,
    /// What is new is told.
    Locked,
}

/// What a workload always does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Baseline {
    /// Its id: node and name.
    pub id: String,
    /// The node.
    pub node: String,
    /// The workload.
    pub workload: String,
    /// The image.
    pub image: String,
    /// Whether it is known.
    pub state: BaselineState,
    /// How many things are in it.
    pub items: u64,
    /// How many wait to be looked at.
    pub waiting: u64,
    /// Since when it is learnt.
    pub since: Millis,
    /// The version of a configuration that has brought it; absent: it was learnt there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_out: Option<String>,
}

/// A baseline with what is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BaselineDetail {
    /// See there.
    #[serde(flatten)]
    pub baseline: Baseline,
    /// By kind (`programs`, `listens`, `peers`, `writes`, `capabilities`): what, and whether it waits to be looked at.
    pub contents: BTreeMap<String, Vec<(String, bool)>>,
    /// What belongs to it as a line of JSON, as configurations take it.
    pub exported: String,
}

/// What takes part in the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PeerKind {
    /// A workload.
    Workload,
    /// A node itself.
    Host,
    /// A name outside.
    Name,
    /// An address outside that nobody has named.
    Address,
    /// An address inside of which it is not known whose it is.
    Unknown,
}

/// Somebody who talks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Peer {
    /// Its id in this answer.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: PeerKind,
    /// Its namespace, where it is a workload of Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The worst of its findings that are open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<Severity>,
    /// Incidents of it that are open.
    pub incidents: u64,
}

/// Who talks to whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Flow {
    /// Who connects.
    pub from: String,
    /// To whom.
    pub to: String,
    /// The port.
    pub port: u16,
    /// `tcp`, `udp`.
    pub protocol: String,
    /// How often.
    pub connections: u64,
    /// How often it was denied.
    pub denied: u64,
    /// When it was seen first.
    pub first: Millis,
    /// When it was seen last.
    pub last: Millis,
    /// What of it is not encrypted, by its port; absent if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
}

/// Who talks to whom, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceMap {
    /// Who takes part.
    pub peers: Vec<Peer>,
    /// Who talks to whom.
    pub flows: Vec<Flow>,
    /// Flows that are not told, as there are too many.
    pub more: u64,
}
