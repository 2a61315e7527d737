//! The database: a segment on a rotten disk, a delta from a hostile server, a manifest.

use crate::choose;
use gabion_advisory::{
    segment::{Builder, Segment},
    transfer::{Blob, Chunks, Directory, Expected, Manifest, publish, sign, update},
};
use gabion_model::Digest;
use sha2::{Digest as _, Sha256};
use std::{fs, io, ops::Range, path::Path, sync::LazyLock};
use tempfile::TempDir;

/// The first byte chooses: a file, the same with a root that fits, a delta, a manifest.
pub fn segment(data: &[u8]) {
    let kinds: [fn(&[u8]); 4] = [
        file,
        |data| file(&with_fitting_root(data)),
        delta,
        |data| {
            let _ = Manifest::read(data);
        },
    ];
    if let Some((read, data)) = choose(&kinds, data) {
        read(data);
    }
}

struct World {
    dir: TempDir,
    have: Segment,
    manifest: Manifest,
    key: (String, String),
}

/// A client that has the first version, and a server that has the second.
static WORLD: LazyLock<World> = LazyLock::new(|| {
    let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory");
    let key = sign::generate(None).expect("a key");
    let first = build(&dir.path().join("first"), 0);
    let second = build(&dir.path().join("second"), 1);
    let server = dir.path().join("server");
    let publish = |segment| {
        let sign = |bytes: &[u8]| Ok(sign::sign(bytes, &key.0, None, "c")?);
        publish(&server, &[("a", segment)], expected().now, 1, sign).expect("published")
    };
    publish(&first);
    let manifest = publish(&second);
    World { have: first, manifest, key, dir }
});

/// As the seeds are made.
fn build(path: &Path, change: usize) -> Segment {
    let mut builder = Builder::new(None);
    for n in 0..200 {
        let value = format!("value {} of {n}", if n % 50 == 0 { change } else { 0 });
        builder.push(1, format!("key-{}", n / 3).as_bytes(), value.as_bytes()).expect("small");
    }
    builder.finish(path).expect("written");
    Segment::open(path).expect("opens")
}

fn expected() -> Expected {
    Expected { now: "2026-11-22T06:00:00Z".parse().expect("a time"), last: None, allow_older: false }
}

/// Whatever is asked ends, with rows that were asked for or an error.
fn file(data: &[u8]) {
    let path = WORLD.dir.path().join("fuzzed");
    fs::write(&path, data).expect("written");
    let Ok(segment) = Segment::open(&path) else {
        return;
    };
    for prefix in [&b""[..], b"key-1"] {
        let Ok(mut rows) = segment.prefix(1, prefix) else {
            continue;
        };
        while let Ok(Some(row)) = rows.next_row() {
            assert!(row.key.starts_with(prefix));
        }
    }
    if let Ok(mut rows) = segment.get(1, b"key-1") {
        while let Ok(Some(row)) = rows.next_row() {
            assert_eq!(row.key, b"key-1");
        }
    }
    let _ = segment.verify();
}

/// Gets past the first check, as somebody could who makes such files.
fn with_fitting_root(data: &[u8]) -> Vec<u8> {
    let mut data = data.to_vec();
    let length = data.len() as u64;
    if let Some(end) = data.get_mut(64..72) {
        end.copy_from_slice(&length.to_le_bytes());
        let top = data[56..64].try_into().map_or(0, u64::from_le_bytes).min(length);
        let root = Sha256::digest(&data[top as usize..]);
        data[8..40].copy_from_slice(&root);
    }
    data
}

/// Even if it is signed, what comes out is the version of the signed root.
fn delta(data: &[u8]) {
    let world = &*WORLD;
    let mut offer = world.manifest.segments[0].clone();
    let blob = Blob { digest: Digest::sha256(Sha256::digest(data).into()), size: data.len() as u64 };
    if blob.size > offer.file.size {
        return;
    }
    offer.older[0].delta = Some(blob);
    let root = offer.root;
    let bytes = Manifest::new(3, expected().now, vec![offer]).to_bytes();
    let signature = sign::sign(&bytes, &world.key.0, None, "c").expect("signed");
    let key = world.key.1.parse().expect("a key");
    let manifest = Manifest::verify(&bytes, &signature, &key, expected()).expect("ours");
    let mut chunks = Fuzzed { name: blob.name(), data, rest: Directory(world.dir.path().join("server")) };
    let target = world.dir.path().join("target");
    update(Some(&world.have), &manifest, "a", &mut chunks, &target).expect("falls back to the whole");
    assert_eq!(Segment::open(&target).expect("opens").root(), root);
}

struct Fuzzed<'a> {
    name: String,
    data: &'a [u8],
    rest: Directory,
}

impl Chunks for Fuzzed<'_> {
    fn fetch(&mut self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        if name == self.name {
            Ok(self.data[range.start as usize..range.end as usize].to_vec())
        } else {
            self.rest.fetch(name, range)
        }
    }
}
