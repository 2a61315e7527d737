//! What is sent batch by batch: one is under way until the hub has kept it, and is sent again if the session ends before.

use super::{lines::Lines, spool::Waiting};
use gabion_api::agent::{Alert, Event};
use serde::Deserialize;
use std::io;

/// A batch has no more, and is not much longer in bytes.
const BATCH: (usize, usize) = (1000, 1 << 20);

/// Makes of a line what is sent, with its number.
type Parse<T> = fn(Vec<u8>) -> Option<(u64, T)>;

/// Numbered things on their way.
pub(super) struct Outbox<T> {
    lines: Lines,
    parse: Parse<T>,
    batch: Vec<T>,
    /// The number of the last one of the batch.
    last: u64,
    is_sent: bool,
    /// The number of the last one that was read.
    read: u64,
    /// Numbers that were not there: lost before they could be read.
    missing: u64,
}

impl<T: Clone> Outbox<T> {
    /// Those behind number `kept`.
    pub(super) fn new(lines: Lines, parse: Parse<T>, kept: u64) -> Self {
        Self { lines, parse, batch: Vec::new(), last: kept, is_sent: false, read: kept, missing: 0 }
    }

    /// The batch to send now, if there is one that is not under way.
    pub(super) fn batch(&mut self, first: u64) -> io::Result<Option<Vec<T>>> {
        if self.batch.is_empty() {
            self.fill(first)?;
        }
        if self.batch.is_empty() || self.is_sent {
            return Ok(None);
        }
        self.is_sent = true;
        Ok(Some(self.batch.clone()))
    }

    /// Reads on. What is before `first` was thrown away while it was read.
    fn fill(&mut self, first: u64) -> io::Result<()> {
        self.is_sent = false;
        let mut size = 0;
        while self.batch.len() < BATCH.0 && size < BATCH.1 {
            let Some(line) = self.lines.next()? else { break };
            let length = line.len();
            let Some((number, one)) = (self.parse)(line) else { continue };
            if number <= self.read || number < first {
                continue;
            }
            if self.read > 0 {
                self.missing += number - self.read - 1;
            }
            self.read = number;
            self.last = number;
            self.batch.push(one);
            size += length;
        }
        Ok(())
    }

    /// The hub has all up to this number. If that is the batch, up to where nothing need be sent again: a hub is not believed to have
    /// what it was not sent.
    pub(super) fn kept(&mut self, up_to: u64) -> Option<u64> {
        if up_to < self.last || self.batch.is_empty() {
            return None;
        }
        self.batch.clear();
        Some(self.last)
    }

    /// The session has ended: what was under way may not have come.
    pub(super) fn again(&mut self) {
        self.is_sent = false;
    }

    /// How many wait that were read already.
    pub(super) fn waiting(&self) -> u64 {
        self.batch.len() as u64
    }

    /// How many are missing, since this was asked last.
    pub(super) fn missing(&mut self) -> u64 {
        std::mem::take(&mut self.missing)
    }
}

/// A line of the agent's journal.
pub(super) fn alert(line: Vec<u8>) -> Option<(u64, Alert)> {
    #[derive(Deserialize)]
    struct Numbered {
        id: u64,
    }
    let Numbered { id } = serde_json::from_slice(&line).ok()?;
    Some((id, Alert { id, json: line }))
}

/// A line of the spool.
#[expect(clippy::needless_pass_by_value, reason = "alerts take their line")]
pub(super) fn event(line: Vec<u8>) -> Option<(u64, Event)> {
    let event: Waiting = serde_json::from_slice(&line).ok()?;
    Some((event.number, event.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, io::Write};

    #[test]
    fn a_batch_is_sent_again_until_it_is_kept_and_what_is_missing_is_counted() {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("alerts.jsonl");
        let mut file = fs::File::create(&path).expect("a file");
        let mut add = |ids: std::ops::RangeInclusive<u64>| {
            for id in ids {
                writeln!(file, "{{\"rule\":\"r\",\"id\":{id}}}").expect("writes");
            }
        };
        let lines = Lines::new(Box::new(move || vec![path.clone()]));
        let mut outbox = Outbox::new(lines, alert, 2);
        let next = |outbox: &mut Outbox<Alert>| {
            let batch = outbox.batch(0).expect("reads").unwrap_or_default();
            batch.into_iter().map(|alert| alert.id).collect::<Vec<_>>()
        };
        add(1..=4);
        assert_eq!(next(&mut outbox), [3, 4], "two were kept before");
        add(5..=5);
        assert!(next(&mut outbox).is_empty(), "one batch is under way");
        outbox.again();
        assert_eq!(next(&mut outbox), [3, 4]);
        assert_eq!(outbox.kept(3), None, "not all of it");
        assert_eq!(outbox.kept(4), Some(4));
        assert_eq!(next(&mut outbox), [5]);
        assert_eq!(outbox.kept(u64::MAX), Some(5));
        add(8..=8);
        assert_eq!((next(&mut outbox), outbox.missing(), outbox.missing()), (vec![8], 2, 0));
        outbox.kept(8);
        add(9..=2008);
        assert_eq!(next(&mut outbox).len(), BATCH.0);
    }
}
