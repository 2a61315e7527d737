//! What an attestation says an image was built from: in-toto statements with SLSA provenance, plain as `BuildKit` attaches
//! them, in a DSSE envelope, or in a Sigstore bundle.
//!
//! ```text
//!   {"predicateType": "https://slsa.dev/provenance/v0.2", "predicate": {"materials": [
//!      {"uri": "pkg:docker/debian@12?platform=linux%2Famd64", "digest": {"sha256": "…"}}, …]}}     ──► debian:12, sha256:…
//!   {"predicateType": "https://slsa.dev/provenance/v1", "predicate": {"buildDefinition": {"resolvedDependencies": […]}}}
//! ```
//!
//! Nobody checks a signature here: what is said is a hint, and the layers confirm it or not. It must be said of this very
//! image. What `BuildKit` itself runs (frontends of Dockerfiles, scanners) is no base.

use crate::secret;
use gabion_model::{BaseHint, Digest};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Images that are taken from one statement.
const MAX_IMAGES: usize = 64;
/// Bytes of a name.
const MAX_NAME: usize = 512;

/// Names of what `BuildKit` runs to build, and never builds on.
const TOOLS: [&str; 4] =
    ["docker/dockerfile", "docker/dockerfile-upstream", "docker/buildkit-", "moby/buildkit"];

