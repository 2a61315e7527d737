//! SPDX 2.2 and 2.3 JSON.

#![expect(clippy::struct_field_names, reason = "the names are those of the format")]

use super::{
    SbomContent, SbomError, count,
    os::Os,
    purl::{self, Named},
    unsupported,
};
use gabion_model::{OsRelease, Package, SourcePackage};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    packages: Vec<SpdxPackage>,
    #[serde(default)]
    relationships: Vec<Relationship>,
    #[serde(default)]
    document_describes: Vec<String>,
    #[serde(default)]
    has_extracted_licensing_infos: Vec<Extracted>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpdxPackage {
    #[serde(default, rename = "SPDXID")]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version_info: String,
    #[serde(default)]
    primary_package_purpose: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    source_info: String,
    #[serde(default)]
    license_declared: String,
    #[serde(default)]
    external_refs: Vec<ExternalRef>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    #[serde(default)]
    reference_type: String,
    #[serde(default)]
    reference_locator: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    #[serde(default)]
    spdx_element_id: String,
    #[serde(default)]
    relationship_type: String,
    #[serde(default)]
    related_spdx_element: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Extracted {
    #[serde(default)]
    license_id: String,
    #[serde(default)]
    extracted_text: String,
}

pub(super) fn read(bytes: &[u8], version: &str) -> Result<SbomContent, SbomError> {
    if !matches!(version, "SPDX-2.2" | "SPDX-2.3") {
        return Err(unsupported("SPDX", version, "2.2 and 2.3"));
    }
    let document: Document = serde_json::from_slice(bytes)?;
    let mut content = SbomContent { format: version.replace('-', " "), ..SbomContent::default() };
    let described: BTreeSet<&str> = document
        .relationships
        .iter()
        .filter(|r| r.relationship_type == "DESCRIBES" && r.spdx_element_id == "SPDXRef-DOCUMENT")
        .map(|r| r.related_spdx_element.as_str())
        .chain(document.document_describes.iter().map(String::as_str))
        .collect();
    let texts: BTreeMap<&str, &str> = document
        .has_extracted_licensing_infos
        .iter()
        .map(|e| (e.license_id.as_str(), e.extracted_text.as_str()))
        .collect();
    let mut os = Os::default();
    // Where each package is in the content, by its id.
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &document.packages {
        // The specification has the hyphen, its JSON schema the underscore.
        if matches!(entry.primary_package_purpose.as_str(), "OPERATING-SYSTEM" | "OPERATING_SYSTEM") {
            os.named(operating_system(entry));
            continue;
        }
        let purl = entry.external_refs.iter().find(|r| r.reference_type == "purl");
        match purl.map(|r| purl::read(&r.reference_locator)) {
            Some(Ok(Named::Package(mut package, distribution))) => {
                os.distribution(distribution, &package.name);
                purl::respell(&mut package, &entry.name);
                package.source = package.source.or_else(|| trivy_source(&entry.source_info));
                package.licenses = licenses(&entry.license_declared, &texts);
                places.insert(&entry.id, content.packages.len());
                content.packages.push(*package);
            }
            Some(Ok(Named::Image)) => {
                count(&mut content.skipped, "container images, not packages", &entry.name);
            }
            Some(Err(reason)) => count(&mut content.gaps, reason, &entry.name),
            None if described.contains(&*entry.id) || is_no_package(entry) => {
                let text = "entries for the subject or for files, not packages";
                count(&mut content.skipped, text, &entry.name);
            }
            None => count(&mut content.gaps, "packages without a package URL", &entry.name),
        }
    }
    own(&mut content.packages, &places, &document.relationships);
    os.settle(&mut content);
    Ok(content)
}

/// A package of the distribution that contains one of a language owns its files. The first that says so counts.
fn own(packages: &mut [Package], places: &BTreeMap<&str, usize>, relationships: &[Relationship]) {
    for Relationship { spdx_element_id: from, relationship_type, related_spdx_element: to } in relationships {
        let (whole, part) = match relationship_type.as_str() {
            "CONTAINS" => (from, to),
            "CONTAINED_BY" => (to, from),
            _ => continue,
        };
        let (Some(&whole), Some(&part)) = (places.get(whole.as_str()), places.get(part.as_str())) else {
            continue;
        };
        if packages[whole].kind.is_os() && !packages[part].kind.is_os() {
            let owner = packages[whole].reference();
            packages[part].owned_by.get_or_insert(owner);
        }
    }
}

/// An `APPLICATION` without a version names a group (Trivy has one for each lock file), not a package.
fn is_no_package(entry: &SpdxPackage) -> bool {
    match entry.primary_package_purpose.as_str() {
        "APPLICATION" => entry.version_info.is_empty(),
        purpose => matches!(purpose, "CONTAINER" | "FILE" | "DEVICE" | "ARCHIVE" | "SOURCE"),
    }
}

fn operating_system(entry: &SpdxPackage) -> OsRelease {
    OsRelease {
        id: entry.name.clone(),
        version: Some(entry.version_info.clone()).filter(|version| !version.is_empty()),
        codename: None,
        name: if entry.summary.is_empty() {
            format!("{} {}", entry.name, entry.version_info).trim_end().to_owned()
        } else {
            entry.summary.clone()
        },
        like: Vec::new(),
        end_of_life: None,
        path: String::new(),
    }
}

/// The source package, which Trivy has in a sentence instead of the package URL.
fn trivy_source(source_info: &str) -> Option<SourcePackage> {
    let (name, version) = source_info.strip_prefix("built package from: ")?.split_once(' ')?;
    Some(SourcePackage { name: name.to_owned(), version: version.to_owned() })
}

/// The expression as one element; a bare reference becomes the text it stands for.
fn licenses(declared: &str, texts: &BTreeMap<&str, &str>) -> Vec<String> {
    match declared {
        "" | "NOASSERTION" | "NONE" => Vec::new(),
        declared => vec![texts.get(declared).copied().unwrap_or(declared).to_owned()],
    }
}
