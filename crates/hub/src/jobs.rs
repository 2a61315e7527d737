//! What time alone changes: exceptions and sessions that end, what was open on a day, a new database, retention.

use crate::{DAY, Hub};
use gabion_api::rest::{Millis, Topic};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How long alerts, containers that have ended, and flows are kept.
const ALERTS: Millis = 90 * DAY;
const CONTAINERS: Millis = 30 * DAY;
const FLOWS: Millis = 30 * DAY;

/// A hub that was not heard for so long has no events any more that anybody could ask for.
const HUBS: Millis = 30 * DAY;
/// A response that was sent so long ago and has no answer will get none: whoever waited for it has ended.
const ANSWERED: Millis = 2 * 60_000;
/// The setting that says by which database of vulnerabilities reports were matched.
const MATCHED: &str = "matched";

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
        // That it is away is told once, and it is back when it is.
        if let Err(error) = done
            && !hub.lead.is_away()
        {
            hub.note(&format!("what is done now and then has failed: {error:#}"));
        }
    }
}

impl Hub {
    async fn often(&self) -> anyhow::Result<()> {
        let now = self.now();
        // Another hub of the same database may have changed them, and what it told may not have come.
        self.read_configurations().await?;
        let hub = self.clone();
        let is_another = tokio::task::spawn_blocking(move || hub.matcher.refresh()).await??;
        if !self.lead.leads() {
            return Ok(());
        }
        if self.state.expire_exceptions(now).await? > 0 {
            self.live.tell(Topic::Findings);
        }
        self.state.keep_day(now).await?;
        self.state.unanswered_responses(now - ANSWERED).await?;
        // What another hub has matched by another database, or this one before it ended, is matched again.
        let (mark, before) = (self.matcher.mark(), self.state.setting(MATCHED).await?);
        if is_another || before.as_ref().is_some_and(|before| *before != mark) {
            self.note("the database of vulnerabilities is another: all images are matched again");
            if !self.match_again().await? {
                return Ok(());
            }
        }
        if before.as_ref() != Some(&mark) {
            self.state.set(MATCHED, &mark).await?;
        }
        Ok(())
    }

    async fn seldom(&self) -> anyhow::Result<()> {
        let now = self.now();
        self.sweep_events(now).await?;
        if !self.lead.leads() {
            return Ok(());
        }
        self.state.forget_hubs(HUBS, now).await?;
        self.state.forget_sessions(now).await?;
        self.state.forget_alerts(now - ALERTS).await?;
        self.state.forget_containers(now - CONTAINERS).await?;
        self.state.forget_flows(now - FLOWS).await?;
        self.state.refresh_workloads(now).await?;
        Ok(())
    }

    /// Matches all reports against the database as it is now. Whether it has got to the end: another hub may have come to lead.
    pub(crate) async fn match_again(&self) -> anyhow::Result<bool> {
        for image in self.state.reported().await? {
            if !self.lead.leads() {
                return Ok(false);
            }
            let Some(mut report) = self.state.report(&image).await? else { continue };
            let (hub, now) = (self.clone(), self.now());
            let report =
                tokio::task::spawn_blocking(move || hub.matcher.evaluate(&mut report, now).map(|()| report))
                    .await??;
            self.keep_report(&image, &report).await?;
        }
        self.trees.stale();
        self.live.tell(Topic::Findings);
        Ok(true)
    }
}
