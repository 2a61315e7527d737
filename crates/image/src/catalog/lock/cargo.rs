//! `Cargo.lock`. A package without a source lies in the tree. What only development needs is not in it.

use super::{Format, Listing, toml};
use crate::content::ReadError;
use gabion_model::PackageKind;
use serde::Deserialize;

pub(super) const FORMAT: Format =
    Format { name: "cargo-lock", kind: PackageKind::Cargo, matches: |name| name == b"Cargo.lock", parse };

fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        source: Option<String>,
    }
    for package in toml::<Lock>(text)?.package {
        if package.source.is_some() {
            list.add(package.name, package.version, false);
        }
    }
    Ok(())
}
