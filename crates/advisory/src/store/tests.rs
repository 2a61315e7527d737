//! A publisher's store, a server's directory, a client's store.

mod hostile;
pub(crate) mod killed;

use super::{Change, Event, Origin, Report, Store, StoreError, Upstream};
use crate::{
    segment::{Builder, tests::many_rows},
    transfer::{Chunks, Directory, Manifest, Route, UpdateError, sign, tests::Broken},
};
use jiff::{Timestamp, ToSpan as _};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};
use tempfile::TempDir;

/// Secret and public key of the tests.
static KEY: LazyLock<(String, String)> = LazyLock::new(|| sign::generate(None).unwrap());

const NAMES: [&str; 3] = ["alpine", "debian", "npm"];
const ROWS: usize = 6000;

fn now() -> Timestamp {
    "2026-11-22T06:00:00Z".parse().unwrap()
}

/// Builds a version of these segments; one in 300 rows is of this version alone.
fn build(directory: &Path, names: &[&str], version: usize) -> Result<Store, StoreError> {
    compiled(directory, names, version)?.install(names, now(), now())
}

/// The same, beside what is there.
fn add(directory: &Path, names: &[&str], version: usize) -> Result<Store, StoreError> {
    compiled(directory, names, version)?.add(names, now() + 1.hour())
}

fn compiled(directory: &Path, names: &[&str], version: usize) -> Result<Change, StoreError> {
    let change = Change::begin(directory)?;
    for name in names {
        let mut builder = Builder::new(change.before(name).as_ref());
        builder.meta("feed", name).meta("version", &version.to_string());
        for (table, key, value) in many_rows(ROWS, version) {
            builder.push(table, &key, &value).unwrap();
        }
        builder.finish(&change.place(name)).unwrap();
    }
    Ok(change)
}

fn versions(store: &Store) -> Vec<String> {
    store.segments().map(|(_, segment)| segment.meta()["version"].clone()).collect()
}

/// Files below a directory, but for those of `current.json` and the segments it names.
fn leftovers(directory: &Path) -> usize {
    let count = |path: PathBuf| fs::read_dir(path).unwrap().count();
    let named = Store::open(directory).unwrap().segments().count();
    count(directory.join("segments")) - named + count(directory.to_owned()) - 2
}

/// Three directories.
struct World {
    publisher: PathBuf,
    server: PathBuf,
    client: PathBuf,
    _root: TempDir,
}

impl World {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let [publisher, server, client] =
            ["publisher", "server", "client"].map(|name| root.path().join(name));
        Self { publisher, server, client, _root: root }
    }

    fn publish(&self, names: &[&str], version: usize) -> Manifest {
        let store = build(&self.publisher, names, version).unwrap();
        store.publish(&self.server, 3, |bytes| Ok(sign::sign(bytes, &KEY.0, None, "of a test")?)).unwrap()
    }

    fn chunks(&self) -> Directory {
        Directory(self.server.clone())
    }

    fn update(&self) -> Result<(Store, Report), StoreError> {
        self.update_from(&mut self.chunks(), &mut |_| {})
    }

    fn update_from(
        &self,
        chunks: &mut dyn Chunks,
        hear: &mut dyn FnMut(Event<'_>),
    ) -> Result<(Store, Report), StoreError> {
        let key = KEY.1.parse().unwrap();
        let upstream = Upstream { chunks, name: "a test", key: &key, allow_older: false };
        Change::begin(&self.client)?.update(upstream, now(), hear)
    }
}

fn routes(report: &Report) -> Vec<&Route> {
    report.segments.iter().map(|(_, updated)| &updated.route).collect()
}

#[test]
fn a_build_is_installed_opened_and_replaced() {
    let dir = TempDir::new().unwrap();
    assert!(matches!(Store::open(dir.path()).unwrap_err(), StoreError::Absent(_)));
    let first = build(dir.path(), &NAMES, 0).unwrap();
    assert_eq!(first.segments().map(|(name, _)| name).collect::<Vec<_>>(), NAMES);
    assert_eq!(first.current().origin, Origin::Built);
    assert_eq!(first.age(now() + 3.hours()).as_hours(), 3);
    assert_eq!(first.segment("npm").unwrap().meta()["feed"], "npm");
    assert!(first.segment("rpm").is_none());

    build(dir.path(), &NAMES[..2], 1).unwrap();
    let second = Store::open(dir.path()).unwrap();
    assert_eq!(versions(&second), ["1", "1"]);
    assert_eq!(leftovers(dir.path()), 0);
    assert_eq!(versions(&first), ["0"; 3], "who has it open goes on with it");
    assert!(first.verify().all(|(_, verified)| verified.is_ok()));
}

/// Names and versions.
fn told(store: &Store) -> Vec<String> {
    store.segments().map(|(name, segment)| format!("{name} {}", segment.meta()["version"])).collect()
}

