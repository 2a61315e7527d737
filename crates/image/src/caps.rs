//! The limits that untrusted bytes of an image meet.
//!
//! The decoders themselves are in [`gabion_caps`], which counts what comes out and stops, with an error that says
//! which limit was met.

pub use gabion_caps::{Capped, gunzip, inflate_raw, inflate_zlib, unzstd};

/// Limits on one image. The defaults are far above any image seen in practice; a flag or a test changes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Limits {
    /// Bytes of one uncompressed layer.
    pub layer: u64,
    /// Entries of all layers.
    pub entries: u64,
    /// Bytes of the names and link targets of all layers, which are kept in memory.
    pub names: u64,
    /// Packages, secrets, and paths that belong to packages, of all layers.
    pub facts: u64,
    /// Bytes of a file that is kept in memory rather than spilled to disk.
    pub memory: u64,
    /// Bytes of a metadata file (a package database, a JSON or TOML document) that is parsed as a whole.
    pub document: u64,
    /// Bytes that one archive inside the image (a jar, say) may inflate to, its nested archives included.
    pub archive: u64,
    /// Entries of one archive inside the image.
    pub archive_entries: u64,
    /// Archives within archives.
    pub archive_depth: u32,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        layer: 64 << 30,
        entries: 8_000_000,
        names: 1 << 30,
        facts: 8_000_000,
        memory: 1 << 20,
        document: 64 << 20,
        archive: 4 << 30,
        archive_entries: 500_000,
        archive_depth: 4,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
