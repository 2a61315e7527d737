//! Feeds: each read in the format in which its vendor publishes it.
//!
//! ```text
//!  file, directory, zip        input                    json, xml            osv, csaf, ...
//!  (.gz .zst .bz2)      ──►    documents, inflated ──►  records, one    ──►  Advisory, Exploited, ...  ──►  Sink
//!                              and counted              by one
//! ```
//!
//! What a feed says wrongly is told with its place, and the rest of the feed goes on: a feed of half a million files
//! always has a broken one. What is no such feed at all, is cut off, or goes beyond a limit is an error.
//!
//! Nothing here reads the network; whoever fetches a feed gives a file.

mod csaf;
mod debian;
mod distribution;
mod endoflife;
mod epss;
mod input;
mod json;
mod kev;
mod kubernetes;
mod osv;
mod oval;
mod purl;
mod ranges;
mod reading;
mod secdb;
mod text;
mod updateinfo;
mod vulnrichment;
mod xml;

#[cfg(test)]
mod tests;

use crate::record::{Advisory, Assessment, Edition, Exploited, Lifecycle, Likelihood};
use reading::{Broken, Reading};
use std::{
    fmt, io,
    io::BufRead,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Who is told what a feed says.
///
/// An id can come more than once: feeds that are ordered by package (Debian's tracker, secdb) tell a vulnerability once
/// for each package.
pub trait Sink {
    /// What is wrong with packages.
    fn advisory(&mut self, advisory: Advisory);
    /// A CVE is known to be exploited.
    fn exploited(&mut self, exploited: Exploited);
    /// How likely a CVE is to be exploited.
    fn likelihood(&mut self, likelihood: Likelihood);
    /// What CISA says of a CVE.
    fn assessment(&mut self, assessment: Assessment);
    /// How long a release is cared for.
    fn lifecycle(&mut self, lifecycle: Lifecycle);
    /// Which state of the feed this is.
    fn edition(&mut self, edition: Edition);
    /// Something in the feed is wrong; for the user.
    fn rejected(&mut self, rejected: Rejected);
}

/// Something in a feed that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The file, the line or number in it, and the id as far as it is known.
    pub place: String,
    /// What is wrong, in a few words.
    pub why: String,
    /// The record was told to the sink all the same.
    pub kept: bool,
}

/// What a feed may cost. The defaults are far above any feed seen in practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedLimits {
    /// Bytes of one record, inflated.
    pub record: u64,
    /// Bytes of the whole feed, inflated.
    pub total: u64,
    /// Files and directories, members of archives included.
    pub entries: u64,
    /// Directories in directories.
    pub depth: u32,
}

impl FeedLimits {
    /// The defaults.
    pub const DEFAULT: Self = Self { record: 100 << 20, total: 128 << 30, entries: 5_000_000, depth: 32 };
}

impl Default for FeedLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why a feed cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// It cannot be opened, or a directory cannot be listed.
    #[error("cannot read {}", path.display())]
    Open {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file as a whole is not what it should be.
    #[error("{place} is not a feed of kind {kind}, or is damaged: {why}")]
    Document {
        /// What was asked for.
        kind: Kind,
        /// The file, or the member of an archive.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// No record in it can be read.
    #[error("{} holds no record of kind {kind} that can be read{}", path.display(), first.as_ref().map(|r| format!("; the first that cannot is {}: {}", r.place, r.why)).unwrap_or_default())]
    Nothing {
        /// What was asked for.
        kind: Kind,
        /// The feed.
        path: PathBuf,
        /// The first record that cannot be read, if there is one at all.
        first: Option<Rejected>,
    },
    /// A limit on the feed as a whole is met.
    #[error("{} holds more than {limit} {what}", path.display())]
    TooLarge {
        /// The feed.
        path: PathBuf,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}

/// Reads one document: any number of records.
type Importer = fn(&mut Reading<'_>, &mut dyn BufRead) -> Result<(), Broken>;

/// The kinds of feeds: name on the command line, what it is, names of its files, and who reads them.
macro_rules! kinds {
    ($($kind:ident, $name:literal, $about:literal, $files:expr, $importer:expr;)+) => {
        /// A kind of feed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = $about] $kind,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// Its name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)+ }
            }

            /// What it is, in a line.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$kind => $about,)+ }
            }

            /// How the names of its files end; others in a directory or an archive are passed over.
            const fn files(self) -> &'static [&'static str] {
                match self { $(Self::$kind => $files,)+ }
            }

            fn importer(self) -> Importer {
                match self { $(Self::$kind => $importer,)+ }
            }
        }
    };
}

const JSON: &[&str] = &[".json", ".jsonl", ".ndjson"];

kinds! {
    Osv, "osv", "OSV records of any ecosystem", JSON, osv::read;
    DebianTracker, "debian-tracker", "JSON of the Debian security tracker", JSON, debian::read;
    Secdb, "secdb", "Security database of Alpine, Wolfi, Chainguard or MinimOS", JSON, secdb::read;
    Csaf, "csaf", "CSAF and VEX documents of Red Hat and SUSE", JSON, csaf::read;
    Oval, "oval", "OVAL patch definitions of Oracle", &[".xml"], oval::read;
    Updateinfo, "updateinfo", "updateinfo.xml of Amazon and other RPM repositories", &[".xml"], updateinfo::read;
    Kubernetes, "kubernetes", "CVE feed of Kubernetes", JSON, kubernetes::read;
    Kev, "kev", "Catalogue of known exploited vulnerabilities of CISA", JSON, kev::read;
    Epss, "epss", "Scores of EPSS", &[".csv"], epss::read;
    Vulnrichment, "vulnrichment", "CVE records with what CISA adds to them", JSON, vulnrichment::read;
    EndOfLife, "endoflife", "Dates of endoflife.date", JSON, endoflife::read;
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let kind = Self::ALL.iter().find(|kind| kind.name() == name);
        kind.copied().ok_or_else(|| UnknownKind { name: name.to_owned() })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no kind of feed has.
#[derive(Debug, thiserror::Error)]
#[error("{name:?} is no kind of feed; there are {}", Kind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownKind {
    name: String,
}

/// Reads a feed, and tells the sink what it says: a file, a directory of files, or a zip archive of them. A file can be
/// a document, a JSON array of them or JSON lines, and compressed.
pub fn import(kind: Kind, path: &Path, limits: &FeedLimits, sink: &mut dyn Sink) -> Result<(), FeedError> {
    let mut reading = Reading::new(kind, limits, sink);
    input::each(&mut reading, path)?;
    reading.finish(path)
}

/// Reads a feed that is in memory; `name` stands for the name of the file.
pub fn import_bytes(
    kind: Kind,
    name: &str,
    bytes: &[u8],
    limits: &FeedLimits,
    sink: &mut dyn Sink,
) -> Result<(), FeedError> {
    let mut reading = Reading::new(kind, limits, sink);
    input::bytes(&mut reading, name, bytes)?;
    reading.finish(Path::new(name))
}
