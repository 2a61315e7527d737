//! `CycloneDX` JSON. The parts that are read mean the same from 1.2 to 1.7.

use super::{
    SbomContent, SbomError, count,
    os::Os,
    purl::{self, Named},
    unsupported,
};
use gabion_model::{Location, OsRelease, Package, Reason, SourcePackage};
use serde::{Deserialize, de::IgnoredAny};

#[derive(Deserialize)]
struct Bom {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    components: Vec<Component>,
    /// Counted, not read: Gabion asks its own database, and does not repeat what another tool's said on its day.
    #[serde(default)]
    vulnerabilities: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    component: Option<Component>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    group: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    licenses: Vec<LicenseChoice>,
    #[serde(default)]
    properties: Vec<Property>,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct LicenseChoice {
    #[serde(default)]
    license: Option<NamedLicense>,
    #[serde(default)]
    expression: Option<String>,
}

#[derive(Deserialize)]
struct NamedLicense {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Property {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: String,
}

pub(super) fn read(bytes: &[u8], version: &str) -> Result<SbomContent, SbomError> {
    if !matches!(version, "1.2" | "1.3" | "1.4" | "1.5" | "1.6" | "1.7") {
        return Err(unsupported("CycloneDX", version, "1.2 to 1.7"));
    }
    let bom: Bom = serde_json::from_slice(bytes)?;
    let mut content = SbomContent { format: format!("CycloneDX {version}"), ..SbomContent::default() };
    let mut os = Os::default();
    // A stack instead of recursion. The JSON parser has limited the depth already.
    let mut stack: Vec<Component> = bom.components.into_iter().rev().collect();
    if let Some(root) = bom.metadata.component {
        stack.extend(root.components.into_iter().rev());
    }
    while let Some(mut component) = stack.pop() {
        stack.extend(std::mem::take(&mut component.components).into_iter().rev());
        take(component, &mut content, &mut os);
    }
    if let Some(n @ 1..) = bom.vulnerabilities.map(|all| all.len() as u64) {
        let text = "vulnerabilities that the document lists; packages are matched anew".to_owned();
        content.skipped.push(Reason { text, path: None, count: n });
    }
    os.settle(&mut content);
    Ok(content)
}

fn take(component: Component, content: &mut SbomContent, os: &mut Os) {
    if component.kind == "operating-system" {
        os.named(operating_system(&component));
        return;
    }
    match component.purl.as_deref().map(purl::read) {
        Some(Ok(Named::Package(package, distribution))) => {
            os.distribution(distribution, &package.name);
            content.packages.push(fill(*package, component));
        }
        Some(Ok(Named::Image)) => {
            count(&mut content.skipped, "container images, not packages", &component.name);
        }
        Some(Err(reason)) => count(&mut content.gaps, reason, &component.name),
        None if is_package(&component) => {
            count(&mut content.gaps, "components without a package URL", &component.name);
        }
        None => {
            let text = format!("entries of type {:?}, not packages", component.kind);
            count(&mut content.skipped, text, &component.name);
        }
    }
}

/// An `application` without a version names a group (Trivy has one for each lock file), not a package.
fn is_package(component: &Component) -> bool {
    match component.kind.as_str() {
        "application" => !component.version.is_empty(),
        kind => matches!(kind, "library" | "framework" | ""),
    }
}

fn fill(mut package: Package, component: Component) -> Package {
    purl::respell(&mut package, &component.name);
    if !component.group.is_empty() {
        purl::respell(&mut package, &format!("{}/{}", component.group, component.name));
    }
    package.source = package.source.or_else(|| trivy_source(&component));
    package.owned_by = component.one("gabion:ownedBy").and_then(|owner| match purl::read(owner) {
        Ok(Named::Package(owner, _)) => Some(owner.reference()),
        _ => None,
    });
    package.locations = component
        .properties
        .iter()
        .filter(|property| is_path(&property.name))
        .map(|property| Location { path: property.value.trim_start_matches('/').to_owned(), layer: None })
        .collect();
    package.licenses = component
        .licenses
        .into_iter()
        .filter_map(|choice| match choice {
            LicenseChoice { expression: Some(expression), .. } => Some(expression),
            LicenseChoice { license, .. } => license.and_then(|license| license.id.or(license.name)),
        })
        .collect();
    package
}

impl Component {
    /// The values of a property.
    fn all<'a>(&'a self, name: &'static str) -> impl Iterator<Item = &'a str> {
        let named = self.properties.iter().filter(move |property| property.name == name);
        named.map(|property| property.value.as_str())
    }

    /// The first value of a property.
    fn one(&self, name: &'static str) -> Option<&str> {
        self.all(name).next()
    }
}

/// The source package, which Trivy has in four properties instead of the package URL.
fn trivy_source(component: &Component) -> Option<SourcePackage> {
    let name = component.one("aquasecurity:trivy:SrcName")?;
    let mut version = component.one("aquasecurity:trivy:SrcVersion")?.to_owned();
    if let Some(release) = component.one("aquasecurity:trivy:SrcRelease") {
        version = format!("{version}-{release}");
    }
    if let Some(epoch) = component.one("aquasecurity:trivy:SrcEpoch") {
        version = format!("{epoch}:{version}");
    }
    Some(SourcePackage { name: name.to_owned(), version })
}

/// The properties in which Gabion, Syft (`syft:location:0:path`) and Trivy keep paths.
fn is_path(property: &str) -> bool {
    matches!(property, "gabion:path" | "aquasecurity:trivy:FilePath")
        || property.strip_prefix("syft:location:").is_some_and(|rest| rest.ends_with(":path"))
}

fn operating_system(component: &Component) -> OsRelease {
    OsRelease {
        id: component.name.clone(),
        version: Some(component.version.clone()).filter(|version| !version.is_empty()),
        codename: component
            .one("gabion:codename")
            .or_else(|| component.one("syft:distro:versionCodename"))
            .map(str::to_owned),
        name: if component.description.is_empty() {
            format!("{} {}", component.name, component.version).trim_end().to_owned()
        } else {
            component.description.clone()
        },
        like: component.all("gabion:like").map(str::to_owned).collect(),
        end_of_life: None,
        path: component.one("gabion:path").unwrap_or_default().to_owned(),
    }
}
