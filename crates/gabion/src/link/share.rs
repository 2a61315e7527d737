//! Layers that somebody else of the fleet has read: asked for before a scan, given away after it.
//!
//! ```text
//!   scan (a child)       this thread                        hub
//!   keys of layers ────► Wanted ──────────────────────────► Offer: here, yours, busy
//!                        busy ─► later, at the end of the queue
//!                        here ─► Fetch, Fetch, ... ◄──────── Facts  ─► link/given, for this scan only
//!   ◄─────────────────── go
//!   report ────────────► yours ─► from the cache ─► Facts ─► for all others
//! ```
//!
//! A hub that does not answer costs a minute, and then the scan goes on as if there were none.

use anyhow::bail;
use gabion_api::agent::{Facts, Fetch, Layer, Offer, Wanted, from_agent, to_agent};
use gabion_image::{
    cache::{Cache, Kind},
    shared::{self, MAX_LAYERS, MAX_PACKED},
    worker::LayerKey,
};
use gabion_model::Digest;
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::timeout,
};

/// The hub answers within this.
const ANSWER: Duration = Duration::from_mins(1);
/// A part of what is known of a layer, in bytes.
const PART: usize = 1 << 20;
/// What others know of the layers of one image is not longer, inflated, in bytes.
const MAX_GIVEN: u64 = 1 << 30;

/// A word to the hub, and where its answer goes.
pub(super) struct Question {
    pub(super) message: from_agent::Message,
    pub(super) answer: oneshot::Sender<to_agent::Message>,
}

/// The way to the hub, for the thread that scans.
pub(super) struct Sharer {
    /// Of the thread that speaks to the hub.
    pub(super) handle: Handle,
    pub(super) questions: mpsc::Sender<Question>,
    pub(super) gifts: mpsc::Sender<Facts>,
    /// Where what others know is put for one scan.
    pub(super) given: PathBuf,
}

/// What is to be done about the layers of an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ways {
    /// It is scanned now. These are to be given away then.
    Now(Vec<LayerKey>),
    /// Others are reading some of it.
    Later,
}

impl Sharer {
    /// Asks the hub for what others know of layers, and brings it here.
    pub(super) fn ask(&self, image: &str, layers: &[LayerKey], at_once: bool) -> Ways {
        let alone = Ways::Now(Vec::new());
        if layers.is_empty() || layers.len() > MAX_LAYERS {
            return alone;
        }
        let of =
            |is_known| layers.iter().filter(move |layer| layer.is_known == is_known).map(named).collect();
        let wanted = Wanted { image: image.to_owned(), lacks: of(false), has: of(true), at_once };
        let Some(to_agent::Message::Offer(offer)) = self.answer(from_agent::Message::Wanted(wanted)) else {
            return alone;
        };
        let Offer { image: of, here, yours, busy } = offer;
        if of != image {
            return alone;
        }
        if !busy.is_empty() && !at_once {
            return Ways::Later;
        }
        let mut left = MAX_GIVEN;
        for layer in layers.iter().filter(|layer| !layer.is_known) {
            // What cannot be brought is read here.
            if let Some(here) = here.iter().find(|here| here.key == layer.facts.as_bytes())
                && let Ok(length) = self.bring(layer, here, left)
            {
                left -= length;
            }
        }
        Ways::Now(
            layers
                .iter()
                .filter(|layer| yours.iter().any(|key| key == layer.facts.as_bytes()))
                .copied()
                .collect(),
        )
    }

