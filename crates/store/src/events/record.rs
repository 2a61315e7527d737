//! An event as it is kept: the same bytes in the log and in the index.

use super::EventStoreError;
use gabion_api::rest::{Event, Millis};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap, io, path::PathBuf};

/// The first byte of a record, raised when its shape changes.
const VERSION: u8 = 1;
/// At most so many bytes of a message,
const MESSAGE: usize = 32 << 10;
/// of the value of a field,
const VALUE: usize = 8 << 10;
/// of everything else that has a name: nodes, kinds, fields.
const NAME: usize = 512;
/// And so many fields.
const FIELDS: usize = 128;
/// The time that an event claimed, when it was not believed.
const CLAIMED: &str = "event.time.claimed";

/// One thing that happened, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Where its number counts: a node, or `alert/NODE`.
    pub source: String,
    /// Its number; those of one source grow.
    pub number: u64,
    /// When it happened.
    pub time: Millis,
    /// `execve`, `connect`, `alert`, ...
    pub kind: String,
    /// The node.
    pub node: String,
    /// The container, by name.
    pub container: Option<String>,
    /// Its workload.
    pub workload: Option<String>,
    /// The program.
    pub program: Option<String>,
    /// What happened, in a line.
    pub message: String,
    /// How bad, for an alert.
    pub priority: Option<String>,
    /// All its fields, as rules name them. `rule` is counted by [`super::EventStore::histogram`].
    pub fields: BTreeMap<String, String>,
}

/// What was done to an event before it was kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Changed {
    pub(super) clamped: bool,
    pub(super) cut: bool,
}

impl StoredEvent {
    /// The event within the limits of the store, and with a time that is not after `latest`.
    pub(super) fn bounded(&self, now: Millis, latest: Millis) -> (Cow<'_, Self>, Changed) {
        let short = |text: &Option<String>| text.as_ref().is_none_or(|t| t.len() <= NAME);
        let changed = Changed {
            clamped: self.time > latest || self.time < 0,
            cut: self.message.len() > MESSAGE
                || self.fields.len() > FIELDS
                || [&self.source, &self.kind, &self.node].iter().any(|t| t.len() > NAME)
                || ![&self.container, &self.workload, &self.program, &self.priority].into_iter().all(short)
                || self.fields.iter().any(|(name, value)| name.len() > NAME || value.len() > VALUE),
        };
        if !changed.clamped && !changed.cut {
            return (Cow::Borrowed(self), changed);
        }
        let mut event = self.clone();
        if changed.clamped {
            event.fields.insert(CLAIMED.to_owned(), self.time.to_string());
            event.time = now;
        }
        if changed.cut {
            cut(&mut event.message, MESSAGE);
            for text in [&mut event.source, &mut event.kind, &mut event.node] {
                cut(text, NAME);
            }
            let more = [&mut event.container, &mut event.workload, &mut event.program, &mut event.priority];
            for text in more.into_iter().flatten() {
                cut(text, NAME);
            }
            let fields = std::mem::take(&mut event.fields).into_iter().take(FIELDS);
            event.fields = fields
                .map(|(mut name, mut value)| {
                    cut(&mut name, NAME);
                    cut(&mut value, VALUE);
                    (name, value)
                })
                .collect();
        }
        (Cow::Owned(event), changed)
    }

    /// The bytes of the event, added to `to`.
    pub(super) fn encode(&self, mut to: Vec<u8>) -> Vec<u8> {
        to.push(VERSION);
        postcard::to_extend(self, to).expect("a vector takes whatever is written")
    }

    /// The event of such bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, EventStoreError> {
        let wrong = |why: String| EventStoreError::Io {
            what: "read an event of",
            path: PathBuf::from("the store"),
            source: io::Error::new(io::ErrorKind::InvalidData, why),
        };
        match bytes.split_first() {
            Some((&VERSION, body)) => postcard::from_bytes(body).map_err(|error| wrong(error.to_string())),
            Some((version, _)) => Err(wrong(format!("version {version} is not known"))),
            None => Err(wrong("it is empty".to_owned())),
        }
    }
}

impl From<StoredEvent> for Event {
    fn from(event: StoredEvent) -> Self {
        let StoredEvent {
            source,
            number,
            time,
            kind,
            node,
            container,
            workload,
            program,
            message,
            priority,
            fields,
        } = event;
        Self {
            id: format!("{source}/{number}"),
            time,
            kind,
            node,
            container,
            workload,
            program,
            message,
            priority,
            fields,
        }
    }
}

fn cut(text: &mut String, at: usize) {
    text.truncate(text.floor_char_boundary(at));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_survives_its_bytes_and_other_bytes_are_an_error() {
        let event = StoredEvent {
            source: "n1".into(),
            number: 7,
            container: Some("web".into()),
            fields: BTreeMap::from([("proc.name".into(), "sh".into())]),
            ..StoredEvent::default()
        };
        let bytes = event.encode(Vec::new());
        assert_eq!(StoredEvent::decode(&bytes).unwrap(), event);
        for end in 0..bytes.len() {
            assert!(StoredEvent::decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_a_wrong_clock_is_told() {
        let event = StoredEvent {
            time: 5_000,
            message: "é".repeat(MESSAGE),
            kind: "k".repeat(NAME + 1),
            fields: (0..200).map(|n| (format!("f{n:03}"), "v".repeat(VALUE + 1))).collect(),
            ..StoredEvent::default()
        };
        let (bounded, changed) = event.bounded(1_000, 2_000);
        assert!(changed.clamped && changed.cut);
        assert_eq!((bounded.time, bounded.message.len(), bounded.kind.len()), (1_000, MESSAGE, NAME));
        assert_eq!(bounded.fields.len(), FIELDS);
        assert_eq!(bounded.fields[CLAIMED], "5000");
        assert!(!bounded.bounded(1_000, 2_000).1.cut);
    }
}
