//! The lock files of Poetry, uv and PDM, and the common `pylock.toml` (PEP 751): a list of tables each.
//!
//! | | list | in the tree | only for development |
//! |---|---|---|---|
//! | `poetry.lock` | `package` | `source.type = "directory"` | `groups` without `main` (2.x), `category = "dev"` (before 1.5) |
//! | `uv.lock` | `package` | `source.editable`, `.virtual`, `.directory` | what no project needs without a group |
//! | `pdm.lock` | `package` | `path` | `groups` without `default` |
//! | `pylock.toml` | `packages` | `directory` | not told |

use super::{Format, Listing, reachable, toml};
use crate::content::ReadError;
use gabion_model::PackageKind;
use serde::{Deserialize, de::IgnoredAny};
use std::collections::BTreeMap;

pub(super) const POETRY: Format = Format {
    name: "poetry-lock",
    kind: PackageKind::Pypi,
    matches: |name| name == b"poetry.lock",
    parse: poetry,
};

pub(super) const UV: Format =
    Format { name: "uv-lock", kind: PackageKind::Pypi, matches: |name| name == b"uv.lock", parse: uv };

pub(super) const PDM: Format =
    Format { name: "pdm-lock", kind: PackageKind::Pypi, matches: |name| name == b"pdm.lock", parse: pdm };

pub(super) const PYLOCK: Format = Format {
    name: "pylock",
    kind: PackageKind::Pypi,
    matches: |name| name == b"pylock.toml" || name.starts_with(b"pylock.") && name.ends_with(b".toml"),
    parse: pylock,
};

fn poetry(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        category: Option<String>,
        groups: Option<Vec<String>>,
        source: Option<Source>,
    }
    #[derive(Deserialize)]
    struct Source {
        r#type: Option<String>,
    }
    for package in toml::<Lock>(text)?.package {
        let source = package.source.and_then(|source| source.r#type);
        if source.as_deref() != Some("directory") {
            let dev = only_in(package.groups.as_deref(), "main")
                || package.category.is_some_and(|category| category != "main");
            list.add(package.name, package.version, dev);
        }
    }
    Ok(())
}

fn pdm(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: Option<String>,
        groups: Option<Vec<String>>,
        path: Option<IgnoredAny>,
    }
    for package in toml::<Lock>(text)?.package {
        if package.path.is_none() {
            let dev = only_in(package.groups.as_deref(), "default");
            list.add(package.name, package.version.unwrap_or_default(), dev);
        }
    }
    Ok(())
}

/// Whether groups are told, and the one for every installation is not among them.
fn only_in(groups: Option<&[String]>, main: &str) -> bool {
    groups.is_some_and(|groups| !groups.is_empty() && groups.iter().all(|group| group != main))
}

fn pylock(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        packages: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: Option<String>,
        directory: Option<IgnoredAny>,
    }
    for package in toml::<Lock>(text)?.packages {
        if package.directory.is_none() {
            list.add(package.name, package.version.unwrap_or_default(), false);
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UvPackage {
    name: String,
    version: Option<String>,
    #[serde(default)]
    source: UvSource,
    #[serde(default)]
    dependencies: Vec<UvReference>,
    #[serde(default)]
    optional_dependencies: BTreeMap<String, Vec<UvReference>>,
}

#[derive(Default, Deserialize)]
struct UvSource {
    editable: Option<IgnoredAny>,
    r#virtual: Option<IgnoredAny>,
    directory: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct UvReference {
    name: String,
}

impl UvPackage {
    fn is_local(&self) -> bool {
        let UvSource { editable, r#virtual, directory } = &self.source;
        editable.is_some() || r#virtual.is_some() || directory.is_some()
    }

    /// What it needs, extras included, development groups not.
    fn needs(&self) -> impl Iterator<Item = &str> {
        let extras = self.optional_dependencies.values().flatten();
        self.dependencies.iter().chain(extras).map(|r| r.name.as_str())
    }
}

fn uv(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<UvPackage>,
    }
    let lock: Lock = toml(text)?;
    let mut by_name: BTreeMap<&str, Vec<&UvPackage>> = BTreeMap::new();
    for package in &lock.package {
        by_name.entry(&package.name).or_default().push(package);
    }
    let projects: Vec<&UvPackage> = lock.package.iter().filter(|package| package.is_local()).collect();
    let runtime = reachable(projects.iter().flat_map(|project| project.needs()), |name| {
        let packages = by_name.get(name).into_iter().flatten();
        packages.flat_map(|package| package.needs())
    });
    for package in lock.package.iter().filter(|package| !package.is_local()) {
        let version = package.version.as_deref().unwrap_or_default();
        // The lock of a script has no project to start from.
        let dev = !projects.is_empty() && !runtime.contains(package.name.as_str());
        list.add(&package.name, version, dev);
    }
    Ok(())
}
