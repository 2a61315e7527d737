//! Events of OSV, to ranges.
//!
//! ```text
//!  fixed 1.8.9, introduced 1.3.0, fixed 1.7.14, introduced 1.8.0
//!    ──sorted──►  [1.3.0, 1.7.14)  [1.8.0, 1.8.9)
//! ```
//!
//! The ranges hold what OSV's own evaluation finds: events are sorted by the order of the ecosystem; from its version on,
//! `introduced` makes vulnerable and `fixed` does not, and `last_affected` ends that after its version; what is not before any
//! of the limits is out. Events of one version stay as the feed has them, which OSV leaves open, so that `fixed 2, introduced
//! 2` goes on and `introduced 2, last_affected 2` is one version. If a version cannot be ordered, all stay as they are, but for
//! ranges that end before they begin. Where nothing is left of the events, or an end comes before its beginning, that is told as absurd.

use crate::{
    Order,
    record::{Fix, Range, Until},
};
use std::cmp::Ordering;

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Introduced,
    Fixed,
    LastAffected,
    Limit,
}

/// What events mean.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) ranges: Vec<Range>,
    /// What a marker of Debian instead of a version says.
    pub(super) fix: Option<Fix>,
    /// What makes no sense.
    pub(super) absurd: Option<String>,
}

/// What Debian writes instead of a fixed version, and what Alpine writes for what never was affected.
fn marker(version: &str) -> Option<Fix> {
    Some(match version {
        "0" | "<not-affected>" => Fix::NotAffected,
        "<end-of-life>" => Fix::EndOfLife,
        "<unfixed>" | "<postponed>" | "<no-dsa>" => Fix::Pending,
        "<ignored>" => Fix::WillNotFix,
        "<undetermined>" | "<itp>" => Fix::UnderInvestigation,
        _ => return None,
    })
}

/// Whether nothing is before this version.
fn is_first(version: &str) -> bool {
    matches!(version, "0" | "0.0.0-0" | "v0.0.0-0")
}

/// Ranges of one list of events.
pub(super) fn read(order: Option<Order>, mut events: Vec<(Event, String)>) -> Meaning {
    let mut out = Meaning::default();
    events.retain(|(event, version)| {
        let said = (*event == Event::Fixed).then(|| marker(version)).flatten();
        out.fix = out.fix.or(said);
        said.is_none()
    });
    if out.fix == Some(Fix::NotAffected) {
        return out;
    }
    let asked = order;
    let order = order.filter(|order| {
        events.iter().all(|(event, version)| {
            is_first(version) || order.check(version).is_ok() || *event == Event::Limit && version == "*"
        })
    });
    let limit = order.and_then(|order| limit(order, &events));
    // Without an order, a limit ends what is before it, as a fix does.
    events.retain(|(event, version)| *event != Event::Limit || version != "*" && order.is_none());
    if let Some(order) = order {
        events.sort_by(|(_, a), (_, b)| compare(order, a, b));
    }
    let same = |a: &(Event, String), b: &(Event, String)| {
        order.map_or(a.1 == b.1, |order| compare(order, &a.1, &b.1).is_eq())
    };
    let mut open: Option<Option<&str>> = None;
    for of_one_version in events.chunk_by(same) {
        let version = of_one_version[0].1.as_str();
        // Whether the version itself is vulnerable, and those that come after it.
        let (mut itself, mut after) = (open.is_some(), open.is_some());
        for (event, _) in of_one_version {
            after = *event == Event::Introduced;
            itself = if *event == Event::LastAffected { itself } else { after };
        }
        if !itself && let Some(from) = open.take() {
            out.ranges.push(range(from, Until::Fixed(version.to_owned())));
        }
        if itself {
            open.get_or_insert((!is_first(version)).then_some(version));
        }
        if !after && let Some(from) = open.take() {
            out.ranges.push(range(from, Until::LastAffected(version.to_owned())));
        }
    }
    out.ranges.extend(open.map(|from| range(from, Until::Open)));
    out.absurd = events.first().and_then(|(event, version)| match event {
        Event::Introduced if out.ranges.is_empty() => {
            Some(format!("fixed in {version}, where it was introduced"))
        }
        Event::Introduced => None,
        _ => Some(format!("fixed in {version}, before it was introduced")),
    });
    if let (Some(order), Some(limit)) = (order, limit) {
        cut(order, &limit, &mut out.ranges);
    }
    if order.is_none() {
        // As they were written, an end may come before its beginning.
        let empty = |range: &Range| is_empty(asked, range.introduced.as_deref(), &range.until);
        if let Some(range) = out.ranges.iter().find(|range| empty(range)) {
            let from = range.introduced.as_deref().unwrap_or_default();
            out.absurd.get_or_insert(format!("a range from {from} on that ends before it"));
        }
        out.ranges.retain(|range| !empty(range));
    }
    out
}

