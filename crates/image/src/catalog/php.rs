//! PHP: `vendor/composer/installed.json`, which Composer writes as it installs.
//!
//! Composer 1 writes an array of packages, Composer 2 an object with the array in `packages`. Versions are kept
//! as the project tags them (`v5.4.1`), which is also how Packagist shows them.

use super::{Candidate, Cataloger, Scope, Want, json};
use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::{Aspect, Package, PackageKind};
use serde::Deserialize;

/// Packages that Composer has installed.
#[derive(Debug)]
pub struct ComposerInstalled;

/// Either form of the record.
#[derive(Deserialize)]
#[serde(untagged)]
enum Installed {
    Two { packages: Vec<Entry> },
    One(Vec<Entry>),
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "json::text")]
    name: String,
    #[serde(default, deserialize_with = "json::text")]
    version: String,
    #[serde(default, deserialize_with = "json::texts")]
    license: Vec<String>,
}

impl Cataloger for ComposerInstalled {
    fn name(&self) -> &'static str {
        "composer"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.composer")
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.scope == Scope::Image && file.ends_with("composer/installed.json") {
            Want::Content
        } else {
            Want::No
        }
    }

    fn read(&self, _file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let (Installed::Two { packages } | Installed::One(packages)) = json::parse(content)?;
        for entry in packages {
            if entry.name.is_empty() {
                out.gap(self.aspect(), "one of its packages has no name");
                continue;
            }
            let mut package = Package::new(PackageKind::Composer, entry.name, entry.version, self.name());
            package.licenses = entry.license;
            out.package(package, Vec::new());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATH: &str = "app/vendor/composer/installed.json";

    fn read(text: &[u8]) -> (Result<(), ReadError>, Vec<Package>) {
        let file =
            Candidate { path: PATH.as_bytes(), size: text.len() as u64, mode: 0o644, scope: Scope::Image };
        let mut out = Facts::default();
        let result = ComposerInstalled.read(&file, &Content::Memory(text), &mut out);
        (result, out.packages().cloned().collect())
    }

    #[test]
    fn both_forms_tell_the_same() {
        let list = r#"[{"name":"monolog/monolog","version":"3.6.0","license":["MIT"],"dist":{"x":1}},
            {"name":"symfony/yaml","version":"v5.4.1","license":"BSD-3-Clause"},{"name":"a/b","version":"1","license":null}]"#;
        let (result, one) = read(list.as_bytes());
        result.expect("reads");
        let (result, two) =
            read(format!(r#"{{"packages":{list},"dev":true,"dev-package-names":[]}}"#).as_bytes());
        result.expect("reads");
        assert_eq!(one, two);
        let purls: Vec<_> = one.iter().map(|p| p.purl(None)).collect();
        assert_eq!(
            purls,
            ["pkg:composer/monolog/monolog@3.6.0", "pkg:composer/symfony/yaml@v5.4.1", "pkg:composer/a/b@1"]
        );
        assert_eq!(one[1].licenses, ["BSD-3-Clause"]);
    }

    #[test]
    fn what_is_not_the_record_is_an_error() {
        for text in ["", "{}", "null", "[1]", "{\"packages\":{}}"] {
            assert!(matches!(read(text.as_bytes()).0, Err(ReadError::Malformed(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn mutated_records_never_panic(at in 0_usize..60, byte in any::<u8>()) {
            let mut text = br#"{"packages":[{"name":"a/b","version":"1","license":["MIT"]}]}"#.to_vec();
            text[at] = byte;
            let _ = read(&text);
        }
    }
}
