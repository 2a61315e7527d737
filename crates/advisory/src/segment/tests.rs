//! What must hold for every segment: the rows that went in come out, or an error does.

use super::{Builder, Rows, Segment, SegmentError, cut::MAX_BLOCK, rows::Oversize};
use proptest::{collection::vec, prelude::*};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

pub(crate) type Model = BTreeSet<(u8, Vec<u8>, Vec<u8>)>;

pub(crate) fn build(path: &Path, rows: &Model, previous: Option<&Segment>) -> Segment {
    let mut builder = Builder::new(previous);
    builder.meta("feed", "test");
    for (table, key, value) in rows {
        builder.push(*table, key, value).expect("small");
    }
    let root = builder.finish(path).expect("written");
    let segment = Segment::open(path).expect("open");
    assert_eq!(segment.root(), root);
    segment
}

type Answer = Vec<(Vec<u8>, Vec<u8>)>;

fn all(mut rows: Rows<'_>) -> Result<Answer, SegmentError> {
    let mut found = Vec::new();
    while let Some(row) = rows.next_row()? {
        found.push((row.key.to_vec(), row.value.to_vec()));
    }
    Ok(found)
}

/// What the model answers.
fn model(rows: &Model, table: u8, wanted: impl Fn(&[u8]) -> bool) -> Answer {
    let found = rows.iter().filter(|(t, key, _)| *t == table && wanted(key));
    found.map(|(_, key, value)| (key.clone(), value.clone())).collect()
}

fn agrees(segment: &Segment, rows: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(segment.len(), rows.len() as u64);
    let absent = [vec![], b"a".to_vec(), vec![0xff; 9]];
    for key in rows.iter().map(|(_, key, _)| key).chain(&absent) {
        for table in 0..4 {
            let found = all(segment.get(table, key).unwrap()).unwrap();
            prop_assert_eq!(found, model(rows, table, |other| other == key.as_slice()));
        }
        let prefix = &key[..key.len() / 2];
        let found = all(segment.prefix(1, prefix).unwrap()).unwrap();
        prop_assert_eq!(found, model(rows, 1, |other| other.starts_with(prefix)));
    }
    for table in 0..4 {
        prop_assert_eq!(all(segment.rows(table).unwrap()).unwrap(), model(rows, table, |_| true));
    }
    segment.verify().unwrap();
    Ok(())
}

/// Few keys with many values, many keys with few, keys that begin alike.
pub(crate) fn some_rows(most: usize) -> impl Strategy<Value = Model> {
    let key =
        prop_oneof![vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0xff)], 0..4), vec(any::<u8>(), 0..40),];
    let value =
        prop_oneof![vec(any::<u8>(), 0..20), (any::<u8>(), 0..3000usize).prop_map(|(b, n)| vec![b; n])];
    proptest::collection::btree_set((0..4u8, key, value), 0..most)
}

