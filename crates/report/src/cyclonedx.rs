//! `CycloneDX` 1.6: the packages as components of the image.
//!
//! What `CycloneDX` has no field for goes where its readers look for the rest: layers, owners and catalogers are
//! `gabion:…` properties of a component; coverage is a property of the document for each aspect; secrets and
//! misconfigurations, which are no vulnerabilities, are annotations of the image. Vulnerabilities go to
//! `vulnerabilities` (see `vulnerability.rs`), excepted ones with the analysis that says why.
//!
//! Field meanings: <https://cyclonedx.org/docs/1.6/json/>.

#![expect(clippy::struct_field_names, reason = "the names are those of the format")]

mod vulnerability;

use crate::{
    license::License,
    subject::{self, Packages, Refs, Subject},
    text,
};
use gabion_model::{Finding, FindingKind, OsRelease, Package, ScanReport};
use serde::Serialize;
use std::{fmt::Display, io};
use vulnerability::{Vulnerability, vulnerability};

/// A BOM.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Bom {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vulnerabilities: Vec<Vulnerability>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation>,
}

#[derive(Serialize)]
struct Metadata {
    timestamp: jiff::Timestamp,
    tools: Tools,
    component: Component,
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Tools {
    components: Vec<Component>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Component {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bom_ref: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<LicenseChoice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

/// Either one expression for the component, or any number of licences.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum LicenseChoice {
    License(NamedLicense),
    #[serde(untagged)]
    Expression {
        expression: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum NamedLicense {
    Id(String),
    Name(String),
}

#[derive(Serialize)]
struct Property {
    name: String,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
}

#[derive(Serialize)]
struct Annotation {
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    subjects: Vec<String>,
    annotator: Annotator,
    timestamp: jiff::Timestamp,
    text: String,
}

#[derive(Serialize)]
struct Annotator {
    component: Component,
}

/// The BOM of a report.
pub(crate) fn document(report: &ScanReport) -> io::Result<Bom> {
    let subject = Subject::of(report);
    let root = root(report, &subject);
    let root_ref = root.bom_ref.clone().unwrap_or_default();

    let mut refs = Refs::default();
    refs.unique(&root_ref);
    let package_refs: Vec<String> =
        report.packages.iter().map(|package| refs.unique(&package.purl(report.os.as_ref()))).collect();
    let packages = Packages::of(&report.packages);

    let mut components: Vec<Component> = Vec::with_capacity(report.packages.len() + 1);
    components.extend(report.os.as_ref().map(|os| operating_system(os, &mut refs)));
    for (package, bom_ref) in report.packages.iter().zip(&package_refs) {
        components.push(component(report, package, bom_ref, &packages));
    }

    let children: Vec<String> = components.iter().filter_map(|c| c.bom_ref.clone()).collect();
    let leaves =
        children.iter().map(|reference| Dependency { reference: reference.clone(), depends_on: Vec::new() });
    let mut dependencies = vec![Dependency { reference: root_ref.clone(), depends_on: children.clone() }];
    dependencies.extend(leaves);

    let (vulnerabilities, others): (Vec<&Finding>, Vec<&Finding>) =
        report.findings.iter().partition(|finding| finding.kind == FindingKind::Vulnerability);
    let mut bom = Bom {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: String::new(),
        version: 1,
        metadata: Metadata {
            timestamp: report.created,
            tools: Tools { components: vec![tool(report)] },
            component: root,
            properties: coverage(report),
        },
        components,
        dependencies,
        vulnerabilities: vulnerabilities
            .into_iter()
            .map(|finding| vulnerability(finding, &report.packages, &packages, &package_refs, &mut refs))
            .collect(),
        annotations: others
            .into_iter()
            .map(|finding| annotation(report, finding, &root_ref, &mut refs))
            .collect(),
    };
    bom.serial_number = format!("urn:uuid:{}", subject::uuid(&bom)?);
    Ok(bom)
}

fn root(report: &ScanReport, subject: &Subject<'_>) -> Component {
    let mut properties = Properties::default();
    properties.add("gabion:source", &report.target.source);
    properties.add("gabion:reference", &report.target.reference);
    if let Some(image) = &report.target.image {
        properties.add("gabion:imageId", image.config);
        properties.add_some("gabion:manifestDigest", image.manifest);
        properties.add("gabion:platform", &image.platform);
        properties.add_some("gabion:verification", subject::unverified(report));
        for tag in &image.tags {
            properties.add("gabion:tag", tag);
        }
    }
    for layer in &report.layers {
        properties.add("gabion:layerDiffId", layer.diff_id);
    }
    let bom_ref = subject
        .purl
        .clone()
        .or_else(|| subject.digest.map(|digest| digest.to_string()))
        .unwrap_or_else(|| "gabion:target".to_owned());
    Component {
        kind: if subject.is_image {
            "container"
        } else if report.target.source.contains("dir") {
            "file"
        } else {
            "application"
        },
        bom_ref: Some(bom_ref),
        name: subject.name.to_owned(),
        version: subject.tag.map(str::to_owned).or_else(|| subject.digest.map(|digest| digest.to_string())),
        hashes: subject
            .digest
            .map(|digest| Hash { alg: "SHA-256", content: digest.hex() })
            .into_iter()
            .collect(),
        purl: subject.purl.clone(),
        properties: properties.0,
        ..Component::default()
    }
}

fn tool(report: &ScanReport) -> Component {
    Component {
        kind: "application",
        name: report.tool.name.clone(),
        version: Some(report.tool.version.clone()),
        ..Component::default()
    }
}

fn operating_system(os: &OsRelease, refs: &mut Refs) -> Component {
    let mut properties = Properties::default();
    properties.add("gabion:path", &os.path);
    properties.add_some("gabion:codename", os.codename.as_deref());
    for like in &os.like {
        properties.add("gabion:like", like);
    }
    if let Some(end) = &os.end_of_life {
        properties.add("gabion:endOfLife", end.date);
        for extension in &end.extensions {
            let cost = if extension.free { "" } else { " (commercial)" };
            let text = format!("{}{cost} until {}", extension.name, extension.until);
            properties.add("gabion:extendedSupport", text);
        }
    }
    Component {
        kind: "operating-system",
        bom_ref: Some(refs.unique(&format!("os:{}", os.distro()))),
        name: os.id.clone(),
        version: os.version.clone(),
        description: Some(os.name.clone()),
        properties: properties.0,
        ..Component::default()
    }
}

fn component(report: &ScanReport, package: &Package, bom_ref: &str, packages: &Packages<'_>) -> Component {
    let mut properties = Properties::default();
    properties.add("gabion:foundBy", &package.found_by);
    for location in &package.locations {
        properties.add("gabion:path", &location.path);
    }
    if let (Some(index), Some(layer)) = (package.layer, subject::layer(report, package.layer)) {
        properties.add("gabion:layer", index);
        properties.add("gabion:layerDiffId", layer.diff_id);
        properties.add_some("gabion:createdBy", layer.created_by.as_deref());
    }
    if let Some(owner) = &package.owned_by {
        let purl = packages.find(owner).and_then(|i| report.packages.get(i)).map_or_else(
            || format!("{} {} {}", owner.kind.as_str(), owner.name, owner.version),
            |owner| owner.purl(report.os.as_ref()),
        );
        properties.add("gabion:ownedBy", purl);
    }
    Component {
        kind: "library",
        bom_ref: Some(bom_ref.to_owned()),
        name: package.name.clone(),
        version: Some(package.version.clone()).filter(|version| !version.is_empty()),
        licenses: licenses(&package.licenses),
        purl: Some(package.purl(report.os.as_ref())),
        properties: properties.0,
        ..Component::default()
    }
}

/// `CycloneDX` allows a list of licences or one expression, not both: if any is an expression and all can be
/// terms of one, they are joined by `AND`, as a list of licences means.
fn licenses(declared: &[String]) -> Vec<LicenseChoice> {
    let licenses: Vec<License<'_>> = declared.iter().filter_map(|l| License::of(l)).collect();
    if let [License::Expression(expression)] = licenses[..] {
        return vec![LicenseChoice::Expression { expression: expression.to_owned() }];
    }
    let terms: Option<Vec<String>> = licenses.iter().map(License::term).collect();
    if let Some(terms) = terms
        && licenses.iter().any(|l| matches!(l, License::Expression(_)))
    {
        return vec![LicenseChoice::Expression { expression: terms.join(" AND ") }];
    }
    licenses
        .into_iter()
        .map(|license| {
            LicenseChoice::License(match license {
                License::Id(id) if License::in_cyclonedx(id) => NamedLicense::Id(id.to_owned()),
                other => NamedLicense::Name(other.as_str().to_owned()),
            })
        })
        .collect()
}

/// `gabion:coverage:ASPECT` = `full`, or the status and the reasons for it; `gabion:database:SOURCE` = how old it is.
fn coverage(report: &ScanReport) -> Vec<Property> {
    let mut properties = Properties::default();
    for (aspect, status) in report.coverage.iter() {
        properties.add(&format!("gabion:coverage:{aspect}"), text::status(status));
    }
    for source in &report.database {
        properties.add(&format!("gabion:database:{}", source.name), text::source(source));
    }
    properties.0
}

fn annotation(report: &ScanReport, finding: &Finding, root: &str, refs: &mut Refs) -> Annotation {
    Annotation {
        bom_ref: refs.unique(&finding.id),
        subjects: vec![root.to_owned()],
        annotator: Annotator { component: tool(report) },
        timestamp: report.created,
        text: text::finding(finding),
    }
}

#[derive(Default)]
struct Properties(Vec<Property>);

impl Properties {
    fn add(&mut self, name: &str, value: impl Display) {
        self.0.push(Property { name: name.to_owned(), value: value.to_string() });
    }

    fn add_some(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(declared: &[&str]) -> String {
        let declared: Vec<String> = declared.iter().map(|&l| l.to_owned()).collect();
        serde_json::to_string(&licenses(&declared)).expect("serialisable")
    }

    #[test]
    fn licences_are_ids_names_or_one_expression() {
        assert_eq!(json(&["mit"]), r#"[{"license":{"id":"MIT"}}]"#);
        assert_eq!(json(&["MIT OR Zlib"]), r#"[{"expression":"MIT OR Zlib"}]"#);
        assert_eq!(json(&["MIT OR Zlib", "0BSD"]), r#"[{"expression":"(MIT OR Zlib) AND 0BSD"}]"#);
        assert_eq!(
            json(&["MIT OR Zlib", "GPL-2+"]),
            r#"[{"license":{"name":"MIT OR Zlib"}},{"license":{"name":"GPL-2+"}}]"#
        );
        assert_eq!(json(&["Bugroff"]), r#"[{"license":{"name":"Bugroff"}}]"#);
    }
}
