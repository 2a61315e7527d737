//! Reads the vulnerabilities of a CycloneDX document with their analyses.
//!
//! A document that describes an image (its `metadata.component` has a package URL) speaks of the components within this
//! image only. Ranges of versions are not compared: what is stated of a range matches nothing.

use super::{Budget, Product, Statement, VexDocument, VexStatus, time};
use packageurl::PackageUrl;
use serde::Deserialize;
use std::{collections::BTreeMap, str::FromStr as _};

#[derive(Deserialize)]
pub(super) struct Bom {
    #[serde(rename = "serialNumber", default)]
    serial: Option<String>,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    components: Vec<Component>,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    timestamp: Option<String>,
    #[serde(default)]
    component: Option<Component>,
    #[serde(default)]
    supplier: Option<Name>,
    #[serde(default)]
    authors: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "bom-ref", default)]
    bom_ref: Option<String>,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    references: Vec<Reference>,
    #[serde(default)]
    updated: Option<String>,
    #[serde(default)]
    analysis: Option<Analysis>,
    #[serde(default)]
    affects: Vec<Affects>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    id: String,
}

#[derive(Deserialize)]
struct Analysis {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    justification: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(rename = "firstIssued", default)]
    first_issued: Option<String>,
    #[serde(rename = "lastUpdated", default)]
    last_updated: Option<String>,
}

#[derive(Deserialize)]
struct Affects {
    #[serde(rename = "ref")]
    to: String,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    version: Option<String>,
}

impl Bom {
    pub(super) fn read(self, file: &str) -> Result<VexDocument, String> {
        let Self { serial, metadata, components, vulnerabilities } = self;
        let mut purls = BTreeMap::new();
        let mut waiting: Vec<&Component> = components.iter().chain(&metadata.component).collect();
        while let Some(component) = waiting.pop() {
            waiting.extend(&component.components);
            if let (Some(bom_ref), Some(purl)) = (&component.bom_ref, &component.purl) {
                purls.insert(bom_ref.as_str(), purl.as_str());
            }
        }
        let whole = metadata.component.as_ref().and_then(|component| component.purl.as_deref());
        let document_time = time(metadata.timestamp.as_ref());
        let mut budget = Budget::default();
        let mut statements = Vec::new();
        for vulnerability in vulnerabilities {
            let Vulnerability { id, references, updated, analysis, affects } = vulnerability;
            let Some(analysis) = analysis else { continue };
            let Analysis { state, justification, detail, first_issued, last_updated } = analysis;
            let Some(status) = state.as_deref().and_then(status) else { continue };
            let mut products = Vec::new();
            for affects in &affects {
                let ids = affects.ids(&purls);
                budget.spend(ids.len())?;
                products.push(match whole {
                    Some(whole) if !ids.iter().any(|id| id == whole) => {
                        Product { ids: vec![whole.to_owned()], subcomponents: vec![ids] }
                    }
                    _ => Product { ids, subcomponents: Vec::new() },
                });
            }
            statements.push(Statement {
                vulnerabilities: id.into_iter().chain(references.into_iter().map(|r| r.id)).collect(),
                products,
                status,
                justification,
                impact: detail,
                timestamp: time(last_updated.as_ref())
                    .or(time(first_issued.as_ref()))
                    .or(time(updated.as_ref()))
                    .or(document_time),
            });
        }
        let author = metadata.supplier.iter().chain(&metadata.authors).map(|n| n.name.clone()).next();
        let id = serial.unwrap_or_else(|| file.to_owned());
        Ok(VexDocument { id, author: author.unwrap_or_default(), statements, ignored: Vec::new() })
    }
}

fn status(word: &str) -> Option<VexStatus> {
    match word {
        "not_affected" | "false_positive" => Some(VexStatus::NotAffected),
        "resolved" | "resolved_with_pedigree" => Some(VexStatus::Fixed),
        "exploitable" => Some(VexStatus::Affected),
        "in_triage" => Some(VexStatus::UnderInvestigation),
        _ => None,
    }
}

impl Affects {
    /// The package URLs that are meant. A reference into another document (`urn:cdx:SERIAL/1#REF`) ends in what that
    /// one calls the component, mostly its package URL.
    fn ids(&self, purls: &BTreeMap<&str, &str>) -> Vec<String> {
        let end = self.to.strip_prefix("urn:cdx:").and_then(|link| link.split_once('#'));
        let name = end.map_or(self.to.as_str(), |(_, name)| name);
        let Some(purl) = purls.get(name).copied().or(name.starts_with("pkg:").then_some(name)) else {
            return Vec::new();
        };
        if self.versions.is_empty() {
            return vec![purl.to_owned()];
        }
        let versions = self.versions.iter().filter_map(|version| version.version.as_ref());
        versions.filter_map(|version| with_version(purl, version)).collect()
    }
}

fn with_version(purl: &str, version: &str) -> Option<String> {
    let mut purl = PackageUrl::from_str(purl).ok()?;
    purl.with_version(version.to_owned()).ok()?;
    Some(purl.to_string())
}
