//! What is kept for how long.

use super::Millis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is kept for how long. Findings and their life, and the audit log, are kept for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days that each hub keeps its events.
    pub event_days: u32,
    /// What events of each hub take on its disk at most, in bytes: before that the oldest go.
    pub event_bytes: u64,
    /// Days that alerts are kept after they came last. Incidents are kept for good.
    pub alert_days: u32,
    /// Days that containers are kept after they ended.
    pub container_days: u32,
    /// Days that it is kept who talked to whom.
    pub flow_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { event_days: 30, event_bytes: 20 << 30, alert_days: 90, container_days: 30, flow_days: 30 }
    }
}

/// What is kept for how long, and what there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetentionDetail {
    /// What is kept.
    pub kept: Retention,
    /// What is kept where nobody has said anything.
    pub usual: Retention,
    /// Events that this hub has.
    pub events: u64,
    /// What they take on its disk.
    pub bytes: u64,
    /// What is left on that disk; absent: it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free: Option<u64>,
    /// When the oldest of them happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Millis>,
}
