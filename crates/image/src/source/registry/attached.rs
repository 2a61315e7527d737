//! What is attached to an image in a registry: provenance, which says what the image was built on.
//!
//! ```text
//!  index of the image ──► entries that name it (BuildKit)
//!      none there     ──► referrers/DIGEST (OCI 1.1), or else the tag sha256-HEX ──► entries that are attestations
//!                     ──► the tag sha256-HEX.att (cosign)
//! ```
//!
//! It is a hint: the image is there without it, and whoever looks into what is stored tells what is missing. That nothing could be
//! asked for is a message. What was found without the index is remembered beside the blobs, so that an image by digest that is
//! here is not asked for again. Of a list of referrers that is longer than one answer, only the first part is read.

use super::{MANIFESTS, Session};
use crate::{
    manifest::{Document, Index, MAX_DOCUMENT, attestation},
    source::{Quiet, SourceError, blobs::digest_of},
};
use futures_util::future::try_join3;
use gabion_model::Digest;

impl Session<'_> {
    /// Stores the provenance of an image, and gives the documents that attach it where the image's index does not.
    /// An image that is `pinned` by its digest is asked about once.
    pub(super) async fn attached(
        &self,
        image: Digest,
        index: Option<&Index>,
        pinned: bool,
    ) -> Result<Vec<Digest>, SourceError> {
        let named: Vec<_> = index.into_iter().flat_map(|index| attestation::attached(index, image)).collect();
        for entry in named.iter().take(attestation::MAX_DOCUMENTS) {
            self.statements(entry.digest).await;
        }
        if !named.is_empty() {
            return Ok(Vec::new());
        }
        let known = if pinned { self.blobs.attached(&image)? } else { None };
        let found = match known {
            Some(known) => known,
            None => match self.ask(image).await {
                Ok(found) => {
                    self.blobs.attach(&image, &found)?;
                    found
                }
                Err(error) => {
                    let name = &self.name;
                    self.progress.message(&format!("what is attached to {name} is not known: {error}"));
                    return Ok(Vec::new());
                }
            },
        };
        for digest in &found {
            for listed in self.statements(*digest).await {
                self.statements(listed).await;
            }
        }
        Ok(found)
    }

    /// Asks for what attaches something to an image, in every place at once.
    async fn ask(&self, image: Digest) -> Result<Vec<Digest>, SourceError> {
        let tag = format!("manifests/sha256-{}", image.hex());
        let (referrers, signed) = (format!("referrers/{image}"), format!("{tag}.att"));
        let all = try_join3(self.perhaps(&referrers), self.perhaps(&tag), self.perhaps(&signed));
        let (referrers, tag, signed) = all.await?;
        Ok(referrers.or(tag).into_iter().chain(signed).collect())
    }

    /// A document that need not be there, stored. A registry that does not know the path says so in many ways; what a mirror does
    /// not have, the registry is not asked for.
    async fn perhaps(&self, path: &str) -> Result<Option<Digest>, SourceError> {
        let mut failure = None;
        for endpoint in &self.endpoints {
            match endpoint.document(path, MANIFESTS, MAX_DOCUMENT).await {
                Ok(answer) if Document::parse(&answer.bytes).is_ok() => {
                    let digest = digest_of(&answer.bytes);
                    self.blobs.put(&digest, answer.bytes.as_slice())?;
                    return Ok(Some(digest));
                }
                Ok(_) | Err(SourceError::NotFound { .. }) => return Ok(None),
                Err(SourceError::Status { status, .. }) if status.starts_with('4') => return Ok(None),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(None), Err)
    }

    /// Stores the manifest of an attestation with what is in it, or an index of those; gives what the index lists.
    async fn statements(&self, digest: Digest) -> Vec<Digest> {
        let Ok(bytes) = self.manifest(&digest.to_string(), Some(digest)).await else {
            return Vec::new();
        };
        match Document::parse(&bytes) {
            Ok(Document::Manifest(manifest)) => {
                let layers = manifest.layers.iter().filter(|layer| attestation::may_be_provenance(layer));
                let small = layers.filter(|layer| layer.size <= MAX_DOCUMENT);
                for layer in small.take(attestation::MAX_DOCUMENTS) {
                    let _ = self.blob(layer, &Quiet).await;
                }
                Vec::new()
            }
            Ok(Document::Index(index)) => {
                let attestations = index.manifests.iter().filter(|entry| attestation::is_attestation(entry));
                attestations.take(attestation::MAX_DOCUMENTS).map(|entry| entry.digest).collect()
            }
            Err(_) => Vec::new(),
        }
    }
}
