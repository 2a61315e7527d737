//! OVAL patch definitions of Oracle: `com.oracle.elsa-all.xml`.
//!
//! ```text
//!  <definition class="patch"><metadata>... <platform>Oracle Linux 8</platform> ...</metadata>
//!    <criteria operator="AND">
//!      <criterion comment="Oracle Linux 8 is installed"/>
//!      <criterion comment="Module nodejs:18 is enabled"/>
//!      <criteria operator="AND">
//!        <criterion comment="Oracle Linux arch is x86_64"/>
//!        <criteria operator="OR"> ... <criterion comment="nodejs is earlier than 1:18.14.2-2.module+el8"/>
//! ```
//!
//! What a criterion tests stands in its comment and, over three lists at the end of the file, in its `test_ref`; both
//! are written by the same program. The comment is read, so that definitions can be read one by one.

use super::{
    Broken, Reading, distribution, text,
    xml::{self, Element},
};
use crate::{
    Ecosystem,
    record::{Advisory, Affected, Range, Until},
};
use std::{collections::BTreeMap, io::BufRead};

/// Reads a document.
pub(super) fn read(reading: &mut Reading<'_>, reader: &mut dyn BufRead) -> Result<(), Broken> {
    xml::records(reading, reader, "oval_definitions", "definition", &mut definition)
}

fn definition(reading: &mut Reading<'_>, place: &str, definition: &Element) -> Result<(), Broken> {
    let class = definition.attribute("class");
    if class != "patch" {
        return Err(format!("it is of class {class:?}, not \"patch\"").into());
    }
    let metadata = definition.child("metadata").ok_or("it has no metadata")?;
    let title = metadata.text_of("title");
    let mut advisory = Advisory {
        summary: text::summary(title.split_once(':').map_or(title, |(_, rest)| rest)),
        ..Advisory::default()
    };
    for reference in metadata.all("reference") {
        let id = reference.attribute("ref_id");
        if text::is_cve(id) {
            text::push(&mut advisory.upstream, id);
        } else if advisory.id.is_empty() {
            id.clone_into(&mut advisory.id);
            text::push(&mut advisory.references, text::line(reference.attribute("ref_url")));
        }
    }
    if advisory.id.is_empty() {
        title.split(':').next().unwrap_or_default().trim().clone_into(&mut advisory.id);
    }
    if let Some(about) = metadata.child("advisory") {
        advisory.severity = text::severity(about.text_of("severity"));
        advisory.published =
            about.child("issued").and_then(|issued| text::timestamp(issued.attribute("date")));
        advisory.modified =
            about.child("updated").and_then(|updated| text::timestamp(updated.attribute("date")));
        for cve in about.all("cve").map(|cve| cve.text.trim()).filter(|cve| text::is_cve(cve)) {
            text::push(&mut advisory.upstream, cve);
        }
    }
    let place = format!("{place}, {}", advisory.id);
    let mut platforms = Vec::new();
    for platform in metadata.child("affected").into_iter().flat_map(|affected| affected.all("platform")) {
        match distribution::parse(&platform.text) {
            Some(platform) => platforms.push(platform),
            None => reading.unknown(&place, platform.text.trim()),
        }
    }
    let mut packages = BTreeMap::new();
    for criteria in definition.all("criteria") {
        collect(criteria, &Around::default(), &mut packages);
    }
    for (package, mut arches) in packages {
        arches.sort();
        let row = |(ecosystem, release): &(Ecosystem, String)| Affected {
            ecosystem: *ecosystem,
            release: release.clone(),
            package: ecosystem.normalise(&package.name),
            binary: true,
            modules: package.module.clone().into_iter().collect(),
            arches: arches.clone(),
            ranges: vec![Range { introduced: None, until: Until::Fixed(package.version.clone()) }],
            ..Affected::default()
        };
        // A definition for several releases says by the criterion, or by the version, whose a package is.
        let named: Vec<_> =
            platforms.iter().filter(|(_, release)| is_of(&package.version, release)).collect();
        let its: Vec<_> = match &package.platform {
            Some(platform) => vec![platform],
            None if named.is_empty() => platforms.iter().collect(),
            None => named,
        };
        advisory.affected.extend(its.into_iter().map(row));
    }
    reading.advisory(&place, advisory);
    Ok(())
}

/// Whether a version was built for a release: `.el8` in `1.1.1k-9.el8_7`.
fn is_of(version: &str, release: &str) -> bool {
    version.split(['.', '+']).any(|part| {
        part.strip_prefix("el")
            .is_some_and(|rest| rest.split(|c: char| !c.is_ascii_digit()).next() == Some(release))
    })
}

/// What holds for all beneath some criteria.
#[derive(Clone, Default)]
struct Around {
    platform: Option<(Ecosystem, String)>,
    module: Option<String>,
    arch: Option<String>,
}

/// A package that must be updated.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    platform: Option<(Ecosystem, String)>,
    module: Option<String>,
}

fn collect(criteria: &Element, around: &Around, packages: &mut BTreeMap<Package, Vec<String>>) {
    let mut here = around.clone();
    let comments = || criteria.all("criterion").map(|criterion| criterion.attribute("comment"));
    // One of several conditions says nothing of what is beside it.
    let all = !criteria.attribute("operator").eq_ignore_ascii_case("OR");
    for comment in comments().filter(|_| all) {
        if let Some(name) = comment.strip_suffix(" is installed") {
            here.platform = distribution::parse(name).or(here.platform);
        } else if let Some(module) =
            comment.strip_prefix("Module ").and_then(|rest| rest.strip_suffix(" is enabled"))
        {
            here.module = Some(module.to_owned());
        } else if let Some((_, arch)) = comment.split_once(" arch is ") {
            here.arch = Some(arch.to_owned());
        }
    }
    for comment in comments() {
        if let Some((name, version)) = comment.split_once(" is earlier than ") {
            let package = Package {
                name: name.trim().to_owned(),
                version: version.trim().strip_prefix("0:").unwrap_or(version.trim()).to_owned(),
                platform: here.platform.clone(),
                module: here.module.clone(),
            };
            let arches = packages.entry(package).or_default();
            if let Some(arch) = &here.arch {
                text::push(arches, arch);
            }
        }
    }
    for inner in criteria.all("criteria") {
        collect(inner, &here, packages);
    }
}
