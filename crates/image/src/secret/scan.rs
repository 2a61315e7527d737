//! A text as it streams by: a window of it is kept, matches are settled when all that is around them is known.
//!
//! ```text
//!   ... forgotten │ margin │ open group │ looked at │ not yet: a match may reach REACH bytes │ free
//!                 └─────────────────────── buffer, at most WINDOW bytes ─────────────────────────┘
//! ```
//!
//! A *group* is a run of matches so close that one can be seen in the excerpt of another. Only when it is complete is it
//! decided which of two that overlap is told, and what the excerpts show. Whatever is decided depends on positions in the
//! text, never on where a chunk ended.

use super::{
    checks::Place,
    engine::{BACK, BEFORE, ENGINE, Found, REACH},
    redact::{self, Span},
};
use crate::facts::SecretMatch;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// Bytes kept of a text.
const WINDOW: usize = 96 << 10;
/// Matches further apart cannot be seen in each other's excerpts: a later match may start [`BACK`] before its keyword.
const APART: u64 = (redact::MARGIN + BACK + 80) as u64;
/// A group is closed at this size, complete or not.
const GROUP: (usize, u64) = (64, 16 << 10);
/// Bytes kept before what is looked at: a keyword starts before the gram that found it.
const KEPT: usize = 2 * BEFORE;
/// No more is told of one text.
const MATCHES: usize = 1000;

/// Scans one text as it streams by, in chunks of any size. Memory is bounded whatever its length: about 100 KiB.
#[derive(Debug, Default)]
pub struct TextScan {
    origin: Origin,
    buffer: Vec<u8>,
    /// Bytes of the text before the buffer, and line breaks in them.
    forgotten: u64,
    breaks: u64,
    /// How much of the buffer was looked at.
    scanned: usize,
    /// Matches whose surroundings are not complete yet, in positions of the text.
    group: Vec<Match>,
    /// Before here, secrets may be that nobody remembers.
    known_from: u64,
    matches: Vec<SecretMatch>,
    untold: u64,
}

/// What a text told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The credentials in it, in the order of their places.
    pub matches: Vec<SecretMatch>,
    /// How many more there are than are told of one text: a gap, not silence.
    pub untold: u64,
}

#[derive(Debug)]
enum Origin {
    File(Vec<u8>),
    Value,
}

impl Default for Origin {
    fn default() -> Self {
        Self::File(Vec::new())
    }
}

#[derive(Clone, Debug)]
struct Match {
    rule: usize,
    start: u64,
    end: u64,
    public: usize,
}

impl TextScan {
    /// A scan of the file at `path` (some rules look at the name).
    pub fn new(path: &[u8]) -> Self {
        Self { origin: Origin::File(path.to_vec()), ..Self::default() }
    }