#[test]
fn single_segments_are_added_replaced_and_removed_and_the_others_stay() {
    let dir = TempDir::new().unwrap();
    let dir = dir.path();
    assert_eq!(told(&add(dir, &["npm"], 0).unwrap()), ["npm 0"], "to nothing");
    let first = add(dir, &["alpine", "npm"], 1).unwrap();
    assert_eq!(told(&first), ["alpine 1", "npm 1"]);
    let second = add(dir, &["debian"], 2).unwrap();
    assert_eq!(told(&second), ["alpine 1", "debian 2", "npm 1"]);
    assert_eq!(
        (second.current().created, second.current().origin.clone()),
        (now() + 1.hour(), Origin::Built)
    );
    let remove = |names: &[&str]| Change::begin(dir).unwrap().remove(names, now());
    assert_eq!(told(&remove(&["npm", "alpine"]).unwrap()), ["debian 2"]);
    assert_eq!(leftovers(dir), 0);
    let error = remove(&["npm"]).unwrap_err().to_string();
    assert_eq!(error, "npm is no source of the database; there are debian");
    assert_eq!(told(&remove(&["debian"]).unwrap()), [""; 0]);
    assert_eq!(told(&first), ["alpine 1", "npm 1"], "who has it open goes on with it");
}

#[test]
fn what_stays_must_be_usable() {
    let dir = TempDir::new().unwrap();
    build(dir.path(), &["alpine", "npm"], 0).unwrap();
    let named = |name: &str| {
        let all = fs::read_dir(dir.path().join("segments")).unwrap().map(|entry| entry.unwrap().path());
        all.into_iter().find(|path| path.to_str().unwrap().contains(name)).unwrap()
    };
    fs::write(named("/alpine-"), "damaged").unwrap();
    let before = fs::read(dir.path().join("current.json")).unwrap();
    assert!(matches!(add(dir.path(), &["debian"], 0).unwrap_err(), StoreError::Segment(_)));
    assert_eq!(fs::read(dir.path().join("current.json")).unwrap(), before);
    // The damaged one itself can be replaced.
    assert_eq!(told(&add(dir.path(), &["alpine"], 1).unwrap()), ["alpine 1", "npm 0"]);
}

#[test]
fn what_is_added_to_what_was_fetched_is_left_alone_by_updates() {
    let world = World::new();
    world.publish(&["alpine", "debian"], 0);
    let (fetched, _) = world.update().unwrap();
    let added = add(&world.client, &["npm"], 7).unwrap();
    assert_eq!(told(&added), ["alpine 0", "debian 0", "npm 7"]);
    let [before, after] = [&fetched, &added].map(Store::current);
    assert_eq!((&before.origin, before.created), (&after.origin, after.created), "it is as old as it was");
    let local: Vec<bool> = after.segments.iter().map(|named| named.local).collect();
    assert_eq!(local, [false, false, true]);
    for ours in
        [add(&world.client, &["alpine"], 7), Change::begin(&world.client).unwrap().remove(&["debian"], now())]
    {
        assert!(matches!(ours.unwrap_err(), StoreError::Published { from, .. } if from == "a test"));
    }
    world.publish(&["alpine", "debian"], 1);
    assert_eq!(told(&world.update().unwrap().0), ["alpine 1", "debian 1", "npm 7"]);
    // What the publisher has now, too, is its own from then on.
    world.publish(&NAMES, 2);
    let (store, _) = world.update().unwrap();
    assert_eq!(versions(&store), ["2"; 3]);
    assert!(store.current().segments.iter().all(|named| !named.local));
    assert_eq!(leftovers(&world.client), 0);
}

#[test]
fn names_are_names_of_files_and_each_is_there_once() {
    let dir = TempDir::new().unwrap();
    for names in [&["../x"][..], &["npm", "npm"], &["Npm"], &[""]] {
        let change = Change::begin(dir.path()).unwrap();
        Builder::new(None).finish(&change.place("npm")).unwrap();
        assert!(matches!(change.install(names, now(), now()).unwrap_err(), StoreError::Name(_)), "{names:?}");
    }
    assert!(matches!(Store::open(dir.path()).unwrap_err(), StoreError::Absent(_)));
}

