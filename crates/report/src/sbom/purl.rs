//! From a package URL back to a package: the inverse of [`Package::purl`].

use gabion_model::{Package, PackageKind, SourcePackage};
use packageurl::PackageUrl;
use std::{collections::BTreeMap, str::FromStr};

/// What a package URL names.
#[derive(Debug)]
pub(super) enum Named {
    /// A package, and the distribution it is for: `debian-12`, or `debian` where only the namespace tells.
    Package(Box<Package>, Option<Distribution>),
    /// A container image: the subject of a document, not one of its packages.
    Image,
}

/// A distribution as a package URL names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Distribution {
    /// `debian`.
    pub id: String,
    /// `12`.
    pub version: Option<String>,
}

/// The longest package URL that is read. Real ones have at most a few hundred bytes.
const MAX: usize = 8 << 10;

/// Reads a package URL; the error is a reason for a gap.
pub(super) fn read(text: &str) -> Result<Named, String> {
    if text.len() > MAX {
        return Err(format!("package URL longer than {MAX} bytes"));
    }
    let purl = PackageUrl::from_str(text).map_err(|_| "invalid package URL".to_owned())?;
    if matches!(purl.ty(), "oci" | "docker") {
        return Ok(Named::Image);
    }
    let kind = PackageKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == purl.ty())
        .ok_or_else(|| format!("packages of type {} are not supported", purl.ty()))?;
    let mut qualifiers: BTreeMap<String, String> =
        purl.qualifiers().iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();

    let name = name(kind, spelled(kind, text).as_ref().unwrap_or(&purl));
    let mut package = Package::new(kind, name, purl.version().unwrap_or_default(), "sbom");
    let mut distribution = None;
    if kind.is_os() {
        // The type definition has `epoch` for rpm only; Trivy writes it for deb too.
        if let Some(epoch) = qualifiers.remove("epoch")
            && !package.version.contains(':')
        {
            package.version = format!("{epoch}:{}", package.version);
        }
        package.arch = qualifiers.remove("arch");
        package.source = qualifiers.remove("upstream").map(|upstream| source(&upstream, &package.version));
        distribution = distribution_of(purl.namespace(), qualifiers.remove("distro"));
    }
    package.qualifiers = qualifiers.into_iter().collect();
    Ok(Named::Package(Box::new(package), distribution))
}

/// The same in the upper and lower case of the document, where the specification has a package URL folded although
/// the ecosystem tells `github.com/BurntSushi/toml` from `github.com/burntsushi/toml`: the type `generic` folds nothing.
fn spelled(kind: PackageKind, text: &str) -> Option<PackageUrl<'static>> {
    if !matches!(kind, PackageKind::Golang | PackageKind::Npm) {
        return None;
    }
    let (_, rest) = text.split_once(':')?.1.trim_start_matches('/').split_once('/')?;
    PackageUrl::from_str(&format!("pkg:generic/{rest}")).ok()
}

/// Takes a name as its entry lists it, where the package URL has it folded, and they are the same but for that.
/// Gabion writes package URLs as the specification wants them, and the name as it is.
pub(super) fn respell(package: &mut Package, listed: &str) {
    let fold = |name: &str| match (package.kind, name.rsplit_once('/')) {
        (PackageKind::Golang, Some((namespace, name))) => format!("{}/{name}", namespace.to_lowercase()),
        (PackageKind::Npm | PackageKind::Composer, _) => name.to_lowercase(),
        (PackageKind::Pypi, _) => name.to_lowercase().replace(['_', '.'], "-"),
        _ => name.to_owned(),
    };
    // Capitals in a package URL are its writer's own.
    if fold(&package.name) == package.name && fold(listed) == package.name {
        listed.clone_into(&mut package.name);
    }
}

fn name(kind: PackageKind, purl: &PackageUrl<'_>) -> String {
    let separator = match kind {
        // The namespace is the distribution.
        kind if kind.is_os() => return purl.name().to_owned(),
        PackageKind::Maven => ':',
        _ => '/',
    };
    match purl.namespace() {
        Some(namespace) => format!("{namespace}{separator}{}", purl.name()),
        None => purl.name().to_owned(),
    }
}

/// `openssl@3.0.11`, or `openssl` where the source has the version of the package. Syft writes the file name of
/// the source RPM instead: `openssl-3.0.7-27.el9.src.rpm`.
fn source(upstream: &str, version: &str) -> SourcePackage {
    let (name, version) = if let Some((name, version)) = upstream.split_once('@') {
        (name, version)
    } else if let Some((name, version)) = source_rpm(upstream) {
        return SourcePackage { name: name.to_owned(), version };
    } else {
        (upstream, version)
    };
    SourcePackage { name: name.to_owned(), version: version.to_owned() }
}

/// `name-version-release.src.rpm`.
fn source_rpm(file: &str) -> Option<(&str, String)> {
    let (rest, release) = file.strip_suffix(".src.rpm")?.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some((name, format!("{version}-{release}")))
}

