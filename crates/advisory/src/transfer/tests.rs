//! From publisher to client, with everything that can go wrong in between.

mod hostile;
mod killed;
mod mirrored;
mod signing;

use super::{
    Blob, Chunks, Directory, Expected, Manifest, Offer, Route, Trusted, UpdateError, Updated, delta,
    fetch_manifest, publish, sign::PublicKey, update,
};
use crate::segment::{
    Segment,
    tests::{Model, build, many_rows, some_rows},
};
use jiff::Timestamp;
use proptest::prelude::*;
use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
    sync::LazyLock,
};
use tempfile::TempDir;

/// Secret and public key of the tests.
static KEY: LazyLock<(String, String)> = LazyLock::new(|| super::sign::generate(None).unwrap());

fn now() -> Timestamp {
    "2026-11-22T06:00:00Z".parse().unwrap()
}

fn expected() -> Expected {
    Expected { now: now(), last: None, allow_older: false }
}

fn key() -> PublicKey {
    KEY.1.parse().unwrap()
}

/// A server's directory.
struct Server(TempDir);

impl Server {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn publish(&self, segment: &Segment) -> Manifest {
        let sign = |bytes: &[u8]| Ok(super::sign::sign(bytes, &KEY.0, None, "of a test")?);
        publish(self.0.path(), &[("test", segment)], now(), 3, sign).unwrap()
    }

    fn chunks(&self) -> Directory {
        Directory(self.0.path().to_owned())
    }

    fn manifest(&self) -> Trusted {
        fetch_manifest(&mut self.chunks(), &key(), expected()).unwrap()
    }

    fn update(&self, have: Option<&Segment>, target: &Path) -> Result<Updated, UpdateError> {
        update(have, &self.manifest(), "test", &mut self.chunks(), target)
    }

    fn blob(&self, blob: Blob) -> PathBuf {
        self.0.path().join(blob.name())
    }
}

fn same(a: &Path, b: &Path) -> bool {
    fs::read(a).unwrap() == fs::read(b).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_delta_makes_what_a_build_makes(
        a in some_rows(300), more in some_rows(40), less in proptest::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let dir = TempDir::new().unwrap();
        let at = |name: &str| dir.path().join(name);
        let mut b = a.clone();
        for index in less.iter().filter(|_| !a.is_empty()) {
            b.remove(a.iter().nth(index.index(a.len())).unwrap());
        }
        b.extend(more);
        let from = build(&at("a"), &a, None);
        let to = build(&at("b"), &b, Some(&from));
        for (from, to, path) in [(&from, &to, "b"), (&to, &from, "a"), (&from, &from, "a")] {
            let delta = delta::make(from, to).unwrap();
            let applied = delta::apply(from, &delta, to.root(), &at("c")).unwrap();
            applied.finished.commit().unwrap();
            prop_assert!(same(&at("c"), &at(path)));
        }
    }
}

#[test]
fn a_days_change_is_fetched_as_a_delta() {
    let (server, dir) = (Server::new(), TempDir::new().unwrap());
    let target = dir.path().join("test.seg");
    let first = build(&dir.path().join("0"), &many_rows(20_000, 0), None);
    server.publish(&first);
    let updated = server.update(None, &target).unwrap();
    assert_eq!(updated.route, Route::Whole { resumed: 0, because: None });
    assert_eq!(updated.bytes_fetched, first.size());

    let second = build(&dir.path().join("1"), &many_rows(20_000, 1), Some(&first));
    let manifest = server.publish(&second);
    assert_eq!(manifest.sequence, 2);
    let have = Segment::open(&target).unwrap();
    let updated = server.update(Some(&have), &target).unwrap();
    assert_eq!(updated.route, Route::Delta);
    assert!(updated.bytes_fetched < second.size() / 10, "{} of {}", updated.bytes_fetched, second.size());
    assert!(updated.blocks_reused > updated.blocks * 9 / 10);
    assert!(same(&target, &dir.path().join("1")));
    have.verify().expect("the old version is still open");

    let have = Segment::open(&target).unwrap();
    let updated = server.update(Some(&have), &target).unwrap();
    assert_eq!((updated.route, updated.bytes_fetched), (Route::Current, 0));
}

