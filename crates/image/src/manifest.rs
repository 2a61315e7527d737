//! Manifests, indexes and configurations of images, as OCI and Docker write them.
//!
//! Wire types stay private where they can: the rest of the crate sees [`Manifest`] and [`Config`], which
//! have digests that parse and sizes that are not negative.

pub(crate) mod attestation;

use gabion_model::{Digest, ImageConfig};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A manifest, index or configuration larger than this is refused (registries refuse 4 MiB manifests, too).
pub const MAX_DOCUMENT: u64 = 8 << 20;

/// Why a document is not one Gabion can use.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not the JSON it should be.
    #[error("{what} is not valid: {source}")]
    Json {
        /// Which document.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A digest that does not parse.
    #[error("{what} has a bad digest: {source}")]
    Digest {
        /// Which document.
        what: &'static str,
        /// What is wrong with it.
        #[source]
        source: gabion_model::digest::ParseDigestError,
    },
    /// Neither a manifest nor an index, or of schema 1.
    #[error("unsupported manifest media type {0:?}")]
    MediaType(String),
    /// Configuration and manifest contradict each other.
    #[error("{0}")]
    Inconsistent(String),
}

/// A pointer to content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its media type, possibly empty.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// `linux/amd64`, `linux/arm64/v8`; only in an index.
    pub platform: Option<String>,
    /// What kind of artifact it points to, if that is no image.
    pub artifact_type: String,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// A document of the registry: one image, or several to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// Several.
    Index(Index),
}

/// Several images to choose from, and what is attached to them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// What it points to.
    pub manifests: Vec<Descriptor>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its configuration.
    pub config: Descriptor,
    /// Its layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// What it is attached to: an attestation names the image that it speaks of.
    pub subject: Option<Digest>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

/// How a layer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, Deserialize)]
pub enum Compression {
    /// Plain tar.
    None,
    /// Gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// The configuration of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What reports say of it.
    pub summary: ImageConfig,
    /// `linux/amd64`.
    pub platform: String,
    /// Environment, in order, with values.
    pub env: Vec<(String, String)>,
    /// Labels with values.
    pub labels: BTreeMap<String, String>,
    /// Digest of each uncompressed layer, lowest first.
    pub diff_ids: Vec<Digest>,
    /// The history, oldest first.
    pub history: Vec<History>,
}

/// One step of the build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct History {
    /// The command.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_by: String,
    /// A comment, `buildkit.dockerfile.v0` for instance.
    #[serde(default, deserialize_with = "null_as_default")]
    pub comment: String,
    /// When.
    #[serde(default)]
    pub created: Option<String>,
    /// Made no layer.
    #[serde(default)]
    pub empty_layer: bool,
}

impl Document {
    /// Reads a manifest or an index. Its kind is told by what it holds, as `mediaType` is optional.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let wire: wire::Document = json("manifest", bytes)?;
        let media_type = wire.media_type.unwrap_or_default();
        if let Some(manifests) = wire.manifests {
            return Ok(Self::Index(Index {
                manifests: manifests.into_iter().map(|d| d.check("index")).collect::<Result<_, _>>()?,
                annotations: wire.annotations.unwrap_or_default(),
            }));
        }
        match (wire.config, wire.layers) {
            (Some(config), Some(layers)) => Ok(Self::Manifest(Manifest {
                config: config.check("manifest")?,
                layers: layers.into_iter().map(|d| d.check("manifest")).collect::<Result<_, _>>()?,
                // No image is refused for what it is attached to.
                subject: wire.subject.and_then(|subject| subject.get("digest")?.as_str()?.parse().ok()),
                annotations: wire.annotations.unwrap_or_default(),
            })),
            _ => Err(ManifestError::MediaType(media_type.chars().take(100).collect())),
        }
    }
}

impl Config {
    /// Reads an image configuration.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let wire: wire::Config = json("image configuration", bytes)?;
        let run = wire.config.unwrap_or_default();
        let env: Vec<_> = run
            .env
            .unwrap_or_default()
            .into_iter()
            .map(|line| match line.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (line, String::new()),
            })
            .collect();
        let digest = |s: &String| {
            s.parse().map_err(|source| ManifestError::Digest { what: "image configuration", source })
        };
        let mut platform = format!("{}/{}", wire.os, wire.architecture);
        if let Some(variant) = wire.variant.filter(|v| !v.is_empty()) {
            platform = format!("{platform}/{variant}");
        }
        let labels = run.labels.unwrap_or_default();
        let health = run.healthcheck.and_then(|h| h.test).unwrap_or_default();
        let keys = |map: Option<wire::Keys>| map.map(|keys| keys.0).unwrap_or_default();
        Ok(Self {
            summary: ImageConfig {
                user: run.user.unwrap_or_default(),
                entrypoint: run.entrypoint.unwrap_or_default(),
                cmd: run.cmd.unwrap_or_default(),
                working_dir: run.working_dir.unwrap_or_default(),
                env_names: env.iter().map(|(name, _)| name.clone()).collect(),
                exposed_ports: keys(run.exposed_ports),
                volumes: keys(run.volumes),
                labels: labels.clone(),
                healthcheck: health.first().is_some_and(|first| first != "NONE"),
                created: wire.created.and_then(|c| c.parse().ok()),
            },
            platform,
            env,
            labels,
            diff_ids: wire.rootfs.diff_ids.iter().map(digest).collect::<Result<_, _>>()?,
            history: wire.history.unwrap_or_default(),
        })
    }

    /// For each layer the index of the history line that made it; none where the history does not tell.
    pub fn layer_history(&self) -> Vec<Option<usize>> {
        let made: Vec<usize> =
            self.history.iter().enumerate().filter(|(_, h)| !h.empty_layer).map(|(i, _)| i).collect();
        // A history that does not match the layers tells nothing about any of them.
        let matches = made.len() == self.diff_ids.len();
        (0..self.diff_ids.len()).map(|i| matches.then(|| made[i])).collect()
    }
}

