//! What the worker is told to do.

use crate::{caps::Limits, catalog::Scope};
use gabion_model::{Digest, OsRelease, Package, Reason};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What to scan, as files on this machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Work {
    /// A tar file made by `docker save`.
    DockerArchive {
        /// The file.
        file: PathBuf,
        /// Which image in it.
        name: Option<String>,
    },
    /// A tar file that holds an OCI layout.
    OciArchive {
        /// The file.
        file: PathBuf,
        /// Which image in it.
        name: Option<String>,
    },
    /// A directory that is an OCI layout.
    Layout {
        /// The directory.
        directory: PathBuf,
        /// Which image in it.
        name: Option<String>,
    },
    /// Blobs that were fetched: a directory with `blobs/sha256/HEX`.
    Blobs {
        /// The directory.
        directory: PathBuf,
        /// The manifest.
        manifest: Digest,
        /// The index that it was chosen from, if it was.
        index: Option<Digest>,
        /// What is attached to it without its index.
        attached: Vec<Digest>,
        /// Names of the image.
        tags: Vec<String>,
    },
    /// An unpacked image of a container runtime.
    Snapshots {
        /// The configuration document.
        config: Vec<u8>,
        /// Digest of the manifest.
        manifest: Digest,
        /// Directory of each layer, lowest first.
        layers: Vec<PathBuf>,
        /// Names of the image.
        tags: Vec<String>,
    },
    /// A directory.
    Root {
        /// The directory.
        directory: PathBuf,
        /// What it is, if the user said so.
        scope: Option<Scope>,
    },
    /// An SBOM document.
    Sbom {
        /// The file.
        file: PathBuf,
    },
}

/// A job for the worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// What to scan.
    pub work: Work,
    /// Kind and name of the source, for the report.
    pub source: String,
    /// The reference as the user gave it.
    pub reference: String,
    /// The platform that the image must be for; none for the best of this machine's, and of one image whatever it is for.
    pub platform: Option<String>,
    /// Whether to look for secrets.
    pub secrets: bool,
    /// Read and verify all blobs again, whatever is cached.
    pub verify: bool,
    /// The time of the scan.
    pub now: jiff::Timestamp,
    /// The limits.
    pub limits: Limits,
    /// Threads to read with.
    pub jobs: usize,
    /// Also send the index of all files.
    pub index: bool,
    /// Only say which layers it has, and what is known of them.
    pub keys: bool,
    /// The cache; none to work without.
    pub cache: Option<PathBuf>,
    /// What others know of its layers, as in a cache.
    pub given: Option<PathBuf>,
    /// Where temporary files go.
    pub temporary: PathBuf,
    /// Version of the program.
    pub version: String,
}

/// What an SBOM holds, once read.
#[derive(Debug, Default)]
pub struct SbomContent {
    /// Packages.
    pub packages: Vec<Package>,
    /// The distribution it names.
    pub os: Option<OsRelease>,
    /// What in it could not be used.
    pub gaps: Vec<Reason>,
    /// What in it is left out by design.
    pub skipped: Vec<Reason>,
}

/// Reads an SBOM. Passed in, as the formats live in another crate.
pub type SbomReader = fn(&[u8]) -> Result<SbomContent, String>;
