//! The security databases of Alpine, Wolfi, Chainguard and MinimOS.
//!
//! ```text
//!  { "distroversion": "v3.19", "reponame": "main",
//!    "packages": [{ "pkg": { "name": "curl", "secfixes": { "8.5.0-r0": ["CVE-2023-1 GHSA-x"], "0": ["CVE-2023-2"] } } }] }
//! ```
//!
//! A key is the first version with the fix, `0` says that no version ever was affected. The texts below it are written by
//! people: `CVE_2019_2426`, `CVE-2017-2616 (+ regression fix)`, `CVE N/A ZBX-11023`. Where a CVE is fixed more than once,
//! the first fix was not enough: the last counts.

use super::{Broken, Reading, json, text};
use crate::{
    Ecosystem,
    record::{Advisory, Affected, Fix, Range, Until},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::BufRead,
};

#[derive(Deserialize)]
struct Database<'a> {
    #[serde(default)]
    distroversion: Option<String>,
    #[serde(default)]
    urlprefix: Option<String>,
    #[serde(borrow)]
    packages: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Entry {
    pkg: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    secfixes: Option<BTreeMap<String, Option<Vec<String>>>>,
}

/// Reads a document.
pub(super) fn read(reading: &mut Reading<'_>, reader: &mut dyn BufRead) -> Result<(), Broken> {
    json::values(reading, reader, &mut database)
}

fn database(reading: &mut Reading<'_>, _: &str, bytes: &[u8]) -> Result<(), Broken> {
    let database: Database<'_> = json::parse(bytes)?;
    let prefix = database.urlprefix.unwrap_or_default();
    let version = database.distroversion.unwrap_or_default();
    let (ecosystem, release) = match prefix.as_str() {
        _ if prefix.contains("wolfi") => (Ecosystem::Wolfi, String::new()),
        _ if prefix.contains("cgr.dev") => (Ecosystem::Chainguard, String::new()),
        _ if prefix.contains("minimos") || prefix.contains("mini.dev") => (Ecosystem::MinimOs, String::new()),
        _ if version.starts_with('v') || version == "edge" => (Ecosystem::Alpine, version),
        _ => return Err(format!("neither {prefix:?} nor {version:?} tells the distribution").into()),
    };
    let packages = database.packages.unwrap_or_default();
    if packages.is_empty() {
        reading.nothing();
    }
    for (number, entry) in packages.into_iter().enumerate() {
        match json::parse::<Entry>(entry.get().as_bytes()) {
            Ok(entry) => package(reading, ecosystem, &release, entry.pkg),
            Err(why) => reading.reject(&format!("package {}", number + 1), why),
        }
    }
    Ok(())
}

fn package(reading: &mut Reading<'_>, ecosystem: Ecosystem, release: &str, package: Package) {
    let mut fixes: BTreeMap<String, (BTreeSet<String>, Vec<String>)> = BTreeMap::new();
    for (version, texts) in package.secfixes.unwrap_or_default() {
        for text in texts.unwrap_or_default() {
            let (cves, others) = ids(&text);
            if cves.is_empty() && others.is_empty() {
                reading.reject(
                    &format!("{} {version}", package.name),
                    format_args!("{text:?} names no vulnerability"),
                );
            }
            // With one CVE, the others are its aliases; with several, nobody knows whose they are.
            let (ids, aliases) = if cves.is_empty() {
                let mut others = others.into_iter();
                (others.next().into_iter().collect(), others.collect())
            } else {
                let aliases = if cves.len() == 1 { others } else { vec![] };
                (cves, aliases)
            };
            for id in ids {
                let (known, versions) = fixes.entry(id).or_default();
                known.extend(aliases.iter().cloned());
                versions.push(version.clone());
            }
        }
    }
    for (id, (aliases, mut versions)) in fixes {
        versions.retain(|version| version != "0");
        let fix = if versions.is_empty() { Fix::NotAffected } else { Fix::Released };
        let range = |version| Range { introduced: None, until: Until::Fixed(version) };
        let place = format!("{}, {id}", package.name);
        reading.advisory(
            &place,
            Advisory {
                id,
                aliases: aliases.into_iter().collect(),
                affected: vec![Affected {
                    ecosystem,
                    release: release.to_owned(),
                    package: ecosystem.normalise(&package.name),
                    ranges: last(ecosystem, versions).into_iter().map(range).collect(),
                    fix,
                    ..Affected::default()
                }],
                ..Advisory::default()
            },
        );
    }
}

/// The newest of the versions that can be ordered, and all that cannot.
fn last(ecosystem: Ecosystem, versions: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for version in versions {
        let newer = |other: &String| ecosystem.order().and_then(|order| order.compare(other, &version).ok());
        match out.iter().position(|other| newer(other).is_some()) {
            Some(at) if newer(&out[at]).is_some_and(std::cmp::Ordering::is_lt) => out[at] = version,
            Some(_) => {}
            None => out.push(version),
        }
    }
    out
}

/// The CVEs that a text names, and what else it names.
fn ids(text: &str) -> (Vec<String>, Vec<String>) {
    let mut cves = Vec::new();
    let mut others = Vec::new();
    for word in text.split([' ', '\t', ',', ';', '/']) {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let cve = word.replace('_', "-");
        if text::is_cve(&cve) {
            text::push(&mut cves, cve);
        } else if word.split_once('-').is_some_and(|(name, number)| {
            name.len() >= 2
                && name.bytes().all(|b| b.is_ascii_uppercase())
                && number.bytes().any(|b| b.is_ascii_digit())
        }) {
            text::push(&mut others, word);
        }
    }
    (cves, others)
}

#[cfg(test)]
mod unit {
    use super::ids;

    #[test]
    fn what_people_write_is_understood() {
        for (text, cves, others) in [
            (
                "CVE-2019-1111 GHSA-aaaa-bb1c-cccc XSA-123",
                &["CVE-2019-1111"][..],
                &["GHSA-aaaa-bb1c-cccc", "XSA-123"][..],
            ),
            ("CVE_2019_2426", &["CVE-2019-2426"], &[]),
            ("CVE-2017-2616 (+ regression fix)", &["CVE-2017-2616"], &[]),
            ("CVE-2017-9671?", &["CVE-2017-9671"], &[]),
            ("CVE N/A ZBX-11023", &[], &["ZBX-11023"]),
            ("CVE-2020-0001 CVE-2020-0002", &["CVE-2020-0001", "CVE-2020-0002"], &[]),
            ("regression", &[], &[]),
        ] {
            let (c, o) = ids(text);
            assert_eq!(
                (
                    c.iter().map(String::as_str).collect::<Vec<_>>(),
                    o.iter().map(String::as_str).collect::<Vec<_>>()
                ),
                (cves.to_vec(), others.to_vec()),
                "{text}"
            );
        }
    }
}
