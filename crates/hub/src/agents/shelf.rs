//! What is known of layers, so that each is read once in the fleet: kept as it came, handed to whoever lacks it.
//!
//! ```text
//!   Wanted ──► here: somebody has read it      ──► Fetch, Fetch, ... ──► Facts
//!              yours: a lease of this session  ──► Facts, in parts ──► kept, if they are what they say: a digest, zstd, not too long
//!              busy: a lease of another session
//! ```
//!
//! A lease ends with what it is for, with its session, or by time. What a node gave is handed on as it is: nobody here looks into it, and the
//! hub's own scans do not use it. What these have read themselves comes first. See [`file`] for how all of it is kept.

mod file;

use crate::Notes;
use file::{Files, Found};
use gabion_api::agent::{Facts, Fetch, Layer, Offer, Wanted};
use gabion_image::shared::{self, MAX_LAYERS, MAX_PACKED};
use gabion_model::Digest;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{HashMap, HashSet},
    fmt, io,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// A lease is not longer: a scan takes half an hour at most, and then what it has read is sent.
const LEASE: Duration = Duration::from_mins(40);
/// Leases of one session.
const MAX_LEASES: usize = 2048;
/// Layers of which it is remembered that they are too much to be shared.
const MAX_LARGE: usize = 100_000;

/// What is known of layers. Clones are the same shelf.
#[derive(Clone)]
pub struct Shelf(Arc<Inner>);

struct Inner {
    files: Files,
    held: Mutex<Held>,
    counts: Counts,
    notes: Notes,
}

#[derive(Default)]
struct Held {
    leases: HashMap<Digest, Lease>,
    /// Nobody need wait for these.
    large: HashSet<Digest>,
    /// Nodes that have given something, as far as it is known.
    givers: HashSet<String>,
    /// Nodes that are believed no more.
    gone: HashSet<String>,
    /// The last attempt to keep something has failed.
    is_failing: bool,
}

struct Lease {
    session: u64,
    until: Instant,
}

#[derive(Default)]
struct Counts {
    read: AtomicU64,
    kept: AtomicU64,
    shared: AtomicU64,
    taken: [AtomicU64; 2],
    handed: [AtomicU64; 2],
    refused: AtomicU64,
    large: AtomicU64,
    waited: AtomicU64,
}

/// What has come and gone since the hub has started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// Layers that agents have read, that they had read before, and that others had read, by the reports of their scans.
    pub layers: [u64; 3],
    /// Facts of layers that were taken from nodes, and their bytes, compressed.
    pub taken: [u64; 2],
    /// Those that were handed to nodes.
    pub handed: [u64; 2],
    /// Those that were not what they had to be, or that could not be kept.
    pub refused: u64,
    /// Those that are too long to be shared.
    pub large: u64,
    /// Images that had to wait, as their layers were being read elsewhere; each time counts.
    pub waited: u64,
    /// Layers that are being read for all others now.
    pub leases: u64,
}

impl Shelf {
    /// What is kept in the cache of the hub's own scans. Reads all that is there.
    pub fn open(cache: PathBuf, notes: Notes) -> Self {
        let files = Files::new(cache);
        let held = Held { givers: files.givers(), ..Held::default() };
        Self(Arc::new(Inner { files, held: Mutex::new(held), counts: Counts::default(), notes }))
    }

    /// What has come and gone.
    pub fn shared(&self) -> Shared {
        let Counts { read, kept, shared, taken, handed, refused, large, waited } = &self.0.counts;
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Shared {
            layers: [get(read), get(kept), get(shared)],
            taken: taken.each_ref().map(get),
            handed: handed.each_ref().map(get),
            refused: get(refused),
            large: get(large),
            waited: get(waited),
            leases: self.held().leases.len() as u64,
        }
    }

    /// The nodes that have given something.
    pub(crate) fn givers(&self) -> Vec<String> {
        self.held().givers.iter().cloned().collect()
    }

