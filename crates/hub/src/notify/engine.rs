//! What waits to be told, and what was told.

use super::{Happening, Rule};
use gabion_api::rest::{Millis, Severity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Happenings that one message names; the others are counted, and come again if they go on.
const NAMED: usize = 200;
/// Groups that wait at a time. Beyond them what happens goes into one group of its rule, so that nothing is lost silently.
const GROUPS: usize = 10_000;
/// Things that are remembered as told; beyond them the oldest are forgotten, and may be told again.
const TOLD: usize = 200_000;
/// How long it is remembered that something was told which is told once only, since it happened last.
const MEMORY: Millis = 400 * crate::DAY;

/// All that is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engine {
    /// By rule and group.
    #[serde(with = "pairs")]
    groups: BTreeMap<(String, Vec<String>), Group>,
    /// When what was told, by rule and key.
    #[serde(with = "pairs")]
    told: BTreeMap<(String, String), Told>,
    /// Numbers messages.
    count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Group {
    number: u64,
    since: Millis,
    items: BTreeMap<String, Happening>,
    more: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    at: Millis,
    /// When it happened last.
    last: Millis,
}

/// A message to be delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The same for each attempt.
    pub id: String,
    /// The rule, by name.
    pub rule: String,
    /// The sink, by name.
    pub sink: String,
    /// When the first of it happened.
    pub since: Millis,
    /// The worst in it.
    pub severity: Severity,
    /// What happened, the worst first.
    pub happenings: Vec<Happening>,
    /// How many more there are than are named, at least.
    pub more: u64,
    group: Vec<String>,
}

impl Engine {
    /// Something happened, or goes on.
    pub fn happened(&mut self, rules: &[Rule], happening: &Happening, now: Millis) {
        for rule in rules.iter().filter(|rule| rule.wants(happening)) {
            let key = (rule.name.clone(), happening.key.clone());
            if let Some(told) = self.told.get_mut(&key) {
                told.last = now;
                if rule.repeat.is_none_or(|repeat| now < told.at.saturating_add(repeat)) {
                    continue;
                }
            }
            let mut of = (rule.name.clone(), rule.group(happening));
            if self.groups.len() >= GROUPS && !self.groups.contains_key(&of) {
                of.1.clear();
            }
            let group = self.groups.entry(of).or_insert_with(|| {
                self.count += 1;
                Group { number: self.count, since: now, items: BTreeMap::new(), more: 0 }
            });
            if group.items.len() < NAMED || group.items.contains_key(&happening.key) {
                group.items.insert(happening.key.clone(), happening.clone());
            } else {
                group.more += 1;
            }
        }
    }

    /// What is to be delivered now. It stays until [`Self::delivered`] is told.
    pub fn due(&self, rules: &[Rule], now: Millis) -> Vec<Message> {
        let waiting = self.waiting(rules, now).filter(|(.., at)| *at <= now);
        waiting.map(|(rule, group, waits, _)| message(rule, group, waits)).collect()
    }

    /// When something is due next, so that one may sleep until then.
    pub fn next(&self, rules: &[Rule], now: Millis) -> Option<Millis> {
        self.waiting(rules, now).map(|(.., at)| at).min()
    }

    /// A message has arrived: what is in it was told. What has joined its group since then waits on.
    pub fn delivered(&mut self, message: &Message, now: Millis) {
        for happening in &message.happenings {
            let key = (message.rule.clone(), happening.key.clone());
            self.told.insert(key, Told { at: now, last: now });
        }
        let key = (message.rule.clone(), message.group.clone());
        let Some(group) = self.groups.get_mut(&key) else { return };
        if id(&message.rule, group.number) != message.id {
            return;
        }
        for happening in &message.happenings {
            // One that has got worse meanwhile is told as it is now.
            if group.items.get(&happening.key) == Some(happening) {
                group.items.remove(&happening.key);
            }
        }
        group.more = group.more.saturating_sub(message.more);
        if group.items.is_empty() && group.more == 0 {
            self.groups.remove(&key);
        } else {
            self.count += 1;
            group.number = self.count;
            group.since = now;
        }
    }

    /// Forgets what no rule asks for any more, and what was told so long ago that it does not matter.
    pub fn forget(&mut self, rules: &[Rule], now: Millis) {
        let rule = |name: &str| rules.iter().find(|rule| rule.name == name);
        self.groups.retain(|(name, _), _| rule(name).is_some());
        self.told.retain(|(name, _), told| {
            rule(name).is_some_and(|rule| match rule.repeat {
                Some(repeat) => now < told.at.saturating_add(repeat),
                None => now < told.last.saturating_add(MEMORY),
            })
        });
        if self.told.len() > TOLD {
            let mut times: Vec<Millis> = self.told.values().map(|told| told.last).collect();
            times.sort_unstable();
            let oldest = times[times.len() - TOLD];
            self.told.retain(|_, told| told.last >= oldest);
        }
    }

    /// Groups with their rules and when they are due, which is not before now.
    fn waiting<'a>(
        &'a self,
        rules: &'a [Rule],
        now: Millis,
    ) -> impl Iterator<Item = (&'a Rule, &'a Vec<String>, &'a Group, Millis)> {
        self.groups.iter().filter_map(move |((name, of), group)| {
            let rule = rules.iter().find(|rule| rule.name == *name)?;
            let at = group.since.saturating_add(rule.wait).max(now);
            let quiet = rule
                .quiet
                .as_ref()
                .filter(|quiet| quiet.through.is_none_or(|through| worst(group) < through));
            Some((rule, of, group, quiet.map_or(at, |quiet| quiet.over(at))))
        })
    }
}

fn worst(group: &Group) -> Severity {
    group.items.values().map(|happening| happening.severity).max().unwrap_or(Severity::Unknown)
}

fn id(rule: &str, number: u64) -> String {
    format!("{rule}-{number}")
}

fn message(rule: &Rule, of: &[String], group: &Group) -> Message {
    let mut happenings: Vec<Happening> = group.items.values().cloned().collect();
    happenings.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.key.cmp(&b.key)));
    Message {
        id: id(&rule.name, group.number),
        rule: rule.name.clone(),
        sink: rule.sink.clone(),
        since: group.since,
        severity: worst(group),
        happenings,
        more: group.more,
        group: of.to_vec(),
    }
}

/// Maps whose keys are no texts, as lists of pairs.
mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(from: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Vec::<(K, V)>::deserialize(from).map(|pairs| pairs.into_iter().collect())
    }
}
