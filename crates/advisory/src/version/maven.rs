//! Maven 3.9's `ComparableVersion`.
//!
//! A version is a list of numbers; a hyphen, a change between digits and letters and every qualifier open a list
//! in it. Zeros at the end of a list and before a list do not count:
//!
//! ```text
//!   1.0-beta2            [1, [beta, [2]]]
//!   1.0.0.Final-x.3      [1, [x, 3]]          `ga`, `final` and `release` are nothing
//! ```
//!
//! A qualifier comes before a list, a list before a number. What is missing counts as the qualifier of a release.
//!
//! The original is no total order. It opens a list for a qualifier after a dot only if that is the last item, and a
//! list that holds nothing but a list of a qualifier is more to it than any qualifier:
//! `3.5.0 < 3.5-1 < 3.5.0.Beta-1 < 3.5.0` and `1-0.alpha < 1 < 1-sp < 1-0.alpha`. Here every qualifier opens a list,
//! and such a list is the list it holds.

use super::{
    Why,
    atoms::{Folded, Number, equal_by_order, take_while},
};
use std::cmp::Ordering;

/// The outermost list.
pub(super) type Version<'a> = List<'a>;

#[derive(Debug)]
pub(super) struct List<'a>(Vec<Item<'a>>);

/// Declared in the order in which they sort.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item<'a> {
    /// Only ever the first of its list.
    Qualifier(Qualifier<'a>),
    /// Only ever the last of its list.
    List(List<'a>),
    Number(Number<'a>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Qualifier<'a> {
    Alpha,
    Beta,
    Milestone,
    Candidate,
    Snapshot,
    Release,
    ServicePack,
    Other(Folded<'a>),
}

pub(super) fn parse(text: &str) -> Result<Version<'_>, Why> {
    if !text.bytes().all(|b| b.is_ascii_graphic() && !br#"\/:"<>|?*[](){},"#.contains(&b)) {
        return Err("has a character that Maven refuses");
    }
    let mut lists = Lists(vec![Vec::new()]);
    let mut rest = text;
    while !rest.is_empty() {
        let letters = take_while(&mut rest, |b| !b.is_ascii_digit() && b != b'.' && b != b'-');
        if letters.is_empty() {
            let number = Number::take(&mut rest);
            if number.is_some() || !rest.is_empty() {
                lists.push(Item::Number(number.unwrap_or(Number::ZERO)));
            }
        } else {
            let before_number = rest.starts_with(|c: char| c.is_ascii_digit());
            lists.push(Item::Qualifier(Qualifier::named(letters, before_number)));
        }
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
        } else if !rest.is_empty() {
            rest = rest.strip_prefix('-').unwrap_or(rest);
            lists.open();
        }
    }
    Ok(lists.close())
}

/// The lists that are open, outermost first: each will be the last item of the one before it.
struct Lists<'a>(Vec<Vec<Item<'a>>>);

impl<'a> Lists<'a> {
    fn open(&mut self) {
        self.0.push(Vec::new());
    }

    fn push(&mut self, item: Item<'a>) {
        let is_first = self.0.last().is_none_or(Vec::is_empty);
        if matches!(item, Item::Qualifier(_)) && !is_first {
            self.open();
        }
        if let Some(list) = self.0.last_mut() {
            list.push(item);
        }
    }

    fn close(self) -> List<'a> {
        self.0.into_iter().rev().fold(List(Vec::new()), |inner, mut list| {
            while list.pop_if(|item| item.is_nothing()).is_some() {}
            let is_qualified = matches!(inner.0.first(), Some(Item::Qualifier(_)));
            if list.is_empty() && (is_qualified || inner.0.is_empty()) {
                return inner;
            }
            if !inner.0.is_empty() {
                list.push(Item::List(inner));
            }
            List(list)
        })
    }
}

impl Item<'_> {
    fn is_nothing(&self) -> bool {
        *self == Self::Number(Number::ZERO) || *self == Self::Qualifier(Qualifier::Release)
    }
}