fn range(introduced: Option<&str>, until: Until) -> Range {
    Range { introduced: introduced.map(str::to_owned), until }
}

/// The last limit: what is before any of them is before this one. `*` is no limit.
fn limit(order: Order, events: &[(Event, String)]) -> Option<String> {
    let limits = events.iter().filter(|(event, _)| *event == Event::Limit).map(|(_, version)| version);
    if limits.clone().any(|version| version == "*") {
        return None;
    }
    limits.max_by(|a, b| compare(order, a, b)).cloned()
}

/// Takes away what is not before a limit.
fn cut(order: Order, limit: &str, ranges: &mut Vec<Range>) {
    let before = |version: &str| compare(order, version, limit).is_lt();
    ranges.retain(|range| range.introduced.as_deref().is_none_or(before));
    for range in ranges {
        let ends_before = match &range.until {
            Until::Fixed(end) | Until::LastAffected(end) => before(end),
            Until::Open => false,
        };
        if !ends_before {
            range.until = Until::Fixed(limit.to_owned());
        }
    }
}

/// The order of versions of which each is one, or comes before all.
fn compare(order: Order, a: &str, b: &str) -> Ordering {
    match (is_first(a), is_first(b)) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => order.compare(a, b).unwrap_or(Ordering::Equal),
    }
}

/// Whether nothing can be in such a range.
pub(super) fn is_empty(order: Option<Order>, introduced: Option<&str>, until: &Until) -> bool {
    let (Some(order), Some(introduced)) = (order, introduced) else {
        return false;
    };
    match until {
        Until::Fixed(end) => order.compare(introduced, end).is_ok_and(Ordering::is_ge),
        Until::LastAffected(end) => order.compare(introduced, end).is_ok_and(Ordering::is_gt),
        Until::Open => false,
    }
}

