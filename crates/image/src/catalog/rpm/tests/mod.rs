//! The cataloger as a whole: on databases written here, and on those of the real tools ([`tools`]).

mod tools;

use super::{
    fixture::{self, HeaderFixture},
    header::Tag,
    *,
};
use crate::facts::Fact;
use proptest::prelude::*;

fn candidate(path: &str) -> Candidate<'_> {
    Candidate { path: path.as_bytes(), size: 0, mode: 0o644, scope: Scope::Image }
}

fn read(path: &str, bytes: &[u8]) -> (Facts, Result<(), ReadError>) {
    let mut facts = Facts::default();
    let result = Rpm.read(&candidate(path), &Content::Memory(bytes), &mut facts);
    (facts, result)
}

fn names(facts: &Facts) -> Vec<&str> {
    let mut names: Vec<_> = facts.packages().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    names
}

fn gaps(facts: &Facts) -> Vec<&str> {
    facts
        .list
        .iter()
        .filter_map(|fact| match fact {
            Fact::Gap { reason, .. } => Some(reason.as_str()),
            _ => None,
        })
        .collect()
}

/// A key, a package in one piece, and one that takes overflow pages.
fn records() -> Vec<Vec<u8>> {
    vec![
        HeaderFixture::package("gpg-pubkey", "8483c65d", "5ccc5b19").build(),
        HeaderFixture::package("small", "1", "2").build(),
        HeaderFixture::package("large", "1.0", "3.el9")
            .numbers(Tag::Epoch, &[1])
            .text(Tag::SourceRpm, "big-one-1.0-3.el9.src.rpm")
            .text(Tag::License, "MIT AND Apache-2.0")
            .text(Tag::Vendor, "Somebody")
            .text(Tag::ModularityLabel, "nodejs:18:1:2")
            .with_files("large", 200)
            .build(),
    ]
}

