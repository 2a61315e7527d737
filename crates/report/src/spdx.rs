//! SPDX 2.3 in JSON: the document describes the image, the image contains the packages.
//!
//! Where a package came from is its `sourceInfo`; findings are annotations of the image, and where to read about
//! its vulnerabilities are external references of a package; coverage is the document's comment. Licences that are no SPDX licences are extracted (see [`crate::license`]). SPDX wants
//! every claim made or declined, hence the many `NOASSERTION`s: Gabion reads what packages declare, and
//! concludes nothing.
//!
//! Field meanings: <https://spdx.github.io/spdx-spec/v2.3/>.

#![expect(clippy::struct_field_names, reason = "the names are those of the format")]

use crate::{
    known,
    license::License,
    subject::{self, Packages, Refs, Subject},
    text,
};
use gabion_model::{Finding, FindingKind, OsRelease, Package, ScanReport, SuppressionKind};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

const NO_ASSERTION: &str = "NOASSERTION";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const ROOT: &str = "SPDXRef-Target";
const OS: &str = "SPDXRef-OperatingSystem";

/// An SPDX document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo,
    comment: String,
    packages: Vec<SpdxPackage>,
    relationships: Vec<Relationship>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    has_extracted_licensing_infos: Vec<Extracted>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreationInfo {
    created: String,
    creators: Vec<String>,
    license_list_version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpdxPackage {
    name: String,
    #[serde(rename = "SPDXID")]
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_package_purpose: Option<&'static str>,
    supplier: &'static str,
    download_location: &'static str,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_info: Option<String>,
    license_concluded: &'static str,
    license_declared: String,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum {
    algorithm: &'static str,
    checksum_value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Annotation {
    annotation_date: String,
    annotation_type: &'static str,
    annotator: String,
    comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extracted {
    license_id: String,
    extracted_text: String,
    name: String,
}

/// The document of a report.
pub(crate) fn document(report: &ScanReport) -> io::Result<Document> {
    let subject = Subject::of(report);
    let mut refs = Refs::default();
    let mut extracted = BTreeMap::new();
    let index = Packages::of(&report.packages);
    let ids: Vec<String> = report
        .packages
        .iter()
        .map(|package| package_id(package, &refs.unique(&package.purl(report.os.as_ref()))))
        .collect();

    let mut packages = vec![root(report, &subject)];
    let mut relationships = vec![relationship(DOCUMENT, "DESCRIBES", ROOT)];
    if let Some(os) = &report.os {
        packages.push(operating_system(os));
        relationships.push(relationship(ROOT, "CONTAINS", OS));
    }
    let advisories = advisories(report, &index);
    for (i, (package, id)) in report.packages.iter().zip(&ids).enumerate() {
        let mut external_refs = vec![purl_ref(package.purl(report.os.as_ref()))];
        external_refs.extend(advisories.get(&i).into_iter().flatten().cloned().map(advisory_ref));
        packages.push(SpdxPackage {
            version_info: Some(package.version.clone()).filter(|version| !version.is_empty()),
            source_info: Some(source_info(report, package)),
            license_declared: declared(&package.licenses, &mut extracted),
            external_refs,
            ..SpdxPackage::new(id.clone(), package.name.clone())
        });
        relationships.push(relationship(ROOT, "CONTAINS", id));
        if let Some(owner) = package.owned_by.as_ref().and_then(|owner| ids.get(index.find(owner)?)) {
            relationships.push(relationship(owner, "CONTAINS", id));
        }
    }

    let mut document = Document {
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        id: DOCUMENT,
        name: subject.name.to_owned(),
        document_namespace: String::new(),
        creation_info: CreationInfo {
            created: date(report),
            creators: vec![creator(report)],
            license_list_version: list_version(),
        },
        comment: coverage(report),
        packages,
        relationships,
        has_extracted_licensing_infos: extracted
            .into_iter()
            .map(|(license_id, text)| Extracted { license_id, extracted_text: text.clone(), name: text })
            .collect(),
    };
    document.document_namespace = format!("urn:uuid:{}", subject::uuid(&document)?);
    Ok(document)
}

impl SpdxPackage {
    /// A package of which nothing is asserted but its name.
    fn new(id: String, name: String) -> Self {
        Self {
            name,
            id,
            version_info: None,
            primary_package_purpose: None,
            supplier: NO_ASSERTION,
            download_location: NO_ASSERTION,
            files_analyzed: false,
            source_info: None,
            license_concluded: NO_ASSERTION,
            license_declared: NO_ASSERTION.to_owned(),
            copyright_text: NO_ASSERTION,
            summary: None,
            checksums: Vec::new(),
            external_refs: Vec::new(),
            annotations: Vec::new(),
        }
    }
}

fn root(report: &ScanReport, subject: &Subject<'_>) -> SpdxPackage {
    SpdxPackage {
        version_info: subject
            .tag
            .map(str::to_owned)
            .or_else(|| subject.digest.map(|digest| digest.to_string())),
        primary_package_purpose: Some(if subject.is_image { "CONTAINER" } else { "OTHER" }),
        source_info: report.target.image.as_ref().map(|image| {
            let doubt = subject::unverified(report).map(|word| format!(", {word}"));
            let doubt = doubt.unwrap_or_default();
            format!("image id {}, platform {}{doubt}", image.config, image.platform)
        }),
        checksums: subject
            .digest
            .map(|digest| Checksum { algorithm: "SHA256", checksum_value: digest.hex() })
            .into_iter()
            .collect(),
        external_refs: subject.purl.clone().map(purl_ref).into_iter().collect(),
        annotations: report.findings.iter().map(|f| annotation(report, f)).collect(),
        ..SpdxPackage::new(ROOT.to_owned(), subject.name.to_owned())
    }
}

fn operating_system(os: &OsRelease) -> SpdxPackage {
    SpdxPackage {
        version_info: os.version.clone(),
        primary_package_purpose: Some("OPERATING_SYSTEM"),
        source_info: Some(format!("read from {}", os.path)),
        summary: Some(os.name.clone()),
        ..SpdxPackage::new(OS.to_owned(), os.id.clone())
    }
}

fn source_info(report: &ScanReport, package: &Package) -> String {
    let mut info = vec![format!("found by {}", package.found_by)];
    info.extend(package.locations.first().map(|location| format!("in {}", location.path)));
    if let Some(layer) = subject::layer(report, package.layer) {
        info.push(format!("layer {}", layer.diff_id));
        info.extend(layer.created_by.as_ref().map(|line| format!("created by {line}")));
    }
    info.join(", ")
}

/// `SPDXRef-` and letters, digits, `.` and `-`: a readable part, and a hash that makes it unique.
fn package_id(package: &Package, unique: &str) -> String {
    let hash = subject::sha256(unique.as_bytes()).short();
    let name: String = package.name.chars().map(id_char).take(60).collect();
    format!("SPDXRef-Package-{}-{name}-{hash}", package.kind.as_str())
}

fn id_char(c: char) -> char {
    if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }
}

/// The declared licences as one expression, which has `LicenseRef-`s for what SPDX does not know.
fn declared(licenses: &[String], extracted: &mut BTreeMap<String, String>) -> String {
    let licenses: Vec<License<'_>> = licenses.iter().filter_map(|l| License::of(l)).collect();
    match &licenses[..] {
        [] => return NO_ASSERTION.to_owned(),
        [License::Expression(expression)] => return (*expression).to_owned(),
        _ => {}
    }
    let mut terms = Vec::with_capacity(licenses.len());
    for license in licenses {
        let term = license.term().unwrap_or_else(|| {
            let text = license.as_str();
            let name: String = text.chars().map(id_char).take(40).collect();
            let hash = &subject::sha256(text.as_bytes()).hex()[..8];
            let id = format!("LicenseRef-{name}-{hash}");
            extracted.insert(id.clone(), text.to_owned());
            id
        });
        if !terms.contains(&term) {
            terms.push(term);
        }
    }
    terms.join(" AND ")
}

fn purl_ref(purl: String) -> ExternalRef {
    ExternalRef { reference_category: "PACKAGE-MANAGER", reference_type: "purl", reference_locator: purl }
}

/// SPDX 2.3, annex F.2.1: a place on the web that tells about a vulnerability of the package.
fn advisory_ref(url: String) -> ExternalRef {
    ExternalRef { reference_category: "SECURITY", reference_type: "advisory", reference_locator: url }
}

/// Where to read about the vulnerabilities of each package, by its place in the report. What is said not to be true
/// of it is left out; the finding itself, with what is said, is an annotation of the image.
fn advisories(report: &ScanReport, index: &Packages<'_>) -> BTreeMap<usize, BTreeSet<String>> {
    let mut advisories: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|f| f.kind == FindingKind::Vulnerability) {
        let denied = finding
            .suppressed
            .as_ref()
            .is_some_and(|s| !matches!(s.kind, SuppressionKind::Deferral | SuppressionKind::RiskAcceptance));
        let link = known::link(&finding.rule, finding.vulnerability.as_deref()).filter(|_| !denied);
        if let Some(link) = link {
            for i in index.affected(finding) {
                advisories.entry(i).or_default().insert(link.clone());
            }
        }
    }
    advisories
}

fn relationship(from: &str, kind: &'static str, to: &str) -> Relationship {
    Relationship {
        spdx_element_id: from.to_owned(),
        relationship_type: kind,
        related_spdx_element: to.to_owned(),
    }
}

fn annotation(report: &ScanReport, finding: &Finding) -> Annotation {
    Annotation {
        annotation_date: date(report),
        annotation_type: "OTHER",
        annotator: creator(report),
        comment: format!("{}: {}", finding.id, text::finding(finding)),
    }
}

fn coverage(report: &ScanReport) -> String {
    let title = "coverage (what was, and what was not, looked at):".to_owned();
    let aspects =
        report.coverage.iter().map(|(aspect, status)| format!("{aspect}: {}", text::status(status)));
    let sources =
        report.database.iter().map(|s| format!("database {}: {}", text::safe(&s.name), text::source(s)));
    std::iter::once(title).chain(aspects).chain(sources).collect::<Vec<_>>().join("\n")
}

fn creator(report: &ScanReport) -> String {
    format!("Tool: {}-{}", report.tool.name, report.tool.version)
}

/// SPDX has no fractions of seconds: `YYYY-MM-DDThh:mm:ssZ`.
fn date(report: &ScanReport) -> String {
    report.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `3.29`: the schema wants major and minor only.
fn list_version() -> String {
    let version = spdx::license_version();
    version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_licences_are_extracted() {
        let mut extracted = BTreeMap::new();
        let licenses = ["GPL-2+", "mit", "MIT OR Zlib"].map(str::to_owned);
        let expression = declared(&licenses, &mut extracted);
        let id = extracted.keys().next().expect("one").clone();
        assert!(id.starts_with("LicenseRef-GPL-2--"), "{id}");
        assert_eq!(expression, format!("{id} AND MIT AND (MIT OR Zlib)"));
        assert_eq!(extracted[&id], "GPL-2+");
        assert_eq!(declared(&[], &mut extracted), NO_ASSERTION);
    }
}
