//! CSAF 2.0 documents of Red Hat and SUSE: advisories and VEX.
//!
//! A document lists products in a tree, says by relationships which component is part of which product, and then, for
//! each vulnerability, in which state each of these combinations is ([`tree`] takes them apart):
//!
//! ```text
//!  product_status.fixed: [ "BaseOS-9.4.0.Z.MAIN.EUS:openssl-1:3.0.7-27.el9.src" ]
//!                             │                       │
//!      relates_to_product_reference           product_reference
//!      cpe:/o:redhat:enterprise_linux:9::baseos     pkg:rpm/redhat/openssl@3.0.7-27.el9?arch=src&epoch=1
//! ```
//!
//! - Red Hat lists the source package and all that is built from it. Where a product has the source, it stands for
//!   them; a product that has none keeps its binary packages.
//! - SUSE says `recommended` for what Red Hat calls `fixed`, and names binary packages only.
//! - A component that is both fixed and affected in a product was affected before the fix.
//! - That a build is not affected (Red Hat says so of all that an update ships beside the fix) says nothing of the
//!   package; that a package is, without a version, does.
//! - An advisory is told once for all vulnerabilities that have the same rows, so that a CVE that an advisory fixes in
//!   one package is not said of its others.

mod tree;

use super::{Broken, Reading, json, text};
use crate::record::{Advisory, Affected, Fix, Range, Standing, Until};
use gabion_model::Severity;
use serde::Deserialize;
use std::{collections::BTreeMap, io::BufRead};
use tree::{Component, Platform, Tree};

/// References that are kept.
const REFERENCES: usize = 3;

