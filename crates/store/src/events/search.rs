//! Finds the newest events that fit, over all splits.
//!
//! ```text
//!   newest split first:  look for events, and count  ■  ■  │ enough: what is left is older, so only count  ■ ■ ■ ■ ■ ■
//! ```
//!
//! The order is by time, and of the same time by the place in the log; the cursor is that of the last event of a page. So what comes later
//! moves nothing on the pages that follow.

use super::{
    EventStoreError, Placed, Query,
    cache::{Answer, Asked},
    collect::{Key, Newest},
    plan::Plan,
    record::StoredEvent,
    shared::Shared,
    split::{Split, said},
};
use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};
use gabion_api::rest::{Event, EventPage, Millis, Unsearched};
use std::{
    cmp::Reverse,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Instant,
};
use tantivy::{
    DocAddress, Searcher, TantivyDocument,
    collector::{Collector, Count},
    schema::Value,
};

/// At most so many events at once.
const PAGE: usize = 1000;
/// Beyond so many, events are read on several threads.
const FEW: usize = 100;

/// An event that was found, and where.
struct Hit {
    key: Key,
    searcher: Searcher,
    split: Arc<Split>,
    address: DocAddress,
}

/// A search that goes on: its splits are those that have to do with the time it asks for, the newest first.
pub(super) struct Search<'a> {
    pub(super) shared: &'a Shared,
    plan: &'a Plan,
    number: u64,
    begun: Instant,
    pub(super) splits: Vec<((Millis, Millis), Arc<Split>)>,
}

pub(super) fn search(shared: &Shared, query: &Query) -> Result<Placed, EventStoreError> {
    let plan = Plan::new(shared.fields, query)?;
    let before = query.cursor.as_deref().map(read_cursor).transpose()?;
    let limit = query.limit.clamp(1, PAGE);
    let search = Search::new(shared, &plan);
    let (mut hits, mut total, mut unsearched) = (Vec::<Hit>::new(), 0, Vec::new());
    let (mut rest, mut at_once) = (&search.splits[..], 1);
    while let Some(((_, newest), _)) = rest.first() {
        // One event more than wanted tells whether there is another page.
        let above = hits.get(limit).map(|last| last.key);
        if above.is_some_and(|(time, _)| *newest < time) {
            at_once = rest.len();
        }
        let (now, later) = rest.split_at(at_once.min(rest.len()));
        let answers = each(now, |(range, split)| search.look(split, *range, limit + 1, before, above));
        for (answer, (_, split)) in answers.into_iter().zip(now) {
            match answer {
                Ok((count, found)) => {
                    total += count;
                    hits.extend(found);
                }
                Err(_) if split.is_removed() => {}
                Err(error) => unsearched.push(error),
            }
        }
        hits.sort_by_key(|hit| Reverse(hit.key));
        hits.truncate(limit + 1);
        (rest, at_once) = (later, threads());
    }
    let more = hits.len() > limit;
    hits.truncate(limit);
    let next = hits.last().filter(|_| more).map(|last| cursor(last.key));
    let (mut items, mut cursors) = (Vec::with_capacity(hits.len()), Vec::with_capacity(hits.len()));
    let read = |hit: &Hit| guarded(&hit.split, || event(shared, &hit.searcher, hit.address));
    // What a screen shows is read before a thread would have started.
    let events = if hits.len() > FEW { each(&hits, read) } else { hits.iter().map(read).collect() };
    for (event, hit) in events.into_iter().zip(&hits) {
        match event {
            Ok(event) => {
                items.push(event);
                cursors.push(cursor(hit.key));
            }
            Err(error) if unsearched.contains(&error) => {}
            Err(error) => unsearched.push(error),
        }
    }
    Ok(Placed { page: EventPage { items, total, next, unsearched }, cursors })
}

impl<'a> Search<'a> {
    pub(super) fn new(shared: &'a Shared, plan: &'a Plan) -> Self {
        let splits = shared.splits().into_iter();
        let mut splits: Vec<_> = splits
            .filter_map(|split| Some((split.range().filter(|range| plan.meets(*range))?, split)))
            .collect();
        splits.sort_by_key(|((_, newest), _)| Reverse(*newest));
        Self { shared, plan, number: shared.next_search(), begun: Instant::now(), splits }
    }

    /// How many events of a split fit, and the newest of them between a cursor and what was found already.
    fn look(
        &self,
        split: &Arc<Split>,
        range: (Millis, Millis),
        limit: usize,
        before: Option<Key>,
        above: Option<Key>,
    ) -> Result<(u64, Vec<Hit>), Unsearched> {
        let (oldest, newest) = range;
        if above.is_some_and(|(time, _)| newest < time) || before.is_some_and(|(time, _)| oldest > time) {
            return self.count(split, range).map(|count| (count, Vec::new()));
        }
        let (searcher, taken) = self.ask(split, range, &Newest { limit, before, above })?;
        if let Some(asked) = self.asked(split, range, None) {
            self.shared.cache.keep(asked, Answer::Count(taken.count));
        }
        let hits = taken.events.into_iter().map(|(key, address)| Hit {
            key,
            searcher: searcher.clone(),
            split: Arc::clone(split),
            address,
        });
        Ok((taken.count, hits.collect()))
    }

