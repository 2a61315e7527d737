//! The records that come with the program, so that a first scan without a network tells something already. They are OSV, in
//! `starter/`, written for Gabion; what they leave out is nearly everything, so a scan by them is never more than partial.
//!
//! The program holds them as a segment that was compiled from them (`cargo xtask generate`): nothing is left to be done but to
//! open it, which reads what is asked for and checks it like any other.

use crate::{
    Database,
    database::{CompileError, Compiled, Compiler, Source},
    feed::{FeedLimits, Kind, Rejected},
    segment::{Segment, SegmentError},
};
use jiff::Timestamp;
use std::path::Path;

const SEGMENT: &[u8] = include_bytes!("../starter/starter.seg");

/// Well-known vulnerabilities of all ecosystems, and what Debian 12 mended since its release.
const RECORDS: [&str; 2] = ["known.jsonl", "debian-12.jsonl"];

/// Why a scan by them is partial.
const PARTIAL: &str =
    "only the starter records, which are a few of all (gabion db update or build brings more)";

/// The database of them.
pub fn database() -> Result<Database, SegmentError> {
    let segment = Segment::included("the starter database", SEGMENT)?;
    Ok(Database::new(vec![Source::new(segment)?]))
}

/// Writes the segment from the records in a directory.
pub fn compile(directory: &Path, to: &Path) -> Result<Compiled, CompileError> {
    let mut tell = |_: &Rejected| {};
    let mut compiler = Compiler::new(None, Timestamp::MAX, &mut tell);
    for name in RECORDS {
        compiler.import(Kind::Osv, &directory.join(name), &FeedLimits::DEFAULT)?;
    }
    compiler.finish("starter", Some(PARTIAL), to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_holds_is_what_the_records_say() {
        let dir = tempfile::tempdir().expect("tempdir");
        let records = Path::new(env!("CARGO_MANIFEST_DIR")).join("starter");
        let compiled = compile(&records, &dir.path().join("starter")).expect("compiles");
        assert_eq!(compiled.rejected, 0);
        let database = database().expect("opens");
        let segment = database.sources()[0].segment();
        segment.verify().expect("whole");
        assert_eq!(segment.root(), compiled.root, "starter.seg is stale: run `cargo xtask generate`");
    }

    #[test]
    fn the_source_says_that_it_is_partial() {
        let database = database().expect("opens");
        let source = &database.sources()[0];
        assert!(source.about().records >= 100 && source.about().partial.is_some());
        assert!(source.advisory("CVE-2021-44228").expect("reads").is_some());
    }
}
