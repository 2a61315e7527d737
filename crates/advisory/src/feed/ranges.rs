//! Events of OSV, to ranges.
//!
//! ```text
//!  fixed 1.8.9, introduced 1.3.0, fixed 1.7.14, introduced 1.8.0
//!    ──sorted──►  [1.3.0, 1.7.14)  [1.8.0, 1.8.9)
//! ```
//!
//! Events are sorted by the order of the ecosystem; those of one version stay as the feed has them, so that
//! `fixed 2, introduced 2` goes on and `introduced 2, last_affected 2` is one version. If a version cannot be ordered,
//! all stay as they are. As in OSV's own evaluation, an `introduced` within a range and a `fixed` outside of one change
//! nothing. Where nothing is left of the events, or a fix comes before all else, that is told as absurd.

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
    // A limit cuts like a fix does; `*` does not cut at all.
    events.retain(|(event, version)| !(*event == Event::Limit && version == "*"));
    events.retain(|(event, version)| {
        let said = (*event == Event::Fixed).then(|| marker(version)).flatten();
        out.fix = out.fix.or(said);
        said.is_none()
    });
    if out.fix == Some(Fix::NotAffected) {
        return out;
    }
    sort(order, &mut events);
    let mut open: Option<Option<String>> = None;
    let mut backwards = false;
    let mut empty = None;
    for (event, version) in events {
        let until = match event {
            Event::Introduced => {
                if open.is_none() {
                    open = Some((!is_first(&version)).then_some(version));
                }
                continue;
            }
            Event::Fixed | Event::Limit => Until::Fixed(version),
            Event::LastAffected => Until::LastAffected(version),
        };
        match open.take() {
            Some(introduced) if !is_empty(order, introduced.as_deref(), &until) => {
                out.ranges.push(Range { introduced, until });
            }
            // `[2.0, 2.0)`: what remains of one if a fix came before the release. It is told if nothing else is there.
            Some(introduced) => empty = introduced,
            None => {
                // A second fix of what is fixed says nothing new; one before all else cannot be meant.
                if let (Until::Fixed(version) | Until::LastAffected(version), true) =
                    (&until, out.ranges.is_empty())
                {
                    backwards = true;
                    out.absurd = Some(format!("fixed in {version}, before it was introduced"));
                }
            }
        }
    }
    if let Some(introduced) = open.filter(|_| !backwards) {
        out.ranges.push(Range { introduced, until: Until::Open });
    }
    if let (Some(version), true) = (empty, out.ranges.is_empty()) {
        out.absurd = Some(format!("fixed in {version}, where it was introduced"));
    }
    out
}

fn sort(order: Option<Order>, events: &mut [(Event, String)]) {
    let Some(order) = order else { return };
    if events.len() < 2 || events.iter().any(|(_, v)| !is_first(v) && order.check(v).is_err()) {
        return;
    }
    let compare = |a: &str, b: &str| match (is_first(a), is_first(b)) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => order.compare(a, b).unwrap_or(Ordering::Equal),
    };
    events.sort_by(|(_, a), (_, b)| compare(a, b));
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
        assert_eq!(shown(&ranges), ["[-,2.0.0)", "[2.0.0,"]);
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
    fn absurd_ranges_are_told_and_match_nothing() {
        for events in [
            &[(Introduced, "2.0.0"), (Fixed, "1.0.0")][..],
            &[(Introduced, "2.0.0"), (Fixed, "2.0.0")],
            &[(Fixed, "2.0.0")],
        ] {
            let ranges = semver(events);
            assert_eq!(ranges.ranges, [], "{events:?}");
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
}
