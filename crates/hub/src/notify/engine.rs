//! What a rule has gathered, and what it has told of what goes on.

use super::{Happening, News, Rule};
use gabion_api::rest::{Millis, Severity};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Happenings that one message names, the worst; the others are counted. What is over is named beside them: no other message tells it.
pub(super) const NAMED: usize = 200;
/// Parts that wait at a time. Beyond them what happens goes into one for all: nothing is lost, and nobody is flooded.
pub(super) const PARTS: usize = 50;
/// Things that go on of which it is remembered when they were told; beyond them the oldest are forgotten, and may be told again.
const TOLD: usize = 10_000;

/// All that is remembered of one rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Engine {
    /// What waits, by part.
    parts: BTreeMap<String, Part>,
    /// When what goes on was told, by key.
    told: BTreeMap<String, Told>,
    /// What has changed since, and is not to be told yet.
    later: BTreeMap<String, Happening>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    since: Millis,
    items: BTreeMap<String, Happening>,
    /// How many more there are than are named,
    more: u64,
    /// and which of them go on: they are counted once, however often they change, and not any more when they are over.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    others: BTreeSet<String>,
}

impl Part {
    fn new(since: Millis) -> Self {
        Self { since, items: BTreeMap::new(), more: 0, others: BTreeSet::new() }
    }

    fn holds(&self, key: &str) -> bool {
        self.items.contains_key(key) || self.others.contains(key)
    }

    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.more == 0
    }

    fn forget(&mut self, key: &str) {
        self.items.remove(key);
        if self.others.remove(key) {
            self.more = self.more.saturating_sub(1);
        }
    }

    fn add(&mut self, happening: Happening) {
        let key = happening.key.clone();
        let is_named = self.items.get(&key).is_some_and(|item| !item.over);
        self.forget(&key);
        if happening.over || is_named {
            self.items.insert(key, happening);
            return;
        }
        let named = || self.items.values().filter(|item| !item.over);
        let mut left_out = None;
        if named().count() >= NAMED {
            // Full: the worst are named.
            let least = named().min_by_key(|item| (item.severity, &item.key));
            let worse = least.filter(|least| least.severity < happening.severity);
            let Some(least) = worse.map(|least| least.key.clone()) else { return self.count(&happening) };
            left_out = self.items.remove(&least);
        }
        self.items.insert(key, happening);
        if let Some(left_out) = left_out {
            self.count(&left_out);
        }
    }

    /// It is not named.
    fn count(&mut self, happening: &Happening) {
        self.more += 1;
        if happening.lasting && self.others.len() < TOLD {
            self.others.insert(happening.key.clone());
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    at: Millis,
    severity: Severity,
}

/// What becomes a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// When the first of it happened.
    pub(super) since: Millis,
    /// The worst in it.
    pub(super) severity: Severity,
    /// What happened, the worst first.
    pub(super) happenings: Vec<Happening>,
    /// How many more there are than are named.
    pub(super) more: u64,
}

impl Engine {
    /// Something happened.
    pub(super) fn happened(&mut self, rule: &Rule, news: &News, now: Millis) {
        let happening = &news.happening;
        let told = self.told.get(&happening.key).copied();
        if happening.over {
            self.later.remove(&happening.key);
            // What nobody was told of needs not be taken back: it is as if it had never been.
            self.forget_waiting(&happening.key);
            if let Some(told) = told {
                // As bad as whoever hears it knows it.
                self.join(rule, Happening { severity: told.severity, ..happening.clone() }, now);
            }
            return;
        }
        if !rule.wants(news) {
            return;
        }
        match told {
            Some(told) if happening.severity <= told.severity && !self.is_waiting(&happening.key) => {
                match rule.again {
                    Some(again) if now < told.at.saturating_add(again) => {
                        self.later.insert(happening.key.clone(), happening.clone());
                    }
                    Some(_) => {
                        self.later.remove(&happening.key);
                        self.join(rule, happening.clone(), now);
                    }
                    None => {}
                }
            }
            _ => {
                self.later.remove(&happening.key);
                self.join(rule, happening.clone(), now);
            }
        }
    }