/// Like the real thing: names that begin alike, a few rows each.
pub(crate) fn many_rows(count: usize, change: usize) -> Model {
    (0..count)
        .map(|n| {
            let key = format!("debian:{}/package-{}", n % 3, n / 7);
            let version = if change > 0 && n % 300 == change % 300 { change } else { 0 };
            let value = format!("CVE-2024-{n} introduced 0 fixed 1.{n}.{version}-1+deb12u1");
            (1, key.into_bytes(), value.into_bytes())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_question_is_answered_as_by_a_sorted_set(rows in some_rows(400)) {
        let dir = TempDir::new().unwrap();
        let segment = build(&dir.path().join("s"), &rows, None);
        agrees(&segment, &rows)?;
    }

    #[test]
    fn neither_order_nor_history_shows(rows in some_rows(200), before in some_rows(200)) {
        let dir = TempDir::new().unwrap();
        let fresh = build(&dir.path().join("a"), &rows, None);
        let mut builder = Builder::new(None);
        builder.meta("feed", "test");
        for (table, key, value) in rows.iter().rev().chain(&rows) {
            builder.push(*table, key, value).unwrap();
        }
        builder.finish(&dir.path().join("b")).unwrap();
        prop_assert_eq!(fs::read(dir.path().join("a")).unwrap(), fs::read(dir.path().join("b")).unwrap());
        let before = build(&dir.path().join("c"), &before, None);
        let after = build(&dir.path().join("d"), &rows, Some(&before));
        prop_assert_eq!(after.root(), fresh.root());
    }

    #[test]
    fn what_is_no_segment_is_refused(bytes in vec(any::<u8>(), 0..300), honest in any::<bool>()) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("s");
        let bytes = if honest { [b"gabseg\0\x01", &bytes[..]].concat() } else { bytes };
        fs::write(&path, bytes).unwrap();
        prop_assert!(Segment::open(&path).is_err());
    }
}

#[test]
fn many_groups_are_searched() {
    let dir = TempDir::new().unwrap();
    let rows = many_rows(20_000, 0);
    let segment = build(&dir.path().join("s"), &rows, None);
    assert!(segment.blocks() > 1000, "{}", segment.blocks());
    for (_, key, _) in rows.iter().step_by(97) {
        assert_eq!(all(segment.get(1, key).unwrap()).unwrap(), model(&rows, 1, |other| other == key));
    }
    assert_eq!(all(segment.rows(1).unwrap()).unwrap().len(), rows.len());
    assert_eq!(segment.meta()["feed"], "test");
    segment.verify().unwrap();
}

#[test]
fn an_empty_segment_is_one() {
    let dir = TempDir::new().unwrap();
    let segment = build(&dir.path().join("s"), &Model::new(), None);
    agrees(&segment, &Model::new()).unwrap();
}

#[test]
fn large_rows_are_kept_and_too_large_ones_refused() {
    let dir = TempDir::new().unwrap();
    let rows: Model = (0..3).map(|n| (1, vec![n; super::MAX_KEY], vec![n; super::MAX_VALUE])).collect();
    let segment = build(&dir.path().join("s"), &rows, None);
    agrees(&segment, &rows).unwrap();
    let mut builder = Builder::new(None);
    let long = vec![0; MAX_BLOCK];
    assert_eq!(builder.push(0, &long, &[]).unwrap_err(), Oversize::Key(long.len()));
    assert_eq!(builder.push(0, &[], &long).unwrap_err(), Oversize::Value(long.len()));
}

/// Every byte of a file in turn, changed: opening it, or touching what is behind that byte, is an error, or nothing has
/// changed. Rows that nobody wrote never come out, and none is silently missing.
#[test]
fn no_changed_byte_changes_an_answer() {
    let dir = TempDir::new().unwrap();
    let rows = many_rows(250, 0);
    build(&dir.path().join("good"), &rows, None);
    let good = fs::read(dir.path().join("good")).unwrap();
    let path: PathBuf = dir.path().join("bad");
    let (mut refused, mut unhurt) = (0, 0);
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, bad).unwrap();
        let answers = Segment::open(&path).and_then(|segment| {
            let by_key = rows.iter().step_by(40).map(|(_, key, _)| {
                let found = all(segment.get(1, key)?)?;
                assert_eq!(found, model(&rows, 1, |other| other == key), "byte {at}");
                Ok(())
            });
            let by_key: Result<(), SegmentError> = by_key.collect();
            let whole = all(segment.rows(1)?)?;
            assert_eq!(whole, model(&rows, 1, |_| true), "byte {at}");
            by_key
        });
        match answers {
            Ok(()) => unhurt += 1,
            Err(_) => refused += 1,
        }
    }
    // Parts of the dictionary that no block refers to, unused bits of its entropy tables.
    assert!(refused > unhurt, "{refused} refused, {unhurt} without effect");
}

#[test]
fn a_file_of_another_length_is_refused() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("s");
    build(&path, &many_rows(500, 0), None);
    let good = fs::read(&path).unwrap();
    for length in [0, 7, 40, 71, 72, good.len() / 2, good.len() - 1] {
        fs::write(&path, &good[..length]).unwrap();
        assert!(Segment::open(&path).is_err(), "{length} bytes");
    }
    fs::write(&path, [&good[..], b"x"].concat()).unwrap();
    let error = Segment::open(&path).unwrap_err();
    assert!(error.to_string().contains("longer or shorter"), "{error}");
    assert!(matches!(Segment::open(dir.path()).unwrap_err(), SegmentError::Io { .. }));
    fs::write(&path, [&good[..7], &[9], &good[8..]].concat()).unwrap();
    assert!(matches!(Segment::open(&path).unwrap_err(), SegmentError::Format { found: 9, .. }));
}

#[test]
fn who_has_the_old_one_open_goes_on_with_it() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("s");
    let (old, new) = (many_rows(500, 0), many_rows(700, 1));
    let reader = build(&path, &old, None);
    let after = build(&path, &new, Some(&reader));
    assert_eq!(all(reader.rows(1).unwrap()).unwrap(), model(&old, 1, |_| true));
    assert_eq!(all(after.rows(1).unwrap()).unwrap(), model(&new, 1, |_| true));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}
