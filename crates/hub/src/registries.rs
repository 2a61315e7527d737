//! Registries that the hub looks into by itself: what is new there is scanned before anything runs it.
//!
//! ```text
//!   every N minutes, or told ──► look (HEAD only, two at a time) ──► registry_tag: waiting
//!                                                                        │ one at a time, by this very program, at the lowest priority
//!                                                                        ▼
//!                                      keep_report: the image by its configuration's digest, as agents know it
//! ```
//!
//! Each registry is looked into by one task at a time, a few registries beside each other. What waits is in the state, so nothing is
//! forgotten over a restart.

mod choose;
mod events;
mod look;
mod place;
mod scan;

pub(crate) use choose::Wanted;
pub(crate) use events::parse as parse_event;
pub(crate) use look::check;
pub(crate) use place::Place;
pub(crate) use scan::prune;

use crate::Hub;
use gabion_api::rest::Topic;
use gabion_store::state::RegistryAccess;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

/// How often is looked whether the time of a registry has come.
const TICK: Duration = Duration::from_secs(10);
/// Registries that are looked into at a time.
const LOOKS: usize = 4;

/// What goes on.
#[derive(Debug)]
pub(crate) struct Registries {
    /// A registry may be due.
    wake: Notify,
    /// A tag may wait.
    scans: Notify,
    /// Those that are being looked into.
    busy: Mutex<BTreeSet<String>>,
    places: Arc<Semaphore>,
}

impl Default for Registries {
    fn default() -> Self {
        Self {
            wake: Notify::new(),
            scans: Notify::new(),
            busy: Mutex::default(),
            places: Arc::new(Semaphore::new(LOOKS)),
        }
    }
}

impl Registries {
    /// Something is due before its time.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
        self.scans.notify_one();
    }

    /// Whether a registry is being looked into.
    pub(crate) fn is_busy(&self, name: &str) -> bool {
        self.locked().contains(name)
    }

    fn locked(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where what the hub's own scans have read is kept, and beside it what nodes have read.
pub(crate) fn cache(state: &Path) -> PathBuf {
    state.join("registries/cache")
}

/// What the password of a registry is sealed for: it and its address.
pub(crate) fn secret_of(name: &str, url: &str) -> String {
    format!("registry {name} {url}")
}

/// What the secret of its webhook is sealed for.
pub(crate) fn hook_of(name: &str) -> String {
    format!("hook of {name}")
}

impl Hub {
    /// All that is needed to look into a registry, its secrets opened.
    pub(crate) async fn registry_access(&self, name: &str) -> anyhow::Result<RegistryAccess> {
        let mut access = self.state.registry_access(name).await?;
        let of = secret_of(name, &access.registry.url);
        access.secret = access.secret.map(|sealed| self.seal.unseal(&sealed, &of)).transpose()?;
        access.hook = access.hook.map(|sealed| self.seal.unseal(&sealed, &hook_of(name))).transpose()?;
        Ok(access)
    }
}

/// While a registry is being looked into.
struct Busy {
    hub: Hub,
    name: String,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.hub.registries.locked().remove(&self.name);
        self.hub.live.tell(Topic::Registries);
        // It may be due again: it was told of something meanwhile.
        self.hub.registries.wake.notify_one();
    }
}

/// Goes on until the hub ends.
pub(crate) async fn run(hub: Hub) {
    let mut tasks = JoinSet::new();
    tasks.spawn(scan::run(hub.clone()));
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = hub.registries.wake.notified() => {}
            Some(_) = tasks.join_next() => continue,
        }
        if let Err(error) = begin(&hub, &mut tasks).await {
            hub.note(&format!("registries cannot be looked into: {error}"));
        }
    }
}

/// Begins to look into all whose time has come.
async fn begin(hub: &Hub, tasks: &mut JoinSet<()>) -> Result<(), gabion_store::state::StateError> {
    let now = hub.now();
    let due = hub.state.due_registries(now).await?;
    let told = hub.state.told_registries().await?;
    let all = due.into_iter().map(|name| (name, true)).chain(told.into_iter().map(|name| (name, false)));
    for (name, whole) in all {
        if !hub.registries.locked().insert(name.clone()) {
            continue;
        }
        let busy = Busy { hub: hub.clone(), name };
        let places = Arc::clone(&hub.registries.places);
        tasks.spawn(async move {
            let Ok(_place) = places.acquire().await else { return };
            busy.hub.live.tell(Topic::Registries);
            let done = if whole {
                look::whole(&busy.hub, &busy.name).await
            } else {
                look::told(&busy.hub, &busy.name).await
            };
            if let Err(error) = done {
                busy.hub.note(&format!("the registry {} cannot be looked into: {error:#}", busy.name));
                // Not again at once, whatever is broken.
                tokio::time::sleep(TICK).await;
            }
            busy.hub.registries.scans.notify_one();
        });
    }
    Ok(())
}
