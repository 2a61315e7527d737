//! .scap files.

use crate::{read, scenario, writer::P, writer::Scap};
use flate2::{Compression, write::GzEncoder};
use gabion_detect::recording::{self, Caps, RecordingError};
use gabion_model::event::{EventKind, Fd, FdKind, Subject};
use proptest::prelude::*;
use std::io::Write as _;

fn events(bytes: &[u8], mut look: impl FnMut(&gabion_model::event::Event<'_>)) {
    let mut source = recording::open(bytes, Caps::WIDE).expect("opens");
    while source.read(&mut |event| look(event)).expect("reads") {}
}

#[test]
fn descriptors_and_processes_follow_from_what_went_before() {
    let mut seen = Vec::new();
    events(&scenario::recording(), |event| {
        let path = match event.fd {
            Some(Fd {
                kind: FdKind::File { path, .. } | FdKind::Directory(path) | FdKind::Unix(path),
                ..
            }) => String::from_utf8_lossy(path).into_owned(),
            Some(Fd { kind: FdKind::Inet { local, remote, server, .. }, .. }) => {
                let end = |end: Option<gabion_model::event::Endpoint>| {
                    end.map_or_else(|| "?".to_owned(), |end| format!("{}:{}", end.address, end.port))
                };
                format!("{}<->{} {server:?}", end(local), end(remote))
            }
            Some(Fd { kind, .. }) => format!("{kind:?}"),
            None => String::new(),
        };
        let subject = match event.subject {
            Subject::None => String::new(),
            Subject::Process(process) => format!(
                " is {} {} in {} found={}",
                String::from_utf8_lossy(&process.exe.path),
                process.args.iter().map(|arg| String::from_utf8_lossy(arg)).collect::<Vec<_>>().join(" "),
                String::from_utf8_lossy(&process.cwd),
                process.found
            ),
            Subject::Child(child) => format!(" makes {}", child.task.pid),
            Subject::Container(container) => format!(" {} {}", container.name, &container.id[..12]),
        };
        let (pid, container) = (event.task.pid, event.container.0);
        seen.push(format!(
            "{:>3} {pid:>3} c{container} {:<9} {:>4} {path}{subject}",
            event.number,
            event.kind.as_str(),
            event.result
        ));
    });
    insta::assert_snapshot!(seen.join("\n"));
}

#[test]
fn a_file_that_is_cut_off_gives_what_was_before_the_cut() {
    let whole = scenario::recording();
    let (all, ..) = read(&whole);
    for length in (0..whole.len()).step_by(7) {
        let (some, _, error) = read(&whole[..length]);
        assert!(all.starts_with(&some), "{length}");
        // Whoever has not written the last block whole is told so; between two blocks nobody can know.
        if let Some(error) = error {
            let cut = matches!(error, RecordingError::Cut { .. } | RecordingError::Unknown);
            assert!(cut, "{length}: {error}");
        }
    }
}

#[test]
fn compressed_files_are_the_same() {
    let whole = scenario::recording();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&whole).expect("fits");
    let packed = packed.finish().expect("fits");
    assert_eq!(read(&whole).0, read(&packed).0);
    let (some, _, error) = read(&packed[..packed.len() / 2]);
    assert!(read(&whole).0.starts_with(&some));
    assert!(matches!(error, Some(RecordingError::Cut { .. })), "{error:?}");
    let tight = recording::open(&packed[..], Caps { inflated: 500, ..Caps::WIDE }).and_then(|mut source| {
        while source.read(&mut |_| {})? {}
        Ok(())
    });
    assert!(matches!(tight, Err(RecordingError::Io { .. })), "{tight:?}");
}

#[test]
fn what_cannot_be_read_is_refused_with_the_reason() {
    let error = |bytes: &[u8]| read(bytes).2.map(|error| error.to_string()).unwrap_or_default();
    assert_eq!(error(b""), "this is no recording: neither .scap nor one of Gabion");
    assert_eq!(error(b"\x7fELF and more"), "this is no recording: neither .scap nor one of Gabion");
    let good = Scap::new(0).0;
    let mut big = good.clone();
    big[4..8].reverse();
    big[8..12].reverse();
    assert!(error(&big).starts_with("the recording is big-endian"), "{}", error(&big));
    let mut newer = good.clone();
    newer[12] = 2;
    assert!(error(&newer).contains("version 2"), "{}", error(&newer));
    let mut long = good.clone();
    long.extend(0x216_u32.to_le_bytes());
    long.extend(u32::MAX.to_le_bytes());
    assert!(error(&long).contains("the limit"), "{}", error(&long));
    let mut lying = good;
    let last = lying.len() - 4;
    lying[last] ^= 1;
    assert!(error(&lying).contains("differ in the block at byte"), "{}", error(&lying));
}

