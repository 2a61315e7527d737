//! Rules that are told when they matched often enough ([`crate::rules::Count`]).
//!
//! ```text
//!   match ──► window of (rule, values of `per`):   value ─ time   value ─ time   value ─ time
//!                                                  older than `within`: gone     seen again: moves to the end
//!             `at_least` of them ──► told; then empty, and silent for `within`
//! ```
//!
//! Time is that of the events, so a recording says what the live events said. Everything has a cap: a window keeps no more
//! than `at_least` values, and if there are too many windows or values, that which was not touched for longest goes.

use super::{
    operand::{Operand, Scratch},
    predicate,
};
use crate::{
    field::Context,
    rules::{Count, vocabulary::Refusal},
};
use hashbrown::HashMap;
use std::{
    collections::{BTreeMap, VecDeque},
    hash::{DefaultHasher, Hasher as _},
};

/// What a rule counts, made ready.
#[derive(Debug)]
pub(super) struct Counting {
    distinct: Vec<Operand>,
    at_least: usize,
    within: u64,
    per: Vec<Operand>,
}

impl Counting {
    pub(super) fn new(count: &Count) -> Result<Self, Refusal> {
        let all = |operands: &[crate::rules::condition::Operand]| {
            operands.iter().map(predicate::operand).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            distinct: all(&count.distinct)?,
            at_least: count.at_least,
            within: count.within,
            per: all(&count.per)?,
        })
    }
}

/// A rule, and the hash of whatever it counts for.
type Key = (u32, u64);

#[derive(Debug, Default)]
struct Window {
    /// Hashes of values and when each was seen last, oldest first.
    seen: VecDeque<(u64, u64)>,
    /// Nothing in it matters from then on.
    until: u64,
    /// Not told before then.
    silent: u64,
    /// Its place among the windows: those touched later have greater ones.
    turn: u64,
}

/// How much is kept for all rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caps {
    pub(super) windows: usize,
    pub(super) values: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { windows: 16_384, values: 262_144 }
    }
}

/// All windows.
#[derive(Debug, Default)]
pub(super) struct Windows {
    caps: Caps,
    of: HashMap<Key, Window>,
    order: BTreeMap<u64, Key>,
    values: usize,
    turn: u64,
    evicted: u64,
}

impl Windows {
    #[cfg(test)]
    pub(super) fn with(caps: Caps) -> Self {
        Self { caps, ..Self::default() }
    }

    /// How many windows were thrown out while what was in them still mattered.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Counts a match of a rule about an event; tells whether there are enough now. What has no value does not count.
    pub(super) fn count(
        &mut self,
        rule: u32,
        counting: &Counting,
        cx: Context<'_>,
        scratch: &mut Scratch,
    ) -> bool {
        let Some(per) = hash(&counting.per, cx, scratch) else { return false };
        let value = match &counting.distinct[..] {
            // Each match is another.
            [] => Some(self.turn),
            distinct => hash(distinct, cx, scratch),
        };
        value.is_some_and(|value| self.add((rule, per), value, cx.event.time, counting))
    }

    fn add(&mut self, key: Key, value: u64, now: u64, counting: &Counting) -> bool {
        let Counting { at_least, within, .. } = *counting;
        self.turn += 1;
        let window = self.of.entry(key).or_default();
        self.order.remove(&window.turn);
        self.order.insert(self.turn, key);
        window.turn = self.turn;
        window.until = now.saturating_add(within).max(window.silent);
        let before = window.seen.len();
        while window.seen.front().is_some_and(|&(_, time)| now.saturating_sub(time) >= within) {
            window.seen.pop_front();
        }
        if let Some(at) = window.seen.iter().position(|&(other, _)| other == value) {
            window.seen.remove(at);
        }
        window.seen.push_back((value, now));
        if window.seen.len() > at_least {
            window.seen.pop_front();
        }
        let enough = window.seen.len() >= at_least && now >= window.silent;
        if enough {
            window.seen.clear();
            window.silent = now.saturating_add(within);
        }
        self.values = self.values + window.seen.len() - before;
        self.make_room(now);
        enough
    }

    fn make_room(&mut self, now: u64) {
        while (self.of.len() > self.caps.windows || self.values > self.caps.values)
            && let Some((_, key)) = self.order.pop_first()
            && let Some(window) = self.of.remove(&key)
        {
            self.values -= window.seen.len();
            self.evicted += u64::from(window.until > now);
        }
    }
}

