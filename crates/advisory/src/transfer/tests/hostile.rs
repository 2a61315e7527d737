//! A server that lies, a disk that rots.

use super::*;
use crate::{
    segment::MAX_VALUE,
    transfer::columns::{Column, Columns, Row},
};
use proptest::collection::vec;

struct Setting {
    server: Server,
    dir: TempDir,
    have: Segment,
    offer: Offer,
}

/// A client that has the first version; the server has the second.
fn setting() -> Setting {
    let (server, dir) = (Server::new(), TempDir::new().unwrap());
    let have = build(&dir.path().join("test.seg"), &many_rows(5000, 0), None);
    let second = build(&dir.path().join("new"), &many_rows(5000, 1), Some(&have));
    server.publish(&have);
    let offer = server.publish(&second).segments[0].clone();
    Setting { server, dir, have, offer }
}

impl Setting {
    fn update(&self) -> Result<Updated, UpdateError> {
        self.server.update(Some(&self.have), &self.dir.path().join("test.seg"))
    }

    fn delta(&self) -> PathBuf {
        self.server.blob(self.offer.older[0].delta.unwrap())
    }

    fn is_new(&self) -> bool {
        same(&self.dir.path().join("test.seg"), &self.dir.path().join("new"))
    }
}

#[test]
fn a_bad_delta_is_no_reason_not_to_update() {
    for (damage, why) in [(b"x".to_vec(), "ends after 1 of"), (vec![0; 1 << 20], "another digest")] {
        let setting = setting();
        fs::write(setting.delta(), damage).unwrap();
        let Route::Whole { because: Some(because), .. } = setting.update().unwrap().route else {
            panic!("not whole");
        };
        assert!(because.contains(why), "{because}");
        assert!(setting.is_new());
    }
    let setting = setting();
    fs::remove_file(setting.delta()).unwrap();
    assert!(matches!(setting.update().unwrap().route, Route::Whole { because: Some(_), .. }));
    assert!(setting.is_new());
}

#[test]
fn damage_of_the_old_version_is_not_handed_down() {
    let setting = setting();
    let path = setting.dir.path().join("test.seg");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(setting.dir.path().join("rotten"), bytes).unwrap();
    let rotten = Segment::open(&setting.dir.path().join("rotten")).unwrap();
    let updated = setting.server.update(Some(&rotten), &path).unwrap();
    let Route::Whole { because: Some(because), .. } = updated.route else {
        panic!("not whole");
    };
    assert!(because.contains("damaged"), "{because}");
    assert!(setting.is_new());
}

#[test]
fn a_file_that_is_not_the_signed_one_changes_nothing() {
    let setting = setting();
    fs::remove_file(setting.delta()).unwrap();
    let old = fs::read(setting.dir.path().join("test.seg")).unwrap();
    let file = setting.server.blob(setting.offer.file);
    let mut bytes = fs::read(&file).unwrap();
    bytes[100] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert!(matches!(setting.update().unwrap_err(), UpdateError::Digest(_)));
    fs::write(&file, &bytes[..1000]).unwrap();
    assert!(matches!(setting.update().unwrap_err(), UpdateError::Short { got: 1000, .. }));
    assert_eq!(fs::read(setting.dir.path().join("test.seg")).unwrap(), old);
}

#[test]
fn a_signed_file_with_another_root_is_refused() {
    let setting = setting();
    let mut offer = setting.offer.clone();
    offer.root = gabion_model::Digest::sha256([1; 32]);
    let bytes = Manifest::new(9, now(), vec![offer]).to_bytes();
    let signature = crate::transfer::sign::sign(&bytes, &KEY.0, None, "c").unwrap();
    let manifest = Manifest::verify(&bytes, &signature, &key(), expected()).unwrap();
    let target = setting.dir.path().join("other.seg");
    let error = update(Some(&setting.have), &manifest, "test", &mut setting.server.chunks(), &target);
    assert!(matches!(error.unwrap_err(), UpdateError::Root { .. }));
    assert!(!target.exists());
    assert!(matches!(
        update(None, &manifest, "tset", &mut setting.server.chunks(), &target).unwrap_err(),
        UpdateError::Unknown(_)
    ));
}

