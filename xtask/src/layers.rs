//! The crate table of ARCHITECTURE.md as a check.
//!
//! `[workspace.metadata.layers]` in the root manifest says which crate is on which level, and which heavy
//! dependency has its home where. An edge to the same or a higher level, a crate that does not inherit the
//! workspace's lints, and a heavy dependency away from home are problems.

use anyhow::Context;
use cargo_metadata::{DependencyKind, Metadata, Package};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What the root manifest declares.
struct Rules {
    level: BTreeMap<String, usize>,
    homes: BTreeMap<String, BTreeSet<String>>,
    /// Not part of the product: may depend on anything.
    tools: BTreeSet<String>,
}

/// All problems, one line each.
pub(crate) fn check(metadata: &Metadata) -> anyhow::Result<Vec<String>> {
    let rules = Rules::read(&metadata.workspace_metadata["layers"])?;
    let mut problems = Vec::new();
    for package in metadata.workspace_packages() {
        if !inherits_lints(package)? {
            problems.push(format!("{}: Cargo.toml has no `[lints] workspace = true`", package.name));
        }
        if !rules.tools.contains(package.name.as_str()) {
            problems.extend(rules.edges(package));
        }
    }
    Ok(problems)
}

impl Rules {
    fn read(layers: &Value) -> anyhow::Result<Self> {
        let strings = |value: &Value| -> anyhow::Result<BTreeSet<String>> {
            let list = value.as_array().context("expected a list")?;
            list.iter().map(|v| Ok(v.as_str().context("expected a string")?.to_owned())).collect()
        };
        let mut level = BTreeMap::new();
        for (number, names) in
            layers["levels"].as_array().context("layers.levels is missing")?.iter().enumerate()
        {
            for name in strings(names)? {
                level.insert(name, number);
            }
        }
        let mut homes = BTreeMap::new();
        for (name, home) in layers["homes"].as_object().context("layers.homes is missing")? {
            homes.insert(name.clone(), strings(home)?);
        }
        Ok(Self { level, homes, tools: strings(&layers["tools"])? })
    }

    fn edges(&self, package: &Package) -> Vec<String> {
        let mut problems = Vec::new();
        let name = package.name.as_str();
        let Some(mine) = self.level.get(name) else {
            return vec![format!("{name}: has no level in [workspace.metadata.layers]")];
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            let other = dependency.name.as_str();
            if let Some(theirs) = self.level.get(other)
                && theirs >= mine
            {
                problems.push(format!(
                    "{name} (level {mine}) depends on {other} (level {theirs}): edges point down only"
                ));
            }
            if let Some(homes) = self.homes.get(other)
                && !homes.contains(name)
            {
                let homes: Vec<_> = homes.iter().map(String::as_str).collect();
                problems.push(format!("{name} depends on {other}, whose home is {}", homes.join(", ")));
            }
        }
        problems
    }
}

fn inherits_lints(package: &Package) -> anyhow::Result<bool> {
    let manifest = std::fs::read_to_string(&package.manifest_path)?;
    let section = manifest.split("\n[lints]\n").nth(1).unwrap_or_default();
    Ok(section.trim_start().starts_with("workspace = true"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependencies: Vec<_> = dependencies
            .iter()
            .map(|d| {
                json!({ "name": d, "req": "*", "kind": null, "optional": false, "uses_default_features": true,
                        "features": [], "target": null, "rename": null, "registry": null, "source": null })
            })
            .collect();
        serde_json::from_value(json!({
            "name": name, "version": "0.1.0", "id": name, "dependencies": dependencies, "targets": [],
            "features": {}, "manifest_path": "/x/Cargo.toml",
        }))
        .expect("a package")
    }

    fn rules() -> Rules {
        Rules::read(&json!({
            "levels": [["model"], ["report", "api"], ["image"]],
            "homes": { "tar": ["image"] },
            "tools": ["xtask"],
        }))
        .expect("rules")
    }

    #[test]
    fn edges_down_are_fine() {
        assert!(rules().edges(&package("image", &["model", "report", "tar", "serde"])).is_empty());
    }

    #[test]
    fn edges_up_and_sideways_and_strays_are_told() {
        let problems = rules().edges(&package("report", &["api", "image", "tar"]));
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[2].contains("whose home is image"));
        assert_eq!(rules().edges(&package("new", &[])).len(), 1);
    }
}
