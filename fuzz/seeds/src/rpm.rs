//! RPM databases in all three formats, built as the unit tests build theirs.

#[path = "../../../crates/image/src/catalog/rpm/fixture.rs"]
mod fixture;

mod header {
    /// The tags that the fixture names.
    #[derive(Clone, Copy)]
    #[repr(u32)]
    pub enum Tag {
        Name = 1000,
        Version = 1001,
        Release = 1002,
        License = 1014,
        Arch = 1022,
        SourceRpm = 1044,
        DirIndexes = 1116,
        BaseNames = 1117,
        DirNames = 1118,
    }
}

use fixture::HeaderFixture;
use header::Tag;

/// One database of each format; Berkeley's in both byte orders.
pub fn databases() -> Vec<Vec<u8>> {
    let records: Vec<Vec<u8>> = [("base", 3), ("more", 40)]
        .into_iter()
        .map(|(name, files)| {
            HeaderFixture::package(name, "1.2", "3.el9")
                .text(Tag::License, "MIT")
                .text(Tag::SourceRpm, "base-1.2-3.el9.src.rpm")
                .with_files(name, files)
                .build()
        })
        .collect();
    vec![
        fixture::sqlite(&records),
        fixture::ndb(&records),
        fixture::bdb(&records, false),
        fixture::bdb(&records, true),
    ]
}
