//! `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.
//!
//! Version 1 nests `dependencies` as `node_modules` nests directories. Versions 2 and 3 have one flat map,
//! `packages`, from directory to package; 2 keeps the nested form beside it, for old readers.

use super::{Format, Listing, json, split_at_sign};
use crate::content::ReadError;
use gabion_model::PackageKind;
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) const FORMAT: Format = Format {
    name: "package-lock",
    kind: PackageKind::Npm,
    matches: |name| matches!(name, b"package-lock.json" | b"npm-shrinkwrap.json"),
    parse,
};

#[derive(Deserialize)]
struct Lock {
    packages: Option<BTreeMap<String, Installed>>,
    #[serde(default)]
    dependencies: BTreeMap<String, Nested>,
}

#[derive(Deserialize)]
struct Installed {
    /// Only where it is not the directory's name: an alias.
    name: Option<String>,
    version: Option<String>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    link: bool,
}

#[derive(Deserialize)]
struct Nested {
    version: Option<String>,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    dependencies: BTreeMap<String, Nested>,
}

fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    let lock: Lock = json(text)?;
    let Some(packages) = lock.packages else {
        nested(lock.dependencies, list);
        return Ok(());
    };
    for (directory, package) in packages {
        // The root project is "", a workspace is a directory of the tree, and a link points to one.
        let Some((_, name)) = directory.rsplit_once("node_modules/") else {
            continue;
        };
        if !package.link {
            let name = package.name.unwrap_or_else(|| name.to_owned());
            list.add(name, package.version.unwrap_or_default(), package.dev);
        }
    }
    Ok(())
}

/// Recursion is as deep as the JSON parser allowed.
fn nested(dependencies: BTreeMap<String, Nested>, list: &mut Listing) {
    for (name, package) in dependencies {
        let version = package.version.unwrap_or_default();
        match version.split_once(':') {
            None => list.add(name, version, package.dev),
            Some(("npm", alias)) => match split_at_sign(alias) {
                Some((name, version)) => list.add(name, version, package.dev),
                None => list.add(name, "", package.dev),
            },
            Some(("file" | "link", _)) => {}
            Some(_) => list.add(name, "", package.dev),
        }
        nested(package.dependencies, list);
    }
}
