//! `pnpm-lock.yaml`, versions 5 to 9.
//!
//! | version | key of a package | development |
//! |---|---|---|
//! | 5 | `/@babel/core/7.1.0_peers` | `dev: true` |
//! | 6 | `/@babel/core@7.1.0(peer@1.0.0)` | `dev: true` |
//! | 9 | `@babel/core@7.1.0`, and with peers in `snapshots` | what no `dependencies` of an importer reaches |
//!
//! A package that is not of a registry has an address for a key, and its version in a field.

use super::{Format, Listing, reachable, split_at_sign, yaml};
use crate::content::ReadError;
use gabion_model::PackageKind;
use serde::Deserialize;
use std::collections::{BTreeMap, HashSet};

pub(super) const FORMAT: Format =
    Format { name: "pnpm-lock", kind: PackageKind::Npm, matches: |name| name == b"pnpm-lock.yaml", parse };

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lock {
    lockfile_version: String,
    #[serde(default)]
    importers: BTreeMap<String, Importer>,
    #[serde(default)]
    packages: BTreeMap<String, Entry>,
    #[serde(default)]
    snapshots: BTreeMap<String, Snapshot>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Importer {
    dependencies: BTreeMap<String, Reference>,
    optional_dependencies: BTreeMap<String, Reference>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Reference {
    /// Since version 6.
    Resolved { version: String },
    /// Before.
    Version(String),
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Snapshot {
    dependencies: BTreeMap<String, String>,
    optional_dependencies: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    name: Option<String>,
    version: Option<String>,
    dev: bool,
}

fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    // Since pnpm 11 a first document lists the package manager itself.
    for lock in yaml::<Lock>(text)? {
        let runtime = lock.runtime();
        for (key, entry) in &lock.packages {
            let key = without_peers(key);
            let Some((name, version)) = split_key(key, &lock.lockfile_version) else {
                // A directory of the tree has neither name nor version.
                if !is_local(key) {
                    let version = entry.version.clone().unwrap_or_default();
                    list.add(entry.name.clone().unwrap_or_default(), version, entry.dev);
                }
                continue;
            };
            if is_local(version) {
                continue;
            }
            let dev = entry.dev || runtime.as_ref().is_some_and(|runtime| !runtime.contains(key));
            let version = match &entry.version {
                Some(version) => version,
                None if version.contains(':') => "",
                None => version,
            };
            list.add(entry.name.as_deref().unwrap_or(name), version, dev);
        }
    }
    Ok(())
}

impl Lock {
    /// The keys of `packages` that are needed at run time; none if the entries say it themselves.
    fn runtime(&self) -> Option<HashSet<&str>> {
        if self.snapshots.is_empty() {
            return None;
        }
        let direct = self.importers.values().flat_map(|importer| {
            let all = importer.dependencies.iter().chain(&importer.optional_dependencies);
            all.filter_map(|(name, reference)| match reference {
                Reference::Resolved { version } | Reference::Version(version) => self.snapshot(name, version),
            })
        });
        let reached = reachable(direct, |key| {
            let snapshot = self.snapshots.get(key);
            let all =
                snapshot.into_iter().flat_map(|s| s.dependencies.iter().chain(&s.optional_dependencies));
            all.filter_map(|(name, version)| self.snapshot(name, version))
        });
        Some(reached.into_iter().map(without_peers).collect())
    }

    /// The key of a snapshot: `name@version`, or for an alias the reference itself.
    fn snapshot(&self, name: &str, version: &str) -> Option<&str> {
        let key = |key: &str| self.snapshots.get_key_value(key).map(|(key, _)| key.as_str());
        key(&format!("{name}@{version}")).or_else(|| key(version))
    }
}

/// `a@1.0.0(b@2.0.0)(c@3.0.0)` without what is in parentheses.
fn without_peers(key: &str) -> &str {
    key.split_once('(').map_or(key, |(key, _)| key)
}

/// Name and version, or name and address, of a key; none if it is an address alone.
fn split_key<'a>(key: &'a str, lockfile_version: &str) -> Option<(&'a str, &'a str)> {
    let old = lockfile_version.starts_with('5');
    let rooted = key.strip_prefix('/');
    if !old {
        return split_at_sign(rooted.unwrap_or(key)).filter(|(name, _)| !name.contains(':'));
    }
    // `registry.example.org/name/1.0.0` if it is not of the usual registry.
    let path = rooted.or_else(|| key.split_once('/').map(|(_, path)| path))?;
    let (name, version) = path.rsplit_once('/')?;
    let version = version.split_once('_').map_or(version, |(version, _)| version);
    version.starts_with(|c: char| c.is_ascii_digit()).then_some((name, version))
}

fn is_local(source: &str) -> bool {
    source.starts_with("file:") || source.starts_with("link:")
}
