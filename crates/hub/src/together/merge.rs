//! Answers of several hubs as one.
//!
//! ```text
//!   hub A   9  7  6  2       page of 4:  9 8 7 6      cursor: last time 6; A continues behind 6, B behind 8
//!   hub B   8  5  4                                   a hub that was not there begins before 6
//! ```
//!
//! An event that two hubs have, as its node sent it again to another, has one id, and is told once.

use super::serve::before;
use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};
use gabion_api::rest::{EventPage, Histogram, Millis};
use gabion_store::events::Placed;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// A cursor is not longer.
const MAX_CURSOR: usize = 4096;
/// Events of one time that a cursor remembers.
const MAX_TOLD: usize = 50;
/// The most frequent values that are told.
const TOP: usize = 10;

/// Where a page of several hubs has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The time of the last event.
    time: Millis,
    /// By hub: its own cursor; empty for its beginning.
    at: BTreeMap<String, String>,
    /// Events of that time that were told: another hub may have them, too.
    told: Vec<String>,
}

impl Cursor {
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.len() > MAX_CURSOR {
            return None;
        }
        serde_json::from_slice(&Base64UrlSafeNoPadding::decode_to_vec(text, None).ok()?).ok()
    }

    fn write(&self) -> Option<String> {
        Base64UrlSafeNoPadding::encode_to_string(serde_json::to_vec(self).ok()?).ok()
    }

    /// From where on a hub is asked.
    pub(super) fn of(&self, hub: &str) -> Option<String> {
        match self.at.get(hub) {
            Some(at) => Some(at.clone()).filter(|at| !at.is_empty()),
            None => Some(before(self.time)),
        }
    }
}

/// One page of the pages of hubs, each the newest first.
pub(super) fn pages(answers: Vec<(String, Placed)>, limit: usize, from: Option<&Cursor>) -> EventPage {
    let mut page = EventPage { items: Vec::new(), total: 0, next: None, unsearched: Vec::new() };
    let mut told: HashSet<String> = from.iter().flat_map(|from| from.told.iter().cloned()).collect();
    let mut hubs = Vec::new();
    for (hub, Placed { page: of_hub, cursors }) in answers {
        page.total += of_hub.total;
        page.unsearched.extend(of_hub.unsearched);
        let start = from.and_then(|from| from.of(&hub)).unwrap_or_default();
        let items = of_hub.items.into_iter().zip(cursors).peekable();
        hubs.push((hub, start, items, of_hub.next.is_some()));
    }
    hubs.sort_by(|a, b| a.0.cmp(&b.0));
    loop {
        // What a hub was not asked for yet may be newer than all that is left of the others.
        let is_cut = hubs.iter_mut().any(|(_, _, items, more)| *more && items.peek().is_none());
        let newest = hubs
            .iter_mut()
            .enumerate()
            .filter_map(|(index, (_, _, items, _))| Some((items.peek()?.0.time, index)))
            .max_by_key(|(time, index)| (*time, std::cmp::Reverse(*index)));
        let Some((_, index)) = newest.filter(|_| !is_cut) else { break };
        let (_, at, items, _) = &mut hubs[index];
        let is_told = items.peek().is_some_and(|(event, _)| told.contains(&event.id));
        // One that was told already is passed even if the page is full, so that the next does not begin with it.
        if page.items.len() >= limit && !is_told {
            break;
        }
        let Some((event, cursor)) = items.next() else { break };
        *at = cursor;
        if !is_told {
            told.insert(event.id.clone());
            page.items.push(event);
        }
    }
    let more = hubs.iter_mut().any(|(_, _, items, more)| *more || items.peek().is_some());
    // All of a page may have been told before; then it goes on behind that.
    let time = page.items.last().map(|last| last.time).or(from.map(|from| from.time));
    if let Some(time) = time.filter(|_| more) {
        let at = hubs.into_iter().map(|(hub, at, _, _)| (hub, at)).collect();
        let before = from.filter(|from| from.time == time).map(|from| from.told.clone()).unwrap_or_default();
        let here = page.items.iter().filter(|event| event.time == time).map(|event| event.id.clone());
        let told = here.chain(before).take(MAX_TOLD).collect();
        page.next = Cursor { time, at, told }.write();
    }
    page
}

