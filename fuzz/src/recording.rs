//! Recordings: .scap files and Gabion's own.

use gabion_detect::{
    recording::{self, Caps, own::Writer},
    state::{Limits, State},
};

/// A recording, read to its end or to what is wrong with it. What was read can be written, and is the same when read again.
pub fn recording(data: &[u8]) {
    let state = State::new(Limits::default(), "", 0);
    let Ok(mut source) = recording::open(data, Caps::NARROW) else { return };
    let mut writer = Writer::new(Vec::new(), source.node(), &state, 0).expect("memory takes all");
    let mut told = Vec::new();
    while let Ok(true) = source.read(&mut |event| {
        writer.write(event, &state).expect("memory takes all");
        told.push(format!("{event:?}"));
    }) {}
    let written = writer.finish().expect("memory takes all");
    let mut back = recording::open(&written[..], Caps::WIDE).expect("it was just written");
    let mut again = told.iter();
    while back
        .read(&mut |event| assert_eq!(again.next(), Some(&format!("{event:?}"))))
        .expect("it was just written")
    {}
    assert_eq!(again.next(), None);
}
