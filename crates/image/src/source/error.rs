//! What can go wrong on the way to an image, told in one sentence, with a hint where there is a remedy.

use crate::manifest::ManifestError;
use gabion_model::Digest;
use std::{io, path::PathBuf, time::Duration};

/// Why an image is not on this machine. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The argument names nothing.
    #[error("{reference:?} is not an image reference: {reason}")]
    Reference {
        /// As given.
        reference: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// The platform is not `os/arch[/variant]`.
    #[error("{0:?} is not a platform: want os/arch or os/arch/variant")]
    BadPlatform(String),
    /// A file that a path names is of no known kind.
    #[error("{} is neither an image archive nor an SBOM: it is {seen}", path.display())]
    UnknownFile {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        seen: &'static str,
    },
    /// The image is not there.
    #[error("{host} has no image {reference}")]
    NotFound {
        /// The registry or daemon.
        host: String,
        /// The image.
        reference: String,
    },
    /// No credentials, or refused ones.
    #[error("{host} refuses {reference}: {reason}")]
    Unauthorized {
        /// The registry.
        host: String,
        /// The image.
        reference: String,
        /// No credentials were found, or which were refused.
        reason: String,
    },
    /// The credentials do not suffice.
    #[error("{host} forbids reading {reference}")]
    Forbidden {
        /// The registry.
        host: String,
        /// The image.
        reference: String,
    },
    /// Too many requests, even after waiting.
    #[error("{host} limits requests and asks to come back {}", later(*wait))]
    RateLimited {
        /// The registry.
        host: String,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
    /// Any other refusal.
    #[error("{host} answered {status} to {what}")]
    Status {
        /// The registry or daemon.
        host: String,
        /// HTTP status, with what the server said about it.
        status: String,
        /// What was asked for.
        what: String,
    },
    /// Nobody there.
    #[error("cannot connect to {host}: {reason}")]
    Connect {
        /// The registry.
        host: String,
        /// Innermost cause.
        reason: String,
    },
    /// The server's certificate does not convince.
    #[error("cannot trust {host}: {reason}")]
    Tls {
        /// The registry.
        host: String,
        /// Innermost cause.
        reason: String,
    },
    /// Silence.
    #[error("{host} sent nothing for {} s while reading {what}", after.as_secs())]
    Timeout {
        /// The registry or daemon.
        host: String,
        /// The limit.
        after: Duration,
        /// What was asked for.
        what: String,
    },
    /// The transfer broke off, again and again.
    #[error("{host} broke off while sending {what}: {reason}")]
    Interrupted {
        /// The registry or daemon.
        host: String,
        /// What was asked for.
        what: String,
        /// Innermost cause.
        reason: String,
    },
    /// Other bytes than promised.
    #[error("{host} sent other content than promised: {found} instead of {expected}")]
    Digest {
        /// Who sent it.
        host: String,
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// More bytes than promised.
    #[error("{host} sent more than the promised {expected} bytes of {digest}")]
    Length {
        /// Who sent it.
        host: String,
        /// What was asked for.
        digest: Digest,
        /// Its size.
        expected: u64,
    },
    /// A document or layer beyond the limit.
    #[error("{what} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Which.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// A manifest or configuration that cannot be used.
    #[error("the image {reference} cannot be used: {source}")]
    Manifest {
        /// The image.
        reference: String,
        /// Why.
        #[source]
        source: ManifestError,
    },
    /// A Helm chart, a WebAssembly module, an SBOM.
    #[error("{reference} is not a container image but an artifact of type {media_type:?}")]
    NotAnImage {
        /// The reference.
        reference: String,
        /// Media type of its configuration.
        media_type: String,
    },
    /// What names no place where a database is published.
    #[error("{text:?} is no place of a database: {reason}")]
    Place {
        /// As given.
        text: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A place where there is no database, or not all of it.
    #[error("{place} does not have it")]
    Unpublished {
        /// The place.
        place: String,
    },
    /// An image, or some other artifact.
    #[error("{reference} is not a database of Gabion but of type {found:?}")]
    NotADatabase {
        /// The reference.
        reference: String,
        /// Its artifact type.
        found: String,
    },
    /// Not for the wanted machine.
    #[error("{reference} is not there for {wanted}, only for {}", available.join(", "))]
    Platform {
        /// The image.
        reference: String,
        /// What was wanted.
        wanted: String,
        /// What there is.
        available: Vec<String>,
    },
    /// A layer that its licence keeps out of registries.
    #[error("layer {digest} of {reference} is not distributable and {host} does not have it")]
    NotDistributable {
        /// The registry.
        host: String,
        /// The image.
        reference: String,
        /// The layer.
        digest: Digest,
    },
    /// The daemon knows the image and lacks a part of it.
    #[error("{place} lacks {digest} of {reference}, which was removed or never pulled")]
    MissingContent {
        /// The daemon.
        place: String,
        /// The image.
        reference: String,
        /// The blob.
        digest: Digest,
    },
    /// The disk is full.
    #[error("no space left for {}", path.display())]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// A file cannot be written or read.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An extra certificate authority that cannot be used.
    #[error("{} is not a PEM file of certificates", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
    },
    /// The daemon does not answer as it should.
    #[error("{daemon} at {socket}: {reason}")]
    Daemon {
        /// `containerd`, `docker`.
        daemon: &'static str,
        /// Its socket or address.
        socket: String,
        /// What it said.
        reason: String,
    },
    /// No daemon.
    #[error("no {daemon} daemon answers at {}", sockets.join(", "))]
    NoDaemon {
        /// `containerd`, `docker`.
        daemon: &'static str,
        /// Where it was looked for, each with the reason it was not there.
        sockets: Vec<String>,
    },
    /// No container of that name.
    #[error("{place} has no container {name:?}")]
    NoContainer {
        /// The daemon.
        place: String,
        /// As given.
        name: String,
    },
    /// A name that several containers go by.
    #[error("{name:?} is the name of several containers: {}", candidates.join(", "))]
    Ambiguous {
        /// As given.
        name: String,
        /// Identifiers to choose from.
        candidates: Vec<String>,
    },
    /// A container that is not running has no file system to look at.
    #[error("container {id} is not running")]
    NotRunning {
        /// Its identifier.
        id: String,
    },
}

impl SourceError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unauthorized { host, .. } | Self::Forbidden { host, .. } => format!(
                "log in with `docker login {host}`, or set GABION_REGISTRY_USER and GABION_REGISTRY_PASSWORD"
            ),
            Self::NotFound { host, reference }
                if host.starts_with("containerd") || host.starts_with("docker at") =>
            {
                format!("check the spelling, or read it from its registry: registry:{reference}")
            }
            Self::NotFound { .. } => {
                "check the spelling; a private image may need a login to be seen".to_owned()
            }
            Self::RateLimited { host, .. } => {
                format!("log in to {host} for a higher limit, or read through a mirror: --registry-mirror")
            }
            Self::Tls { .. } => {
                "if the registry has a private certificate authority, name it with --registry-ca FILE"
                    .to_owned()
            }
            Self::Connect { host, .. } => {
                format!(
                    "check the name and the network; if {host} speaks plain HTTP, add --registry-insecure {host}"
                )
            }
            Self::Timeout { .. } | Self::Interrupted { .. } => {
                "run it again: what has arrived is kept, and the transfer goes on from there".to_owned()
            }
            Self::Platform { available, .. } => match available.first() {
                Some(first) => format!("choose one with --platform, for instance --platform {first}"),
                None => return None,
            },
            Self::Full { .. } => "free some space, or put the cache elsewhere with --cache-dir".to_owned(),
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "run it as a user who may, or put the cache elsewhere with --cache-dir".to_owned()
            }
            Self::MissingContent { place, reference, .. } if place.starts_with("containerd") => {
                format!("pull it again, or read it from its registry: registry:{reference}")
            }
            Self::Daemon { reason, .. } if reason.contains("ermission denied") => {
                "the socket is open to root or to the members of its group only".to_owned()
            }
            Self::NoDaemon { daemon, .. } if *daemon == "containerd" => {
                "start it, or say where it is with --containerd-socket".to_owned()
            }
            Self::NoDaemon { daemon, .. } if *daemon == "docker" => {
                "start it, or say where it is with DOCKER_HOST".to_owned()
            }
            _ => return None,
        })
    }

    /// An error of the file system about `path`, with a full disk told apart.
    pub(super) fn file(path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::File { path, source },
        }
    }
}

fn later(wait: Option<Duration>) -> String {
    wait.map_or_else(|| "later".to_owned(), |wait| format!("in {} s", wait.as_secs()))
}

/// The cause at the bottom of an error, which says it best: `Connection refused (os error 111)`.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    super::printable(&last.to_string())
}
