//! Which files a package brought: `info/NAME.list`, and `status.d/NAME.md5sums` of distroless images.
//!
//! A list names directories, too, and does not say which they are; they are kept, as they do no harm.

use super::{INFO, owned, record_beside};
use crate::{
    caps::Limits,
    catalog::{
        Candidate, Cataloger, Want,
        paragraphs::{MAX_FILES, too_many},
    },
    content::{Content, ReadError},
    facts::{Fact, Facts},
};
use gabion_model::{Aspect, path};

/// Reads the file lists of dpkg, and of distroless images.
#[derive(Debug)]
pub struct DpkgList;

impl Cataloger for DpkgList {
    fn name(&self) -> &'static str {
        "dpkg-list"
    }

    fn aspect(&self) -> Aspect {
        Aspect::PACKAGES_OS
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        let list = file.path.ends_with(b".list") && path::parent(file.path) == INFO;
        if list || record_beside(file.path).is_some() { Want::Content } else { Want::No }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let bytes = content.bytes(Limits::DEFAULT.document)?;
        let sums = record_beside(file.path).is_some();
        let files: Vec<_> = bytes
            .split(|&b| b == b'\n')
            .filter_map(|line| {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                owned(if sums { after_digest(line)? } else { line })
            })
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

/// The path in a line of `md5sum(1)`: a digest, a blank, a blank or an asterisk, a path.
fn after_digest(line: &[u8]) -> Option<&[u8]> {
    let blank = memchr::memchr(b' ', line)?;
    let rest = line[blank..].trim_ascii_start();
    Some(rest.strip_prefix(b"*").unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Scope;
    use proptest::prelude::*;

    const LIST: &[u8] = b"var/lib/dpkg/info/dash.list";
    const SUMS: &[u8] = b"var/lib/dpkg/status.d/tzdata.md5sums";

    fn read(path: &[u8], text: &[u8]) -> Vec<String> {
        let candidate = Candidate { path, size: text.len() as u64, mode: 0o644, scope: Scope::Image };
        assert_eq!(DpkgList.want(&candidate), Want::Content);
        let mut facts = Facts::default();
        DpkgList.read(&candidate, &Content::Memory(text), &mut facts).expect("reads");
        match facts.list.pop() {
            Some(Fact::Owns(files)) => files,
            None => Vec::new(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_kinds_of_list_give_paths_without_leading_slash() {
        assert_eq!(read(LIST, b"/.\n/bin\n/bin/dash\n/usr/a b\n"), ["bin", "bin/dash", "usr/a b"]);
        assert_eq!(
            read(SUMS, b"0123  usr/share/zoneinfo/UTC\n4567 *./etc/x\n"),
            ["usr/share/zoneinfo/UTC", "etc/x"]
        );
    }

    #[test]
    fn a_path_that_leaves_the_root_is_nobody_s() {
        assert_eq!(read(LIST, b"/../../etc/shadow\n/usr\n"), ["usr"]);
        assert!(read(LIST, b"").is_empty());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(sums: bool, bytes in prop::collection::vec(
            prop_oneof![Just(b' '), Just(b'/'), Just(b'\n'), any::<u8>()], 0..300)) {
            read(if sums { SUMS } else { LIST }, &bytes);
        }
    }
}