    /// Brings what is known of a layer. Returns how long it is.
    fn bring(&self, layer: &LayerKey, here: &Layer, left: u64) -> anyhow::Result<u64> {
        let mut packed = Vec::new();
        loop {
            let fetch = Fetch { layer: Some(named(layer)), offset: packed.len() as u64 };
            let Some(to_agent::Message::Facts(facts)) = self.answer(from_agent::Message::Fetch(fetch)) else {
                bail!("the hub does not answer");
            };
            let is_next = facts.layer.is_some_and(|of| of.key == layer.facts.as_bytes())
                && facts.offset == packed.len() as u64;
            if !is_next || !facts.failed.is_empty() || packed.len() + facts.part.len() > MAX_PACKED {
                bail!("it cannot be had");
            }
            packed.extend_from_slice(&facts.part);
            if facts.last {
                if facts.digest[..] != Sha256::digest(&packed)[..] {
                    bail!("it has changed on the way");
                }
                break;
            }
            if facts.part.is_empty() {
                bail!("it has no end");
            }
        }
        let cache = Cache::new(&self.given);
        let mut entry = cache.begin(Kind::Layer, layer.facts)?;
        let length = shared::unpack(&packed, &mut entry)?;
        if length > left {
            bail!("it is too much");
        }
        entry.finish()?;
        if let Some(stamp) = layer.stamp.filter(|stamp| here.stamp == stamp.as_bytes()) {
            cache.begin(Kind::Stamp, stamp)?.finish()?;
        }
        Ok(length)
    }

    /// Nothing of an earlier scan is there.
    pub(super) fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.given) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Cache::new(&self.given).create()
    }

    /// Gives away what was read for the fleet, or says that there is nothing.
    pub(super) fn give(&self, layers: &[LayerKey], cache: &Cache) {
        for layer in layers {
            if self.give_one(layer, cache).is_none() {
                return;
            }
        }
    }

    /// None if the link is ending.
    fn give_one(&self, layer: &LayerKey, cache: &Cache) -> Option<()> {
        // Only what was seen here is said to be so.
        let stamp = layer.stamp.filter(|stamp| cache.has(Kind::Stamp, *stamp));
        let facts = Facts { layer: Some(named(&LayerKey { stamp, ..*layer })), ..Facts::default() };
        let packed = match cache.open(Kind::Layer, layer.facts).map(shared::pack) {
            Some(Ok(Some(packed))) => packed,
            Some(Ok(None)) => {
                let failed = "it is too long to be shared".to_owned();
                return self.gifts.blocking_send(Facts { failed, large: true, ..facts }).ok();
            }
            Some(Err(_)) | None => {
                let failed = "it was not read as a whole".to_owned();
                return self.gifts.blocking_send(Facts { failed, ..facts }).ok();
            }
        };
        let digest = Sha256::digest(&packed).to_vec();
        let last = packed.len().div_ceil(PART).max(1) - 1;
        for (at, part) in packed.chunks(PART).enumerate() {
            let mut facts = Facts { offset: (at * PART) as u64, part: part.to_vec(), ..facts.clone() };
            if at == last {
                (facts.last, facts.digest) = (true, digest.clone());
            }
            self.gifts.blocking_send(facts).ok()?;
        }
        Some(())
    }

    fn answer(&self, message: from_agent::Message) -> Option<to_agent::Message> {
        let (answer, answered) = oneshot::channel();
        // One that nobody has taken is there still: there is no hub.
        self.questions.try_send(Question { message, answer }).ok()?;
        self.handle.block_on(async { timeout(ANSWER, answered).await }).ok()?.ok()
    }
}

fn named(layer: &LayerKey) -> Layer {
    let bytes = |digest: Digest| digest.as_bytes().to_vec();
    Layer { key: bytes(layer.facts), stamp: layer.stamp.map(bytes).unwrap_or_default() }
}

/// What a scan that is asked by the link says first: a line.
pub(super) fn say_layers(layers: &[LayerKey]) -> anyhow::Result<()> {
    Ok(crate::output::line(&serde_json::to_string(layers)?)?)
}

/// Tells such a scan that it may go on.
pub(super) fn say_go(mut scan: impl Write) -> io::Result<()> {
    scan.write_all(b"go\n")
}

/// Whether it may; else nobody wants it now.
pub(super) fn may_go() -> io::Result<bool> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(!line.is_empty())
}
