//! Bitnami: what its images are made of, besides the distribution below.
//!
//! Each product has an SPDX document in JSON, `opt/bitnami/PRODUCT/.spdx-PRODUCT.spdx`; older images have one list
//! of products, `opt/bitnami/.bitnami_components.json`. Newer images have both, and the two agree on names and
//! versions. Only packages with a `pkg:bitnami/` URL are told: the others of the document are not Bitnami's.

use super::{Candidate, Cataloger, Scope, Want, json};
use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::{Aspect, Package, PackageKind};
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// Packages that Bitnami has built.
#[derive(Debug)]
pub struct Bitnami;

/// The old list, one product.
#[derive(Deserialize)]
struct Component {
    #[serde(default, deserialize_with = "json::text")]
    version: String,
    #[serde(default, deserialize_with = "json::text")]
    arch: String,
    #[serde(default, deserialize_with = "json::text")]
    distro: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spdx {
    packages: Vec<SpdxPackage>,
    #[serde(default)]
    relationships: Vec<Relationship>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SpdxPackage {
    #[serde(rename = "SPDXID", deserialize_with = "json::text")]
    id: String,
    #[serde(deserialize_with = "json::text")]
    name: String,
    #[serde(deserialize_with = "json::text")]
    version_info: String,
    #[serde(deserialize_with = "json::text")]
    license_declared: String,
    external_refs: Vec<ExternalRef>,
}

#[derive(Deserialize)]
struct ExternalRef {
    #[serde(rename = "referenceType")]
    kind: String,
    #[serde(rename = "referenceLocator")]
    locator: String,
}

#[derive(Deserialize)]
struct Relationship {
    #[serde(rename = "spdxElementId")]
    from: String,
    #[serde(rename = "relationshipType")]
    kind: String,
    #[serde(rename = "relatedSpdxElement")]
    to: String,
}

impl Cataloger for Bitnami {
    fn name(&self) -> &'static str {
        "bitnami"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.bitnami")
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        let name = file.name();
        let is_record =
            name == b".bitnami_components.json" || (name.starts_with(b".spdx-") && name.ends_with(b".spdx"));
        if file.scope == Scope::Image && is_record && file.path.starts_with(b"opt/bitnami/") {
            Want::Content
        } else {
            Want::No
        }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        if file.name() == b".bitnami_components.json" {
            let components: BTreeMap<String, Component> = json::parse(content)?;
            for (name, component) in components {
                let mut package = Package::new(PackageKind::Bitnami, name, component.version, self.name());
                qualify(&mut package, &[("arch", &component.arch), ("distro", &component.distro)]);
                out.package(package, Vec::new());
            }
            return Ok(());
        }
        let spdx: Spdx = json::parse(content)?;
        let names: HashMap<&str, &str> = spdx.packages.iter().map(|p| (&*p.id, &*p.name)).collect();
        let part_of: HashMap<&str, &str> = spdx
            .relationships
            .iter()
            .filter(|r| r.kind == "CONTAINS")
            .filter_map(|r| Some((&*r.to, *names.get(&*r.from)?)))
            .collect();
        for described in &spdx.packages {
            let Some(mut package) = described.package(self.name()) else {
                continue;
            };
            if let Some(whole) = part_of.get(&*described.id) {
                package.facts.push(("part-of".into(), (*whole).to_owned()));
            }
            out.package(package, Vec::new());
        }
        Ok(())
    }
}

impl SpdxPackage {
    /// It as a package, if it is one of Bitnami's.
    fn package(&self, found_by: &'static str) -> Option<Package> {
        let purl = self
            .external_refs
            .iter()
            .filter(|reference| reference.kind == "purl")
            .find_map(|reference| reference.locator.strip_prefix("pkg:bitnami/"))?;
        let purl = purl.split('#').next().unwrap_or_default();
        let (coordinates, qualifiers) = purl.split_once('?').unwrap_or((purl, ""));
        let (name, version) = coordinates.split_once('@').unwrap_or((coordinates, ""));
        let either = |field: &str, fallback: &str| if field.is_empty() { fallback } else { field }.to_owned();
        let mut package = Package::new(
            PackageKind::Bitnami,
            either(&self.name, name),
            either(&self.version_info, version),
            found_by,
        );
        let pairs: Vec<(&str, &str)> =
            qualifiers.split('&').filter_map(|pair| pair.split_once('=')).collect();
        qualify(&mut package, &pairs);
        if !["", "NOASSERTION", "NONE"].contains(&&*self.license_declared) {
            package.licenses.push(self.license_declared.clone());
        }
        (!package.name.is_empty()).then_some(package)
    }
}

/// Takes over the two qualifiers of Bitnami's package URLs.
fn qualify(package: &mut Package, pairs: &[(&str, &str)]) {
    for &(key, value) in pairs {
        match key {
            "arch" | "distro" if !value.is_empty() => {
                package.qualifiers.push((key.to_owned(), value.to_owned()));
                if key == "arch" {
                    package.arch = Some(value.to_owned());
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPDX: &str = r#"{"SPDXID":"SPDXRef-redis","spdxVersion":"SPDX-2.3","name":"SPDX document for Redis",
      "packages":[
        {"SPDXID":"SPDXRef-redis","name":"redis","versionInfo":"7.4.0-1","licenseDeclared":"BSD-3-Clause","externalRefs":[
          {"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:x"},
          {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:bitnami/redis@7.4.0-1?arch=arm64&distro=debian-12"}]},
        {"SPDXID":"SPDXRef-lib","name":"lib","versionInfo":"1.0","licenseDeclared":"NOASSERTION","externalRefs":[
          {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:bitnami/lib@1.0"}]},
        {"SPDXID":"SPDXRef-go","name":"x","versionInfo":"1","externalRefs":[
          {"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:golang/x@1"}]}],
      "relationships":[{"spdxElementId":"SPDXRef-redis","relationshipType":"CONTAINS","relatedSpdxElement":"SPDXRef-lib"}]}"#;

    fn read(path: &str, text: &[u8]) -> Result<Vec<Package>, ReadError> {
        let file =
            Candidate { path: path.as_bytes(), size: text.len() as u64, mode: 0o644, scope: Scope::Image };
        assert_eq!(Bitnami.want(&file), Want::Content);
        let mut out = Facts::default();
        Bitnami.read(&file, &Content::Memory(text), &mut out)?;
        Ok(out.packages().cloned().collect())
    }

    #[test]
    fn the_document_tells_bitnami_s_own_packages() {
        let packages = read("opt/bitnami/redis/.spdx-redis.spdx", SPDX.as_bytes()).expect("reads");
        let purls: Vec<_> = packages.iter().map(|p| p.purl(None)).collect();
        assert_eq!(purls, ["pkg:bitnami/redis@7.4.0-1?arch=arm64&distro=debian-12", "pkg:bitnami/lib@1.0"]);
        assert_eq!(packages[0].licenses, ["BSD-3-Clause"]);
        assert_eq!(packages[1].facts, [("part-of".to_owned(), "redis".to_owned())]);
        assert!(packages[1].licenses.is_empty());
    }

    #[test]
    fn the_old_list_tells_the_products() {
        let text =
            br#"{"postgresql":{"arch":"amd64","distro":"debian-11","type":"NAMI","version":"11.22.0-4"}}"#;
        let packages = read("opt/bitnami/.bitnami_components.json", text).expect("reads");
        assert_eq!(packages[0].purl(None), "pkg:bitnami/postgresql@11.22.0-4?arch=amd64&distro=debian-11");
    }

    #[test]
    fn a_document_in_another_notation_is_an_error() {
        for text in ["SPDXVersion: SPDX-2.3\n", "[]", "{}", ""] {
            assert!(
                matches!(read("opt/bitnami/a/.spdx-a.spdx", text.as_bytes()), Err(ReadError::Malformed(_))),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read("opt/bitnami/a/.spdx-a.spdx", &bytes);
            let _ = read("opt/bitnami/.bitnami_components.json", &bytes);
        }

        #[test]
        fn mutated_documents_never_panic(at in 0..SPDX.len(), byte in any::<u8>()) {
            let mut text = SPDX.as_bytes().to_vec();
            text[at] = byte;
            let _ = read("opt/bitnami/a/.spdx-a.spdx", &text);
        }
    }
}
