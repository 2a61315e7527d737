//! Several hubs on one database: who is there, what they tell each other, and what is asked of another.
//!
//! ```text
//!   every five seconds: hub_seen ─► hubs() ─► known: where each is, when it was heard
//!   NOTIFY ◄── topics of this hub, gathered ── live ◄── topics of the others ── LISTEN
//!   peers::call ══ HTTP/2, TLS with certificates of hubs ══► the port for agents of the other hub: serve
//! ```
//!
//! Events are kept by the hub that took them, and a node speaks to one hub: so a search asks all, and a question goes to the hub that has the
//! node. A hub that does not answer makes an answer partial, never empty.

mod merge;
mod peers;
mod serve;

pub(crate) use serve::router;

use crate::{Hub, Identity, hex, identity::write_secret, seal::Seal, sinks::SINKS_CHANGED};
use anyhow::{Context, bail};
use gabion_api::rest::{Millis, Topic};
use gabion_store::state::{Kind, NewHub, State, StateError, StoredHub};
use peers::Peers;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// How often a hub says that it is there, and looks who else is.
const EVERY: Duration = Duration::from_secs(5);
/// A hub that was not heard for so long is not asked: it is away.
const AWAY: Millis = 20_000;
/// How long topics are gathered before the others are told.
const GATHER: Duration = Duration::from_millis(200);
/// Who listens and does not even hear itself for so long has lost the way.
const QUIET: Duration = Duration::from_secs(20);
/// Addresses of containers elsewhere are read again after so many rounds at the earliest.
const ROUNDS: u32 = 2;
/// The file with the id of a hub. It is not a part of its identity, which hubs of one database share.
const ID: &str = "hub-id";
/// The setting that says whose hubs a database belongs to.
const IDENTITY: &str = "identity";

/// What is known of other hubs.
#[derive(Debug)]
pub(crate) struct Together {
    /// The id of this hub.
    pub(crate) id: String,
    own: NewHub,
    known: Mutex<Vec<StoredHub>>,
    pub(crate) peers: Peers,
    /// Containers of nodes of other hubs are others than before.
    moved: AtomicBool,
}

impl Together {
    pub(crate) fn new(own: NewHub, identity: &Identity) -> Self {
        Self {
            id: own.id.clone(),
            own,
            known: Mutex::default(),
            peers: Peers::new(identity.clone()),
            moved: AtomicBool::new(true),
        }
    }

    /// The other hubs, with whether each is heard.
    pub(crate) fn others(&self) -> Vec<(StoredHub, bool)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let others = known.iter().filter(|hub| hub.hub.id != self.id);
        others.map(|hub| (hub.clone(), is_heard(hub))).collect()
    }

    /// Another hub that is heard, by its id.
    pub(crate) fn heard(&self, id: &str) -> Option<StoredHub> {
        self.others().into_iter().find(|(hub, is_heard)| hub.hub.id == id && *is_heard).map(|(hub, _)| hub)
    }
}

/// Whether a hub was there a moment ago.
pub(crate) const fn is_heard(hub: &StoredHub) -> bool {
    !hub.ended && hub.age < AWAY
}

/// The id of the hub of a directory, made if there is none.
pub(crate) fn own_id(directory: &Path) -> anyhow::Result<String> {
    let path = directory.join(ID);
    if !path.exists() {
        write_secret(&path, &crate::random_id("h"))?;
    }
    let id = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let id = id.trim();
    if id.is_empty() || id.len() > 64 || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        bail!("{} holds no id of a hub: remove it, and a new one is made", path.display());
    }
    Ok(id.to_owned())
}

/// Where others reach a hub that listens at this address, under these names.
pub(crate) fn own_address(names: &[String], agents: SocketAddr) -> String {
    let host = match names.first() {
        Some(name) => name.clone(),
        None if agents.ip().is_unspecified() => {
            rustix::system::uname().nodename().to_string_lossy().into_owned()
        }
        None => agents.ip().to_string(),
    };
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => format!("[{address}]:{}", agents.port()),
        _ => format!("{host}:{}", agents.port()),
    }
}

/// Before a hub makes an identity of its own: the database may belong to hubs of another.
pub(crate) async fn refuse_new_identity(state: &State, directory: &Path) -> anyhow::Result<()> {
    let is_there = directory.join("authority.pem").exists();
    if state.kind() == Kind::Postgres && !is_there && state.setting(IDENTITY).await?.is_some() {
        bail!(
            "there are hubs on this database already, and {0} is empty\nhint: copy {0} of one of them here, all of it: hubs of one database \
             share their authority and the key of their secrets",
            directory.display()
        );
    }
    Ok(())
}

/// Whether this identity is the one of all hubs of the database; the first says which that is.
pub(crate) async fn share_identity(
    state: &State,
    directory: &Path,
    identity: &Identity,
    seal: &Seal,
) -> anyhow::Result<()> {
    if state.kind() == Kind::Sqlite {
        return Ok(());
    }
    let own = format!("{} {}", hex(&identity.authority.fingerprint()), seal.mark());
    let kept = state.set_first(IDENTITY, &own).await?;
    if kept == own {
        return Ok(());
    }
    let part = |text: &str, index: usize| text.split(' ').nth(index).unwrap_or_default().to_owned();
    let what = if part(&kept, 0) == part(&own, 0) { "key of secrets" } else { "authority" };
    bail!(
        "this database belongs to hubs with another {what} ({} there, {} here)\nhint: copy the directory {} of one of them here, all of it; if \
         they are gone for good, take the row `identity` out of the table `setting`",
        part(&kept, usize::from(what != "authority")).chars().take(16).collect::<String>(),
        part(&own, usize::from(what != "authority")).chars().take(16).collect::<String>(),
        directory.display()
    )
}

