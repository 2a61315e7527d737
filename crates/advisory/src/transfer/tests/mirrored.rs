//! Copies of what is published.

use super::*;
use crate::transfer::{ManifestError, Mirrored, mirror};

fn copy(server: &Server, directory: &Path) -> Result<Mirrored, UpdateError> {
    mirror(&mut server.chunks(), &key(), expected(), directory)
}

#[test]
fn a_mirror_is_as_good_as_the_original_for_clients_and_publishers() {
    let (server, dir, copied) = (Server::new(), TempDir::new().unwrap(), Server::new());
    let first = build(&dir.path().join("0"), &many_rows(3000, 0), None);
    let second = build(&dir.path().join("1"), &many_rows(3000, 1), Some(&first));
    server.publish(&first);
    copy(&server, copied.0.path()).unwrap();
    server.publish(&second);
    let mirrored = copy(&server, copied.0.path()).unwrap();
    assert_eq!(mirrored.manifest.sequence, 2);
    assert!(mirrored.bytes_fetched < first.size() + second.size(), "the first was here");
    assert_eq!(copy(&server, copied.0.path()).unwrap().bytes_fetched, 0);

    let target = dir.path().join("test.seg");
    assert_eq!(copied.update(Some(&first), &target).unwrap().route, Route::Delta);
    // Who goes on publishing there makes deltas from what was copied.
    let third = build(&dir.path().join("2"), &many_rows(3000, 2), Some(&second));
    let manifest = copied.publish(&third);
    assert_eq!(manifest.sequence, 3);
    assert_eq!(copied.update(Some(&first), &target).unwrap().route, Route::Delta);
    // What was copied last is not gone back behind.
    let error = copy(&server, copied.0.path()).unwrap_err();
    assert!(matches!(error, UpdateError::Manifest(ManifestError::Older { found: 2, last: 3 })), "{error}");
}

#[test]
fn a_damaged_blob_is_neither_taken_nor_kept() {
    let (server, dir, copied) = (Server::new(), TempDir::new().unwrap(), Server::new());
    let blob = server.publish(&build(&dir.path().join("0"), &many_rows(3000, 0), None)).segments[0].file;
    let good = fs::read(server.blob(blob)).unwrap();
    fs::write(server.blob(blob), vec![7; good.len()]).unwrap();
    assert!(matches!(copy(&server, copied.0.path()).unwrap_err(), UpdateError::Digest(_)));
    assert!(!copied.0.path().join("manifest.json").exists());
    fs::write(server.blob(blob), &good).unwrap();
    copy(&server, copied.0.path()).unwrap();
    fs::write(copied.blob(blob), vec![7; good.len()]).unwrap();
    assert_eq!(copy(&server, copied.0.path()).unwrap().bytes_fetched, blob.size);
    assert_eq!(fs::read(copied.blob(blob)).unwrap(), good);
}
