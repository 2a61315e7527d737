//! Reads SBOMs that other tools, or Gabion, made: `CycloneDX` 1.2 to 1.7 and SPDX 2.2 and 2.3, both in JSON,
//! bare or as the predicate of an in-toto statement, with or without its DSSE envelope.
//!
//! ```text
//!   bytes ─► envelope ─► statement ─► CycloneDX ─┐
//!                                  └► SPDX ──────┴─► entries ─► purl ─► Package
//!                                                       └─► no usable purl: a gap, told and counted
//! ```
//!
//! A package is what its package URL says. An entry without one cannot be matched against any advisory, so it
//! becomes a gap instead of a guess. Entries that are no packages (files, the image itself, the grouping
//! entries of lock files) are left out by design, and told as such.

mod attestation;
mod cyclonedx;
mod os;
mod purl;
mod spdx;

use gabion_model::{OsRelease, Package, Reason};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The largest document that is read, in bytes. The SBOM of an image with 100,000 packages has about 100 MB.
pub const MAX_BYTES: usize = 256 << 20;

/// What an SBOM tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SbomContent {
    /// The format and its version: `CycloneDX 1.6`.
    pub format: String,
    /// The packages, sorted by kind, name and version.
    pub packages: Vec<Package>,
    /// The operating system, if the document names one.
    pub os: Option<OsRelease>,
    /// What could not be understood: gaps in the coverage of packages.
    pub gaps: Vec<Reason>,
    /// What was left out by design.
    pub skipped: Vec<Reason>,
}

/// Why a document cannot be read as an SBOM.
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    /// Beyond [`MAX_BYTES`].
    #[error("document has {0} bytes, more than the {MAX_BYTES} Gabion reads")]
    TooLarge(usize),
    /// JSON, but of a kind Gabion does not know.
    #[error("neither CycloneDX nor SPDX JSON")]
    Unknown,
    /// A form of an SBOM other than JSON.
    #[error("{0} is not supported; convert it to JSON")]
    NotJson(&'static str),
    /// A version of the format that Gabion does not know.
    #[error("{format} version {version:?} is not supported ({supported} are)")]
    Version {
        /// `CycloneDX` or `SPDX`.
        format: &'static str,
        /// As the document states it, cut to 40 characters.
        version: String,
        /// The versions that are.
        supported: &'static str,
    },
    /// The payload of an attestation is not what its envelope says.
    #[error("attestation payload is not valid base64")]
    Payload,
    /// Not JSON, or not of the shape its format requires.
    #[error("not JSON, or not of the shape that its format requires (line {}, column {})", .0.line(), .0.column())]
    Json(#[from] serde_json::Error),
}

/// Reads an SBOM. Accepts hostile bytes: memory is bounded by a multiple of their number.
pub fn read_sbom(bytes: &[u8]) -> Result<SbomContent, SbomError> {
    if bytes.len() > MAX_BYTES {
        return Err(SbomError::TooLarge(bytes.len()));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match bytes.trim_ascii_start() {
        [b'<', ..] => return Err(SbomError::NotJson("XML")),
        rest if rest.starts_with(b"SPDXVersion:") => {
            return Err(SbomError::NotJson("the SPDX tag-value form"));
        }
        _ => {}
    }
    let mut content = match attestation::payload(bytes)? {
        None => read_document(bytes)?,
        Some(statement) => {
            let mut content = read_document(attestation::predicate(&statement)?.as_bytes())?;
            let text = "the signature of the attestation around the document was not checked";
            content.skipped.push(Reason::new(text));
            content
        }
    };
    content.packages.sort_by(|a, b| {
        let key = |p: &Package| (p.kind, p.name.clone(), p.version.clone(), p.locations.clone());
        key(a).cmp(&key(b))
    });
    Ok(content)
}

/// The fields by which the formats tell themselves apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe<'a> {
    #[serde(borrow, default)]
    bom_format: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    spec_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    spdx_version: Option<Cow<'a, str>>,
}

fn read_document(bytes: &[u8]) -> Result<SbomContent, SbomError> {
    let probe: Probe<'_> = serde_json::from_slice(bytes)?;
    match (probe.bom_format.as_deref(), probe.spdx_version.as_deref()) {
        (Some("CycloneDX"), _) => {
            let version = probe.spec_version.unwrap_or_default();
            cyclonedx::read(bytes, &version)
        }
        (_, Some(version)) => spdx::read(bytes, version),
        _ => Err(SbomError::Unknown),
    }
}

fn unsupported(format: &'static str, version: &str, supported: &'static str) -> SbomError {
    SbomError::Version { format, version: version.chars().take(40).collect(), supported }
}

/// Counts reasons with the same text instead of repeating them.
fn count(reasons: &mut Vec<Reason>, text: impl Into<String>, example: &str) {
    let text = text.into();
    match reasons.iter_mut().find(|reason| reason.text == text) {
        Some(known) => known.count += 1,
        None => reasons.push(Reason::at(example, text)),
    }
}

/// JSON kept as text, for the parts whose shape is not known yet.
type Raw<'a> = &'a RawValue;
