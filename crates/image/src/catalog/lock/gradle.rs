//! `gradle.lockfile`: `group:name:version=configuration,configuration`.

use super::{Format, Listing};
use crate::content::ReadError;
use gabion_model::PackageKind;

pub(super) const FORMAT: Format = Format {
    name: "gradle-lock",
    kind: PackageKind::Maven,
    matches: |name| name.ends_with(b"gradle.lockfile"),
    parse,
};

fn parse(text: &str, list: &mut Listing) -> Result<(), ReadError> {
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        // `empty=` names the configurations that have no dependencies.
        if line.is_empty() || line.starts_with('#') || line.starts_with("empty=") {
            continue;
        }
        let (module, configurations) = line.split_once('=').unwrap_or((line, ""));
        let Some((name, version)) = module.rsplit_once(':').filter(|(name, _)| name.contains(':')) else {
            return Err(ReadError::malformed(format!("not a gradle.lockfile, at line {}", number + 1)));
        };
        list.add(name, version, is_test(configurations));
    }
    Ok(())
}

/// Whether every configuration is one of tests: `testRuntimeClasspath`, `integrationTestCompileClasspath`.
fn is_test(configurations: &str) -> bool {
    !configurations.is_empty()
        && configurations.split(',').all(|name| name.starts_with("test") || name.contains("Test"))
}
