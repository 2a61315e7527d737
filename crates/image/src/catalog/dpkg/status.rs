//! Records of packages: paragraphs of `Field: value` lines, as `deb-control(5)` describes them.
//!
//! ```text
//!  Package: libssl3
//!  Status: install ok installed          want, error flag, state: only the state counts
//!  Architecture: amd64
//!  Source: openssl (3.0.11-1~deb12u2)    only where name or version differ
//!  Version: 3.0.11-1~deb12u2+b1
//!  Conffiles:
//!   /etc/ssl/openssl.cnf 5a1a…           a continued line starts with a blank
//! ```

use super::{STATUS, STATUS_D, owned};
use crate::{
    caps::Limits,
    catalog::{
        Candidate, Cataloger, Want,
        paragraphs::{MAX_PACKAGES, Paragraphs, too_many},
    },
    content::{Content, ReadError},
    facts::{Fact, Facts},
};
use gabion_model::{Aspect, Package, PackageKind, SourcePackage, path};

/// Reads the package records of dpkg, and of distroless images.
#[derive(Debug)]
pub struct DpkgStatus;

impl Cataloger for DpkgStatus {
    fn name(&self) -> &'static str {
        "dpkg"
    }

    fn aspect(&self) -> Aspect {
        Aspect::PACKAGES_OS
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        let distroless = file.path.starts_with(STATUS_D)
            && path::parent(file.path) == STATUS_D
            && !file.name().ends_with(b".md5sums");
        if distroless || file.ends_with("var/lib/dpkg/status") { Want::Content } else { Want::No }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let single = path::parent(file.path) == STATUS_D;
        if !single && file.path != STATUS {
            out.push(Fact::Skipped {
                aspect: Aspect::PACKAGES_OS,
                reason: "package database of another root file system inside this one".to_owned(),
            });
            return Ok(());
        }
        let bytes = content.bytes(Limits::DEFAULT.document)?;
        let mut nameless = 0u64;
        for (at, paragraph) in Paragraphs(&bytes).enumerate() {
            if at == MAX_PACKAGES {
                return Err(too_many("packages", MAX_PACKAGES));
            }
            match Record::parse(paragraph) {
                record if record.package.is_empty() => nameless += 1,
                record if record.is_present() => {
                    let (package, files) = record.into_package();
                    out.package(package, files);
                }
                _ => {}
            }
        }
        match nameless {
            0 => Ok(()),
            1 => Err(ReadError::malformed("1 record has no package name")),
            n => Err(ReadError::malformed(format!("{n} records have no package name"))),
        }
    }
}

/// The fields of one paragraph that matter here. What is not there is empty.
#[derive(Default)]
struct Record<'a> {
    package: &'a [u8],
    status: &'a [u8],
    version: &'a [u8],
    architecture: &'a [u8],
    source: &'a [u8],
    conffiles: Vec<String>,
}

impl<'a> Record<'a> {
    fn parse(paragraph: &'a [u8]) -> Self {
        let mut record = Self::default();
        let mut in_conffiles = false;
        for line in paragraph.split(|&b| b == b'\n') {
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if in_conffiles {
                    record.conffiles.extend(conffile(line));
                }
                continue;
            }
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            let is = |field: &str| name.eq_ignore_ascii_case(field.as_bytes());
            in_conffiles = is("Conffiles");
            let slot = if is("Package") {
                &mut record.package
            } else if is("Status") {
                &mut record.status
            } else if is("Version") {
                &mut record.version
            } else if is("Architecture") {
                &mut record.architecture
            } else if is("Source") {
                &mut record.source
            } else {
                continue;
            };
            *slot = value;
        }
        record
    }

    /// Whether any of its files may be there. A record without a status is one of distroless.
    fn is_present(&self) -> bool {
        let state = self.status.rsplit(|&b| b == b' ').next().unwrap_or_default();
        !matches!(state, b"not-installed" | b"config-files")
    }

    fn into_package(self) -> (Package, Vec<String>) {
        let text = |bytes: &[u8]| path::display(bytes).into_owned();
        let mut package = Package::new(PackageKind::Deb, text(self.package), text(self.version), "dpkg");
        package.arch = Some(text(self.architecture)).filter(|arch| !arch.is_empty());
        let (name, version) = split_source(self.source);
        let or = |value: &[u8], default: &String| {
            if value.is_empty() { default.clone() } else { text(value) }
        };
        package.source =
            Some(SourcePackage { name: or(name, &package.name), version: or(version, &package.version) });
        (package, self.conffiles)
    }
}

