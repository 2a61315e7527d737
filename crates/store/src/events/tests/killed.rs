//! A process may be killed, and a file damaged, at any place.

use super::*;
use crate::events::shared::locked;
use std::{
    collections::HashSet,
    fs::{self, File},
    io::Write,
    path::PathBuf,
};

/// Opens the store so that its threads end at a place of the code as if the process had been killed there.
fn open_to_be_killed(directory: &Path, settings: Settings, place: &'static str) -> EventStore {
    let shared = Arc::new(Shared::open(directory, settings).unwrap());
    *locked(&shared.fault) = Some(place);
    let (sealer, seals) = seal::start(&shared).unwrap();
    let indexer = indexer::start(&shared, seals).unwrap();
    EventStore { shared, threads: vec![indexer, sealer] }
}

/// Waits until the indexer was killed.
fn wait_for_death(store: &EventStore) {
    while !store.threads[0].is_finished() {
        std::thread::yield_now();
    }
}

#[test]
fn killed_anywhere_nothing_is_lost_and_nothing_is_there_twice() {
    for place in [
        "before a commit",
        "between the lanes",
        "after a commit",
        "before a seal",
        "before a split is sealed",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let small = Settings { split_events: 30, commit_every: Duration::ZERO, ..settings() };
        let mut kept = 0;
        for round in 0..3 {
            let store = open_to_be_killed(directory.path(), small.clone(), place);
            // Some of it late.
            let given: Vec<_> = events(kept + 1..kept + 41)
                .into_iter()
                .map(|e| StoredEvent { time: if e.number % 3 == 0 { NOW - 5 * HOUR } else { e.time }, ..e })
                .collect();
            for part in given.chunks(8) {
                assert_eq!(store.append(NOW, part).unwrap().kept, 8, "{place}, round {round}");
            }
            kept += 40;
            if ["before a commit", "after a commit"].contains(&place) {
                wait_for_death(&store);
            } else if place.contains("seal") {
                store.flush().unwrap();
            }
        }
        let store = EventStore::open(directory.path(), small).unwrap();
        assert_eq!(store.last("n1"), kept);
        store.flush().unwrap();
        let found = numbers(&store, &everything());
        assert_eq!(found.len() as u64, kept, "{place}");
        assert_eq!(found.into_iter().collect::<HashSet<_>>(), (1..=kept).collect(), "{place}");
        assert_eq!(store.stats().dropped, BTreeMap::new(), "{place}");
        assert_eq!(store.append(NOW, &events(1..kept + 1)).unwrap().kept, 0, "{place}");
    }
}

#[test]
fn an_error_after_a_commit_brings_nothing_twice() {
    for place in ["before a commit is seen", "between the lanes"] {
        let directory = tempfile::tempdir().unwrap();
        let soon = Settings { commit_every: Duration::ZERO, ..settings() };
        let store = open_to_be_killed(directory.path(), soon, place);
        store.append(NOW, &events(1..11)).unwrap();
        while store.stats().problems.is_empty() {
            std::thread::yield_now();
        }
        store.append(NOW, &events(11..21)).unwrap();
        *locked(&store.shared.fault) = None;
        while store.flush().is_err() {
            std::thread::yield_now();
        }
        assert_eq!(numbers(&store, &everything()), descending(1..21), "{place}");
        assert_eq!(store.stats().problems, Vec::<String>::new());
    }
}

