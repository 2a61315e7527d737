//! The event store when its process is killed, and when its disk is full: in processes of their own.
//!
//! What is acknowledged is written to standard output by the child, and looked for by the parent. The small disk is a tmpfs in a mount
//! namespace; where that may not be made, the test says that it did not run, and fails under `CI=true`.

#![allow(clippy::unwrap_used, reason = "this is how a test fails")]

use gabion_store::events::{EventStore, EventStoreError, Query, Settings, StoredEvent};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env, fs,
    io::{BufRead, BufReader, Write, stdout},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// Where a child has its store.
const DIRECTORY: &str = "GABION_TEST_EVENTS";
const NOW: i64 = 1_700_000_000_000;
const SOURCES: [&str; 2] = ["n1", "alert/n1"];

fn settings() -> Settings {
    Settings {
        split_events: 1500,
        log_file_bytes: 64 << 10,
        commit_every: Duration::from_millis(3),
        index_memory: 15_000_000,
        ..Settings::default()
    }
}

fn batch(source: &str, after: u64) -> Vec<StoredEvent> {
    let event = |number| StoredEvent {
        source: source.to_owned(),
        number,
        // Each fifth comes late.
        time: if number % 5 == 0 { NOW - 7_200_000 } else { NOW },
        kind: "execve".to_owned(),
        node: "n1".to_owned(),
        message: format!("sh ran for the {number}th time"),
        fields: BTreeMap::from([("proc.name".to_owned(), "sh".to_owned())]),
        ..StoredEvent::default()
    };
    (after + 1..=after + 50).map(event).collect()
}

/// The numbers of all events of a source, each as often as it is there.
fn numbers(store: &EventStore, source: &str) -> Vec<u64> {
    let filters = vec![("source".to_owned(), source.to_owned())];
    let mut query = Query { filters, limit: 1000, ..Query::default() };
    let mut all = Vec::new();
    loop {
        let page = store.search(&query).unwrap();
        assert_eq!(page.unsearched, []);
        all.extend(page.items.iter().map(|e| e.id.rsplit('/').next().unwrap().parse::<u64>().unwrap()));
        query.cursor = page.next;
        if query.cursor.is_none() {
            return all;
        }
    }
}

fn check(store: &EventStore, acknowledged: &HashMap<String, u64>) {
    for source in SOURCES {
        let last = store.last(source);
        assert!(last >= acknowledged.get(source).copied().unwrap_or_default(), "{source}");
        let numbers = numbers(store, source);
        assert_eq!(numbers.len() as u64, last, "{source}");
        assert_eq!(numbers.into_iter().collect::<HashSet<_>>(), (1..=last).collect(), "{source}");
    }
}

fn child(name: &str, directory: &Path) -> Command {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["--exact", name, "--ignored", "--nocapture"]).env(DIRECTORY, directory);
    child
}

#[test]
fn killed_while_it_appends_nothing_acknowledged_is_lost_or_there_twice() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = HashMap::new();
    for round in 0..5_usize {
        let mut child =
            child("appends_until_it_is_killed", directory.path()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let kept = lines.filter_map(|line| {
            let (source, last) = line.strip_prefix("kept ")?.split_once(' ')?;
            Some((source.to_owned(), last.parse::<u64>().ok()?))
        });
        // Each round is killed at another place.
        for (source, last) in kept.take(17 + 23 * round) {
            acknowledged.insert(source, last);
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let store = EventStore::open(directory.path(), settings()).unwrap();
    store.flush().unwrap();
    check(&store, &acknowledged);
    assert_eq!(store.stats().dropped, BTreeMap::new());
}

#[test]
#[ignore = "a process that another test kills"]
fn appends_until_it_is_killed() {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    let store = EventStore::open(Path::new(&directory), settings()).unwrap();
    loop {
        for source in SOURCES {
            let batch = batch(source, store.last(source));
            assert_eq!(store.append(NOW, &batch).unwrap().kept, 50);
            writeln!(stdout(), "kept {source} {}", store.last(source)).unwrap();
        }
    }
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let mut inner = child("appends_to_a_small_disk", directory.path());
    let script = format!("mount -t tmpfs -o size=14m none '{}' && exec \"$@\"", directory.path().display());
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
    command.arg(inner.get_program()).args(inner.get_args()).env(DIRECTORY, directory.path());
    inner.env_clear();
    let output = command.output().expect("unshare is part of every Linux");
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !told.contains("running 1 test") {
        assert_ne!(env::var("CI").as_deref(), Ok("true"), "no small disk could be made: {errors}");
        writeln!(stdout(), "not run: no small disk could be made: {errors}").unwrap();
        return;
    }
    assert!(output.status.success(), "{told}{errors}");
}

#[test]
#[ignore = "a process that another test gives a small disk"]
fn appends_to_a_small_disk() {
    let Some(directory) = env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let ballast = directory.join("ballast");
    fs::write(&ballast, vec![0; 7 << 20]).unwrap();
    let store = EventStore::open(&directory.join("events"), settings()).unwrap();
    let fill = || loop {
        for source in SOURCES {
            let batch = batch(source, store.last(source));
            match store.append(NOW, &batch) {
                Ok(appended) => assert_eq!(appended.kept, 50),
                Err(error) => return error,
            }
        }
    };
    let error = fill();
    assert!(matches!(error, EventStoreError::Io { .. } | EventStoreError::NotDurable), "{error}");
    // Searching needs no room.
    assert_eq!(store.search(&Query { limit: 1, ..Query::default() }).unwrap().unsearched, []);
    fs::remove_file(&ballast).unwrap();
    for source in SOURCES {
        while store.append(NOW, &batch(source, store.last(source))).is_err() {
            std::thread::yield_now();
        }
    }
    while store.flush().is_err() {
        std::thread::yield_now();
    }
    check(&store, &HashMap::new());
    assert_eq!(store.stats().dropped, BTreeMap::new());
    assert_eq!(store.stats().problems, Vec::<String>::new());
}
