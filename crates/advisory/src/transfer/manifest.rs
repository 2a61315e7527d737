//! What a server has: one signed text that names everything else by its digest.
//!
//! ```json
//! {"format":1,"sequence":7,"created":"2026-11-22T06:00:00Z","segments":[
//!   {"name":"debian","root":"sha256:…","file":{"digest":"sha256:…","size":812345},
//!    "older":[{"root":"sha256:…","file":{…},"delta":{"digest":"sha256:…","size":31234}}]}]}
//! ```
//!
//! It is canonical: the same content is the same bytes (no blanks, one order of keys, segments by name, a newline at the
//! end), and anything else is refused. A newer format gets another number, so unknown keys are refused, too.

use super::sign::{PublicKey, SignatureError};
use gabion_model::Digest;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// Bytes of a manifest, and of a signature.
pub(super) const MAX_MANIFEST: u64 = 1 << 20;
/// Bytes of a segment.
const MAX_FILE: u64 = 4 << 30;
/// Segments.
const MAX_SEGMENTS: usize = 256;
/// Older versions of a segment.
pub(super) const MAX_OLDER: usize = 64;
/// How far a clock may be behind that of the publisher.
const SLACK: SignedDuration = SignedDuration::from_hours(24);
const FORMAT: u32 = 1;

/// What a server has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    /// One more with each publication: an older one than was seen before is refused.
    pub sequence: u64,
    /// When it was published.
    pub created: Timestamp,
    /// By name.
    pub segments: Vec<Offer>,
}

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Letters, digits and `-`: it becomes the name of a file.
    pub name: String,
    /// What its content is.
    pub root: Digest,
    /// All of it.
    pub file: Blob,
    /// Versions from before, the newest first.
    pub older: Vec<Older>,
}

/// A version from before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Older {
    /// What its content was.
    pub root: Digest,
    /// All of it; the publisher makes the next deltas from it.
    pub file: Blob,
    /// How to get from it to the version of the offer, if that is worth while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<Blob>,
}

/// A file by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blob {
    /// Its SHA-256.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

impl Blob {
    /// Its path below the directory of the publication, which is that of an OCI image layout.
    pub fn name(&self) -> String {
        format!("blobs/sha256/{}", self.digest.hex())
    }
}

/// Whether a segment may be called so: it becomes the name of a file.
pub(crate) fn is_segment_name(name: &str) -> bool {
    let plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// What must hold for a manifest besides its signature.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// What the clock says.
    pub now: Timestamp,
    /// The sequence of the manifest that was accepted last.
    pub last: Option<u64>,
    /// Whether to go back on purpose.
    pub allow_older: bool,
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// By its signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It is no manifest.
    #[error("the manifest cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// It is none of this time.
    #[error("the manifest is in format {0}, this program reads {FORMAT}")]
    Format(u32),
    /// It says something that cannot be.
    #[error("the manifest is refused: {0}")]
    Absurd(&'static str),
    /// It is older than what is here.
    #[error("the manifest has sequence {found}, older than {last}, which was seen before")]
    Older {
        /// Its sequence.
        found: u64,
        /// What was seen before.
        last: u64,
    },
    /// Its time, or ours, is wrong.
    #[error("the manifest was created at {created}, but the clock here says {now}: one of the two is wrong")]
    Future {
        /// Its time.
        created: Timestamp,
        /// Ours.
        now: Timestamp,
    },
}

impl Manifest {
    /// Segments are put in order.
    pub fn new(sequence: u64, created: Timestamp, mut segments: Vec<Offer>) -> Self {
        segments.sort_by(|a, b| a.name.cmp(&b.name));
        Self { format: FORMAT, sequence, created, segments }
    }

    /// The offer of a segment.
    pub fn offer(&self, name: &str) -> Option<&Offer> {
        self.segments.iter().find(|offer| offer.name == name)
    }

    /// All blobs it names; one may come more than once.
    pub fn blobs(&self) -> impl Iterator<Item = Blob> {
        self.segments.iter().flat_map(|offer| {
            let older = offer.older.iter().flat_map(|older| [Some(older.file), older.delta]);
            [Some(offer.file)].into_iter().chain(older).flatten()
        })
    }

    /// The canonical bytes, which are signed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Reads it, whoever wrote it: for the publisher's own directory.
    pub fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct OfAnyTime {
            format: u32,
        }
        if bytes.len() as u64 > MAX_MANIFEST {
            return Err(ManifestError::Absurd("it is too long"));
        }
        let OfAnyTime { format } = serde_json::from_slice(bytes).map_err(ManifestError::Unreadable)?;
        if format != FORMAT {
            return Err(ManifestError::Format(format));
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(ManifestError::Unreadable)?;
        manifest.sane().map_err(ManifestError::Absurd)?;
        if manifest.to_bytes() != bytes {
            return Err(ManifestError::Absurd("it is not in its canonical form"));
        }
        Ok(manifest)
    }

    /// Reads it, if it is signed by this key and nothing else is wrong with it.
    pub fn verify(
        bytes: &[u8],
        signature: &str,
        key: &PublicKey,
        expected: Expected,
    ) -> Result<Trusted, ManifestError> {
        key.verify(bytes, signature)?;
        let manifest = Self::read(bytes)?;
        if let Some(last) = expected.last
            && manifest.sequence < last
            && !expected.allow_older
        {
            return Err(ManifestError::Older { found: manifest.sequence, last });
        }
        if manifest.created.duration_since(expected.now) > SLACK {
            return Err(ManifestError::Future { created: manifest.created, now: expected.now });
        }
        Ok(Trusted(manifest))
    }

    fn sane(&self) -> Result<(), &'static str> {
        if self.segments.len() > MAX_SEGMENTS {
            return Err("it has too many segments");
        }
        if !self.segments.is_sorted_by(|a, b| a.name < b.name) {
            return Err("its segments are not in order, or one is there twice");
        }
        for offer in &self.segments {
            if !is_segment_name(&offer.name) {
                return Err("the name of a segment is not made of letters, digits and `-`");
            }
            if offer.older.len() > MAX_OLDER {
                return Err("it has too many older versions");
            }
            let deltas = offer.older.iter().filter_map(|older| older.delta);
            if offer.file.size > MAX_FILE || deltas.into_iter().any(|delta| delta.size > offer.file.size) {
                return Err("a file is too large");
            }
        }
        Ok(())
    }
}

/// A manifest whose signature was found right.
#[derive(Clone, Debug)]
pub struct Trusted(Manifest);

impl Deref for Trusted {
    type Target = Manifest;

    fn deref(&self) -> &Manifest {
        &self.0
    }
}
