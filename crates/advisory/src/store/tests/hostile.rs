//! A server that lies, a disk that rots.

use super::*;
use crate::transfer::ManifestError;

/// A client that has the first version; the server has the second.
fn world() -> (World, Manifest) {
    let world = World::new();
    world.publish(&NAMES, 0);
    world.update().unwrap();
    let manifest = world.publish(&NAMES, 1);
    (world, manifest)
}

/// Signs another manifest.
fn replace(world: &World, manifest: &Manifest) {
    let bytes = manifest.to_bytes();
    fs::write(world.server.join("manifest.json.minisig"), sign::sign(&bytes, &KEY.0, None, "x").unwrap())
        .unwrap();
    fs::write(world.server.join("manifest.json"), bytes).unwrap();
}

fn is_old(world: &World) -> bool {
    versions(&Store::open(&world.client).unwrap()) == ["0"; 3]
}

/// The file of a segment that counts.
fn file(world: &World, name: &str) -> PathBuf {
    Store::open(&world.client).unwrap().segment(name).unwrap().path().to_owned()
}

/// Changes a file as a bad disk does: it stays as long as it is.
fn rot(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let beside = path.with_extension("rotten");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, path).unwrap();
}

#[test]
fn a_manifest_that_is_not_believed_changes_nothing() {
    let (world, manifest) = world();
    let refused = |expected: &str| {
        let error = world.update().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(is_old(&world));
    };
    let stranger = sign::generate(None).unwrap().1.parse().unwrap();
    let chunks = &mut world.chunks();
    let upstream = Upstream { chunks, name: "", key: &stranger, allow_older: false };
    let error = Change::begin(&world.client).unwrap().update(upstream, now(), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "the signature is wrong");

    let mut other = manifest.clone();
    other.sequence = 9;
    fs::write(world.server.join("manifest.json"), other.to_bytes()).unwrap();
    refused("the signature is wrong");
    other.created = now() + 48.hours();
    replace(&world, &other);
    refused("one of the two is wrong");
    fs::write(world.server.join("manifest.json"), vec![b' '; 3 << 20]).unwrap();
    refused("the signature is wrong");
}

#[test]
fn going_back_has_to_be_wanted_and_is_about_one_key() {
    let (world, manifest) = world();
    world.update().unwrap();
    let mut older = manifest;
    older.sequence = 1;
    replace(&world, &older);
    let error = world.update().unwrap_err();
    assert!(matches!(
        error,
        StoreError::Update(UpdateError::Manifest(ManifestError::Older { found: 1, last: 2 }))
    ));
    let key = KEY.1.parse().unwrap();
    let chunks = &mut world.chunks();
    let upstream = Upstream { chunks, name: "", key: &key, allow_older: true };
    Change::begin(&world.client).unwrap().update(upstream, now(), &mut |_| {}).unwrap();

    // A publisher with another key counts for itself.
    let (secret, public) = sign::generate(None).unwrap();
    let bytes = fs::read(world.server.join("manifest.json")).unwrap();
    let signature = sign::sign(&bytes, &secret, None, "x").unwrap();
    fs::write(world.server.join("manifest.json.minisig"), signature).unwrap();
    let key = public.parse().unwrap();
    let chunks = &mut world.chunks();
    let upstream = Upstream { chunks, name: "", key: &key, allow_older: false };
    Change::begin(&world.client).unwrap().update(upstream, now(), &mut |_| {}).unwrap();
}

#[test]
fn a_bad_blob_of_one_segment_leaves_all_as_they_were() {
    let (world, manifest) = world();
    let offer = &manifest.segments[1];
    fs::remove_file(world.server.join(offer.older[0].delta.unwrap().name())).unwrap();
    let blob = world.server.join(offer.file.name());
    let good = fs::read(&blob).unwrap();
    for bad in [good[..1000].to_vec(), vec![7; good.len()], [good.as_slice(), b"more"].concat()] {
        fs::write(&blob, &bad).unwrap();
        if bad.len() > good.len() {
            // No more is asked for than was signed.
            world.update().unwrap();
        } else {
            world.update().unwrap_err();
            assert!(is_old(&world));
        }
    }
    assert_eq!(versions(&Store::open(&world.client).unwrap()), ["1"; 3]);
}

#[test]
fn a_delta_against_a_rotten_segment_is_not_enough() {
    let (world, _) = world();
    rot(&file(&world, "npm"));
    let (store, report) = world.update().unwrap();
    let Route::Whole { because: Some(because), .. } = routes(&report)[2] else {
        panic!("{report:?}");
    };
    assert!(because.contains("damaged"), "{because}");
    assert_eq!(routes(&report)[..2], [&Route::Delta; 2]);
    assert!(store.verify().all(|(_, verified)| verified.is_ok()));
}

#[test]
fn what_rots_is_found_and_what_is_gone_or_rotten_is_fetched_again() {
    let (world, _) = world();
    world.update().unwrap();
    let (gone, rotten) = (file(&world, "alpine"), file(&world, "npm"));
    rot(&rotten);
    let store = Store::open(&world.client).unwrap();
    let bad: Vec<_> =
        store.verify().filter(|(_, verified)| verified.is_err()).map(|(name, _)| name).collect();
    assert_eq!(bad, ["npm"]);
    fs::remove_file(gone).unwrap();
    let error = Store::open(&world.client).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    let (store, report) = world.update().unwrap();
    let whole = Route::Whole { resumed: 0, because: None };
    assert_eq!(routes(&report), [&whole, &Route::Current, &whole]);
    assert!(store.verify().all(|(_, verified)| verified.is_ok()));
}

#[test]
fn a_directory_that_says_what_cannot_be_is_refused() {
    let (world, _) = world();
    let path = world.client.join("current.json");
    let good = fs::read_to_string(&path).unwrap();
    for (from, to, expected) in [
        ("{", "[", "is damaged"),
        ("\"format\":1", "\"format\":2", "is in format 2"),
        ("\"name\":\"npm\"", "\"name\":\"../npm\"", "as no segment may be named"),
        ("\"name\":\"npm\"", "\"name\":\"alpine\"", "not in order"),
    ] {
        fs::write(&path, good.replacen(from, to, 1)).unwrap();
        let error = Store::open(&world.client).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(Change::begin(&world.client).is_err(), "nothing is forgotten silently");
    }
    fs::write(&path, good).unwrap();
    let (npm, debian) = (file(&world, "npm"), file(&world, "debian"));
    fs::copy(npm, debian).unwrap();
    assert!(matches!(Store::open(&world.client).unwrap_err(), StoreError::Root { .. }));
}