#[test]
fn a_manifest_by_somebody_else_is_refused() {
    let setting = setting();
    let stranger = crate::transfer::sign::generate(None).unwrap().1.parse().unwrap();
    let error = fetch_manifest(&mut setting.server.chunks(), &stranger, expected()).unwrap_err();
    assert_eq!(error.to_string(), "the signature is wrong");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Even if it were signed: a delta leads to the signed root or to an error, soon, and in little memory.
    #[test]
    fn no_delta_leads_astray(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut in any::<bool>()) {
        struct Case { dir: TempDir, have: Segment, new: Segment, delta: Vec<u8> }
        static CASE: LazyLock<Case> = LazyLock::new(|| {
            let dir = TempDir::new().unwrap();
            let have = build(&dir.path().join("a"), &many_rows(300, 0), None);
            let new = build(&dir.path().join("b"), &many_rows(320, 1), Some(&have));
            let delta = delta::make(&have, &new).unwrap();
            Case { dir, have, new, delta }
        });
        let mut delta = CASE.delta.clone();
        for (at, byte) in &changes {
            let at = at.index(delta.len());
            delta[at] = *byte;
        }
        if cut {
            delta.truncate(changes[0].0.index(delta.len()));
        }
        if let Ok(applied) = delta::apply(&CASE.have, &delta, CASE.new.root(), &CASE.dir.path().join("c")) {
            prop_assert_eq!(applied.finished.root, CASE.new.root());
        }
    }
}

#[test]
fn a_delta_of_billions_of_rows_ends_at_once() {
    let setting = setting();
    let root = setting.offer.root;
    let head = [b"gabion delta 2\n", &setting.have.root().as_bytes()[..], root.as_bytes(), &[0]].concat();
    let huge = 1 << 60;
    // In which block, how many rows to pass, to drop, to add.
    for (edit, fault) in [
        ([0, 0, 0, 0], "it edits no block"),
        ([huge, 0, 0, 0], "it edits a block that is not there"),
        ([setting.have.blocks() + 2, 0, 0, 0], "it edits a block that is not there"),
        ([1, huge, 0, 0], "ends in the middle"),
        ([1, 0, huge, 0], "ends in the middle"),
        ([1, 0, 0, huge], "ends in the middle"),
        ([1, 0, 0, 0], "does not have the signed root"),
    ] {
        let mut columns = Columns::default();
        for (column, number) in
            [Column::Gap, Column::Pass, Column::Dropped, Column::Added].into_iter().zip(edit)
        {
            columns.number(column, number);
        }
        let mut delta = head.clone();
        columns.finish(setting.have.dictionary(), &mut delta).unwrap();
        let error = delta::apply(&setting.have, &delta, root, &setting.dir.path().join("c"));
        let error = error.err().expect("refused").to_string();
        assert!(error.contains(fault), "{edit:?}: {error}");
    }
    // A row that is all of its model is twelve bytes at most, whatever it becomes: so much of that and no more.
    let row = Row { key: vec![1; 100], value: vec![7; MAX_VALUE] };
    let mut columns = Columns::default();
    for column in [Column::Gap, Column::Pass, Column::Dropped] {
        columns.number(column, u64::from(matches!(column, Column::Gap)));
    }
    columns.number(Column::Added, 100);
    columns.row(row.raw(), Row::default().raw());
    for _ in 1..100 {
        columns.row(row.raw(), row.raw());
    }
    let mut delta = head;
    columns.finish(setting.have.dictionary(), &mut delta).unwrap();
    let error = delta::apply(&setting.have, &delta, root, &setting.dir.path().join("c"));
    assert!(error.err().expect("refused").to_string().contains("adds too much"));
}
