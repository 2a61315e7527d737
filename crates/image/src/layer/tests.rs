//! Layers that are read, and facts of them that somebody has made up.

use super::*;
use crate::catalog::{ALL, Scope};
use std::io::Write as _;

/// Reads a layer of these entries: name, kind, link or content.
fn layer(entries: &[(&str, tar::EntryType, &str)], limits: Limits) -> Result<LayerFacts, LayerError> {
    let mut builder = tar::Builder::new(Vec::new());
    for &(path, kind, text) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        if kind == tar::EntryType::Regular {
            header.set_size(text.len() as u64);
            builder.append_data(&mut header, path, text.as_bytes()).expect("in memory");
        } else {
            header.set_size(0);
            builder.append_link(&mut header, path, text).expect("in memory");
        }
    }
    read_all(&builder.into_inner().expect("in memory"), limits)
}

fn read_all(bytes: &[u8], limits: Limits) -> Result<LayerFacts, LayerError> {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("room");
    let blob = Blob {
        file: Arc::new(file),
        name: "test".into(),
        offset: 0,
        len: bytes.len() as u64,
        digest: None,
        diff_id: Digest::sha256(Sha256::digest(bytes).into()),
    };
    let analyser = Analyser { catalogers: ALL, secrets: true, scope: Scope::Image, limits, digests: true };
    super::read(&blob, &analyser, &mut FilePass::new(None), &Counters::default())
}

const STATUS: &str = "Package: base\nStatus: install ok installed\nVersion: 1\n";

#[test]
fn facts_and_gaps_survive_the_cache() {
    let entries = [
        ("var/lib/dpkg/status", tar::EntryType::Regular, STATUS),
        ("etc/passwd", tar::EntryType::Regular, "root:x:0:0::/root:/bin/sh\n"),
        ("bin/program", tar::EntryType::Regular, "#!/bin/sh\n"),
        ("lib", tar::EntryType::Symlink, "usr/lib"),
        ("a", tar::EntryType::Link, "../../x"),
    ];
    let read = layer(&entries, Limits::DEFAULT).expect("reads");
    assert_eq!(read.gaps.len(), 1);
    let kept = postcard::to_allocvec(&read).expect("serializes");
    let back: LayerFacts = postcard::from_bytes(&kept).expect("reads back");
    assert_eq!((&back.facts, &back.gaps), (&read.facts, &read.gaps));
    assert_eq!(back.index.len(), read.index.len());
}

/// An image of this layer alone.
fn assembled(layer: LayerFacts) -> crate::assemble::Assembled {
    let config = crate::manifest::Config { diff_ids: vec![Digest::sha256([0; 32])], ..Default::default() };
    let input = crate::assemble::Input {
        config: Some(&config),
        digests: &[None],
        tags: &[],
        scope: Scope::Image,
        secrets: true,
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    crate::assemble::assemble(vec![layer], &input, ALL)
}

#[test]
fn facts_that_somebody_else_has_made_up_are_refused_or_do_no_harm() {
    let entries = [
        ("var/lib/dpkg/status", tar::EntryType::Regular, STATUS),
        ("etc/passwd", tar::EntryType::Regular, "root:x:0:0::/root:/bin/sh\n"),
        ("lib", tar::EntryType::Symlink, "usr/lib"),
    ];
    let read = || layer(&entries, Limits::DEFAULT).expect("reads");
    let kept = postcard::to_allocvec(&read()).expect("serializes");
    let mut understood = 0;
    for at in 0..kept.len() {
        for byte in [0, 1, 0x7f, 0x80, 0xff, kept[at] ^ 1] {
            let mut damaged = kept.clone();
            damaged[at] = byte;
            if let Some(layer) = LayerFacts::decode(&damaged) {
                understood += 1;
                std::hint::black_box(assembled(layer));
            }
        }
        assert!(LayerFacts::decode(&kept[..at]).is_none(), "it is cut off at {at}");
    }
    assert!(understood > 0);

    // Facts of a file that is not there, and numbers that cannot be added up.
    let encoded = |layer: LayerFacts| LayerFacts::decode(&postcard::to_allocvec(&layer).expect("serializes"));
    assert!(encoded(read()).is_some());
    let beyond = read().index.len() as u32 + 1;
    let mut layer = read();
    layer.facts.insert(beyond, Vec::new());
    assert!(encoded(layer).is_none());
    let mut layer = read();
    layer.stats.binary = u64::MAX;
    assert!(encoded(layer).is_none());
    let mut layer = read();
    layer.skipped.push(Reason { count: u64::MAX, ..Reason::new("nothing") });
    assert!(encoded(layer).is_none());
    let mut layer = read();
    let file = NewFile { kind: FileKind::File, size: u64::MAX, layer: 7, ..NewFile::default() };
    layer.index.insert(b"large", file);
    assert!(encoded(layer).is_none());

    // A list that says it is longer than memory.
    assert!(LayerFacts::decode(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_none());
    // Whose package a file is, and of which layer it is, is found out by whoever puts layers together.
    let mut layer = read();
    let file = NewFile { kind: FileKind::File, layer: 7, ..NewFile::default() };
    let id = layer.index.insert(b"mine", file);
    layer.index.set_package(id, 3);
    let tree = assembled(encoded(layer).expect("is understood")).tree;
    let entry = tree.entry(tree.find(b"mine").expect("is there"));
    assert_eq!((entry.layer, entry.package), (0, gabion_model::FileEntry::NO_PACKAGE));
}

#[test]
fn implied_directories_count_as_entries() {
    let deep = "d/".repeat(40);
    let entries: Vec<String> = (0..30).map(|i| format!("{i}/{deep}x")).collect();
    let entries: Vec<_> = entries.iter().map(|path| (path.as_str(), tar::EntryType::Regular, "")).collect();
    let limits = Limits { entries: 1000, ..Limits::DEFAULT };
    let result = layer(&entries, limits);
    assert!(matches!(result, Err(LayerError::Entries { limit: 1000, .. })));
    layer(&entries[..20], limits).expect("fewer are fine");
}

#[test]
fn a_size_beyond_all_bounds_is_a_truncated_archive() {
    let mut bytes = Vec::new();
    for (size, content) in [(512, 512), (u64::MAX - 511, 0)] {
        let mut header = tar::Header::new_gnu();
        header.set_path("a").expect("fits");
        header.set_size(size);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.resize(bytes.len() + content, b'x');
    }
    let result = read_all(&bytes, Limits::DEFAULT);
    assert!(matches!(result, Err(LayerError::Read { .. })));
}
