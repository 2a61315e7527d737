//! OSV records, schema 1.7, of any ecosystem: <https://ossf.github.io/osv-schema/>.
//!
//! What the schema leaves to the ecosystems, each writes in its own way:
//!
//! | who | what |
//! |---|---|
//! | GitHub | `database_specific.severity`, `cwe_ids`; `last_known_affected_version_range` where there is no fix |
//! | Go | `ecosystem_specific.imports`: what must be called |
//! | RustSec | `database_specific.informational`: an unmaintained or unsound crate, which is no vulnerability |
//! | Ubuntu | severity of type `Ubuntu`; `Ubuntu:Pro:...` as the ecosystem of what needs a subscription |
//! | Debian | `ecosystem_specific.urgency`; `<end-of-life>` and the like as a version |
//! | Alpine | `fixed: "0"` for what never was affected |
//! | AlmaLinux, Rocky | rating and module streams in the summary only; the CVEs in `related`; updates that fix no vulnerability |
//!
//! A `database_specific` or `ecosystem_specific` of an unexpected shape is passed over: it is not ours to validate.

use super::{
    Broken, Reading, json,
    ranges::{self, Event},
    text,
};
use crate::{
    Ecosystem,
    record::{Advisory, Affected, Fix, Import, Standing, Until},
};
use serde::Deserialize;
use serde_json::Value;
use std::io::BufRead;

/// References that are kept.
const REFERENCES: usize = 4;

#[derive(Deserialize)]
struct Record {
    id: String,
    #[serde(default)]
    aliases: Option<Vec<String>>,
    #[serde(default)]
    upstream: Option<Vec<String>>,
    #[serde(default)]
    related: Option<Vec<String>>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    severity: Option<Vec<Rating>>,
    #[serde(default)]
    references: Option<Vec<Reference>>,
    #[serde(default)]
    published: Option<String>,
    #[serde(default)]
    modified: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    affected: Option<Vec<Row>>,
    #[serde(default)]
    database_specific: Value,
}

#[derive(Deserialize)]
struct Rating {
    #[serde(rename = "type")]
    kind: String,
    score: String,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "type", default)]
    kind: String,
    url: String,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    package: Option<Package>,
    #[serde(default)]
    ranges: Option<Vec<Span>>,
    #[serde(default)]
    versions: Option<Vec<String>>,
    #[serde(default)]
    severity: Option<Vec<Rating>>,
    #[serde(default)]
    database_specific: Value,
    #[serde(default)]
    ecosystem_specific: Value,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Span {
    #[serde(rename = "type")]
    kind: String,
    events: Vec<Moment>,
}

#[derive(Deserialize)]
struct Moment {
    #[serde(default)]
    introduced: Option<String>,
    #[serde(default)]
    fixed: Option<String>,
    #[serde(default)]
    last_affected: Option<String>,
    #[serde(default)]
    limit: Option<String>,
}

impl Moment {
    fn event(self) -> Option<(Event, String)> {
        let Self { introduced, fixed, last_affected, limit } = self;
        introduced
            .map(|version| (Event::Introduced, version))
            .or(fixed.map(|version| (Event::Fixed, version)))
            .or(last_affected.map(|version| (Event::LastAffected, version)))
            .or(limit.map(|version| (Event::Limit, version)))
    }
}

/// Reads a document.
pub(super) fn read(reading: &mut Reading<'_>, reader: &mut dyn BufRead) -> Result<(), Broken> {
    json::values(reading, reader, &mut record)
}

/// Reads a record.
pub(super) fn record(reading: &mut Reading<'_>, place: &str, bytes: &[u8]) -> Result<(), Broken> {
    let record: Record = json::parse(bytes)?;
    let Record {
        id,
        aliases,
        upstream,
        related,
        summary,
        details,
        severity,
        references,
        published,
        modified,
        withdrawn,
        affected,
        database_specific,
    } = record;
    let place = if place.is_empty() { id.clone() } else { format!("{place}, {id}") };
    let details = details.unwrap_or_default();
    let title = summary.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| details.clone());
    let mut advisory = Advisory {
        summary: text::summary(&title),
        aliases: aliases.unwrap_or_default(),
        upstream: upstream.unwrap_or_default(),
        references: best(references.unwrap_or_default()),
        published: published.as_deref().and_then(text::timestamp),
        modified: modified.as_deref().and_then(text::timestamp),
        severity: word(&database_specific, &["severity"]).and_then(text::severity),
        cwe: list(&database_specific, "cwe_ids").filter_map(text::cwe).collect(),
        id,
        ..Advisory::default()
    };
    for rating in severity.unwrap_or_default() {
        rate(&mut advisory, rating);
    }
    let mut informational = None;
    for row in affected.unwrap_or_default() {
        if let Some(kind) = word(&row.database_specific, &["informational"]) {
            informational = Some(kind.to_owned());
        }
        if let Some(row) = affected_row(reading, &place, &mut advisory, row, &title) {
            advisory.affected.push(row);
        }
    }
    let family = advisory.affected.first().map(|row| row.ecosystem);
    if matches!(family, Some(Ecosystem::AlmaLinux | Ecosystem::Rocky | Ecosystem::RedHat | Ecosystem::Debian))
    {
        if advisory.upstream.is_empty() {
            advisory.upstream = related.unwrap_or_default();
            advisory.upstream.retain(|id| text::is_cve(id));
        }
        advisory.severity = advisory.severity.or_else(|| text::rated_title(&title));
    }
    advisory.standing = match [text::standing(&title), text::standing(&details)] {
        _ if withdrawn.is_some() => Standing::Withdrawn,
        [Standing::Active, other] | [other, _] if other != Standing::Active => other,
        _ if informational.is_some() || mends_something_else(&advisory) => Standing::Informational,
        _ if database_specific.get("disputed") == Some(&Value::Bool(true)) => Standing::Disputed,
        _ => Standing::Active,
    };
    if let Some(kind) = informational {
        advisory.summary = text::summary(&format!("{kind}: {}", advisory.summary));
    }
    reading.advisory(&place, advisory);
    Ok(())
}

