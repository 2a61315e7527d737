//! `yarn.lock`: of Yarn 1, in a form of its own, and of later ones ("berry"), in YAML.
//!
//! ```text
//! # classic                                   # berry
//! "@babel/core@^7.0.0", "@babel/core@^7.1":   "@babel/core@npm:^7.0.0, @babel/core@npm:^7.1":
//!   version "7.1.0"                             version: 7.1.0
//!   resolved "https://…"                        resolution: "@babel/core@npm:7.1.0"
//!   dependencies:                               linkType: hard
//! ```
//!
//! Which packages only development needs is not in it, but in `package.json`.

use super::{Format, Listing, split_at_sign, yaml};
use crate::content::ReadError;
use gabion_model::PackageKind;
use serde::Deserialize;
use std::collections::BTreeMap;

pub(super) const FORMAT: Format =
    Format { name: "yarn-lock", kind: PackageKind::Npm, matches: |name| name == b"yarn.lock", parse };

fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    if text.lines().any(|line| line.starts_with("__metadata:")) {
        berry(text, list)
    } else {
        classic(text, list)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    version: Option<String>,
    resolution: Option<String>,
    link_type: Option<String>,
}

fn berry(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    for document in yaml::<BTreeMap<String, Entry>>(text)? {
        for entry in document.into_values() {
            // `__metadata` has none; what is linked softly is part of the tree.
            let Some(resolution) = entry.resolution else {
                continue;
            };
            let Some((name, source)) = split_at_sign(&resolution) else {
                continue;
            };
            if entry.link_type.as_deref() != Some("soft") && !is_local(source) {
                list.add(name, entry.version.unwrap_or_default(), false);
            }
        }
    }
    Ok(())
}

fn classic(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    let mut current: Option<&str> = None;
    for (number, line) in text.lines().enumerate() {
        let value = line.trim();
        if value.is_empty() || value.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            let header = value
                .strip_suffix(':')
                .ok_or_else(|| ReadError::malformed(format!("not a yarn.lock, at line {}", number + 1)))?;
            let first = header.split(", ").next().unwrap_or_default();
            current = package_name(first.trim_matches('"'));
        } else if let Some(version) = line.strip_prefix("  version ")
            && let Some(name) = current.take()
        {
            list.add(name, version.trim().trim_matches('"'), false);
        }
    }
    Ok(())
}

/// The package that `name@range` asks for; none if it lies in the tree.
fn package_name(pattern: &str) -> Option<&str> {
    let Some((name, range)) = split_at_sign(pattern) else {
        return Some(pattern);
    };
    match range.strip_prefix("npm:") {
        Some(alias) => Some(split_at_sign(alias).map_or(alias, |(name, _)| name)),
        None => (!is_local(range)).then_some(name),
    }
}

fn is_local(range: &str) -> bool {
    ["file:", "link:", "portal:", "workspace:"].iter().any(|protocol| range.starts_with(protocol))
}
