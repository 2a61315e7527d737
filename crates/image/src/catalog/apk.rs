//! Alpine and its kin: the database of `apk`.
//!
//! A paragraph for each package, lines of one letter, a colon and a value:
//!
//! ```text
//!  P:libcrypto3          name
//!  V:3.3.2-r0            version
//!  A:x86_64              architecture
//!  L:Apache-2.0          licence
//!  o:openssl             origin: what it was built from; advisories name this one
//!  F:usr/lib             a directory,
//!  R:libcrypto.so.3      and a file in it
//! ```
//!
//! Letters differ by case (`F` and `f` are two fields), and unknown ones are skipped.

use super::{
    Candidate, Cataloger, Want,
    paragraphs::{MAX_FILES, MAX_PACKAGES, Paragraphs, too_many},
};
use crate::{
    caps::Limits,
    content::{Content, ReadError},
    facts::{Fact, Facts},
};
use gabion_model::{Aspect, Package, PackageKind, SourcePackage, path};

/// Reads the database of apk.
#[derive(Debug)]
pub struct Apk;

/// Where it is: apk-tools 2, and apk-tools 3 where `/lib` is a link to `/usr/lib`.
const DATABASES: [&[u8]; 2] = [b"lib/apk/db/installed", b"usr/lib/apk/db/installed"];

impl Cataloger for Apk {
    fn name(&self) -> &'static str {
        "apk"
    }

    fn aspect(&self) -> Aspect {
        Aspect::PACKAGES_OS
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.ends_with("lib/apk/db/installed") { Want::Content } else { Want::No }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        if !DATABASES.contains(&file.path) {
            out.push(Fact::Skipped {
                aspect: Aspect::PACKAGES_OS,
                reason: "package database of another root file system inside this one".to_owned(),
            });
            return Ok(());
        }
        let bytes = content.bytes(Limits::DEFAULT.document)?;
        let mut nameless = 0u64;
        let mut left = MAX_FILES;
        for (at, paragraph) in Paragraphs(&bytes).enumerate() {
            if at == MAX_PACKAGES {
                return Err(too_many("packages", MAX_PACKAGES));
            }
            let files = paragraph.split(|&b| b == b'\n').filter(|line| line.starts_with(b"R:"));
            left = left.checked_sub(files.count()).ok_or_else(|| too_many("files", MAX_FILES))?;
            match record(paragraph) {
                Some((package, files)) => out.package(package, files),
                None => nameless += 1,
            }
        }
        match nameless {
            0 => Ok(()),
            1 => Err(ReadError::malformed("1 record has no package name")),
            n => Err(ReadError::malformed(format!("{n} records have no package name"))),
        }
    }
}

/// One package and its files. None if it has no name.
fn record(paragraph: &[u8]) -> Option<(Package, Vec<String>)> {
    let text = |bytes: &[u8]| path::display(bytes.trim_ascii()).into_owned();
    let mut package = Package::new(PackageKind::Apk, "", "", "apk");
    let mut origin = String::new();
    let mut directory: &[u8] = b"";
    let mut files = Vec::new();
    for line in paragraph.split(|&b| b == b'\n') {
        let [field, b':', value @ ..] = line else {
            continue;
        };
        match field {
            b'P' => package.name = text(value),
            b'V' => package.version = text(value),
            b'A' => package.arch = Some(text(value)).filter(|arch| !arch.is_empty()),
            b'L' => package.licenses = Some(text(value)).filter(|l| !l.is_empty()).into_iter().collect(),
            b'o' => origin = text(value),
            b'F' => directory = value,
            b'R' => files.extend(owned(directory, value)),
            _ => {}
        }
    }
    if package.name.is_empty() {
        return None;
    }
    package.source = Some(SourcePackage {
        name: if origin.is_empty() { package.name.clone() } else { origin },
        version: package.version.clone(),
    });
    Some((package, files))
}

/// A file as an image path; none if it is not inside the root.
fn owned(directory: &[u8], name: &[u8]) -> Option<String> {
    let whole = [directory, name].join(&b'/');
    let path = path::normalise(&whole).ok()?;
    (!path.is_empty()).then(|| path::display(&path).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Scope;
    use proptest::prelude::*;

    const SAMPLE: &str = "C:Q1abc=\nP:libcrypto3\nV:3.3.2-r0\nA:x86_64\nT:Crypto library\nL:Apache-2.0\no:openssl\n\
        F:usr\nF:usr/lib\nR:libcrypto.so.3\na:0:0:755\nZ:Q1def=\nF:\nR:init\n\n\
        P:scripts\nV:1-r0\nA:noarch\nL:GPL-2.0-only AND MIT\nf:x\n\n";

    fn read(path: &[u8], text: &[u8]) -> (Facts, Result<(), ReadError>) {
        let candidate = Candidate { path, size: text.len() as u64, mode: 0o644, scope: Scope::Image };
        assert_eq!(Apk.want(&candidate), Want::Content);
        let mut facts = Facts::default();
        let result = Apk.read(&candidate, &Content::Memory(text), &mut facts);
        (facts, result)
    }

    #[test]
    fn packages_have_their_origin_and_files_their_directory() {
        let (facts, result) = read(DATABASES[0], SAMPLE.as_bytes());
        result.expect("reads");
        let [Fact::Package { package, files }, Fact::Package { package: scripts, files: none }] =
            &facts.list[..]
        else {
            panic!("{:?}", facts.list);
        };
        assert_eq!((package.name.as_str(), package.version.as_str()), ("libcrypto3", "3.3.2-r0"));
        assert_eq!(package.arch.as_deref(), Some("x86_64"));
        let source = package.source.as_ref().expect("always");
        assert_eq!((source.name.as_str(), source.version.as_str()), ("openssl", "3.3.2-r0"));
        assert_eq!(files, &["usr/lib/libcrypto.so.3", "init"]);
        assert_eq!(scripts.source.as_ref().expect("always").name, "scripts");
        assert_eq!(scripts.licenses, ["GPL-2.0-only AND MIT"]);
        assert!(none.is_empty());
    }

    #[test]
    fn a_record_without_a_name_is_an_error_and_the_others_stand() {
        let (facts, result) = read(DATABASES[1], b"V:1\n\nP:a\nV:2\n");
        assert_eq!(facts.packages().count(), 1);
        assert!(result.is_err());
    }

    #[test]
    fn another_root_inside_this_one_is_told_but_not_mixed_in() {
        let (facts, _) = read(b"rootfs/lib/apk/db/installed", SAMPLE.as_bytes());
        assert!(matches!(facts.list[..], [Fact::Skipped { .. }]));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b':'), Just(b'F'), Just(b'R'), any::<u8>()], 0..400)) {
            let _ = read(DATABASES[0], &bytes);
        }

        #[test]
        fn neither_does_a_damaged_database(at in 0..SAMPLE.len(), with: Vec<u8>) {
            let mut bytes = SAMPLE.as_bytes().to_vec();
            bytes.splice(at..at, with);
            let _ = read(DATABASES[0], &bytes);
        }
    }
}
