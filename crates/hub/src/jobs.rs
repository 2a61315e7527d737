//! What time alone changes: exceptions and sessions that end, what was open on a day, a new database, retention.

use crate::{DAY, Hub, notify};
use gabion_api::rest::{Millis, Topic};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How long alerts, containers that have ended, and flows are kept.
const ALERTS: Millis = 90 * DAY;
const CONTAINERS: Millis = 30 * DAY;
const FLOWS: Millis = 30 * DAY;

/// Goes on until the hub ends.
pub(crate) async fn run(hub: Hub) {
    let every = |seconds| {
        let mut ticks = interval(Duration::from_secs(seconds));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let (mut often, mut seldom) = (every(20), every(600));
    loop {
        let done = tokio::select! {
            _ = often.tick() => hub.often().await,
            _ = seldom.tick() => hub.seldom().await,
        };
        if let Err(error) = done {
            hub.note(&format!("what is done now and then has failed: {error:#}"));
        }
    }
}

impl Hub {
    async fn often(&self) -> anyhow::Result<()> {
        let now = self.now();
        if self.state.expire_exceptions(now).await? > 0 {
            self.live.tell(Topic::Findings);
        }
        self.state.keep_day(now).await?;
        // Another hub of the same database may have changed them.
        self.read_configurations().await?;
        Ok(())
    }

    async fn seldom(&self) -> anyhow::Result<()> {
        let now = self.now();
        self.state.forget_sessions(now).await?;
        self.state.forget_alerts(now - ALERTS).await?;
        self.state.forget_containers(now - CONTAINERS).await?;
        self.state.forget_flows(now - FLOWS).await?;
        self.state.forget_notifications(now - notify::KEPT).await?;
        self.state.refresh_reach(now).await?;
        self.state.refresh_workloads(now).await?;
        self.sweep_events(now).await
    }
}
