//! Whole archives, well-formed and hostile.

use super::*;
use crate::content::ReadAt;
use proptest::prelude::*;
use std::io::{Cursor, Write};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

const STORED: CompressionMethod = CompressionMethod::Stored;
const DEFLATED: CompressionMethod = CompressionMethod::Deflated;

/// A jar of these files.
fn jar(files: &[(&str, &[u8], CompressionMethod)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes, method) in files {
        let options = SimpleFileOptions::default().compression_method(*method);
        writer.start_file(*name, options).expect("a new member");
        writer.write_all(bytes).expect("to memory");
    }
    writer.finish().expect("to memory").into_inner()
}

/// A jar with one Maven record.
fn maven(group: &str, artifact: &str, version: &str) -> Vec<u8> {
    let text = format!("version={version}\ngroupId={group}\nartifactId={artifact}\n");
    let path = format!("META-INF/maven/{group}/{artifact}/pom.properties");
    jar(&[(&path, text.as_bytes(), DEFLATED), ("a/B.class", b"\xca\xfe", DEFLATED)])
}

fn read_with(path: &str, bytes: &[u8], limits: &Limits) -> (Result<(), ReadError>, Facts) {
    let mut out = Facts::default();
    let result = read(path.as_bytes(), &Content::Memory(bytes), limits, &mut out);
    (result, out)
}

/// `name@version location` of each package, and the reasons of the gaps.
fn told(path: &str, bytes: &[u8]) -> (Vec<String>, Vec<String>) {
    told_with(path, bytes, &Limits::DEFAULT)
}

fn told_with(path: &str, bytes: &[u8], limits: &Limits) -> (Vec<String>, Vec<String>) {
    let (result, out) = read_with(path, bytes, limits);
    let mut gaps: Vec<String> = result.err().map(|e| e.to_string()).into_iter().collect();
    gaps.extend(out.list.iter().filter_map(|fact| match fact {
        crate::facts::Fact::Gap { reason, .. } => Some(reason.clone()),
        _ => None,
    }));
    let line = |p: &gabion_model::Package| {
        let at = p.locations.first().map_or("", |l| &l.path);
        format!("{}@{} {at}", p.name, p.version)
    };
    (out.packages().map(line).collect(), gaps)
}

fn candidate(path: &str, size: u64, scope: Scope) -> Candidate<'_> {
    Candidate { path: path.as_bytes(), size, mode: 0o644, scope }
}

#[test]
fn archives_are_wanted_by_name_in_images() {
    let want = |path, scope| Java.want(&candidate(path, 9, scope));
    assert_eq!(want("opt/a.JAR", Scope::Image), Want::Content);
    assert_eq!(want("opt/a.hpi", Scope::Image), Want::Zip);
    assert_eq!(want("opt/jar", Scope::Image), Want::No);
    assert_eq!(want("opt/a.jar", Scope::SourceTree), Want::No);
    assert_eq!(Java.want(&candidate("a.jar", 0, Scope::Image)), Want::No);
}

#[test]
fn a_war_tells_the_jars_in_it_with_their_places() {
    let manifest = b"Implementation-Version: 3.1\r\nBundle-License: MIT\r\n";
    let inner = jar(&[
        ("META-INF/MANIFEST.MF", manifest, DEFLATED),
        ("org/foo/bar/A.class", b"", STORED),
        ("org/foo/baz/B.class", b"", STORED),
    ]);
    let deep = jar(&[("lib/deep-2.jar", &maven("g", "deep", "2"), DEFLATED)]);
    let war = jar(&[
        ("META-INF/maven/g/app/pom.properties", b"groupId=g\nartifactId=app\nversion=1\n", DEFLATED),
        (
            "META-INF/maven/g/app/pom.xml",
            b"<project><artifactId>app</artifactId><licenses><license><name>L</name></license></licenses></project>",
            DEFLATED,
        ),
        ("WEB-INF/lib/x-3.1.jar", &inner, STORED),
        ("WEB-INF/lib/deep-1.jar", &deep, DEFLATED),
    ]);
    let (packages, gaps) = told("srv/app.war", &war);
    assert_eq!(
        packages,
        [
            "org.foo:x@3.1 srv/app.war!/WEB-INF/lib/x-3.1.jar",
            "g:deep@2 srv/app.war!/WEB-INF/lib/deep-1.jar!/lib/deep-2.jar",
            "deep@1 srv/app.war!/WEB-INF/lib/deep-1.jar",
            "g:app@1 ",
        ]
    );
    assert!(gaps.is_empty(), "{gaps:?}");
    let (_, out) = read_with("srv/app.war", &war, &Limits::DEFAULT);
    let licenses: Vec<_> = out.packages().map(|p| p.licenses.join(",")).collect();
    assert_eq!(licenses, ["MIT", "", "", "L"]);
}