#[test]
fn what_is_more_than_may_be_is_refused_with_the_limit() {
    let bytes = scenario::recording();
    let mut unknown = Scap::new(0);
    for kind in 0x9000..0x9101 {
        unknown.block(kind, b"");
    }
    for (what, bytes, caps) in [
        ("the length", &bytes, Caps { block: 200, ..Caps::NARROW }),
        ("the number of processes", &bytes, Caps { processes: 2, ..Caps::NARROW }),
        ("the number of open descriptors", &bytes, Caps { files: 1, ..Caps::NARROW }),
        ("all that is told of containers", &bytes, Caps { containers: 10, ..Caps::NARROW }),
        ("the number of unknown types of blocks", &unknown.0, Caps::NARROW),
    ] {
        let ended = recording::open(&bytes[..], caps).and_then(|mut source| {
            while source.read(&mut |_| {})? {}
            Ok(())
        });
        let told = ended.expect_err(what).to_string();
        assert!(told.contains(what) && told.contains("the limit"), "{what}: {told}");
    }
}

#[test]
fn what_nobody_knows_is_counted_and_passed_over() {
    let mut file = Scap::new(0);
    file.block(0x9999, b"something");
    file.event(1, 5, 4000, &[P::U8(1)]);
    file.event(2, 5, 65, &[P::I64(0)]);
    // A switch to another process comes between the two halves of a call.
    file.event(3, 5, 4, &[P::I64(3)]);
    file.event(4, 5, 152, &[P::I64(6)]);
    file.event(5, 5, 5, &[P::I64(0)]);
    let (events, gaps, error) = read(&file.0);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(events.len(), 1);
    assert!(events[0].starts_with("Event { number: 5,"), "{}", events[0]);
    assert!(events[0].contains("args: [Int(0), Int(3)]"), "{}", events[0]);
    let left = [("futex", 1), ("number 4000", 1), ("switch", 1)];
    assert_eq!(gaps.events, left.map(|(name, count)| (name.to_owned(), count)));
    assert_eq!(gaps.blocks, [(0x9999, 1)]);
    assert_eq!(
        gaps.to_string(),
        "3 events are of types that no rule can name: futex 1, number 4000 1, switch 1\n\
         1 blocks of the unknown type 0x9999 were skipped\n"
    );
}

#[test]
fn old_files_do_not_tell_the_number_of_parameters() {
    let write = |old: bool| {
        let mut file = Scap::new(0);
        let mut event = |time, number, params: &[P<'_>]| {
            if old { file.old_event(time, 5, number, params) } else { file.event(time, 5, number, params) }
        };
        event(1, 102, &[P::I64(-100), P::T("/etc/passwd"), P::U32(1), P::U32(0)]);
        event(2, 103, &[P::I64(3)]);
        event(3, 4, &[P::I64(3)]);
        event(4, 5, &[P::I64(0)]);
        file.0
    };
    let (old, _, error) = read(&write(true));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(old, read(&write(false)).0);
    let mut kinds = Vec::new();
    events(&write(true), |event| kinds.push(event.kind));
    assert_eq!(kinds, [EventKind::Openat, EventKind::Close]);
    assert!(
        old[0].contains("47, 101, 116, 99, 47"),
        "the path that was told when the call began: {}",
        old[0]
    );
}

#[test]
fn the_path_is_the_one_that_was_asked_for_first() {
    let mut file = Scap::new(0);
    file.event(1, 5, 306, &[P::I64(-100), P::T("/etc/shadow"), P::U32(1), P::U32(0)]);
    file.event(2, 5, 307, &[P::I64(3), P::I64(-100), P::T("/tmp/harmless"), P::U32(1), P::U32(0), P::U32(9)]);
    let mut paths = Vec::new();
    events(&file.0, |event| {
        if let Some(Fd { kind: FdKind::File { path, .. }, .. }) = event.fd {
            paths.push(path.to_vec());
        }
    });
    assert_eq!(paths, [b"/etc/shadow"]);
}

proptest! {
    #[test]
    fn no_bytes_make_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut file = Scap::new(0).0;
        file.extend(&bytes);
        read(&file);
        read(&bytes);
    }

    #[test]
    fn no_change_makes_a_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut file = scenario::recording();
        for (place, value) in changes {
            let place = place.index(file.len());
            file[place] = value;
        }
        read(&file);
    }

    #[test]
    fn no_event_makes_a_panic(
        events in prop::collection::vec(
            (0_u16..460, 0_u64..6, prop::collection::vec(prop::collection::vec(any::<u8>(), 0..12), 0..32)),
            1..40,
        )
    ) {
        let mut file = Scap::new(0);
        for (time, (number, tid, params)) in events.iter().enumerate() {
            let params: Vec<P<'_>> = params.iter().map(|param| P::B(param)).collect();
            file.event(time as u64, *tid, *number, &params);
        }
        let (_, _, error) = read(&file.0);
        prop_assert!(error.is_none(), "{:?}", error);
    }
}
