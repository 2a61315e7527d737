//! Python distributions that are installed.
//!
//! ```text
//! site-packages/requests-2.31.0.dist-info/METADATA        wheel (PEP 376, PEP 566)       the package
//!                                         RECORD          CSV: path,hash,size            its files
//! dist-packages/six-1.16.0.egg-info/PKG-INFO              setuptools                     the package
//!                                   installed-files.txt   paths from the directory       its files
//! dist-packages/distro_info-1.5.egg-info                  distutils: a file              the package
//! site-packages/foo-1.0-py3.11.egg/EGG-INFO/PKG-INFO      unpacked egg                   the package
//! site-packages/foo-1.0-py3.11.egg                        an egg that is an archive      the package
//! ```
//!
//! `SOURCES.txt` of an `.egg-info` lists the source tree it was built from, not what is installed: unread.

use super::{Candidate, Cataloger, Scope, Want};
use crate::{
    caps::{Capped, Limits},
    content::{Content, ReadError},
    facts::{Fact, Facts},
};
use gabion_model::{Aspect, Package, PackageKind, path};
use std::io::Read;

const ASPECT: Aspect = Aspect::named("packages.pypi");

/// Reads the metadata of a distribution.
#[derive(Debug)]
pub struct PythonMetadata;

impl Cataloger for PythonMetadata {
    fn name(&self) -> &'static str {
        "python"
    }

    fn aspect(&self) -> Aspect {
        ASPECT
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.scope != Scope::Image {
            return Want::No;
        }
        let directory = || path::name(path::parent(file.path)).to_ascii_lowercase();
        match file.name() {
            b"METADATA" if directory().ends_with(b".dist-info") => Want::Content,
            b"PKG-INFO" if directory().ends_with(b".egg-info") || directory() == b"egg-info" => Want::Content,
            name if name.ends_with(b".egg-info") => Want::Content,
            name if name.ends_with(b".egg") => Want::Zip,
            _ => Want::No,
        }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let bytes = if file.name().ends_with(b".egg") {
            match member(content, "EGG-INFO/PKG-INFO")? {
                Some(bytes) => bytes.into(),
                None => return Ok(()),
            }
        } else {
            content.bytes(Limits::DEFAULT.document)?
        };
        let metadata = Metadata::parse(&bytes);
        let name =
            metadata.name.ok_or_else(|| ReadError::malformed("a Python distribution without a name"))?;
        let version = metadata
            .version
            .ok_or_else(|| ReadError::malformed("a Python distribution without a version"))?;
        let mut package = Package::new(PackageKind::Pypi, name, version, self.name());
        package.licenses = metadata.licenses;
        out.package(package, Vec::new());
        Ok(())
    }
}

/// One member of a ZIP archive, if it is there.
fn member(content: &Content<'_>, name: &'static str) -> Result<Option<Vec<u8>>, ReadError> {
    let broken = |error: zip::result::ZipError| ReadError::malformed(format!("a broken archive: {error}"));
    let mut archive = zip::ZipArchive::new(std::io::BufReader::new(content.reader())).map_err(broken)?;
    let entry = match archive.by_name(name) {
        Ok(entry) => entry,
        Err(zip::result::ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(broken(error)),
    };
    let mut bytes = Vec::new();
    Capped::new(entry, name, Limits::DEFAULT.document).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// The header fields that matter, of the mail-like core metadata format.
#[derive(Debug, Default)]
struct Metadata {
    name: Option<String>,
    version: Option<String>,
    licenses: Vec<String>,
}

impl Metadata {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut metadata = Self::default();
        let (mut expression, mut declared, mut classified) = (None, None, Vec::new());
        let mut lines = text.trim_start_matches('\u{feff}').lines().peekable();
        // The headers end at the first empty line; a description follows. A line of blanks continues a header.
        while let Some(line) = lines.next().filter(|line| !line.is_empty()) {
            let continued = lines.peek().is_some_and(|next| next.starts_with([' ', '\t']));
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match key.to_ascii_lowercase().as_str() {
                "name" => metadata.name.get_or_insert_with(|| value.to_owned()),
                "version" => metadata.version.get_or_insert_with(|| value.to_owned()),
                "license-expression" => expression.get_or_insert_with(|| value.to_owned()),
                // Over several lines it is the text of a licence, not its name.
                "license" if !continued && !value.eq_ignore_ascii_case("unknown") => {
                    declared.get_or_insert_with(|| value.to_owned())
                }
                "classifier" => {
                    classified.extend(license_class(value));
                    continue;
                }
                _ => continue,
            };
        }
        metadata.licenses = match (expression, declared) {
            (Some(expression), _) => vec![expression],
            (None, _) if !classified.is_empty() => classified,
            (None, declared) => declared.into_iter().collect(),
        };
        metadata
    }
}

/// `License :: OSI Approved :: MIT License` says `MIT License`; `License :: OSI Approved` alone says nothing.
fn license_class(classifier: &str) -> Option<String> {
    let class = classifier.strip_prefix("License ::")?;
    let last = class.rsplit("::").next()?.trim();
    (!last.is_empty() && last != "OSI Approved").then(|| last.to_owned())
}

/// Reads the list of a distribution's files.
#[derive(Debug)]
pub struct PythonRecord;

impl Cataloger for PythonRecord {
    fn name(&self) -> &'static str {
        "python-record"
    }

    fn aspect(&self) -> Aspect {
        ASPECT
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        let directory = path::parent(file.path);
        let wanted = match file.name() {
            b"RECORD" => directory.ends_with(b".dist-info"),
            b"installed-files.txt" => directory.ends_with(b".egg-info"),
            _ => false,
        };
        if wanted && file.scope == Scope::Image { Want::Content } else { Want::No }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let bytes = content.bytes(Limits::DEFAULT.document)?;
        let directory = path::parent(file.path);
        let mut files = Files::default();
        let complete = if file.name() == b"RECORD" {
            let base = path::parent(directory);
            first_fields(&bytes).all(|path| files.add(base, &path))
        } else {
            let mut lines = bytes.split(|&b| b == b'\n');
            lines.all(|line| files.add(directory, line.trim_ascii()))
        };
        if !files.paths.is_empty() {
            out.push(Fact::Owns(files.paths));
        }
        if complete {
            Ok(())
        } else {
            Err(ReadError::TooLarge {
                what: "list of files, with their directory,",
                limit: Limits::DEFAULT.document,
            })
        }
    }
}