fn json<'a, T: Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T, ManifestError> {
    serde_json::from_slice(bytes).map_err(|source| ManifestError::Json { what, source })
}

fn null_as_default<'de, D: serde::Deserializer<'de>, T: Default + Deserialize<'de>>(
    d: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// The documents as they are written.
mod wire {
    use super::{BTreeMap, Deserialize, History, ManifestError, null_as_default};

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Document {
        pub(super) media_type: Option<String>,
        pub(super) config: Option<Descriptor>,
        pub(super) layers: Option<Vec<Descriptor>>,
        pub(super) manifests: Option<Vec<Descriptor>>,
        pub(super) subject: Option<serde_json::Value>,
        pub(super) annotations: Option<BTreeMap<String, String>>,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Descriptor {
        #[serde(default, deserialize_with = "null_as_default")]
        media_type: String,
        digest: String,
        size: u64,
        platform: Option<Platform>,
        artifact_type: Option<String>,
        annotations: Option<BTreeMap<String, String>>,
    }

    #[derive(Deserialize)]
    struct Platform {
        os: String,
        architecture: String,
        variant: Option<String>,
    }

    impl Descriptor {
        pub(super) fn check(self, what: &'static str) -> Result<super::Descriptor, ManifestError> {
            let platform = self.platform.map(|p| match p.variant {
                Some(variant) if !variant.is_empty() => format!("{}/{}/{variant}", p.os, p.architecture),
                _ => format!("{}/{}", p.os, p.architecture),
            });
            Ok(super::Descriptor {
                media_type: self.media_type,
                digest: self.digest.parse().map_err(|source| ManifestError::Digest { what, source })?,
                size: self.size,
                platform,
                artifact_type: self.artifact_type.unwrap_or_default(),
                annotations: self.annotations.unwrap_or_default(),
            })
        }
    }

    #[derive(Deserialize)]
    #[expect(clippy::struct_field_names, reason = "the names are those of the document")]
    pub(super) struct Config {
        #[serde(default)]
        pub(super) architecture: String,
        #[serde(default)]
        pub(super) os: String,
        pub(super) variant: Option<String>,
        pub(super) created: Option<String>,
        pub(super) config: Option<Run>,
        pub(super) rootfs: RootFs,
        pub(super) history: Option<Vec<History>>,
    }

    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    pub(super) struct Run {
        pub(super) user: Option<String>,
        pub(super) env: Option<Vec<String>>,
        pub(super) entrypoint: Option<Vec<String>>,
        pub(super) cmd: Option<Vec<String>>,
        pub(super) working_dir: Option<String>,
        pub(super) exposed_ports: Option<Keys>,
        pub(super) volumes: Option<Keys>,
        pub(super) labels: Option<BTreeMap<String, String>>,
        pub(super) healthcheck: Option<Healthcheck>,
    }

    /// The keys of an object; Docker writes sets as objects with empty values.
    pub(super) struct Keys(pub(super) Vec<String>);

    impl<'de> Deserialize<'de> for Keys {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let map = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
            Ok(Self(map.into_keys().collect()))
        }
    }

    #[derive(Deserialize)]
    pub(super) struct Healthcheck {
        #[serde(rename = "Test")]
        pub(super) test: Option<Vec<String>>,
    }

    #[derive(Deserialize)]
    pub(super) struct RootFs {
        #[serde(default)]
        pub(super) diff_ids: Vec<String>,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_lines_are_matched_to_layers_only_if_they_agree() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let text = format!(
            r#"{{"os":"linux","architecture":"arm64","variant":"v8","config":{{"Env":["A=b=c","D"],"Healthcheck":{{"Test":["NONE"]}}}},
            "rootfs":{{"type":"layers","diff_ids":["{digest}","{digest}"]}},
            "history":[{{"created_by":"ADD rootfs"}},{{"created_by":"ENV A","empty_layer":true}},{{"created_by":"RUN x","comment":null}}]}}"#
        );
        let config = Config::parse(text.as_bytes()).expect("parses");
        assert_eq!(config.platform, "linux/arm64/v8");
        assert_eq!(config.env, [("A".to_owned(), "b=c".to_owned()), ("D".to_owned(), String::new())]);
        assert!(!config.summary.healthcheck);
        assert_eq!(config.layer_history(), [Some(0), Some(2)]);
        let short = Config { history: config.history[..1].to_vec(), ..config };
        assert_eq!(short.layer_history(), [None, None]);
    }

    #[test]
    fn a_schema_1_manifest_is_refused_by_name() {
        let error = Document::parse(
            br#"{"schemaVersion":1,"mediaType":"application/vnd.docker.distribution.manifest.v1+json"}"#,
        )
        .expect_err("unsupported");
        assert!(error.to_string().contains("manifest.v1+json"), "{error}");
    }
}
