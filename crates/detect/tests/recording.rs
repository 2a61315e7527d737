//! Recordings from outside: what is read, what is refused, and that nothing in them makes a panic.

#[path = "scap/scenario.rs"]
mod scenario;
#[path = "scap/writer.rs"]
mod writer;

#[path = "recording/arbitrary.rs"]
mod arbitrary;
#[path = "recording/own.rs"]
mod own;
#[path = "recording/scap.rs"]
mod scap;

use gabion_detect::recording::{self, Caps, Gaps, RecordingError};

/// All events as text, what was left out, and how it ended.
fn read(bytes: &[u8]) -> (Vec<String>, Gaps, Option<RecordingError>) {
    let mut events = Vec::new();
    let mut source = match recording::open(bytes, Caps::WIDE) {
        Ok(source) => source,
        Err(error) => return (events, Gaps::default(), Some(error)),
    };
    loop {
        match source.read(&mut |event| events.push(format!("{event:?}"))) {
            Ok(true) => {}
            Ok(false) => return (events, source.gaps(), None),
            Err(error) => return (events, source.gaps(), Some(error)),
        }
    }
}