/// Why an attestation says nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProvenanceError {
    /// Not the JSON it should be.
    #[error("it is no statement: {0}")]
    Json(#[from] serde_json::Error),
    /// The payload of an envelope.
    #[error("the payload of its envelope is not base64")]
    Payload,
    /// It speaks of something else.
    #[error("it speaks of another image")]
    Subject,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    dsse_envelope: Option<Envelope>,
    #[serde(default)]
    payload: Option<String>,
    #[serde(default)]
    predicate_type: String,
    #[serde(default)]
    subject: Vec<Resource>,
    #[serde(default)]
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Envelope {
    payload: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Predicate {
    #[serde(default)]
    materials: Option<Vec<Resource>>,
    #[serde(default)]
    build_definition: Option<BuildDefinition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildDefinition {
    #[serde(default)]
    resolved_dependencies: Option<Vec<Resource>>,
}

#[derive(Deserialize)]
struct Resource {
    #[serde(default)]
    uri: String,
    #[serde(default)]
    digest: BTreeMap<String, String>,
}

impl Resource {
    fn sha256(&self) -> Option<Digest> {
        format!("sha256:{}", self.digest.get("sha256")?).parse().ok()
    }
}

/// The images that a build used, by a statement about one of these digests; none if it is no provenance.
pub(crate) fn bases(bytes: &[u8], of: &[Digest]) -> Result<Vec<BaseHint>, ProvenanceError> {
    let mut document: Document = serde_json::from_slice(bytes)?;
    let payload = document.payload.take().or(document.dsse_envelope.take().map(|envelope| envelope.payload));
    if let Some(payload) = payload {
        let statement = secret::base64(payload.as_bytes()).ok_or(ProvenanceError::Payload)?;
        document = serde_json::from_slice(&statement)?;
    }
    let Document { predicate_type, subject, predicate, .. } = document;
    if !predicate_type.starts_with("https://slsa.dev/provenance/") {
        return Ok(Vec::new());
    }
    if !subject.iter().filter_map(Resource::sha256).any(|digest| of.contains(&digest)) {
        return Err(ProvenanceError::Subject);
    }
    let resolved = predicate.build_definition.and_then(|definition| definition.resolved_dependencies);
    let used = predicate.materials.into_iter().chain(resolved).flatten();
    let mut hints: Vec<BaseHint> = used.filter_map(|resource| image(&resource)).take(MAX_IMAGES).collect();
    hints.sort();
    hints.dedup();
    let one_of_several = hints.len() > 1;
    for hint in &mut hints {
        hint.one_of_several = one_of_several;
    }
    Ok(hints)
}

/// An image that was used, if it is one that can be built on.
fn image(resource: &Resource) -> Option<BaseHint> {
    let name = reference(&resource.uri).filter(|name| !name.is_empty() && name.len() <= MAX_NAME)?;
    if TOOLS.iter().any(|tool| name.starts_with(tool)) {
        return None;
    }
    Some(BaseHint {
        source: "provenance".to_owned(),
        name: Some(secret::redact(&name)),
        digest: resource.sha256(),
        one_of_several: false,
    })
}

/// `pkg:docker/ghcr.io/acme/base@1.2?platform=…` is `ghcr.io/acme/base:1.2`; none for what is no image.
fn reference(uri: &str) -> Option<String> {
    let (kind, rest) = uri.strip_prefix("pkg:")?.split_once('/')?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
    let (name, version) = path.rsplit_once('@').unwrap_or((path, ""));
    let (name, version) = (decoded(name)?, decoded(version)?);
    let qualifier = |key: &str| {
        let pairs = qualifiers.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| *name == key).find_map(|(_, value)| decoded(value))
    };
    let (name, version) = match kind {
        "docker" => (name, version),
        // Its version is the digest, its name only the last part of where it is.
        "oci" => (qualifier("repository_url").unwrap_or(name), qualifier("tag").unwrap_or_default()),
        _ => return None,
    };
    let is_tag = !version.is_empty() && !version.contains(':');
    Some(if is_tag { format!("{name}:{version}") } else { name })
}

/// Percent-encoding undone; none if what is left is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn digest(byte: u8) -> Digest {
        Digest::sha256([byte; 32])
    }

    /// A statement about the image `ab…`.
    fn statement(kind: &str, predicate: &Value) -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v0.1", "predicateType": kind,
            "subject": [{ "name": "pkg:docker/shop@1?platform=linux%2Famd64", "digest": { "sha256": "ab".repeat(32) } }],
            "predicate": predicate,
        })
    }

    fn used(statement: &Value) -> Vec<String> {
        let hints = bases(statement.to_string().as_bytes(), &[digest(0xab)]).expect("a statement");
        let shown = |hint: BaseHint| {
            let digest = hint.digest.map_or(String::new(), |digest| format!(" {}", digest.short()));
            let several = if hint.one_of_several { " of several" } else { "" };
            format!("{}{digest}{several}", hint.name.unwrap_or_default())
        };
        hints.into_iter().map(shown).collect()
    }

    fn material(uri: &str) -> Value {
        json!({ "uri": uri, "digest": { "sha256": "cd".repeat(32) } })
    }

    const V02: &str = "https://slsa.dev/provenance/v0.2";
    const V1: &str = "https://slsa.dev/provenance/v1";

    #[test]
    fn both_versions_of_slsa_name_what_was_used() {
        let base = material("pkg:docker/debian@12?platform=linux%2Famd64");
        let frontend = material("pkg:docker/docker/dockerfile@1");
        let source = material("https://github.com/acme/shop.git#refs/heads/main");
        let old = statement(V02, &json!({ "builder": { "id": "" }, "materials": [frontend, base, source] }));
        assert_eq!(used(&old), ["debian:12 cdcdcdcdcdcd"]);
        let new = json!({ "buildDefinition": { "buildType": "x", "resolvedDependencies": [source, base, frontend] } });
        assert_eq!(used(&statement(V1, &new)), ["debian:12 cdcdcdcdcdcd"]);
        assert!(used(&statement("https://spdx.dev/Document", &new)).is_empty(), "an SBOM");
        assert!(used(&statement(V1, &json!({}))).is_empty(), "of nothing");
    }

    #[test]
    fn of_several_images_nobody_says_which_is_the_base() {
        let all = [material("pkg:docker/golang@1.24"), material("pkg:docker/ghcr.io/acme/run@2%2B1")];
        assert_eq!(
            used(&statement(V02, &json!({ "materials": all }))),
            ["ghcr.io/acme/run:2+1 cdcdcdcdcdcd of several", "golang:1.24 cdcdcdcdcdcd of several"]
        );
    }

    #[test]
    fn names_are_read_as_builders_write_them() {
        for (uri, name) in [
            ("pkg:docker/alpine@3.20", Some("alpine:3.20")),
            ("pkg:docker/alpine?digest=sha256%3Aab&platform=linux%2Farm64", Some("alpine")),
            ("pkg:docker/localhost%3A5000/base@sha256%3Aabcd", Some("localhost:5000/base")),
            (
                "pkg:oci/debian@sha256%3Aab?repository_url=docker.io%2Flibrary%2Fdebian&tag=12",
                Some("docker.io/library/debian:12"),
            ),
            ("pkg:golang/example.com/m@v1", None),
            ("git+https://example.com/x", None),
            ("pkg:docker/a%0ab", None),
            ("pkg:docker/a%zz", None),
            ("pkg:docker", None),
        ] {
            assert_eq!(reference(uri).as_deref(), name, "{uri}");
        }
    }

    #[test]
    fn envelopes_and_bundles_hold_the_same_statement() {
        let plain = statement(
            V1,
            &json!({ "buildDefinition": { "resolvedDependencies": [material("pkg:docker/debian@12")] } }),
        );
        let encoded = |text: &str| {
            const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let bit = |byte: u8, at: u8| if byte >> at & 1 == 1 { '1' } else { '0' };
            let bits: String =
                text.bytes().flat_map(|byte| (0..8).rev().map(move |at| bit(byte, at))).collect();
            let digit = |six: &[u8]| {
                let six = std::str::from_utf8(six).expect("digits");
                char::from(DIGITS[usize::from_str_radix(&format!("{six:0<6}"), 2).expect("digits")])
            };
            bits.as_bytes().chunks(6).map(digit).collect::<String>()
        };
        let payload = encoded(&plain.to_string());
        let envelope =
            json!({ "payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [] });
        assert_eq!(used(&envelope), used(&plain));
        assert_eq!(
            used(
                &json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope })
            ),
            used(&plain)
        );
    }

    #[test]
    fn what_is_said_of_another_image_is_refused() {
        let other = statement(V02, &json!({ "materials": [material("pkg:docker/debian@12")] }));
        let error = bases(other.to_string().as_bytes(), &[digest(1)]).expect_err("another image");
        assert_eq!(error.to_string(), "it speaks of another image");
        assert!(matches!(bases(b"{", &[]), Err(ProvenanceError::Json(_))));
        assert!(matches!(bases(br#"{"payload":"\u0000"}"#, &[]), Err(ProvenanceError::Payload)));
    }

    #[test]
    fn no_statement_names_more_than_a_few() {
        let many: Vec<Value> = (0..500).map(|n| material(&format!("pkg:docker/a{n}@1"))).collect();
        assert_eq!(used(&statement(V02, &json!({ "materials": many }))).len(), MAX_IMAGES);
        let long = material(&format!("pkg:docker/{}@1", "a".repeat(MAX_NAME)));
        assert!(used(&statement(V02, &json!({ "materials": [long] }))).is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), uri in "\\PC{0,60}") {
            let _ = bases(&bytes, &[digest(0xab)]);
            let _ = reference(&uri);
            let _ = reference(&format!("pkg:docker/{uri}"));
        }
    }
}
