//! npm packages that are installed: the `package.json` in the root of each.
//!
//! npm, yarn and pnpm unpack a package into `node_modules/NAME` (`node_modules/@SCOPE/NAME`), Debian into
//! `usr/share/nodejs/NAME`; its `package.json` names it. There are more files of that name than packages:
//!
//! | where | what it is | told |
//! |---|---|---|
//! | `node_modules/x/package.json` | an installed package | yes |
//! | `node_modules/next/dist/compiled/y/package.json` | a package copied into another; as vulnerable as any | yes |
//! | `node_modules/preact/hooks/package.json`, `"private": true` | an entry point or a fixture, never published | no |
//! | `node_modules/x/dist/esm/package.json`, only `"type"` | a switch for Node | no |
//! | `node_modules/x/test/y/package.json` | a fixture | no |
//! | `app/package.json` | the application | if it has name and version |
//!
//! Syft and Trivy list every `package.json` with a name and a version, fixtures included. Of 664 such files in
//! one large tree, 19 lay beneath a package's root: 7 were private, all of them fixtures or entry points; the
//! 12 others were real copies, one of them of a version with an advisory. Hence the rule.

use super::{Candidate, Cataloger, Scope, Want};
use crate::{
    caps::Limits,
    content::{Content, ReadError},
    facts::{Fact, Facts},
};
use gabion_model::{Aspect, Package, PackageKind, path};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Reads `package.json`.
#[derive(Debug)]
pub struct NpmPackage;

impl Cataloger for NpmPackage {
    fn name(&self) -> &'static str {
        "npm"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.npm")
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.scope == Scope::Image
            && file.ends_with("package.json")
            && Place::of(file.path) != Place::Fixture
        {
            Want::Content
        } else {
            Want::No
        }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let bytes = content.bytes(Limits::DEFAULT.document)?;
        let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let place = Place::of(file.path);
        let manifest = match serde_json::from_slice::<Manifest>(json) {
            Ok(manifest) => manifest,
            // npm itself never reads these, so a broken one is no package that was missed.
            Err(_) if place == Place::Nested => {
                out.push(Fact::Skipped {
                    aspect: self.aspect(),
                    reason: "a package.json beneath a package's root is not JSON".into(),
                });
                return Ok(());
            }
            Err(error) => return Err(malformed(&error)),
        };
        let (Some(name), Some(version)) = (manifest.name, manifest.version) else {
            return Ok(());
        };
        if place == Place::Nested && manifest.private || !is_name(&name) {
            return Ok(());
        }
        let mut package = Package::new(PackageKind::Npm, name, version, self.name());
        package.licenses = manifest.licenses;
        out.package(package, Vec::new());
        Ok(())
    }
}

fn malformed(error: &serde_json::Error) -> ReadError {
    ReadError::malformed(format!("not a JSON object at line {}, column {}", error.line(), error.column()))
}

/// Where a `package.json` lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the root of an installed package.
    Root,
    /// Deeper in an installed package.
    Nested,
    /// In the tests of an installed package.
    Fixture,
    /// In no installed package.
    Outside,
}

impl Place {
    fn of(file: &[u8]) -> Self {
        let directory = path::parent(file);
        let Some(inside) = inside_package(directory) else {
            return Self::Outside;
        };
        let mut parts = inside.split(|&b| b == b'/');
        if inside.starts_with(b"@") {
            parts.next();
        }
        parts.next();
        match parts.next() {
            None => Self::Root,
            Some(first) if is_test(first) || parts.any(is_test) => Self::Fixture,
            Some(_) => Self::Nested,
        }
    }
}

