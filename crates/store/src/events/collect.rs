//! What is taken from the events of a split that fit: the newest, or how many there were when and of what.

use super::schema::{COUNTED, PLACE, TIME};
use gabion_api::rest::Millis;
use std::{cmp::Reverse, collections::HashMap};
use tantivy::{
    DocAddress, DocId, Score, SegmentOrdinal, SegmentReader,
    collector::{Collector, SegmentCollector},
    columnar::{Column, StrColumn},
};

/// Where an event is among all: by time, and of the same time by place.
pub(super) type Key = (Millis, u64);

/// The newest events that are older than a cursor, and the count of all.
pub(super) struct Newest {
    pub(super) limit: usize,
    pub(super) before: Option<Key>,
    /// Only what is newer than this is wanted.
    pub(super) above: Option<Key>,
}

/// What [`Newest`] found, in no order.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) events: Vec<(Key, DocAddress)>,
    pub(super) count: u64,
}

pub(super) struct NewestOfSegment {
    segment: SegmentOrdinal,
    limit: usize,
    before: Key,
    above: Key,
    time: Column<i64>,
    place: Column<u64>,
    found: Vec<(Key, DocId)>,
    count: u64,
    times: Vec<i64>,
}

impl Collector for Newest {
    type Fruit = Taken;
    type Child = NewestOfSegment;

    fn for_segment(
        &self,
        segment: SegmentOrdinal,
        reader: &SegmentReader,
    ) -> tantivy::Result<NewestOfSegment> {
        Ok(NewestOfSegment {
            segment,
            limit: self.limit,
            before: self.before.unwrap_or((Millis::MAX, u64::MAX)),
            above: self.above.unwrap_or((Millis::MIN, 0)),
            time: reader.fast_fields().i64(TIME)?,
            place: reader.fast_fields().u64(PLACE)?,
            found: Vec::new(),
            count: 0,
            times: Vec::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<Taken>) -> tantivy::Result<Taken> {
        Ok(segments.into_iter().fold(Taken::default(), |mut all, segment| {
            all.events.extend(segment.events);
            all.count += segment.count;
            all
        }))
    }
}

impl SegmentCollector for NewestOfSegment {
    type Fruit = Taken;

    fn collect(&mut self, doc: DocId, _: Score) {
        self.collect_block(&[doc]);
    }

    fn collect_block(&mut self, docs: &[DocId]) {
        self.count += docs.len() as u64;
        let mut times = std::mem::take(&mut self.times);
        for (&time, &doc) in values(&self.time, docs, &mut times).iter().zip(docs) {
            if time < self.above.0 || time > self.before.0 {
                continue;
            }
            let key = (time, self.place.values.get_val(doc));
            if key <= self.above || key >= self.before {
                continue;
            }
            self.found.push((key, doc));
            if self.found.len() >= 2 * self.limit {
                self.thin_out();
            }
        }
        self.times = times;
    }

    fn harvest(mut self) -> Taken {
        self.thin_out();
        let events = self.found.into_iter().map(|(key, doc)| (key, DocAddress::new(self.segment, doc)));
        Taken { events: events.collect(), count: self.count }
    }
}

impl NewestOfSegment {
    /// Lets go of all but the newest. Events mostly come in order, so that each is newer than those before: a heap would be the slower way.
    fn thin_out(&mut self) {
        if self.found.len() > self.limit {
            let (_, (oldest, _), _) =
                self.found.select_nth_unstable_by_key(self.limit - 1, |(key, _)| Reverse(*key));
            self.above = *oldest;
            self.found.truncate(self.limit);
        }
    }
}

/// The values of some events, of a column in which each event has one.
fn values<'a, T: Copy + Default + PartialOrd + 'static>(
    column: &Column<T>,
    docs: &[DocId],
    into: &'a mut Vec<T>,
) -> &'a [T] {
    into.resize(docs.len(), T::default());
    match docs {
        // All of a stretch, as when everything is counted: they are read one after the other.
        [first, .., last] if (last - first) as usize + 1 == docs.len() => {
            column.values.get_range(u64::from(*first), into);
        }
        _ => column.values.get_vals(docs, into),
    }
    into
}

/// How many events there were when, and how many with each value of the counted columns. Buckets have this length and begin at
/// multiples of it.
#[derive(Clone, Copy)]
pub(super) struct Counting {
    pub(super) step: Millis,
    /// The buckets from this one on, as many as this.
    pub(super) first: Millis,
    pub(super) buckets: usize,
}

/// What [`Counting`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) first: Millis,
    pub(super) buckets: Vec<u64>,
    pub(super) values: [HashMap<String, u64>; COUNTED.len()],
}