#[test]
fn a_shell_script_before_the_archive_does_not_hide_it() {
    let mut bytes = b"#!/bin/sh\nexec java -jar \"$0\"\n".to_vec();
    bytes.extend(jar(&[("BOOT-INF/lib/y-1.jar", &maven("g", "y", "1"), STORED)]));
    let (packages, gaps) = told("app.jar", &bytes);
    assert_eq!(packages, ["g:y@1 app.jar!/BOOT-INF/lib/y-1.jar"]);
    assert!(gaps.is_empty(), "{gaps:?}");
}

#[test]
fn zip64_is_read() {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(DEFLATED).large_file(true);
    writer.start_file("META-INF/maven/g/z/pom.properties", options).expect("new");
    writer.write_all(b"groupId=g\nartifactId=z\nversion=6\n").expect("to memory");
    for i in 0..66_000 {
        writer.start_file(format!("{i}"), options.compression_method(STORED)).expect("new");
    }
    let bytes = writer.finish().expect("to memory").into_inner();
    assert_eq!(told("z.jar", &bytes).0, ["g:z@6 "]);
}

#[test]
fn a_large_compressed_archive_in_an_archive_is_read_through() {
    let noise: Vec<u8> = (0..18_u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 & 3).collect();
    let inner = jar(&[
        ("META-INF/MANIFEST.MF", b"Implementation-Version: 1\n", DEFLATED),
        ("big", &noise, STORED),
        ("lib/late-1.jar", &maven("g", "late", "1"), STORED),
        ("META-INF/maven/g/big/pom.properties", b"groupId=g\nartifactId=big\nversion=1\n", DEFLATED),
    ]);
    let outer = jar(&[("big-1.jar", &inner, DEFLATED)]);
    let (packages, gaps) = told("a.ear", &outer);
    assert_eq!(packages, ["g:late@1 a.ear!/big-1.jar!/lib/late-1.jar", "g:big@1 a.ear!/big-1.jar"]);
    assert!(gaps.is_empty(), "{gaps:?}");
}

#[test]
fn what_is_no_archive_says_so() {
    for bytes in [&b"hello"[..], b"PK\x03\x04", b""] {
        let (packages, gaps) = told("a.jar", bytes);
        assert!(packages.is_empty());
        assert!(gaps[0].contains("not a") && gaps[0].contains("zip archive"), "{gaps:?}");
    }
    let whole = maven("g", "a", "1");
    let (_, gaps) = told("a.jar", &whole[..whole.len() - 30]);
    assert!(gaps[0].contains("zip archive"), "{gaps:?}");
}

#[test]
fn archives_nested_too_deep_are_a_gap() {
    let mut bytes = maven("g", "a", "0");
    for _ in 0..6 {
        bytes = jar(&[("n.jar", &bytes, STORED)]);
    }
    let (packages, gaps) = told("a.jar", &bytes);
    assert!(packages.is_empty());
    assert_eq!(gaps, ["its member n.jar: lies in too many archives, one in the other"]);
}

#[test]
fn a_bomb_of_archives_ends_at_the_limit() {
    let mut bytes = jar(&[("x", &vec![0; 1 << 20], DEFLATED)]);
    for _ in 0..3 {
        let files: Vec<(String, &[u8], CompressionMethod)> =
            (0..10).map(|i| (format!("{i}.jar"), &bytes[..], DEFLATED)).collect();
        let files: Vec<_> = files.iter().map(|(n, b, m)| (n.as_str(), *b, *m)).collect();
        bytes = jar(&files);
    }
    let small = Limits { archive: 100_000, ..Limits::DEFAULT };
    let (_, gaps) = told_with("bomb.jar", &bytes, &small);
    assert!(gaps.iter().any(|g| g.contains("larger than the limit of 100000 bytes")), "{gaps:?}");
    let few = Limits { archive_entries: 100, ..Limits::DEFAULT };
    let (_, gaps) = told_with("bomb.jar", &bytes, &few);
    assert!(gaps.iter().any(|g| g.contains("limit of 100 entries")), "{gaps:?}");
}

/// Offsets of the directory entry of `name`, and of its local header.
fn entry_of(bytes: &[u8], name: &str) -> (usize, usize) {
    let find = |signature: &[u8], name_at: usize| {
        memchr::memmem::find_iter(bytes, signature)
            .find(|&at| bytes[at + name_at..].starts_with(name.as_bytes()))
            .expect("present")
    };
    (find(b"PK\x01\x02", 46), find(b"PK\x03\x04", 30))
}

#[test]
fn encrypted_members_are_a_gap_and_hide_nothing_else() {
    let mut bytes =
        jar(&[("a-1.jar", &maven("g", "a", "1"), STORED), ("b-1.jar", &maven("g", "b", "1"), STORED)]);
    let (directory, local) = entry_of(&bytes, "a-1.jar");
    bytes[directory + 8] |= 1;
    bytes[local + 6] |= 1;
    let (packages, gaps) = told("x.jar", &bytes);
    assert_eq!(packages, ["g:b@1 x.jar!/b-1.jar"]);
    assert_eq!(gaps, ["its member a-1.jar: is encrypted"]);
}

