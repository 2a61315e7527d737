//! How many events fit, over time, and their most frequent values.

use super::{
    EventStoreError, Query,
    cache::Answer,
    collect::{Counted, Counting},
    plan::Plan,
    schema::COUNTED,
    search::{Search, each},
    shared::Shared,
    split::Split,
};
use gabion_api::rest::{Bucket, Histogram, Millis, Unsearched};
use std::{cmp::Reverse, sync::Arc};

/// At most so many buckets are asked for.
const BUCKETS: usize = 1000;
/// So many of the most frequent values.
const TOP: usize = 10;
const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;
/// How long a bucket may be: lengths that a clock has.
const STEPS: [Millis; 33] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
    28 * DAY,
    91 * DAY,
    364 * DAY,
];

pub(super) fn histogram(
    shared: &Shared,
    query: &Query,
    buckets: usize,
) -> Result<Histogram, EventStoreError> {
    let plan = Plan::new(shared.fields, query)?;
    let search = Search::new(shared, &plan);
    // Where the query has no bounds, the events have.
    let ranges = || search.splits.iter().map(|(range, _)| range);
    let oldest = ranges().map(|(oldest, _)| *oldest).min().unwrap_or_default();
    let newest = ranges().map(|(_, newest)| *newest).max().unwrap_or_default();
    let from = query.from.unwrap_or(oldest).max(0);
    let to = query.to.unwrap_or(newest.saturating_add(1)).max(from.saturating_add(1));
    let counting = counting(from, to, buckets.clamp(1, BUCKETS));
    let (mut counted, mut unsearched) = (Counted::default(), Vec::new());
    (counted.first, counted.buckets) = (counting.first, vec![0; counting.buckets]);
    let answers = each(&search.splits, |(range, split)| count(&search, split, *range, counting));
    for (answer, (_, split)) in answers.into_iter().zip(&search.splits) {
        match answer {
            Ok(of_split) => counted.add(&of_split),
            Err(_) if split.is_removed() => {}
            Err(error) => unsearched.push(error),
        }
    }
    let top = COUNTED.into_iter().zip(counted.values).map(|(name, values)| {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(|(a, m), (b, n)| (Reverse(m), a).cmp(&(Reverse(n), b)));
        values.truncate(TOP);
        (name.to_owned(), values)
    });
    let times = (counting.first..).map(|n| n * counting.step);
    Ok(Histogram {
        step: counting.step,
        buckets: times.zip(counted.buckets).map(|(time, count)| Bucket { time, count }).collect(),
        top: top.collect(),
        unsearched,
    })
}

fn count(
    search: &Search<'_>,
    split: &Split,
    range: (Millis, Millis),
    counting: Counting,
) -> Result<Arc<Counted>, Unsearched> {
    let asked = search.asked(split, range, Some(counting.step));
    if let Some(Answer::Counted(counted)) = asked.as_ref().and_then(|asked| search.shared.cache.get(asked)) {
        return Ok(counted);
    }
    // Of a split only the buckets that it has something in.
    let first = (range.0 / counting.step).max(counting.first);
    let last = (range.1 / counting.step).min(counting.first + counting.buckets.cast_signed() as Millis - 1);
    let buckets = usize::try_from(last - first + 1).unwrap_or_default();
    let (_, counted) = search.ask(split, range, &Counting { first, buckets, ..counting })?;
    let counted = Arc::new(counted);
    if let Some(asked) = asked {
        search.shared.cache.keep(asked, Answer::Counted(Arc::clone(&counted)));
    }
    Ok(counted)
}

/// The buckets of a stretch of time: about as many as wanted, and so that another search a little later has the same.
fn counting(from: Millis, to: Millis, wanted: usize) -> Counting {
    let wanted = Millis::try_from(wanted).unwrap_or(Millis::MAX);
    let least = (to - from - 1) / wanted + 1;
    let step = STEPS.into_iter().find(|step| *step >= least).unwrap_or(least);
    let first = from / step;
    let buckets = usize::try_from((to - 1) / step - first + 1).unwrap_or(BUCKETS);
    Counting { step, first, buckets }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_have_lengths_of_a_clock() {
        let hour = counting(10 * HOUR + 123, 11 * HOUR + 123, 60);
        assert_eq!((hour.first, hour.step, hour.buckets), (600, MINUTE, 61));
        let one = counting(5, 6, 100);
        assert_eq!((one.first, one.step, one.buckets), (5, 1, 1));
    }

    proptest! {
        #[test]
        fn buckets_cover_the_time_and_are_not_many(from in 0..i64::MAX / 4, length in 1..i64::MAX / 4, wanted in 1usize..=1000) {
            let Counting { step, first, buckets } = counting(from, from + length, wanted);
            let start = first * step;
            prop_assert!(start <= from && from - start < step);
            prop_assert!(start + step * i64::try_from(buckets).unwrap() >= from + length);
            prop_assert!(buckets <= wanted + 1);
        }
    }
}
