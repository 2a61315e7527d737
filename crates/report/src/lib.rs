//! Turns a [`ScanReport`] into what people and programs read, and reads other tools' SBOMs back. Pure: bytes
//! in, bytes out; no file, no clock, no network.
//!
//! ```text
//!                  ┌─► table      a person at a terminal
//!                  ├─► json       Gabion's own form (schema/scan-report-1.0.schema.json)
//!   ScanReport ────┼─► cyclonedx  SBOM, CycloneDX 1.6 ──┐
//!                  ├─► spdx       SBOM, SPDX 2.3 ───────┼─► sbom::read_sbom ─► packages, OS, what is missing
//!                  ├─► sarif      code scanning         │
//!                  ├─► junit      CI                  other tools
//!                  └─► markdown   a pull request
//! ```
//!
//! Vulnerabilities are told by what clears them where people read (see `upgrade.rs`), one by one where programs do.
//! What an exception or a VEX statement sets aside stays in every format, marked and with its reason, and counts in
//! none.
//!
//! Three rules hold in every format:
//!
//! - **The same report gives the same bytes.** Identifiers that a format wants unique are derived from the
//!   content (see `subject.rs`), and nothing depends on the order of a hash table.
//! - **Coverage is told.** A format that cannot say what was *not* looked at gets it as properties,
//!   notifications, annotations or test cases, and none of them says "clean" unless coverage is full.
//! - **Strings come from attackers.** What an image says about itself can neither steer a terminal nor break
//!   the document it is put into (see `text.rs`).

#![forbid(unsafe_code)]

mod cyclonedx;
mod json;
mod junit;
mod known;
mod license;
mod markdown;
mod sarif;
pub mod sbom;
mod spdx;
mod subject;
mod table;
pub mod text;
mod upgrade;

#[doc(hidden)]
pub use known::symbols_in_words;
pub use license::cyclonedx_ids;
pub use sbom::{SbomContent, SbomError, read_sbom};

use gabion_model::ScanReport;
use std::{fmt, io, str::FromStr};

/// The forms a report can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// For a person at a terminal.
    Table,
    /// Gabion's own JSON, the whole report.
    Json,
    /// `CycloneDX` 1.6 in JSON.
    CycloneDx,
    /// SPDX 2.3 in JSON.
    Spdx,
    /// SARIF 2.1.0.
    Sarif,
    /// `JUnit` XML.
    Junit,
    /// Markdown for a pull request: a summary, not longer than GitHub takes.
    Markdown,
}

/// Not the name of a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format {0:?} (expected table, json, cyclonedx, spdx, sarif, junit or markdown)")]
pub struct UnknownFormat(pub String);

impl Format {
    /// All formats.
    pub const ALL: [Self; 7] =
        [Self::Table, Self::Json, Self::CycloneDx, Self::Spdx, Self::Sarif, Self::Junit, Self::Markdown];

    /// Its name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(s: &str) -> Result<Self, UnknownFormat> {
        // The names by which Syft and Trivy know the JSON forms are welcome too.
        let name = match s {
            "cyclonedx-json" => "cyclonedx",
            "spdx-json" => "spdx",
            name => name,
        };
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == name)
            .ok_or_else(|| UnknownFormat(s.to_owned()))
    }
}

/// How a report is rendered. Only the table heeds all of it; `markdown` heeds `all` and `gates`, the others nothing.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Colour, by ANSI escapes.
    pub color: bool,
    /// Every package, finding, piece of evidence and reason, instead of the ones that matter most.
    pub all: bool,
    /// Columns of the terminal; less than 40 is treated as 40.
    pub width: usize,
    /// What the caller's gates said, in the caller's order; those that failed are shown first.
    pub gates: &'a [GateResult],
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self { color: false, all: false, width: 100, gates: &[] }
    }
}

/// The verdict of one gate, such as `--fail-on high`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GateResult {
    /// The gate as the user wrote it: `severity>=high`.
    pub gate: String,
    /// Whether the report passed it.
    pub passed: bool,
    /// One lower-case sentence: `3 findings`.
    pub detail: String,
}

/// Writes the report. Fails only if `out` does.
pub fn render(
    report: &ScanReport,
    format: Format,
    options: &Options<'_>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    match format {
        Format::Table => table::render(report, options, out),
        Format::Json => json::write(report, out),
        Format::CycloneDx => json::write(&cyclonedx::document(report)?, out),
        Format::Spdx => json::write(&spdx::document(report)?, out),
        Format::Sarif => json::write(&sarif::log(report), out),
        Format::Junit => junit::render(report, out),
        Format::Markdown => markdown::render(report, options, out),
    }
}