#[test]
fn lying_sizes_are_a_gap() {
    let good = jar(&[("a-1.jar", &maven("g", "a", "1"), DEFLATED)]);
    let (directory, _) = entry_of(&good, "a-1.jar");
    let with = |at: usize, value: u32| {
        let mut bytes = good.clone();
        bytes[directory + at..directory + at + 4].copy_from_slice(&value.to_le_bytes());
        told("x.jar", &bytes)
    };
    // Compressed size, uncompressed size (too small, too large, huge), offset of the local header.
    for (at, value) in [(20, 1 << 30), (24, 10), (24, 1 << 20), (24, 1 << 30), (42, 5), (42, 1 << 30)] {
        let (packages, gaps) = with(at, value);
        assert!(packages.is_empty() && gaps.len() == 1, "{at} {value}: {packages:?} {gaps:?}");
    }
}

#[test]
fn overlapping_members_are_refused() {
    let mut bytes =
        jar(&[("a-1.jar", &maven("g", "a", "1"), STORED), ("b-1.jar", &maven("g", "b", "1"), STORED)]);
    let (first, local) = entry_of(&bytes, "a-1.jar");
    let (second, _) = entry_of(&bytes, "b-1.jar");
    let entry = bytes[first + 16..first + 28].to_vec();
    bytes[second + 16..second + 28].copy_from_slice(&entry);
    bytes[second + 42..second + 46].copy_from_slice(&(local as u32).to_le_bytes());
    let (packages, gaps) = told("x.jar", &bytes);
    assert_eq!(packages, ["g:a@1 x.jar!/a-1.jar"]);
    assert_eq!(gaps, ["its member b-1.jar: overlaps another member"]);
}

#[test]
fn names_too_long_to_look_at_are_a_gap() {
    let name = format!("{}.jar", "n".repeat(2000));
    let (_, gaps) = told("x.jar", &jar(&[(&name, b"", STORED)]));
    assert_eq!(gaps, ["1 of its members have names too long to look at"]);
}

#[test]
fn a_file_full_of_directory_signatures_ends_soon() {
    let mut bytes = b"PK\x01\x02".repeat(4 << 20);
    bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0\xff\0\0\0\0\0\0\0\0\0");
    let (_, gaps) = told("x.jar", &bytes);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let tail = b"PK\x05\x06\0\0\0\0\x01\0\x01\0\xff\0\0\0\0\0\0\0\xff\xff".repeat(2900);
    let (_, gaps) = told("x.jar", &tail);
    assert_eq!(gaps.len(), 1, "{gaps:?}");
}

/// Gives a few bytes at a time, as a file system may.
struct Trickle(Vec<u8>);

impl ReadAt for Trickle {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let n = buffer.len().min(5);
        self.0[..].read_at(&mut buffer[..n], offset)
    }
}

#[test]
fn short_reads_make_no_difference() {
    let stored = Trickle(jar(&[("a-1.jar", &maven("g", "a", "1"), STORED)]));
    let mut out = Facts::default();
    read(b"x.jar", &Content::Stored(&stored), &Limits::DEFAULT, &mut out).expect("reads");
    assert_eq!(out.packages().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), name in ".{0,12}") {
        let _ = told(&format!("{name}.jar"), &bytes);
        let _ = Pom::xml(&bytes);
        let _ = Pom::properties(&bytes);
        let records = Records {
            manifest: Manifest::parse(&bytes),
            poms: vec![joined(&bytes, [Pom::xml(&bytes), Pom::properties(&bytes)])],
            packages: Some(name.clone()),
        };
        let _ = records.packages(&name);
    }

    #[test]
    fn mutated_archives_never_panic(changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..12), cut in any::<u16>()) {
        let inner = jar(&[("in-1.jar", &maven("g", "a", "1"), DEFLATED)]);
        let mut bytes = jar(&[
            ("META-INF/MANIFEST.MF", b"Implementation-Title: t\r\n  x\r\n", DEFLATED),
            ("META-INF/maven/g/x/pom.xml", b"<project><version>1</version></project>", DEFLATED),
            ("a-1.jar", &inner, STORED),
        ]);
        for (at, value) in changes {
            let at = at as usize % bytes.len();
            bytes[at] = value;
        }
        if cut % 4 == 0 {
            bytes.truncate(cut as usize);
        }
        let _ = told("x.war", &bytes);
    }

    #[test]
    fn mutated_poms_never_panic(at in 0_usize..90, insert in "[<>&;/!\\[\\]${}a-z]{0,6}") {
        let mut text = "<project><groupId>g</groupId><version>${a}</version><properties><a>1</a></properties></project>".to_owned();
        text.insert_str(at, &insert);
        let _ = Pom::xml(text.as_bytes());
    }
}