/// The files of the log, the oldest first.
fn log(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(directory.join("log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A store of which nothing is indexed, with a batch for each event.
fn only_logged(directory: &Path, events: u64) {
    let store = open_to_be_killed(directory, settings(), "before a commit");
    for number in 1..=events {
        store.append(NOW, &[event(number)]).unwrap();
    }
    wait_for_death(&store);
}

#[test]
fn a_log_that_is_cut_anywhere_has_what_is_before_the_cut() {
    let original = tempfile::tempdir().unwrap();
    only_logged(original.path(), 5);
    let bytes = fs::read(&log(original.path())[0]).unwrap();
    let name = log(original.path())[0].file_name().unwrap().to_owned();
    let mut last = 0;
    for length in (0..=bytes.len()).step_by(7).chain([bytes.len()]) {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("log")).unwrap();
        fs::write(directory.path().join("log").join(&name), &bytes[..length]).unwrap();
        let store = EventStore::open(directory.path(), settings()).unwrap();
        store.flush().unwrap();
        let found = numbers(&store, &everything());
        let kept = store.last("n1");
        assert_eq!(found, descending(1..kept + 1), "at {length}");
        assert!(kept >= last, "at {length}");
        last = kept;
        let told = store.stats().problems;
        assert!(told.iter().all(|p| p.contains("at the end of the log")), "{told:?}");
        // What was not acknowledged is taken when it is sent again.
        assert_eq!(store.append(NOW, &events(1..6)).unwrap().kept, 5 - kept);
    }
    assert_eq!(last, 5);
}

#[test]
fn a_flipped_bit_costs_one_batch_and_is_told() {
    let original = tempfile::tempdir().unwrap();
    only_logged(original.path(), 4);
    let file = log(original.path())[0].clone();
    let bytes = fs::read(&file).unwrap();
    let name = file.file_name().unwrap().to_owned();
    for at in (0..bytes.len()).step_by(5) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("log")).unwrap();
        fs::write(directory.path().join("log").join(&name), &flipped).unwrap();
        let store = EventStore::open(directory.path(), settings()).unwrap();
        store.flush().unwrap();
        let found = numbers(&store, &everything());
        assert!(found.len() >= 3, "at {at}: {found:?}");
        assert_eq!(store.stats().problems.len(), 1, "at {at}");
        let lost = store.stats().dropped.get("damaged").copied().unwrap_or_default();
        let torn = 4 - store.last("n1");
        assert_eq!(found.len() as u64 + lost + torn, 4, "at {at}");
    }
}

#[test]
fn a_log_that_is_gone_repeats_no_place_and_no_number() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), settings()).unwrap();
    store.append(NOW, &events(1..6)).unwrap();
    store.flush().unwrap();
    drop(store);
    fs::remove_dir_all(directory.path().join("log")).unwrap();
    let store = EventStore::open(directory.path(), settings()).unwrap();
    assert_eq!(store.last("n1"), 5);
    assert_eq!(store.append(NOW, &events(1..8)).unwrap().kept, 2);
    store.flush().unwrap();
    assert_eq!(numbers(&store, &everything()), descending(1..8));
    assert_eq!(store.stats().dropped, BTreeMap::from([("duplicate", 5)]));
}

#[test]
fn a_broken_split_makes_an_answer_partial_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let small = Settings { split_events: 10, ..settings() };
    let store = EventStore::open(directory.path(), small.clone()).unwrap();
    for n in 0..3 {
        store.append(NOW, &events(n * 10 + 1..n * 10 + 11)).unwrap();
        store.flush().unwrap();
        sealed(&store, n + 1);
    }
    drop(store);
    let mut splits: Vec<_> =
        fs::read_dir(directory.path().join("splits")).unwrap().map(|e| e.unwrap().path()).collect();
    splits.sort();
    // One has lost its files, but not what it says of itself; the other both.
    for entry in fs::read_dir(&splits[1]).unwrap() {
        let path = entry.unwrap().path();
        if !path.ends_with("split.json") {
            File::create(path).unwrap().write_all(b"garbage").unwrap();
        }
    }
    fs::remove_file(splits[2].join("split.json")).unwrap();
    fs::remove_file(splits[2].join("meta.json")).unwrap();
    let store = EventStore::open(directory.path(), small.clone()).unwrap();
    let page = store.search(&Query { text: "curl".into(), ..everything() }).unwrap();
    assert_eq!((page.items.len(), page.total, page.unsearched.len()), (10, 10, 2), "{:?}", page.unsearched);
    let histogram = store.histogram(&everything(), 10).unwrap();
    assert_eq!(histogram.unsearched.len(), 2);
    // A file has nowhere to say that it lacks something: it breaks off.
    let exported = store.export(&everything(), |_| Ok(()));
    assert!(matches!(exported, Err(ExportError::Unsearched(_))), "{exported:?}");
    assert_eq!(histogram.buckets.iter().map(|b| b.count).sum::<u64>(), 10);
    assert_eq!(store.stats().problems.len(), 1);
    // The store goes on.
    store.append(NOW, &events(31..35)).unwrap();
    store.flush().unwrap();
    assert_eq!(store.search(&everything()).unwrap().items.len(), 14);
}