    /// How many events of a split fit.
    fn count(&self, split: &Split, range: (Millis, Millis)) -> Result<u64, Unsearched> {
        if self.plan.everything && self.plan.covers(range) && split.broken().is_none() {
            return Ok(split.events());
        }
        let asked = self.asked(split, range, None);
        if let Some(Answer::Count(count)) = asked.as_ref().and_then(|asked| self.shared.cache.get(asked)) {
            return Ok(count);
        }
        let (_, count) = self.ask(split, range, &Count)?;
        if let Some(asked) = asked {
            self.shared.cache.keep(asked, Answer::Count(count as u64));
        }
        Ok(count as u64)
    }

    /// What the answer of a split is kept by, if it will always be the same.
    pub(super) fn asked(
        &self,
        split: &Split,
        range: (Millis, Millis),
        step: Option<Millis>,
    ) -> Option<Asked> {
        let query = Arc::clone(&self.plan.key);
        (split.is_sealed() && self.plan.covers(range)).then_some(Asked { split: split.id, query, step })
    }

    /// Puts the query to a split.
    pub(super) fn ask<C: Collector>(
        &self,
        split: &Split,
        range: (Millis, Millis),
        collector: &C,
    ) -> Result<(Searcher, C::Fruit), Unsearched> {
        let most = self.shared.settings.search_time;
        if self.begun.elapsed() >= most {
            return Err(split.unsearched(format!("the search took longer than {most:?}")));
        }
        guarded(split, || {
            let searcher = split.searcher(self.number).map_err(Failed::Known)?;
            let query = self.plan.query(range);
            let fruit = searcher.search(&query, collector).map_err(|error| Failed::New(said(&error)))?;
            Ok((searcher, fruit))
        })
    }
}

impl Drop for Search<'_> {
    fn drop(&mut self) {
        self.shared.close_idle();
    }
}

/// How many splits are searched at once.
fn threads() -> usize {
    static THREADS: LazyLock<usize> =
        LazyLock::new(|| thread::available_parallelism().map_or(1, |n| n.get().min(4)));
    *THREADS
}

/// Does the work for each, on a few threads if there are several. The answers have the order of the splits.
pub(super) fn each<S: Sync, T: Send>(splits: &[S], work: impl Fn(&S) -> T + Sync) -> Vec<T> {
    let threads = threads().min(splits.len());
    if threads < 2 {
        return splits.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        while let (at, Some(split)) = {
            let at = next.fetch_add(1, Relaxed);
            (at, splits.get(at))
        } {
            done.push((at, work(split)));
        }
        done
    };
    let mut all = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(some)).collect();
        let mut all = some();
        for other in others {
            all.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        all
    });
    all.sort_unstable_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, done)| done).collect()
}

/// Why a split gave no answer.
pub(super) enum Failed {
    /// As it will be told.
    Known(Unsearched),
    /// As its index says.
    New(String),
}

/// A damaged index may make tantivy panic: that is an answer which lacks this split, and no more.
pub(super) fn guarded<T>(split: &Split, work: impl FnOnce() -> Result<T, Failed>) -> Result<T, Unsearched> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(Failed::Known(unsearched))) => Err(unsearched),
        Ok(Err(Failed::New(why))) => Err(split.unsearched(why)),
        Err(_) => Err(split.unsearched("its index is damaged".to_owned())),
    }
}

/// The event at an address.
pub(super) fn event(shared: &Shared, searcher: &Searcher, address: DocAddress) -> Result<Event, Failed> {
    let document: TantivyDocument = searcher.doc(address).map_err(|error| Failed::New(said(&error)))?;
    let bytes =
        document.get_first(shared.fields.event).and_then(|value| value.as_bytes().map(<[u8]>::to_vec));
    let event = StoredEvent::decode(&bytes.unwrap_or_default()).map_err(|error| Failed::New(said(&error)))?;
    Ok(event.into())
}

pub(super) fn cursor((time, place): Key) -> String {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&time.to_be_bytes());
    bytes[8..].copy_from_slice(&place.to_be_bytes());
    Base64UrlSafeNoPadding::encode_to_string(bytes).expect("sixteen bytes can be encoded")
}

fn read_cursor(text: &str) -> Result<Key, EventStoreError> {
    let mut bytes = [0; 16];
    let read = Base64UrlSafeNoPadding::decode(&mut bytes, text, None).map_err(|_| EventStoreError::Cursor)?;
    let (time, place) = read.split_first_chunk().ok_or(EventStoreError::Cursor)?;
    let place = place.try_into().map_err(|_| EventStoreError::Cursor)?;
    Ok((i64::from_be_bytes(*time), u64::from_be_bytes(place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_anything_else_is_refused() {
        for key in [(0, 0), (1_700_000_000_123, 42), (i64::MIN, u64::MAX)] {
            assert_eq!(read_cursor(&cursor(key)).unwrap(), key);
        }
        for text in ["", "x", "AAAA", &"A".repeat(23), &"A".repeat(100), "ä", "=="] {
            assert!(matches!(read_cursor(text), Err(EventStoreError::Cursor)), "{text}");
        }
    }
}
