//! The store as a whole.

mod killed;
mod searched;

use super::*;
use std::collections::BTreeMap;

const HOUR: Millis = 3_600_000;
/// When the tests happen.
const NOW: Millis = 1_700_000_000_000;

fn settings() -> Settings {
    Settings { index_memory: 15_000_000, commit_every: Duration::from_hours(1), ..Settings::default() }
}

fn event(number: u64) -> StoredEvent {
    StoredEvent {
        source: "n1".into(),
        number,
        time: NOW + Millis::try_from(number).unwrap(),
        kind: "execve".into(),
        node: "n1".into(),
        container: Some("web".into()),
        workload: Some("default/deployment/web".into()),
        program: Some("curl".into()),
        message: format!("curl ran for the {number}th time"),
        priority: None,
        fields: BTreeMap::from([("proc.pid".into(), number.to_string())]),
    }
}

fn events(numbers: std::ops::Range<u64>) -> Vec<StoredEvent> {
    numbers.map(event).collect()
}

fn everything() -> Query {
    Query { limit: 1000, ..Query::default() }
}

/// The numbers of what a query finds.
fn numbers(store: &EventStore, query: &Query) -> Vec<u64> {
    let page = store.search(query).unwrap();
    assert_eq!(page.unsearched, []);
    page.items.iter().map(|e| e.id.rsplit('/').next().unwrap().parse().unwrap()).collect()
}

fn descending(numbers: std::ops::Range<u64>) -> Vec<u64> {
    numbers.rev().collect()
}

#[test]
fn what_is_appended_is_found_and_what_is_known_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), settings()).unwrap();
    let appended = store.append(NOW, &events(1..5)).unwrap();
    assert_eq!(appended, Appended { kept: 4, ..Appended::default() });
    let again = store.append(NOW, &events(3..7)).unwrap();
    assert_eq!(again, Appended { kept: 2, duplicates: 2, ..Appended::default() });
    assert_eq!((store.last("n1"), store.last("n2")), (6, 0));
    store.flush().unwrap();
    assert_eq!(numbers(&store, &everything()), descending(1..7));
    let stats = store.stats();
    assert_eq!((stats.events, stats.waiting, stats.splits), (6, 0, 1));
    assert_eq!((stats.oldest, stats.newest), (Some(NOW + 1), Some(NOW + 6)));
    assert_eq!(stats.dropped, BTreeMap::from([("duplicate", 2)]));
    assert_eq!(stats.problems, Vec::<String>::new());
}

#[test]
fn what_is_appended_is_visible_soon_without_anyone_waiting_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let soon = Settings { commit_every: Duration::from_millis(20), ..settings() };
    let store = EventStore::open(directory.path(), soon).unwrap();
    store.append(NOW, &events(1..2)).unwrap();
    while store.stats().events == 0 {
        std::thread::yield_now();
    }
    assert_eq!(numbers(&store, &everything()), [1]);
}

#[test]
fn who_appends_at_once_shares_the_disk_and_every_source_keeps_its_order() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), settings()).unwrap();
    std::thread::scope(|scope| {
        for source in 0..8 {
            let store = &store;
            scope.spawn(move || {
                let source = format!("n{source}");
                for number in 1..=50 {
                    let event = StoredEvent { source: source.clone(), ..event(number) };
                    assert_eq!(store.append(NOW, &[event]).unwrap().kept, 1);
                    assert_eq!(store.last(&source), number);
                }
            });
        }
    });
    store.flush().unwrap();
    assert_eq!(store.search(&everything()).unwrap().total, 400);
}

#[test]
fn only_one_process_has_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), settings()).unwrap();
    let second = EventStore::open(directory.path(), settings());
    assert!(matches!(second, Err(EventStoreError::InUse(_))));
    drop(store);
    EventStore::open(directory.path(), settings()).unwrap();
}

#[test]
fn late_events_and_wrong_clocks_have_their_place() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), settings()).unwrap();
    let at = |number, time| StoredEvent { time, ..event(number) };
    let given = [at(1, NOW), at(2, NOW - 5 * HOUR), at(3, NOW + HOUR), at(4, -7)];
    assert_eq!(store.append(NOW, &given).unwrap().clamped, 2);
    store.flush().unwrap();
    assert_eq!(numbers(&store, &everything()), [4, 3, 1, 2]);
    assert_eq!(store.stats().splits, 2);
    let claimed = Query { text: format!("event.time.claimed={}", NOW + HOUR), ..everything() };
    assert_eq!(numbers(&store, &claimed), [3]);
    assert_eq!(store.stats().dropped, BTreeMap::from([("clamped", 2)]));
}

#[test]
fn a_full_split_is_sealed_and_the_next_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let small = Settings { split_events: 10, ..settings() };
    let store = EventStore::open(directory.path(), small.clone()).unwrap();
    for n in 0..5 {
        store.append(NOW, &events(n * 10 + 1..n * 10 + 11)).unwrap();
        store.flush().unwrap();
    }
    drop(store);
    let store = EventStore::open(directory.path(), small).unwrap();
    assert_eq!(store.stats().splits, 5);
    assert_eq!(numbers(&store, &everything()), descending(1..51));
    assert_eq!(store.last("n1"), 50);
}