/// ` /etc/x.conf MD5 [obsolete]`; an obsolete one belongs to the package no more.
fn conffile(line: &[u8]) -> Option<String> {
    let mut words = line.trim_ascii().rsplit(|&b| b == b' ');
    let last = words.next()?;
    if last == b"obsolete" {
        return None;
    }
    let digest_and_flags =
        if last == b"remove-on-upgrade" { last.len() + 1 + words.next()?.len() } else { last.len() };
    let line = line.trim_ascii();
    owned(line[..line.len() - digest_and_flags].trim_ascii_end())
}

/// `name (version)`, either of which may be missing.
fn split_source(source: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'(', source) {
        Some(open) => {
            let version = &source[open + 1..];
            let close = memchr::memchr(b')', version).unwrap_or(version.len());
            (source[..open].trim_ascii_end(), version[..close].trim_ascii())
        }
        None => (source, b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Scope;
    use proptest::prelude::*;

    fn read(path: &[u8], text: &[u8]) -> (Facts, Result<(), ReadError>) {
        let candidate = Candidate { path, size: text.len() as u64, mode: 0o644, scope: Scope::Image };
        assert_eq!(DpkgStatus.want(&candidate), Want::Content);
        let mut facts = Facts::default();
        let result = DpkgStatus.read(&candidate, &Content::Memory(text), &mut facts);
        (facts, result)
    }

    const SAMPLE: &str = "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\n\
        Source: openssl (3.0.11-1)\nVersion: 3.0.11-1+b1\nDescription: TLS\n long: text\n .\n  Package: no\n\n\
        Package: passwd\nStatus: install ok installed\nVersion: 1:4.13\nSource: shadow\nConffiles:\n /etc/default/useradd cc34\n \
        /etc/a b.conf 11a0\n /etc/gone 22 obsolete\n\n\n\
        Package: purged\nStatus: deinstall ok config-files\nVersion: 1\n\n\
        Package: never\nStatus: unknown ok not-installed\n \n\
        Package: broken\nStatus: install reinstreq half-installed\nVersion: 2-1\n\n\
        Package: waiting\nStatus: install ok triggers-pending\nVersion: 3\nArchitecture: all";

    #[test]
    fn whatever_has_files_counts_and_sources_keep_their_own_version() {
        let (facts, result) = read(STATUS, SAMPLE.as_bytes());
        result.expect("reads");
        let names: Vec<_> = facts.packages().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["libssl3", "passwd", "broken", "waiting"]);
        let packages: Vec<_> = facts.packages().collect();
        let source = |at: usize| packages[at].source.clone().expect("always");
        assert_eq!(source(0).name, "openssl");
        assert_eq!(source(0).version, "3.0.11-1");
        assert_eq!((source(1).name.as_str(), source(1).version.as_str()), ("shadow", "1:4.13"));
        assert_eq!(source(3).name, "waiting");
        assert_eq!(packages[0].arch.as_deref(), Some("amd64"));
        assert_eq!(packages[1].arch, None);
        match &facts.list[1] {
            Fact::Package { files, .. } => assert_eq!(files, &["etc/default/useradd", "etc/a b.conf"]),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_distroless_record_has_no_status_and_may_have_an_encoded_name() {
        let (facts, result) = read(
            b"var/lib/dpkg/status.d/bGliYzY=",
            b"Package: libc6\r\nVersion: 2.36-9\r\nArchitecture: arm64\r\n",
        );
        result.expect("reads");
        let package = facts.packages().next().expect("one");
        assert_eq!((package.name.as_str(), package.version.as_str()), ("libc6", "2.36-9"));
    }

    #[test]
    fn a_nameless_record_is_an_error_and_the_others_stand() {
        let (facts, result) = read(STATUS, b"Version: 1\n\nPackage: a\nVersion: 2\n");
        assert_eq!(facts.packages().count(), 1);
        assert_eq!(result.expect_err("told").to_string(), "1 record has no package name");
    }

    #[test]
    fn another_root_inside_this_one_is_told_but_not_mixed_in() {
        let (facts, result) = read(b"srv/chroot/var/lib/dpkg/status", SAMPLE.as_bytes());
        result.expect("reads");
        assert_eq!(facts.packages().count(), 0);
        assert!(matches!(facts.list[..], [Fact::Skipped { .. }]));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(STATUS, &bytes);
        }

        #[test]
        fn neither_does_a_damaged_status(at in 0..SAMPLE.len(), with in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b':'), Just(b'('), Just(b' '), any::<u8>()], 0..8), cut in 0..20usize) {
            let mut bytes = SAMPLE.as_bytes().to_vec();
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, with);
            let _ = read(STATUS, &bytes);
        }
    }
}
