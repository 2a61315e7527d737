//! `updateinfo.xml`, as Amazon and other RPM repositories have it.
//!
//! ```text
//!  <update type="security"><id>ALAS2023-2024-001</id><title>Amazon Linux 2023 - ALAS2023-2024-001: ...</title>
//!    <severity>Important</severity> <references><reference type="cve" id="CVE-2024-1"/></references>
//!    <pkglist><collection><name>Amazon Linux 2023</name>
//!      <package name="openssl" epoch="1" version="3.0.8" release="1.amzn2023" arch="x86_64"/> ...
//! ```
//!
//! Updates that fix no vulnerability (`bugfix`, `enhancement`) are passed over. The packages are binary ones.

use super::{
    Broken, Reading, distribution, text,
    xml::{self, Element},
};
use crate::{
    Ecosystem,
    record::{Advisory, Affected, Range, Until},
};
use std::{collections::BTreeMap, io::BufRead};

/// References that are kept.
const REFERENCES: usize = 2;

/// Reads a document.
pub(super) fn read(reading: &mut Reading<'_>, reader: &mut dyn BufRead) -> Result<(), Broken> {
    xml::records(reading, reader, "updates", "update", &mut update)
}

fn update(reading: &mut Reading<'_>, place: &str, update: &Element) -> Result<(), Broken> {
    let id = update.text_of("id");
    if id.is_empty() {
        return Err("it has no id".into());
    }
    if update.attribute("type") != "security" {
        reading.nothing();
        return Ok(());
    }
    let place = format!("{place}, {id}");
    let title = update.text_of("title");
    let mut advisory = Advisory {
        id: id.to_owned(),
        summary: text::summary(title),
        severity: text::severity(update.text_of("severity")),
        published: update.child("issued").and_then(|issued| text::timestamp(issued.attribute("date"))),
        modified: update.child("updated").and_then(|updated| text::timestamp(updated.attribute("date"))),
        ..Advisory::default()
    };
    for reference in update.child("references").into_iter().flat_map(|list| list.all("reference")) {
        let (id, url) = (reference.attribute("id"), reference.attribute("href"));
        if text::is_cve(id) {
            text::push(&mut advisory.upstream, id);
        } else if url.starts_with("http") && advisory.references.len() < REFERENCES {
            text::push(&mut advisory.references, text::line(url));
        }
    }
    // Where the collection does not tell the distribution, the title, the id or the release does.
    let around = [title, update.text_of("release"), id];
    for collection in update.child("pkglist").into_iter().flat_map(|list| list.all("collection")) {
        let Some(platform) = platform(collection.text_of("name"), &around) else {
            reading.unknown(&place, collection.text_of("name"));
            continue;
        };
        rows(reading, &place, &platform, collection, &mut advisory.affected);
    }
    reading.advisory(&place, advisory);
    Ok(())
}

/// The distribution of a collection. The title comes first: Amazon's collections are all `Amazon Linux` at times.
fn platform(name: &str, around: &[&str]) -> Option<(Ecosystem, String)> {
    let [title, release, id] = around else { return None };
    let from_title = title.split_once(" - ").and_then(|(start, _)| distribution::parse(start));
    let amazon = |id: &str| {
        let rest = id.strip_prefix("ALAS")?;
        let year: String = rest.chars().take_while(char::is_ascii_digit).collect();
        (!year.is_empty()).then_some((Ecosystem::Amazon, year))
    };
    from_title
        .or_else(|| amazon(id))
        .or_else(|| distribution::parse(name))
        .or_else(|| distribution::parse(release))
}

fn rows(
    reading: &mut Reading<'_>,
    place: &str,
    platform: &(Ecosystem, String),
    collection: &Element,
    rows: &mut Vec<Affected>,
) {
    let module = collection.child("module");
    let module = module.map(|module| format!("{}:{}", module.attribute("name"), module.attribute("stream")));
    let mut packages: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for package in collection.all("package") {
        let [name, epoch, version, release, arch] =
            ["name", "epoch", "version", "release", "arch"].map(|name| package.attribute(name));
        if name.is_empty() || version.is_empty() {
            reading.reject(place, "a package has no name or no version");
            continue;
        }
        if matches!(arch, "src" | "nosrc") {
            continue;
        }
        let mut evr = if matches!(epoch, "" | "0") { String::new() } else { format!("{epoch}:") };
        evr.push_str(version);
        if !release.is_empty() {
            evr.push('-');
            evr.push_str(release);
        }
        let arches = packages.entry((name, evr)).or_default();
        if arch != "noarch" {
            text::push(arches, arch);
        }
    }
    let (ecosystem, release) = platform;
    rows.extend(packages.into_iter().map(|((name, version), mut arches)| {
        arches.sort();
        Affected {
            ecosystem: *ecosystem,
            release: release.clone(),
            package: ecosystem.normalise(name),
            binary: true,
            modules: module.clone().into_iter().collect(),
            arches,
            ranges: vec![Range { introduced: None, until: Until::Fixed(version) }],
            ..Affected::default()
        }
    }));
}
