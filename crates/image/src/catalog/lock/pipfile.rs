//! `Pipfile.lock`, of Pipenv.

use super::{Format, Listing, json};
use crate::content::ReadError;
use gabion_model::PackageKind;
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) const FORMAT: Format =
    Format { name: "pipfile-lock", kind: PackageKind::Pypi, matches: |name| name == b"Pipfile.lock", parse };

#[derive(Deserialize)]
struct Locked {
    version: Option<String>,
    path: Option<String>,
}

fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        default: BTreeMap<String, Locked>,
        #[serde(default)]
        develop: BTreeMap<String, Locked>,
    }
    let lock: Lock = json(text)?;
    for (group, dev) in [(lock.default, false), (lock.develop, true)] {
        for (name, package) in group {
            if package.path.is_none() {
                let version = package.version.unwrap_or_default();
                list.add(name, version.trim_start_matches('='), dev);
            }
        }
    }
    Ok(())
}
