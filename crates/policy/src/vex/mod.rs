//! VEX: what others say of vulnerabilities in a product, and what we say.
//!
//! ```text
//!   OpenVEX ───┐
//!   CSAF ──────┼─► VexDocument: statements ──► apply ──► `suppressed` of findings ──► to_openvex
//!   CycloneDX ─┘    vulnerability × product × status
//! ```
//!
//! A statement hides a finding only if it surely speaks of it: the product is this image or a package in it, at its
//! version, and every package of the finding is covered. What cannot be identified (a CPE, a product by name only, a
//! range of versions) matches nothing.

mod apply;
mod csaf;
mod cyclonedx;
mod identity;
mod openvex;
mod write;

pub use apply::{VexApplied, apply_vex};
pub use write::to_openvex;

use crate::error::{DocumentError, Place};
use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};

/// Larger documents are refused.
const MAX_BYTES: usize = 64 << 20;
/// More statements in a document, or more products in all of them, are refused.
const MAX_PRODUCTS: usize = 200_000;

/// A document, in whatever format it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VexDocument {
    /// Its identifier; the name of the file if it has none.
    pub id: String,
    /// Who says so.
    pub author: String,
    /// What it says.
    pub statements: Vec<Statement>,
    /// What it says and does not count, one sentence each.
    pub ignored: Vec<String>,
}

/// A vulnerability, products, and what is known of the one in the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Names of the vulnerability.
    pub vulnerabilities: Vec<String>,
    /// What it speaks of.
    pub products: Vec<Product>,
    /// What it says.
    pub status: VexStatus,
    /// Why it is not affected, as a word of the format.
    pub justification: Option<String>,
    /// Why it is not affected, as a text.
    pub impact: Option<String>,
    /// When this was said.
    pub timestamp: Option<Timestamp>,
}

/// A product, or some components in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// Its names: package URLs, names of images, digests (`sha256:…`).
    pub ids: Vec<String>,
    /// Names of the components in it that are meant, one list each; all of it if there are none.
    pub subcomponents: Vec<Vec<String>>,
}

/// What a statement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VexStatus {
    /// The vulnerability cannot be exploited there.
    NotAffected,
    /// These versions have a fix.
    Fixed,
    /// Nobody knows yet.
    UnderInvestigation,
    /// It can.
    Affected,
}

impl VexDocument {
    /// Reads a document of any of the formats; `file` is the name for errors.
    pub fn parse(file: &str, text: &str) -> Result<Self, DocumentError> {
        if text.len() > MAX_BYTES {
            let problem = format!("the document has {} bytes; at most {MAX_BYTES} are read", text.len());
            return Err(DocumentError::new(file, None, problem));
        }
        let probe: Probe = json(file, text)?;
        let document = match probe {
            Probe { context: Some(context), .. } if context.contains("openvex.dev/ns") => {
                json::<openvex::Document>(file, text)?.read(file)
            }
            Probe { document: Some(_), .. } => json::<csaf::Csaf>(file, text)?.read(file),
            Probe { bom_format: Some(format), .. } if format == "CycloneDX" => {
                json::<cyclonedx::Bom>(file, text)?.read(file)
            }
            _ => {
                Err("it is neither OpenVEX (`@context`), nor CSAF (`document`), nor CycloneDX (`bomFormat`)"
                    .into())
            }
        };
        document.map_err(|problem| DocumentError::new(file, None, problem))
    }
}

/// What tells the formats apart.
#[derive(Deserialize)]
struct Probe {
    #[serde(rename = "@context", default)]
    context: Option<String>,
    #[serde(default)]
    document: Option<serde::de::IgnoredAny>,
    #[serde(rename = "bomFormat", default)]
    bom_format: Option<String>,
}

/// Nesting is limited by the parser (128).
fn json<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DocumentError> {
    serde_json::from_str(text).map_err(|error| {
        let place = Place { line: error.line() as u64, column: error.column() as u64 };
        let problem = error.to_string();
        let end = problem.rfind(" at line ").unwrap_or(problem.len());
        let problem: String = problem[..end].chars().take(300).collect();
        DocumentError::new(file, (place.line > 0).then_some(place), problem)
    })
}

/// A time in one of the forms of RFC 3339; none if it is something else.
fn time(text: Option<&String>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// Counts products, so that a small document cannot stand for a large one.
#[derive(Default)]
struct Budget(usize);

impl Budget {
    fn spend(&mut self, products: usize) -> Result<(), String> {
        self.0 = self.0.saturating_add(products).saturating_add(1);
        if self.0 > MAX_PRODUCTS {
            return Err(format!("it speaks of more than {MAX_PRODUCTS} products"));
        }
        Ok(())
    }
}
