//! `gabion db status` and `verify`.

use super::cli::TextFormat;
use crate::{clock, output, progress::Progress};
use gabion_advisory::{Ecosystem, database::Source, store::Origin};
use indicatif::{HumanBytes, HumanCount};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::{collections::BTreeMap, path::Path, process::ExitCode};

#[derive(Serialize)]
struct Status {
    directory: String,
    /// When it was built, here or by its publisher.
    created: Timestamp,
    /// When it was found, last, to be the newest.
    updated: Timestamp,
    from: Option<String>,
    key: Option<String>,
    sequence: Option<u64>,
    size: u64,
    sources: Vec<SourceStatus>,
}

#[derive(Serialize)]
struct SourceStatus {
    name: String,
    kind: String,
    records: u64,
    rows: u64,
    size: u64,
    as_of: Option<Timestamp>,
    root: String,
    /// It was added here to a database that was fetched; updates leave it alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    local: bool,
    ecosystems: Vec<String>,
}

pub(super) fn run(directory: &Path, format: TextFormat) -> anyhow::Result<ExitCode> {
    let store = super::store(directory)?;
    let current = store.current().clone();
    let (from, key, sequence) = match current.origin {
        Origin::Built => (None, None, None),
        Origin::Published { from, key, sequence } => (Some(from), Some(key), Some(sequence)),
    };
    let database = super::from_store(store)?;
    let local = |name: &str| current.segments.iter().any(|named| named.name == name && named.local);
    let sources: Vec<SourceStatus> = database
        .sources()
        .iter()
        .map(|one| SourceStatus { local: local(&one.about().name), ..source(one) })
        .collect();
    let status = Status {
        directory: directory.display().to_string(),
        created: current.created,
        updated: current.installed,
        from,
        key,
        sequence,
        size: sources.iter().map(|s| s.size).sum(),
        sources,
    };
    if format == TextFormat::Json {
        return super::print_json(&status);
    }
    let now = clock::now()?;
    output::line(&status.directory)?;
    let origin = match (&status.from, status.sequence, &status.key) {
        (Some(from), Some(sequence), Some(key)) => format!("version {sequence} of {from}, signed by {key}"),
        _ => "built here".to_owned(),
    };
    output::line(&format!(
        "  {origin}; put together {}, checked {}",
        ago(now, status.created),
        ago(now, status.updated)
    ))?;
    output::line("")?;
    output::line(&format!(
        "  {:<20} {:<16} {:>9} {:>10}  {:<16} {}",
        "SOURCE", "KIND", "RECORDS", "SIZE", "NEWEST RECORD", "STATEMENTS ABOUT"
    ))?;
    for s in &status.sources {
        let newest = s.as_of.map_or("unknown".to_owned(), |time| ago(now, time));
        let about = match s.ecosystems.len() {
            0 => String::new(),
            1..=4 => s.ecosystems.join(", "),
            n => format!("{} and {} more", s.ecosystems[..3].join(", "), n - 3),
        };
        let kind = if s.local { format!("{} (built here)", s.kind) } else { s.kind.clone() };
        let size = HumanBytes(s.size).to_string();
        let records = HumanCount(s.records).to_string();
        output::line(&format!(
            "  {:<20} {:<16} {records:>9} {size:>10}  {newest:<16} {about}",
            s.name, kind
        ))?;
    }
    output::line(&format!(
        "  {:<20} {:<16} {:>9} {:>10}",
        "total",
        "",
        "",
        HumanBytes(status.size).to_string()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn source(source: &Source) -> SourceStatus {
    let about = source.about();
    let name = |(ecosystem, releases): (&Ecosystem, &BTreeMap<String, u64>)| {
        let statements = HumanCount(releases.values().sum());
        match releases.len() {
            1 => format!("{} {statements}", ecosystem.name()),
            n => format!("{} {statements} in {n} releases", ecosystem.name()),
        }
    };
    SourceStatus {
        name: about.name.clone(),
        kind: about.kind.clone(),
        records: about.records,
        rows: source.segment().len(),
        size: source.segment().size(),
        as_of: about.as_of,
        root: source.segment().root().to_string(),
        local: false,
        ecosystems: source.releases().iter().rev().map(name).collect(),
    }
}

/// How long ago, roughly.
fn ago(now: Timestamp, time: Timestamp) -> String {
    let age: SignedDuration = now.duration_since(time);
    match age.as_hours() {
        ..-1 => "in the future".to_owned(),
        -1..2 => "just now".to_owned(),
        hours @ 2..48 => format!("{hours} hours ago"),
        hours => format!("{} days ago", hours / 24),
    }
}

/// Reads and checks all of it.
pub(super) fn verify(directory: &Path, quiet: bool) -> anyhow::Result<ExitCode> {
    let store = super::store(directory)?;
    let progress = Progress::new(quiet, "verifying");
    for (name, result) in store.verify() {
        result?;
        if !quiet {
            progress.note(&format!("{name}: all rows are what its root says"));
        }
    }
    drop(progress);
    output::line(&format!("{} is whole", directory.display()))?;
    Ok(ExitCode::SUCCESS)
}