#[test]
fn some_versions_back_there_are_deltas_and_then_none() {
    let (server, dir) = (Server::new(), TempDir::new().unwrap());
    let path = |n: usize| dir.path().join(n.to_string());
    let mut last: Option<Segment> = None;
    for n in 0..6 {
        let next = build(&path(n), &many_rows(3000, n), last.as_ref());
        server.publish(&next);
        last = Some(next);
    }
    for n in 0..6 {
        let target = dir.path().join("target");
        let have = Segment::open(&path(n)).unwrap();
        let route = server.update(Some(&have), &target).unwrap().route;
        match n {
            0 | 1 => assert!(matches!(route, Route::Whole { .. }), "{n}: {route:?}"),
            5 => assert_eq!(route, Route::Current),
            _ => assert_eq!(route, Route::Delta, "{n}"),
        }
        assert!(n == 5 || same(&target, &path(5)));
    }
    // The newest, three older ones and their deltas, and what the manifest before named.
    let blobs = fs::read_dir(server.0.path().join("blobs/sha256")).unwrap().count();
    assert!(blobs <= 2 * (1 + 2 * 3), "{blobs}");
}

#[test]
fn publishing_the_same_again_keeps_the_deltas() {
    let (server, dir) = (Server::new(), TempDir::new().unwrap());
    let first = build(&dir.path().join("0"), &many_rows(3000, 0), None);
    let second = build(&dir.path().join("1"), &many_rows(3000, 1), Some(&first));
    server.publish(&first);
    let before = server.publish(&second);
    let after = server.publish(&second);
    assert_eq!(before.segments, after.segments);
    assert_eq!(after.sequence, 3);
}

#[test]
fn an_interrupted_download_goes_on_where_it_ended() {
    let (server, dir) = (Server::new(), TempDir::new().unwrap());
    let target = dir.path().join("test.seg");
    let segment = build(&dir.path().join("0"), &many_rows(20_000, 0), None);
    let blob = server.publish(&segment).segments[0].file;
    let manifest = server.manifest();
    let mut broken = Broken { inner: server.chunks(), left: blob.size / 2 };
    let error = update(None, &manifest, "test", &mut broken, &target).unwrap_err();
    assert!(matches!(error, UpdateError::Short { .. }), "{error}");
    assert!(!target.exists());
    let updated = server.update(None, &target).unwrap();
    let resumed = blob.size / 2;
    assert_eq!(updated.route, Route::Whole { resumed, because: None });
    assert_eq!(updated.bytes_fetched, blob.size - resumed);
    assert!(same(&target, &dir.path().join("0")));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "nothing else is left");

    // Part of it was damaged meanwhile: begin anew.
    let part = dir.path().join(format!("test.seg.part-{}", blob.digest.hex()));
    fs::write(&part, vec![7; 1000]).unwrap();
    let updated = server.update(None, &target).unwrap();
    assert_eq!(updated.bytes_fetched, 2 * blob.size - 1000);
    assert!(same(&target, &dir.path().join("0")));
}

/// A line that goes dead after so many bytes of blobs.
pub(crate) struct Broken {
    pub(crate) inner: Directory,
    pub(crate) left: u64,
}

impl Chunks for Broken {
    fn fetch(&mut self, name: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut bytes = self.inner.fetch(name, range)?;
        if name.starts_with("blobs/") {
            bytes.truncate(self.left as usize);
            self.left -= bytes.len() as u64;
        }
        Ok(bytes)
    }
}

#[test]
fn two_updates_at_once_are_one_too_many() {
    let (server, dir) = (Server::new(), TempDir::new().unwrap());
    let target = dir.path().join("test.seg");
    server.publish(&build(&dir.path().join("0"), &Model::new(), None));
    let held = crate::segment::replace::lock(&target).unwrap();
    assert!(matches!(server.update(None, &target).unwrap_err(), UpdateError::Busy(_)));
    drop(held);
    server.update(None, &target).unwrap();
}
