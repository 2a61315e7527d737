//! What one record tells of a package, and the [`Package`] made of it.

use super::header::{Header, Tag};
use crate::content::ReadError;
use gabion_model::{Package, PackageKind, SourcePackage};

/// The fields of a package that Gabion keeps, as rpm has them.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) epoch: Option<u32>,
    /// `version-release`.
    pub(super) version: String,
    pub(super) arch: Option<String>,
    /// File name of the source package: `bash-5.1.8-9.el9.src.rpm`.
    pub(super) source_rpm: Option<String>,
    pub(super) license: Option<String>,
    pub(super) vendor: Option<String>,
    /// `nodejs:18:8090020230301:rhel9` for a package of a module stream.
    pub(super) modularity_label: Option<String>,
}

impl Record {
    /// Reads the fields of a header; name, version and release must be there.
    pub(super) fn from_header(header: &Header<'_>) -> Result<Self, ReadError> {
        let needed = |tag| {
            header.text(tag)?.ok_or_else(|| ReadError::malformed(format!("a package header has no {tag:?}")))
        };
        Ok(Self {
            name: needed(Tag::Name)?,
            epoch: header.number(Tag::Epoch)?,
            version: format!("{}-{}", needed(Tag::Version)?, needed(Tag::Release)?),
            arch: header.text(Tag::Arch)?,
            source_rpm: header.text(Tag::SourceRpm)?,
            license: header.text(Tag::License)?,
            vendor: header.text(Tag::Vendor)?,
            modularity_label: header.text(Tag::ModularityLabel)?,
        })
    }

    /// Whether it is no package but a key that rpm trusts: those are recorded under this name.
    pub(super) fn is_key(&self) -> bool {
        self.name == "gpg-pubkey"
    }

    /// Bytes of memory that the package takes, about.
    pub(super) fn size(&self) -> usize {
        let optional = [&self.arch, &self.source_rpm, &self.license, &self.vendor, &self.modularity_label];
        let texts: usize = optional.into_iter().flatten().map(String::len).sum();
        size_of::<Package>() + self.name.len() + self.version.len() + texts
    }

    /// The package, without location.
    pub(super) fn into_package(self) -> Package {
        let version = self.with_epoch(&self.version);
        let source = self.source();
        let mut package = Package::new(PackageKind::Rpm, self.name, version, "rpm");
        package.arch = self.arch;
        package.source = source;
        package.licenses.extend(self.license);
        // The purl specification has no word for it yet; this one is Trivy's.
        package.qualifiers.extend(self.modularity_label.map(|label| ("modularitylabel".to_owned(), label)));
        package.facts.extend(self.vendor.map(|vendor| ("vendor".to_owned(), vendor)));
        package
    }

    /// rpm does not record the epoch of the source package; it is the binary's in nearly all of them.
    fn source(&self) -> Option<SourcePackage> {
        let (name, version) = split_source_rpm(self.source_rpm.as_deref()?)?;
        Some(SourcePackage { name: name.to_owned(), version: self.with_epoch(version) })
    }

    fn with_epoch(&self, version: &str) -> String {
        match self.epoch {
            Some(epoch) => format!("{epoch}:{version}"),
            None => version.to_owned(),
        }
    }
}

/// Splits `name-version-release.src.rpm` into name and `version-release`. Names have dashes, versions and
/// releases have none.
fn split_source_rpm(file: &str) -> Option<(&str, &str)> {
    let stem = file.strip_suffix(".rpm")?;
    let stem = stem.strip_suffix(".src").or_else(|| stem.strip_suffix(".nosrc"))?;
    let (rest, _release) = stem.rsplit_once('-')?;
    let (name, _version) = rest.rsplit_once('-')?;
    (!name.is_empty()).then(|| (name, &stem[name.len() + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_packages_are_split_from_the_right() {
        assert_eq!(
            split_source_rpm("java-1.8.0-openjdk-1.8.0.372.b07-2.el9.src.rpm"),
            Some(("java-1.8.0-openjdk", "1.8.0.372.b07-2.el9"))
        );
        assert_eq!(split_source_rpm("a-1-2.nosrc.rpm"), Some(("a", "1-2")));
        for odd in ["", "-1-2.src.rpm", "a-1.src.rpm", "a-1-2.x86_64.rpm", "a-1-2"] {
            assert_eq!(split_source_rpm(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_epoch_is_part_of_both_versions_only_where_there_is_one() {
        let record = |epoch| Record {
            name: "vim-minimal".into(),
            epoch,
            version: "8.2-1".into(),
            source_rpm: Some("vim-8.2-1.src.rpm".into()),
            ..Record::default()
        };
        let package = record(Some(2)).into_package();
        let source = package.source.clone().expect("told");
        assert_eq!(
            (package.version.as_str(), source.name.as_str(), source.version.as_str()),
            ("2:8.2-1", "vim", "2:8.2-1")
        );
        assert_eq!(record(Some(0)).into_package().version, "0:8.2-1");
        assert_eq!(record(None).into_package().version, "8.2-1");
    }
}