impl<'a> Qualifier<'a> {
    fn named(name: &'a str, before_number: bool) -> Self {
        const NAMES: [(&str, Qualifier<'static>); 10] = [
            ("alpha", Qualifier::Alpha),
            ("beta", Qualifier::Beta),
            ("milestone", Qualifier::Milestone),
            ("rc", Qualifier::Candidate),
            ("cr", Qualifier::Candidate),
            ("snapshot", Qualifier::Snapshot),
            ("ga", Qualifier::Release),
            ("final", Qualifier::Release),
            ("release", Qualifier::Release),
            ("sp", Qualifier::ServicePack),
        ];
        match name {
            "a" | "A" if before_number => Self::Alpha,
            "b" | "B" if before_number => Self::Beta,
            "m" | "M" if before_number => Self::Milestone,
            _ => NAMES
                .into_iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map_or(Self::Other(Folded(name)), |(_, qualifier)| qualifier),
        }
    }
}

impl Ord for List<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        const RELEASE: Item<'_> = Item::Qualifier(Qualifier::Release);
        const NOTHING: Item<'_> = Item::List(List(Vec::new()));
        for at in 0..self.0.len().max(other.0.len()) {
            let padding = if at == 0 { &RELEASE } else { &NOTHING };
            let order = self.0.get(at).unwrap_or(padding).cmp(other.0.get(at).unwrap_or(padding));
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }
}
equal_by_order!(List<'_>);

#[cfg(test)]
mod tests {
    use crate::version::{
        Order::Maven,
        tests::{ascending, equal, refused},
    };

    #[test]
    fn qualifiers_have_their_places_around_the_release() {
        ascending(
            Maven,
            &[
                "1-alpha2snapshot",
                "1-alpha2",
                "1-alpha-123",
                "1-beta-2",
                "1-beta123",
                "1-m2",
                "1-m11",
                "1-rc",
                "1-cr2",
                "1-rc123",
                "1-SNAPSHOT",
                "1",
                "1-sp",
                "1-sp2",
                "1-sp123",
                "1-abc",
                "1-def",
                "1-pom-1",
                "1-1-snapshot",
                "1-1",
                "1-2",
                "1-123",
            ],
        );
        ascending(
            Maven,
            &[
                "2.0", "2.0.a", "2-1", "2.0.2", "2.0.123", "2.1.0", "2.1-a", "2.1b", "2.1-c", "2.1-1",
                "2.1.0.1", "2.2", "2.123", "11.a2", "11.a11", "11.b2", "11.b11", "11.m2", "11.m11", "11",
                "11.a", "11b", "11c", "11m",
            ],
        );
        ascending(Maven, &["6.1.0rc3", "6.1.0", "6.1H.5-beta"]);
        ascending(
            Maven,
            &[
                "20190126.230843",
                "1234567890.12345",
                "123456789012345.1H.5-beta",
                "12345678901234567890.1H.5-beta",
            ],
        );
        ascending(Maven, &["1.0.RC1", "1.0-RC2", "1.0", "1.0-sp1-redhat", "1.0.1"]);
        ascending(Maven, &["1.0.final", "1.0-sp-1", "1.0.Final-redhat-1", "1.0.Final-redhat-2", "1.0-1"]);
        ascending(
            Maven,
            &["aardvark", "Finchley.M9", "Finchley.RELEASE", "Finchley.SR1", "Hoxton.SR12", "zebra", "7"],
        );
        ascending(Maven, &["31.0-android", "31.0-jre", "31.0.1-android", "31.0.1-jre"]);
    }

    #[test]
    fn spellings_are_normalised() {
        equal(
            Maven,
            &[
                "1",
                "1.0",
                "1.0.0",
                "1-0",
                "1.0-0",
                "01",
                "1-",
                "1.ga",
                "1-FINAL",
                "1.0.RELEASE",
                "1..0",
                "1-ga-ga",
            ],
        );
        equal(Maven, &["1x", "1-x", "1.0x", "1.0.0-X", "1.x", "1-0.x"]);
        equal(Maven, &["1a1", "1-alpha-1", "1.Alpha1"]);
        equal(Maven, &["1m3", "1Milestone3", "1-MILESTONE-3"]);
        equal(Maven, &["1cr", "1-Rc"]);
        equal(Maven, &["0", "0.0", "000", "ga", "0-0"]);
        equal(Maven, &["0.x", "0-x", "x"]);
    }

    #[test]
    fn where_the_original_goes_round_in_circles_there_is_an_order() {
        ascending(Maven, &["3.5.0.Beta-1", "3.5.0-CR-2", "3.5.0", "3.5-1"]);
        ascending(Maven, &["1-0.alpha", "1-0.beta", "1", "1-sp", "1-1"]);
    }

    #[test]
    fn what_maven_refuses_is_refused() {
        refused(Maven, &["", "[1.0,2.0)", "${version}", "1.0 2", "1/2", "1:2", "1.é"]);
    }
}