    /// A node is believed no more: what it gave is handed to nobody from now on, and removed.
    pub(crate) fn forget(&self, node: &str) {
        {
            let mut held = self.held();
            held.gone.insert(node.to_owned());
            if !held.givers.contains(node) {
                return;
            }
        }
        let (known, node) = (self.clone(), node.to_owned());
        let removing = thread::Builder::new().name("shelf".to_owned()).spawn(move || {
            match known.0.files.remove(&node) {
                Ok(()) => _ = known.held().givers.remove(&node),
                // It is tried again.
                Err(error) => (known.0.notes)(&format!(
                    "what node {node} gave of layers cannot be removed now, and is not used: {error}"
                )),
            }
        });
        if let Err(error) = removing {
            (self.0.notes)(&format!("what a node gave of layers cannot be removed now: {error}"));
        }
    }

    /// An agent tells by a report where what it knows of the layers is from.
    pub(super) fn count(&self, layers: [u32; 3]) {
        let Counts { read, kept, shared, .. } = &self.0.counts;
        for (count, more) in [read, kept, shared].into_iter().zip(layers) {
            count.fetch_add(more.into(), Ordering::Relaxed);
        }
    }

    /// Which of these layers are known, and which are to be read for all. Without `has_room` nothing is asked for.
    pub(super) fn offer(&self, session: u64, wanted: Wanted, has_room: bool) -> Offer {
        let Wanted { image, lacks, has, at_once } = wanted;
        let mut offer = Offer { image, ..Offer::default() };
        if lacks.len() + has.len() > MAX_LAYERS {
            return offer;
        }
        let found = |layers: Vec<Layer>| -> Vec<(Digest, Layer, Found)> {
            let known = layers.into_iter().filter_map(|layer| Some((digest(&layer.key)?, layer)));
            known
                .map(|(key, layer)| {
                    let found = self.0.files.find(key, digest(&layer.stamp), &|giver| self.believes(giver));
                    (key, layer, found)
                })
                .collect()
        };
        let (lacks, has) = (found(lacks), found(has));
        let mut held = self.held();
        let now = Instant::now();
        held.leases.retain(|_, lease| lease.until > now);
        let mut free = Vec::new();
        for (key, layer, found) in lacks {
            match found {
                Found::Here(stamp) => {
                    let stamp = stamp.map(|stamp| stamp.as_bytes().to_vec()).unwrap_or_default();
                    offer.here.push(Layer { stamp, ..layer });
                }
                Found::Other => {}
                Found::Nothing if held.large.contains(&key) => {}
                Found::Nothing => match held.leases.get(&key) {
                    Some(lease) if lease.session != session => offer.busy.push(layer.key),
                    _ => free.push(key),
                },
            }
        }
        if !offer.busy.is_empty() && !at_once {
            self.0.counts.waited.fetch_add(1, Ordering::Relaxed);
            return offer;
        }
        // What is known there already need not be read once more by anybody.
        let known = has.into_iter().filter(|(_, _, found)| *found == Found::Nothing).map(|(key, ..)| key);
        free.extend(known.filter(|key| !held.leases.contains_key(key) && !held.large.contains(key)));
        let mut left =
            MAX_LEASES.saturating_sub(held.leases.values().filter(|lease| lease.session == session).count());
        for key in free.into_iter().filter(|_| has_room) {
            if left == 0 {
                break;
            }
            left -= 1;
            held.leases.insert(key, Lease { session, until: now + LEASE });
            offer.yours.push(key.as_bytes().to_vec());
        }
        offer
    }

    /// A part of what is known of a layer.
    pub(super) fn part(&self, fetch: Fetch) -> Facts {
        let Fetch { layer, offset } = fetch;
        let layer = layer.unwrap_or_default();
        let failed =
            |why: String| Facts { layer: Some(layer.clone()), offset, failed: why, ..Facts::default() };
        let Some(key) = digest(&layer.key) else { return failed("that is no key".to_owned()) };
        match self.0.files.part(key, digest(&layer.stamp), offset, &|giver| self.believes(giver)) {
            Ok(Some(part)) => {
                if part.is_last {
                    let [handed, bytes] = &self.0.counts.handed;
                    handed.fetch_add(1, Ordering::Relaxed);
                    bytes.fetch_add(offset + part.bytes.len() as u64, Ordering::Relaxed);
                }
                Facts {
                    layer: Some(layer),
                    offset,
                    last: part.is_last,
                    digest: part.digest.as_bytes().to_vec(),
                    part: part.bytes,
                    ..Facts::default()
                }
            }
            Ok(None) => failed("it is not here any more".to_owned()),
            Err(error) => failed(format!("it cannot be read: {error}")),
        }
    }

