//! What time alone changes: exceptions and sessions that end, what was open on a day, retention.

use crate::{DAY, Hub, notify, registries};
use gabion_api::rest::{Millis, Topic};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// A hub that was not heard for so long has no events any more that anybody could ask for.
const HUBS: Millis = 30 * DAY;
/// A response that was sent so long ago and has no answer will get none: whoever waited for it has ended.
const ANSWERED: Millis = 2 * 60_000;

/// Goes on until the hub ends.
pub(crate) async fn run(hub: Hub) {
    let every = |seconds| {
        let mut ticks = interval(Duration::from_secs(seconds));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let (mut often, mut seldom) = (every(20), every(600));
    let mut has_little_room = false;
    loop {
        if let Some(free) = hub.little_room().filter(|_| !has_little_room) {
            let directory = hub.settings.directory.display();
            hub.note(&format!(
                "the disk of {directory} has {} MB left: soon nothing more can be kept",
                free >> 20
            ));
        }
        has_little_room = hub.little_room().is_some();
        let done = tokio::select! {
            _ = often.tick() => hub.lead.while_there(hub.often()).await,
            _ = seldom.tick() => hub.lead.while_there(hub.seldom()).await,
        };
        // That it is away is told once, and it is back when it is.
        if let Some(Err(error)) = done
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
        if !self.lead.leads() {
            return Ok(());
        }
        if self.state.expire_exceptions(now).await? > 0 {
            self.live.tell(Topic::Findings);
        }
        self.state.keep_day(now).await?;
        self.state.unanswered_responses(now - ANSWERED).await?;
        Ok(())
    }

    /// What is known of layers is kept by each hub for itself; what was given by nodes that are not known any more goes.
    async fn sweep_layers(&self) -> anyhow::Result<()> {
        let cache = registries::cache(&self.settings.directory);
        tokio::task::spawn_blocking(move || registries::prune(&cache)).await?;
        let Some(known) = self.desk.shelf() else { return Ok(()) };
        for node in known.givers() {
            if !self.state.is_allowed(&node).await? {
                known.forget(&node);
            }
        }
        Ok(())
    }

    async fn seldom(&self) -> anyhow::Result<()> {
        let now = self.now();
        self.sweep(self.lead.leads(), now).await?;
        self.sweep_layers().await?;
        if !self.lead.leads() {
            return Ok(());
        }
        // One that is alone tells nobody that it is there.
        if !self.lead.is_alone() {
            self.state.forget_hubs(HUBS, now).await?;
        }
        self.state.forget_sessions(now).await?;
        self.state.forget_notifications(now - notify::KEPT).await?;
        self.state.refresh_reach(now).await?;
        self.state.refresh_troubled(now).await?;
        Ok(())
    }
}
