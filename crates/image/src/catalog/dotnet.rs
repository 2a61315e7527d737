//! .NET: `*.deps.json`, which the build writes beside an application, and which lies in every shared framework.
//!
//! ```text
//! targets    .NETCoreApp,Version=v8.0 ─► NAME/VERSION ─► runtime, native, ... : the files it brings
//! libraries  NAME/VERSION ─► type: package | project | runtimepack | reference...
//! ```
//!
//! Told are NuGet packages that bring at least one file; build-time packages are listed as well, but have none.
//! Projects are the application itself. A `runtimepack` is the .NET runtime inside a self-contained application:
//! its name without the prefix `runtimepack.` is that of the NuGet package which advisories speak of.

use super::{Candidate, Cataloger, Scope, Want, json};
use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::{Aspect, Package, PackageKind};
use serde::{Deserialize, de::IgnoredAny};
use std::collections::{BTreeMap, BTreeSet};

/// NuGet packages of an application or a shared framework.
#[derive(Debug)]
pub struct DotnetDeps;

#[derive(Deserialize)]
struct Deps {
    #[serde(default)]
    targets: BTreeMap<String, BTreeMap<String, Target>>,
    libraries: BTreeMap<String, Library>,
}

#[derive(Deserialize)]
struct Library {
    #[serde(rename = "type", default, deserialize_with = "json::text")]
    kind: String,
}

/// The files that a library brings to one target.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::zero_sized_map_values, reason = "the keys are paths, and the values do not matter")]
struct Target {
    runtime: Option<BTreeMap<String, IgnoredAny>>,
    runtime_targets: Option<BTreeMap<String, IgnoredAny>>,
    native: Option<BTreeMap<String, IgnoredAny>>,
    resources: Option<BTreeMap<String, IgnoredAny>>,
}

impl Target {
    fn brings_files(&self) -> bool {
        [&self.runtime, &self.runtime_targets, &self.native, &self.resources]
            .into_iter()
            .flatten()
            .any(|assets| !assets.is_empty())
    }
}

impl Cataloger for DotnetDeps {
    fn name(&self) -> &'static str {
        "dotnet"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.nuget")
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.scope == Scope::Image && file.path.ends_with(b".deps.json") {
            Want::Content
        } else {
            Want::No
        }
    }

    fn read(&self, _file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let deps: Deps = json::parse(content)?;
        let used: BTreeSet<&str> = deps
            .targets
            .values()
            .flatten()
            .filter(|(_, target)| target.brings_files())
            .map(|(library, _)| library.as_str())
            .collect();
        // A file without targets does not tell which are used: all of them, then.
        let tells = deps.targets.values().any(|libraries| !libraries.is_empty());
        for (id, library) in &deps.libraries {
            let kind = library.kind.to_ascii_lowercase();
            let Some((name, version)) = id.rsplit_once('/').filter(|(name, _)| !name.is_empty()) else {
                out.gap(self.aspect(), "one of its libraries has no version");
                continue;
            };
            let name = match kind.as_str() {
                "package" if !tells || used.contains(id.as_str()) => name,
                "runtimepack" => name.strip_prefix("runtimepack.").unwrap_or(name),
                _ => continue,
            };
            out.package(Package::new(PackageKind::Nuget, name, version, self.name()), Vec::new());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEPS: &str = r#"{
      "runtimeTarget": {"name": ".NETCoreApp,Version=v8.0/linux-x64"},
      "targets": {".NETCoreApp,Version=v8.0": {}, ".NETCoreApp,Version=v8.0/linux-x64": {
        "app/1.0.0": {"dependencies": {"Newtonsoft.Json": "13.0.1"}, "runtime": {"app.dll": {}}},
        "Newtonsoft.Json/13.0.1": {"runtime": {"lib/net6.0/Newtonsoft.Json.dll": {"assemblyVersion": "13.0.0.0"}}},
        "SQLite.Native/1.2.3-beta": {"runtimeTargets": {"runtimes/linux-x64/native/e.so": {"rid": "linux-x64"}}},
        "Some.Analyzers/3.0.0": {"compile": {"x": {}}, "runtime": {}},
        "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.3": {"runtime": {"System.dll": {}}}
      }},
      "libraries": {
        "app/1.0.0": {"type": "project", "serviceable": false, "sha512": ""},
        "Newtonsoft.Json/13.0.1": {"type": "package", "serviceable": true, "sha512": "sha512-x"},
        "SQLite.Native/1.2.3-beta": {"type": "package"},
        "Some.Analyzers/3.0.0": {"type": "package"},
        "Ref/1.0.0": {"type": "referenceassembly"},
        "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.3": {"type": "runtimepack"}
      }}"#;

    fn read(text: &[u8]) -> (Result<(), ReadError>, Vec<String>) {
        let file = Candidate {
            path: b"app/app.deps.json",
            size: text.len() as u64,
            mode: 0o644,
            scope: Scope::Image,
        };
        let mut out = Facts::default();
        let result = DotnetDeps.read(&file, &Content::Memory(text), &mut out);
        (result, out.packages().map(|p| p.purl(None)).collect())
    }

    #[test]
    fn packages_with_files_and_the_runtime_are_told() {
        let (result, purls) = read(format!("\u{feff}{DEPS}").as_bytes());
        result.expect("reads");
        assert_eq!(
            purls,
            [
                "pkg:nuget/Newtonsoft.Json@13.0.1",
                "pkg:nuget/SQLite.Native@1.2.3-beta",
                "pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@8.0.3",
            ]
        );
    }

    #[test]
    fn without_targets_every_package_counts() {
        let (_, purls) = read(
            br#"{"targets":{"t":{}},"libraries":{"a/1":{"type":"Package"},"b/2":{"type":"project"},"c":{}}}"#,
        );
        assert_eq!(purls, ["pkg:nuget/a@1"]);
    }

    #[test]
    fn what_is_not_the_record_is_an_error() {
        for text in ["", "[]", "{}", "{\"libraries\":[]}"] {
            assert!(matches!(read(text.as_bytes()).0, Err(ReadError::Malformed(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn mutated_records_never_panic(at in 0..DEPS.len(), byte in any::<u8>()) {
            let mut text = DEPS.as_bytes().to_vec();
            text[at] = byte;
            let _ = read(&text);
        }
    }
}
