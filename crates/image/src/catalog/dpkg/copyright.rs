//! Licences, from `usr/share/doc/NAME/copyright`.
//!
//! Most packages write the machine-readable form (DEP-5): `License:` fields with short names, the text on
//! continued lines. Short names are told as they stand (`GPL-2+`, `BSD-3-clause or GPL-2`). The rest is prose;
//! there the texts it refers to under `/usr/share/common-licenses` are told.

use super::package_of;
use crate::{
    caps::Limits,
    catalog::{Candidate, Cataloger, Want},
    content::{Content, ReadError},
    facts::{Fact, Facts},
};
use gabion_model::Aspect;
use std::collections::BTreeSet;

/// Longer is prose, not a name.
const MAX_NAME: usize = 120;

/// Reads Debian copyright files.
#[derive(Debug)]
pub struct DpkgCopyright;

impl Cataloger for DpkgCopyright {
    fn name(&self) -> &'static str {
        "dpkg-copyright"
    }

    fn aspect(&self) -> Aspect {
        Aspect::PACKAGES_OS
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.path.ends_with(b"/copyright") && package_of(file.path).is_some() {
            Want::Content
        } else {
            Want::No
        }
    }

    fn read(&self, _file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let bytes = content.bytes(Limits::DEFAULT.document)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut licenses = declared(&text);
        if licenses.is_empty() {
            licenses = referred_to(&text);
        }
        if !licenses.is_empty() {
            out.push(Fact::Licenses(licenses.into_iter().collect()));
        }
        Ok(())
    }
}

/// The short names of `License:` fields. Files that are not machine-readable have such lines, too; there only
/// a single word is taken for a name.
fn declared(text: &str) -> BTreeSet<String> {
    let machine_readable = text.lines().any(|line| {
        field(line, "Format")
            .is_some_and(|value| value.contains("copyright-format") || value.contains("dep5"))
    });
    text.lines()
        .filter_map(|line| field(line, "License"))
        .map(|value| value.split_whitespace().collect::<Vec<_>>())
        .filter(|words| machine_readable || words.len() == 1)
        .map(|words| words.join(" "))
        .map(|name| name.trim_end_matches(['.', ',']).to_owned())
        .filter(|name| !name.is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_control))
        .collect()
}

fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (head, value) = line.split_once(':')?;
    head.eq_ignore_ascii_case(name).then(|| value.trim())
}

/// The names after `/usr/share/common-licenses/`.
fn referred_to(text: &str) -> BTreeSet<String> {
    text.split("common-licenses/")
        .skip(1)
        .filter_map(|rest| {
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_')))
                .unwrap_or(rest.len());
            let name = rest[..end].trim_end_matches(['.', '-', '_']);
            (!name.is_empty() && name.len() <= MAX_NAME).then(|| name.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Scope;
    use proptest::prelude::*;

    fn read(text: &[u8]) -> Vec<String> {
        let candidate = Candidate {
            path: b"usr/share/doc/x/copyright",
            size: text.len() as u64,
            mode: 0o644,
            scope: Scope::Image,
        };
        assert_eq!(DpkgCopyright.want(&candidate), Want::Content);
        let mut facts = Facts::default();
        DpkgCopyright.read(&candidate, &Content::Memory(text), &mut facts).expect("reads");
        match facts.list.pop() {
            Some(Fact::Licenses(licenses)) => licenses,
            None => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn short_names_are_told_once_each_in_order() {
        let text = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
            Files: *\nLicense: GPL-2+\n text: see /usr/share/common-licenses/GPL-2\n\n\
            Files: a\nlicense:  BSD-3-clause or\tGPL-2\n\nFiles: b\nLicense: GPL-2+\n\nLicense:\n nothing\n";
        assert_eq!(read(text.as_bytes()), ["BSD-3-clause or GPL-2", "GPL-2+"]);
    }

    #[test]
    fn prose_tells_by_the_texts_it_refers_to() {
        let text = "License: this is free software; see\n`/usr/share/common-licenses/LGPL-2.1', and\n\
            /usr/share/common-licenses/Artistic.\n";
        assert_eq!(read(text.as_bytes()), ["Artistic", "LGPL-2.1"]);
        assert!(read(b"public domain").is_empty());
    }

    #[test]
    fn only_the_copyright_file_of_a_package_is_wanted() {
        let want = |path: &'static [u8]| {
            DpkgCopyright.want(&Candidate { path, size: 0, mode: 0, scope: Scope::Image })
        };
        assert_eq!(want(b"usr/share/doc/x/examples/copyright"), Want::No);
        assert_eq!(want(b"copyright"), Want::No);
        assert_eq!(want(b"opt/usr/share/doc/x/copyright"), Want::No);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes);
        }

        #[test]
        fn neither_do_odd_names(name in "\\PC{0,30}") {
            read(format!("Format: dep5\nLicense:{name}\n/usr/share/common-licenses/{name}").as_bytes());
        }
    }
}