/// Path and content of the same packages in every format.
fn databases(records: &[Vec<u8>]) -> [(&'static str, Vec<u8>); 4] {
    [
        ("var/lib/rpm/rpmdb.sqlite", fixture::sqlite(records)),
        ("usr/lib/sysimage/rpm/Packages.db", fixture::ndb(records)),
        ("var/lib/rpm/Packages", fixture::bdb(records, false)),
        ("usr/share/rpm/Packages", fixture::bdb(records, true)),
    ]
}

#[test]
fn every_format_tells_the_same_packages() {
    for (path, bytes) in databases(&records()) {
        assert_eq!(Rpm.want(&candidate(path)), Want::Content);
        let (facts, result) = read(path, &bytes);
        result.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(names(&facts), ["large", "small"], "{path}");
        assert!(gaps(&facts).is_empty(), "{path}");
        let Some(Fact::Package { package, files }) = facts.list.last() else {
            panic!("{path}: no package");
        };
        insta::allow_duplicates! {
            insta::assert_json_snapshot!(package, @r#"
            {
              "kind": "rpm",
              "name": "large",
              "version": "1:1.0-3.el9",
              "arch": "x86_64",
              "source": {
                "name": "big-one",
                "version": "1:1.0-3.el9"
              },
              "licenses": [
                "MIT AND Apache-2.0"
              ],
              "found_by": "rpm",
              "locations": [],
              "qualifiers": [
                [
                  "modularitylabel",
                  "nodejs:18:1:2"
                ]
              ],
              "facts": [
                [
                  "vendor",
                  "Somebody"
                ]
              ]
            }
            "#);
        }
        assert_eq!((files.len(), files[199].as_str()), (200, "usr/share/large-199"), "{path}");
    }
}

#[test]
fn only_databases_of_rpm_are_wanted() {
    for (path, want) in [
        ("var/lib/rpm/rpmdb.sqlite-wal", Want::Content),
        ("rootfs/var/lib/rpm/Packages", Want::Content),
        ("var/lib/rpmmanifest/container-manifest-2", Want::Content),
        ("var/lib/rpmmanifest/container-manifest-1", Want::No),
        ("srvar/lib/rpm/Packages", Want::No),
        ("var/lib/rpm/Name", Want::No),
        ("var/lib/dnf/Packages", Want::No),
        ("Packages", Want::No),
    ] {
        assert_eq!(Rpm.want(&candidate(path)), want, "{path}");
    }
    let source = Candidate { scope: Scope::SourceTree, ..candidate("var/lib/rpm/Packages") };
    assert_eq!(Rpm.want(&source), Want::No);
}

#[test]
fn files_of_a_nested_root_lie_in_it() {
    let record = HeaderFixture::package("a", "1", "1").with_files("a", 1).build();
    let (facts, _) = read("mnt/root/usr/lib/sysimage/rpm/Packages.db", &fixture::ndb(&[record]));
    assert!(matches!(&facts.list[..], [Fact::Package { files, .. }] if files == &["mnt/root/usr/share/a-0"]));
}

#[test]
fn a_damaged_record_is_a_gap_and_the_others_are_told() {
    let mut records = records();
    records[1].truncate(30);
    for (path, bytes) in databases(&records) {
        let (facts, result) = read(path, &bytes);
        result.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(names(&facts), ["large"], "{path}");
        assert_eq!(
            gaps(&facts),
            ["1 RPM records cannot be read: a package header is not as long as it says"]
        );
    }
}

#[test]
fn a_package_with_damaged_file_list_is_told_with_a_gap() {
    let record = HeaderFixture::package("a", "1", "1")
        .strings(Tag::BaseNames, &["x"])
        .strings(Tag::DirNames, &["/"])
        .numbers(Tag::DirIndexes, &[9])
        .build();
    let (facts, result) = read("var/lib/rpm/Packages.db", &fixture::ndb(&[record]));
    assert!(result.is_ok());
    assert_eq!((names(&facts).len(), gaps(&facts).len()), (1, 1));
}

#[test]
fn databases_that_end_early_are_refused() {
    for (path, bytes) in databases(&records()) {
        let (facts, result) = read(path, &bytes[..bytes.len() - 600]);
        let told = result.is_err() || !gaps(&facts).is_empty();
        assert!(told, "{path}: nothing told of the cut");
    }
    for bytes in [&b""[..], b"no database at all", b"SQLite format 3\0"] {
        assert!(read("var/lib/rpm/Packages", bytes).1.is_err());
    }
}

#[test]
fn links_in_a_circle_end() {
    // Overflow page 5 of the large record leads back to itself.
    let mut bdb = fixture::bdb(&records(), false);
    bdb[5 * 512 + 16] = 5;
    let (facts, _) = read("var/lib/rpm/Packages", &bdb);
    assert!(gaps(&facts)[0].contains("broken") || gaps(&facts)[0].contains("circle"), "{:?}", gaps(&facts));

    // The interior root of the table names itself as its last child.
    let mut sqlite = fixture::sqlite(&records());
    sqlite[512 + 11] = 2;
    let (_, result) = read("var/lib/rpm/rpmdb.sqlite", &sqlite);
    assert!(result.expect_err("a circle").to_string().contains("than there are"));

    // All slots lead to the same blob.
    let mut ndb = fixture::ndb(&records());
    let slot = ndb[32 + 64..][..16].to_vec();
    for i in 0..20 {
        ndb[32 + 16 * i..][..16].copy_from_slice(&slot);
    }
    let (_, result) = read("var/lib/rpm/Packages.db", &ndb);
    assert!(result.expect_err("overlap").to_string().contains("overlap"));
}

#[test]
fn lists_beyond_the_limits_are_cut_and_told() {
    // 300,000 files in a directory with a long name: more than a gigabyte of paths from a record of five megabytes.
    let count = 300_000;
    let record = HeaderFixture::package("a", "1", "1")
        .strings(Tag::BaseNames, &vec!["x"; count])
        .strings(Tag::DirNames, &[&format!("/{}/", "d".repeat(4000))])
        .numbers(Tag::DirIndexes, &vec![0; count])
        .build();
    let (facts, result) = read("var/lib/rpm/Packages.db", &fixture::ndb(&[record]));
    assert!(result.is_ok());
    assert_eq!(names(&facts), ["a"]);
    assert!(gaps(&facts)[0].contains("cut for 1 RPM packages"), "{:?}", gaps(&facts));

    let line = "a\t1-1\t\t\tV\t\t\tnoarch\t0\ta-1-1.src.rpm\n";
    let (_, result) = read("var/lib/rpmmanifest/container-manifest-2", line.repeat(400_000).as_bytes());
    assert!(matches!(result, Err(ReadError::TooLarge { .. })));
    let (_, result) = read("var/lib/rpmmanifest/container-manifest-2", "x\n".repeat(20_000).as_bytes());
    assert!(result.expect_err("too many").to_string().contains("too many"));
}

#[test]
fn other_kinds_of_database_are_refused_by_name() {
    let mut btree = fixture::bdb(&[], false);
    btree[12..16].copy_from_slice(&0x0005_3162_u32.to_le_bytes());
    let (_, result) = read("var/lib/rpm/Packages", &btree);
    assert!(result.expect_err("a B-tree").to_string().contains("B-tree"));

    let mut sqlite = fixture::sqlite(&[]);
    let name = memchr::memmem::find(&sqlite, b"Packages").expect("there");
    sqlite[name] = b'p'; // names of tables ignore case
    assert!(read("var/lib/rpm/rpmdb.sqlite", &sqlite).1.is_ok());
    sqlite[name] = b'x';
    let (_, result) = read("var/lib/rpm/rpmdb.sqlite", &sqlite);
    assert!(result.expect_err("no table").to_string().contains("write-ahead log"));
}

#[test]
fn a_log_that_is_not_empty_is_a_gap() {
    let mut log = vec![0; 60];
    assert!(gaps(&read("var/lib/rpm/rpmdb.sqlite-wal", &[]).0).is_empty());
    log[..4].copy_from_slice(&[0x37, 0x7f, 0x06, 0x83]);
    assert_eq!(gaps(&read("var/lib/rpm/rpmdb.sqlite-wal", &log).0).len(), 1);
}

#[test]
fn a_manifest_replaces_the_database() {
    let text = b"glibc\t2.38-8.azl3\t1\t2\tMicrosoft Corporation\t(none)\t9\tx86_64\t0\tglibc-2.38-8.azl3.src.rpm\nbroken\n";
    let (facts, result) = read("var/lib/rpmmanifest/container-manifest-2", text);
    assert!(result.is_ok());
    assert_eq!((names(&facts), gaps(&facts).len()), (vec!["glibc"], 1));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        format in 0..4_usize,
        keep in 0..128_usize,
        bytes in prop::collection::vec(any::<u8>(), 0..4096),
    ) {
        let (path, sample) = &databases(&records())[format];
        // The start of a sound database gets the bytes past the first checks.
        let _ = read(path, &[&sample[..keep], &bytes].concat());
        let _ = read("var/lib/rpmmanifest/container-manifest-2", &bytes);
        let _ = read("var/lib/rpm/rpmdb.sqlite-wal", &bytes);
    }

    #[test]
    fn mutated_databases_never_panic(
        format in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let (path, mut bytes) = databases(&records()).into_iter().nth(format).expect("four");
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = read(path, &bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = read(path, &bytes);
    }

    #[test]
    fn mutated_headers_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut record = records().swap_remove(2);
        for (at, value) in changes {
            // Most of what matters is in the entries.
            let at = at.index(300);
            record[at] = value;
        }
        let _ = read("var/lib/rpm/Packages.db", &fixture::ndb(&[record]));
    }
}
