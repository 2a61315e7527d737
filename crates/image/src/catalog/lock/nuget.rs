//! `packages.lock.json`, of NuGet: per target framework, what each package was resolved to.

use super::{Format, Listing, json};
use crate::content::ReadError;
use gabion_model::PackageKind;
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) const FORMAT: Format = Format {
    name: "nuget-lock",
    kind: PackageKind::Nuget,
    matches: |name| name == b"packages.lock.json",
    parse,
};

fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(default)]
        dependencies: BTreeMap<String, BTreeMap<String, Locked>>,
    }
    #[derive(Deserialize)]
    struct Locked {
        /// `Direct`, `Transitive`, `CentralTransitive`, or `Project`, which lies in the tree.
        r#type: Option<String>,
        resolved: Option<String>,
    }
    for (name, package) in json::<Lock>(text)?.dependencies.into_values().flatten() {
        if package.r#type.as_deref() != Some("Project") {
            list.add(name, package.resolved.unwrap_or_default(), false);
        }
    }
    Ok(())
}
