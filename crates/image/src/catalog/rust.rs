//! Rust programs built with `cargo auditable`: the crates they were built from.
//!
//! The section `.dep-v0` holds zlib-compressed JSON
//! (<https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md>):
//!
//! ```json
//! {"packages":[{"name":"serde","version":"1.0.200","source":"crates.io"},
//!              {"name":"tool","version":"0.1.0","source":"local","dependencies":[0],"root":true}]}
//! ```
//!
//! Crates that only ran during the build (`"kind":"build"`) are not in the program, and not told.

use super::{
    Candidate, Cataloger, Want,
    elf::{Elf, length},
};
use crate::{
    caps,
    content::{Content, ReadError},
    facts::Facts,
};
use gabion_model::{Aspect, Package, PackageKind};
use std::io::BufReader;

/// Bytes of the section; a program of 1,000 crates has 10 kB.
const MAX_SECTION: usize = 4 << 20;
/// Bytes of the JSON.
const MAX_JSON: u64 = 16 << 20;

/// Rust programs in ELF files.
#[derive(Debug)]
pub struct RustBinary;

impl Cataloger for RustBinary {
    fn name(&self) -> &'static str {
        "rust-binary"
    }

    fn aspect(&self) -> Aspect {
        Aspect::named("packages.cargo")
    }

    fn want(&self, file: &Candidate<'_>) -> Want {
        if file.is_program() { Want::Elf } else { Want::No }
    }

    fn read(&self, _file: &Candidate<'_>, content: &Content<'_>, out: &mut Facts) -> Result<(), ReadError> {
        let Some(section) = Elf::open(content)?.and_then(|elf| elf.section(".dep-v0")) else {
            return Ok(());
        };
        if length(&section) > MAX_SECTION {
            return Err(ReadError::TooLarge { what: "the list of crates", limit: MAX_SECTION as u64 });
        }
        let packed = content.range(section.start, length(&section))?;
        let json = caps::inflate_zlib(&packed[..], "the list of crates", MAX_JSON);
        let list: wire::List = serde_json::from_reader(BufReader::new(json))
            .map_err(|error| ReadError::malformed(format!("the list of crates is damaged: {error}")))?;
        for krate in list.packages {
            if krate.kind != "runtime" || krate.name.is_empty() {
                continue;
            }
            let mut package = Package::new(PackageKind::Cargo, krate.name, krate.version, self.name());
            if krate.root {
                package.facts.push(("main".to_owned(), "true".to_owned()));
            }
            // Advisories speak of the crates of crates.io: a fork must be told apart from its origin.
            if !matches!(krate.source.as_str(), "" | "crates.io") {
                package.facts.push(("source".to_owned(), krate.source));
            }
            out.package(package, Vec::new());
        }
        Ok(())
    }
}

/// The document as it is written.
mod wire {
    use serde::Deserialize;

    #[derive(Deserialize)]
    pub(super) struct List {
        pub(super) packages: Vec<Crate>,
    }

    #[derive(Deserialize)]
    pub(super) struct Crate {
        pub(super) name: String,
        pub(super) version: String,
        #[serde(default)]
        pub(super) source: String,
        #[serde(default = "runtime")]
        pub(super) kind: String,
        #[serde(default)]
        pub(super) root: bool,
    }

    fn runtime() -> String {
        "runtime".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Scope, elf::build::Builder};
    use flate2::{Compression, write::ZlibEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut out = ZlibEncoder::new(Vec::new(), Compression::default());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn read(section: &[u8]) -> Result<Facts, ReadError> {
        let bytes = Builder::new(true, false).section(".dep-v0", section).build();
        let file =
            Candidate { path: b"usr/bin/t", size: bytes.len() as u64, mode: 0o755, scope: Scope::Image };
        let mut facts = Facts::default();
        RustBinary.read(&file, &Content::Memory(&bytes), &mut facts).map(|()| facts)
    }

    const JSON: &str = r#"{"packages":[
        {"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
        {"name":"serde","version":"1.0.200","source":"crates.io"},
        {"name":"patched","version":"0.3.0","source":"git","kind":"runtime"},
        {"name":"tool","version":"0.1.0","source":"local","dependencies":[0,1],"root":true}],"format":1}"#;

    #[test]
    fn crates_of_the_build_are_not_in_the_program() {
        let facts = read(&zlib(JSON.as_bytes())).unwrap();
        let told: Vec<_> =
            facts.packages().map(|p| (p.name.as_str(), p.version.as_str(), p.facts.len())).collect();
        assert_eq!(told, [("serde", "1.0.200", 0), ("patched", "0.3.0", 1), ("tool", "0.1.0", 2)]);
    }

    #[test]
    fn what_is_damaged_or_a_bomb_is_an_error() {
        assert!(matches!(read(b"not zlib"), Err(ReadError::Malformed(_))));
        assert!(matches!(read(&zlib(br#"{"packages":7}"#)), Err(ReadError::Malformed(_))));
        let bomb = [br#"{"packages":["#.as_slice(), &b" ".repeat(MAX_JSON as usize + 1)].concat();
        let error = read(&zlib(&bomb)).map(|_| ()).expect_err("too large").to_string();
        assert!(error.contains("limit"), "{error}");
    }

    proptest! {
        #[test]
        fn mutated_lists_never_panic(at in 0usize..400, byte: u8) {
            let mut packed = zlib(JSON.as_bytes());
            let len = packed.len();
            packed[at % len] = byte;
            let _ = read(&packed);
        }
    }
}
