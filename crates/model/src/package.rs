//! A package: something with a name and a version that an advisory can speak of.

use crate::os::OsRelease;
use serde::{Deserialize, Serialize};

/// The ecosystem a package belongs to; decides its package-URL type and its version order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    /// Debian, Ubuntu and kin.
    Deb,
    /// Alpine, Wolfi.
    Apk,
    /// Red Hat, SUSE, Amazon and kin.
    Rpm,
    /// Arch Linux.
    Alpm,
    /// npm, yarn, pnpm.
    Npm,
    /// Python.
    Pypi,
    /// Java.
    Maven,
    /// Go modules.
    Golang,
    /// Rust crates.
    Cargo,
    /// Ruby.
    Gem,
    /// PHP.
    Composer,
    /// .NET.
    Nuget,
    /// Conda.
    Conda,
    /// Bitnami's own packages.
    Bitnami,
    /// A program recognised by its binary.
    Generic,
}

impl PackageKind {
    /// All kinds, in the order of the enum.
    pub const ALL: [Self; 15] = [
        Self::Deb,
        Self::Apk,
        Self::Rpm,
        Self::Alpm,
        Self::Npm,
        Self::Pypi,
        Self::Maven,
        Self::Golang,
        Self::Cargo,
        Self::Gem,
        Self::Composer,
        Self::Nuget,
        Self::Conda,
        Self::Bitnami,
        Self::Generic,
    ];

    /// The package-URL type, which is also how Gabion prints it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Alpm => "alpm",
            Self::Npm => "npm",
            Self::Pypi => "pypi",
            Self::Maven => "maven",
            Self::Golang => "golang",
            Self::Cargo => "cargo",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::Nuget => "nuget",
            Self::Conda => "conda",
            Self::Bitnami => "bitnami",
            Self::Generic => "generic",
        }
    }

    /// Installed and owned by the distribution's package manager.
    pub const fn is_os(self) -> bool {
        matches!(self, Self::Deb | Self::Apk | Self::Rpm | Self::Alpm)
    }
}

/// The package a distribution builds others from; its advisories name this one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourcePackage {
    /// Its name.
    pub name: String,
    /// Its version, with the epoch where it has one; equal to the binary's version if the record says nothing else.
    pub version: String,
}

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// Path inside the image, printable (see [`crate::path::display`]). A member of an archive is
    /// written `app.war!/WEB-INF/lib/x.jar`.
    pub path: String,
    /// Index into [`crate::ScanReport::layers`]; absent for a plain directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
}

/// Names another package of the same report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PackageRef {
    /// Its ecosystem.
    pub kind: PackageKind,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A package, with where it is and how it came there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Ecosystem.
    pub kind: PackageKind,
    /// Full name as its ecosystem writes it: `@babel/core`, `org.slf4j:slf4j-api`, `github.com/spf13/cobra`, `libssl3`.
    pub name: String,
    /// Full version as its ecosystem writes it, with the epoch where it has one (`1:9.2p1-2+deb12u3`);
    /// empty if the record has none.
    pub version: String,
    /// Architecture as the package manager spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Source package of an OS package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourcePackage>,
    /// Licences as declared, one element each (an SPDX expression stays one element).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub licenses: Vec<String>,
    /// The catalogers that reported it: `dpkg`, `java`, `go-binary`, ...
    pub found_by: String,
    /// Where it was found; the first is the one its layer and history line refer to.
    pub locations: Vec<Location>,
    /// The layer in which this package at this version first appears: index into [`crate::ScanReport::layers`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u32>,
    /// The OS package that owns the files of this language package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<PackageRef>,
    /// Package-URL qualifiers beyond the ones Gabion derives itself: `modularitylabel`, `type`, ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub qualifiers: Vec<(String, String)>,
    /// The package record's own digests or other facts worth keeping (`go.symbols`, `main`), for `explain`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
}

