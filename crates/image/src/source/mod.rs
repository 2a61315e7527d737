//! Where the bytes of an image come from.
//!
//! ```text
//!   argument ──Spec::parse──► kind + reference
//!        registry     Distribution v2 over HTTPS        ─┐
//!        containerd   content store over its socket     ─┼─► BlobStore: blobs/sha256/HEX, verified
//!        containerd   unpacked snapshots                ─┼─► directories of this machine, one per layer
//!        docker       `docker save` over the socket     ─┴─► a docker archive
//! ```
//!
//! This side of Gabion has the network and the credentials, and does not look into layers: it only moves
//! bytes onto this machine and checks them against the digests that were promised. Looking into them is
//! the work of a child process that has neither.

pub mod auth;
pub mod blobs;
pub mod containerd;
pub mod database;
pub mod docker;
mod endpoint;
mod error;
pub mod hub;
pub mod listing;
pub mod platform;
pub mod reference;
pub mod registry;
mod retry;
mod snapshot;
pub mod spec;
pub mod task;

pub use blobs::BlobStore;
pub use database::DatabasePlace;
pub use error::SourceError;
pub use listing::Lister;
pub use platform::Platform;
pub use reference::Reference;
pub use retry::Retry;
pub(crate) use snapshot::chain_ids;
pub use spec::{Found, Probe, SourceKind, Spec, SystemProbe};

use gabion_model::Digest;

/// An image whose manifest, configuration and layers are in the [`BlobStore`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The manifest of the one image that was chosen; its bytes are in the store, too.
    pub manifest: Digest,
    /// The index that it was chosen from, if it was; its bytes are in the store, too.
    pub index: Option<Digest>,
    /// Manifests of attestations and indexes of them that are attached to it without its index; they are in the store, too.
    pub attached: Vec<Digest>,
    /// The names it is known by at the source.
    pub tags: Vec<String>,
    /// `linux/amd64`, as its configuration says.
    pub platform: String,
}

/// Hears how a transfer goes. Numbers are bytes on the wire, of layers that were not here before.
pub trait Progress: Sync {
    /// So many more bytes are to come.
    fn total(&self, bytes: u64);
    /// So many have arrived.
    fn advance(&self, bytes: u64);
    /// Something worth a line, for instance that a server is waited for.
    fn message(&self, text: &str);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn total(&self, _: u64) {}
    fn advance(&self, _: u64) {}
    fn message(&self, _: &str) {}
}

/// Text of a stranger, fit for a terminal and a log: no control characters, at most 200 characters.
fn printable(text: &str) -> String {
    let mut clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    clean.truncate(clean.trim_end().len());
    clean
}
