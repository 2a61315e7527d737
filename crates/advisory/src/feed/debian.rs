//! The Debian security tracker: <https://security-tracker.debian.org/tracker/data/json>.
//!
//! ```text
//!  { "openssl": { "CVE-2024-1": { "description": "...",
//!                                 "releases": { "bookworm": { "status": "resolved", "fixed_version": "3.0.11-1", ... } } } } }
//! ```
//!
//! Packages are source packages, and releases have code names. A vulnerability of several packages is told once for
//! each: the file is read package by package.

use super::{Broken, Reading, json, text};
use crate::{
    Ecosystem,
    record::{Advisory, Affected, Fix, Range, Standing, Until},
};
use serde::{
    Deserialize,
    de::{Deserializer as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt, io::BufRead};

/// Code names, and releases as advisories name them.
const RELEASES: &[(&str, &str)] = &[
    ("woody", "3.0"),
    ("sarge", "3.1"),
    ("etch", "4.0"),
    ("lenny", "5"),
    ("squeeze", "6"),
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
    ("sid", "sid"),
];

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    description: Option<String>,
    releases: BTreeMap<String, State>,
}

#[derive(Deserialize)]
struct State {
    status: String,
    #[serde(default)]
    fixed_version: Option<String>,
    #[serde(default)]
    urgency: Option<String>,
    #[serde(default)]
    nodsa_reason: Option<String>,
}

/// Reads a document.
pub(super) fn read(reading: &mut Reading<'_>, reader: &mut dyn BufRead) -> Result<(), Broken> {
    if json::start(reader)? != Some(b'{') {
        return Err("it is not a JSON object of packages".into());
    }
    reading.budget.record();
    let mut json = serde_json::Deserializer::from_reader(reader);
    json.deserialize_map(Packages(reading))?;
    Ok(json.end()?)
}

struct Packages<'r, 's>(&'r mut Reading<'s>);

impl<'de> Visitor<'de> for Packages<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of packages")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut packages: A) -> Result<(), A::Error> {
        while let Some((name, entries)) = packages.next_entry::<String, Box<RawValue>>()? {
            self.0.budget.record();
            if let Err(why) = package(self.0, &name, entries.get()) {
                self.0.reject(&name, why);
            }
        }
        Ok(())
    }
}

fn package(reading: &mut Reading<'_>, name: &str, entries: &str) -> Result<(), Broken> {
    let entries: BTreeMap<String, &RawValue> = json::parse(entries.as_bytes())?;
    for (id, entry) in entries {
        let place = format!("{name}, {id}");
        match json::parse(entry.get().as_bytes()) {
            Ok(entry) => vulnerability(reading, &place, name, id, entry),
            Err(why) => reading.reject(&place, why),
        }
    }
    Ok(())
}

fn vulnerability(reading: &mut Reading<'_>, place: &str, package: &str, id: String, entry: Entry) {
    let description = entry.description.unwrap_or_default();
    let mut advisory = Advisory {
        summary: text::summary(&description),
        standing: text::standing(&description),
        references: vec![format!("https://security-tracker.debian.org/tracker/{id}")],
        id,
        ..Advisory::default()
    };
    for (codename, state) in entry.releases {
        let release = RELEASES.iter().find(|(name, _)| *name == codename).map(|(_, release)| *release);
        if release.is_none() {
            reading.unknown(place, &codename);
        }
        match row(state) {
            Ok(row) => advisory.affected.push(Affected {
                ecosystem: Ecosystem::Debian,
                release: release.unwrap_or(&codename).to_owned(),
                package: Ecosystem::Debian.normalise(package),
                ..row
            }),
            Err(why) => reading.reject(&format!("{place}, {codename}"), why),
        }
    }
    if advisory.standing == Standing::Withdrawn || !advisory.affected.is_empty() {
        reading.advisory(place, advisory);
    }
}

fn row(state: State) -> Result<Affected, Broken> {
    let urgency = state.urgency.as_deref().unwrap_or_default();
    let open = || vec![Range { introduced: None, until: Until::Open }];
    let (ranges, fix) = match (state.status.as_str(), state.fixed_version) {
        // Debian never had a version with the flaw.
        ("resolved", Some(version)) if version == "0" => (vec![], Fix::NotAffected),
        ("resolved", Some(version)) => {
            let until = Until::Fixed(version);
            (vec![Range { introduced: None, until }], Fix::Released)
        }
        ("resolved", None) => return Err("it is resolved without a version".into()),
        ("undetermined", _) => (open(), Fix::UnderInvestigation),
        ("open", _) => {
            let fix = match state.nodsa_reason.as_deref() {
                _ if urgency == "end-of-life" => Fix::EndOfLife,
                Some("ignored") => Fix::WillNotFix,
                // Postponed, or without a reason: a later update of the release may bring it.
                _ => Fix::Pending,
            };
            (open(), fix)
        }
        (other, _) => return Err(format!("{other:?} is no status of the tracker").into()),
    };
    Ok(Affected { ranges, fix, severity: text::severity(urgency), ..Affected::default() })
}