/// Adds what another hub has counted by the same bars.
pub(super) fn add(all: &mut Histogram, other: Histogram) -> Result<(), String> {
    let times =
        |histogram: &Histogram| histogram.buckets.iter().map(|bucket| bucket.time).collect::<Vec<_>>();
    if all.step != other.step || times(all) != times(&other) {
        return Err("it counts by other bars".to_owned());
    }
    for (bucket, more) in all.buckets.iter_mut().zip(other.buckets) {
        bucket.count += more.count;
    }
    for (name, values) in other.top {
        let mut sums: BTreeMap<String, u64> = all.top.remove(&name).unwrap_or_default().into_iter().collect();
        for (value, count) in values {
            *sums.entry(value).or_default() += count;
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        sums.truncate(TOP);
        all.top.insert(name, sums);
    }
    all.unsearched.extend(other.unsearched);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gabion_api::rest::{Bucket, Event};
    use proptest::prelude::*;

    fn event(id: u64, time: Millis) -> Event {
        Event {
            id: format!("n/{id}"),
            time,
            kind: "execve".to_owned(),
            node: "n".to_owned(),
            container: None,
            workload: None,
            program: None,
            message: String::new(),
            priority: None,
            fields: BTreeMap::new(),
        }
    }

    /// A hub: events by growing place, asked as the store is.
    fn answer(events: &[(u64, Millis)], cursor: Option<&str>, limit: usize) -> Placed {
        let read = |text: &str| -> (Millis, u64) {
            if let Some((time, place)) = text.split_once('/') {
                return (time.parse().expect("a time"), place.parse().expect("a place"));
            }
            // As the store has it.
            let bytes = Base64UrlSafeNoPadding::decode_to_vec(text, None).expect("a cursor");
            (Millis::from_be_bytes(bytes[..8].try_into().expect("a time")), 0)
        };
        let mut all: Vec<(Millis, u64, u64)> =
            events.iter().zip(0..).map(|((id, time), place)| (*time, place, *id)).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        let total = all.len() as u64;
        if let Some(before) = cursor.map(read) {
            all.retain(|(time, place, _)| (*time, *place) < before);
        }
        let more = all.len() > limit;
        all.truncate(limit);
        Placed {
            cursors: all.iter().map(|(time, place, _)| format!("{time}/{place}")).collect(),
            page: EventPage {
                items: all.iter().map(|(time, _, id)| event(*id, *time)).collect(),
                total,
                next: more.then(|| "more".to_owned()),
                unsearched: Vec::new(),
            },
        }
    }

    /// All pages. `there` says which hubs are there for which page.
    fn all(hubs: &[Vec<(u64, Millis)>], limit: usize, there: impl Fn(usize, usize) -> bool) -> Vec<Event> {
        let (mut events, mut cursor) = (Vec::new(), None::<Cursor>);
        for number in 0..1000 {
            let answers = hubs.iter().enumerate().filter(|(hub, _)| there(number, *hub)).map(|(hub, has)| {
                let id = format!("h{hub}");
                let at = cursor.as_ref().and_then(|cursor| cursor.of(&id));
                let placed = answer(has, at.as_deref(), limit);
                (id, placed)
            });
            let page = pages(answers.collect(), limit, cursor.as_ref());
            assert!(page.items.len() <= limit);
            events.extend(page.items);
            let Some(next) = page.next else { return events };
            cursor = Some(Cursor::read(&next).expect("is read back"));
        }
        panic!("it does not end");
    }

    proptest! {
        #[test]
        fn all_events_are_told_once_in_order(
            hubs in prop::collection::vec(prop::collection::vec((0_u64..60, 0_i64..15), 0..40), 1..4), limit in 1_usize..12
        ) {
            // The same event has the same time wherever it is.
            let time = |id: u64| i64::try_from(id % 15).expect("small");
            let hubs: Vec<Vec<(u64, Millis)>> = hubs.into_iter().map(|hub| {
                let mut seen = HashSet::new();
                hub.into_iter().map(|(id, _)| (id, time(id))).filter(|(id, _)| seen.insert(*id)).collect()
            }).collect();
            let told = all(&hubs, limit, |_, _| true);
            prop_assert!(told.windows(2).all(|two| two[0].time >= two[1].time));
            let expected: HashSet<String> = hubs.iter().flatten().map(|(id, _)| format!("n/{id}")).collect();
            let ids: HashSet<String> = told.iter().map(|event| event.id.clone()).collect();
            prop_assert_eq!(&ids, &expected);
            prop_assert_eq!(told.len(), expected.len(), "once");
        }
    }

    #[test]
    fn an_event_of_two_hubs_is_told_once_also_over_the_end_of_a_page() {
        let hubs = [vec![(1, 1), (2, 2), (3, 3)], vec![(2, 2), (3, 3), (4, 4)]];
        for limit in 1..6 {
            let ids: Vec<String> = all(&hubs, limit, |_, _| true).into_iter().map(|event| event.id).collect();
            assert_eq!(ids, ["n/4", "n/3", "n/2", "n/1"], "{limit}");
        }
    }

    #[test]
    fn a_hub_that_comes_back_shifts_nothing() {
        let hubs = [vec![(1, 1), (3, 3), (5, 5), (7, 7)], vec![(2, 2), (4, 4), (6, 6), (8, 8)]];
        let told: Vec<Millis> =
            all(&hubs, 2, |page, hub| hub == 0 || page > 0).iter().map(|event| event.time).collect();
        assert_eq!(told, [7, 5, 4, 3, 2, 1], "what is newer than the first page is not told after it");
        assert_eq!(Cursor::read("AAAA"), None);
        assert_eq!(Cursor::read(&"A".repeat(MAX_CURSOR + 1)), None);
    }

    #[test]
    fn bars_are_added_only_if_they_are_the_same() {
        let histogram = |counts: [u64; 2], top: &str| Histogram {
            step: 10,
            buckets: vec![Bucket { time: 0, count: counts[0] }, Bucket { time: 10, count: counts[1] }],
            top: BTreeMap::from([("kind".to_owned(), vec![(top.to_owned(), 2), ("exit".to_owned(), 1)])]),
            unsearched: Vec::new(),
        };
        let mut all = histogram([1, 2], "execve");
        add(&mut all, histogram([3, 4], "dns")).expect("the same bars");
        assert_eq!(all.buckets.iter().map(|bucket| bucket.count).collect::<Vec<_>>(), [4, 6]);
        assert_eq!(
            all.top["kind"],
            [("dns".to_owned(), 2), ("execve".to_owned(), 2), ("exit".to_owned(), 2)]
        );
        let other = Histogram { step: 20, ..histogram([0, 0], "x") };
        assert!(add(&mut all, other).is_err());
    }
}