impl Counted {
    /// How much it holds.
    pub(super) fn len(&self) -> usize {
        self.buckets.len() + self.values.iter().map(HashMap::len).sum::<usize>()
    }

    /// Adds another, whose buckets are as long.
    pub(super) fn add(&mut self, other: &Self) {
        for (at, count) in (other.first - self.first..).zip(&other.buckets) {
            if let Some(mine) = usize::try_from(at).ok().and_then(|at| self.buckets.get_mut(at)) {
                *mine += count;
            }
        }
        for (mine, others) in self.values.iter_mut().zip(&other.values) {
            for (value, count) in others {
                match mine.get_mut(value) {
                    Some(mine) => *mine += count,
                    None => _ = mine.insert(value.clone(), *count),
                }
            }
        }
    }
}

pub(super) struct CountingOfSegment {
    what: Counting,
    time: Column<i64>,
    buckets: Vec<u64>,
    columns: [Option<(StrColumn, Vec<u64>)>; COUNTED.len()],
    times: Vec<i64>,
    ords: Vec<u64>,
}

impl Collector for Counting {
    type Fruit = Counted;
    type Child = CountingOfSegment;

    fn for_segment(&self, _: SegmentOrdinal, reader: &SegmentReader) -> tantivy::Result<CountingOfSegment> {
        let mut columns = [const { None }; COUNTED.len()];
        for (column, name) in columns.iter_mut().zip(COUNTED) {
            *column = reader.fast_fields().str(name)?.map(|c| {
                let values = c.num_terms();
                (c, vec![0; values])
            });
        }
        Ok(CountingOfSegment {
            what: *self,
            time: reader.fast_fields().i64(TIME)?,
            buckets: vec![0; self.buckets],
            columns,
            times: Vec::new(),
            ords: Vec::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<std::io::Result<Counted>>) -> tantivy::Result<Counted> {
        let mut all = Counted { first: self.first, buckets: vec![0; self.buckets], ..Counted::default() };
        for segment in segments {
            all.add(&segment?);
        }
        Ok(all)
    }
}

impl SegmentCollector for CountingOfSegment {
    type Fruit = std::io::Result<Counted>;

    fn collect(&mut self, doc: DocId, _: Score) {
        self.collect_block(&[doc]);
    }

    fn collect_block(&mut self, docs: &[DocId]) {
        let from = self.what.first * self.what.step;
        for time in values(&self.time, docs, &mut self.times) {
            let bucket = (time - from) / self.what.step;
            if let Some(count) = usize::try_from(bucket).ok().and_then(|at| self.buckets.get_mut(at)) {
                *count += 1;
            }
        }
        for (column, counts) in self.columns.iter_mut().flatten() {
            let ords = column.ords();
            if ords.get_cardinality().is_full() {
                for ord in values(ords, docs, &mut self.ords) {
                    counts[*ord as usize] += 1;
                }
            } else {
                for ord in docs.iter().flat_map(|doc| ords.values_for_doc(*doc)) {
                    counts[ord as usize] += 1;
                }
            }
        }
    }

    fn harvest(self) -> std::io::Result<Counted> {
        let mut counted = Counted { first: self.what.first, buckets: self.buckets, ..Counted::default() };
        for ((column, counts), values) in self
            .columns
            .into_iter()
            .zip(&mut counted.values)
            .filter_map(|(column, values)| Some((column?, values)))
        {
            for (ord, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
                let mut value = String::new();
                if column.ord_to_str(ord as u64, &mut value)? {
                    values.insert(value, count);
                }
            }
        }
        Ok(counted)
    }
}
