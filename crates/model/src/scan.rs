//! The result of one scan.

use crate::{
    coverage::Coverage, digest::Digest, exception::AppliedException, finding::Finding, os::OsRelease,
    package::Package, symbols::Programs, vulnerability::DataSource,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the JSON form of [`ScanReport`]. The major number changes when a reader would break.
pub const SCHEMA_VERSION: &str = "1.0";

/// Everything that one scan tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: String,
    /// Who made it.
    pub tool: Tool,
    /// When, RFC 3339 in UTC; `SOURCE_DATE_EPOCH` where that is set.
    pub created: jiff::Timestamp,
    /// What was scanned.
    pub target: Target,
    /// Its distribution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<OsRelease>,
    /// Its configuration, for images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ImageConfig>,
    /// Its layers, lowest first; empty for a directory or an SBOM.
    pub layers: Vec<Layer>,
    /// What is in it, sorted by kind, name, version.
    pub packages: Vec<Package>,
    /// What is wrong with it, worst first.
    pub findings: Vec<Finding>,
    /// How many files the final file system has, and their bytes.
    pub files: FileTotals,
    /// What was, and what was not, looked at.
    pub coverage: Coverage,
    /// How the reader of hostile bytes was confined.
    pub isolation: Isolation,
    /// The database by which vulnerabilities were looked for; empty if they were not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub database: Vec<DataSource>,
    /// The exceptions that are for this target, in the order of their files; empty if none were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<AppliedException>,
    /// The functions of the Go programs in it, for the matching. They stay with the program that scanned: what they said is
    /// in the findings.
    #[serde(skip)]
    pub programs: Programs,
}

impl ScanReport {
    /// A report in which nothing was looked at yet.
    pub fn new(target: Target, created: jiff::Timestamp) -> Self {
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            tool: Tool { name: "gabion".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            created,
            target,
            os: None,
            config: None,
            layers: Vec::new(),
            packages: Vec::new(),
            findings: Vec::new(),
            files: FileTotals::default(),
            coverage: Coverage::default(),
            isolation: Isolation::default(),
            database: Vec::new(),
            exceptions: Vec::new(),
            programs: Programs::new(),
        }
    }

    /// Whether a report that was read can be used: it is of this format, and names no layer that it does not have. Layers of packages that it
    /// does not have are forgotten.
    pub fn check(&mut self) -> Result<(), ReportError> {
        let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
        if major(&self.schema_version) != major(SCHEMA_VERSION) {
            return Err(ReportError::Version(self.schema_version.chars().take(20).collect()));
        }
        let most = self.layers.len().max(1);
        let mut named = self.findings.iter().flat_map(|finding| &finding.evidence).filter_map(|of| of.layer);
        if named.any(|layer| layer as usize >= most) {
            return Err(ReportError::Layer);
        }
        let layers = u32::try_from(self.layers.len()).unwrap_or(u32::MAX);
        for package in &mut self.packages {
            package.layer = package.layer.filter(|layer| *layer < layers);
        }
        Ok(())
    }
}

/// Why a report that was read cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// It is in another format.
    #[error("it is a report in format {0}, this program reads {SCHEMA_VERSION}")]
    Version(String),
    /// A finding is in a layer that is not there.
    #[error("it names a layer that it does not have")]
    Layer,
}

/// The program that made a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `gabion`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What was scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The source kind as in the argument: `registry`, `docker-archive`, `dir`, ...
    pub source: String,
    /// The reference as the user gave it, without its `source:` prefix.
    pub reference: String,
    /// The image, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageIdentity>,
}

/// Which image it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageIdentity {
    /// Digest of the configuration: the image ID.
    pub config: Digest,
    /// Digest of the manifest; a docker archive has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// Digest of the index that it was chosen from, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Digest>,
    /// What annotations and provenance say that it is built on; labels are in the configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bases: Vec<BaseHint>,
    /// The names it is known by at the source.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `linux/amd64`, with the variant where there is one.
    pub platform: String,
    /// Whether what was read is what the digests promise.
    pub verification: Verification,
}

/// What somebody says is the base of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BaseHint {
    /// Who says so: `label`, `annotation`, `provenance`.
    pub source: String,
    /// The name: `docker.io/library/debian:12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The digest of its manifest, or of its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// It is one of several images that the build used: the base, or one that something was built with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_of_several: bool,
}

impl BaseHint {
    /// Labels and annotations that name a base, by the image specification of OCI.
    pub const NAME: &str = "org.opencontainers.image.base.name";
    /// Those that tell its digest.
    pub const DIGEST: &str = "org.opencontainers.image.base.digest";

    /// What such labels or annotations say; none if they do not.
    pub fn of(source: &str, said: &BTreeMap<String, String>) -> Option<Self> {
        let value = |key: &str| said.get(key).filter(|value| !value.is_empty()).cloned();
        let (name, digest) = (value(Self::NAME), value(Self::DIGEST).and_then(|digest| digest.parse().ok()));
        (name.is_some() || digest.is_some()).then(|| Self {
            source: source.to_owned(),
            name,
            digest,
            one_of_several: false,
        })
    }
}

/// Whether the content was checked against its digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// Every blob and every diffID was computed in this scan.
    Verified,
    /// Verified by an earlier scan; the blobs' device, inode, size and mtime are unchanged since. Or some of the diffIDs were computed by
    /// whoever has read the layer elsewhere, of the blobs whose digests were computed in this scan.
    VerifiedEarlier,
    /// Read from an unpacked snapshot: the runtime's copy, which carries no digests.
    UnverifiedSnapshot,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Digest of the uncompressed tar.
    pub diff_id: Digest,
    /// Digest of the blob as stored, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Bytes of the blob as stored.
    pub size: u64,
    /// Bytes of the files in it.
    pub content_size: u64,
    /// Entries in it.
    pub entries: u64,
    /// The history line that made it (`created_by`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<jiff::Timestamp>,
}

/// The runtime configuration of an image; environment values are not kept, they may be secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// `User`, empty for root.
    pub user: String,
    /// `Entrypoint`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// `WorkingDir`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Names of the environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env_names: Vec<String>,
    /// `ExposedPorts`: `8080/tcp`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exposed_ports: Vec<String>,
    /// `Volumes`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// Labels, values redacted where they hold a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether a health check other than `NONE` is defined.
    pub healthcheck: bool,
    /// When the image was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<jiff::Timestamp>,
}

/// The size of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTotals {
    /// Files, directories and links.
    pub entries: u64,
    /// Bytes of regular files, hard links counted once.
    pub bytes: u64,
}

/// How the process that reads image content was confined.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isolation {
    /// `enforced (ABI n)`, or why not.
    pub landlock: String,
    /// `enforced`, or why not.
    pub seccomp: String,
}