#[test]
fn retention_removes_whole_splits_by_age_and_by_size() {
    let directory = tempfile::tempdir().unwrap();
    let small = Settings { split_events: 10, max_age: Duration::from_hours(24), ..settings() };
    let store = EventStore::open(directory.path(), small).unwrap();
    let day = |n: u64| Millis::try_from(n).unwrap() * 24 * HOUR;
    for n in 0..4 {
        let given: Vec<_> = events(n * 10 + 1..n * 10 + 11)
            .into_iter()
            .map(|e| StoredEvent { time: NOW + day(n), ..e })
            .collect();
        store.append(NOW + day(n), &given).unwrap();
        store.flush().unwrap();
        sealed(&store, n + 1);
    }
    let swept = store.sweep(NOW + day(2)).unwrap();
    assert_eq!((swept.splits, swept.expired, swept.evicted), (1, 10, 0));
    assert_eq!(numbers(&store, &everything()), {
        let mut rest: Vec<_> = (11..=20).chain(21..=30).chain(31..=40).collect();
        rest.sort_by_key(|n| (std::cmp::Reverse((n - 1) / 10), std::cmp::Reverse(*n)));
        rest
    });
    store.limit(Duration::from_hours(10_000), u64::MAX);
    assert_eq!(store.sweep(NOW + day(30)).unwrap(), Swept::default(), "more is kept than before");
    store.limit(Duration::from_hours(10_000), 1);
    let swept = store.sweep(NOW + day(3)).unwrap();
    assert_eq!((swept.splits, swept.evicted, store.stats().events), (3, 30, 0));
    assert!(swept.bytes > 0);
    // Numbers are known although their events are gone.
    assert_eq!(store.append(NOW, &events(1..41)).unwrap().kept, 0);
}

#[test]
fn whoever_has_not_got_past_what_goes_is_told_before() {
    let directory = tempfile::tempdir().unwrap();
    let small = Settings { split_events: 10, max_age: Duration::from_hours(24), ..settings() };
    let store = EventStore::open(directory.path(), small).unwrap();
    for n in 0..3 {
        let time = NOW + Millis::try_from(n).unwrap() * 24 * HOUR;
        let given: Vec<_> =
            events(n * 10 + 1..n * 10 + 11).into_iter().map(|e| StoredEvent { time, ..e }).collect();
        store.append(time, &given).unwrap();
        store.flush().unwrap();
        sealed(&store, n + 1);
    }
    let places = [0, store.arrived(0, 4).next, store.arrived(0, 10).next, store.end()];
    assert_eq!(store.visible(), store.end());
    let now = NOW + 2 * 24 * HOUR;
    let mut told = Vec::new();
    let swept = store.sweep_past(now, &places, |lost| {
        told.push(lost.to_vec());
        false
    });
    assert_eq!(swept.unwrap(), Swept::default(), "nothing goes that could not be told");
    let swept = store.sweep_past(now, &places, |lost| {
        told.push(lost.to_vec());
        true
    });
    assert_eq!(swept.unwrap().expired, 10);
    assert_eq!(told, [[10, 6, 0, 0]; 2]);
    assert_eq!(store.arrived(places[1], 100).events.len(), 20);
}

#[test]
fn what_a_store_had_has_arrived_when_it_is_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), settings()).unwrap();
    store.append(NOW, &events(1..21)).unwrap();
    store.flush().unwrap();
    drop(store);
    let store = EventStore::open(directory.path(), settings()).unwrap();
    let began = std::time::Instant::now();
    while store.visible() < store.end() {
        assert!(began.elapsed() < Duration::from_mins(1), "nothing is visible until something comes");
        std::thread::yield_now();
    }
    assert_eq!(store.arrived(0, 100).events.len(), 20);
}

#[test]
fn an_old_split_is_sealed_though_nothing_comes() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), settings()).unwrap();
    store.append(NOW, &events(1..3)).unwrap();
    store.flush().unwrap();
    let later = NOW + 40 * 24 * HOUR;
    assert_eq!(store.sweep(later).unwrap().splits, 0);
    sealed(&store, 1);
    assert_eq!(store.sweep(later).unwrap().expired, 2);
    assert_eq!(store.stats().events, 0);
}

#[test]
fn what_has_waited_long_in_the_log_is_not_sealed_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = EventStore::open(directory.path(), settings()).unwrap();
    // The last makes it late for all that wait.
    for n in 0..50 {
        let at = |e| StoredEvent { time: NOW, ..e };
        store.append(NOW, &events(n * 2 + 1..n * 2 + 3).into_iter().map(at).collect::<Vec<_>>()).unwrap();
    }
    let later = NOW + 24 * HOUR;
    store.append(later, &[StoredEvent { time: later, ..event(101) }]).unwrap();
    store.flush().unwrap();
    assert_eq!(store.search(&everything()).unwrap().total, 101);
    assert!(store.stats().splits <= 2, "{}", store.stats().splits);
}

/// Waits until so many splits are sealed.
fn sealed(store: &EventStore, splits: u64) {
    while store.shared.splits().iter().filter(|s| s.at_rest()).count() < usize::try_from(splits).unwrap() {
        std::thread::yield_now();
    }
}

#[test]
fn a_log_that_is_full_refuses_until_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let small = Settings { log_bytes: 1000, log_file_bytes: 500, ..settings() };
    let store = EventStore::open(directory.path(), small).unwrap();
    let mut number = 1;
    let refused = loop {
        match store.append(NOW, &[event(number)]) {
            Ok(appended) => assert_eq!(appended.kept, 1),
            Err(error) => break error,
        }
        number += 1;
    };
    assert!(matches!(refused, EventStoreError::Full(_)), "{refused}");
    // However much was refused, once all is indexed there is room again.
    for _ in 0..20 {
        store.flush().unwrap();
        assert_eq!(store.append(NOW, &[event(number)]).unwrap().kept, 1);
        number += 1;
    }
    store.flush().unwrap();
    assert_eq!(numbers(&store, &everything()), descending(1..number));
}