/// What follows the last directory that package managers fill: `NAME` or `@SCOPE/NAME`, and what is beneath.
fn inside_package(directory: &[u8]) -> Option<&[u8]> {
    const FILLED: [&[u8]; 3] = [b"node_modules/", b"usr/share/nodejs/", b"usr/lib/nodejs/"];
    FILLED
        .iter()
        .filter_map(|filled| {
            memchr::memmem::rfind_iter(directory, filled)
                .find(|&at| at == 0 || directory[at - 1] == b'/')
                .map(|at| at + filled.len())
        })
        .max()
        .and_then(|at| directory.get(at..))
}

fn is_test(part: &[u8]) -> bool {
    matches!(part, b"test" | b"tests" | b"__tests__" | b"__fixtures__" | b"fixtures" | b"testdata")
}

/// What npm accepts as a name, old packages with capitals included; keeps out templates (`{{name}}`).
pub(super) fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!'()*".contains(&b))
    };
    name.len() <= 214
        && match name.strip_prefix('@') {
            Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| part(scope) && part(name)),
            None => part(name),
        }
}

/// The fields of a `package.json` that matter. Everything else is skipped unread, and a field of an unexpected
/// type counts as absent; of a repeated field the last counts, as in JavaScript.
#[derive(Debug, Default)]
struct Manifest {
    name: Option<String>,
    version: Option<String>,
    private: bool,
    licenses: Vec<String>,
}

impl<'de> Deserialize<'de> for Manifest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Manifest;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Manifest, A::Error> {
                let mut manifest = Manifest::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "name" => manifest.name = map.next_value::<Loose>()?.text,
                        "version" => manifest.version = map.next_value::<Loose>()?.text,
                        "private" => manifest.private = map.next_value::<Loose>()?.truth,
                        "license" => manifest.licenses = map.next_value::<Loose>()?.all(),
                        "licenses" if manifest.licenses.is_empty() => {
                            manifest.licenses = map.next_value::<Loose>()?.all();
                        }
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(manifest)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// A value of any type, reduced to what a field can mean: `"MIT"`, `true`, `{"type": "MIT", "url": …}`, or an
/// array of such. Whatever else it holds is dropped while it is read, so that it takes no memory.
#[derive(Default)]
struct Loose {
    text: Option<String>,
    truth: bool,
    listed: Vec<String>,
}

/// Elements of an array that are kept. No package has as many licences.
const LISTED: usize = 64;

impl Loose {
    fn all(self) -> Vec<String> {
        self.text.map_or(self.listed, |text| vec![text])
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Anything;

        impl<'de> Visitor<'de> for Anything {
            type Value = Loose;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                let text = text.trim();
                Ok(Loose { text: (!text.is_empty()).then(|| text.to_owned()), ..Loose::default() })
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Loose, E> {
                Ok(Loose { truth, ..Loose::default() })
            }

            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose::default())
            }

            fn visit_i64<E>(self, _: i64) -> Result<Loose, E> {
                Ok(Loose::default())
            }

            fn visit_u64<E>(self, _: u64) -> Result<Loose, E> {
                Ok(Loose::default())
            }

            fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
                Ok(Loose::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose, A::Error> {
                let mut list = Loose::default();
                while let Some(element) = seq.next_element::<Loose>()? {
                    let room = LISTED.saturating_sub(list.listed.len());
                    list.listed.extend(element.all().into_iter().take(room));
                }
                Ok(list)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                let mut object = Loose::default();
                while let Some(key) = map.next_key::<String>()? {
                    if matches!(key.as_str(), "type" | "name") && object.listed.is_empty() {
                        object.listed.extend(map.next_value::<Loose>()?.text);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(object)
            }
        }

        deserializer.deserialize_any(Anything)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(path: &str, json: &[u8]) -> (Want, Facts, Result<(), ReadError>) {
        let file =
            Candidate { path: path.as_bytes(), size: json.len() as u64, mode: 0o644, scope: Scope::Image };
        let mut facts = Facts::default();
        let result = NpmPackage.read(&file, &Content::Memory(json), &mut facts);
        (NpmPackage.want(&file), facts, result)
    }

    fn told(path: &str, json: &str) -> Vec<(String, String, Vec<String>)> {
        let (want, facts, result) = read(path, json.as_bytes());
        assert_eq!(want, Want::Content, "{path}");
        result.expect("reads");
        facts.packages().map(|p| (p.name.clone(), p.version.clone(), p.licenses.clone())).collect()
    }

    #[test]
    fn a_root_counts_and_so_does_a_bundled_copy_but_no_private_part() {
        let json = r#"{"name":"@babel/core","version":"7.1.0","dependencies":{"a":[1,{}]},"license":"MIT"}"#;
        let package = [("@babel/core".to_owned(), "7.1.0".to_owned(), vec!["MIT".to_owned()])];
        for path in [
            "app/node_modules/@babel/core/package.json",
            "usr/share/nodejs/@babel/core/package.json",
            "app/node_modules/next/dist/compiled/@babel/core/package.json",
            "srv/package.json",
            "package.json",
        ] {
            assert_eq!(told(path, json), package, "{path}");
        }
        let private = r#"{"name":"preact-hooks","version":"0.1.0","private":true}"#;
        assert!(told("a/node_modules/preact/hooks/package.json", private).is_empty());
        assert_eq!(told("app/package.json", private).len(), 1);
        assert!(told("a/node_modules/x/dist/esm/package.json", r#"{"type":"module"}"#).is_empty());
    }

    #[test]
    fn fixtures_are_not_wanted_but_a_package_named_test_is() {
        let want = |path| read(path, b"{}").0;
        assert_eq!(want("node_modules/resolve/test/a/package.json"), Want::No);
        assert_eq!(want("node_modules/@s/x/lib/__tests__/package.json"), Want::No);
        assert_eq!(want("node_modules/test/package.json"), Want::Content);
        assert_eq!(want("node_modules/x/test/node_modules/y/package.json"), Want::Content);
        assert_eq!(want("node_modules/x/my-package.json"), Want::No);
    }

    #[test]
    fn licences_come_in_four_forms() {
        let of = |field: &str| {
            told("package.json", &format!(r#"{{"name":"a","version":"1",{field}}}"#)).remove(0).2
        };
        assert_eq!(of(r#""license":"(MIT OR Apache-2.0)""#), ["(MIT OR Apache-2.0)"]);
        assert_eq!(of(r#""license":{"type":"BSD","url":"u"}"#), ["BSD"]);
        assert_eq!(of(r#""licenses":[{"type":"MIT"},{"type":"GPL"}]"#), ["MIT", "GPL"]);
        assert_eq!(of(r#""license":["ISC",7,null,{"type":"MIT"}]"#), ["ISC", "MIT"]);
    }

    #[test]
    fn odd_manifests_are_taken_as_node_takes_them() {
        assert_eq!(
            told("package.json", "\u{feff}{\"name\":\"a\",\"name\":\"b\",\"version\":\"1\"}")[0].0,
            "b"
        );
        assert!(told("package.json", r#"{"name":"{{name}}","version":"1"}"#).is_empty());
        assert!(told("package.json", r#"{"name":["a"],"version":1.5}"#).is_empty());
        let (_, _, result) = read("node_modules/a/package.json", b"{\"name\":");
        assert!(result.is_err());
        let (_, facts, result) = read("node_modules/a/lib/package.json", b"no");
        assert!(result.is_ok() && matches!(facts.list[..], [Fact::Skipped { .. }]));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(path in "(node_modules|@a|test|x|/){0,8}package.json", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&path, &bytes);
        }

        #[test]
        fn damaged_manifests_never_panic(at in 0usize..90, byte in any::<u8>()) {
            let mut json = br#"{"name":"@a/b","version":"1.0.0","private":false,"licenses":[{"type":"MIT"}],"x":{}}"#.to_vec();
            if let Some(b) = json.get_mut(at) { *b = byte; }
            let _ = read("node_modules/a/package.json", &json);
        }
    }
}
