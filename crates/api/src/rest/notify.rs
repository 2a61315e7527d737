//! Notification rules: who is told what, when, and by which sink; and what became of each message.

use super::{Millis, Severity, SinkState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotificationKind {
    /// A finding that was not there before, or is there again after it was mended.
    NewFinding,
    /// An incident that is new, has changed, or is closed.
    Incident,
    /// The day of a finding is 7 days away, or one.
    DeadlineNear,
    /// The day of a finding is past.
    DeadlineOver,
    /// An exception ends in 7 days, or in one.
    ExceptionEnds,
    /// An agent is not heard for 5 minutes, or is back.
    AgentLost,
    /// A sink is away for 10 minutes, is back, or has lost or refused records.
    SinkTrouble,
}

impl NotificationKind {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::NewFinding,
        Self::Incident,
        Self::DeadlineNear,
        Self::DeadlineOver,
        Self::ExceptionEnds,
        Self::AgentLost,
        Self::SinkTrouble,
    ];

    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewFinding => "new-finding",
            Self::Incident => "incident",
            Self::DeadlineNear => "deadline-near",
            Self::DeadlineOver => "deadline-over",
            Self::ExceptionEnds => "exception-ends",
            Self::AgentLost => "agent-lost",
            Self::SinkTrouble => "sink-trouble",
        }
    }
}

/// By what happenings become one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotificationGroup {
    /// One for each owner.
    Owner,
    /// One for each kind.
    Kind,
    /// One for each image, incident, exception, node or sink.
    Subject,
}

/// What a rule makes of findings that are known to be exploited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExploitedFindings {
    /// They are told whatever their severity is.
    Also,
    /// No other finding is told.
    Only,
}

/// When nobody wants to be disturbed. What happens is told when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// From when on, `22:00`.
    pub from: String,
    /// Until when, `07:00`; earlier than `from`, it is that of the next day.
    pub to: String,
    /// The time zone, `Europe/Berlin`.
    pub zone: String,
    /// A message with something at least so severe comes through all the same; absent: none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<Severity>,
}

/// A rule to be made, or what one is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNotificationRule {
    /// Its name: 1 to 64 lower-case letters, digits and `-`.
    pub name: String,
    /// The sink that messages go to, by name.
    pub sink: String,
    /// Of these owners; empty: of all, and of nobody.
    #[serde(default)]
    pub owners: Vec<String>,
    /// At least so severe.
    pub least: Severity,
    /// Of these kinds; empty: of all.
    #[serde(default)]
    pub kinds: Vec<NotificationKind>,
    /// What is made of findings that are known to be exploited; absent: they are as others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exploited: Option<ExploitedFindings>,
    /// New findings count from when something runs that has them on; otherwise also those of images that do not run.
    #[serde(default = "yes")]
    pub running: bool,
    /// What makes one message; empty: all of the rule.
    #[serde(default)]
    pub group_by: Vec<NotificationGroup>,
    /// How long a message waits for more of the same, in minutes.
    #[serde(default = "usual_wait")]
    pub wait: u32,
    /// What changes and changes, as an incident does, is told again after so long at the earliest, in minutes; absent: only if it gets
    /// worse or is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<u32>,
    /// When nobody wants to be disturbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<QuietHours>,
    /// Nothing is told, and what happens meanwhile will not be either, but that something is over which was told. What was gathered before waits.
    #[serde(default)]
    pub paused: bool,
}

const fn yes() -> bool {
    true
}

const fn usual_wait() -> u32 {
    10
}

/// A rule, and how it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationRule {
    /// What it says.
    pub rule: NewNotificationRule,
    /// When it was made.
    pub created: Millis,
    /// By whom.
    pub by: String,
    /// How the sink does; absent: there is none of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink_state: Option<SinkState>,
    /// So many things are gathered and not told yet.
    pub gathered: u64,
    /// When the next message of these is made; absent: nothing is gathered, or a message before it is not sent yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Millis>,
    /// Messages that wait to be sent.
    pub waiting: u64,
    /// Messages of the last 90 days that were sent.
    pub sent: u64,
    /// Messages of the last 90 days that the sink has refused for good.
    pub failed: u64,
    /// When one was sent last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Millis>,
}

/// Something that a message tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationItem {
    /// What it is about, always the same for the same: `f-0a1b`, `incident n-7`.
    pub key: String,
    /// What kind of thing.
    pub kind: NotificationKind,
    /// How much it matters.
    pub severity: Severity,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it is in: an image by name, a node.
    pub subject: String,
    /// It, in a line.
    pub title: String,
    /// Its page in the console, as a path.
    pub link: String,
    /// It goes on until it is told that it is over.
    #[serde(default)]
    pub lasting: bool,
    /// It is over: closed, back.
    #[serde(default)]
    pub over: bool,
}

/// What has become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotificationState {
    /// It is to be sent, or to be sent again.
    Waiting,
    /// The sink has it.
    Sent,
    /// The sink has refused it for good, or its rule was removed.
    Failed,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notification {
    /// Its id: the same in each attempt, and in what the sink is sent.
    pub id: String,
    /// The rule, by name.
    pub rule: String,
    /// The sink, by name.
    pub sink: String,
    /// When it was made.
    pub time: Millis,
    /// The worst in it.
    pub severity: Severity,
    /// It, in a line.
    pub title: String,
    /// What it names, the worst first.
    pub items: Vec<NotificationItem>,
    /// How many more there are.
    pub more: u64,
    /// The page of all of it, as a path.
    pub link: String,
    /// What has become of it.
    pub state: NotificationState,
    /// Attempts that failed.
    pub tries: u64,
    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
    /// When it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Millis>,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Which messages a rule would have sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNotificationPreview {
    /// The rule, which need not be there yet.
    pub rule: NewNotificationRule,
    /// In so many days before now: 1 to 30.
    pub days: u32,
}

/// A message that a rule would have sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PreviewedNotification {
    /// When.
    pub time: Millis,
    /// The worst in it.
    pub severity: Severity,
    /// It, in a line.
    pub title: String,
    /// Some of what it names, the worst first.
    pub items: Vec<NotificationItem>,
    /// How many more there are.
    pub more: u64,
}

/// What a rule would have sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationPreview {
    /// The first moment that was looked at.
    pub from: Millis,
    /// The last one.
    pub to: Millis,
    /// How many messages.
    pub total: u64,
    /// So many things happened that it is about.
    pub happenings: u64,
    /// The last messages, the newest first.
    pub messages: Vec<PreviewedNotification>,
    /// What would have waited at the end.
    pub gathered: u64,
    /// What is not in it, and why: of some things no history is kept.
    pub unknown: Vec<String>,
}

/// A sink that messages can go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationSink {
    /// Its name.
    pub name: String,
    /// Its kind, `slack`.
    pub kind: String,
    /// How it does.
    pub state: SinkState,
}
