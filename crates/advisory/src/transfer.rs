//! How a new version of the database reaches those who have an old one.
//!
//! ```text
//!  publisher                              server: a directory, HTTP, a registry, a disk            client
//!  ─────────                              ─────────────────────────────────────────────            ──────
//!  Segment ─► publish ─► sign ─►          manifest.json, manifest.json.minisig               ─►  verify: key, sequence, clock
//!                                         blobs/sha256/…  the newest version                 ─►  if there is no delta
//!                                         blobs/sha256/…  delta from each of K older ones    ─►  update: edit, root, rename
//! ```
//!
//! [`mirror`] copies all of it, for a network of one's own or a publisher with an empty disk.
//!
//! A day's change is three requests: manifest, signature, one delta. Everything is named by its digest, as in an OCI layout, and
//! never changes; only the manifest does. Whether a file comes by HTTP, out of a registry or from a disk is decided by who
//! implements [`Chunks`].
//!
//! # What is sent, and why
//!
//! The unit of change is the block: with N rows in blocks of b, c changed rows spread at random touch about c blocks. The obvious way
//! is to send a list of all blocks (say 8 bytes of each hash) and those that are new, as they are stored, s bytes a row:
//!
//! ```text
//!  c · b · s + N / b · 8        least at b = √(8 N / (c s)): there list and blocks cost the same, 2 √(8 N c s)
//! ```
//!
//! For a day of the shared feeds (N = 162,000, c = 487, s = 32) that is 280 kB at b = 9; the aim is 200 kB. For 4 million rows it is
//! 5.5 MB. So there is no list, and blocks are not sent: the publisher, who knows what the client has, says which rows go, which
//! come, and where. Those are told by what is different from the row before, column by column, and compressed. Blocks are
//! cut by their rows alone, so the client cuts the same ones. That costs what changed, whatever b is:
//!
//! ```text
//!  measured (0.3 % replaced or added at random)     feeds: 6 kB of 4.9 MB     4 million rows: 160 kB of 80 MB
//! ```
//!
//! The price: deltas exist only from the K versions that the publisher chose, so who has been away for longer fetches the
//! whole file, which for the feeds is 5 MB.
//!
//! # What is believed
//!
//! The pinned key, and from there only digests: manifest (signed) → digest of what is fetched → root of what was assembled. A
//! delta may be as wrong as it likes; what comes out has the signed root or is thrown away. Blocks that stay are checked again, so that a rotten
//! old version is not handed down. An older sequence, or a manifest from the future, is refused.
//!
//! # For a database of several segments
//!
//! Each is replaced on its own here. [`crate::store`] names the targets by their root and switches all at once.

mod chunks;
mod columns;
mod delta;
mod download;
mod manifest;
mod mirror;
mod publish;
pub mod sign;
mod update;

#[cfg(test)]
pub(crate) mod tests;

pub use chunks::{Chunks, Directory};
pub(crate) use manifest::is_segment_name;
pub use manifest::{Blob, Expected, Manifest, ManifestError, Offer, Older, Trusted};
pub use mirror::{Mirrored, mirror};
pub use publish::{PublishError, publish};
pub use update::{Route, UpdateError, Updated, fetch_manifest, update};