    /// The next bytes.
    pub fn feed(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            let (now, rest) = chunk.split_at(chunk.len().min(WINDOW - self.buffer.len()));
            if self.buffer.len() + now.len() > self.buffer.capacity() {
                // Small files get what they need, large ones the window at once.
                let small = self.buffer.is_empty() && rest.is_empty();
                self.buffer.reserve_exact(if small { now.len() } else { WINDOW - self.buffer.len() });
            }
            self.buffer.extend_from_slice(now);
            chunk = rest;
            if self.buffer.len() == WINDOW {
                self.advance(WINDOW - REACH - BACK);
                self.forget();
            }
        }
    }

    /// The end of the file.
    pub fn finish(mut self) -> Told {
        self.advance(self.buffer.len());
        self.settle(u64::MAX);
        self.join();
        Told { matches: self.matches, untold: self.untold }
    }

    /// Halves of credentials whose other half is in this text, too, are told as the whole.
    fn join(&mut self) {
        let told: BTreeSet<String> = self.matches.iter().map(|one| one.rule.clone()).collect();
        for one in &mut self.matches {
            let half = super::rule(&one.rule).and_then(|rule| rule.half);
            if let Some(half) = half.filter(|half| half.others.iter().any(|other| told.contains(*other))) {
                half.whole.clone_into(&mut one.rule);
            }
        }
    }

    /// Looks at the buffer up to `to`.
    fn advance(&mut self, to: usize) {
        let place = match &self.origin {
            Origin::File(path) => Place::File(path),
            Origin::Value => Place::Value,
        };
        let mut found = Vec::new();
        ENGINE.scan(&self.buffer, self.scanned..to, place, |one| found.push(one));
        for one in found {
            self.add(&one);
        }
        self.scanned = to;
        if self.is_complete(self.forgotten + to as u64) {
            self.settle(u64::MAX);
        }
    }

    fn add(&mut self, found: &Found) {
        let at = self.forgotten + found.at as u64;
        let (start, end) = (self.forgotten + found.span.start as u64, self.forgotten + found.span.end as u64);
        if self.is_complete(at) {
            self.settle(u64::MAX);
        } else if let Some((first, last)) = self.extent()
            && (self.group.len() >= GROUP.0 || end.saturating_sub(first) > GROUP.1)
        {
            let seen = at.saturating_sub(BACK as u64);
            self.settle(seen);
            self.known_from = last.max(seen);
        }
        self.group.push(Match { rule: found.rule, start, end, public: found.public });
    }

    /// Whether nothing that starts where the scan is now can be seen around the group.
    fn is_complete(&self, at: u64) -> bool {
        self.extent().is_some_and(|(_, last)| at > last + APART)
    }

    fn extent(&self) -> Option<(u64, u64)> {
        let first = self.group.iter().map(|one| one.start).min()?;
        let last = self.group.iter().map(|one| one.end).max()?;
        Some((first, last))
    }

    /// Tells the matches of the group. All secrets before `seen` are known.
    fn settle(&mut self, seen: u64) {
        let mut group = std::mem::take(&mut self.group);
        // The rules are ordered from the special to the general: of two that overlap, the first is told.
        group.sort_by_key(|one| (ENGINE.rules[one.rule].generic, one.rule, one.start, one.end));
        let mut told: Vec<&Match> = Vec::new();
        for one in &group {
            if told.iter().all(|other| one.end <= other.start || other.end <= one.start) {
                told.push(one);
            }
        }
        told.sort_by_key(|one| one.start);

        let spans: Vec<Span> = group
            .iter()
            .map(|one| Span { range: self.local(one.start)..self.local(one.end), public: one.public })
            .collect();
        let known = self.local(self.known_from)..self.local(seen);
        for one in told {
            if self.matches.len() >= MATCHES {
                self.untold += 1;
                continue;
            }
            let secret = self.local(one.start)..self.local(one.end);
            let rule = ENGINE.rules[one.rule].id.to_owned();
            let line = match self.origin {
                Origin::File(_) => {
                    let before = &self.buffer[..secret.start];
                    self.breaks + memchr::memchr_iter(b'\n', before).count() as u64 + 1
                }
                Origin::Value => 0,
            };
            let fingerprint = fingerprint(&rule, &self.buffer[secret.clone()]);
            let same = |other: &SecretMatch| other.rule == rule && other.fingerprint == fingerprint;
            if self.matches.iter().rev().take_while(|other| other.line == line).any(same) {
                continue;
            }
            let excerpt = redact::excerpt(&self.buffer, &secret, &spans, &known);
            self.matches.push(SecretMatch { rule, line, excerpt, fingerprint });
        }
    }

    /// A position of the text as one of the buffer.
    fn local(&self, position: u64) -> usize {
        usize::try_from(position.saturating_sub(self.forgotten))
            .map_or(self.buffer.len(), |at| at.min(self.buffer.len()))
    }

    /// Drops what no rule and no excerpt can ask for any more.
    fn forget(&mut self) {
        let open = self.extent().map_or(self.scanned, |(first, _)| self.local(first).min(self.scanned));
        let drop = open.saturating_sub(KEPT);
        self.breaks += memchr::memchr_iter(b'\n', &self.buffer[..drop]).count() as u64;
        self.buffer.drain(..drop);
        self.forgotten += drop as u64;
        self.scanned -= drop;
    }
}

fn fingerprint(rule: &str, secret: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(rule);
    hash.update([0]);
    hash.update(secret);
    let digest = hash.finalize();
    let start = digest.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    format!("{start:08x}")
}

/// Scans the value of an environment variable or a label. `line` of the matches is 0.
///
/// A value whose name says that it is a credential (`DB_PASSWORD`) needs no further sign of being one, unless it is a
/// placeholder, or names a file that holds the credential (`/run/secrets/db`).
pub fn scan_value(name: &str, value: &str) -> Vec<SecretMatch> {
    let mut scan = TextScan { origin: Origin::Value, ..TextScan::default() };
    scan.feed(name.as_bytes());
    scan.feed(b"=");
    scan.feed(value.as_bytes());
    scan.finish().matches
}

/// A short text with every secret in it replaced, in printable form.
pub(super) fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut spans = Vec::new();
    ENGINE.scan(bytes, 0..bytes.len(), Place::File(b"history"), |found| {
        spans.push(Span { range: found.span, public: found.public });
    });
    redact::whole(bytes, &spans)
}