    /// Whether this session is to read that layer.
    pub(super) fn is_leased(&self, session: u64, key: Digest) -> bool {
        self.held().leases.get(&key).is_some_and(|lease| lease.session == session)
    }

    /// Who was to read a layer has read it. Keeps what it says, if that is what it has to be.
    pub(super) fn keep(&self, session: u64, node: &str, facts: &Facts, packed: &[u8]) {
        let Some((key, layer)) = facts.layer.as_ref().and_then(|layer| Some((digest(&layer.key)?, layer)))
        else {
            return;
        };
        let stamp = digest(&layer.stamp);
        let what = check(packed, &facts.digest).map(|digest| file::Given { node, stamp, digest, packed });
        let written = what.and_then(|given| self.0.files.write(key, &given));
        let mut held = self.held();
        let was_failing = std::mem::replace(&mut held.is_failing, false);
        // The lease may have ended meanwhile, or the node may have been removed.
        let is_leased = held.leases.get(&key).is_some_and(|lease| lease.session == session);
        let kept = written.and_then(|written| {
            if is_leased && !held.gone.contains(node) {
                held.givers.insert(node.to_owned());
                written.finish()
            } else {
                Err(io::Error::other("the node may not give it any more"))
            }
        });
        if is_leased {
            held.leases.remove(&key);
        }
        match kept {
            Ok(()) => {
                let [taken, bytes] = &self.0.counts.taken;
                taken.fetch_add(1, Ordering::Relaxed);
                bytes.fetch_add(packed.len() as u64, Ordering::Relaxed);
            }
            Err(error) => {
                self.0.counts.refused.fetch_add(1, Ordering::Relaxed);
                held.is_failing = true;
                drop(held);
                if !was_failing {
                    (self.0.notes)(&format!("what node {node} knows of a layer is not kept: {error}"));
                }
            }
        }
    }

    /// Who was to read a layer does not tell what it says, as it is too long or for another reason.
    pub(super) fn give_back(&self, session: u64, key: Digest, is_large: bool) {
        let mut held = self.held();
        if held.leases.get(&key).is_none_or(|lease| lease.session != session) {
            return;
        }
        held.leases.remove(&key);
        if is_large {
            self.0.counts.large.fetch_add(1, Ordering::Relaxed);
            if held.large.len() >= MAX_LARGE {
                held.large.clear();
            }
            held.large.insert(key);
        }
    }

    /// What came of a layer in parts is not whole.
    pub(super) fn refuse(&self, session: u64, key: Digest) {
        self.0.counts.refused.fetch_add(1, Ordering::Relaxed);
        self.give_back(session, key, false);
    }

    /// A session has ended: what it was to read is free.
    pub(super) fn left(&self, session: u64) {
        self.held().leases.retain(|_, lease| lease.session != session);
    }

    fn believes(&self, giver: &str) -> bool {
        !self.held().gone.contains(giver)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shelf").field(&self.shared()).finish()
    }
}

/// 32 bytes, if they are so many.
pub(super) fn digest(bytes: &[u8]) -> Option<Digest> {
    bytes.try_into().ok().map(Digest::sha256)
}

/// Whether facts are those that were sent, and can be unpacked. What they say only the sandbox of a scan looks at.
fn check(packed: &[u8], promised: &[u8]) -> io::Result<Digest> {
    let digest = Digest::sha256(Sha256::digest(packed).into());
    if promised != digest.as_bytes() {
        return Err(io::Error::other("it has changed on the way"));
    }
    if packed.len() > MAX_PACKED {
        return Err(io::Error::other("it is too long"));
    }
    shared::unpack(packed, &mut io::sink())?;
    Ok(digest)
}
