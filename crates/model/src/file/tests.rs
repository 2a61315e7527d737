use super::{stored::Stored, *};
use crate::path;

fn file(size: u64) -> NewFile<'static> {
    NewFile { kind: FileKind::File, mode: 0o644, size, ..NewFile::default() }
}

fn symlink(target: &[u8]) -> NewFile<'_> {
    NewFile { kind: FileKind::Symlink, link: target, ..NewFile::default() }
}

fn paths(index: &FileIndex) -> Vec<String> {
    let mut all: Vec<_> =
        index.ids().map(|id| String::from_utf8_lossy(&index.path(id)).into_owned()).collect();
    all.sort();
    all
}

#[test]
fn symlinks_are_followed_inside_the_root_only() {
    let mut index = FileIndex::default();
    index.insert(b"usr/bin/sh", file(1));
    index.insert(b"bin", symlink(b"usr/bin"));
    index.insert(b"etc/out", symlink(b"../../../../usr/bin/sh"));
    index.insert(b"loop", symlink(b"loop"));
    assert_eq!(index.canonical(b"bin/sh").as_deref(), Some(&b"usr/bin/sh"[..]));
    assert_eq!(index.canonical(b"etc/out").as_deref(), Some(&b"usr/bin/sh"[..]));
    assert_eq!(index.resolve(b"loop"), None);
}

#[test]
fn a_link_longer_than_linux_accepts_leads_nowhere() {
    let mut index = FileIndex::default();
    index.insert(b"dir/file", file(1));
    index.insert(b"slashes", symlink(&[b'/'; path::MAX]));
    index.insert(b"more", symlink(&vec![b'/'; 1 << 20]));
    assert!(index.resolve(b"slashes/dir/file").is_some());
    assert_eq!(index.resolve(b"more/dir/file"), None);
}

#[test]
fn whiteouts_and_opaque_directories_hide_lower_layers_only() {
    let mut base = FileIndex::default();
    base.insert(b"a/one", file(1));
    base.insert(b"a/two", file(1));
    base.insert(b"b/one", file(1));
    let mut upper = FileIndex::default();
    upper.insert(b"a", NewFile { kind: FileKind::Directory, opaque: true, ..NewFile::default() });
    upper.insert(b"a/three", file(3));
    upper.insert(b"b/one", NewFile { kind: FileKind::Whiteout, ..NewFile::default() });
    base.apply(&upper, 1);
    assert_eq!(paths(&base), ["a", "a/three", "b"]);
    assert_eq!(base.entry(base.find(b"a/three").expect("there")).layer, 1);
}

#[test]
fn a_directory_replaced_by_a_file_loses_its_content_and_the_other_way_round() {
    let mut base = FileIndex::default();
    base.insert(b"a/b/c", file(1));
    let mut upper = FileIndex::default();
    upper.insert(b"a", file(2));
    base.apply(&upper, 1);
    assert_eq!(paths(&base), ["a"]);
    let mut top = FileIndex::default();
    top.insert(b"a/x", file(2));
    base.apply(&top, 2);
    assert_eq!(paths(&base), ["a", "a/x"]);
    assert_eq!(base.find(b"a/b/c"), None);
}

#[test]
fn the_last_of_duplicates_wins() {
    let mut index = FileIndex::default();
    index.insert(b"x", file(1));
    index.insert(b"x", file(2));
    assert_eq!(index.entry(index.find(b"x").expect("there")).size, 2);
    assert_eq!(index.len(), 1);
}

#[test]
fn an_index_survives_storage_and_a_damaged_one_does_no_harm() {
    let mut index = FileIndex::default();
    index.insert(b"usr/bin/sh", file(1));
    index.insert(b"bin", symlink(b"usr/bin"));
    let json = serde_json::to_string(&index).expect("json");
    let back: FileIndex = serde_json::from_str(&json).expect("back");
    assert_eq!(paths(&back), paths(&index));
    assert_eq!(back.canonical(b"bin/sh").as_deref(), Some(&b"usr/bin/sh"[..]));
    let mut deep =
        Stored { names: index.names.clone(), entries: index.entries.clone(), extras: index.extras.clone() };
    let (at, last) = (deep.entries.len() as u32, deep.entries[1]);
    deep.entries.extend((at..at + 10_000).map(|id| FileEntry { parent: id - 1, ..last }));
    let back = FileIndex::from(deep);
    assert!(back.len() < 2_000, "no path is longer than Linux accepts");
    let broken = json.replace("\"parent\":1", "\"parent\":99");
    let back: FileIndex = serde_json::from_str(&broken).expect("still parses");
    assert!(back.len() < index.len());
}
