//! The records that come with the program, so that a first scan without a network tells something already. They are OSV, in
//! `starter/`, written for Gabion; what they leave out is nearly everything, so a scan by them is never more than partial.

use crate::{
    database::{CompileError, Compiled, Compiler},
    feed::{FeedLimits, Kind, Rejected},
};
use gabion_model::Digest;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// Well-known vulnerabilities of all ecosystems, and what Debian 12 mended since its release.
const RECORDS: [(&str, &[u8]); 2] = [
    ("known.jsonl", include_bytes!("../starter/known.jsonl")),
    ("debian-12.jsonl", include_bytes!("../starter/debian-12.jsonl")),
];

/// Why a scan by them is partial.
const PARTIAL: &str =
    "only the starter records, which are a few of all (gabion db update or build brings more)";

/// Names the records: of two programs with the same ones it is the same.
pub fn id() -> Digest {
    let mut hash = Sha256::new();
    for (_, bytes) in RECORDS {
        hash.update(bytes);
    }
    Digest::sha256(hash.finalize().into())
}

/// Writes them as a source.
pub fn compile(path: &Path) -> Result<Compiled, CompileError> {
    let mut tell = |_: &Rejected| {};
    let mut compiler = Compiler::new(None, Timestamp::MAX, &mut tell).plain();
    for (name, bytes) in RECORDS {
        compiler.import_bytes(Kind::Osv, name, bytes, &FeedLimits::DEFAULT)?;
    }
    compiler.finish("starter", Some(PARTIAL), path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Database;

    #[test]
    fn all_records_are_taken_and_the_source_says_that_it_is_partial() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("starter");
        let compiled = compile(&path).expect("compiles");
        assert_eq!(compiled.rejected, 0);
        assert!(compiled.about.records >= 100, "{}", compiled.about.records);
        let database = Database::open([&path]).expect("opens");
        assert!(database.sources()[0].about().partial.is_some());
        assert!(database.sources()[0].advisory("CVE-2021-44228").expect("reads").is_some());
    }
}
