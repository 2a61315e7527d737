//! What is kept for how long, and that the rest goes.

use crate::{
    DAY, Hub,
    error::{Answer, ApiError},
};
use gabion_api::rest::{Millis, Retention};
use gabion_store::state::StateError;
use std::time::Duration;

/// The setting that it is kept as.
const SETTING: &str = "retention";
/// Nothing is kept for more days.
const MOST_DAYS: u32 = 3_650;
/// With less left on its disk a hub says so.
const LITTLE: u64 = 200 << 20;
/// So much is left for what makes room: to log in, to say that less is to be kept; and for the end of what has begun, so that nothing is
/// changed of which the audit log has no place to tell.
const RESERVE: u64 = 8 << 20;
/// Events take at least and at most so many bytes.
const BYTES: [u64; 2] = [1 << 30, 1 << 50];

impl Hub {
    /// What is kept for how long.
    pub(crate) async fn retention(&self) -> Result<Retention, StateError> {
        let Some(kept) = self.state.setting(SETTING).await? else { return Ok(Retention::default()) };
        serde_json::from_str(&kept)
            .map_err(|_| StateError::Row("the setting of what is kept for how long".to_owned()))
    }

    /// Changes it.
    pub(crate) async fn keep_retention(&self, wanted: &Retention) -> Answer<()> {
        for (what, days) in [
            ("event_days", wanted.event_days),
            ("alert_days", wanted.alert_days),
            ("container_days", wanted.container_days),
            ("flow_days", wanted.flow_days),
        ] {
            if !(1..=MOST_DAYS).contains(&days) {
                return Err(ApiError::Bad(format!("{what}: 1 to {MOST_DAYS} days are expected")));
            }
        }
        if !(BYTES[0]..=BYTES[1]).contains(&wanted.event_bytes) {
            return Err(ApiError::Bad("event_bytes: 1 GiB to 1 PiB is expected".to_owned()));
        }
        let text = serde_json::to_string(wanted).map_err(|error| ApiError::Broken(error.to_string()))?;
        Ok(self.state.set(SETTING, &text).await?)
    }

    /// What is left on the disk of the events.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let space = rustix::fs::statvfs(&self.settings.directory).ok()?;
        Some(space.f_bavail.saturating_mul(space.f_frsize))
    }

    /// What is left on the disk of the hub, if that is little.
    pub(crate) fn little_room(&self) -> Option<u64> {
        self.free_bytes().filter(|free| *free < LITTLE)
    }

    /// Whether more can be kept on the disk of the hub.
    pub(crate) fn has_room(&self) -> bool {
        self.free_bytes().is_none_or(|free| free >= RESERVE)
    }

    /// What is too old or too much goes: events of each hub, and of the state what all have, where `all` is said.
    pub(crate) async fn sweep(&self, all: bool, now: Millis) -> anyhow::Result<()> {
        let kept = self.retention().await?;
        self.events.limit(Duration::from_hours(24 * u64::from(kept.event_days)), kept.event_bytes);
        self.sweep_events(now).await?;
        if all {
            let before = |days: u32| now - Millis::from(days) * DAY;
            self.state.forget_alerts(before(kept.alert_days)).await?;
            self.state.forget_containers(before(kept.container_days)).await?;
            self.state.forget_flows(before(kept.flow_days)).await?;
        }
        Ok(())
    }
}
