//! A published database as an artifact of a registry ([image
//! specification](https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage) 1.1).
//!
//! ```json
//! {"schemaVersion":2, "mediaType":"application/vnd.oci.image.manifest.v1+json",
//!  "artifactType":"application/vnd.gabion.db.v1", "config":{"mediaType":"application/vnd.oci.empty.v1+json", …},
//!  "layers":[{"mediaType":"…", "digest":"sha256:…", "size":812, "annotations":{"org.opencontainers.image.title":"manifest.json"}},
//!            {… "manifest.json.minisig"}, {… "blobs/sha256/HEX"}, …]}
//! ```
//!
//! The tag is the only thing that moves: manifest and signature are read as of one moment. Blobs are layers so that the
//! registry does not remove them; a client finds them by the digests of the signed manifest.

use super::super::{Reference, SourceError, blobs::digest_of, endpoint::Endpoint, printable};
use crate::manifest::MAX_DOCUMENT;
use gabion_model::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const ARTIFACT: &str = "application/vnd.gabion.db.v1";
const FILE: &str = "application/vnd.gabion.db.file.v1";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const TITLE: &str = "org.opencontainers.image.title";
/// What an artifact has in the place of a configuration.
pub(super) const NOTHING: &[u8] = b"{}";

/// The manifest of the artifact.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Artifact {
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    #[serde(default, rename = "artifactType")]
    kind: String,
    config: Layer,
    layers: Vec<Layer>,
}

/// One file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: Digest,
    size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

impl Artifact {
    /// Of these files: name, digest, size.
    pub(super) fn new(files: impl Iterator<Item = (String, Digest, u64)>) -> Self {
        let layer = |(name, digest, size)| {
            let annotations = BTreeMap::from([(TITLE.to_owned(), name)]);
            Layer { media_type: FILE.to_owned(), digest, size, annotations }
        };
        let config = Layer {
            media_type: EMPTY.to_owned(),
            digest: digest_of(NOTHING),
            size: NOTHING.len() as u64,
            annotations: BTreeMap::new(),
        };
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            kind: ARTIFACT.to_owned(),
            config,
            layers: files.map(layer).collect(),
        }
    }

    /// The bytes to send.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings, numbers and digests can be written as JSON")
    }

    /// What a reference names now.
    pub(super) async fn fetch(endpoint: &Endpoint<'_>, reference: &Reference) -> Result<Self, SourceError> {
        let path = format!("manifests/{}", reference.locator());
        let document = endpoint.document(&path, MANIFEST, MAX_DOCUMENT).await?;
        let found = digest_of(&document.bytes);
        if let Some(expected) = reference.digest
            && expected != found
        {
            return Err(SourceError::Digest { host: endpoint.host.clone(), expected, found });
        }
        Self::read(&document.bytes, reference)
    }

    fn read(bytes: &[u8], reference: &Reference) -> Result<Self, SourceError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct OfAnyType {
            #[serde(default)]
            media_type: String,
            #[serde(default)]
            artifact_type: String,
        }
        let unusable = |source| SourceError::Manifest {
            reference: reference.to_string(),
            source: crate::manifest::ManifestError::Json { what: "its manifest", source },
        };
        let OfAnyType { media_type, artifact_type } = serde_json::from_slice(bytes).map_err(unusable)?;
        if artifact_type == ARTIFACT {
            return serde_json::from_slice(bytes).map_err(unusable);
        }
        let found = if artifact_type.is_empty() { media_type } else { artifact_type };
        Err(SourceError::NotADatabase { reference: reference.to_string(), found: printable(&found) })
    }

    /// Where the registry has a file.
    pub(super) fn path(&self, name: &str) -> Option<String> {
        let layer =
            self.layers.iter().find(|layer| layer.annotations.get(TITLE).is_some_and(|t| t == name))?;
        Some(format!("blobs/{}", layer.digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reference() -> Reference {
        "reg.example/db".parse().expect("a reference")
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let digest = digest_of(b"x");
        let artifact = Artifact::new([("manifest.json".to_owned(), digest, 1)].into_iter());
        let again = Artifact::read(&artifact.to_bytes(), &reference()).expect("reads");
        assert_eq!(again.path("manifest.json"), Some(format!("blobs/{digest}")));
        assert_eq!(again.path("other"), None);
        assert_eq!(
            again.config.digest.hex(),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "the specification names it"
        );
    }

    #[test]
    fn something_else_is_told_by_its_type() {
        for (json, told) in [
            (r#"{"artifactType":"application/x"}"#, "of type \"application/x\""),
            (r#"{"mediaType":"application/index"}"#, "of type \"application/index\""),
            ("[", "its manifest is not valid"),
            (r#"{"artifactType":"application/vnd.gabion.db.v1"}"#, "its manifest is not valid"),
        ] {
            let error = Artifact::read(json.as_bytes(), &reference()).expect_err(json).to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Artifact::read(&bytes, &reference());
        }
    }
}