/// AlmaLinux and Rocky publish all updates as OSV: `ALBA` is for bugs, `ALEA` for features.
fn mends_something_else(advisory: &Advisory) -> bool {
    let kinds = ["ALBA-", "ALEA-", "RLBA-", "RLEA-", "RXBA-", "RXEA-"];
    kinds.iter().any(|kind| advisory.id.starts_with(kind))
        && advisory.upstream.is_empty()
        && advisory.aliases.is_empty()
}

fn affected_row(
    reading: &mut Reading<'_>,
    place: &str,
    advisory: &mut Advisory,
    row: Row,
    title: &str,
) -> Option<Affected> {
    let Row { package, ranges, versions, severity, database_specific, ecosystem_specific } = row;
    // Without a package, there is only a range of commits.
    let package = package?;
    let (ecosystem, release) = Ecosystem::parse(&package.ecosystem);
    if ecosystem == Ecosystem::Unknown {
        reading.unknown(place, &package.ecosystem);
    }
    let mut out = Affected {
        ecosystem,
        release: release.to_owned(),
        package: ecosystem.normalise(&package.name),
        // The others name source packages.
        binary: matches!(ecosystem, Ecosystem::AlmaLinux | Ecosystem::RedHat),
        versions: versions.unwrap_or_default(),
        severity: word(&ecosystem_specific, &["severity", "ubuntu_priority", "priority", "urgency"])
            .or_else(|| word(&database_specific, &["severity"]))
            .and_then(text::severity),
        imports: imports(&ecosystem_specific),
        ..Affected::default()
    };
    for rating in severity.unwrap_or_default() {
        if let Some(said) = rate(advisory, rating) {
            out.severity = Some(said);
        }
    }
    let order = ecosystem.order();
    let mut fix = None;
    for span in ranges.unwrap_or_default() {
        if span.kind == "GIT" {
            continue;
        }
        let read = ranges::read(order, span.events.into_iter().filter_map(Moment::event).collect());
        if let Some(absurd) = read.absurd {
            reading.note(place, format_args!("{}: {absurd}", out.package));
        }
        fix = fix.or(read.fix);
        out.ranges.extend(read.ranges);
    }
    let last_known = word(&database_specific, &["last_known_affected_version_range"]).and_then(bound);
    if let ([range], Some(until)) = (&mut out.ranges[..], last_known)
        && range.until == Until::Open
        && !ranges::is_empty(order, range.introduced.as_deref(), &until)
    {
        range.until = until;
    }
    if let Some(order) = order {
        let Affected { ranges, versions, .. } = &mut out;
        versions.retain(|version| !ranges.iter().any(|range| ranges::holds(order, range, version)));
    }
    let open = out.ranges.iter().any(|range| range.until == Until::Open);
    out.fix = match fix {
        Some(Fix::NotAffected) if !out.ranges.is_empty() => Fix::Released,
        Some(fix) => fix,
        None if word(&ecosystem_specific, &["urgency"]) == Some("end-of-life") => Fix::EndOfLife,
        None if open => Fix::Pending,
        None => Fix::Released,
    };
    let modular = out
        .ranges
        .iter()
        .any(|range| matches!(&range.until, Until::Fixed(version) if text::is_modular(version)));
    if modular {
        out.modules = text::module_streams(title);
    }
    Some(out)
}

/// Adds a vector to those of the advisory; a rating in words is given back if it is not of the advisory as a whole.
fn rate(advisory: &mut Advisory, rating: Rating) -> Option<gabion_model::Severity> {
    if rating.kind.starts_with("CVSS") {
        text::push(&mut advisory.cvss, rating.score);
        return None;
    }
    let said = text::severity(&rating.score);
    advisory.severity = advisory.severity.or(said);
    said
}

/// `<= 1.2.3`, `< 2.0`: what GitHub knows of where it ends.
fn bound(text: &str) -> Option<Until> {
    let last = text.strip_prefix("<=").map(|version| Until::LastAffected(version.trim().to_owned()));
    last.or_else(|| text.strip_prefix('<').map(|version| Until::Fixed(version.trim().to_owned())))
}

/// The best references first.
fn best(mut references: Vec<Reference>) -> Vec<String> {
    let rank = |kind: &str| {
        let kinds = ["ADVISORY", "FIX", "REPORT", "ARTICLE", "WEB"];
        kinds.iter().position(|k| *k == kind).unwrap_or(kinds.len())
    };
    references.retain(|reference| reference.url.starts_with("http"));
    references.sort_by_key(|reference| rank(&reference.kind));
    references.truncate(REFERENCES);
    references.into_iter().map(|reference| text::line(&reference.url)).collect()
}

/// The first of these members that is a text.
fn word<'a>(value: &'a Value, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| value.get(name)?.as_str())
}

/// The texts in a list.
fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a str> {
    let items = value.get(name).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str)
}

fn imports(specific: &Value) -> Vec<Import> {
    let items = specific.get("imports").and_then(Value::as_array).into_iter().flatten();
    let read = items.filter_map(|item| {
        Some(Import {
            path: item.get("path")?.as_str()?.to_owned(),
            symbols: list(item, "symbols").map(str::to_owned).collect(),
        })
    });
    read.collect()
}