/// What the values of these are, in one number; none if one of them is not known.
fn hash(operands: &[Operand], cx: Context<'_>, scratch: &mut Scratch) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    let mut text = Vec::new();
    for operand in operands {
        text.clear();
        if operand.is_list() {
            text.extend(operand.list(cx)?.join(&0));
        } else {
            operand.value(cx, scratch)?.print(&mut text);
        }
        hasher.write_usize(text.len());
        hasher.write(&text);
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn counting(at_least: usize, within: u64) -> Counting {
        Counting { distinct: Vec::new(), at_least, within: within * SECOND, per: Vec::new() }
    }

    /// When matches (second, value) are told.
    fn told(at_least: usize, within: u64, matches: &[(u64, u64)]) -> Vec<u64> {
        let (mut windows, counting) = (Windows::default(), counting(at_least, within));
        let told =
            matches.iter().filter(|(time, value)| windows.add((0, 0), *value, time * SECOND, &counting));
        told.map(|&(time, _)| time).collect()
    }

    #[test]
    fn a_rule_is_told_when_enough_was_seen_in_time() {
        for (what, matches, expected) in [
            ("three in ten seconds", &[(0, 1), (4, 2), (9, 3)][..], &[9][..]),
            ("the first is ten seconds old", &[(0, 1), (4, 2), (10, 3)], &[]),
            ("the same does not count again", &[(0, 1), (1, 1), (2, 2), (3, 2)], &[]),
            ("what is seen again is young again", &[(0, 1), (8, 2), (9, 1), (17, 3)], &[17]),
            ("then silent for ten seconds", &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)], &[2]),
            (
                "and told again if it goes on",
                &[(0, 1), (1, 2), (2, 3), (9, 4), (10, 5), (11, 6), (12, 7), (13, 8)],
                &[2, 12],
            ),
            ("time may go back", &[(9, 1), (4, 2), (9, 3)], &[9]),
        ] {
            assert_eq!(told(3, 10, matches), expected, "{what}");
        }
    }

    #[test]
    fn rules_and_those_they_count_for_have_windows_of_their_own() {
        let (mut windows, two) = (Windows::default(), counting(2, 10));
        assert!(!windows.add((0, 7), 1, 0, &two));
        assert!(!windows.add((0, 8), 2, 0, &two));
        assert!(!windows.add((1, 7), 2, 0, &two));
        assert!(windows.add((0, 7), 2, 0, &two));
    }

    #[test]
    fn what_is_too_much_is_thrown_out_and_counted() {
        let mut windows = Windows::with(Caps { windows: 2, values: 100 });
        let two = counting(2, 10);
        for of in 0..3 {
            assert!(!windows.add((0, of), 1, 0, &two));
        }
        assert_eq!((windows.of.len(), windows.order.len(), windows.evicted()), (2, 2, 1));
        assert!(windows.add((0, 2), 2, SECOND, &two), "the last two are still there");
        assert!(windows.add((0, 1), 2, SECOND, &two));
        assert!(!windows.add((0, 9), 1, 60 * SECOND, &two));
        assert_eq!(windows.evicted(), 1, "what has run out is no loss");

        let mut windows = Windows::with(Caps { windows: 100, values: 10 });
        let many = counting(100, 10);
        for value in 0..20 {
            windows.add((0, value % 4), value, 0, &many);
            let kept: usize = windows.of.values().map(|window| window.seen.len()).sum();
            assert!(kept <= 10 && kept == windows.values);
        }
        assert!(windows.evicted() > 0);
    }

    proptest! {
        /// Against one that keeps everything.
        #[test]
        fn windows_say_what_a_list_of_all_says(
            at_least in 2_usize..6,
            within in 1_u64..8,
            steps in proptest::collection::vec((0_u64..3, 0_u64..8), 0..80),
        ) {
            let (mut windows, counting) = (Windows::default(), counting(at_least, within));
            let (mut now, mut all, mut silent) = (0, Vec::new(), 0);
            for (step, value) in steps {
                now += step * SECOND;
                all.push((now, value));
                let mut recent: Vec<u64> = all
                    .iter()
                    .filter(|(time, _)| now - time < within * SECOND)
                    .map(|&(_, value)| value)
                    .collect();
                recent.sort_unstable();
                recent.dedup();
                let expected = recent.len() >= at_least && now >= silent;
                if expected {
                    all.clear();
                    silent = now + within * SECOND;
                }
                prop_assert_eq!(windows.add((0, 0), value, now, &counting), expected);
            }
        }
    }
}
