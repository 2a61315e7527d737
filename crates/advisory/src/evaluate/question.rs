//! What is to be asked about the packages of a report, and which statements are about a package at all.

use super::platform::Platform;
use crate::{Ecosystem, database::Statement, record::Until};
use gabion_model::{Package, PackageKind, ScanReport};
use std::{borrow::Cow, collections::BTreeMap};

/// One version of a package, as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked<'a> {
    /// Index of the package in the report.
    pub(crate) package: usize,
    pub(crate) version: Cow<'a, str>,
    /// Whether it stands for a binary package; of languages all do.
    pub(crate) binary: bool,
    /// RPM module stream: `nodejs:18`.
    pub(crate) module: Option<&'a str>,
    pub(crate) arch: Option<&'a str>,
}

/// What is asked of the database: for each name, who wants to know. Sorted, so that neighbours in the database are asked
/// one after the other.
pub(crate) type Questions<'a> = BTreeMap<(Ecosystem, String), Vec<Asked<'a>>>;

/// Why a package cannot be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Passed {
    /// A package of the distribution owns it, and is asked about instead.
    Owned,
    /// It has no version.
    NoVersion,
    /// There are no advisories about packages of its kind.
    NoEcosystem(PackageKind),
    /// The distribution or its release is not known.
    NoPlatform,
}

/// All that is to be asked, and what is not.
pub(super) fn all<'a>(report: &'a ScanReport, platform: &Platform) -> (Questions<'a>, Vec<(usize, Passed)>) {
    let (mut questions, mut passed) = (Questions::new(), Vec::new());
    for (index, package) in report.packages.iter().enumerate() {
        if let Err(why) = ask(index, package, platform, &mut questions) {
            passed.push((index, why));
        }
    }
    (questions, passed)
}

fn ask<'a>(
    index: usize,
    package: &'a Package,
    platform: &Platform,
    questions: &mut Questions<'a>,
) -> Result<(), Passed> {
    if package.owned_by.as_ref().is_some_and(|owner| owner.kind.is_os()) {
        return Err(Passed::Owned);
    }
    let mut add = |ecosystem: Ecosystem, name: &str, version, binary| {
        let asked =
            Asked { package: index, version, binary, module: module(package), arch: package.arch.as_deref() };
        questions.entry((ecosystem, ecosystem.normalise(name))).or_default().push(asked);
    };
    if package.version.is_empty() || package.version == "(devel)" {
        return Err(Passed::NoVersion);
    }
    if !package.kind.is_os() {
        let ecosystem = language(package.kind).ok_or(Passed::NoEcosystem(package.kind))?;
        add(ecosystem, &package.name, Cow::Borrowed(&*package.version), true);
        return Ok(());
    }
    let Platform::Known { ecosystem, .. } = *platform else {
        return Err(Passed::NoPlatform);
    };
    add(ecosystem, &package.name, Cow::Borrowed(&*package.version), true);
    match &package.source {
        Some(source) => add(ecosystem, &source.name, source_version(package, &source.version), false),
        None => add(ecosystem, &package.name, Cow::Borrowed(&*package.version), false),
    }
    Ok(())
}

/// Whose advisories are about packages of a language.
pub(super) const fn language(kind: PackageKind) -> Option<Ecosystem> {
    Some(match kind {
        PackageKind::Npm => Ecosystem::Npm,
        PackageKind::Pypi => Ecosystem::PyPi,
        PackageKind::Maven => Ecosystem::Maven,
        PackageKind::Golang => Ecosystem::Go,
        PackageKind::Cargo => Ecosystem::CratesIo,
        PackageKind::Gem => Ecosystem::RubyGems,
        PackageKind::Composer => Ecosystem::Packagist,
        PackageKind::Nuget => Ecosystem::NuGet,
        // Programs that nobody packaged have the versions of their makers, and so have Bitnami's advisories.
        PackageKind::Bitnami | PackageKind::Generic => Ecosystem::Bitnami,
        PackageKind::Conda | PackageKind::Deb | PackageKind::Apk | PackageKind::Rpm | PackageKind::Alpm => {
            return None;
        }
    })
}

/// An RPM names its source without the epoch, which is that of the package in practice.
fn source_version<'a>(package: &'a Package, version: &'a str) -> Cow<'a, str> {
    match package.version.split_once(':') {
        Some((epoch, _)) if package.kind == PackageKind::Rpm && !version.contains(':') => {
            Cow::Owned(format!("{epoch}:{version}"))
        }
        _ => Cow::Borrowed(version),
    }
}

