//! Events in the order in which they came: what is handed over to other systems, at least once.
//!
//! Whoever hands over keeps one number, where to go on. After a failure the same events come again, with the same ids.

use super::{
    plan::behind,
    schema::PLACE,
    search::{Failed, event, guarded},
    shared::Shared,
    split::{Split, said},
};
use gabion_api::rest::{Event, Unsearched};
use std::sync::Arc;
use tantivy::{
    DocAddress, Order, Searcher,
    collector::{Count, TopDocs},
};

/// At most so many events at once.
const PAGE: usize = 10_000;

/// Events that came one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// The events.
    pub events: Vec<Event>,
    /// Where to go on.
    pub next: u64,
    /// What could not be read, and will not come.
    pub unsearched: Vec<Unsearched>,
}

type Found = (u64, Searcher, Arc<Split>, DocAddress);

pub(super) fn arrived(shared: &Shared, from: u64, limit: usize) -> Arrived {
    let limit = limit.clamp(1, PAGE);
    // First: what becomes visible while we look is for the next time.
    let visible = shared.visible();
    let mut splits = shared.splits();
    splits.sort_by_key(|split| split.first());
    let (mut found, mut unsearched) = (Vec::<Found>::new(), Vec::new());
    let number = shared.next_search();
    for split in splits {
        let enough = found.get(limit - 1).is_some_and(|(place, ..)| *place < split.first());
        if enough || split.first() >= visible {
            break;
        }
        if split.is_sealed() && split.end() <= from {
            continue;
        }
        let first = guarded(&split, || {
            let searcher = split.searcher(number).map_err(Failed::Known)?;
            let earliest = TopDocs::with_limit(limit).order_by_fast_field::<u64>(PLACE, Order::Asc);
            let first = searcher.search(&behind(&shared.fields, from, visible), &earliest);
            Ok((first.map_err(|error| Failed::New(said(&error)))?, searcher))
        });
        match first {
            Ok((first, searcher)) => {
                let first = first
                    .into_iter()
                    .filter_map(|(place, at)| Some((place?, searcher.clone(), Arc::clone(&split), at)));
                found.extend(first);
                found.sort_by_key(|(place, ..)| *place);
                found.truncate(limit);
            }
            Err(_) if split.is_removed() => {}
            Err(error) => unsearched.push(error),
        }
    }
    let next = if found.len() < limit {
        visible.max(from)
    } else {
        found.last().map_or(from, |(place, ..)| place + 1)
    };
    let mut events = Vec::with_capacity(found.len());
    for (_, searcher, split, at) in &found {
        match guarded(split, || event(shared, searcher, *at)) {
            Ok(event) => events.push(event),
            Err(error) if unsearched.contains(&error) => {}
            Err(error) => unsearched.push(error),
        }
    }
    shared.close_idle();
    Arrived { events, next, unsearched }
}

/// How many events of a split are at each of these places or behind it; all of them, if that cannot be found out.
pub(super) fn behind_each(shared: &Shared, split: &Split, places: &[u64]) -> Vec<u64> {
    let number = shared.next_search();
    let count = |place: u64| {
        if split.end() <= place {
            return 0;
        }
        if place <= split.first() {
            return split.events();
        }
        let counted = guarded(split, || {
            let searcher = split.searcher(number).map_err(Failed::Known)?;
            searcher
                .search(&behind(&shared.fields, place, u64::MAX), &Count)
                .map_err(|error| Failed::New(said(&error)))
        });
        counted.map_or_else(|_| split.events(), |many| many as u64)
    };
    places.iter().map(|place| count(*place)).collect()
}
