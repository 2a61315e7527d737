//! Arch Linux and its kin: the local database of `pacman`.
//!
//! ```text
//!  var/lib/pacman/local/bash-5.2.037-1/desc    sections: %NAME%, %VERSION%, …    ─► Fact::Package
//!  var/lib/pacman/local/bash-5.2.037-1/files   a section %FILES%                 ─► Fact::Owns
//! ```
//!
//! A section is its title between `%`, then one value a line, then a blank line. A list belongs to the
//! record in the same directory.

use super::{
    Candidate, Cataloger, Want,
    paragraphs::{MAX_FILES, too_many},
};
use crate::{
    caps::Limits,
    content::{Content, ReadError},
    facts::{Fact, Facts},
};
use gabion_model::{Aspect, Package, PackageKind, SourcePackage, path};

const LOCAL: &[u8] = b"var/lib/pacman/local";

/// Reads package records of pacman.
#[derive(Debug)]
pub struct PacmanDesc;

/// Reads file lists of pacman.
#[derive(Debug)]
pub struct PacmanFiles;

impl Cataloger for PacmanDesc {
    fn name(&self) -> &'static str {
        "pacman"
    }

    fn aspect(&self) -> Aspect {
        Aspect::PACKAGES_OS
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        want(file, b"desc")
    }

    fn read(&self, _file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let bytes = content.bytes(Limits::DEFAULT.document)?;
        let text = |value: &[u8]| path::display(value).into_owned();
        let mut package = Package::new(PackageKind::Alpm, "", "", "pacman");
        let mut base = None;
        for (section, value) in values(&bytes) {
            match section {
                b"NAME" => package.name = text(value),
                b"VERSION" => package.version = text(value),
                b"BASE" => base = Some(text(value)),
                b"ARCH" => package.arch = Some(text(value)),
                b"LICENSE" => package.licenses.push(text(value)),
                _ => {}
            }
        }
        if package.name.is_empty() {
            return Err(ReadError::malformed("has no %NAME%"));
        }
        package.source = Some(SourcePackage {
            name: base.unwrap_or_else(|| package.name.clone()),
            version: package.version.clone(),
        });
        out.package(package, Vec::new());
        Ok(())
    }
}

impl Cataloger for PacmanFiles {
    fn name(&self) -> &'static str {
        "pacman-files"
    }

    fn aspect(&self) -> Aspect {
        Aspect::PACKAGES_OS
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        want(file, b"files")
    }

    fn read(&self, _file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let bytes = content.bytes(Limits::DEFAULT.document)?;
        let files: Vec<_> = values(&bytes)
            // Directories end with a slash.
            .filter(|(section, value)| *section == b"FILES" && !value.ends_with(b"/"))
            .filter_map(|(_, value)| path::normalise(value).ok())
            .filter(|path| !path.is_empty())
            .map(|path| path::display(&path).into_owned())
            .take(MAX_FILES + 1)
            .collect();
        if files.len() > MAX_FILES {
            return Err(too_many("files", MAX_FILES));
        }
        if !files.is_empty() {
            out.push(Fact::Owns(files));
        }
        Ok(())
    }
}

fn want(file: &Candidate<'_>, name: &[u8]) -> Want {
    if file.name() == name && path::parent(path::parent(file.path)) == LOCAL {
        Want::Content
    } else {
        Want::No
    }
}

/// Each value with the title of its section.
fn values(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut section: &[u8] = b"";
    bytes.split(|&b| b == b'\n').filter_map(move |line| {
        let line = line.trim_ascii_end();
        match line {
            [] => section = b"",
            [b'%', title @ .., b'%'] if section.is_empty() => section = title,
            value if !section.is_empty() => return Some((section, value)),
            _ => {}
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Scope;
    use proptest::prelude::*;

    fn read(cataloger: &dyn Cataloger, path: &[u8], text: &[u8]) -> Result<Facts, ReadError> {
        let candidate = Candidate { path, size: text.len() as u64, mode: 0o644, scope: Scope::Image };
        assert_eq!(cataloger.want(&candidate), Want::Content);
        let mut facts = Facts::default();
        cataloger.read(&candidate, &Content::Memory(text), &mut facts)?;
        Ok(facts)
    }

    const DESC: &[u8] = b"var/lib/pacman/local/gcc-libs-14.2.1-1/desc";
    const FILES: &[u8] = b"var/lib/pacman/local/gcc-libs-14.2.1-1/files";
    const SAMPLE: &str = "%NAME%\ngcc-libs\n\n%VERSION%\n1:14.2.1-1\n\n%BASE%\ngcc\n\n%DESC%\n%ARCH% is no title here\n\n\
        %ARCH%\nx86_64\n\n%LICENSE%\nGPL-3.0-or-later\nLGPL-3.0-or-later\n\n%VALIDATION%\npgp\n";

    #[test]
    fn a_record_has_its_base_as_source_and_every_licence() {
        let facts = read(&PacmanDesc, DESC, SAMPLE.as_bytes()).expect("reads");
        let package = facts.packages().next().expect("one");
        assert_eq!((package.name.as_str(), package.version.as_str()), ("gcc-libs", "1:14.2.1-1"));
        assert_eq!(package.arch.as_deref(), Some("x86_64"));
        assert_eq!(package.licenses, ["GPL-3.0-or-later", "LGPL-3.0-or-later"]);
        let source = package.source.as_ref().expect("always");
        assert_eq!((source.name.as_str(), source.version.as_str()), ("gcc", "1:14.2.1-1"));
        assert!(read(&PacmanDesc, DESC, b"%VERSION%\n1\n").is_err());
    }

    #[test]
    fn a_list_gives_files_and_neither_directories_nor_backups() {
        let text =
            b"%FILES%\nusr/\nusr/lib/\nusr/lib/libgcc_s.so.1\n../../etc/shadow\n\n%BACKUP%\netc/x\tabc\n";
        let facts = read(&PacmanFiles, FILES, text).expect("reads");
        assert_eq!(facts.list, [Fact::Owns(vec!["usr/lib/libgcc_s.so.1".to_owned()])]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'%'), any::<u8>()], 0..300)) {
            let _ = read(&PacmanDesc, DESC, &bytes);
            let _ = read(&PacmanFiles, FILES, &bytes);
        }

        #[test]
        fn neither_does_a_damaged_record(at in 0..SAMPLE.len(), with: Vec<u8>) {
            let mut bytes = SAMPLE.as_bytes().to_vec();
            bytes.splice(at..at, with);
            let _ = read(&PacmanDesc, DESC, &bytes);
        }
    }
}