/// `nodejs:18` of `nodejs:18:8090020230301:a75119d5`.
fn module(package: &Package) -> Option<&str> {
    let (_, label) = package.qualifiers.iter().find(|(name, _)| name == "modularitylabel")?;
    let end = label.match_indices(':').nth(1).map_or(label.len(), |(at, _)| at);
    Some(&label[..end])
}

impl Asked<'_> {
    /// Whether a statement under its name is about it.
    pub(crate) fn is_meant_by(&self, statement: &Statement) -> bool {
        let affected = &statement.affected;
        if affected.ecosystem.is_distribution() && affected.binary != self.binary {
            return false;
        }
        let arch_fits = |arch: &str| arch == "noarch" || affected.arches.iter().any(|a| a == arch);
        if !affected.arches.is_empty() && !self.arch.is_none_or(arch_fits) {
            return false;
        }
        match self.module {
            // Where nothing is fixed there is no version that could tell that it is of a module.
            Some(_) if affected.modules.is_empty() => is_modular(statement) || fixes_nothing(statement),
            Some(stream) => affected.modules.iter().any(|m| m == stream),
            None => affected.modules.is_empty() && !is_modular(statement),
        }
    }
}

/// Whether all its ranges are open.
fn fixes_nothing(statement: &Statement) -> bool {
    statement.affected.ranges.iter().all(|range| range.until == Until::Open)
}

/// Whether it is about a package of a module whose stream the feed does not tell.
fn is_modular(statement: &Statement) -> bool {
    statement.affected.ranges.iter().any(|range| {
        let (Until::Fixed(version) | Until::LastAffected(version)) = &range.until else { return false };
        version.contains(".module")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Affected, Range, Standing};

    fn statement(binary: bool, modules: &[&str], fixed: &str) -> Statement {
        let until = if fixed.is_empty() { Until::Open } else { Until::Fixed(fixed.into()) };
        Statement {
            advisory: "A".into(),
            standing: Standing::Active,
            affected: Affected {
                ecosystem: Ecosystem::AlmaLinux,
                binary,
                modules: modules.iter().map(|&m| m.into()).collect(),
                ranges: vec![Range { introduced: None, until }],
                ..Affected::default()
            },
        }
    }

    fn asked(binary: bool, module: Option<&'static str>) -> Asked<'static> {
        Asked { package: 0, version: "1".into(), binary, module, arch: Some("x86_64") }
    }

    #[test]
    fn modules_are_matched_by_their_stream_only() {
        let stream = statement(true, &["nodejs:18"], "1:18.2-1.module_el8");
        assert!(asked(true, Some("nodejs:18")).is_meant_by(&stream));
        assert!(!asked(true, Some("nodejs:20")).is_meant_by(&stream));
        assert!(!asked(true, None).is_meant_by(&stream));
        let untold = statement(true, &[], "1:18.2-1.module_el8");
        assert!(asked(true, Some("nodejs:20")).is_meant_by(&untold));
        assert!(!asked(true, None).is_meant_by(&untold));
        let plain = statement(true, &[], "1:18.2-1.el8");
        assert!(!asked(true, Some("nodejs:20")).is_meant_by(&plain));
        assert!(asked(true, None).is_meant_by(&plain));
        assert!(asked(true, Some("nodejs:20")).is_meant_by(&statement(true, &[], "")));
    }

    #[test]
    fn names_of_source_and_binary_packages_are_kept_apart() {
        assert!(asked(true, None).is_meant_by(&statement(true, &[], "1")));
        assert!(!asked(false, None).is_meant_by(&statement(true, &[], "1")));
        assert!(!asked(true, None).is_meant_by(&statement(false, &[], "1")));
        let mut other = statement(true, &[], "1");
        other.affected.arches = vec!["aarch64".into()];
        assert!(!asked(true, None).is_meant_by(&other));
    }

    #[test]
    fn labels_and_epochs_of_rpm() {
        let mut package = Package::new(PackageKind::Rpm, "nodejs", "1:18.2-1", "rpm");
        assert_eq!(module(&package), None);
        package.qualifiers.push(("modularitylabel".into(), "nodejs:18:8090020230301:a75119d5".into()));
        assert_eq!(module(&package), Some("nodejs:18"));
        assert_eq!(source_version(&package, "18.2-1"), "1:18.2-1");
        assert_eq!(source_version(&package, "2:18.2-1"), "2:18.2-1");
    }
}