#[test]
fn a_days_change_of_all_segments_is_a_few_small_requests() {
    let world = World::new();
    world.publish(&NAMES, 0);
    let (store, report) = world.update().unwrap();
    let whole: u64 = store.segments().map(|(_, segment)| segment.size()).sum();
    assert_eq!(report.bytes_fetched(), whole);
    assert!(
        matches!(&store.current().origin, Origin::Published { from, sequence: 1, .. } if from == "a test")
    );

    world.publish(&NAMES, 1);
    let (mut expected, mut arrived, mut done) = (0, 0, Vec::new());
    let (store, report) = world
        .update_from(&mut world.chunks(), &mut |event| match event {
            Event::Expected(bytes) => expected += bytes,
            Event::Arrived(bytes) => arrived += bytes,
            Event::Done(name, _) => done.push(name.to_owned()),
        })
        .unwrap();
    assert_eq!(routes(&report), [&Route::Delta; 3]);
    assert!(report.bytes_fetched() < whole / 20, "{} of {whole}", report.bytes_fetched());
    assert_eq!((expected, arrived), (report.bytes_fetched(), report.bytes_fetched()));
    assert_eq!(done, NAMES);
    assert_eq!(versions(&store), ["1"; 3]);
    let published = Store::open(&world.publisher).unwrap();
    for ((_, mine), (_, theirs)) in store.segments().zip(published.segments()) {
        assert_eq!(mine.root(), theirs.root());
    }

    let (_, report) = world.update().unwrap();
    assert!(report.unchanged() && report.bytes_fetched() == 0);
    assert_eq!(leftovers(&world.client), 0);
}

#[test]
fn only_what_changed_is_fetched_and_what_is_not_published_any_more_goes() {
    let world = World::new();
    world.publish(&NAMES, 0);
    world.update().unwrap();
    world.publish(&["alpine", "go"], 0);
    let (store, report) = world.update().unwrap();
    assert!(matches!(routes(&report)[..], [Route::Current, Route::Whole { .. }]), "{report:?}");
    assert_eq!(store.segments().map(|(name, _)| name).collect::<Vec<_>>(), ["alpine", "go"]);
    assert_eq!(leftovers(&world.client), 0);
}

#[test]
fn what_an_interrupted_update_fetched_is_not_fetched_again() {
    let world = World::new();
    let manifest = world.publish(&NAMES, 0);
    let sizes: Vec<u64> = manifest.segments.iter().map(|offer| offer.file.size).collect();
    // Until the middle of the second segment.
    let mut broken = Broken { inner: world.chunks(), left: sizes[0] + sizes[1] / 2 };
    let error = world.update_from(&mut broken, &mut |_| {}).unwrap_err();
    assert!(matches!(error, StoreError::Update(UpdateError::Short { .. })), "{error}");
    assert!(matches!(Store::open(&world.client).unwrap_err(), StoreError::Absent(_)));
    let (_, report) = world.update().unwrap();
    let resumed = sizes[1] / 2;
    assert_eq!(
        routes(&report),
        [
            &Route::Current,
            &Route::Whole { resumed, because: None },
            &Route::Whole { resumed: 0, because: None }
        ]
    );
    assert_eq!(report.bytes_fetched(), sizes[1] - resumed + sizes[2]);
    assert_eq!(leftovers(&world.client), 0);
}

#[test]
fn what_was_begun_of_another_version_does_not_stay() {
    let world = World::new();
    let manifest = world.publish(&NAMES, 0);
    let mut broken = Broken { inner: world.chunks(), left: manifest.segments[0].file.size * 3 / 2 };
    world.update_from(&mut broken, &mut |_| {}).unwrap_err();
    world.publish(&NAMES, 1);
    world.update().unwrap();
    assert_eq!(leftovers(&world.client), 0);
}

#[test]
fn two_changes_at_once_are_one_too_many_and_readers_need_no_lock() {
    let world = World::new();
    world.publish(&NAMES, 0);
    world.update().unwrap();
    let held = Change::begin(&world.client).unwrap();
    assert!(matches!(world.update().unwrap_err(), StoreError::Busy(_)));
    assert!(matches!(build(&world.client, &NAMES, 1).unwrap_err(), StoreError::Busy(_)));
    Store::open(&world.client).unwrap();
    drop(held);
    build(&world.client, &NAMES, 1).unwrap();
}

#[test]
fn readers_see_one_version_or_the_other_while_it_changes() {
    let world = World::new();
    world.publish(&NAMES, 0);
    world.update().unwrap();
    let (old, _) = world.update().unwrap();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = Vec::new();
            while !ended.load(Relaxed) {
                let versions = versions(&Store::open(&world.client).unwrap());
                assert!(versions.iter().all(|version| *version == versions[0]), "{versions:?}");
                seen.push(versions[0].clone());
            }
            seen.dedup();
            seen
        });
        for version in 1..5 {
            world.publish(&NAMES, version);
            world.update().unwrap();
        }
        ended.store(true, Relaxed);
        let seen = reader.join().unwrap();
        assert!(seen.is_sorted() && seen.len() > 1, "{seen:?}");
    });
    assert_eq!(versions(&old), ["0"; 3]);
    assert!(old.verify().all(|(_, verified)| verified.is_ok()), "the first is still whole");
}