impl Hub {
    /// Says that this hub is there, and reads who else is.
    pub(crate) async fn meet(&self) -> Result<(), StateError> {
        self.state.hub_seen(&self.together.own, self.now()).await?;
        self.look_around().await
    }

    /// Reads which hubs there are.
    pub(crate) async fn look_around(&self) -> Result<(), StateError> {
        let hubs = self.state.hubs(self.now()).await?;
        *self.together.known.lock().unwrap_or_else(PoisonError::into_inner) = hubs;
        Ok(())
    }

    /// What this hub has in memory may be old: another has changed something, or may have.
    pub(crate) fn everything_may_have_changed(&self) {
        for topic in Topic::ALL {
            self.heard_of(topic);
        }
        self.oidc.forget_provider();
    }

    /// Another hub has changed something.
    fn heard_of(&self, topic: Topic) {
        match topic {
            Topic::Findings => self.trees.stale(),
            Topic::Workloads => {
                self.trees.stale();
                self.together.moved.store(true, Ordering::Relaxed);
            }
            Topic::Registries => self.registries.wake(),
            Topic::Configurations => {
                let hub = self.clone();
                tokio::spawn(async move {
                    // It is read again every twenty seconds as well.
                    let _ = hub.lead.while_there(hub.bring_all()).await;
                });
            }
            _ => {}
        }
        self.live.tell_here(topic);
    }

    /// The same, if they are others than before.
    async fn learn_names_if_moved(&self) -> Result<(), StateError> {
        let is_anybody_there = self.together.others().iter().any(|(_, is_heard)| *is_heard);
        if !is_anybody_there || !self.together.moved.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let learnt = self.learn_names().await;
        if learnt.is_err() {
            self.together.moved.store(true, Ordering::Relaxed);
        }
        learnt
    }

    /// Names of addresses on nodes of other hubs: who connects to them from here is told by name.
    async fn learn_names(&self) -> Result<(), StateError> {
        let mut by_node: BTreeMap<String, Vec<(IpAddr, String)>> = BTreeMap::new();
        for (node, addresses, workload) in self.state.addresses_elsewhere(&self.together.id).await? {
            let addresses = addresses.iter().filter_map(|address| address.parse::<IpAddr>().ok());
            by_node.entry(node).or_default().extend(
                addresses.filter(|address| !address.is_loopback()).map(|address| (address, workload.clone())),
            );
        }
        for (node, addresses) in by_node {
            self.names.containers(&node, addresses);
        }
        Ok(())
    }
}

/// Keeps up with other hubs until this one ends.
pub(crate) async fn run(hub: Hub) {
    if hub.lead.is_alone() {
        return std::future::pending().await;
    }
    tokio::join!(meet(&hub), listen(&hub), tell(&hub));
}

async fn meet(hub: &Hub) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0_u32.. {
        ticks.tick().await;
        let done = hub.lead.while_there(async {
            hub.meet().await?;
            // So that nobody who listens hears nothing.
            hub.state.tell(&hub.together.id).await?;
            // Not with each change: it is all of them.
            if round % ROUNDS == 0 { hub.learn_names_if_moved().await } else { Ok(()) }
        });
        if let Some(Err(error)) = done.await {
            hub.note(&format!("other hubs cannot be told that this one is here: {error}"));
        }
    }
}

/// What other hubs have changed.
async fn listen(hub: &Hub) {
    loop {
        // On a connection on which nothing comes any more it would be listened to for ever.
        let _ = hub.lead.while_there(hear(hub)).await;
        sleep(EVERY).await;
    }
}

/// Hears them until the way is lost.
async fn hear(hub: &Hub) {
    let Ok(Some(mut words)) = hub.state.listen().await else { return };
    // Whatever was told before is not known.
    hub.everything_may_have_changed();
    while let Ok(Ok(word)) = timeout(QUIET, words.next()).await {
        let Some(word) = word else {
            hub.everything_may_have_changed();
            continue;
        };
        let mut parts = word.split(' ');
        if parts.next() == Some(hub.together.id.as_str()) {
            continue;
        }
        for part in parts {
            match Topic::named(part) {
                Some(topic) => hub.heard_of(topic),
                None if part == SINKS_CHANGED => hub.sinks.changed(),
                // A newer hub may tell of what is not known here.
                None => {}
            }
        }
    }
}

/// What this hub has changed.
async fn tell(hub: &Hub) {
    let mut listener = hub.live.own();
    loop {
        let mut topics = BTreeSet::new();
        match listener.recv().await {
            Ok(topic) => _ = topics.insert(topic),
            Err(RecvError::Lagged(_)) => topics.extend(Topic::ALL),
            Err(RecvError::Closed) => return,
        }
        sleep(GATHER).await;
        while let Ok(topic) = listener.try_recv() {
            topics.insert(topic);
        }
        let names: Vec<&str> = topics.into_iter().map(Topic::as_str).collect();
        // Where the database is away nobody can be told; who comes back to it believes that all has changed.
        let word = format!("{} {}", hub.together.id, names.join(" "));
        let _ = hub.lead.while_there(hub.state.tell(&word)).await;
    }
}
