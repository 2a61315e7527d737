//! How a new version of the database reaches those who have an old one.
mod chunks;
mod delta;
mod manifest;
mod publish;
pub mod sign;
mod update;

#[cfg(test)]
mod tests;

pub use chunks::{Chunks, Directory};
pub use manifest::{Blob, Expected, Manifest, ManifestError, Offer, Older, Trusted};
pub use publish::{PublishError, publish};
pub use update::{Route, UpdateError, Updated, fetch_manifest, update};
