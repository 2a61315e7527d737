//! How attestations are attached to images.
//!
//! | by | found as | read from |
//! |---|---|---|
//! | BuildKit | an entry of the image's own index with `vnd.docker.reference.type: attestation-manifest` and the digest of the image | its layers of type in-toto |
//! | what knows referrers (OCI 1.1) | an entry with an `artifactType` of attestations, whose manifest names the image as its `subject` | its layers, which may be envelopes or bundles |
//! | what does not | the tags `sha256-HEX` (the list of referrers) and `sha256-HEX.att` (of cosign) | the same |

use super::{Descriptor, Index};
use gabion_model::Digest;

/// Manifests and statements that are read of one image; that there are more is told.
pub(crate) const MAX_DOCUMENTS: usize = 64;

/// What types artifacts and layers with attestations have.
const TYPES: [&str; 3] = ["in-toto", "dsse", "sigstore.bundle"];

/// Entries of an index that say of themselves that they are attached to this image.
pub(crate) fn attached(index: &Index, image: Digest) -> impl Iterator<Item = &Descriptor> {
    index.manifests.iter().filter(move |entry| is_attached_to(entry, image))
}

/// Whether an entry says by its annotations that it is attached to this image.
pub(crate) fn is_attached_to(entry: &Descriptor, image: Digest) -> bool {
    let annotation = |key: &str| entry.annotations.get(key).map(String::as_str);
    let by_buildkit = annotation("vnd.docker.reference.type") == Some("attestation-manifest")
        && annotation("vnd.docker.reference.digest") == Some(&image.to_string());
    by_buildkit
        || annotation("org.opencontainers.image.ref.name").is_some_and(|tag| {
            tag.strip_suffix(".att").unwrap_or(tag).strip_prefix("sha256-") == Some(&image.hex())
        })
}

/// Whether it is an attestation, of whatever image.
pub(crate) fn is_attestation(entry: &Descriptor) -> bool {
    TYPES.iter().any(|part| entry.artifact_type.contains(part))
}

/// Whether a layer of an attestation may be provenance: an SBOM that is attached mostly says by an annotation that it is one,
/// and need not be read.
pub(crate) fn may_be_provenance(layer: &Descriptor) -> bool {
    let kind = ["in-toto.io/predicate-type", "predicateType", "dev.sigstore.bundle.predicateType"]
        .iter()
        .find_map(|key| layer.annotations.get(*key));
    TYPES.iter().any(|part| layer.media_type.contains(part))
        && kind.is_none_or(|kind| kind.starts_with("https://slsa.dev/provenance/"))
}