/// Whether a version is in a range; not if it cannot be ordered.
pub(super) fn holds(order: Order, range: &Range, version: &str) -> bool {
    let from = range.introduced.as_deref();
    from.is_none_or(|from| order.compare(version, from).is_ok_and(Ordering::is_ge))
        && match &range.until {
            Until::Open => order.check(version).is_ok(),
            Until::Fixed(end) => order.compare(version, end).is_ok_and(Ordering::is_lt),
            Until::LastAffected(end) => order.compare(version, end).is_ok_and(Ordering::is_le),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*, sample};

    fn semver(events: &[(Event, &str)]) -> Meaning {
        let events = events.iter().map(|(event, version)| (*event, (*version).to_owned()));
        read(Some(Order::SemVer), events.collect())
    }

    fn shown(ranges: &Meaning) -> Vec<String> {
        let show = |range: &Range| {
            let from = range.introduced.as_deref().unwrap_or("-");
            match &range.until {
                Until::Open => format!("[{from},"),
                Until::Fixed(end) => format!("[{from},{end})"),
                Until::LastAffected(end) => format!("[{from},{end}]"),
            }
        };
        ranges.ranges.iter().map(show).collect()
    }

    use Event::{Fixed, Introduced, LastAffected, Limit};

    #[test]
    fn a_range_that_ends_before_it_begins_is_none_and_is_told() {
        use Event::{Fixed, Introduced, Limit};
        // The last event cannot be ordered, so all stay as they are.
        let read = semver(&[
            (Introduced, "5"),
            (Fixed, "1.0.0"),
            (Introduced, "2.0.0"),
            (Fixed, "2.1.0"),
            (Limit, "'"),
        ]);
        assert_eq!(shown(&read), ["[2.0.0,2.1.0)"]);
        assert_eq!(read.absurd.as_deref(), Some("a range from 5 on that ends before it"));
    }

    #[test]
    fn events_are_sorted_by_the_order_of_the_ecosystem() {
        let ranges =
            semver(&[(Fixed, "1.10.0"), (Introduced, "1.3.0"), (Fixed, "1.7.14"), (Introduced, "1.9.0")]);
        assert_eq!(shown(&ranges), ["[1.3.0,1.7.14)", "[1.9.0,1.10.0)"]);
        let ranges = semver(&[(Fixed, "2.0.0"), (Introduced, "0")]);
        assert_eq!(shown(&ranges), ["[-,2.0.0)"]);
    }

    #[test]
    fn events_of_one_version_stay_as_they_are() {
        assert_eq!(shown(&semver(&[(Introduced, "5.1.2"), (LastAffected, "5.1.2")])), ["[5.1.2,5.1.2]"]);
        let ranges = semver(&[(Introduced, "0.0.0-0"), (Fixed, "2.0.0"), (Introduced, "2.0.0")]);
        assert_eq!(shown(&ranges), ["[-,"], "nothing is between them");
    }

    #[test]
    fn what_says_nothing_changes_nothing() {
        let ranges = semver(&[(Introduced, "0"), (Introduced, "1.0.0"), (Fixed, "2.0.0"), (Fixed, "3.0.0")]);
        assert_eq!(shown(&ranges), ["[-,2.0.0)"]);
        assert_eq!(ranges.absurd, None);
        assert_eq!(shown(&semver(&[(Introduced, "1.0.0"), (Limit, "*")])), ["[1.0.0,"]);
        assert_eq!(shown(&semver(&[(Introduced, "1.0.0"), (Limit, "2.0.0")])), ["[1.0.0,2.0.0)"]);
    }

    #[test]
    fn what_is_before_any_of_the_limits_counts() {
        let ranges =
            semver(&[(Introduced, "1.0.0"), (Limit, "3.0.0"), (Limit, "2.0.0"), (Introduced, "5.0.0")]);
        assert_eq!(shown(&ranges), ["[1.0.0,3.0.0)"]);
    }

    #[test]
    fn the_first_of_several_last_affected_versions_ends_it() {
        for events in [
            [(Introduced, "0"), (LastAffected, "1.4.0"), (LastAffected, "2.4.0")],
            [(LastAffected, "2.4.0"), (LastAffected, "1.4.0"), (Introduced, "0")],
        ] {
            assert_eq!(shown(&semver(&events)), ["[-,1.4.0]"], "{events:?}");
        }
        let several = semver(&[
            (LastAffected, "2.4.0"),
            (Introduced, "2.0.0"),
            (LastAffected, "1.4.0"),
            (Introduced, "1.0.0"),
            (LastAffected, "3.0.0"),
        ]);
        assert_eq!(shown(&several), ["[1.0.0,1.4.0]", "[2.0.0,2.4.0]"]);
        for events in
            [[(LastAffected, "2.0.0"), (Fixed, "2.0.0")], [(Fixed, "2.0.0"), (LastAffected, "2.0.0")]]
        {
            let events = [&[(Introduced, "1.0.0")][..], &events].concat();
            assert_eq!(shown(&semver(&events)), ["[1.0.0,2.0.0)"], "a fix wins: {events:?}");
        }
    }

    #[test]
    fn absurd_ranges_are_told_and_hold_what_osv_finds_in_them() {
        for (events, held) in [
            (&[(Introduced, "2.0.0"), (Fixed, "1.0.0")][..], &["[2.0.0,"][..]),
            (&[(Introduced, "2.0.0"), (Fixed, "2.0.0")], &[]),
            (&[(Fixed, "2.0.0")], &[]),
        ] {
            let ranges = semver(events);
            assert_eq!(shown(&ranges), held, "{events:?}");
            assert!(ranges.absurd.is_some(), "{events:?}");
        }
    }

    #[test]
    fn markers_are_no_versions() {
        let ranges = semver(&[(Introduced, "0"), (Fixed, "<end-of-life>")]);
        assert_eq!((shown(&ranges), ranges.fix), (vec!["[-,".to_owned()], Some(Fix::EndOfLife)));
        let ranges = semver(&[(Introduced, "0"), (Fixed, "0")]);
        assert_eq!((shown(&ranges), ranges.fix), (vec![], Some(Fix::NotAffected)));
    }

    #[test]
    fn what_cannot_be_ordered_stays_in_its_place() {
        let ranges = semver(&[(Introduced, "1.0.0"), (Fixed, "no version"), (Introduced, "0.5.0")]);
        assert_eq!(shown(&ranges), ["[1.0.0,no version)", "[0.5.0,"]);
    }

    /// The pseudocode of the specification, for versions `N.0.0`: <https://ossf.github.io/osv-schema/#evaluation>.
    fn is_vulnerable(version: u8, events: &[(Event, u8)]) -> bool {
        let mut limits = events.iter().filter(|(event, _)| *event == Limit).peekable();
        if limits.peek().is_some() && !limits.any(|(_, limit)| version < *limit) {
            return false;
        }
        let mut sorted = events.to_vec();
        sorted.sort_by_key(|(_, of)| *of);
        let mut vulnerable = false;
        for (event, of) in sorted {
            match event {
                Introduced if version >= of => vulnerable = true,
                Fixed if version >= of => vulnerable = false,
                LastAffected if version > of => vulnerable = false,
                _ => {}
            }
        }
        vulnerable
    }

    proptest! {
        #[test]
        fn ranges_hold_what_the_specification_finds(
            events in vec((sample::select(vec![Introduced, Fixed, LastAffected, Limit]), 1u8..8), 0..9)
        ) {
            let text: Vec<_> = events.iter().map(|(event, n)| (*event, format!("{n}.0.0"))).collect();
            let meaning = read(Some(Order::SemVer), text);
            for version in 0..9 {
                let held = meaning.ranges.iter().any(|range| {
                    holds(Order::SemVer, range, &format!("{version}.0.0"))
                });
                prop_assert_eq!(held, is_vulnerable(version, &events), "{} {:?}", version, &meaning.ranges);
            }
        }
    }
}
