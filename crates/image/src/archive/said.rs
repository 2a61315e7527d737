//! What an OCI layout says about the base of an image: annotations on the way to it, and provenance that is attached to it.
//!
//! None of this decides anything: what cannot be read is told, and the image is scanned all the same. How attestations are
//! attached is told by [`attestation`].

use super::Store;
use crate::{
    manifest::{
        Descriptor, Document, Index, Manifest,
        attestation::{self, MAX_DOCUMENTS, is_attestation, may_be_provenance},
    },
    provenance, secret,
};
use gabion_model::{BaseHint, Digest};
use std::collections::BTreeSet;

/// What is said about an image.
#[derive(Debug, Default)]
pub struct Said {
    /// About its base, sorted.
    pub bases: Vec<BaseHint>,
    /// What could not be read of that.
    pub unreadable: Vec<String>,
}

/// The way to an image: the indexes that were gone through, and the manifest in the end.
#[derive(Default)]
pub(super) struct Way {
    /// The entries that were chosen.
    pub(super) chosen: Vec<Descriptor>,
    /// The indexes they were chosen from. The first one may be that of a layout, which has no digest.
    pub(super) indexes: Vec<(Option<Digest>, Index)>,
}

impl Way {
    /// The digest of the last index, if the image was chosen from one that has any.
    pub(super) fn index(&self) -> Option<Digest> {
        self.indexes.last().and_then(|(digest, _)| *digest)
    }
}

impl Store {
    /// What is said about the image at the end of a way, and by what is `attached` to it apart from that.
    pub(super) fn said(&self, way: &Way, attached: &[Digest], digest: Digest, manifest: &Manifest) -> Said {
        let annotations = std::iter::once(&manifest.annotations)
            .chain(way.chosen.iter().map(|entry| &entry.annotations))
            .chain(way.indexes.iter().map(|(_, index)| &index.annotations));
        let mut said = Said::default();
        said.bases.extend(annotations.filter_map(|told| BaseHint::of("annotation", told)));
        for hint in &mut said.bases {
            hint.name = hint.name.as_deref().map(secret::redact);
        }
        let mut of = vec![digest, manifest.config.digest];
        of.extend(way.indexes.iter().filter_map(|(digest, _)| *digest));
        let mut reader = Reader { store: self, of: &of, said, read: 0 };
        let entries = way.indexes.iter().flat_map(|(_, index)| &index.manifests);
        let mut seen = BTreeSet::new();
        for entry in entries {
            let is_named = of.iter().any(|digest| attestation::is_attached_to(entry, *digest));
            if (is_named || is_attestation(entry)) && seen.insert(entry.digest) {
                reader.attestation(entry.digest, is_named, false);
            }
        }
        for digest in attached {
            reader.attestation(*digest, true, false);
        }
        let mut said = reader.said;
        said.bases.sort();
        said.bases.dedup();
        said
    }
}

/// Reads attestations, and remembers what was in them.
struct Reader<'a> {
    store: &'a Store,
    /// The digests by which an attestation may speak of the image.
    of: &'a [Digest],
    said: Said,
    read: usize,
}

impl Reader<'_> {
    /// One that is attached: a manifest, or the referrers of the image as an index of them. Unless it `is_named` by what
    /// attaches it, its manifest must name the image.
    fn attestation(&mut self, digest: Digest, is_named: bool, nested: bool) {
        let Some(document) = self.document(digest) else { return };
        match Document::parse(&document) {
            Ok(Document::Manifest(manifest)) => {
                if is_named || manifest.subject.is_some_and(|subject| self.of.contains(&subject)) {
                    manifest.layers.iter().filter(|layer| may_be_provenance(layer)).for_each(|layer| {
                        if let Some(bytes) = self.document(layer.digest) {
                            match provenance::bases(&bytes, self.of) {
                                Ok(bases) => self.said.bases.extend(bases),
                                Err(why) => self.unreadable(layer.digest, &why),
                            }
                        }
                    });
                }
            }
            Ok(Document::Index(index)) if !nested => {
                index.manifests.iter().filter(|entry| is_attestation(entry)).for_each(|entry| {
                    self.attestation(entry.digest, false, true);
                });
            }
            Ok(Document::Index(_)) => self.unreadable(digest, &"an index within an index"),
            Err(why) => self.unreadable(digest, &why),
        }
    }

    /// None if it cannot be read, or too many were.
    fn document(&mut self, digest: Digest) -> Option<Vec<u8>> {
        self.read += 1;
        if self.read > MAX_DOCUMENTS {
            // Told once.
            if self.read == MAX_DOCUMENTS + 1 {
                self.unreadable(
                    digest,
                    &format_args!("there are more than the {MAX_DOCUMENTS} documents that are read"),
                );
            }
            return None;
        }
        self.store.verified(digest).map_err(|why| self.unreadable(digest, &why)).ok()
    }

    fn unreadable(&mut self, digest: Digest, why: &dyn std::fmt::Display) {
        self.said.unreadable.push(format!("attestation {}: {why}", digest.short()));
    }
}
