//! The feeds as they are written, read without any code of Gabion's.

use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

/// All records.
pub(super) struct Feeds {
    by_id: BTreeMap<String, Vec<Record>>,
}

/// One record. A few ids are used twice, by two releases.
pub(super) struct Record {
    pub(super) id: String,
    pub(super) summary: String,
    /// The vulnerabilities that it is about, by all the names that it gives them.
    names: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// What a record says of one package.
pub(super) struct Row {
    /// `AlmaLinux`, `PyPI`.
    pub(super) ecosystem: String,
    /// `9`, `v3.11`; empty for languages.
    pub(super) release: String,
    pub(super) package: String,
    pub(super) ranges: Vec<Vec<Event>>,
    pub(super) versions: Vec<String>,
}

/// `introduced`, `fixed` or `last_affected`, and the version.
pub(super) type Event = (String, String);

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The records of a feed, one on each line.
#[expect(clippy::disallowed_methods, reason = "the shared data is no input of strangers")]
pub(super) fn unpack(data: &Path, name: &str) -> Vec<u8> {
    let packed = fs::read(data.join(format!("{name}.jsonl.zst"))).expect("a feed");
    zstd::decode_all(&*packed).expect("unpacks")
}

impl Feeds {
    pub(super) fn read(data: &Path, names: &[&str]) -> Self {
        let mut by_id: BTreeMap<String, Vec<Record>> = BTreeMap::new();
        for name in names {
            for line in unpack(data, name).split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let record: Value = serde_json::from_slice(line).expect("JSON");
                if record["withdrawn"].as_str().is_none_or(str::is_empty) {
                    let record = Record::of(&record);
                    by_id.entry(record.id.clone()).or_default().push(record);
                }
            }
        }
        Self { by_id }
    }

    /// Those of an id.
    pub(super) fn records(&self, id: &str) -> impl Iterator<Item = &Record> {
        self.by_id.get(id).into_iter().flatten()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Record> {
        self.by_id.values().flatten()
    }
}

impl Record {
    fn of(record: &Value) -> Self {
        let lists = ["aliases", "upstream", "related"];
        Self {
            id: text(&record["id"]),
            summary: text(&record["summary"]),
            names: lists.iter().flat_map(|key| list(&record[key])).map(text).collect(),
            rows: list(&record["affected"]).map(Row::of).collect(),
        }
    }

    /// Whether this is one of its names.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.id == name || self.names.iter().any(|one| one == name)
    }

    /// The CVEs that it is about, or itself.
    pub(super) fn vulnerabilities(&self) -> impl Iterator<Item = &str> {
        let cves = || self.names.iter().map(String::as_str).filter(|name| name.starts_with("CVE-"));
        let itself = cves().next().is_none().then_some(self.id.as_str());
        cves().chain(itself)
    }
}

impl Row {
    fn of(row: &Value) -> Self {
        let ecosystem = text(&row["package"]["ecosystem"]);
        let (ecosystem, release) = ecosystem.split_once(':').unwrap_or((&ecosystem, ""));
        let events = |range: &Value| {
            let events = list(&range["events"]).filter_map(|event| {
                let (kind, version) = event.as_object()?.iter().next()?;
                Some((kind.clone(), text(version)))
            });
            events.collect()
        };
        Self {
            ecosystem: ecosystem.to_owned(),
            release: release.to_owned(),
            package: text(&row["package"]["name"]),
            ranges: list(&row["ranges"]).filter(|range| range["type"] != "GIT").map(events).collect(),
            versions: list(&row["versions"]).map(text).collect(),
        }
    }

    /// Every version that it names, but for the very first.
    pub(super) fn bounds(&self) -> impl Iterator<Item = &str> {
        let events = self.ranges.iter().flatten().map(|(_, version)| version.as_str());
        let all = events.chain(self.versions.iter().map(String::as_str));
        all.filter(|version| !matches!(*version, "" | "0" | "0.0.0-0"))
    }

    /// The versions that end a range by a fix.
    pub(super) fn fixes(&self) -> impl Iterator<Item = &str> {
        let events = self.ranges.iter().flatten().filter(|(kind, _)| kind == "fixed");
        events.map(|(_, version)| version.as_str())
    }
}
