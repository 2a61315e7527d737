//! What a feed says, in one form for all feeds.
//!
//! ```text
//!  OSV, secdb, CSAF, OVAL, updateinfo, tracker ──► Advisory ── 1:n ──► Affected     what is wrong with which package
//!  KEV, EPSS, vulnrichment                     ──► Exploited, Likelihood, Assessment    what is known of a CVE
//!  endoflife dates                             ──► Lifecycle                              how long a release is cared for
//! ```
//!
//! An importer says what the feed says, no more: a version stays the text it was, and what has no place here is
//! left out. Names are in the form in which packages are looked up (see [`Ecosystem::normalise`]).

use crate::Ecosystem;
use gabion_model::Severity;
use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

/// One advisory of one feed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Advisory {
    /// Its name in the feed: `DSA-5380-1`, `GHSA-…`, `CVE-…`, `ALSA-2025:10073`.
    pub id: String,
    /// Other names of the same vulnerability.
    pub aliases: Vec<String>,
    /// The vulnerabilities that a vendor's advisory is about; it may fix many.
    pub upstream: Vec<String>,
    /// One line.
    pub summary: String,
    /// The rating of whoever published it.
    pub severity: Option<Severity>,
    /// CVSS vectors as written.
    pub cvss: Vec<String>,
    /// Numbers of the weaknesses: 79 for `CWE-79`.
    pub cwe: Vec<u32>,
    /// Where to read more, the best first; a few only.
    pub references: Vec<String>,
    /// When it was published.
    pub published: Option<Timestamp>,
    /// When it was last changed.
    pub modified: Option<Timestamp>,
    /// Whether it stands.
    pub standing: Standing,
    /// The packages it is about.
    pub affected: Vec<Affected>,
}

/// Whether an advisory stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It does.
    #[default]
    Active,
    /// It was taken back; it never matches.
    Withdrawn,
    /// Its vendor denies it; told apart.
    Disputed,
    /// It is no vulnerability: a crate without a maintainer, an update that mends something else; told apart.
    Informational,
}

/// One package that an advisory is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Affected {
    /// Where the package comes from.
    pub ecosystem: Ecosystem,
    /// The release of the distribution, as its advisories name it (`12`, `v3.19`, `22.04:LTS`); empty for
    /// languages and rolling distributions.
    pub release: String,
    /// The package.
    pub package: String,
    /// For a distribution: the name of a binary package. Most name the source package.
    pub binary: bool,
    /// The RPM module streams that it may belong to: `nodejs:18`; mostly one, two for `idm:DL1` and `idm:client`.
    /// None for a package outside of modules, and for a modular one (`.module+el8` in its versions) whose stream the
    /// feed does not tell.
    pub modules: Vec<String>,
    /// The architectures it is about; empty for all.
    pub arches: Vec<String>,
    /// Versions that are affected, in order. None of these and no [`Affected::versions`]: no version is.
    pub ranges: Vec<Range>,
    /// Versions that are affected, one by one, and that no range holds.
    pub versions: Vec<String>,
    /// What becomes of it.
    pub fix: Fix,
    /// A rating of this package apart from that of the advisory.
    pub severity: Option<Severity>,
    /// Go: what must be called for it to matter.
    pub imports: Vec<Import>,
}

/// From a version on, up to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The first affected version; none for the very first.
    pub introduced: Option<String>,
    /// Where it ends.
    pub until: Until,
}

/// Where a range ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Until {
    /// It does not.
    Open,
    /// Before this version.
    Fixed(String),
    /// After this version.
    LastAffected(String),
}

/// What becomes of a vulnerability in a package.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::enum_variant_names, reason = "`will not fix` is the field's word")]
pub enum Fix {
    /// Versions outside the ranges are fixed.
    #[default]
    Released,
    /// There is no fix yet.
    Pending,
    /// The vendor will not fix it.
    WillNotFix,
    /// The release gets no fixes any more.
    EndOfLife,
    /// The vendor says that the package is not affected, whatever upstream says.
    NotAffected,
    /// The vendor does not know yet.
    UnderInvestigation,
}

/// A Go package of a module, and the vulnerable symbols in it; none means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Its import path.
    pub path: String,
    /// `Func` or `Type.Method`.
    pub symbols: Vec<String>,
}

/// Which state of a feed this is, where it says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    /// Its version: of the model for EPSS, of the catalogue for KEV.
    pub version: String,
    /// When it was made.
    pub made: Option<Timestamp>,
}

/// What is known to be exploited: CISA's catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exploited {
    /// The CVE.
    pub cve: String,
    /// Since when it is in the catalogue.
    pub added: Date,
    /// By when agencies must have fixed it.
    pub due: Option<Date>,
    /// Whether ransomware is known to use it.
    pub ransomware: bool,
}

/// How likely it is to be exploited within 30 days: EPSS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Likelihood {
    /// The CVE.
    pub cve: String,
    /// In millionths.
    pub probability: u32,
    /// Share of all CVEs with less, in millionths.
    pub percentile: u32,
}

/// What CISA says of a CVE beyond its catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// The CVE.
    pub cve: String,
    /// One line.
    pub summary: String,
    /// A CVSS vector.
    pub cvss: Option<String>,
    /// SSVC `Exploitation`: `none`, `poc`, `active`.
    pub exploitation: Option<String>,
    /// SSVC `Automatable`.
    pub automatable: Option<bool>,
    /// SSVC `Technical Impact` is `total`.
    pub total_impact: Option<bool>,
    /// Numbers of the weaknesses.
    pub cwe: Vec<u32>,
    /// Whether the CVE stands: [`Standing::Withdrawn`] if who assigned it rejected it.
    pub standing: Standing,
}

/// How long a release is cared for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// `debian`, `ubuntu`, `python`, ...: as endoflife.date names it.
    pub product: String,
    /// The release: `12`.
    pub cycle: String,
    /// Last day of support; none if it is not set, the epoch if it is over without a date.
    pub end: Option<Date>,
    /// Last day of extended support, where there is one.
    pub extended: Option<Date>,
}
