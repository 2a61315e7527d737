//! Conda: `conda-meta/*.json`, one record for each package of an environment.
//!
//! The record lists the files of the package relative to the environment, which is the directory that holds
//! `conda-meta`. So the Python package that lies in `site-packages` can be seen to be Conda's.

use super::{Candidate, Cataloger, Scope, Want, json};
use crate::{
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::{Aspect, Package, PackageKind, path};
use serde::Deserialize;

/// Packages of a Conda environment.
#[derive(Debug)]
pub struct CondaMeta;

#[derive(Deserialize)]
struct Record {
    #[serde(default, deserialize_with = "json::text")]
    name: String,
    #[serde(default, deserialize_with = "json::text")]
    version: String,
    #[serde(default, deserialize_with = "json::text")]
    build: String,
    #[serde(default, deserialize_with = "json::text")]
    channel: String,
    #[serde(default, deserialize_with = "json::text")]
    subdir: String,
    #[serde(rename = "fn", default, deserialize_with = "json::text")]
    file_name: String,
    #[serde(default, deserialize_with = "json::text")]
    license: String,
    #[serde(default, deserialize_with = "json::texts")]
    files: Vec<String>,
}

impl Cataloger for CondaMeta {
    fn name(&self) -> &'static str {
        "conda"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.conda")
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        let in_meta = || path::name(path::parent(file.path)) == b"conda-meta";
        if file.scope == Scope::Image && file.path.ends_with(b".json") && in_meta() {
            Want::Content
        } else {
            Want::No
        }
    }

    fn read(&self, file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let record: Record = json::parse(content)?;
        if record.name.is_empty() || record.version.is_empty() {
            return Err(ReadError::malformed("has no name or no version"));
        }
        let mut package = Package::new(PackageKind::Conda, record.name, record.version, self.name());
        let qualifiers = [
            ("build", record.build.as_str()),
            ("channel", channel(&record.channel, &record.subdir)),
            ("subdir", &record.subdir),
            ("type", archive_type(&record.file_name)),
        ];
        package.qualifiers = qualifiers
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        if !record.license.is_empty() {
            package.licenses.push(record.license);
        }
        let environment = path::parent(path::parent(file.path));
        let files = record.files.iter().filter_map(|name| inside(environment, name)).collect();
        out.package(package, files);
        Ok(())
    }
}

/// The image path of a file of the environment; none for a path that leaves it.
fn inside(environment: &[u8], name: &str) -> Option<String> {
    let name = path::normalise(name.as_bytes()).ok().filter(|name| !name.is_empty())?;
    let mut whole = environment.to_vec();
    if !whole.is_empty() {
        whole.push(b'/');
    }
    whole.extend_from_slice(&name);
    String::from_utf8(whole).ok()
}

/// The channel's name. Its URL is left out, for it may carry an access token.
fn channel<'a>(channel: &'a str, subdir: &str) -> &'a str {
    let channel = channel.trim_end_matches('/');
    let channel = channel.strip_suffix(subdir).and_then(|rest| rest.strip_suffix('/')).unwrap_or(channel);
    channel.rsplit('/').next().unwrap_or_default()
}

/// How the package was packed: the two formats there are.
fn archive_type(file_name: &str) -> &'static str {
    [".tar.bz2", ".conda"].into_iter().find(|end| file_name.ends_with(end)).map_or("", |end| &end[1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Fact;
    use proptest::prelude::*;

    const RECORD: &str = r#"{"name":"zlib","version":"1.2.11","build":"h90_1014","build_number":1014,
        "channel":"https://conda.example/t/tk-secret/conda-forge/linux-64","subdir":"linux-64",
        "fn":"zlib-1.2.11-h90_1014.tar.bz2","license":"Zlib","files":["lib/libz.so","../../etc/passwd","./include//zlib.h"],
        "paths_data":{"paths":[]}}"#;

    fn read(file: &str, text: &[u8]) -> Result<(Package, Vec<String>), ReadError> {
        let file =
            Candidate { path: file.as_bytes(), size: text.len() as u64, mode: 0o644, scope: Scope::Image };
        assert_eq!(CondaMeta.want(&file), Want::Content);
        let mut out = Facts::default();
        CondaMeta.read(&file, &Content::Memory(text), &mut out)?;
        match out.list.pop() {
            Some(Fact::Package { package, files }) => Ok((package, files)),
            _ => Err(ReadError::malformed("told nothing")),
        }
    }

    #[test]
    fn a_record_tells_the_package_and_the_files_inside_its_environment() {
        let (package, files) =
            read("opt/conda/envs/a/conda-meta/zlib-1.2.11.json", RECORD.as_bytes()).expect("reads");
        assert_eq!(
            package.purl(None),
            "pkg:conda/zlib@1.2.11?build=h90_1014&channel=conda-forge&subdir=linux-64&type=tar.bz2"
        );
        assert_eq!(package.licenses, ["Zlib"]);
        assert_eq!(files, ["opt/conda/envs/a/lib/libz.so", "opt/conda/envs/a/include/zlib.h"]);
        let (_, files) = read("conda-meta/zlib.json", RECORD.as_bytes()).expect("reads");
        assert_eq!(files[0], "lib/libz.so");
    }

    #[test]
    fn channels_are_named_without_their_url() {
        assert_eq!(channel("https://repo.example/pkgs/main/linux-64", "linux-64"), "main");
        assert_eq!(channel("https://conda.example/conda-forge/", "noarch"), "conda-forge");
        assert_eq!(channel("defaults", ""), "defaults");
    }

    #[test]
    fn a_record_without_name_or_version_is_an_error() {
        for text in ["{}", "[]", "", r#"{"name":"a"}"#, r#"{"name":1,"version":2}"#] {
            assert!(
                matches!(read("conda-meta/a.json", text.as_bytes()), Err(ReadError::Malformed(_))),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read("conda-meta/a.json", &bytes);
        }

        #[test]
        fn mutated_records_never_panic(at in 0..RECORD.len(), byte in any::<u8>()) {
            let mut text = RECORD.as_bytes().to_vec();
            text[at] = byte;
            let _ = read("x/conda-meta/a.json", &text);
        }
    }
}
