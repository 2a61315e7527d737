//! The REST contract: what the hub answers under `/api/v1`, and what it is asked.
//!
//! ```text
//!   GET /api/v1/findings?severity=critical,high&sort=-priority&limit=50 ──► Page<Finding>
//!   { "items": [...], "total": 812, "next": "WzkwLCJmXyJd" }        &cursor=WzkwLCJmXyJd brings the next fifty
//! ```
//!
//! Times are milliseconds since 1970 in UTC. Ids are opaque. What is not known is absent (`null`), never empty or zero.
//! An error is a [`Problem`] with the status that fits.

mod access;
mod configuration;
mod events;
mod findings;
mod hubs;
mod inventory;
mod notify;
mod overview;
mod policies;
mod profile;
mod recorded;
mod registries;
mod retention;
mod runtime;
mod signin;
mod sinks;
mod weekly;

pub use access::{
    AuditEntry, JoinToken, Login, Me, NewJoinToken, NewToken, NewUser, PasswordChange, Role, Token, User,
    UserChange,
};
pub use configuration::{
    Configuration, ConfigurationChange, ConfigurationCheck, ConfigurationDetail, ConfiguredNode,
    ConfiguredState, NewConfiguration,
};
pub use events::{Bucket, Event, EventPage, Histogram, Unsearched};
pub use findings::{
    Advisory, AdvisoryDetail, AffectedImage, Exception, ExceptionKind, Finding, FindingDetail, FindingKind,
    LoadedBy, NewException, NewPlan, PlanChange, Planned, Progress, Rollout, Severity, State, StateChange,
};
pub use hubs::{Hub, HubState};
pub use inventory::{
    AspectCoverage, Container, Counts, CoverageState, Factor, Image, ImageDetail, ImageName, ImagePackage,
    ImageTree, Layer, Node, NodeDetail, NodeState, Package, PackagePlace, TreeImage, TreeNode, Unused,
    Workload, WorkloadDetail,
};
pub use notify::{
    ExploitedFindings, NewNotificationPreview, NewNotificationRule, Notification, NotificationGroup,
    NotificationItem, NotificationKind, NotificationPreview, NotificationRule, NotificationSink,
    NotificationState, PreviewedNotification, QuietHours,
};
pub use overview::{Blind, FixFirst, Hit, Hits, Overview, TrendDay};
pub use policies::{
    NewPolicy, Policy, PolicyBreach, PolicyDetail, PolicyRuleTrial, PolicySays, PolicyTrial, PolicyVersion,
    PolicyWish,
};
pub use profile::{
    DeclaredProfile, IdlePackage, ImageProfile, PackageUse, ProfileAnswer, ProfileQuestion, ProfileVerdict,
    ProfiledEntry, ProfiledFile, ProfiledPort, ProfiledWorkload, SeenProfile,
};
pub use recorded::{NewRuleTest, RuleTest, TestedAlert, TestedKind, TestedRule};
pub use registries::{
    CiFacts, ImagePlace, NewRegistry, NewScan, Registry, RegistryChange, RegistryCheck, RegistryHook,
    RegistryNumbers, RegistryRepository, RegistryState, RegistryTag, ScanAnswer, ScanGate, SentScan,
    TagState,
};
pub use retention::{Retention, RetentionDetail};
pub use runtime::{
    Alert, AlertChange, AlertState, Apart, Attack, Baseline, BaselineDetail, BaselineState, Flow, Incident,
    IncidentDetail, IncidentLink, IncidentPart, IncidentState, Line, NewApart, NewResponse, Peer, PeerKind,
    Response, ResponseOutcome, ResponseState, ResponseTarget, Rule, ServiceMap, Step, Tactic, Technique,
};
pub use signin::{Grant, GroupGrant, NewProvider, Outcome, Provider, SignIn, SignInStep, SignInTest, Ways};
pub use sinks::{NewSink, Sink, SinkRecords, SinkState, SinkTarget, SinkTest};
pub use weekly::{Ageing, Changes, Happened, RuleAlerts, TrendWeek, Unseen, Weekly};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Milliseconds since 1970, in UTC.
pub type Millis = i64;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: u64,
    /// What to send as `cursor` for the next page; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// One sentence, in lower case.
    pub error: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Something has changed: what a live view listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Images, packages, findings.
    Findings,
    /// Containers and workloads.
    Workloads,
    /// Alerts.
    Alerts,
    /// Incidents.
    Incidents,
    /// Nodes and their agents.
    Nodes,
    /// Responses.
    Responses,
    /// Configurations: what nodes judge by.
    Configurations,
    /// Registries that are looked into.
    Registries,
    /// Policies of images.
    Policies,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Findings,
        Self::Workloads,
        Self::Alerts,
        Self::Incidents,
        Self::Nodes,
        Self::Responses,
        Self::Configurations,
        Self::Registries,
        Self::Policies,
    ];

    /// The topic of a word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|topic| topic.as_str() == word)
    }

    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Findings => "findings",
            Self::Workloads => "workloads",
            Self::Alerts => "alerts",
            Self::Incidents => "incidents",
            Self::Nodes => "nodes",
            Self::Responses => "responses",
            Self::Configurations => "configurations",
            Self::Registries => "registries",
            Self::Policies => "policies",
        }
    }
}
