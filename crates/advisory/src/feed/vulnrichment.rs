//! CVE records, version 5, with the container in which CISA adds CVSS, SSVC and CWE; or one CVE a line in the compact
//! form `{"id", "summary", "cvss", "ssvc", "cwe"}`.
//!
//! What CISA says comes before what the record's owner says: that is why one reads this feed.

use super::{Broken, Reading, json, text};
use crate::record::{Assessment, Standing};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, io::BufRead};

/// What CISA calls itself in `providerMetadata.shortName`.
const CISA: &str = "CISA-ADP";

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "cveMetadata")]
    metadata: Metadata,
    containers: Containers,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "cveId")]
    id: String,
    state: String,
}

#[derive(Deserialize)]
struct Containers {
    #[serde(default)]
    cna: Container,
    #[serde(default)]
    adp: Vec<Container>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    provider_metadata: Provider,
    title: Option<String>,
    descriptions: Vec<Text>,
    rejected_reasons: Vec<Text>,
    tags: Vec<String>,
    metrics: Vec<Value>,
    problem_types: Vec<ProblemType>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Provider {
    short_name: String,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    lang: String,
    value: String,
}

#[derive(Deserialize)]
struct ProblemType {
    #[serde(default)]
    descriptions: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default, rename = "cweId")]
    id: Option<String>,
}

#[derive(Deserialize)]
struct Compact {
    id: String,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    cvss: Option<String>,
    #[serde(default)]
    ssvc: Option<BTreeMap<String, String>>,
    #[serde(default)]
    cwe: Vec<String>,
}

/// Reads a document.
pub(super) fn read(reading: &mut Reading<'_>, reader: &mut dyn BufRead) -> Result<(), Broken> {
    json::values(reading, reader, &mut value)
}

fn value(reading: &mut Reading<'_>, place: &str, bytes: &[u8]) -> Result<(), Broken> {
    #[derive(Deserialize)]
    struct Shape {
        #[serde(default, rename = "cveMetadata")]
        metadata: Option<serde::de::IgnoredAny>,
    }
    // The compact form comes in lines only; what is a file of its own is a record.
    let is_record = place.is_empty() || json::parse::<Shape>(bytes)?.metadata.is_some();
    let assessment = if is_record { record(json::parse(bytes)?) } else { compact(json::parse(bytes)?) };
    if !text::is_cve(&assessment.cve) {
        return Err(format!("{:?} is no CVE", assessment.cve).into());
    }
    reading.assessment(assessment);
    Ok(())
}

fn compact(compact: Compact) -> Assessment {
    let mut out = Assessment {
        cve: compact.id,
        summary: text::summary(&compact.summary),
        cvss: compact.cvss,
        cwe: compact.cwe.iter().filter_map(|cwe| text::cwe(cwe)).collect(),
        standing: text::standing(&compact.summary),
        ..Assessment::default()
    };
    for (key, value) in compact.ssvc.unwrap_or_default() {
        decide(&mut out, &key, &value);
    }
    out
}

fn record(record: Record) -> Assessment {
    let Record { metadata, containers } = record;
    let Containers { cna, adp } = containers;
    let texts = if cna.descriptions.is_empty() { &cna.rejected_reasons } else { &cna.descriptions };
    let english = texts.iter().find(|text| text.lang.starts_with("en")).or(texts.first());
    let description = english.map_or("", |text| text.value.as_str());
    let title = cna.title.as_deref().filter(|title| !title.trim().is_empty());
    let disputed = cna.tags.iter().any(|tag| tag == "disputed");
    let mut out = Assessment {
        cve: metadata.id,
        summary: text::summary(title.unwrap_or(description)),
        standing: match text::standing(description) {
            _ if metadata.state == "REJECTED" => Standing::Withdrawn,
            Standing::Active if disputed => Standing::Disputed,
            said => said,
        },
        ..Assessment::default()
    };
    let (cisa, others): (Vec<_>, Vec<_>) =
        adp.iter().partition(|adp| adp.provider_metadata.short_name == CISA);
    for container in cisa.into_iter().chain([&cna]).chain(others) {
        out.cvss = out.cvss.or_else(|| vector(&container.metrics));
        if out.cwe.is_empty() {
            let problems = container.problem_types.iter().flat_map(|kind| &kind.descriptions);
            out.cwe = problems.filter_map(|problem| text::cwe(problem.id.as_deref()?)).collect();
            out.cwe.dedup();
        }
        if container.provider_metadata.short_name == CISA {
            for (key, value) in ssvc(&container.metrics) {
                decide(&mut out, key, value);
            }
        }
    }
    out
}

/// The vector of the newest version of CVSS.
fn vector(metrics: &[Value]) -> Option<String> {
    ["cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0"].iter().find_map(|version| {
        let vectors = metrics.iter().filter_map(|metric| metric.get(version)?.get("vectorString")?.as_str());
        vectors.map(str::to_owned).next()
    })
}

/// The decision points: `"other": {"type": "ssvc", "content": {"options": [{"Exploitation": "poc"}, ...]}}`.
fn ssvc(metrics: &[Value]) -> impl Iterator<Item = (&str, &str)> {
    let decisions = metrics.iter().filter_map(|metric| {
        let other = metric.get("other")?;
        let options = other.get("content")?.get("options")?.as_array()?;
        (other.get("type")?.as_str()? == "ssvc").then_some(options)
    });
    let points = decisions.flatten().filter_map(Value::as_object).flatten();
    points.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

fn decide(out: &mut Assessment, key: &str, value: &str) {
    match (key, value) {
        ("Exploitation", "none" | "poc" | "active") => out.exploitation = Some(value.to_owned()),
        ("Automatable", "yes") => out.automatable = Some(true),
        ("Automatable", "no") => out.automatable = Some(false),
        ("Technical Impact", "total") => out.total_impact = Some(true),
        ("Technical Impact", "partial") => out.total_impact = Some(false),
        _ => {}
    }
}