/// From `distro=debian-12`, or else from a namespace such as `ubuntu`. `debian`, `alpine` and `arch` are also
/// what a package URL has when nothing is known, so they tell nothing.
fn distribution_of(namespace: Option<&str>, distro: Option<String>) -> Option<Distribution> {
    match (distro, namespace) {
        (Some(distro), namespace) => Some(split_distro(&distro, namespace)),
        (None, None | Some("" | "debian" | "alpine" | "arch")) => None,
        (None, Some(id)) => Some(Distribution { id: id.to_owned(), version: None }),
    }
}

/// Ids may have a `-` of their own (`opensuse-leap-15.5`), and rolling releases have no version
/// (`opensuse-tumbleweed`): the namespace tells, or else the last part must begin with a digit.
fn split_distro(distro: &str, namespace: Option<&str>) -> Distribution {
    let by_namespace = namespace.and_then(|id| match distro.strip_prefix(id)? {
        "" => Some((id, None)),
        rest => Some((id, Some(rest.strip_prefix('-')?))),
    });
    let (id, version) = by_namespace.unwrap_or_else(|| match distro.rsplit_once('-') {
        Some((id, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => (id, Some(version)),
        _ => (distro, None),
    });
    Distribution { id: id.to_owned(), version: version.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str) -> (Package, Option<Distribution>) {
        match read(text) {
            Ok(Named::Package(package, distribution)) => (*package, distribution),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn names_are_put_together_as_the_ecosystem_writes_them() {
        for (purl, name) in [
            ("pkg:npm/%40babel/core@7.1.0", "@babel/core"),
            ("pkg:maven/org.slf4j/slf4j-api@2.0", "org.slf4j:slf4j-api"),
            ("pkg:golang/github.com/spf13/cobra@v1.8.0", "github.com/spf13/cobra"),
            ("pkg:golang/github.com/1Panel-dev/1Panel@v1.4.3", "github.com/1Panel-dev/1Panel"),
            ("pkg:GoLang/github.com/%42urntSushi/toml@v1.3.2#x", "github.com/BurntSushi/toml"),
            ("pkg://npm/JSONStream@1.3.5", "JSONStream"),
            ("pkg:deb/debian/libssl3@3.0.11", "libssl3"),
        ] {
            assert_eq!(package(purl).0.name, name);
        }
    }

    #[test]
    fn a_folded_name_is_taken_as_the_entry_lists_it_and_no_other_is() {
        for (purl, listed, name) in [
            (
                "pkg:golang/github.com/burntsushi/toml@v1",
                "github.com/BurntSushi/toml",
                "github.com/BurntSushi/toml",
            ),
            (
                "pkg:golang/github.com/BurntSushi/toml@v1",
                "github.com/burntsushi/toml",
                "github.com/BurntSushi/toml",
            ),
            (
                "pkg:golang/github.com/burntsushi/toml@v1",
                "github.com/Evil/toml",
                "github.com/burntsushi/toml",
            ),
            ("pkg:pypi/typing-extensions@4", "Typing_Extensions", "Typing_Extensions"),
            ("pkg:cargo/toml@1", "TOML", "toml"),
        ] {
            let mut package = package(purl).0;
            respell(&mut package, listed);
            assert_eq!(package.name, name);
        }
    }

    #[test]
    fn epoch_and_source_go_back_to_where_they_came_from() {
        let (rpm, distribution) = package(
            "pkg:rpm/rhel/openssl-libs@3.0.7-27.el9?arch=x86_64&distro=rhel-9.4&epoch=1&upstream=openssl-3.0.7-27.el9.src.rpm",
        );
        assert_eq!(rpm.version, "1:3.0.7-27.el9");
        let (deb, _) = package("pkg:deb/debian/zlib1g@1.2.13.dfsg-1?distro=debian-12.11&epoch=1");
        assert_eq!((deb.version.as_str(), deb.qualifiers), ("1:1.2.13.dfsg-1", vec![]));
        assert_eq!(rpm.arch.as_deref(), Some("x86_64"));
        let source = rpm.source.expect("named");
        assert_eq!((source.name.as_str(), source.version.as_str()), ("openssl", "3.0.7-27.el9"));
        let distribution = distribution.expect("named");
        assert_eq!((distribution.id.as_str(), distribution.version.as_deref()), ("rhel", Some("9.4")));
    }

    #[test]
    fn distributions_may_have_dashes_or_no_version() {
        let split = |distro, namespace| {
            let d = split_distro(distro, namespace);
            (d.id, d.version)
        };
        assert_eq!(
            split("opensuse-leap-15.5", Some("opensuse")),
            ("opensuse".into(), Some("leap-15.5".into()))
        );
        assert_eq!(
            split("opensuse-leap-15.5", Some("opensuse-leap")),
            ("opensuse-leap".into(), Some("15.5".into()))
        );
        assert_eq!(split("opensuse-tumbleweed", None), ("opensuse-tumbleweed".into(), None));
        assert_eq!(split("debian-12", None), ("debian".into(), Some("12".into())));
    }

    #[test]
    fn what_is_no_package_of_ours_is_told() {
        assert!(matches!(read("pkg:oci/shop@sha256:00"), Ok(Named::Image)));
        assert_eq!(
            read("pkg:hex/phoenix@1").expect_err("unknown type"),
            "packages of type hex are not supported"
        );
        assert_eq!(read("nonsense").expect_err("no purl"), "invalid package URL");
    }
}
