//! `pom.xml`, of Maven. Not a lock: it names direct dependencies, and only Maven itself can tell, with its
//! repositories at hand, what they bring along. So what it says is told, and the rest is always a gap.
//!
//! A version is taken if it is written out, set by a property of the same file, or managed by its
//! `dependencyManagement`; a parent's or an imported bill of materials is another file's word.

use super::{Format, Listing};
use crate::content::ReadError;
use gabion_model::PackageKind;
use quick_xml::events::Event;
use std::collections::HashMap;

pub(super) const FORMAT: Format =
    Format { name: "pom", kind: PackageKind::Maven, matches: |name| name == b"pom.xml", parse };

/// Elements within elements. The deepest that matters is 6.
const DEPTH: usize = 64;
/// Bytes that a property may grow to, references replaced.
const VALUE: usize = 1024;
/// Properties that refer to properties.
const ROUNDS: usize = 8;

#[derive(Default)]
struct Pom {
    /// Those of `<properties>`, and `project.version` and the like.
    properties: HashMap<String, String>,
    dependencies: Vec<Dependency>,
    managed: Vec<Dependency>,
}

#[derive(Default)]
struct Dependency {
    group: String,
    artifact: String,
    version: String,
    scope: String,
}

fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    let pom = Pom::read(text)?;
    let managed: HashMap<(String, String), &Dependency> = pom
        .managed
        .iter()
        .filter_map(|d| Some(((pom.resolve(&d.group)?, pom.resolve(&d.artifact)?), d)))
        .collect();
    if !pom.dependencies.is_empty() {
        list.gap("a pom.xml names direct dependencies only");
    }
    for dependency in &pom.dependencies {
        let (Some(group), Some(artifact)) =
            (pom.resolve(&dependency.group), pom.resolve(&dependency.artifact))
        else {
            list.gap("a dependency is named by a property of another file");
            continue;
        };
        let coordinates = (group, artifact);
        let bill = managed.get(&coordinates);
        let first = |own: &str, field: fn(&Dependency) -> &str| match own {
            "" => bill.map(|d| field(d)).unwrap_or_default().to_owned(),
            own => own.to_owned(),
        };
        let version = first(&dependency.version, |d| &d.version);
        let scope = first(&dependency.scope, |d| &d.scope);
        // Another module of the same build.
        if version == "${project.version}" && pom.properties.get("project.groupId") == Some(&coordinates.0) {
            continue;
        }
        let (group, artifact) = coordinates;
        match pom.resolve(&version).filter(|version| is_exact(version)) {
            Some(version) => list.add(format!("{group}:{artifact}"), version, scope == "test"),
            None => list.gap("the version of a dependency is not in this pom.xml"),
        }
    }
    Ok(())
}

/// Neither absent, nor a range, nor whatever is the newest.
fn is_exact(version: &str) -> bool {
    !version.is_empty()
        && !version.contains(|c: char| "[](),".contains(c) || c.is_whitespace())
        && !matches!(version, "LATEST" | "RELEASE")
}

impl Pom {
    fn read(xml: &str) -> Result<Self, ReadError> {
        let mut pom = Self::default();
        let mut reader = quick_xml::Reader::from_str(xml);
        let mut open: Vec<String> = Vec::new();
        let mut text = String::new();
        let mut dependency = Dependency::default();
        loop {
            let event = reader
                .read_event()
                .map_err(|_| ReadError::malformed(format!("not XML at byte {}", reader.error_position())))?;
            match event {
                Event::Start(element) => {
                    if open.len() >= DEPTH {
                        return Err(ReadError::malformed(format!("more than {DEPTH} nested elements")));
                    }
                    open.push(element.local_name().as_ref().to_owned());
                    text.clear();
                }
                Event::Text(part) => text.push_str(&part.xml10_content()),
                Event::CData(part) => text.push_str(&part.xml10_content()),
                // Only a value with `&` in it has one, and no coordinate does.
                Event::GeneralRef(_) => text.push('?'),
                Event::End(_) => {
                    let path: Vec<&str> = open.iter().map(String::as_str).collect();
                    pom.element(&path, text.trim(), &mut dependency);
                    open.pop();
                    text.clear();
                }
                Event::Eof if open.is_empty() => break,
                Event::Eof => return Err(ReadError::malformed("XML that ends early")),
                _ => {}
            }
        }
        // What a module does not say of itself, its parent says.
        for field in ["groupId", "version"] {
            if let Some(inherited) = pom.properties.get(&format!("project.parent.{field}")).cloned() {
                pom.properties.entry(format!("project.{field}")).or_insert(inherited);
            }
        }
        Ok(pom)
    }

    /// The end of an element: where it is, and the text in it.
    fn element(&mut self, path: &[&str], text: &str, dependency: &mut Dependency) {
        match path {
            ["project", field @ ("groupId" | "artifactId" | "version")] => {
                self.properties.insert(format!("project.{field}"), text.to_owned());
            }
            ["project", "parent", field @ ("groupId" | "version")] => {
                self.properties.insert(format!("project.parent.{field}"), text.to_owned());
            }
            ["project", "properties", name] => {
                self.properties.insert((*name).to_owned(), text.to_owned());
            }
            ["project", "dependencies", "dependency"] => self.dependencies.push(std::mem::take(dependency)),
            ["project", "dependencyManagement", "dependencies", "dependency"] => {
                self.managed.push(std::mem::take(dependency));
            }
            [.., "dependencies", "dependency", field] => {
                let slot = match *field {
                    "groupId" => &mut dependency.group,
                    "artifactId" => &mut dependency.artifact,
                    "version" => &mut dependency.version,
                    "scope" => &mut dependency.scope,
                    _ => return,
                };
                text.clone_into(slot);
            }
            // A dependency of a profile or a plugin.
            [.., "dependencies", "dependency"] => *dependency = Dependency::default(),
            _ => {}
        }
    }

    /// A value with every `${property}` replaced; none if one is not of this file.
    fn resolve(&self, value: &str) -> Option<String> {
        let mut value = value.to_owned();
        for _ in 0..ROUNDS {
            if !value.contains("${") {
                return Some(value);
            }
            value = self.replace(&value)?;
        }
        None
    }

    fn replace(&self, value: &str) -> Option<String> {
        let mut rest = value;
        let mut out = String::new();
        while let Some((before, reference)) = rest.split_once("${") {
            let (name, after) = reference.split_once('}')?;
            let name = match name.strip_prefix("pom.") {
                Some(field) => &format!("project.{field}"),
                None => name,
            };
            let property = self.properties.get(name)?;
            if out.len() + before.len() + property.len() > VALUE {
                return None;
            }
            out.push_str(before);
            out.push_str(property);
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }
}
