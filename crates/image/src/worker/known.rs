//! What is known of a layer before it is read: kept here by an earlier scan, or given by whoever has read it elsewhere.
//!
//! ```text
//!   key = diffID, revision of all that reads, options; of a directory that a runtime unpacked: chain ID, ...
//!
//!   CACHE/layers/KEY    what this machine read       ─┐ first
//!   GIVEN/layers/KEY    what others read             ─┴─► LayerFacts::decode ─► within the limits? ─► nothing is read
//!   GIVEN/stamps/STAMP  whoever read it saw the stored layer inflate to the diffID
//! ```
//!
//! What is given is never written into the cache: it is believed for one scan.

use super::{
    Message, WorkError, Worker,
    inputs::{Opened, Unpacked},
};
use crate::{
    cache::{Cache, Kind},
    layer::LayerFacts,
    manifest::Config,
    source::chain_ids,
};
use gabion_model::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read};

/// A layer, by what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerKey {
    /// The name of its facts.
    pub facts: Digest,
    /// The name of the fact that its stored bytes inflate to its content; none where nothing is inflated.
    pub stamp: Option<Digest>,
    /// An earlier scan of this machine has kept them.
    pub is_known: bool,
}

/// Where the facts of the layers of an image are from: how many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origins {
    /// Read by this scan.
    pub read: u32,
    /// Kept by an earlier scan of this machine.
    pub kept: u32,
    /// Given by others.
    pub given: u32,
}

/// Where facts were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Kept,
    Given,
}

impl Origins {
    /// Counts what was found, none if it has to be read.
    pub(super) fn count(&mut self, found: Option<Origin>) {
        *match found {
            None => &mut self.read,
            Some(Origin::Kept) => &mut self.kept,
            Some(Origin::Given) => &mut self.given,
        } += 1;
    }
}

impl Worker<'_> {
    /// Where to look, in this order.
    pub(super) fn sources(&self) -> Vec<(Cache, Origin)> {
        if self.job.verify {
            return Vec::new();
        }
        let given = self.job.given.as_ref().map(|root| (Cache::new(root), Origin::Given));
        self.cache().map(|cache| (cache, Origin::Kept)).into_iter().chain(given).collect()
    }

    /// The layers of an image. Nothing of them is read.
    pub(super) fn layer_keys(&self, opened: &Opened) -> Result<Vec<LayerKey>, WorkError> {
        let revision = self.revision();
        let own = self.cache().filter(|_| !self.job.verify);
        let has = |kind, key| own.as_ref().is_some_and(|cache| cache.has(kind, key));
        let mut keys: Vec<LayerKey> = match opened {
            Opened::Image(image) => image
                .layers
                .iter()
                .flatten()
                .map(|blob| {
                    let facts = self.layer_key(blob.diff_id, &revision);
                    let stamp = blob.digest.map(|digest| inflates_to(digest, blob.diff_id));
                    let is_verified = || {
                        stamp.is_none_or(|stamp| has(Kind::Stamp, stamp))
                            || own.as_ref().is_some_and(|cache| super::image::stamped(cache, blob))
                    };
                    LayerKey { facts, stamp, is_known: has(Kind::Layer, facts) && is_verified() }
                })
                .collect(),
            Opened::Snapshots(Unpacked { config, roots, .. }) => {
                let diff_ids = Config::parse(config)?.diff_ids;
                let diff_ids = if diff_ids.len() == roots.len() { diff_ids } else { Vec::new() };
                let keys = self.snapshot_keys(&diff_ids, &revision);
                keys.into_iter()
                    .map(|facts| LayerKey { facts, stamp: None, is_known: has(Kind::Layer, facts) })
                    .collect()
            }
            _ => Vec::new(),
        };
        keys.sort_by_key(|key| key.facts);
        keys.dedup_by_key(|key| key.facts);
        Ok(keys)
    }

    /// What the facts of a layer depend on, besides its content.
    pub(super) fn revision(&self) -> String {
        let mut text = format!("{} {} {:?}", self.job.version, crate::secret::REVISION, self.job.limits);
        for cataloger in self.catalogers {
            text.extend([" ", cataloger.name(), "=", &cataloger.revision().to_string()]);
        }
        Digest::sha256(Sha256::digest(text).into()).hex()
    }

    /// The name of the facts of a stored layer.
    pub(super) fn layer_key(&self, diff_id: Digest, revision: &str) -> Digest {
        Digest::sha256(Sha256::digest(format!("{diff_id} {revision} {}", self.job.secrets)).into())
    }

    /// The names of the facts of layers as a runtime has unpacked them, lowest first: by all that is below, too, as unpacking copies up
    /// directories of it. They have no sizes of stored bytes, no digests unless these were asked for, and nobody has checked that they are of
    /// this content, so they are never those of a stored layer.
    pub(super) fn snapshot_keys(&self, diff_ids: &[Digest], revision: &str) -> Vec<Digest> {
        let name = |chain| format!("snapshot {chain} {revision} {} {}", self.job.secrets, self.job.index);
        chain_ids(diff_ids).map(|chain| Digest::sha256(Sha256::digest(name(chain)).into())).collect()
    }

    pub(super) fn store_facts(&self, key: Digest, layer: &LayerFacts) -> io::Result<()> {
        self.out.stream(&Message::Store(Kind::Layer, key), |out| {
            postcard::to_io(layer, out).map(drop).map_err(io::Error::other)
        })
    }
}

/// Facts that were kept or given; what cannot be understood is not there.
pub(super) fn read_facts(source: &Cache, key: Digest) -> Option<LayerFacts> {
    let mut bytes = Vec::new();
    source.open(Kind::Layer, key)?.read_to_end(&mut bytes).ok()?;
    LayerFacts::decode(&bytes)
}

/// Name of the fact that a stored layer inflates to a diffID.
pub(super) fn inflates_to(digest: Digest, diff_id: Digest) -> Digest {
    Digest::sha256(Sha256::digest(format!("{digest} inflates to {diff_id}")).into())
}