impl Package {
    /// A package with nothing but its coordinates.
    pub fn new(
        kind: PackageKind,
        name: impl Into<String>,
        version: impl Into<String>,
        found_by: &'static str,
    ) -> Self {
        Self {
            kind,
            name: name.into(),
            version: version.into(),
            arch: None,
            source: None,
            licenses: Vec::new(),
            found_by: found_by.into(),
            locations: Vec::new(),
            layer: None,
            owned_by: None,
            qualifiers: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// Names this package.
    pub fn reference(&self) -> PackageRef {
        PackageRef { kind: self.kind, name: self.name.clone(), version: self.version.clone() }
    }

    /// The package URL, by the rules of the purl specification for its type.
    ///
    /// `os` gives the namespace and the `distro` qualifier of OS packages.
    pub fn purl(&self, os: Option<&OsRelease>) -> String {
        let mut qualifiers: Vec<(&str, String)> = Vec::new();
        let distribution = os.map_or_else(|| self.default_vendor().to_owned(), |os| os.id.clone());
        let (namespace, name) = match self.kind {
            kind if kind.is_os() => (Some(distribution), self.name.clone()),
            PackageKind::Npm | PackageKind::Golang | PackageKind::Composer => split_last(&self.name, '/'),
            PackageKind::Maven => split_last(&self.name, ':'),
            PackageKind::Pypi => (None, self.name.to_lowercase().replace(['_', '.'], "-")),
            _ => (None, self.name.clone()),
        };
        let mut version = self.version.clone();
        if self.kind.is_os() {
            if let Some(arch) = &self.arch {
                qualifiers.push(("arch", arch.clone()));
            }
            if let Some(os) = os {
                qualifiers.push(("distro", os.distro()));
            }
            if let Some(source) =
                self.source.as_ref().filter(|s| s.name != self.name || s.version != self.version)
            {
                let upstream = if source.version == self.version {
                    source.name.clone()
                } else {
                    format!("{}@{}", source.name, source.version)
                };
                qualifiers.push(("upstream", upstream));
            }
            if self.kind == PackageKind::Rpm
                && let Some((epoch, rest)) = self.version.split_once(':')
            {
                qualifiers.push(("epoch", epoch.to_owned()));
                rest.clone_into(&mut version);
            }
        }
        qualifiers.extend(self.qualifiers.iter().map(|(k, v)| (k.as_str(), v.clone())));
        qualifiers.sort();

        // Only an invalid type is refused, and ours are all valid.
        let Ok(mut purl) = packageurl::PackageUrl::new(self.kind.as_str(), name.clone()) else {
            return format!("pkg:generic/{name}");
        };
        if let Some(namespace) = namespace.filter(|n| !n.is_empty()) {
            let _ = purl.with_namespace(namespace);
        }
        if !version.is_empty() {
            let _ = purl.with_version(version);
        }
        for (key, value) in qualifiers {
            let _ = purl.add_qualifier(key, value);
        }
        purl.to_string()
    }

    const fn default_vendor(&self) -> &'static str {
        match self.kind {
            PackageKind::Deb => "debian",
            PackageKind::Apk => "alpine",
            PackageKind::Alpm => "arch",
            _ => "",
        }
    }
}

fn split_last(name: &str, separator: char) -> (Option<String>, String) {
    match name.rsplit_once(separator) {
        Some((namespace, name)) => (Some(namespace.to_owned()), name.to_owned()),
        None => (None, name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purl(kind: PackageKind, name: &str, version: &str) -> String {
        Package::new(kind, name, version, "test").purl(None)
    }

    #[test]
    fn purls_follow_each_type_s_rules() {
        assert_eq!(purl(PackageKind::Npm, "@babel/core", "7.1.0"), "pkg:npm/%40babel/core@7.1.0");
        assert_eq!(
            purl(PackageKind::Maven, "org.slf4j:slf4j-api", "2.0"),
            "pkg:maven/org.slf4j/slf4j-api@2.0"
        );
        assert_eq!(
            purl(PackageKind::Golang, "github.com/spf13/cobra", "v1.8.0"),
            "pkg:golang/github.com/spf13/cobra@v1.8.0"
        );
        assert_eq!(purl(PackageKind::Pypi, "Typing_Extensions", "4.1"), "pkg:pypi/typing-extensions@4.1");
    }

    #[test]
    fn os_packages_carry_arch_distro_and_source() {
        let os = OsRelease {
            id: "debian".into(),
            version: Some("12".into()),
            codename: None,
            name: "Debian".into(),
            like: vec![],
            end_of_life: None,
            path: "etc/os-release".into(),
        };
        let mut package = Package::new(PackageKind::Deb, "libssl3", "3.0.11-1~deb12u2", "dpkg");
        package.arch = Some("amd64".into());
        package.source = Some(SourcePackage { name: "openssl".into(), version: package.version.clone() });
        assert_eq!(
            package.purl(Some(&os)),
            "pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl"
        );
    }
}
