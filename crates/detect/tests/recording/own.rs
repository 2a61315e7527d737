//! Gabion's own recordings.

use crate::{arbitrary, read, scenario};
use gabion_detect::{
    recording::{self, Caps, Node, own::Writer},
    state::{Limits, State},
};
use proptest::prelude::*;

/// Converts the scenario, some times over; a block for each time.
fn convert(times: u32) -> (Vec<u8>, Vec<String>, u64) {
    let node = Node { name: "node-1".to_owned(), boot: scenario::BOOT };
    let mut state = State::new(Limits::default(), &node.name, node.boot);
    let mut writer = None;
    let mut events = Vec::new();
    for _ in 0..times {
        let bytes = scenario::recording();
        let mut source = recording::open(&bytes[..], Caps::WIDE).expect("opens");
        let mut more = |event: &gabion_model::event::Event<'_>| {
            state.apply(event);
            if event.number == 0 {
                return;
            }
            let writer = writer
                .get_or_insert_with(|| Writer::new(Vec::new(), &node, &state, event.time).expect("memory"));
            writer.write(event, &state).expect("memory");
            events.push(format!("{event:?}"));
        };
        while source.read(&mut more).expect("reads") {}
        if let Some(writer) = &mut writer {
            writer.flush().expect("memory");
        }
    }
    let writer = writer.expect("there were events");
    let written = writer.written();
    (writer.finish().expect("memory"), events, written.plain / written.events)
}

/// Events of the stream, without those that checkpoints repeat.
fn stream(events: &[String]) -> Vec<String> {
    events.iter().filter(|event| !event.starts_with("Event { number: 0,")).cloned().collect()
}

#[test]
fn a_recording_comes_back_as_it_was() {
    let (bytes, events, each) = convert(1);
    let (back, gaps, error) = read(&bytes);
    assert!(error.is_none() && gaps == recording::Gaps::default(), "{error:?} {gaps:?}");
    assert_eq!(stream(&back), events);
    assert!(back.len() > events.len(), "who was found running is told first");
    assert!(each <= 300, "{each} bytes an event");
}

#[test]
fn a_file_that_is_cut_off_loses_its_last_block_at_most() {
    let (bytes, events, _) = convert(100);
    let whole = bytes.windows(4).filter(|four| four == b"GBLK").count();
    assert!(whole > 100, "{whole} blocks");
    for length in (bytes.len() / 2..bytes.len()).step_by(397) {
        let (back, gaps, error) = read(&bytes[..length]);
        assert!(error.is_none(), "{error:?}");
        // Between two blocks nobody can know that there was another.
        let between = bytes[length..].starts_with(b"GBLK");
        assert!(gaps.cut != between && gaps.damaged == 0, "{length}: {gaps:?}");
        assert!(events.starts_with(&stream(&back)));
        let lost = bytes[length..].windows(4).filter(|four| four == b"GBLK").count() + 1;
        assert!(stream(&back).len() * whole >= events.len() * (whole - lost - 1), "{length}");
    }
}

#[test]
fn a_damaged_block_is_passed_over_and_counted() {
    let (mut bytes, events, _) = convert(100);
    let blocks: Vec<_> =
        bytes.windows(4).enumerate().filter(|(_, four)| four == b"GBLK").map(|(i, _)| i).collect();
    // In the middle of the content, and in the lengths.
    for place in [blocks[3] + 40, blocks[7] + 6] {
        bytes[place] ^= 0x55;
    }
    let (back, gaps, error) = read(&bytes);
    assert!(error.is_none(), "{error:?}");
    assert_eq!((gaps.damaged, gaps.cut), (2, false));
    let back = stream(&back);
    assert!(back.len() < events.len() && back.len() * blocks.len() >= events.len() * (blocks.len() - 3));
    assert_eq!(back.last(), events.last());
}

/// Were each beginning looked at by moving what comes after it, this would take an hour.
#[test]
fn a_damaged_block_full_of_beginnings_of_blocks_is_passed_over() {
    let (bytes, events, _) = convert(1);
    let first = bytes.windows(4).position(|four| four == b"GBLK").expect("a block");
    let content = b"GBLK".repeat(4 << 20);
    let length = u32::try_from(content.len()).expect("short").to_le_bytes();
    let wrong = [b"GBLK", &[0][..], &length, &length, &[0; 4], &content].concat();
    let (back, gaps, error) = read(&[&bytes[..first], &wrong, &bytes[first..]].concat());
    assert!(error.is_none() && gaps.damaged == 1, "{error:?} {gaps:?}");
    assert_eq!(stream(&back), events);
}

#[test]
fn no_more_is_read_than_may_be() {
    let (bytes, events, _) = convert(100);
    let read = |caps| {
        let (mut seen, mut source) = (0, recording::open(&bytes[..], caps).expect("opens"));
        let end = loop {
            match source.read(&mut |event| seen += usize::from(event.number > 0)) {
                Ok(true) => {}
                end => break end,
            }
        };
        (seen, end.map_err(|error| error.to_string()), source.gaps().damaged)
    };
    let (all, end, _) = read(Caps::NARROW);
    assert!(all == events.len() && end.is_ok(), "{end:?}");
    let (seen, end, _) = read(Caps { inflated: 100_000, ..Caps::NARROW });
    assert!((1..all).contains(&seen), "{seen}");
    assert!(end.as_ref().is_err_and(|error| error.contains("the limit 100000")), "{end:?}");
    // A block that is too long is none that can be used.
    let (seen, _, damaged) = read(Caps { block: 100, ..Caps::NARROW });
    assert!(seen == 0 && damaged > 0, "{seen} {damaged}");
}

proptest! {
    #[test]
    fn events_come_back_as_they_were(events in prop::collection::vec(arbitrary::event(), 1..20)) {
        let state = State::new(Limits::default(), "n", 0);
        let mut writer = Writer::new(Vec::new(), &Node::default(), &state, 0).expect("memory");
        let mut told = Vec::new();
        for event in &events {
            event.with(&mut |event| {
                told.push(format!("{event:?}"));
                writer.write(event, &state).expect("memory");
            });
        }
        let bytes = writer.finish().expect("memory");
        let (back, gaps, error) = read(&bytes);
        prop_assert!(error.is_none() && gaps == recording::Gaps::default(), "{:?} {:?}", error, gaps);
        prop_assert_eq!(back, told);
    }

    #[test]
    fn no_change_makes_a_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10)) {
        let (mut bytes, ..) = convert(1);
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        read(&bytes);
    }
}
