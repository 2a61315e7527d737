use super::*;
use crate::events::StoredEvent;

fn entry(source: &str, number: u64) -> Entry<'_> {
    let event = StoredEvent { source: source.to_owned(), number, ..StoredEvent::default() };
    Entry { source: Cow::Borrowed(source), number, bytes: event.encode(Vec::new()) }
}

fn open(directory: &Path) -> (Wal, Found) {
    Wal::open(directory, 4096, 1 << 20, (0, HashMap::new())).unwrap()
}

/// The places and numbers that a reader sees.
fn read(wal: &Wal, tail: &mut Tail) -> Vec<(u64, u64)> {
    let mut all = Vec::new();
    while let Some(batch) = wal.read(tail).unwrap() {
        let numbers = batch.events().map(|bytes| StoredEvent::decode(bytes).unwrap().number);
        all.extend((batch.first..).zip(numbers));
    }
    all
}

#[test]
fn what_is_written_is_read_over_many_files_and_after_opening_again() {
    let directory = tempfile::tempdir().unwrap();
    let (wal, _) = open(directory.path());
    let mut tail = Tail::default();
    let mut seen = Vec::new();
    for number in 1..=300 {
        assert_eq!(wal.append(0, &[entry("a", number)]).unwrap(), 1);
        if number % 7 == 0 {
            seen.extend(read(&wal, &mut tail));
        }
    }
    seen.extend(read(&wal, &mut tail));
    let expected: Vec<_> = (0..300).map(|place| (place, place + 1)).collect();
    assert_eq!(seen, expected);
    assert!(numbers(directory.path()).unwrap().len() > 2);
    drop(wal);
    let (wal, found) = open(directory.path());
    assert_eq!((found.torn, found.damaged), (0, 0));
    assert_eq!((wal.last("a"), wal.end()), (300, 300));
    assert_eq!(read(&wal, &mut Tail::default()), expected);
}

#[test]
fn what_is_indexed_is_cut_and_the_marks_stay() {
    let directory = tempfile::tempdir().unwrap();
    let (wal, _) = open(directory.path());
    for number in 1..=200 {
        wal.append(0, &[entry("a", number), entry("b", number * 2)]).unwrap();
    }
    wal.close_file().unwrap();
    wal.cut(400).unwrap();
    assert_eq!((numbers(directory.path()).unwrap().len(), wal.first()), (1, 400));
    drop(wal);
    let (wal, _) = open(directory.path());
    assert_eq!((wal.last("a"), wal.last("b"), wal.end()), (200, 400, 400));
    assert_eq!(wal.append(0, &[entry("a", 200), entry("b", 401), entry("b", 401)]).unwrap(), 1);
    assert_eq!(read(&wal, &mut Tail::default()), [(400, 401)]);
}

#[test]
fn a_disk_that_fails_takes_back_what_it_may_not_have() {
    let directory = tempfile::tempdir().unwrap();
    let (wal, _) = open(directory.path());
    let mut tail = Tail::default();
    wal.append(0, &[entry("a", 1)]).unwrap();
    // It can be written to, and cannot be brought to disk.
    locked(&wal.state).file = Arc::new(File::options().write(true).open("/dev/null").unwrap());
    assert!(matches!(wal.append(0, &[entry("a", 2)]), Err(EventStoreError::NotDurable)));
    assert_eq!((wal.last("a"), wal.end()), (1, 1));
    assert_eq!(read(&wal, &mut tail), [(0, 1)]);
    // Sent again, it is kept, at the place that is free.
    assert_eq!(wal.append(0, &[entry("a", 2), entry("a", 3)]).unwrap(), 2);
    assert_eq!(read(&wal, &mut tail), [(1, 2), (2, 3)]);
    // There is no room.
    locked(&wal.state).file = Arc::new(File::options().write(true).open("/dev/full").unwrap());
    let full = wal.append(0, &[entry("a", 4)]).unwrap_err();
    assert!(matches!(full, EventStoreError::Io { what: "write to", .. }), "{full}");
    assert_eq!(wal.append(0, &[entry("a", 4)]).unwrap(), 1);
    assert_eq!(read(&wal, &mut tail), [(3, 4)]);
    drop(wal);
    let (wal, found) = open(directory.path());
    assert_eq!((wal.last("a"), found.torn, found.damaged), (4, 0, 0));
    assert_eq!(read(&wal, &mut Tail::default()), [(0, 1), (1, 2), (2, 3), (3, 4)]);
}

#[test]
fn what_was_taken_back_does_not_count_though_the_file_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let (wal, _) = open(directory.path());
    wal.append(0, &[entry("a", 1)]).unwrap();
    wal.append(0, &[entry("a", 2)]).unwrap();
    let first = fs::read(path(directory.path(), 1)).unwrap();
    {
        let mut state = locked(&wal.state);
        state.durable.end = 1;
        state.on_disk.insert("a".to_owned(), 1);
        state.take_back();
    }
    assert_eq!(wal.append(0, &[entry("a", 5)]).unwrap(), 1);
    drop(wal);
    fs::write(path(directory.path(), 1), first).unwrap();
    let (wal, _) = open(directory.path());
    assert_eq!(read(&wal, &mut Tail::default()), [(0, 1), (1, 5)]);
}

#[test]
fn a_large_batch_is_in_several_frames() {
    let directory = tempfile::tempdir().unwrap();
    let (wal, _) = Wal::open(directory.path(), 1 << 30, 1 << 30, (7, HashMap::new())).unwrap();
    let bytes = StoredEvent { message: "x".repeat(30_000), ..StoredEvent::default() }.encode(Vec::new());
    let entries: Vec<_> =
        (1..=100).map(|number| Entry { source: Cow::Borrowed("a"), number, bytes: bytes.clone() }).collect();
    assert_eq!(wal.append(0, &entries).unwrap(), 100);
    let (mut tail, mut batches, mut next) = (Tail::default(), 0, 7);
    while let Some(batch) = wal.read(&mut tail).unwrap() {
        assert_eq!(batch.first, next);
        (batches, next) = (batches + 1, batch.end());
    }
    assert_eq!((batches, next), (3, 107));
}