/// The files of a distribution. A short name in a deep directory makes a long path, so their bytes are counted.
#[derive(Default)]
struct Files {
    paths: Vec<String>,
    bytes: u64,
}

impl Files {
    /// Adds a path that is relative to `base`; false if that is one too many. A path that is empty or leaves
    /// the image names no file.
    fn add(&mut self, base: &[u8], relative: &[u8]) -> bool {
        if let Some(path) = resolve(base, relative) {
            self.bytes += (path.len() + size_of::<String>()) as u64;
            if self.bytes > Limits::DEFAULT.document {
                return false;
            }
            self.paths.push(path);
        }
        true
    }
}

/// The first field of each line of a CSV file (RFC 4180): a quoted one may hold commas and line breaks.
fn first_fields(csv: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let mut rest = csv;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut field = Vec::new();
        if let [b'"', quoted @ ..] = rest {
            rest = quoted;
            while let Some(end) = memchr::memchr(b'"', rest) {
                field.extend_from_slice(&rest[..end]);
                rest = &rest[end + 1..];
                let [b'"', more @ ..] = rest else { break };
                field.push(b'"');
                rest = more;
            }
        } else {
            let end = memchr::memchr3(b',', b'\n', b'\r', rest).unwrap_or(rest.len());
            field.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        rest = memchr::memchr(b'\n', rest).map_or(&[], |end| &rest[end + 1..]);
        Some(field)
    })
}