    /// What had to wait since it was told last may be told now. What the rule is not about any more is dropped, but that something is over which it
    /// has told.
    pub(super) fn ripen(&mut self, rule: &Rule, now: Millis) {
        let ripe = |key: &String| match (rule.again, self.told.get(key)) {
            (Some(again), Some(told)) => now >= told.at.saturating_add(again),
            _ => true,
        };
        let keys: Vec<String> = self.later.keys().filter(|key| ripe(key)).cloned().collect();
        for key in keys {
            if let Some(happening) = self.later.remove(&key).filter(|_| rule.again.is_some()) {
                self.join(rule, happening, now);
            }
        }
        for part in self.parts.values_mut() {
            part.items.retain(|_, item| item.over || rule.is_for(item.owner.as_ref()));
        }
        self.parts.retain(|_, part| !part.is_empty());
    }

    /// Parts of which a message is due. None of those in `busy` is.
    pub(super) fn due(&self, rule: &Rule, now: Millis, busy: &BTreeSet<String>) -> Vec<String> {
        let waiting = self.waiting(rule, now, busy).filter(|(_, at)| *at <= now);
        waiting.map(|(part, _)| part.clone()).collect()
    }

    /// When something is due next.
    pub(super) fn next(&self, rule: &Rule, now: Millis, busy: &BTreeSet<String>) -> Option<Millis> {
        let later = self.later.keys().map(|key| match (rule.again, self.told.get(key)) {
            (Some(again), Some(told)) => told.at.saturating_add(again).max(now),
            _ => now,
        });
        self.waiting(rule, now, busy).map(|(_, at)| at).chain(later).min()
    }

    /// A part becomes a message: what is in it is told from now on.
    pub(super) fn take(&mut self, part: &str, now: Millis) -> Option<Message> {
        let Part { since, items, more, others: _ } = self.parts.remove(part)?;
        let mut happenings: Vec<Happening> = items.into_values().collect();
        for happening in happenings.iter().filter(|happening| happening.lasting) {
            if happening.over {
                self.told.remove(&happening.key);
            } else {
                self.told.insert(happening.key.clone(), Told { at: now, severity: happening.severity });
            }
        }
        self.bound();
        happenings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.key.cmp(&b.key)));
        let severity = happenings.first().map_or(Severity::Unknown, |worst| worst.severity);
        Some(Message { since, severity, happenings, more })
    }

    /// How many things are gathered.
    pub(super) fn gathered(&self) -> u64 {
        self.parts.values().map(|part| part.items.len() as u64 + part.more).sum::<u64>()
            + self.later.len() as u64
    }

    fn is_waiting(&self, key: &str) -> bool {
        self.parts.values().any(|part| part.holds(key))
    }

    fn forget_waiting(&mut self, key: &str) {
        for part in self.parts.values_mut() {
            part.forget(key);
        }
        self.parts.retain(|_, part| !part.is_empty());
    }

    fn join(&mut self, rule: &Rule, happening: Happening, now: Millis) {
        // It may be in another part than it would be now, as when its owner has become known.
        let mut of = match self.parts.iter().find(|(_, part)| part.holds(&happening.key)) {
            Some((of, _)) => of.clone(),
            None => rule.part(&happening),
        };
        if self.parts.len() >= PARTS && !self.parts.contains_key(&of) {
            of.clear();
        }
        self.parts.entry(of).or_insert_with(|| Part::new(now)).add(happening);
    }

    /// Parts and when they are due, which is not before now.
    fn waiting<'a>(
        &'a self,
        rule: &'a Rule,
        now: Millis,
        busy: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = (&'a String, Millis)> {
        self.parts.iter().filter(|(of, _)| !busy.contains(*of)).map(move |(of, part)| {
            let at = part.since.saturating_add(rule.wait).max(now);
            let worst = part.items.values().map(|item| item.severity).max().unwrap_or(Severity::Unknown);
            let quiet = rule.quiet.as_ref().filter(|quiet| quiet.silences(worst));
            (of, quiet.map_or(at, |quiet| quiet.over(at)))
        })
    }

    fn bound(&mut self) {
        if self.told.len() > TOLD {
            let mut times: Vec<Millis> = self.told.values().map(|told| told.at).collect();
            times.sort_unstable();
            let oldest = times[times.len() - TOLD];
            self.told.retain(|_, told| told.at >= oldest);
        }
    }
}