#[derive(Deserialize)]
struct Csaf {
    document: Document,
    #[serde(default)]
    product_tree: tree::ProductTree,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    category: String,
    #[serde(default)]
    title: String,
    tracking: Tracking,
    #[serde(default)]
    aggregate_severity: Option<Aggregate>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct Aggregate {
    text: String,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
    #[serde(default)]
    initial_release_date: Option<String>,
    #[serde(default)]
    current_release_date: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    category: Option<String>,
    url: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    #[serde(default)]
    cve: Option<String>,
    #[serde(default)]
    ids: Vec<Id>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    notes: Vec<Note>,
    #[serde(default)]
    cwe: Option<Cwe>,
    #[serde(default)]
    scores: Vec<Score>,
    #[serde(default)]
    threats: Vec<Threat>,
    #[serde(default)]
    remediations: Vec<Remediation>,
    #[serde(default)]
    product_status: Status,
    #[serde(default)]
    release_date: Option<String>,
}

#[derive(Deserialize)]
struct Id {
    text: String,
}

#[derive(Deserialize)]
struct Note {
    category: String,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Cwe {
    id: String,
}

#[derive(Deserialize)]
struct Score {
    #[serde(default, rename = "cvss_v2")]
    v2: Option<Vector>,
    #[serde(default, rename = "cvss_v3")]
    v3: Option<Vector>,
    #[serde(default, rename = "cvss_v4")]
    v4: Option<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    #[serde(default, rename = "vectorString")]
    vector: String,
}

#[derive(Deserialize)]
struct Threat {
    category: String,
    #[serde(default)]
    details: String,
    #[serde(default)]
    product_ids: Vec<String>,
}

#[derive(Deserialize)]
struct Remediation {
    category: String,
    #[serde(default)]
    details: String,
    #[serde(default)]
    product_ids: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    fixed: Vec<String>,
    first_fixed: Vec<String>,
    recommended: Vec<String>,
    known_affected: Vec<String>,
    first_affected: Vec<String>,
    last_affected: Vec<String>,
    known_not_affected: Vec<String>,
    under_investigation: Vec<String>,
}

/// Reads a document.
pub(super) fn read(reading: &mut Reading<'_>, reader: &mut dyn BufRead) -> Result<(), Broken> {
    json::values(reading, reader, &mut document)
}

fn document(reading: &mut Reading<'_>, place: &str, bytes: &[u8]) -> Result<(), Broken> {
    let Csaf { document, product_tree, vulnerabilities } = json::parse(bytes)?;
    let id = &document.tracking.id;
    let place = if place.is_empty() { id.clone() } else { format!("{place}, {id}") };
    let tree = Tree::new(product_tree)?;
    let is_advisory = document.category == "csaf_security_advisory";
    let mut advisories: Vec<Advisory> = Vec::new();
    for (number, vulnerability) in vulnerabilities.into_iter().enumerate() {
        let name = vulnerability.cve.clone().or_else(|| vulnerability.ids.first().map(|id| id.text.clone()));
        let Some(name) = name else {
            reading.reject(&format!("{place}, vulnerability {}", number + 1), "it has no id");
            continue;
        };
        let one = advisory(reading, &place, &document, &tree, vulnerability);
        let same = advisories.iter_mut().find(|other| is_advisory && other.affected == one.affected);
        match same {
            Some(other) => {
                text::push(&mut other.upstream, name);
                one.cvss.into_iter().for_each(|vector| text::push(&mut other.cvss, vector));
                other.cwe.extend(
                    one.cwe.iter().filter(|cwe| !other.cwe.contains(cwe)).copied().collect::<Vec<_>>(),
                );
            }
            None if is_advisory => advisories.push(Advisory {
                id: id.clone(),
                summary: text::summary(&document.title),
                upstream: vec![name],
                ..one
            }),
            None => advisories.push(Advisory { id: name, ..one }),
        }
    }
    if advisories.is_empty() {
        reading.nothing();
    }
    for advisory in advisories {
        reading.advisory(&place, advisory);
    }
    Ok(())
}

fn advisory(
    reading: &mut Reading<'_>,
    place: &str,
    document: &Document,
    tree: &Tree,
    vulnerability: Vulnerability,
) -> Advisory {
    let rows = rows(reading, place, tree, &vulnerability);
    let description = vulnerability.notes.iter().find(|note| note.category == "description");
    let description = description.map_or("", |note| note.text.as_str());
    let title = vulnerability.title.as_deref().filter(|title| !title.is_empty()).unwrap_or(description);
    let severity = document.aggregate_severity.as_ref().and_then(|s| text::severity(&s.text));
    let mut cvss = Vec::new();
    for score in vulnerability.scores {
        let Score { v2, v3, v4 } = score;
        for vector in [v4, v3, v2].into_iter().flatten() {
            text::push(&mut cvss, vector.vector);
        }
    }
    let own = |reference: &&Reference| reference.category.as_deref() == Some("self");
    let (first, others): (Vec<_>, Vec<_>) = document.references.iter().partition(own);
    let urls = first.into_iter().chain(others).map(|reference| text::line(&reference.url));
    Advisory {
        summary: text::summary(title),
        severity,
        cvss,
        cwe: vulnerability.cwe.iter().filter_map(|cwe| text::cwe(&cwe.id)).collect(),
        references: urls.take(REFERENCES).collect(),
        published: vulnerability
            .release_date
            .as_deref()
            .or(document.tracking.initial_release_date.as_deref())
            .and_then(text::timestamp),
        modified: document.tracking.current_release_date.as_deref().and_then(text::timestamp),
        standing: match text::standing(title) {
            Standing::Active => text::standing(description),
            said => said,
        },
        affected: rows.into_iter().map(|row| without(row, severity)).collect(),
        ..Advisory::default()
    }
}

/// A rating that is that of the advisory need not be said again.
fn without(mut row: Affected, severity: Option<Severity>) -> Affected {
    row.severity = row.severity.filter(|said| Some(*said) != severity);
    row
}

/// What is known of a component in a product, less what the architectures share.
type Key = (Platform, String, bool, Vec<String>);

#[derive(Default)]
struct State {
    fixed: BTreeMap<String, Vec<String>>,
    affected: Vec<String>,
    fix: Option<Fix>,
    severity: Option<Severity>,
}

fn rows(reading: &mut Reading<'_>, place: &str, tree: &Tree, vulnerability: &Vulnerability) -> Vec<Affected> {
    let ratings: BTreeMap<&str, Severity> = vulnerability
        .threats
        .iter()
        .filter(|threat| threat.category == "impact")
        .flat_map(|threat| {
            let said = text::severity(&threat.details);
            threat.product_ids.iter().filter_map(move |id| Some((id.as_str(), said?)))
        })
        .collect();
    let unfixed: BTreeMap<&str, Fix> = vulnerability
        .remediations
        .iter()
        .filter_map(|remediation| Some((remediation, outlook(remediation)?)))
        .flat_map(|(remediation, fix)| remediation.product_ids.iter().map(move |id| (id.as_str(), fix)))
        .collect();
    let said = &vulnerability.product_status;
    let lists = [
        (&said.fixed, Fix::Released),
        (&said.first_fixed, Fix::Released),
        (&said.recommended, Fix::Released),
        (&said.known_affected, Fix::Pending),
        (&said.first_affected, Fix::Pending),
        (&said.last_affected, Fix::Pending),
        (&said.known_not_affected, Fix::NotAffected),
        (&said.under_investigation, Fix::UnderInvestigation),
    ];
    let mut states: BTreeMap<Key, State> = BTreeMap::new();
    for (ids, said) in lists {
        for id in ids {
            let Some((platform, component)) = find(reading, place, tree, id, said) else {
                continue;
            };
            let Component { name, binary, modules, version, arch } = component;
            if said == Fix::NotAffected && version.is_some() {
                continue;
            }
            let state = states.entry((platform, name, binary, modules)).or_default();
            state.severity = state.severity.max(ratings.get(id.as_str()).copied());
            match (said, version) {
                (Fix::Released, Some(version)) => {
                    let arches = state.fixed.entry(version).or_default();
                    if let Some(arch) = arch.filter(|arch| arch != "noarch") {
                        text::push(arches, arch);
                    }
                }
                (Fix::Pending, Some(version)) => text::push(&mut state.affected, version),
                _ => {
                    let fix = unfixed.get(id.as_str()).copied().filter(|_| said == Fix::Pending);
                    state.fix = state.fix.or(Some(fix.unwrap_or(said)));
                }
            }
        }
    }
    let has_source: Vec<Platform> = states
        .iter()
        .filter(|((_, _, binary, _), state)| !binary && !state.fixed.is_empty())
        .map(|((platform, ..), _)| platform.clone())
        .collect();
    let stands = |((platform, _, binary, _), state): &(Key, State)| {
        !binary || state.fixed.is_empty() || !has_source.contains(platform)
    };
    states.into_iter().filter(stands).flat_map(|(key, state)| of(&key, state)).collect()
}

/// A combination of product and component, as far as it is a package of a distribution.
fn find(
    reading: &mut Reading<'_>,
    place: &str,
    tree: &Tree,
    id: &str,
    said: Fix,
) -> Option<(Platform, Component)> {
    match tree.find(id, said == Fix::Released) {
        Ok(found) => found,
        Err(tree::Lost::Unknown(product)) => {
            reading.unknown(place, &product);
            None
        }
        Err(tree::Lost::Broken(why)) => {
            reading.reject(place, format_args!("{id}: {why}"));
            None
        }
    }
}

/// What is to come, as far as a remediation says.
fn outlook(remediation: &Remediation) -> Option<Fix> {
    match remediation.category.as_str() {
        "no_fix_planned" if remediation.details.contains("Out of support") => Some(Fix::EndOfLife),
        "no_fix_planned" => Some(Fix::WillNotFix),
        "none_available" | "fix_planned" => Some(Fix::Pending),
        _ => None,
    }
}

/// The rows of one component: mostly one; one for each fixed version if architectures differ.
fn of(key: &Key, state: State) -> Vec<Affected> {
    let ((ecosystem, release), name, binary, modules) = key;
    let row = |arches, ranges, versions, fix| Affected {
        ecosystem: *ecosystem,
        release: release.clone(),
        package: ecosystem.normalise(name),
        binary: *binary,
        modules: modules.clone(),
        arches,
        ranges,
        versions,
        fix,
        severity: state.severity,
        ..Affected::default()
    };
    let whole = |until| vec![Range { introduced: None, until }];
    if !state.fixed.is_empty() {
        let rows = state.fixed.into_iter().map(|(version, mut arches)| {
            arches.sort();
            row(arches, whole(Until::Fixed(version)), vec![], Fix::Released)
        });
        return rows.collect();
    }
    match state.fix {
        Some(Fix::NotAffected) => vec![row(vec![], vec![], vec![], Fix::NotAffected)],
        Some(fix) => vec![row(vec![], whole(Until::Open), vec![], fix)],
        None => vec![row(vec![], vec![], state.affected, Fix::Pending)],
    }
}