/// A path of a list as image path.
fn resolve(base: &[u8], relative: &[u8]) -> Option<String> {
    let joined = match relative {
        [] => return None,
        [b'/', ..] => relative.to_vec(),
        relative => [base, relative].join(&b'/'),
    };
    let path = path::normalise(&joined).ok()?;
    (!path.is_empty()).then(|| path::display(&path).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(path: &str) -> Candidate<'_> {
        Candidate { path: path.as_bytes(), size: 0, mode: 0o644, scope: Scope::Image }
    }

    fn told(path: &str, bytes: &[u8]) -> Vec<(String, String, Vec<String>)> {
        let mut facts = Facts::default();
        PythonMetadata.read(&file(path), &Content::Memory(bytes), &mut facts).expect("reads");
        facts.packages().map(|p| (p.name.clone(), p.version.clone(), p.licenses.clone())).collect()
    }

    fn owned(path: &str, bytes: &[u8]) -> Vec<String> {
        let mut facts = Facts::default();
        PythonRecord.read(&file(path), &Content::Memory(bytes), &mut facts).expect("reads");
        match facts.list.pop() {
            Some(Fact::Owns(files)) => files,
            _ => Vec::new(),
        }
    }

    #[test]
    fn each_kind_of_record_is_wanted_and_source_lists_are_not() {
        for (path, want) in [
            ("lib/site-packages/Flask_X-2.0.dist-info/METADATA", Want::Content),
            ("lib/six-1.egg-info/PKG-INFO", Want::Content),
            ("lib/six-1.egg-info", Want::Content),
            ("lib/six-1-py3.egg/EGG-INFO/PKG-INFO", Want::Content),
            ("lib/six-1-py3.egg", Want::Zip),
            ("lib/six-1.egg-info/SOURCES.txt", Want::No),
            ("src/PKG-INFO", Want::No),
            ("METADATA", Want::No),
        ] {
            assert_eq!(PythonMetadata.want(&file(path)), want, "{path}");
        }
        let tree = Candidate { scope: Scope::SourceTree, ..file("lib/six-1.egg-info/PKG-INFO") };
        assert_eq!(PythonMetadata.want(&tree), Want::No);
        assert_eq!(PythonRecord.want(&file("lib/a.dist-info/RECORD")), Want::Content);
        assert_eq!(PythonRecord.want(&file("lib/a.egg-info/SOURCES.txt")), Want::No);
    }

    #[test]
    fn headers_end_where_the_description_begins_and_the_best_licence_wins() {
        let metadata =
            b"Metadata-Version: 2.1\r\nName: Zope.Interface\r\nVersion: 5.0\r\nLicense: ZPL 2.1\r\n\
            Classifier: Programming Language :: Python\r\nClassifier: License :: OSI Approved\r\n\
            Classifier: License :: OSI Approved :: Zope Public License\r\n\r\nName: other\r\n";
        assert_eq!(
            told("a.dist-info/METADATA", metadata),
            [("Zope.Interface".into(), "5.0".into(), vec!["Zope Public License".into()])]
        );
        let licences = |headers: &str| {
            told("a.egg-info", format!("Name: a\nVersion: 1\n{headers}").as_bytes()).remove(0).2
        };
        assert_eq!(licences("License: MIT\nLicense-Expression: MIT OR ISC\n"), ["MIT OR ISC"]);
        assert_eq!(licences("License: BSD-3-Clause\n"), ["BSD-3-Clause"]);
        assert!(licences("License: UNKNOWN\n").is_empty());
        let text = "License: Copyright (c) me\n        \n        Name: x\nClassifier: License :: MIT\n";
        assert_eq!(licences(text), ["MIT"]);
    }

    #[test]
    fn a_record_without_name_or_version_is_an_error() {
        let mut facts = Facts::default();
        for bytes in [&b""[..], b"Name: a\n", b"Version: 1\n\nName: a\n"] {
            let read = PythonMetadata.read(&file("a.egg-info"), &Content::Memory(bytes), &mut facts);
            assert!(read.is_err());
        }
    }

    #[test]
    fn an_egg_that_is_an_archive_is_opened() {
        use std::io::Write;
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        zip.start_file("EGG-INFO/PKG-INFO", zip::write::SimpleFileOptions::default()).expect("starts");
        zip.write_all(b"Name: foo\nVersion: 3\n").expect("writes");
        let egg = zip.finish().expect("finishes").into_inner();
        assert_eq!(told("lib/foo-3.egg", &egg)[0].0, "foo");
    }

    #[test]
    fn paths_of_a_record_are_relative_to_the_directory_around_it() {
        let record = b"requests/api.py,sha256=abc,12\r\n\"odd,\"\"name\"\".py\",,\n../../../bin/x,,\n\n/etc/x.conf,,\n\
            ../../../../../../etc/passwd,,\nlast";
        assert_eq!(
            owned("usr/lib/python3/site-packages/r-1.dist-info/RECORD", record),
            [
                "usr/lib/python3/site-packages/requests/api.py",
                "usr/lib/python3/site-packages/odd,\"name\".py",
                "usr/bin/x",
                "etc/x.conf",
                "usr/lib/python3/site-packages/last",
            ]
        );
        assert_eq!(
            owned("lib/six.egg-info/installed-files.txt", b"../six.py\nPKG-INFO\n"),
            ["lib/six.py", "lib/six.egg-info/PKG-INFO"]
        );
    }

    #[test]
    fn a_list_cannot_grow_with_the_directory_it_lies_in() {
        let path = format!("{}/a.dist-info/RECORD", "d".repeat(4000));
        let mut facts = Facts::default();
        let read = PythonRecord.read(&file(&path), &Content::Memory(&b"a\n".repeat(30_000)), &mut facts);
        assert!(matches!(read, Err(ReadError::TooLarge { .. })));
        assert!(matches!(&facts.list[..], [Fact::Owns(files)] if files.len() < 20_000));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut facts = Facts::default();
            for path in ["a.egg-info", "a.egg"] {
                let _ = PythonMetadata.read(&file(path), &Content::Memory(&bytes), &mut facts);
            }
            for path in ["l/a.dist-info/RECORD", "l/a.egg-info/installed-files.txt"] {
                let _ = PythonRecord.read(&file(path), &Content::Memory(&bytes), &mut facts);
            }
        }

        #[test]
        fn every_line_of_a_csv_gives_one_field(text in "([a-c\",]|\r\n){0,40}") {
            let lines = text.bytes().filter(|&b| b == b'\n').count();
            prop_assert!(first_fields(text.as_bytes()).count() <= lines + 1);
        }
    }
}
