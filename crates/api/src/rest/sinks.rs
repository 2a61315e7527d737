//! Sinks: other systems that are handed what happens here, at least once.
//!
//! A secret is sent once and never told again: `has_secret` says that there is one. For Slack and Teams the address itself is the secret.

use super::{Millis, Severity};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SinkTarget {
    /// OpenSearch or Elasticsearch, by `_bulk`, as documents of the Elastic Common Schema. The secret is the password of `user`, or
    /// without one an API key.
    OpenSearch {
        /// Its address: `https://search.example:9200`.
        url: String,
        /// The data stream or index.
        index: String,
        /// A data stream, to which each change of a record is added. Otherwise an index, in which a record is replaced.
        data_stream: bool,
        /// The user.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// Authorities that its certificate may be from, as PEM, beside those of the system.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorities: Option<String>,
    },
    /// OpenTelemetry logs, by OTLP over HTTP. The secret is sent as `Authorization: Bearer`.
    Otlp {
        /// The whole address: `https://collector.example:4318/v1/logs`.
        url: String,
        /// See `open-search`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorities: Option<String>,
    },
    /// Syslog (RFC 5424) over TLS (RFC 5425). There is no secret.
    Syslog {
        /// `syslog.example:6514`.
        address: String,
        /// Authorities that its certificate must be from, as PEM; absent: those of the system.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorities: Option<String>,
    },
    /// JSON to an address of one's own. The secret is the key of the signature `X-Gabion-Signature`.
    Webhook {
        /// The address.
        url: String,
        /// See `open-search`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorities: Option<String>,
    },
    /// A channel of Slack. The secret is the address of the incoming webhook.
    Slack {},
    /// A channel of Microsoft Teams. The secret is the address of the workflow.
    Teams {},
    /// Events of PagerDuty. The secret is the integration key.
    PagerDuty {
        /// The address of the Events API; absent: `https://events.pagerduty.com/v2/enqueue`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// A file of lines of JSON, `sinks/NAME.jsonl` in the directory of the hub. There is no secret.
    File {
        /// It is put aside when it is so large, in MiB; 64 unless it is said.
        #[serde(default = "usual_size")]
        max_mib: u32,
        /// So many that were put aside are kept; 5 unless it is said.
        #[serde(default = "usual_number")]
        keep: u32,
    },
}

const fn usual_size() -> u32 {
    64
}

const fn usual_number() -> u32 {
    5
}

impl SinkTarget {
    /// The word for its kind in every output.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::OpenSearch { .. } => "open-search",
            Self::Otlp { .. } => "otlp",
            Self::Syslog { .. } => "syslog",
            Self::Webhook { .. } => "webhook",
            Self::Slack {} => "slack",
            Self::Teams {} => "teams",
            Self::PagerDuty { .. } => "pager-duty",
            Self::File { .. } => "file",
        }
    }
}

/// What a sink may be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SinkRecords {
    /// Alerts. One that comes again is sent again, with the same id and a larger count.
    Alerts,
    /// Incidents, each time they change.
    Incidents,
    /// What somebody has done.
    Audit,
    /// All events.
    Events,
}

/// How a sink does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SinkState {
    /// It has all there is, or is being sent the rest.
    Well,
    /// It could not be sent the last time; it is tried again, and what is for it waits.
    Failing,
    /// Nothing is sent; what is for it waits.
    Paused,
}

impl SinkState {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Well, Self::Failing, Self::Paused];

    /// The word for it in every output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Failing => "failing",
            Self::Paused => "paused",
        }
    }
}

/// A system that is handed what happens here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sink {
    /// Its name.
    pub name: String,
    /// Where records go.
    pub target: SinkTarget,
    /// The server, without anything that is secret.
    pub place: String,
    /// Which records; none: it has only what notification rules send.
    pub records: Vec<SinkRecords>,
    /// Alerts and incidents of this severity and above.
    pub least: Severity,
    /// Nothing is sent for the time being.
    pub paused: bool,
    /// It has a secret.
    pub has_secret: bool,
    /// When it was made.
    pub created: Millis,
    /// By whom.
    pub by: String,
    /// How it does.
    pub state: SinkState,
    /// When records were taken last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Millis>,
    /// Since when it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Millis>,
    /// What the last failure said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Records that wait.
    pub waiting: u64,
    /// When the oldest alert, incident or entry of the audit log that waits came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_waiting: Option<Millis>,
    /// Records that were taken.
    pub sent: u64,
    /// Records that it refused for good.
    pub refused: u64,
    /// Why it refused the last of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Records that were deleted here, for their age or for want of room, before it took them: at most so many.
    pub lost: u64,
}

/// A sink to be made, or what one is to be.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSink {
    /// Its name: 1 to 64 lower-case letters, digits and `-`.
    pub name: String,
    /// Where records go.
    pub target: SinkTarget,
    /// Which records; none: it has only what notification rules send.
    pub records: Vec<SinkRecords>,
    /// Alerts and incidents of this severity and above.
    pub least: Severity,
    /// Nothing is sent for the time being.
    #[serde(default)]
    pub paused: bool,
    /// The secret; absent: as it was. It has to be sent again if records are to go to another server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl std::fmt::Debug for NewSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, target, records, least, paused, secret: _ } = self;
        f.debug_struct("NewSink")
            .field("name", name)
            .field("target", target)
            .field("records", records)
            .field("least", least)
            .field("paused", paused)
            .finish_non_exhaustive()
    }
}

/// What a sink says to a record that was sent to try it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SinkTest {
    /// It was taken.
    pub taken: bool,
    /// What it said.
    pub said: String,
}
