//! The types of events that a condition can match, so that a rule is asked about no others.
//!
//! `and` is the intersection of its parts, `or` the union. Negation is pushed down to the checks by De Morgan's laws, since
//! only a check of `evt.type` has a complement: `not proc.name = cat` can match every type, as `proc.name = cat` can.
//!
//! ```text
//!   evt.type in (open, openat) and not evt.type = open and proc.name = cat
//!        {open, openat}        ∩   all \ {open}        ∩       all          = {openat}
//! ```

use super::condition::{Check, Condition, Operand, Operator, Right};
use gabion_model::event::EventKind;
use std::fmt;

const WORDS: usize = EventKind::COUNT.div_ceil(64);

/// Above this many types a rule costs more than it should. Falco counts entry and exit of a call apart, and warns above 100.
pub const MANY: usize = 50;

/// Some of the types of events.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct EventSet([u64; WORDS]);

impl EventSet {
    /// All types.
    pub fn all() -> Self {
        EventKind::all().collect()
    }

    /// Adds a type.
    pub fn insert(&mut self, kind: EventKind) {
        self.0[kind as usize / 64] |= 1 << (kind as usize % 64);
    }

    /// Whether a type is among them.
    pub fn contains(&self, kind: EventKind) -> bool {
        self.0[kind as usize / 64] & (1 << (kind as usize % 64)) != 0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there are none: the condition cannot be true.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The types, by number.
    pub fn iter(&self) -> impl Iterator<Item = EventKind> {
        EventKind::all().filter(|kind| self.contains(*kind))
    }

    fn join(mut self, other: Self, with: fn(u64, u64) -> u64) -> Self {
        self.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine = with(*mine, theirs));
        self
    }

    /// Those that are in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        self.join(other, |a, b| a & b)
    }

    /// Those that are in one of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        self.join(other, |a, b| a | b)
    }

    /// All others.
    #[must_use]
    pub fn complement(self) -> Self {
        Self::all().join(self, |a, b| a & !b)
    }
}

impl FromIterator<EventKind> for EventSet {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        let mut set = Self::default();
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

impl fmt::Debug for EventSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(EventKind::as_str)).finish()
    }
}

/// The types of events for which a condition can be true.
pub fn of(condition: &Condition) -> EventSet {
    possible(condition, false)
}

fn possible(condition: &Condition, negated: bool) -> EventSet {
    let union = |children: &[Condition]| {
        children.iter().map(|child| possible(child, negated)).fold(EventSet::default(), EventSet::union)
    };
    let intersection = |children: &[Condition]| {
        children.iter().map(|child| possible(child, negated)).fold(EventSet::all(), EventSet::intersection)
    };
    match (condition, negated) {
        (Condition::And(children), false) | (Condition::Or(children), true) => intersection(children),
        (Condition::Or(children), false) | (Condition::And(children), true) => union(children),
        (Condition::Not(child), _) => possible(child, !negated),
        (Condition::Check(check), _) => match known(check) {
            None => EventSet::all(),
            Some(set) if negated => set.complement(),
            Some(set) => set,
        },
    }
}

/// For which types a check is true, if the type alone decides that.
fn known(check: &Check) -> Option<EventSet> {
    let Operand::Field(field) = &check.left else { return None };
    if field.argument.is_some() || check.quantifier.is_some() {
        return None;
    }
    match field.name.as_str() {
        "evt.type" | "syscall.type" => match (check.operator, &check.right) {
            (Operator::Exists, _) => Some(EventSet::all()),
            (Operator::Equal, Right::Value(name)) => Some(named(std::slice::from_ref(name))),
            (Operator::NotEqual, Right::Value(name)) => Some(named(std::slice::from_ref(name)).complement()),
            (Operator::In, Right::List(names)) => Some(named(names)),
            _ => None,
        },
        "evt.num" => always(check).map(|holds| if holds { EventSet::all() } else { EventSet::default() }),
        _ => None,
    }
}

fn named(names: &[String]) -> EventSet {
    names.iter().filter_map(|name| name.parse().ok()).collect()
}

/// What a check of `evt.num` always is, as numbers begin with 1: `evt.num = 0` is how rules say *never*.
fn always(check: &Check) -> Option<bool> {
    let number = |text: &String| text.parse::<u64>().ok();
    let value = match &check.right {
        Right::List(values) if check.operator == Operator::In => {
            return values.iter().all(|value| number(value) == Some(0)).then_some(false);
        }
        Right::Value(value) => number(value)?,
        Right::List(_) | Right::None | Right::Field(_) => return None,
    };
    match (check.operator, value) {
        (Operator::Equal | Operator::LessEqual, 0) | (Operator::Less, 0 | 1) => Some(false),
        (Operator::NotEqual | Operator::Greater, 0) | (Operator::GreaterEqual, 0 | 1) => Some(true),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::condition::parse_resolved;

    fn types(text: &str) -> EventSet {
        of(&parse_resolved(text).unwrap_or_else(|error| panic!("{text}: {error}")))
    }

    fn set(names: &[&str]) -> EventSet {
        names.iter().map(|name| name.parse::<EventKind>().expect(name)).collect()
    }

    #[test]
    fn types_follow_and_or_not() {
        for (text, names) in [
            ("evt.type = open", &["open"][..]),
            ("evt.type in (open, openat) and proc.name = cat", &["open", "openat"]),
            ("evt.type in (open, openat) and not evt.type = open", &["openat"]),
            ("evt.type in (open, openat) and evt.type != open", &["openat"]),
            ("not (evt.type != open)", &["open"]),
            ("not (not evt.type = open or proc.name = x)", &["open"]),
            ("evt.type = open or evt.type = connect and fd.num > 1", &["open", "connect"]),
            ("syscall.type = bind", &["bind"]),
            ("evt.type = open and evt.type = bind", &[]),
            ("evt.type = open and evt.num = 0", &[]),
            ("evt.type = open and evt.num in (0, 0)", &[]),
            ("evt.type = open and not evt.num >= 1", &[]),
            ("evt.type = open and evt.num > 3", &["open"]),
            ("not evt.type exists", &[]),
        ] {
            assert_eq!(types(text), set(names), "{text}");
        }
        for text in [
            "proc.name = cat",
            "not proc.name = cat",
            "evt.type = open or proc.name = cat",
            "evt.type startswith open",
            "evt.type exists",
            "tolower(evt.type) = open",
            "evt.type = val(proc.name)",
            "not (evt.type = open and proc.name = cat)",
            "evt.num > 0",
        ] {
            assert_eq!(types(text), EventSet::all(), "{text}");
        }
        assert_eq!(types("not evt.type in (open)").len(), EventKind::COUNT - 1);
    }
}
