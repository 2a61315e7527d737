//! Whether a name that a VEX document uses means this image, or a package in it.

use crate::subject::{image_names, repository};
use gabion_model::{Package, PackageKind, ScanReport};
use packageurl::PackageUrl;
use std::{collections::BTreeSet, str::FromStr as _};

/// A name, taken apart once.
pub(super) enum Id<'a> {
    /// `pkg:oci/…`, `pkg:docker/…`.
    ImagePurl(PackageUrl<'a>),
    /// Of any other type.
    PackagePurl(PackageUrl<'a>),
    /// `sha256:…`.
    Digest(&'a str),
    /// The name of an image, or what is none.
    Name(&'a str),
}

impl<'a> Id<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        match PackageUrl::from_str(text) {
            Ok(purl) if ["oci", "docker"].contains(&purl.ty()) => Self::ImagePurl(purl),
            Ok(purl) => Self::PackagePurl(purl),
            Err(_) if text.starts_with("sha256:") => Self::Digest(text),
            Err(_) => Self::Name(text),
        }
    }

    /// Whether it names one version, not all that there were and will be.
    pub(super) fn is_one_version(&self) -> bool {
        match self {
            Self::ImagePurl(purl) => purl.version().is_some() || purl.qualifiers().contains_key("tag"),
            Self::PackagePurl(purl) => purl.version().is_some(),
            Self::Digest(_) => true,
            Self::Name(name) => *name != repository(name),
        }
    }
}

/// The image of a report, by all that it is known by.
pub(super) struct Image {
    names: BTreeSet<String>,
    digests: Vec<String>,
}

impl Image {
    pub(super) fn of(report: &ScanReport) -> Self {
        let digests = report.target.image.iter().flat_map(|image| [image.manifest, Some(image.config)]);
        Self {
            names: image_names(report).into_iter().collect(),
            digests: digests.flatten().map(|digest| digest.to_string()).collect(),
        }
    }

    pub(super) fn is(&self, id: &Id<'_>) -> bool {
        match id {
            Id::ImagePurl(purl) => self.is_purl(purl),
            Id::PackagePurl(_) => false,
            Id::Digest(digest) => self.has_digest(digest),
            Id::Name(name) => match name.split_once('@') {
                Some((_, digest)) => self.has_digest(digest),
                None => self.names.contains(*name),
            },
        }
    }

    fn has_digest(&self, digest: &str) -> bool {
        self.digests.iter().any(|known| known == digest)
    }

    /// A digest decides; without one, the repository and, if it is given, the tag.
    fn is_purl(&self, purl: &PackageUrl<'_>) -> bool {
        let tag = purl.qualifiers().get("tag").map(AsRef::as_ref);
        let version = purl.version();
        if let Some(digest) = version.filter(|version| version.starts_with("sha256:")) {
            return self.has_digest(digest);
        }
        // `docker` writes its tag as the version and the repository as the name.
        let tag = if purl.ty() == "docker" { version.or(tag) } else { tag };
        let of_purl = match (purl.qualifiers().get("repository_url"), purl.namespace()) {
            (Some(url), _) if purl.ty() == "oci" => url.to_string(),
            (Some(url), Some(namespace)) => format!("{url}/{namespace}/{}", purl.name()),
            (Some(url), None) => format!("{url}/{}", purl.name()),
            (None, Some(namespace)) => format!("{namespace}/{}", purl.name()),
            (None, None) => purl.name().to_owned(),
        };
        self.names.iter().any(|name| {
            let repository = repository(name);
            let same = repository.eq_ignore_ascii_case(&of_purl)
                // The name alone is what the specification of the type asks for.
                || !of_purl.contains('/') && repository.rsplit('/').next() == Some(&of_purl);
            same && tag.is_none_or(|tag| name.strip_prefix(repository) == Some(&format!(":{tag}")))
        })
    }
}

/// Whether a name means any package of a report.
pub(super) fn is_in(id: &Id<'_>, report: &ScanReport) -> bool {
    report.packages.iter().any(|package| is_package(id, package, report))
}

/// Whether a name means a package, or the source package that it is built from.
pub(super) fn is_package(id: &Id<'_>, package: &Package, report: &ScanReport) -> bool {
    let Id::PackagePurl(wanted) = id else { return false };
    // Most packages are told apart without writing their package URL. Python's names have several spellings.
    let could_be = |name: &str| package.kind == PackageKind::Pypi || name.ends_with(wanted.name());
    let name_could_be = could_be(&package.name) || package.source.as_ref().is_some_and(|s| could_be(&s.name));
    if wanted.ty() != package.kind.as_str() || !name_could_be {
        return false;
    }
    let text = package.purl(report.os.as_ref());
    let Ok(own) = PackageUrl::from_str(&text) else { return false };
    if wanted.namespace() != own.namespace() {
        return false;
    }
    let source = package.source.as_ref();
    let is_source = wanted.qualifiers().get("arch").is_some_and(|arch| arch == "src" || arch == "source");
    let qualified = ["arch", "distro", "epoch"].into_iter().all(|key| {
        let wanted = wanted.qualifiers().get(key);
        wanted.is_none() || key == "arch" && is_source || wanted == own.qualifiers().get(key)
    });
    let is = |name: &str, versions: &[&str]| {
        wanted.name() == name && wanted.version().is_none_or(|version| versions.contains(&version))
    };
    let by_name = !is_source && is(own.name(), &[own.version().unwrap_or_default(), &package.version]);
    let by_source = source.is_some_and(|source| {
        // The epoch is a qualifier in the package URL of an rpm.
        let bare = source.version.split_once(':').map_or(source.version.as_str(), |(_, version)| version);
        let bare = if package.kind == PackageKind::Rpm { bare } else { &source.version };
        is(&source.name, &[&source.version, bare])
    });
    qualified && (by_name || by_source)
}
